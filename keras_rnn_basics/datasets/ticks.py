"""Stock prices: IBM's daily bars, the user's own bars, or bars made from a file of single trades."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.resources import as_file, files
from typing import Any

import numpy as np

from keras_rnn_basics.datasets.bounded import MAX_BYTES
from keras_rnn_basics.datasets.series import EmptyColumnsError, Series, read_series
from keras_rnn_basics.datasets.tables.columns import letters
from keras_rnn_basics.datasets.tables.repairs import Repairs, shown
from keras_rnn_basics.datasets.tables.source import Source
from keras_rnn_basics.datasets.trades import named_columns, read_trades

IBM = "IBM's daily bars (not ticks), 2000-03-01 to 2013-03-01, unadjusted, Quandl WIKI (public domain)"
PRICES = ("open", "high", "low", "close")
# If a price changes by more than this overnight, it is a split, or so rare that somebody should look.
JUMP = 0.25
SPLITS = (4 / 3, 3 / 2, 2, 5 / 2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 30, 50)
# Of a price or a volume, but none.
DERIVED = r"weighted|change|chg|average|avg|mean|ratio|rank|trend|obv|interest|%|\b[es]?ma\b|\d ?[dw]\b|high.?low"
LONGEST_GAP = np.timedelta64(10, "D")
# The range of a bar with high = low is taken as a hundredth of a percent, so that its logarithm is finite.
SMALLEST_RANGE = 1e-4


def load(
    data: Any = None,
    bars: str | None = None,
    size: float | None = None,
    time: str | Sequence[str] | None = None,
    columns: Sequence[str] | Mapping[str, str] | None = None,
    missing: Sequence[Any] | None = (),
    time_zone: str | None = None,
    date_format: str | None = None,
    only: Mapping[str, Any] | None = None,
    repair: bool | str | Sequence[str] = False,
    max_bytes: int = MAX_BYTES,
) -> Series:
    """Bars: one row per day (or minute, or number of trades), with its open, high, low and close price and its volume.

    Without data: 3,270 daily bars of IBM. They are daily bars, not ticks; no trade-by-trade data are shipped.

    Args:
        data: the user's own data: the path of a file or a pandas.DataFrame. Bars have columns called open, high, low,
            close and, optionally, volume, or one column each whose name begins with that word; upper and lower case are
            the same. Trades have the columns time, price and size. Further columns are ignored.
        bars: the kind of bars to make from trades: "time", "tick" or "volume"; `None` if the data are bars. A file of
            trades is read as a stream; only the bars are held in memory.
        size: the length of a bar: in seconds, trades, or volume.
        columns: the names of these columns where they are others, such as {"close": "Adj Close"} or {"size": "qty"}; or
            a list of the columns among which they are looked for.
        time, missing, time_zone, date_format, only, max_bytes: as in `read_series`.
        repair: as in `read_series`, but no price is ever filled in: "gaps" drops rows with a price that is missing or
            not positive. "outliers" moves a high below or a low above the open or close to it. "splits" divides the
            prices before what looks like a split by its ratio.

    Returns:
        A `Series` with the columns open, high, low, close (in the currency of the data) and, if there is one, volume.
        Bars made from trades also have the column trades, their number. Steps need not be equally long.
        `Series.repairs` tells of more than ten days without a bar, of a jump of more than 25 % between two bars, and of
        bars without a trade, which are dropped.

    Raises:
        FileNotFoundError: if the file does not exist.
        ValueError: as `read_series`; and, unless `repair` names it, for prices that are not positive and an open or
            close outside low and high. The error names the file and the line or time.

    >>> days = load()
    >>> len(days), days.names, days.times[0]
    (3270, ('open', 'high', 'low', 'close', 'volume'), np.datetime64('2000-03-01'))
    """
    reading: dict[str, Any] = {"time": time, "missing": missing, "time_zone": time_zone, "date_format": date_format}
    reading |= {"only": only, "repair": repair, "max_bytes": max_bytes}
    if bars is not None:
        if data is None:
            raise ValueError(f"bars={bars!r} are made of trades: give their file. Without one there are daily bars.")
        return read_trades(data, bars, size, columns=columns, **reading)
    if size is not None:
        raise ValueError(f"size belongs to bars='time', 'tick' or 'volume'; got size={size!r} without bars.")
    if data is not None:
        return _read_bars(data, columns, **reading)
    with as_file(files("keras_rnn_basics.datasets") / "data" / "ibm_daily.csv.gz") as shipped:
        return replace(_read_bars(shipped, None), source=IBM)


def _read_bars(data, columns, time=None, repair=False, **reading):
    source = Source(data, time, reading.get("max_bytes", MAX_BYTES))
    named = named_columns(columns, (*PRICES, "volume"))
    among = source.header if columns is None or named else [source.find(name) for name in columns]
    wanted = {name: named.get(name, "") for name in (*PRICES, "volume")}
    wanted = {name: _bar_column(source, among, name) if own == "" else own for name, own in wanted.items()}
    found = {name: own for name, own in wanted.items() if own is not None}
    notes = []
    if "volume" not in found:
        notes.append("there is no column of the volume; columns={'volume': '...'} would name it")
    try:
        series = read_series(data, None, time, list(found.values()), repair=repair, **reading)
    except EmptyColumnsError as error:
        if "volume" in named or error.names != [found.pop("volume", None)]:
            raise
        notes.append(f"column {error.names[0]!r}, of the volume, holds no number")
        series = read_series(data, None, time, list(found.values()), repair=repair, **reading)
    series = replace(series, names=tuple(found), repairs=(*notes, *series.repairs))
    return _checked(series, Repairs(repair, source.place))


def _bar_column(source, header, name):
    """The column called so; else the one whose name begins so, but no price that is weighted by the volume."""
    if any(own.lower() == name for own in header):
        return source.find(name)
    begin = r"vol(ume|[^a-z]|$)" if name == "volume" else name  # volatility is no volume
    found = [own for own in header if re.match(rf"[^a-z]*{begin}", own.lower()) and not re.search(DERIVED, own.lower())]
    found = [own for own in found if letters(own) == name] or found
    if len(found) == 1 or (name == "volume" and not found):
        return found[0] if found else None
    raise ValueError(
        f"{source.place}: there must be one column {name!r}, or one that begins so, or columns={{{name!r}: '...'}}; "
        f"the columns are {header}."
    )


def _checked(series, repairs):
    def rows(wrong):
        more = f" (and {wrong.sum() - 1:,} further bars)" if wrong.sum() > 1 else ""
        return f"{shown(series.times[np.argmax(wrong)])}: {series.values[np.argmax(wrong)].tolist()}{more}"

    def traded():
        return series.column("volume") if "volume" in series.names else np.ones(len(series))

    worthless = (series.values[:, :4] <= 0).any(axis=1) | (traded() < 0)
    if worthless.any():
        repairs.fault("gaps", f"{rows(worthless)} holds a price that is not positive", "such rows are dropped")
        series = series.at(~worthless)
    if not len(series):
        raise ValueError(f"{series.source} holds no bar with positive prices.")
    o, h, low, c = series.values[:, :4].T
    beyond = (h < np.maximum(o, c)) | (low > np.minimum(o, c))
    if beyond.any():
        what = f"{rows(beyond)}: the open or close lies outside low and high"
        repairs.fault("outliers", what, "lows and highs are moved to them")
        prices = series.values[:, :4]
        moved = np.stack([o, prices.max(axis=1), prices.min(axis=1), c], axis=1)
        series = replace(series, values=np.concatenate([moved, series.values[:, 4:]], axis=1))
    prices = series.values[:, :4]
    idle = (traded() == 0) & (prices == np.append(np.nan, prices[:-1, 3])[:, None]).all(axis=1)
    if idle.any() and (traded() > 0).any():
        repairs.sentences.append(f"{rows(idle)} has no trade: such bars are dropped")
        series = series.at(~idle)
    gaps = np.flatnonzero(np.diff(series.times) > LONGEST_GAP)
    if len(gaps):
        more = f", and {len(gaps) - 1} further such gaps" if len(gaps) > 1 else ""
        first, last = (shown(series.times[gaps[0] + k]) for k in (0, 1))
        repairs.sentences.append(f"{last}: no bar since {first}{more}; the next return reaches across it")
    series = _without_splits(series, repairs)
    return replace(series, repairs=(*series.repairs, *repairs.sentences))


def _without_splits(series, repairs):
    """Tells the jumps between bars; if that was asked for, divides the prices before what looks like a split."""
    values, told = series.values.copy(), []
    for i in np.flatnonzero(np.abs(np.log(values[1:, 0] / values[:-1, 3])) > np.log(1 + JUMP)) + 1:
        before, after = (float(price) for price in (series.values[i - 1, 3], series.values[i, 0]))
        known = np.array([*SPLITS, *(1 / split for split in SPLITS if split == int(split))])
        nearest = float(known[np.argmin(np.abs(np.log(known * after / before)))])
        what = f"{shown(series.times[i])}: from {before:g} at the close to {after:g} at the open"
        if abs(np.log(nearest * after / before)) > 0.03:
            told.append(f"{what}, a jump that no usual split explains: it is kept; look whether it is true")
        elif "splits" not in repairs.kinds:
            told.append(
                f"{what}, which may be a split by {nearest:.3g}: it is kept; repair='splits' would divide by it"
            )
        else:
            repairs.sentences.append(f"{what}, a split by {nearest:.3g}: the prices before it are divided by that")
            values[:i, :4] /= nearest
            values[:i, 4:] *= nearest
    more = [f"{len(told) - 3} further jumps are kept"] if len(told) > 3 else []
    repairs.sentences += [*told[:3], *more]
    return replace(series, values=values)


def returns(bars: Series) -> Series:
    """The changes in each bar, known when it closes; the first bar is left out, since none is before it.

    `log_range`, log of log(high / low), how far the price went; `log_return`, log(close / the close before);
    `overnight`, log(open / the close before); `log_volume`, log of the volume over its geometric mean in the 22 bars
    before, where there is a volume. What is computed from a filled bar is `filled` too.

    >>> returns(load()).names
    ('log_range', 'log_return', 'overnight', 'log_volume')
    """
    o, h, low, c = (bars.column(name).astype("float64") for name in PRICES)
    filled = bars.was_filled()
    either = filled[1:] | filled[:-1]
    columns = {
        "log_range": (np.log(np.maximum(np.log(h / low), SMALLEST_RANGE))[1:], filled[1:]),
        "log_return": (np.log(c[1:] / c[:-1]), either),
        "overnight": (np.log(o[1:] / c[:-1]), either),
    }
    if "volume" in bars.names:
        v = np.log(np.maximum(bars.column("volume").astype("float64"), 1))
        total, ends = np.append(0, np.cumsum(v)), np.arange(1, len(v))
        starts, amiss = np.maximum(0, ends - 22), np.append(0, np.cumsum(filled))
        columns["log_volume"] = v[1:] - (total[ends] - total[starts]) / (ends - starts), amiss[ends + 1] > amiss[starts]
    values, filled = (np.stack(own, axis=1) for own in zip(*columns.values()))
    return bars.rows(1, len(bars)).with_columns(tuple(columns), values, filled).only(tuple(columns))
