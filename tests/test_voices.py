"""The soundfile package writes the user's own clips here; what is heard in a clip is computed in numpy alone."""

import numpy as np
import pytest

from keras_rnn_basics.datasets import voices, vowels

soundfile = pytest.importorskip("soundfile")

# The averages that Peterson and Barney published, table II, in Hz: F0, F1, F2, F3.
PUBLISHED = {
    ("man", "iy"): (136, 270, 2290, 3010),
    ("man", "ae"): (127, 660, 1720, 2410),
    ("man", "aa"): (124, 730, 1090, 2440),
    ("man", "uw"): (141, 300, 870, 2240),
    ("man", "er"): (133, 490, 1350, 1690),
    ("woman", "iy"): (235, 310, 2790, 3310),
    ("woman", "ae"): (210, 860, 2050, 2850),
    ("woman", "aa"): (212, 850, 1220, 2810),
    ("woman", "uw"): (231, 370, 950, 2670),
    ("woman", "er"): (218, 500, 1640, 1960),
}


def sine(f_hz, seconds=0.5, rate_hz=16_000, height=0.5):
    return height * np.sin(2 * np.pi * f_hz * np.arange(int(seconds * rate_hz)) / rate_hz)


def loudest_hz(wave, rate_hz):
    """The frequency of the highest line of the spectrum, between the lines of the transform."""
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave)), 2**18))
    return np.argmax(spectrum) * rate_hz / 2**18


def period_hz(wave, rate_hz, near_hz):
    """One over the lag of the autocorrelation's highest peak, within a third of an octave around `near_hz`."""
    r = np.correlate(wave, wave, "full")[len(wave) - 1 :]
    lags = np.arange(int(rate_hz / near_hz / 2 ** (1 / 3)), int(rate_hz / near_hz * 2 ** (1 / 3)) + 1)
    return rate_hz / lags[np.argmax(r[lags])]


def write(folder, name, wave, rate_hz=16_000, **kwargs):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, rate_hz, **kwargs)
    return path


@pytest.fixture(scope="module")
def plain():
    return voices.load()


@pytest.fixture(scope="module")
def shifted():
    return voices.load(pitch_shift=12)


@pytest.fixture
def folder(tmp_path):
    """Two labels of three speakers with two clips each; low has sub-folders for its speakers, high has none."""
    for i in range(3):
        for take in range(2):
            write(tmp_path, f"low/anyone {i}/{take}.wav", sine(100 + 10 * i))
        write(tmp_path, f"high/{i}.flac", sine(300 + 10 * i, seconds=0.3))
    (tmp_path / "notes.txt").write_text("not a clip")
    (tmp_path / ".trash").mkdir()
    (tmp_path / "low/._0.wav").write_text("not a clip either")
    return tmp_path


def test_what_is_shipped_is_what_peterson_and_barney_published():
    measured = vowels.peterson_barney()
    who = {sex: set(measured.speakers[measured.sexes == sex]) for sex in ("man", "woman")}
    assert (len(who["man"]), len(who["woman"])) == (33, 28)
    assert not who["man"] & who["woman"]
    assert len(set(measured.vowels)) == 10
    _, twice = np.unique([f"{s} {v}" for s, v in zip(measured.speakers, measured.vowels)], return_counts=True)
    assert (twice == 2).all()
    for (sex, vowel), published in PUBLISHED.items():
        these = (measured.sexes == sex) & (measured.vowels == vowel)
        means = measured.f0_hz[these].mean(), *measured.formants_hz[these].mean(axis=0)
        np.testing.assert_allclose(means, published, rtol=0.03)
    for sex, mean_hz in (("man", 132), ("woman", 223)):
        assert measured.f0_hz[measured.sexes == sex].mean() == pytest.approx(mean_hz, rel=0.01)


