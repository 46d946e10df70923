"""Text in, text out: the writing models against their own step, taken in a Python loop."""

import json
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_rnn_basics as krb
from keras_rnn_basics.architectures.text_model import room
from keras_rnn_basics.decoding import uniform_numbers

TEXTS = ["to be, or not to be:", "that is the question.\n"]
PROMPTS = ["to be", "", "not that is the question"]


@pytest.fixture(scope="module")
def vocabulary():
    return krb.Vocabulary.of(TEXTS)


@pytest.fixture(scope="module")
def writer(vocabulary):
    """Untrained, its weights enlarged, so that what it writes depends on what it read."""
    keras.utils.set_random_seed(1)
    model = krb.build_one_to_many(len(vocabulary), [12, 9], embedding_size=8, vocabulary=vocabulary)
    model.set_weights([1.5 * weight for weight in model.get_weights()])
    return model


def build_translator(vocabulary, attention):
    keras.utils.set_random_seed(1)
    sizes = len(vocabulary), len(vocabulary), [12, 12]
    both = {"source_vocabulary": vocabulary, "target_vocabulary": vocabulary}
    model = krb.build_encoder_decoder(*sizes, attention=attention, embedding_size=8, **both)
    model.set_weights([1.5 * weight for weight in model.get_weights()])
    return model


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "attention"])
def translator(request, vocabulary):
    return build_translator(vocabulary, request.param)


def softmax(logits):
    p = np.exp(logits - logits.max())
    return p / p.sum()


def written_step_by_step(model, prompt, length, seed, row):
    """The same text by `one_step` called from Python: the first token whose summed probability exceeds u."""
    step, u = krb.one_step(model), uniform_numbers(seed, row + 1, length)[row].numpy()
    states = [tf.zeros((1, a.shape[-1])) for a in step.inputs[1:]]
    tokens = [model.vocabulary.start, *model.vocabulary.encode([prompt]).to_list()[0]]
    for token in tokens:
        logits, *states = step([tf.constant([token]), *states])
    for number in range(length):
        p = softmax(np.where(np.arange(len(model.vocabulary)) < 3, -np.inf, logits[0]))
        tokens.append(int(np.argmax(np.cumsum(p) > u[number])))
        if tokens[-1] == model.vocabulary.end:
            break
        logits, *states = step([tf.constant([tokens[-1]]), *states])
    return model.vocabulary.decode([tokens])[0]


def test_a_batch_of_prompts_is_continued_as_by_steps_from_python(writer):
    texts = writer.generate(PROMPTS, 15, seed=7)
    for row, (prompt, text) in enumerate(zip(PROMPTS, texts)):
        assert text == written_step_by_step(writer, prompt, 15, 7, row)
    ended = [len(text) < len(prompt) + 15 for prompt, text in zip(PROMPTS, texts)]
    assert any(ended)
    assert not all(ended)


def test_a_string_gives_a_string_that_begins_as_a_longer_one_and_as_in_a_list(writer):
    short, long = (writer.generate("to be", length, seed=3) for length in (10, 30))
    assert isinstance(short, str)
    assert long.startswith(short)
    assert writer.generate(["to be", "that"], 10, seed=3)[0] == short
    assert writer.generate("to be", 10, seed=4) != short


def test_without_a_seed_the_text_is_another_each_time(writer):
    assert writer.generate("", 40) != writer.generate("", 40)


def test_a_temperature_of_zero_is_the_limit_of_low_ones_and_of_one_token_left_in(writer):
    likeliest = writer.generate(PROMPTS, 20, temperature=0.0)
    assert writer.generate(PROMPTS, 20, temperature=1e-4, seed=1) == likeliest
    assert writer.generate(PROMPTS, 20, top_k=1, seed=2) == likeliest
    assert writer.generate(PROMPTS, 20, top_p=0.0, seed=3) == likeliest


def test_log_probabilities_are_those_of_the_training_graph(writer):
    for text, found in zip(TEXTS, writer.log_probabilities(TEXTS)):
        tokens = np.array([writer.vocabulary.start, *writer.vocabulary.encode([text]).to_list()[0]])
        p = keras.ops.log_softmax(writer(tokens[None, :-1]))[0]
        np.testing.assert_allclose(found, np.take_along_axis(np.asarray(p), tokens[1:, None], 1)[:, 0], atol=1e-4)
    np.testing.assert_allclose(writer.log_probabilities(TEXTS[0]), writer.log_probabilities(TEXTS)[0], atol=1e-4)


