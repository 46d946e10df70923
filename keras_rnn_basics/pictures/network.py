"""What the network is: its cell repeated over time on the same weights, and the way that errors take back through it."""

from typing import TYPE_CHECKING, Any

from keras_rnn_basics.pictures.anatomy import read
from keras_rnn_basics.pictures.canvas import BEHIND, FAINT, INPUT, RECURRENT, Drawing, plain
from keras_rnn_basics.pictures.unrolled import columns, unroll

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KINDS = {
    "one_to_one": "one to one, T_x = T_y = 1",
    "one_to_many": "one to many, each answer is the next input",
    "many_to_one": "many to one",
    "many_to_many": "many to many, T_x = T_y",
    "encoder_decoder": "many to many, T_x ≠ T_y",
}


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
        ValueError: for a model that branches or has no BasicRNN in it, or steps that are no positive integer.

    >>> import keras_rnn_basics as krb
    >>> ax = krb.plot_unrolled(krb.build_many_to_many((6,), units=32, output_units=4), steps=3)
    >>> [label.get_text() for label in ax.texts if "W_" in label.get_text()]
    ['$W_{ax}$ (6, 32)', '$W_{aa}$ (32, 32)', '$W_{ya}$ (32, 4)']
    """
    anatomy = read(model)
    drawing, _ = draw_model(anatomy, steps)
    drawing.caption(_caption(anatomy))
    _title(drawing, anatomy)
    return drawing.show(ax)


def draw_model(anatomy, steps=None, feeding=True):
    """-> the drawing, and its unrolled chains."""
    if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int) or steps < 1):
        raise ValueError(f"steps must be a positive integer or None, got {steps!r}.")
    drawing = Drawing()
    if len(anatomy.chains) == 1:
        [chain] = anatomy.chains
        T = 1 if anatomy.kind == "one_to_one" else chain.T if steps is None else steps
        fed_back = feeding and anatomy.kind == "one_to_many"
        unrolled = unroll(chain, columns(T, "T_x"), fed_back=fed_back)
        drawing.add(unrolled.drawing)
        return drawing, [unrolled]
    encoder, decoder = anatomy.chains
    reads = unroll(encoder, columns(steps or encoder.T, "T_x"))
    writes = unroll(decoder, columns(steps or decoder.T, "T_y"), fed_back=feeding, first_input="start")
    _, _, right, _ = reads.drawing.bounds
    left, _, _, _ = writes.drawing.bounds
    dx = right - left + 30
    _move(writes, dx)
    drawing.add(reads.drawing)
    drawing.add(writes.drawing)
    for layer, (start, end) in enumerate(zip(reads.ends, writes.states), start=1):
        name = encoder.recurrent[layer - 1].name
        flow = (decoder.recurrent[layer - 1].name, "→", "handed over", 1)
        level = 0.5 * (start[0] + end[0])
        points = [start, end] if start[1] == end[1] else [start, (level, start[1]), (level, end[1]), end]
        drawing.arrow(points, RECURRENT, 1.8, gid=f"hand-over-{name}", flow=flow)
    if anatomy.attention:
        for x, y in writes.look_backs:
            for a, top in reads.tops.values():
                drawing.line([(a, top), (x, y)], INPUT, 0.8, gid="attention", zorder=BEHIND)
    return drawing, [reads, writes]


def _move(unrolled, dx):
    unrolled.drawing.items = [item.moved(dx, 0) for item in unrolled.drawing.items]
    unrolled.centres = [x + dx for x in unrolled.centres]
    unrolled.states = [(x + dx, y) for x, y in unrolled.states]
    unrolled.look_backs = [(x + dx, y) for x, y in unrolled.look_backs]
    unrolled.answers = {i: type(p)(p.x + dx, p.y, p.colour, p.flow) for i, p in unrolled.answers.items()}


def _title(drawing, anatomy, further=""):
    weights = f"{anatomy.weights} numbers in its weights, the same at every step"
    drawing.title(plain(anatomy.name, 48), f"{KINDS[anatomy.kind]} · {weights}{further}")


def _caption(anatomy):
    lines = ["One box is one weight: its dashed line leads to every step that uses it."]
    if anatomy.kind == "one_to_many":
        lines.append("When it writes, each answer becomes the next input (dashed grey); in training the true one does.")
    if anatomy.kind == "encoder_decoder":
        lines.append("The decoder begins with what the encoder remembers last, and reads its own answers (dashed grey).")
    return "\n".join(lines)
