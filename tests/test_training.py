import csv
import ctypes
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_rnn_basics as krb
from keras_rnn_basics import journal


@pytest.fixture
def data(rng):
    x = rng.normal(size=(64, 5, 3)).astype("float32")
    return x, x.sum(axis=(1, 2))[:, None]


def build(learning_rate=1e-2, units=4):
    model = krb.build_many_to_one((3,), units, 1)
    model.compile(keras.optimizers.Adam(learning_rate), "mean_squared_error")
    return model


def test_it_learns_logs_and_keeps_the_best_weights(data, tmp_path, capsys):
    run = krb.fit(build, data, data, tmp_path, epochs=6, verbose=0)
    losses = run.history["val_loss"]
    assert losses[-1] < losses[0]
    assert run.best_epoch == 1 + int(np.argmin(losses))
    assert run.model.evaluate(*data, verbose=0) == pytest.approx(min(losses), rel=1e-4)
    assert run.device == "cpu:0"
    printed = capsys.readouterr().out
    assert "Training on cpu:0 in float32." in printed
    assert f"kept the weights of epoch {run.best_epoch}" in printed
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["val_loss"]) for row in rows] == losses
    assert list((tmp_path / "tensorboard" / "train").iterdir())
    fresh = build()
    fresh.optimizer.build(fresh.trainable_variables)
    fresh.load_weights(tmp_path / "best.weights.h5")
    np.testing.assert_array_equal(fresh(data[0]), run.model(data[0]))


@pytest.mark.parametrize("asked", [None, True, False])
def test_a_dataset_is_not_autotuned_unless_that_was_asked_for(asked, data, tmp_path):
    # The end of an iterator that is tuned waits for the thread that tunes it, for up to a minute.
    options = tf.data.Options()
    if asked is not None:
        options.autotune.enabled = asked
    dataset = tf.data.Dataset.from_tensor_slices(data).batch(16).with_options(options)
    received = []

    def build_spied_on():
        model = build()
        fit = model.fit
        model.fit = lambda **given: received.append(given) or fit(**given)
        return model

    krb.fit(build_spied_on, dataset, dataset, tmp_path, epochs=1, verbose=0)
    for name in ("x", "validation_data"):
        assert received[0][name].options().autotune.enabled is bool(asked)
    assert dataset.options().autotune.enabled is asked


def test_it_stops_when_validation_no_longer_improves(data, rng, tmp_path):
    x, y = data
    noise = rng.normal(size=y.shape) * 3
    run = krb.fit(lambda: build(0.1), data, (x, noise), tmp_path, epochs=200, patience=3, verbose=0)
    losses = run.history["val_loss"]
    assert len(losses) == run.best_epoch + 3 < 200
    assert run.stopped == "3 epochs brought no better loss"
    assert run.model.evaluate(x, noise, verbose=0) == pytest.approx(min(losses), rel=1e-4)


def test_the_same_seed_gives_the_same_run_and_another_seed_another(data, tmp_path):
    runs = [
        krb.fit(build, data, data, tmp_path / str(i), epochs=2, seed=seed, verbose=0)
        for i, seed in enumerate([5, 5, 6])
    ]
    first, again, other = (run.history["val_loss"] for run in runs)
    assert first == again
    assert first != other


KILLED = """
import sys, numpy as np, keras
sys.path.insert(0, sys.argv[1])
import keras_rnn_basics as krb
from keras_rnn_basics import journal
from test_training import build
rng = np.random.default_rng(0)
x = rng.normal(size=(64, 5, 3)).astype("float32")
data = x, x.sum(axis=(1, 2))[:, None]
run = krb.fit(build, data, data, sys.argv[2], epochs=int(sys.argv[3]), patience=10**6, verbose=0)
"""


