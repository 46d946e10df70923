"""Labelled frame sequences: half-hidden handwritten digits that drift over a field, or the user's own by path."""

import re
import zipfile
import zlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from keras_rnn_basics import checks

HIDDEN = 0.6
SWITCHING_RATE = 0.1
FASTEST = 0.75  # pixels a frame, along each axis
LENGTH = 24
# Of the 1,797 scans; the others are for training.
VALIDATION_SCANS, TEST_SCANS = 200, 400
VALIDATION_SEQUENCES, TEST_SEQUENCES = 500, 4000
SEQUENCES_AN_EPOCH = 8000
FEWEST_SEQUENCES = 10
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
LAYOUT = "one folder a sequence, in it an image a frame, named <number>_<label>.png"


@dataclass(frozen=True)
class Sequences:
    """N sequences of T frames, each frame with its label.

    Attributes:
        x: (N, T, H, W) or (N, T, H, W, C) float32.
        y: (N, T) int32, classes from 0 to n - 1.
    """

    x: np.ndarray
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.y)

    @property
    def since_swap(self) -> np.ndarray:
        """(N, T) int32: how many frames ago the label changed; 0 in the frame that changes it, -1 before any does.

        >>> Sequences(np.zeros((1, 6, 8, 8)), np.array([[5, 5, 2, 2, 2, 7]])).since_swap
        array([[-1, -1,  0,  1,  2,  0]], dtype=int32)
        """
        t = np.arange(self.y.shape[1])
        last = np.maximum.accumulate(np.where(_changes(self.y), t, -1), axis=1)
        return np.where(last < 0, -1, t - last).astype("int32")


@dataclass(frozen=True)
class Frames:
    """Labelled frame sequences for training, validation and testing.

    Attributes:
        train: a finite `tf.data.Dataset` of batches (x, y), new or in a new order in every epoch.
        validation, test: the sequences of these parts.
        names: the n classes.
        switching_rate: the probability that a frame has another label than the one before, in training.
        prior: (n,), how often each class has a frame in training; no class has none.
        source: where the frames come from, and how they are split.
    """

    train: Any
    validation: Sequences
    test: Sequences
    names: tuple[str, ...]
    switching_rate: float
    prior: np.ndarray
    source: str


def load(path: str | Path | None = None, batch_size: int = 64, seed: int = 0) -> Frames:
    """Frames and their labels: handwritten digits on the move, or the user's own.

    Without a path: a scan of 8 x 8 pixels, by scikit-learn, drifts over a field of 16 x 16 for 24 frames, as `drift`
    says. The 1,797 scans are parted first, 1,197 for training, 200 for validation and 400 for the test. Sequences for
    training are drawn as they are needed, 8,000 an epoch, and never come again; those to validate, 500, and to
    test, 4,000, are fixed by the seed.

    Args:
        path: the user's own sequences, all of one length and with frames of one size: an npz file with `frames`,
            (N, T, H, W) or (N, T, H, W, C) numbers, and `labels`, (N, T) integers or words; or a folder: in it a folder
            for each sequence, in that an image for each frame, named after its number and its label, such as
            `videos/kitchen_3/0017_cup.png`. Bytes are scaled to 0 .. 1, other numbers stay as they are. All frames are
            held in memory.
        batch_size: sequences in a batch of `train`.
        seed: of the split and of what is drawn.

    Raises:
        ImportError: without a path, when scikit-learn is not installed.
        FileNotFoundError: when there is nothing at `path`.
        ValueError: for arguments that do not fit, or for what is no such file or folder, naming the place in it.

    >>> digits = load(batch_size=32)
    >>> digits.test.x.shape, digits.test.y.shape, digits.train.element_spec[0].shape
    ((4000, 24, 16, 16), (4000, 24), TensorShape([32, 24, 16, 16]))
    """
    checks.integer("batch_size", batch_size, 1)
    checks.integer("seed", seed, 0)
    return _digits(batch_size, seed) if path is None else _own(Path(path), batch_size, seed)


