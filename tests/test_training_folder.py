import errno
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import small_model
from everyday import cases

import keras_rnn_basics as krb
from keras_rnn_basics.training import state

ENDLESS = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
import keras_rnn_basics as krb
import small_model
data = small_model.data(np.random.default_rng(0))
krb.fit(small_model.build, data, data, sys.argv[2], epochs=10**6, patience=10**6, verbose=0)
"""


@pytest.fixture
def data(rng):
    return small_model.data(rng)


@pytest.fixture
def running(tmp_path):
    """A process that trains in the folder `run`, after its first epochs."""
    command = [sys.executable, "-c", ENDLESS, os.path.dirname(__file__), str(tmp_path / "run")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (tmp_path / "run/unfinished.npz").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize(
    ("number", "status"), cases([(signal.SIGINT, 130), (signal.SIGTERM, 143)], [(signal.SIGTERM, 143)])
)
def test_a_folder_that_a_process_trains_in_is_refused_and_a_signal_keeps_its_last_finished_epoch(
    running, data, tmp_path, number, status
):
    with pytest.raises(RuntimeError, match=f"run is in use by process {running.pid}: wait for its end"):
        krb.fit(small_model.build, data, data, tmp_path / "run", epochs=1, verbose=0)
    running.send_signal(number)
    printed, errors = running.communicate(timeout=60)
    assert running.returncode == status
    assert "Traceback" not in errors
    told, _ = state.read(tmp_path / "run/unfinished.npz")
    last = printed.splitlines()[-1]
    assert last.startswith(f"Interrupted in epoch {told['epoch'] + 1}: the state after epoch {told['epoch']} is in")
    assert last.endswith("The same call goes on from there.")
    rows = np.loadtxt(tmp_path / "run/log.csv", delimiter=",", skiprows=1, ndmin=2)
    assert len(rows) == told["epoch"]


def test_a_folder_under_a_file_is_an_error_that_names_the_file(data, tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file/run"):
        with pytest.raises(ValueError, match=r"run_dir must be a folder; .*file is a file"):
            krb.fit(small_model.build, data, data, folder)


def test_a_full_disk_is_an_error_that_names_the_folder_and_what_to_do(data, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match=r"fit cannot write to .*run: No space left on device. Change that and call fit"):
        krb.fit(small_model.build_eager, data, data, tmp_path / "run", epochs=3, verbose=0)
    monkeypatch.undo()
    assert not list((tmp_path / "run").glob(".*.half.*"))
    run = krb.fit(small_model.build_eager, data, data, tmp_path / "run", epochs=3, verbose=0)
    assert len(run.history["loss"]) == 3
