"""Labelled frame sequences: half-hidden handwritten digits that drift over a field, or the user's own files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_rnn_basics import checks
from keras_rnn_basics.datasets.bounded import MAX_BYTES, own_path
from keras_rnn_basics.datasets.media.frames import read_frames
from keras_rnn_basics.datasets.media.labels import twins
from keras_rnn_basics.datasets.parts import Parts, tell
from keras_rnn_basics.datasets.synthetic.digits import HIDDEN, SWITCHING_RATE, drift

# Numbers of the 1,797 scans; the other scans are for training.
VALIDATION_SCANS, TEST_SCANS = 200, 400
VALIDATION_SEQUENCES, TEST_SEQUENCES = 500, 4000
SEQUENCES_AN_EPOCH = 8000
FEWEST_SEQUENCES = 10


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


@dataclass(frozen=True, kw_only=True)
class Frames(Parts[Any]):
    """Labelled frame sequences for training, validation and testing; `names` are those of the n classes.

    Attributes:
        train: a finite `tf.data.Dataset` of batches (x, y), new or in a new order in every epoch.
        validation, test: the `Sequences` of these parts.
        switching_rate: the probability in training that a frame has another label than the frame before it.
        prior: (n,), the share of each class in the frames of training; always above zero.
    """

    switching_rate: float
    prior: np.ndarray


def load(
    data: str | Path | None = None,
    labels: str | Path | np.ndarray | None = None,
    batch_size: int = 64,
    seed: int = 0,
    length: int | None = None,
    max_bytes: int = MAX_BYTES,
) -> Frames:
    """Frames and their labels: handwritten digits on the move, or the user's own.

    Without data: a scan of 8 x 8 pixels, from scikit-learn, drifts over a field of 16 x 16 for 24 frames, as described
    in `synthetic.digits.drift`. The 1,797 scans are split first: 1,197 for training, 200 for validation and 400 for the
    test. Sequences for training are drawn when they are needed, 8,000 per epoch, and are never repeated. The 500
    sequences for validation and the 4,000 for the test are fixed by the seed.

    With data: sequences of one length, their frames of one size. Numbers of 8 and 16 bits without a sign, as images
    have them, are scaled to 0 .. 1, other numbers are kept. Images are turned as their EXIF says. A warning
    says what was passed over, and which numbers are missing in a sequence.

    Args:
        data: the user's own sequences. An npz file with `frames`, (N, T, H, W) or (N, T, H, W, C) numbers, and
            `labels`, integers or words, (N, T) or (N,); or an npy file of the frames. Or a folder like one of these:
            `videos/kitchen_3/0017_cup.png`, a folder for each sequence, in it an image for each frame, named after its
            number and its label; or `videos/cup/kitchen_3.gif`, a folder for each label, in it an animated image (gif,
            webp, png) or a video (mp4, avi, ...) for each sequence, or a folder of numbered images.
        labels: with an npy file, the labels: an array, or another npy file.
        batch_size: number of sequences in a batch of `train`.
        seed: seed of the split and of the random draws.
        length: only of the user's own: the frames that are kept of each sequence, from its beginning.
        max_bytes: the most memory that the frames may take, 4 bytes for each number of a pixel.

    Raises:
        ImportError: if a package is not installed: scikit-learn without data, imageio for images, PyAV for videos.
        FileNotFoundError: if `data` does not exist.
        ValueError: for an invalid argument, or for a file or folder of another form. The error names the place of the
            fault.

    >>> digits = load(batch_size=32)
    >>> digits.test.x.shape, digits.test.y.shape, digits.train.element_spec[0].shape
    ((4000, 24, 16, 16), (4000, 24), TensorShape([32, 24, 16, 16]))
    """
    checks.integer("batch_size", batch_size, 1)
    checks.integer("seed", seed, 0)
    checks.positive_integer("max_bytes", max_bytes)
    if length is not None:
        checks.integer("length", length, 2)
    if data is None:
        if labels is not None or length is not None:
            raise ValueError("labels and length are of the user's own frames: name their file or folder, data=.")
        return _digits(batch_size, seed)
    kinds = "a folder, or a file written with np.savez(path, frames=..., labels=...)"
    own = _own(own_path(data, kinds), labels, batch_size, seed, length, max_bytes)
    tell(own.notes)
    return own


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
            yield drift(images[train], digits[train], batch_size, train_rng)

    to_validate = Sequences(*drift(images[validation], digits[validation], VALIDATION_SEQUENCES, validation_rng))
    to_test = Sequences(*drift(images[test], digits[test], TEST_SEQUENCES, test_rng))
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
    return Frames(batches, to_validate, to_test, names, source, switching_rate=SWITCHING_RATE, prior=prior)


def _own(path, labels, batch_size, seed, length, max_bytes):
    import tensorflow as tf

    if not path.exists():
        raise FileNotFoundError(f"There is no file or folder {path}.")
    x, labels, notes = read_frames(path, labels, length, max_bytes)
    N = len(x)
    if N < FEWEST_SEQUENCES:
        raise ValueError(
            f"{path} has {N} sequences; training, validation and test take at least {FEWEST_SEQUENCES}. "
            "Pieces of one long sequence do not count: they would not be unseen."
        )
    kinds, classes = np.unique(labels, return_inverse=True)
    names = tuple(map(str, kinds))
    y: np.ndarray = classes.reshape(labels.shape).astype("int32")
    if len(names) < 2:
        raise ValueError(f"{path} has the one label {kinds[0]} on all frames: there is nothing to tell apart.")
    count = max(2, round(0.15 * N))
    order = np.random.default_rng(seed).permutation(N)
    of_test, of_validation, of_train = np.split(order, [count, 2 * count])
    batches = tf.data.Dataset.from_tensor_slices((x[of_train], y[of_train]))
    batches = batches.shuffle(len(of_train), seed=seed).batch(batch_size)
    prior = np.bincount(y[of_train].ravel(), minlength=len(names)) + 1.0
    rate = float((np.diff(y[of_train], axis=1) != 0).mean()) if y.shape[1] > 1 else 0.0
    source = f"{path}: {len(of_train)} sequences to train, {count} to validate, {count} to test"
    to_validate, to_test = (Sequences(x[own], y[own]) for own in (of_validation, of_test))
    parts = (batches, to_validate, to_test, names, source, (*notes, *twins(names)))
    return Frames(*parts, switching_rate=rate, prior=prior / prior.sum())
