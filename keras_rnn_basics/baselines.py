"""What a score must beat before it means anything, and by how much it does."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np


def persistence(past_y: np.ndarray) -> np.ndarray:
    """(N, past, n_y) -> (N, n_y): what was last seen comes again.

    >>> persistence(np.array([[[3.0], [5.0]]]))
    array([[5.]])
    """
    return past_y[:, -1]


def climatology(train_days: np.ndarray, train_y: np.ndarray, days: np.ndarray, half_width: int = 15) -> np.ndarray:
    """(N,), (N, n_y), (M,) -> (M, n_y): the training years' mean around the same day of the year.

    Args:
        train_days: (N,) days of the year, 1 to 366.
        train_y: (N, n_y), what was measured on them.
        days: (M,) days of the year to answer for.
        half_width: days to either side that count as the same; the year closes on itself.

    >>> climatology(np.array([1, 365, 180]), np.array([[2.0], [4.0], [20.0]]), np.array([365]))
    array([[3.]])
    """
    apart = np.abs(np.asarray(days)[:, None] - np.asarray(train_days)[None])
    near = np.minimum(apart, 365 - apart) <= half_width
    if not near.any(axis=1).all():
        raise ValueError(
            f"No training day lies within {half_width} days of some days of the year; train on a whole year."
        )
    return near @ np.asarray(train_y) / near.sum(axis=1, keepdims=True)


def ridge(
    train_x: np.ndarray,
    train_y: np.ndarray,
    validation_x: np.ndarray,
    validation_y: np.ndarray,
    x: np.ndarray,
    alphas: Sequence[float] = (0.01, 0.1, 1, 10, 100, 1e3, 1e4),
) -> np.ndarray:
    """(N, past, n_x), (N, n_y), (M, ...), (M, ...), (K, past, n_x) -> (K, n_y): ridge regression on the whole window.

    scikit-learn's, on standardised inputs. The penalty is the one of `alphas` with the lowest absolute error in
    validation; with it the regression is fitted anew on the training and validation parts together.
    """
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def flat(windows):
        return windows.reshape(len(windows), -1)

    def fitted(alpha, windows, targets):
        return make_pipeline(StandardScaler(), Ridge(alpha)).fit(flat(windows), targets)

    def validation_error(alpha):
        answers = fitted(alpha, train_x, train_y).predict(flat(validation_x))
        return np.abs(answers.reshape(validation_y.shape) - validation_y).mean()

    both = np.concatenate([train_x, validation_x]), np.concatenate([train_y, validation_y])
    return fitted(min(alphas, key=validation_error), *both).predict(flat(x)).reshape(len(x), -1)


class Difference(NamedTuple):
    """A mean difference and its interval, in the unit of the errors."""

    mean: float
    low: float
    high: float


def difference(
    errors: np.ndarray,
    baseline_errors: np.ndarray,
    block: int = 14,
    level: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
) -> Difference:
    """(N,), (N,) -> how much smaller the errors are than the baseline's on the same examples: negative is better.

    The interval is a bootstrap of the paired differences in circular blocks of `block` neighbours: errors that follow
    each other in time are not independent (Politis and Romano, "A circular block-resampling procedure for stationary
    data", 1992).

    >>> difference(np.full(100, 1.0), np.full(100, 3.0))
    Difference(mean=-2.0, low=-2.0, high=-2.0)
    """
    if np.shape(errors) != np.shape(baseline_errors):
        raise ValueError(
            f"Errors are compared on the same examples: {np.shape(errors)} and {np.shape(baseline_errors)}."
        )
    pairs = np.asarray(errors, dtype="float64") - np.asarray(baseline_errors, dtype="float64")
    if pairs.ndim != 1 or len(pairs) < 2 * block:
        raise ValueError(f"errors must be (N,) with N of at least two blocks of {block}, got {pairs.shape}.")
    starts = np.random.default_rng(seed).integers(len(pairs), size=(draws, -(-len(pairs) // block)))
    drawn = (starts[..., None] + np.arange(block)) % len(pairs)
    means = pairs[drawn.reshape(draws, -1)[:, : len(pairs)]].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Difference(float(pairs.mean()), float(low), float(high))


def score_table(name: str, errors: np.ndarray, baseline_errors: Mapping[str, np.ndarray], unit: str) -> str:
    """The mean absolute errors of a model and of its baselines on the same examples, as lines to print.

    Args:
        name: the model's.
        errors: (N,), its absolute errors, in the order of time.
        baseline_errors: dict from a baseline's name to its (N,) absolute errors.
        unit: of the errors.

    >>> print(score_table("RNN", np.full(60, 1.0), {"persistence": np.full(60, 3.0)}, "°C"))
                    mean absolute error   RNN minus baseline   95 % interval
    RNN                       1.000 °C
    persistence               3.000 °C            -2.000      [-2.000, -2.000]  RNN is better
    """
    lines = [f"{'':<16}mean absolute error   {name} minus baseline   95 % interval"]
    lines.append(f"{name:<16}{np.mean(errors):>15.3f} {unit}")
    for baseline, others in baseline_errors.items():
        mean, low, high = difference(errors, others)
        verdict = f"{name} is better" if high < 0 else f"{name} loses" if low > 0 else "no clear difference"
        row = f"{baseline:<16}{np.mean(others):>15.3f} {unit}{mean:>18.3f}      [{low:.3f}, {high:.3f}]  {verdict}"
        lines.append(row)
    return "\n".join(lines)
