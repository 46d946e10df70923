import collections
import json
import sys

import exported_page
import keras
import numpy as np
import oracle
import pytest
from keras import layers
from test_architectures import BUILDERS, inputs_of

import keras_rnn_basics as krb

extra = pytest.mark.extra
LOOPS = {"Loop", "Scan", "If"}


def with_random_weights(model):
    """Both biases, and whatever else begins with zeros, count."""
    rng = np.random.default_rng(1)
    for weight in model.weights:
        if keras.backend.is_float_dtype(weight.dtype):
            weight.assign(rng.normal(size=weight.shape) * 0.5)
    return model


def exported(model, tmp_path, **arguments):
    return krb.export_onnx(with_random_weights(model), tmp_path / "m.onnx", **arguments)


def run(path, *arrays, **named):
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    inputs = {own.name: np.asarray(array, DTYPES[own.type]) for own, array in zip(session.get_inputs(), arrays)}
    outputs = session.run(None, inputs | named)
    return {own.name: array for own, array in zip(session.get_outputs(), outputs)}


DTYPES = {"tensor(float)": "float32", "tensor(int32)": "int32", "tensor(bool)": "bool"}


def operations(path):
    import onnx

    return collections.Counter(node.op_type for node in onnx.load(path).graph.node)


def nodes(path):
    """How many nodes of each kind that steps through time, loops included."""
    return {kind: number for kind, number in operations(path).items() if kind in {"RNN", "GRU", "LSTM"} | LOOPS}


def stepped(path, x, states, begin=0):
    """The answers (B, T, n_y) of the step's file; the names tell which output is which state."""
    answers = []
    for t in range(begin, x.shape[1]):
        found = run(path, x[:, t], *states.values())
        answers.append(found.pop("y_t"))
        states |= {name.removesuffix("_t"): state for name, state in found.items()}
    return np.stack(answers, axis=1)


def of_one_layer(layer, masked=False):
    """x -> the layer, after a Masking of zeros or directly."""
    x = keras.Input((None, 3), name="x")
    return keras.Model(x, layer(layers.Masking()(x) if masked else x), name="of_one_layer")


@extra
def test_the_plain_cell_is_one_node_that_equals_the_equations(x, tmp_path):
    model = krb.build_many_to_many((3,), 5, 2)
    path = exported(model, tmp_path)
    cell = model.get_layer("rnn_1").cell
    weights = {name: getattr(cell, name).numpy() for name in cell.weight_names}
    expected, _ = oracle.forward(weights, x)
    np.testing.assert_allclose(run(path, x)["y"], expected, atol=1e-5)
    np.testing.assert_allclose(run(path, x[:1, :1])["y"], expected[:1, :1], atol=1e-5)
    assert nodes(path) == {"RNN": 1}
    a_0 = {"a": np.zeros((4, 5), "float32")}
    np.testing.assert_allclose(stepped(tmp_path / "m.step.onnx", x, a_0), expected, atol=1e-5)


@extra
def test_both_biases_of_the_plain_cell_are_those_of_the_node(tmp_path):
    import onnx

    path = exported(krb.build_many_to_one((3,), 5, 2), tmp_path)
    graph = onnx.load(path).graph
    [node] = [node for node in graph.node if node.op_type == "RNN"]
    [B] = [onnx.numpy_helper.to_array(own) for own in graph.initializer if own.name == node.input[3]]
    model = with_random_weights(krb.build_many_to_one((3,), 5, 2))
    cell = model.get_layer("rnn_1").cell
    np.testing.assert_array_equal(B, [np.concatenate([cell.b_x, cell.b_a])])


@extra
@pytest.mark.parametrize("name", BUILDERS)
def test_every_architecture_answers_as_in_keras_with_one_node_for_each_layer(name, rng, tmp_path):
    model, x = BUILDERS[name](), inputs_of(name, rng)
    path = exported(model, tmp_path)
    x = x if isinstance(x, list) else [x]
    np.testing.assert_allclose(run(path, *x)["y"], model(x if len(x) > 1 else x[0]), atol=1e-5)
    layers_of = {"one_to_one": 1, "many_to_one": 2, "many_to_many": 1, "one_to_many": 2, "encoder_decoder": 4}
    assert nodes(path) == {"RNN": layers_of[name]}
    written = {"m.onnx", "m.step.onnx"} - ({"m.step.onnx"} if name == "one_to_one" else set())
    written |= {"m.encode.onnx"} if name == "encoder_decoder" else set()
    assert {own.name for own in tmp_path.iterdir()} == written


