"""What the network learned: its forecasts beside the truth, its costs, its gradients, its states, where it looked."""

import re
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

from keras_rnn_basics.checks import as_numpy
from keras_rnn_basics.pictures.canvas import INK, RECURRENT

FAINTEST = 1e-6  # of the largest gradient is still shown
SIZE = 9.0  # of the letters below the columns of activations


def plot_forecast(times: Any, truth: Any, forecast: Any, ax: Axes, ylabel: str, errors_of: Axes | None = None) -> Axes:
    """Draws a forecast over the truth, both (N,), against the (N,) times they hold for; returns ax.

    Args:
        times: (N,) datetime64 or numbers; truth, forecast: (N,), in the unit that `ylabel` names.
        ylabel: what is forecast, with its unit in brackets at the end: "temperature (°C)".
        errors_of: a second axes below, for the error of each forecast, in the same unit.

    Raises:
        ValueError: for arrays of different lengths.
    """
    times, truth, forecast = (as_numpy(values) for values in (times, truth, forecast))
    shapes = times.shape, truth.shape, forecast.shape
    if len(set(shapes)) > 1 or times.ndim != 1:
        raise ValueError(f"times, truth and forecast must be (N,) alike, got {shapes}.")
    ax.plot(times, truth, color="0.55", linewidth=1.4, label="truth")
    ax.plot(times, forecast, color="C0", linewidth=1.2, label="forecast")
    ax.set(ylabel=ylabel, xmargin=0.02)
    ax.legend(frameon=False, ncols=2)
    if times.dtype.kind == "M":
        for own in (ax, errors_of) if errors_of is not None else (ax,):
            own.xaxis.set_major_locator(locator := AutoDateLocator(maxticks=7))
            own.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    if errors_of is not None:
        errors_of.vlines(times, 0, forecast - truth, color="C0", linewidth=0.8)
        errors_of.axhline(0, color="0.55", linewidth=0.8)
        unit = re.search(r"\([^()]*\)$", ylabel)
        errors_of.set_ylabel(f"error {unit[0]}" if unit else "error")
    return ax


def plot_per_step_loss(losses: Any, ax: Axes, ylabel: str = "$L_t$", mean_over: str = "batch") -> Axes:
    """Draws the (T,) costs of `per_step_loss` against t, and writes their sum L in the legend; returns ax.

    Args:
        losses: (T,), or a dict from a name to (T,) for several curves.
        ylabel: the cost, with its unit.
        mean_over: as in `per_step_loss`; costs of the sequences that are `"running"` at t have no sum L.

    Raises:
        ValueError: for costs that are not (T,), or an unknown `mean_over`.
    """
    if mean_over not in ("batch", "running"):
        raise ValueError(f"mean_over must be 'batch' or 'running', got {mean_over!r}.")
    for name, costs in (losses if isinstance(losses, dict) else {"": losses}).items():
        costs = as_numpy(costs)
        if costs.ndim != 1:
            raise ValueError(f"losses must be (T,), got {costs.shape}.")
        total = f"$L = \\Sigma_t L_t$ = {costs.sum():.4g}" if mean_over == "batch" else "mean of those that still run"
        ax.plot(range(1, len(costs) + 1), costs, "o-", markersize=4, label=f"{name}: {total}" if name else total)
    ax.set_ylim(0, 1.15 * ax.get_ylim()[1])
    return _over_whole_numbers(ax, "time step t", ylabel)


