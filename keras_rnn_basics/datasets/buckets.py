"""Puts sequences of many lengths into batches of few lengths: training compiles a program for every shape (B, T)."""

import reprlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_rnn_basics import checks


def bucket_lengths(lengths: Sequence[int], buckets: int = 4) -> list[int]:
    """At most `buckets` lengths to pad to; the last is the longest. Each is used for about equally many sequences.

    >>> bucket_lengths([3, 5, 5, 6, 9, 20], buckets=3)
    [5, 6, 20]
    """
    given = np.asarray(lengths)
    if given.ndim != 1 or not given.size or given.dtype.kind not in "iu" or given.min() < 1:
        raise ValueError(f"lengths must be a list of positive integers, got {given.tolist()}.")
    checks.positive_integer("buckets", buckets)
    quantiles = np.quantile(given, np.arange(1, buckets + 1) / buckets, method="inverted_cdf")
    return [int(length) for length in np.unique(quantiles)]


def bucketed(
    x: Sequence[Any],
    y: Sequence[Any],
    batch_size: int = 32,
    buckets: int = 4,
    padding: float = 0,
    shuffle_seed: int | None = None,
) -> Any:
    """A finite `tf.data.Dataset` of batches (x, y) of similar length, padded on the right to a common length.

    With `keras.layers.Masking(padding)`, or an embedding with `mask_zero=True`, the padding is skipped. All batches of
    a bucket have one shape, except possibly one smaller batch: the fast loop compiles only for these few shapes.

    Args:
        x: N sequences, each (T, n_x) or (T,) tokens, each of its own length T.
        y: N answers: one for each sequence, all of the same shape, or one for each of its steps, (T,) or (T, n_y).
        batch_size: B.
        buckets: the largest number of lengths.
        padding: the value after the end of a sequence. In y it is always zero.
        shuffle_seed: shuffles the sequences within their buckets, and the batches, again in each epoch. `None` keeps
            the order.

    Raises:
        ValueError: for sequences whose shapes do not match, an empty sequence, or a sequence with a step that consists
            of `padding` only, which the mask would skip.

    >>> x = [np.ones((length, 3)) for length in (2, 3, 5, 9, 9)]
    >>> [tuple(batch.shape) for batch, _ in bucketed(x, [0, 1, 0, 1, 1], batch_size=2, buckets=2)]
    [(2, 5, 3), (2, 9, 3), (1, 5, 3)]
    """
    x, y = _check_batches(x, y, batch_size, shuffle_seed)
    _check_sequences(x, padding)
    per_step = _is_per_step(x, y)
    parts = []
    for length, own in _in_buckets(x, buckets):
        padded_x = np.stack([_pad(x[i], length, padding) for i in own])
        padded_y = np.stack([_pad(y[i], length, 0) if per_step else y[i] for i in own])
        parts.append((padded_x, padded_y))
    return _batches_in_turn(parts, batch_size, shuffle_seed)


def bucketed_pairs(
    x: Sequence[Any], y: Sequence[Any], batch_size: int = 32, buckets: int = 4, shuffle_seed: int | None = None
) -> Any:
    """A finite `tf.data.Dataset` of batches ({"x": (B, T_x), "y_in": (B, T_y)}, (B, T_y)) int32 for teacher forcing.

    In each step the network is given the correct token of the step before, y_in, and learns the token that follows.
    Both sides are padded with 0 on the right: x to the length of its bucket, y to the longest target in that bucket.

    Args:
        x: N source sequences of tokens from 1 on, each of its own length.
        y: N target sequences, each with its start token and its end token.
        batch_size: B.
        buckets: the largest number of source lengths.
        shuffle_seed: as in `bucketed`.

    Raises:
        ValueError: if x and y differ in number, if a sequence is too short, or if a value is not a token.

    >>> [(inputs, targets)] = bucketed_pairs([[5, 6], [7, 8, 9]], [[1, 4, 2], [1, 2]], buckets=1)
    >>> inputs["x"].numpy().tolist(), inputs["y_in"].numpy().tolist(), targets.numpy().tolist()
    ([[5, 6, 0], [7, 8, 9]], [[1, 4], [1, 0]], [[4, 2], [2, 0]])
    """
    x, y = _check_batches(x, y, batch_size, shuffle_seed)
    _check_tokens("x", x, shortest=1)
    _check_tokens("y", y, shortest=2)
    parts = []
    for length, own in _in_buckets(x, buckets):
        steps = max(len(y[i]) for i in own) - 1
        padded_x = np.stack([_pad(x[i], length, 0) for i in own]).astype("int32")
        y_in = np.stack([_pad(y[i][:-1], steps, 0) for i in own]).astype("int32")
        y_out = np.stack([_pad(y[i][1:], steps, 0) for i in own]).astype("int32")
        parts.append(({"x": padded_x, "y_in": y_in}, y_out))
    return _batches_in_turn(parts, batch_size, shuffle_seed)