@extra
@pytest.mark.parametrize("attention", [False, True])
def test_the_encoders_file_begins_the_decoders_steps(attention, rng, tmp_path):
    model = krb.build_encoder_decoder(9, 7, 5, attention=attention, embedding_size=3)
    path = exported(model, tmp_path)
    x, y_in = rng.integers(1, 9, size=(3, 6)), rng.integers(1, 7, size=(3, 4))
    x[1, 4:] = 0
    assert nodes(tmp_path / "m.encode.onnx") == {"RNN": 1}
    begun = run(tmp_path / "m.encode.onnx", x)
    assert list(begun) == (["a", "memory", "there"] if attention else ["a"])
    expected = model([x, y_in])
    np.testing.assert_allclose(run(path, x, y_in)["y"], expected, atol=1e-5)
    np.testing.assert_allclose(stepped(tmp_path / "m.step.onnx", y_in, begun), expected, atol=1e-5)


CELLS = {
    "simple": lambda n: layers.SimpleRNNCell(n, activation="relu", use_bias=False),
    "gru": layers.GRUCell,
    "gru, reset before": lambda n: layers.GRUCell(n, reset_after=False, activation="softsign"),
    "gru, no bias": lambda n: layers.GRUCell(n, use_bias=False, recurrent_activation="hard_sigmoid"),
    "lstm": layers.LSTMCell,
    "lstm, elu": lambda n: layers.LSTMCell(n, activation="elu", recurrent_activation="hard_sigmoid"),
    "linear": lambda n: krb.BasicRNNCell(n, activation="linear"),
    "leaky_relu": lambda n: krb.BasicRNNCell(n, activation="leaky_relu"),
    "sigmoid": lambda n: krb.BasicRNNCell(n, activation=keras.ops.sigmoid),
}


@extra
@pytest.mark.parametrize("name", CELLS)
def test_each_cell_is_its_node_with_its_gates_and_activations(name, x, tmp_path):
    model = krb.build_many_to_many((3,), [4, 5], 2, cell=CELLS[name])
    path = exported(model, tmp_path)
    np.testing.assert_allclose(run(path, x)["y"], model(x), atol=1e-5)
    kind = {"gru": "GRU", "lst": "LSTM"}.get(name[:3], "RNN")
    assert nodes(path) == {kind: 2}
    names = [f"a_{layer}_{state}" for layer in (1, 2) for state in (1, 2)] if kind == "LSTM" else ["a_1", "a_2"]
    states = {own: np.zeros((4, 4 if own[2] == "1" else 5), "float32") for own in names}
    np.testing.assert_allclose(stepped(tmp_path / "m.step.onnx", x, states), model(x), atol=1e-5)


LAYERS = {
    "LSTM": lambda **more: layers.LSTM(4, **more),
    "GRU": lambda **more: layers.GRU(4, **more),
    "SimpleRNN": lambda **more: layers.SimpleRNN(4, **more),
    "BasicRNN": lambda **more: krb.BasicRNN(krb.BasicRNNCell(4, 2), **more),
    "RNN": lambda **more: layers.RNN(krb.BasicRNNCell(4, 2), **more),
}


