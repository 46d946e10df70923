"""What the network learned: its forecasts beside the truth, its costs, its gradients, its states, where it looked."""

from typing import TYPE_CHECKING, Any

import numpy as np

from keras_rnn_basics.pictures.canvas import INK, RECURRENT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FAINTEST = 1e-6


def plot_forecast(
    times: Any, truth: Any, forecast: Any, ax: "Axes", ylabel: str, errors_of: "Axes | None" = None
) -> "Axes":
    """Draws a forecast over the truth, both (N,), against the (N,) times they hold for.

    Args:
        times: (N,) datetime64 or numbers.
        truth, forecast: (N,), in the unit that `ylabel` names.
        ax: the matplotlib axes to draw on.
        ylabel: what is forecast, with its unit.
        errors_of: a second axes below, for the error of each forecast.

    Returns:
        ax.

    Raises:
        ValueError: for arrays of different lengths.
    """
    times, truth, forecast = (np.asarray(values) for values in (times, truth, forecast))
    if not times.shape == truth.shape == forecast.shape or times.ndim != 1:
        raise ValueError(
            f"times, truth and forecast must be (N,) alike: {times.shape}, {truth.shape}, {forecast.shape}."
        )
    ax.plot(times, truth, color="0.55", linewidth=1.4, label="truth")
    ax.plot(times, forecast, color="tab:red", linewidth=1.0, label="forecast")
    ax.set_ylabel(ylabel)
    ax.legend(loc="upper left", frameon=False, ncols=2)
    ax.margins(x=0.01)
    if errors_of is not None:
        errors_of.vlines(times, 0, forecast - truth, color="tab:red", linewidth=0.8)
        errors_of.axhline(0, color="0.55", linewidth=0.8)
        errors_of.set_ylabel("error")
    return ax


def plot_per_step_loss(losses: Any, ax: "Axes", ylabel: str = "$L_t$", mean_over: str = "batch") -> "Axes":
    """Draws the (T,) costs of `per_step_loss` against t, and writes their sum L in the legend.

    Args:
        losses: (T,), or a dict from a name to (T,) for several curves.
        ax: the matplotlib axes to draw on.
        ylabel: the cost, with its unit.
        mean_over: as in `per_step_loss`; costs of the sequences that are `"running"` at t have no sum L.

    Returns:
        ax.

    Raises:
        ValueError: for costs that are not (T,), or an unknown `mean_over`.
    """
    if mean_over not in ("batch", "running"):
        raise ValueError(f"mean_over must be 'batch' or 'running', got {mean_over!r}.")
    curves = losses if isinstance(losses, dict) else {"": losses}
    for name, costs in curves.items():
        costs = np.asarray(costs)
        if costs.ndim != 1:
            raise ValueError(f"losses must be (T,), got {costs.shape}.")
        total = f"$L = \\Sigma_t L_t$ = {costs.sum():.4g}" if mean_over == "batch" else "mean of those that still run"
        ax.plot(
            np.arange(1, len(costs) + 1), costs, marker="o", markersize=4, label=f"{name}: {total}" if name else total
        )
    ax.set_xlabel("time step t")
    ax.set_ylabel(ylabel)
    ax.set_ylim(0, 1.15 * ax.get_ylim()[1])
    _at_whole_numbers(ax.xaxis)
    ax.legend(frameon=False)
    return ax