def test_a_model_without_a_vocabulary_takes_and_gives_tokens(writer):
    bare = krb.build_one_to_many(len(writer.vocabulary), [12, 9], embedding_size=8)
    bare.set_weights(writer.get_weights())
    tokens = np.array([[2, 5, 6], [2, 7, 8]])
    longer = bare.generate(tokens, 4, temperature=0)
    np.testing.assert_array_equal(longer[:, :3], tokens)
    np.testing.assert_array_equal(bare.generate(tokens[1], 4, temperature=0), longer[1])
    p = np.asarray(keras.ops.log_softmax(bare(longer[:, :-1])))
    np.testing.assert_array_equal(p.argmax(-1)[:, 2:], longer[:, 3:])
    expected = np.take_along_axis(p, longer[:, 1:, None], 2)[..., 0]
    np.testing.assert_allclose(bare.log_probabilities(longer), expected, atol=1e-4)
    with pytest.raises(ValueError, match=r"has no vocabulary: it takes \(P,\) or \(B, P\) tokens, got 'to be'"):
        bare.generate("to be", 4)
    with pytest.raises(ValueError, match=r"Tokens must be from 0 to \d+, got 2 to 99"):
        bare.generate([2, 99], 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prompt": 5}, "prompt must be a string or a list of strings, at least one, got 5"),
        ({"prompt": []}, "at least one"),
        ({"length": 0}, "length must be a whole number from 1"),
        ({"length": 2.5}, "length must be a whole number from 1"),
        ({"temperature": -1}, "temperature must be a number from 0"),
        ({"temperature": float("inf")}, "temperature must be a number from 0"),
        ({"temperature": float("nan")}, "temperature must be a number from 0"),
        ({"top_k": 0}, "top_k must be a whole number from 1"),
        ({"top_p": 1.5}, "top_p must be a number from 0 to 1"),
        ({"seed": 2**63}, "seed must be a whole number"),
    ],
)
def test_generate_says_what_does_not_fit(writer, arguments, message):
    with pytest.raises(ValueError, match=message):
        writer.generate(**arguments)


def test_what_the_vocabulary_does_not_have_is_read_as_unknown_and_never_written(writer):
    with pytest.warns(UserWarning, match=r"does not have \['Z'\]: each is read as an unknown character"):
        text = writer.generate("to Z", 30, seed=1)
    assert text.startswith("to Z")
    assert "\N{REPLACEMENT CHARACTER}" not in text


def test_builders_say_when_the_vocabulary_is_of_another_size(vocabulary):
    size = len(vocabulary)
    with pytest.raises(ValueError, match=rf"vocabulary has {size} tokens, the network 5: give it len\(vocabulary\)"):
        krb.build_one_to_many(5, 4, vocabulary=vocabulary)
    with pytest.raises(TypeError, match="target_vocabulary must be a Vocabulary"):
        krb.build_encoder_decoder(5, 5, 4, target_vocabulary=["a"])


def test_a_stateful_model_reads_on_and_lends_its_weights_to_one_that_writes(vocabulary, rng):
    keras.utils.set_random_seed(2)
    reader = krb.build_one_to_many(len(vocabulary), 8, vocabulary=vocabulary, stateful_batch_size=2)
    writer = krb.build_one_to_many(len(vocabulary), 8, vocabulary=vocabulary)
    writer.set_weights(reader.get_weights())
    tokens = rng.integers(4, len(vocabulary), (2, 12))
    piecewise = np.concatenate([reader(tokens[:, :5]), reader(tokens[:, 5:])], axis=1)
    np.testing.assert_allclose(piecewise, writer(tokens), atol=1e-5)
    with pytest.raises(ValueError, match=r"is stateful\. Give its weights to a model that is not"):
        reader.generate("to be", 5)


def translated_step_by_step(model, sentence, length):
    """The likeliest token again and again, by the model's own layers called from Python."""
    source, target = model.source_vocabulary, model.target_vocabulary
    x, y_in = source.encode([sentence]).to_tensor(), [target.start]
    for _ in range(length):
        logits = np.array(model([x, tf.constant([y_in])]))[0, -1]
        logits[:3] = -np.inf
        y_in.append(int(logits.argmax()))
        if y_in[-1] == target.end:
            break
    return target.decode([y_in[1:]])[0]


SENTENCES = ["to be", "that is the question", "or"]


def test_a_batch_of_sentences_is_translated_as_step_by_step(translator):
    for sentence, translation in zip(SENTENCES, translator.translate(SENTENCES)):
        assert translation == translated_step_by_step(translator, sentence, 2 * 20 + 16)
    alone = translator.translate(SENTENCES[0], length=7)
    assert isinstance(alone, str)
    assert translator.translate(SENTENCES, length=7)[0] == alone


def test_the_first_call_may_be_for_one_sentence(vocabulary):
    model = build_translator(vocabulary, True)
    assert model.translate("to be") == model.translate(["to be", "that"])[0]
    searched = model.translate("to be", beam=2, length=5)
    assert model.translate(["to be", "that"], beam=2, length=5)[0] == searched


def test_a_beam_finds_translations_at_least_as_likely(translator):
    def cost(sentence, translation):
        source, target = translator.source_vocabulary, translator.target_vocabulary
        x = source.encode([sentence]).to_tensor()
        y = np.array([target.start, *target.encode([translation]).to_list()[0], target.end])
        logits = np.array(translator([x, tf.constant(y[None, :-1])]))[0]
        logits[:, :3] = -np.inf
        return -np.log([softmax(own)[token] for own, token in zip(logits, y[1:])]).sum()

    greedy = translator.translate(SENTENCES, length=40)
    searched = translator.translate(SENTENCES, beam=8, length=40, length_penalty=0.0)
    ended = [row for row in range(3) if len(greedy[row]) < 40 and len(searched[row]) < 40]
    assert ended
    for row in ended:
        assert cost(SENTENCES[row], searched[row]) <= cost(SENTENCES[row], greedy[row]) + 1e-4


