"""Every route beside the numpy oracle, which none of them shares a line with."""

import functools
import itertools

import keras
import numpy as np
import oracle
import pytest
import tensorflow as tf
from everyday import cases
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from test_cell import random_cell, weights_of

from keras_rnn_basics import (
    BasicRNN,
    BasicRNNCell,
    LayerNormRNNCell,
    SumOverTime,
    build_many_to_one,
    export_saved_model,
)
from keras_rnn_basics.recurrence import Call, choose, cudnn, device, only_plain, per_core, plain

GATED = ["tanh", "relu", "sigmoid", "linear"]


def check(run, rng, x, g="tanh", mask=None, every_step=True, tolerance=1e-4, graph=False, **cell_arguments):
    """The answers, a_T, and the gradients of a cost that uses both, equal the oracle's."""
    cell = random_cell(rng, activation=g, **cell_arguments)
    w = weights_of(cell)
    B, T, _ = x.shape
    a_0 = rng.normal(size=(B, 5)).astype("float32")
    dy, da_T = rng.normal(size=(B, T, 2)), rng.normal(size=(B, 5))
    if not every_step:
        dy[:, :-1] = 0

    def value_and_gradients(x, a_0):
        with tf.GradientTape() as tape:
            tape.watch([x, a_0])
            y, [a_T] = run(cell, x, [a_0], keep, None, every_step)
            answered = dy if every_step else dy[:, -1:]
            cost = tf.reduce_sum(y * tf.cast(answered, y.dtype)) + tf.reduce_sum(a_T * tf.cast(da_T, y.dtype))
        weights = [getattr(cell, name).value for name in cell.weight_names]
        return y, a_T, dict(zip(["x", "a_0", *cell.weight_names], tape.gradient(cost, [x, a_0, *weights])))

    if graph:
        value_and_gradients = tf.function(value_and_gradients, autograph=False)
    x, a_0 = (tf.constant(v, cell.compute_dtype) for v in (x, a_0))
    keep = None if mask is None else tf.constant(mask)
    y, a_T, gradients = value_and_gradients(x, a_0)

    # The oracle's cost is a function of ŷ alone: a_T enters it as one more answer, through a second pass.
    expected_y, a = oracle.forward(w, x.numpy(), a_0.numpy(), mask, g)
    expected = oracle.backward(w, x.numpy(), dy, a_0.numpy(), mask, g)
    identity = w | {"W_ya": np.eye(5), "b_y": np.zeros(5)}
    through_a_T = np.zeros((B, T, 5))
    through_a_T[:, -1] = da_T
    more = oracle.backward(identity, x.numpy(), through_a_T, a_0.numpy(), mask, g)
    close = functools.partial(np.testing.assert_allclose, atol=tolerance, rtol=tolerance)
    close(tf.cast(y, "float64"), expected_y if every_step else expected_y[:, -1:])
    close(tf.cast(a_T, "float64"), a[:, -1])
    for name, value in gradients.items():
        scale = max(1.0, np.abs(expected[name]).max())
        both = expected[name] + (more[name] if name not in ("W_ya", "b_y") else 0)
        close(tf.cast(value, "float64") / scale, both / scale, err_msg=name)


def by_core(**options):
    return functools.partial(per_core.run, **options)


@pytest.fixture
def x(rng):
    """(B, T, n_x) = (10, 6, 3): three parts of four, four and two rows."""
    return rng.normal(size=(10, 6, 3)).astype("float32")


@pytest.fixture
def mask(rng):
    mask = rng.random((10, 6)) < 0.7
    mask[0], mask[1], mask[2] = True, False, np.arange(6) < 3
    return mask


# Each activation, and both values of each of the three.
LOOPS = [
    ("tanh", True, True, True),
    ("relu", False, False, True),
    ("sigmoid", True, False, False),
    ("linear", False, True, False),
]


@pytest.mark.parametrize(
    ("g", "masked", "every_step", "remat"), cases(itertools.product(GATED, *[[False, True]] * 3), LOOPS)
)
def test_per_core_equals_the_oracle_in_values_and_all_gradients(rng, x, mask, g, masked, every_step, remat):
    run = by_core(parts=2, remat=remat, jit=False)  # compiling each would take minutes
    check(run, rng, x, g, mask if masked else None, every_step)


