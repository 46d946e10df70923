"""The network for one step, with explicit states: (x_t, a_{t-1}) -> (ŷ_t, a_t), with the model's own weights."""

import itertools
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_rnn_basics import checks
from keras_rnn_basics.architectures.graph import Graph, Node, NoStep, Value, has_recurrent_layer
from keras_rnn_basics.architectures.step_check import check_that_it_answers_alike
from keras_rnn_basics.architectures.stepped import State, Stepped


def one_step(model: keras.Model) -> keras.Model:
    """x_t, a_1, ..., a_k -> ŷ_t, a_1, ..., a_k: the same layers, with every state of the recurrent layers explicit.

    If it reads x_1 .. x_T one after the other, beginning with the states that `step.begin` gives, it returns the same
    outputs as the model for the sequence (for a many-to-one model: the output so far). It shares the model's weights:
    training one trains the other. It works for every `keras.layers.RNN`, and for other layers around it if none of them
    looks at several time steps. This is tested with numbers for every model.

    The input that is read step by step is the sequence of the recurrent layers on which the output depends; there may
    be several. Everything else is computed once, before the first step, by `step.begin`.

    If there are masks, a masked step keeps the states and repeats the last output. There is one difference: at masked
    steps before the first unmasked one, a cell whose output follows from its states gives the output of a_0, where the
    model gives zeros. After a slice `y[:, k:]` the outputs come k steps late: ignore the first k outputs.

    Args:
        model: a functional or Sequential model, or a subclassed model that was built or called and whose `call` can be
            followed on symbolic tensors.

    Returns:
        A `keras.Model`. Its inputs are, in this order: x_t, without the time axis (if several inputs are read step by
        step, each has its name with "_t"); the states (a state that is an input of the model keeps its name; the others
        are "a" (B, n_a), or "a_1", "a_2", ... for several recurrent layers, with a further number if a cell has several
        states); and the values that are the same at every step, such as an encoder's memory. Its outputs are a list of
        the outputs of the model, and the new states.

        `step.begin` gives all inputs after x_t for the first step: call `step.begin(B)` if the model has no further
        inputs, or `step.begin(*further)` with these inputs in the order of the model.

    Raises:
        ValueError: for a model that cannot be run step by step; the error names the layer that is the reason.

    >>> from keras_rnn_basics.architectures.many_to_many import build_many_to_many
    >>> step = one_step(build_many_to_many((6,), units=32, output_units=4))
    >>> [tuple(tensor.shape) for tensor in (*step.inputs, *step.outputs)]
    [(None, 6), (None, 32), (None, 4), (None, 32)]
    >>> y_t, *states = step([keras.ops.ones((5, 6)), *step.begin(5)])
    """
    try:
        graph = Graph(model)
    except NoStep as unreadable:
        raise ValueError(f"{model.name} has no step: {unreadable}.") from unreadable
    failures = []
    for sequences in _readings(graph):
        try:
            stepped = _read(model, [graph.inputs.index(value) for value in sequences])
        except NoStep as failure:
            failures.append((failure, sequences))
        else:
            return _model_of(stepped)
    if not failures:
        raise ValueError(
            f"{model.name} has no step: none of its inputs {_shapes(graph.inputs)} is a sequence (B, T, ...) on which "
            "its outputs depend."
        )
    # The reading that failed last is most probably the intended one.
    error, sequences = max(failures, key=lambda failure: failure[0].at)
    raise ValueError(f"{model.name} has no step over {_shapes(sequences)}: {error}.") from error


def _shapes(values):
    return ", ".join(f"{value.name} {value.shape}" for value in values)


def _readings(graph):
    """The possible choices of the inputs that are sequences, the likeliest first (a memory has a length too)."""
    reached = graph.reached()
    candidates = [value for value in graph.inputs if value in reached and len(value.shape) > 1]
    likely = [value for value in candidates if value.shape[1] is None]
    subsets = (list(own) for n in range(len(candidates), 0, -1) for own in itertools.combinations(candidates, n))
    seen = []
    for reading in [likely, candidates, *([value] for value in candidates), *itertools.islice(subsets, 16)]:
        lengths = {value.shape[1] for value in reading} - {None}
        if reading and reading not in seen and len(lengths) < 2:
            seen.append(reading)
            yield reading


def _read(model, numbers):
    """First treats layers that contain recurrent layers as single operations; if that fails, opens them."""
    opened: list[Any] = []
    while True:
        graph = Graph(model, opened)
        stepped = Stepped(graph, [graph.inputs[number] for number in numbers])
        try:
            check_that_it_answers_alike(stepped)
            return stepped
        except NoStep as error:
            if error.node is None or not has_recurrent_layer(error.node.operation) or error.node.recurrent:
                raise
            opened.append(error.node.operation)


