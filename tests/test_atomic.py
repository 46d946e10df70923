import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from keras_rnn_basics.atomic import atomic

WRITES_AND_WAITS = """
import runpy, sys, time
from pathlib import Path
atomic = runpy.run_path(sys.argv[2])["atomic"]  # the file alone: the package imports TensorFlow
with atomic(Path(sys.argv[1])) as half:
    half.write_text("half of it")
    print("writing", flush=True)
    time.sleep(60)
"""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def fill(folder, text):
    folder.mkdir()
    for name in ("one", "other"):
        (folder / name).write_text(text)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_what_stood_there_and_nothing_else(tmp_path, error):
    (tmp_path / "a.txt").write_text("before")

    def interrupted():
        with atomic(tmp_path / "a.txt") as half:
            half.write_text("half of it")
            raise error

    with pytest.raises(error):
        interrupted()
    assert (tmp_path / "a.txt").read_text() == "before"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_an_ended_process_left_half_written_is_removed(tmp_path, number):
    path = tmp_path / "a[1].txt"  # [ ] mean something to a search for files
    path.write_text("before")
    command = [sys.executable, "-c", WRITES_AND_WAITS, path, sys.modules[atomic.__module__].__file__]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "writing\n"
    assert len(names(tmp_path)) == 2
    with atomic(tmp_path / "a.txt") as half, atomic(path) as other:  # its process lives: it is left alone
        half.write_text("")
        other.write_text("before")
    assert len(names(tmp_path)) == 3
    process.send_signal(number)
    process.communicate(timeout=30)
    if number == signal.SIGTERM:
        assert process.returncode == 128 + number
        assert names(tmp_path) == ["a.txt", path.name]
    assert path.read_text() == "before"
    with atomic(path) as half:
        half.write_text("after")
    assert path.read_text() == "after"
    assert names(tmp_path) == ["a.txt", path.name]


INTERRUPTED_IN_A_FINALIZER = """
import os, signal, sys
from pathlib import Path
from keras_rnn_basics.atomic import atomic
signal.signal(signal.SIGINT, signal.default_int_handler)  # a process behind another may be told to ignore it
class Freed:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(100): pass
try:
    with atomic(Path(sys.argv[1])) as half:
        half.write_text("after")
        freed = Freed()
        del freed
        print("dropped by Python", flush=True)
except KeyboardInterrupt:
    print("raised all the same", signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""


@pytest.mark.long
def test_ctrl_c_is_not_lost_in_a_finalizer(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")
    done = subprocess.run([sys.executable, "-c", INTERRUPTED_IN_A_FINALIZER, path], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["dropped by Python", "raised all the same True"], done.stderr
    assert path.read_text() == "before"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("exchanged", ["in one step", "in three"])
def test_a_folder_replaces_another_and_a_reader_never_meets_a_mixture(tmp_path, monkeypatch, exchanged):
    folder, seen, ended = tmp_path / "deep/model", set(), threading.Event()
    if exchanged == "in three":
        monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())

    def read():
        while not ended.is_set():
            try:
                held = os.open(folder, os.O_RDONLY)
            except FileNotFoundError:
                seen.add("nothing")
                continue
            files = []
            with contextlib.suppress(FileNotFoundError):  # it was replaced since it was opened, and is being removed
                files += [os.open(name, os.O_RDONLY, dir_fd=held) for name in ("one", "other")]
                seen.add("".join(os.read(file, 9).decode() for file in files))
            for file in (*files, held):
                os.close(file)

    with atomic(folder) as half:
        fill(half, "0")
    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(100):
        for text in "10":
            with atomic(folder) as half:
                fill(half, text)
    ended.set()
    reader.join()
    assert names(tmp_path / "deep") == ["model"]
    assert seen >= {"00", "11"}
    assert seen - {"00", "11"} <= ({"nothing"} if exchanged == "in three" else set())


def test_a_folder_that_cannot_be_replaced_stays(tmp_path, monkeypatch):
    fill(tmp_path / "model", "before")
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    replace = os.replace

    def fail(source, target):
        if Path(target) == tmp_path / "model" and "replaced" not in str(source):
            raise OSError("no")
        replace(source, target)

    def overwrite():
        with atomic(tmp_path / "model") as half:
            fill(half, "after")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no"):
        overwrite()
    assert (tmp_path / "model/one").read_text() == "before"
    assert names(tmp_path) == ["model"]
