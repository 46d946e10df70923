"""Forecasts that a network must beat, and the backtest that runs them all in the same way."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np


def backtest(splits: Iterable[Any], forecasters: Mapping[str, Callable[[Any], np.ndarray]]) -> dict[str, np.ndarray]:
    """The answers of every forecaster to the test parts of all splits, one after the other, (N, ...) each.

    Args:
        splits: such as `datasets.walk_forward` gives.
        forecasters: a dict from a name to a function, which takes a split and gives an answer for each window of
            `split.test`. It may learn from `split.train` and `split.validation`; of the test part it must use only x.

    Raises:
        ValueError: if a forecaster does not give one answer per window.
    """
    answers: dict[str, list[np.ndarray]] = {name: [] for name in forecasters}
    for split in splits:
        for name, forecaster in forecasters.items():
            own = np.asarray(forecaster(split))
            if len(own) != len(split.test.x):
                raise ValueError(f"{name} has {len(own)} answers to {len(split.test.x)} windows.")
            answers[name].append(own)
    return {name: np.concatenate(own) for name, own in answers.items()}


def persistence(past_y: np.ndarray) -> np.ndarray:
    """(N, lookback, n_y) -> (N, n_y): the forecast is the last value that was seen.

    >>> persistence(np.array([[[3.0], [5.0]]]))
    array([[5.]])
    """
    return past_y[:, -1]


def climatology(train_days: np.ndarray, train_y: np.ndarray, days: np.ndarray, half_width: int = 15) -> np.ndarray:
    """(N,), (N, n_y), (M,) -> (M, n_y): the mean of the training years around the same day of the year.

    Args:
        train_days: (N,) days of the year, 1 to 366.
        train_y: (N, n_y), the measurements on these days.
        days: (M,) days of the year to forecast.
        half_width: number of days before and after that are averaged; 1 January follows 31 December.

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
    alphas: Sequence[float] = (0.1, 1, 10, 100, 1e3, 1e4),
) -> np.ndarray:
    """(N, lookback, n_x), (N, n_y), (M, ...), (M, ...), (K, lookback, n_x) -> (K, n_y): ridge regression on all steps.

    It is scikit-learn's `Ridge` on standardised inputs. The penalty is the one of `alphas` with the lowest absolute
    error in validation; with it the regression is fitted again on the training and validation parts together.
    """
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def flat(windows):
        # Neighbouring steps are so similar that the normal equations need double precision.
        return windows.reshape(len(windows), -1).astype("float64")

    def fitted(alpha, windows, targets):
        return make_pipeline(StandardScaler(), Ridge(alpha)).fit(flat(windows), targets)

    def validation_error(alpha):
        answers = fitted(alpha, train_x, train_y).predict(flat(validation_x))
        return np.abs(answers.reshape(validation_y.shape) - validation_y).mean()

    both = np.concatenate([train_x, validation_x]), np.concatenate([train_y, validation_y])
    return fitted(min(alphas, key=validation_error), *both).predict(flat(x)).reshape(len(x), -1)


def boosting(
    train_x: np.ndarray,
    train_y: np.ndarray,
    validation_x: np.ndarray,
    validation_y: np.ndarray,
    x: np.ndarray,
    trees: int = 300,
) -> np.ndarray:
    """(N, lookback, n_x), (N,), (M, ...), (M, ...), (K, lookback, n_x) -> (K,): gradient-boosted trees on all steps.

    It is scikit-learn's, for the absolute error. The best number of trees is found in validation; with this number it
    is fitted again on the training and validation parts together.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    def flat(windows):
        return windows.reshape(len(windows), -1)

    def fitted(count, windows, targets):
        settings = {"learning_rate": 0.1, "max_bins": 63, "random_state": 0, "early_stopping": False}
        return HistGradientBoostingRegressor(loss="absolute_error", max_iter=count, **settings).fit(
            flat(windows), targets
        )

    stages = fitted(trees, train_x, train_y).staged_predict(flat(validation_x))
    best = 1 + int(np.argmin([np.abs(answers - validation_y).mean() for answers in stages]))
    both = np.concatenate([train_x, validation_x]), np.concatenate([train_y, validation_y])
    return fitted(best, *both).predict(flat(x))


def ewma(values: np.ndarray, decay: float) -> np.ndarray:
    """(N, lookback) -> (N,): the weighted mean over the past; each step has `decay` times the weight of the next.

    >>> ewma(np.array([[1.0, 4.0]]), decay=0.5)
    array([3.])
    """
    if not 0 < decay < 1:
        raise ValueError(f"decay must lie between 0 and 1, got {decay!r}.")
    weights = decay ** np.arange(np.shape(values)[1])[::-1]
    return np.asarray(values) @ (weights / weights.sum())


def shifted(known_guess: np.ndarray, known_y: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """(N,), (N,), (M,) -> (M,): the forecast, corrected for its median error on known data.

    >>> shifted(np.array([1.0, 2.0, 3.0]), np.array([3.0, 4.0, 9.0]), np.array([5.0]))
    array([7.])
    """
    return np.asarray(guess) + np.median(np.asarray(known_y) - known_guess)


def har(train_past: np.ndarray, train_y: np.ndarray, past: np.ndarray, spans: Sequence[int] = (1, 5, 22)) -> np.ndarray:
    """(N, lookback), (N,), (M, lookback) -> (M,): least squares on the means over the last day, week and month.

    For several columns, (N, lookback, n), the means of each column are used.

    Corsi, "A simple approximate long-memory model of realized volatility" (2009), equation 9.

    >>> steps = np.arange(30.0)[:, None] + np.arange(22.0)
    >>> har(steps, steps[:, -1] + 1, steps[:1] + 100).round(6)
    array([122.])
    """
    if np.shape(train_past)[1] < max(spans):
        raise ValueError(f"The past must reach over {max(spans)} steps, got {np.shape(train_past)[1]}.")

    def means(windows):
        return np.column_stack([np.ones(len(windows)), *(windows[:, -span:].mean(axis=1) for span in spans)])

    return means(past) @ np.linalg.lstsq(means(train_past), train_y, rcond=None)[0]
