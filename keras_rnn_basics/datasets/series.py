"""Measurements in time order, and reading them from a csv file with errors that name the line and the column."""

import csv
import gzip
import math
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

# A moment or a date, such as "2014-01-01".
Moment = str | date | np.datetime64

MISSING = ("", "NA", "null")
# A gap with more steps than this, and more than the file has rows, is taken for a mistyped year.
MOST_STEPS_MISSING = 1000
DAY, HOUR = np.timedelta64(1, "D"), np.timedelta64(1, "h")


@dataclass(frozen=True, eq=False)
class Series:
    """Measurements over time, one row per step.

    Attributes:
        times: (N,) datetime64, rising. Only bars made of trades may end at the same moment.
        values: (N, n_x) float32.
        names: the n_x column names, each ending in its unit.
        source: where the measurements come from.
        repairs: one sentence for each change that was made while reading; empty for a file without faults.
        regular: whether the steps are equally long; trading days, for example, are not.
        filled: (N, n_x) bool, True where a value was not measured but taken from the step before; `None` if all were
            measured.
    """

    times: np.ndarray
    values: np.ndarray
    names: tuple[str, ...]
    source: str
    repairs: tuple[str, ...] = ()
    regular: bool = True
    filled: np.ndarray | None = None

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

    def with_columns(self, names: Sequence[str], columns: np.ndarray) -> "Series":
        """The series with (N, k) further columns after its own."""
        values = np.concatenate([self.values, np.asarray(columns, dtype="float32")], axis=1)
        filled = None if self.filled is None else np.pad(self.filled, [(0, 0), (0, len(names))])
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
        filled = None if self.filled is None else self.filled[rows]
        return replace(self, times=self.times[rows], values=self.values[rows], filled=filled)


def read_csv(
    path: str | Path,
    time_column: str = "date",
    step: np.timedelta64 | None = DAY,
    repair: bool = False,
    columns: Sequence[str] | None = None,
) -> Series:
    """Reads a csv file (gzipped or not) with one row per step: a column of times, and columns of numbers.

    Args:
        path: the file. Its first row names the columns.
        time_column: the column of the times; upper and lower case are the same. Days are written 2015-12-31 or
            2015/12/31. Shorter steps are written as in ISO 8601, such as 2015-12-31T06:00Z: a time with a UTC offset is
            converted to UTC, a time without one is kept as it is.
        step: the length of a step; `None` for steps of unequal length, such as trading days. The times are then days or
            moments.
        repair: repair the faults that can be repaired without looking ahead, and report them in `Series.repairs`: rows
            out of order are sorted, identical rows are kept once, and a missing step or number takes the last value
            before it, and `Series.filled` is True there.
        columns: the columns of numbers to read, in this order; `None` reads all except the times.

    Raises:
        FileNotFoundError: if the file does not exist.
        ValueError: for a file that is empty or not csv, a missing or repeated column, a time or number that cannot be
            read, a time that appears twice with different numbers, times whose distance is not a whole number of steps,
            a gap of more than 1,000 steps and more steps than the file has rows; and, unless `repair` is set, for rows
            out of order, repeated rows, missing steps and missing numbers. The error names the file, the line and the
            column.
    """
    path = Path(path)
    time_column, names, rows = _read_rows(path, time_column, step, columns)
    repairs: list[str] = []

    def fault(line, what, mend):
        if not repair:
            raise ValueError(f"{path}, line {line}, {what}. With repair=True {mend}.")
        repairs.append(f"line {line}, {what}: {mend}")

    rows = _in_order(path, rows, time_column, fault)
    if step is not None:
        rows = _every_step(path, rows, time_column, step, fault)
    rows, filled = _every_number(path, rows, names, fault)
    times = np.array([time for time, _, _ in rows])
    if (times == times.astype("datetime64[D]")).all() and step in (None, DAY):
        times = times.astype("datetime64[D]")
    values = np.array([numbers for _, _, numbers in rows], dtype="float32")
    return Series(times, values, tuple(names), str(path), tuple(repairs), step is not None, filled)


