"""What the network is: its cell repeated over time on the same weights, and the way of the errors back through it."""

from dataclasses import replace
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_rnn_basics.pictures.anatomy import read
from keras_rnn_basics.pictures.architectures import type_of
from keras_rnn_basics.pictures.canvas import (
    BEHIND,
    ERROR,
    FAINT,
    INK,
    RECURRENT,
    SYMBOL,
    TEXT,
    Drawing,
    plain,
    text_size,
    tint,
)
from keras_rnn_basics.pictures.gradients import error_flow
from keras_rnn_basics.pictures.notation import columns
from keras_rnn_basics.pictures.parts import is_plain
from keras_rnn_basics.pictures.unrolled import unroll

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_unrolled(model: Any, steps: int | None = None, ax: "Axes | None" = None) -> "Axes":
    """Draws a model over time: a_0 → a_1 → … with x_t below and ŷ_t above, and each weight as ONE box for all steps.

    Layers on top of each other are rows; in a bidirectional layer one row reads from each end. Sizes are the model's.

    Args:
        model: a built model whose layers stand in a row, or an encoder and a decoder.
        steps: T, how many steps to draw: all of up to 5, the first two and the last two of more. `None` takes the
            model's own number of steps, or draws any number, T_x.
        ax: the matplotlib axes to draw on; `None` makes a figure of a fitting size.

    Returns:
        The axes.

    Raises:
        ValueError: for a model that branches or has no recurrent layer in it, or steps that are no positive integer.

    >>> import keras_rnn_basics as krb
    >>> ax = krb.plot_unrolled(krb.build_many_to_many((6,), units=32, output_units=4), steps=3)
    >>> [label.get_text() for label in ax.texts if "W_" in label.get_text()]
    ['$W_{ax}$ (6, 32)', '$W_{aa}$ (32, 32)', '$W_{ya}$ (32, 4)']
    """
    anatomy = read(model)
    _check_steps(steps)
    drawing, _ = draw_model(anatomy, steps)
    drawing.caption(_caption(anatomy))
    _title(drawing, anatomy)
    return drawing.show(ax)


