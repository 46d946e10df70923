"""Text in, text out, of a saved and of an exported model."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from texts import PROMPTS, SENTENCES

import keras_rnn_basics as krb


def reloaded(model, folder):
    model.save(folder / "model.keras")
    return keras.models.load_model(folder / "model.keras")


@pytest.fixture(scope="module")
def reloaded_writer(writer, tmp_path_factory):
    return reloaded(writer, tmp_path_factory.mktemp("writer"))


@pytest.fixture(scope="module")
def reloaded_translator(translator, tmp_path_factory):
    return reloaded(translator, tmp_path_factory.mktemp("translator"))


# Small, and room for what the tests ask for.
BOUNDS = {"max_new_tokens": 300, "max_prompt_tokens": 30}


@pytest.fixture(scope="module")
def exported_writer(reloaded_writer, tmp_path_factory):
    """Where the export of the model lies that was saved and loaded again."""
    return krb.export_saved_model(reloaded_writer, tmp_path_factory.mktemp("exported") / "writer", **BOUNDS)


@pytest.fixture(scope="module")
def exported_translator(reloaded_translator, tmp_path_factory):
    return krb.export_saved_model(reloaded_translator, tmp_path_factory.mktemp("exported") / "translator", **BOUNDS)


@pytest.fixture(scope="module")
def exported(exported_writer, exported_translator):
    """Both exports, loaded."""
    return {"writer": krb.load_saved_model(exported_writer), "translator": krb.load_saved_model(exported_translator)}


@pytest.fixture(scope="module")
def compiled(writer, translator, tmp_path_factory):
    """Both, exported compiled."""
    folder = tmp_path_factory.mktemp("compiled")
    return {
        name: krb.load_saved_model(krb.export_saved_model(model, folder / name, compiled=True, **BOUNDS))
        for name, model in (("writer", writer), ("translator", translator))
    }


@pytest.fixture(scope="module")
def translations(translator):
    return translator.translate(SENTENCES)


only_with_attention = pytest.mark.parametrize("translator", [True], ids=["attention"], indirect=True)


def test_a_writer_s_endpoint_takes_the_edges_of_its_arguments(exported):
    writer = exported["writer"]
    for length in (0, -3):
        assert writer.generate(tf.constant(["to"]), length, 1.0, 0, 1).numpy().tolist() == [b"to"]
    assert writer.generate(tf.constant([], "string"), 5, 1.0, 0, 1).shape == (0,)
    with pytest.raises(tf.errors.InvalidArgumentError, match="temperature must be a number"):
        writer.generate(tf.constant(["to"]), 5, float("nan"), 0, 1)


def refuses_more_than_its_bounds(writer, translator):
    assert writer.description["bounds"].items() >= BOUNDS.items()
    for length in (301, 10**9):
        with pytest.raises(tf.errors.InvalidArgumentError, match=rf"must be at most 300, .* got\] \[{length}\]"):
            writer.generate(["to"], length)
    for ask, name in ((writer.generate, "prompt"), (translator.translate, "sentence")):
        with pytest.raises(tf.errors.InvalidArgumentError, match=f"{name} must have at most 30 tokens, the bound"):
            ask(["to", 31 * "o"])
        ask(["to", 30 * "o"])
    with pytest.raises(tf.errors.InvalidArgumentError, match="top_p must be a number"):
        writer.generate(["to"], top_p=float("nan"))


def test_no_request_for_more_than_the_bounds_is_served(exported):
    refuses_more_than_its_bounds(**exported)


@pytest.mark.long
def test_no_request_for_more_than_the_bounds_is_served_compiled(compiled):
    refuses_more_than_its_bounds(**compiled)


@pytest.mark.long
@pytest.mark.parametrize("as_compiled", [False, True])
def test_every_argument_of_generate_draws_the_same_letters_in_the_export(writer, exported, compiled, as_compiled):
    loaded, prompts = (compiled if as_compiled else exported)["writer"], [*PROMPTS, "or"]
    for asked in ({"top_p": 0.7}, {"top_k": 4, "top_p": 0.9, "temperature": 1.5}, {"temperature": 0.0}):
        found = loaded.generate(prompts, max_new_tokens=20, seed=3, **asked)
        assert [text.decode() for text in found.numpy()] == writer.generate(prompts, 20, seed=3, **asked)
    by_position = loaded.generate(tf.constant(prompts), 20, 0.8, 4, 3, 0.9)
    assert by_position.numpy()[1].decode() == writer.generate(prompts, 20, 0.8, 4, 0.9, seed=3)[1]
    assert loaded.generate(tf.constant([], "string"), 5).shape == (0,)
    assert loaded.generate(["to"], 0).numpy().tolist() == [b"to"]


@pytest.mark.long
def test_a_compiled_translator_translates_alike(translations, compiled):
    found = [text.decode() for text in compiled["translator"].translate([*SENTENCES, ""]).numpy()]
    assert found == [*translations, ""]
    assert compiled["translator"].translate(tf.constant([], "string")).shape == (0,)


def test_without_this_package_the_last_arguments_may_be_left_out(writer, exported_writer):
    other = tf.saved_model.load(str(exported_writer))
    expected = writer.generate("to be", 100, seed=0).encode()
    assert other.generate(tf.constant(["to be"])).numpy().tolist() == [expected]
    assert other.generate(tf.constant(["to be"]), 100, 1.0, 0, 0).numpy().tolist() == [expected]
    assert other.signatures["generate"].structured_outputs.keys() == {"text"}


def test_a_translator_s_endpoint_takes_no_text_and_empty_text(translations, exported):
    loaded = exported["translator"]
    expected = translations[0][: 2 * len("to be") + 16]  # beside no longer one, it has less room
    assert loaded.translate(tf.constant(["", "to be"])).numpy().tolist() == [b"", expected.encode()]
    assert loaded.translate(tf.constant([""])).numpy().tolist() == [b""]
    assert loaded.translate(tf.constant([], "string")).shape == (0,)


def diverged(path):
    """The export, with weights that are not numbers any more."""
    loaded = krb.load_saved_model(path)
    weights = [variable for variable in loaded._loaded.variables if variable.dtype == "float32"]
    assert weights
    for variable in weights:
        variable.assign(np.nan * variable)
    return loaded


def test_exports_of_weights_that_have_diverged_say_so(exported_writer, exported_translator):
    text = tf.constant(["to be"])
    with pytest.raises(tf.errors.InvalidArgumentError, match="not finite: its weights may have diverged"):
        diverged(exported_writer).generate(text, 5, 1.0, 0, 1)
    with pytest.raises(tf.errors.InvalidArgumentError, match="not finite: its weights may have diverged"):
        diverged(exported_translator).translate(text)


@pytest.mark.long  # without any, every day in test_export_saved_model.py
def test_an_encoder_decoder_with_one_vocabulary_exports_without_text(vocabulary, tmp_path):
    model = krb.build_encoder_decoder(5, len(vocabulary), 4, target_vocabulary=vocabulary)
    loaded = krb.load_saved_model(krb.export_saved_model(model, tmp_path / "model"))
    assert loaded.endpoints == ["serve", "step", "encode"]


def test_a_reloaded_model_and_its_export_write_the_same_text(writer, reloaded_writer, exported):
    texts = writer.generate(PROMPTS, 50, temperature=0.8, top_k=7, seed=11)
    assert reloaded_writer.generate(PROMPTS, 50, temperature=0.8, top_k=7, seed=11) == texts
    loaded = exported["writer"]
    assert loaded.endpoints == ["serve", "step", "generate"]
    found = loaded.generate(tf.constant(PROMPTS), 50, 0.8, 7, 11)
    assert [text.decode() for text in found.numpy()] == texts


def test_a_reloaded_translator_and_its_export_translate_alike(translations, reloaded_translator, exported):
    assert reloaded_translator.translate(SENTENCES) == translations
    loaded = exported["translator"]
    assert loaded.endpoints == ["serve", "step", "encode", "translate"]
    assert [text.decode() for text in loaded.translate(tf.constant(SENTENCES)).numpy()] == translations


def test_an_exported_decoder_steps_as_it_translates(translator, exported):
    loaded = exported["translator"]
    x = translator.source_vocabulary.encode(["to be"]).to_tensor()
    states = loaded.encode(x)
    states = list(states) if isinstance(states, (list, tuple)) else [states]
    token, y_in = tf.constant([2]), [2]
    for _ in range(5):
        logits, *after = loaded.step(token, *states)
        states = [*after, *states[len(after) :]]
        np.testing.assert_allclose(logits, translator([x, tf.constant([y_in])])[:, -1], atol=1e-4)
        token = tf.argmax(logits, axis=-1, output_type="int32")
        y_in.append(int(token[0]))


FRESH_PROCESS = """
import json, sys, tensorflow as tf
from contextlib import redirect_stdout, suppress
from io import StringIO
from tensorflow.python.tools.saved_model_cli import main

