"""How error flows back through time, measured: the model is unrolled step by step under TensorFlow's tape."""

from typing import Any

import numpy as np

from keras_rnn_basics.pictures.anatomy import Recurrent, read

# Examples in one pass of `gradient_flow`: so many states of each step are in memory.
AT_ONCE = 1024


def gradient_flow(model: Any, x: Any, y: Any, loss: Any = None, layer: str | None = None) -> np.ndarray:
    """-> (T, T) norms: in row t and column k, |∂L_t/∂a_k|, the mean over the batch of its length in n_a numbers.

    L_t depends on a_k by all ways forward in time, so that a row shows how far back an error at t is still felt.
    Above the diagonal are zeros.

    Args:
        model: a built model of layers in a row that answers every step, none of them bidirectional.
        x: (B, T, ...) inputs; y: their targets, as the loss takes them.
        loss: the cost of one step: a name or function of Keras, or a loss such as `SumOverTime(...)`; `None` takes the
            one that the model was compiled with.
        layer: the name of the recurrent layer whose a_k is meant; `None` for the last.

    Raises:
        ValueError: for another model, an unknown layer, or no loss.
        RuntimeError: on another backend than TensorFlow.

    With g the identity and W_aa half of it, an error halves at every step that it goes back.

    >>> import keras
    >>> import keras_rnn_basics as krb
    >>> model = krb.build_many_to_many((1,), 1, 1, activation="linear")
    >>> model.get_layer("rnn_1").cell.W_aa.assign([[0.5]]).shape
    TensorShape([1, 1])
    >>> norms = krb.gradient_flow(model, np.ones((1, 4, 1)), np.zeros((1, 4, 1)), "mean_squared_error")
    >>> print(norms[3] / norms[3, 3])
    [0.125 0.25  0.5   1.   ]
    """
    anatomy = read(model)
    if len(anatomy.chains) > 1 or not anatomy.chains[0].every_step:
        raise ValueError(f"gradient_flow takes a model that answers every step it reads, {anatomy.name} does not.")
    recurrent = {part.name: part for part in anatomy.chains[0].recurrent}
    layer = list(recurrent)[-1] if layer is None else layer
    if layer not in recurrent:
        raise ValueError(f"{anatomy.name} has no recurrent layer {layer!r}, it has {list(recurrent)}.")
    two = [part.name for part in recurrent.values() if len(part.cells) == 2]
    if two:
        raise ValueError(f"{two[0]} reads from both ends: there is no one direction that its errors flow in.")
    x, y = np.asarray(x), np.asarray(y)
    B, T = x.shape[:2]
    norms = np.zeros((T, T))
    at_once = max(1, AT_ONCE // B)
    for first in range(1, T + 1, at_once):
        # A copy of the batch for each of these t, of which only L_t counts: one way back gives a row of norms a copy.
        rows = range(first, min(first + at_once, T + 1))
        copies = [np.concatenate([array] * len(rows)) for array in (x, y)]
        tape, costs, values = _forward(anatomy, *copies, loss)
        counts = [np.repeat([float(row == t) for row in rows], B).astype(cost.dtype.name) for t, cost in costs.items()]
        states = values[anatomy.name, layer, "→", "state"]
        gradients = tape.gradient(list(costs.values()), list(states.values()), output_gradients=counts)
        for k, gradient in zip(states, gradients):
            if gradient is not None:  # of a state behind all of these t
                each = np.asarray(gradient, "float64").reshape(len(rows), B, -1)
                norms[first - 1 : first - 1 + len(rows), k - 1] = np.linalg.norm(each, axis=-1).mean(axis=1)
    return norms


def error_flow(anatomy: Any, x: Any, y: Any, loss: Any = None) -> tuple[dict[tuple, float], np.ndarray]:
    """-> for each line of the unrolled network the mean |∂L/∂ what goes along it| over the batch, and L_1 .. L_T.

    A line is named (chain, layer, direction, what, t) with t from 1: "recurrent" is a_{t-1} on its way to a_t, "up" a_t
    on its way to the layer above, "out" a layer's answer, "answer" ŷ_t.
    """
    tape, costs, values = _forward(anatomy, x, y, loss)
    lines = {(*name, t): value for name, by_t in values.items() if name[-1] != "state" for t, value in by_t.items()}
    gradients = tape.gradient(list(costs.values()), list(lines.values()))  # of their sum
    flows = {line: _norm(gradient) for line, gradient in zip(lines, gradients)}
    return flows, np.array([float(np.mean(cost)) for cost in costs.values()])


def _norm(gradient):
    """(B, n) -> the mean of the B lengths; 0 for what has no influence."""
    return 0.0 if gradient is None else float(np.linalg.norm(np.asarray(gradient, "float64"), axis=-1).mean())


def _forward(anatomy, x, y, loss):
    """One pass, every step by itself, under a tape.

    -> the tape; {t: L_t (B,)}; {(chain, layer, direction, what): {t: (B, n)}}.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(f"Gradients are measured under TensorFlow; Keras runs on {keras.backend.backend()} here.")
    import tensorflow as tf

    cost = _cost_of_one_step(loss, anatomy.model)
    inputs = list(x) if len(anatomy.chains) > 1 else [x]
    if len(inputs) != len(anatomy.model.inputs):
        names = [tensor.name for tensor in anatomy.model.inputs]
        raise ValueError(
            f"Gradients are measured of a model with one input, or of an encoder and a decoder with x = [x, y_in]; "
            f"{anatomy.name} has {names}, got {len(inputs)} of them."
        )
    inputs = [tf.convert_to_tensor(x, dtype=tensor.dtype) for x, tensor in zip(inputs, anatomy.model.inputs)]
    with tf.GradientTape(persistent=True) as tape:
        walk = _Walk(tf, tape)
        read, mask, states = walk.through(anatomy.chains[0], inputs[0])
        if len(anatomy.chains) > 1:
            memory = ()
            if anatomy.attention:
                there = tf.not_equal(inputs[0], 0)
                memory = (tf.where(there[..., None], read, tf.zeros_like(read)), there)
            read, mask, _ = walk.through(anatomy.chains[1], inputs[1], states, memory)
        chain = anatomy.chains[-1]
        answers = walk.keep((chain.name, "", "", "answer"), walk.by_t(read, chain.every_step))
        y_pred = tf.stack(list(answers.values()), axis=1) if chain.every_step else answers[walk.T]
        each = cost(_fitting(tf.convert_to_tensor(y), y_pred), y_pred)
        if each.shape != y_pred.shape[:-1]:
            raise ValueError(
                f"loss must give a cost for each answer of y_pred {tuple(y_pred.shape)}, got {tuple(each.shape)}."
            )
        if len(each.shape) == 2 and mask is not None:
            each *= tf.cast(mask, each.dtype)
        costs = {t: each[:, t - 1] for t in answers} if len(each.shape) == 2 else {walk.T: each}
    return tape, costs, walk.values


def _fitting(y, y_pred):
    """y with a last axis where only that is missing; an error where a loss would spread it over other answers."""
    numbers = y.dtype.is_floating
    if y.shape == y_pred.shape[:-1] and y_pred.shape[-1] == 1:
        return y[..., None]
    if (numbers and y.shape != y_pred.shape) or y.shape[: len(y_pred.shape) - 1] != y_pred.shape[:-1]:
        raise ValueError(f"y must fit the answers {tuple(y_pred.shape)}, or be their classes, got {tuple(y.shape)}.")
    return y


def _cost_of_one_step(loss, model):
    import keras

    loss = getattr(model, "loss", None) if loss is None else loss
    if loss is None:
        raise ValueError(f"{model.name} was not compiled with a loss: name one, such as loss='mean_squared_error'.")
    loss = keras.losses.get(loss)
    return getattr(loss, "call", loss)  # a loss object's `call` gives a cost for each example, its `__call__` the mean


class _Walk:
    """A pass through the layers; `values` keeps what went along each line as a tensor of its own."""

    def __init__(self, tf, tape):
        self.tf, self.tape = tf, tape
        self.T = 0
        self.values = {}

    def keep(self, name, by_t):
        # New tensors: the tape then tells this way apart from the others that the same value goes.
        self.values[name] = {t: self.tf.identity(value) for t, value in by_t.items()}
        return self.values[name]

    def by_t(self, x, every_step):
        """(B, T, n) -> {t: (B, n)}; (B, n) -> {T: (B, n)}."""
        if every_step:
            return {t: x[:, t - 1] for t in range(1, x.shape[1] + 1)}
        return {self.T: x}

    def through(self, chain, x, begin=(), memory=()):
        """-> the last layer's answer, its mask, and the last state of each recurrent layer."""
        tf, mask, ends, through = self.tf, None, [], True
        if len(x.shape) == len(chain.x_shape):
            x = x[:, None]  # one_to_one takes x without an axis of time
        self.T = x.shape[1]
        for part in chain.parts:
            if isinstance(part, Recurrent):
                a_0 = begin[len(ends)] if begin else None
                x, end = self.recurrent(chain, part, x, mask, a_0)
                ends.append(end)
                through = through and part.every_step
                mask = mask if through else None
            elif part.looks_back:
                x, _ = part.layer(x, *memory)
            else:
                mask = part.layer.compute_mask(x, mask) if part.layer.supports_masking else None
                x = part.layer(x)
            out = self.keep((chain.name, part.name, "", "out"), self.by_t(x, through))
            x = tf.stack(list(out.values()), axis=1) if through else out[self.T]
        return x, mask, ends

    def recurrent(self, chain, part, x, mask, a_0):
        tf, answers = self.tf, []
        for direction, cell in zip("→←", part.cells):
            flipped = direction == "←" or chain.backwards
            read = tf.reverse(x, [1]) if flipped else x
            there = None if mask is None else tf.reverse(mask, [1]) if flipped else mask
            z = cell.project(read)
            a = tf.zeros_like(z[:, 0]) if a_0 is None else a_0
            self.tape.watch(a)
            name = (chain.name, part.name, direction)
            states, lines = {}, {}
            for step in range(self.T):
                t = self.T - step if direction == "←" else step + 1
                lines[t] = a_prev = tf.identity(a)
                [a] = cell.advance(z[:, step], [a_prev])
                if there is not None:
                    a = tf.where(there[:, step, None], a, a_prev)
                states[t] = a
            self.values[(*name, "recurrent")], self.values[(*name, "state")] = lines, states
            up = self.keep((*name, "up"), dict(sorted(states.items())) if part.every_step else {t: a})
            answers.append([cell.readout([a]) for a in up.values()])
        both = [_merge(tf, part.merge, sides) for sides in zip(*answers)]
        return (tf.stack(both, axis=1) if part.every_step else both[0]), a


def _merge(tf, mode, sides):
    if mode is None:
        return sides[0]
    ways = {"concat": lambda a, b: tf.concat([a, b], axis=-1), "sum": lambda a, b: a + b}
    ways |= {"ave": lambda a, b: 0.5 * (a + b), "mul": lambda a, b: a * b}
    return ways[mode](*sides)
