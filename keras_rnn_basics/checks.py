"""What an argument must be, and the error that says so. Any room may import this."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import keras
import numpy as np


def positive_integer(name: str, value: Any) -> int:
    """The value as an int, or a ValueError that names the argument and says what came."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be a positive integer, got {value!r}.")
    return int(value)


def rate(name: str, value: Any) -> float:
    """The value as a float in [0, 1), such as a dropout rate."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value < 1:
        raise ValueError(f"{name} must be a number in [0, 1), got {value!r}.")
    return float(value)


def holds(x: Any, condition: Any, message: str) -> Any:
    """x, if the condition, a tensor of booleans, is true everywhere; else a ValueError with this message.

    In a graph of TensorFlow, which does not know the numbers yet, whoever runs it gets an InvalidArgumentError with the
    message, also from a SavedModel; XLA leaves such an assertion out, and so do the graphs of other backends.
    """
    if keras.backend.backend() != "tensorflow":
        try:
            true = bool(np.all(keras.ops.convert_to_numpy(condition)))
        except Exception:  # a number that is not known while a graph is traced; each backend has an error of its own
            return x
        if not true:
            raise ValueError(message)
        return x
    import tensorflow as tf

    if tf.executing_eagerly():
        if not bool(tf.reduce_all(condition)):
            raise ValueError(message)
        return x
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(condition), [message])]):
        return tf.identity(x)


def same_batch(x: Any, states: Sequence[Any], name: str) -> Any:
    """x (B, ...), if each of the states has as many rows; what has one row only would be repeated without a word."""
    for state in states:
        rows, own = x.shape[0], state.shape[0]
        message = f"{name}: x has another number of sequences than the state that it begins from"
        if rows is not None and own is not None:
            if rows != own:
                raise ValueError(f"{message}, {rows} and {own}.")
            continue
        x = holds(x, keras.ops.shape(x)[0] == keras.ops.shape(state)[0], f"{message}.")
    return x