def plot_training(history: Any, ax: "Axes", ylabel: str = "loss") -> "Axes":
    """Draws the loss of each epoch, on the training and the validation data, and marks the best epoch.

    Args:
        history: what `fit` came to (a `Run`), a Keras `History`, or the dict that either holds.
        ax: the matplotlib axes to draw on.
        ylabel: the loss, with its unit.

    Returns:
        ax.

    Raises:
        ValueError: for a history without a loss.

    >>> import matplotlib.pyplot as plt
    >>> ax = plot_training({"loss": [3.0, 2.0, 1.0], "val_loss": [3.5, 2.5, 2.7]}, plt.figure().subplots())
    >>> ax.get_legend_handles_labels()[1]
    ['training', 'validation', 'best: epoch 2, 2.5']
    """
    curves = getattr(history, "history", history)
    if not isinstance(curves, dict) or not len(curves.get("loss", [])):
        raise ValueError(f"history must hold the 'loss' of at least one epoch, as `fit` gives it, got {history!r}.")
    named = {"training": ("loss", "0.45"), "validation": ("val_loss", RECURRENT)}
    for label, (name, colour) in named.items():
        if name in curves:
            losses = np.asarray(curves[name], dtype=float)
            marker = "o" if len(losses) == 1 else None
            ax.plot(np.arange(1, len(losses) + 1), losses, color=colour, linewidth=1.5, marker=marker, label=label)
    watched = np.asarray(curves.get("val_loss", curves["loss"]), dtype=float)
    if np.isfinite(watched).any():
        best = int(np.nanargmin(np.where(np.isfinite(watched), watched, np.nan)))
        label = f"best: epoch {best + 1}, {watched[best]:.4g}"
        ax.plot(best + 1, watched[best], "o", color=INK, markersize=6, markerfacecolor="none", label=label)
    ax.set_xlabel("epoch")
    ax.set_ylabel(ylabel)
    _at_whole_numbers(ax.xaxis)
    ax.legend(frameon=False)
    return ax


def plot_gradient_flow(norms: Any, ax: "Axes", radius: float | None = None) -> "Axes":
    """Draws |∂L_t/∂a_k|, a row for each t and a column for each k: how much of an error at t is felt at k.

    The colours are those of a logarithmic scale, down to a millionth of the largest: a gradient that vanishes by the
    same factor at every step fades evenly along a row, to the left.

    Args:
        norms: (T, T), as `gradient_flow` gives them; where k > t there is nothing to draw.
        ax: the matplotlib axes to draw on.
        radius: the spectral radius of W_aa, the largest |eigenvalue|, for the title: in a linear cell gradients vanish
            where it is below 1, and may explode above; `float(abs(np.linalg.eigvals(cell.W_aa)).max())`.

    Returns:
        ax.

    Raises:
        ValueError: for norms that are not (T, T), or hold no positive number.

    Two networks at the beginning of their training: an orthogonal W_aa, whose radius is 1, and a small random one. In
    the second an error is felt for a few steps only.

    >>> import keras
    >>> import matplotlib.pyplot as plt
    >>> import keras_rnn_basics as krb
    >>> x, y = np.ones((1, 20, 1)), np.ones((1, 20, 1))
    >>> figure, axes = plt.subplots(1, 2)
    >>> for ax, W_aa in zip(axes, ("orthogonal", keras.initializers.RandomNormal(stddev=0.1, seed=1))):
    ...     cell = krb.BasicRNNCell(16, 1, activation="linear", initializers={"W_aa": W_aa})
    ...     inputs = keras.Input((None, 1), name="x")
    ...     model = keras.Model(inputs, krb.BasicRNN(cell, return_sequences=True)(inputs))
    ...     norms = krb.gradient_flow(model, x, y, "mean_squared_error")
    ...     radius = float(abs(np.linalg.eigvals(cell.W_aa)).max())
    ...     ax = krb.plot_gradient_flow(norms, ax, radius)
    ...     print("a hundredth is left after 19 steps:", norms[19, 0] > 0.01 * norms[19, 19])
    a hundredth is left after 19 steps: True
    a hundredth is left after 19 steps: False
    """
    from matplotlib.colors import LogNorm

    norms = np.asarray(norms, dtype=float)
    if norms.ndim != 2 or norms.shape[0] != norms.shape[1] or not (norms > 0).any():
        raise ValueError(f"norms must be (T, T) with positive numbers in it, got {norms.shape}.")
    largest = norms.max()
    least = FAINTEST * largest
    steps = np.arange(1, len(norms) + 1)
    shown = np.ma.masked_where(steps[None, :] > steps[:, None], np.maximum(norms, least))
    extent = (0.5, len(norms) + 0.5, len(norms) + 0.5, 0.5)
    image = ax.imshow(shown, norm=LogNorm(least, largest), cmap="viridis", extent=extent, interpolation="nearest")
    ax.set_xlabel("the state it goes back to, k")
    ax.set_ylabel("the error's own step, t")
    for axis in (ax.xaxis, ax.yaxis):
        _at_whole_numbers(axis)
    title = r"$|\partial L_t / \partial a_k|$"
    ax.set_title(title if radius is None else rf"{title}, spectral radius of $W_{{aa}}$: {radius:.3g}")
    ax.figure.colorbar(image, ax=ax, label="gradient's length, mean over the batch", fraction=0.046, pad=0.04)
    return ax


