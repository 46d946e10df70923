"""One in, one out: T_x = T_y = 1, where the recurrent network is a vanilla multilayer perceptron."""

from collections.abc import Callable
from typing import Any

import keras

from keras_rnn_basics.architectures.built import Architecture
from keras_rnn_basics.architectures.stack import check_input_shape, features, input_dtype, recurrent_layers, stack
from keras_rnn_basics.architectures.time_distributed import ReadsTokens


def build_one_to_one(
    input_shape: tuple[int, ...],
    units: int | list[int],
    output_units: int,
    activation: Any = "tanh",
    output_activation: Any = None,
    dropout: float = 0.0,
    cell: Callable | None = None,
    frontend: keras.layers.Layer | None = None,
) -> "OneToOne":
    """(B, *input_shape) -> (B, n_y): a sequence of one step.

    With a_0 = 0 there is nothing to remember: `ŷ = h(g(x W_ax + b_x + b_a) W_ya + b_y)`, two dense layers.

    Args:
        input_shape: the shape of x, such as (64,), (8, 8), or () for a token.
        units: n_a, or a list of them for a deep network.
        output_units: n_y.
        activation: g.
        output_activation: h; `None` gives logits.
        dropout: fraction of each layer's input dropped in training.
        cell: a function of `units` that makes a layer's cell, such as `keras.layers.GRUCell` or a class of your own;
            `None` for `BasicRNNCell`. Activation and dropout are then its own, and a cell that does not answer by
            itself gets a Dense layer "answer".
        frontend: a Keras layer for x, such as an image encoder, or an embedding of tokens.

    Returns:
        An uncompiled `keras.Model`; its input is named "x".

    Raises:
        ValueError, TypeError: for sizes that are not positive, or what is no frontend or makes no cell.

    >>> build_one_to_one((8, 8), units=16, output_units=10).output_shape
    (None, 10)
    """
    input_shape = check_input_shape(input_shape, frontend)
    x = keras.Input(input_shape, name="x", dtype=input_dtype(input_shape))
    one_step = keras.layers.Reshape((1, *input_shape), name="one_step")(x)
    layers, answer = recurrent_layers(
        units,
        output_units,
        output_activation,
        return_sequences=False,
        activation=activation,
        dropout=dropout,
        cell=cell,
    )
    return OneToOne(x, stack(features(one_step, frontend), [*layers, *answer]), name="one_to_one")


@keras.saving.register_keras_serializable("keras_rnn_basics")
class OneToOne(ReadsTokens):
    """What `build_one_to_one` makes."""

    architecture = Architecture("one_to_one")
