"""Every private name of Keras and TensorFlow that the package uses, each with its reason. Any room may import this.

When Keras or TensorFlow moves on, look here first. `Any` stands for what a type checker cannot know, for Keras ships no
types.
"""

import collections
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import keras
from keras.src import backend
from keras.src.backend.common import global_state, masking, variables
from keras.src.layers.rnn import dropout_rnn_cell
from keras.src.losses import loss as losses
from keras.src.models import functional
from keras.src.ops import numpy as numpy_operations
from keras.src.random import seed_generator
from keras.src.utils import tracking

__all__ = [
    "DROPOUT_METHODS",
    "AutocastScope",
    "DropoutRNNCell",
    "Functional",
    "GetItem",
    "StatefulRNN",
    "adding_up_gradients_first",
    "another_loop",
    "averaging_over_all_replicas",
    "build_metrics",
    "calls_in_order",
    "each_loss_a_mean_over_examples",
    "get_keras_mask",
    "global_seed_generator",
    "in_export",
    "in_sharing_scope",
    "in_xla_context",
    "is_training",
    "keras_loop",
    "layers_within",
    "mean_over_batch",
    "names_from_the_start",
    "new_dropout_masks",
    "peer_answers",
    "reads",
    "set_keras_mask",
]


def keras_loop(*arguments: Any, **named: Any) -> Any:
    """The loop that keras.layers.RNN runs on each backend.

    `ops.scan` would read better, but under TensorFlow its gradient does not compile with XLA.
    """
    return backend.rnn(*arguments, **named)


@contextmanager
def another_loop(loop: Callable) -> Iterator[None]:
    """Within it Keras' layers run this loop over time instead of theirs, for what cannot run theirs."""
    before, backend.rnn = backend.rnn, loop
    try:
        yield
    finally:
        backend.rnn = before


# The mask that a tensor carries from layer to layer and to the loss; layers see that of their first argument alone.
get_keras_mask: Any = masking.get_keras_mask
set_keras_mask: Any = masking.set_keras_mask

# In it a layer's weights are read in the dtype that it computes in; Keras enters it in a layer's `__call__` alone, and
# the parts of a cell are called without that.
AutocastScope: Any = variables.AutocastScope

# keras.layers.RNN recognises by this class which cells want one dropout mask for a whole sequence; and the methods by
# which such a cell makes them, for a cell that replaces one of these drops in a way of its own.
DropoutRNNCell: Any = dropout_rnn_cell.DropoutRNNCell
DROPOUT_METHODS = ("get_dropout_mask", "get_recurrent_dropout_mask", "_create_dropout_mask")

# The class of the models whose graph Keras knows, and the operation of `y[:, k:]` in such a graph.
Functional: Any = functional.Functional
GetItem: Any = numpy_operations.GetItem

# What `keras.random` draws from without a seed; a run that goes on after a kill has to draw on.
global_seed_generator: Any = seed_generator.global_seed_generator


class StatefulRNN(keras.layers.RNN):
    """keras.layers.RNN; the state that it keeps between batches is each replica's own under a tf.distribute strategy.

    The variables of Keras would be one for all replicas, and fail where a replica sets them.
    """

    @tracking.no_automatic_dependency_tracking
    def _create_state_variables(self, batch_size):
        def kept(value):
            own = {"synchronization": "on_read", "aggregation": "only_first_replica"}
            return keras.Variable(value, trainable=False, dtype=self.variable_dtype, name="rnn_state", **own)

        with keras.name_scope(self.name, caller=self):
            self.states = keras.tree.map_structure(kept, self.get_initial_state(batch_size))


class Call(NamedTuple):
    """One call in a functional model's graph; `outputs` is a flat list."""

    operation: Any
    args: Any
    kwargs: Any
    outputs: Any


def calls_in_order(model: Any) -> list[Call]:
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


def in_sharing_scope() -> bool:
    """Whether Keras is saving or loading a model, where an object that layers share stays one object.

    Keras remembers those objects by this attribute.
    """
    return global_state.get_global_attribute("shared_objects/id_to_obj_map") is not None


def in_export(*formats: str) -> bool:
    """Whether Keras' `model.export` or `ExportArchive`, or TensorFlow's `saved_model.save`, traces what runs here.

    With formats, whether `model.export` writes one of these. They say so nowhere but in the stack of calls, where their
    own modules stand.
    """
    modules = tuple(f"keras.src.export.{name}" for name in formats) or (
        "keras.src.export.",
        "tensorflow.python.saved_model.save",
    )
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith(modules):
            return True
        frame = frame.f_back
    return False


def reads(layer: Any, tensor: Any) -> bool:
    """Whether a layer of a functional model takes this symbolic tensor: `layer.input` tells it of one call alone."""
    return any(own is tensor for node in layer._inbound_nodes for own in node.input_tensors)


def in_xla_context(graph: Any) -> bool:
    """Whether XLA compiles a graph of TensorFlow, whose own functions learn of it in this way."""
    from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

    return GraphOrParentsInXlaContext(graph)


def without_warning_of_tracing(function: Any) -> Any:
    """A `tf.function` of which TensorFlow does not say that it is traced too often.

    It counts all functions that stand at one line as one: a new model's program is no new trace of the last model's.
    """
    function._omit_frequent_tracing_warning = True
    return function


def peer_answers(task: str, seconds: float) -> bool:
    """Whether a process of a `tf.distribute` cluster answers within this time; `task` is "/job:worker/task:1".

    Its server answers while Python is busy, or waits. Of a process that is stopped the system still takes connections,
    and nothing that is public asks for more.
    """
    import tensorflow as tf
    from tensorflow.python.eager import context

    try:
        context.context().check_collective_ops_peer_health(task, timeout_in_ms=int(1000 * seconds))
    except tf.errors.OpError:
        return False
    return True


