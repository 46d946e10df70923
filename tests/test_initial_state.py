"""A learned initial state: the weight `a_0` of a cell, wherever the cell goes."""

import keras
import numpy as np
import oracle
import pytest
from test_cell import weights_of

from keras_rnn_basics import BasicRNN, BasicRNNCell, RecurrentCell, Weight


def starting_cell(rng, units=5, output_units=2, n_x=3, **arguments):
    cell = BasicRNNCell(units, output_units, learned_initial_state=True, **arguments)
    cell.build((None, n_x))
    cell.set_weights([rng.normal(scale=0.5, size=weight.shape) for weight in cell.get_weights()])
    return cell


def expected(cell, x, mask=None):
    return oracle.forward(weights_of(cell), x, np.tile(cell.a_0, (len(x), 1)), mask)


@pytest.mark.parametrize("layer", [BasicRNN, keras.layers.RNN])
@pytest.mark.parametrize("masked", [False, True])
def test_every_sequence_begins_with_a_0(rng, x, mask, layer, masked):
    mask = mask if masked else None
    cell = starting_cell(rng)
    y, a = expected(cell, x, mask)
    begun = np.ones((4, 6, 1)) if mask is None else mask.cumsum(axis=1)[..., None] > 0
    answers, a_T = layer(cell, return_sequences=True, return_state=True)(x, mask=mask)
    np.testing.assert_allclose(answers, y * begun, atol=1e-5)
    np.testing.assert_allclose(a_T, a[:, -1], atol=1e-5)


def test_a_sequence_that_is_masked_throughout_ends_with_a_0(rng, x):
    cell = starting_cell(rng)
    y, a_T = BasicRNN(cell, return_state=True)(x, mask=np.zeros((4, 6), dtype=bool))
    np.testing.assert_allclose(a_T, np.tile(cell.a_0, (4, 1)), atol=1e-6)
    np.testing.assert_array_equal(y, np.zeros((4, 2)))


def test_it_begins_as_zeros_which_are_what_a_cell_without_it_begins_with(x):
    cell, plain = BasicRNNCell(5, 2, learned_initial_state=True), BasicRNNCell(5, 2)
    for one in (cell, plain):
        one.build((None, 3))
    plain.set_weights(cell.get_weights()[:-1])
    assert cell.weight_names == [*plain.weight_names, "a_0"]
    np.testing.assert_allclose(BasicRNN(cell)(x), BasicRNN(plain)(x), atol=1e-6)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("layer", [BasicRNN, keras.layers.RNN])
def test_its_gradient_is_the_sum_over_the_batch_of_the_oracles(rng, x, mask, layer, compiled):
    import tensorflow as tf

    cell, dy = starting_cell(rng), rng.normal(size=(4, 6, 2))
    rnn = layer(cell, return_sequences=True)
    rnn.build(x.shape)

    def gradient(x, mask, dy):
        with tf.GradientTape() as tape:
            cost = tf.reduce_sum(rnn(x, mask=mask) * dy)
        return tape.gradient(cost, cell.a_0.value)

    answered = mask.cumsum(axis=1)[..., None] > 0
    a_0 = np.tile(cell.a_0, (4, 1))
    reference = oracle.backward(weights_of(cell), x, dy * answered, a_0, mask)["a_0"].sum(axis=0)
    gradient = tf.function(gradient) if compiled else gradient
    given = [tf.constant(value) for value in (x, mask, dy.astype("float32"))]
    np.testing.assert_allclose(gradient(*given), reference, atol=1e-4, rtol=1e-4)


def test_an_initial_state_that_is_given_comes_in_its_place(rng, x):
    cell = starting_cell(rng)
    a_0 = rng.normal(size=(4, 5)).astype("float32")
    np.testing.assert_allclose(
        BasicRNN(cell, return_sequences=True)(x, initial_state=a_0),
        oracle.forward(weights_of(cell), x, a_0)[0],
        atol=1e-5,
    )


