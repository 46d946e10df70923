"""One file for each architecture, named after its numbers of inputs and outputs, and `one_step` to run it by steps."""

from keras_rnn_basics.architectures.encoder_decoder import build_encoder_decoder
from keras_rnn_basics.architectures.ensemble import build_ensemble
from keras_rnn_basics.architectures.many_to_many import build_many_to_many
from keras_rnn_basics.architectures.many_to_one import build_many_to_one
from keras_rnn_basics.architectures.one_step import one_step
from keras_rnn_basics.architectures.one_to_many import build_one_to_many
from keras_rnn_basics.architectures.one_to_one import build_one_to_one

__all__ = [
    "build_encoder_decoder",
    "build_ensemble",
    "build_many_to_many",
    "build_many_to_one",
    "build_one_to_many",
    "build_one_to_one",
    "one_step",
]
