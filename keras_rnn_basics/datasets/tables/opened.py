"""The text of a table in UTF-8, and what an error says of other files: how pandas reads them."""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from keras_rnn_basics.datasets.bounded import unpacked

LONGEST_LINE = 1 << 20
ENCODINGS = ("cp1252", "shift_jis", "gb18030")


def by_pandas(path: Path, how: str) -> str:
    """What to do, at the end of an error."""
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
    if sep != "," and re.search(r"\d,\d", rows):
        how += ", decimal=','"
    if sep != "," and re.search(r"(?<![\d.])\d{1,3}\.\d{3}(?![\d.])", rows):
        how += f", thousands='.', dtype={{{header.split(sep)[0].strip()!r}: 'str'}}"
    return ValueError(
        f"{path} is not a csv file in UTF-8 (byte 0x{error.object[error.start]:02x}), but perhaps one in {encoding}. "
        "Hand over a frame: " + by_pandas(path, how)
    )


def _decodes(start, encoding):
    try:
        codecs.getincrementaldecoder(encoding)().decode(start)
    except UnicodeDecodeError:
        return False
    return True
