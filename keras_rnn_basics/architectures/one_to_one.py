"""One in, one out: T_x = T_y = 1. The recurrent network is then a plain multilayer perceptron."""

from typing import Any, Unpack

import keras

from keras_rnn_basics.architectures.arguments import OfOneStep, shares_arguments
from keras_rnn_basics.architectures.built import Architecture
from keras_rnn_basics.architectures.stack import check_input_shape, features, input_dtype, recurrent_layers, stack
from keras_rnn_basics.architectures.time_distributed import ReadsTokens


@shares_arguments
def build_one_to_one(
    input_shape: tuple[int, ...],
    units: int | list[int],
    output_units: int,
    *,
    output_activation: Any = None,
    frontend: keras.layers.Layer | None = None,
    **layers: Unpack[OfOneStep],
) -> "OneToOne":
    """(B, *input_shape) -> (B, n_y): a sequence of one step.

    With a_0 = 0 there is nothing to remember: `ŷ = h(g(x W_ax + b_x + b_a) W_ya + b_y)`, two dense layers.

    Args:
        The others: see `arguments.py`.
        frontend: a Keras layer for x, such as an image encoder, or an embedding of tokens.

    Returns:
        An uncompiled `keras.Model`; its input is named "x".

    Raises:
        ValueError, TypeError: for sizes that are not positive, or an invalid `frontend` or `cell`.

    >>> build_one_to_one((8, 8), units=16, output_units=10).output_shape
    (None, 10)
    """
    input_shape = check_input_shape(input_shape, frontend)
    x = keras.Input(input_shape, name="x", dtype=input_dtype(input_shape))
    one_step = keras.layers.Reshape((1, *input_shape), name="one_step")(x)
    dense, answer = recurrent_layers(units, output_units, output_activation, return_sequences=False, **layers)
    return OneToOne(x, stack(features(one_step, frontend), [*dense, *answer]), name="one_to_one")


@keras.saving.register_keras_serializable("keras_rnn_basics")
class OneToOne(ReadsTokens):
    """The model that `build_one_to_one` returns."""

    architecture = Architecture("one_to_one")
