"""How a table is written: its separator, its sign of decimals and its header, found in the first lines of its file."""

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keras_rnn_basics.datasets.bounded import MAX_BYTES
from keras_rnn_basics.datasets.tables.opened import by_pandas, opened

NUMBER = "[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?"
DATE = "|".join(
    [
        r"\d{4}([-./])\d\d?\1\d.*",
        r"\d\d?([-./])(\d\d?|[A-Za-z]{3})\2(\d\d|\d{4})( .*)?",
        r"\d\d? [A-Za-z]{3,9}\.? \d{4}.*|[A-Za-z]{3,9}\.? \d\d?, \d{4}.*",
        r"(1[89]|20)\d{6}(\D\d.*)?",
    ]
)
# In front of three digits: 51 100, 51'100.
BETWEEN_THOUSANDS = r"(?<=\d)[ '\u2019\u00a0\u2009\u202f](?=\d{3})"
GROUPS = {
    ".": "[+-]?[1-9][0-9]{0,2}(,[0-9]{3}|,[0-9]{2}(?=,))+([.][0-9]+)?",
    ",": "[+-]?[1-9][0-9]{0,2}([.][0-9]{3})+(,[0-9]+)?",
}
COMMAS = r"[+-]?(0|[1-9][\d.]*),\d+"
LOOKED_AT = 300  # lines


@dataclass
class Layout:
    """How a table is written.

    Attributes:
        sep: None for a frame.
        sure: whether `decimal` is known to be the sign of decimals.
        by_thousands: how pandas reads it if points part thousands; empty where that cannot be.
        above: how many lines stand above the header.
    """

    header: list[str]
    sep: str | None = None
    decimal: str = "."
    sure: bool = True
    by_thousands: str = ""
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
    as_is = f"sep={sep!r}, " * (sep != ",")
    if sep != "," and any(re.fullmatch(COMMAS, own) for row in rows for own in row):
        as_is += "decimal=',', "
    above = _header_line(path, rows, usual, is_header, as_is)
    header, rows = rows[above], rows[above + 1 :]
    _refuse_no_header(path, header, is_header, as_is)
    fields = [name for row in rows for name in row]
    layout = Layout(header, sep, _decimal(path, sep, fields), above=above, max_bytes=max_bytes)
    if above:
        layout.notes.append(f"what stands above the header, which is line {above + 1}, was passed over")
    points = [name for name in fields if "." in name and re.fullmatch(NUMBER, name)]
    layout.sure = sep == "," or layout.decimal == "," or bool(points)
    if layout.decimal == ".":
        dates = {name: "str" for name, own in zip(header, next(filter(any, rows), [])) if re.fullmatch(DATE, own)}
        layout.by_thousands = by_pandas(path, f"sep={sep!r}, thousands='.', decimal=',', dtype={dates}")[:-1]
        if sep != "," and points and all(re.fullmatch(GROUPS[","], name) for name in points):
            was, may = f"{float(points[0]):g}", points[0].replace(".", "")
            layout.notes.append(
                f"{points[0]!r} was read as {was}; if it is {may}, hand over a frame: {layout.by_thousands}"
            )
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
        if re.fullmatch(r'".*"".*"', first):
            raise ValueError(
                f"{path}, line 1: each line stands in quotes as a whole, {first[:40]}... Undo them: lines = "
                f"pandas.read_csv({str(path)!r}, sep='\\x01', header=None)[0]; frame = "
                "pandas.read_csv(io.StringIO('\\n'.join(lines))), and load(frame)."
            )
        names = ", header=None, names=['year', ...]" * all(re.fullmatch(NUMBER, own) for own in first.split())
        raise ValueError(
            f"{path}, line 1: there are no columns of numbers beside {first!r}: no commas, semicolons, tabs "
            "or bars part the fields. If blanks do: " + by_pandas(path, "sep=' +'" + names)
        )
    return sep, rows[sep], usual[sep]


def _refuse_no_header(path, header, is_header, as_is):
    dates = [name for name in header if re.fullmatch(DATE, name)]
    numbers = [name for name in header if re.fullmatch(rf"({NUMBER}|\d+,\d+|true|false)?", name) and name not in dates]
    if len(dates) + len(numbers) == len(header) or (dates and any(numbers) and not is_header(header)):
        names = ", ".join(["'time'", *["'...'"] * (len(header) - 1)])
        raise ValueError(
            f"{path}, line 1: there is no header, no line that names the columns: {header[:4]}. Name them: "
            + by_pandas(path, f"{as_is}header=None, names=[{names}]")
        )


def _header_line(path, rows, usual, is_header, as_is):
    """The number of the row that names the columns: the first, or the first of full width below lines that have not."""
    top = next(number for number, row in enumerate(rows) if len(row) == usual and any(row))
    headers = [number for number, row in enumerate(rows) if len(row) >= max(usual - 1, 2) and is_header(row)]
    above = next((number for number in headers if len(rows[number]) >= usual), headers[0] if headers else top)
    if above and rows[above].count("") == len(rows[above]) - 1 and len(rows[0]) == len(rows[above]):
        raise ValueError(
            f"{path}: the names of the columns stand in {above + 1} lines, the first of them {rows[0]}. Hand over a "
            "frame: " + by_pandas(path, f"{as_is}header={list(range(above))}, index_col=0, parse_dates=True")
        )
    if above and any(len(row) == usual and _filled(row) >= _filled(rows[above]) for row in rows[:above]):
        raise ValueError(
            f"{path}, line 1: no column of the times was found; the columns are {rows[0]}. Give time='the name of the "
            f"column'; or, if line {above + 1} is the header, a frame: " + by_pandas(path, f"{as_is}skiprows={above}")
        )
    return above


def _filled(row):
    return sum(map(bool, row))


def _decimal(path, sep, fields):
    """A comma or a point, by the numbers of the first lines."""
    fields = [re.sub(rf"{BETWEEN_THOUSANDS}| ?[KMB%]$", "", name) for name in fields]
    commas = [name for name in fields if re.fullmatch(COMMAS, name)]
    points = any(re.fullmatch(r"[+-]?\d+\.\d+", name) for name in fields)
    if not commas or (sep == "," and points):  # "61,80" may be a list
        return "."
    if not all(re.fullmatch(GROUPS["."], name) for name in commas):
        return ","
    if sep == "," or points:
        return "."
    raise ValueError(
        f"{path}: {commas[0]!r} may be {commas[0].replace(',', '.')} or {commas[0].replace(',', '')}. Tell pandas: "
        + by_pandas(path, f"sep={sep!r}, decimal=','")[:-1]
        + " (or thousands=',')."
    )
