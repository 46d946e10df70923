"""How a table is written: its separator, its sign of decimals and its header, found in the first lines of its file."""

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keras_rnn_basics.datasets.bounded import MAX_BYTES
from keras_rnn_basics.datasets.tables.opened import by_pandas, opened

NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
DATE = r"\d{4}([-./])\d\d?\1\d.*|\d\d?([-./])(\d\d?|[A-Za-z]{3})\2\d{4}.*|(1[89]|20)\d{6}( \d+)?"
# In front of three digits: 51 100, 51'100.
BETWEEN_THOUSANDS = r"(?<=\d)[ '\u2019\u00a0\u2009\u202f](?=\d{3})"
GROUPS = {".": r"[+-]?[1-9]\d{0,2}(,\d{3}|,\d\d(?=,))+(\.\d+)?", ",": r"[+-]?[1-9]\d{0,2}(\.\d{3})+(,\d+)?"}
LOOKED_AT = 100  # lines


@dataclass
class Layout:
    """How a table is written; `sep` is None for a frame, `sure` whether its sign of decimals is."""

    header: list[str]
    sep: str | None = None
    decimal: str = "."
    sure: bool = True
    above: int = 0
    max_bytes: int = MAX_BYTES
    frame: Any = None
    notes: list[str] = field(default_factory=list)


def layout_of(path: Path, is_header: Callable[[list[str]], bool], max_bytes: int) -> Layout:
    """Looks at the first lines of a file.

    Args:
        is_header: whether a row names the columns.
    """
    lines = _first_lines(path, max_bytes)
    sep, rows, usual = _parted(path, lines, is_header)
    above = _header_line(path, rows, usual, is_header)
    header, rows = rows[above], rows[above + 1 :]
    _refuse_no_header(path, header, is_header)
    fields = [name for row in rows for name in row]
    layout = Layout(header, sep, _decimal(path, sep, fields), above=above, max_bytes=max_bytes)
    if above:
        layout.notes.append(f"what stands above the header, which is line {above + 1}, was passed over")
    points = [name for name in fields if "." in name and re.fullmatch(NUMBER, name)]
    layout.sure = sep == "," or layout.decimal == "," or bool(points)
    if sep != "," and layout.decimal == "." and points and all(re.fullmatch(GROUPS[","], name) for name in points):
        _look_at_thousands(path, layout, [row for row in rows if len(row) == len(header)], points[0])
    return layout


def _first_lines(path, max_bytes):
    with opened(path, max_bytes) as text:
        start = text.read(1 << 16)
    lines = re.split(r"\r\n|\r|\n", re.sub(r"\Asep=.", "", start))[:LOOKED_AT]  # Excel's own first line
    lines = lines[:-1] if len(start) == 1 << 16 and len(lines) > 1 else lines
    if not any(line.strip() for line in lines):
        raise ValueError(f"{path} is empty: its first line must name the columns.")
    if path.suffix.lower().startswith(".json") or re.match(r"\s*[\[{]\s*[{\"]", start):
        raise ValueError(f"{path} is JSON, no csv: frame = pandas.read_json({str(path)!r}), and load(frame).")
    if "\x00" in start:
        raise ValueError(f"{path} is not a csv file in UTF-8: it holds zero bytes.")
    return lines


def _parted(path, lines, is_header):
    """-> the separator, the rows that it gives, and how many fields most of them have."""
    rows = {sep: [[name.strip() for name in row] for row in csv.reader(lines, delimiter=sep)] for sep in ",;\t|"}
    widths = {sep: [len(row) for row in own if any(row)] for sep, own in rows.items()}
    usual = {sep: max(set(own) - {1}, key=own.count, default=1) for sep, own in widths.items()}
    # That which parts a header, and most fields in lines alike: a date such as "Jan 01, 2020" holds commas too.
    named = {sep: any(len(row) > 1 and is_header(row) for row in own) for sep, own in rows.items()}
    sep = max(rows, key=lambda sep: (named[sep], widths[sep].count(usual[sep]) * (usual[sep] - 1), sep != ","))
    if usual[sep] == 1:
        first = next(filter(None, lines))
        names = ", header=None, names=['year', ...]" * all(re.fullmatch(NUMBER, own) for own in first.split())
        raise ValueError(
            f"{path}, line 1: there are no columns of numbers beside {first!r}: no commas, semicolons, tabs "
            "or bars part the fields. If blanks do: " + by_pandas(path, "sep=' +'" + names)
        )
    return sep, rows[sep], usual[sep]


