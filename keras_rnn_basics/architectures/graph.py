"""A model's operations in the order in which they run, including those of models inside it; `one_step` uses it."""

import inspect
from collections.abc import Iterable
from typing import Any, NamedTuple

import keras
from keras import ops

from keras_rnn_basics.compat import Functional, calls_in_order, get_keras_mask, layers_within, set_keras_mask


class NoStep(ValueError):
    """The reason why a model cannot be run step by step; `at` is the number of the node at fault, `node` the node."""

    def __init__(self, reason: str, at: int = 0, node: Any = None) -> None:
        super().__init__(reason)
        self.at, self.node = at, node


class Value:
    """An input or output of an operation: a name, a shape and a dtype, without numbers."""

    def __init__(self, tensor: Any) -> None:
        self.name, self.shape = tensor.name, tuple(tensor.shape)
        self.dtype = keras.backend.standardize_dtype(tensor.dtype)


class Node(NamedTuple):
    """One operation, with its input and output values."""

    operation: Any
    args: tuple
    kwargs: dict
    outputs: list[Value]

    @property
    def inputs(self) -> list[Value]:
        return values_in((self.args, self.kwargs))

    @property
    def recurrent(self) -> bool:
        return isinstance(self.operation, keras.layers.RNN)

    @property
    def described(self) -> str:
        kind = "layer" if isinstance(self.operation, keras.layers.Layer) else "operation"
        return f"{kind} {self.operation.name} ({type(self.operation).__name__})"

    def sequence(self) -> "Sequence":
        """The arguments with which a recurrent layer is called."""
        given = inspect.signature(self.operation.call).bind(*self.args, **self.kwargs).arguments
        initial, mask = given.get("initial_state"), given.get("mask")
        if initial is not None:
            initial = list(initial) if isinstance(initial, (list, tuple)) else [initial]
        mask = given.get("sequences_mask") if mask is None else mask
        return Sequence(next(iter(given.values())), initial, mask, given.get("sequence_lengths"))

    def run(self, tensors: dict) -> list:
        """The outputs, given the tensors of its inputs."""
        args, kwargs = keras.tree.map_structure(
            lambda own: tensors[own] if isinstance(own, Value) else own, (self.args, self.kwargs)
        )
        return keras.tree.flatten(self.operation(*args, **kwargs))


class Sequence(NamedTuple):
    """The arguments with which a recurrent layer is called; `None` for an argument that is not given.

    Attributes:
        x: (B, T, n_x).
        initial: the states before the first step, or nests of them.
        mask: (B, T).
        lengths: (B,), the numbers of steps after which the rest is masked.
    """

    x: Value
    initial: list | None
    mask: Value | None
    lengths: Value | None


class Graph:
    """A model as a list of nodes. Models inside it whose graph Keras knows are replaced by their own nodes.

    Args:
        model: a functional or Sequential model, or a subclassed model that was built or called.
        opened: other layers to replace by their nodes, which calling their `call` on symbolic tensors gives.

    Raises:
        NoStep: for a model or a layer in `opened` whose `call` cannot be followed.
    """

    def __init__(self, model: keras.Model, opened: Iterable[Any] = ()) -> None:
        self.name, self._opened = model.name, list(opened)
        self.nodes: list[Node] = []
        self.call, self.input = model, inputs_of(model)
        inputs = keras.tree.flatten(self.input)
        self.inputs = [Value(tensor) for tensor in inputs]
        if _has_graph(model):
            function = _function(model)
            self.outputs = self._take_apart(function, function.inputs, self.inputs)
        else:
            function = _traced(model, inputs, (self.input,), {})
            self.outputs = self._take_apart(function, inputs, self.inputs)

    def _take_apart(self, function, inputs, values):
        own = {id(tensor): value for tensor, value in zip(inputs, values)}
        for operation, args, kwargs, outputs in calls_in_order(function):
            args, kwargs = keras.tree.map_structure(lambda tensor: own.get(id(tensor), tensor), (args, kwargs))
            if any(operation is layer for layer in self._opened):
                found = self._open(operation, args, kwargs)
            elif isinstance(operation, keras.Model) and _has_graph(operation):
                found = self._enter(operation, args, kwargs)
            else:
                found = [Value(tensor) for tensor in outputs]
                self.nodes.append(Node(operation, args, kwargs, found))
            own.update((id(tensor), value) for tensor, value in zip(outputs, found))
        return [own[id(tensor)] for tensor in function.outputs]

    def _enter(self, model, args, kwargs):
        function, given = _function(model), args[0] if args else kwargs["inputs"]
        if isinstance(given, dict) and not isinstance(inputs_of(model), dict):
            given = [given[tensor.name] for tensor in function.inputs]
        given = keras.tree.flatten(given)
        masks = keras.tree.flatten(kwargs.get("mask"))
        masks = masks if len(masks) == len(given) else [None] * len(given)
        entered = [Value(tensor) for tensor in function.inputs]
        for value, mask, inner in zip(given, masks, entered):
            self.nodes.append(Node(_Entrance(inner), (value, mask), {}, [inner]))
        return self._take_apart(function, function.inputs, entered)

    def _open(self, layer, args, kwargs):
        values = values_in((args, kwargs))
        fresh = {value: keras.Input(batch_shape=value.shape, dtype=value.dtype) for value in values}
        args, kwargs = keras.tree.map_structure(
            lambda own: fresh[own] if isinstance(own, Value) else own, (args, kwargs)
        )
        return self._take_apart(_traced(layer, list(fresh.values()), args, kwargs), fresh.values(), fresh.keys())

    def reached(self) -> set[Value]:
        """All values on which the outputs depend; for a recurrent layer only its sequence and its mask are followed."""
        found = set(self.outputs)
        for node in reversed(self.nodes):
            if found.intersection(node.outputs):
                sequence = node.sequence() if node.recurrent else None
                found.update(values_in((sequence.x, sequence.mask)) if sequence else node.inputs)
        return found

    def depend_on(self, values: Iterable[Value]) -> set[Value]:
        """All values that are computed from these values, and these values themselves."""
        found = set(values)
        for node in self.nodes:
            if found.intersection(node.inputs):
                found.update(node.outputs)
        return found

    def name_of(self, value: Value) -> str:
        """A name for a computed value: that of the layer or of the inner input, if it has a name."""
        maker = next((node.operation for node in self.nodes if value in node.outputs), value)
        unnamed = isinstance(maker, keras.Operation) and not isinstance(maker, keras.layers.Layer)
        return "computed" if unnamed else maker.name


