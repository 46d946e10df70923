"""Measurements in the order of time, and how they are read from a csv file: with its lines and columns named."""

import csv
import gzip
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

MISSING = ("", "NA")
DAY, HOUR = np.timedelta64(1, "D"), np.timedelta64(1, "h")


@dataclass(frozen=True, eq=False)
class Series:
    """Measurements over time, one row a step.

    Attributes:
        times: (N,) datetime64, strictly rising.
        values: (N, n_x) float32.
        names: the n_x column names, each ending in its unit.
        source: where the measurements come from.
        repairs: what was changed in reading them, a sentence each; empty for a file without faults.
        regular: whether the steps are equally long; trading days, for one, are not.
    """

    times: np.ndarray
    values: np.ndarray
    names: tuple[str, ...]
    source: str
    repairs: tuple[str, ...] = ()
    regular: bool = True

    def __len__(self) -> int:
        return len(self.times)

    def index(self, name: str) -> int:
        """The column of a name."""
        if name not in self.names:
            raise ValueError(f"There is no column {name!r}; the columns are {list(self.names)}.")
        return self.names.index(name)

    def column(self, name: str) -> np.ndarray:
        """-> (N,): the measurements of one name."""
        return self.values[:, self.index(name)]

    def with_columns(self, names: Sequence[str], columns: np.ndarray) -> "Series":
        """The series with (N, k) further columns behind its own."""
        values = np.concatenate([self.values, np.asarray(columns, dtype="float32")], axis=1)
        return replace(self, names=(*self.names, *names), values=values)

    def only(self, names: Sequence[str]) -> "Series":
        """The series with these columns alone, in this order."""
        return replace(self, names=tuple(names), values=self.values[:, [self.index(name) for name in names]])

    def between(self, start: object = None, end: object = None) -> "Series":
        """The part from `start` to before `end`, dates such as "2014-01-01"; `None` is the series' own end."""
        keep = np.ones(len(self), dtype=bool)
        if start is not None:
            keep &= self.times >= np.datetime64(start)
        if end is not None:
            keep &= self.times < np.datetime64(end)
        return replace(self, times=self.times[keep], values=self.values[keep])

    def rows(self, start: int, stop: int) -> "Series":
        """The rows from number `start` to before number `stop`."""
        return replace(self, times=self.times[start:stop], values=self.values[start:stop])


def read_csv(
    path: str | Path, time_column: str = "date", step: np.timedelta64 | None = DAY, repair: bool = False
) -> Series:
    """Reads a csv file (gzipped or not) of one row a step: a column of times, and columns of numbers.

    Args:
        path: the file. Its first row names the columns.
        time_column: the column of the times. Days are written 2015-12-31 or 2015/12/31; shorter steps as ISO 8601 has
            them, such as 2015-12-31T06:00Z: what names its distance from UTC becomes UTC, what does not stays as it is.
            Every other column must hold numbers.
        step: how long a step is; `None` for rows that follow each other at unequal steps, such as trading days, which
            may be days or moments.
        repair: mend what can be mended without looking ahead, and report it in `Series.repairs`: rows out of order are
            sorted, identical rows are kept once, and a missing step or number takes the last value before it.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: for a file that is empty or not csv, a missing or repeated column, a time or number that cannot be
            read, a time that stands twice with different numbers, times that are not whole steps apart; and, unless
            `repair` is set, for rows out of order, repeated rows, missing steps and missing numbers. Names the file,
            the line and the column.
    """
    path = Path(path)
    names, rows = _read_rows(path, time_column, step)
    repairs: list[str] = []

    def fault(line, what, mend):
        if not repair:
            raise ValueError(f"{path}, line {line}, {what}. With repair=True {mend}.")
        repairs.append(f"line {line}, {what}: {mend}")

    rows = _in_order(path, rows, time_column, fault)
    if step is not None:
        rows = _every_step(path, rows, time_column, step, fault)
    rows = _every_number(path, rows, names, fault)
    times = np.array([time for time, _, _ in rows])
    if (times == times.astype("datetime64[D]")).all() and step in (None, DAY):
        times = times.astype("datetime64[D]")
    values = np.array([numbers for _, _, numbers in rows], dtype="float32")
    return Series(times, values, tuple(names), str(path), tuple(repairs), regular=step is not None)


