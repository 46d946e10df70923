"""Stock prices: bars as they come, IBM's daily ones or the user's own; or bars made of a file of single trades."""

from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from keras_rnn_basics.datasets.series import Series, find_column, opened_csv, read_csv, read_header
from keras_rnn_basics.datasets.trades import read_trades

IBM = "IBM's daily bars (not ticks), 2000-03-01 to 2013-03-01, unadjusted, Quandl WIKI (public domain)"
PRICES = ("open", "high", "low", "close")
# A night that moves a price by more than this is a split, or so rare that somebody should look.
JUMP = 0.25
SPLITS = (4 / 3, 3 / 2, 2, 5 / 2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 30, 50)
LONGEST_GAP = np.timedelta64(10, "D")
# A bar without any range still has a logarithm: that of a hundredth of a percent.
SMALLEST_RANGE = 1e-4


def load(
    path: str | Path | None = None,
    bars: str | None = None,
    size: float | None = None,
    time_column: str | None = None,
    repair: bool = False,
) -> Series:
    """Bars: one row a day (or minute, or so many trades), with the open, high, low and close and the volume in it.

    Without a path: 3,270 of IBM's daily bars. They are daily bars, not ticks; no trade-by-trade data are shipped.

    Args:
        path: the user's own csv file (gzipped or not). Of bars: a column of dates or times, and columns called open,
            high, low, close and volume, or one each whose name begins so, in capital letters or not. Of trades: time,
            price, size. Further columns are passed over.
        bars: what to make of a file of trades: "time", "tick" or "volume" bars; `None` for a file of bars. It is read
            as a stream, in the memory of its bars.
        size: how long a bar is: seconds, trades, or volume.
        time_column: the column of the times; `None` is "date" in a file of bars, "time" in one of trades.
        repair: mend what can be mended, and report it in `Series.repairs`: as `read_csv` does; rows whose price or size
            is not positive are dropped, a high below or a low above the open or close is moved to it, and prices before
            a split are divided by it. Gaps are kept.

    Returns:
        A `Series` with the columns open, high, low, close (in the currency of the file) and volume; trades give their
        number too. Steps need not be equally long.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: as `read_csv`; and, unless `repair` is set, for prices and sizes that are not positive, a high or
            low that the open or close goes beyond, more than ten days without a bar, and a night's jump of more than
            25 %, which looks like a split (the last two in a file of bars alone). Names the file and the line or time.

    >>> days = load()
    >>> len(days), days.names, days.times[0]
    (3270, ('open', 'high', 'low', 'close', 'volume'), np.datetime64('2000-03-01'))
    """
    if bars is None:
        if size is not None:
            raise ValueError(f"size belongs to bars='time', 'tick' or 'volume'; got size={size!r} without bars.")
        column = "date" if time_column is None else time_column
        if path is None:
            with as_file(files("keras_rnn_basics.datasets") / "data" / "ibm_daily.csv.gz") as shipped:
                return replace(_read_bars(shipped, column, False), source=IBM)
        return _read_bars(Path(path), column, repair)
    if path is None:
        raise ValueError(
            f"bars={bars!r} are made of a file of trades: name its path. Without one there are daily bars."
        )
    return read_trades(path, bars, size, "time" if time_column is None else time_column, repair)


def _read_bars(path, time_column, repair):
    names = (*PRICES, "volume")
    with opened_csv(path) as reader:
        header = read_header(path, reader)
    columns = [_bar_column(path, header, name) for name in names]
    return _checked(replace(read_csv(path, time_column, None, repair, columns), names=names), repair)


def _bar_column(path, header, name):
    """The column called so; else the one whose name begins so."""
    if any(own.lower() == name for own in header):
        return find_column(path, header, name)
    found = [own for own in header if own.lower().startswith(name)]
    if len(found) != 1:
        raise ValueError(
            f"{path}, line 1: there must be a column {name!r}, or one that begins so; the columns are {header}."
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
            "they are dropped",
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
            f"{beyond.sum()} lows and highs are moved to them",
        )
        values[:, 1], values[:, 2] = values[:, :4].max(axis=1), values[:, :4].min(axis=1)
    for i in np.flatnonzero(np.diff(times) > LONGEST_GAP):
        fault(f"{times[i + 1]}: no bar since {times[i]}", "the gap is kept, and the next return reaches across it")
    for i in np.flatnonzero(np.abs(np.log(values[1:, 0] / values[:-1, 3])) > np.log(1 + JUMP)):
        _jump(values, times, i + 1, fault)
    return replace(series, values=values, repairs=tuple(repairs))


def _jump(values, times, i, fault):
    """Divides the prices before a split by it; leaves another jump as it is."""
    ratio = float(values[i - 1, 3] / values[i, 0])
    known = np.array([*SPLITS, *(1 / split for split in SPLITS if split == int(split))])
    nearest = float(known[np.argmin(np.abs(np.log(known / ratio)))])
    what = f"{times[i]}: from {values[i - 1, 3]:g} at the close to {values[i, 0]:g} at the open"
    if abs(np.log(nearest / ratio)) > 0.03:
        fault(f"{what}, a jump that no usual split explains", "it is kept; look whether it is true")
        return
    fault(f"{what}, which looks like a split by {nearest:.3g}", "the prices before it are divided by that")
    values[:i, :4] /= nearest
    values[:i, 4] *= nearest


def returns(bars: Series) -> Series:
    """What each bar brought, known when it closes; the first bar, which has none before it, goes.

    `log_range`, log of log(high / low), how far the price went; `log_return`, log(close / the close before);
    `overnight`, log(open / the close before); `log_volume`, log of the volume over its geometric mean in the 22 bars
    before.

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
