"""Cells of all kinds on every route beside keras.layers.RNN, which knows nothing of their parts."""

import functools
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from everyday import cases
from keras import ops
from test_recurrence import check

from keras_rnn_basics import BasicRNN, BasicRNNCell, RecurrentCell, Weight
from keras_rnn_basics.recurrence import per_core, plain


class OwnStep(BasicRNNCell):
    """The plain step in its own words, so that no loop takes the derivative that is written out."""

    def advance(self, z_t, states):
        return [self.activation(self.recur(states[0], self.W_aa) + z_t)]


class WithoutRecur(BasicRNNCell):
    def advance(self, z_t, states):
        return [self.activation(ops.matmul(states[0], self.W_aa) + z_t)]


class Normalised(BasicRNNCell):
    def declare_weights(self, n_x):
        return {**super().declare_weights(n_x), "gamma": Weight((self.units,), "ones")}

    def advance(self, z_t, states):
        s = z_t + self.recur(states[0], self.W_aa)
        s = s - ops.mean(s, axis=-1, keepdims=True)
        return [ops.tanh(self.gamma * s * ops.rsqrt(ops.mean(s * s, axis=-1, keepdims=True) + 1e-3))]


class Gated(RecurrentCell):
    """Two states, products of products, one weight used twice, one masked, one inside a layer of Keras."""

    def __init__(self, units, **kwargs):
        self.inner = keras.layers.Dense(units, name="inner")
        super().__init__(units, **kwargs)

    @property
    def state_size(self):
        return [self.units, 2 * self.units]

    def declare_weights(self, n_x):
        n = self.units
        return {
            "W_ax": Weight((n_x, n)),
            "W_aa": Weight((n, n), "orthogonal"),
            "W_ca": Weight((n, 2 * n)),
            "W_ac": Weight((2 * n, n)),
        }

    def build(self, x_t_shape):
        self.inner.build((None, self.units))
        super().build(x_t_shape)

    def project(self, x):
        return ops.matmul(x, self.W_ax)

    def advance(self, z_t, states):
        a, c = states
        gate = ops.sigmoid(z_t + self.recur(a, self.W_aa))
        above = self.recur(c, ops.triu(ops.ones((2 * self.units, self.units))) * self.W_ac)
        a = gate * a + (1 - gate) * ops.tanh(self.recur(gate * a, self.W_aa) + self.inner(a) + 0.5 * above)
        return [a, 0.9 * c + ops.tanh(self.recur(a, self.W_ca))]

    def readout(self, states):
        a, c = states
        return a * c[..., : self.units]


CELLS = {
    "its own words": lambda **k: OwnStep(5, 2, **k),
    "no recur": lambda **k: WithoutRecur(5, 2, activation="elu", **k),
    "normalised": lambda **k: Normalised(5, 2, output_activation="softmax", **k),
    "a function of no name": lambda **k: BasicRNNCell(5, activation=lambda s: s / (1 + ops.abs(s)), **k),
    "two states": lambda **k: Gated(5, **k),
    "learned a_0": lambda **k: OwnStep(5, 2, learned_initial_state=True, initializers={"a_0": "ones"}, **k),
}


@pytest.fixture
def x(rng):
    return rng.normal(size=(10, 6, 3)).astype("float32")


@pytest.fixture
def mask(rng):
    mask = rng.random((10, 6)) < 0.7
    mask[0], mask[1], mask[2] = True, False, np.arange(6) < 3
    return mask


def values_and_gradients(rnn, cell, x, mask, training=False, jit=False):
    """What the layer answers, its last states, and ∂ of a cost of both by x and every weight."""

    def run(x):
        cell.seed_generator.state.assign(tf.constant([3, 4], "uint32"))
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = rnn(x, mask=mask, training=training)
            cost = sum(tf.reduce_sum(tf.sin(3 * output) * output) for output in outputs)
        return outputs, tape.gradient(cost, [x, *(weight.value for weight in cell.weights)])

    return tf.function(run, jit_compile=jit, autograph=False)(tf.constant(x))


def by_core(monkeypatch, parts=3, jit=False, remat=False):
    """Makes the route per_core one of so many parts, not compiled: that would take minutes."""
    run = functools.partial(per_core.run, parts=parts, jit=jit, remat=remat)
    monkeypatch.setattr(per_core, "plan", lambda call: ("as the test says", run))