@contextmanager
def opened_csv(path: Path) -> Iterator[Any]:
    """Gives a csv.reader of a file, gzipped or not; what is no csv file in UTF-8 is an error that names the line."""
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
        except (UnicodeDecodeError, csv.Error, EOFError, gzip.BadGzipFile) as error:
            raise ValueError(
                f"{path} is not a csv file in UTF-8, from about line {reader.line_num + 1}: {error}."
            ) from error


def _read_rows(path, time_column, step):
    """-> the number columns' names, and (time, line, numbers) a row; a missing number is NaN."""
    with opened_csv(path) as reader:
        header = [name.strip() for name in next(reader, [])]
        names = _number_columns(path, header, time_column)
        rows = [_read_row(path, reader.line_num, header, row, time_column, step) for row in reader if row]
    if not rows:
        raise ValueError(f"{path} has no rows under its header.")
    return names, rows


def _number_columns(path, header, time_column):
    if not any(header):
        raise ValueError(f"{path} is empty: its first line must name the columns.")
    if "" in header:
        raise ValueError(f"{path}, line 1: column {header.index('') + 1} has no name; the columns are {header}.")
    if time_column not in header:
        raise ValueError(f"{path}, line 1: there is no column {time_column!r}; the columns are {header}.")
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise ValueError(f"{path}, line 1: the columns {repeated} stand twice.")
    names = [name for name in header if name != time_column]
    if not names:
        raise ValueError(f"{path}, line 1: there are no columns of numbers beside {time_column!r}.")
    return names


def _read_row(path, line, header, row, time_column, step):
    if len(row) != len(header):
        raise ValueError(f"{path}, line {line}: {len(row)} fields, but line 1 names {len(header)} columns.")
    time, numbers = None, []
    for name, field in zip(header, row):
        try:
            if name == time_column:
                time = _read_time(field.strip(), step)
            else:
                numbers.append(float(field) if field.strip() not in MISSING else math.nan)
                if "_" in field or abs(numbers[-1]) > float(np.finfo("float32").max):
                    raise ValueError
        except ValueError:
            moment = "a date such as 2015-12-31" if step == DAY else "a time such as 2015-12-31T06:00Z"
            kind = moment if name == time_column else "a finite number"
            raise ValueError(f"{path}, line {line}, column {name!r}: {field!r} is not {kind}.") from None
    return time, line, numbers


def _read_time(field, step):
    # numpy alone would take "today" and "2020" as well.
    if re.fullmatch(r"\d{4}([-/])\d{1,2}\1\d{1,2}", field) and step in (None, DAY):
        year, month, day = re.split("[-/]", field)
        return np.datetime64(f"{year}-{month:0>2}-{day:0>2}", "D" if step else "s")
    if step == DAY or not re.match(r"\d{4}-\d\d-\d\d[T ]", field):
        raise ValueError
    moment = datetime.fromisoformat(field)
    moment = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    return np.datetime64(moment, "s")


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
                f"{path}, line {line}, column {time_column!r}: {time} stands in line {first_line} too, "
                "with other numbers. Keep the right one."
            )
        else:
            fault(line, f"column {time_column!r}: {time} stands in line {first_line} too", "it is kept once")
    return kept


def _every_step(path, rows, time_column, step, fault):
    """Rows with no step missing between them; a step that was missing has NaN for its numbers."""
    unit = {DAY: "day", HOUR: "hour"}.get(step, f"step of {step}")
    whole = rows[:1]
    for time, line, numbers in rows[1:]:
        before = whole[-1][0]
        missing = int((time - before) // step) - 1
        if (time - before) % step:
            raise ValueError(
                f"{path}, line {line}, column {time_column!r}: {time} lies {time - before} after {before}, which is no "
                f"whole {unit}. Keep one row for each {unit}."
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
    """Rows whose missing numbers are the last ones before them: a forecast must not be helped by what came later."""
    filled = [list(numbers) for _, _, numbers in rows]
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
    return [(time, line, numbers) for (time, line, _), numbers in zip(rows, filled)]
