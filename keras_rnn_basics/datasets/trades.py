"""Single trades, read as a stream and gathered into bars of equal time, number or volume."""

import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from keras_rnn_basics import checks
from keras_rnn_basics.datasets.series import MISSING, Series, find_column, opened_csv, read_header

KINDS = ("time", "tick", "volume")
NAMES = ("open", "high", "low", "close", "volume", "trades")
# Trades read at a time: reading takes this much memory, however long the file is.
CHUNK = 1 << 16
MOST_TRADES, LONGEST_BAR = 10**9, 10**9
# If a larger share of the trades is faulty, it is another kind of file, or one of its times is far too late.
MOST_LEFT_OUT = 0.5


def read_trades(
    path: str | Path, bars: str, size: float | None, time_column: str = "time", repair: bool = False
) -> Series:
    """Reads a csv file (gzipped or not) of single trades, one per row, into bars; in bounded memory.

    Args:
        path: the file, with the columns time, price and size in any order; upper and lower case are the same; further
            columns are ignored. Times are ISO 8601 in UTC, such as 2013-01-02T14:30:00.123456, in rising order; several
            trades may have the same time.
        bars: "time": each bar covers `size` seconds of the clock, and a span without a trade gives no bar; "tick": each
            bar has `size` trades; "volume": each bar has a volume of at least `size`, including the trade that reaches
            it.
        size: the size of a bar. The last bar may be smaller.
        time_column: the column of the times.
        repair: whether to leave out trades that are out of order or whose price or size is missing or not positive, and
            report their number, which may be at most half of all trades.

    Returns:
        A `Series` with the columns open, high, low, close, volume and trades. The time of a bar is that of its last
        trade, when the whole bar is known.

    Raises:
        FileNotFoundError: if the file does not exist.
        ValueError: for invalid `bars` or `size`, a file that is not csv or lacks a column, a field that cannot be read;
            and, unless `repair` is set, for a trade that `repair` would leave out. The error names the file, the line
            and the column.
    """
    if bars not in KINDS:
        raise ValueError(f"bars must be one of {KINDS}, got {bars!r}.")
    if size is None or not checks.is_number(size) or not 0 < size < np.inf:
        raise ValueError(f"size must be a positive number of {bars} in a bar, got {size!r}.")
    if bars == "tick" and (size != int(size) or size > MOST_TRADES):
        raise ValueError(f"size must be a whole number of trades in a bar, up to {MOST_TRADES:,}, got {size!r}.")
    if bars == "time" and not 1e-9 <= size <= LONGEST_BAR:
        raise ValueError(f"size must be from 1e-9 to {LONGEST_BAR:,} seconds in a bar, got {size!r}.")
    path = Path(path)
    left_out: dict[str, tuple[int, int]] = {}
    gathered, total = _Bars(bars, size), 0
    last = np.datetime64("NaT")
    for lines, times, prices, sizes in _chunks(path, time_column):
        keep, total = np.ones(len(times), dtype=bool), total + len(times)
        for what, faulty in (
            ("column 'price': not a positive number", ~((prices > 0) & np.isfinite(prices))),
            ("column 'size': not a positive number", ~((sizes > 0) & np.isfinite(sizes))),
        ):
            keep &= ~_left_out(path, lines, faulty & keep, what, left_out, repair)
        # The latest moment before each trade, in the chunk before and among the trades kept in this chunk.
        seen = np.where(keep, times, np.datetime64("1678-01-01", "ns")).astype("int64")
        first = seen[0] if np.isnat(last) else last.astype("int64")
        latest = np.maximum.accumulate(np.append(first, seen))[:-1]
        late = keep & (times.astype("int64") < latest)
        keep &= ~_left_out(
            path, lines, late, f"column {time_column!r}: earlier than a trade before it", left_out, repair
        )
        if keep.any():
            gathered.add(times[keep], prices[keep], sizes[keep])
            last = times[keep][-1]
    times, values = gathered.close()
    if not total:
        raise ValueError(f"{path} has no trades under its header.")
    for what, (first, count) in left_out.items():
        if count > MOST_LEFT_OUT * total:
            raise ValueError(
                f"{path}, line {first}, {what}, and so are {count:,} of its {total:,} trades: too many to leave out. "
                "Are that line and the line before it right?"
            )
    repairs = tuple(
        f"line {first}, {what}: {count} such trades are left out" for what, (first, count) in left_out.items()
    )
    return Series(times, values, NAMES, str(path), repairs, regular=False)


def _left_out(path, lines, faulty, what, left_out, repair):
    if faulty.any():
        own = lines[faulty].tolist()
        if not repair:
            raise ValueError(f"{path}, line {own[0]}, {what}. With repair=True such trades are left out.")
        first, count = left_out.get(what, (own[0], 0))
        left_out[what] = first, count + len(own)
    return faulty


