"""From one long series to many short examples: the past n steps, and what came next; split by time."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral

import numpy as np

from keras_rnn_basics.datasets.series import Series


@dataclass(frozen=True)
class Windows:
    """Examples cut from a series: N windows of `past` steps, each with the `future` steps that followed it.

    Attributes:
        x: (N, past, n_x), what was measured, in the units of the series.
        y: (N, future, n_y), the targets in the steps that followed.
        past_y: (N, past, n_y), the targets in the steps of x.
        times: (N, future) datetime64, the steps of y.
    """

    x: np.ndarray
    y: np.ndarray
    past_y: np.ndarray
    times: np.ndarray

    def __len__(self) -> int:
        return len(self.x)

    @property
    def next_y(self) -> np.ndarray:
        """(N, past, n_y): for every step of x, the targets one step later, as a many-to-many network learns them."""
        return np.concatenate([self.past_y[:, 1:], self.y[:, :1]], axis=1)


@dataclass(frozen=True)
class Split:
    """Windows for training, validation and testing, in the order of time, and the training part's statistics.

    Attributes:
        train, validation, test: the windows of each part; none reaches into another part.
        mean, std: (n_x,), of the steps of the training part alone.
        parts: the three parts of the series, uncut.
        names: the n_x columns.
        targets: the n_y of them that y holds.
    """

    train: Windows
    validation: Windows
    test: Windows
    mean: np.ndarray
    std: np.ndarray
    parts: tuple[Series, Series, Series]
    names: tuple[str, ...]
    targets: tuple[str, ...]


def split_windows(
    series: Series,
    validation_from: object,
    test_from: object,
    past: int,
    future: int = 1,
    targets: Sequence[str] | None = None,
) -> Split:
    """Splits a series at two moments, then cuts each part into windows, so that no window crosses a split.

    Args:
        series: the measurements, at equal steps of time.
        validation_from, test_from: the first moment of the validation and of the test part, such as "2014-01-01".
        past: steps in x.
        future: steps in y.
        targets: the columns of y; `None` takes all.

    Raises:
        ValueError: for steps of unequal length, an unknown target, or a part too short to hold one window.

    >>> from keras_rnn_basics.datasets import weather
    >>> split = split_windows(weather.load(), "2014-01-01", "2015-01-01", past=14, targets=["temp_max_celsius"])
    >>> split.train.x.shape, split.train.y.shape, split.test.times[0, 0]
    ((717, 14, 4), (717, 1, 1), np.datetime64('2015-01-15'))
    """
    for name, steps in (("past", past), ("future", future)):
        if isinstance(steps, bool) or not isinstance(steps, Integral) or steps < 1:
            raise ValueError(f"{name} must be a positive integer, got {steps!r}.")
    for name, moment in (("validation_from", validation_from), ("test_from", test_from)):
        if moment is None or np.isnat(np.datetime64(moment)):
            raise ValueError(f"{name} must be a moment such as '2014-01-01', got {moment!r}.")
    if isinstance(targets, str):
        raise ValueError(f"targets must be a list of columns, such as [{targets!r}], got {targets!r}.")
    if np.datetime64(validation_from) >= np.datetime64(test_from):
        raise ValueError(f"validation_from ({validation_from}) must lie before test_from ({test_from}).")
    lengths = np.unique(np.diff(series.times))
    if len(lengths) > 1:
        raise ValueError(f"The steps of the series must be equally long; they are {lengths[0]} to {lengths[-1]}.")

    targets = series.names if targets is None else tuple(targets)
    columns = [series.index(name) for name in targets]
    parts = (
        series.between(None, validation_from),
        series.between(validation_from, test_from),
        series.between(test_from, None),
    )
    for kind, part in zip(("training", "validation", "test"), parts):
        if len(part) < past + future:
            raise ValueError(
                f"The {kind} part has {len(part)} steps, but one window takes {past} + {future}; "
                f"the series runs from {series.times[0]} to {series.times[-1]}."
            )
    train = parts[0].values
    windows = [_cut(part, past, future, columns) for part in parts]
    return Split(*windows, train.mean(axis=0), train.std(axis=0), parts, series.names, targets)


def _cut(part, past, future, columns):
    starts = np.arange(len(part) - past - future + 1)[:, None]
    before, after = starts + np.arange(past), starts + past + np.arange(future)
    x = part.values[before]
    return Windows(x, part.values[after][..., columns], x[..., columns], part.times[after])
