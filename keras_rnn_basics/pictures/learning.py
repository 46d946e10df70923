"""What the network learned: its forecasts beside the truth, its cost at each step, where it looked."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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


def plot_per_step_loss(losses: Any, ax: "Axes", ylabel: str = "$L_t$") -> "Axes":
    """Draws the (T,) costs of `per_step_loss` against t, and writes their sum L in the legend.

    Args:
        losses: (T,), or a dict from a name to (T,) for several curves.
        ax: the matplotlib axes to draw on.
        ylabel: the cost, with its unit.

    Returns:
        ax.
    """
    curves = losses if isinstance(losses, dict) else {"": losses}
    for name, costs in curves.items():
        costs = np.asarray(costs)
        if costs.ndim != 1:
            raise ValueError(f"losses must be (T,), got {costs.shape}.")
        total = f"$L = \\Sigma_t L_t$ = {costs.sum():.4g}"
        ax.plot(
            np.arange(1, len(costs) + 1), costs, marker="o", markersize=4, label=f"{name}: {total}" if name else total
        )
    ax.set_xlabel("time step t")
    ax.set_ylabel(ylabel)
    ax.set_ylim(0, 1.15 * ax.get_ylim()[1])
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(frameon=False)
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


def _visible(tokens):
    return [token.replace(" ", "␣").replace("\n", "↵") for token in tokens]