@pytest.mark.parametrize(("remat", "graph"), cases(itertools.product([False, True], repeat=2), [(False, True)]))
def test_per_core_equals_the_oracle_when_compiled(rng, x, mask, remat, graph):
    check(by_core(parts=2, remat=remat), rng, x, mask=mask, graph=graph)


@pytest.mark.parametrize("masked", [False, True])
def test_the_plain_route_passes_the_same_check(rng, x, mask, masked):
    for g, every_step in itertools.product(GATED, [False, True]):
        check(plain.run, rng, x, g, mask if masked else None, every_step)


@settings(max_examples=4, deadline=None)
@given(B=st.integers(1, 13), T=st.integers(1, 11), parts=st.integers(1, 3), remat=st.booleans())
def test_any_batch_and_length_is_cut_right(B, T, parts, remat):
    rng = np.random.default_rng(B * 100 + T)
    mask = rng.random((B, T)) < 0.8
    check(by_core(parts=parts, jit=False, remat=remat), rng, rng.normal(size=(B, T, 3)), mask=mask, graph=True)


@pytest.mark.long  # every day in test_parts.py and test_layer.py
def test_one_graph_serves_any_batch_and_length(rng):
    cell = random_cell(rng)
    run = by_core(parts=2)
    shapes = [tf.TensorSpec((None, None, 3)), tf.TensorSpec((None, 5))]
    graph = tf.function(lambda x, a_0: run(cell, x, [a_0], None, None, True)[0], input_signature=shapes)
    for B, T in ((1, 1), (9, 7), (4, 2)):
        x = rng.normal(size=(B, T, 3)).astype("float32")
        np.testing.assert_allclose(graph(x, tf.zeros((B, 5))), oracle.forward(weights_of(cell), x)[0], atol=1e-5)


@pytest.mark.parametrize("jit", [False, True])
def test_per_core_in_other_dtypes(rng, x, mask, jit):
    check(by_core(parts=2, jit=jit), rng, x, mask=mask, tolerance=1e-9, dtype="float64")
    if not jit:
        check(by_core(parts=2, jit=jit), rng, x, mask=mask, tolerance=0.1, dtype="mixed_bfloat16")


def test_recurrent_dropout_reaches_the_loop_and_its_gradient(rng, x):
    # A factor on a_{t-1} is a factor on the rows of W_aa, as long as it is the same for all examples.
    cell, kept = random_cell(rng), np.array([0, 2, 2, 0, 2], dtype="float32")
    w = weights_of(cell)
    thinned = w | {"W_aa": kept[:, None] * w["W_aa"]}
    dy = rng.normal(size=(10, 6, 2))
    expected = oracle.backward(thinned, x, dy)
    for run in (plain.run, by_core(parts=2), by_core(parts=2, remat=True)):
        with tf.GradientTape() as tape:
            y, _ = run(cell, tf.constant(x), [tf.zeros((10, 5))], None, tf.tile(kept[None], (10, 1)), True)
            cost = tf.reduce_sum(y * tf.constant(dy, "float32"))
        gradient = tape.gradient(cost, cell.W_aa.value)
        np.testing.assert_allclose(y, oracle.forward(thinned, x)[0], atol=1e-5)
        np.testing.assert_allclose(gradient, kept[:, None] * expected["W_aa"], atol=1e-4)


