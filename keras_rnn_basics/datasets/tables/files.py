"""Files of tables: unpacked within bounds, their separator and header found, their rows read by pandas."""

import codecs
import csv
import io
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from keras_rnn_basics.datasets.bounded import MAX_BYTES, refuse_beyond, unpacked

LONGEST_LINE = 1 << 20
MISSING = ("", "#N/A N/A", *re.findall(r"\S+", "NA N/A n/a NaN NAN nan null NULL None none - -- . ? #N/A #NA <NA> NaT"))
ENCODINGS = ("cp1252", "shift_jis", "gb18030")
EXCEL, COLUMNAR = (".xlsx", ".xls", ".xlsm"), {".parquet": "read_parquet", ".feather": "read_feather"}
NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
DATE = r"\d{4}([-./])\d\d?\1\d.*|\d\d?([-./])(\d\d?|[A-Za-z]{3})\2\d{4}.*|(1[89]|20)\d{6}( \d+)?"
# In front of three digits: 51 100, 51'100.
BETWEEN_THOUSANDS = r"(?<=\d)[ '\u2019\u00a0\u2009\u202f](?=\d{3})"
GROUPS = {".": r"[+-]?[1-9]\d{0,2}(,\d{3}|,\d\d(?=,))+(\.\d+)?", ",": r"[+-]?[1-9]\d{0,2}(\.\d{3})+(,\d+)?"}


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
    """Finds the separator, the sign of decimals and the header, from the first lines."""
    with opened(path, max_bytes) as text:
        start = text.read(1 << 16)
    lines = re.split(r"\r\n|\r|\n", re.sub(r"\Asep=.", "", start))[:100]  # Excel's own first line
    lines = lines[:-1] if len(start) == 1 << 16 and len(lines) > 1 else lines
    if not any(line.strip() for line in lines):
        raise ValueError(f"{path} is empty: its first line must name the columns.")
    if path.suffix.lower().startswith(".json") or re.match(r"\s*[\[{]\s*[{\"]", start):
        raise ValueError(f"{path} is JSON, no csv: frame = pandas.read_json({str(path)!r}), and load(frame).")
    if "\x00" in start:
        raise ValueError(f"{path} is not a csv file in UTF-8: it holds zero bytes.")
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
            "or bars part the fields. If blanks do: " + _by_pandas(path, "sep=' +'" + names)
        )
    above = _header_line(path, rows[sep], usual[sep], is_header)
    header = rows[sep][above]
    fields = [name for row in rows[sep][above + 1 :] for name in row]
    layout = Layout(header, sep, _decimal(path, sep, fields), above=above, max_bytes=max_bytes)
    dates = [name for name in header if re.fullmatch(DATE, name)]
    numbers = [name for name in header if re.fullmatch(rf"({NUMBER}|\d+,\d+|true|false)?", name) and name not in dates]
    if len(dates) + len(numbers) == len(header) or (dates and any(numbers) and not is_header(header)):
        names = ", ".join(["'time'", *["'...'"] * (len(header) - 1)])
        raise ValueError(
            f"{path}, line 1: there is no header, no line that names the columns: {header[:4]}. Name them: "
            + _by_pandas(path, f"header=None, names=[{names}]")
        )
    points = [name for name in fields if "." in name and re.fullmatch(NUMBER, name)]
    layout.sure = sep == "," or layout.decimal == "," or bool(points)
    if sep != "," and layout.decimal == "." and points and all(re.fullmatch(GROUPS[","], name) for name in points):
        columns = [*zip(*(row for row in rows[sep][above + 1 :] if len(row) == len(header)))]
        of_dates = {name: "str" for name, own in zip(header, columns) if re.fullmatch(DATE, own[0])}
        how = _by_pandas(path, f"sep={sep!r}, thousands='.', decimal=',', dtype={of_dates}")[:-1]
        # 980, 993, 1.006: what counts to a thousand goes on.
        if any(set(points) & set(own) and any(re.fullmatch(r"[1-9]\d\d", name) for name in own) for own in columns):
            raise ValueError(f"{path}: {points[0]!r} may be {points[0].replace('.', '')} or less. Tell pandas: {how}.")
        layout.notes.append(
            f"{points[0]!r} was read as {float(points[0]):g}; if it is {points[0].replace('.', '')}, hand over a "
            f"frame: {how}"
        )
    if above:
        layout.notes.append(f"what stands above the header, which is line {above + 1}, was passed over")
    return layout


def _header_line(path, rows, usual, is_header):
    """The number of the row that names the columns: the first, or the first of full width below lines that have not."""
    top = next(number for number, row in enumerate(rows) if len(row) == usual and any(row))
    headers = [number for number, row in enumerate(rows) if len(row) >= max(usual - 1, 2) and is_header(row)]
    above = next((number for number in headers if len(rows[number]) >= usual), headers[0] if headers else top)
    if above and rows[above].count("") == len(rows[above]) - 1 and len(rows[0]) == len(rows[above]):
        raise ValueError(
            f"{path}: the names of the columns stand in {above + 1} lines, the first of them {rows[0]}. Hand over a "
            "frame: " + _by_pandas(path, f"header={list(range(above))}, index_col=0, parse_dates=True")
        )
    if above and any(len(row) == usual and _filled(row) >= _filled(rows[above]) for row in rows[:above]):
        raise ValueError(
            f"{path}, line 1: no column of the times was found; the columns are {rows[0]}. Give time='the name of the "
            f"column'; or, if line {above + 1} is the header, a frame: " + _by_pandas(path, f"skiprows={above}")
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
        + _by_pandas(path, f"sep={sep!r}, decimal=','")[:-1]
        + " (or thousands=',')."
    )


