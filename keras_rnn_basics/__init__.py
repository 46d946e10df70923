"""Recurrent networks for Keras around one cell with explicit, shared weights."""

from keras_rnn_basics.cell import BasicRNNCell
from keras_rnn_basics.layer import BasicRNN
from keras_rnn_basics.losses import SumOverTime, per_step_loss
