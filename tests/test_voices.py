"""The soundfile package writes the user's own clips here; what is heard in a clip is computed in numpy alone."""

import shutil

import numpy as np
import pandas
import pytest
from everyday import cases

from keras_rnn_basics.datasets import voices
from keras_rnn_basics.datasets.synthetic import vowels

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
    """Two labels of three speakers, low with two clips of each, high with one; a folder for each speaker."""
    for i in range(3):
        for take in range(2):
            write(tmp_path, f"low/anyone {i}/{take}.wav", sine(100 + 10 * i))
        write(tmp_path, f"high/singer {i}/0.flac", sine(300 + 10 * i, seconds=0.3))
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
        assert period_hz(middle, clips.sample_rate_hz, f0_hz := clips.spoken.f0_hz[i]) == pytest.approx(f0_hz, rel=0.06)


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
    np.testing.assert_array_equal(plain.spoken.f0_hz, measured.f0_hz)
    semitones = 12 * np.log2(shifted.spoken.f0_hz / measured.f0_hz)
    assert np.abs(semitones).max() <= 12
    # Uniform: a third of the clips in each third of the range.
    np.testing.assert_allclose(np.histogram(semitones, 3, (-12, 12))[0] / len(semitones), 1 / 3, atol=0.05)
    for clips in (plain, shifted):
        np.testing.assert_array_equal(clips.spoken.formants_hz, measured.formants_hz)
        np.testing.assert_array_equal(clips.fold, plain.fold)
        assert "synthetic" in clips.source


def test_the_same_seed_says_the_same_and_another_says_it_anew(plain):
    again, other = voices.load(seed=0), voices.load(seed=4)
    np.testing.assert_array_equal(plain.waves, again.waves)
    assert (plain.waves != other.waves).any(axis=1).all()
    np.testing.assert_array_equal(plain.fold, other.fold)


@pytest.mark.parametrize("folds", cases([2, 5, 9], [5]))
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
    assert clips.speakers.tolist() == [f"singer {i}" for i in range(3)] + [f"anyone {i}" for i in (0, 0, 1, 1, 2, 2)]
    np.testing.assert_array_equal(clips.labels, [0] * 3 + [1] * 6)
    np.testing.assert_array_equal(clips.lengths, [3000] * 3 + [5000] * 6)
    assert clips.waves.shape == (9, 5000)
    assert not clips.waves[:3, 3000:].any()
    heard = [loudest_hz(wave[:length], 10_000) for wave, length in zip(clips.waves, clips.lengths)]
    np.testing.assert_allclose(heard, [300, 310, 320, 100, 100, 110, 110, 120, 120], rtol=0.02)
    assert (clips.spoken, clips.notes) == (None, ())
    assert clips.source == f"{folder}: 9 clips of at most 2 s, of 6 speakers; 3 folds by speaker"


@pytest.mark.parametrize("from_hz", [8_000, 16_000, 22_050, 44_100])
@pytest.mark.parametrize("to_hz", [8_000, 10_000])
def test_resampling_keeps_the_frequency_the_height_and_the_length(from_hz, to_hz, folder):
    write(folder, "low/anyone 0/0.wav", sine(440, rate_hz=from_hz), from_hz, subtype="FLOAT")
    clips = voices.load(folder, sample_rate_hz=to_hz, folds=3)
    wave, length = clips.waves[3], clips.lengths[3]
    assert length == pytest.approx(0.5 * to_hz, abs=1)
    assert loudest_hz(wave[:length], to_hz) == pytest.approx(440, abs=0.5)
    np.testing.assert_allclose(wave[100 : length - 100], sine(440, rate_hz=to_hz)[100 : length - 100], atol=0.005)


def test_channels_are_averaged_and_long_clips_cut(folder):
    left, right = sine(200, 3.0), sine(200, 3.0, height=0.1)
    write(folder, "low/anyone 0/0.wav", np.stack([left, right], axis=1), subtype="FLOAT")
    clips = voices.load(folder, sample_rate_hz=16_000, seconds=1.5, folds=3)
    assert clips.lengths[3] == clips.waves.shape[1] == 24_000
    np.testing.assert_allclose(clips.waves[3], (left + right)[:24_000] / 2, atol=1e-6)


def spoil_labels(folder):
    shutil.rmtree(folder / "low")
    return {}, r"at least two labels, got \['high'\]"


def spoil_a_label(folder):
    (folder / "middle").mkdir()
    return {}, r"middle holds no file of sound \(\.wav, \.flac"


