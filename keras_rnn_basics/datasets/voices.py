"""Clips of voices with a label each: vowels made from published measurements, or the user's own wav and flac files."""

from collections import Counter
from dataclasses import dataclass
from math import ceil, gcd
from pathlib import Path

import numpy as np

from keras_rnn_basics import checks
from keras_rnn_basics.datasets import vowels

SHORTEST_SECONDS = 0.1
LOWEST_HZ, HIGHEST_HZ = 60.0, 500.0
SUFFIXES = (".wav", ".flac")


@dataclass(frozen=True)
class Clips:
    """N clips, speaker by speaker, in folds that share no speaker.

    Attributes:
        waves: (N, samples) float32 from -1 to 1, with zeros after the end of a clip.
        lengths: (N,), the number of samples in each clip.
        labels: (N,), the number of each clip's label in `names`.
        speakers: (N,), the speaker of each clip.
        names: the names of the labels.
        sample_rate_hz: samples per second.
        fold: (N,), 0 to folds - 1: all clips of a speaker are in one fold, and each label is spread evenly.
        f0_hz: (N,), the pitch as synthesised; for the user's own clips, as estimated by `estimate_f0_hz`.
        vowels: (N,), the vowel that was said; `None` for the user's own clips.
        formants_hz: (N, 3), F1, F2 and F3 as measured; `None` for the user's own clips.
        source: the origin of the clips, and how they are split.
    """

    waves: np.ndarray
    lengths: np.ndarray
    labels: np.ndarray
    speakers: np.ndarray
    names: tuple[str, ...]
    sample_rate_hz: int
    fold: np.ndarray
    f0_hz: np.ndarray
    vowels: np.ndarray | None
    formants_hz: np.ndarray | None
    source: str

    def __len__(self) -> int:
        return len(self.waves)


def load(
    path: str | Path | None = None,
    sample_rate_hz: int = vowels.SAMPLE_RATE_HZ,
    seconds: float = 2.0,
    folds: int = 5,
    pitch_shift: float = 0.0,
    seed: int = 0,
) -> Clips:
    """Voices labelled by the speaker's sex, or the user's own clips in folders by label.

    Without a path: 1,220 vowels of 33 men and 28 women. The sound is SYNTHETIC: it is computed from the pitch and the
    formants that Peterson and Barney measured in 1952 (`vowels.say`); nobody recorded it.

    With a path: `path/label/speaker/*.wav` or `.flac`. A clip that lies directly in its label's folder counts as a
    speaker of its own; folders with the same name under two labels are one speaker. Channels are averaged.

    Args:
        path: the folder of the user's own clips.
        sample_rate_hz: every clip is resampled to it.
        seconds: the part of a longer clip that is kept, from its beginning.
        folds: the number of folds; no speaker is in two of them.
        pitch_shift: only without a path: the F0 of each clip is shifted by a random number of semitones (factors of
            2^(1/12)) between -pitch_shift and pitch_shift. The formants stay the same, so that the pitch misleads.
        seed: seed of the synthesis and of the shifts; the folds do not depend on it.

    Raises:
        ImportError: if scipy is not installed, or soundfile when a path is given.
        FileNotFoundError: if the folder does not exist.
        ValueError: for an invalid argument; for fewer than two labels, a label without clips or with fewer speakers
            than folds; for a clip that cannot be read, is empty, silent, shorter than 0.1 s or not finite. The error
            names the file.

    >>> clips = load()
    >>> clips.waves.shape, clips.names, np.bincount(clips.fold)
    ((1220, 5000), ('man', 'woman'), array([240, 260, 240, 240, 240]))
    """
    for name, value, least in (("sample_rate_hz", sample_rate_hz, 2000), ("folds", folds, 2), ("seed", seed, 0)):
        checks.integer(name, value, least)
    if not checks.is_number(seconds) or not SHORTEST_SECONDS <= seconds < np.inf:
        raise ValueError(f"seconds must be a number of at least {SHORTEST_SECONDS}, got {seconds!r}.")
    checks.number("pitch_shift, in semitones,", pitch_shift, 0, 24)
    if path is None:
        return _say_all(int(sample_rate_hz), seconds, folds, pitch_shift, seed)
    if pitch_shift:
        raise ValueError(f"pitch_shift={pitch_shift} is for the synthetic vowels; a recording keeps its pitch.")
    return _read_all(Path(path), int(sample_rate_hz), seconds, folds)


