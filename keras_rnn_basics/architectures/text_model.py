"""The parts that text-writing models share: vocabularies, which are saved with them, and the step for decoding."""

import warnings
from functools import cached_property

import keras
import numpy as np

from keras_rnn_basics.architectures.one_step import one_step
from keras_rnn_basics.architectures.time_distributed import ReadsTokens
from keras_rnn_basics.vocabulary import Vocabulary


class TextModel(ReadsTokens):
    """A functional model that owns vocabularies.

    XLA compiles a program for each shape, so prompts and answers are padded to few lengths.
    """

    def _readers(self) -> dict[str, keras.Model]:
        """A dict from the name of each vocabulary to the part of the model that reads its tokens."""
        return {}

    @property
    def vocabularies(self) -> dict[str, Vocabulary]:
        """The vocabularies by name. The layers that read tokens hold them, so they are saved and cloned with it."""
        held = [
            (name, getattr(layer, "vocabulary", None))
            for name, part in self._readers().items()
            for layer in part.layers
        ]
        return {name: vocabulary for name, vocabulary in held if vocabulary is not None}

    def _vocabulary(self, name):
        if name not in self.vocabularies:
            raise ValueError(f"{self.name} has no {name}: give one to its builder, {name}=Vocabulary.of(texts).")
        return self.vocabularies[name]

    def _check_tensorflow(self, what):
        if keras.backend.backend() != "tensorflow":
            raise RuntimeError(f"{what} needs the TensorFlow backend of Keras, got {keras.backend.backend()}.")

    def _stepping(self):
        """The model that is run step by step."""
        return self

    # Kept in the instance's own dictionary, so that Keras does not treat it as a part of the model.
    @cached_property
    def _one_step(self):
        import tensorflow as tf

        with tf.init_scope():  # it compares numbers, so it must run outside of any graph
            return one_step(self._stepping())

    def _step(self, token, states):
        """`decoding.Step`: states that the step only reads, such as an encoder's memory, are returned unchanged."""
        model = self._one_step
        logits, *after = model([token, *states])
        return logits, [*after, *states[len(after) :]]


def check_vocabulary(name, vocabulary, size):
    """Raises an error unless vocabulary is None or a Vocabulary of this size."""
    if vocabulary is None:
        return
    if not isinstance(vocabulary, Vocabulary):
        raise TypeError(f"{name} must be a Vocabulary, such as Vocabulary.of(texts), got {vocabulary!r}.")
    if len(vocabulary) != size:
        raise ValueError(f"{name} has {len(vocabulary)} tokens, but the network has {size}: give it len({name}).")


def encoded(vocabulary, texts, stacklevel=4):
    """Lists of tokens; a warning, reported `stacklevel` calls above, names tokens that the vocabulary does not have."""
    rows = vocabulary.encode(texts).to_list()
    if any(Vocabulary.unknown in row for row in rows):
        warnings.warn(
            f"The vocabulary does not have {vocabulary.missing(texts)[:10]}: each is read as an unknown "
            f"{vocabulary.level}.",
            stacklevel=stacklevel,
        )
    return rows


def one_or_more(texts, name):
    """A string or a list of strings -> a list, and a function that gives the results the form of the input."""
    if isinstance(texts, str):
        return [texts], lambda answers: answers[0]
    texts = texts.tolist() if isinstance(texts, np.ndarray) else texts
    if not isinstance(texts, (list, tuple)) or not texts or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{name} must be a string or a list of strings, at least one, got {texts!r}.")
    return list(texts), list


def only_text(logits):
    """(B, V) -> (B, V): -inf for the tokens that are not text: padding, the unknown token and the start."""
    import tensorflow as tf

    token = tf.range(logits.shape[-1])
    never = (token == Vocabulary.padding) | (token == Vocabulary.unknown) | (token == Vocabulary.start)
    return tf.where(never, -float("inf"), tf.cast(logits, "float32"))


def room(length, least):
    """The next power of two, at least `least`, so that only few shapes are compiled."""
    return max(least, 1 << (int(length) - 1).bit_length())


def padded(rows, least):
    """N lists of tokens -> (B, P) int32 with zeros after each list, (B,) int32 lengths; B and P are powers of two.

    P is at least `least`. The rows after the N-th repeat the last one, so they take no extra steps.
    """
    width = room(max(map(len, rows)), least)
    rows = [*rows, *[rows[-1]] * (room(len(rows), 1) - len(rows))]
    tokens = np.zeros((len(rows), width), dtype="int32")
    for row, own in zip(tokens, rows):
        row[: len(own)] = own
    return tokens, np.array([len(row) for row in rows], dtype="int32")
