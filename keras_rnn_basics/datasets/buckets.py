"""Sequences of many lengths in batches of few: every (B, T) that training meets is a program to compile."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np


def bucket_lengths(lengths: Sequence[int], buckets: int = 4) -> list[int]:
    """At most `buckets` lengths, the last the longest, that about as many of the sequences each are padded to.

    >>> bucket_lengths([3, 5, 5, 6, 9, 20], buckets=3)
    [5, 6, 20]
    """
    lengths = np.asarray(lengths)
    if lengths.ndim != 1 or not lengths.size or lengths.dtype.kind not in "iu" or lengths.min() < 1:
        raise ValueError(f"lengths must be a list of positive integers, got {lengths.tolist()}.")
    _check_count("buckets", buckets)
    quantiles = np.quantile(lengths, np.arange(1, buckets + 1) / buckets, method="inverted_cdf")
    return [int(length) for length in np.unique(quantiles)]


def bucketed(
    x: Sequence[Any],
    y: Sequence[Any],
    batch_size: int = 32,
    buckets: int = 4,
    padding: float = 0,
    shuffle_seed: int | None = None,
) -> Any:
    """A finite `tf.data.Dataset` of batches (x, y) of like length, padded on the right to the length of their bucket.

    With `keras.layers.Masking(padding)`, or an embedding with `mask_zero=True`, the padding is passed over. Each bucket
    has batches of one shape and at most one smaller one: the fast loop over time compiles for those few alone.

    Args:
        x: N sequences, each (T, n_x) or (T,) tokens, each of its own length T.
        y: N answers: one for each sequence, each of the same shape, or one for each of its steps, (T,) or (T, n_y).
        batch_size: B.
        buckets: how many lengths at most.
        padding: what stands behind a sequence's end, in y zeros.
        shuffle_seed: shuffles the sequences within their buckets, and the batches, anew in each epoch; `None` leaves
            the order as it is.

    Raises:
        ValueError: for sequences that do not fit each other, an empty one, or one that holds `padding` itself as a
            whole step, which the mask would pass over.

    >>> x = [np.ones((length, 3)) for length in (2, 3, 5, 9, 9)]
    >>> [tuple(batch.shape) for batch, _ in bucketed(x, [0, 1, 0, 1, 1], batch_size=2, buckets=2)]
    [(2, 5, 3), (2, 9, 3), (1, 5, 3)]
    """
    import tensorflow as tf

    _check_count("batch_size", batch_size)
    if shuffle_seed is not None and (isinstance(shuffle_seed, bool) or not isinstance(shuffle_seed, Integral)):
        raise ValueError(f"shuffle_seed must be an integer or None, got {shuffle_seed!r}.")
    if not all(isinstance(given, (list, tuple, np.ndarray)) for given in (x, y)):
        raise ValueError(f"x and y must be lists of arrays, got {type(x).__name__} and {type(y).__name__}.")
    x, y = [np.asarray(sequence) for sequence in x], [np.asarray(answer) for answer in y]
    if not x or len(x) != len(y):
        raise ValueError(f"x and y must hold as many sequences as answers, at least one, got {len(x)} and {len(y)}.")
    _check_sequences(x, padding)
    per_step = _is_per_step(x, y)
    lengths = [len(sequence) for sequence in x]
    bounds = bucket_lengths(lengths, buckets)
    bucket = np.searchsorted(bounds, lengths)

    batches = []
    for number, length in enumerate(bounds):
        own = np.flatnonzero(bucket == number)
        padded_x = np.stack([_pad(x[i], length, padding) for i in own])
        padded_y = np.stack([_pad(y[i], length, 0) if per_step else y[i] for i in own])
        dataset = tf.data.Dataset.from_tensor_slices((padded_x, padded_y))
        if shuffle_seed is not None:
            dataset = dataset.shuffle(len(own), seed=shuffle_seed)
        batches.append(dataset.batch(batch_size))
    # Bucket after bucket in turn; all of them to their ends.
    turns = np.concatenate([np.full(-(-int((bucket == k).sum()) // batch_size), k) for k in range(len(bounds))])
    turns = turns[np.argsort(np.concatenate([np.arange(count) for count in np.bincount(turns)]), kind="stable")]
    choice = tf.data.Dataset.from_tensor_slices(turns.astype("int64"))
    if shuffle_seed is not None:
        choice = choice.shuffle(len(turns), seed=shuffle_seed)
    whole = tf.data.Dataset.choose_from_datasets(batches, choice, stop_on_empty_dataset=False)
    return whole.apply(tf.data.experimental.assert_cardinality(len(turns))).prefetch(2)


def _check_count(name, count):
    if isinstance(count, bool) or not isinstance(count, Integral) or count < 1:
        raise ValueError(f"{name} must be a positive integer, got {count!r}.")


def _check_sequences(x, padding):
    held = np.asarray(padding).astype(x[0].dtype)
    if held != padding:
        raise ValueError(
            f"padding must be a number that x of {x[0].dtype} can hold, got {padding!r}, which becomes {held}."
        )
    for number, sequence in enumerate(x):
        if not sequence.ndim:
            raise ValueError(f"Sequence {number} must be an array (T, n_x) or (T,), got the single number {sequence}.")
        if not len(sequence) or sequence.shape[1:] != x[0].shape[1:]:
            raise ValueError(
                f"Sequence {number} has the shape {sequence.shape}; it must have at least one step, and steps of the "
                f"shape {x[0].shape[1:]} as the first has."
            )
        empty = (sequence == padding).reshape(len(sequence), -1).all(axis=1)
        if empty.any():
            raise ValueError(
                f"Step {int(empty.argmax())} of sequence {number} is all {padding}, as padding is: a mask would pass "
                "it over. Choose a padding that no step is made of."
            )


def _is_per_step(x, y):
    """Whether y answers each step; where it could be either, all sequences are of one length, and nothing is padded."""
    per_step = all(a.ndim and len(a) == len(s) and a.shape[1:] == y[0].shape[1:] for s, a in zip(x, y))
    if not per_step and any(answer.shape != y[0].shape for answer in y):
        raise ValueError("y must hold an answer for each sequence, all of one shape, or one for each step of it.")
    return per_step


def _pad(sequence, length, value):
    widths = [(0, length - len(sequence))] + [(0, 0)] * (sequence.ndim - 1)
    return np.pad(sequence, widths, constant_values=value)
