"""Clips of voices with a label each: vowels made from published measurements, or the user's own files of sound."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_rnn_basics import checks
from keras_rnn_basics.datasets.bounded import MAX_BYTES, own_path, refuse_beyond
from keras_rnn_basics.datasets.media.clips import find_clips
from keras_rnn_basics.datasets.media.labels import counted
from keras_rnn_basics.datasets.media.sound import SHORTEST_SECONDS, read_clip, resampled
from keras_rnn_basics.datasets.parts import tell
from keras_rnn_basics.datasets.synthetic import vowels


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
        source: the origin of the clips, and how they are split.
        notes: what was passed over or left out, a sentence each.
        spoken: the measurements that each clip was synthesised from, with its shifted pitch; `None` for the user's own
            clips.
    """

    waves: np.ndarray
    lengths: np.ndarray
    labels: np.ndarray
    speakers: np.ndarray
    names: tuple[str, ...]
    sample_rate_hz: int
    fold: np.ndarray
    source: str
    notes: tuple[str, ...] = ()
    spoken: vowels.Measured | None = None

    def __len__(self) -> int:
        return len(self.waves)


def load(
    data: str | Path | None = None,
    labels: Any = None,
    columns: Sequence[str] | None = None,
    speaker: str | Callable[[Path], str] | None = None,
    sample_rate_hz: int = vowels.SAMPLE_RATE_HZ,
    seconds: float = 2.0,
    folds: int = 5,
    pitch_shift: float = 0.0,
    seed: int = 0,
    max_bytes: int = MAX_BYTES,
) -> Clips:
    """Voices labelled by the speaker's sex, or the user's own clips, by their folders, a function or a table.

    Without data: 1,220 vowels of 33 men and 28 women. The sound is SYNTHETIC: it is computed from the pitch and the
    formants that Peterson and Barney measured in 1952 (`vowels.say`); nobody recorded it.

    With data: every file that soundfile reads, wav, flac, mp3, ogg and others; a warning says what is passed over, and
    which clips are left out and why. Channels are averaged.

        load("clips")                                                  # clips/label/speaker/*.wav
        load("clips", speaker=lambda file: file.stem.split("_")[0])    # clips/label/speaker_take.wav
        load("recordings", labels=lambda file: file.stem[0], speaker=lambda file: file.stem[2:-2])   # 7_jackson_0.wav
        load("cv/clips", labels="cv/validated.tsv", columns=("path", "gender"), speaker="client_id")

    Args:
        data: the folder of the user's own clips; folders with the same name under two labels are one speaker.
        labels: a csv or tsv file, or a `pandas.DataFrame`, with a row for each clip; or a function of the clip's path,
            which leaves a clip out by `None`. Without: its folder is its label, if its name does not begin with _.
        columns: of that table: the file's path in `data`, or its name where no other has it, and the label.
        speaker: who speaks: a function of the clip's path, or a column of the table.
        sample_rate_hz: every clip is resampled to it.
        seconds: the part of a longer clip that is kept, from its beginning.
        folds: the number of folds; no speaker is in two of them.
        pitch_shift: only without data: the F0 of each clip is shifted by a random number of semitones (factors of
            2^(1/12)) between -pitch_shift and pitch_shift. The formants stay the same, so that the pitch misleads.
        seed: seed of the synthesis and of the shifts; the folds do not depend on it.
        max_bytes: the most memory that the clips may take.

    Raises:
        ImportError: if scipy is not installed, or soundfile when data are given.
        FileNotFoundError: if the folder does not exist.
        ValueError: for an invalid argument; if nothing says who speaks; for fewer than two labels, or a label with
            fewer speakers than folds; if no clip can be used. The error names the file.

    >>> clips = load()
    >>> clips.waves.shape, clips.names, np.bincount(clips.fold)
    ((1220, 5000), ('man', 'woman'), array([240, 260, 240, 240, 240]))
    """
    for name, value, least in (("sample_rate_hz", sample_rate_hz, 2000), ("folds", folds, 2), ("seed", seed, 0)):
        checks.integer(name, value, least)
    checks.positive_integer("max_bytes", max_bytes)
    if not checks.is_number(seconds) or not SHORTEST_SECONDS <= seconds < np.inf:
        raise ValueError(f"seconds must be a number of at least {SHORTEST_SECONDS}, got {seconds!r}.")
    checks.number("pitch_shift, in semitones,", pitch_shift, 0, 24)
    if data is None:
        if labels is not None or columns is not None or speaker is not None:
            raise ValueError("labels, columns and speaker are of the user's own clips: name their folder, data=.")
        return _say_all(int(sample_rate_hz), seconds, folds, pitch_shift, seed)
    if pitch_shift:
        raise ValueError(f"pitch_shift={pitch_shift} is for the synthetic vowels; a recording keeps its pitch.")
    clips = _read_all(
        own_path(data, "the folder of your clips"),
        labels,
        columns,
        speaker,
        int(sample_rate_hz),
        seconds,
        folds,
        max_bytes,
    )
    tell(clips.notes)
    return clips


