"""From one long series to many short examples, split by time: the last n steps, and the steps that followed."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import keras
import numpy as np

from keras_rnn_basics import checks
from keras_rnn_basics.datasets.series import Moment, Series

KEYS, KINDS = ("train", "validation", "test"), ("training", "validation", "test")


@dataclass(frozen=True, eq=False)
class Windows:
    """Examples cut from a series: N windows of `lookback` steps, each with the `horizon` steps that followed it.

    Attributes:
        x: (N, lookback, n_x), the measurements, in the units of the series.
        y: (N, horizon, n_y), the targets in the steps that followed.
        past_y: (N, lookback, n_y), the targets in the steps of x.
        times: (N, horizon) datetime64, the steps of y.
        measured: (N, horizon, n_y) bool: True where y was measured and not filled in by a repair. Only these values can
            be scored.
        past_measured: (N, lookback, n_y) bool: the same of past_y.
    """

    x: np.ndarray
    y: np.ndarray
    past_y: np.ndarray
    times: np.ndarray
    measured: np.ndarray
    past_measured: np.ndarray

    def __len__(self) -> int:
        return len(self.x)

    @property
    def next_y(self) -> np.ndarray:
        """(N, lookback, n_y): for every step of x, the targets one step later, which a many-to-many network learns."""
        return np.concatenate([self.past_y[:, 1:], self.y[:, :1]], axis=1)

    @property
    def next_measured(self) -> np.ndarray:
        """(N, lookback, n_y) bool: True where `next_y` was measured."""
        return np.concatenate([self.past_measured[:, 1:], self.measured[:, :1]], axis=1)


@dataclass(frozen=True, eq=False)
class Split:
    """Windows for training, validation and testing, in time order, and the statistics of the training part.

    Attributes:
        train, validation, test: the windows of each part. No window reaches into another part.
        mean, std: (n_x,), computed from the training part only.
        parts: the three parts of the series, uncut.
        names: the n_x columns.
        targets: the n_y columns that y holds.
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
    def constant(self) -> tuple[str, ...]:
        """The columns that never change in the training part: nothing can be learned of them."""
        train = self.parts[0].values
        return tuple(name for name, own in zip(self.names, train.T) if (own == own[0]).all())

    def normalization(self) -> keras.layers.Normalization:
        """A layer that brings each column of x to the mean 0 and the standard deviation 1 of the training part.

        A column that is constant there becomes 0, whatever comes later, and a warning names it.

        >>> from keras_rnn_basics.datasets import weather
        >>> split = split_windows(weather.load(), "2014-01-01", "2015-01-01", lookback=14)
        >>> x = np.asarray(split.normalization()(split.parts[0].values))
        >>> bool(abs(x.mean()) < 1e-3), bool(abs(x.std() - 1) < 1e-3)
        (True, True)
        """
        if self.constant:
            warnings.warn(f"Constant in the training part, so 0 for the network: {list(self.constant)}.", stacklevel=2)
        # Divided by an infinite deviation, a column is 0.
        variance = np.where(np.isin(self.names, self.constant), np.inf, self.std**2)
        return _scaler(self.mean, variance)

    def scale_targets(self, y: np.ndarray) -> np.ndarray:
        """(..., n_y) in the units of the data -> (..., n_y), with the mean 0 and the deviation 1 of the training part.

        A network learns these best; `target_units` is the layer that turns its answers back.

        Raises:
            ValueError: for a target that is constant in the training part.

        >>> from keras_rnn_basics.datasets import weather
        >>> split = split_windows(weather.load(), "2014-01-01", "2015-01-01", 14, targets=["temp_max_celsius"])
        >>> keras.utils.set_random_seed(0)
        >>> network = keras.Sequential([split.normalization(), keras.layers.Flatten(), keras.layers.Dense(1)])
        >>> network.compile("adam", "mean_squared_error")
        >>> _ = network.fit(split.train.x, split.scale_targets(split.train.y[:, 0]), epochs=5, verbose=0)
        >>> forecaster = keras.Sequential([network, split.target_units()])  # this is what is exported
        >>> celsius = forecaster.predict(split.test.x, verbose=0)
        >>> bool(np.abs(celsius - split.test.y[:, 0]).mean() < np.abs(split.test.y - split.train.y.mean()).mean())
        True
        """
        mean, std = self._of_targets()
        return ((y - mean) / std).astype("float32")

    def target_units(self) -> keras.layers.Normalization:
        """The inverse of `scale_targets`, a layer: it ends the model that is exported, whose answers are in units."""
        mean, std = self._of_targets()
        return _scaler(mean, std**2, invert=True)

    def _of_targets(self):
        if still := [name for name in self.targets if name in self.constant]:
            raise ValueError(f"The targets {still} are constant in the training part: there is nothing to learn.")
        columns = [self.names.index(name) for name in self.targets]
        return self.mean[columns], self.std[columns]

    @property
    def known(self) -> Windows:
        """The windows of training and validation together, for a model whose settings are already chosen."""
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
    """Splits a series at two moments and then cuts each part into windows, so that no window crosses a split.

    Args:
        series: the measurements, at equal steps of time.
        validation_from, test_from: the first moment of the validation and of the test part, such as "2014-01-01".
        lookback: number of steps in x.
        horizon: number of steps in y.
        targets: the columns of y; `None` takes all.
        reach_back: whether x may begin in the part before, so that every step of a part has a forecast. This is no
            leak: those measurements are known by then. y never leaves its part.

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
    """A split for each of several origins, as in real use: learn from all steps before, forecast up to the next origin.

    Args:
        series: the measurements.
        origins: rising moments. A test part begins at each origin and ends before the next origin, or at the end of the
            series.
        validation_steps: how many steps before each origin are used for validation.
        lookback, horizon, targets: as in `split_windows`. x reaches back, so every step from the first origin on is
            forecast once, except the last `horizon` - 1 steps of each part.

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
                f"Only {first} steps lie before the origin {origin}; "
                f"{validation_steps} steps of validation leave none to train."
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
    """Splits a series into blocks that train, validate and test in turn, and cuts each block into windows.

    This is for a series that is too short to hold every season in each part. No window leaves its block, so no window
    reaches into another part. But some blocks of training lie after blocks of the test: the score says how well gaps in
    a known year are forecast, not how well the next year is forecast.

    Args:
        series: the measurements, at equal steps of time.
        block: number of steps in a block.
        kinds: the use of each block in order: "train", "validation" or "test". The list repeats to the end of the
            series.
        lookback, horizon, targets: as in `split_windows`.
        gap: number of steps to leave out at the beginning of each block. Choose as many as a column of the series
            reaches back.

    Raises:
        ValueError: as `split_windows`; for a `gap` that is not from 0 to less than `block`; for a kind that is unknown,
            or if one of the three kinds is missing.

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


def _scaler(mean, variance, invert=False):
    layer = keras.layers.Normalization(mean=mean.tolist(), variance=variance.tolist(), invert=invert)
    layer.build((None, len(mean)))  # a layer that is first built while a model trains would lose its numbers
    return layer


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
        raise ValueError(f"The steps of the series must be equally long, got {lengths[0]} to {lengths[-1]}.")
    return [series.index(name) for name in (series.names if targets is None else targets)]


def _check_length(series, kind, length, lookback, horizon):
    if length < lookback + horizon:
        raise ValueError(
            f"The {kind} part has {length} steps, but one window takes {lookback} + {horizon}. The series has "
            f"{len(series)} steps, from {series.times[0]} to {series.times[-1]}: give more steps, or split elsewhere."
        )


def _cut(part, lookback, horizon, columns):
    starts = np.arange(len(part) - lookback - horizon + 1)[:, None]
    before, after = starts + np.arange(lookback), starts + lookback + np.arange(horizon)
    x, targets = part.values[before], part.values[:, columns]
    measured = np.ones(targets.shape, bool) if part.filled is None else ~part.filled[:, columns]
    return Windows(x, targets[after], targets[before], part.times[after], measured[after], measured[before])
