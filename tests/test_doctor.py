import importlib
import runpy
import subprocess

import keras
import pytest

import keras_rnn_basics as krb
from keras_rnn_basics.recurrence import device

doctor = importlib.import_module("keras_rnn_basics.doctor")  # the name alone is the function


def test_it_prints_ten_lines_that_name_what_decides(capsys):
    krb.doctor()
    lines = capsys.readouterr().out.splitlines()
    names = [line.split(":")[0] for line in lines]
    assert names == ["versions", "backend", "driver", "CUDA", "GPU", "cores", "CPU", "precision", "route", "to do"]
    told = dict(zip(names, lines))
    assert f"keras {keras.__version__}" in told["versions"]
    assert "tensorflow" in told["backend"]
    assert krb.BasicRNN(krb.BasicRNNCell(256)).recurrence_route in told["route"]
    assert "TF_NUM_INTRAOP_THREADS=1" in told["cores"]  # the tests set it


def test_the_command_line_prints_the_same(capsys):
    runpy.run_module("keras_rnn_basics", run_name="__main__")
    printed = capsys.readouterr().out
    krb.doctor()
    assert printed == capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "told"),
    [("NVIDIA H100, 575.51, 81559 MiB\n", "NVIDIA H100, 575.51, 81559 MiB"), ("", None), (OSError("no"), None)],
)
def test_a_gpu_that_the_backend_does_not_find_is_told_with_the_command_that_mends_it(monkeypatch, answer, told):
    def run(command, **_):
        if isinstance(answer, OSError):
            raise answer
        return subprocess.CompletedProcess(command, 0, stdout=answer)

    monkeypatch.setattr(doctor.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(doctor.subprocess, "run", run)
    monkeypatch.setattr(doctor, "_gpus", list)
    findings = doctor.findings()
    assert findings["driver"] == (told or "no NVIDIA driver answers (nvidia-smi)")
    assert "pip install 'tensorflow[and-cuda]'" in findings["to do"]
    assert findings["to do"].startswith(
        "there is a GPU, which tensorflow does not find" if told else "nothing for a CPU"
    )
    monkeypatch.setattr(doctor, "_gpus", lambda: ["H100"])
    monkeypatch.setattr(device, "xla_compiles_for_gpu", lambda: True)
    assert doctor.findings()["to do"] == "nothing: the GPU is used"
    monkeypatch.setattr(device, "xla_compiles_for_gpu", lambda: False)
    assert doctor.findings()["to do"].startswith("XLA cannot compile for this GPU")