@extra
@pytest.mark.parametrize("how", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize(("name", "every"), [*((name, True) for name in LAYERS), ("LSTM", False), ("BasicRNN", False)])
def test_layers_of_keras_read_forwards_backwards_and_both_ways_with_any_mask(name, how, every, x, mask, tmp_path):
    layer = LAYERS[name](return_sequences=every, go_backwards=how == "reverse")
    model = of_one_layer(layers.Bidirectional(layer) if how == "bidirectional" else layer, masked=True)
    mask[0] = False  # a sequence without a step that counts
    x = np.where(mask[..., None], x, 0).astype("float32")
    path = exported(model, tmp_path)
    np.testing.assert_allclose(run(path, x)["y"], model(x), atol=1e-5)
    assert nodes(path) == {name if name in ("LSTM", "GRU") else "RNN": 1}


@extra
@pytest.mark.parametrize("merge_mode", ["sum", "ave", "mul", None])
def test_both_directions_are_merged_as_in_keras(merge_mode, x, tmp_path):
    layer = layers.GRU(4, return_sequences=True, return_state=True)
    model = of_one_layer(layers.Bidirectional(layer, merge_mode=merge_mode))
    found, expected = run(exported(model, tmp_path), x), model(x)
    assert list(found) == [f"y_{number}" for number in range(1, len(expected) + 1)]
    for own, y in zip(found.values(), expected, strict=True):
        np.testing.assert_allclose(own, y, atol=1e-5)
    assert nodes(tmp_path / "m.onnx") == {"GRU": 1}


@extra
def test_a_builders_bidirectional_stack_is_one_node_a_layer(x, tmp_path):
    model = krb.build_many_to_many((3,), [5, 4], 2, bidirectional=True)
    path = exported(model, tmp_path)
    np.testing.assert_allclose(run(path, x)["y"], model(x), atol=1e-5)
    assert nodes(path) == {"RNN": 2}
    assert not (tmp_path / "m.step.onnx").exists()


@extra
@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_first_states_that_are_inputs_are_the_nodes_and_come_back(kind, x, rng, tmp_path):
    names = ["s"] if kind == "GRU" else ["s", "c"]
    given = [keras.Input((4,), name=name) for name in names]
    inputs = keras.Input((None, 3), name="x")
    layer = LAYERS[kind](return_sequences=True, return_state=True)
    model = keras.Model([inputs, *given], layer(inputs, initial_state=given))
    states = [rng.normal(size=(4, 4)).astype("float32") for _ in names]
    path = exported(model, tmp_path)
    for found, expected in zip(run(path, x, *states).values(), model([x, *states]), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)
    assert nodes(path) == {kind: 1}


@extra
def test_learned_first_states_are_in_the_node_and_in_the_begin_file(x, tmp_path):
    cell = krb.BasicRNNCell(4, 2, learned_initial_state=True)
    model = of_one_layer(krb.BasicRNN(cell, return_sequences=True))
    path = exported(model, tmp_path)
    assert np.abs(cell.a_0).max() > 0
    np.testing.assert_allclose(run(path, x)["y"], model(x), atol=1e-5)
    begun = run(tmp_path / "m.begin.onnx", batch_size=np.array(4, "int32"))
    np.testing.assert_allclose(stepped(tmp_path / "m.step.onnx", x, begun), model(x), atol=1e-5)


@extra
def test_sequence_lengths_are_those_of_the_node(x, tmp_path):
    inputs, lengths = keras.Input((None, 3), name="x"), keras.Input((), name="lengths", dtype="int32")
    layer = krb.BasicRNN(krb.BasicRNNCell(4, 2), return_sequences=True)
    model = keras.Model([inputs, lengths], layer(inputs, sequence_lengths=lengths))
    n = np.array([6, 3, 1, 0])
    path = exported(model, tmp_path)
    np.testing.assert_allclose(run(path, x, n)["y"], model([x, n]), atol=1e-5)
    assert nodes(path) == {"RNN": 1}


@extra
def test_a_number_that_a_mask_skips_has_no_influence_even_if_it_is_nan(x, tmp_path):
    inputs, there = keras.Input((None, 3), name="x"), keras.Input((None,), name="there", dtype="bool")
    layer = krb.BasicRNN(krb.BasicRNNCell(4, 2), return_sequences=True)
    model = keras.Model([inputs, there], layer(inputs, mask=there))
    counted = np.arange(6)[None] < np.array([6, 4, 2, 1])[:, None]
    path, spoilt = exported(model, tmp_path), np.where(counted[..., None], x, np.nan)
    np.testing.assert_allclose(run(path, spoilt, counted)["y"], model([x, counted]), atol=1e-5)


@extra
@pytest.mark.parametrize("token", [-1, 9])
def test_a_token_outside_the_vocabulary_answers_nan_at_its_step(token, rng, tmp_path):
    model = BUILDERS["one_to_many"]()
    path, x = exported(model, tmp_path), rng.integers(1, 9, size=(2, 5))
    expected = model(x).numpy()
    x[1, 3] = token
    y = run(path, x)["y"]
    np.testing.assert_allclose(y[0], expected[0], atol=1e-5)
    np.testing.assert_allclose(y[1, :3], expected[1, :3], atol=1e-5)
    assert np.isnan(y[1, 3:]).all()


@extra
@pytest.mark.parametrize("kind", ["SimpleRNN", "GRU", "LSTM"])
def test_no_sequences_have_no_answers_and_no_steps_do_not_end_the_process(kind, tmp_path):
    layer = LAYERS[kind](return_sequences=True, return_state=True)
    model = of_one_layer(layers.Bidirectional(layer), masked=False)
    path = exported(model, tmp_path)
    assert run(path, np.zeros((0, 3, 3)))["y_1"].shape == (0, 3, 8)
    assert run(path, np.zeros((2, 0, 3)))["y_1"].shape == (2, 0, 8)


@extra
@pytest.mark.parametrize("n_x", [3, 200])
def test_numbers_that_a_layer_holds_outside_its_weights_are_in_the_file(n_x, rng, tmp_path):
    normalization = layers.Normalization(mean=rng.normal(size=n_x), variance=rng.uniform(1, 2, n_x))
    model = krb.build_many_to_many((n_x,), 5, 2, frontend=normalization)
    x = rng.normal(size=(4, 6, n_x)).astype("float32")
    path = exported(model, tmp_path)
    expected = model(x)
    np.testing.assert_allclose(run(path, x=x)["y"], expected, atol=1e-5)
    a = np.zeros((4, 5), "float32")
    for t in range(6):
        found = run(path.with_suffix(".step.onnx"), x_t=x[:, t], a=a)
        a = found["a_t"]
    np.testing.assert_allclose(found["y_t"], expected[:, -1], atol=1e-5)


@extra
def test_a_frontend_of_images_and_a_dense_head_stand_around_the_node(rng, tmp_path):
    frontend = keras.Sequential([layers.Conv2D(3, 3, activation="relu"), layers.Flatten()])
    model = krb.build_many_to_one((8, 8, 1), 5, 2, frontend=frontend)
    x = rng.normal(size=(2, 4, 8, 8, 1)).astype("float32")
    path = exported(model, tmp_path)
    np.testing.assert_allclose(run(path, x)["y"], model(x), atol=1e-5)
    assert nodes(path) == {"RNN": 1}
    assert operations(path)["Conv"] == 1


def leaky(units):
    return krb.LeakyRNNCell(units, alpha=0.3)


@extra
@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (krb.LayerNormRNNCell, "there is no node with the step of LayerNormRNNCell"),
        (leaky, "there is no node with the step of LeakyRNNCell"),
        (lambda n: krb.BasicRNNCell(n, activation="gelu"), "not gelu"),
        (lambda n: layers.GRUCell(n, activation=lambda x: keras.ops.tanh(x) / 2), "not the function <lambda>"),
    ],
)
def test_a_cell_without_a_node_becomes_a_loop_and_the_call_says_so(cell, reason, x, tmp_path, capsys):
    model = krb.build_many_to_many((3,), 5, 2, cell=cell)
    path = exported(model, tmp_path)
    assert capsys.readouterr().out.startswith("m.onnx: rnn_1 is a loop, not a node of ONNX: ")
    np.testing.assert_allclose(run(path, x)["y"], model(x), atol=1e-5)
    assert nodes(path) == {"Loop": 1}
    states = {"a": np.zeros((4, 5), "float32")}
    np.testing.assert_allclose(stepped(tmp_path / "m.step.onnx", x, states), model(x), atol=1e-5)
    with pytest.raises(FileExistsError):
        exported(model, tmp_path)
    assert reason in saying(model, tmp_path, capsys)


