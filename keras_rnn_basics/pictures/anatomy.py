"""What a picture needs to know of a model, read off its graph: its layers and operations in order, and all sizes."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import keras

from keras_rnn_basics.compat import calls_in_order


@dataclass(frozen=True)
class Recurrent:
    """A layer that steps through time: one cell, or one from each end.

    Attributes:
        name: the layer's.
        operation: the layer in the graph.
        layers: itself, or its layers that read from the beginning and from the end.
        merge: what becomes of two answers ("sum", "concat", ...), or `None` for one cell.
        every_step: whether it answers every step, or only once it has read them all.
        number: counted from 1 where there are several such layers in a row, else `None`.
        owner: whose weights they are, "enc" or "dec", where there is an encoder and a decoder, else "".
    """

    name: str
    operation: Any
    layers: tuple[Any, ...]
    merge: str | None
    every_step: bool
    number: int | None
    owner: str

    @property
    def cells(self) -> list[Any]:
        return [layer.cell for layer in self.layers]


@dataclass(frozen=True)
class EachStep:
    """Any other layer or operation, which does the same to every step.

    Attributes:
        name, operation: as of `Recurrent`.
        kind: what it is; shapes: those of one step.
        every_step: whether what it gives still has steps.
        looks_back: the names of the encoder's sequences that it reads as well, as attention does.
    """

    name: str
    operation: Any
    kind: str
    shapes: str
    every_step: bool
    looks_back: tuple[str, ...] = ()
    layers: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Chain:
    """Layers on top of each other: (B, T, ...) -> (B, T, n_y), or (B, n_y).

    Attributes:
        parts: the layers, from the input up.
        x_shape, y_shape: the shapes of one step's input and answer, with the B of the batch as `None`.
        T: the number of steps, or `None` where the model takes any.
        answers: whether the last layer's answer leaves the chain (an encoder's does not).
        backwards: whether the sequence is read from its end.
    """

    name: str
    parts: tuple[Recurrent | EachStep, ...]
    x_shape: tuple[int | None, ...]
    y_shape: tuple[int | None, ...]
    T: int | None
    answers: bool
    backwards: bool

    @property
    def recurrent(self) -> list[Recurrent]:
        return [part for part in self.parts if part.layers]

    @property
    def every_step(self) -> bool:
        return all(part.every_step for part in self.recurrent)


@dataclass(frozen=True)
class Anatomy:
    """A model as one chain, or as an encoder and a decoder.

    `kind` is one of "one_to_one", "one_to_many", "many_to_one", "many_to_many" and "encoder_decoder".
    """

    model: Any
    kind: str
    chains: tuple[Chain, ...]

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def attention(self) -> bool:
        return len(self.chains) > 1 and any(part.looks_back for part in self.chains[-1].parts if not part.layers)


def read(model: Any) -> Anatomy:
    """The anatomy of a model whose layers stand in a row, or that is such an encoder and a decoder.

    A builder has written on its model which of them it is; of any other model the graph shows it.

    Raises:
        ValueError: for a model that branches, or has no recurrent layer in it.
    """
    check_graph(model)
    built = getattr(model, "architecture", None)
    if built is not None and built.encoder:
        two = [model.get_layer(built.encoder), model.get_layer(built.decoder)]
    else:
        two = _encoder_and_decoder(functional(model))
    if two:
        return Anatomy(model, "encoder_decoder", tuple(_chain(part, owner) for part, owner in zip(two, ("enc", "dec"))))
    chain = _chain(model)
    if built is not None:
        kind = built.kind
    elif chain.T == 1:
        kind = "one_to_one"
    elif not chain.every_step:
        kind = "many_to_one"
    else:
        kind = "one_to_many" if hasattr(model, "generate") else "many_to_many"
    return Anatomy(model, kind, (chain,))


def check_graph(model: Any) -> None:
    """An error for what has no graph to read."""
    if not hasattr(model, "layers") or not getattr(model, "inputs", None):
        raise ValueError(f"A picture is drawn of a built keras.Model, got {model!r}.")


def functional(model: Any) -> Any:
    """The model as a graph, which a Sequential holds within."""
    return keras.Model(model.inputs, model.outputs, name=model.name) if isinstance(model, keras.Sequential) else model


def directions(operation: Any) -> tuple[Any, ...]:
    """The layers of an operation that step through time: none, itself, or a bidirectional one's from each end."""
    if isinstance(operation, keras.layers.Bidirectional):
        return (operation.forward_layer, operation.backward_layer)
    return (operation,) if isinstance(operation, keras.layers.RNN) else ()


