"""What can be mended in a table without looking ahead, one kind of fault at a time, and the sentences that tell it."""

from collections.abc import Sequence

import numpy as np

# What may be mended; True stands for the first three.
KINDS = ("gaps", "order", "duplicates", "outliers", "splits")
# A longer gap than this, and than all that was measured, is a mistyped year.
MOST_STEPS_MISSING = 1000
# So many rows at the beginning may go, until each column has a number.
MOST_DROPPED = 0.1
# An outlier lies so many times farther from the median of the 30 numbers before it than half of those did.
FAR, BEFORE, FEWEST = 20, 30, 10


class Repairs:
    """Which faults may be mended; any other is an error. `sentences` tells what was.

    Raises:
        ValueError: for a kind that there is none of.
    """

    def __init__(self, repair: bool | str | Sequence[str], place: str) -> None:
        if not isinstance(repair, (bool, str, list, tuple, set)):
            raise ValueError(f"repair must be True, False or of {KINDS}, got {repair!r}.")
        kinds = KINDS[:3] if repair is True else () if repair is False else repair
        self.kinds = (kinds,) if isinstance(kinds, str) else tuple(kinds)
        if unknown := [kind for kind in self.kinds if kind not in KINDS]:
            raise ValueError(f"repair must be True, False or of {KINDS}, got {unknown[0]!r}.")
        self.place = place
        self.sentences: list[str] = []

    def fault(self, kind: str, what: str, mend: str) -> None:
        """Notes what is mended, or raises where that was not asked for."""
        if kind not in self.kinds:
            asked = f"repair=True or repair={kind!r}" if kind in KINDS[:3] else f"repair={kind!r}"
            raise ValueError(f"{self.place}, {what}. With {asked} {mend}.")
        self.sentences.append(f"{what}: {mend}")


def in_order(table, times, values, repairs):
    """-> the numbers of the rows by rising time, each time once."""
    name, order = table.time[-1], np.argsort(times, kind="stable")
    again = np.flatnonzero(np.diff(times[order]) == np.timedelta64(0)) + 1
    here, before = order[again], order[again - 1]
    alike = ((values[here] == values[before]) | (np.isnan(values[here]) & np.isnan(values[before]))).all(axis=1)
    # Those with other numbers come first.
    here, before = (rows[np.argsort(alike, kind="stable")] for rows in (here, before))
    twice = [
        f"{table.row(row)}, column {name!r}: {shown(times[row])} is also in {table.row(other)}"
        for row, other in zip(here[:1], before[:1])
    ]
    if not alike.all():
        raise ValueError(
            f"{table.place}, {twice[0]}, with other numbers. Keep the right one. If the clock shows that hour twice, "
            "give time_zone=; if the rows are of several stations or tickers, take one by only={'column': 'its name'}."
        )
    late = np.flatnonzero(times[1:] < times[:-1]) + 1
    if len(late):
        earlier, later = times[late[0]], times[late[0] - 1]
        what = f"{table.row(late[0])}, column {name!r}: {shown(earlier)} comes after {shown(later)}"
        repairs.fault("order", what, "the rows are sorted")
    if len(again):
        repairs.fault("duplicates", twice[0] + _further(len(again)), "each row is kept once")
    return np.delete(order, again)


def every_step(table, order, times, step, repairs, by_the_clock):
    """-> how many steps each of these rows lies after the first; `by_the_clock`: their UTC offset is not known."""
    gaps, name, unit = np.diff(times), table.time[-1], unit_of(step)
    units = unit.replace("step", "steps") if " " in unit else f"{unit}s"

    def at(number):
        return f"{table.place}, {table.row(order[number + 1])}, column {name!r}"

    if len(gaps) > 2 and (gaps == (usual := np.median(gaps).astype(gaps.dtype))).mean() > 0.5 and usual != step:
        raise ValueError(
            f"{table.place}: most rows lie {unit_of(usual, 1)} apart, not {unit_of(step, 1)}. "
            f"read_series(data, step=...) reads any step."
        )
    for number in np.flatnonzero(gaps % step)[:1]:
        raise ValueError(
            f"{at(number)}: {shown(times[number + 1])} lies {gaps[number] / np.timedelta64(1, 's'):g} seconds after "
            f"{shown(times[number])}, which is not a whole {unit}. Keep one row for each {unit}, or read steps of any "
            "length by read_series(data, step=None)."
        )
    steps = gaps // step
    far = np.flatnonzero(steps - 1 > max(len(times), MOST_STEPS_MISSING))
    if len(far) or (steps - 1).sum() > 10 * max(len(times), MOST_STEPS_MISSING):
        number = far[0] if len(far) else int(np.argmax(steps))
        raise ValueError(
            f"{at(number)}: from {shown(times[number])} to {shown(times[number + 1])} more {units} are missing "
            f"({steps[number] - 1:,}) than the file has rows ({len(times):,}). Is the time right?"
        )
    holes = np.flatnonzero(steps > 1)
    if len(holes):
        total = int((steps - 1).sum())
        missing = f"1 {unit} is missing" if total == 1 else f"{total} {units} are missing"
        after = shown(times[holes[0] + 1])
        where = f"before {after}" if len(holes) == 1 else f"in {len(holes)} places, the first before {after}"
        what = f"{table.row(order[holes[0] + 1])}, column {name!r}: {missing} {where}"
        if by_the_clock and step < np.timedelta64(1, "D") and (gaps - step == np.timedelta64(1, "h")).any():
            what += " (if the clocks were put forward then, give time_zone=)"
        repairs.fault("gaps", what, "what is missing takes the last values before it")
    return np.append(0, np.cumsum(steps))


