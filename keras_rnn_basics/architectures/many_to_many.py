"""Many in, as many out: every step is answered, from all that was read so far; T_x = T_y."""

from collections.abc import Callable
from typing import Any

import keras

from keras_rnn_basics.architectures.built import Architecture
from keras_rnn_basics.architectures.stack import check_input_shape, features, input_dtype, recurrent_layers, stack
from keras_rnn_basics.architectures.time_distributed import ReadsTokens


def build_many_to_many(
    input_shape: tuple[int, ...],
    units: int | list[int],
    output_units: int,
    activation: Any = "tanh",
    output_activation: Any = None,
    dropout: float = 0.0,
    recurrent_dropout: float = 0.0,
    cell: Callable | None = None,
    frontend: keras.layers.Layer | None = None,
    bidirectional: bool = False,
    recurrence: str = "auto",
    remat: bool = False,
) -> "ManyToMany":
    """(B, T, *input_shape) -> (B, T, n_y), at any T; train it with `SumOverTime`.

    Args:
        input_shape: the shape of one time step, such as (6,), (16, 16), or () for a token.
        units: n_a, or a list of them for a deep network.
        output_units: n_y.
        activation: g.
        output_activation: h; `None` gives logits.
        dropout, recurrent_dropout: fractions of each layer's x_t and a_{t-1} dropped in training.
        cell: a function of `units` that makes a layer's cell, such as `keras.layers.GRUCell` or a class of your own;
            `None` for `BasicRNNCell`. Activation and dropout are then its own, and a cell that does not answer by
            itself gets a Dense layer "answer".
        frontend: a Keras layer applied to each time step: an image encoder, a normalisation,
            `keras.layers.Embedding(vocabulary_size, size, mask_zero=True)` for tokens padded with zeros,
            `keras.layers.Masking()` for padded numbers.
        bidirectional: read the sequence from both ends, with a cell each.
        recurrence, remat: how the loop over time runs, as in `BasicRNN`.

    Returns:
        An uncompiled `keras.Model`; its input is named "x".

    Raises:
        ValueError, TypeError: for sizes that are not positive, or what is no frontend or makes no cell.

    >>> build_many_to_many((6,), units=[32, 16], output_units=4).output_shape
    (None, None, 4)
    """
    input_shape = check_input_shape(input_shape, frontend)
    x = keras.Input((None, *input_shape), name="x", dtype=input_dtype(input_shape))
    layers, answer = recurrent_layers(
        units,
        output_units,
        output_activation,
        return_sequences=True,
        bidirectional=bidirectional,
        recurrence=recurrence,
        remat=remat,
        activation=activation,
        dropout=dropout,
        recurrent_dropout=recurrent_dropout,
        cell=cell,
    )
    return ManyToMany(x, stack(features(x, frontend), [*layers, *answer]), name="many_to_many")


@keras.saving.register_keras_serializable("keras_rnn_basics")
class ManyToMany(ReadsTokens):
    """What `build_many_to_many` makes."""

    architecture = Architecture("many_to_many")
