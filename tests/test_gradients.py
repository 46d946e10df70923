import itertools

import keras
import matplotlib.pyplot as plt
import numpy as np
import oracle
import pytest
import tensorflow as tf
from everyday import cases

import keras_rnn_basics as krb
from keras_rnn_basics.architectures.anatomy import read
from keras_rnn_basics.cell import Weight
from keras_rnn_basics.datasets import bucketed, bucketed_pairs
from keras_rnn_basics.gradients import error_flow


def weights_of(cell):
    return {name: np.asarray(getattr(cell, name)) for name in cell.weight_names}


def lengths(gradient):
    return float(np.linalg.norm(gradient, axis=-1).mean())


def test_in_a_linear_cell_each_step_back_is_one_product_with_W_aa(rng):
    """∂L_t/∂a_k = ∂L_t/∂a_t (W_aa^T)^(t-k), and for half the squared error ∂L_t/∂a_t = (ŷ_t - y_t) W_ya^T."""
    model = krb.build_many_to_many((3,), 5, 2, activation="linear")
    cell = model.get_layer("rnn_1").cell
    cell.W_aa.assign(rng.normal(scale=0.6, size=(5, 5)))
    x, y = rng.normal(size=(4, 6, 3)), rng.normal(size=(4, 6, 2))
    norms = krb.gradient_flow(
        model, x, y, lambda y, y_pred: 0.5 * tf.reduce_sum((y_pred - tf.cast(y, "float32")) ** 2, -1)
    )
    at_t = (np.asarray(model(x)) - y) @ np.asarray(cell.W_ya).T
    expected = np.zeros((6, 6))
    for t in range(6):
        for k in range(t + 1):
            expected[t, k] = lengths(at_t[:, t] @ np.linalg.matrix_power(np.asarray(cell.W_aa).T, t - k))
    np.testing.assert_allclose(norms, expected, rtol=1e-4)


@pytest.mark.parametrize("g", ["tanh", "sigmoid", "relu"])
def test_the_gradient_flow_is_that_of_backpropagation_by_hand(g, rng):
    model = krb.build_many_to_many((3,), 5, 2, activation=g)
    w = weights_of(model.get_layer("rnn_1").cell)
    x, y = rng.normal(size=(4, 6, 3)), rng.normal(size=(4, 6, 2))
    answers, a = oracle.forward(w, x, g=g)
    expected = np.zeros((6, 6))
    for t in range(6):
        at_t = (answers[:, t] - y[:, t]) @ w["W_ya"].T  # of the mean of two squares
        expected[t, t] = lengths(at_t)
        for k in range(t):
            # a_k is the a_0 of what is left of the sequence; L_t is the only cost there.
            dy = np.zeros_like(answers)
            dy[:, t] = answers[:, t] - y[:, t]
            expected[t, k] = lengths(oracle.backward(w, x[:, k + 1 :], dy[:, k + 1 :], a[:, k], g=g)["a_0"])
    np.testing.assert_allclose(krb.gradient_flow(model, x, y, "mean_squared_error"), expected, rtol=1e-3, atol=1e-7)


def test_a_doubled_answer_has_four_times_the_gradient_of_a_square(rng):
    x_in = keras.Input((None, 3), name="x")
    answer = krb.BasicRNN(krb.BasicRNNCell(4, 2), return_sequences=True, name="rnn")(x_in)
    x, y = rng.normal(size=(4, 5, 3)), np.zeros((4, 5, 2))
    once, doubled = (keras.Model(x_in, y_out) for y_out in (answer, 2.0 * answer))
    norms = [krb.gradient_flow(model, x, y, "mean_squared_error") for model in (once, doubled)]
    np.testing.assert_allclose(norms[1], 4 * norms[0], rtol=1e-5)
    flows, *_ = error_flow(read(doubled), x, y, "mean_squared_error")
    # ∂L/∂ŷ of the doubled answer is half of that of what is doubled.
    for t in range(1, 6):
        below, above = flows["rnn", "", "out", t], flows["", "", "answer", t]
        assert below == pytest.approx(2 * above, rel=1e-5)


def embedded():
    return keras.layers.Embedding(9, 3, mask_zero=True)


