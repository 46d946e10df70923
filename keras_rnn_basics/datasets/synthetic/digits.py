"""Digits that drift over a field, half hidden, and are swapped at times."""

import numpy as np

HIDDEN = 0.6
SWITCHING_RATE = 0.1
FASTEST = 0.75  # pixels a frame, along each axis
LENGTH = 24


def drift(
    images: np.ndarray, digits: np.ndarray, sequences: int, rng: np.random.Generator, length: int = LENGTH
) -> tuple[np.ndarray, np.ndarray]:
    """Sequences in which an image, mostly hidden, drifts over a field of twice its size, and is swapped at times.

    It starts at a random place, with a random speed of up to 0.75 pixels per frame along each axis. It is drawn at the
    nearest whole pixel and turns back at the edges. In every frame, each pixel is hidden (zero) with a probability of
    60 %. With a probability of 10 % a frame shows an image of another class than the frame before; all other classes
    are equally likely.

    Args:
        images: (M, H, W) float32, the source images.
        digits: (M,) integers, their classes. Every class from 0 to the largest must have an image.
        sequences: N.
        rng: the random number generator.
        length: T.

    Returns:
        x, (N, T, 2 H, 2 W) float32, and y, (N, T) int32: the class of every frame.

    >>> x, y = drift(np.ones((2, 8, 8)), np.array([0, 1]), sequences=3, rng=np.random.default_rng(0), length=5)
    >>> x.shape, y.shape
    ((3, 5, 16, 16), (3, 5))
    """
    count = np.bincount(digits)
    shape, t = (sequences, length), np.arange(length)
    swapped = rng.random(shape) < SWITCHING_RATE
    swapped[:, 0] = False
    ahead = np.where(swapped, rng.integers(1, len(count), shape), 0)
    ahead[:, 0] = rng.integers(len(count), size=sequences)
    y = np.cumsum(ahead, axis=1) % len(count)
    # One image is drawn for each frame; only the draws in the frame of a swap are used.
    began = np.maximum.accumulate(np.where(swapped, t, 0), axis=1)
    draw = (np.take_along_axis(rng.random(shape), began, axis=1) * count[y]).astype(int)
    shown = images[np.argsort(digits, kind="stable")[(np.cumsum(count) - count)[y] + draw].ravel()]
    shown = shown * (rng.random(shown.shape, dtype="float32") >= HIDDEN)

    height, width = images.shape[1:]
    field = np.zeros((len(shown), 2 * height, 2 * width), dtype="float32")
    row, column = (_bounce(room, sequences, t, rng).reshape(-1, 1, 1) for room in (height, width))
    field[np.arange(len(shown))[:, None, None], row + np.arange(height)[:, None], column + np.arange(width)] = shown
    return field.reshape(*shape, *field.shape[1:]), y.astype("int32")


def _bounce(room, sequences, t, rng):
    """-> (N, T) integers from 0 to room: a straight motion that is reflected at both ends."""
    start = rng.uniform(0, 2 * room, (sequences, 1))
    way = start + rng.uniform(-FASTEST, FASTEST, (sequences, 1)) * t
    return np.rint(np.abs(way % (2 * room) - room)).astype(int)
