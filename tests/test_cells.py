"""The other cells, against loops in numpy that know nothing of the package."""

import keras
import numpy as np
import pytest
from test_cell import random_cell, weights_of
from test_layer import gradients

from keras_rnn_basics import BasicRNN, BasicRNNCell, LayerNormRNNCell, LeakyRNNCell


def normalised(w, z_t, a_prev):
    s_t = z_t + a_prev @ w["W_aa"]
    mean = s_t.mean(axis=1, keepdims=True)
    variance = ((s_t - mean) ** 2).mean(axis=1, keepdims=True)
    return np.tanh(w["gamma"] * (s_t - mean) / np.sqrt(variance + 1e-3) + w["beta"])


def leaky(w, z_t, a_prev):
    alpha = 1 / (1 + np.exp(-w["alpha_logit"])) if "alpha_logit" in w else 0.3
    return (1 - alpha) * a_prev + alpha * np.tanh(z_t + a_prev @ w["W_aa"])


def loop(step, w, x, mask=None):
    """(B, T, n_x) -> ŷ (B, T, n_y) and a (B, T, n_a), one step after the other; a masked step carries the state."""
    w = {name: np.asarray(value, dtype="float64") for name, value in w.items()}
    a_prev, states = np.zeros((len(x), len(w["W_aa"]))), []
    for t in range(x.shape[1]):
        a_t = step(w, x[:, t] @ w["W_ax"] + w["b_x"] + w["b_a"], a_prev)
        a_prev = a_t if mask is None else np.where(mask[:, t, None], a_t, a_prev)
        states.append(a_prev)
    a = np.stack(states, axis=1)
    return (a @ w["W_ya"] + w["b_y"] if "W_ya" in w else a), a


CELLS = {
    "layer_norm": (LayerNormRNNCell, normalised, {}),
    "leaky": (LeakyRNNCell, leaky, {"alpha": 0.3}),
    "learned_leak": (LeakyRNNCell, leaky, {"alpha": 0.3, "learn_alpha": True}),
}
every_cell = pytest.mark.parametrize(("kind", "step", "arguments"), CELLS.values(), ids=CELLS)


def random(rng, kind, units=5, output_units=2, n_x=3, **arguments):
    cell = kind(units, output_units, **arguments)
    cell.build((None, n_x))
    cell.set_weights([w + rng.normal(scale=0.5, size=w.shape) for w in cell.get_weights()])
    return cell


@every_cell
@pytest.mark.parametrize("masked", [False, True])
def test_both_layers_equal_the_loop_in_numpy(rng, x, mask, kind, step, arguments, masked):
    mask = mask if masked else None
    cell = random(rng, kind, **arguments)
    y, a = loop(step, weights_of(cell), x, mask)
    begun = np.ones((4, 6, 1)) if mask is None else mask.cumsum(axis=1)[..., None] > 0
    for layer in (BasicRNN, keras.layers.RNN):
        answers, a_T = layer(cell, return_sequences=True, return_state=True)(x, mask=mask)
        np.testing.assert_allclose(answers, y * begun, atol=1e-5)
        np.testing.assert_allclose(a_T, a[:, -1], atol=1e-5)
    np.testing.assert_allclose(BasicRNN(cell).activations(x, mask=mask), a, atol=1e-5)


