"""One in, many out: each answer is the next step's input; trained with the true next token fed back instead."""

import random
from typing import Any, Unpack

import keras
import numpy as np

from keras_rnn_basics import checks, decoding
from keras_rnn_basics.architectures.arguments import OfSequences, shares_arguments
from keras_rnn_basics.architectures.built import Architecture
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

# At higher temperatures all tokens are equally likely, and float32 overflows.
HOTTEST = 1e6
MOST_NEW_TOKENS = 1_000_000


@shares_arguments
def build_one_to_many(
    vocabulary_size: int,
    units: int | list[int],
    *,
    embedding_size: int = 64,
    vocabulary: Vocabulary | None = None,
    stateful_batch_size: int | None = None,
    **layers: Unpack[OfSequences],
) -> "OneToMany":
    """(B, T) tokens -> (B, T, vocabulary_size) logits of the token after each; `generate` writes.

    This is the training graph (teacher forcing): the true token of the step before replaces the network's own answer.
    Token 0 pads, as in `build_encoder_decoder`: a step that reads it is masked, and has no cost in `SumOverTime`.
    Train it with `SumOverTime(keras.losses.SparseCategoricalCrossentropy(from_logits=True))`.

    Args:
        The others: see `arguments.py`.
        vocabulary: the meaning of the tokens; with it `generate` reads and returns text.
        stateful_batch_size: B, for a network that begins each batch with the last state of the batch before. This is
            how a text that is cut into pieces is read. Such a network cannot write; give its weights to one that is not
            stateful: `writer.set_weights(reader.get_weights())`.

    Returns:
        An uncompiled `keras.Model`; its input is named "x".

    Raises:
        ValueError: for sizes that are not positive, or differ from the size of the vocabulary.

    >>> build_one_to_many(vocabulary_size=96, units=32).output_shape
    (None, None, 96)
    """
    check_vocabulary("vocabulary", vocabulary, vocabulary_size)
    x = keras.Input((None,), batch_size=stateful_batch_size, name="x", dtype="int32")
    stateful = stateful_batch_size is not None
    recurrent, answer = recurrent_layers(
        units, vocabulary_size, None, return_sequences=True, stateful=stateful, **layers
    )
    # Keras' default embeddings are twenty times smaller than the inputs that the other initializers assume.
    begin = keras.initializers.RandomNormal(stddev=1.0)
    embedding = keras.layers.Embedding(vocabulary_size, embedding_size, embeddings_initializer=begin, mask_zero=True)
    return OneToMany(x, stack(features(x, embedding, vocabulary), [*recurrent, *answer]), name="one_to_many")