def plot_backpropagation(
    model: Any, x: Any = None, y: Any = None, loss: Any = None, steps: int | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Draws a model over time with its costs L_t, their sum L, and the way of the error back through all of it.

    With a batch the error is measured: an arrow back is as wide as the mean length, over the batch, of the gradient of
    L that goes along it, and from a step to the one before that number stands beside it.

    Args:
        model: as `plot_unrolled` takes it.
        x, y: a batch of inputs and targets, or neither.
        loss: the cost of one step, as `gradient_flow` takes it.
        steps: as in `plot_unrolled`; with a batch it is the batch's T.
        ax: the matplotlib axes to draw on; `None` makes a figure of a fitting size.

    Returns:
        The axes.

    Raises:
        ValueError: as in `plot_unrolled`, and for x without y, or steps that are not the batch's.

    >>> import keras_rnn_basics as krb
    >>> model = krb.build_many_to_many((6,), units=8, output_units=1)
    >>> ax = krb.plot_backpropagation(model, np.ones((2, 3, 6)), np.zeros((2, 3, 1)), "mean_squared_error")
    >>> sum("error-" in str(line.get_gid()) and "rnn_1-→-recurrent" in line.get_gid() for line in ax.lines)
    2
    """
    anatomy = read(model)
    _check_steps(steps)
    if not anatomy.chains[-1].answers:
        raise ValueError(f"{anatomy.name} gives its states and no answers: nothing in it costs anything.")
    flows: dict[Any, float] = {}
    costs: Any = None
    T: Any = steps
    if (x is None) != (y is None):
        raise ValueError("plot_backpropagation measures on a batch of x and y, or on neither: one of them is missing.")
    if x is not None:
        flows, costs = error_flow(anatomy, x, y, loss)
        T = [max(t for name, *_, t in flows if name == chain.name) for chain in anatomy.chains]
        if steps is not None and set(T) != {steps}:
            raise ValueError(f"The batch has {' and '.join(map(str, T))} steps, steps={steps}: leave steps out.")
    drawing, unrolled = draw_model(anatomy, T, feeding=False)
    loss_of_each_step(drawing, unrolled[-1], costs)
    shown = [stroke for stroke in drawing.strokes if stroke.flow is not None]
    # A cost counts once in their sum: its own arrow says nothing that is measured.
    largest = max(flows.get(stroke.flow, 0.0) for stroke in shown)
    begins = (anatomy.chains[1].name, 1) if len(anatomy.chains) > 1 else None
    for stroke in shown:
        # Between the two chains the number has a place of its own, left of all that is the decoder's.
        between = unrolled[-1].drawing.bounds[0] - 22 if stroke.flow[:1] + stroke.flow[-1:] == begins else None
        error_along(drawing, stroke, flows.get(stroke.flow), largest, between)
    plain_steps = all(is_plain(cell) for chain in anatomy.chains for part in chain.recurrent for cell in part.cells)
    caption = "Purple: the error on its way back along all that led forward; from $a_t$ to $a_{t-1}$ by "
    caption += "$W_{aa}$." if plain_steps else "the cell's step."
    if anatomy.attention:
        caption += "\nThe grey lines of attention carry it back as well."
    if flows:
        measured = sorted(flows[stroke.flow] for stroke in shown if stroke.flow in flows)
        caption += (
            "\nAn arrow's width, and its number: the mean length of the gradient of L along it, "
            f"from {_number(measured[0])} to {_number(measured[-1])} here."
        )
    drawing.caption(caption)
    _title(drawing, anatomy)
    return drawing.show(ax)


def _check_steps(steps):
    if steps is not None and (isinstance(steps, bool) or not isinstance(steps, Integral) or steps < 1):
        raise ValueError(f"steps must be a positive integer or None, got {steps!r}.")


def loss_of_each_step(drawing, unrolled, costs):
    """Above each answer its cost, and above all of them their sum."""
    tops, low, alone = [], 0.0, len(unrolled.answers) == 1
    for i, port in unrolled.answers.items():
        step = unrolled.steps[i]
        text = "$L$" if alone else f"$L_{{{step.answer(unrolled.late)}}}$"
        if costs is not None:
            text += f" = {_number(costs[-1] if alone else costs[step.t - 1 - unrolled.late])}"
        width = max(36.0, text_size(text, TEXT)[0] + 12)
        y = port.y + 30
        drawing.arrow([(port.x, port.y), (port.x, y - 12)], INK, 1.3, gid=f"arrow-L-{step.label}", flow=port.flow)
        drawing.box(port.x, y, width, 24, text, tint(ERROR), ERROR, gid=f"L-{step.label}")
        tops.append((port.x, y + 12, port.flow))
        low = y
    if alone:
        return
    for step, x in zip(unrolled.steps, unrolled.centres):
        if step.gap:
            drawing.text(x, low, r"$\cdots$", SYMBOL)
    text = r"$L = \Sigma_t\, L_t$" + (f" = {_number(costs.sum())}" if costs is not None else "")
    xs = [x for x, _, _ in tops]
    bottom = tops[0][1] + 18
    for x, top, flow in tops:
        drawing.arrow([(x, top), (x, bottom)], INK, 1.3, gid="arrow-L", flow=(*flow[:-2], "cost", flow[-1]))
    width = max(max(xs) - min(xs) + unrolled.half, text_size(text, SYMBOL)[0] + 16)
    drawing.box(0.5 * (min(xs) + max(xs)), bottom + 13, width, 26, text, tint(ERROR), ERROR, size=SYMBOL, gid="L")


def error_along(drawing, stroke, norm, largest, number_at=None):
    """An arrow beside a line, the other way."""
    points = stroke.points[::-1].copy()
    upright = np.isclose(points[1:, 0], points[:-1, 0])
    beside = points.copy()
    for end, is_upright in enumerate(upright):
        for point in (end, end + 1):
            if is_upright:
                beside[point, 0] = points[point, 0] + 7
            else:
                beside[point, 1] = points[point, 1] - 7
    width = 1.3 if norm is None or not largest else 0.6 + 4.4 * norm / largest
    gid = "error-" + "-".join(str(word) for word in stroke.flow)
    drawing.arrow(beside, ERROR, width, gid=gid)
    if norm is not None and "recurrent" in stroke.flow:
        way = beside[-1] - beside[0]
        x, y = beside[0] + min(0.5, 26 / np.hypot(*way)) * way
        drawing.text(x if number_at is None else number_at, y - 10, _number(norm), 7.5, ERROR)


def _number(value):
    return f"{value:.2g}" if value == 0 or 1e-3 <= abs(value) < 1e4 else f"{value:.0e}"


def draw_model(anatomy, steps=None, feeding=True):
    """-> the drawing, and its unrolled chains."""
    drawing = Drawing()
    if len(anatomy.chains) == 1:
        [chain] = anatomy.chains
        [T] = steps if isinstance(steps, list) else [steps or chain.T]
        T = 1 if anatomy.kind == "one_to_one" else T
        fed_back = feeding and anatomy.kind == "one_to_many"
        unrolled = unroll(chain, columns(T, "T_x"), fed_back=fed_back)
        drawing.add(unrolled.drawing)
        return drawing, [unrolled]
    encoder, decoder = anatomy.chains
    T_x, T_y = steps if isinstance(steps, list) else (steps or encoder.T, steps or decoder.T)
    reads = unroll(encoder, columns(T_x, "T_x"))
    writes = unroll(decoder, columns(T_y, "T_y"), x=r"\hat{y}" if feeding else "y", fed_back=feeding, shifted=True)
    _, _, right, _ = reads.drawing.bounds
    left, _, _, _ = writes.drawing.bounds
    dx = right - left + 44
    _move(writes, dx)
    drawing.add(reads.drawing)
    drawing.add(writes.drawing)
    for layer, (start, end) in enumerate(zip(reads.ends, writes.states), start=1):
        name = encoder.recurrent[layer - 1].name
        flow = (decoder.name, decoder.recurrent[layer - 1].name, "→", "recurrent", 1)
        level = 0.5 * (start[0] + end[0])
        points = [start, end] if start[1] == end[1] else [start, (level, start[1]), (level, end[1]), end]
        drawing.arrow(points, RECURRENT, 1.8, gid=f"hand-over-{name}", flow=flow)
    for unrolled, name in ((reads, "encoder"), (writes, "decoder")):
        middle = 0.5 * (unrolled.centres[0] + unrolled.centres[-1])
        drawing.text(middle, -30, name, TEXT, INK, weight="bold")
    if anatomy.attention:
        for x, y in writes.look_backs:
            for a, top in reads.tops.values():
                drawing.line([(a, top), (x, y)], FAINT, 0.8, gid="attention", zorder=BEHIND)
    return drawing, [reads, writes]


def _move(unrolled, dx):
    unrolled.drawing.items = [item.moved(dx, 0) for item in unrolled.drawing.items]
    unrolled.centres = [x + dx for x in unrolled.centres]
    unrolled.states = [(x + dx, y) for x, y in unrolled.states]
    unrolled.look_backs = [(x + dx, y) for x, y in unrolled.look_backs]
    unrolled.answers = {i: replace(port, x=port.x + dx) for i, port in unrolled.answers.items()}


def _title(drawing, anatomy):
    weights = f"{anatomy.model.count_params()} numbers in its weights, the same at every step"
    kind = type_of(anatomy) if anatomy.chains[-1].answers else "gives its states, no answers"
    drawing.title(plain(anatomy.name, 48), f"{kind} · {weights}")


def _caption(anatomy):
    lines = ["One box is one weight: its dashed line leads to every step that uses it."]
    if anatomy.kind == "one_to_many":
        lines.append("When it writes, each answer becomes the next input (dashed grey); in training the true one does.")
    if anatomy.kind == "encoder_decoder":
        lines.append(
            "The decoder begins with what the encoder last remembers, and reads its own answers (dashed grey); "
            "each has weights of its own."
        )
    return "\n".join(lines)
