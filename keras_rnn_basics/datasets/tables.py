"""A table from a file or from a pandas.DataFrame: its columns by name, and the line that each row stands in."""

import bz2
import csv
import gzip
import io
import lzma
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

# What a file may hold once it is unpacked, and a line of it.
MAX_BYTES, LONGEST_LINE = 1 << 30, 1 << 20
MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "none", "-", "--", "#N/A", "<NA>", "NaT")
TIMES = {"date", "time", "datetime", "timestamp", "dateutc", "timeutc", "datetimeutc", "datelocal", "timelocal"}
PACKED = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}
SPREADSHEETS = {".xlsx": "read_excel", ".xls": "read_excel", ".parquet": "read_parquet", ".feather": "read_feather"}
CHUNK = 1 << 17
NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
GROUPS = {".": r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?", ",": r"[+-]?[1-9]\d{0,2}(\.\d{3})+(,\d+)?"}


@dataclass
class Table:
    """The rows of a file or frame.

    Attributes:
        place: the file, or "the frame".
        frame: a pandas.DataFrame; its index are the lines of the file, or the numbers of the frame's rows.
        time: the columns of the times.
        notes: what was decided in reading, a sentence each.
    """

    place: str
    frame: Any
    time: list[str]
    decimal: str = "."
    notes: list[str] = field(default_factory=list)

    def row(self, number: int) -> str:
        """How a row is called: "line 3"."""
        return f"{'row' if self.place == 'the frame' else 'line'} {self.frame.index[number]}"

    def error(self, number: int, column: str, what: str) -> ValueError:
        """The error of a field, by the number of its row and its column."""
        return ValueError(f"{self.place}, {self.row(number)}, column {column!r}: {what}")

    def refuse(self, column: str, wrong: Any, what: str) -> None:
        """An error that shows the first field that is wrong, if any is."""
        wrong = np.asarray(wrong, bool)
        if wrong.any():
            own = self.frame[column].iloc[number := int(np.argmax(wrong))]
            raise self.error(number, column, f"{str(own) if own == own else ''!r} {what}.")

    def numbers(self, name: str, missing: Sequence[Any] = ()) -> np.ndarray:
        """-> (N,) float64: the numbers of a column; those that are missing are NaN.

        Raises:
            ValueError: for text, a column without any number, and a number that float32 does not hold.
        """
        import pandas

        column = self.frame[name]
        if pandas.api.types.is_numeric_dtype(column):
            values = column.to_numpy("float64", na_value=np.nan)
        else:
            values = self._numbers_of_text(name, column.astype("str").str.strip(), missing)
        codes = [float(code) for code in missing if re.fullmatch(NUMBER, str(code))]
        values = np.where(np.isclose(values[:, None], codes, rtol=1e-6, atol=0).any(axis=1), np.nan, values)
        sizes, limits = np.abs(values), np.finfo("float32")
        wrong = (sizes > limits.max) | ((sizes < limits.tiny) & (sizes > 0))
        self.refuse(name, wrong, "is not a finite number that float32 can hold")
        return values

    def _numbers_of_text(self, name, text, missing):
        import pandas

        text = text.mask(text.isin([*MISSING, *map(str, missing)]))
        values = pandas.to_numeric(text.str.replace(",", ".") if self.decimal == "," else text, errors="coerce")
        odd = (values.isna() | text.str.contains("_")) & text.notna()
        if self.decimal == ",":  # 1.013 is no number there: it may be 1013
            odd |= text.str.contains(".", regex=False, na=False)
        if odd.any():
            plain = text[odd].str.replace(r"^([+-]?)[$€£¥] ?", r"\1", regex=True)
            grouped = plain.str.fullmatch(GROUPS[self.decimal])
            plain = plain.mask(grouped, plain.str.replace(",."[self.decimal == ","], "", regex=False))
            plain = plain.str.replace(",", ".") if self.decimal == "," else plain
            good = grouped | plain.str.fullmatch(NUMBER)
            if not good.all():
                bad = good[~good].index[0]
                self._refuse_text(name, text, text[odd][~good], int(self.frame.index.get_loc(bad)))
            values[odd] = pandas.to_numeric(plain)
            self.notes.append(f"column {name!r}: {text[odd].iloc[0]!r} was read as {float(values[odd].iloc[0]):g}")
        return values.to_numpy("float64")

    def _refuse_text(self, name, text, bad, number):
        seen = ", ".join(map(repr, bad.unique()[:4]))
        advice = f"where it marks a missing number, give missing=[{seen}]"
        if bad.str.fullmatch(r"[+-]?\d+,\d+").all():
            advice = "where its comma is that of decimals, hand over a frame, read by pandas.read_csv(..., decimal=',')"
        elif len(bad) > text.notna().sum() / 2:
            advice = f"leave the column out by columns=[...], or make its words columns by categories=[{name!r}]"
        raise self.error(number, name, f"{bad.iloc[0]!r} is not a finite number; {advice}.")


def read_table(
    data: Any,
    time: str | Sequence[str] | None,
    columns: Sequence[str] | None = None,
    text: Sequence[str] = (),
    kept: Sequence[str] = (),
    missing: Sequence[Any] = (),
) -> Table:
    """Reads the columns of a file or frame; those of `time` and `text` as text.

    Args:
        data: a path or a pandas.DataFrame.
        time: the column of the times, or several; `None` finds it by its name.
        columns: those to read; `None` reads all.
        text, kept: further ones, as text and where the table has them.
        missing: fields that mark a missing number.
    """
    import pandas

    first, *others = chunks(data, time, columns, text, kept, missing)
    first.frame = pandas.concat([first.frame, *(own.frame for own in others)]) if others else first.frame
    return first


def chunks(data, time, columns=None, text=(), kept=(), missing=(), size=CHUNK) -> Iterator[Table]:
    """The same, some rows at a time."""
    place, layout = _header(data, time)
    header, where = layout.header, f"{place}, line {layout.above + 1}" if layout.sep else place
    found = find_time(where, header, time, layout.frame)
    names = [name for name in header if name not in found] if columns is None else list(columns)
    if columns is None and layout.sep and header[0] == "":
        names.remove("")
        layout.notes.append("the first column has no name: it was taken for the numbers of the rows and passed over")
    names = [*found, *(name for name in (*names, *text) if name not in found)]
    for name in names:
        if name == "":
            raise ValueError(f"{where}: column {header.index('') + 1} has no name; the columns are {header}.")
        find_column(where, header, name)
    names = list(dict.fromkeys([*names, *(name for name in header if name in kept)]))
    if len(names) == len(found):
        raise ValueError(f"{where}: there are no columns of numbers beside {found}.")
    if layout.frame is not None:
        if not len(layout.frame):
            raise ValueError(f"{place} has no rows.")
        for begin in range(0, len(layout.frame), size):
            yield Table(place, layout.frame[names].iloc[begin : begin + size], found)
        return
    numbering = {header.index(name): str for name in (*found, *text)}
    for frame in _frames(Path(place), layout, numbering, missing, size):
        yield Table(place, frame[names], found, layout.decimal, layout.notes)
        layout.notes = []


def columns_of(data: Any, time: str | Sequence[str] | None) -> tuple[str, list[str]]:
    """-> how errors name the table, and its columns."""
    place, layout = _header(data, time)
    return place, layout.header


def find_column(place: str, header: Sequence[str], name: str) -> str:
    """The column of this name, as the table writes it: in capital letters or not."""
    alike = [own for own in header if own == name] or [own for own in header if own.lower() == str(name).lower()]
    if len(alike) != 1:
        found = "are several columns" if alike else "is no column"
        raise ValueError(f"{place}: there {found} {name!r}; the columns are {list(header)}.")
    return alike[0]


def find_time(place: str, header: Sequence[str], time: str | Sequence[str] | None, frame: Any = None) -> list[str]:
    """The columns of the times: those named, else a frame's index of times, else the one called date, time or alike."""
    if time is not None:
        return [find_column(place, header, name) for name in ([time] if isinstance(time, str) else time)]
    if frame is not None and frame.attrs.get("index_of_times"):
        return [frame.attrs["index_of_times"]]
    named = [name for name in header if re.sub("[^a-z]", "", name.lower()) in TIMES]
    if len(named) == 1:
        return named
    what = "no column of the times was found" if not named else f"the times may be in {named}"
    advice = f"time={named!r}, if they belong together, or the right one" if named else "time='the name of the column'"
    raise ValueError(f"{place}: {what}; the columns are {list(header)}. Give {advice}.")


@dataclass
class _Layout:
    """How a table is written; `sep` is None for a frame."""

    header: list[str]
    sep: str | None = None
    decimal: str = "."
    above: int = 0
    frame: Any = None
    notes: list[str] = field(default_factory=list)


def _header(data, time):
    if hasattr(data, "iloc") and hasattr(data, "columns"):
        frame = _flat(data, time)
        return "the frame", _Layout(list(frame.columns), frame=frame)
    if not isinstance(data, (str, Path)):
        raise ValueError(f"data must be a path or a pandas.DataFrame, got {type(data).__name__}.")
    path = Path(data)
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    if path.is_dir():
        raise ValueError(f"{path} is a folder; name the file in it.")
    if path.suffix.lower() in SPREADSHEETS:
        return "the frame", _header(_spreadsheet(path), time)[1]
    return str(path), _layout(path, time)


def _flat(data, time):
    """A copy whose columns have one name each, and whose index is a column where it is more than numbers."""
    import pandas

    frame, asked = (
        data.copy(deep=False),
        {str(name).lower() for name in ([time] if isinstance(time, str) else time or ())},
    )
    if frame.columns.nlevels > 1:
        for level in range(frame.columns.nlevels - 1, 0, -1):
            if len(others := frame.columns.get_level_values(level).unique()) > 1:
                raise ValueError(
                    f"The frame's columns have several levels, one of them with {list(others)[:4]}: hand over the columns "
                    f"of one, frame.xs({others[0]!r}, axis=1, level={level})."
                )
            frame.columns = frame.columns.droplevel(level)
    times = isinstance(frame.index, (pandas.DatetimeIndex, pandas.PeriodIndex))
    if isinstance(frame.index, pandas.PeriodIndex):
        frame.index = frame.index.to_timestamp()
    named = [str(name).lower() for name in frame.index.names if name is not None]
    if (
        times
        or not pandas.api.types.is_integer_dtype(frame.index)
        or TIMES.intersection(named)
        or asked.intersection(named)
    ):
        name = frame.index.name or "time"
        frame = frame.reset_index(names=name) if frame.index.nlevels == 1 else frame.reset_index()
        frame.attrs = {"index_of_times": name if times else None}
    frame = frame.reset_index(drop=True)
    frame.columns = [str(name).strip() for name in frame.columns]
    return frame


def _spreadsheet(path):
    import pandas

    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as sheets:
            _bound(path, sum(part.file_size for part in sheets.infolist()))
    try:
        return getattr(pandas, SPREADSHEETS[path.suffix.lower()])(path)
    except Exception as error:  # whatever the reader of this kind of file raises
        raise ValueError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error


class _Bounded(io.RawIOBase):
    """What is read of a file, until it is more than MAX_BYTES or a line is longer than LONGEST_LINE."""

    def __init__(self, file, path):
        self.file, self.path, self.total, self.line = file, path, 0, 0

    def readable(self):
        return True

    def readinto(self, buffer):
        block = self.file.read(len(buffer))
        self.total += len(block)
        self.line = 0 if b"\n" in block or b"\r" in block else self.line + len(block)
        _bound(self.path, self.total)
        if self.line > LONGEST_LINE:
            raise ValueError(f"{self.path} is no table: a line of it is longer than {LONGEST_LINE:,} bytes.")
        buffer[: len(block)] = block
        return len(block)


def _bound(path, size):
    if size > MAX_BYTES:
        raise ValueError(
            f"{path} holds more than {MAX_BYTES:,} bytes, unpacked. If it is to be so large, hand over a frame of what "
            f"you need: {_by_pandas(path, 'usecols=[...]')}"
        )


def _by_pandas(path, how):
    return f"frame = pandas.read_csv({str(path)!r}, {how}), and load(frame)."


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The text of a file in UTF-8, unpacked (gz, bz2, xz, zip) and bounded; what is no such file is an error."""
    with path.open("rb") as file:
        magic = file.read(4)
    try:
        with _unpacked(path, magic) as file:
            raw = io.BufferedReader(_Bounded(file, path), 1 << 16)
            yield io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")
    except UnicodeDecodeError as error:
        raise _encoding_error(path, magic, error) from error
    except (csv.Error, EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is not a csv file in UTF-8: {error}.") from error


@contextmanager
def _unpacked(path, magic):
    if magic == b"PK\x03\x04":
        with zipfile.ZipFile(path) as archive:
            names = [
                part.filename for part in archive.infolist() if not part.is_dir() and "__MACOSX" not in part.filename
            ]
            if len(names) != 1:
                raise ValueError(f"{path} holds {len(names)} files, {names[:4]}: unpack it, and name one of them.")
            with archive.open(names[0]) as file:
                yield file
        return
    opener = next((opener for begin, opener in PACKED.items() if magic.startswith(begin)), open)
    with opener(path, "rb") as file:
        yield file


def _encoding_error(path, magic, error):
    bad = error.object[error.start]
    if magic[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    elif b"\x00" in error.object or magic.startswith(b"\x89"):
        return ValueError(f"{path} is not a csv file in UTF-8: {error}.")
    else:
        encoding = "cp1252"
    return ValueError(
        f"{path} is not a csv file in UTF-8 (byte 0x{bad:02x}), but perhaps one in {encoding}. Hand over a frame: "
        + _by_pandas(path, f"encoding={encoding!r}")
    )


def _layout(path, time):
    """Finds the separator, the sign of decimals and the header, from the first lines."""
    with opened(path) as text:
        start = text.read(1 << 16)
    lines = re.split(r"\r\n|\r|\n", start)[:100]
    lines = lines[:-1] if len(start) == 1 << 16 and len(lines) > 1 else lines
    if not any(line.strip() for line in lines):
        raise ValueError(f"{path} is empty: its first line must name the columns.")
    if "\x00" in start:
        raise ValueError(f"{path} is not a csv file in UTF-8: it holds zero bytes.")
    rows = {sep: [[name.strip() for name in row] for row in csv.reader(lines, delimiter=sep)] for sep in ",;\t|"}
    widths = {sep: [len(row) for row in own if any(row)] for sep, own in rows.items()}
    usual = {sep: max(set(own) - {1}, key=own.count, default=1) for sep, own in widths.items()}
    sep = max(rows, key=lambda sep: (widths[sep].count(usual[sep]) if usual[sep] > 1 else 0, sep == ","))
    if usual[sep] == 1:
        raise ValueError(
            f"{path}, line 1: there are no columns of numbers beside {rows[sep][0][0]!r}: no commas, semicolons, tabs or "
            "bars part the fields. If blanks do: " + _by_pandas(path, "sep=' +'")
        )
    above = 0
    for number, row in enumerate(rows[sep]):
        try:
            find_time("", row, time)
        except ValueError:
            continue
        above = number
        break
    header = rows[sep][above]
    fields = [name for row in rows[sep][above + 1 :] for name in row]
    layout = _Layout(header, sep, _decimal(path, sep, fields), above)
    if all(re.fullmatch(rf"({NUMBER}|\d{{4}}-\d\d-\d\d.*|true|false)?", name) for name in header):
        names = ", ".join(["'time'", *["'...'"] * (len(header) - 1)])
        raise ValueError(
            f"{path}, line 1: there is no header, no line that names the columns: {header[:4]}. Name them: "
            + _by_pandas(path, f"header=None, names=[{names}]")
        )
    if above and header.count("") == len(header) - 1 and len(rows[sep][0]) == len(header):
        levels = list(range(above))
        raise ValueError(
            f"{path}: the names of the columns stand in {above + 1} lines, the first of them {rows[sep][0]}. Hand over a "
            "frame: " + _by_pandas(path, f"header={levels}, index_col=0, parse_dates=True")
        )
    if above:
        layout.notes.append(f"the {above} lines above the header, which is line {above + 1}, were passed over")
    return layout


def _decimal(path, sep, fields):
    """A comma or a point, by the numbers of the first lines."""
    commas = [name for name in fields if re.fullmatch(r"[+-]?[\d.]*\d,\d+", name)]
    if sep == "," or not commas:
        return "."
    if not all(re.fullmatch(GROUPS["."], name) for name in commas):
        return ","
    if any(re.fullmatch(r"[+-]?\d+\.\d+", name) for name in fields):
        return "."
    raise ValueError(
        f"{path}: {commas[0]!r} may be {commas[0].replace(',', '.')} or {commas[0].replace(',', '')}. Say it to pandas: "
        + _by_pandas(path, f"sep={sep!r}, decimal=','")[:-1]
        + " (or thousands=',')."
    )


def _frames(path, layout, numbering, missing, size):
    import pandas

    header, blank = layout.header, True
    marks = [*MISSING, *(str(mark) for mark in missing if not re.fullmatch(NUMBER, str(mark)))]
    with opened(path) as text, warnings.catch_warnings():
        warnings.simplefilter("error", pandas.errors.ParserWarning)
        try:
            frames = pandas.read_csv(
                text,
                sep=layout.sep,
                decimal=layout.decimal,
                skiprows=layout.above,
                index_col=False,
                dtype=dict.fromkeys(numbering, str),
                keep_default_na=False,
                na_values=marks,
                skip_blank_lines=False,
                skipinitialspace=True,
                chunksize=size,
            )
            for frame in frames:
                frame.columns = header
                frame.index += layout.above + 2
                frame = frame.dropna(how="all")  # blank lines
                blank = blank and not len(frame)
                if len(frame):
                    yield frame
        except pandas.errors.ParserWarning:
            raise ValueError(
                f"{path}: the rows have more fields than line {layout.above + 1} names columns, {len(header)}."
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
