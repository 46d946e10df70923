"""Recurrent networks for Keras around one cell with explicit, shared weights."""

from keras_rnn_basics.architectures import (
    build_encoder_decoder,
    build_many_to_many,
    build_many_to_one,
    build_one_to_many,
    build_one_to_one,
    one_step,
)
from keras_rnn_basics.cell import BasicRNNCell
from keras_rnn_basics.layer import BasicRNN
from keras_rnn_basics.losses import SumOverTime, per_step_loss