# LeakyRNNCell every day with the leak that is learned.
@pytest.mark.parametrize(
    ("kind", "step", "arguments"),
    [pytest.param(*own, id=name, marks=[pytest.mark.long] if name == "leaky" else []) for name, own in CELLS.items()],
)
def test_a_compiled_function_gives_the_loops_values_and_finite_differences(rng, x, mask, kind, step, arguments):
    import tensorflow as tf

    cell = random(rng, kind, **arguments)
    rnn = BasicRNN(cell, return_sequences=True)
    w, dy = weights_of(cell), rng.normal(size=(4, 6, 2)) * (mask.cumsum(axis=1)[..., None] > 0)
    compiled = tf.function(lambda x, mask, dy: (rnn(x, mask=mask), gradients(rnn, x, dy, mask=mask)))
    y, of_weights = compiled(tf.constant(x), tf.constant(mask), tf.constant(dy))
    assert rnn.recurrence_route.startswith("per_core: ")
    np.testing.assert_allclose(np.asarray(y)[mask], loop(step, w, x, mask)[0][mask], atol=1e-5)

    def cost(name, index, change):
        moved = {key: np.array(value, dtype="float64") for key, value in w.items()}
        moved[name][index] += change
        return (loop(step, moved, x, mask)[0] * dy).sum()

    for name, value in w.items():
        differences = np.zeros(value.shape)
        for index in np.ndindex(value.shape):
            differences[index] = (cost(name, index, 1e-5) - cost(name, index, -1e-5)) / 2e-5
        np.testing.assert_allclose(of_weights[name], differences, atol=2e-4, rtol=1e-3, err_msg=name)


@every_cell
def test_deep_and_bidirectional_equal_the_loop_in_numpy(rng, x, kind, step, arguments):
    lower, upper = random(rng, kind, output_units=None, **arguments), random(rng, kind, n_x=5, **arguments)
    deep = BasicRNN(upper, return_sequences=True)(BasicRNN(lower, return_sequences=True)(x))
    expected, _ = loop(step, weights_of(upper), loop(step, weights_of(lower), x)[0])
    np.testing.assert_allclose(deep, expected, atol=1e-5)

    layer = BasicRNN(random(rng, kind, **arguments), return_sequences=True)
    both = keras.layers.Bidirectional(layer, merge_mode="sum")
    summed = both(x)
    forwards = loop(step, weights_of(both.forward_layer.cell), x)[0]
    backwards = loop(step, weights_of(both.backward_layer.cell), x[:, ::-1])[0][:, ::-1]
    np.testing.assert_allclose(summed, forwards + backwards, atol=1e-5)


@every_cell
def test_saving_and_cloning_keep_every_argument(rng, x, tmp_path, kind, step, arguments):
    own = {"epsilon": 0.5} if kind is LayerNormRNNCell else arguments
    inputs = keras.Input((None, 3))
    cell = random(rng, kind, **own, activation="sigmoid", frozen=("b_x",), learned_initial_state=True)
    model = keras.Model(inputs, BasicRNN(cell, return_sequences=True, name="rnn")(inputs))
    model.save(tmp_path / "model.keras")
    loaded, clone = keras.models.load_model(tmp_path / "model.keras"), keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    for copy in (loaded, clone):
        assert copy.get_layer("rnn").cell.get_config() == cell.get_config()
        assert {name: copy.get_layer("rnn").cell.get_config()[name] for name in own} == own
        np.testing.assert_allclose(copy(x), model(x), atol=1e-6)


@every_cell
def test_mixed_precision_steps_in_half_and_keeps_whole_weights(rng, x, kind, step, arguments):
    cell = random(rng, kind, **arguments, dtype="mixed_float16")
    rnn = BasicRNN(cell, return_sequences=True, return_state=True, recurrence="plain", dtype="mixed_float16")
    y, a_T = rnn(x)
    expected, a = loop(step, weights_of(cell), x)
    assert {keras.backend.standardize_dtype(tensor.dtype) for tensor in (y, a_T)} == {"float16"}
    assert {weight.dtype for weight in cell.weights} == {"float32"}
    np.testing.assert_allclose(y, expected, atol=2e-2)
    np.testing.assert_allclose(a_T, a[:, -1], atol=2e-2)


@every_cell
def test_their_equations_are_their_own_and_the_loop_of_the_plain_cell_is_not_theirs(kind, step, arguments):
    cell = kind(5, 2, **arguments)
    assert cell.still_says("equations", "project", "advance", "readout")
    assert not cell.still_says("elman", "project", "advance", "readout")
    assert cell.step_by_step is None
    assert cell.equations != BasicRNNCell(5, 2).equations
    assert cell.equations[-1] == BasicRNNCell(5, 2).equations[-1]


