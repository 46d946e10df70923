"""Many in, one out: the whole sequence is read, then there is one output, computed from a_T."""

from typing import Any, Unpack

import keras

from keras_rnn_basics.architectures.arguments import OfWholeSequences, shares_arguments
from keras_rnn_basics.architectures.built import Architecture
from keras_rnn_basics.architectures.stack import features, recurrent_layers, sequences, stack
from keras_rnn_basics.architectures.time_distributed import ReadsTokens


@shares_arguments
def build_many_to_one(
    input_shape: tuple[int, ...],
    units: int | list[int],
    output_units: int,
    *,
    output_activation: Any = None,
    frontend: keras.layers.Layer | None = None,
    **layers: Unpack[OfWholeSequences],
) -> "ManyToOne":
    """(B, T, *input_shape) -> (B, n_y), for any T.

    Arguments, returned model and errors: see `arguments.py`.

    >>> build_many_to_one((6,), units=[32, 16], output_units=1).output_shape
    (None, 1)
    """
    x = sequences(input_shape, frontend)
    recurrent, answer = recurrent_layers(units, output_units, output_activation, return_sequences=False, **layers)
    return ManyToOne(x, stack(features(x, frontend), [*recurrent, *answer]), name="many_to_one")


@keras.saving.register_keras_serializable("keras_rnn_basics")
class ManyToOne(ReadsTokens):
    """The model that `build_many_to_one` returns."""

    architecture = Architecture("many_to_one")