@pytest.mark.parametrize("pitch", ["plain", "shifted"])
def test_a_clip_repeats_itself_at_its_f0(pitch, request):
    clips = request.getfixturevalue(pitch)
    for i in range(0, len(clips), 61):
        middle = clips.waves[i, : clips.lengths[i]][clips.lengths[i] // 2 - 600 :][:1200]
        assert period_hz(middle, clips.sample_rate_hz, clips.f0_hz[i]) == pytest.approx(clips.f0_hz[i], rel=0.06)


@pytest.mark.parametrize("f0_hz", [80.0, 160.0])
def test_the_spectrum_is_loudest_near_each_formant(f0_hz, rng):
    formants_hz = np.array([700.0, 1800.0, 2600.0])
    wave = vowels.say(f0_hz, formants_hz, rng)
    lines = np.abs(np.fft.rfft(wave * np.hanning(len(wave)), 2**14))
    hz = np.arange(len(lines)) * vowels.SAMPLE_RATE_HZ / 2**14
    for formant_hz in formants_hz:
        around = np.abs(hz - formant_hz) < 400
        assert hz[around][np.argmax(lines[around])] == pytest.approx(formant_hz, abs=f0_hz)


def test_the_shift_moves_the_pitch_and_leaves_the_formants(plain, shifted):
    measured = vowels.peterson_barney()
    np.testing.assert_array_equal(plain.f0_hz, measured.f0_hz)
    semitones = 12 * np.log2(shifted.f0_hz / measured.f0_hz)
    assert np.abs(semitones).max() <= 12
    # Uniform: a third of the clips in each third of the range.
    np.testing.assert_allclose(np.histogram(semitones, 3, (-12, 12))[0] / len(semitones), 1 / 3, atol=0.05)
    for clips in (plain, shifted):
        np.testing.assert_array_equal(clips.formants_hz, measured.formants_hz)
        np.testing.assert_array_equal(clips.fold, plain.fold)
        assert "synthetic" in clips.source


def test_the_same_seed_says_the_same_and_another_says_it_anew(plain):
    again, other = voices.load(seed=0), voices.load(seed=4)
    np.testing.assert_array_equal(plain.waves, again.waves)
    assert (plain.waves != other.waves).any(axis=1).all()
    np.testing.assert_array_equal(plain.fold, other.fold)


@pytest.mark.parametrize("folds", [2, 5, 9])
def test_no_speaker_is_in_two_folds_and_the_labels_are_spread_evenly(folds):
    clips = voices.load(folds=folds)
    for who in set(clips.speakers):
        assert len(set(clips.fold[clips.speakers == who])) == 1
    for label in range(2):
        # Everyone has 20 clips: the folds of a label differ by one speaker at most.
        assert np.ptp(np.bincount(clips.fold[clips.labels == label], minlength=folds)) <= 20


def test_folds_are_even_where_speakers_have_unlike_numbers_of_clips(tmp_path):
    for i, n in enumerate([2, 4, 6, 2, 4]):
        for take in range(n):
            for label, f_hz in (("low", 100), ("high", 300)):
                write(tmp_path, f"{label}/anyone {i}/{take}.wav", sine(f_hz, 0.2))
    clips = voices.load(tmp_path, folds=3)
    assert len(set(clips.speakers)) == 5  # the same names under both labels
    for who in set(clips.speakers):
        assert len(set(clips.fold[clips.speakers == who])) == 1
    for label in range(2):
        np.testing.assert_array_equal(np.bincount(clips.fold[clips.labels == label]), [6, 6, 6])


def test_your_own_clips_are_read_by_label_and_speaker(folder):
    clips = voices.load(folder, folds=3)
    assert clips.names == ("high", "low")
    assert clips.speakers.tolist() == [f"high/{i}.flac" for i in range(3)] + [f"anyone {i}" for i in (0, 0, 1, 1, 2, 2)]
    np.testing.assert_array_equal(clips.labels, [0] * 3 + [1] * 6)
    np.testing.assert_array_equal(clips.lengths, [3000] * 3 + [5000] * 6)
    assert clips.waves.shape == (9, 5000)
    assert not clips.waves[:3, 3000:].any()
    np.testing.assert_allclose(clips.f0_hz, [300, 310, 320, 100, 100, 110, 110, 120, 120], rtol=0.03)
    assert (clips.vowels, clips.formants_hz) == (None, None)
    assert clips.source == f"{folder}: 9 clips of 6 speakers; 3 folds by speaker"


@pytest.mark.parametrize("from_hz", [8_000, 16_000, 22_050, 44_100])
@pytest.mark.parametrize("to_hz", [8_000, 10_000])
def test_resampling_keeps_the_frequency_the_height_and_the_length(from_hz, to_hz, folder):
    write(folder, "low/anyone 0/0.wav", sine(440, rate_hz=from_hz), from_hz, subtype="FLOAT")
    clips = voices.load(folder, to_hz, folds=3)
    wave, length = clips.waves[3], clips.lengths[3]
    assert length == pytest.approx(0.5 * to_hz, abs=1)
    assert loudest_hz(wave[:length], to_hz) == pytest.approx(440, abs=0.5)
    np.testing.assert_allclose(wave[100 : length - 100], sine(440, rate_hz=to_hz)[100 : length - 100], atol=0.005)


def test_channels_are_averaged_and_long_clips_cut(folder):
    left, right = sine(200, 3.0), sine(200, 3.0, height=0.1)
    write(folder, "low/anyone 0/0.wav", np.stack([left, right], axis=1), subtype="FLOAT")
    clips = voices.load(folder, 16_000, seconds=1.5, folds=3)
    assert clips.lengths[3] == clips.waves.shape[1] == 24_000
    np.testing.assert_allclose(clips.waves[3], (left + right)[:24_000] / 2, atol=1e-6)


@pytest.mark.parametrize("f0_hz", [65, 131, 220, 480])
def test_the_pitch_is_heard_under_louder_overtones_and_noise(f0_hz, rng):
    t = np.arange(8000) / 16_000
    wave = sum(a * np.cos(2 * np.pi * k * f0_hz * t + k) for k, a in ((1, 0.3), (2, 0.5), (3, 1.0), (5, 0.4)))
    wave += 0.1 * rng.normal(size=8000)
    assert voices.estimate_f0_hz(wave, 16_000) == pytest.approx(f0_hz, rel=0.02)


def test_a_pitch_needs_two_periods():
    with pytest.raises(ValueError, match=r"A pitch needs 0\.033 s of sound, got 0\.010 s"):
        voices.estimate_f0_hz(sine(200, 0.01), 16_000)


def broken(folder, case):
    """What is wrong in the folder, the load's further arguments, and what the error says."""
    wave = sine(200)
    if case == "one label":
        for path in (folder / "low").rglob("*.wav"):
            path.unlink()
        for path in sorted((folder / "low").glob("*"), reverse=True):
            path.rmdir()
        (folder / "low").rmdir()
        return {}, r"at least two labels, got \['high'\]"
    if case == "a label without clips":
        (folder / "middle").mkdir()
        return {}, "middle holds no .wav or .flac file"
    if case == "a clip without a label":
        write(folder, "stray.wav", wave)
        return {}, "stray.wav has no label"
    if case == "no sound":
        (folder / "high/0.flac").write_bytes(b"fLaC, or so it says")
        return {}, "0.flac cannot be read as sound"
    if case == "an empty file":
        (folder / "high/0.flac").write_bytes(b"")
        return {}, "0.flac cannot be read as sound"
    if case == "zero length":
        write(folder, "high/9.wav", wave[:0])
        return {}, "9.wav lasts 0.000 s"
    if case == "too short":
        write(folder, "high/0.flac", wave[:800])
        return {}, "0.flac lasts 0.050 s; a clip must last at least 0.1 s"
    if case == "silent":
        write(folder, "high/0.flac", 0 * wave)
        return {}, "0.flac is silent"
    if case == "NaN":
        write(folder, "low/anyone 1/0.wav", np.where(np.arange(8000) == 4000, np.nan, wave), subtype="FLOAT")
        return {}, r"0.wav, at 0.250 s: a sample is not a finite number"
    if case == "too few speakers":
        return {"folds": 4}, "The label 'high' has 3 speakers, too few for 4 folds"
    return {"pitch_shift": 3}, "a recording keeps its pitch"


@pytest.mark.parametrize(
    "case",
    [
        "one label",
        "a label without clips",
        "a clip without a label",
        "no sound",
        "an empty file",
        "zero length",
        "too short",
        "silent",
        "NaN",
        "too few speakers",
        "a shifted recording",
    ],
)
def test_what_is_wrong_with_a_folder_is_an_error_that_names_the_place(case, folder):
    arguments, message = broken(folder, case)
    with pytest.raises(ValueError, match=message):
        voices.load(folder, **{"folds": 3, **arguments})


def test_missing_folders_empty_ones_and_files_are_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        voices.load(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="at least two labels, got none"):
        voices.load(tmp_path)
    with pytest.raises(ValueError, match="is a file; name the folder"):
        voices.load(write(tmp_path, "a.wav", sine(200)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sample_rate_hz": 0}, "sample_rate_hz must be an integer from 2000 on, got 0"),
        ({"sample_rate_hz": 8000.0}, "sample_rate_hz must be an integer from 2000 on"),
        ({"folds": 1}, "folds must be an integer from 2 on, got 1"),
        ({"folds": 40}, "The label 'man' has 33 speakers, too few for 40 folds"),
        ({"seconds": 0.05}, "seconds must be a number of at least 0.1, got 0.05"),
        ({"seconds": float("nan")}, "seconds must be a number"),
        ({"pitch_shift": -1}, "pitch_shift, in semitones, must be a number from 0 to 24, got -1"),
        ({"pitch_shift": float("nan")}, "pitch_shift, in semitones, must be"),
        ({"seed": -1}, "seed must be an integer from 0 on, got -1"),
    ],
)
def test_bad_arguments_say_what_would_do(arguments, message):
    with pytest.raises(ValueError, match=message):
        voices.load(**arguments)