def drift(
    images: np.ndarray, digits: np.ndarray, sequences: int, rng: np.random.Generator, length: int = LENGTH
) -> Sequences:
    """Sequences in which an image drifts over a field of twice its size, most of it hidden, and is swapped at times.

    It starts anywhere at any speed of up to 0.75 pixels a frame along each axis, is drawn at the nearest whole pixel,
    and turns back at the edges. In each frame anew, each pixel is hidden (zero) with a probability of 60 %. With a
    probability of 10 % a frame shows another image than the one before: of another class, each equally often.

    Args:
        images: (M, H, W) float32, the source images.
        digits: (M,) integers, their classes; each from 0 to the largest has an image.
        sequences: N.
        rng: what chance draws from.
        length: T.

    >>> drift(np.ones((2, 8, 8)), np.array([0, 1]), sequences=3, rng=np.random.default_rng(0), length=5).x.shape
    (3, 5, 16, 16)
    """
    count = np.bincount(digits)
    shape, t = (sequences, length), np.arange(length)
    swapped = rng.random(shape) < SWITCHING_RATE
    swapped[:, 0] = False
    ahead = np.where(swapped, rng.integers(1, len(count), shape), 0)
    ahead[:, 0] = rng.integers(len(count), size=sequences)
    y = np.cumsum(ahead, axis=1) % len(count)
    # One draw of an image for each frame, of which those count that follow a swap.
    began = np.maximum.accumulate(np.where(swapped, t, 0), axis=1)
    draw = (np.take_along_axis(rng.random(shape), began, axis=1) * count[y]).astype(int)
    shown = images[np.argsort(digits, kind="stable")[(np.cumsum(count) - count)[y] + draw].ravel()]
    shown = shown * (rng.random(shown.shape, dtype="float32") >= HIDDEN)

    height, width = images.shape[1:]
    field = np.zeros((len(shown), 2 * height, 2 * width), dtype="float32")
    row, column = (_bounce(room, sequences, t, rng).reshape(-1, 1, 1) for room in (height, width))
    field[np.arange(len(shown))[:, None, None], row + np.arange(height)[:, None], column + np.arange(width)] = shown
    return Sequences(field.reshape(*shape, *field.shape[1:]), y.astype("int32"))


def _bounce(room, sequences, t, rng):
    """-> (N, T) integers from 0 to room: a straight motion, folded back at both ends."""
    start = rng.uniform(0, 2 * room, (sequences, 1))
    way = start + rng.uniform(-FASTEST, FASTEST, (sequences, 1)) * t
    return np.rint(np.abs(way % (2 * room) - room)).astype(int)


def _changes(y):
    return np.diff(y, axis=1, prepend=y[:, :1]) != 0