def is_training() -> bool:
    """Whether the layer that is being called is in training, which layers in it learn from Keras in this way."""
    context = global_state.get_global_attribute("current_call_ctx")
    return context is not None and bool(context.get_value("training", False))


def layers_within(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """A layer, or a model, and every layer in it at any depth: `model.layers` shows those of one depth alone."""
    return list(layer._flatten_layers())


def new_dropout_masks(rnn: keras.layers.RNN) -> None:
    """The next sequence gets dropout masks of its own; Keras says so itself only where a layer's `call` has run."""
    rnn._maybe_reset_dropout_masks(rnn.cell)


def build_metrics(model: keras.Model, batch: Any) -> None:
    """Makes the variables of a model's metrics and losses, from a batch.

    Under a tf.distribute strategy they have to be there before the model is traced; Keras' own `fit` sees to that.
    """
    model._symbolic_build(data_batch=batch)


@contextmanager
def each_loss_a_mean_over_examples(model: keras.Model, examples: Callable) -> Iterator[None]:
    """Within it the own loss of each of several outputs is logged as the mean over all examples.

    Keras (3.15.1) weighs a batch by its size where that is static, and by 1 where it is not: there a last batch of one
    example counts as much as a whole one.

    Args:
        examples: answers how many examples are in the batch, or in a replica's own part of it.
    """
    trackers = list(getattr(model._compile_loss, "metrics", ()))
    for tracker in trackers:
        update = tracker.update_state
        tracker.update_state = lambda value, sample_weight=None, update=update: update(value, examples())
    try:
        yield
    finally:
        for tracker in trackers:
            del tracker.update_state


@contextmanager
def names_from_the_start() -> Iterator[None]:
    """Within it Keras numbers layers and metrics as in a fresh process: `auc`, not `auc_1` for the second model.

    Private because Keras can only begin anew for all that comes after, too (`clear_session`).
    """
    none: dict[str, int] = collections.defaultdict(int)
    counts = global_state.get_global_attribute("object_name_uids", none, set_to_default=True)
    before = dict(counts)
    counts.clear()
    try:
        yield
    finally:
        for name, count in before.items():
            counts[name] = max(counts[name], count)


def mean_over_batch(costs: Any) -> Any:
    """(B,) -> the mean, as Keras' own losses take it: of a replica's share of a batch its part of the mean over all."""
    return keras.ops.sum(losses.reduce_values(costs))  # of an empty share Keras answers no number, but (0,)


@contextmanager
def averaging_over_all_replicas(total: Callable, examples: Callable) -> Iterator[None]:
    """Within it Keras' losses divide by what all replicas of a `tf.distribute` strategy count together.

    Keras divides by what a replica counts itself, and then by the number of replicas. That is the mean over the batch
    only where all of them have as many examples, unmasked steps and weights; of no examples it is not a number.

    Args:
        total: a replica's own number -> the sum over all replicas; each of them waits here for the others.
        examples: answers how many examples are in a replica's own part of the batch.
    """
    ops, patched = keras.ops, ("reduce_values", "apply_mask", "unscale_loss_for_distribution")
    before = {name: getattr(losses, name) for name in patched}

    def reduce_values(values, sample_weight=None, reduction="sum_over_batch_size"):
        if not len(values.shape):  # a user's own loss, which can but be a mean over the examples that it was given
            own = ops.cast(examples(), values.dtype)
            return ops.where(own > 0, values, 0) * own / total(own)
        if reduction in (None, "none"):
            return values
        loss = ops.sum(values)
        if reduction == "sum":
            return loss
        weighs = reduction == "mean_with_sample_weight" and sample_weight is not None
        count = ops.sum(sample_weight) if weighs else ops.prod(ops.shape(values))
        return ops.divide_no_nan(loss, total(ops.cast(count, loss.dtype)))

    def apply_mask(sample_weight, mask, dtype, reduction):
        if mask is None or reduction not in ("mean", "sum_over_batch_size"):
            return before["apply_mask"](sample_weight, mask, dtype, reduction)
        mask = ops.cast(mask, dtype)
        number = ops.cast(ops.prod(ops.shape(mask)), dtype)
        every, valid = total(number), total(ops.sum(mask))
        return before["apply_mask"](sample_weight, mask, dtype, "sum") * ops.divide_no_nan(every, valid)

    def unscale(loss):
        """What Keras logs: the mean over the whole batch, on every replica."""
        return loss if len(loss.shape) else total(loss)

    for name, own in zip(patched, (reduce_values, apply_mask, unscale)):
        setattr(losses, name, own)
    try:
        yield
    finally:
        for name, own in before.items():
            setattr(losses, name, own)


@contextmanager
def adding_up_gradients_first(optimizer: Any) -> Iterator[None]:
    """Within it the gradients of all replicas are added up before the optimizer does anything with them.

    Keras adds them up last: it would clip, accumulate, and look for infinities in, each replica's own part.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # where the loss is scaled, as in float16
    apply, add_up = optimizer.apply, inner._all_reduce_sum_gradients

    def apply_sum(grads, trainable_variables=None):
        variables = inner._trainable_variables if trainable_variables is None else trainable_variables
        return apply([grad for grad, _ in add_up(zip(grads, variables))], trainable_variables)

    optimizer.apply, inner._all_reduce_sum_gradients = apply_sum, list
    try:
        yield
    finally:
        del optimizer.apply, inner._all_reduce_sum_gradients
