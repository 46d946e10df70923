"""A cell as functions of its weights: a compiled program takes the weights as arguments and returns their gradients."""

import weakref
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_rnn_basics.compat import AutocastScope
from keras_rnn_basics.recurrence import by_hand, elman, loop


class Network:
    """The parts of a cell, each with the weights' values as its last argument; (T, b, ...) tensors, time first.

    It does not keep its cell alive, so compiled functions are freed with the model.
    """

    def __init__(self, cell):
        self._cell: Callable[[], Any] = weakref.ref(cell)
        # The name in `by_hand.DERIVATIVES` of the g of a step `g(z_t + a_{t-1} W_aa)`, or None for any other step.
        self.g = elman.standard_name(cell.elman()[0]) if elman.is_elman(cell) else None

    def project(self, x, weights):
        return self._run(lambda cell: cell.project(x), weights)

    def readout(self, states, weights):
        return self._run(lambda cell: cell.readout(states), weights)

    def states(self, z, states_0, weights, mask, a_dropout):
        """-> the states of all steps, and the products that `errors` needs."""

        def step(z_t, states):
            products = []

            here = tf.compat.v1.get_default_graph()

            def keep(a, W):
                product = keras.ops.matmul(a, W)
                if self._place(W, here) is not None:
                    products.append(product)
                return product

            after = self._run(lambda cell: cell.advance(z_t, states), weights, keep)
            return list(after), [] if self.g else products

        return loop.states(step, z, states_0, mask, a_dropout)

    def errors(self, da, da_T, a, products, z, states_0, weights, mask, a_dropout):
        """As `loop.errors`, or `by_hand.errors` if the step's derivative is written out."""
        if self.g is None:
            return loop.errors(self._replay, da, da_T, a, products, z, states_0, weights, mask, a_dropout)
        cell = self._cell()
        _, name = cell.elman()
        place: Any = self._place(getattr(cell, name))
        da = None if da is None else da[0]
        W_aa = tf.cast(weights[place], a[0].dtype)
        dz, da_0, dW_aa = by_hand.errors(self.g, da, da_T[0], a[0], states_0[0], W_aa, mask, a_dropout)
        of_weights: list[Any] = [None] * len(weights)
        of_weights[place] = tf.cast(dW_aa, weights[place].dtype)
        return dz, [da_0], of_weights

    def _replay(self, z_t, states, weights, products):
        """`advance` with the kept products -> the states, and (place of its W, factor) for each product."""
        kept, factors, here = iter(products), [], tf.compat.v1.get_default_graph()

        def recall(a, W):
            place = self._place(W, here)
            if place is None:
                return keras.ops.matmul(a, W)
            factors.append((place, tf.convert_to_tensor(a)))
            return loop.kept_product(factors[-1][1], tf.convert_to_tensor(W), next(kept))

        return list(self._run(lambda cell: cell.advance(z_t, states), weights, recall)), factors

    def _place(self, W, here=None):
        """The place of a weight among the cell's weights, or None for a product that is an operation like any other.

        These are products with values computed from weights, and products in a branch or a loop with its own graph.
        """
        if len(W.shape) != 2 or (here is not None and here is not tf.compat.v1.get_default_graph()):
            return None
        return next((place for place, variable in enumerate(self._cell().weights) if variable is W), None)

    def _run(self, part, weights, recur=None):
        cell = self._cell()
        values = list(zip(cell.weights, weights))
        with keras.StatelessScope(state_mapping=values, collect_losses=True) as scope:
            before = dict(scope.state_mapping)
            with AutocastScope(cell.compute_dtype):
                result = part(cell) if recur is None else cell.with_products(recur, part)
        changed = any(before.get(key) is not value for key, value in scope.state_mapping.items())
        if changed or scope.losses:
            what = "changes a variable" if changed else "adds a loss"
            raise ValueError(
                f"{type(cell).__name__} {what} in project, advance or readout, such as a moving mean or the seed of "
                "a random number; a compiled loop would lose it. Build the layer with recurrence='plain'."
            )
        return result


def summed(*gradients):
    """Lists with a gradient, or None, for each weight -> their sums."""
    given = [[part for part in parts if part is not None] for parts in zip(*gradients)]
    return [tf.add_n(parts) if parts else None for parts in given]
