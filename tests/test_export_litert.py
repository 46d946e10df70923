import re
import sys
from pathlib import Path

import exported_page
import keras
import numpy as np
import oracle
import pytest
from keras import layers
from test_architectures import BUILDERS, inputs_of
from test_export_onnx import LAYERS, of_one_layer, with_random_weights

import keras_rnn_basics as krb

extra = pytest.mark.extra


def exported(model, tmp_path, **arguments):
    return krb.export_litert(with_random_weights(model), tmp_path / "m.tflite", **arguments)


class Loaded:
    """The file's signatures by name; arrays in the order of the model's inputs, which the names tell."""

    def __init__(self, path):
        from ai_edge_litert.interpreter import Interpreter

        # It reads the file while it runs: pytest's folder may be gone by then.
        self.interpreter = Interpreter(model_content=Path(path).read_bytes())
        self.signatures = self.interpreter.get_signature_list()

    def __call__(self, signature, **arrays):
        run = self.interpreter.get_signature_runner(signature)
        details = run.get_input_details()
        return run(**{name: np.asarray(array, details[name]["dtype"]) for name, array in arrays.items()})

    def stepped(self, x, states):
        answers = []
        for t in range(x.shape[1]):
            found = self("step", x_t=x[:, t], **states)
            answers.append(found.pop("y_t"))
            states |= found
        return np.stack(answers, axis=1)


@extra
def test_the_plain_cell_equals_the_equations_at_any_size(rng, tmp_path):
    model = krb.build_many_to_many((3,), 5, 2)
    loaded = Loaded(exported(model, tmp_path))
    cell = model.get_layer("rnn_1").cell
    weights = {name: getattr(cell, name).numpy() for name in cell.weight_names}
    assert loaded.signatures.keys() == {"serve", "step"}
    for B, T in ((1, 1), (4, 6), (2, 11), (1, 40)):
        x = rng.normal(size=(B, T, 3)).astype("float32")
        expected, _ = oracle.forward(weights, x)
        np.testing.assert_allclose(loaded("serve", x=x)["y"], expected, atol=1e-5)
        a_0 = {"a": np.zeros((B, 5), "float32")}
        np.testing.assert_allclose(loaded.stepped(x, a_0), expected, atol=1e-5)


@extra
@pytest.mark.parametrize("name", BUILDERS)
def test_every_architecture_answers_as_in_keras(name, rng, tmp_path):
    model, x = BUILDERS[name](), inputs_of(name, rng)
    loaded = Loaded(exported(model, tmp_path))
    x = x if isinstance(x, list) else [x]
    given = {tensor.name: array for tensor, array in zip(model.inputs, x)}
    np.testing.assert_allclose(loaded("serve", **given)["y"], model(x if len(x) > 1 else x[0]), atol=1e-5)
    assert ("step" in loaded.signatures) == (name != "one_to_one")
    assert ("encode" in loaded.signatures) == (name == "encoder_decoder")


@extra
def test_an_encoder_begins_the_steps_of_its_decoder_with_attention(rng, tmp_path):
    model = krb.build_encoder_decoder(9, 7, 5, attention=True, embedding_size=3)
    loaded = Loaded(exported(model, tmp_path))
    x, y_in = rng.integers(1, 9, size=(3, 6)), rng.integers(1, 7, size=(3, 4))
    x[1, 4:] = 0
    begun, expected = loaded("encode", x=x), model([x, y_in])
    assert begun.keys() == {"a", "memory", "there"}
    np.testing.assert_allclose(loaded("serve", x=x, y_in=y_in)["y"], expected, atol=1e-5)
    np.testing.assert_allclose(loaded.stepped(y_in, begun), expected, atol=1e-5)


