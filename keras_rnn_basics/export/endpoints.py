"""What a model gives to whoever runs it elsewhere, by every exit: whole sequences, one step, the first states."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras

from keras_rnn_basics.architectures.anatomy import directions
from keras_rnn_basics.architectures.graph import Graph, Node, NoStep, Value, has_recurrent_layer, inputs_of
from keras_rnn_basics.architectures.one_step import one_step
from keras_rnn_basics.architectures.text_model import Bounds
from keras_rnn_basics.compat import layers_within


class Tensor(NamedTuple):
    """An input or output: its name, and its shape with `None` for every size that is not fixed."""

    name: str
    shape: tuple
    dtype: str

    @property
    def spec(self) -> Any:
        """As TensorFlow says it."""
        import tensorflow as tf

        return tf.TensorSpec(self.shape, self.dtype, name=self.name)


class Endpoint(NamedTuple):
    """A function of tensors.

    Attributes:
        name: "serve", "step", "begin" or "encode", or that of a text endpoint.
        inputs: what it takes, in this order.
        outputs: what it gives.
        run: (*tensors) -> a tensor, or several in the order of `outputs`, as Keras computes them.
        nodes: the operations that `by` hands to `run`, or None for an endpoint whose call cannot be followed.
        by: (run, *tensors) -> the same outputs, where `run(node, tensors) -> outputs` runs each of the nodes.
        answers_by_name: whether the model gives a dict.
        takes_text: whether it takes strings, which XLA cannot: then it compiles its loops by itself.
        resources: the objects that an export must keep besides the model, such as tables.
        defaults: the values of the last inputs that may be left out.
    """

    name: str
    inputs: list[Tensor]
    outputs: list[Tensor]
    run: Callable
    nodes: list[Node] | None
    by: Callable
    answers_by_name: bool = False
    takes_text: bool = False
    resources: Sequence[Any] = ()
    defaults: Mapping[str, Any] = {}


def endpoints_of(model: keras.Model, bounds: Bounds | None = None) -> tuple[list[Endpoint], str]:
    """The endpoints of a model, and the reason why it has no step, or "".

    - serve: the model's inputs -> y, or y_1, y_2, ... for several outputs (a dict's keys, if the model gives a dict);
    - step: x_t, the states a (or a_1, a_2, ...) and what is the same at every step -> y_t and the new states, which
      have the names of the old ones;
    - begin: what the first states are computed from -> the inputs of the first step after x_t. That of an
      encoder-decoder is called encode;
    - with bounds, those of a text model that take strings.

    Raises:
        ValueError: for a model that has no inputs yet, or a stateful model.
        TypeError: for anything but a model.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(f"model must be a keras.Model, got {model!r}.")
    if any(getattr(layer, "stateful", False) for layer in layers_within(model)):
        raise ValueError(f"{model.name} is stateful: its callers would share one state. Export it with stateful=False.")
    endpoints, no_step = [_serve(model)], ""
    try:
        step = one_step(model)
    except ValueError as error:
        no_step = str(error)
    else:
        architecture = getattr(model, "architecture", None)
        first = "encode" if architecture and architecture.encoder else "begin"
        endpoints += _stepping(step, endpoints[0].outputs, first)
    if bounds and hasattr(model, "text_endpoints"):
        endpoints += [_of_text(name, own) for name, own in model.text_endpoints(bounds).items()]
    return endpoints, no_step


def insist_on_names(endpoints: Sequence[Endpoint], allowed: str) -> None:
    """A ValueError that says what to do, if an input has a name that does not match a pattern."""
    for own in (own for endpoint in endpoints for own in endpoint.inputs):
        if not re.fullmatch(allowed, own.name, re.ASCII):
            raise ValueError(
                f"This export cannot have an input called {own.name!r}: names begin with a letter and have ASCII "
                "letters, digits and _. Put the model behind inputs with other names: keras.Model(new, model(new))."
            )


def meanings(endpoint: Endpoint, names: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The names of the numbers on the last axes of inputs and outputs, checked against their sizes."""
    sizes = {tensor.name: (None, *tensor.shape)[-1] for tensor in (*endpoint.inputs, *endpoint.outputs)}
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
    by_name = isinstance(outputs, dict)
    if graph is None:
        return Endpoint("serve", taken, named, whole, None, lambda run, *given: whole(*given), by_name)

    def by_nodes(run, *given):
        tensors: dict[Value, Any] = dict(zip(graph.inputs, given))
        for node in graph.nodes:
            tensors.update(zip(node.outputs, run(node, tensors)))
        return [tensors[value] for value in graph.outputs]

    return Endpoint("serve", taken, named, whole, graph.nodes, by_nodes, by_name)


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


def _stepping(step, outputs, first):
    """The step, and what gives its first states unless those are zeros."""
    begin = step.begin
    inputs = _tensors(step.inputs, [tensor.name for tensor in step.inputs])
    states = [state.name for state in begin.states.values()]

    def one(*given):
        return step(list(given), training=False)

    named = _tensors(step.outputs, [*(f"{y.name}_t" for y in outputs), *states])
    yield Endpoint("step", inputs, named, one, [], lambda run, *given: one(*given))
    if begin.computed:
        behind = inputs[len(inputs) - len(states) - len(begin.static) :]
        taken = _tensors(begin.inputs, [own.name for own in begin.inputs]) or [Tensor("batch_size", (), "int32")]
        yield Endpoint(first, taken, behind, begin, begin.nodes, begin.by)


def _of_text(name, own):
    def tensors(specs, names):
        return [Tensor(name, tuple(spec.shape), spec.dtype.name) for name, spec in zip(names, specs)]

    inputs = tensors(own.inputs, [spec.name for spec in own.inputs])
    outputs = tensors(own.outputs.values(), own.outputs)
    further = {"takes_text": True, "resources": own.resources, "defaults": own.defaults}
    return Endpoint(name, inputs, outputs, own.run, None, lambda run, *given: own.run(*given), **further)
