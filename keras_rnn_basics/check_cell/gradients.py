"""Checks of backpropagation: the gradients equal finite differences, and every weight has an effect."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_rnn_basics.check_cell.subject import B
from keras_rnn_basics.layer import BasicRNN

# Pairs of step size and tolerance: rounding disturbs a small step, a kink a large one. One of the two must succeed.
FLOAT64 = ((1e-6, 1e-4), (1e-3, 1e-2))
FLOAT32 = ((1e-3, 2e-2), (1e-2, 5e-2))


def they_are_those_of_finite_differences(subject):
    if keras.backend.backend() != "tensorflow":
        return
    try:
        cost, ways = _Cost(subject, subject.copy("float64")), FLOAT64
        gradients = cost.gradients()
    except Exception:  # a cell may be written for float32 only
        cost, ways = _Cost(subject, subject.copy("float32")), FLOAT32
        with subject.trying("backpropagation through BasicRNN(cell), compiled"):
            gradients = cost.gradients()
    for (name, variable), gradient in zip(cost.variables, gradients):
        direction = subject.rng.normal(size=variable.shape)
        slope = float((gradient * direction).sum())
        differences = [cost.difference(variable, direction, way) for way, _ in ways]
        if name in cost.learning and not gradient.any() and not any(differences):
            subject.fail(
                f"the weight {name} has no effect on the outputs and the states; use it, remove it from "
                "declare_weights, or name it in frozen"
            )
        if not any(abs(slope - d) <= near * (0.1 + abs(d)) for d, (_, near) in zip(differences, ways)):
            route = cost.trained.recurrence_route
            subject.fail(
                f"the gradient by {name} is {slope:.4g} along a random direction (the route was {route}), but finite "
                f"differences give {differences[0]:.4g}; look for an operation that stops or replaces the gradient"
            )


class _Cost:
    """A number that depends on all outputs and last states, and so on `variables`: the weights, x and the first states.

    The gradients are those of BasicRNN in training, including dropout; the values are those of keras.layers.RNN, which
    does not use the parts.
    """

    def __init__(self, subject, cell):
        dtype = cell.compute_dtype
        options = {"return_sequences": True, "return_state": True, "dtype": dtype}
        self.trained, self.reference = BasicRNN(cell, **options), keras.layers.RNN(cell, **options)
        self.x = keras.Variable(subject.x, dtype=dtype)
        # The states are moved away from zero, where many functions have a kink.
        self.moves = [keras.Variable(state, dtype=dtype) for state in subject.states(cell)]
        weights = [(weight.name, weight) for weight in cell.weights if "float" in str(weight.dtype)]
        self.variables = [*weights, ("x", self.x), *(("the initial state", move) for move in self.moves)]
        # Dropout must drop the same numbers at every call.
        seeds = [own for own in cell.variables if not any(own is weight for weight in cell.weights)]
        self.seeds = [(seed, ops.convert_to_numpy(seed)) for seed in seeds]
        self.learning = {weight.name for weight in cell.trainable_weights}
        rng = np.random.default_rng(1)
        size = getattr(cell, "output_size", None) or self.moves[0].shape[-1]
        shares = [rng.normal(size=(B, 1, size)), *(rng.normal(size=move.shape) for move in self.moves)]
        self.shares = [ops.convert_to_tensor(share, dtype=dtype) for share in shares]

    def __call__(self, rnn=None) -> Any:
        rnn = rnn or self.reference
        states = [state + move for state, move in zip(rnn.get_initial_state(B), self.moves)]
        for seed, value in self.seeds:
            seed.assign(value)
        outputs = rnn(ops.convert_to_tensor(self.x), initial_state=states, training=True)
        return sum(ops.sum(output * share) for output, share in zip(outputs, self.shares))

    def gradients(self):
        """-> a numpy array for each variable: zeros where the cost does not depend on it."""
        import tensorflow as tf

        sources = [variable.value for _, variable in self.variables]

        @tf.function
        def compiled():
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                for source in sources:
                    tape.watch(source)
                value = self(self.trained)
            found = tape.gradient(value, sources, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            return [tf.convert_to_tensor(gradient) for gradient in found]

        return [np.asarray(gradient, dtype="float64") for gradient in compiled()]

    def difference(self, variable, direction, way):
        """The slope of the cost along a direction, by a central finite difference."""
        value, sides = ops.convert_to_numpy(variable), []
        for sign in (1, -1):
            variable.assign(value + sign * way * direction)
            sides.append(float(self()))
        variable.assign(value)
        return (sides[0] - sides[1]) / (2 * way)
