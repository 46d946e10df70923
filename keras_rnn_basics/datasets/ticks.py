"""Stock prices: IBM's daily bars, the user's own bars, or bars made from a file of single trades."""

from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from keras_rnn_basics.datasets.series import Series, find_column, opened_csv, read_csv, read_header
from keras_rnn_basics.datasets.trades import read_trades

IBM = "IBM's daily bars (not ticks), 2000-03-01 to 2013-03-01, unadjusted, Quandl WIKI (public domain)"
PRICES = ("open", "high", "low", "close")
# If a price changes by more than this overnight, it is a split, or so rare that somebody should look.
JUMP = 0.25
SPLITS = (4 / 3, 3 / 2, 2, 5 / 2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 30, 50)
LONGEST_GAP = np.timedelta64(10, "D")
# The range of a bar with high = low is taken as a hundredth of a percent, so that its logarithm is finite.
SMALLEST_RANGE = 1e-4


def load(
    path: str | Path | None = None,
    bars: str | None = None,
    size: float | None = None,
    time_column: str | None = None,
    repair: bool = False,
) -> Series:
    """Bars: one row per day (or minute, or number of trades), with its open, high, low and close price and its volume.

    Without a path: 3,270 daily bars of IBM. They are daily bars, not ticks; no trade-by-trade data are shipped.

    Args:
        path: the user's own csv file (gzipped or not). A file of bars has a column of dates or times, and columns
            called open, high, low, close and volume, or one column each whose name begins with that word; upper and
            lower case are the same. A file of trades has the columns time, price and size. Further columns are ignored.
        bars: the kind of bars to make from a file of trades: "time", "tick" or "volume"; `None` for a file of bars.
            Trades are read as a stream; only the bars are held in memory.
        size: the length of a bar: in seconds, trades, or volume.
        time_column: the column of the times; `None` means "date" in a file of bars and "time" in a file of trades.
        repair: whether to repair faults and report them in `Series.repairs`. The faults of `read_csv` are repaired as
            there; rows whose price or size is not positive are dropped; a high below or a low above the open or close
            is moved to it; and prices before a split are divided by its ratio. Gaps are kept.

    Returns:
        A `Series` with the columns open, high, low, close (in the currency of the file) and volume. Bars made from
            trades also have the column trades, their number. Steps need not be equally long.

    Raises:
        FileNotFoundError: if the file does not exist.
        ValueError: as `read_csv`; and, unless `repair` is set, for prices and sizes that are not positive, an open or
            close outside low and high, more than ten days without a bar, and an overnight jump of more than 25 %, which
            looks like a split (the last two only in a file of bars). The error names the file and the line or time.

    >>> days = load()
    >>> len(days), days.names, days.times[0]
    (3270, ('open', 'high', 'low', 'close', 'volume'), np.datetime64('2000-03-01'))
    """
    if bars is None:
        if size is not None:
            raise ValueError(f"size belongs to bars='time', 'tick' or 'volume', got size={size!r} without bars.")
        column = "date" if time_column is None else time_column
        if path is None:
            with as_file(files("keras_rnn_basics.datasets") / "data" / "ibm_daily.csv.gz") as shipped:
                return replace(_read_bars(shipped, column, False), source=IBM)
        return _read_bars(Path(path), column, repair)
    if path is None:
        raise ValueError(
            f"bars={bars!r} are made of a file of trades: name its path. Without a path there are only daily bars."
        )
    return read_trades(path, bars, size, "time" if time_column is None else time_column, repair)


def _read_bars(path, time_column, repair):
    names = (*PRICES, "volume")
    with opened_csv(path) as reader:
        header = read_header(path, reader)
    columns = [_bar_column(path, header, name) for name in names]
    return _checked(replace(read_csv(path, time_column, None, repair, columns), names=names), repair)