def spoil_a_place(folder):
    write(folder, "stray.wav", sine(200))
    return {}, r"stray\.wav has no label: .* labels="


def spoil_speakers(folder):
    write(folder, "high/ann_1.wav", sine(200))
    return {}, r"Nothing says who speaks in .*ann_1\.wav.*speaker=lambda file: file\.stem\.split"


def spoil_the_number(folder):
    return {"folds": 4}, "The label 'high' has 3 speakers, too few for 4 folds"


def spoil_the_pitch(folder):
    return {"pitch_shift": 3}, "a recording keeps its pitch"


def spoil_parts(folder):
    for part in ("train", "Test"):
        shutil.copytree(folder / "low", folder / part / "low")
    return {}, r"holds the folders Test, train, which are parts of a split and no labels.*name one of them"


def spoil_folds(folder):
    (folder / "low").rename(folder / "fold1")
    (folder / "high").rename(folder / "fold2")
    return {}, "holds the folders fold1, fold2, which are parts of a split and no labels"


def spoil_a_speaker(folder):
    write(folder, "tap/ann/0.wav", sine(200))
    return {}, "The label 'tap' has 1 speakers, too few for 3 folds that share none. Take its clips away, or give other"


def spoil_every_clip(folder):
    for file in (*folder.rglob("*.wav"), *folder.rglob("*.flac")):
        file.write_bytes(b"fLaC, or so it says")
    return {}, r"None of the 9 clips can be used\. The first: .*0\.flac cannot be read as sound"


def spoil_columns(folder):
    return {"columns": ("file", "label")}, "columns, and speaker by a column's name, are of a table: give it, labels="


def spoil_memory(folder):
    return {"max_bytes": 100_000}, r"takes 116,000 bytes of memory, more than the 100,000 of max_bytes"


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_labels,
        spoil_a_label,
        spoil_a_place,
        spoil_speakers,
        spoil_the_number,
        spoil_the_pitch,
        spoil_parts,
        spoil_folds,
        spoil_a_speaker,
        spoil_every_clip,
        spoil_columns,
        spoil_memory,
    ],
)
def test_what_is_wrong_with_a_folder_is_an_error_that_names_the_place(spoil, folder):
    arguments, message = spoil(folder)
    with pytest.raises(ValueError, match=message):
        voices.load(folder, **{"folds": 3, **arguments})


@pytest.mark.parametrize(
    ("wave", "arguments", "reason"),
    [
        (None, {}, "cannot be read as sound"),
        (sine(200)[:0], {}, "lasts 0.000 s"),
        (sine(200)[:800], {}, r"lasts 0.050 s; a clip must last at least 0\.1 s"),
        (0 * sine(200), {}, "is silent"),
        (
            np.where(np.arange(8000) == 4000, np.nan, sine(200)),
            {"subtype": "FLOAT"},
            "at 0.250 s: a sample is not a fin",
        ),
        (32768 * sine(200), {"subtype": "FLOAT"}, r"has a sample of 16384.*Write it again, divided by 32768"),
    ],
)
def test_one_bad_clip_is_left_out_and_told_and_the_others_are_read(folder, wave, arguments, reason):
    if wave is None:
        (folder / "low/anyone 1/9.wav").write_bytes(b"")
    else:
        write(folder, "low/anyone 1/9.wav", wave, **arguments)
    with pytest.warns(UserWarning, match=rf"1 of 10 clips are left out: .*9\.wav.*{reason}"):
        clips = voices.load(folder, folds=3)
    assert clips.speakers.tolist() == [f"singer {i}" for i in range(3)] + [f"anyone {i}" for i in (0, 0, 1, 1, 2, 2)]
    assert len(clips.waves) == len(clips.lengths) == len(clips.fold) == 9
    assert len(clips.notes) == 1


@pytest.mark.parametrize("kind", ["mp3", "ogg", "aiff", "au", "caf", "w64"])
def test_every_kind_of_file_that_soundfile_reads_is_a_clip(folder, kind):
    write(folder, f"high/singer 0/1.{kind}", sine(440))
    clips = voices.load(folder, folds=3)
    assert len(clips) == 10
    assert loudest_hz(clips.waves[1, : clips.lengths[1]], 10_000) == pytest.approx(440, rel=0.01)


def test_what_is_passed_over_is_told(folder):
    (folder / "notes.txt").write_text("no clip")
    for take in range(2):
        (folder / f"low/anyone 0/{take}.m4a").write_bytes(b"soundfile does not read it")
    with pytest.warns(UserWarning, match=r"Passed over in .*: 2 \.m4a, 1 \.txt\..*ffmpeg -i clip\.m4a clip\.wav"):
        assert len(voices.load(folder, folds=3)) == 9


