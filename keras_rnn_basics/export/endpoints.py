"""What a model gives to whoever runs it elsewhere: whole sequences, one step with explicit states, the first states."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras

from keras_rnn_basics.architectures.anatomy import directions
from keras_rnn_basics.architectures.graph import Graph, Node, NoStep, Value, has_recurrent_layer, inputs_of
from keras_rnn_basics.architectures.one_step import one_step
from keras_rnn_basics.compat import layers_within


class Tensor(NamedTuple):
    """An input or output: its name, and its shape with `None` for every size that is not fixed."""

    name: str
    shape: tuple
    dtype: str


class Endpoint(NamedTuple):
    """A function of tensors.

    Attributes:
        name: "serve", "step" or "begin".
        inputs: what it takes, in this order.
        outputs: what it gives.
        run: (*tensors) -> outputs, as Keras computes them.
        nodes: the operations that `by` hands to `run`, or None for a model whose call cannot be followed.
        by: (run, *tensors) -> the same outputs, where `run(node, tensors) -> outputs` runs each of the nodes.
    """

    name: str
    inputs: list[Tensor]
    outputs: list[Tensor]
    run: Callable[..., list]
    nodes: list[Node] | None
    by: Callable[..., list]


def endpoints_of(model: keras.Model) -> tuple[list[Endpoint], str]:
    """The endpoints of a model, and the reason why it has no step, or "".

    - serve: the model's inputs -> y, or y_1, y_2, ... for several outputs (a dict's keys, if the model gives a dict);
    - step: x_t, the states a (or a_1, a_2, ...) and what is the same at every step -> y_t and the new states, a_t;
    - begin: what the first states are computed from -> the inputs of the first step after x_t.

    Raises:
        ValueError: for a model that has no inputs yet, or a stateful model.
    """
    if any(getattr(layer, "stateful", False) for layer in layers_within(model)):
        raise ValueError(f"{model.name} is stateful: its callers would share one state. Export it with stateful=False.")
    serve = _serve(model)
    try:
        step = one_step(model)
    except ValueError as error:
        return [serve], str(error)
    return [serve, *_stepping(step, serve.outputs)], ""


def meanings(endpoint: Endpoint, names: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The names of the numbers on the last axes of inputs and outputs, checked against their sizes."""
    sizes = {tensor.name: tensor.shape[-1] for tensor in (*endpoint.inputs, *endpoint.outputs)}
    for name, own in names.items():
        if name not in sizes:
            raise ValueError(f"The keys of names must be among {list(sizes)}, got {name!r}.")
        if isinstance(own, str) or len(own) != sizes[name]:
            raise ValueError(f"names[{name!r}] must be {sizes[name]} words, got {own!r}.")
    return {name: list(map(str, own)) for name, own in names.items()}


def _serve(model):
    inputs = inputs_of(model)
    outputs = model.compute_output_spec(inputs)
    number = len(keras.tree.flatten(outputs))
    taken = _tensors(inputs, [tensor.name for tensor in keras.tree.flatten(inputs)])
    named = _tensors(outputs, ["y"] if number == 1 else [f"y_{at}" for at in range(1, number + 1)])

    def whole(*given):
        return keras.tree.flatten(model(keras.tree.pack_sequence_as(inputs, list(given)), training=False))

    graph = _graph(model)
    if graph is None:
        return Endpoint("serve", taken, named, whole, None, lambda run, *given: whole(*given))

    def by_nodes(run, *given):
        tensors: dict[Value, Any] = dict(zip(graph.inputs, given))
        for node in graph.nodes:
            tensors.update(zip(node.outputs, run(node, tensors)))
        return [tensors[value] for value in graph.outputs]

    return Endpoint("serve", taken, named, whole, graph.nodes, by_nodes)


def _tensors(structure, names):
    """The tensors in a structure; a dict of them names them itself."""
    if isinstance(structure, dict):
        names = keras.tree.flatten({key: key for key in structure})  # in the order in which Keras flattens the dict
    found = zip(names, keras.tree.flatten(structure), strict=True)
    return [Tensor(name, tuple(own.shape), keras.backend.standardize_dtype(own.dtype)) for name, own in found]


def _graph(model):
    """The model's operations, where layers that contain recurrent layers are replaced by theirs; None if unknown."""
    opened: list[Any] = []
    closed: list[Any] = []
    try:
        graph = Graph(model)
    except NoStep:
        return None
    while True:
        found = [node.operation for node in graph.nodes if has_recurrent_layer(node.operation) and not directions(node)]
        found = [own for own in found if all(own is not other for other in closed)]
        if not found:
            return graph
        try:
            graph, opened = Graph(model, [*opened, *found]), [*opened, *found]
        except NoStep:  # the call of one of them cannot be followed
            closed += found


def _stepping(step, outputs):
    """The step, and what gives its first states unless those are zeros."""
    begin = step.begin
    inputs = _tensors(step.inputs, [tensor.name for tensor in step.inputs])
    states = [state.name for state in begin.states.values()]

    def one(*given):
        return step(list(given), training=False)

    named = _tensors(step.outputs, [f"{name}_t" for name in (*(y.name for y in outputs), *states)])
    yield Endpoint("step", inputs, named, one, [], lambda run, *given: one(*given))
    if begin.computed:
        behind = inputs[len(inputs) - len(states) - len(begin.static) :]
        taken = _tensors(begin.inputs, [own.name for own in begin.inputs]) or [Tensor("batch_size", (), "int32")]
        yield Endpoint("begin", taken, behind, begin, begin.nodes, begin.by)
