"""Inside one cell: the two products, the biases, the sum, g, the output's product and h, each arrow with its shape."""

from typing import TYPE_CHECKING, Any

from keras_rnn_basics.pictures.anatomy import function_name, shape_text
from keras_rnn_basics.pictures.canvas import (
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
from keras_rnn_basics.pictures.cell_parts import CELL, across, draw_parts, up, value
from keras_rnn_basics.pictures.parts import answer_size, equations, is_plain, n_x, sizes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RADIUS = 12.0
INSIDE = 16.0  # from the cell's border to what is in it
COLOURS = {"W_ax": INPUT, "W_aa": RECURRENT, "W_ya": OUTPUT, "b_x": INPUT, "b_a": RECURRENT, "b_y": OUTPUT}


def plot_cell(cell: Any, ax: "Axes | None" = None) -> "Axes":
    """Draws the inside of a cell with the shapes of all that goes in, through and out; B is the batch.

    Of `a_t = g(x_t W_ax + b_x + b_a + a_{t-1} W_aa)`, `ŷ_t = h(a_t W_ya + b_y)` it shows every product and sum; of any
    other cell the parts of its step, with the weights that act in each; of Keras' own cells all weights in one.

    Args:
        cell: a built cell: a `RecurrentCell`, or any other that `keras.layers.RNN` takes.
        ax: the matplotlib axes to draw on; `None` makes a figure of a fitting size.

    Returns:
        The axes.

    Raises:
        ValueError: for something else than a cell, or one that has no weights yet.

    >>> import keras_rnn_basics as krb
    >>> model = krb.build_many_to_many((6,), units=32, output_units=4)
    >>> ax = krb.plot_cell(model.get_layer("rnn_1").cell)
    >>> sorted({label.get_text() for label in ax.texts if "B, " in label.get_text()})
    ['(B, 32)', '(B, 4)', '(B, 6)']
    """
    if not hasattr(cell, "state_size") or hasattr(cell, "cell"):
        raise ValueError(f"plot_cell draws a cell, such as layer.cell, got {cell!r}.")
    if not cell.built:
        raise ValueError(f"{cell.name} has no weights yet: build its model, or call it once.")
    said = [f"${equation}$" for equation in equations(cell)]
    if is_plain(cell):
        d, formula = _draw_plain(cell), r", $\quad$ ".join(said)
        d.caption("× W: the rows that arrive, times W. +: the sum of all that arrives. B is the batch.")
    else:
        d, formula = draw_parts(cell), "\n".join(said) or f"the class {plain(type(cell).__name__)} says no equations"
        d.caption("In each box: the weights that act in this part of the step. B is the batch.")
    n_a = ", ".join(map(str, sizes(cell)))
    shapes = f"$n_x$ = {n_x(cell)}, $n_a$ = {n_a}, $n_y$ = {answer_size(cell)}"
    d.title(plain(cell.name, 40), shapes + _further(cell), formula)
    return d.show(ax)


def _draw_plain(cell):
    n_x, n_a = cell.W_ax.shape
    n_y = answer_size(cell)
    d = Drawing()
    answers = "W_ya" in cell.weight_names
    state, inputs, outputs = (shape_text((None, n)) for n in (n_a, n_x, n_y))
    widest = max(text_size(shape, SMALL)[0] for shape in (state, inputs, outputs))
    gap = widest + 22
    widths = {name: text_size(_product(name, cell))[0] + 14 for name in COLOURS if name in cell.weight_names}
    g, h = (
        f"{name} = {plain(function_name(f), 16)}" for name, f in zip("gh", (cell.activation, cell.output_activation))
    )
    g_width, h_width = (text_size(text)[0] + 18 for text in (g, h))
    lift = 46.0

    # From left to right: a_{t-1} W_aa, the sum, g, a_t.
    x_W = 22 + gap + INSIDE + widths["W_aa"] / 2
    x_sum = x_W + widths["W_aa"] / 2 + max(gap, 0.5 * widths["W_ax"] - RADIUS) + RADIUS
    x_g = x_sum + RADIUS + gap + g_width / 2
    beside = [0.5 * widths["W_ya"], 0.5 * h_width] if answers else []
    x_fork = x_g + g_width / 2 + max(gap, *beside, 0.0)
    right = x_fork + max(widest + 8, *beside, 0.0) + INSIDE
    x_end = right + gap + 22
    value(d, 0, 0, "$a_{t-1}$", RECURRENT, STATE)
    weight(d, x_W, 0, "W_aa", cell, widths)
    add(d, x_sum, 0)
    d.box(x_g, 0, g_width, 26, g, "white", INK, gid="g")
    value(d, x_end, 0, "$a_t$", INK, STATE)
    left = x_W - widths["W_aa"] / 2 - INSIDE
    across(d, 22, x_W - widths["W_aa"] / 2, 0, state, RECURRENT, named_to=left)
    across(d, x_W + widths["W_aa"] / 2, x_sum - RADIUS, 0, state, RECURRENT)
    across(d, x_sum + RADIUS, x_g - g_width / 2, 0, state, INK)
    across(d, x_g + g_width / 2, x_end - 22, 0, state, INK, named_from=right)
    d.dot(x_fork, 0, INK)

    # From below x_t W_ax, from above the two biases.
    y_W = -RADIUS - lift - 11
    bottom = y_W - 11 - INSIDE
    y_x = bottom - lift - 14
    value(d, x_sum, y_x, "$x_t$", INPUT, tint(INPUT))
    weight(d, x_sum, y_W, "W_ax", cell, widths)
    up(d, x_sum, y_x + 14, y_W - 11, inputs, INPUT, named_to=bottom)
    up(d, x_sum, y_W + 11, -RADIUS, state, INPUT)
    y = RADIUS + lift + 11
    for side, name in ((-1, "b_x"), (1, "b_a")):
        x = x_sum + side * 26
        weight(d, x, y, name, cell, widths)
        end = (x_sum + side * 0.6 * RADIUS, 0.8 * RADIUS)
        d.arrow([(x, y - 11), (x, 2 * RADIUS), end], COLOURS[name], 1.3, gid=f"arrow-{name}")
        shape = shape_text(getattr(cell, name).shape)
        d.text(x + side * 5, y - 24, shape, SMALL, FAINT, ha="right" if side < 0 else "left")

    # Upwards a_t W_ya + b_y, h, ŷ_t; without W_ya the answer is a_t itself.
    top = y + 11
    if answers:
        weight(d, x_fork, y, "W_ya", cell, widths)
        up(d, x_fork, 0, y - 11, state, OUTPUT)
        y_sum = top + lift + RADIUS
        add(d, x_fork, y_sum)
        up(d, x_fork, top, y_sum - RADIUS, outputs, OUTPUT)
        x_b = x_fork - RADIUS - gap - widths["b_y"] / 2
        weight(d, x_b, y_sum, "b_y", cell, widths)
        across(d, x_b + widths["b_y"] / 2, x_fork - RADIUS, y_sum, shape_text(cell.b_y.shape), OUTPUT, gid="arrow-b_y")
        y_h = y_sum + RADIUS + lift + 13
        d.box(x_fork, y_h, h_width, 26, h, "white", INK, gid="h")
        up(d, x_fork, y_sum + RADIUS, y_h - 13, outputs, INK)
        top = y_h + 13
    border = top + INSIDE
    y_y = border + lift + 14
    value(d, x_fork, y_y, r"$\hat{y}_t$", OUTPUT, tint(OUTPUT))
    up(d, x_fork, top if answers else 0, y_y - 14, outputs, INK, named_from=border)

    middle = (0.5 * (left + right), 0.5 * (bottom + border))
    d.box(*middle, right - left, border - bottom, **CELL)
    return d


def _product(name, cell):
    letter, letters = name.split("_")
    text = f"${letter}_{{{letters}}}$"
    return text if letter == "b" else f"× {text} {shape_text(getattr(cell, name).shape)}"


def weight(d, x, y, name, cell, widths):
    colour = COLOURS[name]
    d.box(x, y, widths[name], 22, _product(name, cell), colour, colour, "white", gid=f"weight-{name}")


def add(d, x, y):
    d.box(x, y, 2 * RADIUS, 2 * RADIUS, "+", "white", INK, size=SYMBOL, gid="sum", round=RADIUS)


def _further(cell):
    rates = {"$x_t$": getattr(cell, "dropout", 0), "$a_{t-1}$": getattr(cell, "recurrent_dropout", 0)}
    dropped = [f"{rate:.0%} of {name}" for name, rate in rates.items() if rate]
    learned = r" · $a_0$ is learned" if getattr(cell, "learned_initial_state", False) else ""
    return learned + (f" · in training {' and '.join(dropped)} dropped" if dropped else "")