def saying(model, tmp_path, capsys):
    krb.export_onnx(model, tmp_path / "m.onnx", overwrite=True)
    return capsys.readouterr().out


@keras.saving.register_keras_serializable("tests")
class Doubling(layers.GRU):
    """A layer that does more than its cell."""

    def call(self, sequences, initial_state=None, mask=None, training=False):
        return 2 * super().call(sequences, initial_state=initial_state, mask=mask, training=training)


@extra
@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (lambda: Doubling(4), "Doubling runs its cell in a way of its own"),
        (lambda: layers.RNN([layers.GRUCell(3), layers.GRUCell(4)]), "no node for several cells at once"),
        (
            lambda: layers.Bidirectional(layers.GRU(4), backward_layer=layers.GRU(5, go_backwards=True)),
            "no node whose two directions differ",
        ),
    ],
)
def test_a_layer_that_no_node_can_be_is_a_loop_that_equals_it(layer, reason, x, tmp_path, capsys):
    model = of_one_layer(layer())
    path = exported(model, tmp_path)
    assert reason in capsys.readouterr().out
    np.testing.assert_allclose(run(path, x)["y"], model(x), atol=1e-5)
    assert nodes(path).keys() == {"Loop"}


@keras.saving.register_keras_serializable("tests")
class TwoInOne(keras.layers.Layer):
    """A layer that holds recurrent layers, as users write them."""

    def __init__(self):
        super().__init__()
        self.first, self.second = layers.GRU(4, return_sequences=True), layers.LSTM(3, return_sequences=True)

    def build(self, x_shape):
        self.first.build(x_shape)
        self.second.build((*x_shape[:-1], 4))
        self.built = True

    def call(self, x):
        return self.second(self.first(x))


