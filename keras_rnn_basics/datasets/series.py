"""Measurements in time order, and reading them from a file or a pandas.DataFrame."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np

from keras_rnn_basics.datasets.bounded import MAX_BYTES
from keras_rnn_basics.datasets.tables import repairs as mending
from keras_rnn_basics.datasets.tables.columns import letters
from keras_rnn_basics.datasets.tables.moments import DAY, ahead_of_utc, read_moments
from keras_rnn_basics.datasets.tables.source import Source, marks_of

# A moment or a date, such as "2014-01-01".
Moment = str | date | np.datetime64
NUMBERS_OF_ROWS = {"no", "nr", "id", "index", "row", "rownumber", "number", "record"}
# What is written for a missing number beside 9999: the limits of 16 and 32 bits, also in tenths, and of netCDF.
CODES = (
    *(8888.0, -8888.0, 32766.0, 32767.0, -32767.0, -32768.0, 65535.0, 3276.7, -3276.8, 6553.5, 655.35),
    *(-127.0, 327.67, 7777.0, -7777.0, -6999.0, 2147483647.0, -2147483648.0, 4294967295.0, 1e20, 9.969209968386869e36),
)


class EmptyColumnsError(ValueError):
    """Columns without a number; `names` says which."""

    def __init__(self, message: str, names: Sequence[str]) -> None:
        super().__init__(message)
        self.names = list(names)


@dataclass(frozen=True, eq=False)
class Series:
    """Measurements over time, one row per step.

    Attributes:
        times: (N,) datetime64, rising. Only bars made of trades may end at the same moment.
        values: (N, n_x) float32.
        names: the n_x column names, each ending in its unit.
        source: where the measurements come from.
        repairs: one sentence for each change or decision that was made while reading; empty for a file without faults.
        regular: whether the steps are equally long; trading days, for example, are not.
        filled: (N, n_x) bool, True where a value was not measured but taken from the step before; `None` if all were
            measured.
        offsets: (N,) timedelta64, how far the local clock was ahead of `times`, which are then in UTC; `None` if that
            is not known.
        categories: the words of each column of words, to give as `categories=` when further data are read.
    """

    times: np.ndarray
    values: np.ndarray
    names: tuple[str, ...]
    source: str
    repairs: tuple[str, ...] = ()
    regular: bool = True
    filled: np.ndarray | None = None
    offsets: np.ndarray | None = None
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.times)

    def index(self, name: str) -> int:
        """The number of the column with this name."""
        if name not in self.names:
            raise ValueError(f"There is no column {name!r}; the columns are {list(self.names)}.")
        return self.names.index(name)

    def column(self, name: str) -> np.ndarray:
        """-> (N,): the measurements of the column with this name."""
        return self.values[:, self.index(name)]

    @property
    def local_times(self) -> np.ndarray:
        """(N,) datetime64: the times on the local clock, if its distance from UTC is known; else `times`."""
        return self.times if self.offsets is None else self.times + self.offsets

    def was_filled(self, *names: str) -> np.ndarray:
        """-> (N,) bool: whether a repair filled in one of these columns; without names, any column."""
        if self.filled is None:
            return np.zeros(len(self), dtype=bool)
        return np.any(self.filled[:, [self.index(name) for name in names or self.names]], axis=1)

    def with_columns(self, names: Sequence[str], columns: np.ndarray, filled: np.ndarray | None = None) -> "Series":
        """The series with (N, k) further columns after its own.

        Args:
            filled: (N, k) bool, True where a further value was computed from a filled one; `None` if none was.
        """
        values = np.concatenate([self.values, np.asarray(columns, dtype="float32")], axis=1)
        if filled is not None or self.filled is not None:
            own = np.zeros(self.values.shape, dtype=bool) if self.filled is None else self.filled
            new = np.zeros((len(self), len(names)), dtype=bool) if filled is None else filled
            filled = np.concatenate([own, new], axis=1)
            filled = filled if filled.any() else None
        return replace(self, names=(*self.names, *names), values=values, filled=filled)

    def only(self, names: Sequence[str]) -> "Series":
        """The series with only these columns, in this order."""
        columns = [self.index(name) for name in names]
        filled = None if self.filled is None else self.filled[:, columns]
        return replace(self, names=tuple(names), values=self.values[:, columns], filled=filled)

    def between(self, start: Moment | None = None, end: Moment | None = None) -> "Series":
        """The part from `start` to before `end`, dates such as "2014-01-01"; `None` sets no limit."""
        keep = np.ones(len(self), dtype=bool)
        if start is not None:
            keep &= self.times >= np.datetime64(start)
        if end is not None:
            keep &= self.times < np.datetime64(end)
        return self.at(keep)

    def rows(self, start: int, stop: int) -> "Series":
        """The rows from number `start` to before number `stop`."""
        return self.at(slice(start, stop))

    def at(self, rows: Any) -> "Series":
        """The rows with these numbers, or the rows where a mask is True."""
        filled, offsets = (None if own is None else own[rows] for own in (self.filled, self.offsets))
        return replace(self, times=self.times[rows], values=self.values[rows], filled=filled, offsets=offsets)


def read_series(
    data: Any,
    step: Any,
    time: str | Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    missing: Sequence[Any] | None = (),
    categories: Sequence[str] | Mapping[str, Sequence[str]] = (),
    time_zone: str | None = None,
    date_format: str | None = None,
    only: Mapping[str, Any] | None = None,
    repair: bool | str | Sequence[str] = False,
    max_bytes: int = MAX_BYTES,
) -> Series:
    """Reads a table with one row per step: times, and columns of numbers.

    Args:
        data: a pandas.DataFrame or the path of a file. A csv file has commas, semicolons, tabs or bars between its
            fields, is in UTF-8, and may be packed (gz, bz2, xz, zip). Numbers such as $5, 1,013, 2.5M and 50% are read,
            and `Series.repairs` tells how. Lines above the header, units below it and a footer are passed over, and
            told. Excel, parquet and feather files are read if the package that pandas needs for them is installed.
        step: the length of a step, such as np.timedelta64(10, "m") or "10min"; `None` for steps of unequal length,
            such as trading days.
        time: the column of the times, or several columns that give the time together. `None` takes the index of a frame
            if it holds times, else the column called date, time or similar. Times are written 2015-12-31T06:00Z,
            20151231, or as seconds (or ms, µs, ns) since 1970. 24:00 is the beginning of the next day, and a span of
            time stands at its beginning.
        columns: the columns of numbers to read, in this order; `None` reads all except the times.
        missing: further marks of a missing number, such as [9999.9, "M"]; empty fields, NA, null and similar marks are
            known. A number that looks like a mark is an error; `None` says that all numbers are measurements.
        categories: columns of words. Each word becomes a column of 0 and 1, called "weekday=Mon". For further data,
            give the `Series.categories` of the first: the columns are then the same, an unknown word is an error.
        time_zone: such as "Europe/Berlin". Times without a UTC offset are times of this zone; times with an offset
            are converted to it to find local dates, weekdays and hours.
        date_format: how the times are written, as in `datetime.strptime`: "%d.%m.%Y %H:%M".
        only: keeps the rows with this value in a column: {"ticker": "AAA"}.
        repair: the faults to repair and to report in `Series.repairs`; no repair looks ahead. "gaps": a missing step or
            number takes the last value before it, and `Series.filled` is True there; of the first rows at most a tenth
            are dropped, until each column has a number (if steps are unequal, any row without a number is dropped).
            "order": rows are sorted. "duplicates": identical rows are kept once. True stands for these three.
            "outliers": a number is taken as missing if it lies 20 times farther from the 30 numbers before it than
            they lie from each other.
        max_bytes: the most bytes that a file may hold, unpacked.

    Returns:
        A `Series`. Its times are local dates if the step is a day. Else they are UTC if the data or `time_zone` give
        the UTC offset, and the times as written if not.

    Raises:
        FileNotFoundError: if the file does not exist.
        ValueError: for data that cannot be read as times and numbers, and for each fault above that `repair` does not
            name. The error names the file, the line and the column, and what would help.

    >>> import pandas
    >>> frame = pandas.DataFrame({"time": ["2020-03-01 00:00", "2020-03-01 00:10"], "load_mw": [5.5, 6.0]})
    >>> series = read_series(frame, "10min", time_zone="Europe/Berlin")
    >>> series.times[1], series.local_times[1], series.column("load_mw")
    (np.datetime64('2020-02-29T23:10:00'), np.datetime64('2020-03-01T00:10:00'), array([5.5, 6. ], dtype=float32))
    """
    step = None if step is None else _step(step)
    for name, own in (("columns", columns), ("categories", categories)):
        if isinstance(own, str) or not (own is None or isinstance(own, Iterable)):
            raise ValueError(f"{name} must be a list of names, such as ['{own}'], got {own!r}.")
    if isinstance(categories, Mapping) and (
        odd := [own for own in categories.values() if isinstance(own, (str, int, float))]
    ):
        raise ValueError(f"categories must hold a list of words for each column, got {odd[0]!r}.")
    words: dict[str, Any] = dict(categories if isinstance(categories, Mapping) else dict.fromkeys(categories))
    source, marks = Source(data, time, max_bytes), marks_of(missing)
    words, only = {source.find(name): own for name, own in words.items()}, source.find_only(only)
    chosen = None if columns is None else [source.find(name) for name in columns]
    table, repairs = source.read(chosen, words, only, marks), mending.Repairs(repair, source.place)
    times, offsets = read_moments(table, step, date_format, time_zone)
    if chosen is None:
        chosen = [name for name in table.frame.columns if name not in (*table.time, *words, *only)]
    names, values = _columns(table, chosen, words, marks, missing is not None)

    if step is None:
        # Before the order is looked at: a dividend of a day stands in a row of its own, beside that of its prices.
        whole = mending.whole_rows(table, np.arange(len(times)), names, values, repairs)
        table.frame, times, values = table.frame[whole], times[whole], values[whole]
        offsets = None if offsets is None else offsets[whole]
    order = mending.in_order(table, times, values, repairs)
    times, values = times[order], mending.without_outliers(table, order, names, values[order], repairs)
    if step is not None:
        places = mending.every_step(table, order, times, step, repairs, offsets is None)
        times = times[0] + np.arange(places[-1] + 1) * step
        # The table's row of each step; the latest one before it where there is none.
        latest = np.searchsorted(places, np.arange(len(times)), side="right") - 1
        absent = places[latest] != np.arange(len(times))
        values = np.where(absent[:, None], np.nan, values[latest])
        rows = np.where(absent, -1, order[latest])
        start = mending.begin(table, rows, names, values, repairs)
        times, offsets = times[start:], None if offsets is None else offsets[order][latest][start:]
        values, filled = mending.every_number(table, rows[start:], names, values[start:], repairs)
    else:
        whole = mending.whole_rows(table, order, names, values, repairs)
        times, values, filled = times[whole], values[whole], None
        offsets = None if offsets is None else offsets[order][whole]
    notes = (*table.notes, *_without_news(names, values), *repairs.sentences)
    known = {name: tuple(own.removeprefix(f"{name}=") for own in names if own.startswith(f"{name}=")) for name in words}
    if offsets is not None:
        # A row that was missing has no offset of its own; the zone knows it.
        offsets = offsets if time_zone is None else ahead_of_utc(times, time_zone)
        offsets = offsets.astype("timedelta64[s]")
    times = _shortest(times, step is None or not step % DAY)
    return Series(times, values.astype("float32"), names, table.place, notes, step is not None, filled, offsets, known)


def _step(step):
    import pandas

    try:
        length = pandas.NaT if isinstance(step, (int, float)) else pandas.Timedelta(step)
        if not length > pandas.Timedelta(0):
            raise ValueError
        return length.to_timedelta64().astype("timedelta64[ns]")
    except (ValueError, TypeError):
        what = "step must be a length of time such as '10min' or np.timedelta64(1, 'D')"
        raise ValueError(f"{what}, or None, got {step!r}.") from None


def _columns(table, names, words, marks, guarded):
    """-> the names, and (N, n_x) float64, NaN where a number is missing."""
    worded = [name for name in names if name not in words and table.holds_words(name)]
    if len(worded) > 1:
        rest = [name for name in names if name not in worded]
        raise ValueError(
            f"{table.place}: the columns {worded} hold no numbers. Leave them out, columns={rest}; or make words "
            f"columns of 0 and 1, categories=[{worded[0]!r}, ...], where the loader takes categories."
        )
    read = {name: table.numbers(name, marks) for name in names if name not in words}
    if empty := [name for name, own in read.items() if np.isnan(own).all()]:
        rest = [name for name in read if name not in empty]
        raise EmptyColumnsError(
            f"{table.place}: there is no number in the columns {empty}. Leave them out: columns={rest}.", empty
        )
    for name, own in read.items():
        if guarded and (code := _code(own)) is not None:
            first = int(np.argmax(own == code))
            raise table.error(
                first,
                name,
                f"{code:.15g} looks like the mark of a missing number. Give missing=[{code:.15g}], or missing=None.",
            )
    for name, own in words.items():
        text = table.frame[name].astype("str").str.strip()
        known = sorted(text.dropna().unique()) if own is None else list(own)
        table.refuse(name, ~text.isin(known) & text.notna(), f"is none of the words {known}")
        read |= {f"{name}={word}": np.where(text.isna(), np.nan, text == word) for word in known}
    if not read:
        raise ValueError(f"{table.place}: there are no columns of numbers to read.")
    return tuple(read), np.stack(list(read.values()), axis=1)


def _code(values):
    """The greatest or least number, if it looks like a mark of missing ones: far from all others, and 9999 or alike."""
    values, counts = np.unique(values[np.isfinite(values)], return_counts=True)
    likely = np.isclose(values[:, None], CODES).any(axis=1) | np.array([_all_nines(own) > 1 for own in values], bool)
    for k in (*range(min(3, len(values))), *range(-1, -1 - min(3, len(values)), -1)):
        rest = values[~likely & (np.arange(len(values)) != k % len(values))]
        width, nines = np.ptp(rest) if len(rest) else 0, _all_nines(values[k])
        far = np.abs(rest - values[k]).min() if len(rest) else np.inf if nines != 2 else 0
        often, below = counts[k] > 1 or nines > 3 or (nines > 2 and far > 2 * width), values[k] < 0
        if likely[k] and far > max(width, abs(values[k]) / 2) and (often or below):
            return values[k]
        if below and nines > 1 and values[k] <= -99 and far > width / 2:  # where it is cold
            return values[k]
        if abs(values[k]) >= 1e15 and len(rest) and abs(values[k]) > 1e6 * np.abs(rest).max():
            return values[k]
        if values[k] != 0 and counts[k] > 2 and len(rest) > 10 and far > 10 * width:
            return values[k]
    # -200 or -9 again and again, where nothing else is below zero.
    least = values[0] if len(values) > 2 and values[1] >= 0 else 0
    if (least == -9 and counts[0] > 1) or (least <= -99 and least % 1 == 0 and counts[0] > 2):
        return least
    return None


def _all_nines(number):
    written = f"{abs(number):.6g}".replace(".", "")
    return len(written) if set(written) == {"9"} else 0


def _without_news(names, values):
    """A sentence for each column that never changes, or that counts the rows."""
    told = []
    for name, own in zip(names, values.T) if len(values) >= 10 else ():
        if (own == own[0]).all() and "=" not in name:
            told.append(f"column {name!r} is constant, {own[0]:g}")
        elif letters(name) in NUMBERS_OF_ROWS and (np.diff(own) == 1).all():
            told.append(f"column {name!r} counts the rows; if it measures nothing, leave it out by columns=[...]")
        elif (changes := np.abs(np.diff(own))[np.diff(own) != 0]).size and np.median(changes) < 2 * np.spacing(
            np.float32(np.abs(own).max())
        ):
            told.append(
                f"column {name!r} changes by less than float32 keeps of {np.abs(own).max():.15g}: subtract its first"
            )
    return told


def _shortest(times, days):
    """The same moments in days if they may be, else in the coarsest of seconds and their parts."""
    for unit in ("D", "s", "us", "ns") if days else ("s", "us", "ns"):
        if (times == (short := times.astype(f"datetime64[{unit}]"))).all():
            return short
    return times