@keras.saving.register_keras_serializable("keras_rnn_basics")
class OneToMany(TextModel):
    """The model that `build_one_to_many` returns: a Keras model that also writes."""

    architecture = Architecture("one_to_many")

    def _readers(self):
        return {"vocabulary": self}

    @property
    def vocabulary(self) -> Vocabulary | None:
        return self.vocabularies.get("vocabulary")

    def generate(
        self,
        prompt: Any = "",
        max_new_tokens: int = 100,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
    ) -> Any:
        """The prompt, followed by `max_new_tokens` written tokens, or fewer if the text ends before.

        Each token is drawn from the softmax of the logits and fed back as the next x_t. The whole loop is one
        compiled program. It is compiled again, which takes seconds, if the number of prompts, their length or
        max_new_tokens exceeds another power of two.

        Args:
            prompt: a string, or a list of strings of any lengths; "" begins with only the start token and a_0 = 0. For
                a model without a vocabulary: (P,) or (B, P) tokens.
            max_new_tokens: the number of tokens to write, at most 1,000,000; a longer text goes on with its end as the
                next prompt.
            temperature: below 1 favours likely tokens, above 1 favours rare ones; 0 always takes the likeliest.
            top_k: draw only among the k likeliest tokens.
            top_p: draw only among the smallest set of likeliest tokens that together have this probability.
            seed: an integer; the same seed writes the same text, in any process and, in float32, from the exported
                model. In a list, the random numbers of a prompt depend only on its place, not on the other prompts.
                `None` takes a new seed each time.

        Returns:
            A string for a string, a list of strings for a list; (P + max_new_tokens,) tokens for (P,) tokens,
            (B, P + max_new_tokens) for (B, P).

        Raises:
            ValueError: for an invalid argument.
            RuntimeError: for a network whose outputs are not finite, or on another backend than TensorFlow.
        """
        self._check_tensorflow("generate")
        checks.integer("max_new_tokens", max_new_tokens, 1, MOST_NEW_TOKENS)
        checks.number("temperature", temperature, 0, HOTTEST)
        if top_k is not None:
            checks.integer("top_k", top_k, 1, 2**31 - 1)
        if top_p is not None:
            checks.number("top_p", top_p, 0, 1)
        seed = random.randrange(2**31) if seed is None else seed
        checks.integer("seed", seed, -(2**63), 2**63 - 1)

        if self.vocabulary is None:
            prompts = self._tokens(prompt)
        else:
            texts, give_back = one_or_more(prompt, "prompt")
            prompts = self._read(texts)
        tokens, lengths = padded(prompts, 64)
        uniform = self._uniform()(np.int64(seed), np.int32(len(prompts)), np.int32(max_new_tokens))
        uniform = np.pad(uniform, [(0, 0), (0, room(max_new_tokens, 256) - max_new_tokens)])
        uniform = np.pad(uniform, [(0, len(tokens) - len(prompts)), (0, 0)], "edge")
        limits = None if top_k is None else np.int32(top_k), None if top_p is None else np.float32(top_p)
        written = self._compiled()(tokens, lengths, np.int32(max_new_tokens), uniform, np.float32(temperature), *limits)
        decoding.refuse_nan(written.log_probabilities)
        written = written.tokens.numpy()[: len(prompts), :max_new_tokens]
        if self.vocabulary is None:
            return np.concatenate([prompts, written], axis=1).reshape(*np.shape(prompt)[:-1], -1)
        whole = self.vocabulary.continued(texts, self.vocabulary.decode(written)).numpy()
        return give_back([text.decode() for text in whole])

    def log_probabilities(self, texts: Any) -> Any:
        """For each text an (n,) array: log p of every token, given all tokens before it.

        The logarithms are natural, and begin after the start token with a_0 = 0. For a vocabulary of characters, their
        negative mean divided by log 2 is the bits per character. Without a vocabulary: (T,) or (B, T) tokens, of which
        the first is given.

        Raises:
            ValueError: for texts that are not strings, or invalid tokens.
            RuntimeError: for a network whose outputs are not finite, or on another backend than TensorFlow.
        """
        self._check_tensorflow("log_probabilities")
        if self.vocabulary is None:
            rows, give_back = self._tokens(texts), None
        else:
            texts, give_back = one_or_more(texts, "texts")
            rows = self._read(texts)
        tokens, lengths = padded(rows, 64)
        found = self._scored()(tokens, lengths)
        decoding.refuse_nan(found)
        found = found.numpy()[: len(rows)]
        if give_back is None:
            return found[:, : lengths[0] - 1].reshape(*np.shape(texts)[:-1], -1)
        return give_back([own[: length - 1] for own, length in zip(found, lengths)])

    def _read(self, texts):
        return [[Vocabulary.start, *row] for row in encoded(self.vocabulary, texts)]

    def _tokens(self, tokens):
        given, size = np.asarray(tokens), self.output_shape[-1]
        if given.dtype.kind not in "iu" or given.ndim not in (1, 2) or not given.size:
            raise ValueError(
                f"{self.name} has no vocabulary: it takes (P,) or (B, P) tokens, got {tokens!r}. For text, build it "
                "with vocabulary=Vocabulary.of(texts)."
            )
        if given.min() < 0 or given.max() >= size:
            raise ValueError(f"Tokens must be from 0 to {size - 1}, got {given.min()} to {given.max()}.")
        return np.atleast_2d(given)

    @once
    def _uniform(self):
        import tensorflow as tf

        return tf.function(decoding.uniform_numbers, autograph=False)

    @once
    def _compiled(self):
        import tensorflow as tf

        # Its arguments have the sizes of one call, because XLA needs fixed sizes and compiles again for each.
        return tf.function(self._write_in_room, jit_compile=True, reduce_retracing=True, autograph=False)

    @once
    def _scored(self):
        import tensorflow as tf

        def log_probabilities(tokens, lengths):
            a_0 = self._one_step().begin(tf.shape(tokens)[0])
            return decoding.write(self._step, tokens, lengths, a_0, 0, decoding.greedy, capacity=0)[-1]

        return tf.function(log_probabilities, jit_compile=True, reduce_retracing=True, autograph=False)

    def _write(self, prompts, lengths, max_new_tokens, uniform, temperature, top_k, top_p, capacity=None):
        """(B, P) tokens, (B,) lengths, (B, n) random numbers -> `decoding.Written`."""
        import tensorflow as tf

        draw = decoding.sampling(uniform, temperature, top_k, top_p)

        def choose(logits, number):
            return draw(logits if self.vocabulary is None else only_text(logits), number)

        a = decoding.read(self._step, prompts, lengths, self._one_step().begin(tf.shape(prompts)[0]))
        last = tf.gather(prompts, lengths - 1, batch_dims=1)[:, None], tf.ones_like(lengths)
        stop = None if self.vocabulary is None else Vocabulary.end
        return decoding.write(self._step, *last, a, max_new_tokens, choose, stop, capacity)

    def _write_in_room(self, prompts, lengths, max_new_tokens, uniform, temperature, top_k, top_p):
        """The same with room for as many tokens as there are random numbers, for XLA."""
        import tensorflow as tf

        room_to_write = tf.shape(uniform)[1]
        return self._write(prompts, lengths, max_new_tokens, uniform, temperature, top_k, top_p, room_to_write)

    def text_endpoints(self, bounds: Bounds) -> dict[str, TextEndpoint]:
        """`generate` for an export, within these bounds."""
        import tensorflow as tf

        vocabulary, most = self.vocabulary, bounds.max_new_tokens
        if vocabulary is None:
            return {}
        some = min(100, most)
        write = bounds.compiled(self._write_in_room) if bounds.jit_compile else self._write

        def generate(
            prompt: Any,
            max_new_tokens: Any = some,
            temperature: Any = 1.0,
            top_k: Any = 0,
            seed: Any = 0,
            top_p: Any = 1.0,
        ) -> Any:
            n = tf.clip_by_value(max_new_tokens, 0, most)
            told = f"max_new_tokens must be at most {most}, the bound of this export, got"
            n = checks.only_if(max_new_tokens <= most, n, told, lambda: max_new_tokens)
            checks.insist(
                tf.logical_not(tf.math.is_nan(temperature)), "temperature must be a number, got", lambda: temperature
            )
            checks.insist(tf.logical_not(tf.math.is_nan(top_p)), "top_p must be a number, got", lambda: top_p)
            how = tf.clip_by_value(temperature, 0.0, HOTTEST), tf.maximum(top_k, 0), tf.clip_by_value(top_p, 0.0, 1.0)
            tokens, lengths = bounds.padded("prompt", vocabulary.encode(prompt))
            tokens = tf.concat([tf.fill([tf.shape(tokens)[0], 1], Vocabulary.start), tokens], axis=1)
            B, lengths = tf.shape(tokens)[0], lengths + 1
            if bounds.jit_compile:
                tokens, rows = few_sizes(tokens, 64)
                lengths = tf.gather(tf.pad(lengths, [[0, 1]], constant_values=1), rows)
                uniform = decoding.uniform_numbers(seed, tf.maximum(B, 1), up_to_power_of_two(n, 256))
                uniform = tf.gather(uniform, rows)
            else:
                uniform = decoding.uniform_numbers(seed, B, tf.maximum(n, 1))
            written = write(tokens, lengths, n, uniform, *how)
            decoding.refuse_nan(written.log_probabilities)  # once more: XLA leaves the assertion inside out
            return vocabulary.continued(prompt, vocabulary.decode_tensor(written.tokens[:B]))

        inputs = {"prompt": "string", "max_new_tokens": "int32", "temperature": "float32"}
        inputs |= {"top_k": "int32", "seed": "int64", "top_p": "float32"}
        return {
            "generate": TextEndpoint(
                generate,
                [tf.TensorSpec([None] if name == "prompt" else [], dtype, name) for name, dtype in inputs.items()],
                {"text": tf.TensorSpec([None], "string")},
                vocabulary.resources,
                {"max_new_tokens": some, "temperature": 1.0, "top_k": 0, "seed": 0, "top_p": 1.0},
            )
        }
