"""Finds the cells with Elman's step `g(z_t + a_{t-1} W_aa)`, whose derivative the fast loops have written out.

Source: Elman, "Finding structure in time" (1990).
"""

import functools
from importlib import import_module
from typing import Any

import keras


@functools.cache
def _standard():
    """From a name to the functions that are it, of Keras and of the library that it runs on."""
    same = {
        "tanh": [keras.activations.tanh, keras.ops.tanh],
        "relu": [keras.activations.relu, keras.ops.relu],
        "sigmoid": [keras.activations.sigmoid, keras.ops.sigmoid],
        "linear": [keras.activations.linear],
    }
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        own = {"tanh": [tf.tanh, tf.nn.tanh], "relu": [tf.nn.relu], "sigmoid": [tf.sigmoid, tf.nn.sigmoid]}
        own["linear"] = [tf.identity]
    elif keras.backend.backend() == "torch":
        torch: Any = import_module("torch")  # where it is not installed, type checkers do not find it

        own = {"tanh": [torch.tanh], "relu": [torch.relu, torch.nn.functional.relu], "sigmoid": [torch.sigmoid]}
    else:
        own = {}
    return {name: [*functions, *own.get(name, [])] for name, functions in same.items()}


def standard_name(activation) -> str | None:
    """The name of an activation, if it is one of the four that the fast loops know; otherwise None."""
    return next((name for name, same in _standard().items() if any(activation is one for one in same)), None)


def name_of(activation) -> str:
    """The name of an activation in an error or a reason."""
    return getattr(activation, "__name__", type(activation).__name__)


def is_elman(cell, *parts) -> bool:
    """Whether a cell declares the step `g(z_t + a_{t-1} W_aa)`, and no subclass has replaced these parts."""
    if not hasattr(cell, "elman") or not cell.still_says("elman", "advance", "recur", *parts):
        return False
    _, name = cell.elman()
    return not cell.built or any(getattr(cell, name) is weight for weight in cell.weights)


def not_elman(cell, activations, *parts) -> str | None:
    """The reason why a loop written for `g(z_t + a_{t-1} W_aa)` with these g cannot run the cell, or None."""
    if not is_elman(cell, *parts):
        return f"the step g(z_t + a W_aa), which {type(cell).__name__} replaces"
    g, _ = cell.elman()
    if standard_name(g) not in activations:
        return f"{', '.join(activations)}, not {name_of(g)}"
    return None


def not_as_one_call(call) -> str | None:
    """The reason why a loop that a library runs as one call, such as cuDNN's, cannot run this call, or None."""
    if call.a_dropped:
        return "recurrent_dropout=0"
    if call.remat:
        return "remat=False"
    return None
