"""What the network is: its architecture, its cell repeated over time, and the way of the errors back through it."""

from numbers import Integral
from typing import Any

from matplotlib.axes import Axes

from keras_rnn_basics.architectures.anatomy import Anatomy, Chain, Part, read
from keras_rnn_basics.gradients import Measured, error_flow
from keras_rnn_basics.pictures.canvas import COST, ERROR, FAINT, INK, SYMBOL, TEXT, Drawing, plain, text_size
from keras_rnn_basics.pictures.unrolled import Step, Unrolled, columns, indexed

# For each kind: its name, the numbers of steps in and out, and what it is used for.
TYPES = {
    "one_to_one": ("one to one", "$T_x = T_y = 1$", "a vanilla network:\na scan → its digit"),
    "one_to_many": ("one to many", "$T_x = 1, \\; T_y > 1$", "writing:\na first letter → a text"),
    "many_to_one": ("many to one", "$T_x > 1, \\; T_y = 1$", "telling apart:\na voice → the speaker's sex"),
    "many_to_many": ("many to many", "$T_x = T_y$", "labelling:\nframes → a label each"),
    "encoder_decoder": ("many to many", "$T_x \\neq T_y$", "translating:\na sentence → another"),
}


def plot_architectures(ax: Axes | None = None) -> Axes:
    """Draws the five architectures side by side: inputs below, states in the middle, answers above.

    Args:
        ax: the matplotlib axes to draw on, and to return; `None` makes a figure of a fitting size.

    >>> import keras_rnn_basics as krb
    >>> ax = krb.plot_architectures()
    >>> sum(label.get_text() == "many to many" for label in ax.texts)
    2
    """
    d, left = Drawing(), 0.0
    for kind, (name, steps, use) in TYPES.items():
        encoder = Part("encoder", layers=(None,), every_step=kind != "many_to_one")
        chains = [Chain([encoder])]
        if kind == "encoder_decoder":
            decoder = encoder._replace(name="decoder", begins_with="encoder")
            chains = [Chain([encoder], "enc", answers=False), Chain([decoder], "dec")]
        alone, anatomy = Drawing(), Anatomy(kind, chains)
        _over_time(alone, anatomy, weights=False)
        begin, _, end, _ = alone.bounds
        middle = left + 0.5 * max(end - begin, *(text_size(text, TEXT, "bold")[0] for text in (name, steps, use)))
        top = _over_time(d, anatomy, weights=False, left=middle - 0.5 * (begin + end)).y
        d.text(middle, top + 38, name, TEXT + 1, weight="bold")
        d.text(middle, top + 19, steps)
        d.text(middle, -39, use, TEXT, FAINT)
        left = 2 * middle - left + 34
    d.caption(
        "In each network one cell makes all states $a$, by the same weights at every step; only in the last one the "
        "encoder and the decoder\nhave a cell, and so weights, of their own. Dashed: an answer is the next input."
    )
    return d.show(ax)


def plot_architecture(model: Any, ax: Axes | None = None) -> Axes:
    """Draws which of the five architectures a model is, with its own sizes: a row of states for each of its layers.

    Args:
        model: a built model whose layers stand in a row, or an encoder and a decoder.
        ax: the matplotlib axes to draw on, and to return; `None` makes a figure of a fitting size.

    Raises:
        ValueError: for a model that branches, or has no recurrent layer in it.

    >>> import keras_rnn_basics as krb
    >>> ax = krb.plot_architecture(krb.build_many_to_one((6,), units=[32, 16], output_units=1))
    >>> [label.get_text() for label in ax.texts if label.get_text().startswith("$n_a$")]
    ['$n_a$ = 32, g = tanh', '$n_a$ = 16, g = tanh']
    """
    d, anatomy = Drawing(), read(model)
    _check(anatomy, answers=True)
    _over_time(d, anatomy, weights=False)
    return _shown(d, anatomy, [], ax)


