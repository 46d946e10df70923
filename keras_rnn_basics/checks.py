"""What an argument must be, and the error that says so. Any room may import this."""

from numbers import Integral, Real
from typing import Any


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
