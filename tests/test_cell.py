import keras
import numpy as np
import oracle
import pytest

from keras_rnn_basics import BasicRNN, BasicRNNCell

WEIGHTS = ["W_aa", "W_ax", "W_ya", "b_a", "b_x", "b_y"]


def random_cell(rng, units=5, output_units=2, n_x=3, **arguments):
    cell = BasicRNNCell(units, output_units, **arguments)
    cell.build((None, n_x))
    cell.set_weights([rng.normal(scale=0.5, size=weight.shape) for weight in cell.get_weights()])
    return cell


def weights_of(cell):
    return {name: np.asarray(getattr(cell, name)) for name in cell.weight_names}


def test_the_six_weights_are_named_and_shaped_as_in_the_equations():
    cell = BasicRNNCell(5, output_units=2)
    cell.build((None, 3))
    shapes = {name: tuple(getattr(cell, name).shape) for name in WEIGHTS}
    assert shapes == {"W_aa": (5, 5), "W_ax": (3, 5), "W_ya": (5, 2), "b_a": (5,), "b_x": (5,), "b_y": (2,)}
    assert [weight.name for weight in cell.weights] == WEIGHTS


def test_the_default_weights_are_orthogonal_glorot_and_zero():
    cell = BasicRNNCell(50, output_units=20)
    cell.build((None, 30))
    W_aa = np.asarray(cell.W_aa)
    np.testing.assert_allclose(W_aa @ W_aa.T, np.eye(50), atol=1e-5)
    for name, limit in {"W_ax": np.sqrt(6 / 80), "W_ya": np.sqrt(6 / 70)}.items():
        values = np.abs(np.asarray(getattr(cell, name)))
        assert 0.9 * limit < values.max() <= limit
    assert all(not np.asarray(getattr(cell, name)).any() for name in ("b_a", "b_x", "b_y"))


@pytest.mark.parametrize("g", ["tanh", "relu", "sigmoid", "linear"])
def test_one_step_is_the_equation(rng, g):
    cell = random_cell(rng, activation=g)
    x_t, a_prev = rng.normal(size=(4, 3)), rng.normal(size=(4, 5))
    y_t, [a_t] = cell(x_t, [a_prev])
    expected_y, expected_a = oracle.forward(weights_of(cell), x_t[:, None], a_prev, g=g)
    np.testing.assert_allclose(a_t, expected_a[:, 0], atol=1e-5)
    np.testing.assert_allclose(y_t, expected_y[:, 0], atol=1e-5)


def test_project_advance_and_readout_compose_to_the_step(rng):
    cell = random_cell(rng, output_activation="sigmoid")
    x_t, a_prev = rng.normal(size=(4, 3)), rng.normal(size=(4, 5))
    y_t, [a_t] = cell(x_t, [a_prev])
    [a] = cell.advance(cell.project(x_t), [a_prev])
    np.testing.assert_allclose(a, a_t, atol=1e-6)
    np.testing.assert_allclose(cell.readout([a]), y_t, atol=1e-6)


def test_without_output_units_the_output_is_the_state(rng):
    cell = BasicRNNCell(5)
    y_t, [a_t] = cell(rng.normal(size=(4, 3)), [np.zeros((4, 5))])
    np.testing.assert_array_equal(y_t, a_t)
    assert len(cell.weights) == 4
    assert cell.output_size == 5


def test_it_works_in_keras_rnn_stacked_and_bidirectional(rng, x):
    lower, upper = random_cell(rng, output_units=None), random_cell(rng, n_x=5)
    stacked = keras.layers.RNN(keras.layers.StackedRNNCells([lower, upper]), return_sequences=True)(x)
    _, a = oracle.forward(weights_of(lower) | {"W_ya": np.zeros((5, 1)), "b_y": np.zeros(1)}, x)
    np.testing.assert_allclose(stacked, oracle.forward(weights_of(upper), a)[0], atol=1e-5)

    both = keras.layers.Bidirectional(keras.layers.RNN(random_cell(rng), return_sequences=True), merge_mode="sum")
    summed = both(x)
    forwards = oracle.forward(weights_of(both.forward_layer.cell), x)[0]
    backwards = oracle.forward(weights_of(both.backward_layer.cell), x[:, ::-1])[0][:, ::-1]
    np.testing.assert_allclose(summed, forwards + backwards, atol=1e-5)


