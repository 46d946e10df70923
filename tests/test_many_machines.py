"""The code of docs/how_to/many_machines.md, and the example, run as they stand, in the processes that they ask for."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_training_workers import end, free_ports

import keras_rnn_basics as krb

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/how_to/many_machines.md").read_text(encoding="utf-8")
PLAIN, ENSEMBLE, SEARCH, JAX = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

pytestmark = [pytest.mark.distributed, pytest.mark.extra]


def needs(package):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed; `make test-all` installs it")


def run(script, folder, environments):
    """Runs the script once in each environment, side by side, and answers what each run printed."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "RAY_TRAIN_V2_ENABLED": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    started = []
    for environment in environments:
        command, own = [sys.executable, "-c", script], os.environ | quiet | environment
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started.append(subprocess.Popen(command, env=own, cwd=folder, text=True, **pipes))
    ended = end(started)
    assert [own.status for own in ended] == [0] * len(ended), ended[0].err[-4000:]
    return [own.out for own in ended]


def test_the_first_script_on_two_workers_comes_to_the_numbers_of_one(tmp_path):
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    configurations = [
        {"TF_CONFIG": json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})}
        for index in range(2)
    ]
    script = PLAIN + "\nimport json\nprint(json.dumps(run.history))\n"
    (tmp_path / "alone").mkdir()
    first, second = (json.loads(out.splitlines()[-1]) for out in run(script, tmp_path, configurations))
    [alone] = run(script, tmp_path / "alone", [{}])
    assert first == second
    for name, values in json.loads(alone.splitlines()[-1]).items():
        np.testing.assert_allclose(first[name], values, rtol=1e-5)
    x = np.ones((2, 5, 3), "float32")
    answers = [krb.load_saved_model(folder / "saved_models/together")(x) for folder in (tmp_path, tmp_path / "alone")]
    np.testing.assert_allclose(*answers, atol=1e-5)


def test_an_ensemble_of_ray_is_that_of_one_process(tmp_path):
    needs("ray")
    compared = """
runs = krb.fit_ensemble(build, (x[:64], y[:64]), (x[64:], y[64:]), "runs/alone", seeds=[0, 1], epochs=3, verbose=0)
for own, member in zip(runs, members):
    for one, other in zip(own.model.get_weights(), member.get_weights()):
        np.testing.assert_allclose(one, other, atol=1e-6)
print("equal")
"""
    [out] = run(ENSEMBLE + compared, tmp_path, [{}])
    assert "(32, 1)" in out
    assert out.splitlines()[-1] == "equal"
    assert (tmp_path / "runs/ensemble/seed_1/best.weights.h5").exists()


def test_the_search_answers_the_best_settings(tmp_path):
    needs("ray")
    [out] = run(SEARCH, tmp_path, [{}])
    best = re.findall(r"^\{'units': [48], 'learning_rate': 0\.00\d+\}$", out, re.MULTILINE)
    assert len(best) == 1, out


def test_jax_in_two_processes_comes_to_the_costs_of_one(tmp_path):
    needs("jax")

    def environments(processes):
        address = f"127.0.0.1:{free_ports(1)[0]}"
        shared = {"ADDRESS": address, "PROCESSES": str(processes), "KERAS_BACKEND": "jax"}
        return [shared | {"INDEX": str(index)} for index in range(processes)]

    first, second, alone = (
        json.loads(out.splitlines()[-1]) for n in (2, 1) for out in run(JAX, tmp_path, environments(n))
    )
    assert first == second
    np.testing.assert_allclose(first, alone, rtol=1e-5)


def test_the_example_trains_on_two_workers_of_ray_and_exports_once(tmp_path):
    needs("ray")
    text = tmp_path / "text.txt"
    text.write_text("\n".join(f"The {n} cats and the {n + 1} dogs ran to the house of {n + 2}." for n in range(3000)))
    options = ["--workers", "2", "--minutes", "0.05", "--units", "16", "--text", str(text)]
    script = f"import runpy, sys; sys.argv[1:] = {options}; sys.path.insert(0, {str(ROOT / 'examples')!r})\n"
    script += f"runpy.run_path({str(ROOT / 'examples/on_many_machines.py')!r}, run_name='__main__')"
    run(script, tmp_path, [{}])
    report = json.loads((tmp_path / "runs/sentences/report.json").read_text())
    assert 0 < report["scores"]["RNN"] < 8  # bits a character, of a text of fewer than 256 of them
    written = krb.load_saved_model(tmp_path / "saved_models/sentences")
    assert "generate" in written.endpoints