def _in_buckets(x, buckets):
    """-> (length, indices) of each bucket."""
    lengths = [len(sequence) for sequence in x]
    bounds = bucket_lengths(lengths, buckets)
    bucket = np.searchsorted(bounds, lengths)
    return [(length, np.flatnonzero(bucket == k)) for k, length in enumerate(bounds)]


def _batches_in_turn(parts, batch_size, shuffle_seed):
    """Takes a batch of each part in turn, until all parts are used up."""
    import tensorflow as tf

    batches = []
    for part in parts:
        dataset = tf.data.Dataset.from_tensor_slices(part)
        if shuffle_seed is not None:
            dataset = dataset.shuffle(dataset.cardinality(), seed=shuffle_seed)
        batches.append(dataset.batch(batch_size))
    counts = [int(dataset.cardinality()) for dataset in batches]
    turns = np.repeat(np.arange(len(parts)), counts)
    turns = turns[np.argsort(np.concatenate([np.arange(count) for count in counts]), kind="stable")]
    choice = tf.data.Dataset.from_tensor_slices(turns.astype("int64"))
    if shuffle_seed is not None:
        choice = choice.shuffle(len(turns), seed=shuffle_seed)
    whole = tf.data.Dataset.choose_from_datasets(batches, choice, stop_on_empty_dataset=False)
    return whole.apply(tf.data.experimental.assert_cardinality(len(turns))).prefetch(2)


def _check_batches(x, y, batch_size, shuffle_seed):
    """-> x and y as lists of arrays."""
    checks.positive_integer("batch_size", batch_size)
    if shuffle_seed is not None and not checks.is_integer(shuffle_seed):
        raise ValueError(f"shuffle_seed must be an integer or None, got {shuffle_seed!r}.")
    if not all(isinstance(given, (list, tuple, np.ndarray)) for given in (x, y)):
        raise ValueError(f"x and y must be lists of arrays, got {type(x).__name__} and {type(y).__name__}.")
    if not len(x) or len(x) != len(y):
        raise ValueError(f"x and y must hold as many sequences as answers, at least one, got {len(x)} and {len(y)}.")
    return [np.asarray(sequence) for sequence in x], [np.asarray(answer) for answer in y]


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
                f"Step {int(empty.argmax())} of sequence {number} is all {padding}, as padding is: a mask would skip "
                "it. Choose a value of padding that no whole step consists of."
            )


def _check_tokens(name, sequences, shortest):
    most = np.iinfo("int32").max
    for number, tokens in enumerate(sequences):
        if tokens.ndim != 1 or len(tokens) < shortest or tokens.dtype.kind not in "iu":
            ends = ", its start and its end" if shortest == 2 else ""
            came = reprlib.repr(tokens.tolist())
            raise ValueError(
                f"{name}[{number}] must be a list of integer tokens, at least {shortest}{ends}, got {came}."
            )
        wrong = (tokens < 1) | (tokens > most)
        if wrong.any():
            step = int(wrong.argmax())
            raise ValueError(
                f"{name}[{number}][{step}] is {tokens[step]}; a token must be from 1 to {most}, since 0 is the padding."
            )


def _is_per_step(x, y):
    """Whether y has an answer for each step. Where it could be either, all lengths are equal and nothing is padded."""
    per_step = all(a.ndim and len(a) == len(s) and a.shape[1:] == y[0].shape[1:] for s, a in zip(x, y))
    if not per_step and any(answer.shape != y[0].shape for answer in y):
        raise ValueError("y must hold an answer for each sequence, all of one shape, or one for each step of it.")
    return per_step


def _pad(sequence, length, value):
    padded = np.full((length, *sequence.shape[1:]), value, sequence.dtype)
    padded[: len(sequence)] = sequence
    return padded
