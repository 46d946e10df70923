"""Text in, labels out: the models against their own layers, called on the tokens of one text at a time."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from texts import softmax

import keras_rnn_basics as krb

TEXTS = ["to be, or", "not", "that is the question, that is"]
LABELS = ["DET", "NOUN", "VERB"]


@pytest.fixture(scope="module")
def words():
    return krb.Vocabulary.of(TEXTS, level="word")


# Every day the tagger, which gives more; the docstrings of many_to_one.py classify.
@pytest.fixture(scope="module", params=[pytest.param("classifier", marks=pytest.mark.long), "tagger"])
def reader(request, words):
    keras.utils.set_random_seed(3)
    build = {"classifier": krb.build_many_to_one, "tagger": krb.build_many_to_many}[request.param]
    return build((), 6, vocabulary=words, labels=LABELS, bidirectional=True)


@pytest.fixture(scope="module")
def exported(reader, tmp_path_factory):
    return krb.load_saved_model(krb.export_saved_model(reader, tmp_path_factory.mktemp("reader") / reader.name))


def alone(model, text):
    """The odds of one text, or of each of its tokens, without padding."""
    logits = np.asarray(model(model.vocabulary.encode([text]).to_tensor()))[0]
    return np.apply_along_axis(softmax, -1, logits)


def named(model, texts):
    return model.classify(texts) if model.architecture.kind == "many_to_one" else model.label(texts)


def test_padding_is_done_inside_and_each_text_is_answered_as_if_alone(reader):
    found = reader.odds(TEXTS)
    for text, own, label in zip(TEXTS, found, named(reader, TEXTS)):
        np.testing.assert_allclose(own, alone(reader, text), atol=1e-5)
        assert label == np.array(LABELS)[alone(reader, text).argmax(-1)].tolist()


@pytest.mark.long
def test_a_string_gives_one_answer_and_lists_of_tokens_are_taken_as_they_are(reader, words):
    np.testing.assert_allclose(reader.odds("to be, or"), reader.odds(TEXTS)[0], atol=1e-6)
    assert named(reader, "to be, or") == named(reader, TEXTS)[0]
    assert named(reader, words.split(TEXTS)) == named(reader, TEXTS)


def test_the_export_takes_strings_and_gives_the_same_labels_and_odds(reader, exported):
    *tokens, labels, odds = exported.serve_text(tf.constant([*TEXTS, ""]))
    for row, (text, expected, label) in enumerate(zip(TEXTS, reader.odds(TEXTS), named(reader, TEXTS))):
        n = len(reader.vocabulary.split([text])[0])
        own = (slice(row, row + 1), slice(n)) if tokens else row
        np.testing.assert_allclose(np.squeeze(odds.numpy()[own]), np.squeeze(expected), atol=1e-5)
        found = labels.numpy()[row, :n].tolist() if tokens else [labels.numpy()[row]]
        assert [one.decode() for one in found] == (label if tokens else [label])
        if tokens:
            assert b"".join(tokens[0].numpy()[row].tolist()).decode() == text
            assert not any(labels.numpy()[row, n:])
    assert not np.any(labels.numpy()[-1] != b"")
    np.testing.assert_array_equal(odds[-1], 0)
    assert exported.serve_text(tf.constant([], "string"))[-1].shape[0] == 0
    assert exported.description["names"]["y"] == LABELS


@pytest.mark.long
def test_it_is_saved_and_cloned_with_its_vocabulary_and_labels(reader, tmp_path):
    reader.save(tmp_path / "reader.keras")
    for other in (keras.models.load_model(tmp_path / "reader.keras"), keras.models.clone_model(reader)):
        other.set_weights(reader.get_weights())
        assert other.labels == tuple(LABELS)
        assert named(other, TEXTS) == named(reader, TEXTS)


@pytest.mark.long  # the bounds of generate and translate: every day
def test_a_text_that_is_too_long_is_refused_by_the_export(words, tmp_path):
    model = krb.build_many_to_one((), 3, 2, vocabulary=words)
    loaded = krb.load_saved_model(krb.export_saved_model(model, tmp_path / "model", max_prompt_tokens=3))
    assert loaded.serve_text(["to be,"])[0].numpy()[0] in (b"0", b"1")  # without labels, their numbers
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"text must have at most 3 tokens, the bound .*\] \[4\]"):
        loaded.serve_text(["to be, or"])


def test_an_output_activation_makes_the_outputs_the_odds(words):
    model = krb.build_many_to_one((), 3, vocabulary=words, labels=LABELS, output_activation="softmax")
    np.testing.assert_allclose(model.odds("not"), model(words.encode(["not"]).to_tensor())[0], atol=1e-6)


@pytest.mark.long  # networks of numbers learn every day
def test_it_learns_to_tell_texts_apart(words):
    model = krb.build_many_to_one((), 8, vocabulary=words, labels=["a", "b", "c"])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False)
    x = words.encode(TEXTS).to_tensor().numpy()
    for _ in range(60):
        model.train_on_batch(x, np.arange(3))
    assert model.classify(TEXTS) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": ["a", "b"]}, "labels are the names of what is found in a text: give vocabulary= too"),
        ({"input_shape": (3,), "vocabulary": True}, r"input_shape must be \(\), got \(3,\)"),
        ({"input_shape": (), "vocabulary": True}, "Give labels, a name for each of the network's outputs, or output"),
        ({"input_shape": (), "vocabulary": True, "labels": ["a", "a"]}, "labels must differ from each other"),
        ({"input_shape": (), "vocabulary": True, "labels": "ab"}, "labels must be a list of names"),
        (
            {"input_shape": (), "vocabulary": True, "labels": ["a", "b"], "output_units": 3},
            "labels has 2 names, but the network has 3 outputs",
        ),
        (
            {"input_shape": (), "vocabulary": True, "output_units": 3, "frontend": "no mask"},
            "frontend must mask it",
        ),
    ],
)
def test_what_does_not_fit_is_said(words, arguments, message):
    arguments = {"input_shape": (3,), **arguments}
    if "vocabulary" in arguments:
        arguments["vocabulary"] = words
    if "frontend" in arguments:
        arguments["frontend"] = keras.layers.Embedding(len(words), 4)
    with pytest.raises(ValueError, match=message):
        krb.build_many_to_many(units=4, **arguments)


def test_a_vocabulary_is_one_and_texts_are_texts(words):
    with pytest.raises(TypeError, match="vocabulary must be a Vocabulary"):
        krb.build_many_to_one((), 4, 2, vocabulary=["a"])
    model = krb.build_many_to_one((), 4, 2, vocabulary=words)
    with pytest.raises(ValueError, match="texts must hold text; number 1 is empty"):
        model.classify(["to be", ""])
    with pytest.raises(ValueError, match="texts must be a string or a list of strings"):
        model.odds(5)
    with pytest.warns(UserWarning, match="does not have"):
        model.classify("to sleep")
    with pytest.raises(ValueError, match="many_to_one has no vocabulary: give one to its builder"):
        krb.build_many_to_one((3,), 4, 2).classify("to be")
    model.set_weights([np.nan * weight for weight in model.get_weights()])
    with pytest.raises(RuntimeError, match="answers are not finite"):
        model.classify("to be")
