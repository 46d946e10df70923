"""What a picture needs to know of a model, read off its graph: its layers and operations in order, and all sizes."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import keras

from keras_rnn_basics.compat import GetItem, calls_in_order


@dataclass(frozen=True)
class Part:
    """A layer or operation: one that steps through time, or one that does the same to every step.

    Attributes:
        name, operation: what it is in the graph; kind: what it is called.
        shapes: of one step, before and after it.
        every_step: whether what it gives still has steps.
        looks_back: the names of further sequences that it reads, as attention does.
        layers: those that step through time in it: none, itself, or one from each end.
        late: how many steps at the beginning it gives nothing for, as behind `y[:, k:]`.
        number: counted from 1 where there are several that step through time, else `None`.
        owner: whose it is, "enc" or "dec", where there is an encoder and a decoder, else "".
    """

    name: str
    operation: Any
    kind: str
    shapes: str
    every_step: bool
    looks_back: tuple[str, ...]
    late: int
    layers: tuple[Any, ...]
    number: int | None
    owner: str

    @property
    def cells(self) -> list[Any]:
        return [layer.cell for layer in self.layers]

    @property
    def merge(self) -> str | None:
        """What becomes of the answers from both ends ("sum", "concat", ...)."""
        return self.operation.merge_mode if len(self.layers) == 2 else None


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
    parts: tuple[Part, ...]
    x_shape: tuple[int | None, ...]
    y_shape: tuple[int | None, ...]
    T: int | None
    answers: bool
    backwards: bool

    @property
    def recurrent(self) -> list[Part]:
        return [part for part in self.parts if part.layers]

    @property
    def every_step(self) -> bool:
        return all(part.every_step for part in self.recurrent)

    @property
    def late(self) -> int:
        return self.parts[-1].late


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
        return len(self.chains) > 1 and any(part.looks_back for part in self.chains[-1].parts)


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
        kind = "many_to_many"
    return Anatomy(model, kind, (chain,))


def check_graph(model: Any) -> None:
    """An error for what has no graph to read."""
    if not hasattr(model, "layers") or not getattr(model, "inputs", None):
        raise ValueError(
            f"A picture is drawn of a built keras.Model that is a graph, functional or Sequential, got {model!r}."
        )


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
    source, target, *handed_over = _tensors([reads.args, writes.args])
    parted = source is model.inputs[0] and target is model.inputs[1] and handed_over
    parted = parted and all(_among(tensor, reads.outputs) for tensor in handed_over)
    return [reads.operation, writes.operation] if parted and model.outputs[0] is writes.outputs[0] else None


def _chain(model, owner=""):
    row, answers = _row(model)
    late = 0
    x, y, through, parts = model.inputs[0], row[-1].after, True, []
    in_time = [step.call.operation for step in row if directions(step.call.operation)]
    # What one_to_one does to its input first: there is one step.
    one_step = tuple(row[0].after.shape[1:]) == (1, *x.shape[1:])
    T = 1 if one_step else x.shape[1] if len(x.shape) > 1 else None
    for name, call, before, after, further in row[one_step:]:
        layers, number = directions(call.operation), None
        if layers:
            if late:
                raise ValueError(f"{name} of {model.name} reads what a slice left of the steps; that is not drawn.")
            through = through and bool(layers[0].return_sequences)
            number = 1 + in_time.index(call.operation) if len(in_time) > 1 else None
            if layers[0].go_backwards and number not in (None, 1):
                raise ValueError(f"In {model.name} a layer reads another's answers from their end; that is not drawn.")
        elif through and _leaves_out(call):
            late += _leaves_out(call)
        elif through and (len(after.shape) < 2 or after.shape[1] != before.shape[1]):
            raise ValueError(
                f"{name} of {model.name} makes {shape_text(before.shape)} into {shape_text(after.shape)}: it does not "
                "do the same to every step, and that is not drawn."
            )
        elif through and not _keeps_steps(call):
            raise ValueError(
                f"{name} of {model.name} gives another number of steps than it reads; of such operations only "
                "y[:, k:] and Cropping1D((k, 0)), which leave out the first k, are drawn."
            )
        shapes = dict.fromkeys(shape_text(_one(a.shape) if through else a.shape) for a in (before, after))
        looks_back = () if layers else tuple(tensor.name for tensor in further if len(tensor.shape) > 2)
        what = (_kind(call), " → ".join(shapes), through, looks_back, late)
        parts.append(Part(name, call.operation, *what, layers, number, owner))
    x_shape, y_shape = tuple(x.shape) if one_step else _one(x.shape), _one(y.shape) if through else tuple(y.shape)
    return Chain(model.name, tuple(parts), x_shape, y_shape, T, answers, directions(in_time[0])[0].go_backwards)


class _Step(NamedTuple):
    """A call in a row, with what it reads from below, what it gives, and the model's further inputs that it reads."""

    name: str
    call: Any
    before: Any
    after: Any
    further: list[Any]


