"""One in, many out: each answer is the next step's input; trained with the true next token fed back instead."""

from typing import Any

import keras

from keras_rnn_basics.architectures.stack import features, recurrent_layers, stack


def build_one_to_many(
    vocabulary_size: int,
    units: int | list[int],
    embedding_size: int = 64,
    activation: Any = "tanh",
    dropout: float = 0.0,
    recurrent_dropout: float = 0.0,
    recurrence: str = "auto",
    recompute: bool = False,
) -> keras.Model:
    """(B, T) tokens -> (B, T, vocabulary_size) logits of the token after each.

    This is the training graph (teacher forcing): the step before's true token stands in for the network's answer.
    Train it with `SumOverTime(keras.losses.SparseCategoricalCrossentropy(from_logits=True))`; to generate, feed
    `one_step(model)` its own answers.

    Args:
        vocabulary_size: the number of tokens; tokens are integers from 0.
        units: n_a, or a list of them for a deep network.
        embedding_size: n_x, the length of the vector that stands for a token.
        activation: g.
        dropout, recurrent_dropout: fractions of each layer's x_t and a_{t-1} dropped in training.
        recurrence, recompute: how the loop over time runs, as in `BasicRNN`.

    Returns:
        An uncompiled `keras.Model`; its input is named "x".

    Raises:
        ValueError: for sizes that are not positive.

    >>> build_one_to_many(vocabulary_size=96, units=32).output_shape
    (None, None, 96)
    """
    x = keras.Input((None,), name="x", dtype="int32")
    layers = recurrent_layers(
        units,
        vocabulary_size,
        None,
        return_sequences=True,
        activation=activation,
        dropout=dropout,
        recurrent_dropout=recurrent_dropout,
        recurrence=recurrence,
        recompute=recompute,
    )
    embedded = features(x, keras.layers.Embedding(vocabulary_size, embedding_size))
    return keras.Model(x, stack(embedded, layers), name="one_to_many")
