import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_rnn_basics as krb

N, T, K = 12, 4, 3


def build(loss, output_units=K, output_activation="softmax", sequences=False):
    def make():
        builder = krb.build_many_to_many if sequences else krb.build_many_to_one
        model = builder((2,), 4, output_units, output_activation=output_activation)
        model.compile(keras.optimizers.SGD(1e-3), loss, run_eagerly=True)  # to compile takes longer than to train
        return model

    return make


@pytest.fixture
def x(rng):
    return rng.normal(size=(N, T, 2)).astype("float32")


SPARSE, REAL = build("sparse_categorical_crossentropy"), build("mse", 1, None)
STEPS = build(krb.SumOverTime("sparse_categorical_crossentropy"), sequences=True)
REFUSED = {
    "a class too many": (SPARSE, np.arange(N) % (K + 1), r"y holds 3 in row 3, which is no class.*3 classes.*0 to 2"),
    "a negative class": (SPARSE, np.arange(N) % 2 - 1, r"y holds -1 in row 0, which is no class"),
    "half a class": (SPARSE, np.full(N, 0.5), r"y holds 0.5 in row 0, which is no class"),
    "one-hot classes": (
        SPARSE,
        np.eye(K)[np.arange(N) % K],
        r"y must be \(N,\) whole numbers, one class each.*\(12, 3\)",
    ),
    "a class of a step": (STEPS, np.full((N, T), K), r"y holds 3 in row 0, which is no class"),
    "classes for one-hot": (build("categorical_crossentropy"), np.zeros(N), r"y must be \(N, 3\), to fit"),
    "a label of -1": (build("binary_crossentropy", 1, "sigmoid"), -np.ones(N), r"y holds -1.0 in row 0.* 0 to 1"),
    "many numbers for one": (
        REAL,
        np.zeros((N, 5)),
        r"y must be \(N, 1\), to fit .* under mean_squared_error, got \(12, 5\)",
    ),
    "words": (REAL, np.array(["yes"] * N), r"y must be numbers, got <U3"),
    "objects": (REAL, np.array([[1], [1, 2]] * (N // 2), dtype=object), "y is an array of Python objects"),
    "a row too few": (REAL, np.zeros(N - 1), "as many examples in each of its arrays, got 12 in x, 11 in y"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_targets_that_do_not_fit_the_model_are_refused_before_any_work(x, tmp_path, what):
    make, y, message = REFUSED[what]
    with pytest.raises(ValueError, match=message):
        krb.fit(make, (x, y), None, tmp_path / "run", epochs=1, verbose=0)
    assert not (tmp_path / "run").exists()


def build_two(loss=None):
    inputs = keras.Input((T, 2))
    a, *states = krb.BasicRNN(krb.BasicRNNCell(4), return_sequences=True, return_state=True)(inputs)
    answers = {"steps": keras.layers.Dense(K, activation="softmax")(a), "whole": keras.layers.Dense(1)(states[0])}
    model = keras.Model(inputs, answers)
    loss = loss or {"steps": krb.SumOverTime("sparse_categorical_crossentropy"), "whole": "mean_squared_error"}
    model.compile(keras.optimizers.SGD(1e-3), loss, run_eagerly=True)
    return model


STEPS_OF_TWO, WHOLE = np.zeros((N, T)), np.zeros((N, 1))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ({"steps": np.full((N, T), K), "whole": WHOLE}, r"y\['steps'\] holds 3 in row 0, which is no class"),
        ({"steps": np.zeros((N, T + 1)), "whole": WHOLE}, r"y\['steps'\] must be \(N, 4\) whole numbers"),
        ({"steps": STEPS_OF_TWO, "whole": np.zeros((N, 2))}, r"y\['whole'\] must be \(N, 1\), to fit"),
        ({"steps": STEPS_OF_TWO, "whole": np.array([["a"]] * N)}, r"y\['whole'\] must be numbers, got <U1"),
        ({"steps": STEPS_OF_TWO, "hole": WHOLE}, r"keys \['steps', 'whole'\], .*got \['steps', 'hole'\]"),
        ({"steps": STEPS_OF_TWO}, r"keys \['steps', 'whole'\], .*got \['steps'\]"),
    ],
)
def test_the_targets_of_several_answers_are_looked_at_by_their_names(x, tmp_path, y, message):
    with pytest.raises(ValueError, match=message):
        krb.fit(build_two, (x, y), None, tmp_path / "run", epochs=1, verbose=0)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("as_dataset", [False, pytest.param(True, marks=pytest.mark.long)])
def test_the_logged_loss_of_each_answer_is_the_mean_over_the_examples(x, rng, tmp_path, as_dataset):
    # Of Keras' fit it is not: the last batch of 2 counts there as much as the others of 5.
    y = {"steps": rng.integers(K, size=(N, T)), "whole": rng.normal(size=(N, 1)).astype("float32")}

    def build():
        model = build_two()
        model.compile(keras.optimizers.SGD(0.0), model.loss)
        return model

    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(5) if as_dataset else (x, y)
    run = krb.fit(build, data, data, tmp_path, epochs=1, batch_size=5, verbose=0)
    answers = run.model.predict(x, verbose=0)
    whole = np.mean((answers["whole"] - y["whole"]) ** 2)
    steps = -np.log(np.take_along_axis(answers["steps"], y["steps"][..., None], axis=2)).sum() / N
    for name in ("", "val_"):
        np.testing.assert_allclose(run.history[f"{name}whole_loss"], whole, rtol=1e-5)
        np.testing.assert_allclose(run.history[f"{name}steps_loss"], steps, rtol=1e-5)
        np.testing.assert_allclose(run.history[f"{name}loss"], whole + steps, rtol=1e-5)


def test_a_label_of_one_of_several_answers_that_does_not_count_may_be_any(x, tmp_path):
    steps, weights = np.zeros((N, T)), np.ones((N, T), "float32")
    steps[:, 2:], weights[:, 2:] = -1, 0
    both = {"steps": steps, "whole": WHOLE}, {"steps": weights, "whole": np.ones(N, "float32")}
    run = krb.fit(build_two, (x, *both), None, tmp_path, epochs=1, verbose=0)
    assert np.isfinite(run.history["loss"]).all()


def test_an_answer_without_a_cost_needs_no_targets(x, tmp_path):
    one = {"whole": "mean_squared_error"}
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        run = krb.fit(lambda: build_two(one), (x, {"whole": WHOLE}), None, tmp_path / "one", epochs=1, verbose=0)
    assert run.history["loss"]


def test_the_validation_is_looked_at_as_well(x, tmp_path):
    good, bad = np.arange(N) % K, np.arange(N)
    with pytest.raises(ValueError, match="validation's y holds 3 in row 3, which is no class"):
        krb.fit(SPARSE, (x, good), (x, bad), tmp_path / "run", epochs=1, verbose=0)


def test_inputs_that_do_not_fit_the_model_are_refused(x, tmp_path):
    with pytest.raises(ValueError, match=r"train's x must be \(N, any, 2\) for the model's input .*, got \(12, 4, 1\)"):
        krb.fit(REAL, (x[..., :1], np.zeros(N)), None, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    batches = tf.data.Dataset.from_tensor_slices((x[..., :1], np.zeros(N))).batch(4)
    with pytest.raises(ValueError, match=r"train's x must be \(N, any, 2\)"):
        krb.fit(REAL, batches, None, tmp_path / "run")
    with pytest.raises(ValueError, match=r"train's x is ragged: .* Pad them to one length"):
        krb.fit(REAL, (tf.ragged.constant([[[1.0, 2.0]], []]), np.zeros(2)), None, tmp_path / "run")
    with pytest.raises(ValueError, match=r"train's x is an array of Python objects \(list\).*pad them to one"):
        krb.fit(REAL, (np.array([[1.0], [1.0, 2.0]], dtype=object), np.zeros(2)), None, tmp_path / "run")


def test_a_generator_is_refused(x, tmp_path):
    batches = ((x, np.zeros(N)) for _ in range(3))
    for arguments in ((batches, None), ((x, np.zeros(N)), batches)):
        with pytest.raises(ValueError, match=r"got generator. A generator can be read only once.*from_generator"):
            krb.fit(REAL, *arguments, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_label_that_does_not_count_may_be_anything_where_costs_are_summed_over_time(x, tmp_path):
    labels, weights = np.tile(np.arange(T) % K, (N, 1)), np.ones((N, T))
    labels[5, 2:], weights[5, 2:] = -1, 0
    run = krb.fit(STEPS, (x, labels, weights), None, tmp_path / "weights", epochs=1, verbose=0)
    assert np.isfinite(run.history["loss"]).all()

    def build_masked():
        steps = keras.Input((None, 2))
        y = krb.BasicRNN(krb.BasicRNNCell(4, K, output_activation="softmax"), return_sequences=True)(
            keras.layers.Masking()(steps)
        )
        model = keras.Model(steps, y)
        model.compile("sgd", krb.SumOverTime("sparse_categorical_crossentropy"), run_eagerly=True)
        return model

    padded, labels = x.copy(), np.tile(np.arange(T) % K, (N, 1))
    padded[3, 2:], labels[3, 2:] = 0, -1
    run = krb.fit(build_masked, (padded, labels), None, tmp_path / "mask", epochs=1, verbose=0)
    assert np.isfinite(run.history["loss"]).all()
    labels[4, 1] = -1
    with pytest.raises(ValueError, match="y holds -1 in row 4, which is no class"):
        krb.fit(build_masked, (padded, labels), None, tmp_path / "mask", epochs=1, verbose=0)


def test_numbers_far_from_those_of_a_network_get_a_warning_that_says_what_to_do(x, rng, tmp_path):
    megawatts = 500 + 80 * rng.normal(size=(N, 1))
    mean, spread = float(megawatts.mean()), float(megawatts.std())
    said = rf"mean of {mean:.3g} and a spread .* of {spread:.3g}.*train it on \(y - {mean:.3g}\) / {spread:.3g}"
    with pytest.warns(UserWarning, match=said):
        krb.fit(REAL, (x, megawatts), None, tmp_path, epochs=1, verbose=0)
    with pytest.warns(UserWarning, match="a spread .* of 0.001"):
        krb.fit(REAL, (x, np.tile([[0.001], [-0.001]], (N // 2, 1))), None, tmp_path, epochs=1, verbose=0)

    def build_scaled():
        inner = REAL()
        model = keras.Model(inner.input, mean + 2 * spread * inner.outputs[0])
        model.compile("sgd", "mse", run_eagerly=True)
        return model

    # Here a warning would be an error.
    krb.fit(build_scaled, (x, megawatts), None, tmp_path, epochs=1, verbose=0)
    krb.fit(REAL, (x, (megawatts - mean) / spread), None, tmp_path, epochs=1, verbose=0)


@pytest.mark.parametrize(
    ("loss", "middle"),
    [
        pytest.param("mean_squared_error", np.mean, marks=pytest.mark.long),
        ("mean_absolute_error", np.median),
    ],
)
def test_a_run_that_learned_nothing_is_told_beside_the_best_constant(x, rng, tmp_path, capsys, loss, middle):
    noise, other = rng.gamma(1.0, size=(N, T)), rng.gamma(1.0, size=(N, T))
    costs = {"mean_squared_error": np.square, "mean_absolute_error": np.abs}[loss](other - middle(noise))

    def build_still(rate=0.0):
        model = krb.build_many_to_many((2,), 4, 1)
        model.compile(keras.optimizers.Adam(rate), krb.SumOverTime(loss), run_eagerly=True)
        return model

    run = krb.fit(build_still, (x, noise), (x, other), tmp_path, epochs=5, verbose=0)
    said = f"A constant forecast has a loss of {T * costs.mean():.4g}, the best epoch one of "
    assert f"{said}{min(run.history['val_loss']):.4g}: nothing is learned." in capsys.readouterr().out
    y = x.sum(axis=-1)
    krb.fit(lambda: build_still(0.05), (x, y), (x, y), tmp_path, epochs=5, verbose=0)
    assert "nothing is learned" not in capsys.readouterr().out
