"""Measurements at equal steps of time, and how they are read from a csv file: with its lines and columns named."""

import csv
import gzip
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Series:
    """Measurements over time, one row a step.

    Attributes:
        times: (N,) datetime64, strictly rising.
        values: (N, n_x) float32.
        names: the n_x column names, each ending in its unit.
        source: where the measurements come from.
        repairs: what was changed in reading them, a sentence each; empty for a file without faults.
    """

    times: np.ndarray
    values: np.ndarray
    names: tuple[str, ...]
    source: str
    repairs: tuple[str, ...] = ()

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

    def between(self, start: object = None, end: object = None) -> "Series":
        """The part from `start` to before `end`, dates such as "2014-01-01"; `None` is the series' own end."""
        keep = np.ones(len(self), dtype=bool)
        if start is not None:
            keep &= self.times >= np.datetime64(start)
        if end is not None:
            keep &= self.times < np.datetime64(end)
        return replace(self, times=self.times[keep], values=self.values[keep])


def read_daily_csv(path: str | Path, date_column: str = "date", repair: bool = False) -> Series:
    """Reads a csv file (gzipped or not) of one row a day: a column of dates, and columns of numbers.

    Args:
        path: the file. Its first row names the columns.
        date_column: the column of the dates, written 2015-12-31 or 2015/12/31. Every other column must hold numbers.
        repair: mend what can be mended without looking ahead, and report it in `Series.repairs`: rows out of order are
            sorted, identical rows are kept once, and a missing day or number takes the last value before it.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: for a file that is empty or not csv, a missing or repeated column, a date or number that cannot be
            read, a date that stands twice with different numbers; and, unless `repair` is set, for rows out of order,
            repeated rows, missing days and missing numbers. Names the file, the line and the column.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    if path.is_dir():
        raise ValueError(f"{path} is a folder; name the csv file in it.")
    names, rows = _read_rows(path, date_column)
    repairs: list[str] = []

    def fault(line, what, mend):
        if not repair:
            raise ValueError(f"{path}, line {line}, {what}. With repair=True {mend}.")
        repairs.append(f"line {line}, {what}: {mend}")

    rows = _in_order(path, rows, date_column, fault)
    rows = _every_day(rows, date_column, fault)
    rows = _every_number(path, rows, names, fault)
    times = np.array([date for date, _, _ in rows], dtype="datetime64[D]")
    values = np.array([numbers for _, _, numbers in rows], dtype="float32")
    return Series(times, values, tuple(names), str(path), tuple(repairs))


def _read_rows(path, date_column):
    """-> the number columns' names, and (date, line, numbers) a row; a missing number is NaN."""
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    with (gzip.open if zipped else open)(path, "rt", encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(text)
        try:
            header = [name.strip() for name in next(reader, [])]
            names = _number_columns(path, header, date_column)
            rows = [_read_row(path, reader.line_num, header, row, date_column) for row in reader if row]
        except (UnicodeDecodeError, csv.Error, EOFError, gzip.BadGzipFile) as error:
            raise ValueError(
                f"{path} is not a csv file in UTF-8, from about line {reader.line_num + 1}: {error}."
            ) from error
    if not rows:
        raise ValueError(f"{path} has no rows under its header.")
    return names, rows


def _number_columns(path, header, date_column):
    if not any(header):
        raise ValueError(f"{path} is empty: its first line must name the columns.")
    if "" in header:
        raise ValueError(f"{path}, line 1: column {header.index('') + 1} has no name; the columns are {header}.")
    if date_column not in header:
        raise ValueError(f"{path}, line 1: there is no column {date_column!r}; the columns are {header}.")
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise ValueError(f"{path}, line 1: the columns {repeated} stand twice.")
    names = [name for name in header if name != date_column]
    if not names:
        raise ValueError(f"{path}, line 1: there are no columns of numbers beside {date_column!r}.")
    return names


def _read_row(path, line, header, row, date_column):
    if len(row) != len(header):
        raise ValueError(f"{path}, line {line}: {len(row)} fields, but line 1 names {len(header)} columns.")
    date, numbers = None, []
    for name, field in zip(header, row):
        try:
            if name == date_column:
                # numpy alone would take "today", "2020" and a time of day as well.
                if not re.fullmatch(r"\d{4}([-/])\d{1,2}\1\d{1,2}", field.strip()):
                    raise ValueError
                year, month, day = re.split("[-/]", field.strip())
                date = np.datetime64(f"{year}-{month:0>2}-{day:0>2}", "D")
            else:
                numbers.append(float(field) if field.strip() else math.nan)
                if "_" in field or abs(numbers[-1]) > float(np.finfo("float32").max):
                    raise ValueError
        except ValueError:
            kind = "a date such as 2015-12-31" if name == date_column else "a finite number"
            raise ValueError(f"{path}, line {line}, column {name!r}: {field!r} is not {kind}.") from None
    return date, line, numbers


def _in_order(path, rows, date_column, fault):
    """Rows by rising date, each date once."""
    for (before, _, _), (date, line, _) in pairwise(rows):
        if date < before:
            fault(line, f"column {date_column!r}: {date} comes after {before}", "the rows are sorted")
            break
    rows = sorted(rows, key=lambda row: row[0])
    kept = rows[:1]
    for date, line, numbers in rows[1:]:
        first_date, first_line, first_numbers = kept[-1]
        if date != first_date:
            kept.append((date, line, numbers))
        elif not np.array_equal(numbers, first_numbers, equal_nan=True):
            raise ValueError(
                f"{path}, line {line}, column {date_column!r}: {date} stands in line {first_line} too, "
                "with other numbers. Keep the right one."
            )
        else:
            fault(line, f"column {date_column!r}: {date} stands in line {first_line} too", "it is kept once")
    return kept


def _every_day(rows, date_column, fault):
    """Rows with no day missing between them; a day that was missing has NaN for its numbers."""
    whole = rows[:1]
    for date, line, numbers in rows[1:]:
        missing = int((date - whole[-1][0]).astype(int)) - 1
        if missing:
            days = "1 day is" if missing == 1 else f"{missing} days are"
            fault(
                line, f"column {date_column!r}: {days} missing before {date}", "they take the last values before them"
            )
            whole += [(whole[-1][0] + 1 + k, None, [math.nan] * len(numbers)) for k in range(missing)]
        whole.append((date, line, numbers))
    return whole


def _every_number(path, rows, names, fault):
    """Rows whose missing numbers are the last ones before them: a forecast must not be helped by what came later."""
    filled = [list(numbers) for _, _, numbers in rows]
    for k, name in enumerate(names):
        for i, numbers in enumerate(filled):
            if not math.isnan(numbers[k]):
                continue
            if i == 0:
                raise ValueError(
                    f"{path}, line {rows[0][1]}, column {name!r}: the first number is missing. Drop the row."
                )
            line = rows[i][1]
            if line is not None:  # None: the whole day was missing, and has been reported
                fault(line, f"column {name!r}: the number is missing", "it takes the last value before it")
            numbers[k] = filled[i - 1][k]
    return [(date, line, numbers) for (date, line, _), numbers in zip(rows, filled)]
