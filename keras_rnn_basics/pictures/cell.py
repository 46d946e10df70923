"""One cell: what pictures ask it, and its inside, with the weights in each part of the step and all shapes."""

from typing import Any

import keras
import numpy as np
from keras import ops
from matplotlib.axes import Axes

from keras_rnn_basics.architectures.anatomy import shape_text, weights
from keras_rnn_basics.compat import AutocastScope
from keras_rnn_basics.pictures import canvas
from keras_rnn_basics.pictures.canvas import INK, INPUT, NOTE, OUTPUT, PAPER, RECURRENT, Drawing, plain, text_size

COLOURS = {"project": INPUT, "begin": RECURRENT, "advance": RECURRENT, "readout": OUTPUT, "call": RECURRENT}
GREEK = ("alpha", "beta", "gamma", "delta", "epsilon", "eta", "theta", "kappa", "lambda", "mu", "rho", "sigma", "tau")
# The step of which pictures know what each weight does; of any other cell they know where it acts.
STEP, ANSWERS = r"a_t = g(x_t W_{ax} + b_x + b_a + a_{t-1} W_{aa})", (r"h(a_t W_{ya} + b_y)", "a_t")


def equations(cell: Any) -> list[str]:
    """What a cell says of its step in TeX, unless a part of it has been replaced since; of Keras' cells nothing."""
    parts = ("project", "advance", "readout", "call", "drop")
    return list(cell.equations) if hasattr(cell, "still_says") and cell.still_says("equations", *parts) else []


def functions(cell: Any) -> dict[str, str]:
    """The part -> the function that it ends with, where the step is the one that pictures know: g, and h if it has one.

    >>> import keras_rnn_basics as krb
    >>> functions(krb.BasicRNNCell(4, 2, output_activation="softmax")), functions(krb.LayerNormRNNCell(4, 2))
    ({'advance': 'g = tanh', 'readout': 'h = softmax'}, {})
    """
    if equations(cell) not in [[STEP, rf"\hat{{y}}_t = {answer}"] for answer in ANSWERS]:
        return {}
    g, h = (getattr(own, "__name__", type(own).__name__) for own in (cell.activation, cell.output_activation))
    return {"advance": f"g = {g}"} | ({"readout": f"h = {h}"} if cell.output_units and h != "linear" else {})


def sizes(cell: Any) -> list[int]:
    """n_a of each state."""
    return keras.tree.flatten(cell.state_size)


def letters(name: str) -> str:
    """A weight's name as a formula.

    >>> print(letters("W_ax"), letters("gamma"), letters("recurrent_kernel"))
    W_{ax} \\gamma \\mathrm{recurrent\\_kernel}
    """
    head, _, below = "".join(c if c.isalnum() else "_" for c in name).replace("_", " ", 1).partition(" ")
    if len(head) > 1 and head not in GREEK:
        return rf"\mathrm{{{f'{head} {below}'.strip()}}}".replace("_", r"\_").replace(" ", r"\_")
    return (f"\\{head}" if head in GREEK else head) + (f"_{{{below.replace('_', '')}}}" if below else "")


def given_by_parts(cell: Any, without: Any = None) -> dict[str, list]:
    """What each part of a cell's step gives for ones, [(1, ...), ...]; `without` is a weight that has no numbers."""
    x, *states = (
        ops.ones((1, n), cell.compute_dtype) for n in (cell.get_build_config()["input_shape"][-1], *sizes(cell))
    )
    nothing = [] if without is None else [(without, ops.full(without.shape, np.nan, without.dtype))]
    with AutocastScope(cell.compute_dtype):
        z = cell.project(x)
        with keras.StatelessScope(state_mapping=nothing):
            given = cell.project(x), cell.initial_state(1), cell.advance(z, states), cell.readout(states)
    return {part: keras.tree.flatten(own) for part, own in zip(COLOURS, given)}


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
    by_part: dict[str, dict] = {part: {} for part in given_by_parts(cell)}
    for name, weight in named.items():
        for part, given in given_by_parts(cell, weight).items():
            # A part has no numbers to give once a weight that acts in it has none.
            by_part[part] |= {name: weight} if any(bool(ops.any(ops.isnan(own))) for own in given) else {}
    return by_part


