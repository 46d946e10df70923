import itertools

import keras
import numpy as np
import oracle
import pytest
from everyday import cases
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from test_cell import WEIGHTS, random_cell, weights_of

from keras_rnn_basics import BasicRNN, BasicRNNCell


def gradients(rnn, x, dy, **arguments):
    """∂(Σ ŷ dy)/∂ each weight and x, by TensorFlow."""
    import tensorflow as tf

    x = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        cost = tf.reduce_sum(rnn(x, **arguments) * tf.cast(dy, x.dtype))
    weights = [getattr(rnn.cell, name).value for name in rnn.cell.weight_names]
    values = tape.gradient(cost, [*weights, x])
    return dict(zip([*rnn.cell.weight_names, "x"], values))


@pytest.mark.parametrize("g", ["tanh", "relu", "sigmoid", "linear"])
@pytest.mark.parametrize("masked", [False, True])
def test_values_and_all_six_gradients_equal_the_oracle(rng, x, mask, g, masked):
    mask = mask if masked else None
    rnn = BasicRNN(random_cell(rng, activation=g), return_sequences=True)
    w = weights_of(rnn.cell)
    y, a = oracle.forward(w, x, mask=mask, g=g)
    begun = np.ones((4, 6, 1)) if mask is None else mask.cumsum(axis=1)[..., None] > 0
    np.testing.assert_allclose(rnn(x, mask=mask), y * begun, atol=1e-4)
    np.testing.assert_allclose(rnn.activations(x, mask=mask), a, atol=1e-4)

    dy = rng.normal(size=y.shape)
    expected = oracle.backward(w, x, dy * begun, mask=mask, g=g)
    for name, value in gradients(rnn, x, dy, mask=mask).items():
        np.testing.assert_allclose(value, expected[name], atol=1e-4, rtol=1e-4, err_msg=name)


def test_the_gradient_reaches_the_initial_state(rng, x):
    import tensorflow as tf

    rnn = BasicRNN(random_cell(rng), return_sequences=True)
    a_0, dy = tf.constant(rng.normal(size=(4, 5)), "float32"), rng.normal(size=(4, 6, 2))
    with tf.GradientTape() as tape:
        tape.watch(a_0)
        cost = tf.reduce_sum(rnn(x, initial_state=a_0) * dy)
    expected = oracle.backward(weights_of(rnn.cell), x, dy, a_0)["a_0"]
    np.testing.assert_allclose(tape.gradient(cost, a_0), expected, atol=1e-4)


def test_the_layer_equals_the_cell_applied_step_by_step(rng, x):
    cell = random_cell(rng, output_activation="sigmoid")
    states, answers = [np.zeros((4, 5))], []
    for t in range(6):
        y_t, states = cell(x[:, t], states)
        answers.append(np.asarray(y_t))
    y, a_T = BasicRNN(cell, return_sequences=True, return_state=True)(x)
    np.testing.assert_allclose(y, np.stack(answers, axis=1), atol=1e-5)
    np.testing.assert_allclose(a_T, states[0], atol=1e-5)


def test_it_equals_keras_simple_rnn_and_dense_with_the_same_weights(rng, x, mask):
    cell = random_cell(rng)
    w = weights_of(cell)
    simple, dense = keras.layers.SimpleRNN(5, return_sequences=True), keras.layers.Dense(2)
    simple.build(x.shape)
    dense.build((4, 6, 5))
    simple.set_weights([w["W_ax"], w["W_aa"], w["b_x"] + w["b_a"]])
    dense.set_weights([w["W_ya"], w["b_y"]])
    y = np.asarray(BasicRNN(cell, return_sequences=True)(x, mask=mask))
    np.testing.assert_allclose(y[mask], np.asarray(dense(simple(x, mask=mask)))[mask], atol=1e-5)
    np.testing.assert_allclose(BasicRNN(cell)(x), dense(simple(x))[:, -1], atol=1e-5)


FLAGS = ["return_sequences", "return_state", "go_backwards", "zero_output_for_mask"]


# Of the 64, every day the 16 in which any three of the six have all their eight values.
EVERY_THREE = [(f, f[0] ^ f[1] ^ f[2], f[1] ^ f[2] ^ f[3]) for f in itertools.product([False, True], repeat=4)]


@pytest.mark.parametrize(
    ("flags", "masked", "started"),
    cases(itertools.product(itertools.product([False, True], repeat=4), [False, True], [False, True]), EVERY_THREE),
)
def test_every_convention_is_that_of_keras_rnn(rng, x, mask, flags, masked, started):
    mask[0] = False  # an empty row as well
    cell = random_cell(rng, output_activation="sigmoid")
    a_0 = rng.normal(size=(4, 5)).astype("float32")
    arguments = {"mask": mask if masked else None, "initial_state": [a_0] if started else None}
    flags = dict(zip(FLAGS, flags))
    ours = BasicRNN(cell, **flags)(x, **arguments)
    theirs = keras.layers.RNN(cell, **flags)(x, **arguments)
    for mine, reference in zip(keras.tree.flatten(ours), keras.tree.flatten(theirs)):
        np.testing.assert_allclose(mine, reference, atol=1e-5)
    shape = BasicRNN(cell, **flags).compute_output_shape(x.shape)
    shapes = [shape] if not flags["return_state"] else shape
    assert [tuple(tensor.shape) for tensor in keras.tree.flatten(ours)] == [tuple(s) for s in shapes]