# Layer normalisation.


def test_normalisation_forgets_the_size_of_the_sum_and_what_all_units_share(rng, x):
    cell = LayerNormRNNCell(5, epsilon=1e-9)
    one_step = BasicRNN(cell)
    expected = one_step(x[:, :1])
    np.testing.assert_allclose(one_step(1000 * x[:, :1]), expected, atol=1e-4)
    cell.b_x.assign(np.full(5, 7.0))
    np.testing.assert_allclose(one_step(x[:, :1]), expected, atol=1e-4)


def test_one_unit_cannot_be_normalised():
    with pytest.raises(ValueError, match="units must be at least 2, got 1: the normalised sum of a single unit"):
        LayerNormRNNCell(1)
    with pytest.raises(ValueError, match="epsilon must be a positive number, got 0"):
        LayerNormRNNCell(4, epsilon=0)


# The leaky integrator.


def test_a_leak_of_one_is_the_plain_cell(rng, x):
    plain = random_cell(rng)
    cell = LeakyRNNCell(5, 2, alpha=1.0)
    cell.build((None, 3))
    cell.set_weights(plain.get_weights())
    np.testing.assert_allclose(BasicRNN(cell)(x), BasicRNN(plain)(x), atol=1e-6)


def test_without_input_a_unit_keeps_its_part_of_what_it_held():
    cell = LeakyRNNCell(2, alpha=0.25, initializers={"W_aa": "zeros"})
    a = BasicRNN(cell, return_sequences=True)(np.zeros((1, 3, 1)), initial_state=np.ones((1, 2)))
    np.testing.assert_allclose(a[0], [[0.75] * 2, [0.75**2] * 2, [0.75**3] * 2], rtol=1e-6)


def test_a_learned_leak_begins_at_alpha_and_stays_between_zero_and_one():
    cell = LeakyRNNCell(4, alpha=0.1, learn_alpha=True)
    rnn = BasicRNN(cell)
    model = keras.Sequential([keras.Input((3, 2)), rnn, keras.layers.Dense(1)])
    np.testing.assert_allclose(keras.ops.sigmoid(cell.alpha_logit), np.full(4, 0.1), rtol=1e-5)
    model.compile(keras.optimizers.SGD(100.0), "mean_squared_error")
    model.train_on_batch(np.ones((8, 3, 2)), np.full((8, 1), 5.0))
    alpha = np.asarray(keras.ops.sigmoid(cell.alpha_logit))
    assert (np.abs(alpha - 0.1) > 1e-3).all()
    assert ((alpha >= 0) & (alpha <= 1)).all()


@pytest.mark.parametrize("alpha", [0, -0.5, 1.5, float("nan")])
def test_an_alpha_that_is_no_leak_is_refused(alpha):
    with pytest.raises(ValueError, match=r"alpha must be a number in \(0, 1\], below 1 if it is learned, got "):
        LeakyRNNCell(4, alpha=alpha)
    with pytest.raises(ValueError, match=r"below 1 if it is learned, got 1\."):
        LeakyRNNCell(4, alpha=1, learn_alpha=True)


def test_recurrent_dropout_drops_what_leaks_too():
    # Without input and with W_aa = 0 a kept unit holds (1 - α) / (1 - p) = 1.5 of its state, a dropped one nothing.
    cell = LeakyRNNCell(50, alpha=0.25, recurrent_dropout=0.5, initializers={"W_aa": "zeros"}, seed=1)
    rnn = BasicRNN(cell, return_sequences=True)
    a = np.asarray(rnn(np.zeros((1, 2, 1)), initial_state=np.ones((1, 50)), training=True))[0]
    kept = a[0] > 0
    assert 0.2 < kept.mean() < 0.8
    np.testing.assert_allclose(a, [1.5 * kept, 1.5**2 * kept], rtol=1e-6)