def _bar_column(path, header, name):
    """The column with this name; otherwise the one column whose name begins with it."""
    if any(own.lower() == name for own in header):
        return find_column(path, header, name)
    found = [own for own in header if own.lower().startswith(name)]
    if len(found) != 1:
        raise ValueError(
            f"{path}, line 1: there must be a column {name!r}, or one that begins with it; the columns are {header}."
        )
    return found[0]


def _checked(series, repair):
    repairs = list(series.repairs)

    def fault(what, mend):
        if not repair:
            raise ValueError(f"{series.source}, {what}. With repair=True {mend}.")
        repairs.append(f"{what}: {mend}")

    values = series.values
    worthless = (values[:, :4] <= 0).any(axis=1) | (values[:, 4] < 0)
    if worthless.any():
        first = int(np.argmax(worthless))
        more = f" (and {worthless.sum() - 1} further rows)" if worthless.sum() > 1 else ""
        fault(
            f"{series.times[first]}: {values[first].tolist()} holds a price that is not positive{more}",
            "such rows are dropped",
        )
        if worthless.all():
            raise ValueError(f"{series.source} holds no bar with positive prices.")
        series = series.at(~worthless)
    values, times = series.values.copy(), series.times
    o, h, low, c = values[:, :4].T
    beyond = (h < np.maximum(o, c)) | (low > np.minimum(o, c))
    if beyond.any():
        first = int(np.argmax(beyond))
        fault(
            f"{times[first]}: the open or close lies outside low and high, {values[first, :4].tolist()}",
            f"in {beyond.sum()} rows low and high are moved to them",
        )
        values[:, 1], values[:, 2] = values[:, :4].max(axis=1), values[:, :4].min(axis=1)
    for i in np.flatnonzero(np.diff(times) > LONGEST_GAP):
        fault(f"{times[i + 1]}: no bar since {times[i]}", "the gap is kept, and the next return reaches across it")
    for i in np.flatnonzero(np.abs(np.log(values[1:, 0] / values[:-1, 3])) > np.log(1 + JUMP)):
        _jump(values, times, i + 1, fault)
    return replace(series, values=values, repairs=tuple(repairs))


def _jump(values, times, i, fault):
    """Divides the prices before a split by its ratio; any other jump is kept."""
    ratio = float(values[i - 1, 3] / values[i, 0])
    known = np.array([*SPLITS, *(1 / split for split in SPLITS if split == int(split))])
    nearest = float(known[np.argmin(np.abs(np.log(known / ratio)))])
    what = f"{times[i]}: from {values[i - 1, 3]:g} at the close to {values[i, 0]:g} at the open"
    if abs(np.log(nearest / ratio)) > 0.03:
        fault(f"{what}, a jump that no usual split explains", "it is kept; check whether it is real")
        return
    fault(f"{what}, which looks like a split by {nearest:.3g}", "the prices before it are divided by this ratio")
    values[:i, :4] /= nearest
    values[:i, 4] *= nearest


def returns(bars: Series) -> Series:
    """The changes in each bar, known when it closes; the first bar is left out, since none is before it.

    `log_range` is the log of log(high / low), the range of the price; `log_return` is log(close / close before);
    `overnight` is log(open / close before); `log_volume` is the log of the volume divided by its geometric mean in the
    22 bars before.

    >>> returns(load()).names
    ('log_range', 'log_return', 'overnight', 'log_volume')
    """
    o, h, low, c, v = (bars.column(name).astype("float64") for name in (*PRICES, "volume"))
    v = np.log(np.maximum(v, 1))
    total, ends = np.append(0, np.cumsum(v)), np.arange(1, len(v))
    starts = np.maximum(0, ends - 22)
    columns = {
        "log_range": np.log(np.maximum(np.log(h / low), SMALLEST_RANGE))[1:],
        "log_return": np.log(c[1:] / c[:-1]),
        "overnight": np.log(o[1:] / c[:-1]),
        "log_volume": v[1:] - (total[ends] - total[starts]) / (ends - starts),
    }
    names, values = tuple(columns), np.stack(list(columns.values()), axis=1)
    return bars.rows(1, len(bars)).with_columns(names, values).only(names)