LOOPS = {
    "plain": ("plain", True, True),
    "masked": ("per_core", True, True),
    "unmasked": ("per_core", False, False),
    "remat": ("remat", True, False),
}


@pytest.mark.parametrize(
    ("name", "loop"),
    cases(
        itertools.product(CELLS, LOOPS),
        [
            ("two states", "masked"),
            ("normalised", "plain"),
            ("no recur", "unmasked"),
            ("learned a_0", "remat"),
        ],
    ),
)
def test_any_cell_gives_what_keras_rnn_gives(rng, x, mask, monkeypatch, name, loop):
    recurrence, masked, sequences = LOOPS[loop]
    by_core(monkeypatch, remat=recurrence == "remat")
    cell = CELLS[name]()
    recurrence = "per_core" if recurrence == "remat" else recurrence
    how = {"return_sequences": sequences, "return_state": True, "zero_output_for_mask": False}
    rnn, reference = BasicRNN(cell, recurrence=recurrence, **how), keras.layers.RNN(cell, **how)
    mask = tf.constant(mask) if masked else None
    reference.build(x.shape)
    cell.set_weights([0.4 * rng.normal(size=weight.shape) for weight in cell.weights])
    outputs, gradients = values_and_gradients(rnn, cell, x, mask)
    assert rnn.recurrence_route.startswith(f"{recurrence}: ")
    expected_outputs, expected = values_and_gradients(reference, cell, x, mask)
    for ours, theirs in zip(outputs, expected_outputs, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-5)
    for name, ours, theirs in zip(["x", *(w.path for w in cell.weights)], gradients, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-4, rtol=1e-4, err_msg=name)


@pytest.mark.parametrize(
    ("name", "remat"),
    cases(itertools.product(["normalised", "two states"], [False, True]), [("normalised", True)]),
)
def test_any_cell_when_its_parts_are_compiled(rng, x, mask, monkeypatch, name, remat):
    by_core(monkeypatch, parts=2, jit=True, remat=remat)
    cell = CELLS[name](recurrent_dropout=0.3)
    rnn = BasicRNN(cell, return_sequences=True, return_state=True, recurrence="per_core")
    rnn.build(x.shape)
    cell.set_weights([0.4 * rng.normal(size=weight.shape) for weight in cell.weights])
    outputs, gradients = values_and_gradients(rnn, cell, x, tf.constant(mask), training=True)
    rnn.recurrence = "plain"
    expected_outputs, expected = values_and_gradients(rnn, cell, x, tf.constant(mask), training=True)
    for ours, theirs in zip([*outputs, *gradients], [*expected_outputs, *expected], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("g", "remat"),
    cases(
        itertools.product(["tanh", "relu", "sigmoid", "linear"], [False, True]),
        [("tanh", False), ("relu", True)],
    ),
)
def test_a_derivative_by_tensorflow_equals_the_one_by_hand(rng, x, mask, monkeypatch, g, remat):
    monkeypatch.setattr("test_cell.BasicRNNCell", OwnStep)
    check(functools.partial(per_core.run, parts=2, jit=False, remat=remat), rng, x, g, mask)


def test_a_deviating_product_keeps_its_own_error(rng, x):
    """z_t enters twice, or not at all, beside the product: then the product's error is not that of z_t."""

    class Twice(BasicRNNCell):
        def advance(self, z_t, states):
            return [ops.tanh(z_t + self.recur(states[0], self.W_aa) + 0.3 * z_t)]

    class Scaled(BasicRNNCell):
        def advance(self, z_t, states):
            return [ops.tanh(2.0 * z_t + self.recur(states[0], self.W_aa))]

    for kind in (Twice, Scaled):
        cell = kind(5, 2)
        cell.build((None, 3))
        found = []
        for run in (plain.run, functools.partial(per_core.run, parts=1, jit=False)):
            with tf.GradientTape() as tape:
                y, _ = run(cell, tf.constant(x), [tf.ones((10, 5))], None, None, True)
                cost = tf.reduce_sum(y**2)
            found.append(tape.gradient(cost, [weight.value for weight in cell.weights]))
        for ours, theirs in zip(*found, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-4, rtol=1e-4)


