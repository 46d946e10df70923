"""Which route runs the loop over time, and why.

Every route is a function `run(cell, x, states_0, mask, a_dropout, every_step) -> y, states_T`: (B, T, n_x), [(B, n_a),
...] -> (B, T, n_y), or (B, 1, n_y) for only the last step, and [(B, n_a), ...].
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import keras

from keras_rnn_basics.compat import another_loop, in_export
from keras_rnn_basics.recurrence import plain

__all__ = ["REQUESTS", "Call", "Route", "check", "choose", "only_plain", "without_lists"]

REQUESTS = ("auto", "plain", "per_core", "cudnn")

_exporting = False


class Call(NamedTuple):
    """The facts about one call of a layer that decide its route.

    Attributes:
        cell: a `RecurrentCell`.
        shape: (B, T, n_x), with `None` for a size that is not known yet.
        a_dropped: whether dropout is applied to a_{t-1}.
        remat: whether the states within segments are computed again in the backward pass.
        step_by_step: the reason why the cell must be run by its `call`, or `None`.
    """

    cell: Any
    shape: tuple = (None, None, None)
    a_dropped: bool = False
    remat: bool = False
    step_by_step: str | None = None


class Route(NamedTuple):
    """A way to run the loop, and the reason for it; `overruled` if an argument excludes the requested route."""

    name: str
    reason: str
    run: Callable
    overruled: bool = False

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


def check(request: str) -> str:
    """The request, if it is valid: `"auto"` or the name of a route."""
    if request not in REQUESTS:
        raise ValueError(f"recurrence must be one of {REQUESTS}, got {request!r}.")
    return request


@contextlib.contextmanager
def only_plain() -> Iterator[None]:
    """Within this context all traces take the plain loop, which any runtime can execute, as in an export of Keras."""
    global _exporting
    before, _exporting = _exporting, True
    try:
        yield
    finally:
        _exporting = before


@contextlib.contextmanager
def without_lists() -> Iterator[None]:
    """Within it Keras' loop is `scattered` if `model.export` writes a format that has no lists of tensors."""
    if keras.backend.backend() != "tensorflow" or not in_export("litert", "openvino"):
        yield
        return
    from keras_rnn_basics.recurrence import scattered

    with another_loop(scattered.run):
        yield


def choose(request: str, call: Call) -> Route:
    """The route for a request, `"auto"` or the name of a route. It is chosen again at every call and every trace."""
    if call.step_by_step:
        overruled = call.remat or request not in ("auto", "plain")
        return Route("plain", f"step by step, {call.step_by_step}", plain.run, overruled)
    if request == "plain":
        return Route("plain", "asked for", plain.run)
    if _exporting or in_export():
        return Route("plain", "an export runs anywhere", plain.run)
    backend = keras.backend.backend()
    if backend == "torch" and request in ("auto", "cudnn"):
        from keras_rnn_basics.recurrence import cudnn_torch

        obstacle = cudnn_torch.obstacle(call)
        if obstacle:
            return Route("plain", f"cudnn needs {obstacle}", plain.run, call.remat or request != "auto")
        return Route("cudnn", *cudnn_torch.plan(call))
    if backend != "tensorflow":
        overruled = call.remat or request != "auto"
        return Route("plain", f"the loop of Keras on {backend}", plain.run, overruled)

    # These import TensorFlow, which the package does not load on another backend.
    from keras_rnn_basics.recurrence import cudnn, device, per_core

    modules = {"cudnn": cudnn, "per_core": per_core}
    names = [request] if request != "auto" else ["cudnn", "per_core"] if device.on_gpu() else ["per_core"]
    refused, overruled = [], request != "auto" or call.remat
    for name in names:
        misplaced, obstacle = modules[name].misplaced(), modules[name].obstacle(call)
        if not (misplaced or obstacle):
            break
        refused.append(f"{name} needs {misplaced or obstacle}")
        overruled = overruled or obstacle is not None
    else:
        return Route("plain", " and ".join(refused), plain.run, overruled)
    eager = device.is_eager() and None not in call.shape  # unknown sizes mean that the question is about a graph
    if request == "auto" and name == "per_core" and eager and not call.remat:
        return Route("plain", "outside tf.function, where per_core would compile for every new (B, T)", plain.run)
    reason, run = modules[name].plan(call)
    return Route(name, "; ".join([reason, *refused]), run)
