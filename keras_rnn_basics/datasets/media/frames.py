"""The user's own frame sequences out of arrays or folders: frames of one size, a label each, and what is to be told."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from keras_rnn_basics.datasets.bounded import read_array, refuse_beyond
from keras_rnn_basics.datasets.media.images import IMAGES, VIDEOS, read_pictures
from keras_rnn_basics.datasets.media.labels import counted, refuse_parts

BRIGHTEST = 255
LAYOUT = (
    "one folder per sequence, with one image per frame, named <number>_<label>.png; or one folder per label, with one "
    "animated image or video per sequence, or with a folder of numbered images per sequence"
)


def read_frames(
    path: Path, labels: Any, length: int | None, max_bytes: int
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """-> (N, T, H, W) or (N, T, H, W, C) float32, (N, T) integers or words, and what is to be told.

    Raises:
        ImportError, ValueError: as `frames.load` says.
    """
    if labels is not None and path.suffix.lower() != ".npy":
        raise ValueError(f"labels are for an npy file of frames; {path} has to say itself what its frames show.")
    notes: list[str] = []
    if path.is_dir():
        x, labels = _read_folder(path, length, notes, max_bytes)
    else:
        x, labels = _read_arrays(path, labels, max_bytes)
        if x.dtype not in ("u1", "u2") and x.min() == 0 and x.max() == BRIGHTEST:
            notes.append(
                f"{path}: frames of {x.dtype} from 0 to 255 stay so; frames.astype('uint8') is scaled to 0 .. 1."
            )
    if length is not None and labels.shape[1] < length:
        raise ValueError(f"{path} has sequences of {labels.shape[1]} frames, fewer than length={length}.")
    return scaled(x[:, :length]), labels[:, :length], notes


def scaled(x: np.ndarray) -> np.ndarray:
    """Numbers of 8 and 16 bits without a sign to 0 .. 1, others as they are; float32.

    >>> scaled(np.array([0, 255], "uint8")), scaled(np.array([0, 65535], "uint16")), scaled(np.array([7.5]))
    (array([0., 1.], dtype=float32), array([0., 1.], dtype=float32), array([7.5], dtype=float32))
    """
    if x.dtype not in ("u1", "u2"):
        return x.astype("float32", copy=False)
    return np.divide(x, np.iinfo(x.dtype).max, dtype="float32")


def _read_arrays(path, labels, max_bytes):
    """-> (N, T, H, W) or (N, T, H, W, C) numbers, (N, T) integers or words."""
    if not path.stat().st_size:
        raise ValueError(f"{path} is empty; write it with np.savez(path, frames=..., labels=...).")
    if path.suffix.lower() == ".npy":
        if labels is None:
            raise ValueError(f"{path} holds the frames alone: give their labels, labels='labels.npy', or an array.")
        x = read_array(path, None, max_bytes)
        if isinstance(labels, (str, Path)):
            labels = read_array(labels, None, max_bytes)
        elif not isinstance(labels, np.ndarray):
            kind = type(labels).__name__
            raise ValueError(f"labels must be an array, or the path of an npy file, got {kind}: np.array(labels).")
    else:
        x, labels = read_array(path, "frames", max_bytes), read_array(path, "labels", max_bytes)
    if x.ndim not in (4, 5) or x.dtype.kind not in "buif":
        raise ValueError(
            f"{path}: frames must be (N, T, H, W) or (N, T, H, W, C) numbers, got {x.dtype} of shape {x.shape}."
        )
    if not x.size:
        raise ValueError(f"{path}: frames is empty, of shape {x.shape}.")
    if x.ndim == 5 and x.shape[2] <= 4 < x.shape[4]:
        raise ValueError(
            f"{path}: frames of the shape {x.shape} seem to have the channels before height and width; they belong "
            "behind: np.moveaxis(frames, 2, -1)."
        )
    if labels.dtype.kind not in "biuU":
        raise ValueError(
            f"{path}: labels must be integers or words, one per frame, got {labels.dtype}: labels.astype(int) makes "
            "them of whole numbers, labels.astype(str) of bytes, labels.argmax(-1) of one-hot vectors."
        )
    if labels.shape not in (x.shape[:2], (len(x), 1), (len(x),)):
        raise ValueError(
            f"{path}: labels must be {x.shape[:2]}, one for each of the frames, or {x.shape[:1]}, one for each "
            f"sequence, got {labels.shape}" + "; labels.argmax(-1) undoes one-hot vectors" * (labels.ndim == 3) + "."
        )
    labels = np.broadcast_to(labels.reshape(len(x), -1), x.shape[:2])
    if x.dtype.kind == "f":
        with np.errstate(over="ignore"):
            faulty = ~np.isfinite(x.astype("float32"))
        if faulty.any():
            i, t = np.argwhere(faulty)[0][:2]
            raise ValueError(
                f"{path}: frames[{i}, {t}] holds a number that is not finite in float32; correct it, or leave it out."
            )
    return x, labels


def _read_folder(path, length, notes, max_bytes):
    tops = [own for own in _visible(path) if own.is_dir()]
    refuse_parts(path, [top.name for top in tops])
    within = [(top.name, own) for top in tops for own in _visible(top) if own.is_dir()]
    labelled = bool(within) and not any(map(_pictured, tops))
    folders = within if labelled else [(None, top) for top in tops]
    if not folders:
        raise ValueError(f"{path} holds no folders; it must hold {LAYOUT}.")
    files = {folder: _pictured(folder) for _, folder in folders}
    full = {own for own, inside in files.items() if inside} | {own.parent for _, own in within if labelled}
    if bare := [own for own in (*tops, *files) if own not in full]:
        raise ValueError(f"{bare[0]} holds no images ({', '.join(IMAGES)}) or videos; {path} must hold {LAYOUT}.")
    read = {*tops, *files, *(file for own in files.values() for file in own)}
    others = [own for folder in {path, *tops, *files} for own in _visible(folder) if own not in read]
    if others:
        notes.append(f"Passed over in {path}: {counted(sorted(str(own.relative_to(path)) for own in others))}.")
    if labelled or any(_named(file) for own in files.values() for file in own):
        sequences = [_numbered(folder, files[folder], label, notes) for label, folder in folders]
    else:
        sequences = [[(folder.name, file)] for folder, own in files.items() for file in own]
    sequences = [own[:length] for own in sequences]
    x = _read_all(path, [[file for _, file in own] for own in sequences], length, max_bytes)
    labels = np.array([[label for label, _ in own] for own in sequences])
    return x, np.broadcast_to(labels, x.shape[:2])


def _visible(folder):
    """The files and folders in it, in order. Names that begin with a dot or with __ are the operating system's."""
    return sorted(own for own in folder.iterdir() if not own.name.startswith((".", "__")))


