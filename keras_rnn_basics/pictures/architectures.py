"""The five ways in which sequences go in and come out, side by side, and the one that a model has."""

from typing import TYPE_CHECKING, Any

from keras_rnn_basics.pictures.anatomy import read, shape_text, steps_text
from keras_rnn_basics.pictures.canvas import (
    BEHIND,
    FAINT,
    INK,
    INPUT,
    OUTPUT,
    RECURRENT,
    SMALL,
    SYMBOL,
    TEXT,
    Drawing,
    plain,
    text_size,
    tint,
)
from keras_rnn_basics.pictures.parts import sizes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT, PITCH, ROW = 34.0, 26.0, 58.0, 54.0

# For each kind: its name, the numbers of steps in and out, and what it is used for.
TYPES = {
    "one_to_one": ("one to one", "$T_x = T_y = 1$", "a vanilla network:\na scan → its digit"),
    "one_to_many": ("one to many", "$T_x = 1, \\; T_y > 1$", "writing:\na first letter → a text"),
    "many_to_one": ("many to one", "$T_x > 1, \\; T_y = 1$", "telling apart:\na voice → the speaker's sex"),
    "many_to_many": ("many to many", "$T_x = T_y$", "labelling:\nframes → a label each"),
    "encoder_decoder": ("many to many", "$T_x \\neq T_y$", "translating:\na sentence → another"),
}


def plot_architectures(ax: "Axes | None" = None) -> "Axes":
    """Draws the five architectures side by side: inputs below, states in the middle, answers above.

    Args:
        ax: the matplotlib axes to draw on; `None` makes a figure of a fitting size.

    Returns:
        The axes.

    >>> import keras_rnn_basics as krb
    >>> ax = krb.plot_architectures()
    >>> sum(label.get_text() == "many to many" for label in ax.texts)
    2
    """
    drawing, x = Drawing(), 0.0
    for kind, (name, steps, use) in TYPES.items():
        panel = _panel(kind)
        left, bottom, right, top = panel.bounds
        wide = max(right - left, *(text_size(text, TEXT, "bold")[0] for text in (name, steps, use)))
        middle = x + wide / 2
        drawing.add(panel, middle - 0.5 * (left + right), 0.0)
        drawing.text(middle, top + 38, name, TEXT + 1, INK, weight="bold")
        drawing.text(middle, top + 19, steps, TEXT, INK)
        drawing.text(middle, bottom - 26, use, TEXT, FAINT)
        x += wide + 34
    drawing.caption(
        "All states $a_t$ of a network come of the same weights; in the last one, what reads and what writes have each "
        "their own.\nDashed: an answer is the next input."
    )
    return drawing.show(ax)


def plot_architecture(model: Any, ax: "Axes | None" = None) -> "Axes":
    """Draws which of the five architectures a model is, with its own sizes: a row of states for each of its layers.

    Args:
        model: a built model whose layers stand in a row, or an encoder and a decoder.
        ax: the matplotlib axes to draw on; `None` makes a figure of a fitting size.

    Returns:
        The axes.

    Raises:
        ValueError: for a model that branches or has no recurrent layer in it.

    >>> import keras_rnn_basics as krb
    >>> ax = krb.plot_architecture(krb.build_many_to_one((6,), units=[32, 16], output_units=1))
    >>> [label.get_text() for label in ax.texts if label.get_text().startswith("$n_a$")]
    ['$n_a$ = 32', '$n_a$ = 16']
    """
    anatomy = read(model)
    if not anatomy.chains[-1].answers:
        raise ValueError(f"{anatomy.name} gives its states and no answers: it is only a part of an architecture.")
    layers = [[_sizes(part) for part in chain.recurrent] for chain in anatomy.chains]
    panel = _panel(anatomy.kind, layers, [len(part.cells) == 2 for part in anatomy.chains[0].recurrent])
    if anatomy.attention:
        top = ROW * len(layers[0])
        for read_at in range(3):
            for written in (3, 4):
                ends = [(PITCH * read_at, top + HEIGHT / 2), (PITCH * written, top + ROW - HEIGHT / 2)]
                panel.line(ends, FAINT, 0.8, gid="attention", zorder=BEHIND)
    _, _, right, _ = panel.bounds
    rows = range(len(layers[0]))
    for row in rows:
        sizes = list(dict.fromkeys(chain[row] for chain in layers if row < len(chain)))
        panel.text(right + 12, ROW * (row + 1), "$n_a$ = " + ", ".join(sizes), SMALL + 0.5, FAINT, ha="left")
    panel.text(right + 12, 0, _shapes(chain.x_shape for chain in anatomy.chains), SMALL + 0.5, FAINT, ha="left")
    top = ROW * (max(map(len, layers)) + 1)
    panel.text(right + 12, top, shape_text(anatomy.chains[-1].y_shape), SMALL + 0.5, FAINT, ha="left")
    weights = f"{anatomy.model.count_params()} numbers in its weights"
    panel.title(plain(anatomy.name, 40), f"{type_of(anatomy)} · {weights}")
    return panel.show(ax)