def _chunks(path, time_column) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Line numbers, times in ns, prices and sizes, some thousands of trades at a time."""
    with opened_csv(path) as reader:
        header = read_header(path, reader)
        columns = [header.index(find_column(path, header, name)) for name in (time_column, "price", "size")]
        rows = ((reader.line_num, row) for row in reader if row)
        while chunk := list(islice(rows, CHUNK)):
            yield _columns(path, chunk, header, columns)


def _columns(path, chunk, header, columns):
    lines, rows = np.array([line for line, _ in chunk]), [row for _, row in chunk]
    for line, row in zip(lines, rows):
        if len(row) != len(header):
            raise ValueError(f"{path}, line {line}: {len(row)} fields, but line 1 names {len(header)} columns.")
    fields = [[row[column].strip() for row in rows] for column in columns]
    read = []
    for column, own, dtype in zip(columns, fields, ("datetime64[ns]", "float64", "float64")):
        try:
            read.append(_read(own, dtype))
        except ValueError:
            line, field = next((line, field) for line, field in zip(lines, own) if not _reads(field, dtype))
            moment = "a moment in UTC, of the years 1700 to 2250, such as 2013-01-02T14:30:00 or 2013-01-02T14:30:00Z"
            kind = moment if dtype == "datetime64[ns]" else "a number"
            raise ValueError(f"{path}, line {line}, column {header[column]!r}: {field!r} is not {kind}.") from None
    times, prices, sizes = read
    return lines, times, prices, sizes


def _read(fields, dtype):
    if dtype == "datetime64[ns]":
        # numpy would also accept "now", "2013" and a count of seconds, and would turn a year out of its range into
        # another.
        if not all(field[4:5] == "-" and "1700" <= field[:4] <= "2250" for field in fields):
            raise ValueError
        # A Z at the end means UTC, which numpy assumes; any other offset is an error.
        fields = [field.rstrip("Z") for field in fields]
    else:
        if any("_" in field for field in fields):
            raise ValueError
        fields = ["nan" if field in MISSING else field for field in fields]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # numpy warns about a time zone
            return np.array(fields, dtype)
    except Warning as error:
        raise ValueError(str(error)) from error


def _reads(field, dtype):
    try:
        _read([field], dtype)
    except ValueError:
        return False
    return True


class _Bars:
    """Bars that grow while trades are added; the last bar stays open until the next bar begins."""

    def __init__(self, kind, size):
        self.kind, self.size = kind, size
        # A bar is full when its volume reaches the size, up to rounding.
        self.full = size * (1 - 1e-9)
        self.closed = []  # the times and values of bars, some thousands at a time
        self.open = None  # the time and values of the last bar
        self.clock = None  # the number of the span of time that holds the last trade

    def add(self, times, prices, sizes):
        starts = self._starts(times, sizes)
        goes_on = not len(starts) or starts[0] > 0
        segments = np.append(0, starts) if goes_on else starts
        ends = np.append(segments[1:], len(times)) - 1
        columns = [
            prices[segments],
            np.maximum.reduceat(prices, segments),
            np.minimum.reduceat(prices, segments),
            prices[ends],
            np.add.reduceat(sizes, segments),
            ends + 1 - segments,
        ]
        times, values = times[ends], np.stack(columns, axis=1)
        if self.open is not None:
            if goes_on:
                values[0] = _joined(self.open[1], values[0])
            else:
                self.closed.append((self.open[0][None], self.open[1][None]))
        self.closed.append((times[:-1], values[:-1]))
        self.open = times[-1], values[-1]

    def _starts(self, times, sizes):
        """The numbers of the trades that begin a bar."""
        if self.kind == "tick":
            so_far = 0 if self.open is None else int(self.open[1][5])
            return np.arange(-so_far % int(self.size), len(times), int(self.size))
        if self.kind == "time":
            spans = times.astype("int64") // int(self.size * 1e9)
            before = spans[0] - 1 if self.clock is None else self.clock
            self.clock = spans[-1]
            return np.flatnonzero(np.diff(spans, prepend=before))
        so_far = self.size if self.open is None else self.open[1][4]
        total, starts = np.cumsum(sizes), []
        full = 0 if so_far >= self.full else int(np.searchsorted(total, self.full - so_far)) + 1
        while full < len(sizes):
            starts.append(full)
            begun = total[full - 1] if full else 0.0
            full = int(np.searchsorted(total, begun + self.full)) + 1
        return np.array(starts, dtype=int)

    def close(self):
        """-> (N,), (N, 6): all bars; the last one may be incomplete."""
        if self.open is None:
            return np.zeros(0, "datetime64[ns]"), np.zeros((0, len(NAMES)), "float32")
        times, values = zip(*self.closed, (self.open[0][None], self.open[1][None]))
        return np.concatenate(times), np.concatenate(values).astype("float32")


def _joined(before, after):
    """Two parts of one bar: open, high, low, close, volume, trades."""
    return np.array(
        [
            before[0],
            max(before[1], after[1]),
            min(before[2], after[2]),
            after[3],
            before[4] + after[4],
            before[5] + after[5],
        ]
    )