def inputs_of(model: keras.Model) -> Any:
    """The symbolic inputs of a model, in the structure with which the model is called.

    Raises:
        ValueError: if the model has no inputs yet.
    """
    if getattr(model, "inputs", None):
        return model.input if isinstance(model, Functional) else model.inputs[0]
    shapes = (model.get_build_config() or {}).get("input_shape")
    if shapes is None:
        raise ValueError(f"{model.name} has no inputs yet: give it a keras.Input, build it, or call it.")
    [first, *_] = inspect.signature(model.call).parameters
    # It was built or called with sequences of one length; if it takes any length, its inputs take any length too.
    inputs = _inputs_of_shape(shapes, first, model.input_dtype, of_any_length=True)
    try:
        model.compute_output_spec(inputs)
    except Exception:  # any error of a layer that needs a known length
        return _inputs_of_shape(shapes, first, model.input_dtype, of_any_length=False)
    return inputs


def _inputs_of_shape(shapes, name, dtype, of_any_length):
    if isinstance(shapes, dict):
        return {key: _inputs_of_shape(own, key, dtype, of_any_length) for key, own in shapes.items()}
    if all(n is None or isinstance(n, int) for n in shapes):
        _, *shape = shapes
        if of_any_length and len(shape) > 1:
            shape[0] = None
        return keras.Input(shape, name=name, dtype=dtype)
    return [
        _inputs_of_shape(own, f"{name}_{number}", dtype, of_any_length) for number, own in enumerate(shapes, start=1)
    ]


def values_in(structure: Any) -> list[Value]:
    """The values in nested lists, tuples and dicts, each once."""
    return list(dict.fromkeys(part for part in keras.tree.flatten(structure) if isinstance(part, Value)))


def has_recurrent_layer(operation: Any) -> bool:
    """Whether this layer contains a recurrent layer."""
    return isinstance(operation, keras.layers.Layer) and any(
        isinstance(layer, keras.layers.RNN) for layer in layers_within(operation) if layer is not operation
    )


def _has_graph(model):
    """Whether the graph describes the model completely, that is, nobody has written a `call` for it."""
    own = type(model).call
    return bool(getattr(model, "inputs", None)) and own in (Functional.call, keras.Sequential.call)


def _function(model):
    return model if isinstance(model, Functional) else keras.Function(model.inputs, model.outputs)


def _traced(layer, inputs, args, kwargs):
    try:
        return keras.Function(inputs, layer.call(*args, **kwargs))
    except Exception as error:  # any error of a call that was written for numbers, not for symbols
        reason = f"there is a recurrent layer in {layer.name} ({type(layer).__name__}), whose call cannot be followed"
        raise NoStep(f"{reason} on symbolic tensors ({first_sentence(error)})") from error


def first_sentence(error: Exception) -> str:
    """The message of an error, shortened."""
    [said, *_] = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {said.split('. ')[0].rstrip('.')}" if said else type(error).__name__


class _Entrance:
    """The conversion of an argument of a functional model: the tensor takes the dtype of the model's input."""

    def __init__(self, inner):
        self.name, self._dtype = inner.name, inner.dtype

    def __call__(self, x, mask):
        mask = get_keras_mask(x) if mask is None else mask
        x = ops.convert_to_tensor(x, dtype=self._dtype)
        if mask is not None:
            set_keras_mask(x, mask)
        return x