@pytest.mark.parametrize(
    ("by", "graph"),
    cases(
        itertools.product(["x", "a_0", "W_aa", "W_ya"], [False, True]),
        [("x", True), ("W_aa", True)],
    ),
)
def test_a_second_derivative_is_refused_rather_than_wrong(rng, x, by, graph):
    cell = random_cell(rng)
    rnn = BasicRNN(cell, return_state=True, recurrence="per_core")
    rnn.build(x.shape)
    sources = {"x": tf.constant(x), "a_0": tf.zeros((10, 5)), "W_aa": cell.W_aa.value, "W_ya": cell.W_ya.value}

    def second(cost_of):
        with tf.GradientTape() as outer:
            outer.watch(sources["x"])
            outer.watch(sources["a_0"])
            with tf.GradientTape() as inner:
                inner.watch(sources["x"])
                cost = cost_of(*rnn(sources["x"], initial_state=sources["a_0"]))
            # The usual penalty on the gradient of the input, beside a cost of its own.
            penalty = tf.reduce_sum(inner.gradient(cost, sources["x"]) ** 2) + cost
        return outer.gradient(penalty, sources[by])

    costs = [
        lambda y, a: tf.reduce_sum(y),  # whose gradient by ŷ depends on nothing
        lambda y, a: tf.reduce_sum(y**2),
        lambda y, a: tf.reduce_sum(a),
    ]
    for cost in costs:
        with pytest.raises(NotImplementedError, match="recurrence='plain'"):
            (tf.function(second, autograph=False) if graph else second)(cost)


def fitted(rng, x, recurrence="auto", jit_compile=False, bidirectional=False, **layer_arguments):
    """The weights after some steps of training, and the layer."""
    keras.utils.set_random_seed(1)
    layer = BasicRNN(
        BasicRNNCell(5, 2, recurrent_dropout=0.3, dropout=0.3, seed=3), recurrence=recurrence, **layer_arguments
    )
    wrapped = keras.layers.Bidirectional(layer) if bidirectional else layer
    batch = (len(x), *x.shape[1:]) if layer_arguments.get("stateful") else (None, *x.shape[1:])
    model = keras.Sequential([keras.Input(batch_shape=batch), keras.layers.Masking(), wrapped])
    model.compile(keras.optimizers.SGD(0.05), "mse", jit_compile=jit_compile)
    model.fit(x, np.ones((len(x), *model.output_shape[1:])), batch_size=len(x), epochs=3, verbose=0)
    return [weight for weight in model.get_weights() if weight.dtype == "float32"], layer


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param({}, marks=pytest.mark.long),
        pytest.param({"return_sequences": True, "go_backwards": True}, marks=pytest.mark.long),
        pytest.param(
            {"return_sequences": True, "stateful": True, "zero_output_for_mask": True}, marks=pytest.mark.long
        ),
        {"bidirectional": True},  # of which one direction goes backwards
        pytest.param({"jit_compile": True}, marks=pytest.mark.long),
        pytest.param({"remat": True}, marks=pytest.mark.long),
    ],
    ids=lambda arguments: "+".join(arguments) or "defaults",
)
def test_model_fit_comes_to_the_same_weights_on_every_route(rng, x, mask, arguments):
    x = np.where(mask[..., None], x, 0).astype("float32")
    weights, layer = fitted(rng, x, "per_core", **arguments)
    expected, reference = fitted(rng, x, "plain", **{**arguments, "remat": False})
    assert reference.recurrence_route == "plain: asked for"
    if not arguments.get("bidirectional"):  # which trains two copies of the layer
        assert layer.recurrence_route.startswith("per_core: 1 core, tanh, float32")
    for value, wanted in zip(weights, expected, strict=True):
        np.testing.assert_allclose(value, wanted, atol=1e-5)


def test_recomputing_keeps_about_two_roots_of_the_states(rng):
    x, a_0 = tf.zeros((4, 400, 3)), tf.zeros((4, 5))
    for remat, steps in ((False, 400), (True, 21)):
        cell = random_cell(rng)
        forward, *_ = per_core._functions(cell, False, False, remat)
        kept = forward(x, None, None, [a_0], [tf.convert_to_tensor(weight) for weight in cell.weights])[2]
        states = keras.tree.flatten(kept)
        assert [state.shape for state in states] == [(steps, 4, 5)]


def test_a_builder_s_network_recomputes_where_it_is_asked_to(x):
    model = build_many_to_one((3,), 5, 1, remat=True)
    model.compile("sgd", "mse")
    model.train_on_batch(x, np.ones((10, 1)))
    assert model.get_layer("rnn_1").recurrence_route == (
        "per_core: 1 core, tanh, float32, states recomputed in segments"
    )


