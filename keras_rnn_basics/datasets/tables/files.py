"""The rows of a file of a table, read by pandas a piece at a time; and spreadsheets, read whole."""

import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_rnn_basics.datasets.bounded import refuse_beyond
from keras_rnn_basics.datasets.tables.layout import GROUPS, NUMBER, Layout
from keras_rnn_basics.datasets.tables.opened import by_pandas, opened

MISSING = ("", "#N/A N/A", *re.findall(r"\S+", "NA N/A n/a NaN NAN nan null NULL None none - -- . ? #N/A #NA <NA> NaT"))
EXCEL, COLUMNAR = (".xlsx", ".xls", ".xlsm"), {".parquet": "read_parquet", ".feather": "read_feather"}


def frames_of(
    path: Path,
    layout: Layout,
    text: Sequence[int],
    words: Sequence[int],
    missing: Sequence[Any],
    size: int,
    columns: Sequence[int] | None = None,
) -> Iterator[Any]:
    """The rows, `size` at a time: a pandas.DataFrame, whose index are the lines of the file.

    Args:
        text: the numbers of the columns that stay text.
        words: those of them in which "None" and "NA" are words.
        missing: what marks a missing field, beside MISSING.
        columns: the numbers of those to read; `None` are all.
    """
    import pandas

    header, blank = layout.header, True
    own = [str(mark) for mark in missing if not re.fullmatch(NUMBER, str(mark))]
    # One more: a separator may stand at the end of each row.
    marks = {k: ["", *own] if k in words else [*MISSING, *own] for k in range(len(header) + 1)}
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
                usecols=columns,
                low_memory=False,  # else pieces of a column are numbers and others text
            )
            for frame in frames:
                frame.columns = header if columns is None else [header[k] for k in columns]
                frame.index += layout.above + 2
                frame = frame.dropna(how="all")  # blank lines
                if frame.columns[0].startswith("#"):  # further lines of its kind
                    frame = frame[~frame.iloc[:, 0].astype("str").str.startswith("#")]
                blank = blank and not len(frame)
                if len(frame):
                    yield frame
        except pandas.errors.ParserWarning:
            raise ValueError(
                f"{path}: the rows have more fields than line {layout.above + 1} names columns, {len(header)}. If the "
                f"first column has no name: {by_pandas(path, f'sep={layout.sep!r}')}"
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


def thousands_in(path: Path, layout: Layout, name: str) -> str | None:
    """The first number of a column whose point may part thousands, if all may: 980, 993, 1.006 count on."""
    first, counts = None, False
    for frame in frames_of(path, layout, [k := layout.header.index(name)], [k], (), 1 << 16, [k]):
        text = frame.iloc[:, 0].dropna().str.strip()
        points = text[text.str.contains(".", regex=False)]
        if not points.str.fullmatch(GROUPS[","]).all():
            return None
        first = first or (points.iloc[0] if len(points) else None)
        counts = counts or bool(text.str.fullmatch("[1-9][0-9]{2}").any())
    return first if counts else None


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
        # "None" may be a word.
        asked: dict[str, Any] = {"sheet_name": None, "keep_default_na": False, "na_values": ["", "#N/A", "NaN", "nan"]}
        frames = {name: own.dropna(how="all") for name, own in pandas.read_excel(path, **asked).items()}
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
