"""Single trades, read as a stream and gathered into bars of equal time, number or volume."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_rnn_basics import checks
from keras_rnn_basics.datasets.bounded import MAX_BYTES
from keras_rnn_basics.datasets.series import Series
from keras_rnn_basics.datasets.tables.moments import read_moments
from keras_rnn_basics.datasets.tables.repairs import Repairs, shown
from keras_rnn_basics.datasets.tables.source import Source, marks_of

KINDS = ("time", "tick", "volume")
NAMES = ("open", "high", "low", "close", "volume", "trades")
# Trades read at a time: reading takes this much memory, however long the file is.
CHUNK = 1 << 16
MOST_TRADES, LONGEST_BAR = 10**9, 10**9
# So many trades in a row that come too late show that the one before them has a wrong time.
MOST_LATE = 20
MOST_LEFT_OUT, MOST_NEGATIVE, MOST_NOTES = 0.5, 0.05, 10
MOMENT = np.timedelta64(1, "ns")


def read_trades(
    data: Any,
    bars: str,
    size: float | None,
    time: str | Sequence[str] | None = None,
    columns: Sequence[str] | Mapping[str, str] | None = None,
    missing: Sequence[Any] | None = (),
    time_zone: str | None = None,
    date_format: str | None = None,
    only: Mapping[str, Any] | None = None,
    repair: bool | str | Sequence[str] = False,
    max_bytes: int = MAX_BYTES,
) -> Series:
    """Reads single trades, a row each, into bars; a file in bounded memory. The arguments are those of `ticks.load`.

    "time": each bar covers `size` seconds of the clock, and a span without a trade gives no bar; "tick": each bar has
    `size` trades; "volume": each bar has a volume of at least `size`, including the trade that reaches it. The last bar
    may be smaller. The time of a bar is that of its last trade, when the whole bar is known.

    `repair` says which trades are left out, half of all at most, and their number reported: "gaps", whose price or size
    is missing or not positive; "order", whose time is earlier than that of a trade before them.

    Raises:
        ValueError: also for a time later than those of more than 20 trades that follow.
    """
    if bars not in KINDS:
        raise ValueError(f"bars must be one of {KINDS}, got {bars!r}.")
    if size is None or not checks.is_number(size) or not 0 < size < np.inf:
        raise ValueError(f"size must be a positive number of {bars} in a bar, got {size!r}.")
    if bars == "tick" and (size != int(size) or size > MOST_TRADES):
        raise ValueError(f"size must be a whole number of trades in a bar, up to {MOST_TRADES:,}, got {size!r}.")
    if bars == "time" and not 1e-9 <= size <= LONGEST_BAR:
        raise ValueError(f"size must be from 1e-9 to {LONGEST_BAR:,} seconds in a bar, got {size!r}.")
    source = Source(data, time, max_bytes)
    named = named_columns(columns, ("price", "size"))
    try:
        price, volume = (source.find(named.get(name, name)) for name in ("price", "size"))
    except ValueError as error:
        raise ValueError(f"{error} Name them: columns={{'price': '...', 'size': '...'}}.") from None
    only, marks = source.find_only(only), marks_of(missing)
    gathered, leaver, notes = _Bars(bars, size), _LeftOut(Repairs(repair, source.place)), []
    aware = None
    for table in source.chunks([price, volume], (), only, marks, size=CHUNK):
        times, offsets = read_moments(table, MOMENT, date_format, time_zone)
        if aware not in (None, offsets is not None):
            raise table.error(0, table.time[-1], "some times say how far their clock is from UTC, and some do not")
        aware = offsets is not None
        prices, sizes = table.numbers(price, marks), table.numbers(volume, marks)
        keep = leaver.keep(table, times, {price: prices, volume: sizes})
        notes += [note for note in table.notes if note not in notes]
        if keep.any():
            gathered.add(times[keep], prices[keep], sizes[keep])
    times, values = gathered.close()
    return Series(times, values, NAMES, source.place, (*notes[:MOST_NOTES], *leaver.sentences()), regular=False)


def named_columns(columns: Any, names: Sequence[str]) -> dict[str, Any]:
    """What `columns` calls each of these; empty for a list of columns."""
    if not isinstance(columns, Mapping):
        if isinstance(columns, str) or not isinstance(columns, Sequence | None):
            raise ValueError(f"columns must be such as {{{names[0]!r}: '...'}}, or a list, got {columns!r}.")
        return {}
    if unknown := [name for name in columns if name not in names]:
        raise ValueError(f"columns names {tuple(names)}, got {unknown[0]!r}.")
    if nameless := [name for name, own in columns.items() if own is None and name != "volume"]:
        raise ValueError(f"columns must name the column of {nameless[0]!r}, got None.")
    return dict(columns)


class _LeftOut:
    """Which trades are faulty, and how many of them were left out."""

    def __init__(self, repairs):
        self.repairs, self.total, self.faults = repairs, 0, {}
        self.latest, self.line, self.late = np.datetime64("1678-01-01", "ns"), "", 0

    def keep(self, table, times, numbers):
        self.total += len(times)
        keep = np.ones(len(times), dtype=bool)
        size = [*numbers][-1]
        for name, own in numbers.items():
            if name == size and (own < 0).sum() > 3 + MOST_NEGATIVE * len(own):
                first = int(np.argmax(own < 0))
                what = (
                    f"{own[first]:g} is negative, as in {(own < 0).sum() - 1:,} further rows. If sells are written so, "
                )
                raise table.error(first, name, f"{what}hand over a frame: frame[{name!r}] = frame[{name!r}].abs()")
            keep &= ~self._fault("gaps", table, keep & ~(own > 0), f"column {name!r}: not a positive number")
        # The latest moment before each trade: of the chunks before it, then of the trades kept in this one.
        seen = np.append(self.latest, np.where(keep, times, np.datetime64("1678-01-01", "ns"))).astype("int64")
        latest = np.maximum.accumulate(seen)
        late = keep & (times.astype("int64") < latest[:-1])
        # How many have come late, up to each trade, since one that did not.
        count = np.cumsum(late)
        row = count - np.maximum.accumulate(np.where(keep & ~late, count, -self.late))
        ahead = int(np.argmax(seen == latest[-1])) - 1
        line = self.line if ahead < 0 else table.row(ahead)
        if (row > MOST_LATE).any():
            raise ValueError(
                f"{table.place}, {line}, column {table.time[-1]!r}: {shown(latest[-1].astype('datetime64[ns]'))} lies "
                f"after more than {MOST_LATE} trades that follow it. Is that time right? If the newest trade stands "
                "first, turn a frame: frame[::-1]."
            )
        what = f"column {table.time[-1]!r}: earlier than a trade before it"
        keep &= ~self._fault("order", table, late, what)
        self.latest, self.line, self.late = latest[-1].astype("datetime64[ns]"), line, int(row[-1])
        return keep

    def _fault(self, kind, table, faulty, what):
        if faulty.any():
            line = table.row(int(np.argmax(faulty)))
            if kind not in self.repairs.kinds:
                self.repairs.fault(kind, f"{line}, {what}", "such trades are left out")
            first, count = self.faults.get(what, (line, 0))
            self.faults[what] = first, count + int(faulty.sum())
        return faulty

    def sentences(self):
        for what, (first, count) in self.faults.items():
            if count > MOST_LEFT_OUT * self.total:
                raise ValueError(
                    f"{self.repairs.place}, {first}, {what}, and so are {count:,} of its {self.total:,} trades: too "
                    "many to leave out."
                )
        return tuple(f"{first}, {what}: {n} such trades are left out" for what, (first, n) in self.faults.items())


class _Bars:
    """Bars of trades, which are added piece by piece; a bar that goes on in the next piece is joined at the end."""

    def __init__(self, kind, size):
        self.kind, self.size, self.parts = kind, size, []
        self.trades = 0  # all so far
        self.bar, self.held = 0, 0.0  # the number of the last bar of a volume, and the volume in it

    def add(self, times, prices, sizes):
        numbers = self._numbers(times, sizes)
        self.trades += len(times)
        self.parts.append(_gathered(numbers, times, [*[prices] * 4, sizes, np.ones(len(times))]))

    def _numbers(self, times, sizes):
        """(N,), (N,) -> (N,): the number of the bar of each trade."""
        if self.kind == "tick":
            return (self.trades + np.arange(len(times))) // int(self.size)
        if self.kind == "time":
            return times.astype("int64") // int(self.size * 1e9)
        # A trade that fills a bar alone does so whatever its size: huge ones would drown the small ones in rounding.
        total, begins = np.cumsum(np.minimum(sizes, self.size)), np.zeros(len(sizes), int)
        full = self.size * (1 - 1e-9)  # up to rounding
        last, begun = 0, -self.held
        while (last := max(int(np.searchsorted(total, begun + full)), last) + 1) <= len(sizes):
            begun = total[last - 1]
            begins[last:][:1] = 1
        self.held = total[-1] - begun
        numbers = self.bar + np.cumsum(begins)
        self.bar = numbers[-1] + (self.held == 0)
        return numbers

    def close(self):
        """-> (N,), (N, 6): all bars; the last one may be incomplete."""
        if not self.parts:
            return np.zeros(0, "datetime64[ns]"), np.zeros((0, len(NAMES)), "float32")
        _, times, values = _gathered(*(np.concatenate(own, axis=-1) for own in zip(*self.parts)))
        return times, values.T.astype("float32")


def _gathered(numbers, times, columns):
    """(N,), (N,), (6, N) -> (M,), (M,), (6, M): neighbours with one number become one bar, at the time of its last."""
    starts = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1))
    ends = np.append(starts[1:], len(numbers)) - 1
    o, h, low, c, volume, trades = columns
    high, low = np.maximum.reduceat(h, starts), np.minimum.reduceat(low, starts)
    sums = [np.add.reduceat(own, starts) for own in (volume, trades)]
    return numbers[starts], times[ends], np.stack([o[starts], high, low, c[ends], *sums])
