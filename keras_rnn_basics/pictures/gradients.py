"""How error flows back through time, measured: zeros are added to the states between two steps, and differentiated."""

import contextlib
import itertools
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from keras_rnn_basics.compat import get_keras_mask, run_graph
from keras_rnn_basics.pictures.anatomy import check_graph, directions, first, functional, recurrent_operations
from keras_rnn_basics.recurrence import plain

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
    check_graph(model)
    no_sequence = f"gradient_flow takes a model that answers every step it reads, {model.name} does not."
    if len(model.outputs[0].shape) < 3:
        raise ValueError(no_sequence)
    measured, inputs, y = _layer_to_measure(model, layer), _inputs(model, x), np.asarray(y)
    B, T = len(y), y.shape[1] if y.ndim > 1 else 1
    norms, at_once = np.zeros((T, T)), max(1, AT_ONCE // B)
    for begin in range(0, T, at_once):
        # A copy of the batch for each of these t, of which only L_t counts: one way back gives a row of norms a copy.
        rows = range(begin, min(begin + at_once, T))
        *copies, y_copies = [np.concatenate([array] * len(rows)) for array in (*inputs, y)]
        measure = _forward(model, copies, y_copies, loss, [measured])
        run = measure.runs[measured]
        if measure.costs.shape != (len(y_copies), T) or run.tap.shape[1] != T:
            raise ValueError(no_sequence)
        counts = np.repeat(np.eye(T)[rows], B, axis=0).astype(measure.costs.dtype.name)
        da, into_next = measure.gradients([run.states, [run.tap]], counts)
        da[:, :-1] += into_next[:, 1:]
        norms[rows] = np.linalg.norm(da.reshape(len(rows), B, T, -1), axis=-1).mean(axis=1)
    return norms


def error_flow(anatomy: Any, x: Any, y: Any, loss: Any = None) -> tuple[dict[tuple, float], np.ndarray]:
    """-> for each line of the unrolled network the mean |∂L/∂ what goes along it| over the batch, and L_1 .. L_T.

    A line is named (chain, layer, direction, what, t) with t from 1: "recurrent" is a_{t-1} on its way to a_t, "up" a_t
    on its way to the layer above, "out" a layer's answer, "answer" ŷ_t.
    """
    measured = [layer for chain in anatomy.chains for part in chain.recurrent for layer in part.layers]
    measure = _forward(anatomy.model, _inputs(anatomy.model, x), np.asarray(y), loss, measured)
    lines = {}  # (chain, layer, direction, what): (its tensors, the t that they are of)
    for chain in anatomy.chains:
        every = range(1, 1 + measure.runs[chain.recurrent[0].layers[0]].tap.shape[1])
        for part in chain.parts:
            lines[chain.name, part.name, "", "out"] = (
                [measure.given[part.operation]],
                every[part.late :] if part.every_step else every[-1:],
            )
            for direction, layer in zip("→←", part.layers):
                run, order = measure.runs[layer], every if direction == "→" else every[::-1]
                lines[chain.name, part.name, direction, "recurrent"] = [run.tap], order
                lines[chain.name, part.name, direction, "up"] = run.up, order
    lines[chain.name, "", "", "answer"] = [measure.y], every[chain.late :] if chain.every_step else every[-1:]
    flows: dict[Any, float] = {}
    for (name, (_, order)), error in zip(lines.items(), measure.gradients([tensors for tensors, _ in lines.values()])):
        lengths = np.linalg.norm(error.reshape(len(error), len(order), -1), axis=-1).mean(axis=0)
        flows |= {(*name, t): float(length) for t, length in zip(order, lengths)}
    return flows, np.atleast_1d(np.mean(measure.costs, axis=0))


class _Run(NamedTuple):
    """What one run of a recurrent layer leaves to differentiate by, all (B, T, n_a) in the order of reading.

    Attributes:
        tap: zeros, added to the states on their way into each step.
        states: the states of each step on all their other ways: up, and the last ones out of the layer.
        up: the same on their way up alone.
    """

    tap: Any
    states: list[Any]
    up: list[Any]


class _Measure(NamedTuple):
    """A pass of a model: its answer, L_t (B, T) or (B,), what each operation gave, and the runs of its layers."""

    tape: Any
    y: Any
    costs: Any
    given: dict[Any, Any]
    runs: dict[Any, _Run]

    def gradients(self, sources, counts=None):
        """[[(B, ..., n), ...], ...] -> [(B, ..., Σ n), ...]: the gradient of the costs' sum, each times its count."""
        found = self.tape.gradient(self.costs, sources, output_gradients=counts)
        of_none = [[np.zeros(x.shape) if g is None else g for g, x in zip(*lists)] for lists in zip(found, sources)]
        return [np.concatenate([np.asarray(g, "float64") for g in gradients], axis=-1) for gradients in of_none]


def _forward(model, inputs, y, loss, measured):
    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(f"Gradients are measured under TensorFlow; Keras runs on {keras.backend.backend()} here.")
    import tensorflow as tf

    given: dict[Any, Any] = {}
    runs: dict[Any, Any] = {}

    def stand_in(operation):
        """The function that runs an operation and writes down what it gives; in a nested model, each of its own."""
        if recurrent_operations(operation):
            return lambda x, **_: run_graph(functional(operation), keras.tree.flatten(x), stand_in)

        def run(*arguments, **named):
            outputs = operation(*arguments, **named)
            given[operation] = first(outputs)
            return outputs

        return run

    inputs = [ops.convert_to_tensor(x, dtype=tensor.dtype) for x, tensor in zip(inputs, model.inputs)]
    with tf.GradientTape() as tape:
        with _tapped(measured, recurrent_operations(model), tape, runs):
            y_pred = first(run_graph(functional(model), inputs, stand_in))
        costs = _costs(y, y_pred, loss, model)
    return _Measure(tape, y_pred, costs, given, runs)


def _inputs(model, x):
    """A batch as a list of arrays, in the order of the model's inputs."""
    names = [tensor.name for tensor in model.inputs]
    if isinstance(x, dict) and set(x) == set(names):
        x = [x[name] for name in names]
    inputs = [np.asarray(array) for array in (x if isinstance(x, (list, tuple)) and len(names) > 1 else [x])]
    if len(inputs) != len(names):
        raise ValueError(f"x must hold the inputs {names} of {model.name}, in a list or by name, got {len(inputs)}.")
    return inputs


def _layer_to_measure(model, name):
    recurrent = recurrent_operations(model)
    both = [layer.name for layer in recurrent if len(directions(layer)) == 2]
    if both:
        raise ValueError(f"{both[0]} reads from both ends: there is no one direction that its errors flow in.")
    named = recurrent[-1:] if name is None else [layer for layer in recurrent if layer.name == name]
    if len(named) != 1:
        how_many, names = "several layers" if named else "no recurrent layer", [layer.name for layer in recurrent]
        raise ValueError(f"{model.name} has {how_many} {name!r}, it has {names}.")
    return named[0]


def _costs(y, y_pred, loss, model):
    """-> L_t (B, T), or (B,) of a model that answers once."""
    import tensorflow as tf

    cost, mask = _cost_of_one_step(loss, model), get_keras_mask(y_pred)
    # A loss of Keras computes in float32 as well: a square of float16 is soon too small.
    y_pred = tf.cast(y_pred, "float32") if y_pred.dtype.size < 4 else y_pred
    each = cost(_fitting(tf.convert_to_tensor(y), y_pred), y_pred)
    if each.shape != y_pred.shape[:-1]:
        raise ValueError(
            f"loss must give a cost for each answer of y_pred {tuple(y_pred.shape)}, got {tuple(each.shape)}."
        )
    return each if mask is None or len(each.shape) < 2 else tf.where(mask, each, tf.zeros_like(each))


def _fitting(y, y_pred):
    """y with a last axis where only that is missing; an error where a loss would spread it over other answers."""
    numbers = y.dtype.is_floating
    if y.shape == y_pred.shape[:-1] and y_pred.shape[-1] == 1:
        return y[..., None]
    if (numbers and y.shape != y_pred.shape) or y.shape[: len(y_pred.shape) - 1] != y_pred.shape[:-1]:
        raise ValueError(f"y must fit the answers {tuple(y_pred.shape)}, or be their classes, got {tuple(y.shape)}.")
    return y


def _cost_of_one_step(loss, model):
    loss = getattr(model, "loss", None) if loss is None else loss
    if loss is None:
        raise ValueError(f"{model.name} was not compiled with a loss: name one, such as loss='mean_squared_error'.")
    loss = keras.losses.get(loss)
    return getattr(loss, "call", loss)  # a loss object's `call` gives a cost for each example, its `__call__` the mean


@contextlib.contextmanager
def _tapped(measured, recurrent, tape, runs):
    """Meanwhile the loops of the measured layers run with a tap, and every layer begins at its own a_0.

    `inner_loop` is where Keras lets a layer run the loop its own way; everything around it stays the layer's.
    """
    layers = [layer for operation in recurrent for layer in directions(operation)]
    stateful = [layer.stateful for layer in layers]
    try:
        for layer in layers:
            layer.stateful = False
        for layer in measured:
            layer.inner_loop = partial(_loop_with_a_tap, layer, tape, runs)
        yield
    finally:
        for layer, was in zip(layers, stateful):
            layer.stateful = was
            vars(layer).pop("inner_loop", None)


def _loop_with_a_tap(layer, tape, runs, sequences, initial_state, mask, training=False):
    """As keras.layers.RNN has it: (B, T, n_x), [(B, n_a), ...], (B, T) -> the last answer, all, the last states."""
    if layer in runs:
        raise ValueError(f"{layer.name} runs twice in the model: its a_t is not one.")
    if any(isinstance(a, (list, tuple)) for a in initial_state):
        raise ValueError(f"{layer.name} has a stack of cells, each with states of its own: give each its own layer.")
    x, mask = ops.cast(sequences, layer.cell.compute_dtype), None if mask is None else ops.cast(first(mask), "bool")
    if layer.go_backwards:
        x, mask = ops.flip(x, axis=1), None if mask is None else ops.flip(mask, axis=1)
    tap = ops.zeros((*x.shape[:2], sum(a.shape[-1] for a in initial_state)), layer.cell.compute_dtype)
    tape.watch(tap)
    cell = _TappedCell(layer.cell, tap, mask)
    states = plain.states(cell, x, initial_state)
    up = [ops.copy(a) for a in states]
    runs[layer] = _Run(tap, states, up)
    y = cell.readout(up if layer.return_sequences else [a[:, -1:] for a in up])
    if mask is not None:
        shown = mask if layer.zero_output_for_mask else ops.cumsum(ops.cast(mask, "int32"), axis=1) > 0
        y = ops.where(shown[:, -y.shape[1] :, None], y, ops.zeros_like(y))
    return y[:, -1], y, [a[:, -1] for a in states]


class _TappedCell:
    """A cell's parts, where z_t brings along what is added to the states first, and whether the step counts.

    A step that does not carries the states with what was added; in Keras' own loop that would be lost there.
    """

    def __init__(self, cell, tap, mask):
        self.own_project, self.own_advance, self.readout = _parts(cell)
        self.masked = mask is not None
        self.along = [plain.time_first(a) for a in ([tap, mask[..., None]] if self.masked else [tap])]

    def project(self, x):
        """(T, B, n_x) -> (T, B, n_z + Σ n_a + 1)."""
        z = self.own_project(x)
        self.n_z = z.shape[-1]
        return ops.concatenate([z, *(ops.cast(a, z.dtype) for a in self.along)], axis=-1)

    def advance(self, z_t, states):
        ends = itertools.accumulate([self.n_z, *(a.shape[-1] for a in states)])
        z_t, *taps, there = ops.split(z_t, list(ends), axis=-1)
        before = [a + ops.cast(tap, a.dtype) for a, tap in zip(states, taps)]
        after = self.own_advance(z_t, before)
        return [ops.where(there > 0, a, a_prev) for a, a_prev in zip(after, before)] if self.masked else after


def _parts(cell):
    """-> project, advance and readout, also of a cell that has only a `call`, if its answer is its first state."""
    why = getattr(cell, "step_by_step", f"{type(cell).__name__} is no RecurrentCell")
    if why is None:
        return cell.project, cell.advance, cell.readout

    def advance(x_t, states):
        y_t, states = cell(x_t, states)
        states = list(states) if isinstance(states, (list, tuple)) else [states]
        if y_t is not states[0]:
            raise ValueError(
                f"{why}, and what {cell.name} answers is not its first state itself: nobody can tell how an error "
                "flows from the answer into the states. A RecurrentCell says so by its readout."
            )
        return states

    return lambda x: x, advance, lambda states: states[0]