def plot_activations(activations: Any, labels: Any, ax: "Axes", xlabel: str = "time step t") -> "Axes":
    """Draws what each hidden unit did at each step: a row for each unit, a column for each step, labelled.

    Args:
        activations: (T, n_a), one sequence's a_1 .. a_T: `np.asarray(rnn.activations(x))[0]`.
        labels: what was read at each of the T steps: characters, words, numbers or datetime64.
        ax: the matplotlib axes to draw on. Each label stands below its column while there is room for it; where there
            is not, only every second, third, ... is written.
        xlabel: what the labels are.

    Returns:
        ax.

    Raises:
        ValueError: when there are not T labels.

    >>> import matplotlib.pyplot as plt
    >>> ax = plot_activations(np.tanh(np.ones((3, 4))), "a b", plt.figure().subplots())
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['a', '␣', 'b']
    """
    activations = np.asarray(activations, dtype=float)
    if activations.ndim != 2 or len(activations) != len(labels):
        raise ValueError(
            f"activations must be (T, n_a), a row for each of {len(labels)} labels, got {activations.shape}."
        )
    T = len(activations)
    # A diverging map about zero; red to blue is told apart with any colour vision.
    bound = max(1.0, float(np.abs(activations).max())) if activations.min() < 0 else float(activations.max()) or 1.0
    image = ax.imshow(activations.T, cmap="RdBu_r", vmin=-bound, vmax=bound, aspect="auto", interpolation="nearest")
    words = _visible([str(label) for label in labels])
    longest = max(map(len, words))
    figure: Any = ax.figure
    points = 0.8 * ax.get_position().width * figure.get_figwidth() * 72  # the colour bar takes its part
    size = 9.0
    across = 0.75 * size * longest if longest <= 2 else 1.3 * size  # longer ones stand upright
    every = max(1, int(np.ceil(across * T / points)))
    shown = range(0, T, every)
    rotation = 0 if longest <= 2 else 90
    ax.set_xticks(shown, [words[t] for t in shown], rotation=rotation, fontsize=size)
    ax.set_xlabel(xlabel)
    ax.set_ylabel("hidden unit")
    _at_whole_numbers(ax.yaxis)
    figure.colorbar(image, ax=ax, label="$a_t$")
    return ax


def plot_attention(weights: Any, written: list[str], read: list[str], ax: "Axes") -> "Axes":
    """Draws where a decoder looked: a row for each token written, a column for each token read, dark where it looked.

    Args:
        weights: (T_y, T_x), each row summing to one, as `EncoderDecoder.attention` gives them.
        written: the T_y tokens.
        read: the T_x tokens.
        ax: the matplotlib axes to draw on.

    Returns:
        ax.

    Raises:
        ValueError: when the tokens are not as many as the rows and columns.
    """
    weights = np.asarray(weights)
    if weights.shape != (len(written), len(read)):
        raise ValueError(
            f"weights must be (T_y, T_x), a row for each of {len(written)} tokens written and a column for each of "
            f"{len(read)} read, got {weights.shape}."
        )
    image = ax.imshow(weights, cmap="Greys", vmin=0, vmax=1, aspect="auto")
    ax.set_xticks(range(len(read)), _visible(read))
    ax.set_yticks(range(len(written)), _visible(written))
    ax.xaxis.tick_top()
    ax.xaxis.set_label_position("top")
    ax.set_xlabel("read")
    ax.set_ylabel("written")
    ax.figure.colorbar(image, ax=ax, label="attention weight")
    return ax


def _at_whole_numbers(axis: Any) -> None:
    axis.get_major_locator().set_params(integer=True)


def _visible(tokens):
    return [token.replace(" ", "␣").replace("\n", "↵").replace("$", r"\$") for token in tokens]
