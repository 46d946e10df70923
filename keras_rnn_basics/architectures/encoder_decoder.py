"""Many in, many out, T_x != T_y: one network reads, and another writes, starting from the first one's states."""

from typing import Any, Unpack

import keras
import numpy as np
from keras import ops

from keras_rnn_basics import checks, decoding
from keras_rnn_basics.architectures.arguments import OfSequences, shares_arguments
from keras_rnn_basics.architectures.built import Architecture
from keras_rnn_basics.architectures.luong_attention import LuongAttention
from keras_rnn_basics.architectures.stack import features, recurrent_layers, stack
from keras_rnn_basics.architectures.text_model import (
    Bounds,
    TextEndpoint,
    TextModel,
    check_vocabulary,
    encoded,
    few_sizes,
    once,
    one_or_more,
    only_text,
    padded,
    room,
    up_to_power_of_two,
)
from keras_rnn_basics.vocabulary import Vocabulary

# Beyond them the memory of a beam search and of the loop's tables grows without use: sentences are shorter.
MOST_NEW_TOKENS = 100_000


@shares_arguments
def build_encoder_decoder(
    source_size: int,
    target_size: int,
    units: int | list[int],
    attention: bool = False,
    *,
    embedding_size: int = 64,
    source_vocabulary: Vocabulary | None = None,
    target_vocabulary: Vocabulary | None = None,
    **layers: Unpack[OfSequences],
) -> "EncoderDecoder":
    """(B, T_x) source tokens, (B, T_y) target tokens -> (B, T_y, target_size) logits of each next target token.

    The last a of each encoder layer is the a_0 of the same decoder layer. This is the training graph (teacher forcing):
    `y_in` is a start token followed by the target, so it is one step late; `translate` writes. Token 0 is padding and
    is masked on both sides. The parts are `model.get_layer("encoder")` and `model.get_layer("decoder")`.

    With attention (`LuongAttention`) each step of the decoder also looks at the encoder's a_1 .. a_T_x, its memory:

        ã_t = tanh([a_t; c_t] W_c + b_c)     c_t is a mean of the memory with weights from the dot products with a_t
        ŷ_t = ã_t W_ya + b_y

    Args:
        source_size, target_size: the number of tokens in each vocabulary, including padding.
        attention: whether every step of the decoder looks at all states of the encoder.
        source_vocabulary, target_vocabulary: the meaning of the tokens; with them `translate` reads and returns text.
        The others: see `arguments.py`.

    Returns:
        An uncompiled `keras.Model`; its inputs are named "x" and "y_in".

    Raises:
        ValueError: for sizes that are not positive, or differ from the sizes of the vocabularies.

    >>> build_encoder_decoder(source_size=40, target_size=50, units=32, attention=True).output_shape
    (None, None, 50)
    """
    check_vocabulary("source_vocabulary", source_vocabulary, source_size)
    check_vocabulary("target_vocabulary", target_vocabulary, target_size)
    embedding = {"output_dim": embedding_size, "mask_zero": True}
    read = keras.layers.Embedding(source_size, **embedding), source_vocabulary
    written = keras.layers.Embedding(target_size, **embedding), target_vocabulary
    encoder = _encoder(read, units, attention, layers)
    decoder = _decoder(written, units, target_size, attention, layers)
    x, y_in = keras.Input((None,), name="x", dtype="int32"), keras.Input((None,), name="y_in", dtype="int32")
    remembered = encoder(x)
    remembered = remembered if isinstance(remembered, (list, tuple)) else [remembered]
    return EncoderDecoder([x, y_in], decoder([y_in, *remembered]), name="encoder_decoder")


def _encoder(embedding, units, attention, layers):
    """(B, T_x) -> the last a of each layer, (B, n_a); with attention also the memory (B, T_x, n_a) and its mask."""
    x = keras.Input((None,), name="x", dtype="int32")
    read, states = features(x, *embedding), []
    for layer in recurrent_layers(units, None, None, return_sequences=True, **layers)[0]:
        layer.return_state = True
        read, *last = layer(read)
        states += last
    if not attention:
        return keras.Model(x, states, name="encoder")
    there = ops.not_equal(x, Vocabulary.padding)
    # This operation also removes the Keras mask, which the decoder cannot use.
    memory = ops.where(ops.expand_dims(there, -1), read, 0.0)
    return keras.Model(x, [*states, memory, there], name="encoder")


