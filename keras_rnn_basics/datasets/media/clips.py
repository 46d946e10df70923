"""Which clips a folder holds, what each is labelled and who speaks: by its folders, a function, or a table."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_rnn_basics.datasets.bounded import unpacked
from keras_rnn_basics.datasets.media.labels import counted, refuse_parts, twins
from keras_rnn_basics.datasets.media.sound import SOUND

FROM_NAMES = (
    "speaker=lambda file: file.stem.split('_')[0] takes the beginning of its name; where no two clips are of one "
    "speaker, speaker=lambda file: file.name says so"
)


def find_clips(
    path: Path, labels: Any, columns: Any, speaker: str | Callable[[Path], str] | None, max_bytes: int
) -> tuple[list[tuple[Path, str, str]], list[str]]:
    """-> (file, label, speaker) of each clip, label by label, and what is to be told.

    Raises:
        FileNotFoundError, ValueError: as `voices.load` says.
    """
    if not path.exists():
        raise FileNotFoundError(f"There is no folder {path}.")
    if not path.is_dir():
        raise ValueError(f"{path} is a file; name the folder that holds a folder of clips for each label.")
    # Names that begin with a dot are files of the operating system, not clips.
    held = [own for own in sorted(path.rglob("*")) if not any(p.startswith(".") for p in own.relative_to(path).parts)]
    files = [own for own in held if own.is_file()]
    clips = [own for own in files if own.suffix.lower() in SOUND]
    notes: list[str] = []
    if labels is None:
        if columns is not None or isinstance(speaker, str):
            raise ValueError("columns, and speaker by a column's name, are of a table: give it, labels=.")
        found, others = _by_folders(path, held, clips, speaker), sorted(set(files) - set(clips))
    else:
        found, others = _by_table(path, set(files), labels, columns, speaker, notes, max_bytes)
    if others:
        kinds = Counter(own.suffix.lower() or own.name for own in others)
        notes.append(
            f"Passed over in {path}: {counted([f'{n} {kind}' for kind, n in kinds.most_common()])}. Of a sound that "
            "soundfile does not read, such as m4a, this makes one: ffmpeg -i clip.m4a clip.wav"
        )
    notes += twins(sorted({label for _, label, _ in found}))
    return sorted(found, key=lambda clip: clip[1]), notes


def _by_folders(path, held, clips, speaker):
    if stray := [own for own in clips if own.parent == path]:
        raise ValueError(
            f"{stray[0]} has no label: it must lie in a folder named after its label, in {path}, or stand in a table, "
            "labels=."
        )
    folders = [own.name for own in held if own.is_dir() and own.parent == path]
    refuse_parts(path, folders)
    of = {own: own.relative_to(path).parts for own in clips}
    if empty := sorted(set(folders) - {parts[0] for parts in of.values()}):
        raise ValueError(
            f"{path / empty[0]} holds no file of sound ({', '.join(SOUND[:4])}, ...); fill this folder or remove it."
        )
    if speaker is None and (bare := [own for own in clips if len(of[own]) == 2]):
        raise ValueError(
            f"Nothing says who speaks in {bare[0]}, and no speaker may be in two folds. Put the clips of each speaker "
            f"into a folder, {path}/label/speaker/, or give a function: {FROM_NAMES}."
        )
    return [(own, of[own][0], of[own][1] if speaker is None else str(speaker(own))) for own in clips]


def _by_table(path, files, labels, columns, speaker, notes, max_bytes):
    """-> the clips of the table, and the files of the folder that it does not name."""
    import pandas

    table, shown = labels, "The frame"
    if not isinstance(labels, pandas.DataFrame):
        shown, separator = str(labels), "," if ".csv" in Path(labels).suffixes else "\t"
        # A tab-separated file has no quotes but those of its sentences.
        quoting = {"quoting": 3} if separator == "\t" else {}
        try:
            with unpacked(labels, max_bytes) as file:
                table = pandas.read_csv(file, sep=separator, dtype=str, encoding="utf-8", **quoting)
        except (pandas.errors.ParserError, pandas.errors.EmptyDataError, UnicodeDecodeError) as error:
            raise ValueError(f"{shown} is no table that can be read ({error}).") from error
    names = [*(columns or ()), *([speaker] if isinstance(speaker, str) else [])]
    if columns is None or isinstance(columns, str) or len(columns) != 2 or not set(names) <= set(table.columns):
        raise ValueError(
            f"columns must name the columns of the file and of the label in {shown}, and speaker one of them or a "
            f"function, got columns={columns!r}, speaker={speaker!r}; the columns are {list(map(str, table.columns))}."
        )
    if speaker is None:
        raise ValueError(
            f"Nothing says who speaks, and no speaker may be in two folds: name a column of {shown}, such as "
            f"speaker='client_id', or give a function: {FROM_NAMES}."
        )
    bare = table[names].isna().any(axis=1)
    if bare.any():
        notes.append(f"{shown}: {bare.sum()} of {len(table)} rows are passed over, as they say nothing in {names}.")
    rows = table[~bare]
    if repeated := rows[columns[0]][rows[columns[0]].duplicated()].tolist():
        raise ValueError(f"{shown} names the clip {repeated[0]!r} twice: it could be held out and trained on.")
    named = [path / str(name) for name in rows[columns[0]]]
    spoken_by = rows[speaker] if isinstance(speaker, str) else map(speaker, named)
    every = zip(named, map(str, rows[columns[1]]), map(str, spoken_by))
    found = [clip for clip in every if clip[0] in files]
    if not found:
        raise ValueError(
            f"{shown} names no clip that is in {path}: the first should be {named[0] if named else 'there'}. "
            f"{columns[0]!r} must hold the names of files, with their ending, as they lie in that folder."
        )
    if absent := [file.name for file in named if file not in files]:
        notes.append(f"{shown}: {len(absent)} of its clips are not in {path}: {counted(absent)}.")
    return found, sorted(files - {file for file, *_ in found} - {Path(str(labels))})
