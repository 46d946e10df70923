"""The parts that text-writing models share: vocabularies, which are saved with them, and the step for decoding."""

import warnings
from collections.abc import Callable, Sequence
from functools import wraps
from types import SimpleNamespace
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_rnn_basics import checks
from keras_rnn_basics.architectures.one_step import one_step
from keras_rnn_basics.architectures.time_distributed import ReadsTokens
from keras_rnn_basics.vocabulary import Vocabulary


class Bounds(NamedTuple):
    """What an exported text model takes at most, so that no request can hold up a server.

    Attributes:
        max_new_tokens: the largest number of tokens that are written.
        max_prompt_tokens: the largest number of tokens that are read.
        jit_compile: whether XLA compiles the loops. Sizes are then rounded up to powers of two.
    """

    max_new_tokens: int
    max_prompt_tokens: int
    jit_compile: bool

    def padded(self, name: str, tokens: Any) -> tuple[Any, Any]:
        """Ragged (B, T) tokens -> (B, P) padded with zeros, P >= 1, and (B,) lengths; an error for too long a row."""
        import tensorflow as tf

        lengths = tf.cast(tokens.row_lengths(), "int32")
        longest = tf.reduce_max(tf.concat([lengths, [0]], axis=0))
        message = f"{name} must have at most {self.max_prompt_tokens} tokens, the bound of this export, got"
        # Nothing is allocated for them before the check.
        values = checks.only_if(longest <= self.max_prompt_tokens, tokens.values, message, lambda: longest)
        return tf.pad(tokens.with_values(values).to_tensor(), [[0, 0], [0, 1]]), lengths

    def compiled(self, run: Callable) -> Callable:
        """The function of tensors, which XLA compiles if it was asked for."""
        import tensorflow as tf

        return tf.function(run, jit_compile=True, autograph=False) if self.jit_compile else run


def few_sizes(tokens, least):
    """(B, P) -> (B', P') with powers of two, in a graph; and which row of `tokens`, with one row more, each row is.

    The rows after the last repeat it, so that they take no extra steps. Without rows there is one of zeros.
    """
    import tensorflow as tf

    B, P = tf.shape(tokens)[0], tf.shape(tokens)[1]
    rows = tf.minimum(tf.range(up_to_power_of_two(B, 1)), tf.maximum(B - 1, 0))
    behind: Any = [[0, 1], [0, up_to_power_of_two(P, least) - P]]
    return tf.gather(tf.pad(tokens, behind), rows), rows


def up_to_power_of_two(n, least):
    """() -> () int32 in a graph: as `room`."""
    import tensorflow as tf

    powers = tf.constant([1 << exponent for exponent in range(31)])
    return tf.reduce_min(tf.boolean_mask(powers, powers >= tf.maximum(n, least)))


class TextEndpoint(NamedTuple):
    """A function of an export that takes strings.

    Attributes:
        run: the function of the tensors in `inputs`.
        inputs: their specifications.
        outputs: from the name of each output to its specification, in the order in which `run` returns them.
        resources: the objects that the export must keep.
        defaults: the values of the last inputs that may be left out.
    """

    run: Callable
    inputs: list[Any]
    outputs: dict[str, Any]
    resources: Sequence[Any]
    defaults: dict[str, Any]


def once(method: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A method that is run once for each model, and then gives what it gave.

    It is no property, since Keras reads all of a model's properties when it saves weights; and what it gave is kept
    where Keras does not take it for a part of the model.
    """

    @wraps(method)
    def kept(self):
        own = vars(self).setdefault("made_once", SimpleNamespace())
        if not hasattr(own, method.__name__):
            setattr(own, method.__name__, method(self))
        return getattr(own, method.__name__)

    return kept


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

    @once
    def _one_step(self):
        import tensorflow as tf

        with tf.init_scope():  # it compares numbers, so it must run outside of any graph
            return one_step(self._stepping())

    def _step(self, token, states):
        """`decoding.Step`: states that the step only reads, such as an encoder's memory, are returned unchanged."""
        model = self._one_step()
        with checks.known_to_hold():  # the tokens are a vocabulary's or were chosen among its numbers
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
