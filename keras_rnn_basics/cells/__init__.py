"""Other cells that follow the contract of `RecurrentCell`, one per file."""

from keras_rnn_basics.cells.layer_norm import LayerNormRNNCell
from keras_rnn_basics.cells.leaky import LeakyRNNCell

__all__ = [
    "LayerNormRNNCell",
    "LeakyRNNCell",
]
