"""The parts that the architectures share: the input of a sequence, and a stack of recurrent layers."""

from typing import Any

import keras

from keras_rnn_basics import checks
from keras_rnn_basics.architectures.time_distributed import BatchedTimeDistributed
from keras_rnn_basics.cell import BasicRNNCell
from keras_rnn_basics.layer import BasicRNN


def check_input_shape(input_shape, frontend):
    """The shape of one time step as a tuple; an error if it is not a shape, or a token has no embedding."""
    if not isinstance(input_shape, (tuple, list)) or not all(checks.is_integer(n) and n > 0 for n in input_shape):
        raise ValueError(
            "input_shape must be the shape of one time step, such as (6,), (16, 16) or () for a token, "
            f"got {input_shape!r}."
        )
    if not input_shape and frontend is None:
        raise ValueError(
            "input_shape=() means that a step is a token, and a token needs an embedding: "
            "frontend=keras.layers.Embedding(vocabulary_size, size). For one number per step use input_shape=(1,)."
        )
    return tuple(input_shape)


def input_dtype(input_shape):
    """Tokens are integers; all other inputs are floats."""
    return "int32" if input_shape == () else None


def features(x, frontend, vocabulary=None, labels=None):
    """(B, T, ...) -> (B, T, n_x): every step passes through the frontend, or is flattened if there is none."""
    if frontend is not None:
        return BatchedTimeDistributed(frontend, vocabulary, labels, name="frontend")(x)
    return x if len(x.shape) == 3 else BatchedTimeDistributed(keras.layers.Flatten(), name="frontend")(x)


def stack(x, layers):
    """(B, T, n_x) -> the output of the last layer, after applying all layers in order."""
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
    remat=False,
    cell=None,
    **cell_arguments,
):
    """A BasicRNN for each of `units`, where all but the last pass a_t on; and the layers that complete the output.

    In a bidirectional layer two cells read the sequence, one from each end. If the cells have output weights, the
    output is `h(a→ W_ya→ + b_y→ + a← W_ya← + b_y←)`: each cell has its part of the output weights, and h is applied to
    the sum.
    """
    depth = units if isinstance(units, (list, tuple)) else [units]
    if not depth:
        raise ValueError("units must be a positive integer or a list of them, got an empty list.")
    h = None if bidirectional else output_activation  # for the sum of two cells, h is a layer of its own
    cells: list[Any]
    if cell is None:
        cells = [BasicRNNCell(n_a, **cell_arguments) for n_a in depth[:-1]]
        cells.append(BasicRNNCell(depth[-1], output_units, output_activation=h, **cell_arguments))
    else:
        cells = cells_made_by(cell, depth, cell_arguments)
    answers = output_units is not None and getattr(cells[-1], "output_units", None) is not None
    if answers and cells[-1].output_units != output_units:
        raise ValueError(
            f"cell makes a cell with output_units={cells[-1].output_units}, but the network has {output_units}."
        )
    layers = []
    for number, made in enumerate(cells, start=1):
        top, name = number == len(cells), f"rnn_{number}"
        layer = BasicRNN(
            made,
            return_sequences=return_sequences or not top,
            stateful=stateful,
            recurrence=recurrence,
            remat=remat,
            name=name,
        )
        if bidirectional:
            layer = keras.layers.Bidirectional(layer, merge_mode="sum" if top and answers else "concat", name=name)
        layers.append(layer)
    if output_units is None:
        return layers, []
    if not answers:
        return layers, [keras.layers.Dense(output_units, output_activation, name="answer")]
    outside = output_activation is not None and (bidirectional or cell is not None)
    return layers, [keras.layers.Activation(output_activation, name="h")] if outside else []


def cells_made_by(make, depth, arguments) -> list[Any]:
    """The cells that a builder's `cell=` makes: one for each of the units in `depth`."""
    if not callable(make) or isinstance(make, keras.layers.Layer):
        raise TypeError(
            f"cell must be a function of units that makes a cell, such as keras.layers.GRUCell, got {make!r}."
        )
    given = [name for name, value in arguments.items() if value != {"activation": "tanh"}.get(name, 0.0)]
    if given:
        raise ValueError(f"With cell=, give {given[0]} to the cell: cell=lambda units: MyCell(units, {given[0]}=...).")
    cells = [make(checks.positive_integer("units", n_a)) for n_a in depth]
    for made in cells:
        no_cell = not isinstance(made, keras.layers.Layer) or not hasattr(made, "state_size")
        if no_cell or isinstance(made, keras.layers.RNN):
            raise TypeError(f"cell must make a cell, such as keras.layers.GRUCell(units), got {made!r}.")
    if len({id(made) for made in cells}) < len(cells):
        raise ValueError("cell must make a new cell at each call, got the same one for two layers.")
    return cells
