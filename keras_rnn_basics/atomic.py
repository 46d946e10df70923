"""A file or a folder that appears whole or not at all, whenever the process that writes it ends."""

import ctypes
import glob
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Gives a path to write to. What stands there at the end replaces `path`, in one step.

    Until then it lies in a hidden folder beside `path`. That folder goes with an error, with Ctrl-C and with SIGTERM;
    one whose process was killed is removed by the next process that writes the same `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    host = socket.gethostname().replace(".", "-")
    _remove_leftovers(path, host)
    with _Signals() as signals:
        aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.half.{host}.{os.getpid()}.", dir=path.parent))
        try:
            with signals.raised():
                half = aside / path.name
                yield half
                signals.check()
                _flush(half)
            if path.is_dir():
                _exchange(half, path)
            else:
                os.replace(half, path)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def _remove_leftovers(path, host):
    for left in path.parent.glob(f".{glob.escape(path.name)}.half.{host}.*.*"):
        if not _alive(int(left.name.split(".")[-2])):
            shutil.rmtree(left, ignore_errors=True)


def _alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it belongs to another user
        return True
    return True


class _Signals:
    """Ctrl-C and SIGTERM: raised while something is written, and kept while it is put in place or removed.

    A signal is remembered, because Python drops an exception that is raised in a finalizer or in a callback of its
    collector, where TensorFlow and JAX spend much of their time. A handler that is set already stays.
    """

    def __init__(self) -> None:
        self._came: int | None = None
        self._raises = False
        self._before: dict = {}

    def __enter__(self) -> "_Signals":
        if threading.current_thread() is threading.main_thread():
            for number, default in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
                if signal.getsignal(number) == default:
                    self._before[number] = signal.signal(number, self._handle)
        return self

    def _handle(self, number, frame):
        self._came = number
        if self._raises:
            self.check()

    def check(self) -> None:
        """Raises KeyboardInterrupt or SystemExit if a signal came."""
        if self._came is not None:
            raise KeyboardInterrupt if self._came == signal.SIGINT else SystemExit(128 + self._came)

    @contextmanager
    def raised(self) -> Iterator[None]:
        """Within it a signal raises at once."""
        self._raises = True
        try:
            self.check()
            yield
        finally:
            self._raises = False

    def __exit__(self, kind, error, trace) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if not isinstance(error, (KeyboardInterrupt, SystemExit)):  # it may also break what it interrupts
            self.check()


def _flush(written):
    """Without it, a power cut could leave the new name with nothing behind it."""
    for path in [written, *written.rglob("*")] if written.is_dir() else [written]:
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _exchange(one, other):
    """Swaps two folders: in one step where the system can do that, otherwise in three."""
    libc = ctypes.CDLL(None, use_errno=True)
    paths = os.fsencode(one), os.fsencode(other)
    with suppress(AttributeError):  # Linux's renameat2 has a flag EXCHANGE = 2, macOS' renamex_np a flag SWAP = 2
        here = ctypes.c_int(-100)  # AT_FDCWD: relative paths begin at the working directory
        swapped = (
            libc.renamex_np(*paths, 2)
            if sys.platform == "darwin"
            else libc.renameat2(here, paths[0], here, paths[1], ctypes.c_uint(2))
        )
        if swapped == 0:
            return
    replaced = one.with_name("replaced")
    os.replace(other, replaced)
    try:
        os.replace(one, other)
    except OSError:
        os.replace(replaced, other)
        raise
