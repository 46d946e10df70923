"""The user's own frame sequences out of arrays or folders: frames of one size, a label each, and what is to be told."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from keras_rnn_basics.datasets.bounded import read_array, refuse_beyond
from keras_rnn_basics.datasets.media.images import IMAGES, VIDEOS, read_pictures
from keras_rnn_basics.datasets.media.labels import counted, refuse_parts

LAYOUT = (
    "one folder per sequence, with one image per frame, named <number>_<label>.png; or one folder per label, with one "
    "animated image or video per sequence"
)


def read_frames(path: Path, labels: Any, max_bytes: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """-> (N, T, H, W) or (N, T, H, W, C) float32, (N, T) integers or words, and what is to be told.

    Raises:
        ImportError, ValueError: as `frames.load` says.
    """
    if labels is not None and path.suffix.lower() != ".npy":
        raise ValueError(f"labels are for an npy file of frames; {path} has to say itself what its frames show.")
    if path.is_dir():
        return _read_folder(path, max_bytes)
    x, labels = _read_arrays(path, labels, max_bytes)
    return scaled(x), labels, []


def scaled(x: np.ndarray) -> np.ndarray:
    """Numbers of 8 and 16 bits without a sign to 0 .. 1, others as they are; float32.

    >>> scaled(np.array([0, 255], "uint8")), scaled(np.array([0, 65535], "uint16")), scaled(np.array([7.5]))
    (array([0., 1.], dtype=float32), array([0., 1.], dtype=float32), array([7.5], dtype=float32))
    """
    return np.divide(x, np.iinfo(x.dtype).max, dtype="float32") if x.dtype in ("u1", "u2") else x.astype("float32")


def _read_arrays(path, labels, max_bytes):
    """-> (N, T, H, W) or (N, T, H, W, C) numbers, (N, T) integers or words."""
    if not path.stat().st_size:
        raise ValueError(f"{path} is empty; write it with np.savez(path, frames=..., labels=...).")
    if path.suffix.lower() == ".npy":
        if labels is None:
            raise ValueError(f"{path} holds the frames alone: give their labels, labels='labels.npy', or an array.")
        x = read_array(path, None, max_bytes)
        labels = read_array(labels, None, max_bytes) if isinstance(labels, (str, Path)) else np.asarray(labels)
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
    if labels.dtype.kind not in "iuU":
        raise ValueError(f"{path}: labels must be integers or words, one per frame, got {labels.dtype}.")
    if labels.shape != x.shape[:2]:
        raise ValueError(f"{path}: labels must be {x.shape[:2]}, one for each of the frames, got {labels.shape}.")
    if x.dtype.kind == "f":
        with np.errstate(over="ignore"):
            faulty = ~np.isfinite(x.astype("float32"))
        if faulty.any():
            i, t = np.argwhere(faulty)[0][:2]
            raise ValueError(
                f"{path}: frames[{i}, {t}] holds a number that is not finite in float32; correct it, or leave it out."
            )
    return x, labels


def _read_folder(path, max_bytes):
    held = {own: sorted(_visible(own)) for own in sorted(_visible(path)) if own.is_dir()}
    if not held:
        raise ValueError(f"{path} holds no folders; it must hold {LAYOUT}.")
    refuse_parts(path, [folder.name for folder in held])
    files = {folder: [own for own in held[folder] if own.suffix.lower() in IMAGES + VIDEOS] for folder in held}
    for folder in held:
        if not files[folder]:
            raise ValueError(f"{folder} holds no images ({', '.join(IMAGES)}) or videos; {path} must hold {LAYOUT}.")
    read = {*held, *(file for own in files.values() for file in own)}
    others = [
        str(own.relative_to(path))
        for own in [*_visible(path), *(o for f in held.values() for o in f)]
        if own not in read
    ]
    notes = [f"Passed over in {path}: {counted(sorted(others))}."] if others else []
    if any(_named(file) for own in files.values() for file in own):
        sequences = [_numbered(folder, own, notes) for folder, own in files.items()]
    else:
        sequences = [[(folder.name, file)] for folder, own in files.items() for file in own]
    x = _read_all(path, [[file for _, file in own] for own in sequences], max_bytes)
    labels = np.array([[label for label, _ in own] for own in sequences])
    return x, np.broadcast_to(labels, x.shape[:2]), notes


def _visible(folder):
    """The files and folders in it. Names that begin with a dot are files of the operating system."""
    return [own for own in folder.iterdir() if not own.name.startswith(".")]


def _named(file):
    return re.fullmatch(r"(\d+)_(.+)", file.stem)


def _numbered(folder, files, notes):
    """-> (label, file) of each frame of a folder, by rising number."""
    frames = []
    for file in files:
        named = _named(file)
        if not named:
            raise ValueError(f"{file} is not named <number>_<label>, such as 0017_cup{file.suffix}.")
        frames.append((int(named[1]), named[2], file))
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


def _read_all(path, sequences, max_bytes):
    """-> (N, T, ...) float32 of sequences of files: of one picture each, or of one file each with all its pictures."""
    first, x = sequences[0], np.empty(0)
    single = len(first) == 1 and not _named(first[0])
    for n, own in enumerate(sequences):
        if len(own) != len(first):
            raise ValueError(
                f"{own[0].parent} has {len(own)} frames, but {first[0].parent} has {len(first)}: all sequences must be "
                "equally long."
            )
        for t, file in enumerate(own):
            pictures = read_pictures(file, max_bytes)
            if single == (len(pictures) == 1):
                raise ValueError(
                    f"{file} holds {len(pictures)} picture{'s' * (not single)}, but {path} must hold {LAYOUT}."
                )
            picture = pictures if single else pictures[0]
            if not x.size:
                shape, kind = picture.shape, picture.dtype
                refuse_beyond(str(path), 4 * len(sequences) * len(first) * picture.size, max_bytes)
                x = np.empty((len(sequences), len(first), *shape), "float32")
            if single and len(picture) != shape[0]:
                raise ValueError(
                    f"{file} has {len(picture)} frames, but {first[0]} has {shape[0]}: all sequences must be equally "
                    "long."
                )
            if (picture.shape, picture.dtype) != (shape, kind):
                own_size, first_size = _size(picture.shape, picture.dtype, single), _size(shape, kind, single)
                raise ValueError(f"{file} is {own_size}, but {first[0]} is {first_size}: all frames must be alike.")
            x[n, t] = scaled(picture)
    return x[:, 0] if single else x


def _size(shape, kind, single):
    height, width, *channels = shape[single:]
    return f"{height} x {width} pixels, {channels[0] if channels else 1} x {kind}"
