"""What a model consists of, read off its graph: chains of layers and operations from an input up, and sizes."""

from typing import Any, NamedTuple

import keras

from keras_rnn_basics.architectures.built import KINDS
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
    reads: str = ""  # the names of further sequences that it reads, as attention does
    every_step: bool = True  # whether what it gives still has steps
    late: int = 0  # how many steps at the beginning it gives nothing for

    def key(self, way: str) -> str:
        """What tells the row of its cells that read this way from every other."""
        return self.name + (f"-{way}" if len(self.layers) == 2 else "")


class Chain(NamedTuple):
    """Layers on top of each other: (B, T, ...) -> (B, T, n_y), or (B, n_y)."""

    parts: list[Part]  # from the input up
    owner: str = ""  # "enc" of an encoder, "dec" of a decoder
    x_shape: str = ""  # of one step
    y_shape: str = ""
    T: int | None = None
    answers: bool = True  # whether the last part's answer leaves the model
    backwards: bool = False  # whether the sequence is read from its end

    @property
    def ways(self) -> list[tuple[Part, str, Any]]:
        """Its layers that step through time, each with the direction that it reads in."""
        return [(part, *way) for part in self.parts for way in zip("→←", part.layers)]


class Anatomy(NamedTuple):
    """A model as one chain, or as an encoder and a decoder; its kind is one of those of `Architecture`."""

    kind: str
    chains: list[Chain]
    model: Any = None
    graph: Any = None


def graph_of(model: Any) -> Graph:
    """A model as a list of operations."""
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        raise ValueError(
            f"A picture is drawn of a keras.Model that is a graph, functional or Sequential, got {model!r}."
        )
    return Graph(keras.Model(model.inputs, model.outputs, name=model.name))


def directions(node: Any) -> tuple[Any, ...]:
    """The layers of a node that step through time: none, its own, or a bidirectional one's from each end."""
    if isinstance(node.operation, keras.layers.Bidirectional):
        return (node.operation.forward_layer, node.operation.backward_layer)
    return (node.operation,) if isinstance(node.operation, keras.layers.RNN) else ()


def weights(cell: Any) -> dict[str, Any]:
    """name -> weight: those that a cell declares, and whatever else it holds."""
    declared = {name: getattr(cell, name) for name in getattr(cell, "weight_names", ())}
    held = getattr(cell, "weights", ())
    return declared | {weight.name: weight for weight in held if not any(weight is own for own in declared.values())}


def shape_text(shape: Any) -> str:
    """(None, 6) -> "(B, 6)": the axis of unknown length that comes first is the batch.

    >>> shape_text((None, 6)), shape_text((None,)), shape_text((32, 32))
    ('(B, 6)', '(B,)', '(32, 32)')
    """
    return str((*("B" if n is None else n for n in shape[:1]), *("?" if n is None else n for n in shape[1:]))).replace(
        "'", ""
    )


def kind_of(node: Any) -> str:
    """What an operation is: a layer's class, those of the layers within it, or a function with its numbers."""
    operation, k = node.operation, _leaves_out(node)
    if k:
        return f"without the first {k} step{'s' * (k > 1)}"
    if not isinstance(operation, keras.layers.Layer):
        shown = [str(one) if isinstance(one, (int, float)) else "·" for one in (*node.args, *node.kwargs.values())]
        return f"{type(operation).__name__}({', '.join(shown)})"
    inner = operation.layer if isinstance(operation, keras.layers.Wrapper) else operation
    layers = getattr(inner, "layers", [inner])
    return ", ".join(type(one).__name__ for one in layers if not isinstance(one, keras.layers.InputLayer))


def read(model: Any) -> Anatomy:
    """The anatomy of a model whose layers stand in a row, or that is such an encoder and a decoder.

    Raises:
        ValueError: for a model that branches, or has no recurrent layer in it.
    """
    return _Reader(model, graph_of(model)).anatomy()