def plot_training(history: Any, ax: Axes, ylabel: str = "loss") -> Axes:
    """Draws the loss of each epoch, on the training and the validation data, marks the best epoch, and returns ax.

    Args:
        history: what `fit` came to (a `Run`), a Keras `History`, or the dict that either holds.
        ylabel: the loss, with its unit.

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
    for label, name, colour in (("training", "loss", "0.45"), ("validation", "val_loss", RECURRENT)):
        if name in curves:
            watched = np.asarray(curves[name], dtype=float)
            marker = "o" if len(watched) == 1 else None
            ax.plot(range(1, len(watched) + 1), watched, color=colour, linewidth=1.5, marker=marker, label=label)
    if np.isfinite(watched).any():
        best = int(np.nanargmin(np.where(np.isfinite(watched), watched, np.nan)))
        label = f"best: epoch {best + 1}, {watched[best]:.4g}"
        ax.plot(best + 1, watched[best], "o", color=INK, markersize=6, markerfacecolor="none", label=label)
    return _over_whole_numbers(ax, "epoch", ylabel)


def plot_gradient_flow(norms: Any, ax: Axes, radius: float | None = None) -> Axes:
    """Draws |∂L_t/∂a_k|, a row for each t and a column for each k: how much of an error at t is felt at k; returns ax.

    The colours are those of a logarithmic scale, down to a millionth of the largest: a gradient that vanishes by the
    same factor at every step fades evenly along a row, to the left. All such pictures in one figure share one scale
    and one colour bar.

    Args:
        norms: (T, T), as `gradient_flow` gives them; where k > t there is nothing to draw.
        radius: the spectral radius of W_aa, the largest |eigenvalue|, for the title: in a linear cell gradients vanish
            where it is below 1, and may explode above; `float(abs(np.linalg.eigvals(cell.W_aa)).max())`.

    Raises:
        ValueError: for norms that are not (T, T), or hold no positive number.

    An error that halves at every step back beside one that doubles, on one scale:

    >>> import matplotlib.pyplot as plt
    >>> figure, axes = plt.subplots(1, 2)
    >>> for ax, factor in zip(axes, (0.5, 2.0)):
    ...     ax = plot_gradient_flow(np.tril([[factor ** (t - k) for k in range(9)] for t in range(9)]), ax, factor)
    >>> [ax.images[0].get_clim()[1] for ax in axes], len(figure.axes)
    ([256.0, 256.0], 3)
    """
    norms = as_numpy(norms).astype(float)
    if norms.ndim != 2 or norms.shape[0] != norms.shape[1] or not (norms > 0).any():
        raise ValueError(f"norms must be (T, T) with positive numbers in it, got {norms.shape}.")
    largest, least, steps = norms.max(), FAINTEST * norms.max(), np.arange(1, len(norms) + 1)
    beside = [image for one in ax.figure.axes for image in one.images if image.get_gid() == "gradient flow"]
    scale: Any = beside[0].norm if beside else LogNorm(least, largest)
    scale.vmin, scale.vmax = min(least, scale.vmin), max(largest, scale.vmax)
    for bar in [image.colorbar for image in beside if image.colorbar]:
        bar.remove()
    shown = np.ma.masked_where(steps[None, :] > steps[:, None], np.maximum(norms, least))
    extent = (0.5, len(norms) + 0.5, len(norms) + 0.5, 0.5)
    image = ax.imshow(shown, norm=scale, cmap="viridis", extent=extent, interpolation="nearest", gid="gradient flow")
    ax.set(xlabel="the state it goes back to, k", ylabel="the error's own step, t")
    ax.locator_params(integer=True)
    title = r"$|\partial L_t / \partial a_k|$"
    ax.set_title(title if radius is None else rf"{title}, spectral radius of $W_{{aa}}$: {radius:.3g}")
    ax.figure.colorbar(image, ax=ax, label="gradient's length, mean over the batch", fraction=0.046, pad=0.04)
    return ax


def plot_activations(activations: Any, labels: Any, ax: Axes, xlabel: str = "time step t") -> Axes:
    """Draws what each hidden unit did at each step, a row for each unit, a column for each step; returns ax.

    Args:
        activations: (T, n_a), one sequence's a_1 .. a_T: `np.asarray(rnn.activations(x))[0]`.
        labels: what was read at each of the T steps: characters, words, numbers or datetime64. Each stands below its
            column while there is room for it; where there is not, only every second, third, ... is written.
        xlabel: what the labels are.

    Raises:
        ValueError: when there are not T labels.

    >>> import matplotlib.pyplot as plt
    >>> ax = plot_activations(np.tanh(np.ones((3, 4))), "a b", plt.figure().subplots())
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['a', '␣', 'b']
    """
    activations, T = as_numpy(activations).astype(float), len(labels)
    if activations.ndim != 2 or len(activations) != T:
        raise ValueError(f"activations must be (T, n_a), a row for each of {T} labels, got {activations.shape}.")
    # A diverging map about zero; red to blue is told apart with any colour vision.
    bound = max(1.0, float(np.abs(activations).max())) if activations.min() < 0 else float(activations.max()) or 1.0
    image = ax.imshow(activations.T, cmap="RdBu_r", vmin=-bound, vmax=bound, aspect="auto", interpolation="nearest")
    words = _visible([str(label) for label in labels])
    longest = max(map(len, words))
    figure: Any = ax.figure
    points = 0.8 * ax.get_position().width * figure.get_figwidth() * 72  # the colour bar takes its part
    across = 0.75 * SIZE * longest if longest <= 2 else 1.3 * SIZE  # longer ones stand upright
    shown = range(0, T, max(1, int(np.ceil(across * T / points))))
    ax.set_xticks(shown, [words[t] for t in shown], rotation=0 if longest <= 2 else 90, fontsize=SIZE)
    ax.set(xlabel=xlabel, ylabel="hidden unit")
    ax.locator_params("y", integer=True)
    ax.figure.colorbar(image, ax=ax, label="$a_t$")
    return ax


def plot_attention(weights: Any, written: list[str], read: list[str], ax: Axes) -> Axes:
    """Draws where a decoder looked, a row for each token written, a column for each token read; returns ax.

    Args:
        weights: (T_y, T_x), each row summing to one, as `EncoderDecoder.attention` gives them; the larger, the darker.
        written, read: the T_y and the T_x tokens.

    Raises:
        ValueError: when the tokens are not as many as the rows and columns.
    """
    weights = as_numpy(weights)
    if weights.shape != (len(written), len(read)):
        rows, columns = f"a row for each of {len(written)} tokens written", f"a column for each of {len(read)} read"
        raise ValueError(f"weights must be (T_y, T_x), {rows} and {columns}, got {weights.shape}.")
    image = ax.imshow(weights, cmap="Greys", vmin=0, vmax=1, aspect="auto")
    ax.set_xticks(range(len(read)), _visible(read))
    ax.set_yticks(range(len(written)), _visible(written))
    ax.xaxis.tick_top()
    ax.xaxis.set_label_position("top")
    ax.set(xlabel="read", ylabel="written")
    ax.figure.colorbar(image, ax=ax, label="attention weight")
    return ax


def _over_whole_numbers(ax, xlabel, ylabel):
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.locator_params("x", integer=True)
    ax.legend(frameon=False)
    return ax


def _visible(tokens):
    return [token.replace(" ", "␣").replace("\n", "↵").replace("$", r"\$") for token in tokens]