def plot_cell(cell: Any, ax: Axes | None = None) -> Axes:
    """Draws the inside of a cell with the shapes of all that goes in, through and out; B is the batch.

    It shows the parts of the step with the weights that act in each; of Keras' own cells all weights in one. Of
    `a_t = g(x_t W_ax + b_x + b_a + a_{t-1} W_aa)`, `ŷ_t = h(a_t W_ya + b_y)` it shows products, sums and functions too.

    Args:
        cell: a built cell: a `RecurrentCell`, or any other that `keras.layers.RNN` takes.
        ax: the matplotlib axes to draw on, and to return; `None` makes a figure of a fitting size.

    Raises:
        ValueError: for something else than a cell, or one that has no weights yet.

    >>> import keras_rnn_basics as krb
    >>> model = krb.build_many_to_many((6,), units=32, output_units=4)
    >>> ax = krb.plot_cell(model.get_layer("rnn_1").cell)
    >>> sorted({label.get_text() for label in ax.texts if label.get_text().startswith("(B, ")})
    ['(B, 32)', '(B, 4)', '(B, 6)']
    """
    if not hasattr(cell, "state_size") or hasattr(cell, "cell"):
        raise ValueError(f"plot_cell draws a cell, such as layer.cell, got {cell!r}.")
    if not cell.built:
        raise ValueError(f"{cell.name} has no weights yet: build its model, or call it once.")
    n_x, n_y = cell.get_build_config()["input_shape"][-1], getattr(cell, "output_size", None) or sizes(cell)[0]
    d = _draw(cell, shape_text((None, n_x)), shape_text((None, n_y)))
    what = "From below, × W: times W, + b: plus b" if functions(cell) else "In each box: the weights of this part"
    d.caption(f"{what}. B is the batch.")
    below = [f"$n_x$ = {n_x}, $n_a$ = {', '.join(map(str, sizes(cell)))}, $n_y$ = {n_y}"]
    below += ["$a_0$ is learned"] * bool(getattr(cell, "learned_initial_state", False))
    rates = {"$x_t$": getattr(cell, "dropout", 0), "$a_{t-1}$": getattr(cell, "recurrent_dropout", 0)}
    dropped = " and ".join(f"{rate:.0%} of {name}" for name, rate in rates.items() if rate)
    below += [f"in training {dropped} dropped"] * bool(dropped)
    said = [f"${line}$" for line in equations(cell)] or [f"the class {plain(type(cell).__name__)} says no equations"]
    d.title(plain(cell.name, 40), " · ".join(below), "\n".join(said))
    return d.show(ax)


def _draw(cell, x_shape, y_shape):
    """x_t → project → advance → readout → ŷ_t from below, and a_{t-1} → advance → a_t; or all of it in one `call`."""
    d, by_part, ends_with, top = Drawing(), weights_by_part(cell), functions(cell), 24.0
    states, signs = [shape_text((None, n)) for n in sizes(cell)], {"W": "× ", "b": "+ "} if ends_with else {}
    arriving = {"call": x_shape}
    if "call" not in by_part:
        z = f"$z_t$ {shape_text((None, given_by_parts(cell)['project'][0].shape[-1]))}"
        arriving = {"project": x_shape, "advance": z, "readout": "\n".join(dict.fromkeys(states))}
    rows = {}  # the part -> what stands in it, from below: name, text, fill, letters
    for part in arriving:
        texts = {n: f"{signs.get(n[0], '')}${letters(n)}$ {shape_text(w.shape)}" for n, w in by_part[part].items()}
        rows[part] = [(f"weight-{name}", text, COLOURS[part], "white") for name, text in texts.items()]
        rows[part] += [("sum", "+ $z_t$", PAPER, INK)] if part == "advance" and ends_with else []
        rows[part] += [("function", plain(ends_with[part], 24), PAPER, INK)] if part in ends_with else []
    width = 28 + max([70.0, *(text_size(text)[0] for row in rows.values() for _, text, *_ in row)])
    end = 0.5 * width + 60 + max(text_size(shape, NOTE - 0.5)[0] for shape in states)

    def value(formula, x, y, edge=INK, fill=canvas.STATE):
        return d.box(x, y, 44, 28, f"${formula}$", fill, edge, size=canvas.SYMBOL, gid=f"value-{formula}")

    last = value("x_t", 0, 0, INPUT, canvas.X)
    for part, shape in arriving.items():
        loops, colour = part in ("advance", "call"), COLOURS[part]
        height = max(28 + 26 * max(len(rows[part]), 0.7), 38 * len(states) * loops)
        bottom, top = top + 46, top + 46 + height
        box = d.box(0, bottom + 0.5 * height, width, height, "", PAPER, colour, gid=f"part-{part}")
        d.link(last, box, colour, text=shape, at=0.5 if last.y else 0.42)
        d.text(0, top - 13, part, colour=colour, weight="bold")
        d.text(0, top - 32, "" if rows[part] else "no weights", NOTE, canvas.FAINT)
        for row, (gid, text, fill, ink) in enumerate(rows[part]):
            d.box(0, bottom + 17 + 26 * row, width - 14, 22, text, fill, colour, ink, gid=gid)
        for row, shape in enumerate(states if loops else ()):
            y, above = box.y - 38 * (row - 0.5 * (len(states) - 1)), f"^{{({row + 1})}}" if len(states) > 1 else ""
            d.link(value(f"a_{{t-1}}{above}", -end, y, colour), box, colour, text=shape, at=0.42)
            d.link(box, value(f"a_t{above}", end, y), text=shape, at=0.6)
        last = box
    d.link(last, value(r"\hat{y}_t", 0, top + 70, OUTPUT, canvas.Y), text=y_shape, at=0.6)
    look = {"edge": canvas.FAINT, "round": 14.0, "zorder": canvas.BEHIND, "gid": "cell"}
    d.box(0, 0.5 * (top + 70), width + 32, top - 38, fill="#f5f4f0", **look)
    return d