def _say_all(sample_rate_hz, seconds, folds, pitch_shift, seed):
    measured = vowels.peterson_barney()
    sexes, labels = np.unique(measured.sexes, return_inverse=True)
    names, speakers = tuple(sexes.tolist()), measured.speakers.astype(str)
    fold = _folds(labels, speakers, names, folds)
    rng = np.random.default_rng(seed)
    f0_hz = measured.f0_hz * 2 ** (rng.uniform(-pitch_shift, pitch_shift, len(measured.f0_hz)) / 12)
    said = [vowels.say(f0, formants, rng) for f0, formants in zip(f0_hz, measured.formants_hz)]
    each = [_resampled(wave, vowels.SAMPLE_RATE_HZ, sample_rate_hz, seconds) for wave in said]
    waves, lengths = _padded(each, ceil(min(seconds, vowels.LONGEST_SECONDS) * sample_rate_hz))
    shifted = f", the pitch shifted by up to {pitch_shift:g} semitones" if pitch_shift else ""
    return Clips(
        waves,
        lengths,
        labels,
        speakers,
        names,
        sample_rate_hz,
        fold,
        f0_hz,
        measured.vowels,
        measured.formants_hz,
        f"synthetic vowels from the measurements of Peterson and Barney (1952){shifted}; {folds} folds by speaker",
    )


def _read_all(path, sample_rate_hz, seconds, folds):
    if not path.exists():
        raise FileNotFoundError(f"There is no folder {path}.")
    if not path.is_dir():
        raise ValueError(f"{path} is a file; name the folder that holds a folder of clips for each label.")
    if stray := _clips_in(path.glob("*")):
        raise ValueError(f"{stray[0]} has no label: it must lie in a folder named after its label, in {path}.")
    found = {folder.name: _clips_in(folder.rglob("*")) for folder in _folders_in(path)}
    for name, files in found.items():
        if not files:
            raise ValueError(f"{path / name} holds no {' or '.join(SUFFIXES)} file; fill this folder or remove it.")
    if len(found) < 2:
        raise ValueError(
            f"{path} must hold a folder of clips for each of at least two labels, got {sorted(found) or 'none'}."
        )
    files = [file for name in found for file in found[name]]
    labels = np.repeat(np.arange(len(found)), [len(own) for own in found.values()])
    speakers = np.array([_speaker(file.relative_to(path)) for file in files])
    fold = _folds(labels, speakers, tuple(found), folds)  # before the long reading
    each = [_read(file, sample_rate_hz, seconds) for file in files]
    waves, lengths = _padded(each, max(map(len, each)))
    return Clips(
        waves,
        lengths,
        labels,
        speakers,
        tuple(found),
        sample_rate_hz,
        fold,
        np.array([estimate_f0_hz(wave, sample_rate_hz) for wave in waves]),
        None,
        None,
        f"{path}: {len(files)} clips of {len(set(speakers))} speakers; {folds} folds by speaker",
    )


# Names that begin with a dot are files of the operating system, not clips.
def _folders_in(path):
    return sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))


def _clips_in(paths):
    return sorted(p for p in paths if p.suffix.lower() in SUFFIXES and p.is_file() and not p.name.startswith("."))


def _speaker(file):
    label, *folders, name = file.parts
    return folders[0] if folders else f"{label}/{name}"


