import csv
import ctypes
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import small_model
import tensorflow as tf
from small_model import build, build_eager

import keras_rnn_basics as krb
from keras_rnn_basics.training.data import take_in


@pytest.fixture
def data(rng):
    return small_model.data(rng)


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
def test_a_dataset_is_not_autotuned_unless_that_was_asked_for(asked, data):
    # The end of an iterator that is tuned waits for the thread that tunes it, for up to a minute.
    options = tf.data.Options()
    if asked is not None:
        options.autotune.enabled = asked
    dataset = tf.data.Dataset.from_tensor_slices(data).batch(16).with_options(options)
    taken = take_in("train", dataset)
    assert taken.options().autotune.enabled is bool(asked)
    assert dataset.options().autotune.enabled is asked


def test_it_stops_when_validation_no_longer_improves(data, rng, tmp_path):
    x, y = data
    noise = rng.normal(size=y.shape) * 3
    run = krb.fit(lambda: build(0.1, run_eagerly=True), data, (x, noise), tmp_path, epochs=200, patience=3, verbose=0)
    losses = run.history["val_loss"]
    assert len(losses) == run.best_epoch + 3 < 200
    assert run.stopped == "3 epochs brought no better loss"
    assert run.model.evaluate(x, noise, verbose=0) == pytest.approx(min(losses), rel=1e-4)


def test_the_same_seed_gives_the_same_run_and_another_seed_another(data, tmp_path):
    runs = [
        krb.fit(build_eager, data, data, tmp_path / str(i), epochs=2, seed=seed, verbose=0)
        for i, seed in enumerate([5, 5, 6])
    ]
    first, again, other = (run.history["val_loss"] for run in runs)
    assert first == again
    assert first != other


@pytest.mark.long
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
from small_model import build

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


@pytest.mark.long
@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="this C library is not glibc")
def test_freed_memory_is_kept_for_the_next_step(tmp_path):
    command = [sys.executable, "-c", FAULTS, os.path.dirname(__file__)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    before, *_, after = (int(line) for line in done.stdout.split() if line.isdigit())
    assert after < 1000 < before / 10


@pytest.mark.filterwarnings("ignore:.*float16 on a CPU|.*not float16:UserWarning")
@pytest.mark.parametrize("precision", ["mixed_bfloat16", pytest.param("mixed_float16", marks=pytest.mark.long)])
def test_the_precision_is_the_model_s_and_nobody_else_s(data, tmp_path, precision):
    run = krb.fit(build, data, data, tmp_path, epochs=3, precision=precision, verbose=0)
    assert run.model.get_layer("rnn_1").compute_dtype == precision.removeprefix("mixed_")
    assert run.history["val_loss"][-1] < run.history["val_loss"][0]
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize("asked", ["float64", pytest.param(None, marks=pytest.mark.long)])
def test_float64_is_computed_in_to_the_last_digit_of_the_loss(data, tmp_path, asked):
    def build_still():
        model = krb.build_many_to_one((3,), 4, 1)
        model.compile(keras.optimizers.SGD(0.0), "mean_squared_error")
        return model

    floatx = keras.config.floatx()
    keras.config.set_floatx("float64" if asked is None else floatx)
    try:
        run = krb.fit(build_still, data, None, tmp_path, epochs=1, precision=asked, verbose=0)
        assert keras.config.floatx() == ("float64" if asked is None else floatx)
    finally:
        keras.config.set_floatx(floatx)
    x, y = (part.astype("float64") for part in data)
    answers = np.asarray(run.model(x))
    assert answers.dtype == "float64"
    assert run.history["loss"] == pytest.approx([((answers - y) ** 2).mean()], rel=1e-13)


def test_datasets_train_too(data, tmp_path):
    dataset = tf.data.Dataset.from_tensor_slices(data).batch(16)
    run = krb.fit(build, dataset, dataset, tmp_path, epochs=2, verbose=0)
    assert len(run.history["val_loss"]) == 2
    with pytest.raises(ValueError, match="train never ends"):
        krb.fit(build, dataset.repeat(), dataset, tmp_path, epochs=2, verbose=0)


def test_sample_weights_count(data, tmp_path):
    x, y = data
    weights = np.concatenate([np.ones(32), np.zeros(32)])
    ruined = np.concatenate([y[:32], y[32:] + 100])
    run = krb.fit(build_eager, [x, ruined, weights], [x[:32], y[:32]], tmp_path, epochs=5, verbose=0)
    assert max(run.history["loss"]) < 10


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


def test_a_metric_has_the_same_name_in_every_run(data, tmp_path):
    def build():
        model = krb.build_many_to_one((3,), 4, 1, output_activation="sigmoid")
        model.compile("sgd", "binary_crossentropy", metrics=[keras.metrics.AUC()], run_eagerly=True)
        return model

    x, y = data
    logged = [
        krb.fit(build, (x, y > 0), None, tmp_path / f"{run}", epochs=1, verbose=0).history.keys() for run in range(2)
    ]
    assert set(logged[0]) == set(logged[1]) == {"auc", "loss"}
    both = krb.fit_ensemble(build, (x, y > 0), None, tmp_path / "both", seeds=[1, 2], epochs=1, verbose=0)
    assert [set(run.history) for run in both] == [{"auc", "loss"}] * 2
    assert keras.layers.Dense(1).name != keras.layers.Dense(1).name