def test_padding_changes_neither_translations_nor_the_loss(translator):
    loss = krb.SumOverTime(keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    translator.compile("sgd", loss)
    x, y_in, y = np.array([[5, 6, 7]]), np.array([[2, 5]]), np.array([[5, 3]])
    pads = [np.pad(part, [(0, 0), (0, 4)]) for part in (x, y_in, y)]
    tight = translator.evaluate({"x": x, "y_in": y_in}, y, verbose=0)
    padded = translator.evaluate({"x": pads[0], "y_in": pads[1]}, pads[2], verbose=0)
    np.testing.assert_allclose(padded, tight, rtol=1e-5)
    np.testing.assert_allclose(translator([pads[0], y_in]), translator([x, y_in]), atol=1e-5)


def test_attention_weights_are_the_softmax_of_dot_products_with_the_memory(vocabulary):
    model = build_translator(vocabulary, True)
    weights, written, read = model.attention("to be", "not")
    assert (written, read) == (["n", "o", "t", "end"], list("to be"))
    x, y_in = vocabulary.encode(["to be"]).to_tensor(), np.array([[2, *vocabulary.encode(["not"]).to_list()[0]]])
    *states, memory, _ = model.get_layer("encoder")(x)
    decoder = model.get_layer("decoder")
    a = decoder.get_layer("frontend")(y_in)
    for number, a_0 in enumerate(states, start=1):
        a = decoder.get_layer(f"rnn_{number}")(a, initial_state=a_0)
    scores = np.asarray(a)[0] @ np.asarray(memory)[0].T
    np.testing.assert_allclose(weights, np.apply_along_axis(softmax, 1, scores), atol=1e-5)
    with pytest.raises(ValueError, match="has no attention: build it with attention=True"):
        build_translator(vocabulary, False).attention("to be")


def test_a_beam_is_as_long_as_was_asked_for(vocabulary):
    model = build_translator(vocabulary, True)
    x = model.source_vocabulary.encode(["to be"]).to_tensor()
    exact = vocabulary.decode(model._translate(x, 5, 4, 0.6))
    assert model.translate(["to be"], beam=4, length=5) == exact


def test_the_highest_temperature_draws_all_tokens_alike_and_the_lowest_the_likeliest(writer):
    hot = writer.generate("", 3000, temperature=1e6, seed=1)
    assert set(hot) == set(writer.vocabulary.tokens) or len(hot) < 100
    assert writer.generate("", 20, temperature=1e-30, seed=1) == writer.generate("", 20, temperature=0)


def test_endpoints_take_the_edges_of_their_arguments(writer, vocabulary, tmp_path):
    loaded = krb.load_saved_model(krb.export_saved_model(writer, tmp_path / "writer"))
    for length in (0, -3):
        assert loaded.generate(tf.constant(["to"]), length, 1.0, 0, 1).numpy().tolist() == [b"to"]
    translator = build_translator(vocabulary, True)
    loaded = krb.load_saved_model(krb.export_saved_model(translator, tmp_path / "translator"))
    expected = translator.translate("to be").encode()
    assert loaded.translate(tf.constant(["", "to be"])).numpy().tolist() == [b"", expected]
    assert loaded.translate(tf.constant([""])).numpy().tolist() == [b""]


def test_an_encoder_decoder_with_one_vocabulary_exports_without_text(vocabulary, tmp_path):
    model = krb.build_encoder_decoder(5, len(vocabulary), 4, target_vocabulary=vocabulary)
    loaded = krb.load_saved_model(krb.export_saved_model(model, tmp_path / "model"))
    assert loaded.endpoints == ["serve", "encode", "step"]


def test_translate_says_what_does_not_fit(translator):
    with pytest.raises(ValueError, match="sentences must hold text; number 1 is empty"):
        translator.translate(["to be", ""])
    with pytest.raises(ValueError, match="beam must be a whole number from 1"):
        translator.translate("to be", beam=0)
    with pytest.raises(ValueError, match="sentences must be a string or a list"):
        translator.translate([1, 2])
    bare = krb.build_encoder_decoder(5, 5, 4)
    with pytest.raises(ValueError, match="has no source_vocabulary: give one to its builder"):
        bare.translate("to be")


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
                r'prompt=\["(.*?)"\];length=(\d+);temperature=(.*?);top_k=(\d+);seed=(\d+)', command
            )[0]
            text = writer.generate(prompt, int(length), float(temperature), int(k) or None, seed=int(seed))
            assert repr(text.encode()) in done.stdout


def test_lengths_are_rounded_up_to_few():
    assert [room(n, 8) for n in (1, 8, 9, 16, 17)] == [8, 8, 16, 16, 32]
