"""From one long series to many short examples: the past n steps, and what came next; split by time."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from keras_rnn_basics import checks
from keras_rnn_basics.datasets.series import Moment, Series

KEYS, KINDS = ("train", "validation", "test"), ("training", "validation", "test")


@dataclass(frozen=True, eq=False)
class Windows:
    """Examples cut from a series: N windows of `lookback` steps, each with the `horizon` steps that followed it.

    Attributes:
        x: (N, lookback, n_x), what was measured, in the units of the series.
        y: (N, horizon, n_y), the targets in the steps that followed.
        past_y: (N, lookback, n_y), the targets in the steps of x.
        times: (N, horizon) datetime64, the steps of y.
        measured: (N, horizon, n_y) bool: what of y was measured, not filled in by a repair: that alone can be scored.
    """

    x: np.ndarray
    y: np.ndarray
    past_y: np.ndarray
    times: np.ndarray
    measured: np.ndarray

    def __len__(self) -> int:
        return len(self.x)

    @property
    def next_y(self) -> np.ndarray:
        """(N, lookback, n_y): for every step of x, the targets one step later: what a many-to-many network learns."""
        return np.concatenate([self.past_y[:, 1:], self.y[:, :1]], axis=1)


@dataclass(frozen=True, eq=False)
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

    @property
    def known(self) -> Windows:
        """The windows of training and validation together, for whoever has nothing left to choose."""
        return _joined([self.train, self.validation])


def split_windows(
    series: Series,
    validation_from: Moment,
    test_from: Moment,
    lookback: int,
    horizon: int = 1,
    targets: Sequence[str] | None = None,
    reach_back: bool = False,
) -> Split:
    """Splits a series at two moments, then cuts each part into windows, so that no window crosses a split.

    Args:
        series: the measurements, at equal steps of time.
        validation_from, test_from: the first moment of the validation and of the test part, such as "2014-01-01".
        lookback: steps in x.
        horizon: steps in y.
        targets: the columns of y; `None` takes all.
        reach_back: let x begin in the part before, so that every step of a part has its forecast; what is measured is
            known by then. y never leaves its part.

    Raises:
        ValueError: for steps of unequal length, an unknown target, or a part too short to hold one window.

    >>> from keras_rnn_basics.datasets import weather
    >>> split = split_windows(weather.load(), "2014-01-01", "2015-01-01", lookback=14, targets=["temp_max_celsius"])
    >>> split.train.x.shape, split.train.y.shape, split.test.times[0, 0]
    ((717, 14, 4), (717, 1, 1), np.datetime64('2015-01-15'))
    """
    for name, moment in (("validation_from", validation_from), ("test_from", test_from)):
        if moment is None or np.isnat(np.datetime64(moment)):
            raise ValueError(f"{name} must be a moment such as '2014-01-01', got {moment!r}.")
    if np.datetime64(validation_from) >= np.datetime64(test_from):
        raise ValueError(f"validation_from ({validation_from}) must lie before test_from ({test_from}).")
    columns = _check(series, lookback, horizon, targets)
    parts = (
        series.between(None, validation_from),
        series.between(validation_from, test_from),
        series.between(test_from, None),
    )
    windows, begin = [], 0
    for kind, part in zip(KINDS, parts):
        before = min(lookback, begin) if reach_back else 0
        _check_length(series, kind, before + len(part), lookback, horizon)
        windows.append(_cut(series.rows(begin - before, begin + len(part)), lookback, horizon, columns))
        begin += len(part)
    return _split(series, windows, parts, columns)


def walk_forward(
    series: Series,
    origins: Sequence[Moment],
    validation_steps: int,
    lookback: int,
    horizon: int = 1,
    targets: Sequence[str] | None = None,
) -> list[Split]:
    """A split for each of several origins, as forecasts are made in life: learn from all before, answer up to the next.

    Args:
        series: the measurements.
        origins: rising moments, each the first of a test part, which ends before the next origin or at the end.
        validation_steps: the last steps before an origin, which serve for validation.
        lookback, horizon, targets: as in `split_windows`; x reaches back, so that every step from the first origin
            on is forecast once, but for the last `horizon` - 1 of each part.

    Raises:
        ValueError: as `split_windows`, and for an origin with too few steps before it.
    """
    checks.positive_integer("validation_steps", validation_steps)
    if not len(origins) or (np.diff(np.array(origins, dtype="datetime64")).astype(int) <= 0).any():
        raise ValueError(f"origins must be rising moments, at least one, got {list(map(str, origins))}.")
    splits = []
    for origin, end in zip(origins, [*origins[1:], None]):
        known = series.between(None, end)
        first = int(np.searchsorted(series.times, np.datetime64(origin)))
        if first <= validation_steps:
            raise ValueError(
                f"Before the origin {origin} lie {first} steps; {validation_steps} of validation leave none to train."
            )
        validation_from = series.times[first - validation_steps]
        splits.append(split_windows(known, validation_from, origin, lookback, horizon, targets, reach_back=True))
    return splits


def split_blocks(
    series: Series,
    block: int,
    kinds: Sequence[str],
    lookback: int,
    horizon: int = 1,
    targets: Sequence[str] | None = None,
    gap: int = 0,
) -> Split:
    """Splits a series into blocks of steps that serve in turn to train, validate and test, each cut into windows.

    For a series too short to hold every season in each part. No window leaves its block, so that none reaches into
    another part; but the blocks of training also lie after those of the test, so that a score says how well the gaps of
    a known year are forecast, not the next year.

    Args:
        series: the measurements, at equal steps of time.
        block: steps in a block.
        kinds: what the blocks serve for, "train", "validation" or "test", from the first on, over and over.
        lookback, horizon, targets: as in `split_windows`.
        gap: steps to leave out at the beginning of each block: as many as a column of the series reaches back.

    Raises:
        ValueError: as `split_windows`, for an `gap` that is not from 0 to less than `block`, and for kinds that are
            unknown or lack one of the three.

    >>> from keras_rnn_basics.datasets import weather
    >>> split = split_blocks(weather.load(), 90, ["train", "validation", "train", "test"], lookback=14)
    >>> split.test.times[0, 0], len(split.train), len(split.test)
    (np.datetime64('2012-10-11'), 615, 304)
    """
    if set(kinds) != set(KEYS) or isinstance(kinds, str):
        raise ValueError(f"kinds must be a list of {', '.join(KEYS)}, each at least once, got {kinds!r}.")
    columns = _check(series, lookback, horizon, targets)
    checks.positive_integer("block", block)
    if not checks.is_integer(gap) or not 0 <= gap < block:
        raise ValueError(f"gap must be an integer from 0 to less than block, {block}, got {gap!r}.")
    blocks: dict[str, list[np.ndarray]] = {key: [] for key in KEYS}
    for number, begin in enumerate(range(0, len(series), block)):
        blocks[kinds[number % len(kinds)]].append(np.arange(begin + gap, min(begin + block, len(series))))
    windows, parts = [], []
    for kind, key in zip(KINDS, KEYS):
        longest = max((len(own) for own in blocks[key]), default=0)
        _check_length(series, kind, longest, lookback, horizon)
        long_enough = [rows for rows in blocks[key] if len(rows) >= lookback + horizon]
        windows.append(_joined([_cut(series.at(rows), lookback, horizon, columns) for rows in long_enough]))
        parts.append(replace(series.at(np.concatenate(blocks[key])), regular=False))
    return _split(series, windows, tuple(parts), columns)


def _joined(windows):
    return Windows(*(np.concatenate([getattr(own, part.name) for own in windows]) for part in fields(Windows)))


def _split(series, windows, parts, columns):
    train, validation, test = windows
    seen = parts[0].values
    targets = tuple(series.names[column] for column in columns)
    mean, std = (moment(axis=0, dtype="float64").astype("float32") for moment in (seen.mean, seen.std))
    return Split(train, validation, test, mean, std, parts, series.names, targets)


def _check(series, lookback, horizon, targets):
    """-> the columns of the targets."""
    checks.positive_integer("lookback", lookback)
    checks.positive_integer("horizon", horizon)
    if isinstance(targets, str):
        raise ValueError(f"targets must be a list of columns, such as [{targets!r}], got {targets!r}.")
    lengths = np.unique(np.diff(series.times))
    if series.regular and len(lengths) > 1:
        raise ValueError(f"The steps of the series must be equally long; they are {lengths[0]} to {lengths[-1]}.")
    return [series.index(name) for name in (series.names if targets is None else targets)]


def _check_length(series, kind, length, lookback, horizon):
    if length < lookback + horizon:
        raise ValueError(
            f"The {kind} part has {length} steps, but one window takes {lookback} + {horizon}; the series "
            f"has {len(series)} steps, from {series.times[0]} to {series.times[-1]}: give more, or cut it otherwise."
        )


def _cut(part, lookback, horizon, columns):
    starts = np.arange(len(part) - lookback - horizon + 1)[:, None]
    before, after = starts + np.arange(lookback), starts + lookback + np.arange(horizon)
    x, y = part.values[before], part.values[after][..., columns]
    measured = np.ones(y.shape, bool) if part.filled is None else ~part.filled[after][..., columns]
    return Windows(x, y, x[..., columns], part.times[after], measured)
