"""A run's folder: made if need be, and used by one process at a time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

# The file that tells which process uses the folder.
HOLDER = ".process"


@contextmanager
def occupied(folder: Path) -> Iterator[None]:
    """Makes the folder, and keeps other processes out of it until the end; the lock ends with its process as well.

    Raises:
        ValueError: where the folder, or one above it, is a file.
        RuntimeError: where another process uses it.
        OSError: where nothing can be written.
    """
    for path in (folder, *folder.parents):
        if path.exists() and not path.is_dir():
            raise ValueError(f"run_dir must be a folder; {path} is a file.")
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock, holder = FileLock(folder / ".lock"), folder / HOLDER
        try:
            lock.acquire(timeout=0)
        except Timeout:
            number = holder.read_text() if holder.exists() else "of another fit"
            raise RuntimeError(
                f"{folder} is in use by process {number}: wait for its end, or choose another run_dir."
            ) from None
    try:
        with writing(folder):
            holder.write_text(str(os.getpid()))
        yield
        holder.unlink(missing_ok=True)
    finally:
        lock.release()


def is_occupied_by(folder: Path, process: int) -> bool:
    """Whether this is the folder that the process of this number uses, which may be on another machine."""
    try:
        return (folder / HOLDER).read_text() == str(process)
    except OSError:
        return False


@contextmanager
def writing(folder: Path, remedy: str = "Choose another run_dir, or change that") -> Iterator[None]:
    """What the system says when it cannot write is said with the folder's name, and what to do."""
    try:
        yield
    except OSError as error:
        raise type(error)(error.errno, f"fit cannot write to {folder}: {error.strerror}. {remedy}.") from error
