import io
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import small_model
from small_model import build, build_eager

import keras_rnn_basics as krb
from keras_rnn_basics.training import journal, loop, state
from keras_rnn_basics.training.interruption import Interruption
from keras_rnn_basics.training.variables import Variables
from keras_rnn_basics.training.workers import Workers


@pytest.fixture
def data(rng):
    return small_model.data(rng)


KILLED = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
import keras_rnn_basics as krb
import small_model
data = small_model.data(np.random.default_rng(0))
krb.fit(small_model.build_eager, data, data, sys.argv[2], epochs=int(sys.argv[3]), patience=10**6, verbose=0)
"""


def test_a_killed_run_goes_on_after_its_last_finished_epoch(data, tmp_path):
    folder = tmp_path / "run"
    (tmp_path / "killed.py").write_text(KILLED)

    def command(epochs):
        return [sys.executable, str(tmp_path / "killed.py"), os.path.dirname(__file__), str(folder), str(epochs)]

    process = subprocess.Popen(command(100_000), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    path = folder / "unfinished.npz"
    while not (path.exists() and state.read(path)[0]["epoch"] >= 3) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    killed, _ = state.read(path)

    whole = killed["epoch"] + 2
    run = krb.fit(build_eager, data, data, folder, epochs=whole, patience=10**6, verbose=0)
    assert len(run.history["val_loss"]) == whole
    assert run.history["val_loss"][: killed["epoch"]] == killed["history"]["val_loss"]
    assert run.history["val_loss"][-1] < killed["history"]["val_loss"][0]
    # The optimizer's memory came back too: its step count is that of all epochs, two batches each.
    resumed = build()
    resumed.optimizer.build(resumed.trainable_variables)
    resumed.load_weights(folder / "best.weights.h5")
    assert int(resumed.optimizer.iterations.numpy()) == 2 * run.best_epoch
    assert not path.exists()


def interrupt(data, folder, build=build):
    """Leaves an unfinished run of one epoch in the folder."""

    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        krb.fit(build, data, data, folder, verbose=0, callbacks=[Interrupt()])


@pytest.mark.long
def test_a_run_with_a_loss_of_the_user_s_own_goes_on(data, tmp_path):
    def fit(*callbacks):
        def own(y, y_hat):  # another object, at another address, in every process
            return keras.ops.mean((y - y_hat) ** 2, axis=-1)

        def build_own():
            model = build()
            model.compile("sgd", own)
            return model

        return krb.fit(build_own, data, data, tmp_path, epochs=2, verbose=0, callbacks=callbacks)

    def end(epoch, logs=None):
        if epoch == 1:
            raise KeyError("after the first epoch")

    with pytest.raises(KeyError):
        fit(keras.callbacks.LambdaCallback(on_epoch_begin=end))
    fit()
    assert not (tmp_path / "unfinished_1").exists()


def test_an_unfinished_run_of_another_set_up_is_moved_aside(data, tmp_path, capsys):
    x, y = data

    def other_weights():
        model = build_eager()
        model.set_weights([2 * weight for weight in model.get_weights()])
        return model

    for number, (other, own, differing) in enumerate(
        [
            (lambda: build(units=5, run_eagerly=True), data, "first weights"),
            (other_weights, data, "first weights"),
            (lambda: build(learning_rate=0.5, run_eagerly=True), data, "optimizer settings"),
            (build_eager, (x + 1, y), "training data"),
        ],
        start=1,
    ):
        interrupt(data, tmp_path, build_eager)
        kept = (tmp_path / "best.weights.h5").read_bytes()
        capsys.readouterr()
        run = krb.fit(other, own, data, tmp_path, epochs=2, verbose=0)
        assert len(run.history["val_loss"]) == 2
        aside = tmp_path / f"unfinished_{number}"
        printed = capsys.readouterr().out
        assert f"1 epochs of it (it differs in its {differing}): moved to {aside}." in printed
        assert "going on after" not in printed
        assert (aside / "best.weights.h5").read_bytes() == kept

    # Moved back, it goes on.
    for path in aside.iterdir():
        path.rename(tmp_path / path.name)
    assert len(krb.fit(build_eager, data, data, tmp_path, epochs=2, verbose=0).history["val_loss"]) == 2
    assert "going on after epoch 1" in capsys.readouterr().out


class Stop(keras.callbacks.Callback):
    """An exception at the end of the call of this epoch that is number `batch`."""

    def __init__(self, epoch):
        super().__init__()
        self.left = epoch

    def on_train_batch_end(self, batch, logs=None):
        self.left -= self.params["steps"] == batch + 1
        if not self.left:
            raise RuntimeError("stopped here")


def build_with_dropout(run_eagerly=False):
    model = krb.build_many_to_one((3,), 4, 1, dropout=0.3, recurrent_dropout=0.2)
    x = keras.Input((5, 3))
    # The noise has a generator of its own, `Draws` takes Keras' generator for all.
    model = keras.Model(x, model(Draws()(keras.layers.GaussianNoise(0.1)(x))))
    model.compile(keras.optimizers.Adam(1e-2), "mean_squared_error", run_eagerly=run_eagerly)
    return model


class Draws(keras.layers.Layer):
    def call(self, x, training=False):
        return x + 0.1 * keras.random.normal(keras.ops.shape(x)) if training else x


# With a validation: test_training_ensemble.py.
@pytest.mark.parametrize("stopped_in", [pytest.param(2, marks=pytest.mark.long), 4])
def test_a_run_that_goes_on_is_the_unbroken_one_bit_for_bit(data, tmp_path, stopped_in):
    arguments = {"epochs": 5, "patience": 2, "batch_size": 32, "verbose": 0, "seed": 3}
    unbroken = krb.fit(build_with_dropout, data, None, tmp_path / "unbroken", **arguments)
    with pytest.raises(RuntimeError, match="stopped here"):
        krb.fit(build_with_dropout, data, None, tmp_path / "broken", callbacks=[Stop(stopped_in)], **arguments)
    keras.utils.set_random_seed(99)
    resumed = krb.fit(build_with_dropout, data, None, tmp_path / "broken", **arguments)
    assert resumed.history == unbroken.history
    assert resumed.best_epoch == unbroken.best_epoch
    for own, other in zip(resumed.model.get_weights(), unbroken.model.get_weights()):
        np.testing.assert_array_equal(own, other)
    for name in ("best.weights.h5", "log.csv"):
        assert (tmp_path / "broken" / name).exists()
    assert (tmp_path / "broken/log.csv").read_text() == (tmp_path / "unbroken/log.csv").read_text()


class Kill(BaseException):
    """Nothing that fit does on its way out reaches the disk."""


def kill_at(monkeypatch, moment):
    """From now on the run dies at its so manieth call of a function that trains or writes."""
    left = [moment]

    def counted(function):
        def called(*args, **kwargs):
            left[0] -= 1
            if left[0] <= 0:
                raise Kill
            return function(*args, **kwargs)

        return called

    for place, name in [(np, "savez"), (os, "replace"), (os, "fsync"), (loop, "one_pass"), (state, "_digest")]:
        monkeypatch.setattr(place, name, counted(getattr(place, name)))


@pytest.mark.long
def test_a_run_that_is_killed_again_and_again_is_the_unbroken_one(data, tmp_path, rng, monkeypatch):
    def build():
        return build_with_dropout(run_eagerly=True)  # what is compiled would be compiled again and again

    arguments = {"epochs": 30, "patience": 20, "batch_size": 24, "verbose": 0, "seed": 1}
    monkeypatch.setattr(journal, "SHARE_OF_WRITING", float("inf"))  # every epoch is written
    unbroken = krb.fit(build, data, data, tmp_path / "unbroken", **arguments)
    kills, run = 0, None
    while run is None:
        with monkeypatch.context() as patch:
            kill_at(patch, int(rng.integers(1, 14)))
            try:
                run = krb.fit(build, data, data, tmp_path / "killed", **arguments)
            except Kill:
                kills += 1
    assert kills >= 20
    assert run.history == unbroken.history
    for own, other in zip(run.model.get_weights(), unbroken.model.get_weights()):
        np.testing.assert_array_equal(own, other)
    assert (tmp_path / "killed/log.csv").read_text() == (tmp_path / "unbroken/log.csv").read_text()


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory):
    """The folder of an unfinished run, to be copied."""
    folder = tmp_path_factory.mktemp("unfinished")
    interrupt(small_model.data(np.random.default_rng(0)), folder, build_eager)
    return folder


def rewritten(change):
    """A change of what the state says, written without its checksum."""

    def damage(path):
        with np.load(path) as file:
            held = dict(file)
        change(held)
        with path.open("wb") as file:
            np.savez(file, **held)

    return damage


def one_number(held):
    held["now/0"] = held["now/0"] + 1e-6


def a_npy_file():
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


def epoch_99(held):
    held["state"] = np.array(str(held["state"]).replace('"epoch": 1', '"epoch": 99'))


@pytest.mark.parametrize(
    "damage",
    [
        rewritten(one_number),
        rewritten(epoch_99),
        rewritten(lambda held: held.pop("now/0")),
        rewritten(lambda held: held.clear()),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-100]),
        lambda path: path.write_text("[1, 2]"),
        lambda path: path.write_bytes(a_npy_file()),
    ],
    ids=["a_number", "the_epoch", "an_array", "nothing_in_it", "empty", "cut", "json", "npy"],
)
def test_a_state_that_is_not_as_it_was_written_is_named_and_what_to_do(data, tmp_path, unfinished, damage):
    folder = shutil.copytree(unfinished, tmp_path / "run")
    damage(folder / "unfinished.npz")
    with pytest.raises(ValueError, match=r"unfinished\.npz cannot be read as the state of a run.*Delete it to begin"):
        krb.fit(build_eager, data, data, folder, epochs=2, verbose=0)
    assert (folder / "unfinished.npz").exists()


def test_a_run_begins_where_such_a_state_was_deleted(data, tmp_path, unfinished):
    folder = shutil.copytree(unfinished, tmp_path / "run")
    (folder / "unfinished.npz").unlink()
    assert len(krb.fit(build_eager, data, data, folder, epochs=2, verbose=0).history["loss"]) == 2


def test_a_state_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "state.npz"
    state.write(path, {"epoch": 1}, {"now": [np.arange(3)], "best": []})
    with pytest.raises(TypeError):
        state.write(path, {"epoch": object()}, {})
    told, arrays = state.read(path)
    assert told == {"epoch": 1}
    np.testing.assert_array_equal(arrays["now"], [np.arange(3)])
    assert [own.name for own in tmp_path.iterdir()] == ["state.npz"]


def test_a_second_run_in_a_finished_folder_begins_anew(data, tmp_path):
    first = krb.fit(build_eager, data, data, tmp_path, epochs=2, verbose=0)
    second = krb.fit(build_eager, data, data, tmp_path, epochs=2, verbose=0)
    assert first.history == second.history


def test_nan_ends_the_run_on_the_last_good_weights(data, tmp_path):
    x, y = data
    ruined = np.array(y)
    ruined[:] = 1e30  # the square overflows float32

    run = krb.fit(build_eager, (x, ruined), data, tmp_path / "at_once", epochs=3, verbose=0)
    assert "in epoch 1, by batch 1, the loss was no longer finite" in run.stopped
    assert all(np.isfinite(weight).all() for weight in run.model.get_weights())

    class Ruin(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                self.model.optimizer.learning_rate = 1e38

    def build_ruined():
        model = build()
        model.compile(keras.optimizers.SGD(1e-3), "mse")
        return model

    run = krb.fit(build_ruined, data, data, tmp_path / "later", epochs=5, verbose=0, callbacks=[Ruin()])
    assert run.stopped.startswith("in epoch 3")
    assert len(run.history["val_loss"]) == 2
    assert run.model.evaluate(*data, verbose=0) == pytest.approx(min(run.history["val_loss"]), rel=1e-4)


def test_a_call_that_fails_at_once_keeps_the_last_run_s_best_weights(data, tmp_path):
    krb.fit(build_eager, data, data, tmp_path, epochs=2, verbose=0)
    before = (tmp_path / "best.weights.h5").read_bytes()
    with pytest.raises(ValueError, match="as many examples"):
        krb.fit(build_eager, (data[0], data[1][:3]), data, tmp_path, epochs=2, verbose=0)
    assert (tmp_path / "best.weights.h5").read_bytes() == before


def test_without_validation_the_training_loss_decides(data, tmp_path):
    run = krb.fit(build_eager, data, None, tmp_path, epochs=3, verbose=0)
    assert run.best_epoch == 1 + int(np.argmin(run.history["loss"]))


def test_it_ends_when_the_minutes_have_passed_with_a_learning_rate_of_zero(data, tmp_path, monkeypatch):
    def build_plain():
        model = krb.build_many_to_one((3,), 4, 1)
        model.compile(keras.optimizers.SGD(0.25), "mean_squared_error")
        return model

    ticks = itertools.count()
    # A clock that goes on by a tenth of a second whenever it is read.
    monkeypatch.setattr(
        journal, "time", SimpleNamespace(monotonic=lambda: next(ticks) / 10, perf_counter=time.perf_counter)
    )
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
    monkeypatch.setattr(journal, "time", SimpleNamespace(monotonic=lambda: now[0], perf_counter=time.perf_counter))
    kept, model = (
        journal.Journal(tmp_path, 3, 1.0, setup={}, interruption=Interruption(), workers=Workers(None)),
        build(learning_rate=0.5),
    )
    model.optimizer.build(model.trainable_variables)
    kept.open(model, Variables(model))
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


@pytest.mark.long
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


def test_a_metric_of_several_numbers_is_told_number_by_number(rng, tmp_path):
    x, y = rng.normal(size=(12, 4, 2)).astype("float32"), np.eye(3, dtype="float32")[np.arange(12) % 3]

    def build():
        model = krb.build_many_to_one((2,), 4, 3, output_activation="softmax")
        metrics = [keras.metrics.F1Score(), keras.metrics.F1Score("macro", name="mean")]
        model.compile("sgd", "categorical_crossentropy", metrics=metrics, run_eagerly=True)
        return model

    run = krb.fit(build, (x, y), None, tmp_path / "run", epochs=2, batch_size=12, verbose=0)
    each = [run.history[f"f1_score_{i}"] for i in (1, 2, 3)]
    np.testing.assert_allclose(np.mean(each, axis=0), run.history["mean"], rtol=1e-6)
    assert (tmp_path / "run/log.csv").read_text().startswith("epoch,f1_score_1,f1_score_2,f1_score_3,loss,mean")