def frames_of(
    path: Path, layout: Layout, text: Sequence[int], words: Sequence[int], missing: Sequence[Any], size: int
) -> Iterator[Any]:
    """The rows, `size` at a time: a pandas.DataFrame, whose index are the lines of the file.

    Args:
        text: the numbers of the columns that stay text.
        words: those of them in which "None" and "NA" are words.
        missing: what marks a missing field, beside MISSING.
    """
    import pandas

    header, blank = layout.header, True
    own = [str(mark) for mark in missing if not re.fullmatch(NUMBER, str(mark))]
    marks = {k: ["", *own] if k in words else [*MISSING, *own] for k in range(len(header))}
    with opened(path, layout.max_bytes) as file, warnings.catch_warnings():
        warnings.simplefilter("error", pandas.errors.ParserWarning)
        try:
            frames = pandas.read_csv(
                file,
                sep=layout.sep,
                decimal=layout.decimal,
                skiprows=layout.above,
                index_col=False,
                dtype=dict.fromkeys(text, str),
                keep_default_na=False,
                na_values=marks,
                skip_blank_lines=False,
                skipinitialspace=True,
                chunksize=size,
                low_memory=False,  # else pieces of a column are numbers and others text
            )
            for frame in frames:
                frame.columns = header
                frame.index += layout.above + 2
                frame = frame.dropna(how="all")  # blank lines
                if header[0].startswith("#"):  # further lines of its kind
                    frame = frame[~frame[header[0]].astype("str").str.startswith("#")]
                blank = blank and not len(frame)
                if len(frame):
                    yield frame
        except pandas.errors.ParserWarning:
            raise ValueError(
                f"{path}: the rows have more fields than line {layout.above + 1} names columns, {len(header)}. If the "
                f"first column has no name: {_by_pandas(path, f'sep={layout.sep!r}')}"
            ) from None
        except pandas.errors.ParserError as error:
            found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
            if not found:
                raise ValueError(f"{path} is not a csv file in UTF-8: {error}.") from error
            raise ValueError(
                f"{path}, line {found[2]}: {found[3]} fields, but line {layout.above + 1} names {found[1]} columns."
            ) from None
    if blank:
        raise ValueError(f"{path} has no rows under its header.")


def spreadsheet(path: Path, max_bytes: int) -> Any:
    """A pandas.DataFrame of an excel, parquet or feather file."""
    import pandas

    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as sheets:
            refuse_beyond(str(path), sum(part.file_size for part in sheets.infolist()), max_bytes)
    kind = path.suffix.lower()
    with path.open("rb") as file:
        start = file.read(100)
    if kind in EXCEL and not start.startswith((b"PK", b"\xd0\xcf\x11\xe0")):
        is_html = start.lstrip(b"\xef\xbb\xbf \r\n").startswith(b"<")
        how = f"html({str(path)!r})[0]" if is_html else f"csv({str(path)!r}, sep='\\t')"
        raise ValueError(f"{path} is no excel file, only named so: frame = pandas.read_{how}, and load(frame).")
    try:
        if kind in COLUMNAR:
            return getattr(pandas, COLUMNAR[kind])(path)
        frames = {name: own.dropna(how="all") for name, own in pandas.read_excel(path, sheet_name=None).items()}
    except Exception as error:  # whatever the reader of this kind of file raises
        raise ValueError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
    filled = [name for name, frame in frames.items() if len(frame)]
    name = max(frames, key=lambda name: len(frames[name]))
    by_pandas = f"frame = pandas.read_excel({str(path)!r}, {{}}), and load(frame)."
    if len(filled) > 1:
        raise ValueError(f"{path} has the sheets {filled}. Take one: {by_pandas.format(f'sheet_name={name!r}')}")
    frame = frames[name]
    whole = np.flatnonzero(frame.notna().all(axis=1))
    if sum(str(own).startswith("Unnamed: ") for own in frame.columns) > 1 and len(whole):
        row = int(frame.index[whole[0]]) + 1
        raise ValueError(
            f"{path}: row 1 does not name the columns. If row {row + 1} does: {by_pandas.format(f'header={row}')}"
        )
    return frame


def _by_pandas(path, how):
    return f"frame = pandas.read_csv({str(path)!r}, {how}), and load(frame)."


@contextmanager
def opened(path: Path, max_bytes: int) -> Iterator[Any]:
    """The text of a table in UTF-8, unpacked and bounded; what is no such file is an error."""
    try:
        with unpacked(path, max_bytes, LONGEST_LINE) as file:
            yield io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    except UnicodeDecodeError as error:
        raise _encoding_error(path, error) from error
    except csv.Error as error:
        raise ValueError(f"{path} is not a csv file in UTF-8: {error}.") from error


def _encoding_error(path, error):
    with unpacked(path) as file:
        start = file.read(1 << 12)
    utf_16 = start[:2] in (b"\xff\xfe", b"\xfe\xff")
    if b"\0" in start and not utf_16:
        return ValueError(f"{path} is not a csv file in UTF-8: it is binary, no text.")
    encoding = "utf-16" if utf_16 else next(filter(partial(_decodes, start), ENCODINGS), "cp1252")
    header, _, rows = start.decode(encoding, errors="replace").partition("\n")
    sep = max(",;\t|", key=header.count)
    how = f"encoding={encoding!r}" + f", sep={sep!r}" * (sep != ",")
    how += ", decimal=','" * (sep != "," and re.search(r"\d,\d", rows) is not None)
    return ValueError(
        f"{path} is not a csv file in UTF-8 (byte 0x{error.object[error.start]:02x}), but perhaps one in {encoding}. "
        "Hand over a frame: " + _by_pandas(path, how)
    )


def _decodes(start, encoding):
    try:
        codecs.getincrementaldecoder(encoding)().decode(start)
    except UnicodeDecodeError:
        return False
    return True