def test_initializers_regularizers_and_constraints_reach_the_weight_they_name():
    cell = BasicRNNCell(
        5,
        2,
        initializers={"W_aa": "identity", "b_y": keras.initializers.Constant(3.0)},
        regularizers={"W_ax": keras.regularizers.L2(0.5)},
        constraints={"W_ya": "non_neg"},
    )
    cell.build((None, 3))
    np.testing.assert_array_equal(cell.W_aa, np.eye(5))
    np.testing.assert_array_equal(cell.b_y, [3.0, 3.0])
    assert float(sum(cell.losses)) == pytest.approx(0.5 * float((np.asarray(cell.W_ax) ** 2).sum()), rel=1e-5)
    assert isinstance(cell.W_ya.constraint, keras.constraints.NonNeg)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"units": 0}, "units must be a positive integer, got 0"),
        ({"units": 2.5}, "units must be a positive integer, got 2.5"),
        ({"units": True}, "units must be a positive integer, got True"),
        ({"units": 3, "output_units": -1}, "output_units must be a positive integer, got -1"),
        ({"units": 3, "dropout": 1.0}, r"dropout must be a number in \[0, 1\), got 1.0"),
        ({"units": 3, "recurrent_dropout": -0.1}, r"recurrent_dropout must be a number in \[0, 1\)"),
        ({"units": 3, "initializers": {"W_xx": "zeros"}}, r"names \['W_xx'\], but the weights of this cell are"),
        ({"units": 3, "regularizers": {"W_ya": "l2"}}, r"names \['W_ya'\]"),
        ({"units": 3, "constraints": "non_neg"}, "constraints must be a dict"),
        ({"units": 3, "output_activation": "softmax"}, "needs output_units"),
    ],
)
def test_bad_arguments_say_what_came_and_what_would_do(arguments, message):
    with pytest.raises(ValueError, match=message):
        BasicRNNCell(**arguments)


def test_dropout_drops_whole_inputs_and_scales_the_others(rng):
    cell = random_cell(rng, dropout=0.5, activation="linear", seed=1)
    x_t = np.ones((200, 3), dtype="float32")
    mask = np.asarray(cell.get_dropout_mask(x_t))
    assert set(np.unique(mask)) == {0.0, 2.0}
    assert 0.4 < (mask == 0).mean() < 0.6
    _, [a_t] = cell(x_t, [np.zeros((200, 5))], training=True)
    np.testing.assert_allclose(a_t, cell.project(x_t * mask), atol=1e-5)


def test_one_dropout_mask_serves_a_sequence_and_the_next_call_draws_anew(rng):
    # With W_ax = I, W_aa = 0 and a linear g the activations are the dropped inputs themselves.
    cell = BasicRNNCell(8, activation="linear", dropout=0.5, seed=1, initializers={"W_ax": "identity", "W_aa": "zeros"})
    rnn = BasicRNN(cell, return_sequences=True)
    x = np.ones((4, 6, 8), dtype="float32")
    first, second = np.asarray(rnn(x, training=True)), np.asarray(rnn(x, training=True))
    for dropped in (first, second):
        assert set(np.unique(dropped)) == {0.0, 2.0}
        np.testing.assert_array_equal(dropped, np.repeat(dropped[:, :1], 6, axis=1))
    assert (first != second).any()
    np.testing.assert_array_equal(rnn(x), x)


def test_recurrent_dropout_drops_the_same_states_at_every_step():
    # With W_aa = W_ax = I and a linear g: a dropped unit stays at a_t = x_t = 1, a kept one is a_t = 1 + 2 a_{t-1}.
    cell = BasicRNNCell(
        8, activation="linear", recurrent_dropout=0.5, seed=1, initializers={"W_ax": "identity", "W_aa": "identity"}
    )
    a = np.asarray(BasicRNN(cell, return_sequences=True)(np.ones((4, 5, 8), dtype="float32"), training=True))
    kept = a[:, 1] > 1
    assert 0 < kept.mean() < 1
    np.testing.assert_array_equal(a[:, 4], np.where(kept, 31.0, 1.0))


def test_the_same_seed_drops_the_same():
    def dropped(seed):
        cell = BasicRNNCell(8, dropout=0.5, recurrent_dropout=0.3, seed=seed, initializers={"W_ax": "ones"})
        return np.asarray(BasicRNN(cell)(np.ones((4, 5, 8), dtype="float32"), training=True))

    keras.utils.set_random_seed(1)
    first = dropped(7)
    keras.utils.set_random_seed(1)
    np.testing.assert_array_equal(first, dropped(7))
    keras.utils.set_random_seed(1)
    assert (first != dropped(8)).any()