def in_graph(cell, **arguments):
    return str(choose("auto", Call(cell, **arguments)))


def test_auto_counts_the_cores_the_rows_the_work_and_the_cache(monkeypatch):
    monkeypatch.setattr(device, "cores", lambda: 4)
    monkeypatch.setattr(device, "core_cache_bytes", lambda: 2**19)
    assert in_graph(BasicRNNCell(256), shape=(64, 100, None)) == "per_core: 4 cores, tanh, float32"
    assert in_graph(BasicRNNCell(256), shape=(None, None, None)) == "per_core: 4 cores, tanh, float32"
    assert in_graph(BasicRNNCell(256), shape=(9, 100, None)) == "per_core: 2 cores, tanh, float32"
    assert in_graph(BasicRNNCell(256), shape=(1, 100, None)) == "per_core: 1 core, tanh, float32"
    assert in_graph(BasicRNNCell(8), shape=(64, 100, None)) == "per_core: 1 core, tanh, float32"
    assert in_graph(BasicRNNCell(512), shape=(64, 100, None)) == "per_core: 1 core, tanh, float32"


def test_auto_says_when_an_argument_rules_the_fast_loop_out(x):
    half = BasicRNN(BasicRNNCell(3, dtype="float16"), dtype="float16")
    assert half.recurrence_route == "plain: per_core needs float32, float64, bfloat16, not float16"
    with pytest.warns(
        UserWarning, match=r"runs the plain loop: per_core needs float32.*not float16.*recurrence='plain'"
    ):
        half(x)
    half(x)  # said once
    assert in_graph(BasicRNNCell(3, activation="elu")) == "per_core: 1 core, elu derived by TensorFlow, float32"
    for same in (tf.nn.tanh, keras.ops.tanh):
        assert in_graph(BasicRNNCell(3, activation=same)) == "per_core: 1 core, tanh, float32"

    class Unhashable:
        __hash__ = None

        def __call__(self, s):
            return s

    assert "Unhashable derived by TensorFlow" in in_graph(BasicRNNCell(3, activation=Unhashable()))
    BasicRNN(BasicRNNCell(3, dtype="float16"), dtype="float16", recurrence="plain")(x)  # meant, and not warned about

    recomputing = BasicRNN(BasicRNNCell(3, dtype="float16"), dtype="float16", remat=True)
    with pytest.warns(UserWarning, match="remat=True has no effect there"):
        recomputing(x)
    with pytest.raises(ValueError, match="remat=True needs recurrence='auto' or 'per_core'"):
        BasicRNN(BasicRNNCell(3), recurrence="plain", remat=True)


def test_eager_calls_and_exports_take_the_plain_loop(x, tmp_path):
    model = build_many_to_one((3,), 5, 1)
    layer = model.get_layer("rnn_1")
    assert layer.recurrence_route == "per_core: 1 core, tanh, float32"  # what fit will take
    model(x)
    assert layer.recurrence_route.startswith("plain: outside tf.function")
    model.predict(x, verbose=0)
    assert layer.recurrence_route.startswith("per_core: ")
    with only_plain():
        assert in_graph(BasicRNNCell(3)) == "plain: an export runs anywhere"
    export_saved_model(model, tmp_path / "exported")
    saved = SavedModel.FromString((tmp_path / "exported" / "saved_model.pb").read_bytes())
    functions = saved.meta_graphs[0].graph_def.library.function
    assert functions
    assert not any(function.attr["_XlaMustCompile"].b for function in functions)
    assert layer.recurrence_route == "plain: an export runs anywhere"


def test_a_strategy_that_cuts_the_batch_itself_gets_the_plain_loop(x):
    strategy = tf.distribute.OneDeviceStrategy("cpu:0")
    with strategy.scope():
        model = build_many_to_one((3,), 5, 1)
        model.compile("sgd", SumOverTime("mse") if len(model.output_shape) == 3 else "mse")
    model.fit(x, np.ones((10, 1)), verbose=0)
    assert "a tf.distribute strategy has split" in model.get_layer("rnn_1").recurrence_route
    with strategy.scope(), pytest.warns(UserWarning, match="remat=True has no effect there"):
        BasicRNN(BasicRNNCell(3), remat=True)(x)


