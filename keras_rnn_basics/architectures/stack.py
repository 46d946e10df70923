"""What the architectures share: the input of one sequence, and layers of cells on top of each other."""

from numbers import Integral

import keras

from keras_rnn_basics.architectures.each_step import EachStep
from keras_rnn_basics.cell import BasicRNNCell
from keras_rnn_basics.layer import BasicRNN


def check_input_shape(input_shape, frontend):
    """The shape of one time step as a tuple; an error if it is none, or is a token's without an embedding."""
    if not isinstance(input_shape, (tuple, list)) or not all(isinstance(n, Integral) and n > 0 for n in input_shape):
        raise ValueError(
            "input_shape must be the shape of one time step, such as (6,), (16, 16) or () for a token, "
            f"got {input_shape!r}."
        )
    if not input_shape and frontend is None:
        raise ValueError(
            "input_shape=() means that a step is a token, and a token needs an embedding: "
            "frontend=keras.layers.Embedding(vocabulary_size, size). For one number a step use input_shape=(1,)."
        )
    return tuple(input_shape)


def input_dtype(input_shape):
    """Tokens are integers; everything else is a number."""
    return "int32" if input_shape == () else None


def features(x, frontend):
    """(B, T, ...) -> (B, T, n_x): every step through the frontend, or flattened where there is none."""
    if frontend is not None:
        return EachStep(frontend, name="frontend")(x)
    return x if len(x.shape) == 3 else EachStep(keras.layers.Flatten(), name="frontend")(x)


def stack(x, layers):
    """(B, T, n_x) -> the output of the last of the layers, one on top of the other."""
    for layer in layers:
        x = layer(x)
    return x


def recurrent_layers(
    units,
    output_units,
    output_activation,
    return_sequences,
    bidirectional=False,
    stateful=False,
    recurrence="auto",
    recompute=False,
    **cell_arguments,
):
    """A BasicRNN for each of `units`; the last one has the outputs, the others hand on their a_t.

    In a bidirectional layer two cells read the sequence, one from each end. The answer is
    `h(a→ W_ya→ + b_y→ + a← W_ya← + b_y←)`: each cell owns its part of the output weights, and h acts on the sum.
    """
    depth = units if isinstance(units, (list, tuple)) else [units]
    if not depth:
        raise ValueError("units must be a positive integer or a list of them, got an empty list.")
    layers = []
    for number, n_a in enumerate(depth, start=1):
        top = number == len(depth)
        outputs = {"output_units": output_units, "output_activation": None if bidirectional else output_activation}
        cell = BasicRNNCell(n_a, **(outputs if top else {}), **cell_arguments)
        name = f"rnn_{number}"
        layer = BasicRNN(
            cell,
            return_sequences=return_sequences or not top,
            stateful=stateful,
            recurrence=recurrence,
            recompute=recompute,
            name=name,
        )
        if bidirectional:
            layer = keras.layers.Bidirectional(layer, merge_mode="sum" if top else "concat", name=name)
        layers.append(layer)
    if bidirectional and output_activation is not None:
        layers.append(keras.layers.Activation(output_activation, name="h"))
    return layers
