"""Recurrent layers in a graph of TensorFlow as operations that tf2onnx turns into one node of ONNX each.

Such an operation is a mark that is never run: a PyFunc whose token describes the node, and whose inputs are the node's.
Around it stands what a node does not know: Keras' masks, the order of reading, and the answers that a cell computes
from its states.

A node skips steps only at the end of a sequence, given its length. So the steps that a mask leaves are moved to the
front, in their order; and each step gets the state of the last of them that was read before.
"""

import inspect
import json
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from keras_rnn_basics.architectures.anatomy import directions
from keras_rnn_basics.architectures.graph import Node, Value, has_recurrent_layer
from keras_rnn_basics.compat import AutocastScope, get_keras_mask, set_keras_mask
from keras_rnn_basics.export.onnx_nodes import CellNode, NoNode, attributes, node_of
from keras_rnn_basics.layer import BasicRNN

BOOL = 9  # TensorProto.BOOL
MERGED = {
    "concat": lambda one, other: ops.concatenate([one, other], axis=-1),
    "sum": ops.add,
    "ave": lambda one, other: (one + other) / 2,
    "mul": ops.multiply,
}


class NativeNodes:
    """Runs the nodes of a graph; each recurrent layer becomes one node of ONNX.

    Attributes:
        loops: the name of each layer that has no node, and the reason.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._cells: dict[int, list[CellNode]] = {}
        self.loops: dict[str, str] = {}
        for node in nodes:
            try:
                cells = _cells(node)
            except NoNode as reason:
                self.loops[node.operation.name] = str(reason)
            else:
                self._cells |= {id(node.operation): cells} if cells else {}

    def __call__(self, node: Node, tensors: dict) -> list:
        cells = self._cells.get(id(node.operation))
        return node.run(tensors) if cells is None else _Call(node, cells, tensors).outputs()


def _cells(node):
    """The directions of the node that a layer is, with their weights; none for a layer that is not recurrent."""
    layers = directions(node)
    if not layers and has_recurrent_layer(node.operation):
        raise NoNode("there is a recurrent layer in it, and its call cannot be followed")
    of_keras = (keras.layers.RNN, keras.layers.SimpleRNN, keras.layers.GRU, keras.layers.LSTM)
    known = [(own.call, own.inner_loop) for own in (*of_keras, BasicRNN)]
    for layer in layers:
        if (type(layer).call, getattr(type(layer), "inner_loop", None)) not in known:
            raise NoNode(f"{type(layer).__name__} runs its cell in a way of its own")
        if isinstance(layer.cell, keras.layers.StackedRNNCells):
            raise NoNode("there is no node for several cells at once; stack layers instead")
    cells = [node_of(layer.cell) for layer in layers]
    alike = {(cell.kind, cell.n_a, cell.linear_before_reset) for cell in cells}
    if len(alike) > 1 or (len(cells) > 1 and layers[0].go_backwards):
        raise NoNode("there is no node whose two directions differ like this")
    return cells


class _Masked(NamedTuple):
    """Where the steps are that a mask leaves: `lengths` (B,) of them."""

    mask: Any  # (B, T)
    lengths: Any
    counted: Any  # (B, T): how many of them there are up to each step, itself included

    def to_front(self, x):
        """(B, T, n_x) -> the same with the steps that count first, in their order."""
        import tensorflow as tf

        T = tf.shape(x)[1]
        rank = tf.where(self.mask, 2 * T, T) - tf.range(T)
        return tf.gather(x, tf.math.top_k(rank, T).indices, batch_dims=1)

    def back(self, a, backwards):
        """(B, T, n_a) -> at each step the state of the latest one that was read and counts."""
        import tensorflow as tf

        ahead = self.counted - tf.cast(self.mask, "int32")
        last = tf.maximum(self.lengths - 1, 0)[:, None]
        at = tf.minimum(ahead, last) if backwards else tf.maximum(self.counted - 1, 0)
        return tf.gather(a, at, batch_dims=1)

    def begun(self, backwards):
        """(B, T): whether any step was read that counts."""
        import tensorflow as tf

        ahead = self.counted - tf.cast(self.mask, "int32")
        return ahead < self.lengths[:, None] if backwards else self.counted > 0


class _Call:
    """One call of a recurrent layer, in a graph of TensorFlow."""

    def __init__(self, node, cells, tensors):
        self.operation, self.layers, self.cells = node.operation, directions(node), cells
        x, initial, mask, lengths = node.sequence()
        self.x = ops.cast(tensors[x], "float32")
        self.carried = get_keras_mask(tensors[x]) if mask is None else tensors[mask]
        # Keras does not hand the mask of x to a layer that also takes a state, unless it has an argument for it.
        alone = initial is None or "sequences_mask" in inspect.signature(self.layers[0].call).parameters
        used = self.carried if mask is not None or alone else None
        if lengths is not None:
            used = self.carried = ops.arange(ops.shape(self.x)[1])[None] < tensors[lengths][:, None]
        self.masked = None if used is None else _masked(ops.cast(used, "bool"))
        self.initial = self._initial(initial, tensors)

    def _initial(self, given, tensors):
        """[[(B, n_a), ...] of each direction], or None for zeros."""
        number = 2 if self.cells[0].kind == "LSTM" else 1
        if given is not None:
            given = [ops.cast(tensors[own] if isinstance(own, Value) else own, "float32") for own in given]
            return [given[at * number :][:number] for at, _ in enumerate(self.layers)]
        if all(_begins_with_zeros(layer) for layer in self.layers):
            return None
        B = ops.shape(self.x)[0]
        return [keras.tree.flatten(layer.get_initial_state(B)) for layer in self.layers]

    def outputs(self):
        a, last = self._states()
        answers = [self._answers(at, a[at], last[at]) for at, _ in enumerate(self.layers)]
        states = [state for own in last for state in own]
        merge = MERGED.get(self.operation.merge_mode) if len(answers) > 1 else None
        answers = [merge(*answers)] if merge else answers
        if self.operation.return_sequences and self.carried is not None:
            for y in answers:
                set_keras_mask(y, self.carried)
        return [*answers, *states] if self.operation.return_state else answers

    def _states(self):
        """-> (B, T, n_a) of each direction, in the order of x, and the last states of each direction."""
        import tensorflow as tf

        x = self.x if self.masked is None else self.masked.to_front(self.x)
        lengths = None if self.masked is None else self.masked.lengths
        backwards = [layer.go_backwards for layer in self.layers]
        a, last = _marked(self.cells, backwards, x, lengths, self.initial)
        if self.masked is None:
            return a, last
        read = tf.expand_dims(self.masked.lengths > 0, 1)
        begun = self.initial or [[tf.zeros_like(state) for state in own] for own in last]
        last = [[tf.where(read, *pair) for pair in zip(*pairs)] for pairs in zip(last, begun)]
        return [self.masked.back(own, back) for own, back in zip(a, backwards)], last

    def _answers(self, at, a, last):
        import tensorflow as tf

        layer, backwards = self.layers[at], self.layers[at].go_backwards
        a = a if layer.return_sequences else last[0][:, None]
        if hasattr(layer.cell, "readout"):
            with AutocastScope(layer.cell.compute_dtype):
                a = layer.cell.readout([a])
        if self.masked is not None:
            shown = self.masked.mask if layer.zero_output_for_mask else self.masked.begun(backwards)
            if not layer.return_sequences:
                shown = shown[:, :1] if backwards else shown[:, -1:]
            a = tf.where(shown[..., None], a, tf.zeros_like(a))
        if not layer.return_sequences:
            return a[:, 0]
        return tf.reverse(a, [1]) if backwards and len(self.layers) == 1 else a


def _masked(mask):
    import tensorflow as tf

    counted = tf.cumsum(tf.cast(mask, "int32"), axis=1)
    return _Masked(mask, counted[:, -1], counted)


def _begins_with_zeros(layer):
    import tensorflow as tf

    with tf.init_scope():
        states = keras.tree.flatten(layer.get_initial_state(1))
        return not any(np.any(ops.convert_to_numpy(state)) for state in states)


def _marked(cells, backwards, x, lengths, initial):
    """The mark of a node: (B, T, n_x), (B,), [[(B, n_a), ...], ...] -> [(B, T, n_a), ...], [[(B, n_a), ...], ...]."""
    import tensorflow as tf

    n_a, kind = cells[0].n_a, cells[0].kind
    several, shape = 2 if kind == "LSTM" else 1, x.shape
    inputs = {"X": tf.transpose(x, [1, 0, 2])}
    inputs |= {name: tf.constant(np.stack([getattr(cell, name) for cell in cells])) for name in ("W", "R", "B")}
    if lengths is not None:
        inputs["sequence_lens"] = lengths
    for at, name in enumerate(("initial_h", "initial_c")[: several if initial else 0]):
        inputs[name] = tf.stack([own[at] for own in initial])
    if kind != "RNN":
        inputs = _never_empty(inputs)
    described = {"kind": kind, "inputs": list(inputs), "attributes": attributes(cells, backwards)}
    dtypes = [tf.float32] * (1 + several)
    a, *last = tf.raw_ops.PyFunc(input=list(inputs.values()), token=json.dumps(described), Tout=dtypes)
    # (T, directions, B, n_a) and (directions, B, n_a)
    T, B = tf.shape(x)[1], tf.shape(x)[0]
    a = tf.ensure_shape(a, [None, len(cells), None, n_a])
    last = [tf.ensure_shape(own, [len(cells), None, n_a]) for own in last]
    if kind != "RNN":
        a, last = a[:T, :, :B], [own[:, :B] for own in last]
    a = tf.ensure_shape(a, [shape[1], len(cells), shape[0], n_a])
    last = [tf.ensure_shape(own, [len(cells), shape[0], n_a]) for own in last]
    directed = range(len(cells))
    return [tf.transpose(a[:, at], [1, 0, 2]) for at in directed], [[own[at] for own in last] for at in directed]


def _never_empty(inputs):
    """A sequence where there is none, and a step of NaN: a GRU or LSTM of onnxruntime 1.32 would end the process."""
    import tensorflow as tf

    T, B = (tf.maximum(1 - tf.shape(inputs["X"])[axis], 0) for axis in (0, 1))
    more = {"X": [[0, T], [0, B], [0, 0]], "sequence_lens": [[0, B]]}
    more |= {name: [[0, 0], [0, B], [0, 0]] for name in ("initial_h", "initial_c")}
    filled = {"X": float("nan")}
    return {
        name: tf.pad(own, more[name], constant_values=filled.get(name, 0)) if name in more else own
        for name, own in inputs.items()
    }


def handlers() -> dict[str, tuple]:
    """What tf2onnx has to write in another way than its own."""
    return {"PyFunc": (_write_node, []), "SelectV2": (_write_where, []), "Erfc": (_write_erfc, [])}


def _write_where(context, node, name, args):
    """tf2onnx writes `where(c, x, y)` as `c x + (1 - c) y`, which gives NaN if the number that is not chosen is NaN."""
    node.set_attr("handles_nan", context.get_dtype(node.output[0]) != BOOL)  # for booleans onnxruntime has no Where
    import_module("tf2onnx.onnx_opset.controlflow").Select.version_9(context, node)


def _write_erfc(context, node, name, args):
    """1 - erf(x), which gelu needs and tf2onnx does not know."""
    x, outputs, shapes, dtypes = node.input[0], list(node.output), node.output_shapes, node.output_dtypes
    one = context.make_const(f"{name}_one", np.array(1, "float32"))
    context.remove_node(node.name)
    erf = context.make_node("Erf", [x], shapes=shapes, dtypes=dtypes)
    context.make_node("Sub", [one.output[0], erf.output[0]], outputs=outputs, shapes=shapes, dtypes=dtypes, name=name)


def _write_node(context, node, name, args):
    """Puts a node of ONNX in the place of its mark."""
    described = json.loads(node.get_attr_str("token"))
    given = dict(zip(described["inputs"], node.input))
    places = ["X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c"]
    inputs = [given.get(place, "") for place in places]
    while not inputs[-1]:
        inputs.pop()
    outputs, shapes, dtypes = list(node.output), node.output_shapes, node.output_dtypes
    context.remove_node(node.name)
    written = {"attr": described["attributes"], "outputs": outputs, "shapes": shapes, "dtypes": dtypes, "name": name}
    context.make_node(described["kind"], inputs, **written)