def recurrent_operations(model: Any) -> list[Any]:
    """The layers of a model, and of the models in it, that step through time, in the order in which they run."""
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        return []
    found = []
    for call in calls_in_order(functional(model)):
        found += [call.operation] if directions(call.operation) else recurrent_operations(call.operation)
    return found


def first(tensors: Any) -> Any:
    """What a layer reads or gives in the first place; masks and states stand behind it."""
    return keras.tree.flatten(tensors)[0]


def shape_text(shape: Any) -> str:
    """(None, 6) -> "(B, 6)": the axis of unknown length that comes first is the batch.

    >>> shape_text((None, 6)), shape_text((None,)), shape_text((32, 32))
    ('(B, 6)', '(B,)', '(32, 32)')
    """
    sizes = ["B" if n is None and axis == 0 else "?" if n is None else str(n) for axis, n in enumerate(shape)]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def function_name(function: Any) -> str:
    """What an activation is called."""
    return getattr(function, "__name__", None) or getattr(function, "name", None) or type(function).__name__


def _encoder_and_decoder(model):
    """Two models of recurrent layers, of which the second reads an input of its own and what the first gives."""
    calls = [call for call in calls_in_order(model) if recurrent_operations(call.operation)]
    if len(calls) != 2 or len(model.inputs) != 2:
        return None
    reads, writes = calls
    source, target, *handed_over = *_tensors(reads.args), *_tensors(writes.args)
    parted = source is model.inputs[0] and target is model.inputs[1] and handed_over
    parted = parted and all(_among(tensor, reads.outputs) for tensor in handed_over)
    return [reads.operation, writes.operation] if parted and model.outputs[0] is writes.outputs[0] else None


def _chain(model, owner=""):
    row, answers = _row(model)
    x, y, through, parts = model.inputs[0], row[-1].after, True, []
    T = x.shape[1] if len(x.shape) > 1 else None
    several = sum(bool(directions(step.operation)) for step in row) > 1
    # What one_to_one does to its input first: there is one step.
    one_step = tuple(row[0].after.shape[1:]) == (1, *x.shape[1:])
    for step in row[one_step:]:
        layers = directions(step.operation)
        if layers:
            number = 1 + sum(bool(part.layers) for part in parts) if several else None
            merge = step.operation.merge_mode if len(layers) == 2 else None
            backwards = layers[0].go_backwards
            if backwards and number not in (None, 1):
                raise ValueError(f"In {model.name} a layer reads another's answers from their end; that is not drawn.")
            through = through and bool(layers[0].return_sequences)
            parts.append(Recurrent(step.name, step.operation, layers, merge, through, number, owner))
        else:
            parts.append(_each_step(step, model, through))
    return Chain(
        name=model.name,
        parts=tuple(parts),
        x_shape=tuple(x.shape) if one_step else _one(x.shape),
        y_shape=_one(y.shape) if through else tuple(y.shape),
        T=1 if one_step else T,
        answers=answers,
        backwards=next(part for part in parts if part.layers).layers[0].go_backwards,
    )


class _Step(NamedTuple):
    """An operation of a row: its call, what it reads from below, what it gives, and which further inputs it reads."""

    name: str
    call: Any
    before: Any
    after: Any
    further: list[Any]

    @property
    def operation(self):
        return self.call.operation


