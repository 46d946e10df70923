"""What there is to draw of a model, read off its graph: chains of layers and operations from an input up, and sizes."""

from typing import Any, NamedTuple

import keras

from keras_rnn_basics.architectures.graph import Graph, values_in
from keras_rnn_basics.compat import GetItem


class Part(NamedTuple):
    """A layer or operation of a chain: one that steps through time, or one that does the same to every step."""

    name: str = ""  # after those of the models that it lies in
    node: Any = None  # of the graph
    shapes: str = ""  # of one step, before and after it
    layers: tuple = ()  # those that step through time in it: none, itself, or one from each end
    number: str = ""  # "[1]", "[2]", ... where several parts of the chain do
    begins_with: str = ""  # the part of the encoder whose last states are its first ones
    reads: tuple[str, ...] = ()  # the names of further sequences that it reads, as attention does
    every_step: bool = True  # whether what it gives still has steps
    late: int = 0  # how many steps at the beginning it gives nothing for


class Chain(NamedTuple):
    """Layers on top of each other: (B, T, ...) -> (B, T, n_y), or (B, n_y)."""

    parts: tuple[Part, ...]  # from the input up
    owner: str = ""  # "enc" of an encoder, "dec" of a decoder
    x_shape: str = ""  # of one step
    y_shape: str = ""
    T: int | None = None
    answers: bool = True  # whether the last part's answer leaves the model
    backwards: bool = False  # whether the sequence is read from its end

    @property
    def recurrent(self) -> list[Part]:
        return [part for part in self.parts if part.layers]

    @property
    def every_step(self) -> bool:
        return all(part.every_step for part in self.recurrent)


class Anatomy(NamedTuple):
    """A model as one chain, or as an encoder and a decoder; its kind is one of those of `Architecture`."""

    kind: str
    chains: tuple[Chain, ...]
    model: Any = None
    graph: Any = None


def read(model: Any) -> Anatomy:
    """The anatomy of a model whose layers stand in a row, or that is such an encoder and a decoder.

    Raises:
        ValueError: for a model that branches, or has no recurrent layer in it.
    """
    reader = _Reader(model)
    chains, built = reader.chains(), getattr(model, "architecture", None)
    [*encoder, last] = chains
    kind = "one_to_one" if last.T == 1 else "many_to_many" if last.every_step else "many_to_one"
    kind = "encoder_decoder" if encoder else built.kind if built else kind
    return Anatomy(kind, chains, model, reader.graph)


def graph_of(model: Any) -> Graph:
    """A model as a list of operations."""
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        raise ValueError(
            f"A picture is drawn of a built keras.Model that is a graph, functional or Sequential, got {model!r}."
        )
    return Graph(keras.Model(model.inputs, model.outputs, name=model.name))


def directions(node: Any) -> tuple[Any, ...]:
    """The layers of a node that step through time: none, its own, or a bidirectional one's from each end."""
    if isinstance(node.operation, keras.layers.Bidirectional):
        return (node.operation.forward_layer, node.operation.backward_layer)
    return (node.operation,) if isinstance(node.operation, keras.layers.RNN) else ()


def shape_text(shape: Any) -> str:
    """(None, 6) -> "(B, 6)": the axis of unknown length that comes first is the batch.

    >>> shape_text((None, 6)), shape_text((None,)), shape_text((32, 32))
    ('(B, 6)', '(B,)', '(32, 32)')
    """
    sizes = ["B" if n is None and axis == 0 else "?" if n is None else str(n) for axis, n in enumerate(shape)]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def kind_of(node: Any) -> str:
    """What an operation is: a layer's class, those of the layers within it, or a function with its numbers."""
    operation, k = node.operation, _leaves_out(node)
    if k:
        return f"without the first {k} step{'s' * (k > 1)}"
    if not isinstance(operation, keras.layers.Layer):
        shown = [str(one) if isinstance(one, (int, float)) else "·" for one in (*node.args, *node.kwargs.values())]
        return f"{type(operation).__name__}({', '.join(shown)})"
    inner = operation.layer if isinstance(operation, keras.layers.Wrapper) else operation
    layers = inner.layers if isinstance(inner, keras.Model) else [inner]
    layers = [getattr(one, "activation", one) if type(one) is keras.layers.Activation else one for one in layers]
    names = [getattr(one, "__name__", type(one).__name__) for one in layers]
    return ", ".join(name for name in names if name != "InputLayer")


