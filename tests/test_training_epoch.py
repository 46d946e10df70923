import itertools

import keras
import numpy as np
import pytest
import small_model
import tensorflow as tf
from everyday import cases

import keras_rnn_basics as krb
from keras_rnn_basics.training import programs
from keras_rnn_basics.training.pace import Pace

N, T, B, EPOCHS = 22, 4, 4, 3  # the last batch has 2 examples


class Recorder(keras.layers.Layer):
    """Passes x (B, T, 1 + n_x) on without its first feature, the number of the example, which it writes down."""

    def build(self, shape):
        self.seen = self.add_weight(shape=(EPOCHS * N,), dtype="int32", initializer="zeros", trainable=False)
        self.count = self.add_weight(shape=(), dtype="int32", initializer="zeros", trainable=False)

    def call(self, x, training=False):
        if training:
            numbers = tf.cast(x[:, 0, 0], "int32")
            where = (self.count + tf.range(tf.shape(x)[0]))[:, None]
            self.seen.assign(tf.tensor_scatter_nd_update(self.seen.value, where, numbers))
            self.count.assign_add(tf.shape(x)[0])
        return x[..., 1:]


def recording(stateful=False, run_eagerly=False):
    x = keras.Input((T, 4), batch_size=2 if stateful else None)
    cell = krb.BasicRNNCell(5, 1, seed=1)
    model = keras.Model(x, krb.BasicRNN(cell, stateful=stateful)(Recorder()(x)))
    model.compile(keras.optimizers.SGD(1e-2), "mean_squared_error", run_eagerly=run_eagerly)
    return model


@pytest.fixture
def data(rng):
    x = rng.normal(size=(N, T, 4)).astype("float32")
    x[:, :, 0] = np.arange(N)[:, None]
    return x, x[..., 1:].sum(axis=(1, 2))[:, None]


def orders(run):
    return np.asarray(run.model.layers[1].seen).reshape(EPOCHS, N)


def test_every_epoch_shows_every_example_once_in_an_order_of_its_own(data, tmp_path):
    arguments = {"epochs": EPOCHS, "batch_size": B, "verbose": 0}
    runs = [
        krb.fit(
            lambda eager=eager: recording(run_eagerly=eager), data, None, tmp_path / str(seed), seed=seed, **arguments
        )
        for seed, eager in ((3, False), (4, True))
    ]
    assert all(run.best_epoch == EPOCHS for run in runs)
    for order in orders(runs[0]):
        np.testing.assert_array_equal(np.sort(order), np.arange(N))
    different = {tuple(order) for run in runs for order in orders(run)}
    assert len(different) == 2 * EPOCHS


def test_the_examples_of_a_stateful_model_keep_their_order(data, tmp_path):
    run = krb.fit(lambda: recording(stateful=True), data, None, tmp_path, epochs=EPOCHS, batch_size=2, verbose=0)
    assert run.best_epoch == EPOCHS
    np.testing.assert_array_equal(orders(run), np.tile(np.arange(N), (EPOCHS, 1)))


OPTIMIZERS = {"SGD": lambda: keras.optimizers.SGD(0.05), "Adam": lambda: keras.optimizers.Adam(1e-2)}


@pytest.mark.parametrize(
    ("optimizer", "compiler"),
    cases(itertools.product(OPTIMIZERS, ["xla", "no_xla"]), [("Adam", "xla")]),
)
def test_it_equals_keras_fit_of_the_same_order(data, tmp_path, optimizer, compiler, monkeypatch):
    (x, y), weights = data, np.linspace(0.5, 2, N)
    x = x[..., 1:]
    if compiler == "no_xla":
        monkeypatch.setattr(programs, "MULTIPLICATIONS", 0)
        monkeypatch.setattr(programs, "ROWS", 0)

    def build():
        model = krb.build_many_to_one((3,), 5, 1)
        model.compile(OPTIMIZERS[optimizer](), "mean_squared_error", metrics=["mae"], weighted_metrics=["mse"])
        return model

    keras.utils.set_random_seed(7)
    keras_model = build()
    keras_model.run_eagerly = compiler == "xla"  # here Keras need not compile too
    rows = {"loss": [], "mae": [], "mse": [], "val_loss": [], "val_mae": [], "val_mse": []}
    for epoch in range(EPOCHS):
        order = np.random.default_rng((7, epoch)).permutation(N)
        history = keras_model.fit(
            *(part[order] for part in (x, y)),
            sample_weight=weights[order],
            validation_data=(x[:7], y[:7]),
            batch_size=B,
            shuffle=False,
            verbose=0,
        ).history
        for name, values in history.items():
            rows[name] += values
    run = krb.fit(build, (x, y, weights), (x[:7], y[:7]), tmp_path, epochs=EPOCHS, batch_size=B, seed=7, verbose=0)
    assert run.history.keys() == rows.keys()
    for name, values in rows.items():
        np.testing.assert_allclose(run.history[name], values, rtol=1e-5)
    assert run.best_epoch == EPOCHS
    for own, theirs in zip(run.model.get_weights(), keras_model.get_weights()):
        np.testing.assert_allclose(own, theirs, atol=1e-6)


def test_class_weights_of_a_dataset_are_refused(tmp_path):
    batches = tf.data.Dataset.from_tensors((np.ones((2, 5, 3), "float32"), np.ones((2, 1), "float32")))
    with pytest.raises(ValueError, match=r"^class_weight needs arrays: let a Dataset give \(x, y, sample_weight\)"):
        krb.fit(small_model.build, batches, None, tmp_path, class_weight={0: 2.0})


