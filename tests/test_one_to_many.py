"""Writing: the models against their own step, taken in a Python loop."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from texts import PROMPTS, TEXTS, softmax

import keras_rnn_basics as krb
from keras_rnn_basics.architectures.text_model import room
from keras_rnn_basics.decoding import uniform_numbers


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


@pytest.mark.long  # every day in test_decoding.py
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
        ({"max_new_tokens": 0}, "max_new_tokens must be an integer from 1"),
        ({"max_new_tokens": 1_000_001}, "max_new_tokens must be an integer from 1 to 1000000, got 1000001"),
        ({"max_new_tokens": 2.5}, "max_new_tokens must be an integer from 1"),
        ({"temperature": -1}, "temperature must be a number from 0"),
        ({"temperature": float("inf")}, "temperature must be a number from 0"),
        ({"temperature": float("nan")}, "temperature must be a number from 0"),
        ({"top_k": 0}, "top_k must be an integer from 1"),
        ({"top_p": 1.5}, "top_p must be a number from 0 to 1"),
        ({"seed": 2**63}, "seed must be an integer"),
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
    with pytest.raises(
        ValueError, match=rf"vocabulary has {size} tokens, but the network has 5: give it len\(vocabulary\)"
    ):
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


@pytest.mark.long  # every day: test_decoding.py draws as often as the softmax says
def test_the_highest_temperature_draws_all_tokens_alike_and_the_lowest_the_likeliest(writer):
    hot = writer.generate("", 3000, temperature=1e6, seed=1)
    assert set(hot) == set(writer.vocabulary.tokens) or len(hot) < 100
    assert writer.generate("", 20, temperature=1e-30, seed=1) == writer.generate("", 20, temperature=0)


def test_lengths_are_rounded_up_to_few():
    assert [room(n, 8) for n in (1, 8, 9, 16, 17)] == [8, 8, 16, 16, 32]


def test_weights_that_have_diverged_are_an_error_not_the_end_of_the_text(writer, diverged):
    diverged(writer)
    for ask in (lambda: writer.generate("to be", 5), lambda: writer.log_probabilities(TEXTS)):
        with pytest.raises(RuntimeError, match=r"answers are not finite: its weights may have diverged"):
            ask()


@pytest.mark.long  # every day one that was saved and loaded: test_text_exports.py
def test_a_clone_reads_and_writes_text_too(writer):
    clone = keras.models.clone_model(writer)
    clone.set_weights(writer.get_weights())
    assert clone.vocabulary.get_config() == writer.vocabulary.get_config()
    assert clone.generate("ab", 8, seed=1) == writer.generate("ab", 8, seed=1)


@pytest.mark.parametrize("with_vocabulary", [True, False])
def test_zeros_behind_the_tokens_pad_and_are_neither_read_nor_learned(vocabulary, with_vocabulary):
    V = len(vocabulary)
    model = krb.build_one_to_many(V, 6, vocabulary=vocabulary if with_vocabulary else None)
    cost = krb.SumOverTime(keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = np.array([[2, 5, 4, 6, 0, 0, 0]]), np.array([[5, 4, 6, 3, 0, 0, 0]])
    found = {}
    for T in (4, 7):
        with tf.GradientTape() as tape:
            loss = cost(y[:, :T], model(x[:, :T]))
        gradients = [tf.convert_to_tensor(own) for own in tape.gradient(loss, model.trainable_weights)]
        found[T] = [loss, *gradients]
    log_p = [np.log(softmax(logits)[token]) for logits, token in zip(np.asarray(model(x))[0], y[0, :4])]
    np.testing.assert_allclose(found[7][0], -sum(log_p), rtol=1e-5)
    for padded, bare in zip(found[7], found[4]):
        np.testing.assert_allclose(padded, bare, atol=1e-6)


def test_given_tokens_are_written_with_a_space_between_two():
    vocabulary = krb.Vocabulary.of([["to", "be,", "or"]])
    model = krb.build_one_to_many(len(vocabulary), 4, vocabulary=vocabulary)
    text, alone = (model.generate(prompt, 6, seed=1) for prompt in ("to be,", ""))
    assert text.startswith("to be, ")
    assert set(text.split(" ")) | set(alone.split(" ")) <= set(vocabulary.tokens)