def _row(model, within=""):
    """-> the steps from a model's first input up to its answer, and whether that leaves the model.

    How masks come about is no part of it, nor what is done with the states that an encoder gives.
    """
    model = functional(model)
    calls, (x, *inputs), flat = calls_in_order(model), model.inputs, []
    row: list[_Step] = []
    in_time = [call for call in calls if directions(call.operation) or recurrent_operations(call.operation)]
    if not in_time:
        names = [layer.name for layer in model.layers]
        raise ValueError(f"{model.name} has no recurrent layer in it to draw: its layers are {names}.")
    makers = {id(call.outputs[0]): call for call in calls}
    answers = id(model.outputs[0]) in makers
    last = model.outputs[0] if answers else in_time[-1].outputs[0]
    while last is not x:
        call = makers.get(id(last))
        if call is None:  # a state: the row goes on from answers alone
            raise _branches(model, row[0].call)
        read, operation = _read(call), call.operation
        below = {id(tensor): tensor for tensor in read if not _among(tensor, inputs)}
        further = [tensor for tensor in read if _among(tensor, inputs)]
        odd = further and not directions(operation) and all(len(tensor.shape) < 3 for tensor in further)
        if len(below) != 1 or odd or any(operation is step.call.operation for step in row):
            raise _branches(model, call)
        [before] = below.values()
        row = [_Step(within + operation.name, call, before, last, further), *row]
        last = before
    beside = [y for y in model.outputs if not any(_among(y, step.call.outputs) for step in row)]
    if answers and beside:
        raise _branches(model, makers.get(id(beside[0]), row[-1].call))
    for step in row:
        inner, inner_answers = [step], True
        if recurrent_operations(step.call.operation):
            inner, inner_answers = _row(step.call.operation, f"{step.name}/")
            if step.further or not inner_answers:
                raise _branches(model, step.call)
        flat += inner
    return flat, answers


def _branches(model, call):
    read = " and ".join(dict.fromkeys(tensor.name for tensor in _read(call)))
    return ValueError(
        f"A picture is drawn of layers in a row, each used once, but {call.operation.name} of {model.name}, which "
        f"reads {read}, does not stand in one. Draw one of its parts: model.get_layer(name)."
    )


def _read(call):
    """The tensors that a call reads, but for masks."""
    return _tensors(call.args, {name: value for name, value in call.kwargs.items() if not name.endswith("mask")})


def _tensors(*arguments):
    return [value for value in keras.tree.flatten(arguments) if isinstance(value, keras.KerasTensor)]


def _among(tensor, tensors):
    return any(tensor is one for one in tensors)


def _keeps_steps(call, T=11):
    """Whether a call gives as many steps as it reads, which its shapes do not tell where they are not known."""
    x, y = _read(call), call.outputs
    if len(x) != 1 or len(y) != 1 or len(x[0].shape) < 3 or x[0].shape[1] is not None:
        return True
    (B, _, *sizes), rest = x[0].shape, call.args[1:]
    tried = keras.KerasTensor((B, T, *sizes), x[0].dtype)
    given = call.operation.compute_output_spec(tried, *rest, **call.kwargs)
    return not isinstance(given, keras.KerasTensor) or len(given.shape) < 2 or given.shape[1] == T


def steps_text(number):
    """`1 step`, `2 steps`."""
    return f"{number} step" if number == 1 else f"{number} steps"


def _leaves_out(call):
    """k of a call `y[:, k:]`, which leaves out the first k steps, or of a Cropping1D((k, 0)); 0 of any other."""
    if isinstance(call.operation, keras.layers.Cropping1D):
        first, last = call.operation.cropping
        return 0 if last else first
    if not isinstance(call.operation, GetItem):
        return 0
    key = call.args[1] if isinstance(call.args[1], (tuple, list)) else (call.args[1],)
    steps = key[1] if len(key) > 1 and isinstance(key[1], slice) else slice(None)
    others = [own for axis, own in enumerate(key) if axis != 1]
    alone = all(own == slice(None) or own is Ellipsis for own in others) and (steps.stop, steps.step) == (None, None)
    return steps.start if alone and (steps.start or 0) > 0 else 0


def _one(shape):
    """(B, T, ...) -> (B, ...), the shape of one step."""
    return (shape[0], *shape[2:])


def _kind(call):
    """What an operation is: a layer's class, those of the layers within it, or a function with its numbers."""
    operation = call.operation
    if _leaves_out(call):
        return f"without the first {steps_text(_leaves_out(call))}"
    if not isinstance(operation, keras.layers.Layer):
        numbers = [_number(value) for value in (*call.args, *call.kwargs.values())]
        return f"{type(operation).__name__}({', '.join(numbers)})"
    inner = operation.layer if isinstance(operation, keras.layers.Wrapper) else operation
    if isinstance(inner, keras.Model):
        return ", ".join(type(one).__name__ for one in inner.layers if not isinstance(one, keras.layers.InputLayer))
    return function_name(inner.activation) if isinstance(inner, keras.layers.Activation) else type(inner).__name__


def _number(value):
    if isinstance(value, keras.KerasTensor):
        return "·"
    return str(value) if isinstance(value, (int, float)) else "…"
