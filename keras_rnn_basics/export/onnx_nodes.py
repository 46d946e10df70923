"""The node of ONNX, `RNN`, `GRU` or `LSTM`, that is a cell; or the reason why there is none.

    RNN     a_t = g(x_t Wᵀ + b_W + a_{t-1} Rᵀ + b_R)      W = W_axᵀ, R = W_aaᵀ, b_W = b_x, b_R = b_a

The rows of W and R belong to the gates one after another: z, r, h in a GRU as in Keras; i, o, f, c in an LSTM, where
Keras has i, f, c, o.

Source: the operators RNN, GRU and LSTM of the ONNX specification.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

# Keras' name -> ONNX' name, with its alpha and its beta, or None if it has none.
ACTIVATIONS = {
    "tanh": ("Tanh", None, None),
    "relu": ("Relu", None, None),
    "sigmoid": ("Sigmoid", None, None),
    "linear": ("Affine", 1.0, 0.0),
    "hard_sigmoid": ("HardSigmoid", 1 / 6, 0.5),
    "leaky_relu": ("LeakyRelu", 0.2, None),
    "elu": ("Elu", 1.0, None),
    "softsign": ("Softsign", None, None),
    "softplus": ("Softplus", None, None),
}


class NoNode(ValueError):
    """The reason why a layer has no node."""


class CellNode(NamedTuple):
    """One direction of a node.

    Attributes:
        kind: "RNN", "GRU" or "LSTM".
        activations: for each of its functions the name, alpha and beta.
        W: (gates n_a, n_x).
        R: (gates n_a, n_a).
        B: (2 gates n_a,), both biases.
        linear_before_reset: of a GRU, 1 if the reset gate multiplies the product with a_{t-1}, 0 if a_{t-1} itself.
    """

    kind: str
    activations: list[tuple]
    W: np.ndarray
    R: np.ndarray
    B: np.ndarray
    linear_before_reset: int = 0

    @property
    def n_a(self) -> int:
        return self.R.shape[1]


def node_of(cell: Any) -> CellNode:
    """The node of a cell, with its weights.

    Raises:
        NoNode: for a cell that is none.
    """
    if cell.compute_dtype != "float32":
        raise NoNode(f"the nodes compute in float32, not in {cell.compute_dtype}")
    of_keras = {keras.layers.SimpleRNNCell: _simple, keras.layers.GRUCell: _gru, keras.layers.LSTMCell: _lstm}
    if type(cell) in of_keras:  # a subclass may have another step
        return of_keras[type(cell)](cell)
    from keras_rnn_basics.recurrence import elman  # it imports TensorFlow

    named = all(hasattr(cell, name) for name in ("W_ax", "b_x", "b_a"))
    if getattr(cell, "step_by_step", "") is not None or not elman.is_elman(cell, "project") or not named:
        raise NoNode(f"there is no node with the step of {type(cell).__name__}")
    g, name = cell.elman()
    biases = np.concatenate([_numbers(cell.b_x), _numbers(cell.b_a)])
    return CellNode("RNN", [_activation(g)], _numbers(cell.W_ax).T, _numbers(getattr(cell, name)).T, biases)


def attributes(cells: Sequence[CellNode], backwards: Sequence[bool]) -> dict[str, Any]:
    """The attributes of the node whose directions these cells are."""
    functions = [function for cell in cells for function in cell.activations]
    found: dict[str, Any] = {
        "hidden_size": cells[0].n_a,
        "direction": "bidirectional" if len(cells) > 1 else "reverse" if backwards[0] else "forward",
        "activations": [name for name, _, _ in functions],
    }
    # Each list is read in the order of the functions that have such a number.
    for key, values in (("activation_alpha", 1), ("activation_beta", 2)):
        numbers = [function[values] for function in functions if function[values] is not None]
        found |= {key: numbers} if numbers else {}
    if cells[0].kind == "GRU":
        found["linear_before_reset"] = cells[0].linear_before_reset
    return found


def _simple(cell):
    W, R = _matrices(cell)
    return CellNode("RNN", [_activation(cell.activation)], W, R, _biases(cell, cell.units))


def _gru(cell):
    functions = [_activation(cell.recurrent_activation), _activation(cell.activation)]
    W, R = _matrices(cell)
    return CellNode("GRU", functions, W, R, _biases(cell, 3 * cell.units), int(cell.reset_after))


def _lstm(cell):
    functions = [_activation(cell.recurrent_activation), _activation(cell.activation), _activation(cell.activation)]

    def in_order(rows):
        i, f, c, o = np.split(rows, 4)
        return np.concatenate([i, o, f, c])

    W, R = map(in_order, _matrices(cell))
    biases = np.split(_biases(cell, 4 * cell.units), 2)
    return CellNode("LSTM", functions, W, R, np.concatenate([in_order(own) for own in biases]))


def _matrices(cell):
    return _numbers(cell.kernel).T, _numbers(cell.recurrent_kernel).T


def _biases(cell, n):
    """(2n,): Keras' cells have none, or one, or (a GRU with reset_after) both."""
    own = _numbers(cell.bias).ravel() if cell.use_bias else np.zeros(0, "float32")
    return np.concatenate([own, np.zeros(2 * n - len(own), "float32")])


def _activation(function):
    from keras_rnn_basics.recurrence import elman

    name = elman.standard_name(function) or elman.name_of(function)
    if elman.standard_name(function) is None and getattr(keras.activations, name, None) is not function:
        name = f"the function {name}"
    if name not in ACTIVATIONS:
        raise NoNode(f"the nodes have the activations {', '.join(ACTIVATIONS)}, not {name}")
    return ACTIVATIONS[name]


def _numbers(weight) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(weight), "float32")