def _say_all(sample_rate_hz, seconds, folds, pitch_shift, seed):
    measured = vowels.peterson_barney()
    sexes, labels = np.unique(measured.sexes, return_inverse=True)
    names, speakers = tuple(sexes.tolist()), measured.speakers.astype(str)
    fold = _folds(labels, speakers, names, folds)
    rng = np.random.default_rng(seed)
    f0_hz = measured.f0_hz * 2 ** (rng.uniform(-pitch_shift, pitch_shift, len(measured.f0_hz)) / 12)
    said = [vowels.say(f0, formants, rng) for f0, formants in zip(f0_hz, measured.formants_hz)]
    each = [resampled(wave, vowels.SAMPLE_RATE_HZ, sample_rate_hz, seconds) for wave in said]
    shifted = f", the pitch shifted by up to {pitch_shift:g} semitones" if pitch_shift else ""
    source = f"synthetic vowels from the measurements of Peterson and Barney (1952){shifted}; {folds} folds by speaker"
    waves, lengths = _padded(each, ceil(min(seconds, vowels.LONGEST_SECONDS) * sample_rate_hz))
    spoken = replace(measured, f0_hz=f0_hz)
    return Clips(waves, lengths, labels, speakers, names, sample_rate_hz, fold, source, spoken=spoken)


def _read_all(path, labels, columns, speaker, sample_rate_hz, seconds, folds, max_bytes):
    found, notes = find_clips(path, labels, columns, speaker, max_bytes)
    kinds, of_clips = np.unique([label for _, label, _ in found], return_inverse=True)
    names, speakers = tuple(kinds.tolist()), np.array([who for *_, who in found])
    if len(names) < 2:
        raise ValueError(f"{path} must hold clips of at least two labels, got {list(names) or 'none'}.")
    _folds(of_clips, speakers, names, folds)  # before the long reading
    waves, bad, taken = [], {}, 0
    for k, (file, *_) in enumerate(found):
        try:
            waves.append(read_clip(file, sample_rate_hz, seconds))
        except ValueError as error:
            bad[k] = str(error)
        else:
            taken += waves[-1].nbytes
            refuse_beyond(path, taken, max_bytes)
    if not waves:
        raise ValueError(f"None of the {len(found)} clips can be used. The first: {bad[0]}")
    if bad:
        notes.append(f"{len(bad)} of {len(found)} clips are left out: {counted(list(bad.values()))}")
    good = [k for k in range(len(found)) if k not in bad]
    of_clips, speakers = of_clips[good], speakers[good]
    longest = max(map(len, waves))
    refuse_beyond(path, 4 * len(waves) * longest, max_bytes)
    fold = _folds(of_clips, speakers, names, folds)
    spoken = f"{len(waves)} clips of at most {seconds:g} s, of {len(set(speakers))} speakers; {folds} folds by speaker"
    padded, lengths = _padded(waves, longest)
    source = f"{path}: {spoken}"
    return Clips(padded, lengths, of_clips, speakers, names, sample_rate_hz, fold, source, tuple(notes))


def _padded(waves, samples):
    padded = keras.utils.pad_sequences(waves, samples, "float32", padding="post")
    return padded, np.array([len(wave) for wave in waves])


def _folds(labels, speakers, names, folds):
    """(N,), (N,) -> (N,): takes the speakers with most clips first and puts each where its labels are rarest."""
    who, of_clip = np.unique(speakers, return_inverse=True)
    counts = np.zeros((len(who), len(names)), int)
    np.add.at(counts, (of_clip, labels), 1)
    for name, own in zip(names, (counts > 0).sum(axis=0)):
        if own < folds:
            way_out = "Choose fewer folds." if own > 1 else "Take its clips away, or give other labels, labels=."
            raise ValueError(
                f"The label {name!r} has {own} speakers, too few for {folds} folds that share none. {way_out}"
            )
    order = np.random.default_rng(0).permutation(len(who))
    load, chosen = np.zeros((folds, len(names)), int), np.zeros(len(who), int)
    for k in sorted(order, key=lambda k: -counts[k].sum()):
        # The growth of the sum of squares; if it is equal, the fold with the fewest clips is taken.
        growth = (2 * load + counts[k]) @ counts[k]
        chosen[k] = np.lexsort((load.sum(axis=1), growth))[0]
        load[chosen[k]] += counts[k]
    if not load.all():
        fold, label = np.argwhere(load == 0)[0]
        raise ValueError(f"Fold {fold} of {folds} would have no clip of {names[label]!r}: choose fewer folds.")
    return chosen[of_clip]
