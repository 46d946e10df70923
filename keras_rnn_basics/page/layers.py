"""What a Keras layer or operation does, in the words of `operations.js`; None for what the page does not know.

Layers of Keras are told by their class, and only the class itself: a subclass may do anything. Cells of this package
tell it themselves, by `RecurrentCell.formula`.
"""

from typing import Any

import keras
import numpy as np

from keras_rnn_basics.compat import layers_within
from keras_rnn_basics.page import join

# The functions of `activations.js`, by the names that Keras gives them.
FUNCTIONS = (
    "elu",
    "exponential",
    "gelu",
    "hard_sigmoid",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_softmax",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "tanh",
)
NOTHING = ("Dropout", "SpatialDropout1D", "GaussianNoise", "GaussianDropout", "ActivityRegularization", "Identity")


def kind(operation: Any) -> str:
    """The name of a class of Keras, and "" for every other class."""
    return type(operation).__name__ if type(operation).__module__.split(".")[0] == "keras" else ""


def function(activation: Any) -> str | None:
    """The name of an activation that the page knows: `keras.activations.tanh` -> "tanh"."""
    name = getattr(activation, "__name__", "linear" if activation is None else "")
    ours = keras.activations.get(name) if name in FUNCTIONS else None
    return name if activation is None or (ours is not None and ours is activation) else None


def numbers(tensor: Any) -> np.ndarray:
    """A weight as float32, whatever dtype the model computes in."""
    return np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32")))


def each_step(layer: Any, steps: bool) -> list[dict[str, Any]] | None:
    """What a layer does to (B, ...), or with `steps` to every step of (B, T, ...): a list of operations."""
    own = {"name": layer.name}
    match kind(layer):
        case "Sequential":
            found = [each_step(part, steps) for part in layer.layers]
            return None if None in found else [operation for one in found for operation in one or []]
        case "Dense" if layer.quantization_mode is None and function(layer.activation):
            b = numbers(layer.bias) if layer.use_bias else None
            return [own | {"op": "dense", "W": numbers(layer.kernel), "b": b, "h": function(layer.activation)}]
        case "Embedding":
            return [own | {"op": "embedding", "E": numbers(layer.embeddings), "masks": bool(layer.mask_zero)}]
        case "Activation" if function(layer.activation):
            return [own | {"op": "activation", "h": function(layer.activation)}]
        case "ReLU" if not layer.negative_slope and layer.max_value is None and not layer.threshold:
            return [own | {"op": "activation", "h": "relu"}]
        case "Softmax" if layer.axis == -1:
            return [own | {"op": "activation", "h": "softmax"}]
        case "Masking":
            return [own | {"op": "masking", "value": float(np.asarray(layer.mask_value))}]
        case "Normalization" | "BatchNormalization" | "Rescaling":
            return _affine(layer, own)
        case "LayerNormalization" if layer.axis in (-1, [-1], (-1,)):
            scale = {
                name: numbers(getattr(layer, name)) for name in ("gamma", "beta") if getattr(layer, name) is not None
            }
            return [own | {"op": "layer_norm", "gamma": None, "beta": None, "epsilon": layer.epsilon} | scale]
        case "CategoryEncoding" if layer.output_mode == "one_hot":
            return [own | {"op": "one_hot", "size": layer.num_tokens}]
        case "Flatten":
            return [own | {"op": "reshape", "shape": [None, -1] if steps else [-1]}]
        case "Reshape":
            return [own | {"op": "reshape", "shape": [None] * steps + list(layer.target_shape)}]
        case name if name in NOTHING:
            return []
    return None


def _affine(layer, own):
    """Layers that multiply each feature and add to it: what they do to zeros and to ones tells by how much."""
    axes = getattr(layer.input_spec, "ndim", None) or 2
    if kind(layer) == "BatchNormalization":
        shape: tuple[int, ...] = tuple(layer.moving_mean.shape) if layer.axis in (-1, axes - 1) else ()
    elif kind(layer) == "Rescaling":
        shape = np.broadcast_shapes(np.shape(layer.scale), np.shape(layer.offset)) or (1,)
    else:
        shape = tuple(n for n in np.shape(layer.mean) if n > 1) or (1,)
    if len(shape) != 1:
        return None
    x = np.zeros((*[1] * (axes - 1), *shape), "float32")
    add = numbers(layer(x, training=False)).reshape(-1)
    by = numbers(layer(x + 1, training=False)).reshape(-1) - add
    return [own | {"op": "affine", "by": by, "add": add}]


def cell(own: Any) -> dict[str, Any] | None:
    """The equations of a cell, by their name in `cells.js`, with its weights; None for those that are not there."""
    match kind(own):
        case "SimpleRNNCell":
            weights, b = {"W_ax": own.kernel, "W_aa": own.recurrent_kernel}, {"b": own.bias}
            said: dict[str, Any] = {"kind": "plain", "g": own.activation}
        case "GRUCell" if own.reset_after:
            weights = {"W_ax": own.kernel, "W_aa": own.recurrent_kernel}
            b = {"b_x": own.bias[0], "b_a": own.bias[1]} if own.use_bias else {}
            said = {"kind": "gru", "g": own.activation, "gate": own.recurrent_activation}
        case "LSTMCell":
            weights, b = {"W_ax": own.kernel, "W_aa": own.recurrent_kernel}, {"b": own.bias}
            said = {"kind": "lstm", "g": own.activation, "gate": own.recurrent_activation}
        case _:
            told = getattr(own, "formula", lambda: None)()
            if told is None or own.step_by_step or not own.still_says("formula", "project", "advance", "readout"):
                return None
            name, said = told
            if name not in join.cells():
                return None
            weights = {name: getattr(own, name) for name in ("W_aa", "W_ax", "W_ya") if hasattr(own, name)}
            b = {name: getattr(own, name) for name in ("b_x", "b_a", "b_y") if hasattr(own, name)}
            said = {"kind": name} | said
    functions = {name: function(said.get(name)) for name in ("g", "h", "gate")}
    of_whole_rows = ("softmax", "log_softmax")
    if None in functions.values() or functions["g"] in of_whole_rows or functions["gate"] in of_whole_rows:
        return None
    found = {name: numbers(weight) for name, weight in (weights | b).items() if weight is not None}
    sizes = own.state_size if isinstance(own.state_size, (list, tuple)) else [own.state_size]
    rest = {name: numbers(value) for name, value in said.items() if name not in (*functions, "kind")}
    return functions | rest | {"kind": said["kind"], "weights": found, "sizes": list(sizes)}


def recurrent_layers_that_carry_on(model: keras.Model) -> list[str]:
    """The names of the layers that begin with the last state of the batch before."""
    return [layer.name for layer in layers_within(model) if getattr(layer, "stateful", False)]
