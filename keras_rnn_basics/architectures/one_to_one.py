"""One in, one out: T_x = T_y = 1, where the recurrent network is a vanilla multilayer perceptron."""

from typing import Any

import keras

from keras_rnn_basics.architectures.stack import check_input_shape, features, input_dtype, recurrent_layers, stack


def build_one_to_one(
    input_shape: tuple[int, ...],
    units: int | list[int],
    output_units: int,
    activation: Any = "tanh",
    output_activation: Any = None,
    dropout: float = 0.0,
    frontend: keras.layers.Layer | None = None,
) -> keras.Model:
    """(B, *input_shape) -> (B, n_y): a sequence of one step.

    With a_0 = 0 there is nothing to remember: `ŷ = h(g(x W_ax + b_x + b_a) W_ya + b_y)`, two dense layers.

    Args:
        input_shape: the shape of x, such as (64,), (8, 8), or () for a token.
        units: n_a, or a list of them for a deep network.
        output_units: n_y.
        activation: g.
        output_activation: h; `None` gives logits.
        dropout: fraction of each layer's input dropped in training.
        frontend: a Keras layer for x, such as an image encoder, or an embedding of tokens.

    Returns:
        An uncompiled `keras.Model`; its input is named "x".

    Raises:
        ValueError, TypeError: for sizes that are not positive, or a frontend that is no layer.

    >>> build_one_to_one((8, 8), units=16, output_units=10).output_shape
    (None, 10)
    """
    input_shape = check_input_shape(input_shape, frontend)
    x = keras.Input(input_shape, name="x", dtype=input_dtype(input_shape))
    one_step = keras.layers.Reshape((1, *input_shape), name="one_step")(x)
    layers = recurrent_layers(
        units, output_units, output_activation, return_sequences=False, activation=activation, dropout=dropout
    )
    return keras.Model(x, stack(features(one_step, frontend), layers), name="one_to_one")