@extra
@pytest.mark.parametrize("name", BUILDERS)
def test_keras_own_export_runs_without_flex(name, rng, tmp_path):
    model, x = BUILDERS[name](), inputs_of(name, rng)
    x = x if isinstance(x, list) else [x]
    model.export(tmp_path / "m.tflite", format="litert", verbose=False)
    loaded = Loaded(tmp_path / "m.tflite")
    [(signature, told)] = loaded.signatures.items()
    arrays = [
        next(own for own, tensor in zip(x, model.inputs) if name.endswith(tensor.name)) for name in told["inputs"]
    ]
    found = loaded(signature, **dict(zip(told["inputs"], arrays)))
    np.testing.assert_allclose(*found.values(), model(x if len(x) > 1 else x[0]), atol=1e-5)


@extra
@pytest.mark.parametrize("cell", [krb.LayerNormRNNCell, layers.LSTMCell])
def test_keras_own_export_of_other_cells_runs_without_flex(cell, x, tmp_path):
    model = krb.build_many_to_many((3,), 5, 2, cell=cell)
    model.export(tmp_path / "m.tflite", format="litert", verbose=False)
    loaded = Loaded(tmp_path / "m.tflite")
    [(signature, told)] = loaded.signatures.items()
    np.testing.assert_allclose(*loaded(signature, **{told["inputs"][0]: x}).values(), model(x), atol=1e-5)


@extra
@pytest.mark.parametrize("how", ["reverse", "bidirectional"])
@pytest.mark.parametrize("name", LAYERS)
def test_layers_of_keras_read_backwards_and_both_ways_with_any_mask(name, how, x, mask, tmp_path):
    layer = LAYERS[name](return_sequences=True, go_backwards=how == "reverse")
    model = of_one_layer(layers.Bidirectional(layer) if how == "bidirectional" else layer, masked=True)
    mask[0] = False  # a sequence without a step that counts
    x = np.where(mask[..., None], x, 0).astype("float32")
    np.testing.assert_allclose(Loaded(exported(model, tmp_path))("serve", x=x)["y"], model(x), atol=1e-5)


@extra
@pytest.mark.parametrize("cell", [krb.LayerNormRNNCell, krb.LeakyRNNCell, layers.GRUCell, layers.LSTMCell])
def test_any_cell_runs_and_steps(cell, x, tmp_path):
    model = krb.build_many_to_many((3,), 5, 2, cell=cell)
    loaded = Loaded(exported(model, tmp_path))
    np.testing.assert_allclose(loaded("serve", x=x)["y"], model(x), atol=1e-5)
    names = ["a_1", "a_2"] if cell is layers.LSTMCell else ["a"]
    states = {name: np.zeros((4, 5), "float32") for name in names}
    np.testing.assert_allclose(loaded.stepped(x, states), model(x), atol=1e-5)


@extra
def test_weights_of_8_bits_take_less_and_the_call_tells_the_error_that_they_cost(rng, tmp_path, capsys):
    model = krb.build_many_to_many((32,), 64, 32)
    whole = krb.export_litert(model, tmp_path / "whole.tflite").stat().st_size
    assert capsys.readouterr().out == ""
    path = krb.export_litert(model, tmp_path / "small.tflite", quantize=True)
    told = re.fullmatch(
        r"small\.tflite: with weights of 8 bits it has ([\d,]+) bytes instead of ([\d,]+), and on random inputs its "
        r"answers differ from the model's by up to (\S+)\.\n",
        capsys.readouterr().out,
    )
    sizes = [int(told[number].replace(",", "")) for number in (1, 2)]
    assert sizes == [path.stat().st_size, whole]
    assert sizes[0] < 0.7 * whole
    x = rng.normal(size=(2, 8, 32)).astype("float32")
    apart = np.abs(Loaded(path)("serve", x=x)["y"] - model(x)).max() / max(1, np.abs(model(x)).max())
    assert float(told[3]) > 1e-4
    assert float(told[3]) / 3 < apart < 3 * float(told[3])