def _refuse_no_header(path, header, is_header):
    dates = [name for name in header if re.fullmatch(DATE, name)]
    numbers = [name for name in header if re.fullmatch(rf"({NUMBER}|\d+,\d+|true|false)?", name) and name not in dates]
    if len(dates) + len(numbers) == len(header) or (dates and any(numbers) and not is_header(header)):
        names = ", ".join(["'time'", *["'...'"] * (len(header) - 1)])
        raise ValueError(
            f"{path}, line 1: there is no header, no line that names the columns: {header[:4]}. Name them: "
            + by_pandas(path, f"header=None, names=[{names}]")
        )


def _look_at_thousands(path, layout, rows, first):
    """An error, or a note, where all points may part thousands."""
    columns = [*zip(*rows)]
    dates = {name: "str" for name, own in zip(layout.header, columns) if re.fullmatch(DATE, own[0])}
    how = by_pandas(path, f"sep={layout.sep!r}, thousands='.', decimal=',', dtype={dates}")[:-1]
    # 980, 993, 1.006: what counts to a thousand goes on.
    if any(
        any(re.fullmatch(GROUPS[","], name) for name in own) and any(re.fullmatch(r"[1-9]\d\d", name) for name in own)
        for own in columns
    ):
        raise ValueError(f"{path}: {first!r} may be {first.replace('.', '')} or less. Tell pandas: {how}.")
    layout.notes.append(
        f"{first!r} was read as {float(first):g}; if it is {first.replace('.', '')}, hand over a frame: {how}"
    )


def _header_line(path, rows, usual, is_header):
    """The number of the row that names the columns: the first, or the first of full width below lines that have not."""
    top = next(number for number, row in enumerate(rows) if len(row) == usual and any(row))
    headers = [number for number, row in enumerate(rows) if len(row) >= max(usual - 1, 2) and is_header(row)]
    above = next((number for number in headers if len(rows[number]) >= usual), headers[0] if headers else top)
    if above and rows[above].count("") == len(rows[above]) - 1 and len(rows[0]) == len(rows[above]):
        raise ValueError(
            f"{path}: the names of the columns stand in {above + 1} lines, the first of them {rows[0]}. Hand over a "
            "frame: " + by_pandas(path, f"header={list(range(above))}, index_col=0, parse_dates=True")
        )
    if above and any(len(row) == usual and _filled(row) >= _filled(rows[above]) for row in rows[:above]):
        raise ValueError(
            f"{path}, line 1: no column of the times was found; the columns are {rows[0]}. Give time='the name of the "
            f"column'; or, if line {above + 1} is the header, a frame: " + by_pandas(path, f"skiprows={above}")
        )
    return above


def _filled(row):
    return sum(map(bool, row))


def _decimal(path, sep, fields):
    """A comma or a point, by the numbers of the first lines."""
    fields = [re.sub(rf"{BETWEEN_THOUSANDS}| ?[KMB%]$", "", name) for name in fields]
    commas = [name for name in fields if re.fullmatch(r"[+-]?(0|[1-9][\d.]*),\d+", name)]
    if not commas:
        return "."
    if not all(re.fullmatch(GROUPS["."], name) for name in commas):
        return ","
    if sep == "," or any(re.fullmatch(r"[+-]?\d+\.\d+", name) for name in fields):
        return "."
    raise ValueError(
        f"{path}: {commas[0]!r} may be {commas[0].replace(',', '.')} or {commas[0].replace(',', '')}. Tell pandas: "
        + by_pandas(path, f"sep={sep!r}, decimal=','")[:-1]
        + " (or thousands=',')."
    )
