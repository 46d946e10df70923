"""How error flows back through time, measured: the states of each step are kept, and L is differentiated by them."""

import contextlib
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from keras_rnn_basics.architectures.anatomy import directions, graph_of, weights
from keras_rnn_basics.compat import get_keras_mask

# Examples in one pass of `gradient_flow`: so many states of each step are in memory.
AT_ONCE = 1024


def gradient_flow(model: Any, x: Any, y: Any, loss: Any = None, layer: str | None = None) -> np.ndarray:
    """-> (T, T) norms: in row t and column k, |∂L_t/∂a_k|, the mean over the batch of its length.

    L_t depends on a_k by all ways forward in time, so that a row shows how far back an error at t is still felt.
    Above the diagonal are zeros. Of a cell of several states, a_k is all of them.

    Args:
        model: a built model, of any graph, that answers every step it reads, with no bidirectional layer.
        x: (B, T, ...) inputs, a list or dict of them where there are several; y: their targets, as the loss takes them.
        loss: the cost of one step: a name or function of Keras, or a loss such as `SumOverTime(...)`; `None` takes the
            one that the model was compiled with.
        layer: the name of the recurrent layer whose a_k is meant; `None` for the last.

    Raises:
        ValueError: for another model, an unknown layer, no loss, or a cell that does not tell its states from its
            answer: one that is no `RecurrentCell` run by its parts, and whose answer is not its first state.
        RuntimeError: on another backend than TensorFlow.

    With g the identity and W_aa half of it, an error halves at every step that it goes back.

    >>> import keras_rnn_basics as krb
    >>> model = krb.build_many_to_many((1,), 1, 1, activation="linear")
    >>> model.get_layer("rnn_1").cell.W_aa.assign([[0.5]]).shape
    TensorShape([1, 1])
    >>> norms = krb.gradient_flow(model, np.ones((1, 4, 1)), np.zeros((1, 4, 1)), "mean_squared_error")
    >>> print(norms[3] / norms[3, 3])
    [0.125 0.25  0.5   1.   ]
    """
    graph = graph_of(model)
    if len(graph.outputs) > 1:
        raise ValueError(f"gradient_flow takes a model with one output, {model.name} has {len(graph.outputs)}.")
    no_sequence = f"gradient_flow takes a model that answers every step it reads, {model.name} does not."
    if len(model.outputs[0].shape) < 3:
        raise ValueError(no_sequence)
    measured, inputs, y = _layer_to_measure(graph, layer), _inputs(graph, x), np.asarray(y)
    B, T = len(y), y.shape[1] if y.ndim > 1 else 1
    norms, at_once = np.zeros((T, T)), max(1, AT_ONCE // B)
    for begin in range(0, T, at_once):
        # A copy of the batch for each of these t, of which only L_t counts: one way back gives a row of norms a copy.
        rows = range(begin, min(begin + at_once, T))
        *copies, y_copies = [np.concatenate([array] * len(rows)) for array in (*inputs, y)]
        measure = _forward(model, graph, copies, y_copies, loss, [measured])
        run = measure.runs[measured]
        if measure.costs.shape != (len(y_copies), T) or len(run) != T:
            raise ValueError(no_sequence)
        counts = np.repeat(np.eye(T, dtype=measure.costs.dtype.name)[rows], B, axis=0)
        for k, error in enumerate(measure.gradients([states for _, states, _ in run], counts)):
            lengths = np.linalg.norm(np.concatenate(error, axis=-1), axis=-1)
            norms[rows, k] = lengths.reshape(len(rows), B).mean(axis=1)
    return norms


class Measured(NamedTuple):
    """What a batch says of the gradients of L; a line of the unrolled network is (part, direction, what, t), t from 1.

    What goes along it is "recurrent", a_{t-1} on its way to a_t; "up", a_t on its way to the layer above; "out", a
    layer's answer; or "answer", ŷ_t.
    """

    flows: dict[tuple, float]  # line -> the mean over the batch of the length of ∂L/∂(what goes along it)
    costs: Any  # L_1 .. L_T, or the one cost
    weights: dict[tuple, float]  # (part, direction, name) -> |∂L/∂W|, where L is the mean over the batch
    steps: list[int]  # T of each chain


def error_flow(anatomy: Any, x: Any, y: Any, loss: Any = None) -> Measured:
    """The gradients of L along each line of the unrolled network, and at each weight of its cells."""
    y, sequences, steps = np.asarray(y), {}, []
    lines: dict[tuple, Any] = {}
    named: dict[tuple, Any] = {}
    layers = [layer for chain in anatomy.chains for *_, layer in chain.ways]
    measure = _forward(anatomy.model, anatomy.graph, _inputs(anatomy.graph, x), y, loss, layers)
    for chain in anatomy.chains:
        for part, way, layer in chain.ways:
            run = measure.runs[layer]
            for t, (entering, _, up) in enumerate(run if way == "→" else run[::-1], start=1):
                lines |= {(part.name, way, "recurrent", t): entering, (part.name, way, "up", t): up}
            named |= {(part.name, way, name): weight.value for name, weight in weights(layer.cell).items()}
        steps.append(len(run))
        for part in chain.parts:
            every = range(1 + part.late, len(run) + 1) if part.every_step else [len(run)]
            sequences[part.name, "", "out"] = measure.given[part.node.outputs[0]], every
    sequences["", "", "answer"] = measure.given[anatomy.graph.outputs[0]], every
    sources = list(lines.values()), [sequence for sequence, _ in sequences.values()], list(named.values())
    errors, of_sequences, of_weights = measure.gradients(sources)
    flows = {line: _mean_length(np.concatenate(error, axis=-1)) for line, error in zip(lines, errors)}
    for (name, (_, every)), error in zip(sequences.items(), of_sequences):
        error = error.reshape(len(y), len(every), -1)
        flows |= {(*name, t): _mean_length(error[:, i]) for i, t in enumerate(every)}
    # What was differentiated is the sum over the batch, too.
    at_weights = {name: float(np.linalg.norm(error)) / len(y) for name, error in zip(named, of_weights)}
    return Measured(flows, np.atleast_1d(np.mean(measure.costs, axis=0)), at_weights, steps)


def _mean_length(error):
    """(B, n) -> the mean over the batch of its length."""
    return float(np.linalg.norm(error, axis=-1).mean())


class _Pass(NamedTuple):
    """A pass of a model: L_t (B, T) or (B,), all values of its graph, and the steps of its measured layers."""

    tape: Any
    costs: Any
    given: dict[Any, Any]
    runs: dict[Any, list]

    def gradients(self, sources, counts=None):
        """Nests of tensors -> the gradients of the costs' sum, each cost times its count, in such nests."""
        found = self.tape.gradient(self.costs, sources, counts, unconnected_gradients="zero")
        return keras.tree.map_structure(lambda own: np.asarray(own, "float64"), found)


def _forward(model, graph, x, y, loss, measured):
    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(f"Gradients are measured under TensorFlow; Keras runs on {keras.backend.backend()} here.")
    import tensorflow as tf

    runs: dict[Any, list] = {}
    given = {own: ops.convert_to_tensor(one, dtype=own.dtype) for own, one in zip(graph.inputs, x)}
    with tf.GradientTape() as tape:
        tape.watch([weight.value for layer in measured for weight in layer.cell.weights])
        with _watched(measured, graph, tape, runs):
            for node in graph.nodes:
                given.update(zip(node.outputs, node.run(given)))
        costs = _costs(tf.convert_to_tensor(y), given[graph.outputs[0]], loss, model)
    return _Pass(tape, costs, given, runs)


def _inputs(graph, x):
    """A batch as a list of arrays, in the order of the model's inputs."""
    names = [value.name for value in graph.inputs]
    if isinstance(x, dict) and set(x) == set(names):
        x = [x[name] for name in names]
    inputs = [np.asarray(array) for array in (x if isinstance(x, (list, tuple)) and len(names) > 1 else [x])]
    if len(inputs) != len(names):
        raise ValueError(f"x must hold the inputs {names} of {graph.name}, in a list or by name, got {len(inputs)}.")
    return inputs


def _layer_to_measure(graph, name):
    recurrent = [node for node in graph.nodes if directions(node)]
    both = [node.operation.name for node in recurrent if len(directions(node)) == 2]
    if both:
        raise ValueError(f"{both[0]} reads from both ends: its errors flow in no one direction.")
    named = [node.operation for node in recurrent if name in (None, node.operation.name)]
    if not named or (name and len(named) > 1):
        how_many, names = (
            "several layers" if named else "no recurrent layer",
            [node.operation.name for node in recurrent],
        )
        raise ValueError(f"{graph.name} has {how_many} {name!r}, it has {names}.")
    return named[-1]


def _costs(y, y_pred, loss, model):
    """-> L_t (B, T), or (B,) of a model that answers once."""
    import tensorflow as tf

    loss = getattr(model, "loss", None) if loss is None else loss
    if loss is None:
        raise ValueError(f"{model.name} was not compiled with a loss: name one, such as loss='mean_squared_error'.")
    mask, loss = get_keras_mask(y_pred), keras.losses.get(loss)
    # A loss of Keras computes in float32 as well: a square of float16 is soon too small.
    y_pred = tf.cast(y_pred, "float32") if y_pred.dtype.size < 4 else y_pred
    answers = y_pred.shape[:-1]
    if y.shape == answers and y_pred.shape[-1] == 1:
        y = y[..., None]
    elif y.shape[: len(answers)] != answers or (y.dtype.is_floating and y.shape != y_pred.shape):
        # A loss would spread such targets over other answers.
        raise ValueError(f"y must fit the answers {tuple(y_pred.shape)}, or be their classes, got {tuple(y.shape)}.")
    each = getattr(loss, "call", loss)(y, y_pred)  # a loss object's `call` gives each cost, its `__call__` the mean
    if each.shape != answers:
        raise ValueError(
            f"loss must give a cost for each answer of y_pred {tuple(y_pred.shape)}, got {tuple(each.shape)}."
        )
    return each if mask is None or len(each.shape) < 2 else tf.where(mask, each, tf.zeros_like(each))


@contextlib.contextmanager
def _watched(measured, graph, tape, runs):
    """Meanwhile the measured layers run a loop that keeps what there is to differentiate by, and every layer begins at
    its own a_0.

    `inner_loop` is where Keras lets a layer run the loop its own way; everything around it stays the layer's.
    """
    layers = [layer for node in graph.nodes for layer in directions(node)]
    stateful = [layer.stateful for layer in layers]
    try:
        for layer in layers:
            layer.stateful = False
        for layer in measured:
            layer.inner_loop = partial(_loop, layer, tape, runs)
        yield
    finally:
        for layer, was in zip(layers, stateful):
            layer.stateful = was
            vars(layer).pop("inner_loop", None)


def _loop(layer, tape, runs, sequences, initial_state, mask, training=False):
    """As keras.layers.RNN has it: (B, T, n_x), [(B, n_a), ...], (B, T) -> the last answer, all, the last states.

    `runs[layer]` are then its steps, in the order of reading, each with its states on their way in, all of them
    (B, n_a), at its end, and on their way up. A step that is masked carries its states.
    """
    if layer in runs:
        raise ValueError(f"{layer.name} runs twice in the model: its a_t is not one.")
    if any(isinstance(a, (list, tuple)) for a in initial_state):
        raise ValueError(f"{layer.name} has a stack of cells, each with states of its own: give each its own layer.")
    x = ops.cast(sequences, layer.cell.compute_dtype)
    mask = ops.ones(x.shape[:2], "bool") if mask is None else ops.cast(keras.tree.flatten(mask)[0], "bool")
    states, answers, begun, runs[layer] = list(initial_state), [], ops.zeros_like(mask[:, :1]), []
    for t in range(x.shape[1])[:: -1 if layer.go_backwards else 1]:
        entering, there = [ops.copy(a) for a in states], mask[:, t, None]
        tape.watch(entering)
        states = [ops.where(there, a, last) for a, last in zip(_advance(layer.cell, x[:, t], entering), entering)]
        up = [ops.copy(a) for a in states]
        runs[layer].append((entering, states, up))
        answer = up[0] if getattr(layer.cell, "step_by_step", "no RecurrentCell") else layer.cell.readout(up)
        begun = there if layer.zero_output_for_mask else ops.logical_or(begun, there)
        answers.append(ops.where(begun, answer, ops.zeros_like(answer)))
    return answers[-1], ops.stack(answers, axis=1), states


def _advance(cell, x_t, states):
    """(B, n_x), [(B, n_a), ...] -> the next states; of a cell that has only a `call`, if its answer is the first."""
    why = getattr(cell, "step_by_step", f"{type(cell).__name__} is no RecurrentCell")
    if why is None:
        return cell.advance(cell.project(x_t), states)
    y_t, states = cell(x_t, states)
    states = list(states) if isinstance(states, (list, tuple)) else [states]
    if y_t is not states[0]:
        raise ValueError(
            f"{why}, and what {cell.name} answers is not its first state itself: nobody can tell how an error flows "
            "from the answer into the states. A RecurrentCell says so by its readout."
        )
    return states