class CoupledCell(krb.RecurrentCell):
    """Two states of one size, c_t = (a_{t-1} + c_{t-1}) / 2 and a_t = tanh(z_t + c_t W); the answer is a_t + c_t."""

    @property
    def state_size(self):
        return [self.units, self.units]

    def declare_weights(self, n_x):
        return {"W_ax": Weight((n_x, self.units)), "W": Weight((self.units, self.units))}

    def project(self, x):
        return keras.ops.matmul(x, self.W_ax)

    def advance(self, z_t, states):
        c = 0.5 * (states[0] + states[1])
        return [keras.ops.tanh(z_t + keras.ops.matmul(c, self.W)), c]

    def readout(self, states):
        return states[0] + states[1]


CELLS = {
    "two states": lambda: CoupledCell(4),
    "SimpleRNN": lambda: keras.layers.SimpleRNNCell(4),
    "GRU": lambda: keras.layers.GRUCell(4),
    "LSTM": lambda: keras.layers.LSTMCell(4),
}


@pytest.mark.parametrize(
    ("name", "masked"),
    cases(
        itertools.product(CELLS, [False, True]),
        [("two states", True), ("SimpleRNN", False), ("GRU", True), ("LSTM", False)],
    ),
)
def test_in_any_graph_the_gradient_flow_of_any_cell_is_that_of_its_steps_written_out(name, masked, x, mask, rng):
    cell, above = CELLS[name](), krb.BasicRNN(krb.BasicRNNCell(3, 2), return_sequences=True, name="above")
    inputs = keras.Input((None, 3), name="x")
    given = keras.layers.Masking()(inputs) if masked else inputs
    below = krb.BasicRNN(cell, return_sequences=True, name="below", recurrence="plain")
    model = keras.Model(inputs, 3.0 * above(keras.layers.Concatenate()([below(given), given])))
    x, y = np.where(mask[..., None], x, 0) if masked else x, rng.normal(size=(4, 6, 2))
    there = mask if masked else np.ones((4, 6), bool)

    with tf.GradientTape(persistent=True) as tape:
        states, a, answers, answer = cell.get_initial_state(4), [], [], tf.zeros((4, 4))
        states = states if isinstance(states, list) else [states]
        for t in range(6):
            _, new = cell(x[:, t], states)
            states = [tf.where(there[:, t, None], now, before) for now, before in zip(new, states)]
            tape.watch(states)
            a.append(states)
            y_t = cell.readout(states) if name == "two states" else states[0]
            answer = tf.where(there[:, t, None], y_t, answer)
            answers.append(answer)
        y_pred = 3.0 * above(tf.concat([tf.stack(answers, axis=1), x], axis=2), mask=tf.constant(there))
        costs = [tf.reduce_sum(tf.reduce_mean((y_pred[:, t] - y[:, t]) ** 2, -1)) for t in range(6)]
    gradients = [tape.gradient(costs[t], a, unconnected_gradients="zero") for t in range(6)]
    expected = [[lengths(np.concatenate(g, axis=1)) for g in row] for row in gradients]
    norms = krb.gradient_flow(model, x, y, "mean_squared_error", "below")
    np.testing.assert_allclose(norms, expected, rtol=1e-4, atol=1e-6)


def test_a_batch_of_many_copies_is_measured_piece_by_piece(rng, monkeypatch):
    model = krb.build_many_to_many((3,), [4, 5], 2)
    x, y = rng.normal(size=(3, 5, 3)), rng.normal(size=(3, 5, 2))
    first, last, unnamed = (
        krb.gradient_flow(model, x, y, "mean_squared_error", name) for name in ("rnn_1", "rnn_2", None)
    )
    np.testing.assert_array_equal(unnamed, last)
    assert not np.allclose(first, last)
    monkeypatch.setattr("keras_rnn_basics.gradients.AT_ONCE", 6)
    pieces = krb.gradient_flow(model, x, y, "mean_squared_error")
    np.testing.assert_allclose(pieces, last, rtol=1e-4)
    np.testing.assert_array_equal(np.triu(pieces, 1), 0)