def test_a_killed_run_goes_on_after_its_last_finished_epoch(tmp_path):
    folder = tmp_path / "run"
    (tmp_path / "killed.py").write_text(KILLED)

    def command(epochs):
        return [sys.executable, str(tmp_path / "killed.py"), os.path.dirname(__file__), str(folder), str(epochs)]

    process = subprocess.Popen(command(100_000), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    state = folder / "unfinished.json"
    while not (state.exists() and json.loads(state.read_text())["epoch"] >= 3) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    killed = json.loads(state.read_text())

    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 5, 3)).astype("float32")
    data = x, x.sum(axis=(1, 2))[:, None]
    whole = killed["epoch"] + 2
    run = krb.fit(build, data, data, folder, epochs=whole, patience=10**6, verbose=0)
    assert len(run.history["val_loss"]) == whole
    assert run.history["val_loss"][: killed["epoch"]] == killed["history"]["val_loss"]
    assert run.history["val_loss"][-1] < killed["history"]["val_loss"][0]
    # The optimizer's memory came back too: its step count is that of all epochs, two batches each.
    resumed = build()
    resumed.optimizer.build(resumed.trainable_variables)
    resumed.load_weights(folder / "best.weights.h5")
    assert int(resumed.optimizer.iterations.numpy()) == 2 * run.best_epoch
    assert not state.exists()


