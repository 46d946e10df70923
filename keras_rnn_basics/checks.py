"""What an argument must be, and the error that says so. Any room may import this."""

from numbers import Integral, Real
from typing import Any

import keras


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


def insist(holds: Any, message: str, *seen: Any, error: type[Exception] = ValueError) -> None:
    """An error that ends with the tensors `seen`, unless the boolean tensor `holds` is true.

    It is raised at once where TensorFlow runs eagerly, and asserted in a graph, also in an exported one. XLA leaves
    assertions out of what it compiles, and on other backends there is no error: there the caller has to answer NaN.
    """
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    if not tf.executing_eagerly():
        tf.debugging.Assert(holds, [message, *seen])
    elif not holds:
        raise error(" ".join([message, *(str(value.numpy()) for value in seen)]) + ("." if seen else ""))


def first_not(fits: Any, values: Any) -> Any:
    """(...), (...) -> (): of the values the first that does not fit; 0 where all do, also where there are none."""
    flat = [
        keras.ops.concatenate([keras.ops.reshape(part, (-1,)), keras.ops.ones((1,), part.dtype)])
        for part in (fits, values)
    ]
    return keras.ops.take(flat[1], keras.ops.argmin(keras.ops.cast(flat[0], "int32")))
