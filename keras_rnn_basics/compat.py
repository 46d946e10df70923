"""Every private name of Keras and TensorFlow that the package uses, each with its reason. Any room may import this.

When Keras or TensorFlow moves on, look here first.
"""

# A tensor carries its mask as a private attribute, which the losses of Keras read by this function.
from keras.src.backend import get_keras_mask

# The loop that keras.layers.RNN runs on each backend; `ops.scan` would read better, but under TensorFlow its gradient
# does not compile with XLA.
from keras.src.backend import rnn as keras_loop

# In it a layer's weights are read in the dtype that it computes in; Keras enters it in a layer's `__call__` alone, and
# the parts of a cell are called without that.
from keras.src.backend.common.variables import AutocastScope

# keras.layers.RNN recognises by this class which cells want one dropout mask for a whole sequence.
from keras.src.layers.rnn.dropout_rnn_cell import DropoutRNNCell

__all__ = ["AutocastScope", "DropoutRNNCell", "get_keras_mask", "keras_loop", "reads"]


def reads(layer, tensor):
    """Whether a layer of a functional model takes this symbolic tensor: `layer.input` tells it of one call alone."""
    return any(own is tensor for node in layer._inbound_nodes for own in node.input_tensors)
