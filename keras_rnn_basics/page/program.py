"""A model as the list of operations that a page runs, with all their numbers, read off the model's graph."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_rnn_basics.architectures.anatomy import directions, graph_of, paths
from keras_rnn_basics.architectures.graph import Graph, NoStep, Value, has_recurrent_layer, values_in
from keras_rnn_basics.compat import get_keras_mask
from keras_rnn_basics.layer import BasicRNN
from keras_rnn_basics.page import layers

FUNCTIONS = {"Exp": "exponential", "Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh"}
BINARY = {"Add": "add", "Subtract": "subtract", "Multiply": "multiply", "Divide": "divide", "TrueDivide": "divide"}


class Program:
    """The operations of a graph, in their order. A value of the graph has a number; the batch has no axis.

    Attributes:
        steps: the operations: {"op", "name", "in": numbers, "out": numbers, "carries": whether each has a mask, ...}.
        recorded: values that the model has to compute, for the page does not know the operation that makes them.
        why: for each of them, the layer that makes it.
        shown: for recurrent layers whose equations the page does not know, from a name for their a_1 .. a_T to the node
            and the layer.
        needed: the numbers of the values from which the output follows.
        fixed: values that a reader cannot change, for something recorded follows from them.
    """

    def __init__(self, graph: Graph, given: dict[Value, Any]) -> None:
        self.graph, self.given, self.names = graph, given, paths(graph.call)
        self.numbers: dict[Any, int] = {}
        self.steps: list[dict[str, Any]] = []
        self.recorded: list[Value] = []
        self.why: dict[int, str] = {}
        self.inputs = [self.number(value) for value in graph.inputs]
        self.shown: dict[Value, tuple[Any, Any]] = {}
        for node in graph.nodes:
            if not (self.recurrent(node) if directions(node) else self.other(node)):
                self.record(node)
        self.output = self.number(graph.outputs[0])
        self._keep_what_is_needed()

    def number(self, value: Any) -> int:
        return self.numbers.setdefault(value, len(self.numbers))

    def record(self, node):
        """What the page does not know is written down as it was; of a recurrent layer its states are shown too."""
        self.recorded += [value for value in node.outputs if value not in self.recorded]
        for value in node.outputs:
            self.why[self.number(value)] = node.described
        ways = directions(node)
        rows = len(ways) == 1 and len(node.sequence().x.shape) == 3
        if rows and not isinstance(ways[0].cell, keras.layers.StackedRNNCells):
            sequence, size, a = node.sequence(), ways[0].cell.state_size, Value(node.outputs[0])
            self.shown[a] = node, ways[0]
            told = {"unknown": node.described, "a": self.number(a), "n": size if isinstance(size, int) else size[0]}
            if sequence.lengths is None:
                self.emit("rnn", self.name(node), [sequence.x], node.outputs, back=ways[0].go_backwards, **told)

    def emit(self, op, name, inputs, outputs, **told):
        ids = [self.number(value) for value in inputs], [self.number(value) for value in outputs]
        carries = [value in self.given and get_keras_mask(self.given[value]) is not None for value in outputs]
        self.steps.append({"op": op, "name": name, "in": ids[0], "out": ids[1], "carries": carries, **told})
        return True

    def each_step(self, node, layer, steps):
        """A layer of Keras, applied to a value or to every step of it."""
        [x], [y] = node.inputs[:1], node.outputs
        found = layers.each_step(layer, steps)
        if found is None:
            return False
        shape = tuple(self.given[y].shape)[1:]
        if steps and len(shape) == 2 and shape != (shape[0], 1):  # where steps are flattened
            found = [*found, {"op": "reshape", "name": node.operation.name, "shape": [None, -1]}]
        carried = get_keras_mask(self.given[y]) is not None
        for told in found or [{"op": "same", "name": node.operation.name}]:
            after = y if told is (found or [told])[-1] else object()
            self.emit(inputs=[x], outputs=[after], **told)
            self.steps[-1]["carries"] = [carried]
            x = after
        return True

    def applies_to_each_step(self, node):
        """Whether a wrapper does to each step what its layer does: so the numbers say."""
        x, y = self.given[node.inputs[0]], layers.numbers(self.given[node.outputs[0]])
        if len(x.shape) < 2:
            return False
        each = layers.numbers(node.operation.layer(ops.reshape(x, (-1, *x.shape[2:])), training=False))
        return each.size == y.size and np.allclose(each.reshape(-1), y.reshape(-1), rtol=1e-3, atol=1e-4)

    def other(self, node) -> bool:
        """Whether the page knows this operation; then it is one of the steps."""
        operation, outputs = node.operation, node.outputs
        # A mask that a layer is given is the one that its input carries.
        inputs = values_in((node.args, {name: own for name, own in node.kwargs.items() if name != "mask"}))
        name, args = layers.kind(operation), node.args
        if isinstance(operation, keras.layers.Wrapper) and len(inputs) == len(outputs) == 1:
            return self.applies_to_each_step(node) and self.each_step(node, operation.layer, True)
        if not isinstance(operation, keras.Operation):  # the entrance of a model
            return self.emit("same", operation.name, inputs[:1], outputs)
        if name in BINARY:
            parts = args[0] if len(args) == 1 else args
            constants = [None if isinstance(part, Value) else layers.numbers(part) for part in parts]
            return self.emit(BINARY[name], operation.name, inputs, outputs, constants=constants)
        if name in FUNCTIONS:
            return self.emit("activation", operation.name, inputs, outputs, h=FUNCTIONS[name])
        match name:
            case "Average" | "Concatenate" if name == "Average" or operation.axis in (-1, len(outputs[0].shape) - 1):
                return self.emit(name.lower(), operation.name, inputs, outputs)
            case "GetItem":
                return self.slice(node)
            case "ExpandDims" if operation.axis not in (0, -len(outputs[0].shape)):  # x[:, .., None]
                whole = [{"from": None, "to": None}] * (operation.axis % len(outputs[0].shape) - 1)
                return self.emit("slice", operation.name, inputs, outputs, key=[*whole, "new"])
            case "ConvertToTensor" | "Cast" if (
                outputs[0].dtype.startswith("float") or inputs[0].dtype == outputs[0].dtype
            ):
                return self.emit("same", operation.name, inputs, outputs)
            case "Any" if operation.axis in (-1, [-1], (-1,)) and not operation.keepdims:
                return self.emit("any", operation.name, inputs, outputs)
            case "NotEqual" if not isinstance(args[1], Value):
                return self.emit("not_equal", operation.name, inputs, outputs, value=float(args[1]))
            case "Where" if len(inputs) == 2 and not isinstance(args[2], Value):
                return self.emit("where", operation.name, inputs, outputs, other=float(args[2]))
            case "Matmul" if len(inputs) == 1 and isinstance(args[0], Value) and np.ndim(args[1]) == 2:
                told = {"W": layers.numbers(args[1]), "b": None, "h": "linear"}
                return self.emit("dense", operation.name, inputs, outputs, **told)
            case "Attention" if operation.score_mode == "dot" and not operation.use_scale:
                return self.attention(node)
        known = len(inputs) == len(outputs) == 1 and isinstance(operation, keras.layers.Layer)
        return known and self.each_step(node, operation, False)

    def slice(self, node):
        """`x[:, k:]` and its like, of which the first axis is the batch."""
        key = node.args[1] if isinstance(node.args[1], tuple) else (node.args[1],)
        rank = len(node.inputs[0].shape)
        if Ellipsis in key:
            at = key.index(Ellipsis)
            taken = sum(own is not None and own is not Ellipsis for own in key)
            key = (*key[:at], *[slice(None)] * (rank - taken), *key[at + 1 :])
        if not key or key[0] != slice(None) or len(node.inputs) > 1:
            return False
        if any(isinstance(own, slice) and own.step not in (None, 1) for own in key):
            return False
        told = [
            "new" if own is None else {"from": own.start, "to": own.stop} if isinstance(own, slice) else int(own)
            for own in key[1:]
        ]
        return self.emit("slice", node.operation.name, node.inputs, node.outputs, key=told)

    def attention(self, node):
        given, masks = node.args[0], node.kwargs.get("mask") or [None, None]
        known = node.kwargs.get("return_attention_scores") and not node.kwargs.get("use_causal_mask")
        if not known or len(given) != 2 or masks[0] is not None:
            return False
        there = [masks[1]] if masks[1] is not None else []
        return self.emit("attention", node.operation.name, [*given, *there], node.outputs)

    def recurrent(self, node) -> bool:
        """A recurrent layer, or the two of a bidirectional one and what joins them."""
        sequence, ways = node.sequence(), directions(node)
        cells = [layers.cell(layer.cell) for layer in ways]
        initial = values_in(sequence.initial) if sequence.initial else []
        both = len(ways) == 2
        if None in cells or (both and (initial or len(node.outputs) > 1)):
            return False
        mask: Any = sequence.mask if isinstance(sequence.mask, Value) else None
        merge = {"sum": "add", "concat": "concatenate", "ave": "average", "mul": "multiply"}
        if both and node.operation.merge_mode not in merge:
            return False
        if isinstance(sequence.lengths, Value):
            mask = object()
            self.emit("within", self.name(node), [sequence.lengths, sequence.x], [mask])
        answers: list[Any] = []
        for layer, told, way in zip(ways, cells, ("forward", "backward")):
            inputs = [sequence.x, *initial, *([mask] if mask is not None else [])]
            outputs = [object()] if both else node.outputs
            self.emit(
                *("rnn", f"{self.name(node)}, {way}" if both else self.name(node), inputs, outputs),
                begins=len(initial),
                masked=mask is not None,
                sequences=bool(layer.return_sequences),
                back=bool(layer.go_backwards),
                zeros=bool(layer.zero_output_for_mask),
                a_0=[layers.numbers(a)[0] for a in layer.get_initial_state(1)],
                cell=told,
            )
            carried = get_keras_mask(self.given[node.outputs[0]]) is not None
            self.steps[-1]["carries"] = [carried] + [False] * (len(outputs) - 1)
            answers += outputs[:1]
        if both:
            if ways[1].return_sequences:
                flipped = object()
                self.emit("flip", node.operation.name, answers[1:], [flipped])
                answers[1] = flipped
            merged = merge[node.operation.merge_mode]
            told = {"constants": [None, None]} if merged in ("add", "multiply") else {}
            self.emit(merged, node.operation.name, answers, node.outputs, **told)
        return True

    def name(self, node):
        return str(self.names.get(id(node.operation), node.operation.name))

    def states(self, given: dict[Value, Any]) -> dict[int, Any]:
        """a_1 .. a_T, in the order of reading, of the recurrent layers whose equations the page does not know."""
        found = {}
        for a, (node, layer) in self.shown.items():
            sequence = node.sequence()
            x, initial = given[sequence.x], sequence.initial and [given[own] for own in values_in(sequence.initial)]
            mask = given[sequence.mask] if isinstance(sequence.mask, Value) else get_keras_mask(x)
            reader = layer if hasattr(layer, "activations") else BasicRNN(layer.cell, go_backwards=layer.go_backwards)
            found[self.number(a)] = layers.numbers(reader.activations(x, initial, mask))[0]
        return found

    def _keep_what_is_needed(self):
        # The recurrent layers are drawn even if the page does not know how the output follows from them.
        needed, kept = {self.output}, []
        needed.update(number for step in self.steps if step["op"] == "rnn" for number in step["out"])
        for step in reversed(self.steps):
            if needed.intersection(step["out"]):
                needed.update(step["in"])
                kept.append(step)
        self.steps, self.needed = kept[::-1], needed
        self.recorded = [value for value in self.recorded if self.number(value) in needed]
        drawn = [step.get("a") for step in self.steps]
        self.shown = {a: known for a, known in self.shown.items() if self.number(a) in drawn}
        begins = [*self.graph.inputs, *self.recorded]
        after = {value: self.graph.depend_on([value]) - {value} for value in begins}
        self.fixed = [self.number(value) for value in begins if after[value].intersection(self.recorded)]


def graph_down_to_the_layers(model: keras.Model) -> tuple[Graph, list[Any]]:
    """The graph of a model, and the models and layers in it that were opened, for recurrent layers lie in them.

    Raises:
        ValueError: for a model that is no graph, or with a recurrent layer in a `call` that cannot be followed.
    """
    graph = graph_of(model)
    opened: list[Any] = []
    while True:
        nodes = [node for node in graph.nodes if has_recurrent_layer(node.operation) and not directions(node)]
        if not nodes:
            return graph, opened
        opened.append(nodes[0].operation)
        graph = Graph(graph.call, opened)


def translated(graph: Graph, opened: list[Any], inputs: list[np.ndarray]) -> Program:
    """The program of a graph. A layer that the page does not know is replaced by what its `call` does, where it knows
    that."""
    program = Program(graph, run(graph, inputs))
    made = {value: node for node in graph.nodes for value in node.outputs}
    unknown = {id(made[value].operation): made[value].operation for value in program.recorded}
    for layer in unknown.values():
        if isinstance(layer, keras.layers.Layer) and not layers.kind(layer):
            try:
                inner = Graph(graph.call, [*opened, layer])
                other = Program(inner, run(inner, inputs))
            except (NoStep, ValueError):
                continue
            program = other if len(other.recorded) < len(program.recorded) else program
    return program


def run(graph: Graph, inputs: list[np.ndarray]) -> dict[Value, Any]:
    """The tensors of all values of a graph."""
    given = {own: ops.convert_to_tensor(one, dtype=own.dtype) for own, one in zip(graph.inputs, inputs)}
    for node in graph.nodes:
        given.update(zip(node.outputs, node.run(given)))
    return given