def _model_of(stepped):
    """The Keras model of a step, with its `begin`."""
    begin = Begin(stepped)
    inputs = [
        keras.Input(value.shape[2:], name=stepped.name_of(value), dtype=value.dtype) for value in stepped.sequences
    ]
    inputs += [keras.Input(state.shape, name=state.name, dtype=state.dtype) for state in begin.states.values()]
    inputs += [keras.Input(value.shape[1:], name=name, dtype=value.dtype) for name, value in begin.static.items()]
    outputs = _OneStep(stepped, begin, name="one_step")(inputs)
    step = keras.Model(inputs, outputs, name=f"{stepped.graph.name}_step")
    step.begin = begin
    return step


class Begin:
    """Computes the inputs of the first step after x_t: the initial states, then the values that never change.

    Attributes:
        inputs: the model's inputs from which it computes, in their order; if there are none, it takes only B.
        states: the states by key, in the order of the step's inputs.
        static: the values that are the same at every step, by the name of the step's input.
        computed: whether there is anything to compute: False if all states are zeros or inputs of the model.
        nodes: the operations that it may run.
    """

    def __init__(self, stepped: Stepped) -> None:
        graph = stepped.graph
        self._graph, self._stepped = graph, stepped.stepped
        self.nodes = [node for node in graph.nodes if not self._stepped.intersection(node.outputs)]

        def place(value: Value | None) -> int:
            return graph.inputs.index(value) if value in graph.inputs else len(graph.inputs)

        def place_of(item: tuple[Any, State]) -> int:
            return place(item[1].source if item[1].name == getattr(item[1].source, "name", None) else None)

        self.states = dict(sorted(stepped.states.items(), key=place_of))
        taken = {state.name for state in self.states.values()} | set(map(stepped.name_of, stepped.sequences))
        self.static = {}
        for value in sorted(stepped.needed, key=place):
            free = value in graph.inputs and value.name not in taken
            self.static[value.name if free else stepped.unused(graph.name_of(value))] = value
        self._sources = [*(state.source for state in self.states.values() if state.source), *self.static.values()]
        self.inputs = [value for value in graph.inputs if value not in stepped.stepped and self._reads(value)]
        self.computed = any(value not in graph.inputs for value in self._sources) or not all(
            state.source or _zeros(state, graph.call) for state in self.states.values()
        )

    def _reads(self, value):
        return not self._graph.depend_on([value]).isdisjoint(self._sources)

    def __call__(self, *given: Any) -> list:
        """B, or the tensors of `inputs` -> [(B, ...), ...]."""
        return self.by(Node.run, *given)

    def by(self, run: Callable[[Node, dict], list], *given: Any) -> list:
        """The same, where `run(node, tensors) -> outputs` runs the nodes; an export writes some of them in its way."""
        if len(given) != max(1, len(self.inputs)):
            wanted = ", ".join(value.name for value in self.inputs) or "only the batch size B"
            raise ValueError(f"step.begin takes {wanted}, got {len(given)} arguments.")
        if not self.inputs:
            return [state.initial(given[0]) for state in self.states.values()]
        tensors = {value: ops.convert_to_tensor(tensor, dtype=value.dtype) for value, tensor in zip(self.inputs, given)}
        for node in self.nodes:
            if all(value in tensors for value in node.inputs):
                tensors.update(zip(node.outputs, run(node, tensors)))
        B = ops.shape(tensors[self.inputs[0]])[0]
        states = [tensors[own.source] if own.source else own.initial(B) for own in self.states.values()]
        return [*states, *(tensors[value] for value in self.static.values())]


def _zeros(state, model):
    """Whether a state begins with zeros for all values of the weights."""
    with keras.StatelessScope([(weight, ops.ones(weight.shape, weight.dtype)) for weight in model.weights]):
        return not ops.convert_to_numpy(ops.any(state.initial(1) != 0))


class _OneStep(keras.layers.Layer):
    """x_t, the states and the unchanging values -> the outputs, the new states."""

    def __init__(self, stepped, begin, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self._stepped, self._begin = stepped, begin
        # Keras finds a layer's weights through its attributes.
        operations = [node.operation for _, node in stepped.nodes]
        self.parts = [own for own in dict.fromkeys(operations) if isinstance(own, keras.layers.Layer)]
        self.built = True

    def call(self, inputs):
        x_t, rest = inputs[: len(self._stepped.sequences)], inputs[len(self._stepped.sequences) :]
        x_t = [checks.same_batch(x_t[0], [*x_t[1:], *rest], self.name), *x_t[1:]]
        before = dict(zip(self._begin.states, rest))
        static = dict(zip(self._begin.static.values(), rest[len(before) :]))
        try:
            answers, after = self._stepped.step(x_t, static, before)
        except NoStep as error:  # the model has a step, so the fault is in the given inputs
            raise error.__cause__ or error from None
        return [*answers, *(after[key] for key in self._begin.states)]