class _Reader:
    def __init__(self, model, graph):
        self.model, self.graph, self.names = model, graph, paths(model)
        self.makers = {value: node for node in graph.nodes for value in node.outputs}
        self.recurrent = [node for node in graph.nodes if directions(node)]

    def anatomy(self):
        if not self.recurrent:
            names = [layer.name for layer in self.model.layers]
            raise ValueError(f"{self.model.name} has no recurrent layer in it to draw: its layers are {names}.")
        outputs, built = self.graph.outputs, getattr(self.model, "architecture", None)
        if built and built.kind not in KINDS:
            raise ValueError(
                f"The architecture of {self.model.name} must be one of {KINDS}, got {built.kind!r}; without one it is "
                "drawn as its graph shows."
            )
        top = self.makers.get(outputs[0])
        answers = top is not None and top.outputs[0] is outputs[0]
        x, row, before = self.row(top if answers else self.recurrent[-1])
        beside = [self.makers.get(value, row[-1]) for value in outputs if self.makers.get(value) not in row]
        if (answers and beside) or not any(directions(node) for node in row):
            raise self.odd(*beside[:1] or row[-1:])
        chain, encoder = self.chain(x, row, "dec" if before else "", answers), []
        if before:
            x_read, reads, further = self.row(before[-1])
            if (
                further
                or [x_read, x] != self.graph.inputs[:2]
                or any(directions(node) for node in row if node in reads)
            ):
                raise self.odd(before[-1])
            encoder = [self.chain(x_read, reads, "enc", False)]
        kind = "one_to_one" if chain.T == 1 else "many_to_many" if chain.parts[-1].every_step else "many_to_one"
        kind = "encoder_decoder" if encoder else built.kind if built else kind
        return Anatomy(kind, [*encoder, chain], self.model, self.graph)

    def row(self, top):
        """-> the input that a row begins at, its nodes up to this one, and the recurrent nodes that they need."""
        row: list[Any] = []
        beside, value = [], top.outputs[0]
        while value in self.makers:
            node = self.makers[value]
            if value is not node.outputs[0] or any(node.operation is above.operation for above in row):
                raise self.odd(*row[:1] or [node])
            value, *further = _read(node)
            beside += [(node, own) for own in further]
            if further and not directions(node) and all(len(own.shape) < 3 for own in further):
                raise self.odd(node)
            if isinstance(node.operation, keras.Operation):  # no mere entrance of a model
                row.insert(0, node)
        for node, further in beside:
            if further in self.graph.depend_on([value]):
                raise self.odd(node)
        return value, row, self.before([further for _, further in beside])

    def before(self, values):
        """The recurrent nodes that these values come from."""
        return [node for node in self.recurrent if self.graph.depend_on(node.outputs).intersection(values)]

    def chain(self, x, row, owner, answers):
        late, steps, parts, in_time = 0, True, [], [node for node in row if directions(node)]
        one_step = row[0].outputs[0].shape[1:] == (1, *x.shape[1:])  # what one_to_one does to its input first
        for node in row[one_step:]:
            (before, *further), after, layers = _read(node), node.outputs[0], directions(node)
            number = f"[{in_time.index(node) + 1}]" if layers and len(in_time) > 1 else ""
            if layers and (late or (layers[0].go_backwards and node is not in_time[0])):
                raise self.odd(node, "reads answers that come late, or another layer's from their end")
            if not layers and steps and not _keeps_steps(node, before, after):
                what = (
                    f"makes {shape_text(before.shape)} into {shape_text(after.shape)}: it does not do the same to every"
                )
                what += " step, or gives another number of steps than it reads; of such operations only y[:, k:] and "
                raise self.odd(node, f"{what}Cropping1D((k, 0)), without the first k, are drawn")
            steps = steps and (not layers or bool(layers[0].return_sequences))
            late += _leaves_out(node) * steps
            shapes = " → ".join(dict.fromkeys(_step_text(value, steps) for value in (before, after)))
            begins_with = "".join(self.names[id(own.operation)] for own in self.before(further)[-1:])
            reads = "" if layers else " and ".join(value.name for value in further if len(value.shape) > 2)
            name = str(self.names.get(id(node.operation), node.operation.name))
            parts.append(Part(name, node, shapes, layers, number, begins_with, reads, steps, late))
        T = 1 if one_step else x.shape[1] if len(x.shape) > 1 else None
        backwards = directions(in_time[0])[0].go_backwards
        return Chain(parts, owner, _step_text(x, not one_step), _step_text(after, steps), T, answers, backwards)

    def odd(self, node, what=""):
        read = " and ".join(dict.fromkeys(self.graph.name_of(value) for value in _read(node)))
        return ValueError(
            f"A picture is drawn of layers in a row, each used once, but {node.operation.name} of {self.model.name} "
            f"{what or f'reads {read} and does not stand in one'}. Draw a part of it: keras.Model(its inputs, one "
            "of its outputs, or the output of a layer)."
        )


def paths(model: Any, within: str = "") -> dict[int, str]:
    """id -> the name of each layer in a model, as "encoder/rnn_1"."""
    found: dict[int, str] = {}
    for layer in getattr(model, "layers", ()):
        found |= {id(layer): within + layer.name, **paths(layer, f"{within}{layer.name}/")}
    return found


def _read(node):
    """The values that a node reads, but for masks; first the one in its row."""
    if directions(node):
        return values_in((node.sequence().x, node.sequence().initial))
    return values_in((node.args, {name: value for name, value in node.kwargs.items() if not name.endswith("mask")}))


def _step_text(value, steps):
    """The shape of one step."""
    return shape_text((value.shape[0], *value.shape[2:]) if steps else value.shape)


def _keeps_steps(node, x, y):
    """Whether a node gives all steps that it reads but for those that `y[:, k:]` leaves out."""
    T = x.shape[1]
    if len(x.shape) > 2 and T is None and len(_read(node)) == len(node.outputs) == 1:
        # The shapes do not tell it where they are not known.
        T, tried = 11, keras.KerasTensor((x.shape[0], 11, *x.shape[2:]), x.dtype)
        y = node.operation.compute_output_spec(*(tried if own is x else own for own in node.args), **node.kwargs)
    return len(y.shape) > 1 and y.shape[1] == (T and T - _leaves_out(node))


def _leaves_out(node):
    """k of `y[:, k:]`, which leaves out the first k steps, or of a Cropping1D((k, 0)); 0 of any other operation."""
    if isinstance(node.operation, keras.layers.Cropping1D):
        first, last = node.operation.cropping
        return 0 if last else first
    key: Any = node.args[1] if isinstance(node.operation, GetItem) else ()
    others: list[Any]
    batch, steps, *others = [*(list(key) if isinstance(key, (tuple, list)) else [key]), slice(None), slice(None)]
    k = getattr(steps, "start", None) or 0
    alone = steps == slice(k, None) and all(own in (slice(None), ...) for own in (batch, *others))
    return k if alone and k > 0 else 0
