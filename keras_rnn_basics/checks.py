"""What an argument must be, and the error that says so. Any room may import this."""

from collections.abc import Callable, Sequence
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


def insist(
    holds: Any, message: str, seen: Callable[[], Any] | None = None, error: type[Exception] = ValueError
) -> bool:
    """An error with this message, and behind it the tensor that `seen` gives, unless the boolean `holds` is true.

    It is raised at once where TensorFlow runs eagerly, and asserted in a graph, also in an exported one. XLA leaves
    assertions out of what it compiles, and on other backends there is no error: there the caller has to answer NaN.

    Returns:
        Whether that is settled: True where it was looked at, and holds.
    """
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    if tf.executing_eagerly():
        if not holds:
            raise error(message if seen is None else f"{message} {seen().numpy()}.")
        return True

    def refuse():
        return tf.debugging.Assert(holds, [message] if seen is None else [message, seen()])

    # In a branch of its own: what was seen is worked out for the error alone.
    tf.cond(holds, tf.no_op, refuse)
    return False


def first_not(fits: Any, values: Any) -> Any:
    """(...), (...) -> (): of the values the first that does not fit."""
    fits, values = (keras.ops.reshape(part, (-1,)) for part in (fits, values))
    return keras.ops.take(values, keras.ops.argmin(keras.ops.cast(fits, "int32")))


def same_batch(x: Any, states: Sequence[Any], name: str) -> None:
    """An error unless each of the states has as many rows as x: a single row would be repeated without a word."""
    for state in states:
        rows, own = x.shape[0], state.shape[0]
        message = f"{name}: x has another number of sequences than the state that it begins from"
        if rows is not None and own is not None:
            if rows != own:
                raise ValueError(f"{message}, {rows} and {own}.")
        else:
            insist(keras.ops.equal(keras.ops.shape(x)[0], keras.ops.shape(state)[0]), f"{message}.")
