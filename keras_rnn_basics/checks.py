"""Checks of arguments and tensors that any room may import; each error says what must be given and what was."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from numbers import Integral, Real
from typing import Any

import keras
import numpy as np

_known_to_hold = False


def as_numpy(values: Any) -> Any:
    """`np.asarray`, also of a tensor that is on a GPU or has gradients (PyTorch)."""
    return keras.ops.convert_to_numpy(values) if keras.ops.is_tensor(values) else np.asarray(values)


def is_integer(value: Any) -> bool:
    """Whether it is an integer of Python or numpy; True and False do not count."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether it is a real number of Python or numpy; True and False do not count."""
    return isinstance(value, Real) and not isinstance(value, bool)


def positive_integer(name: str, value: Any) -> int:
    """The value as an int; a ValueError that names the argument if it is not a positive integer."""
    if not is_integer(value) or value < 1:
        raise ValueError(f"{name} must be a positive integer, got {value!r}.")
    return int(value)


def integer(name: str, value: Any, least: int, most: int | None = None) -> int:
    """The value as an int from `least` to `most`, both included, or a ValueError."""
    if not is_integer(value) or value < least or (most is not None and value > most):
        bounds = f"{least} on" if most is None else f"{least} to {most}"
        raise ValueError(f"{name} must be an integer from {bounds}, got {value!r}.")
    return int(value)


def number(name: str, value: Any, least: float, most: float) -> float:
    """The value as a float from `least` to `most`, both included, or a ValueError."""
    if not is_number(value) or not least <= value <= most:
        raise ValueError(f"{name} must be a number from {least} to {most}, got {value!r}.")
    return float(value)


def rate(name: str, value: Any) -> float:
    """The value as a float in [0, 1), such as a dropout rate."""
    if not is_number(value) or not 0 <= value < 1:
        raise ValueError(f"{name} must be a number in [0, 1), got {value!r}.")
    return float(value)


@contextlib.contextmanager
def known_to_hold() -> Iterator[None]:
    """Within it `insist` and `with_rows` take their conditions as true, and add no assertion to a graph.

    It is for a loop that feeds back its own answers: there an assertion costs as much time as a product.
    """
    global _known_to_hold
    before, _known_to_hold = _known_to_hold, True
    try:
        yield
    finally:
        _known_to_hold = before


def insist(
    holds: Any, message: str, seen: Callable[[], Any] | None = None, error: type[Exception] = ValueError
) -> bool:
    """Raises an error with this message, followed by the tensor that `seen` gives, unless the boolean `holds` is true.

    Where TensorFlow runs eagerly the error is raised at once; in a graph, also in an exported one, it is an assertion.
    XLA leaves assertions out of the programs that it compiles, and other backends have none: there the caller has to
    return NaN.

    Returns:
        True if the condition is known to hold; False if it could not be checked here.
    """
    if _known_to_hold:
        return True
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    if tf.executing_eagerly():
        if not holds:
            raise error(message if seen is None else f"{message} {seen().numpy()}.")
        return True

    _assertion(holds, message, seen)
    return False


def _assertion(holds, message, seen=None):
    import tensorflow as tf

    def refuse():
        return tf.debugging.Assert(holds, [message] if seen is None else [message, *tf.nest.flatten(seen())])

    # In a branch of its own: `seen` is computed only if there is an error.
    return tf.cond(holds, tf.no_op, refuse)


def with_rows(x: Any, B: Any, message: str) -> Any:
    """Returns x, (B, ...); an error with this message if it does not have B rows.

    Compute with the returned x: then this error comes before any error of that computation.
    """
    rows = x.shape[0]
    if rows is not None and isinstance(B, int):
        if rows != B:
            raise ValueError(f"{message} Their numbers are {rows} and {B}.")
        return x
    if keras.backend.backend() != "tensorflow" or _known_to_hold:
        return x
    import tensorflow as tf

    return only_if(tf.equal(tf.shape(x)[0], B), x, message)


def only_if(holds: Any, x: Any, message: str, seen: Callable[[], Any] | None = None) -> Any:
    """Returns x in a graph of TensorFlow; what computes with it waits for the assertion that `holds` is true."""
    import tensorflow as tf

    with tf.control_dependencies([_assertion(holds, message, seen)]):
        return tf.identity(x)


def first_not(fits: Any, values: Any) -> Any:
    """(...), (...) -> (): the first of the values whose `fits` is False."""
    fits, values = (keras.ops.reshape(part, (-1,)) for part in (fits, values))
    return keras.ops.take(values, keras.ops.argmin(keras.ops.cast(fits, "int32")))


def with_steps(y: Any, other: Any, message: str) -> Any:
    """Returns y, (B, T, ...), to compute with; an error with this message unless `other` has the same B and T."""
    if keras.backend.backend() != "tensorflow":
        return y
    import tensorflow as tf

    sizes = tf.shape(other)[:2]
    alike = tf.reduce_all(tf.shape(y)[:2] == sizes) & (sizes[1] > 0)
    with tf.control_dependencies([_assertion(alike, message, lambda: (tf.shape(y)[:2], sizes))]):
        # Where XLA leaves the assertion out, a tensor of another size does not take this shape.
        return tf.ensure_shape(tf.reshape(y, tf.concat([sizes, tf.shape(y)[2:]], axis=0)), y.shape)


def same_batch(x: Any, states: Sequence[Any], name: str) -> Any:
    """Returns x, (B, ...), if each of the states has B rows; a state of one row would be repeated silently."""
    message = f"{name}: x has another number of sequences than the state that it begins from."
    for state in states:
        x = with_rows(x, state.shape[0] or keras.ops.shape(state)[0], message)
    return x