def test_an_orthogonal_W_aa_keeps_a_gradient_that_a_small_one_loses(rng):
    left = {}
    for name, W_aa in {"orthogonal": "orthogonal", "small": keras.initializers.RandomNormal(stddev=0.1)}.items():
        cell = krb.BasicRNNCell(16, 1, activation="linear", initializers={"W_aa": W_aa})
        inputs = keras.Input((None, 2), name="x")
        model = keras.Model(inputs, krb.BasicRNN(cell, return_sequences=True)(inputs))
        norms = krb.gradient_flow(model, rng.normal(size=(2, 12, 2)), np.zeros((2, 12, 1)), "mean_squared_error")
        left[name] = norms[11, 0] / norms[11, 11]
    assert left["orthogonal"] == pytest.approx(1, rel=1e-4)
    assert left["small"] < 1e-3


def test_the_error_that_flows_along_each_line_is_that_of_backpropagation_by_hand(rng):
    model = krb.build_many_to_many((3,), 5, 2)
    w = weights_of(model.get_layer("rnn_1").cell)
    x, y = rng.normal(size=(4, 6, 3)), rng.normal(size=(4, 6, 2))
    flows, costs, *_ = error_flow(read(model), x, y, "mean_squared_error")
    answers, a = oracle.forward(w, x)
    dy = answers - y
    for t in range(1, 7):
        back = oracle.backward(w, x[:, t - 1 :], dy[:, t - 1 :], a[:, t - 2] if t > 1 else None)["a_0"]
        assert flows["rnn_1", "→", "recurrent", t] == pytest.approx(lengths(back), rel=1e-3)
        down = dy[:, t - 1] @ w["W_ya"].T
        assert flows["rnn_1", "→", "up", t] == pytest.approx(lengths(down), rel=1e-3)
        assert flows["", "", "answer", t] == pytest.approx(lengths(dy[:, t - 1]), rel=1e-3)
    np.testing.assert_allclose(costs, ((answers - y) ** 2).mean(axis=(0, 2)), rtol=1e-4)


