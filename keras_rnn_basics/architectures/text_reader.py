"""Models that read text and name what they find: the labels of the answers, kept with the vocabulary of the tokens."""

from typing import Any

import keras
import numpy as np

from keras_rnn_basics import checks, decoding
from keras_rnn_basics.architectures.labels import Labels
from keras_rnn_basics.architectures.stack import check_input_shape, features, input_dtype
from keras_rnn_basics.architectures.text_model import (
    Bounds,
    TextEndpoint,
    TextModel,
    encoded,
    few_sizes,
    one_or_more,
    padded,
)
from keras_rnn_basics.compat import get_keras_mask
from keras_rnn_basics.vocabulary import Vocabulary

EMBEDDING_SIZE = 64


def read_input(input_shape, frontend, vocabulary, labels, output_units, output_activation):
    """The input "x", its features (B, T, n_x), and n_y, for a network that may read text."""
    if vocabulary is None:
        if labels is not None:
            raise ValueError("labels are the names of what is found in a text: give vocabulary= too.")
        input_shape = check_input_shape(input_shape, frontend)
        x = keras.Input((None, *input_shape), name="x", dtype=input_dtype(input_shape))
        return x, features(x, frontend), output_units
    if not isinstance(vocabulary, Vocabulary):
        raise TypeError(f"vocabulary must be a Vocabulary, such as Vocabulary.of(texts), got {vocabulary!r}.")
    if input_shape != ():
        raise ValueError(f"With a vocabulary a step is a token: input_shape must be (), got {input_shape!r}.")
    if output_units is None and labels is None:
        raise ValueError("Give labels, a name for each of the network's outputs, or output_units.")
    output_units = len(labels) if output_units is None else checks.positive_integer("output_units", output_units)
    own = Labels(
        [str(number) for number in range(output_units)] if labels is None else labels, output_activation is None
    )
    if len(own.names) != output_units:
        raise ValueError(f"labels has {len(own.names)} names, but the network has {output_units} outputs.")
    if frontend is None:
        # Keras' default embeddings are twenty times smaller than the inputs that the other initializers assume.
        begin = keras.initializers.RandomNormal(stddev=1.0)
        frontend = keras.layers.Embedding(len(vocabulary), EMBEDDING_SIZE, embeddings_initializer=begin, mask_zero=True)
    x = keras.Input((None,), name="x", dtype="int32")
    read = features(x, frontend, vocabulary, own)
    if get_keras_mask(read) is None:
        raise ValueError(
            "With a vocabulary, texts are padded with token 0: frontend must mask it, as "
            "keras.layers.Embedding(len(vocabulary), size, mask_zero=True) does."
        )
    return x, read, output_units


class TextReader(TextModel):
    """A functional model that reads text, if it was built with a vocabulary."""

    def _readers(self):
        return {"vocabulary": self}

    @property
    def vocabulary(self) -> Vocabulary | None:
        return self.vocabularies.get("vocabulary")

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The names of the outputs, if the model reads text."""
        return None if self.vocabulary is None else self._labels.names

    @property
    def _labels(self):
        return next(own for layer in self.layers if (own := getattr(layer, "labels", None)) is not None)

    def odds(self, texts: Any) -> Any:
        """The probability of every label, for a text or for a list of texts.

        Args:
            texts: a string, a list of strings of any lengths, or a list of lists of tokens.

        Returns:
            (n_y,) for a string, (N, n_y) for N texts. A many-to-many model gives (n, n_y) for the n tokens of a string,
            and a list of these for several texts.

        Raises:
            ValueError: for a model built without a vocabulary, or texts without tokens.
            RuntimeError: for a network whose outputs are not finite.
        """
        rows, _ = self._read(texts)
        found = self._odds(rows)
        return found[0] if isinstance(texts, str) else found

    def _read(self, texts):
        """-> lists of tokens, and a function that gives the results the form of the input."""
        vocabulary = self._vocabulary("vocabulary")
        in_tokens = isinstance(texts, (list, tuple)) and bool(texts) and isinstance(texts[0], (list, tuple))
        texts, give_back = (texts, lambda found: found) if in_tokens else one_or_more(texts, "texts")
        rows = encoded(vocabulary, texts)
        empty = [number for number, row in enumerate(rows) if not row]
        if empty:
            raise ValueError(f"texts must hold text; number {empty[0]} is empty.")
        return rows, give_back

    def _odds(self, rows):
        tokens = padded(rows, 32)[0][: len(rows)]
        odds = keras.ops.convert_to_numpy(self._labels.odds(self.predict(tokens, verbose=0)))
        if not np.isfinite(odds).all():
            raise RuntimeError(decoding.NOT_FINITE)
        return odds if odds.ndim == 2 else [own[: len(row)] for own, row in zip(odds, rows)]

    def _named(self, odds):
        """(..., n_y) -> (...) labels."""
        return np.array(self._labels.names)[np.argmax(odds, axis=-1)]

    def text_endpoints(self, bounds: Bounds) -> dict[str, TextEndpoint]:
        """`serve_text` for an export, within these bounds."""
        import tensorflow as tf

        if self.vocabulary is None:
            return {}
        vocabulary, labels, names = self.vocabulary, self._labels, tf.constant(self._labels.names)
        every_step = len(self.output_shape) == 3

        @bounds.compiled
        def odds_of(tokens):
            with checks.known_to_hold():  # the tokens are the vocabulary's
                return labels.odds(self(tokens, training=False))

        def serve_text(text):
            tokens, lengths = bounds.padded("text", vocabulary.encode(text))
            B, T = tf.shape(tokens)[0], tf.shape(tokens)[1] - 1
            odds = odds_of(few_sizes(tokens, 32)[0] if bounds.jit_compile else tokens)[:B]
            decoding.refuse_nan(odds)
            if every_step:
                odds, read = odds[:, :T], tf.sequence_mask(lengths, T)
            else:
                read = lengths > 0
            label = tf.where(read, tf.gather(names, tf.argmax(odds, axis=-1)), "")
            odds = tf.where(read[..., None], odds, 0.0)
            return (
                (vocabulary.split_tensor(text).to_tensor(shape=[None, None]), label, odds)
                if every_step
                else (label, odds)
            )

        n_y = len(labels.names)
        of_each = {"token": tf.TensorSpec([None, None], "string")} if every_step else {}
        B_T = [None, None] if every_step else [None]
        outputs = of_each | {"label": tf.TensorSpec(B_T, "string"), "odds": tf.TensorSpec([*B_T, n_y])}
        inputs = [tf.TensorSpec([None], "string", "text")]
        return {"serve_text": TextEndpoint(serve_text, inputs, outputs, vocabulary.resources, {})}