def _read(file, sample_rate_hz, seconds):
    try:
        import soundfile
    except ImportError as error:
        raise ImportError("soundfile reads the clips: pip install 'keras_rnn_basics[examples]'.") from error
    try:
        with soundfile.SoundFile(file) as sound:
            rate_hz = sound.samplerate
            channels = sound.read(ceil(seconds * rate_hz), dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise ValueError(f"{file} cannot be read as sound ({error}).") from error
    bad = np.flatnonzero(~np.isfinite(channels).all(axis=1))
    if len(bad):
        raise ValueError(f"{file}, at {bad[0] / rate_hz:.3f} s: a sample is not a finite number.")
    if len(channels) < SHORTEST_SECONDS * rate_hz:
        raise ValueError(
            f"{file} lasts {len(channels) / rate_hz:.3f} s; a clip must last at least {SHORTEST_SECONDS} s."
        )
    wave = channels.mean(axis=1)
    if not wave.any():
        raise ValueError(f"{file} is silent in its first {len(wave) / rate_hz:.2f} s.")
    return _resampled(wave, rate_hz, sample_rate_hz, seconds)


def _resampled(wave, from_hz, to_hz, seconds):
    from scipy.signal import resample_poly

    common = gcd(from_hz, to_hz)
    wave = wave if from_hz == to_hz else resample_poly(wave, to_hz // common, from_hz // common)
    return wave[: ceil(seconds * to_hz)].astype("float32")


def _padded(waves, samples):
    padded = np.zeros((len(waves), samples), "float32")
    for row, wave in zip(padded, waves):
        row[: len(wave)] = wave
    return padded, np.array([len(wave) for wave in waves])


def _folds(labels, speakers, names, folds):
    """(N,), (N,) -> (N,): takes the speakers with most clips first and puts each where its labels are rarest."""
    said = Counter(zip(speakers.tolist(), labels.tolist()))
    counts: dict[str, np.ndarray] = {}
    for (speaker, label), n in said.items():
        counts.setdefault(speaker, np.zeros(len(names), int))[label] = n
    for label, name in enumerate(names):
        own = sum(count[label] > 0 for count in counts.values())
        if own < folds:
            raise ValueError(
                f"The label {name!r} has {own} speakers, too few for {folds} folds that share none. Choose fewer folds."
            )
    order = np.random.default_rng(0).permutation(sorted(counts))
    load, chosen = np.zeros((folds, len(names)), int), {}
    for speaker in sorted(order, key=lambda speaker: -counts[speaker].sum()):
        # The growth of the sum of squares; if it is equal, the fold with the fewest clips is taken.
        growth = (2 * load + counts[speaker]) @ counts[speaker]
        chosen[speaker] = int(np.lexsort((load.sum(axis=1), growth))[0])
        load[chosen[speaker]] += counts[speaker]
    if not load.all():
        fold, label = np.argwhere(load == 0)[0]
        raise ValueError(f"Fold {fold} of {folds} would have no clip of {names[label]!r}: choose fewer folds.")
    return np.array([chosen[speaker] for speaker in speakers.tolist()])


def estimate_f0_hz(wave: np.ndarray, sample_rate_hz: int) -> float:
    """(samples,) -> the pitch between 60 and 500 Hz: the median over the most periodic frames of 50 ms.

    In each frame the period is the lag with the highest autocorrelation, after division by the autocorrelation of the
    window (Boersma, "Accurate short-term analysis of the fundamental frequency", 1993).

    Raises:
        ValueError: for less than two periods of 60 Hz.

    >>> f0_hz = estimate_f0_hz(np.sin(2 * np.pi * 200 * np.arange(5000) / 10_000), 10_000)
    >>> round(f0_hz)
    200
    """
    if len(wave) < 2 * sample_rate_hz / LOWEST_HZ:
        raise ValueError(f"A pitch needs {2 / LOWEST_HZ:.3f} s of sound, got {len(wave) / sample_rate_hz:.3f} s.")
    size = min(int(0.05 * sample_rate_hz), len(wave))
    frames = np.lib.stride_tricks.sliding_window_view(wave, size)[:: size // 2]
    window = np.hanning(size + 2)[1:-1]
    fft = 2 ** int(np.ceil(np.log2(2 * size)))

    def autocorrelation(x):
        return np.fft.irfft(np.abs(np.fft.rfft(x, fft)) ** 2)[..., :size]

    r = autocorrelation((frames - frames.mean(axis=1, keepdims=True)) * window)
    repeats = r / np.maximum(r[:, :1], 1e-12) / (autocorrelation(window) / (window**2).sum())
    lags = np.arange(int(sample_rate_hz / HIGHEST_HZ), int(sample_rate_hz / LOWEST_HZ) + 1)
    repeats = repeats[:, lags]
    # Twice the period repeats equally well. So the shortest lag that is nearly as good as the best one is taken.
    near = repeats >= 0.95 * repeats.max(axis=1, keepdims=True)
    first = near.argmax(axis=1)
    # From there, go up to the top of that peak.
    best = np.array([at + np.argmax(np.diff(row[at:], append=-np.inf) < 0) for at, row in zip(first, repeats)])
    strength = repeats[np.arange(len(best)), best] * np.sqrt(r[:, 0])
    return float(sample_rate_hz / np.median(lags[best][strength >= 0.5 * strength.max()]))
