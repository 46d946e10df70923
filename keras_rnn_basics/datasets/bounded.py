"""Packed files read with a bound: a few kilobytes of gz or zip can hold gigabytes, and then reading stops on the way.

`unpacked(path)` is an open file of bytes for any reader of text or tables, and `read_array(path, name)` reads an array
of an npy or npz file:

    with unpacked(path, max_bytes) as file:
        table = pandas.read_csv(file)

A plain file is as large as it looks, and is not bounded; what is read piece by piece needs no more memory for it.
"""

import bz2
import gzip
import io
import lzma
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

MAX_BYTES = 1 << 30
LONGEST_NAME = 255
BROKEN = (EOFError, OSError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)
# What numpy says of a broken header is of many kinds, and sometimes advises to read pickled objects.
NUMPYS = (ValueError, SyntaxError, TypeError, KeyError, MemoryError, OverflowError, tokenize.TokenError)


def unpacked(path: str | Path, max_bytes: int = MAX_BYTES, longest_line: int | None = None) -> BinaryIO:
    """The open file of a path, unpacked as it is read where it is packed by gzip, bz2, xz, or zip with one file in it.

    What it is packed with is read in its first bytes, whatever its name says. The file can `seek`, as slow as reading.

    Args:
        path: a file.
        max_bytes: so many bytes may come out of a packed file.
        longest_line: so many bytes may a line have; then a plain file is bounded too.

    Raises:
        FileNotFoundError: if the file does not exist.
        ValueError: for a folder, and for a zip that does not hold exactly one file; while it is read, as soon as more
            than `max_bytes` have come out of it, or where it is broken. Names the file.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "zeros.gz").write_bytes(gzip.compress(bytes(10_000)))
    ...     with unpacked(Path(folder, "zeros.gz"), max_bytes=10_000) as file:
    ...         len(file.read())
    10000
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    if path.is_dir():
        raise ValueError(f"{path} is a folder; name a file in it.")
    with path.open("rb") as file:
        head = file.read(6)
    for magic, (kind, opener) in OPENERS.items():
        if head.startswith(magic):
            return _bounded(path, kind, opener(path), max_bytes, longest_line)
    plain = path.open("rb")
    return plain if longest_line is None else _bounded(path, "plain", plain, max_bytes, longest_line)


def read_array(path: str | Path, name: str | None = None, max_bytes: int = MAX_BYTES) -> np.ndarray:
    """The array of an npy file, or the array of this name in an npz file.

    Raises:
        FileNotFoundError: if the file does not exist.
        ValueError: for a file that is broken or no such file, has no array of the name, holds Python objects, or an
            array that takes more than `max_bytes`, at 4 bytes for each number at least, as float32 has.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    shown = f"{path}" if name is None else f"{path}: {name}"
    try:
        if name is None:
            with path.open("rb") as file:
                return _array(file, shown, max_bytes)
        with zipfile.ZipFile(path) as members:
            names = [own.removesuffix(".npy") for own in members.namelist()]
            if name not in names:
                raise _Refused(f"{path} has no array {name!r}, only {names}; {_how()}.")
            with members.open(f"{name}.npy") as file:
                return _array(file, shown, max_bytes)
    except _Refused as error:
        raise ValueError(str(error)) from None
    except zipfile.BadZipFile as error:
        if str(error).startswith("File is not a zip"):
            raise ValueError(f"{path} is not an npz file, or it is broken; {_how()}.") from error
        raise ValueError(f"{shown} cannot be read, the file is broken ({error}).") from error
    except (*BROKEN, *NUMPYS) as error:
        raise ValueError(f"{shown} cannot be read, the file is broken ({type(error).__name__}).") from error


def own_path(data: Any, kinds: str, name: str = "data") -> Path:
    """The user's own `data` as a path, if they are one.

    >>> own_path(7, "a file or a folder")
    Traceback (most recent call last):
    ValueError: data must be a file or a folder, got int.
    """
    if not isinstance(data, (str, Path)):
        raise ValueError(f"{name} must be {kinds}, got {type(data).__name__}.")
    if "\n" in str(data) or max(map(len, Path(data).parts), default=0) > LONGEST_NAME:
        raise ValueError(f"{name} must be {kinds}, got what seems to be its content: {str(data)[:40]!r}.")
    return Path(data)