def test_each_layer_and_each_direction_has_its_own(rng, x):
    lower, upper = starting_cell(rng, output_units=None), starting_cell(rng, n_x=5)
    deep = BasicRNN(upper, return_sequences=True)(BasicRNN(lower, return_sequences=True)(x))
    _, a = oracle.forward(
        weights_of(lower) | {"W_ya": np.zeros((5, 1)), "b_y": np.zeros(1)}, x, np.tile(lower.a_0, (4, 1))
    )
    np.testing.assert_allclose(deep, expected(upper, a)[0], atol=1e-5)
    stacked = keras.layers.RNN(keras.layers.StackedRNNCells([lower, upper]), return_sequences=True)(x)
    np.testing.assert_allclose(stacked, deep, atol=1e-5)

    both = keras.layers.Bidirectional(BasicRNN(starting_cell(rng), return_sequences=True), merge_mode="sum")
    both.build(x.shape)
    cells = both.forward_layer.cell, both.backward_layer.cell
    assert cells[0].a_0 is not cells[1].a_0
    for cell in cells:
        cell.a_0.assign(rng.normal(size=5))
    forwards, backwards = expected(cells[0], x)[0], expected(cells[1], x[:, ::-1])[0][:, ::-1]
    np.testing.assert_allclose(both(x), forwards + backwards, atol=1e-5)


def test_it_learns_survives_saving_and_cloning_and_can_be_frozen(rng, x, tmp_path):
    def build(**arguments):
        inputs = keras.Input((None, 3))
        cell = BasicRNNCell(5, 2, learned_initial_state=True, **arguments)
        model = keras.Model(inputs, BasicRNN(cell, return_sequences=True, name="rnn")(inputs))
        model.compile("adam", "mean_squared_error", run_eagerly=True)
        model.train_on_batch(x, rng.normal(size=(4, 6, 2)))
        return model

    model = build()
    a_0 = np.asarray(model.get_layer("rnn").cell.a_0)
    assert (a_0 != 0).all()
    model.save(tmp_path / "model.keras")
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    for copy in (keras.models.load_model(tmp_path / "model.keras"), clone):
        np.testing.assert_array_equal(copy.get_layer("rnn").cell.a_0, a_0)
        np.testing.assert_allclose(copy(x), model(x), atol=1e-6)
    frozen = build(frozen=("a_0",), initializers={"a_0": "ones"})
    np.testing.assert_array_equal(frozen.get_layer("rnn").cell.a_0, np.ones(5))


class TwoStates(RecurrentCell):
    """b_t = tanh(x_t W + the first two of a_{t-1}), a_t = a_{t-1} + Σ b_{t-1}: states of the sizes n_a and 2."""

    @property
    def state_size(self):
        return [self.units, 2]

    def declare_weights(self, n_x):
        return {"W": Weight((n_x, 2))}

    def project(self, x):
        return keras.ops.matmul(x, self.W)

    def advance(self, z_t, states):
        a_prev, b_prev = states
        return [a_prev + keras.ops.sum(b_prev, axis=1, keepdims=True), keras.ops.tanh(z_t + a_prev[:, :2])]


def test_a_cell_of_two_states_begins_with_two_weights(x):
    cell = TwoStates(3, learned_initial_state=True, initializers={"a_0_2": "ones"})
    assert cell.weight_names == ["W", "a_0_1", "a_0_2"]
    for layer in (BasicRNN, keras.layers.RNN):
        _, a_T, b_T = layer(cell, return_state=True)(x)
        a, b = np.zeros((4, 3)), np.ones((4, 2))
        for t in range(6):
            a, b = a + b.sum(axis=1, keepdims=True), np.tanh(x[:, t] @ np.asarray(cell.W) + a[:, :2])
        np.testing.assert_allclose(a_T, a, atol=1e-5)
        np.testing.assert_allclose(b_T, b, atol=1e-5)


def test_before_it_is_built_there_is_nothing_to_begin_with():
    with pytest.raises(ValueError, match="learns its initial state, but has no weights yet: build it first"):
        BasicRNNCell(5, learned_initial_state=True, name="cell").initial_state(2)


def test_a_stateful_layer_begins_where_the_last_batch_ended_and_so_learns_no_start():
    with pytest.raises(ValueError, match="stateful=True begins each batch with the last state"):
        BasicRNN(BasicRNNCell(5, learned_initial_state=True), stateful=True)
