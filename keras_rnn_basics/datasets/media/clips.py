"""Which clips a folder holds, what each is labelled and who speaks: by its folders, functions, or a table."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_rnn_basics.datasets.bounded import own_path, unpacked
from keras_rnn_basics.datasets.media.labels import counted, refuse_parts, twins
from keras_rnn_basics.datasets.media.sound import SOUND

UNREAD = frozenset([".m4a", ".aac", ".wma", ".amr", ".mp4", ".webm"])  # sound, but not for soundfile


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
    if not (speaker is None or isinstance(speaker, str) or callable(speaker)):
        raise ValueError(f"speaker must be a function of a clip's path, or a column of a table, got {speaker!r}.")
    # Names that begin with a dot are files of the operating system, not clips.
    held = [own for own in sorted(path.rglob("*")) if not any(p.startswith(".") for p in own.relative_to(path).parts)]
    files = {own for own in held if own.is_file()}
    clips = [own for own in held if own in files and own.suffix.lower() in SOUND]
    notes: list[str] = []
    if labels is not None and not callable(labels):
        named = _by_table(path, files, labels, columns, speaker, notes, max_bytes)
    elif columns is not None or isinstance(speaker, str):
        raise ValueError("columns, and speaker by a column's name, are of a table: give it, labels=.")
    else:
        named = [(own, labels(own), None) for own in clips] if labels else _by_folders(path, held, clips)
    if callable(speaker):
        named = [(own, label, speaker(own)) for own, label, _ in named]
    named = [clip for clip in named if clip[1] is not None and clip[1] == clip[1]]
    if bare := [own for own, _, who in named if who is None]:
        raise ValueError(_nobody(bare[0], path))
    if others := files - {own for own, *_ in named} - {Path(str(labels))}:
        kinds = Counter(own.suffix.lower() or own.name for own in sorted(others))
        notes.append(
            f"Passed over in {path}: {counted([f'{n} {kind}' for kind, n in kinds.most_common()])}."
            + " soundfile does not read them all; this makes a clip: ffmpeg -i clip.m4a clip.wav"
            * bool(UNREAD & {*kinds})
        )
    if named and all(who == own.stem for own, _, who in named):
        notes.append(
            f"Each clip is taken for a speaker of its own, such as {named[0][2]!r}. If not, folds share speakers."
        )
    found = sorted(((own, str(label), str(who)) for own, label, who in named), key=lambda clip: clip[1])
    return found, notes + twins(sorted({label for _, label, _ in found}))


def _nobody(file, path):
    mark = next((own for own in "_-." if own in file.stem), "_")
    parts = file.stem.split(mark)
    return (
        f"Nothing says who speaks in {file}, and no speaker may be in two folds. Put the clips of each speaker into a "
        f"folder, {path}/label/speaker/, or name a column of the table, such as speaker='client_id', or give a "
        f"function: speaker=lambda file: file.stem.split({mark!r})[0] takes the beginning of a name, here "
        f"{parts[0]!r}, [-1] its end, here {parts[-1]!r}; where no two clips are of one speaker, "
        "speaker=lambda file: file.name says so."
    )


def _by_folders(path, held, clips):
    """(clip, the folder in `path` that it lies in, the folder in that one, or None) of each clip.

    Folders whose names begin with _ hold no label: _background_noise_, __MACOSX.
    """
    if stray := [own for own in clips if own.parent == path]:
        raise ValueError(
            f"{stray[0]} has no label: it must lie in a folder named after its label, in {path}, or stand in a table, "
            "labels='table.csv', or a function of its path must say it, labels=lambda file: file.stem.split('_')[0]."
        )
    folders = [own.name for own in held if own.is_dir() and own.parent == path and not own.name.startswith("_")]
    refuse_parts(path, folders)
    of = {own: own.relative_to(path).parts for own in clips}
    if empty := sorted(set(folders) - {parts[0] for parts in of.values()}):
        raise ValueError(
            f"{path / empty[0]} holds no file of sound ({', '.join(SOUND[:4])}, ...); fill this folder or remove it."
        )
    return [(own, label, rest[0] if rest[1:] else None) for own, (label, *rest) in of.items() if label in folders]


def _by_table(path, files, labels, columns, speaker, notes, max_bytes):
    """(clip, label, speaker or None) of each row whose clip is in the folder."""
    import pandas

    table, shown = labels, "The frame"
    if not isinstance(labels, pandas.DataFrame):
        shown = str(labels)
        kinds = "a csv or tsv file, a pandas.DataFrame, or a function of a clip's path"
        try:
            with unpacked(own_path(labels, kinds, "labels"), max_bytes) as file:
                first = file.readline(1 << 16)
                file.seek(0)
                separator = max(b"\t,;|", key=first.count)
                # A tab-separated file has no quotes but those of its sentences.
                quoting = {"quoting": 3} if separator == ord("\t") else {}
                table = pandas.read_csv(file, sep=chr(separator), dtype=str, encoding="utf-8", **quoting)
        except (pandas.errors.ParserError, pandas.errors.EmptyDataError, UnicodeDecodeError) as error:
            raise ValueError(f"{shown} is no table that can be read ({error}). Save it as csv, in UTF-8.") from error
    names = [*(columns or ()), *([speaker] if isinstance(speaker, str) else [])]
    if columns is None or isinstance(columns, str) or len(columns) != 2 or not set(names) <= set(table.columns):
        raise ValueError(
            f"columns must name the columns of the file and of the label in {shown}, and speaker one of them or a "
            f"function, got columns={columns!r}, speaker={speaker!r}; the columns are {list(map(str, table.columns))}. "
            "Of a table of speakers, a function takes the label: labels=lambda file: sex[file.parts[-3]]."
        )
    bare = table[names].isna().any(axis=1)
    if bare.any():
        notes.append(f"{shown}: {bare.sum()} of {len(table)} rows are passed over, as they say nothing in {names}.")
    rows = table[~bare]
    # A table may leave out the folders that a clip lies in, or the ending of its name.
    alike: dict[str, set[Path]] = {}
    for own in (own for own in files if own.suffix.lower() in SOUND):
        for name in (own.name, own.stem):
            alike.setdefault(name, set()).add(own)
    places = [path / str(name).replace("\\", "/") for name in rows[columns[0]]]
    named = [own if own in files or len(one := alike.get(own.name, ())) != 1 else next(iter(one)) for own in places]
    if repeated := [own for own, n in Counter(named).items() if n > 1]:
        raise ValueError(f"{shown} names the clip {repeated[0].name!r} twice: it could be held out and trained on.")
    if not files & set(named):
        raise ValueError(
            f"{shown} names no clip that is in {path}: the first should be {named[0] if named else 'there'}. "
            f"{columns[0]!r} must hold the names of files, as they lie in that folder."
        )
    if absent := [file.name for file in named if file not in files]:
        notes.append(f"{shown}: {len(absent)} of its clips are not in {path}: {counted(absent)}.")
    spoken_by = rows[speaker] if isinstance(speaker, str) else [None] * len(named)
    return [clip for clip in zip(named, rows[columns[1]], spoken_by) if clip[0] in files]