@extra
def test_recurrent_layers_within_a_layer_are_nodes_too(x, tmp_path, capsys):
    model = of_one_layer(TwoInOne())
    path = exported(model, tmp_path)
    np.testing.assert_allclose(run(path, x)["y"], model(x), atol=1e-5)
    assert nodes(path) == {"GRU": 1, "LSTM": 1}
    assert capsys.readouterr().out == ""


@keras.saving.register_keras_serializable("tests")
class InTensorFlow(keras.Model):
    """A model whose call cannot be followed on symbolic tensors."""

    def __init__(self):
        super().__init__()
        self.rnn = layers.GRU(4, return_sequences=True)

    def call(self, x):
        import tensorflow as tf

        return tf.nn.relu(self.rnn(x))


@extra
def test_a_model_whose_call_cannot_be_followed_is_a_loop_and_the_call_says_so(x, tmp_path, capsys):
    model = InTensorFlow()
    model(x)
    path = exported(model, tmp_path)
    assert "m.onnx: every recurrent layer is a loop, not a node of ONNX" in capsys.readouterr().out
    np.testing.assert_allclose(run(path, x)["y"], model(x), atol=1e-5)
    assert nodes(path) == {"Loop": 1}


@extra
def test_a_dict_of_inputs_and_outputs_keeps_its_names(x, rng, tmp_path):
    inputs, s = keras.Input((None, 3), name="x"), keras.Input((4,), name="s")
    y = layers.GRU(4, return_sequences=True)(inputs, initial_state=s)
    model = keras.Model({"x": inputs, "s": s}, {"seen": y, "mean": keras.ops.mean(y, axis=-1)})
    given = {"x": x, "s": rng.normal(size=(4, 4)).astype("float32")}
    found, expected = run(exported(model, tmp_path), **given), model(given)
    assert found.keys() == expected.keys()
    for name, y in expected.items():
        np.testing.assert_allclose(found[name], y, atol=1e-5)
    names = set(run(tmp_path / "m.step.onnx", x_t=x[:, 0], s=given["s"]))
    assert names == {"seen_t", "mean_t", "s_t"}


@keras.saving.register_keras_serializable("tests")
class Mistaken(krb.BasicRNNCell):
    """It says that its step is Elman's, and it is not."""

    def advance(self, z_t, states):
        return [self.activation(0.5 * z_t + self.recur(states[0], self.W_aa))]

    def elman(self):
        return self.activation, "W_aa"


@extra
def test_a_file_that_differs_from_the_model_is_refused_and_nothing_is_left(tmp_path):
    model = krb.build_many_to_many((3,), 5, 2, cell=Mistaken)
    with pytest.raises(ValueError, match=r"m.onnx: y of x \(.*\) differs from the model's by .*, more than 0.0001"):
        exported(model, tmp_path)
    assert list(tmp_path.iterdir()) == []