def _digits(batch_size, seed):
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            "The digits come from scikit-learn: pip install 'keras_rnn_basics[examples]', or give the path of your own."
        ) from error
    import tensorflow as tf

    scans = load_digits()
    images, digits = (scans.images / 16).astype("float32"), scans.target
    split_rng, validation_rng, test_rng, train_rng = np.random.default_rng(seed).spawn(4)
    bounds = [TEST_SCANS, TEST_SCANS + VALIDATION_SCANS]
    test, validation, train = np.split(split_rng.permutation(len(digits)), bounds)

    count = max(1, SEQUENCES_AN_EPOCH // batch_size)

    def epoch():
        for _ in range(count):
            batch = drift(images[train], digits[train], batch_size, train_rng)
            yield batch.x, batch.y

    to_validate = drift(images[validation], digits[validation], VALIDATION_SEQUENCES, validation_rng)
    to_test = drift(images[test], digits[test], TEST_SEQUENCES, test_rng)
    x, y = to_validate.x, to_validate.y
    signature = (tf.TensorSpec((batch_size, *x.shape[1:])), tf.TensorSpec((batch_size, *y.shape[1:]), "int32"))
    batches = tf.data.Dataset.from_generator(epoch, output_signature=signature)
    batches = batches.apply(tf.data.experimental.assert_cardinality(count)).prefetch(4)
    source = (
        f"scikit-learn's {len(digits):,} scans of handwritten digits, drifting, {HIDDEN:.0%} of the pixels hidden; "
        f"{len(train):,} scans to train, {len(validation)} to validate, {len(test)} to test"
    )
    names = tuple(str(name) for name in scans.target_names)
    prior = np.full(len(names), 1 / len(names))
    return Frames(batches, to_validate, to_test, names, SWITCHING_RATE, prior, source)


def _own(path, batch_size, seed):
    import tensorflow as tf

    if not path.exists():
        raise FileNotFoundError(f"There is no file or folder {path}.")
    x, labels = _read_folder(path) if path.is_dir() else _read_npz(path)
    N = len(x)
    if N < FEWEST_SEQUENCES:
        raise ValueError(
            f"{path} has {N} sequences; training, validation and test take at least {FEWEST_SEQUENCES}: "
            "a piece of a long one would be no unseen sequence."
        )
    names, y = np.unique(labels, return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"{path} has the one label {names[0]} on all frames: there is nothing to tell apart.")
    x = np.divide(x, 255, dtype="float32") if x.dtype == np.uint8 else x.astype("float32")
    every = Sequences(x, y.reshape(labels.shape).astype("int32"))
    count = max(2, round(0.15 * N))
    order = np.random.default_rng(seed).permutation(N)
    test, validation, train = (Sequences(every.x[own], every.y[own]) for own in np.split(order, [count, 2 * count]))
    batches = tf.data.Dataset.from_tensor_slices((train.x, train.y))
    batches = batches.shuffle(len(train), seed=seed).batch(batch_size)
    prior = np.bincount(train.y.ravel(), minlength=len(names)) + 1.0
    rate = float(_changes(train.y)[:, 1:].mean()) if y.shape[1] > 1 else 0.0
    source = f"{path}: {len(train)} sequences to train, {count} to validate, {count} to test"
    return Frames(batches, validation, test, tuple(map(str, names)), rate, prior / prior.sum(), source)


def _read_npz(path):
    """-> (N, T, H, W) or (N, T, H, W, C) numbers, (N, T) integers or words."""
    how = "write it with np.savez(path, frames=..., labels=...)"
    if not path.stat().st_size:
        raise ValueError(f"{path} is empty; {how}.")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is no npz file, or a broken one; {how}.")
    with np.load(path, allow_pickle=False) as file:
        missing = [name for name in ("frames", "labels") if name not in file.files]
        if missing:
            raise ValueError(f"{path} has no array {missing[0]!r}, only {file.files}; {how}.")
        x, labels = (_read_array(path, file, name) for name in ("frames", "labels"))
    if x.ndim not in (4, 5) or x.dtype.kind not in "buif":
        raise ValueError(
            f"{path}: frames must be (N, T, H, W) or (N, T, H, W, C) numbers, got {x.dtype} of shape {x.shape}."
        )
    if not x.size:
        raise ValueError(f"{path}: frames is empty, of shape {x.shape}.")
    if labels.dtype.kind not in "iuU":
        raise ValueError(f"{path}: labels must be integers or words, one a frame, got {labels.dtype}.")
    if labels.shape != x.shape[:2]:
        raise ValueError(f"{path}: labels must be {x.shape[:2]}, one for each of the frames, got {labels.shape}.")
    if x.dtype.kind == "f":
        with np.errstate(over="ignore"):
            faulty = ~np.isfinite(x.astype("float32"))
        if faulty.any():
            i, t = np.argwhere(faulty)[0][:2]
            raise ValueError(
                f"{path}: frames[{i}, {t}] holds a number that is not finite in float32; mend it, or leave it out."
            )
    return x, labels


def _read_array(path, file, name):
    try:
        return file[name]
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise ValueError(f"{path}: {name} cannot be read, the file is broken ({error}).") from error
    except ValueError as error:
        raise ValueError(
            f"{path}: {name} is no array of numbers but of pickled Python objects, which are not read: they could run "
            "code. Write words with labels.astype(str). Ragged lists become such: all frames must have one size, and "
            "all sequences one length."
        ) from error


def _read_folder(path):
    """-> (N, T, H, W) or (N, T, H, W, C) bytes, (N, T) words."""
    folders = sorted(folder for folder in path.iterdir() if folder.is_dir() and not folder.name.startswith("."))
    if not folders:
        raise ValueError(f"{path} holds no folders; it must hold {LAYOUT}.")
    sequences = [_frame_files(folder) for folder in folders]
    for folder, own in zip(folders, sequences):
        if len(own) != len(sequences[0]):
            raise ValueError(
                f"{folder} has {len(own)} frames, but {folders[0]} {len(sequences[0])}: "
                "all sequences must be equally long."
            )
    images = [[_read_image(file) for _, _, file in own] for own in sequences]
    for own, files in zip(images, sequences):
        for image, (_, _, file) in zip(own, files):
            if image.shape != images[0][0].shape:
                raise ValueError(
                    f"{file} has the size {image.shape} (height, width, channels), but {sequences[0][0][2]} "
                    f"{images[0][0].shape}: all frames must have one."
                )
    x = np.array(images)
    return x[..., 0] if x.shape[-1] == 1 else x, np.array([[label for _, label, _ in own] for own in sequences])


def _frame_files(folder):
    """-> (number, label, file) of each frame, by rising number."""
    frames = []
    for file in folder.iterdir():
        if file.suffix.lower() not in IMAGES or file.name.startswith("."):
            continue
        named = re.fullmatch(r"(\d+)_(.+)", file.stem)
        if not named:
            raise ValueError(f"{file} is not named <number>_<label>, such as 0017_cup{file.suffix}.")
        frames.append((int(named[1]), named[2], file))
    if not frames:
        raise ValueError(f"{folder} holds no images ({', '.join(IMAGES)}); {folder.parent} must hold {LAYOUT}.")
    frames.sort()
    for (number, _, before), (other, _, file) in pairwise(frames):
        if number == other:
            raise ValueError(f"{before} and {file.name} are both frame {number}; a frame has one image.")
    return frames


def _read_image(file):
    import tensorflow as tf

    try:
        return tf.io.decode_image(tf.io.read_file(str(file)), expand_animations=False).numpy()
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(f"{file} is no image that can be read: empty, broken, or of another kind.") from error