def plot_unrolled(model: Any, steps: int | None = None, ax: Axes | None = None) -> Axes:
    """Draws a model over time: a_0 → a_1 → … with x_t below and ŷ_t above, and each weight as ONE box for all steps.

    Layers on top of each other are rows; in a bidirectional layer one row reads from each end. Sizes are the model's.

    Args:
        model, ax: as `plot_architecture` takes them.
        steps: T, how many steps to draw: all of up to 5, the first two and the last two of more. `None` takes the
            model's own number of steps, or draws any number, T_x.

    Raises:
        ValueError: as in `plot_architecture`, and for steps that are no positive integer.

    >>> import keras_rnn_basics as krb
    >>> ax = krb.plot_unrolled(krb.build_many_to_many((6,), units=32, output_units=4), steps=3)
    >>> [label.get_text() for label in ax.texts if label.get_text().endswith(")")][:-2]
    ['$b_{x}$ (32,)', '$b_{a}$ (32,)', '$W_{ax}$ (6, 32)', '$W_{aa}$ (32, 32)', '$b_{y}$ (4,)', '$W_{ya}$ (32, 4)']
    """
    d, anatomy = Drawing(), read(model)
    _check(anatomy, steps)
    _over_time(d, anatomy, steps)
    lines = ["One box is one weight: a dashed line leads to every step that uses it."]
    if anatomy.kind == "one_to_many":
        lines.append("When it writes, each answer becomes the next input (dashed grey); in training the true one does.")
    if anatomy.kind == "encoder_decoder":
        lines.append("The encoder (enc) and the decoder (dec) have a cell, and so weights, of their own.")
        lines.append("The decoder begins with the encoder's last states, and reads its own answers (dashed grey).")
    return _shown(d, anatomy, lines, ax)


def plot_backpropagation(
    model: Any, x: Any = None, y: Any = None, loss: Any = None, steps: int | None = None, ax: Axes | None = None
) -> Axes:
    """Draws a model over time with its costs L_t, their sum L, and the way of the error back through all of it.

    With a batch the error is measured: an arrow back is as wide as the mean length, over the batch, of the gradient of
    L that goes along it, and from a step to the one before that number stands beside it. Under each weight stands the
    length of its gradient ∂L/∂W, the sum of the shares of all steps, where L is the mean over the batch.

    Args:
        model, ax: as `plot_architecture` takes them.
        x, y: a batch of inputs and targets, or neither.
        loss: the cost of one step, as `gradient_flow` takes it.
        steps: as in `plot_unrolled`; with a batch it is the batch's T.

    Raises:
        ValueError: as in `plot_unrolled`, and for x without y, or steps that are not the batch's.

    >>> import numpy as np
    >>> import keras_rnn_basics as krb
    >>> model = krb.build_many_to_many((6,), units=8, output_units=1)
    >>> ax = krb.plot_backpropagation(model, np.ones((2, 3, 6)), np.zeros((2, 3, 1)), "mean_squared_error")
    >>> sum("error-rnn_1-→-recurrent" in str(line.get_gid()) for line in ax.lines)
    2
    """
    anatomy, measured = read(model), Measured({}, None, {}, [])
    _check(anatomy, steps, answers=True)
    T: Any = steps
    if (x is None) != (y is None):
        raise ValueError("plot_backpropagation measures on a batch of x and y, or on neither: one of them is missing.")
    lines = [
        "Purple: the error on its way back along all that led forward; from $a_t$ to $a_{t-1}$ by the cell's step."
    ]
    lines += ["The grey lines of attention carry it back as well."] * any(
        part.reads for part in anatomy.chains[-1].parts
    )
    if x is not None:
        measured = error_flow(anatomy, x, y, loss)
        T = measured.steps
        if steps is not None and set(T) != {steps}:
            raise ValueError(f"The batch has {' and '.join(map(str, T))} steps, steps={steps}: leave steps out.")
        lines += [
            "An arrow's width, and its number: the mean length of the gradient of L along it, "
            f"at most {max(measured.flows.values()):.2g} here.",
            r"Under a weight: the length of its gradient $\partial L/\partial W$, the sum of the shares of all steps.",
        ]
    d = Drawing(measured)
    last = _over_time(d, anatomy, T, feeding=False)
    _costs(d, last, measured.costs)
    return _shown(d, anatomy, lines, ax)


