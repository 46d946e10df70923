"""The text of a UTF-8 file, plain or packed, piece by piece: any line ends, and errors that name the byte."""

import codecs
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from keras_rnn_basics.datasets.bounded import MAX_BYTES, unpacked

# Bytes in a piece: reading takes this much memory, however long the text is.
PIECE = 1 << 16
LONGEST_LINE = 1 << 17


def pieces(path: Path, start: int = 0, stop: int | None = None, max_bytes: int = MAX_BYTES) -> Iterator[str]:
    """The text between two bytes of a file, line ends of all kinds as \\n; `None` is the file's end.

    Raises:
        ValueError: if the file is not UTF-8 text, with the line and the byte, and as `bounded.unpacked` does.
    """
    decoder, at, line = codecs.getincrementaldecoder("utf-8")(), start, 1
    newlines = io.IncrementalNewlineDecoder(decoder, translate=True)
    with unpacked(path, max_bytes) as file:
        file.seek(start)
        while True:
            piece = file.read(PIECE if stop is None else min(PIECE, stop - at))
            pending = len(decoder.getstate()[0])
            try:
                text = newlines.decode(piece, final=not piece)
            except UnicodeDecodeError as error:
                place = _place(line, error.object[: error.start], at - pending + error.start, start)
                kind = "UTF-16" if at == 0 and piece[:2] in (b"\xff\xfe", b"\xfe\xff") else "WINDOWS-1252"
                raise ValueError(
                    f"{path} is not UTF-8 text: {place} is {error.object[error.start]:#04x} ({error.reason}). "
                    f"Save it as UTF-8, for instance: iconv -f {kind} -t UTF-8 {path.name} > utf8.txt"
                ) from None
            if b"\0" in piece:
                place = _place(line, piece[: piece.index(b"\0")], at + piece.index(b"\0"), start)
                raise ValueError(f"{path} is binary, not text: {place} is zero. Save it as plain UTF-8 text.")
            text = text.removeprefix("\ufeff") if at == 0 else text
            if text:
                yield text
            if not piece:
                return
            at, line = at + len(piece), line + text.count("\n")


def lines(path: Path, max_bytes: int = MAX_BYTES) -> Iterator[str]:
    """The lines of a file, as `pieces` reads it, without their ends.

    Raises:
        ValueError: for a line of more than 131,072 characters, and as `pieces` does.
    """
    rest, number = "", 1
    for piece in pieces(path, max_bytes=max_bytes):
        *whole, rest = (rest + piece).split("\n")
        yield from whole
        number += len(whole)
        if len(rest) > LONGEST_LINE:
            raise ValueError(f"{path}, line {number} is longer than {LONGEST_LINE:,} characters.")
    if rest:
        yield rest


def whole_lines(texts: Iterable[str]) -> Iterator[str]:
    """Pieces of text -> pieces that end where a line does, unless a line is longer than a piece.

    >>> list(whole_lines(["to be\\nor ", "not\\nto", " be"]))
    ['to be\\n', 'or not\\n', 'to be']
    """
    rest = ""
    for text in texts:
        whole, end, rest = (rest + text).rpartition("\n")
        if end:
            yield whole + end
        if len(rest) >= PIECE:
            yield rest
            rest = ""
    if rest:
        yield rest


def _place(line, before, offset, start):
    if start:
        return f"byte {offset}"
    ends = before.replace(b"\r\n", b"\n").replace(b"\r", b"\n").count(b"\n")
    return f"line {line + ends}, byte {offset}"
