import gc
import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from test_architectures import BUILDERS, inputs_of

import keras_rnn_basics as krb

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


def test_a_fresh_process_without_the_package_gives_equal_answers_at_any_size(rng, tmp_path):
    model = krb.build_many_to_many((3,), 5, 2)
    path = krb.export_saved_model(model, tmp_path / "model")
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


@pytest.mark.parametrize("name", BUILDERS)
def test_every_architecture_serves_what_it_answers(name, rng, tmp_path):
    model, x = BUILDERS[name](), inputs_of(name, rng)
    loaded = krb.load_saved_model(krb.export_saved_model(model, tmp_path / name))
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
        "outputs": [{"shape": [None, 2], "dtype": "float32"}, {"shape": [None, 5], "dtype": "float32"}],
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
    with pytest.raises(FileExistsError, match="is no SavedModel, and is left as it is"):
        krb.export_saved_model(krb.build_one_to_one((3,), 5, 2), tmp_path / "precious", overwrite=True)
    assert (tmp_path / "precious" / "letter.txt").read_text() == "dear"


def test_a_stateful_model_is_refused_and_several_outputs_have_no_step(tmp_path):
    x = keras.Input((None, 3), batch_size=2, name="x")
    model = keras.Model(x, krb.BasicRNN(krb.BasicRNNCell(5), stateful=True)(x))
    with pytest.raises(ValueError, match="is stateful: its callers would share one state"):
        krb.export_saved_model(model, tmp_path / "stateful")
    x = keras.Input((None, 3), name="x")
    model = keras.Model(x, [krb.BasicRNN(krb.BasicRNNCell(5))(x), krb.BasicRNN(krb.BasicRNNCell(4))(x)])
    loaded = krb.load_saved_model(krb.export_saved_model(model, tmp_path / "two"))
    assert loaded.endpoints == ["serve"]
    assert "must have one output, got 2" in loaded.description["no_step"]


def test_a_model_that_cuts_a_waveform_into_frames_has_no_step(rng, tmp_path):
    wave = keras.Input((None,), name="wave")
    mel = keras.layers.MelSpectrogram(64, 32, sampling_rate=8000, num_mel_bins=4, power_to_db=False)(wave)
    model = keras.Model(wave, krb.build_many_to_one((4,), 3, 2)(keras.ops.swapaxes(mel, 1, 2)))
    loaded = krb.load_saved_model(krb.export_saved_model(model, tmp_path / "model"))
    assert loaded.endpoints == ["serve"]
    assert "cannot read one time step alone" in loaded.description["no_step"]
    waves = rng.normal(size=(2, 500)).astype("float32")
    np.testing.assert_allclose(loaded.serve(waves), model(waves), atol=1e-5)


def test_a_failed_export_leaves_nothing_and_takes_nothing(tmp_path, monkeypatch):
    path = krb.export_saved_model(krb.build_one_to_one((3,), 5, 2), tmp_path / "model")
    before = sorted(entry.name for entry in path.iterdir())

    def disk_full(*args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr("tensorflow.saved_model.save", disk_full)
    for target in (path, tmp_path / "other"):
        with pytest.raises(OSError, match="No space"):
            krb.export_saved_model(krb.build_one_to_one((3,), 5, 2), target, overwrite=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]
    assert sorted(entry.name for entry in path.iterdir()) == before


def test_an_endpoint_keeps_its_variables_alive(tmp_path, rng):
    model, x = krb.build_one_to_one((3,), 5, 2), rng.normal(size=(4, 3)).astype("float32")
    serve = krb.load_saved_model(krb.export_saved_model(model, tmp_path / "model")).serve
    gc.collect()
    np.testing.assert_allclose(serve(x), model(x), atol=1e-6)


def test_missing_models_and_endpoints_say_what_there_is(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no SavedModel at"):
        krb.load_saved_model(tmp_path)
    path = krb.export_saved_model(krb.build_one_to_one((3,), 5, 2), tmp_path / "model")
    with pytest.raises(AttributeError, match=r"no endpoint 'generate'; there are \['serve'\]"):
        krb.load_saved_model(path).generate("a")


def test_layers_that_are_called_encoder_and_decoder_need_no_model_of_their_own(tmp_path):
    x, clock = keras.Input((None, 3), name="x"), keras.Input((4, 2), name="clock")
    _, a = krb.BasicRNN(krb.BasicRNNCell(5), return_state=True, name="encoder")(x)
    decoder = krb.BasicRNN(krb.BasicRNNCell(5, output_units=1), return_sequences=True, name="decoder")
    model = keras.Model([x, clock], decoder(clock, initial_state=a))
    loaded = krb.load_saved_model(krb.export_saved_model(model, tmp_path / "export"))
    assert loaded.endpoints == ["serve"]
    inputs = [np.ones((2, 6, 3), "float32"), np.ones((2, 4, 2), "float32")]
    np.testing.assert_allclose(loaded.serve(*inputs), model(inputs), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"z": ["a"]}, r"names must be of \['x', 'y'\], got some of 'z'"),
        ({"x": ["a"]}, r"names of 'x' must be 3 words, got \['a'\]"),
        ({"y": "ab"}, "names of 'y' must be 2 words, got 'ab'"),
    ],
)
def test_names_that_do_not_fit_are_an_error_before_any_work(tmp_path, names, message):
    with pytest.raises(ValueError, match=message):
        krb.export_saved_model(krb.build_many_to_one((3,), 5, 2), tmp_path / "model", names=names)
    assert not (tmp_path / "model").exists()