def _row(model, within=""):
    """-> the operations from a model's first input up to its answer, and whether that leaves the model.

    How masks come about is no part of it, nor what is done with the states that an encoder gives.
    """
    model = functional(model)
    calls, inputs = calls_in_order(model), model.inputs[1:]
    in_time = [call for call in calls if directions(call.operation) or recurrent_operations(call.operation)]
    if not in_time:
        names = [layer.name for layer in model.layers]
        raise ValueError(f"{model.name} has no recurrent layer in it to draw: its layers are {names}.")
    makers = {id(call.outputs[0]): call for call in calls}
    answers = id(model.outputs[0]) in makers
    last, found, row = model.outputs[0] if answers else in_time[-1].outputs[0], [], []
    while last is not model.inputs[0]:
        call = makers.get(id(last))
        read = [] if call is None else _tensors(call.args, _masks(call.kwargs, False))
        below = list({id(tensor): tensor for tensor in read if not _among(tensor, inputs)}.values())
        if len(below) != 1 or any(call.operation is above.operation for above in found):
            raise _branches(model, in_time[-1] if call is None else call)
        step = _Step(within + call.operation.name, call, below[0], last, [x for x in read if _among(x, inputs)])
        found, last = [step, *found], below[0]
    beside = _beside(calls, [step.call for step in found])
    if answers and beside:
        raise _branches(model, beside[0])
    for step in found:
        if not recurrent_operations(step.operation):
            row.append(step)
            continue
        inner, inner_answers = _row(step.operation, f"{step.name}/")
        if step.further or not inner_answers:
            raise _branches(model, step.call)
        row += inner
    return row, answers


def _beside(calls, row):
    """The calls that neither stand in the row nor make a mask for it."""
    makers = {id(tensor): call for call in calls for tensor in call.outputs}
    tensors, used = (
        [tensor for call in row for tensor in _tensors(_masks(call.kwargs, True))],
        {id(call) for call in row},
    )
    while tensors:
        call = makers.get(id(tensors.pop()))
        if call is not None and id(call) not in used:
            used.add(id(call))
            tensors += _tensors(call.args, call.kwargs)
    return [call for call in calls if id(call) not in used]


def _branches(model, call):
    read = " and ".join(dict.fromkeys(tensor.name for tensor in _tensors(call.args, _masks(call.kwargs, False))))
    return ValueError(
        f"A picture is drawn of layers in a row, but {call.operation.name} of {model.name}, which reads {read}, does "
        "not stand in one. Draw one of its parts: model.get_layer(name)."
    )


def _masks(arguments, wanted):
    """Those of a call's named arguments that are masks, or that are none."""
    return {name: value for name, value in arguments.items() if (name.split("_")[-1] == "mask") == wanted}


def _tensors(*arguments):
    return [value for value in keras.tree.flatten(arguments) if isinstance(value, keras.KerasTensor)]


def _among(tensor, tensors):
    return any(tensor is one for one in tensors)


def _one(shape):
    """(B, T, ...) -> (B, ...), the shape of one step."""
    return (shape[0], *shape[2:])


def _each_step(step, model, through):
    before, after = step.before.shape, step.after.shape
    if through and (len(after) < 2 or after[1] != before[1]):
        raise ValueError(
            f"{step.name} of {model.name} makes {shape_text(before)} into {shape_text(after)}: it does not do the same "
            "to every step, and that is not drawn."
        )
    looks_back = tuple(tensor.name for tensor in step.further if len(tensor.shape) > 2)
    if step.further and not looks_back:
        raise _branches(model, step.call)
    shapes = [shape_text(_one(shape) if through else shape) for shape in (before, after)]
    return EachStep(step.name, step.operation, _kind(step.call), " → ".join(dict.fromkeys(shapes)), through, looks_back)


def _kind(call):
    """What an operation is: a layer's class, those of the layers within it, or a function with its numbers."""
    operation = call.operation
    if not isinstance(operation, keras.layers.Layer):
        given = [*call.args, *call.kwargs.values()]
        numbers = [
            "·" if isinstance(a, keras.KerasTensor) else str(a) if isinstance(a, (int, float)) else "…" for a in given
        ]
        return f"{type(operation).__name__}({', '.join(numbers)})"
    inner = operation.layer if isinstance(operation, keras.layers.Wrapper) else operation
    if isinstance(inner, keras.Model):
        return ", ".join(type(one).__name__ for one in inner.layers if not isinstance(one, keras.layers.InputLayer))
    return function_name(inner.activation) if isinstance(inner, keras.layers.Activation) else type(inner).__name__
