"""Every private name of Keras and TensorFlow that the package uses, each with its reason. Any room may import this.

When Keras or TensorFlow moves on, look here first.
"""

# Which operations of a model look at several time steps can be seen in its graph alone: `Functional` is the class of
# the models that have one, `get_keras_mask` and `set_keras_mask` reach the mask that a tensor carries from layer to
# layer, and `GetItem` is the operation of `y[:, k:]`.
from keras.src.backend import get_keras_mask, set_keras_mask

# keras.layers.RNN recognises by this class which cells want one dropout mask for a whole sequence.
# The loop that keras.layers.RNN runs on each backend; `ops.scan` would read better, but under TensorFlow its gradient
# does not compile with XLA.
from keras.src.backend import rnn as keras_loop

# In it a layer's weights are read in the dtype that it computes in; Keras enters it in a layer's `__call__` alone, and
# the parts of a cell are called without that.
from keras.src.backend.common.variables import AutocastScope
from keras.src.layers.rnn.dropout_rnn_cell import DropoutRNNCell
from keras.src.models import Functional
from keras.src.ops.numpy import GetItem

__all__ = [
    "AutocastScope",
    "DropoutRNNCell",
    "Functional",
    "GetItem",
    "get_keras_mask",
    "keras_loop",
    "nodes_in_order",
    "set_keras_mask",
]


def nodes_in_order(function):
    """A functional model or `keras.Function` -> (operation, args, kwargs, outputs) of each node, in running order.

    Keras shows a model's layers, but nowhere in public what each of them was called with. Among nodes of one depth,
    which do not need each other, it keeps the last one first.
    """
    for depth in sorted(function._nodes_by_depth, reverse=True):
        for node in reversed(function._nodes_by_depth[depth]):
            if not node.is_input:
                yield node.operation, node.arguments.args, node.arguments.kwargs, node.outputs
