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


@settings(max_examples=8, deadline=None)
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


WORDS = [["New York", "can't", "be,", "can't"], ["be,"]]


def test_given_tokens_are_numbered_as_they_are_without_being_split():
    vocabulary = Vocabulary.of(iter(WORDS))
    assert (vocabulary.level, vocabulary.tokens) == ("given", ("be,", "can't", "New York"))
    assert vocabulary.encode(WORDS).to_list() == [[6, 5, 4, 5], [4]]
    assert vocabulary.encode([["be"], []]).to_list() == [[1], []]
    assert vocabulary.missing([["be", "be,"], ["a"]]) == ["a", "be"]
    assert Vocabulary.of(WORDS, at_least=2, size=5).tokens == ("be,",)


def test_a_string_of_given_tokens_has_a_space_between_two():
    vocabulary = Vocabulary.of([["to", "be"], ["be", "or"]])
    assert vocabulary.encode(["to be or", ""]).to_list() == vocabulary.encode([["to", "be", "or"], []]).to_list()
    start, end = vocabulary.start, vocabulary.end
    [to, be, odd] = vocabulary.encode([["to", "be", "?"]]).to_list()[0]
    assert vocabulary.decode([[start, to, be, end, be], [be, odd, 0, 0, 0]]) == ["to be", "be �"]


def test_given_tokens_are_encoded_in_a_graph_as_outside():
    vocabulary = Vocabulary.of(WORDS)
    assert tf.function(vocabulary.encode)(tf.ragged.constant(WORDS)).to_list() == [[6, 5, 4, 5], [4]]


def test_a_vocabulary_of_words_takes_token_lists_as_they_are():
    vocabulary = Vocabulary([" to", "be"], "word")
    assert vocabulary.encode([["be", " to", "to"]]).to_list() == [[5, 4, 1]]


def test_token_lists_and_strings_are_not_mixed_up():
    with pytest.raises(ValueError, match=r"texts are lists of tokens, .* level must be 'given', got 'word'"):
        Vocabulary.of(WORDS, "word")
    for wrong in ([["a"], "bc"], [["a"], [1]]):
        with pytest.raises(ValueError, match="Each of the token lists must be a list of strings, got"):
            Vocabulary.of(wrong)
        with pytest.raises(ValueError, match="Each of the token lists must be a list of strings, got"):
            Vocabulary(["a"]).encode(wrong)


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