def _pictured(folder):
    return [own for own in _visible(folder) if own.suffix.lower() in IMAGES + VIDEOS]


def _named(file):
    return re.fullmatch(r"(\d+)_(.+)", file.stem)


def _numbered(folder, files, label, notes):
    """-> (label, file) of each frame of a folder, by rising number: with a label, the last in the file's name."""
    frames = []
    for file in files:
        named = re.search(r"(\d+)\D*$", file.stem) if label else _named(file)
        if not named:
            how = "with its number, such as frame_0017" if label else "<number>_<label>, such as 0017_cup"
            raise ValueError(f"{file} is not named {how}{file.suffix}.")
        frames.append((int(named[1]), label or named[2], file))
    frames.sort()
    steps = [after[0] - before[0] for before, after in pairwise(frames)]
    if 0 in steps:
        at = steps.index(0)
        raise ValueError(
            f"{frames[at][2]} and {frames[at + 1][2].name} are both frame {frames[at][0]}; each frame must have one "
            "image."
        )
    if gaps := [at for at, step in enumerate(steps) if step > min(steps)]:
        places = [f"between {frames[at][0]} and {frames[at + 1][0]}" for at in gaps]
        notes.append(f"{folder}: numbers are missing {counted(places)}; the frames are taken to follow each other.")
    return [(label, file) for _, label, file in frames]


def _read_all(path, sequences, length, max_bytes):
    """-> (N, T, ...) float32 of sequences of files: of one picture each, or of one file each with all its pictures."""
    first, x = sequences[0], np.empty(0)
    single = all(len(own) == 1 and not _named(own[0]) for own in sequences)
    for n, files in enumerate(sequences):
        _refuse_lengths(files[0].parent, len(files), first[0].parent, len(first))
        for t, file in enumerate(files):
            pictures = read_pictures(file, max_bytes, length if single else None)
            if single == (len(pictures) == 1):
                raise ValueError(
                    f"{file} holds {len(pictures)} picture{'s' * (not single)}, but {path} must hold {LAYOUT}."
                )
            picture = pictures if single else pictures[0]
            if not x.size:
                shape, kind = picture.shape, picture.dtype
                refuse_beyond(str(path), 4 * len(sequences) * len(first) * picture.size, max_bytes)
                x = np.empty((len(sequences), len(first), *shape), "float32")
            if single:
                _refuse_lengths(file, len(picture), first[0], shape[0])
            if (picture.shape, picture.dtype) != (shape, kind):
                own_size, first_size = _size(picture.shape, picture.dtype, single), _size(shape, kind, single)
                raise ValueError(
                    f"{file} is {own_size}, but {first[0]} is {first_size}: all frames must be alike. For images, "
                    "PIL.Image.open(file).convert('RGB').resize((width, height)).save(file) makes them so."
                )
            x[n, t] = scaled(picture)
    return x[:, 0] if single else x


def _refuse_lengths(own, frames, first, others):
    if frames != others:
        raise ValueError(
            f"{own} has {frames} frames, but {first} has {others}: all sequences must be equally long. "
            f"length={min(frames, others)} keeps the first frames of each."
        )


def _size(shape, kind, single):
    height, width, *channels = shape[single:]
    return f"{height} x {width} pixels, {channels[0] if channels else 1} x {kind}"