def test_the_gradient_of_the_data_is_never_computed(x):
    model = build_many_to_one((3,), [5, 4], 1)
    model.compile("sgd", "mse")
    step = tf.function(lambda x, y: model.train_step((x, y)))
    ran = step.get_concrete_function(tf.constant(x), tf.ones((10, 1))).graph.as_graph_def()
    calls = [node.op for node in ran.node if "to_x" in node.attr["f"].func.name]
    # Without side effects, so that TensorFlow leaves out the one whose result nobody takes.
    assert calls == ["PartitionedCall", "PartitionedCall"]


def cudnn_of_numpy(input, input_h, input_c, params, sequence_lengths, rnn_mode, is_training, time_major):
    """What NVIDIA's reference says `cudnnRNNForward` computes, read off its one buffer of parameters."""
    x, a_0, params = input.numpy(), input_h.numpy()[:, 0], params.numpy()
    (B, T, n_x), n_a = x.shape, a_0.shape[1]
    assert is_training
    assert not time_major
    assert input_c.shape == ()
    W, R, b_W, b_R = np.split(params, np.cumsum([n_a * n_x, n_a * n_a, n_a]))
    W, R = W.reshape(n_a, n_x), R.reshape(n_a, n_a)
    g = {"rnn_tanh": np.tanh, "rnn_relu": lambda s: np.maximum(s, 0)}[rnn_mode]
    a, last = np.zeros((B, T, n_a), "float32"), a_0.copy()
    for example, length in enumerate(sequence_lengths.numpy()):
        assert 0 < length <= T, "cuDNN takes no empty sequence"
        for t in range(length):
            last[example] = g(W @ x[example, t] + R @ last[example] + b_W + b_R)
            a[example, t] = last[example]
    return tf.constant(a), tf.constant(last[:, None]), None, None, None


@pytest.mark.parametrize("g", ["tanh", "relu"])
@pytest.mark.parametrize("padding", [None, "right", "left", "an empty row"])
def test_weights_states_and_masks_reach_cudnn_as_its_reference_wants_them(rng, x, monkeypatch, g, padding):
    monkeypatch.setattr(tf.raw_ops, "CudnnRNNV3", cudnn_of_numpy)
    lengths = np.array([6, 3, 1, 5, 6, 2, 4, 6, 1, 3])
    mask = {
        None: None,
        "right": np.arange(6) < lengths[:, None],
        "left": np.arange(6) >= 6 - lengths[:, None],
        "an empty row": np.arange(6) < (lengths - 1)[:, None],
    }[padding]
    cell = random_cell(rng, activation=g)
    a_0 = rng.normal(size=(10, 5)).astype("float32")
    for every_step in (True, False):
        y, [a_T] = cudnn.run(
            cell,
            tf.constant(x),
            [tf.constant(a_0)],
            None if mask is None else tf.constant(mask),
            None,
            every_step,
            mode=f"rnn_{g}",
        )
        expected, a = oracle.forward(weights_of(cell), x, a_0, mask, g)
        np.testing.assert_allclose(y, expected if every_step else expected[:, -1:], atol=1e-5)
        np.testing.assert_allclose(a_T, a[:, -1], atol=1e-5)


