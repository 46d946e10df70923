"""Ctrl-C (SIGINT) and SIGTERM end the call that is running, not the process in the middle of it."""

import signal
import sys
import threading
from types import TracebackType
from typing import Any


class Interrupted(Exception):
    """The run was asked to end; raised between two calls of the epoch's program."""


class Interruption:
    """While it is entered, the first SIGINT or SIGTERM is noted; a second one does what it did before."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():  # others may not set handlers
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._restore()

    def _note(self, number, frame):
        self.signal = number
        self._restore()

    def _restore(self):
        while self._before:
            number, handler = self._before.popitem()
            # None: the handler was not set from Python.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def end(self) -> None:
        """Raises `Interrupted`, for a signal of this process or of another that trains with it."""
        self.signal = self.signal or signal.SIGTERM
        raise Interrupted

    def leave(self) -> None:
        """Ends the process with the status that the shell expects; in an interactive session, only what runs."""
        if hasattr(sys, "ps1") or self.signal is None:
            raise KeyboardInterrupt from None
        raise SystemExit(128 + self.signal) from None
