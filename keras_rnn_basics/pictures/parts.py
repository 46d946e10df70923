"""What a picture asks a cell: its equations, its sizes, its weights, and in which part of the step each acts."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_rnn_basics.compat import AutocastScope

# The step that pictures know in all detail, with either answer; a cell that says anything else is drawn by its parts.
STEP, ANSWERS = r"a_t = g(x_t W_{ax} + b_x + b_a + a_{t-1} W_{aa})", (r"h(a_t W_{ya} + b_y)", "a_t")
PARTS = ("project", "advance", "readout")


def equations(cell: Any) -> list[str]:
    """What a cell says of its step in TeX, unless a part of it has been replaced since; of Keras' cells nothing."""
    holds = hasattr(cell, "still_says") and cell.still_says("equations", *PARTS, "call", "drop")
    return list(cell.equations) if holds else []


def is_plain(cell: Any) -> bool:
    """Whether the step is the one whose every product and sum pictures know."""
    return equations(cell) in [[STEP, rf"\hat{{y}}_t = {answer}"] for answer in ANSWERS]


def sizes(cell: Any) -> list[int]:
    """n_a of each state."""
    return keras.tree.flatten(cell.state_size)


def n_x(cell: Any) -> int:
    """The number of features that a cell was built for."""
    return cell.get_build_config()["input_shape"][-1]


def n_z(cell: Any) -> int:
    """The number of features that `project` makes of them."""
    with AutocastScope(cell.compute_dtype):
        return cell.project(ops.ones((1, n_x(cell)), cell.compute_dtype)).shape[-1]


def answer_size(cell: Any) -> int:
    """n_y."""
    return getattr(cell, "output_size", None) or sizes(cell)[0]


def weights(cell: Any) -> dict[str, Any]:
    """name -> weight: those that a cell declares, and whatever else it holds."""
    declared = {name: getattr(cell, name) for name in getattr(cell, "weight_names", ())}
    held = getattr(cell, "weights", ())
    return declared | {weight.name: weight for weight in held if not any(weight is own for own in declared.values())}


def weights_by_part(cell: Any) -> dict[str, dict[str, Any]]:
    """The part of the step -> the weights that act in it; "call" is all of them for a cell that has no such parts.

    >>> import keras_rnn_basics as krb
    >>> cell = krb.BasicRNNCell(4, 2)
    >>> cell.build((None, 3))
    >>> {part: list(named) for part, named in weights_by_part(cell).items()}
    {'project': ['W_ax', 'b_a', 'b_x'], 'advance': ['W_aa'], 'readout': ['W_ya', 'b_y']}
    """
    named = weights(cell)
    if getattr(cell, "step_by_step", "no RecurrentCell"):
        return {"call": named}
    acting = {name: _acts_in(cell, weight) for name, weight in named.items()}
    return {part: {name: named[name] for name in named if part in acting[name]} for part in PARTS}


def drawn_weights(cell: Any) -> dict[str, dict[str, Any]]:
    """`weights_by_part`, but of the plain step its three products alone."""
    products = 2 if is_plain(cell) else 0
    by_part = weights_by_part(cell).items()
    return {part: {name: w for name, w in named.items() if len(w.shape) >= products} for part, named in by_part}


def _acts_in(cell, weight):
    """The parts that have no numbers to give once a weight has none."""
    nothing = ops.full(weight.shape, np.nan, weight.dtype)
    x, *states = (ops.ones((1, n), cell.compute_dtype) for n in (n_x(cell), *sizes(cell)))
    with AutocastScope(cell.compute_dtype):
        z = cell.project(x)
        with keras.StatelessScope(state_mapping=[(weight, nothing)]):
            given = cell.project(x), cell.advance(z, states), cell.readout(states)
    broken = [any(bool(ops.any(ops.isnan(a))) for a in keras.tree.flatten(tensors)) for tensors in given]
    return [part for part, is_broken in zip(PARTS, broken) if is_broken]
