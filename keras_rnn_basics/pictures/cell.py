"""Inside one cell: what comes in, which weights it meets in each part of the step, and what goes out."""

from typing import TYPE_CHECKING, Any

from keras_rnn_basics.pictures.anatomy import shape_text
from keras_rnn_basics.pictures.canvas import (
    BEHIND,
    FAINT,
    INK,
    INPUT,
    OUTPUT,
    RECURRENT,
    SMALL,
    STATE,
    SYMBOL,
    Drawing,
    plain,
    text_size,
    tint,
)
from keras_rnn_basics.pictures.parts import equations, functions, given_by_parts, letters, sizes, weights_by_part
from keras_rnn_basics.pictures.unrolled import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_cell(cell: Any, ax: "Axes | None" = None) -> "Axes":
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
    d, n_a = _draw(cell, shape_text((None, n_x)), shape_text((None, n_y))), ", ".join(map(str, sizes(cell)))
    rates = {"$x_t$": getattr(cell, "dropout", 0), "$a_{t-1}$": getattr(cell, "recurrent_dropout", 0)}
    dropped = " and ".join(f"{rate:.0%} of {name}" for name, rate in rates.items() if rate)
    below = [f"$n_x$ = {n_x}, $n_a$ = {n_a}, $n_y$ = {n_y}"]
    below += ["$a_0$ is learned"] * bool(getattr(cell, "learned_initial_state", False))
    below += [f"in training {dropped} dropped"] * bool(dropped)
    said = (
        "\n".join(f"${line}$" for line in equations(cell))
        or f"the class {plain(type(cell).__name__)} says no equations"
    )
    what = "From below, × W: times W, + b: plus b" if functions(cell) else "In each box: the weights of this part"
    d.caption(f"{what}. B is the batch.")
    d.title(plain(cell.name, 40), " · ".join(below), said)
    return d.show(ax)


def _draw(cell, x_shape, y_shape):
    """x_t → project → advance → readout → ŷ_t from below, and a_{t-1} → advance → a_t; or all of it in one `call`."""
    d, by_part, at_end = Drawing(), weights_by_part(cell), functions(cell)
    states, signs = [shape_text((None, n)) for n in sizes(cell)], {"W": "× ", "b": "+ "} if at_end else {}
    arriving = {"call": x_shape}
    if "call" not in by_part:
        z = shape_text((None, given_by_parts(cell)["project"].shape[-1]))
        arriving = {"project": x_shape, "advance": f"$z_t$ {z}", "readout": "\n".join(dict.fromkeys(states))}
    rows = {}  # the part -> what stands in it, from below: name, text, fill, letters
    for part in arriving:
        colour, named = COLOURS[part], by_part[part].items()
        texts = {
            name: f"{signs.get(name[0], '')}${letters(name)}$ {shape_text(weight.shape)}" for name, weight in named
        }
        rows[part] = [(f"weight-{name}", text, colour, "white") for name, text in texts.items()]
        if at_end and part == "advance":
            rows[part].append(("sum", "+ $z_t$", "white", INK))
        if part in at_end:
            rows[part].append((at_end[part][0], plain(at_end[part], 24), "white", INK))
    width = 28 + max([70.0, *(text_size(text)[0] for row in rows.values() for _, text, *_ in row)])
    inside = 0.5 * width + 16
    end = inside + max(text_size(shape, SMALL)[0] for shape in states) + 44

    def value(formula, x, y, edge=INK, fill=STATE):
        return d.box(x, y, 44, 28, f"${formula}$", fill, edge, size=SYMBOL, gid=f"value-{formula}")

    last, top = value("x_t", 0, 0, INPUT, tint(INPUT)), 24.0
    for part, shape in arriving.items():
        loops, colour = part in ("advance", "call"), COLOURS[part]
        height = max(28 + 26 * max(len(rows[part]), 0.7), 38 * len(states) * loops)
        bottom, top = top + 46, top + 46 + height
        box = d.box(0, bottom + 0.5 * height, width, height, "", "white", colour, gid=f"part-{part}")
        d.link(last, box, colour, text=shape, at=0.42 if last.y == 0 else 0.5)
        d.text(0, top - 13, part, colour=colour, weight="bold")
        if not rows[part]:
            d.text(0, top - 32, "no weights", SMALL, FAINT)
        for row, (gid, text, fill, ink) in enumerate(rows[part]):
            d.box(0, bottom + 17 + 26 * row, width - 14, 22, text, fill, colour, ink, gid=gid)
        for row, shape in enumerate(states if loops else ()):
            y, above = box.y - 38 * (row - 0.5 * (len(states) - 1)), f"^{{({row + 1})}}" if len(states) > 1 else ""
            d.link(value(f"a_{{t-1}}{above}", -end, y, RECURRENT), box, RECURRENT, text=shape, at=0.42)
            d.link(box, value(f"a_t{above}", end, y), text=shape, at=0.6)
        last = box
    d.link(last, value(r"\hat{y}_t", 0, top + 70, OUTPUT, tint(OUTPUT)), text=y_shape, at=0.6)
    d.box(0, 0.5 * (top + 70), 2 * inside, top - 38, fill="#f5f4f0", edge=FAINT, round=14.0, zorder=BEHIND, gid="cell")
    return d