def _check(anatomy, steps=None, answers=False):
    if steps is not None and (isinstance(steps, bool) or not isinstance(steps, Integral) or steps < 1):
        raise ValueError(f"steps must be a positive integer or None, got {steps!r}.")
    if answers and not anatomy.chains[-1].answers:
        raise ValueError(f"{anatomy.model.name} gives its states and no answers: draw it by plot_unrolled.")


def _over_time(d, anatomy, steps=None, weights=True, feeding=True, left=0.0):
    """Draws a model's chains beside each other; -> the last of them."""
    unrolled: Any = None
    one = anatomy.kind == "one_to_one"
    for place, chain in enumerate(anatomy.chains):
        decodes, T = chain.owner == "dec", steps[place] if isinstance(steps, list) else steps or chain.T
        shown = columns(1 if one else T, "T_y" if decodes else "T_x")
        if not weights:
            shown = [
                Step("", t) for t in range(1, 1 + max(1 if one else 2 if decodes else 3, chain.parts[-1].late + 1))
            ]
        fed_back = feeding and (decodes or anatomy.kind == "one_to_many")
        unrolled = Unrolled(d, chain, shown, left, weights, fed_back, unrolled)
        left = d.bounds[2] + (44 if weights else 25)
        middle = 0.5 * (unrolled.centres[0] + unrolled.centres[-1])
        d.text(middle, -30, {"enc": "encoder", "dec": "decoder"}.get(chain.owner, "") * weights, weight="bold")
    return unrolled


def _costs(d, last, costs):
    """Above each answer its cost, and above all of them their sum."""
    alone, xs, y = len(last.answers) == 1, [answer.x for answer in last.answers.values()], last.y + 30
    for i, answer in last.answers.items():
        step = last.steps[i]
        text = indexed("L", "" if alone else step.minus(last.late))
        text += "" if costs is None else f" = {costs[-1] if alone else costs[step.t - 1 - last.late]:.2g}"
        box = d.box(answer.x, y, max(36.0, text_size(text)[0] + 12), 24, text, COST, ERROR, gid=f"L-{step.label}")
        d.link(answer, box, INK, f"arrow-L-{step.label}")
        if not alone:
            d.way([(box.x, y + 12), (box.x, y + 30)], INK, "arrow-L", ("", "", "cost", step.t))
    if not alone:
        last.dots(y)
        text = r"$L = \Sigma_t\, L_t$" + ("" if costs is None else f" = {costs.sum():.2g}")
        width = max(max(xs) - min(xs) + last.half, text_size(text, SYMBOL)[0] + 16)
        d.box(0.5 * (min(xs) + max(xs)), y + 43, width, 26, text, COST, ERROR, size=SYMBOL, gid="L")


def _shown(d, anatomy, lines, ax):
    """With its caption, and with a title: which of the five types a model is, and how many numbers it has."""
    (name, steps, _), last = TYPES[anatomy.kind], anatomy.chains[-1]
    late, model = last.parts[-1].late, anatomy.model
    steps = f"$T_y = T_x - {late}$: {late} step{'s' * (late > 1)} late" if late else steps
    kind = f"{name}, {steps}" if last.answers else "gives its states, no answers"
    if lines:
        d.caption("\n".join(lines))
    d.title(plain(model.name, 48), f"{kind} · {model.count_params()} numbers in its weights, the same at every step")
    return d.show(ax)