@contextmanager
def opened_csv(path: Path) -> Iterator[Any]:
    """Gives a csv.reader of a file, gzipped or not; if it is not csv in UTF-8, the error names the line."""
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    if path.is_dir():
        raise ValueError(f"{path} is a folder; name the csv file in it.")
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    with (gzip.open if zipped else open)(path, "rt", encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(text)
        try:
            yield reader
        except (UnicodeDecodeError, csv.Error, EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(
                f"{path} is not a csv file in UTF-8, from about line {reader.line_num + 1}: {error}."
            ) from error


def read_header(path: Path, reader: Any) -> list[str]:
    """The names of the columns, from the first line of an opened file."""
    header = [name.strip() for name in next(reader, [])]
    if not any(header):
        raise ValueError(f"{path} is empty: its first line must name the columns.")
    for separator, called in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and separator in header[0]:
            raise ValueError(f"{path}, line 1: the fields must be separated by commas, got {called}: {header[0]!r}.")
    return header


def find_column(path: Path, header: Sequence[str], name: str) -> str:
    """The column with this name, written as in the file; upper and lower case are the same."""
    alike = [own for own in header if own == name] or [own for own in header if own.lower() == name.lower()]
    if len(alike) != 1:
        found = "are several columns" if alike else "is no column"
        raise ValueError(f"{path}, line 1: there {found} {name!r}; the columns are {list(header)}.")
    return alike[0]


def _read_rows(path, time_column, step, columns):
    """-> the columns of times and of numbers, and (time, line, numbers) per row; a missing number is NaN."""
    with opened_csv(path) as reader:
        header = read_header(path, reader)
        time_column = find_column(path, header, time_column)
        names = _number_columns(path, header, time_column) if columns is None else list(columns)
        places = [header.index(name) for name in (time_column, *names)]
        rows = [_read_row(path, reader.line_num, header, row, places, step) for row in reader if row]
    if not rows:
        raise ValueError(f"{path} has no rows under its header.")
    return time_column, names, rows


def _number_columns(path, header, time_column):
    if "" in header:
        raise ValueError(f"{path}, line 1: column {header.index('') + 1} has no name; the columns are {header}.")
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise ValueError(f"{path}, line 1: the columns {repeated} appear twice.")
    names = [name for name in header if name != time_column]
    if not names:
        raise ValueError(f"{path}, line 1: there are no columns of numbers next to {time_column!r}.")
    return names


def _read_row(path, line, header, row, places, step):
    if len(row) != len(header):
        raise ValueError(f"{path}, line {line}: {len(row)} fields, but line 1 names {len(header)} columns.")
    time, numbers = None, []
    for place in places:
        name, field = header[place], row[place]
        try:
            if place == places[0]:
                time = _read_time(field.strip(), step)
            else:
                numbers.append(float(field) if field.strip() not in MISSING else math.nan)
                if "_" in field or abs(numbers[-1]) > float(np.finfo("float32").max):
                    raise ValueError
        except ValueError:
            moment = "a date such as 2015-12-31" if step == DAY else "a time such as 2015-12-31T06:00Z"
            kind = moment if place == places[0] else "a finite number"
            raise ValueError(f"{path}, line {line}, column {name!r}: {field!r} is not {kind}.") from None
    return time, line, numbers


def _read_time(field, step):
    # numpy alone would also accept "today" and "2020".
    if re.fullmatch(r"\d{4}([-/])\d{1,2}\1\d{1,2}", field) and step in (None, DAY):
        year, month, day = re.split("[-/]", field)
        return np.datetime64(f"{year}-{month:0>2}-{day:0>2}", "D" if step else "s")
    if step == DAY or not re.match(r"\d{4}-\d\d-\d\d[T ]", field):
        raise ValueError
    moment = datetime.fromisoformat(field)
    moment = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    return np.datetime64(moment, "us" if moment.microsecond else "s")


def _in_order(path, rows, time_column, fault):
    """Rows by rising time, each time once."""
    for (before, _, _), (time, line, _) in pairwise(rows):
        if time < before:
            fault(line, f"column {time_column!r}: {time} comes after {before}", "the rows are sorted")
            break
    rows = sorted(rows, key=lambda row: row[0])
    kept = rows[:1]
    for time, line, numbers in rows[1:]:
        first_time, first_line, first_numbers = kept[-1]
        if time != first_time:
            kept.append((time, line, numbers))
        elif not np.array_equal(numbers, first_numbers, equal_nan=True):
            raise ValueError(
                f"{path}, line {line}, column {time_column!r}: {time} is also in line {first_line}, "
                "with other numbers. Keep the right one."
            )
        else:
            fault(line, f"column {time_column!r}: {time} is also in line {first_line}", "it is kept once")
    return kept


def _every_step(path, rows, time_column, step, fault):
    """Rows without a missing step between them; a step that was missing gets NaN for its numbers."""
    unit = {DAY: "day", HOUR: "hour"}.get(step, f"step of {step}")
    whole = rows[:1]
    for time, line, numbers in rows[1:]:
        before = whole[-1][0]
        missing = int((time - before) // step) - 1
        if (time - before) % step:
            raise ValueError(
                f"{path}, line {line}, column {time_column!r}: {time} lies {time - before} after {before}, which is "
                f"not a whole {unit}. Keep one row for each {unit}."
            )
        if missing > max(len(rows), MOST_STEPS_MISSING):
            raise ValueError(
                f"{path}, line {line}, column {time_column!r}: from {before} to {time} more {unit}s are missing "
                f"({missing:,}) than the file has rows ({len(rows):,}). Is the time right?"
            )
        if missing:
            steps = f"1 {unit} is" if missing == 1 else f"{missing} {unit}s are"
            fault(
                line, f"column {time_column!r}: {steps} missing before {time}", "they take the last values before them"
            )
            whole += [(before + (k + 1) * step, None, [math.nan] * len(numbers)) for k in range(missing)]
        whole.append((time, line, numbers))
    return whole


def _every_number(path, rows, names, fault):
    """Rows in which a missing number takes the last one before it: a forecast must not be helped by later values.

    The second result is (N, n_x), True where a number was missing, or None if there was no such number.
    """
    filled = [list(numbers) for _, _, numbers in rows]
    missing = np.isnan(np.array(filled))
    for k, name in enumerate(names):
        lines = []
        for i, numbers in enumerate(filled):
            if not math.isnan(numbers[k]):
                continue
            if i == 0:
                raise ValueError(
                    f"{path}, line {rows[0][1]}, column {name!r}: the first number is missing. Drop the row."
                )
            if rows[i][1] is not None:  # None: the whole step was missing, and has been reported
                lines.append(rows[i][1])
            numbers[k] = filled[i - 1][k]
        if lines:
            further = f", as in {len(lines) - 1} further lines" if len(lines) > 1 else ""
            fault(lines[0], f"column {name!r}: the number is missing{further}", "it takes the last value before it")
    rows = [(time, line, numbers) for (time, line, _), numbers in zip(rows, filled)]
    return rows, missing if missing.any() else None