MODELS = {
    "deep": lambda: krb.build_many_to_many((3,), [5, 4], 2, output_activation="sigmoid"),
    "masked": lambda: krb.build_many_to_many((), [5, 4], 2, frontend=embedded()),
    "bidirectional, masked": lambda: krb.build_many_to_many((), [5, 4], 2, bidirectional=True, frontend=embedded()),
    "one to many": lambda: krb.build_one_to_many(9, 5, embedding_size=3),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_costs_step_by_step_are_those_of_the_model(name, rng):
    model = MODELS[name]()
    tokens = rng.integers(1, 9, size=(4, 6))
    tokens[1, 4:] = 0
    x = rng.normal(size=(4, 6, 3)) if name == "deep" else tokens
    y = rng.normal(size=(4, 6, model.output_shape[-1]))
    _, costs, *_ = error_flow(read(model), x, y, "mean_squared_error")
    mask = tokens != 0 if "masked" in name else None
    expected = krb.per_step_loss(y, model(x), "mean_squared_error", mask)
    np.testing.assert_allclose(costs, expected, rtol=1e-4)


@pytest.mark.parametrize("attention", [False, True])
def test_the_error_handed_over_to_the_encoder_is_the_decoders_gradient(attention, rng):
    model = krb.build_encoder_decoder(9, 7, [5, 4], attention=attention, embedding_size=3)
    x, y_in, y = (rng.integers(1, 7, size=(4, T)) for T in (6, 3, 3))
    x[1, 4:] = 0
    loss = krb.SumOverTime(keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    flows, costs, *_ = error_flow(read(model), [x, y_in], y, loss)
    np.testing.assert_allclose(costs.sum(), float(loss(y, model([x, y_in]))), rtol=1e-4)
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    remembered = [tf.identity(tensor) for tensor in encoder(tf.constant(x))]
    with tf.GradientTape() as tape:
        tape.watch(remembered[:2])
        L = loss(y, decoder([tf.constant(y_in), *remembered]))
    for layer, gradient in zip(("rnn_1", "rnn_2"), tape.gradient(L, remembered[:2])):
        # SumOverTime is the mean over the batch: each example's own gradient is B times its part.
        assert flows[f"decoder/{layer}", "→", "recurrent", 1] == pytest.approx(4 * lengths(gradient), rel=1e-3)


def test_the_error_of_a_bidirectional_answer_flows_to_both_cells(rng):
    model = krb.build_many_to_one((3,), 5, 1, bidirectional=True)
    x, y = rng.normal(size=(4, 6, 3)), rng.normal(size=(4, 1))
    flows, costs, *_ = error_flow(read(model), x, y, "mean_squared_error")
    answer = np.asarray(model(x))
    np.testing.assert_allclose(costs, [((answer - y) ** 2).mean()], rtol=1e-4)
    layer = model.get_layer("rnn_1")
    for direction, cell, t in (("→", layer.forward_layer.cell, 6), ("←", layer.backward_layer.cell, 1)):
        expected = lengths(2 * (answer - y) @ np.asarray(cell.W_ya).T)
        assert flows["rnn_1", direction, "up", t] == pytest.approx(expected, rel=1e-3)


def test_an_arrow_is_as_wide_as_its_gradient_is_long(rng):
    model = krb.build_many_to_many((3,), 5, 2)
    x, y = rng.normal(size=(4, 4, 3)), rng.normal(size=(4, 4, 2))
    ax = krb.plot_backpropagation(model, x, y, "mean_squared_error")
    flows, *_ = error_flow(read(model), x, y, "mean_squared_error")
    beginning = "error-rnn_1-→-recurrent-"
    widths = {
        int(line.get_gid().removeprefix(beginning)): line.get_linewidth()
        for line in ax.lines
        if str(line.get_gid()).startswith(beginning)
    }
    assert sorted(widths) == [2, 3, 4]
    norms = {t: flows["rnn_1", "→", "recurrent", t] for t in widths}
    slopes = [(widths[a] - widths[b]) / (norms[a] - norms[b]) for a, b in ((2, 3), (3, 4))]
    assert slopes[0] == pytest.approx(slopes[1], rel=1e-3)
    assert slopes[0] > 0
    shown = [text.get_text() for text in ax.texts]
    assert all(f"{norm:.2g}" in shown for norm in norms.values())
    plt.close(ax.figure)


def test_a_compiled_model_brings_its_own_loss(rng):
    model = krb.build_many_to_many((3,), 5, 1)
    x, y = rng.normal(size=(4, 3, 3)), rng.normal(size=(4, 3))
    with pytest.raises(ValueError, match="many_to_many was not compiled with a loss"):
        krb.gradient_flow(model, x, y)
    model.compile("sgd", krb.SumOverTime("mean_squared_error"))
    named = krb.gradient_flow(model, x, y, "mean_squared_error")
    np.testing.assert_allclose(krb.gradient_flow(model, x, y), named, rtol=1e-5)


def test_a_cell_that_does_not_say_how_it_answers_is_an_error(rng):
    class Answering(krb.BasicRNNCell):
        def call(self, x_t, states, training=False):
            y_t, states = super().call(x_t, states)
            return 2.0 * y_t, states

    x = keras.Input((None, 3), name="x")
    model = keras.Model(x, krb.BasicRNN(Answering(4, 2, name="cell"), return_sequences=True)(x))
    x, y = rng.normal(size=(2, 3, 3)), rng.normal(size=(2, 3, 2))
    with pytest.raises(
        ValueError, match=r"Answering replaces call, and what cell answers is not its first state itself"
    ):
        krb.gradient_flow(model, x, y, "mean_squared_error")


def test_a_stack_of_cells_and_a_layer_that_runs_twice_are_errors(rng):
    x, batch = keras.Input((None, 3), name="x"), (rng.normal(size=(2, 3, 3)), rng.normal(size=(2, 3, 3)))
    stack = keras.layers.RNN([keras.layers.GRUCell(4), keras.layers.GRUCell(3)], return_sequences=True, name="stack")
    with pytest.raises(ValueError, match="stack has a stack of cells, each with states of its own"):
        krb.gradient_flow(keras.Model(x, stack(x)), *batch, "mean_squared_error")
    twice = keras.layers.GRU(3, return_sequences=True, name="twice")
    with pytest.raises(ValueError, match="twice runs twice in the model"):
        krb.gradient_flow(keras.Model(x, twice(twice(x))), *batch, "mean_squared_error")


def test_a_layer_is_as_it_was_after_its_gradients_were_measured(rng):
    model = krb.build_one_to_many(9, 4, embedding_size=3, stateful_batch_size=2)
    layer, tokens = model.get_layer("rnn_1"), rng.integers(0, 9, size=(2, 3))
    model(tokens)
    kept, route = np.asarray(layer.states[0]), layer.recurrence_route
    krb.gradient_flow(model, tokens, tokens, "sparse_categorical_crossentropy")
    np.testing.assert_array_equal(layer.states[0], kept)
    assert np.any(kept)
    assert (layer.stateful, layer.recurrence_route) == (True, route)
    assert "inner_loop" not in vars(layer)


def test_batches_of_any_integers_and_inputs_by_name_are_measured(rng):
    frontend = keras.layers.Embedding(9, 3, mask_zero=True)
    model = krb.build_many_to_many((), 4, 5, frontend=frontend)
    tokens = [rng.integers(1, 9, size=T).astype("int32") for T in (3, 5, 5)]
    [(x, y)] = bucketed(tokens, [sequence.astype("int64") % 5 for sequence in tokens], buckets=1)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    flows, costs, *_ = error_flow(read(model), x, y, loss)
    assert costs.sum() == pytest.approx(float(krb.SumOverTime(loss)(y, model(x))), rel=1e-5)
    assert flows["rnn_1", "→", "recurrent", 2] > 0
    ax = krb.plot_backpropagation(model, x, y, loss)
    plt.close(ax.figure)
    pair = krb.build_encoder_decoder(9, 9, 4, embedding_size=3)
    [(x, y)] = bucketed_pairs([[5, 6], [7, 8, 3]], [[1, 4, 2], [1, 2]], buckets=1)
    by_name, by_place = (error_flow(read(pair), batch, y, loss)[0] for batch in (x, [x["x"], x["y_in"]]))
    assert by_name == by_place
    with pytest.raises(ValueError, match=r"x must hold the inputs \['x', 'y_in'\] of encoder_decoder"):
        error_flow(read(pair), x["x"], y, loss)


TOKENS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@pytest.mark.parametrize(
    ("build", "n_y", "loss", "dtype"),
    [
        (krb.build_many_to_many, 5, TOKENS, "int64"),  # a label for each step
        (krb.build_many_to_many, 1, "mean_squared_error", "int32"),  # a whole number for each step
        pytest.param(krb.build_many_to_one, 5, TOKENS, "int64", marks=pytest.mark.long),  # one label
        (krb.build_many_to_one, 1, "binary_crossentropy", "int32"),  # yes or no
    ],
)
def test_backpropagation_is_drawn_of_the_batches_that_bucketed_makes(build, n_y, loss, dtype, rng):
    model = build((), 4, n_y, frontend=embedded(), output_activation="sigmoid" if n_y == 1 else None)
    tokens = [rng.integers(1, 9, size=T).astype("int32") for T in (3, 4, 4)]
    labels = [own.astype(dtype) % (5 if n_y == 5 else 2) for own in tokens]
    once = build is krb.build_many_to_one
    [(x, y)] = bucketed(tokens, [own[0] for own in labels] if once else labels, buckets=1)
    ax = krb.plot_backpropagation(model, x, y, loss)
    cost = getattr(keras.losses.get(loss), "call", keras.losses.get(loss))
    each = np.asarray(cost(y if n_y == 5 else y[..., None], model(x)))
    L = each.mean() if once else (each * (np.asarray(x) != 0)).sum() / len(each)
    [shown] = [text.get_text() for text in ax.texts if text.get_text().startswith(("$L$ = ", r"$L = \Sigma"))]
    assert shown.endswith(f" = {L:.2g}")
    plt.close(ax.figure)


def layer_normed():
    x = keras.Input((None, 3), name="x")
    cell = krb.LayerNormRNNCell(4, 2, learned_initial_state=True, frozen=("b_x",))
    return keras.Model(x, krb.BasicRNN(cell, return_sequences=True)(x))


def gru():
    x = keras.Input((None, 3), name="x")
    return keras.Model(x, keras.layers.Dense(2)(keras.layers.GRU(4, return_sequences=True)(x)))


@pytest.mark.parametrize(
    "build",
    [
        lambda: krb.build_encoder_decoder(9, 7, [5, 4], attention=True, embedding_size=3),
        lambda: krb.build_many_to_one((3,), [5, 4], 1, bidirectional=True),
        layer_normed,
        pytest.param(gru, marks=pytest.mark.long),
    ],
    ids=["encoder and decoder", "deep and bidirectional", "layer-normalised", "GRU"],
)
def test_the_gradient_under_a_weight_is_that_of_a_tape_over_the_whole_model(build, rng):
    model = build()
    if len(model.inputs) == 2:
        x, y, loss = [rng.integers(1, 7, size=(4, T)) for T in (5, 3)], rng.integers(1, 7, size=(4, 3)), TOKENS
        x[0][1, 4:] = 0
    else:
        x, loss = rng.normal(size=(4, 5, 3)).astype("float32"), "mean_squared_error"
        y = rng.normal(size=np.asarray(model(x)).shape)
    anatomy = read(model)
    ways = [way for chain in anatomy.chains for way in chain.ways]
    weights = {(part.name, way, w.name): w.value for part, way, layer in ways for w in layer.cell.weights}
    with tf.GradientTape() as tape:
        tape.watch(list(weights.values()))
        L = krb.SumOverTime(loss)(y, model(x)) if len(model.output_shape) == 3 else tf.reduce_mean((model(x) - y) ** 2)
    gradients = {key: np.linalg.norm(own) for key, own in tape.gradient(L, weights).items()}
    measured = error_flow(anatomy, x, y, loss).weights
    assert measured.keys() == gradients.keys()
    for key, length in gradients.items():
        assert measured[key] == pytest.approx(length, rel=1e-3, abs=1e-6), key
    ax = krb.plot_backpropagation(model, x, y, loss)
    shown = sorted(text.get_text() for text in ax.texts if text.get_text().startswith("gradient "))
    assert shown == sorted(f"gradient {length:.2g}" for length in measured.values())
    assert any("the sum of the shares of all steps" in text.get_text() for text in ax.texts)
    plt.close(ax.figure)


def test_in_mixed_precision_and_with_dropout_the_error_is_that_of_float32_without(rng):
    def build(dtype, dropout):
        x = keras.Input((None, 3), name="x", dtype="float32")
        layer = krb.BasicRNN(krb.BasicRNNCell(4, dropout=dropout, dtype=dtype), return_sequences=True, dtype=dtype)
        drop, dense = keras.layers.Dropout(dropout, dtype=dtype), keras.layers.Dense(2, dtype=dtype)
        return keras.Model(x, dense(drop(layer(x))))

    whole, mixed = build("float32", 0.0), build("mixed_bfloat16", 0.5)
    mixed.set_weights(whole.get_weights())
    batch = rng.normal(size=(4, 5, 3)), rng.normal(size=(4, 5, 2)), "mean_squared_error"
    np.testing.assert_allclose(krb.gradient_flow(mixed, *batch), krb.gradient_flow(whole, *batch), rtol=0.1, atol=2e-2)


def test_what_has_no_gradient_flow_is_an_error(rng):
    x, y = rng.normal(size=(2, 3, 3)), rng.normal(size=(2, 3, 1))
    with pytest.raises(ValueError, match="takes a model that answers every step"):
        krb.gradient_flow(krb.build_many_to_one((3,), 4, 1), x, y, "mean_squared_error")
    with pytest.raises(ValueError, match="rnn_1 reads from both ends: its errors flow in no one direction"):
        krb.gradient_flow(krb.build_many_to_many((3,), 4, 1, bidirectional=True), x, y, "mean_squared_error")
    with pytest.raises(ValueError, match=r"no recurrent layer 'rnn_2', it has \['rnn_1'\]"):
        krb.gradient_flow(krb.build_many_to_many((3,), 4, 1), x, y, "mean_squared_error", "rnn_2")
    with pytest.raises(ValueError, match=r"y must fit the answers \(6, 3, 2\), or be their classes, got \(6, 3, 1\)"):
        krb.gradient_flow(krb.build_many_to_many((3,), 4, 2), x, y, "mean_squared_error")
    with pytest.raises(ValueError, match=r"a cost for each answer of y_pred \(6, 3, 1\), got \(\)"):
        krb.gradient_flow(krb.build_many_to_many((3,), 4, 1), x, y, lambda y, y_pred: tf.reduce_mean(y_pred))


def test_the_gradient_flow_is_that_of_one_answer():
    x = keras.Input((4, 2))
    a, a_T = krb.BasicRNN(krb.BasicRNNCell(3), return_sequences=True, return_state=True)(x)
    with pytest.raises(ValueError, match=r"takes a model with one output, .* has 2"):
        krb.gradient_flow(keras.Model(x, [a, a_T]), np.zeros((1, 4, 2)), np.zeros((1, 4, 3)), "mean_squared_error")
