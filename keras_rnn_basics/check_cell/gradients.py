"""What backpropagation is to find: the slopes of finite differences, and an effect of every weight."""

import keras
import numpy as np
from keras import ops

from keras_rnn_basics.check_cell.subject import B

# How far to go, and how near to come: rounding tells on a short way, a kink on a long one. One of the two must do.
FLOAT64 = ((1e-6, 1e-4), (1e-3, 1e-2))
FLOAT32 = ((1e-3, 2e-2), (1e-2, 5e-2))


def they_are_those_of_finite_differences(subject):
    if keras.backend.backend() != "tensorflow":
        return
    try:
        cell, ways = subject.copy("float64"), FLOAT64
        cost, inputs = _cost(subject, cell)
        cost()
    except Exception:  # a cell may be written for float32 alone
        cell, ways = subject.copy("float32"), FLOAT32
        cost, inputs = _cost(subject, cell)
    weights = [(weight.name, weight) for weight in cell.weights if "float" in str(weight.dtype)]
    learning = {weight.name for weight in cell.trainable_weights}
    for (name, variable), gradient in zip([*weights, *inputs], _gradients(cost, [*weights, *inputs])):
        direction = subject.rng.normal(size=variable.shape)
        slope = float((gradient * direction).sum())
        differences = [_difference(cost, variable, direction, way) for way, _ in ways]
        if name in learning and not gradient.any() and not any(differences):
            subject.fail(
                f"the weight {name} has no effect on the answers and the states; use it, take it out of "
                "declare_weights, or name it in frozen"
            )
        if not any(abs(slope - d) <= near * (0.1 + abs(d)) for d, (_, near) in zip(differences, ways)):
            subject.fail(
                f"the gradient by {name} is {slope:.4g} along a random direction, and finite differences give "
                f"{differences[0]:.4g}; see what stops or replaces the gradient on its way"
            )


def _cost(subject, cell):
    """-> a function of no arguments that gives a number, and [(name, variable), ...] of what else it depends on."""
    x = keras.Variable(subject.x, dtype=cell.compute_dtype)
    # Beside zeros, where many a function has a kink.
    moves = [keras.Variable(state, dtype=cell.compute_dtype) for state in subject.states(cell)]
    rnn = keras.layers.RNN(cell, return_sequences=True, return_state=True, dtype=cell.compute_dtype)
    rng = np.random.default_rng(1)
    size = getattr(cell, "output_size", None) or moves[0].shape[-1]
    shares = [rng.normal(size=(B, 1, size)), *(rng.normal(size=move.shape) for move in moves)]

    def cost():
        states = [state + move for state, move in zip(rnn.get_initial_state(B), moves)]
        outputs = rnn(ops.convert_to_tensor(x), initial_state=states)
        return sum(ops.sum(output * ops.cast(share, output.dtype)) for output, share in zip(outputs, shares))

    return cost, [("x", x), *(("the initial state", move) for move in moves)]


def _gradients(cost, variables):
    """[(name, variable), ...] -> a numpy array for each: zeros where the cost does not depend on it."""
    import tensorflow as tf

    sources = [variable.value for _, variable in variables]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        for source in sources:
            tape.watch(source)
        value = cost()
    found = tape.gradient(value, sources, unconnected_gradients="zero")
    return [np.asarray(tf.convert_to_tensor(gradient), dtype="float64") for gradient in found]


def _difference(cost, variable, direction, way):
    """The slope of the cost along a direction, by a central finite difference."""
    value, sides = ops.convert_to_numpy(variable), []
    for sign in (1, -1):
        variable.assign(value + sign * way * direction)
        sides.append(float(cost()))
    variable.assign(value)
    return (sides[0] - sides[1]) / (2 * way)
