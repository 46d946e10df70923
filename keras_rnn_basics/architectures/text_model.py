"""What the models that write text share: vocabularies, saved with them, and their step as decoding asks for it."""

import warnings
from functools import cached_property

import keras
import numpy as np

from keras_rnn_basics.architectures.one_step import one_step
from keras_rnn_basics.architectures.time_distributed import ReadsTokens
from keras_rnn_basics.vocabulary import Vocabulary


class TextModel(ReadsTokens):
    """A functional model that owns vocabularies.

    What XLA compiles is compiled for each shape: prompts and answers are padded to few lengths.
    """

    def _readers(self) -> dict[str, keras.Model]:
        """By the name of each vocabulary, the part of the model that reads its tokens."""
        return {}

    @property
    def vocabularies(self) -> dict[str, Vocabulary]:
        """The vocabularies by name: the layers that read tokens hold them, and are saved and cloned with them."""
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
            raise RuntimeError(f"{what} runs in TensorFlow's graph; Keras runs on {keras.backend.backend()} here.")

    def _stepping(self):
        """The model whose next step is asked for."""
        return self

    # Kept in the instance's own dictionary, where Keras does not take it for a part of the model.
    @cached_property
    def _one_step(self):
        import tensorflow as tf

        with tf.init_scope():  # it compares numbers, also when a graph is the first to ask for it
            return one_step(self._stepping())

    def _step(self, token, states):
        """`decoding.Step`: states that the step only reads, such as an encoder's memory, come back as they went in."""
        model = self._one_step
        logits, *after = model([token, *states])
        return logits, [*after, *states[len(after) :]]


def check_vocabulary(name, vocabulary, size):
    """An error unless there is no vocabulary, or it is one of so many tokens."""
    if vocabulary is None:
        return
    if not isinstance(vocabulary, Vocabulary):
        raise TypeError(f"{name} must be a Vocabulary, such as Vocabulary.of(texts), got {vocabulary!r}.")
    if len(vocabulary) != size:
        raise ValueError(f"{name} has {len(vocabulary)} tokens, the network {size}: give it len({name}).")


def encoded(vocabulary, texts, stacklevel=4):
    """Lists of tokens; a warning, of the line so many calls above, names what the vocabulary does not have."""
    rows = vocabulary.encode(texts).to_list()
    if any(Vocabulary.unknown in row for row in rows):
        warnings.warn(
            f"The vocabulary does not have {vocabulary.missing(texts)[:10]}: each is read as an unknown "
            f"{vocabulary.level}.",
            stacklevel=stacklevel,
        )
    return rows


def one_or_more(texts, name):
    """A string or a list of them -> a list, and what puts the answers into the form that came."""
    if isinstance(texts, str):
        return [texts], lambda answers: answers[0]
    texts = texts.tolist() if isinstance(texts, np.ndarray) else texts
    if not isinstance(texts, (list, tuple)) or not texts or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{name} must be a string or a list of strings, at least one, got {texts!r}.")
    return list(texts), list


def only_text(logits):
    """(B, V) -> (B, V): -inf for the tokens that no text is written in: padding, the unknown and the start."""
    import tensorflow as tf

    token = tf.range(logits.shape[-1])
    never = (token == Vocabulary.padding) | (token == Vocabulary.unknown) | (token == Vocabulary.start)
    return tf.where(never, -float("inf"), tf.cast(logits, "float32"))


def room(length, least):
    """The next power of two, from `least` on: so many shapes are compiled, and no more."""
    return max(least, 1 << (int(length) - 1).bit_length())


def padded(rows, least):
    """N lists of tokens -> (B, P) int32 with zeros behind each list, (B,) int32 lengths; B and P powers of two.

    P is at least `least`. The rows behind the N-th are the last one again, which ends when that one ends.
    """
    width = room(max(map(len, rows)), least)
    rows = [*rows, *[rows[-1]] * (room(len(rows), 1) - len(rows))]
    tokens = np.zeros((len(rows), width), dtype="int32")
    for row, own in zip(tokens, rows):
        row[: len(own)] = own
    return tokens, np.array([len(row) for row in rows], dtype="int32")
