"""Many in, equally many out: every step has an output, which depends on all steps up to it; T_x = T_y."""

from typing import Any, Unpack

import keras

from keras_rnn_basics.architectures.arguments import OfWholeSequences, shares_arguments
from keras_rnn_basics.architectures.built import Architecture
from keras_rnn_basics.architectures.stack import features, recurrent_layers, sequences, stack
from keras_rnn_basics.architectures.time_distributed import ReadsTokens


@shares_arguments
def build_many_to_many(
    input_shape: tuple[int, ...],
    units: int | list[int],
    output_units: int,
    *,
    output_activation: Any = None,
    frontend: keras.layers.Layer | None = None,
    **layers: Unpack[OfWholeSequences],
) -> "ManyToMany":
    """(B, T, *input_shape) -> (B, T, n_y), for any T; train it with `SumOverTime`.

    Arguments, returned model and errors: see `arguments.py`.

    >>> build_many_to_many((6,), units=[32, 16], output_units=4).output_shape
    (None, None, 4)
    """
    x = sequences(input_shape, frontend)
    recurrent, answer = recurrent_layers(units, output_units, output_activation, return_sequences=True, **layers)
    return ManyToMany(x, stack(features(x, frontend), [*recurrent, *answer]), name="many_to_many")


@keras.saving.register_keras_serializable("keras_rnn_basics")
class ManyToMany(ReadsTokens):
    """The model that `build_many_to_many` returns."""

    architecture = Architecture("many_to_many")