@settings(max_examples=12, deadline=None)
@given(
    B=st.integers(1, 4),
    T=st.integers(1, 6),
    n_x=st.integers(1, 5),
    n_a=st.integers(1, 5),
    n_y=st.none() | st.integers(1, 4),
    data=st.data(),
)
def test_any_shape_and_any_mask_equal_keras_rnn(B, T, n_x, n_a, n_y, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    x, mask = rng.normal(size=(B, T, n_x)).astype("float32"), rng.random((B, T)) < 0.7
    cell = random_cell(rng, n_a, n_y, n_x)
    y = BasicRNN(cell, return_sequences=True)(x, mask=mask)
    assert tuple(y.shape) == (B, T, n_y or n_a)
    np.testing.assert_allclose(y, keras.layers.RNN(cell, return_sequences=True)(x, mask=mask), atol=1e-5)


def test_a_padded_batch_equals_its_sequences_one_by_one(rng, x):
    rnn = BasicRNN(random_cell(rng), return_state=True)
    lengths = [6, 3, 1, 5]
    mask = np.arange(6)[None] < np.array(lengths)[:, None]
    y, a = rnn(np.where(mask[..., None], x, 99.0), mask=mask)
    for i, length in enumerate(lengths):
        alone_y, alone_a = rnn(x[i : i + 1, :length])
        np.testing.assert_allclose(y[i : i + 1], alone_y, atol=1e-5)
        np.testing.assert_allclose(a[i : i + 1], alone_a, atol=1e-5)


def test_the_same_six_variables_serve_every_length_and_every_layer(rng):
    cell = random_cell(rng)
    before = [id(getattr(cell, name)) for name in WEIGHTS]
    rnn = BasicRNN(cell, return_sequences=True)
    for T in (1, 2, 9):
        rnn(np.ones((2, T, 3), dtype="float32"))
    keras.layers.RNN(cell)(np.ones((2, 4, 3), dtype="float32"))
    assert [id(getattr(rnn.cell, name)) for name in WEIGHTS] == before
    assert [id(weight) for weight in rnn.weights] == before


def test_a_mask_on_x_is_kept_beside_an_initial_state(rng, x, mask):
    rnn = BasicRNN(random_cell(rng), return_sequences=True)
    a_0 = rng.normal(size=(4, 5)).astype("float32")
    masked = keras.layers.Masking()(np.where(mask[..., None], x, 0.0))
    np.testing.assert_allclose(rnn(masked, initial_state=a_0), rnn(x, initial_state=a_0, mask=mask), atol=1e-6)


def test_stateful_goes_on_where_the_last_batch_ended(rng, x):
    cell = random_cell(rng)
    whole = BasicRNN(cell, return_sequences=True)(x)
    rnn = BasicRNN(cell, return_sequences=True, stateful=True)
    np.testing.assert_allclose(ops.concatenate([rnn(x[:, :2]), rnn(x[:, 2:])], axis=1), whole, atol=1e-5)
    rnn.reset_state()
    np.testing.assert_allclose(rnn(x), whole, atol=1e-5)
    with pytest.raises(ValueError, match="batch size"):
        rnn(x[:2])


def test_bidirectional_reads_from_both_ends(rng, x, mask):
    layer = keras.layers.Bidirectional(BasicRNN(BasicRNNCell(5, 2), return_sequences=True))
    twin = keras.layers.Bidirectional(keras.layers.RNN(BasicRNNCell(5, 2), return_sequences=True))
    layer.build(x.shape)
    twin.build(x.shape)
    twin.set_weights(layer.get_weights())
    np.testing.assert_allclose(layer(x, mask=mask), twin(x, mask=mask), atol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_computes_in_half_and_keeps_float32_weights(rng, x, policy):
    cell = random_cell(rng, dtype=policy)
    rnn = BasicRNN(cell, return_sequences=True, dtype=policy, recurrence="plain")
    y = rnn(x)
    assert keras.backend.standardize_dtype(y.dtype) == policy.removeprefix("mixed_")
    assert {weight.dtype for weight in rnn.weights} == {"float32"}
    np.testing.assert_allclose(ops.cast(y, "float32"), oracle.forward(weights_of(cell), x)[0], atol=0.05)
    assert keras.backend.standardize_dtype(rnn.activations(x).dtype) == policy.removeprefix("mixed_")


def test_batch_and_length_may_change_inside_a_graph(rng):
    import tensorflow as tf

    rnn = BasicRNN(random_cell(rng), return_sequences=True)
    graph = tf.function(rnn, input_signature=[tf.TensorSpec((None, None, 3), tf.float32)])
    for B, T in ((1, 1), (3, 8), (5, 2)):
        x = rng.normal(size=(B, T, 3)).astype("float32")
        np.testing.assert_allclose(graph(x), oracle.forward(weights_of(rnn.cell), x)[0], atol=1e-5)


def test_it_trains_when_compiled_by_xla(rng, x):
    model = keras.Sequential([keras.Input((6, 3)), BasicRNN(random_cell(rng), return_sequences=True)])
    y = model.predict(x, verbose=0) + 1
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=True)
    losses = [model.train_on_batch(x, y) for _ in range(3)]
    assert losses[0] == pytest.approx(1.0, abs=1e-4)
    assert losses[2] < losses[0]


def test_the_route_and_its_reason_can_be_asked_for():
    assert BasicRNN(BasicRNNCell(3)).recurrence_route.startswith("per_core: ")
    assert BasicRNN(BasicRNNCell(3), recurrence="plain").recurrence_route == "plain: asked for"
    with pytest.raises(ValueError, match="recurrence must be one of"):
        BasicRNN(BasicRNNCell(3), recurrence="fast")


def test_bad_cells_shapes_and_masks_say_what_would_do(x):
    with pytest.raises(TypeError, match=r"takes a cell.*stack one BasicRNN on another"):
        BasicRNN([BasicRNNCell(3), BasicRNNCell(3)])
    with pytest.raises(TypeError, match="stack one BasicRNN on another"):
        BasicRNN(keras.layers.StackedRNNCells([BasicRNNCell(3), BasicRNNCell(3)]))
    with pytest.raises(TypeError, match="has no unroll"):
        BasicRNN(BasicRNNCell(3), unroll=True)
    rnn = BasicRNN(BasicRNNCell(3))
    rnn(x)
    with pytest.raises(ValueError, match="ndim=3"):
        rnn(x[:, 0])
    with pytest.raises(ValueError, match="value 3"):
        rnn(x[..., :2])
    with pytest.raises(ValueError, match=r"mask must have the shape \(B, T\) = \(4, 6\), got \(4, 5\)"):
        rnn(x, mask=np.ones((4, 5), dtype=bool))
    with pytest.raises(ValueError, match=r"initial_state must have the shape \(B, n_a\) = \(4, 3\), got \(4, 2\)"):
        rnn(x, initial_state=np.ones((4, 2), dtype="float32"))
    with pytest.raises(ValueError, match=r"initial_state must be one state.*got 2"):
        rnn(x, initial_state=[np.ones((4, 3), dtype="float32")] * 2)
    with pytest.raises(ValueError, match="at least one time step"):
        rnn(x[:, :0])


def test_the_same_seed_gives_the_same_weights_and_answers(x):
    def answers():
        keras.utils.set_random_seed(3)
        return np.asarray(BasicRNN(BasicRNNCell(5, 2, dropout=0.3))(x, training=True))

    np.testing.assert_array_equal(answers(), answers())


@pytest.mark.parametrize(
    ("B", "T", "recurrence"),
    cases(
        [(B, T, route) for B in (None, 4) for T in (None, 6) for route in ("plain", "per_core")],
        [(None, None, "plain"), (None, None, "per_core"), (4, None, "per_core"), (None, 6, "per_core")],
    ),
)
def test_a_graph_may_know_the_batch_the_length_both_or_neither(rng, x, mask, recurrence, B, T):
    import tensorflow as tf

    rnn = BasicRNN(random_cell(rng), return_sequences=True, recurrence=recurrence)
    signature = [tf.TensorSpec((B, T, 3), tf.float32), tf.TensorSpec((B, T), tf.bool)]
    graph = tf.function(lambda x, mask: rnn(x, mask=mask), input_signature=signature)
    expected = oracle.forward(weights_of(rnn.cell), x, mask=mask)[0]
    np.testing.assert_allclose(graph(x, mask), expected * (mask.cumsum(axis=1)[..., None] > 0), atol=1e-5)


@pytest.mark.parametrize(
    ("cell_policy", "layer_policy"), [("mixed_bfloat16", "float32"), ("float32", "mixed_bfloat16")]
)
def test_a_cell_computes_by_its_own_policy_in_a_layer_of_another(rng, x, cell_policy, layer_policy):
    cell = random_cell(rng, dtype=cell_policy)
    for recurrence in ("plain", "auto"):
        rnn = BasicRNN(cell, return_sequences=True, dtype=layer_policy, recurrence=recurrence)
        reference = keras.layers.RNN(cell, return_sequences=True, dtype=layer_policy)
        y, expected = rnn(x), reference(x)
        assert y.dtype == expected.dtype
        np.testing.assert_allclose(ops.cast(y, "float32"), ops.cast(expected, "float32"), atol=0.02)