def test_labels_that_differ_by_capitals_alone_are_told(folder):
    for speaker in range(3):
        write(folder, f"Low/else {speaker}/0.wav", sine(100))
    with pytest.warns(UserWarning, match="The labels 'Low' and 'low' differ by capitals or spaces alone"):
        assert voices.load(folder, folds=3).names == ("Low", "high", "low")


def test_a_function_of_the_path_says_who_speaks_so_that_folds_share_no_speaker(tmp_path):
    for word in ("yes", "no"):
        for who in ("ann", "bob", "cid", "dee"):
            for take in range(3):
                write(tmp_path, f"{word}/{who}_nohash_{take}.wav", sine(200, 0.2))
    clips = voices.load(tmp_path, folds=2, speaker=lambda file: file.stem.split("_")[0])
    assert sorted(set(clips.speakers)) == ["ann", "bob", "cid", "dee"]
    for who in set(clips.speakers):
        assert len(set(clips.fold[clips.speakers == who])) == 1


@pytest.fixture
def common_voice(tmp_path):
    """Its layout: a folder of clips, and beside it a table with a column of quotes, rows without a label among them."""
    rows = []
    for speaker in range(6):
        for take in range(2):
            name = f"clip_{speaker}_{take}.mp3"
            write(tmp_path, f"clips/{name}", sine(100 + 200 * (speaker % 2), 0.3))
            gender = "" if (speaker, take) == (4, 1) else ("male", "female")[speaker % 2]
            rows.append(f'id{speaker}\t{name}\tHe said "ah\t{gender}')
    rows.append("id0\tgone.mp3\tlost\tmale")
    (tmp_path / "validated.tsv").write_text("\n".join(["client_id\tpath\tsentence\tgender", *rows]) + "\n")
    return tmp_path


@pytest.mark.parametrize("form", ["file", "frame"])
def test_a_table_says_what_each_clip_is_labelled_and_who_speaks(common_voice, form):
    table = common_voice / "validated.tsv"
    labels = table if form == "file" else pandas.read_csv(table, sep="\t", dtype=str, quoting=3)
    with pytest.warns(UserWarning, match="1 of 13 rows are passed over") as told:
        clips = voices.load(
            common_voice / "clips", labels, ("path", "gender"), "client_id", folds=3, sample_rate_hz=16_000
        )
    assert [str(note.message) for note in told] == ["\n".join(clips.notes)]
    assert "1 of its clips are not in" in clips.notes[1]
    assert "1 .mp3" in clips.notes[2]
    assert clips.names == ("female", "male")
    assert sorted(zip(clips.speakers, clips.labels)) == sorted(
        [(f"id{k}", 0) for k in (1, 1, 3, 3, 5, 5)] + [(f"id{k}", 1) for k in (0, 0, 2, 2, 4)]
    )
    for wave, length, label in zip(clips.waves, clips.lengths, clips.labels):
        assert loudest_hz(wave[:length], 16_000) == pytest.approx(100 if label else 300, abs=3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"speaker": "client_id"}, r"columns must name .*got columns=None, .*the columns are \['client_id', 'path'"),
        ({"columns": ("path", "sex"), "speaker": "client_id"}, r"got columns=\('path', 'sex'\)"),
        ({"columns": ("path", "gender")}, "Nothing says who speaks in .* such as speaker='client_id'"),
        ({"columns": ("path", "gender"), "speaker": "who"}, "speaker='who'; the columns are"),
        ({"columns": ("client_id", "gender"), "speaker": "path"}, "names the clip 'id0' twice"),
    ],
)
def test_a_table_that_does_not_say_enough_is_an_error_that_lists_its_columns(common_voice, arguments, message):
    with pytest.raises(ValueError, match=message):
        voices.load(common_voice / "clips", common_voice / "validated.tsv", **arguments)


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: name,
        lambda name: name.removesuffix(".mp3"),
        lambda name: f"data/clips/{name}",
        lambda name: f"C:\\cv\\{name}",
    ],
)
def test_a_table_may_name_a_clip_without_its_folders_or_its_ending_where_no_other_is_called_so(common_voice, rename):
    table = pandas.read_csv(common_voice / "validated.tsv", sep="\t", dtype=str, quoting=3)[:8]
    table["path"] = table["path"].map(rename)
    how = {"columns": ("path", "gender"), "speaker": "client_id", "folds": 2}
    with pytest.warns(UserWarning, match="Passed over"):
        clips = voices.load(common_voice, table, **how)
    assert sorted(clips.speakers) == [f"id{k // 2}" for k in range(8)]
    (common_voice / "other").mkdir()
    for file in (common_voice / "clips").iterdir():
        shutil.copy(file, common_voice / "other")
    with pytest.raises(ValueError, match=r"The frame names no clip that is in .*: the first should be .*'path'"):
        voices.load(common_voice, table, **how)