def type_of(anatomy):
    """Which of the five types a model is, in words, and how its numbers of steps compare."""
    name, steps, _ = TYPES[anatomy.kind]
    late = anatomy.chains[-1].late
    return f"{name}, $T_y = T_x - {late}$: {steps_text(late)} late" if late else f"{name}, {steps}"


def _sizes(part):
    return " + ".join(", ".join(map(str, sizes(cell))) for cell in part.cells)


def _shapes(shapes):
    return ", ".join(dict.fromkeys(shape_text(shape) for shape in shapes))


def _panel(kind, layers=(("",),), both_ways=(False,)):
    """Rows of boxes: x below at y = 0, a row of states for each layer, ŷ above them."""
    d = Drawing()
    depth = max(map(len, layers))
    top = ROW * (depth + 1)
    columns = {"one_to_one": 1, "encoder_decoder": 5}.get(kind, 3)
    reads = {"one_to_many": [0], "encoder_decoder": [0, 1, 2]}.get(kind, range(columns))
    writes = {"many_to_one": [2], "encoder_decoder": [3, 4]}.get(kind, range(columns))
    for column in range(columns):
        x = column * PITCH
        for row in range(depth):
            y = ROW * (row + 1)
            d.box(x, y, WIDTH, HEIGHT, "$a$", tint(RECURRENT), RECURRENT, size=SYMBOL, gid=f"state-{row}-{column}")
            two = row < len(both_ways) and both_ways[row]
            rise = 5 if two else 0
            if column + 1 < columns:
                ends = [(x + WIDTH / 2, y + rise), (x + PITCH - WIDTH / 2, y + rise)]
                d.arrow(ends, RECURRENT, 1.3, gid=f"recurrent-{row}-{column}")
                if two:
                    back = [(end, y - rise) for end, _ in ends[::-1]]
                    d.arrow(back, RECURRENT, 1.3, gid=f"recurrent-back-{row}-{column}")
            if row:
                d.arrow([(x, y - ROW + HEIGHT / 2), (x, y - HEIGHT / 2)], INPUT, 1.3, gid=f"up-{row}-{column}")
        if column in reads:
            d.box(x, 0, WIDTH, HEIGHT, "$x$", tint(INPUT), INPUT, size=SYMBOL, gid=f"x-{column}")
            d.arrow([(x, HEIGHT / 2), (x, ROW - HEIGHT / 2)], INPUT, 1.3, gid=f"in-{column}")
        if column in writes:
            d.box(x, top, WIDTH, HEIGHT, r"$\hat{y}$", tint(OUTPUT), OUTPUT, size=SYMBOL, gid=f"y-{column}")
            d.arrow([(x, top - ROW + HEIGHT / 2), (x, top - HEIGHT / 2)], OUTPUT, 1.3, gid=f"out-{column}")
            if kind in ("one_to_many", "encoder_decoder") and column + 1 < columns:
                lane, following = x + PITCH / 2, x + PITCH
                points = [(x + WIDTH / 2, top), (lane, top), (lane, ROW - 26), (following, ROW - 26)]
                points.append((following, ROW - HEIGHT / 2))
                d.arrow(points, FAINT, 1.0, style=(0, (4, 2)), gid=f"fed-back-{column}", zorder=BEHIND)
    return d