def test_class_weights_are_the_sample_weights_of_the_classes(rng, tmp_path):
    x, y = rng.normal(size=(12, T, 3)), np.tile([0, 1, 2], 4)

    def build():
        model = krb.build_many_to_one((3,), 4, 3, output_activation="softmax")
        model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", run_eagerly=True)
        return model

    weights = np.array([1.0, 5.0, 0.5])
    asked = {"epochs": 2, "verbose": 0}
    by_class = krb.fit(build, (x, y), None, tmp_path / "class", class_weight={1: 5.0, 2: 0.5}, **asked)
    by_example = krb.fit(build, (x, y, weights[y]), None, tmp_path / "example", **asked)
    assert by_class.history == by_example.history
    one_hot = krb.fit(build_one_hot, (x, np.eye(3)[y]), None, tmp_path / "hot", class_weight={1: 5.0, 2: 0.5}, **asked)
    np.testing.assert_allclose(one_hot.history["loss"], by_class.history["loss"], rtol=1e-5)


def build_one_hot():
    model = krb.build_many_to_one((3,), 4, 3, output_activation="softmax")
    model.compile(keras.optimizers.SGD(0.1), "categorical_crossentropy", run_eagerly=True)
    return model


def test_a_train_step_of_the_user_s_own_is_taken_and_its_logs_are_logged(data, tmp_path):
    class Own(keras.Model):
        def train_step(self, batch):
            return {**super().train_step(batch), "rows": tf.shape(batch[0])[0]}

    def build():
        inner = krb.build_many_to_one((3,), 4, 1)
        model = Own(inner.inputs, inner.outputs)
        model.compile(keras.optimizers.SGD(1e-2), "mean_squared_error")
        return model

    run = krb.fit(build, (data[0][..., 1:], data[1]), None, tmp_path, epochs=1, batch_size=B, verbose=0)
    assert run.history["rows"] == [2]  # the last batch


@pytest.mark.long
def test_a_dataset_gives_what_its_arrays_give(data, tmp_path):
    x, y = data[0][..., 1:], data[1]

    def build():
        model = krb.build_many_to_one((3,), 5, 1)
        model.compile(keras.optimizers.SGD(0.05), "mean_squared_error", metrics=["mae"])
        return model

    ordered = np.random.default_rng((0, 0)).permutation(N)
    batches = tf.data.Dataset.from_tensor_slices((x[ordered], y[ordered].astype("float32"))).batch(B)
    arguments = {"epochs": 1, "batch_size": B, "verbose": 0}
    from_arrays = krb.fit(build, (x, y), (x, y), tmp_path / "arrays", **arguments)
    from_batches = krb.fit(build, batches, (x, y), tmp_path / "batches", **arguments)
    unknown_length = krb.fit(build, batches.filter(lambda x, y: True), (x, y), tmp_path / "unknown", **arguments)
    for run in (from_batches, unknown_length):
        for name, values in from_arrays.history.items():
            np.testing.assert_allclose(run.history[name], values, rtol=1e-5)


@pytest.mark.long
def test_callbacks_are_called_around_every_call_of_as_many_steps_as_the_model_asks_for(data, tmp_path):
    called = []

    class Listener(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            called.append(("begin", batch))

        def on_train_batch_end(self, batch, logs=None):
            called.append(("end", batch))
            if len(called) == 4 and self.params["epochs"] == 9:
                self.model.stop_training = True

    def build():
        model = recording()
        model.compile(keras.optimizers.SGD(1e-2), "mean_squared_error", steps_per_execution=2)
        return model

    arguments = {"batch_size": B, "verbose": 0, "callbacks": [Listener()]}
    krb.fit(build, data, None, tmp_path, epochs=1, **arguments)
    # Five whole batches and a smaller one.
    assert called == [
        ("begin", 0),
        ("end", 1),
        ("begin", 2),
        ("end", 3),
        ("begin", 4),
        ("end", 4),
        ("begin", 5),
        ("end", 5),
    ]
    called.clear()
    run = krb.fit(build, data, None, tmp_path, epochs=9, **arguments)
    assert len(called) == 4
    assert len(run.history["loss"]) == 1


def test_a_model_that_runs_eagerly_does_so(data, tmp_path):
    eager = []

    class Spy(keras.layers.Layer):
        def call(self, x):
            eager.append(tf.executing_eagerly())
            return x

    def build():
        inner = krb.build_many_to_one((3,), 4, 1)
        x = keras.Input((T, 3))
        model = keras.Model(x, inner(Spy()(x)))
        model.compile("sgd", "mean_squared_error", run_eagerly=True)
        eager.clear()
        return model

    krb.fit(build, (data[0][:4, :, 1:], data[1][:4]), None, tmp_path, epochs=1, batch_size=2, verbose=0)
    assert eager == [True, True]


def test_a_call_takes_about_a_fifth_of_a_second(monkeypatch):
    now, pace, taken = [0.0], Pace(), []
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    for _ in range(6):
        began, steps = now[0], pace.steps
        now[0] += 0.001 * steps
        pace.learn(steps, began)
        taken.append(steps)
    assert taken == [1, 1, 8, 64, 200, 200]