def without_outliers(table, order, names, values, repairs):
    """values, where a number far from all of the 30 before it is missing."""
    import pandas

    if "outliers" not in repairs.kinds:
        return values
    frame = pandas.DataFrame(values)
    middle = frame.rolling(BEFORE, min_periods=FEWEST).median().shift()
    spread = (frame - middle).abs().rolling(BEFORE, min_periods=FEWEST // 2).median().shift()
    far = (((frame - middle).abs() > FAR * spread) & (spread > 0)).to_numpy()
    for column in np.flatnonzero(far.any(axis=0)):
        first = int(np.argmax(far[:, column]))
        what = (
            f"{table.row(order[first])}, column {names[column]!r}: {values[first, column]:g} is far from those before"
        )
        repairs.fault("outliers", what + _further(far[:, column].sum()), "it counts as missing")
    return np.where(far, np.nan, values)


def begin(table, rows, names, values, repairs):
    """-> the number of the first row that has all its numbers: before it there is nothing to take a number from."""
    missing = np.isnan(values)
    if not missing[0].any():
        return 0
    whole, name = ~missing.any(axis=1), names[int(np.argmax(missing[0]))]
    what = f"{table.row(rows[0])}, column {name!r}: the first number is missing"
    first = int(np.argmax(whole))
    if not whole.any() or first > MOST_DROPPED * len(values):
        late = names[int(np.argmax(missing[: first or len(missing)].sum(axis=0)))]
        where = f"the first row with all numbers is {table.row(rows[first])}" if first else "no row has all its numbers"
        raise ValueError(
            f"{table.place}, {what}, and {where}. Leave column {late!r} out, columns=[...], or hand over a frame from "
            "where it begins."
        )
    repairs.fault("gaps", what, f"the rows before {table.row(rows[first])} are dropped")
    return first


def every_number(table, rows, names, values, repairs):
    """values (N, n_x) whose missing numbers are the last ones before them: nothing that came later helps a forecast.

    Args:
        rows: the row of the table that each of the N is; -1 is one that was missing, and has been reported.
    """
    import pandas

    missing = np.isnan(values)
    for k in np.flatnonzero(missing.any(axis=0)):
        own = rows[missing[:, k] & (rows >= 0)]
        if len(own):
            what = f"{table.row(own[0])}, column {names[k]!r}: the number is missing{_further(len(own))}"
            repairs.fault("gaps", what, "it takes the last value before it")
    return pandas.DataFrame(values).ffill().to_numpy(), missing if missing.any() else None


def whole_rows(table, rows, names, values, repairs):
    """-> (N,) bool, the rows without a missing number: where steps are unequal, a row without one is none."""
    missing = np.isnan(values)
    if missing.any():
        first = int(np.argmax(missing.any(axis=1)))
        name, count = names[int(np.argmax(missing[first]))], int(missing.any(axis=1).sum())
        what = f"{table.row(rows[first])}, column {name!r}: the number is missing{_further(count)}"
        repairs.fault("gaps", what, "such rows are dropped")
    return ~missing.any(axis=1)


def shown(moment: np.datetime64) -> str:
    """A moment without the zeros at its end."""
    for unit in ("D", "m", "s", "ms", "us"):
        if moment == moment.astype(f"datetime64[{unit}]"):
            return str(moment.astype(f"datetime64[{unit}]"))
    return str(moment)


def unit_of(step, count=None):
    """How a step is called: "hour", "step of 10 minutes"."""
    seconds = step / np.timedelta64(1, "s")
    size, unit = next(
        (own for own in ((86400, "day"), (3600, "hour"), (60, "minute")) if seconds % own[0] == 0), (1, "second")
    )
    many = seconds / size
    if many == 1:
        return unit if count is None else f"1 {unit}"
    return f"step of {many:g} {unit}s" if count is None else f"{many:g} {unit}s"


def _further(count):
    return f", as in {count - 1:,} further rows" if count > 1 else ""
