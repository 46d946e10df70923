import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_rnn_basics import Vocabulary

TEXT = "Nay, answer me: stand,  and\n\n'tis déjà—vu!  \tI've 2 £ of 日本 tea.\r\n"


@pytest.mark.parametrize("level", ["character", "word"])
def test_what_is_encoded_decodes_to_the_same_text(level):
    vocabulary = Vocabulary.of([TEXT], level)
    tokens = vocabulary.encode([TEXT, "", " stand"])
    assert vocabulary.decode(tokens) == [TEXT, "", " stand"]
    assert vocabulary.missing([TEXT]) == []


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1))
def test_any_text_is_the_sum_of_its_tokens(text):
    for level in ("character", "word"):
        vocabulary = Vocabulary.of([text], level)
        assert vocabulary.decode(vocabulary.encode([text])) == [text]


def test_characters_are_numbered_from_the_commonest_on_behind_four_that_are_no_text():
    vocabulary = Vocabulary.of(["abracadabra", "é"])
    assert vocabulary.tokens == ("a", "b", "r", "c", "d", "é")
    assert len(vocabulary) == 10
    assert vocabulary.encode(["abé"]).to_list() == [[4, 5, 9]]
    assert (vocabulary.padding, vocabulary.unknown, vocabulary.start, vocabulary.end) == (0, 1, 2, 3)


def test_words_keep_the_space_before_them():
    vocabulary = Vocabulary.of(["to be, or not"], level="word")
    assert set(vocabulary.tokens) == {"to", " be", ",", " or", " not"}


def test_rare_tokens_are_left_to_be_unknown():
    assert Vocabulary.of(["aaabbc"], at_least=2).tokens == ("a", "b")
    small = Vocabulary.of(["aaabbc"], size=5)
    assert small.tokens == ("a",)
    assert small.encode(["cab"]).to_list() == [[1, 4, 1]]
    assert small.missing(["cab", "b"]) == ["b", "c"]


def test_decoding_ends_at_the_end_token_and_marks_the_unknown():
    vocabulary = Vocabulary(["x", "y"])
    assert vocabulary.decode([[2, 4, 1, 5, 0], [4, 3, 5, 5, 5]]) == ["x�y", "x"]


def test_it_works_in_a_graph_as_outside():
    vocabulary = Vocabulary.of([TEXT], "word")

    @tf.function
    def there_and_back(texts):
        return vocabulary.decode_tensor(vocabulary.encode(texts).to_tensor())

    assert [text.decode() for text in there_and_back(tf.constant([TEXT, " stand"])).numpy()] == [TEXT, " stand"]


def test_its_configuration_makes_the_same_vocabulary():
    vocabulary = Vocabulary.of([TEXT], "word")
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(vocabulary)))
    again = keras.saving.deserialize_keras_object(config)
    assert (again.tokens, again.level) == (vocabulary.tokens, "word")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ab",), "tokens must be a list of strings"),
        (([],), "tokens must be a list of strings"),
        ((["a", ""],), "none of them empty"),
        ((["a", "b", "a"],), r"these repeat: \['a'\]"),
        ((["[UNK]"],), r"these repeat: \['\[UNK\]'\]"),
        ((["a"], "letter"), "level must be one of"),
        ((["a\0"],), "must not hold the character zero"),
    ],
)
def test_a_vocabulary_says_what_is_wrong_with_its_tokens(arguments, message):
    with pytest.raises(ValueError, match=message):
        Vocabulary(*arguments)


def test_counting_says_what_is_wrong_with_its_texts():
    with pytest.raises(ValueError, match="got one string"):
        Vocabulary.of("abc")
    with pytest.raises(ValueError, match="which hold 0 tokens"):
        Vocabulary.of([""])
    with pytest.raises(ValueError, match="size must be more than 4"):
        Vocabulary.of(["abc"], size=4)


@pytest.mark.parametrize("tokens", [[1, 2], [[9]], [[-1, 4]], [[0.5]], np.zeros((2, 2, 2), int)])
def test_decoding_says_what_is_no_row_of_tokens(tokens):
    with pytest.raises(ValueError, match="integers under 6"):
        Vocabulary(["x", "y"]).decode(tokens)


def test_a_token_that_is_none_is_not_spelt():
    vocabulary = Vocabulary(["a", "b"])
    assert vocabulary.spelt([4, 5]) == ["a", "b"]
    for token in (-1, 6):
        with pytest.raises(ValueError, match="tokens must be integers under 6"):
            vocabulary.spelt([4, token])
