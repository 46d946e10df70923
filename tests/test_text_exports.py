"""Text in, text out, of a saved and of an exported model."""

import json
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from texts import PROMPTS, SENTENCES, build_translator, build_writer

import keras_rnn_basics as krb


def test_endpoints_take_the_edges_of_their_arguments(writer, vocabulary, tmp_path):
    loaded = krb.load_saved_model(krb.export_saved_model(writer, tmp_path / "writer"))
    for length in (0, -3):
        assert loaded.generate(tf.constant(["to"]), length, 1.0, 0, 1).numpy().tolist() == [b"to"]
    translator = build_translator(vocabulary, True)
    loaded = krb.load_saved_model(krb.export_saved_model(translator, tmp_path / "translator"))
    expected = translator.translate("to be").encode()
    assert loaded.translate(tf.constant(["", "to be"])).numpy().tolist() == [b"", expected]
    assert loaded.translate(tf.constant([""])).numpy().tolist() == [b""]


def test_exports_of_weights_that_have_diverged_say_so(vocabulary, tmp_path):
    for name, model in (("writer", build_writer(vocabulary)), ("translator", build_translator(vocabulary, False))):
        model.set_weights([np.nan * weight for weight in model.get_weights()])
        loaded = krb.load_saved_model(krb.export_saved_model(model, tmp_path / name))
        text = tf.constant(["to be"])
        with pytest.raises(tf.errors.InvalidArgumentError, match="not finite: its weights may have diverged"):
            loaded.generate(text, 5, 1.0, 0, 1) if name == "writer" else loaded.translate(text)


def test_exports_take_no_text_at_all_but_no_temperature_that_is_none(writer, vocabulary, tmp_path):
    loaded = krb.load_saved_model(krb.export_saved_model(writer, tmp_path / "writer"))
    assert loaded.generate(tf.constant([], "string"), 5, 1.0, 0, 1).shape == (0,)
    with pytest.raises(tf.errors.InvalidArgumentError, match="temperature must be a number"):
        loaded.generate(tf.constant(["to"]), 5, float("nan"), 0, 1)
    translator = build_translator(vocabulary, False)
    loaded = krb.load_saved_model(krb.export_saved_model(translator, tmp_path / "translator"))
    assert loaded.translate(tf.constant([], "string")).shape == (0,)


def test_an_encoder_decoder_with_one_vocabulary_exports_without_text(vocabulary, tmp_path):
    model = krb.build_encoder_decoder(5, len(vocabulary), 4, target_vocabulary=vocabulary)
    loaded = krb.load_saved_model(krb.export_saved_model(model, tmp_path / "model"))
    assert loaded.endpoints == ["serve", "encode", "step"]


def test_a_reloaded_model_and_its_export_write_the_same_text(writer, tmp_path):
    texts = writer.generate(PROMPTS, 50, temperature=0.8, top_k=7, seed=11)
    writer.save(tmp_path / "writer.keras")
    again = keras.models.load_model(tmp_path / "writer.keras")
    assert again.generate(PROMPTS, 50, temperature=0.8, top_k=7, seed=11) == texts
    loaded = krb.load_saved_model(krb.export_saved_model(again, tmp_path / "writer"))
    assert loaded.endpoints == ["serve", "step", "generate"]
    exported = loaded.generate(tf.constant(PROMPTS), 50, 0.8, 7, 11)
    assert [text.decode() for text in exported.numpy()] == texts
    all_in = loaded.generate(tf.constant(PROMPTS), 50, 1.0, 0, 11)
    assert [text.decode() for text in all_in.numpy()] == writer.generate(PROMPTS, 50, seed=11)


def test_a_reloaded_translator_and_its_export_translate_alike(translator, tmp_path):
    translations = translator.translate(SENTENCES)
    translator.save(tmp_path / "translator.keras")
    again = keras.models.load_model(tmp_path / "translator.keras")
    assert again.translate(SENTENCES) == translations
    loaded = krb.load_saved_model(krb.export_saved_model(again, tmp_path / "translator"))
    assert loaded.endpoints == ["serve", "encode", "step", "translate"]
    assert [text.decode() for text in loaded.translate(tf.constant(SENTENCES)).numpy()] == translations


def test_an_exported_decoder_steps_as_it_translates(translator, tmp_path):
    loaded = krb.load_saved_model(krb.export_saved_model(translator, tmp_path / "translator"))
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
writer, translator = tf.saved_model.load("writer"), tf.saved_model.load("translator")
prompts, sentences = json.load(open("given.json"))
texts = writer.generate(tf.constant(prompts), 40, 1.0, 0, 5).numpy()
translations = translator.translate(tf.constant(sentences)).numpy()
assert not any(name.startswith("keras_rnn_basics") for name in sys.modules)
json.dump([[text.decode() for text in own] for own in (texts, translations)], open("answers.json", "w"))
"""


def test_exports_answer_in_a_fresh_process_and_from_the_command_that_the_readme_shows(writer, vocabulary, tmp_path):
    translator = build_translator(vocabulary, attention=True)
    krb.export_saved_model(writer, tmp_path / "writer")
    krb.export_saved_model(translator, tmp_path / "translator")
    (tmp_path / "given.json").write_text(json.dumps([PROMPTS, SENTENCES]))
    (tmp_path / "fresh.py").write_text(FRESH_PROCESS)
    done = subprocess.run([sys.executable, "fresh.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    texts, translations = json.loads((tmp_path / "answers.json").read_text())
    assert texts == writer.generate(PROMPTS, 40, seed=5)
    assert translations == translator.translate(SENTENCES)

    readme = (Path(__file__).parent.parent / "saved_models" / "README.md").read_text()
    for name, path in (("sentences", "writer"), ("translation", "translator")):
        [command] = re.findall(rf"(saved_model_cli run --dir saved_models/{name} (?:.*\\\n)*.*)", readme)
        command = command.replace(f"saved_models/{name}", path).replace("\\\n", " ")
        program = Path(sys.executable).parent / "saved_model_cli"
        done = subprocess.run(
            command.replace("saved_model_cli", str(program), 1),
            shell=True,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        if path == "translator":
            [sentence] = re.findall(r'sentence=\["(.*?)"\]', command)
            with pytest.warns(UserWarning, match="does not have"):
                assert repr(translator.translate(sentence).encode()) in done.stdout
        else:
            [prompt, length, temperature, k, seed] = re.findall(
                r'prompt=\["(.*?)"\];max_new_tokens=(\d+);temperature=(.*?);top_k=(\d+);seed=(\d+)', command
            )[0]
            text = writer.generate(prompt, int(length), float(temperature), int(k) or None, seed=int(seed))
            assert repr(text.encode()) in done.stdout