def refuse_beyond(what: str, taken: int, max_bytes: int) -> None:
    """A ValueError where more than `max_bytes` would be held in memory.

    >>> refuse_beyond("frames.npz", 5_000, max_bytes=4_000)
    Traceback (most recent call last):
    ValueError: frames.npz takes 5,000 bytes of memory, more than the 4,000 of max_bytes. If it is meant to, give a
    larger max_bytes.
    """
    if taken > max_bytes:
        raise ValueError(
            f"{what} takes {taken:,} bytes of memory, more than the {max_bytes:,} of max_bytes. "
            "If it is meant to, give a larger max_bytes."
        )


class _Refused(ValueError):
    """An error whose words are ours already."""


class _Bounded(io.RawIOBase):
    """The bytes of an open file, counted as they come out."""

    def __init__(self, path, kind, file, max_bytes, longest_line):
        self.path, self.kind, self.file, self.max_bytes = path, kind, file, max_bytes
        self.longest_line, self.line = longest_line, 0

    def readable(self):
        return True

    def seekable(self):
        return True

    def readinto(self, buffer):
        part = self._try(lambda: self.file.read(len(buffer)))
        if self.file.tell() > self.max_bytes:
            raise ValueError(
                f"{self.path} holds more than {self.max_bytes:,} bytes{', unpacked' * (self.kind != 'plain')}. "
                "If it is meant to, give a larger max_bytes."
            )
        self.line = 0 if b"\n" in part or b"\r" in part else self.line + len(part)
        if self.longest_line is not None and self.line > self.longest_line:
            raise ValueError(f"{self.path} is no table: a line of it is longer than {self.longest_line:,} bytes.")
        buffer[: len(part)] = part
        return len(part)

    def seek(self, offset, whence=io.SEEK_SET):
        self.line = 0
        return self._try(lambda: self.file.seek(offset, whence))

    def tell(self):
        return self.file.tell()

    def close(self):
        self.file.close()
        super().close()

    def _try(self, read):
        try:
            return read()
        except BROKEN as error:
            raise ValueError(
                f"{self.path} is a broken {self.kind} file ({error}); pack it, or fetch it, again."
            ) from error


def _bounded(path, *how):
    return cast(BinaryIO, io.BufferedReader(_Bounded(path, *how), 1 << 16))


def _only_file(path):
    try:
        whole = zipfile.ZipFile(path)
        names = [own.filename for own in whole.infolist() if not own.is_dir() and "__MACOSX" not in own.filename]
        if len(names) == 1:
            return whole.open(names[0])
    except BROKEN as error:
        raise ValueError(f"{path} is a zip file that cannot be read ({error}).") from error
    listed = ", ".join(names[:3]) + ", ..." * (len(names) > 3)
    raise ValueError(
        f"{path} is a zip of {len(names)} files ({listed or 'none'}); unpack it, and name one of them. "
        "(Save a spreadsheet as csv, a document or an e-book as text.)"
    )


OPENERS: dict[bytes, tuple[str, Any]] = {
    b"\x1f\x8b": ("gzip", gzip.open),
    b"BZh": ("bz2", bz2.open),
    b"\xfd7zXZ\x00": ("xz", lzma.open),
    b"PK\x03\x04": ("zip", _only_file),
    b"PK\x05\x06": ("zip", _only_file),
}


def _array(file, shown, max_bytes):
    version = np.lib.format.read_magic(file)
    read_header = {(1, 0): np.lib.format.read_array_header_1_0}.get(version, np.lib.format.read_array_header_2_0)
    shape, fortran_order, dtype = read_header(file)
    if dtype.hasobject:
        raise _Refused(
            f"{shown} is an array of pickled Python objects. They are not read, since they could run code. "
            "Write words with labels.astype(str). Ragged lists also become objects: all frames must have one size, "
            "and all sequences one length."
        )
    count = int(np.prod(shape, dtype=object))
    try:
        refuse_beyond(shown, count * max(dtype.itemsize, 4), max_bytes)
    except ValueError as error:
        raise _Refused(str(error)) from None
    # Read piece by piece: a header that promises more than there is makes no memory be taken.
    content, size = bytearray(), count * dtype.itemsize
    while len(content) < size:
        part = file.read(min(1 << 20, size - len(content)))
        if not part:
            raise EOFError
        content += part
    file.read(1)  # the check sum of a zip is looked at where it ends
    return np.ndarray(shape, dtype, content, order="F" if fortran_order else "C")


def _how():
    return "write it with np.savez(path, frames=..., labels=...)"