@extra
@pytest.mark.parametrize("token", [-1, 9])
def test_a_token_outside_the_vocabulary_answers_nan_at_its_step(token, rng, tmp_path):
    model = BUILDERS["one_to_many"]()
    loaded, x = Loaded(exported(model, tmp_path)), rng.integers(1, 9, size=(2, 5))
    expected = model(x).numpy()
    x[1, 3] = token
    y = loaded("serve", x=x)["y"]
    np.testing.assert_allclose(y[0], expected[0], atol=1e-5)
    np.testing.assert_allclose(y[1, :3], expected[1, :3], atol=1e-5)
    assert np.isnan(y[1, 3:]).all()


@extra
def test_a_file_that_differs_from_the_model_is_refused_and_the_old_one_stays(tmp_path, monkeypatch):
    from keras_rnn_basics.recurrence import scattered

    path = exported(krb.build_many_to_one((3,), 5, 2), tmp_path)
    before, right = path.read_bytes(), scattered.run

    def wrong(*arguments, **named):
        last, y, states = right(*arguments, **named)
        return last + 1e-3, y + 1e-3, states

    monkeypatch.setattr(scattered, "run", wrong)
    with pytest.raises(ValueError, match=r"m\.tflite, serve: y of x \(.*\) differs from the model's by"):
        exported(krb.build_many_to_many((3,), 5, 2), tmp_path, overwrite=True)
    assert [own.name for own in tmp_path.iterdir()] == ["m.tflite"]
    assert path.read_bytes() == before


@extra
def test_what_litert_cannot_run_is_refused_and_keras_has_its_own_loop_again(x, tmp_path):
    import tensorflow as tf

    inputs = keras.Input((None, 3), name="x")
    odd = layers.Lambda(lambda x: tf.math.bessel_i0(x), output_shape=lambda shape: shape)
    model = keras.Model(inputs, odd(layers.GRU(4, return_sequences=True)(inputs)))
    before = model(x)
    with pytest.raises(ValueError, match=r"m\.tflite cannot be written for LiteRT: it has no operations for BesselI0"):
        krb.export_litert(model, tmp_path / "m.tflite")
    assert list(tmp_path.iterdir()) == []
    np.testing.assert_array_equal(model(x), before)
    assert keras.src.backend.rnn.__module__.startswith("keras.")


@extra
def test_a_name_that_tensorflow_does_not_have_is_an_error_that_says_what_to_do(tmp_path):
    x = keras.Input((None, 3), name="größe")
    with pytest.raises(ValueError, match="cannot have an input called 'größe': names begin with a letter"):
        krb.export_litert(keras.Model(x, layers.GRU(4)(x)), tmp_path / "m.tflite")


@extra
def test_a_table_of_words_is_refused_with_the_reason(tmp_path):
    x = keras.Input((None,), name="x", dtype="string")
    tokens = layers.StringLookup(vocabulary=["to", "be"])(x)
    model = keras.Model(x, layers.GRU(4)(layers.Embedding(4, 3)(tokens)))
    with pytest.raises(ValueError, match=r"cannot be written for LiteRT: a layer holds .* such as a table of words"):
        krb.export_litert(model, tmp_path / "m.tflite")
    assert not list(tmp_path.iterdir())


@extra
def test_a_path_of_another_kind_or_a_file_that_is_there_is_refused_before_any_work(tmp_path):
    model = krb.build_one_to_one((3,), 4, 2)
    with pytest.raises(ValueError, match=r"path must end with \.tflite"):
        krb.export_litert(model, tmp_path / "m.onnx")
    (tmp_path / "m.tflite").write_text("mine")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        krb.export_litert(model, tmp_path / "m.tflite")
    assert (tmp_path / "m.tflite").read_text() == "mine"


@extra
def test_the_code_of_the_page_runs_as_it_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exported_page.check_section("For LiteRT")


def test_without_its_package_an_export_names_the_command(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(ImportError, match=r"pip install 'keras_rnn_basics\[litert\]'"):
        krb.export_litert(krb.build_one_to_one((3,), 4, 2), tmp_path / "m.tflite")