def test_an_unfinished_run_of_another_set_up_is_not_overwritten(data, tmp_path):
    class Killed(Exception):
        pass

    class Kill(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise Killed

    class Model(keras.Model):
        def fit(self, *args, callbacks, **kwargs):
            return super().fit(*args, callbacks=[*callbacks, Kill()], **kwargs)

    def build_killed():
        inner = build()
        model = Model(inner.inputs, inner.outputs)
        model.compile("adam", "mse")
        return model

    with pytest.raises(Killed):
        krb.fit(build_killed, data, data, tmp_path, epochs=3, verbose=0)
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(ValueError, match="unfinished run of another set-up"):
        krb.fit(lambda: build(units=5), data, data, tmp_path, epochs=3, verbose=0)
    with pytest.raises(ValueError, match="unfinished run of another set-up"):
        krb.fit(lambda: build(learning_rate=0.5), data, data, tmp_path, epochs=3, verbose=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_the_model_comes_back_compiled_as_it_was(data, tmp_path):
    model = krb.fit(build, data, data, tmp_path, epochs=1, verbose=0).model
    assert model.steps_per_execution == 1
    batches = []
    counted = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: batches.append(batch))
    model.fit(*data, batch_size=16, verbose=0, callbacks=[counted])
    assert batches == [0, 1, 2, 3]


def test_a_model_that_trained_before_takes_every_step(data, tmp_path):
    model = build()
    model.fit(*data, batch_size=2, verbose=0)
    batches = int(model.optimizer.iterations)
    assert batches == len(data[0]) // 2 > 16
    krb.fit(lambda: model, data, data, tmp_path, epochs=1, batch_size=2, verbose=0)
    assert int(model.optimizer.iterations) == 2 * batches


FAULTS = """
import resource, sys
sys.path.insert(0, sys.argv[1])
import numpy as np
import keras_rnn_basics as krb
from test_training import build

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        blocks = [np.ones(1 << 18) for _ in range(20)]  # 40 MiB
        del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(faults())
x = np.ones((16, 5, 3), "float32")
krb.fit(build, (x, x[:, 0, :1]), None, "run", epochs=1, verbose=0, device="cpu")
faults()
print(faults())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="this C library is not glibc")
def test_freed_memory_is_kept_for_the_next_step(tmp_path):
    command = [sys.executable, "-c", FAULTS, os.path.dirname(__file__)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    before, *_, after = (int(line) for line in done.stdout.split() if line.isdigit())
    assert after < 1000 < before / 10


def test_a_second_run_in_a_finished_folder_begins_anew(data, tmp_path):
    first = krb.fit(build, data, data, tmp_path, epochs=2, verbose=0)
    second = krb.fit(build, data, data, tmp_path, epochs=2, verbose=0)
    assert first.history == second.history


def test_nan_ends_the_run_on_the_last_good_weights(data, tmp_path):
    x, y = data
    ruined = np.array(y)
    ruined[:] = 1e30  # the square overflows float32

    run = krb.fit(build, (x, ruined), data, tmp_path / "at_once", epochs=3, verbose=0)
    assert "in epoch 1, by batch 16, the loss was no longer finite" in run.stopped
    assert all(np.isfinite(weight).all() for weight in run.model.get_weights())

    class Ruin(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                self.model.optimizer.learning_rate = 1e38

    class Model(keras.Model):
        def fit(self, *args, callbacks, **kwargs):
            return super().fit(*args, callbacks=[*callbacks, Ruin()], **kwargs)

    def build_ruined():
        inner = build()
        model = Model(inner.inputs, inner.outputs)
        model.compile(keras.optimizers.SGD(1e-3), "mse")
        return model

    run = krb.fit(build_ruined, data, data, tmp_path / "later", epochs=5, verbose=0)
    assert run.stopped.startswith("in epoch 3")
    assert len(run.history["val_loss"]) == 2
    assert run.model.evaluate(*data, verbose=0) == pytest.approx(min(run.history["val_loss"]), rel=1e-4)


@pytest.mark.filterwarnings("ignore:.*float16 on a CPU|.*not float16:UserWarning")
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_the_precision_is_the_model_s_and_nobody_else_s(data, tmp_path, precision):
    run = krb.fit(build, data, data, tmp_path, epochs=3, precision=precision, verbose=0)
    assert run.model.get_layer("rnn_1").compute_dtype == precision.removeprefix("mixed_")
    assert run.history["val_loss"][-1] < run.history["val_loss"][0]
    assert keras.config.dtype_policy().name == "float32"


def test_datasets_train_too(data, tmp_path):
    dataset = tf.data.Dataset.from_tensor_slices(data).batch(16)
    run = krb.fit(build, dataset, dataset, tmp_path, epochs=2, verbose=0)
    assert len(run.history["val_loss"]) == 2
    with pytest.raises(ValueError, match="train never ends"):
        krb.fit(build, dataset.repeat(), dataset, tmp_path, epochs=2, verbose=0)


def test_a_call_that_fails_at_once_keeps_the_last_run_s_best_weights(data, tmp_path):
    krb.fit(build, data, data, tmp_path, epochs=2, verbose=0)
    before = (tmp_path / "best.weights.h5").read_bytes()
    with pytest.raises(ValueError, match="cardinality"):
        krb.fit(build, (data[0], data[1][:3]), data, tmp_path, epochs=2, verbose=0)
    assert (tmp_path / "best.weights.h5").read_bytes() == before


def test_sample_weights_count(data, tmp_path):
    x, y = data
    weights = np.concatenate([np.ones(32), np.zeros(32)])
    ruined = np.concatenate([y[:32], y[32:] + 100])
    run = krb.fit(build, [x, ruined, weights], [x[:32], y[:32]], tmp_path, epochs=5, verbose=0)
    assert max(run.history["loss"]) < 10


def test_without_validation_the_training_loss_decides(data, tmp_path):
    run = krb.fit(build, data, None, tmp_path, epochs=3, verbose=0)
    assert run.best_epoch == 1 + int(np.argmin(run.history["loss"]))


def test_it_ends_when_the_minutes_have_passed_with_a_learning_rate_of_zero(data, tmp_path, monkeypatch):
    def build_plain():
        model = krb.build_many_to_one((3,), 4, 1)
        model.compile(keras.optimizers.SGD(0.25), "mean_squared_error")
        return model

    ticks = itertools.count()
    # A clock that goes on by a tenth of a second whenever it is read.
    monkeypatch.setattr(journal, "time", SimpleNamespace(monotonic=lambda: next(ticks) / 10))
    run = krb.fit(build_plain, data, data, tmp_path, epochs=10**6, patience=10**6, minutes=0.2, verbose=0)
    assert 12 <= next(ticks) / 10 < 16
    assert run.stopped == "0.2 minutes have passed"
    rates = run.history["learning_rate"]
    assert 0.2 < rates[0] <= 0.25
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.01
    assert len(run.history["val_loss"]) >= run.best_epoch >= 1


def test_validation_takes_no_time_from_training(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(journal, "time", SimpleNamespace(monotonic=lambda: now[0]))
    kept = journal.Journal(tmp_path, patience=3, minutes=1.0, setup={})
    kept.open(build(learning_rate=0.5))
    kept.on_train_begin()
    now[0] = 30
    kept.on_test_begin()
    now[0] = 3000
    kept.on_test_end()
    kept.on_train_batch_begin(0)
    assert float(kept.model.optimizer.learning_rate) == pytest.approx(0.25)  # half of the minute has passed
    now[0] += 30
    kept.on_train_batch_end(0, {"loss": 1.0})
    assert kept.model.stop_training


def test_a_run_out_of_time_amid_an_epoch_keeps_what_it_learned(data, tmp_path):
    run = krb.fit(build, data, data, tmp_path, epochs=1, minutes=1e-6, verbose=0)
    assert run.stopped == "1e-06 minutes have passed"
    assert run.best_epoch == len(run.history["val_loss"]) == 1


def test_stateful_layers_begin_each_epoch_and_each_validation_from_zeros(rng, tmp_path):
    x = rng.normal(size=(4, 5, 3)).astype("float32")
    y = x.sum(axis=(1, 2))[:, None]

    def build_stateful():
        inputs = keras.Input((5, 3), batch_size=4)
        cell = krb.BasicRNNCell(4, 1, initializers={"W_aa": "identity"}, seed=1)
        model = keras.Model(inputs, krb.BasicRNN(cell, stateful=True)(inputs))
        model.compile(keras.optimizers.SGD(0.0), "mean_squared_error")
        return model

    run = krb.fit(build_stateful, (x, y), (x, y), tmp_path, epochs=3, batch_size=4, verbose=0)
    # Nothing is learned, so that all six passes over the one batch differ by the state alone.
    assert np.ptp([run.history[name] for name in ("loss", "val_loss")]) < 1e-4


def test_an_unfinished_run_on_other_data_is_not_taken_up(data, tmp_path):
    class Kill(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    fit = keras.Model.fit
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.Model, "fit", lambda *a, callbacks, **rest: fit(*a, callbacks=[*callbacks, Kill()], **rest))
        with pytest.raises(KeyboardInterrupt):
            krb.fit(build, data, data, tmp_path, verbose=0)
    x, y = data
    with pytest.raises(ValueError, match="unfinished run of another set-up: other data"):
        krb.fit(build, (x + 1, y), data, tmp_path, verbose=0)
    run = krb.fit(build, data, data, tmp_path, epochs=1, verbose=0)
    assert run.stopped == "all epochs are done"


def test_no_gpu_is_an_error_that_says_how_to_get_one(data, tmp_path):
    if keras.distribution.list_devices("gpu"):
        pytest.skip("there is a GPU here")
    with pytest.raises(RuntimeError, match=r"finds no GPU.*pip install 'keras_rnn_basics\[gpu\]'"):
        krb.fit(build, data, data, tmp_path, device="gpu")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": 0}, "epochs must be a positive integer, got 0"),
        ({"batch_size": 1.5}, "batch_size must be a positive integer"),
        ({"minutes": 0}, "minutes must be a positive number or None, got 0"),
        ({"device": "tpu"}, "device must be one of"),
        ({"precision": "float8"}, "precision must be one of"),
    ],
)
def test_bad_arguments_are_errors_before_any_work(data, tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        krb.fit(build, data, data, tmp_path / "run", **arguments)
    assert not (tmp_path / "run").exists()


def test_bad_data_models_and_folders_are_errors_before_any_work(data, tmp_path):
    x, y = data
    holed = x.copy()
    holed[7, 2, 1] = np.nan
    with pytest.raises(ValueError, match="train's x holds numbers that are not finite, first in row 7"):
        krb.fit(build, (holed, y), data, tmp_path)
    with pytest.raises(ValueError, match="validation's x holds"):
        krb.fit(build, data, (holed, y), tmp_path)
    with pytest.raises(ValueError, match="build must return a compiled model"):
        krb.fit(lambda: krb.build_many_to_one((3,), 4, 1), data, data, tmp_path)
    with pytest.raises(ValueError, match="compile with a number, not with a schedule"):
        krb.fit(lambda: build(keras.optimizers.schedules.CosineDecay(0.1, 9)), data, data, tmp_path, minutes=1)
    with pytest.raises(ValueError, match="build must be a function"):
        krb.fit(build(), data, data, tmp_path)
    with pytest.raises(ValueError, match=r"train must be a pair \(x, y\)"):
        krb.fit(build, x, data, tmp_path)
    with pytest.raises(ValueError, match="train's x holds no examples"):
        krb.fit(build, (x[:0], y[:0]), data, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="run_dir must be a folder"):
        krb.fit(build, data, data, tmp_path / "file")