def _decoder(embedding, units, target_size, attention, layers):
    """(B, T_y) and the outputs of the encoder -> (B, T_y, target_size)."""
    y_in = keras.Input((None,), name="y_in", dtype="int32")
    written, handed_over = features(y_in, *embedding), []
    outputs = None if attention else target_size
    recurrent, answer = recurrent_layers(units, outputs, None, return_sequences=True, **layers)
    for number, layer in enumerate(recurrent, start=1):
        several = len(layer.state_size) > 1
        names = [
            f"a_{number}_{which}" if several else f"a_{number}" for which, _ in enumerate(layer.state_size, start=1)
        ]
        given = [keras.Input((n,), name=name) for n, name in zip(layer.state_size, names)]
        written = layer(written, initial_state=given if several else given[0])
        handed_over += given
    written = stack(written, answer)
    if attention:
        n_a = written.shape[-1]
        handed_over.append(keras.Input((None, n_a), name="memory"))
        handed_over.append(keras.Input((None,), name="there", dtype="bool"))
        written, _ = LuongAttention(n_a, name="luong_attention")(written, *handed_over[-2:])
        written = keras.layers.Dense(target_size, name="answer")(written)
    return keras.Model([y_in, *handed_over], written, name="decoder")


@keras.saving.register_keras_serializable("keras_rnn_basics")
class EncoderDecoder(TextModel):
    """The model that `build_encoder_decoder` returns: a Keras model that also translates."""

    architecture = Architecture("encoder_decoder", encoder="encoder", decoder="decoder")

    def _readers(self):
        parts = {"source_vocabulary": self.architecture.encoder, "target_vocabulary": self.architecture.decoder}
        return {name: self.get_layer(part) for name, part in parts.items()}

    @property
    def source_vocabulary(self) -> Vocabulary:
        return self._vocabulary("source_vocabulary")

    @property
    def target_vocabulary(self) -> Vocabulary:
        return self._vocabulary("target_vocabulary")

    def _stepping(self):
        return self.get_layer(self.architecture.decoder)

    def translate(
        self, sentences: Any, num_beams: int = 1, max_new_tokens: int | None = None, length_penalty: float = 0.6
    ) -> Any:
        """The translations of sentences: the likeliest token at every step, or the best sentence of a beam search.

        The whole loop is one compiled program. Sizes are rounded up to powers of two; a new size takes seconds to
        compile.

        Args:
            sentences: a string, or a list of strings.
            num_beams: the number of beginnings that are kept at every step; 1 keeps only the likeliest.
            max_new_tokens: the largest number of tokens, at most 100,000; `None` for 16 more than twice those of the
                longest sentence.
            length_penalty: the length penalty of the beam search, see `decoding.beam_search`.

        Returns:
            A string for a string, a list of strings for a list.

        Raises:
            ValueError: for an invalid argument, or a model built without vocabularies.
            RuntimeError: for a network whose outputs are not finite, or on another backend than TensorFlow.
        """
        self._check_tensorflow("translate")
        checks.integer("num_beams", num_beams, 1, 1024)
        checks.number("length_penalty", length_penalty, 0, 10)
        sentences, give_back = one_or_more(sentences, "sentences")
        x, longest = self._read(sentences)
        max_new_tokens = min(_limit(longest), MOST_NEW_TOKENS) if max_new_tokens is None else max_new_tokens
        checks.integer("max_new_tokens", max_new_tokens, 1, MOST_NEW_TOKENS)
        found = self._translator()(
            x, np.int32(max_new_tokens), num_beams, float(length_penalty), room(max_new_tokens, 32)
        )
        tokens, log_probabilities = (part.numpy()[: len(sentences)] for part in found)
        decoding.refuse_nan(log_probabilities)
        return give_back(self.target_vocabulary.decode(tokens[:, :max_new_tokens]))

    def attention(self, sentence: str, translation: str | None = None) -> tuple[np.ndarray, list[str], list[str]]:
        """-> (T_y, T_x) weights, T_y written tokens, T_x read tokens: where the decoder looked for each token it wrote.

        Args:
            sentence: the source.
            translation: the target; `None` for the model's own translation.

        Raises:
            ValueError: for a model built without attention, or an argument that is not text.
            RuntimeError: for a network whose outputs are not finite.
        """
        decoder, encoder = self.get_layer("decoder"), self.get_layer("encoder")
        if decoder.inputs[-1].name != "there":
            raise ValueError(f"{self.name} has no attention: build it with attention=True.")
        if not isinstance(sentence, str) or not sentence:
            raise ValueError(f"sentence must be a string that holds text, got {sentence!r}.")
        if not isinstance(translation, (str, type(None))):
            raise ValueError(f"translation must be a string or None, got {translation!r}.")
        source, target = self.source_vocabulary, self.target_vocabulary
        if translation is None:  # this also warns about unknown words
            [x], [y] = source.encode([sentence]).to_list(), target.encode([self.translate(sentence)]).to_list()
        else:
            [x], [y] = encoded(source, [sentence], 3), encoded(target, [translation], 3)
        _, weights = decoder.get_layer("luong_attention").output
        looking = keras.Model(decoder.inputs, weights)
        y_in = ops.convert_to_tensor([[Vocabulary.start, *y]], "int32")
        weights = looking([y_in, *encoder(ops.convert_to_tensor([x], "int32"))])
        decoding.refuse_nan(weights)
        return ops.convert_to_numpy(weights)[0], [*target.spelt(y), "end"], source.spelt(x)

    def _read(self, sentences):
        """-> (B, T_x) tokens, padded to few sizes B and T_x, and the number of tokens in the longest sentence."""
        rows = encoded(self.source_vocabulary, sentences)
        empty = [number for number, row in enumerate(rows) if not row]
        if empty:
            raise ValueError(f"sentences must hold text; number {empty[0]} is empty.")
        return padded(rows, 32)[0], max(map(len, rows))

    @once
    def _translator(self):
        import tensorflow as tf

        return tf.function(self._translate, jit_compile=True, reduce_retracing=True, autograph=False)

    def _translate(self, x, max_new_tokens, num_beams, length_penalty, capacity=None):
        """(B, T_x) -> (B, max_new_tokens) tokens and their log-probabilities, or (B,) of the best sentences."""
        import tensorflow as tf

        remembered = self.get_layer("encoder")(x, training=False)
        remembered = list(remembered) if isinstance(remembered, (list, tuple)) else [remembered]
        begin = self._one_step().begin(*remembered)

        def step(token, states):
            logits, states = self._step(token, states)
            return only_text(logits), states

        start, end = tf.fill([tf.shape(x)[0]], Vocabulary.start), Vocabulary.end
        if num_beams > 1:
            search = (max_new_tokens, num_beams, end, length_penalty, capacity)
            found = decoding.beam_search(step, start, begin, *search)
            return found.tokens[:, 0], found.log_probabilities[:, 0]
        read = start[:, None], tf.ones_like(start)
        written = decoding.write(step, *read, begin, max_new_tokens, decoding.greedy, end, capacity)
        return written.tokens, written.log_probabilities

    def text_endpoints(self, bounds: Bounds) -> dict[str, TextEndpoint]:
        """`translate` for an export, within these bounds."""
        import tensorflow as tf

        if len(self.vocabularies) < 2:
            return {}
        source, target = self.source_vocabulary, self.target_vocabulary

        @bounds.compiled
        def in_room(x, most, room_to_write):
            return self._translate(x, most, 1, 0.0, tf.shape(room_to_write)[0])

        def translate(sentence):
            x, lengths = bounds.padded("sentence", source.encode(sentence))
            B, longest = tf.shape(x)[0], tf.reduce_max(tf.concat([lengths, [0]], axis=0))
            most = tf.minimum(_limit(longest), bounds.max_new_tokens)
            if bounds.jit_compile:
                x, _ = few_sizes(x, 32)
                tokens, log_probabilities = in_room(x, most, tf.zeros([up_to_power_of_two(most, 32)]))
                decoding.refuse_nan(log_probabilities)
            else:
                tokens, _ = self._translate(x, most, 1, 0.0)
            return tf.where(lengths > 0, target.decode_tensor(tokens[:B]), "")

        inputs, outputs = [tf.TensorSpec([None], "string", "sentence")], {"text": tf.TensorSpec([None], "string")}
        return {"translate": TextEndpoint(translate, inputs, outputs, [*source.resources, *target.resources], {})}


def _limit(T_x):
    """The largest number of tokens in a translation, if none is given."""
    return 2 * T_x + 16
