"""Which route computes a_1 .. a_T, and why."""

from collections.abc import Callable
from typing import NamedTuple

import keras

from keras_rnn_basics.recurrence import plain

REQUESTS = ("auto", "plain")


class Route(NamedTuple):
    """A way to compute a_1 .. a_T: `recur(z, a_0, W_aa, g, mask, a_dropout) -> a`, with the reason it was taken."""

    name: str
    reason: str
    recur: Callable

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


def choose(request: str) -> Route:
    """The route for a request, `"auto"` or the name of one.

    >>> str(choose("plain"))
    'plain: asked for'
    """
    if request not in REQUESTS:
        raise ValueError(f"recurrence must be one of {REQUESTS}, got {request!r}.")
    reason = "asked for" if request == "plain" else f"the loop of Keras on {keras.backend.backend()}, the only route"
    return Route("plain", reason, plain.recur)
