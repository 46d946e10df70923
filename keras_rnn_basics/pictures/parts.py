"""What a picture asks a cell: its equations, its sizes, its weights, and in which part of the step each acts."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_rnn_basics.compat import AutocastScope

GREEK = {"alpha", "beta", "gamma", "delta", "epsilon", "eta", "theta", "kappa", "lambda", "mu", "rho", "sigma", "tau"}
# The step of which pictures know what each weight does; of any other cell they know where it acts.
STEP, ANSWERS = r"a_t = g(x_t W_{ax} + b_x + b_a + a_{t-1} W_{aa})", (r"h(a_t W_{ya} + b_y)", "a_t")


def equations(cell: Any) -> list[str]:
    """What a cell says of its step in TeX, unless a part of it has been replaced since; of Keras' cells nothing."""
    parts = ("project", "advance", "readout", "call", "drop")
    return list(cell.equations) if hasattr(cell, "still_says") and cell.still_says("equations", *parts) else []


def is_plain(cell: Any) -> bool:
    return equations(cell) in [[STEP, rf"\hat{{y}}_t = {answer}"] for answer in ANSWERS]


def functions(cell: Any) -> dict[str, str]:
    """The part -> the function of the plain step that it ends with: g, and h if that is not the identity."""
    if not is_plain(cell):
        return {}
    g, h = (
        f if isinstance(f, str) else getattr(f, "__name__", type(f).__name__)
        for f in (cell.activation, cell.output_activation)
    )
    return {"advance": f"g = {g}"} | ({"readout": f"h = {h}"} if cell.output_units and h != "linear" else {})


def sizes(cell: Any) -> list[int]:
    """n_a of each state."""
    return keras.tree.flatten(cell.state_size)


def letters(name: str) -> str:
    """A weight's name as a formula.

    >>> print(letters("W_ax"), letters("gamma"), letters("recurrent_kernel"))
    W_{ax} \\gamma \\mathrm{recurrent\\_kernel}
    """
    name = "".join(c if c.isalnum() else "_" for c in name)
    head, _, below = name.replace("_", " ", 1).partition(" ")
    if len(head) > 1 and head not in GREEK:
        return rf"\mathrm{{{name}}}".replace("_", r"\_")
    return (f"\\{head}" if head in GREEK else head) + (f"_{{{below}}}".replace("_", r"\_")[1:] if below else "")


def weights(cell: Any) -> dict[str, Any]:
    """name -> weight: those that a cell declares, and whatever else it holds."""
    declared = {name: getattr(cell, name) for name in getattr(cell, "weight_names", ())}
    held = getattr(cell, "weights", ())
    return declared | {weight.name: weight for weight in held if not any(weight is own for own in declared.values())}


def given_by_parts(cell: Any, without: Any = None) -> dict[str, Any]:
    """What each part of a cell's step gives for ones, (1, ...), if need be of a weight that has no numbers."""
    n_x = cell.get_build_config()["input_shape"][-1]
    x, *states = (ops.ones((1, n), cell.compute_dtype) for n in (n_x, *sizes(cell)))
    nothing = [] if without is None else [(without, ops.full(without.shape, np.nan, without.dtype))]
    with AutocastScope(cell.compute_dtype):
        z = cell.project(x)
        with keras.StatelessScope(state_mapping=nothing):
            given = [cell.project(x), cell.initial_state(1), cell.advance(z, states), cell.readout(states)]
    return dict(zip(("project", "begin", "advance", "readout"), given))


def weights_by_part(cell: Any) -> dict[str, dict[str, Any]]:
    """The part of the step -> the weights that act in it; "begin" is a_0, "call" all of a cell without such parts.

    >>> import keras_rnn_basics as krb
    >>> cell = krb.BasicRNNCell(4, 2, learned_initial_state=True)
    >>> cell.build((None, 3))
    >>> {part: list(named) for part, named in weights_by_part(cell).items()}
    {'project': ['W_ax', 'b_a', 'b_x'], 'begin': ['a_0'], 'advance': ['W_aa'], 'readout': ['W_ya', 'b_y']}
    """
    named = weights(cell)
    if getattr(cell, "step_by_step", "no RecurrentCell"):
        return {"call": named}
    # A part has no numbers to give once a weight that acts in it has none.
    given = {name: given_by_parts(cell, weight) for name, weight in named.items()}
    acts = {
        name: [p for p, own in parts.items() if np.isnan(np.sum([np.sum(a) for a in keras.tree.flatten(own)]))]
        for name, parts in given.items()
    }
    return {
        part: {name: named[name] for name in named if part in acts[name]}
        for part in ("project", "begin", "advance", "readout")
    }