def test_what_cudnn_cannot_do_is_one_program_of_xla_on_a_gpu(monkeypatch):
    monkeypatch.setattr(device, "on_gpu", lambda: False)
    assert str(choose("cudnn", Call(BasicRNNCell(3)))) == "plain: cudnn needs a GPU, and this runs on a CPU"
    monkeypatch.setattr(device, "on_gpu", lambda: True)
    monkeypatch.setattr(device, "xla_compiles_for_gpu", lambda: True)
    assert in_graph(BasicRNNCell(3)) == "cudnn: rnn_tanh, float32 on a GPU"
    assert in_graph(BasicRNNCell(3, activation="relu")) == "cudnn: rnn_relu, float32 on a GPU"
    sigmoid = BasicRNNCell(3, activation="sigmoid")
    assert in_graph(sigmoid) == "per_core: a GPU, sigmoid, float32; cudnn needs tanh, relu, not sigmoid"
    dropped = "per_core: a GPU, tanh, float32; cudnn needs recurrent_dropout=0"
    assert in_graph(BasicRNNCell(256), a_dropped=True, shape=(64, None, 8)) == dropped
    assert in_graph(BasicRNNCell(3), remat=True).endswith("recomputed in segments; cudnn needs remat=False")
    half = "per_core: a GPU, tanh, bfloat16; cudnn needs float16, float32, float64, not bfloat16"
    assert in_graph(BasicRNNCell(3, dtype="bfloat16")) == half
    normalised = in_graph(LayerNormRNNCell(3, dtype="float16"))
    assert normalised.startswith(
        "per_core: a GPU, LayerNormRNNCell derived by TensorFlow, float16; cudnn needs the step"
    )
    assert str(choose("cudnn", Call(sigmoid))) == "plain: cudnn needs tanh, relu, not sigmoid"
    monkeypatch.setattr(device, "in_strategy", lambda: True)
    assert in_graph(sigmoid).startswith("per_core")
    monkeypatch.setattr(device, "in_xla", lambda: True)
    assert in_graph(BasicRNNCell(3)).startswith(
        "per_core: a GPU, tanh, float32; cudnn needs a function that XLA does not"
    )


def test_a_gpu_for_which_xla_cannot_compile_runs_the_plain_loop_and_says_so(monkeypatch):
    monkeypatch.setattr(device, "on_gpu", lambda: True)
    monkeypatch.setattr(device, "xla_compiles_for_gpu", lambda: False)
    assert in_graph(BasicRNNCell(3)) == "cudnn: rnn_tanh, float32 on a GPU"
    route = choose("auto", Call(BasicRNNCell(3, activation="sigmoid")))
    why = "cudnn needs tanh, relu, not sigmoid and per_core needs XLA, which cannot compile for this GPU"
    assert (str(route), route.overruled) == (f"plain: {why}", True)


def test_xla_is_tried_on_the_gpu_before_it_is_trusted(monkeypatch):
    def fails(*_, **__):
        raise tf.errors.InternalError(None, None, "libdevice not found at ./libdevice.10.bc")

    device.xla_compiles_for_gpu.cache_clear()
    monkeypatch.setattr(tf, "function", fails)
    assert not device.xla_compiles_for_gpu()
    device.xla_compiles_for_gpu.cache_clear()


@pytest.mark.gpu
@pytest.mark.skipif(not tf.config.list_physical_devices("GPU"), reason="cuDNN's kernels run on a GPU; here is none")
@pytest.mark.parametrize("g", ["tanh", "relu"])
@pytest.mark.parametrize("masked", [False, True])
def test_cudnn_equals_the_oracle_on_a_gpu(rng, x, g, masked):
    tf.config.experimental.enable_tensor_float_32_execution(False)
    mask = np.arange(6) < np.array([6, 3, 1, 5, 6, 2, 4, 6, 1, 3])[:, None]
    for every_step in (True, False):
        run = functools.partial(cudnn.run, mode=f"rnn_{g}")
        check(run, rng, x, g, mask if masked else None, every_step, tolerance=1e-4)


@pytest.mark.gpu
@pytest.mark.skipif(not tf.config.list_physical_devices("GPU"), reason="XLA compiles for a GPU; here is none")
@pytest.mark.parametrize("remat", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_one_program_of_xla_equals_the_oracle_on_a_gpu(rng, x, masked, remat):
    tf.config.experimental.enable_tensor_float_32_execution(False)
    mask = rng.random(x.shape[:2]) < 0.6 if masked else None
    for every_step in (True, False):
        run = functools.partial(per_core.run, parts=1, remat=remat)
        check(run, rng, x, "sigmoid", mask, every_step, tolerance=1e-4, graph=True)