class _Reader:
    def __init__(self, model):
        self.model, self.graph = model, graph_of(model)
        self.makers = {value: node for node in self.graph.nodes for value in node.outputs}
        self.names = _paths(model)

    def chains(self):
        recurrent, outputs = [node for node in self.graph.nodes if directions(node)], self.graph.outputs
        if not recurrent:
            names = [layer.name for layer in self.model.layers]
            raise ValueError(f"{self.model.name} has no recurrent layer in it to draw: its layers are {names}.")
        top = self.makers.get(outputs[0])
        answers = top is not None and top.outputs[0] is outputs[0]
        x, row, behind = self.row(top if answers else recurrent[-1])
        beside = [self.makers.get(value, row[-1]) for value in outputs if self.makers.get(value) not in row]
        if (answers and beside) or not any(directions(node) for node in row):
            raise self.branches([*beside, row[-1]][0])
        if not behind:
            return (self.chain(x, row, "", answers),)
        x_read, reads, further = self.row(behind[-1])
        if further or [x_read, x] != self.graph.inputs[:2] or any(directions(node) for node in row if node in reads):
            raise self.branches(behind[-1])
        return self.chain(x_read, reads, "enc", False), self.chain(x, row, "dec", answers)

    def row(self, top):
        """-> the input that a row begins at, its nodes up to this one, and the recurrent nodes that are no part of it,
        but that it takes states or further sequences from."""
        row, beside, value = [], [], top.outputs[0]
        while value in self.makers:
            node = self.makers[value]
            if value is not node.outputs[0] or any(node.operation is above.operation for above in row):
                raise self.branches(row[0] if row else node)
            value, *further = _read(node)
            beside += [(node, own) for own in further]
            if further and not directions(node) and all(len(own.shape) < 3 for own in further):
                raise self.branches(node)
            if isinstance(node.operation, keras.Operation):  # no mere entrance of a model
                row.insert(0, node)
        for node, further in beside:
            if value in self.behind([further])[1]:
                raise self.branches(node)
        return value, row, self.behind([further for _, further in beside])[0]

    def behind(self, values):
        """-> the recurrent nodes that these values come from, and all values on the way."""
        nodes, reached = [], set(values)
        for node in reversed(self.graph.nodes):
            if reached.intersection(node.outputs):
                nodes = [node, *nodes] if directions(node) else nodes
                reached.update(node.inputs)
        return nodes, reached

    def chain(self, x, row, owner, answers):
        late, through, parts, in_time = 0, True, [], [node for node in row if directions(node)]
        one_step = row[0].outputs[0].shape[1:] == (1, *x.shape[1:])  # what one_to_one does to its input first
        for node in row[one_step:]:
            (before, *further), after, layers = _read(node), node.outputs[0], directions(node)
            name, number, begins_with = self.names.get(id(node.operation), node.operation.name), "", ""
            if layers:
                order, number = in_time.index(node), f"[{in_time.index(node) + 1}]" if len(in_time) > 1 else ""
                if late or (layers[0].go_backwards and order):
                    what = "what a slice left of the steps" if late else "another layer's answers from their end"
                    raise ValueError(f"{name} of {self.model.name} reads {what}; that is not drawn.")
                begins_with = "".join(self.names[id(own.operation)] for own in self.behind(further)[0][-1:])
                through = through and bool(layers[0].return_sequences)
            elif through:
                late += _leaves_out(node)
                if not _keeps_steps(node, before, after):
                    raise ValueError(
                        f"{name} of {self.model.name} makes {shape_text(before.shape)} into {shape_text(after.shape)}: "
                        "it does not do the same to every step, or gives another number of steps than it reads; of "
                        "such operations only y[:, k:] and Cropping1D((k, 0)), which leave out the first k, are drawn."
                    )
            shapes = " → ".join(dict.fromkeys(_step_text(value, through) for value in (before, after)))
            reads = () if layers else tuple(value.name for value in further if len(value.shape) > 2)
            parts.append(Part(name, node, shapes, layers, number, begins_with, reads, through, late))
        T = 1 if one_step else x.shape[1] if len(x.shape) > 1 else None
        texts = _step_text(x, not one_step), _step_text(after, through)
        return Chain(tuple(parts), owner, *texts, T, answers, directions(in_time[0])[0].go_backwards)

    def branches(self, node):
        read = " and ".join(dict.fromkeys(value.name for value in _read(node)))
        return ValueError(
            f"A picture is drawn of layers in a row, each used once, but {node.operation.name} of {self.model.name}, "
            f"which reads {read}, does not stand in one. Draw one of its parts: model.get_layer(name)."
        )


def _paths(model, within=""):
    """id -> the name of each layer in a model, as "encoder/rnn_1"."""
    paths = {}
    for layer in getattr(model, "layers", ()):
        paths |= {id(layer): within + layer.name, **_paths(layer, f"{within}{layer.name}/")}
    return paths


def _read(node):
    """The values that a node reads, but for masks; first the one in its row."""
    if directions(node):
        return values_in((node.sequence().x, node.sequence().initial))
    return values_in((node.args, {name: value for name, value in node.kwargs.items() if not name.endswith("mask")}))


def _step_text(value, steps):
    """The shape of one step."""
    return shape_text((value.shape[0], *value.shape[2:]) if steps else value.shape)


def _keeps_steps(node, x, y, T=11):
    """Whether a node gives all steps that it reads but for those that `y[:, k:]` leaves out."""
    if len(x.shape) > 2 and x.shape[1] is None and len(_read(node)) == len(node.outputs) == 1:
        # The shapes do not tell it where they are not known.
        tried, T_x = keras.KerasTensor((x.shape[0], T, *x.shape[2:]), x.dtype), T
        y = node.operation.compute_output_spec(*(tried if own is x else own for own in node.args), **node.kwargs)
    else:
        T_x = x.shape[1]
    return len(y.shape) > 1 and y.shape[1] == (T_x and T_x - _leaves_out(node))


def _leaves_out(node):
    """k of `y[:, k:]`, which leaves out the first k steps, or of a Cropping1D((k, 0)); 0 of any other operation."""
    if isinstance(node.operation, keras.layers.Cropping1D):
        first, last = node.operation.cropping
        return 0 if last else first
    if not isinstance(node.operation, GetItem):
        return 0
    key = node.args[1] if isinstance(node.args[1], (tuple, list)) else (node.args[1],)
    batch, steps, *others = [*key, slice(None)]
    alone = all(own == slice(None) or own is Ellipsis for own in (batch, *others)) and isinstance(steps, slice)
    return steps.start or 0 if alone and (steps.stop, steps.step) == (None, None) and (steps.start or 0) > 0 else 0