@pytest.mark.parametrize("mark", [",", ";", "|", "\t"])
def test_the_fields_of_a_table_are_parted_by_what_its_first_line_holds_most_of(common_voice, mark):
    table = pandas.read_csv(common_voice / "validated.tsv", sep="\t", dtype=str, quoting=3)[:8]
    table.drop(columns="sentence").to_csv(common_voice / "own.txt", sep=mark, index=False)
    with pytest.warns(UserWarning, match="Passed over"):
        clips = voices.load(common_voice / "clips", common_voice / "own.txt", ("path", "gender"), "client_id", folds=2)
    assert len(clips) == 8


def test_a_function_says_the_label_of_each_clip_and_leaves_others_out(tmp_path):
    for digit in range(3):
        for who in ("jackson", "theo"):
            write(tmp_path, f"{digit}_{who}_0.wav", sine(200, 0.2))
    who = {"speaker": lambda file: file.stem.split("_")[1], "folds": 2}
    with pytest.raises(ValueError, match=r"0_jackson_0\.wav has no label: .*or a function of its path"):
        voices.load(tmp_path, **who)
    with pytest.raises(ValueError, match=r"split\('_'\)\[0\] takes the beginning of a name, here '0', \[-1\] its end"):
        voices.load(tmp_path, labels=lambda file: file.stem[0])
    assert voices.load(tmp_path, labels=lambda file: file.stem[0], **who).names == ("0", "1", "2")
    with pytest.warns(UserWarning, match=r"Passed over in .*: 2 \.wav\."):
        clips = voices.load(tmp_path, labels=lambda file: {"0": "zero", "1": "one", "2": None}[file.stem[0]], **who)
    assert clips.names == ("one", "zero")
    with pytest.warns(UserWarning, match=r"Passed over in .*: 2 \.wav\."):
        assert (
            len(
                voices.load(
                    tmp_path,
                    labels=lambda file: float("nan") if file.stem[0] == "2" else "ab"[int(file.stem[0])],
                    **who,
                )
            )
            == 4
        )
    assert clips.speakers.tolist() == ["jackson", "theo"] * 2


def test_a_function_that_finds_a_speaker_in_each_clip_is_told(tmp_path):
    for name in ("angry/03-01-05-01.wav", "angry/03-01-05-02.wav", "calm/03-01-02-01.wav", "calm/03-01-02-02.wav"):
        write(tmp_path, name, sine(200, 0.2))
    with pytest.warns(UserWarning, match="Each clip is taken for a speaker of its own, such as '03-01-05-01'"):
        voices.load(tmp_path, speaker=lambda file: file.stem.split("_")[0], folds=2)
    assert not voices.load(tmp_path, speaker=lambda file: file.name, folds=2).notes


def test_folders_whose_names_begin_with_an_underscore_hold_no_label(folder):
    write(folder, "_background_noise_/running_tap.wav", sine(100))
    (folder / "__MACOSX").mkdir()
    with pytest.warns(UserWarning, match=r"Passed over in .*: 1 \.wav\.$"):
        assert voices.load(folder, folds=3).names == ("high", "low")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": 5}, "data must be the folder of your clips, got int"),
        ({"labels": {"a.wav": "a"}}, "labels must be a csv or tsv file, a pandas.DataFrame, or a function.*, got dict"),
        ({"speaker": 5}, "speaker must be a function of a clip's path, or a column of a table, got 5"),
    ],
)
def test_arguments_of_another_type_are_refused(folder, arguments, message):
    with pytest.raises(ValueError, match=message):
        voices.load(**{"data": folder, **arguments})


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
        ({"max_bytes": 0}, "max_bytes must be a positive integer, got 0"),
        ({"speaker": "client_id"}, "labels, columns and speaker are of the user's own clips"),
        ({"seed": -1}, "seed must be an integer from 0 on, got -1"),
    ],
)
def test_bad_arguments_say_what_would_do(arguments, message):
    with pytest.raises(ValueError, match=message):
        voices.load(**arguments)
