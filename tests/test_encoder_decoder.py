"""Translating: the models against their own layers, called from Python."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from texts import SENTENCES, build_translator, is_likeliest_translation, softmax

import keras_rnn_basics as krb

# Up to 32 tokens are one compiled program; this many leave room in it.
MOST = 30


def test_a_batch_of_sentences_is_translated_to_the_likeliest_token_again_and_again(translator):
    translations = translator.translate(SENTENCES, max_new_tokens=MOST)
    for sentence, translation in zip(SENTENCES, translations):
        assert is_likeliest_translation(translator, sentence, translation, MOST)
    alone = translator.translate("to be")
    assert isinstance(alone, str)
    assert is_likeliest_translation(translator, "to be", alone, 2 * len("to be") + 16)
    assert translations[0].startswith(alone)


@pytest.mark.long
def test_the_first_call_may_be_for_one_sentence(vocabulary):
    model = build_translator(vocabulary, True)
    assert model.translate("to be") == model.translate(["to be", "that"])[0]
    searched = model.translate("to be", num_beams=2, max_new_tokens=5)
    assert model.translate(["to be", "that"], num_beams=2, max_new_tokens=5)[0] == searched


def test_a_beam_finds_translations_at_least_as_likely(translator):
    def cost(sentence, translation):
        source, target = translator.source_vocabulary, translator.target_vocabulary
        x = source.encode([sentence]).to_tensor()
        y = np.array([target.start, *target.encode([translation]).to_list()[0], target.end])
        logits = np.array(translator([x, tf.constant(y[None, :-1])]))[0]
        logits[:, :3] = -np.inf
        return -np.log([softmax(own)[token] for own, token in zip(logits, y[1:])]).sum()

    greedy = translator.translate(SENTENCES, max_new_tokens=MOST)
    searched = translator.translate(SENTENCES, num_beams=8, max_new_tokens=MOST, length_penalty=0.0)
    ended = [row for row in range(3) if len(greedy[row]) < MOST and len(searched[row]) < MOST]
    assert ended
    for row in ended:
        assert cost(SENTENCES[row], searched[row]) <= cost(SENTENCES[row], greedy[row]) + 1e-4


@pytest.mark.long
def test_padding_changes_neither_translations_nor_the_loss(translator):
    loss = krb.SumOverTime(keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    translator.compile("sgd", loss, jit_compile=False)
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


@pytest.mark.long
def test_a_beam_is_as_long_as_was_asked_for(vocabulary):
    model = build_translator(vocabulary, True)
    x = model.source_vocabulary.encode(["to be"]).to_tensor()
    exact = vocabulary.decode(model._translate(x, 5, 4, 0.6)[0])
    assert model.translate(["to be"], num_beams=4, max_new_tokens=5) == exact


def test_translate_says_what_does_not_fit(translator):
    with pytest.raises(ValueError, match="sentences must hold text; number 1 is empty"):
        translator.translate(["to be", ""])
    with pytest.raises(ValueError, match="num_beams must be an integer from 1"):
        translator.translate("to be", num_beams=0)
    with pytest.raises(ValueError, match="sentences must be a string or a list"):
        translator.translate([1, 2])
    bare = krb.build_encoder_decoder(5, 5, 4)
    with pytest.raises(ValueError, match="has no source_vocabulary: give one to its builder"):
        bare.translate("to be")


@pytest.mark.parametrize("translator", [True], ids=["attention"], indirect=True)
def test_weights_that_have_diverged_are_an_error_not_an_empty_translation(translator, diverged):
    diverged(translator)
    for ask in (
        lambda: translator.translate(SENTENCES, max_new_tokens=MOST),
        lambda: translator.translate(SENTENCES, num_beams=8, max_new_tokens=MOST, length_penalty=0.0),
        lambda: translator.attention("to be", "or"),
    ):
        with pytest.raises(RuntimeError, match="answers are not finite: its weights may have diverged"):
            ask()


def test_attention_says_what_does_not_fit(vocabulary):
    model = build_translator(vocabulary, True)
    for sentence in ("", ["to be"]):
        with pytest.raises(ValueError, match="sentence must be a string that holds text"):
            model.attention(sentence, "or")
    with pytest.raises(ValueError, match="translation must be a string or None, got 5"):
        model.attention("to be", 5)
    with pytest.warns(UserWarning, match=r"does not have \['Z'\]"):
        assert model.attention("to Z", "or")[2][-1] == "\N{REPLACEMENT CHARACTER}"


def test_a_clone_has_both_vocabularies(translator):
    clone = keras.models.clone_model(translator)
    for name in ("source_vocabulary", "target_vocabulary"):
        assert getattr(clone, name).get_config() == getattr(translator, name).get_config()
