import functools
import gc
import itertools
import json
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
from everyday import cases
from test_architectures import BUILDERS, inputs_of

import keras_rnn_basics as krb


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Called with the name of an architecture: its model, and where its export lies. Each is exported once."""

    @functools.cache
    def export(name):
        keras.utils.set_random_seed(0)
        model = BUILDERS[name]()
        return model, krb.export_saved_model(model, tmp_path_factory.mktemp("exported") / name)

    return export


FRESH_PROCESS = """
import sys, numpy as np, tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
given = np.load(sys.argv[2])
answers = {}
for key in sorted({name.split("/")[0] for name in given}):
    x = [given[name] for name in sorted(given) if name.startswith(key + "/")]
    answers[key] = np.asarray(getattr(loaded, key.split("-")[0])(*x)) if "step" not in key else None
    if "step" in key:
        y_t, a = loaded.step(*x)
        answers[key], answers[key + "-state"] = y_t.numpy(), a.numpy()
assert not any(name.startswith("keras_rnn_basics") for name in sys.modules)
np.savez(sys.argv[3], **answers)
"""


def test_a_fresh_process_without_the_package_gives_equal_answers_at_any_size(exported, rng, tmp_path):
    model, path = exported("many_to_many")
    sizes = [(1, 1), (4, 6), (2, 11)]
    xs = {f"serve-{B}-{T}": rng.normal(size=(B, T, 3)).astype("float32") for B, T in sizes}
    x_t, a = rng.normal(size=(7, 3)).astype("float32"), rng.normal(size=(7, 5)).astype("float32")
    given = {f"{key}/0": value for key, value in xs.items()} | {"step-7/0": x_t, "step-7/1": a}
    np.savez(tmp_path / "given.npz", **given)
    (tmp_path / "fresh.py").write_text(FRESH_PROCESS)
    arguments = [sys.executable, "fresh.py", str(path), "given.npz", "answers.npz"]
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers = np.load(tmp_path / "answers.npz")
    for key, x in xs.items():
        np.testing.assert_allclose(answers[key], model(x), atol=1e-6)
    y_t, a_t = krb.one_step(model)([x_t, a])
    np.testing.assert_allclose(answers["step-7"], y_t, atol=1e-6)
    np.testing.assert_allclose(answers["step-7-state"], a_t, atol=1e-6)


# many_to_one and one_to_many: every day below, with features and with tokens of any dtype.
@pytest.mark.parametrize("name", cases(BUILDERS, ["one_to_one", "many_to_many", "encoder_decoder"]))
def test_every_architecture_serves_what_it_answers(name, exported, rng):
    (model, path), x = exported(name), inputs_of(name, rng)
    loaded = krb.load_saved_model(path)
    x = [np.asarray(part, dtype=tensor.dtype) for part, tensor in zip(x if isinstance(x, list) else [x], model.inputs)]
    np.testing.assert_allclose(loaded(*x), model(x if len(x) > 1 else x[0]), atol=1e-6)
    assert ("step" in loaded.endpoints) == (name != "one_to_one")
    assert ("encode" in loaded.endpoints) == (name == "encoder_decoder")
    if name == "one_to_one":
        assert "has no step" in loaded.description["no_step"]


def test_the_description_names_shapes_versions_scores_and_what_the_numbers_mean(tmp_path):
    model, names = krb.build_many_to_one((3,), 5, 2), {"x": ("a", "b", "c"), "y": ("low", "high")}
    path = krb.export_saved_model(model, tmp_path / "model", scores={"RNN": 1.5}, names=names)
    description = json.loads((path / "keras_rnn_basics.json").read_text())
    assert description["architecture"] == "many_to_one"
    assert description["scores"] == {"RNN": 1.5}
    assert description["names"] == {"x": ["a", "b", "c"], "y": ["low", "high"]}
    assert description["versions"]["keras"] == keras.__version__
    assert description["endpoints"]["step"] == {
        "inputs": {"x_t": {"shape": [None, 3], "dtype": "float32"}, "a": {"shape": [None, 5], "dtype": "float32"}},
        "outputs": {"y_t": {"shape": [None, 2], "dtype": "float32"}, "a": {"shape": [None, 5], "dtype": "float32"}},
    }


def test_a_sequential_model_serves_and_steps(x, tmp_path):
    model = keras.Sequential([keras.Input((None, 3)), krb.BasicRNN(krb.BasicRNNCell(5, 2))])
    loaded = krb.load_saved_model(krb.export_saved_model(model, tmp_path / "model", scores={"RNN": np.float32(1.5)}))
    np.testing.assert_allclose(loaded(x), model(x), atol=1e-6)
    a = np.zeros((4, 5), dtype="float32")
    for t in range(6):
        y_t, a = loaded.step(x[:, t], a)
    np.testing.assert_allclose(y_t, model(x), atol=1e-6)
    with pytest.raises(ValueError, match="has no inputs yet"):
        krb.export_saved_model(keras.Sequential([krb.BasicRNN(krb.BasicRNNCell(5))]), tmp_path / "other")
    with pytest.raises(TypeError, match=r"model must be a keras\.Model, got 'model\.keras'"):
        krb.export_saved_model("model.keras", tmp_path / "other")


def test_what_is_there_is_kept_unless_told_otherwise(tmp_path, rng):
    first, second = krb.build_one_to_one((3,), 5, 2), krb.build_one_to_one((3,), 5, 2)
    x = rng.normal(size=(4, 3)).astype("float32")
    path = krb.export_saved_model(first, tmp_path / "model")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        krb.export_saved_model(second, path)
    np.testing.assert_allclose(krb.load_saved_model(path)(x), first(x), atol=1e-6)
    krb.export_saved_model(second, path, overwrite=True)
    np.testing.assert_allclose(krb.load_saved_model(path)(x), second(x), atol=1e-6)
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


def test_nothing_but_a_saved_model_is_replaced(tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "letter.txt").write_text("dear")
    with pytest.raises(FileExistsError, match="is not a SavedModel; it is left unchanged"):
        krb.export_saved_model(krb.build_one_to_one((3,), 5, 2), tmp_path / "precious", overwrite=True)
    assert (tmp_path / "precious" / "letter.txt").read_text() == "dear"


def test_a_stateful_model_is_refused_and_several_outputs_step_together(x, tmp_path):
    inputs = keras.Input((None, 3), batch_size=2, name="x")
    model = keras.Model(inputs, krb.BasicRNN(krb.BasicRNNCell(5), stateful=True)(inputs))
    with pytest.raises(ValueError, match="is stateful: its callers would share one state"):
        krb.export_saved_model(model, tmp_path / "stateful")
    inputs = keras.Input((None, 3), name="x")
    model = keras.Model(inputs, [krb.BasicRNN(krb.BasicRNNCell(5))(inputs), krb.BasicRNN(krb.BasicRNNCell(4))(inputs)])
    loaded = krb.load_saved_model(krb.export_saved_model(model, tmp_path / "two"))
    states = [np.zeros((4, 5), "float32"), np.zeros((4, 4), "float32")]
    for t in range(6):
        *answers, a_1, a_2 = loaded.step(x[:, t], *states)
        states = [a_1, a_2]
    for answer, served, expected in zip(answers, loaded.serve(x), model(x)):
        np.testing.assert_allclose(answer, expected, atol=1e-6)
        np.testing.assert_allclose(served, expected, atol=1e-6)


@pytest.mark.long  # every day another model without a step
def test_a_model_that_cuts_a_waveform_into_frames_has_no_step(rng, tmp_path):
    wave = keras.Input((None,), name="wave")
    mel = keras.layers.MelSpectrogram(64, 32, sampling_rate=8000, num_mel_bins=4, power_to_db=False)(wave)
    model = keras.Model(wave, krb.build_many_to_one((4,), 3, 2)(keras.ops.swapaxes(mel, 1, 2)))
    loaded = krb.load_saved_model(krb.export_saved_model(model, tmp_path / "model"))
    assert loaded.endpoints == ["serve"]
    assert "(MelSpectrogram) cannot read a single time step" in loaded.description["no_step"]
    waves = rng.normal(size=(2, 500)).astype("float32")
    np.testing.assert_allclose(loaded.serve(waves), model(waves), atol=1e-5)


def test_a_failed_export_leaves_nothing_and_takes_nothing(exported, tmp_path, monkeypatch):
    path = shutil.copytree(exported("one_to_one")[1], tmp_path / "model")
    before = sorted(entry.name for entry in path.iterdir())

    def disk_full(*args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr("tensorflow.saved_model.save", disk_full)
    for target in (path, tmp_path / "other"):
        with pytest.raises(OSError, match="No space"):
            krb.export_saved_model(krb.build_one_to_one((3,), 5, 2), target, overwrite=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]
    assert sorted(entry.name for entry in path.iterdir()) == before


@pytest.mark.parametrize(
    ("endpoint", "compiled"),
    cases(
        itertools.product(["serve", "step", "encode"], [False, True]),
        [("serve", False), ("step", True)],
    ),
)
def test_a_folder_that_differs_from_the_model_is_refused_and_the_old_one_stays(
    exported, tmp_path, monkeypatch, endpoint, compiled
):
    import tensorflow as tf

    path = shutil.copytree(exported("one_to_one")[1], tmp_path / "model")
    before, save = sorted(own.name for own in path.iterdir()), tf.saved_model.save
    model = krb.build_encoder_decoder(9, 7, 5) if endpoint == "encode" else krb.build_many_to_many((3,), 5, 2)

    def wrong(root, folder, signatures):
        right = signatures[endpoint]

        def changed(**given):
            return {name: y + 1e-3 for name, y in right(**given).items()}

        specs = right.structured_input_signature[1]
        save(root, folder, signatures | {endpoint: tf.function(changed).get_concrete_function(**specs)})

    monkeypatch.setattr(tf.saved_model, "save", wrong)
    with pytest.raises(
        ValueError, match=rf"model, {endpoint}: \w+ of .* differs from the model's by \d\.\de-0\d, more than 0\.0001"
    ):
        krb.export_saved_model(model, path, overwrite=True, compiled=compiled)
    assert [own.name for own in tmp_path.iterdir()] == ["model"]
    assert sorted(own.name for own in path.iterdir()) == before


@pytest.mark.long  # its fault would be an error too many
@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_may_differ_by_what_it_rounds(tmp_path, rng, dtype):
    inputs = keras.Input((None, 3), name="x")
    model = keras.Model(inputs, keras.layers.GRU(16, return_sequences=True, dtype=dtype)(inputs))
    loaded = krb.load_saved_model(krb.export_saved_model(model, tmp_path / "model", compiled=True))
    x = rng.normal(size=(2, 5, 3)).astype("float32")
    np.testing.assert_allclose(loaded.serve(x), model(x), atol=0.05)


def test_an_endpoint_keeps_its_variables_alive(exported, rng):
    (model, path), x = exported("one_to_one"), rng.normal(size=(4, 3)).astype("float32")
    serve = krb.load_saved_model(path).serve
    gc.collect()
    np.testing.assert_allclose(serve(x), model(x), atol=1e-6)


def test_missing_models_and_endpoints_say_what_there_is(exported, tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no SavedModel at"):
        krb.load_saved_model(tmp_path)
    path = exported("one_to_one")[1]
    with pytest.raises(AttributeError, match=r"no endpoint 'generate', only \['serve'\]"):
        krb.load_saved_model(path).generate("a")


def steps(loaded, states, *sequences):
    """The sequences through the exported step -> the answers (B, T, n_y)."""
    answers, states = [], list(states) if isinstance(states, (list, tuple)) else [states]
    for t in range(sequences[0].shape[1]):
        y_t, *after = loaded.step(*(x[:, t] for x in sequences), *states)
        states = [*after, *states[len(after) :]]
        answers.append(y_t.numpy())
    return np.stack(answers, axis=1)


@pytest.mark.long  # every day: a learned first state here, and such a step in test_one_step.py
def test_an_encoder_and_a_decoder_in_one_graph_step_from_what_begin_gives(tmp_path, rng):
    x, clock = keras.Input((None, 3), name="x"), keras.Input((4, 2), name="clock")
    _, a = krb.BasicRNN(krb.BasicRNNCell(5), return_state=True, name="encoder")(x)
    decoder = krb.BasicRNN(krb.BasicRNNCell(5, output_units=1), return_sequences=True, name="decoder")
    model = keras.Model([x, clock], decoder(clock, initial_state=a))
    loaded = krb.load_saved_model(krb.export_saved_model(model, tmp_path / "export"))
    assert loaded.endpoints == ["serve", "step", "begin"]
    begin = loaded.description["endpoints"]["begin"]
    assert begin["inputs"] == {"x": {"shape": [None, None, 3], "dtype": "float32"}}
    assert begin["outputs"] == {"a": {"shape": [None, 5], "dtype": "float32"}}
    read, hours = rng.normal(size=(2, 6, 3)).astype("float32"), rng.normal(size=(2, 4, 2)).astype("float32")
    np.testing.assert_allclose(loaded.serve(read, hours), model([read, hours]), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(steps(loaded, loaded.begin(read), hours), model([read, hours]), atol=1e-5)


def test_a_learned_first_state_comes_from_begin(x, tmp_path):
    inputs = keras.Input((None, 3), name="x")
    cell = krb.BasicRNNCell(5, 2, learned_initial_state=True, initializers={"a_0": "ones"})
    model = keras.Model(inputs, krb.BasicRNN(cell, return_sequences=True)(inputs))
    loaded = krb.load_saved_model(krb.export_saved_model(model, tmp_path / "model"))
    np.testing.assert_allclose(steps(loaded, loaded.begin(4), x), model(x), atol=1e-5)


def test_lstm_exports_its_two_states(x, tmp_path):
    inputs = keras.Input((None, 3), name="x")
    model = keras.Model(inputs, keras.layers.LSTM(5, return_sequences=True)(inputs))
    loaded = krb.load_saved_model(krb.export_saved_model(model, tmp_path / "model"))
    assert loaded.endpoints == ["serve", "step"]
    assert list(loaded.description["endpoints"]["step"]["inputs"]) == ["x_t", "a_1", "a_2"]
    np.testing.assert_allclose(steps(loaded, [np.zeros((4, 5), "float32")] * 2, x), model(x), atol=1e-5)


def test_an_exported_step_of_batches_that_differ_is_an_error(exported):
    import tensorflow as tf

    loaded = krb.load_saved_model(exported("many_to_many")[1])
    with pytest.raises(tf.errors.InvalidArgumentError, match="another number of sequences than the state"):
        loaded.step(np.zeros((2, 3), "float32"), np.zeros((1, 5), "float32"))


def test_a_model_of_a_dict_serves_its_inputs_by_name_and_in_order(x, rng, tmp_path):
    inputs, s = keras.Input((None, 3), name="x"), keras.Input((4,), name="s")
    layer = keras.layers.GRU(4, return_sequences=True)
    model, given = keras.Model({"x": inputs, "s": s}, layer(inputs, initial_state=s)), rng.normal(size=(4, 4))
    given = {"x": x, "s": given.astype("float32")}
    loaded = krb.load_saved_model(krb.export_saved_model(model, tmp_path / "model", names={"x": ["a", "b", "c"]}))
    assert list(loaded.description["endpoints"]["serve"]["inputs"]) == [tensor.name for tensor in model.inputs]
    for answer in (loaded(given), loaded.serve(**given), loaded([given["s"], x]), loaded(given["s"], x=x)):
        np.testing.assert_allclose(answer, model(given), atol=1e-6)
    np.testing.assert_allclose(steps(loaded, given["s"], x), model(given), atol=1e-5)
    with pytest.raises(TypeError, match=r"takes \['s', 'x'\], got 0 by position and \['x'\] by name"):
        loaded.serve(x=x)


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.rnn = krb.BasicRNN(krb.BasicRNNCell(4, 2), return_sequences=True)

    def build(self, x_shape):
        self.rnn.build(x_shape)

    def call(self, x):
        return self.rnn(x)


@keras.saving.register_keras_serializable("tests")
class OfADict(keras.Model):
    def __init__(self):
        super().__init__()
        self.rnn = krb.BasicRNN(krb.BasicRNNCell(4, 2), return_sequences=True)

    def call(self, given):
        import tensorflow as tf

        return tf.nn.relu(self.rnn(given["x"], initial_state=given["a"]))


@pytest.mark.parametrize("how", cases(["built", "called"], ["built"]))
def test_a_subclassed_model_that_was_built_or_called_serves_and_steps(x, tmp_path, how):
    model = Subclassed()
    model.build((None, None, 3)) if how == "built" else model(x)
    loaded = krb.load_saved_model(krb.export_saved_model(model, tmp_path / "model"))
    assert list(loaded.description["endpoints"]["serve"]["inputs"]) == ["x"]
    np.testing.assert_allclose(loaded(x[:3, :5]), model(x[:3, :5]), atol=1e-6)  # of any size
    np.testing.assert_allclose(steps(loaded, np.zeros((4, 4), "float32"), x), model(x), atol=1e-5)
    with pytest.raises(ValueError, match=r"has no inputs yet: give it a keras\.Input, build it, or call it"):
        krb.export_saved_model(Subclassed(), tmp_path / "neither")


def test_a_subclassed_model_that_speaks_tensorflow_serves_alone_and_says_why(x, tmp_path):
    model, given = OfADict(), {"x": x, "a": np.ones((4, 4), "float32")}
    expected = model(given)
    loaded = krb.load_saved_model(krb.export_saved_model(model, tmp_path / "model"))
    assert loaded.endpoints == ["serve"]
    assert "whose call cannot be followed on symbolic tensors" in loaded.description["no_step"]
    np.testing.assert_allclose(loaded(given), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"z": ["a"]}, r"keys of names must be among \['x', 'y'\], got 'z'"),
        ({"x": ["a"]}, r"names\['x'\] must be 3 words, got \['a'\]"),
        ({"y": "ab"}, r"names\['y'\] must be 2 words, got 'ab'"),
    ],
)
def test_names_that_do_not_fit_are_an_error_before_any_work(tmp_path, names, message):
    with pytest.raises(ValueError, match=message):
        krb.export_saved_model(krb.build_many_to_one((3,), 5, 2), tmp_path / "model", names=names)
    assert not (tmp_path / "model").exists()


@pytest.mark.long  # every day: the answers of test_export_rest.py, which have these names
def test_signatures_name_their_outputs_and_say_which_is_the_state(x, tmp_path):
    import tensorflow as tf

    path = krb.export_saved_model(krb.build_many_to_many((3,), [5, 4], 2), tmp_path / "model")
    signatures = tf.saved_model.load(str(path)).signatures
    assert list(signatures["serving_default"].structured_outputs) == ["y"]
    assert set(signatures["step"].structured_outputs) == {"y_t", "a_1", "a_2"}
    a = [np.ones((4, n), "float32") for n in (5, 4)]
    found = signatures["step"](x_t=tf.constant(x[:, 0]), a_1=tf.constant(a[0]), a_2=tf.constant(a[1]))
    answers = krb.load_saved_model(path).step(x[:, 0], *a)
    for name, answer in zip(("y_t", "a_1", "a_2"), answers):
        np.testing.assert_array_equal(found[name], answer)


@pytest.mark.long
def test_an_export_is_a_layer_of_keras_also_with_two_inputs_and_integers_of_numpy(exported, rng):
    x, y_in = (rng.integers(1, 7, size=(4, T)) for T in (6, 5))
    model, path = exported("encoder_decoder")
    layer = keras.layers.TFSMLayer(str(path), call_endpoint="serve")
    expected = model([x, y_in])
    np.testing.assert_allclose(layer([x, y_in]), expected, atol=1e-6)
    np.testing.assert_allclose(layer({"x": x, "y_in": y_in}), expected, atol=1e-6)
    model, path = exported("many_to_one")
    layer = keras.layers.TFSMLayer(str(path), call_endpoint="serve")
    values = rng.normal(size=(4, 6, 3))
    np.testing.assert_allclose(layer(values), model(values), atol=1e-6)


@pytest.mark.parametrize(
    "kind", cases(["list", "int32", "int64", "float32", "float64"], ["list", "int32", "int64", "float64"])
)
def test_tokens_may_be_whole_numbers_of_any_kind(exported, kind):
    import tensorflow as tf

    model, folder = exported("one_to_many")
    expected = model(np.array([[1, 2, 8]]))
    given = [[1, 2, 8]] if kind == "list" else tf.constant([[1, 2, 8]], kind)
    without_the_package = tf.saved_model.load(str(folder))  # held, for it holds the variables
    loaded = krb.load_saved_model(folder)
    np.testing.assert_allclose(loaded(given), expected, atol=1e-6)
    if kind in ("list", "int32", "int64"):
        np.testing.assert_allclose(without_the_package.serve(given), expected, atol=1e-6)
    if kind.startswith("float"):
        with pytest.raises(ValueError, match="x must hold whole numbers that int32 can hold"):
            loaded(np.array([[1, 2.5]], kind))
    if kind == "int64":
        with pytest.raises(ValueError, match="x must hold whole numbers that int32 can hold"):
            loaded([[1, 2**32 + 1]])
        with pytest.raises(tf.errors.InvalidArgumentError, match="a token must be a whole number from 0 to 8"):
            without_the_package.serve(tf.constant([[1, 2**32 + 1]], "int64"))


def test_features_may_be_of_any_dtype_and_nothing_of_a_sequence_may_be_missing(exported, rng):
    import tensorflow as tf

    model, path = exported("many_to_one")
    loaded = krb.load_saved_model(path)
    values = rng.integers(0, 5, (2, 4, 3))
    for given in (values, values.tolist(), values.astype("float64"), tf.constant(values, "float64")):
        np.testing.assert_allclose(loaded.serve(given), model(values), atol=1e-6)
    assert loaded.serve(np.zeros((0, 4, 3))).shape == (0, 2)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"x must have at least one time step, got\] \[2 0 3\]"):
        loaded.serve(np.zeros((2, 0, 3)))


@pytest.mark.parametrize("name", cases(["one_to_many", "many_to_many"], ["many_to_many"]))
@pytest.mark.parametrize("first", ["float32", "float64"])
def test_without_the_package_numbers_of_numpy_step_with_the_states_that_come_back(exported, rng, name, first):
    import tensorflow as tf

    model, folder = exported(name)
    x = rng.integers(1, 7, size=(2, 4)) if name == "one_to_many" else rng.normal(size=(2, 4, 3))  # of 64 bits
    loaded = tf.saved_model.load(str(folder))
    shapes = [spec.shape[1:] for spec in krb.one_step(model).inputs[1:]]
    states = [np.zeros((2, *shape), first) for shape in shapes]
    for t in range(4):
        y_t, *states = loaded.step(x[:, t], *states)
    np.testing.assert_allclose(y_t, model(x)[:, -1], atol=1e-5)


def test_a_sequence_of_another_length_than_the_network_has_is_an_error_and_not_cut(tmp_path):
    x = keras.Input((6, 3), name="x")
    model = keras.Model(x, keras.layers.GRU(4, return_sequences=True)(x))
    loaded = krb.load_saved_model(krb.export_saved_model(model, tmp_path / "model"))
    assert loaded(np.ones((2, 6, 3))).shape == (2, 6, 4)
    with pytest.raises(ValueError, match=r"x must have the shape \(None, 6, 3\), got \(2, 9, 3\)\."):
        loaded(np.ones((2, 9, 3)))
    with pytest.raises(ValueError, match=r"a must have the shape \(None, 4\), got \(4,\)\."):
        loaded.step(np.ones((2, 3)), np.zeros(4))
    with pytest.raises(ValueError, match="x must hold real numbers, got array"):
        loaded(np.ones((2, 6, 3)) * 1j)


@pytest.mark.parametrize("name", ["x-1", "größe", "my input"])
def test_a_name_that_tensorflow_does_not_have_is_an_error_that_says_what_to_do(tmp_path, name):
    x = keras.Input((None, 3), name=name)
    model = keras.Model(x, keras.layers.GRU(4)(x))
    with pytest.raises(ValueError, match=f"cannot have an input called '{name}': names begin with a letter"):
        krb.export_saved_model(model, tmp_path / "model")
    new = keras.Input((None, 3), name="x")
    loaded = krb.load_saved_model(krb.export_saved_model(keras.Model(new, model(new)), tmp_path / "model"))
    np.testing.assert_allclose(loaded.serve(x=np.ones((1, 4, 3))), model(np.ones((1, 4, 3))), atol=1e-6)


def test_a_folder_that_cannot_be_run_is_refused_with_the_reason(tmp_path):
    x = keras.Input((None, 3), name="x")
    each = keras.layers.TimeDistributed(keras.layers.Dense(4))(keras.layers.Masking()(x))  # Keras mixes up B and T
    model = keras.Model(x, keras.layers.GlobalAveragePooling1D()(each))
    with pytest.raises(ValueError, match=r"model, serve cannot be run with x \(3, 5, 3\) \(.*must be broadcastable"):
        krb.export_saved_model(model, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def xla_is_in(path):
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    saved = SavedModel.FromString((path / "saved_model.pb").read_bytes())
    functions = saved.meta_graphs[0].graph_def.library.function
    return bool([function for function in functions if function.attr["_XlaMustCompile"].b])


def test_a_compiled_export_gives_the_same_answers_and_steps(x, tmp_path):
    import tensorflow as tf

    model = krb.build_many_to_many((3,), 5, 2)
    path = krb.export_saved_model(model, tmp_path / "model", compiled=True)
    assert xla_is_in(path)
    loaded = krb.load_saved_model(path)
    np.testing.assert_allclose(loaded.serve(x), model(x), atol=1e-5)
    np.testing.assert_allclose(steps(loaded, np.zeros((4, 5), "float32"), x), model(x), atol=1e-5)
    with pytest.raises(tf.errors.InvalidArgumentError, match="reshape"):  # XLA has no assertions
        loaded.step(np.zeros((2, 3), "float32"), np.zeros((1, 5), "float32"))


def a_functional_model():
    inputs = keras.Input((None, 3), name="x")
    return keras.Model(inputs, krb.BasicRNN(krb.BasicRNNCell(4, 2), recurrence="per_core")(inputs))


EXPORTED_BY_KERAS = {
    "builder": lambda: krb.build_many_to_one((3,), 5, 2),
    "subclassed": Subclassed,
    "functional": a_functional_model,
}


@pytest.mark.parametrize("name", cases(EXPORTED_BY_KERAS, ["builder"]))
def test_keras_own_export_takes_the_plain_loop_from_whatever_model(x, tmp_path, name):
    import tensorflow as tf

    model = EXPORTED_BY_KERAS[name]()
    expected = model.predict(x, verbose=0)  # by the fast loop, whose trace must not come along
    model.export(tmp_path / "keras", verbose=False)
    assert not xla_is_in(tmp_path / "keras")
    loaded = tf.saved_model.load(str(tmp_path / "keras"))  # held, for it holds the variables
    np.testing.assert_allclose(loaded.serve(x), expected, atol=1e-5)
    tf.saved_model.save(model, str(tmp_path / "tensorflow"))
    assert not xla_is_in(tmp_path / "tensorflow")


@pytest.mark.extra
@pytest.mark.filterwarnings("ignore:In the future `np.object`:FutureWarning")  # of tf2onnx
@pytest.mark.parametrize("name", BUILDERS)
def test_keras_own_export_to_onnx_runs(name, rng, tmp_path):
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("tf2onnx", reason="tf2onnx is not installed")
    model, x = BUILDERS[name](), inputs_of(name, rng)
    given = [np.asarray(part, tensor.dtype) for part, tensor in zip(x if isinstance(x, list) else [x], model.inputs)]
    expected = model(given if len(given) > 1 else given[0])
    model.export(tmp_path / "model.onnx", format="onnx", verbose=False)
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    [found] = session.run(None, {own.name: part for own, part in zip(session.get_inputs(), given)})
    np.testing.assert_allclose(found, expected, atol=1e-5)


@keras.saving.register_keras_serializable("tests")
class Numbers(keras.layers.Layer):
    """A table of TensorFlow's own in a layer of one's own."""

    def __init__(self, **kwargs):
        import tensorflow as tf

        super().__init__(**kwargs)
        numbers = tf.lookup.KeyValueTensorInitializer(["a", "b"], [1, 2])
        self.table = tf.lookup.StaticHashTable(numbers, 0)

    def call(self, words):
        return self.table.lookup(words)

    def compute_output_spec(self, words):
        return keras.KerasTensor(words.shape, "int32")


@pytest.mark.long
def test_tables_of_other_layers_come_along(tmp_path):
    words = keras.Input((None,), dtype="string", name="words")
    embedded = keras.layers.Embedding(3, 4)(Numbers()(words))
    model = keras.Model(words, krb.BasicRNN(krb.BasicRNNCell(3))(embedded))
    loaded = krb.load_saved_model(krb.export_saved_model(model, tmp_path / "model"))
    given = np.array([["a", "b", "c"]])
    np.testing.assert_allclose(loaded(given), model(keras.ops.convert_to_tensor(given)), atol=1e-6)


@pytest.mark.parametrize("bound", ["max_new_tokens", "max_prompt_tokens"])
def test_bounds_are_positive_integers(tmp_path, bound):
    with pytest.raises(ValueError, match=f"{bound} must be an integer from 1"):
        krb.export_saved_model(krb.build_one_to_one((3,), 5, 2), tmp_path / "model", **{bound: 0})


def test_a_model_that_reads_none_of_the_sizes_that_are_tried_is_written_with_a_warning(tmp_path):
    @keras.saving.register_keras_serializable("test")
    class Sevens(keras.layers.Layer):
        """Reads seven sequences, and no other number of them."""

        def call(self, x):
            return keras.ops.reshape(x, (7, -1))

    x = keras.Input((4,), name="x")
    model = keras.Model(x, Sevens()(x))
    with pytest.warns(UserWarning, match="was not run beside the model: .* reads none of the sizes"):
        path = krb.export_saved_model(model, tmp_path / "sevens")
    given = np.arange(28, dtype="float32").reshape(7, 4)
    np.testing.assert_array_equal(krb.load_saved_model(path)(given), given)