(prompts, sentences), paths, commands = json.load(open("given.json"))
writer, translator = (tf.saved_model.load(paths[name]) for name in ("writer", "translator"))
texts = writer.generate(tf.constant(prompts), 40, 1.0, 0, 5).numpy()
translations = translator.translate(tf.constant(sentences)).numpy()
answers = [[text.decode() for text in own] for own in (texts, translations)]
for arguments in commands:  # what the program saved_model_cli does with them
    sys.argv = ["saved_model_cli", *arguments]
    with redirect_stdout(StringIO()) as printed, suppress(SystemExit):
        main()
    answers.append(printed.getvalue())
assert not any(name.startswith("keras_rnn_basics") for name in sys.modules)
json.dump(answers, open("answers.json", "w"))
"""


@only_with_attention
@pytest.mark.long
def test_exports_answer_in_a_fresh_process_and_to_the_commands_that_the_readme_shows(
    writer, exported_writer, translator, exported_translator, tmp_path
):
    paths = {"writer": str(exported_writer), "translator": str(exported_translator)}
    readme = (Path(__file__).parent.parent / "saved_models" / "README.md").read_text()
    commands = []
    for name, path in (("sentences", "writer"), ("translation", "translator")):
        [command] = re.findall(rf"(saved_model_cli run --dir saved_models/{name} (?:.*\\\n)*.*)", readme)
        program, *arguments = shlex.split(command.replace("\\\n", " ").replace(f"saved_models/{name}", paths[path]))
        assert program == "saved_model_cli"
        commands.append(arguments)
    (tmp_path / "given.json").write_text(json.dumps([[PROMPTS, SENTENCES], paths, commands]))
    (tmp_path / "fresh.py").write_text(FRESH_PROCESS)
    done = subprocess.run([sys.executable, "fresh.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    texts, translations, *printed = json.loads((tmp_path / "answers.json").read_text())
    assert texts == writer.generate(PROMPTS, 40, seed=5)
    assert translations == translator.translate(SENTENCES)

    of_writer, of_translator = map(" ".join, commands)
    [[prompt, length, temperature, k, seed]] = re.findall(
        r'prompt=\["(.*?)"\];max_new_tokens=(\d+);temperature=(.*?);top_k=(\d+);seed=(\d+);top_p=1\.0', of_writer
    )
    text = writer.generate(prompt, int(length), float(temperature), int(k) or None, seed=int(seed))
    assert repr(text.encode()) in printed[0]
    [sentence] = re.findall(r'sentence=\["(.*?)"\]', of_translator)
    with pytest.warns(UserWarning, match="does not have"):
        assert repr(translator.translate(sentence).encode()) in printed[1]