class Halved(BasicRNNCell):
    def call(self, x_t, states, training=False):
        y_t, states = super().call(x_t, states, training)
        return 0.5 * y_t, states


class DropsLess(BasicRNNCell):
    def drop(self, x_t, states):
        x_t, [a_prev] = super().drop(x_t, states)
        return x_t, [0.5 * a_prev + 0.5 * states[0]]


class DropsNothing(BasicRNNCell):
    def get_dropout_mask(self, step_input):
        return None


# Without training, which leaves dropout out: the one that replaces call.
@pytest.mark.parametrize(
    ("kind", "training", "masked"),
    cases(
        itertools.product([Halved, DropsLess, DropsNothing], [False, True], [False, True]),
        [(Halved, False, False), (DropsLess, True, True), (DropsNothing, True, True)],
    ),
)
def test_who_replaces_call_or_dropout_is_run_step_by_step(rng, x, mask, kind, training, masked):
    cell = kind(8, 2, dropout=0.4, recurrent_dropout=0.4)
    how = {"return_sequences": True, "return_state": True, "go_backwards": True}
    rnn, reference = BasicRNN(cell, **how), keras.layers.RNN(cell, **how)
    reference.build(x.shape)
    mask = tf.constant(mask) if masked else None
    results = [values_and_gradients(layer, cell, x, mask, training) for layer in (rnn, reference)]
    assert rnn.recurrence_route.startswith(f"plain: step by step, {kind.__name__} replaces ")
    for ours, theirs in zip(*map(keras.tree.flatten, results), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize(
    "make",
    cases(
        [keras.layers.GRUCell, keras.layers.LSTMCell, keras.layers.SimpleRNNCell],
        [keras.layers.LSTMCell],
    ),
)
def test_the_cells_of_keras_run_as_in_their_own_layers(rng, x, mask, make):
    cell = make(5, recurrent_dropout=0.3)
    rnn, reference = (kind(cell, return_sequences=True, return_state=True) for kind in (BasicRNN, keras.layers.RNN))
    results = [values_and_gradients(layer, cell, x, tf.constant(mask), training=True) for layer in (rnn, reference)]
    assert rnn.recurrence_route == f"plain: step by step, {make.__name__} is no RecurrentCell"
    for ours, theirs in zip(*map(keras.tree.flatten, results), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    states = []  # of every step, where rnn.activations has the first state
    for t in range(1, 7):
        _, a_t, *_ = keras.layers.RNN(cell, return_state=True)(x[:, :t], mask=tf.constant(mask[:, :t]))
        states.append(a_t)
    np.testing.assert_allclose(rnn.activations(x, mask=tf.constant(mask)), np.stack(states, axis=1), atol=1e-5)


def test_a_cell_that_draws_numbers_in_its_parts_is_refused_by_the_compiled_loop(x):
    class Noisy(BasicRNNCell):
        def advance(self, z_t, states):
            return [super().advance(z_t, states)[0] + keras.random.normal(ops.shape(z_t), seed=self.seed_generator)]

    rnn = BasicRNN(Noisy(3), recurrence="per_core")
    with pytest.raises(ValueError, match=r"Noisy changes a variable in project.*recurrence='plain'"):
        tf.function(rnn, autograph=False)(tf.constant(x))


def same_gradients(monkeypatch, cell, x, **options):
    """The layer by parts and keras.layers.RNN agree in all gradients, in training."""
    by_core(monkeypatch, **options)
    layers = [BasicRNN(cell, return_state=True, recurrence="per_core"), keras.layers.RNN(cell, return_state=True)]
    layers[1].build(x.shape)
    results = [values_and_gradients(layer, cell, x, None, training=True) for layer in layers]
    for ours, theirs in zip(*map(keras.tree.flatten, results), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "remat"),
    cases(
        itertools.product(CELLS, [False, True]),
        [("no recur", False)],
    ),
)
def test_dropout_leaves_the_way_back_through_time_open(x, monkeypatch, name, remat):
    same_gradients(monkeypatch, CELLS[name](dropout=0.2, recurrent_dropout=0.4), x, remat=remat)


class Outer(BasicRNNCell):
    """z and the product meet in a sum that is no sum of vectors."""

    def advance(self, z_t, states):
        product = self.recur(states[0], self.W_aa)
        return [ops.mean(ops.tanh(ops.expand_dims(z_t, 1) + ops.expand_dims(product, 2)), axis=1)]


class OfOneRow(BasicRNNCell):
    """A product that is the same for all examples."""

    def advance(self, z_t, states):
        return [ops.tanh(z_t + self.recur(ops.reshape(self.b_a, (1, -1)), self.W_aa) + 0.5 * states[0])]


class HalfRecur(BasicRNNCell):
    def recur(self, a, W):
        return super().recur(a, 0.5 * W)


class InABranch(BasicRNNCell):
    def advance(self, z_t, states):
        product = ops.cond(ops.sum(z_t) > 0, lambda: self.recur(states[0], self.W_aa), lambda: 2.0 * states[0])
        return [ops.tanh(z_t + product)]


class ByAVector(BasicRNNCell):
    def declare_weights(self, n_x):
        return {**super().declare_weights(n_x), "v": Weight((self.units, 1))}

    def advance(self, z_t, states):
        return [ops.tanh(z_t + self.recur(states[0], self.W_aa) * self.recur(states[0], self.v))]


@pytest.mark.parametrize(
    "kind", cases([Outer, OfOneRow, HalfRecur, InABranch, ByAVector], [OfOneRow, HalfRecur, ByAVector])
)
def test_products_in_places_of_all_kinds(x, monkeypatch, kind):
    same_gradients(monkeypatch, kind(4, 2), x, parts=1)


def test_steps_behind_the_last_one_are_none_that_a_cell_cannot_read(x, monkeypatch):
    class OfLengthOne(OwnStep):
        def project(self, x):
            return super().project(x / ops.sqrt(ops.sum(x * x, axis=-1, keepdims=True)))

    same_gradients(monkeypatch, OfLengthOne(4, 2), x[:, :5], remat=True)  # 5 steps in segments of 3


def test_what_is_changed_in_a_cell_counts_from_the_next_graph_on(x):
    from keras_rnn_basics import LeakyRNNCell

    cell = LeakyRNNCell(4, alpha=0.5)
    rnn = BasicRNN(cell, recurrence="per_core")
    before = tf.function(rnn)(tf.constant(x))
    for name, value in (("alpha", 0.1), ("activation", keras.activations.relu)):
        setattr(cell, name, value)
        after = tf.function(rnn)(tf.constant(x))
        assert np.abs(after - before).max() > 1e-3
        np.testing.assert_allclose(after, keras.layers.RNN(cell)(x), atol=1e-5)
        before = after


def test_a_layer_in_a_cell_that_keeps_or_draws_something_is_refused_in_training(x):
    class Normalising(BasicRNNCell):
        def __init__(self, units, inner, **kwargs):
            self.inner = inner
            super().__init__(units, **kwargs)

        def advance(self, z_t, states):
            return [self.inner(super().advance(z_t, states)[0])]

    for inner in (keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)):
        inner.build((None, 3))
        rnn = BasicRNN(Normalising(3, inner), recurrence="per_core")
        graph = tf.function(lambda x, training, rnn=rnn: rnn(x, training=training), autograph=False)
        graph(tf.constant(x), False)
        with pytest.raises(ValueError, match=r"Normalising changes a variable in project.*recurrence='plain'"):
            graph(tf.constant(x), True)


def test_tokens_stay_whole_numbers_in_half_precision():
    class Looks(RecurrentCell):
        def declare_weights(self, n_x):
            return {"E": Weight((1100, self.units), keras.initializers.RandomNormal(stddev=1.0))}

        def project(self, x):
            return ops.take(self.E, ops.cast(x[..., 0], "int32"), axis=0)

        def advance(self, z_t, states):
            return [ops.tanh(z_t + 0.5 * states[0])]

    cell, tokens = Looks(2, dtype="mixed_bfloat16"), np.array([[[997], [998]]])
    layers = [kind(cell, dtype="mixed_bfloat16") for kind in (BasicRNN, keras.layers.RNN)]
    np.testing.assert_array_equal(*(ops.convert_to_numpy(ops.cast(layer(tokens), "float32")) for layer in layers))