@extra
def test_a_step_that_differs_takes_the_whole_file_with_it_and_leaves_the_old_ones(tmp_path, monkeypatch):
    path = exported(krb.build_many_to_many((3,), 5, 2), tmp_path)
    before = {own.name: own.read_bytes() for own in tmp_path.iterdir()}
    assert set(before) == {"m.onnx", "m.step.onnx"}
    module = sys.modules["keras_rnn_basics.export.onnx"]
    right = module._runner

    def wrong(half, endpoint):
        return lambda *given: [y + (endpoint.name == "step") * 1e-3 for y in right(half, endpoint)(*given)]

    monkeypatch.setattr(module, "_runner", wrong)
    with pytest.raises(ValueError, match=r"m\.step\.onnx: y_t of .* differs from the model's by .* nothing is written"):
        krb.export_onnx(krb.build_many_to_one((3,), 4, 2), path, overwrite=True)
    assert {own.name: own.read_bytes() for own in tmp_path.iterdir()} == before


@extra
def test_a_replaced_model_takes_the_files_that_it_does_not_have_with_it(tmp_path):
    path = exported(krb.build_many_to_many((3,), 5, 2), tmp_path)
    with pytest.raises(FileExistsError, match=r"m\.step\.onnx exists already; overwrite=True"):
        krb.export_onnx(krb.build_one_to_one((3,), 4, 2), path)
    krb.export_onnx(krb.build_one_to_one((3,), 4, 2), path, overwrite=True)
    assert [own.name for own in tmp_path.iterdir()] == ["m.onnx"]


@extra
def test_the_metadata_describe_the_model(vocabulary, tmp_path):
    import onnx

    model = krb.build_one_to_many(len(vocabulary), 4, embedding_size=3, vocabulary=vocabulary)
    krb.export_onnx(model, tmp_path / "writer.onnx")
    model = krb.build_one_to_one((3,), 4, 2)
    krb.export_onnx(model, tmp_path / "m.onnx", names={"x": ["a", "b", "c"], "y": ("low", "high")})
    found = {
        path.name: json.loads({own.key: own.value for own in onnx.load(path).metadata_props}["keras_rnn_basics"])
        for path in tmp_path.iterdir()
    }
    assert found["m.onnx"]["architecture"] == "one_to_one"
    assert found["m.onnx"]["names"] == {"x": ["a", "b", "c"], "y": ["low", "high"]}
    assert "has no step" in found["m.onnx"]["no_step"]
    assert found["writer.step.onnx"]["vocabularies"]["vocabulary"] == vocabulary.get_config()
    with pytest.raises(ValueError, match=r"names\['y'\] must be 2 words"):
        krb.export_onnx(model, tmp_path / "m.onnx", overwrite=True, names={"y": ["low"]})
    with pytest.raises(ValueError, match=r"keys of names must be among \['x', 'y'\]"):
        krb.export_onnx(model, tmp_path / "m.onnx", overwrite=True, names={"z": ["low"]})


@extra
def test_what_cannot_be_exported_is_refused_before_any_work(tmp_path):
    with pytest.raises(ValueError, match=r"path must end with \.onnx"):
        krb.export_onnx(krb.build_one_to_one((3,), 4, 2), tmp_path / "m")
    stateful = keras.Input((None, 3), batch_size=2, name="x")
    model = keras.Model(stateful, layers.GRU(4, stateful=True)(stateful))
    with pytest.raises(ValueError, match="is stateful"):
        krb.export_onnx(model, tmp_path / "m.onnx")
    with pytest.raises(ValueError, match="has no inputs yet"):
        krb.export_onnx(keras.Sequential([layers.GRU(4)]), tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


@extra
def test_an_operation_that_onnx_does_not_have_is_named(tmp_path):
    import tensorflow as tf

    x = keras.Input((None, 3), name="x")
    odd = layers.Lambda(lambda x: tf.math.bessel_i0(x), output_shape=lambda shape: shape)
    model = keras.Model(x, odd(layers.GRU(4, return_sequences=True)(x)))
    with pytest.raises(ValueError, match=r"m\.onnx cannot be written: ONNX has no operations for BesselI0"):
        krb.export_onnx(model, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


@extra
def test_the_code_of_the_page_runs_as_it_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exported_page.check_section("As ONNX")


def test_without_its_packages_an_export_names_the_command(tmp_path, monkeypatch):
    for package in ("onnx", "onnxruntime", "tf2onnx"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=r"pip install 'keras_rnn_basics\[onnx\]'"):
        krb.export_onnx(krb.build_one_to_one((3,), 4, 2), tmp_path / "m.onnx")
