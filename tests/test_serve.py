"""examples/serve.py on loopback: what it answers, what it refuses, and that no request ends it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from texts import TEXTS, build_writer

import keras_rnn_basics as krb

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.extra


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    model = build_writer(krb.Vocabulary.of(TEXTS))
    return krb.export_saved_model(model, tmp_path_factory.mktemp("serve") / "writer")


@contextlib.contextmanager
def served(exported, ended_by):
    """A function of a request's body -> the status and the answer, while the server runs."""
    pytest.importorskip("litserve", reason="litserve is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/v1/models/writer:predict"

    def post(body):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    command = [sys.executable, ROOT / "examples" / "serve.py", exported, "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    log = (exported.parent / "log.txt").open("w")

    def heeds_ctrl_c():  # the tests may run in the background, where it is ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    own = {"env": environment, "stdout": log, "stderr": log, "preexec_fn": heeds_ctrl_c, "start_new_session": True}
    process = subprocess.Popen(command, **own)
    try:
        for _ in range(240):
            assert process.poll() is None, Path(log.name).read_text()
            try:
                if post({"signature_name": "generate", "instances": ["to"]})[0] == 200:
                    break
            except (urllib.error.URLError, ConnectionError):
                pass
            time.sleep(0.5)
        yield post
        process.send_signal(ended_by)
        assert process.wait(timeout=60) is not None
        for _ in range(20):
            try:
                os.killpg(process.pid, 0)
            except ProcessLookupError:
                return
            time.sleep(0.5)
        raise AssertionError("Processes of the server stay after its end.")
    finally:
        with contextlib.suppress(ProcessLookupError):  # all of them have ended
            os.killpg(process.pid, signal.SIGKILL)
        log.close()


@pytest.fixture(scope="module")
def ask(exported):
    with served(exported, signal.SIGINT) as post:
        yield post


@pytest.fixture(scope="module")
def loaded(exported):
    return krb.load_saved_model(exported)


def test_predict_step_and_generate_answer_as_the_model_does(ask, loaded):
    status, answer = ask({"instances": [[2, 4, 5], [2, 6, 7]]})
    assert status == 200
    np.testing.assert_allclose(answer["predictions"], loaded.serve([[2, 4, 5], [2, 6, 7]]), atol=1e-5)
    inputs = {"x_t": [2], "a_1": [[0] * 12], "a_2": [[0] * 9]}
    status, answer = ask({"signature_name": "step", "inputs": inputs})
    assert (status, set(answer["outputs"])) == (200, {"y_t", "a_1", "a_2"})
    np.testing.assert_allclose(answer["outputs"]["a_2"], loaded.step(**inputs)[2], atol=1e-5)
    inputs = {"prompt": ["to be"], "max_new_tokens": 12, "seed": 5}
    expected = [text.decode() for text in loaded.generate(**inputs).numpy()]
    assert ask({"signature_name": "generate", "inputs": inputs}) == (200, {"outputs": expected})


def test_what_cannot_be_answered_is_the_fault_of_who_asked_and_is_said(ask):
    for body in (b'{"instances": [[1,', b"", b"[1, 2]"):
        assert 400 <= ask(body)[0] < 500
    status, said = ask({"signature_name": "generate", "inputs": {"prompt": ["to"], "max_new_tokens": 10**9}})
    assert (status, "max_new_tokens must be at most 4096" in said) == (400, True)
    status, said = ask({"signature_name": "generate", "instances": [70_000 * "o"]})
    assert (status, "prompt must have at most 65536 tokens" in said) == (400, True)
    assert ask({"signature_name": "generate", "instances": [5_000_000 * "o"]})[0] == 413
    assert ask({"instances": [[2, 4]]})[0] == 200


def test_64_clients_at_once_are_each_answered_alike(ask, loaded):
    def of(seed):
        return {"prompt": ["to"], "max_new_tokens": 20, "seed": seed}

    with ThreadPoolExecutor(64) as clients:
        answers = list(clients.map(lambda seed: ask({"signature_name": "generate", "inputs": of(seed)}), range(64)))
    expected = [[loaded.generate(**of(seed)).numpy()[0].decode()] for seed in range(64)]
    assert answers == [(200, {"outputs": text}) for text in expected]


def test_kill_ends_the_server_with_all_of_its_processes(exported):
    with served(exported, signal.SIGTERM) as ask:
        assert ask({"instances": [[2, 4]]})[0] == 200
