"""Text to tokens and back, in Python and inside a graph: the vocabulary of a model that reads or writes text."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import chain
from typing import Any

import keras
import numpy as np

LEVELS = ("character", "word", "given")
SPECIAL = ("", "[UNK]", "[START]", "[END]")

# A word with the space before it, a run of signs with the space before it, or one character of white space. The tokens
# joined together are the text again.
WORD = r" ?[\p{L}\p{N}'’]+| ?[^\s\p{L}\p{N}'’]+|\s"
BETWEEN = "\0"


@keras.saving.register_keras_serializable("keras_rnn_basics")
class Vocabulary:
    """The numbers of a text's tokens: 0 is padding, 1 any unknown token, 2 the start, 3 the end, then the text's own.

    Tokens are characters (Unicode code points), or words and signs with the space before them. Joined together, they
    are the text again. Or they are given, as lists of words or labels, such as those of a tagger. They are then taken
    as they are; a string of them has a space between two tokens. The class works on Python strings and, in a graph, on
    string tensors; it needs TensorFlow.

    Args:
        tokens: the text's own tokens, in the order of their numbers.
        level: "character", "word" or "given".

    Raises:
        ValueError: for an unknown level, no tokens, or tokens that repeat or are empty.

    >>> vocabulary = Vocabulary.of(["to be, or not to be"], level="word")
    >>> vocabulary.tokens
    (' be', ' not', ' or', ' to', ',', 'to')
    >>> vocabulary.encode(["to be", "to see"]).to_list()
    [[9, 4], [9, 1]]
    >>> vocabulary.decode([[2, 9, 4, 8, 3, 4]])
    ['to be,']
    >>> tags = Vocabulary.of([["DET", "NOUN"], ["NOUN"]])
    >>> tags.encode([["NOUN", "DET"], ["VERB"]]).to_list()
    [[4, 5], [1]]
    """

    padding, unknown, start, end = range(4)

    def __init__(self, tokens: Sequence[str], level: str = "character") -> None:
        if level not in LEVELS:
            raise ValueError(f"level must be one of {LEVELS}, got {level!r}.")
        if isinstance(tokens, str) or not tokens or not all(isinstance(token, str) and token for token in tokens):
            raise ValueError(f"tokens must be a list of strings, none of them empty, got {str(tokens)[:80]!r}.")
        if any("\0" in token for token in tokens):
            raise ValueError("tokens must not hold the character zero: a file that holds it is binary, not text.")
        repeated = [token for token, count in Counter([*SPECIAL, *tokens]).items() if count > 1]
        if repeated:
            raise ValueError(f"tokens must differ from each other and from {SPECIAL}; these repeat: {repeated[:10]}.")
        self.tokens, self.level = tuple(tokens), level

    @classmethod
    def of(
        cls,
        texts: Iterable[str] | Iterable[Sequence[str]],
        level: str | None = None,
        size: int | None = None,
        at_least: int = 1,
    ) -> "Vocabulary":
        """The vocabulary of texts, the most frequent tokens first. The texts are read once, piece by piece.

        Args:
            texts: strings, such as sentences or the pieces of a text; or lists of tokens, which are taken as they are.
            level: "character", "word" or "given"; `None` is "character" for strings and "given" for lists of tokens.
            size: the largest number of tokens, including the four special ones.
            at_least: tokens that occur less often than this are treated as unknown.
        """
        if isinstance(texts, str):
            raise ValueError("texts must be a list or another iterable of strings, got one string.")
        if size is not None and size <= len(SPECIAL):
            raise ValueError(f"size must be more than {len(SPECIAL)}, the number of special tokens, got {size!r}.")
        first, texts = _first_of(texts)
        given = first is not None and not isinstance(first, str)
        level = level or ("given" if given else "character")
        if given and level != "given":
            raise ValueError(
                f"texts are lists of tokens, which need no splitting: level must be 'given', got {level!r}."
            )
        counter: Counter[Any] = Counter()
        alphabet = cls(["a"], level)  # used only to split; its tokens do not matter
        for some in _in_bundles(texts):
            counter.update(_given(some) if given else alphabet.split_tensor(some).flat_values.numpy().tolist())
        counts = {token if given else token.decode(): count for token, count in counter.items() if count >= at_least}
        tokens = sorted(set(counts) - set(SPECIAL), key=lambda token: (-counts[token], token))
        if not tokens:
            raise ValueError(f"No token occurs {at_least} times in the texts, which hold {counter.total()} tokens.")
        return cls(tokens[: size and size - len(SPECIAL)], level)

    def __len__(self) -> int:
        return len(SPECIAL) + len(self.tokens)

    def __repr__(self) -> str:
        return f"<Vocabulary of {len(self)}: {'given token' if self.level == 'given' else self.level}s>"

    @cached_property
    def _numbers(self):
        with _outside_any_graph():
            lookup = keras.layers.StringLookup(
                vocabulary=[*SPECIAL[2:], *self.tokens], mask_token=SPECIAL[0], oov_token=SPECIAL[1]
            )
            lookup.build(())
        return lookup

    @cached_property
    def _texts(self):
        import tensorflow as tf

        with _outside_any_graph():
            return tf.constant(["", "�", "", "", *self.tokens])

    @property
    def resources(self) -> list[Any]:
        """The objects that an export must keep for a function that encodes or decodes."""
        return [self._numbers]

    def split_tensor(self, texts: Any) -> Any:
        """(B,) strings -> (B, None) ragged strings: the tokens of each, known or not."""
        import tensorflow as tf

        if self.level == "character":
            return tf.strings.unicode_split(texts, "UTF-8")
        if self.level == "given":
            return tf.strings.split(texts)
        marked = tf.strings.regex_replace(texts, f"({WORD})", rf"\1{BETWEEN}")
        tokens = tf.strings.split(marked, BETWEEN)
        return tf.ragged.boolean_mask(tokens, tokens != "")

    def split(self, texts: Sequence[str]) -> list[list[str]]:
        """B strings -> B lists: the tokens of each, known or not.

        >>> Vocabulary(["a"], level="word").split(["to be, or"])
        [['to', ' be', ',', ' or']]
        """
        return [[token.decode() for token in row] for row in self.split_tensor(texts).to_list()]

    def encode(self, texts: Any) -> Any:
        """(B,) strings, or B lists of tokens -> (B, None) ragged int32 tokens, without start and end.

        Lists of tokens are taken as they are, whatever the level; in a graph they are a ragged string tensor.
        """
        import tensorflow as tf

        if _are_token_lists(texts):
            texts = texts if tf.is_tensor(texts) else tf.ragged.constant(_lists(texts), "string", ragged_rank=1)
            return tf.cast(self._numbers(texts), "int32")
        return self._encode(tf.convert_to_tensor(texts, "string"))

    @cached_property
    def _encode(self):
        import tensorflow as tf

        numbers = self._numbers  # one graph, because a dozen separate operations take milliseconds
        one_call = tf.function(lambda texts: tf.cast(numbers(self.split_tensor(texts)), "int32"), autograph=False)
        return one_call.get_concrete_function(tf.TensorSpec([None], "string"))

    def decode_tensor(self, tokens: Any) -> Any:
        """(B, T) tokens -> (B,) string tensor: the text up to the first end token; an unknown token is shown as �."""
        import tensorflow as tf

        tokens = tf.convert_to_tensor(tokens)
        ended = tf.cumsum(tf.cast(tokens == self.end, "int32"), axis=1) > 0
        texts = tf.gather(self._texts, tf.where(ended, self.padding, tokens))
        if self.level == "given":
            texts = tf.ragged.boolean_mask(texts, texts != "")
            return tf.strings.reduce_join(texts, axis=1, separator=" ")
        return tf.strings.reduce_join(texts, axis=1)

    def continued(self, texts: Any, more: Any) -> Any:
        """(B,), (B,) strings -> (B,) string tensor: each text with more behind it, joined as tokens are."""
        import tensorflow as tf

        if self.level == "given":
            return tf.strings.strip(tf.strings.join([texts, more], separator=" "))
        return tf.strings.join([texts, more])

    def decode(self, tokens: Any) -> list[str]:
        """(B, T) tokens, padded or ragged -> B Python strings, as `decode_tensor`."""
        tokens = np.asarray(tokens.to_tensor() if hasattr(tokens, "to_tensor") else tokens)
        if tokens.ndim != 2 or tokens.dtype.kind not in "iu":
            raise ValueError(f"tokens must be (B, T) integers under {len(self)}, got {tokens.dtype} {tokens.shape}.")
        self._check(tokens)
        return [text.decode() for text in self.decode_tensor(tokens).numpy()]

    def spelt(self, tokens: Sequence[int]) -> list[str]:
        """Tokens -> the text of each token."""
        self._check(np.asarray(tokens))
        return [text.decode() for text in np.take(self._texts.numpy(), tokens)]

    def _check(self, tokens):
        if tokens.size and not 0 <= tokens.min() <= tokens.max() < len(self):
            raise ValueError(f"tokens must be integers under {len(self)}, got {tokens.min()} to {tokens.max()}.")

    def missing(self, texts: Any) -> list[str]:
        """The tokens in the texts that have no number, each once."""
        if _are_token_lists(texts):
            tokens = set(_given(texts))
        else:
            tokens = {token.decode() for token in self.split_tensor(texts).flat_values.numpy()}
        return sorted(tokens - set(self.tokens))

    def get_config(self) -> dict[str, Any]:
        return {"tokens": list(self.tokens), "level": self.level}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _first_of(texts):
    """-> the first of them, or None, and all of them again."""
    texts = iter(texts)
    first = next(texts, None)
    return first, texts if first is None else chain([first], texts)


def _are_token_lists(texts):
    """Whether they are B lists of tokens, or a ragged tensor of them, and not B strings."""
    if hasattr(texts, "row_lengths"):
        return True
    return isinstance(texts, (list, tuple)) and bool(texts) and not isinstance(texts[0], (str, bytes, np.str_))


def _lists(rows):
    """B lists of tokens; an error for what is none."""
    for row in rows:
        if isinstance(row, str) or not all(isinstance(token, str) for token in row):
            raise ValueError(f"Each of the token lists must be a list of strings, got {str(row)[:80]!r}.")
    return [list(row) for row in rows]


def _given(rows):
    return [token for row in _lists(rows) for token in row]


def _in_bundles(texts, characters=1 << 16):
    """Groups short texts and leaves long ones alone: one call of TensorFlow for each sentence would take minutes."""
    bundle, size = [], 0
    for text in texts:
        bundle.append(text)
        size += len(text)
        if size >= characters:
            yield bundle
            bundle, size = [], 0
    if bundle:
        yield bundle


def _outside_any_graph():
    # All graphs share one table, even if a graph is the first to need it.
    import tensorflow as tf

    return tf.init_scope()
