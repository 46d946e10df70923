"""Every private name of Keras and TensorFlow that the package uses, each with its reason. Any room may import this.

When Keras or TensorFlow moves on, look here first.
"""

from typing import Any, NamedTuple

# The loop that keras.layers.RNN runs on each backend; `ops.scan` would read better, but under TensorFlow its gradient
# does not compile with XLA.
from keras.src.backend import rnn as keras_loop

# Within the saving or loading of a model Keras remembers the objects that several layers share, by this attribute.
from keras.src.backend.common.global_state import get_global_attribute

# The mask that a tensor carries from layer to layer and to the loss; layers see that of their first argument alone.
from keras.src.backend.common.masking import get_keras_mask, set_keras_mask

# In it a layer's weights are read in the dtype that it computes in; Keras enters it in a layer's `__call__` alone, and
# the parts of a cell are called without that.
from keras.src.backend.common.variables import AutocastScope

# keras.layers.RNN recognises by this class which cells want one dropout mask for a whole sequence.
from keras.src.layers.rnn.dropout_rnn_cell import DropoutRNNCell

# The class of the models whose graph Keras knows, and the operation of `y[:, k:]` in such a graph.
from keras.src.models import Functional
from keras.src.ops.numpy import GetItem

# What `keras.random` draws from without a seed; a run that goes on after a kill has to draw on.
from keras.src.random.seed_generator import global_seed_generator

__all__ = [
    "AutocastScope",
    "DropoutRNNCell",
    "Functional",
    "GetItem",
    "build_metrics",
    "calls_in_order",
    "flat_layers",
    "get_keras_mask",
    "global_seed_generator",
    "in_sharing_scope",
    "in_xla_context",
    "is_training",
    "keras_loop",
    "reads",
    "run_graph",
    "set_keras_mask",
]


class Call(NamedTuple):
    """One call in a functional model's graph; `outputs` is a flat list."""

    operation: Any
    args: Any
    kwargs: Any
    outputs: Any


def calls_in_order(model):
    """The calls that a functional model is made of, in the order in which they run.

    Keras shows a graph's operations in public, but not which tensors each of them reads in this graph. Among those of
    one depth, which do not need each other, it keeps the last one first.
    """
    depths = sorted(model._nodes_by_depth.items(), reverse=True)
    nodes = [node for _, nodes in depths for node in reversed(nodes)]
    return [
        Call(node.operation, node.arguments.args, node.arguments.kwargs, node.outputs)
        for node in nodes
        if not node.is_input
    ]


def run_graph(model, inputs, operation_fn):
    """The outputs of a functional model for a flat list of inputs, with `operation_fn(operation)` in each one's place.

    A model's own call makes the same pass, but lets nobody see what goes on between its operations.
    """
    return model._run_through_graph(inputs, operation_fn=operation_fn)


def in_sharing_scope():
    """Whether Keras is saving or loading a model, where an object that layers share stays one object."""
    return get_global_attribute("shared_objects/id_to_obj_map") is not None


def reads(layer, tensor):
    """Whether a layer of a functional model takes this symbolic tensor: `layer.input` tells it of one call alone."""
    return any(own is tensor for node in layer._inbound_nodes for own in node.input_tensors)


def in_xla_context(graph):
    """Whether XLA compiles a graph of TensorFlow, whose own functions learn of it in this way."""
    from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

    return GraphOrParentsInXlaContext(graph)


def is_training():
    """Whether the layer that is being called is in training, which layers in it learn from Keras in this way."""
    context = get_global_attribute("current_call_ctx")
    return context is not None and bool(context.get_value("training", False))


def flat_layers(model):
    """Every layer of a model, those within others too; `model.layers` has only its own."""
    return list(model._flatten_layers(include_self=False))


def build_metrics(model, batch):
    """Makes the variables of a model's metrics and losses, from a batch.

    Under a tf.distribute strategy they have to be there before the model is traced; Keras' own `fit` sees to that.
    """
    model._symbolic_build(data_batch=batch)
