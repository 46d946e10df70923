"""Weights from and to `keras.layers.SimpleRNN` and `torch.nn.RNN`: the same network under other names.

    here        keras.layers.SimpleRNN, Dense      torch.nn.RNN, Linear
    W_ax        kernel                             weight_ih_l0, transposed
    W_aa        recurrent_kernel                   weight_hh_l0, transposed
    b_x         none: zeros that do not learn      bias_ih_l0
    b_a         bias                               bias_hh_l0
    W_ya, b_y   Dense's kernel, bias               Linear's weight, transposed, and bias

In a bidirectional network that answers, each direction owns its half of the rows of W_ya.
"""

import warnings
from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_rnn_basics.cell import BasicRNNCell
from keras_rnn_basics.layer import BasicRNN

# What SimpleRNN and Dense call the weights whose initializers, regularizers and constraints they take.
KERAS_NAMES = {"W_ax": "kernel", "W_aa": "recurrent", "b_a": "bias"}
DENSE_NAMES = {"W_ya": "kernel", "b_y": "bias"}
KINDS = ("initializer", "regularizer", "constraint")
OPTIONS = ("return_sequences", "return_state", "go_backwards", "stateful", "zero_output_for_mask")
# What PyTorch calls the weights of each reading direction.
SUFFIXES = ("", "_reverse")


class Direction(NamedTuple):
    """One reading direction of a layer: the arguments of its cell, the values of the cell's weights, its options."""

    arguments: dict[str, Any]
    values: dict[str, np.ndarray]
    options: dict[str, Any]


def from_keras(layer: Any, dense: keras.layers.Dense | None = None) -> Any:
    """A `BasicRNN` with the weights and options of a built `keras.layers.SimpleRNN`; it trains on as that one would.

    One bias learns, as in Keras: b_x stays at zero. The weights of a layer that is not trainable are frozen.

    Args:
        layer: a `SimpleRNN`, a `Bidirectional` of one, or a list of such layers, the lowest first.
        dense: the built `Dense` that answers each step from the top layer's states: it becomes W_ya, b_y and h.

    Returns:
        A `BasicRNN`, for a `Bidirectional` one of those, for a list a list.

    Raises:
        TypeError: for another layer.
        ValueError: for a layer that is not built, or a dense layer that does not fit.

    >>> simple = keras.layers.SimpleRNN(4)
    >>> simple.build((None, None, 3))
    >>> from_keras(simple).cell.frozen
    ('b_x',)
    """
    if isinstance(layer, (list, tuple)):
        return [*map(from_keras, layer[:-1]), from_keras(layer[-1], dense)]
    both = isinstance(layer, keras.layers.Bidirectional)
    read = [layer.forward_layer, layer.backward_layer] if both else [layer]
    directions = [_from_simple(own) for own in read]
    if dense is not None:
        if not isinstance(dense, keras.layers.Dense) or not dense.built:
            raise TypeError(f"dense must be a built keras.layers.Dense, got {dense!r}.")
        directions = _answering_as(dense, directions)
    if both and layer.merge_mode != "concat":
        raise ValueError(f'A Bidirectional must have merge_mode="concat", got {layer.merge_mode!r}.')
    return _built(directions, _batch_size(read[0]))


def to_keras(rnn: Any) -> tuple[Any, keras.layers.Dense | None]:
    """What `from_keras` takes: a `SimpleRNN` (`Bidirectional`, list) with these weights, and a `Dense` that answers.

    `from_keras(*to_keras(rnn))` gives the answers of rnn. b_x and b_a become one bias, their sum; what was frozen
    learns there.

    Args:
        rnn: a built `BasicRNN` of a `BasicRNNCell`, a `Bidirectional` of one, or a list of such layers.

    Raises:
        ValueError: for a cell of another step, or a learned initial state, which SimpleRNN does not have.
    """
    if isinstance(rnn, (list, tuple)):
        below, (top, dense) = [to_keras(layer)[0] for layer in rnn[:-1]], to_keras(rnn[-1])
        return [*below, top], dense
    read = _directions(rnn)
    simples = [keras.layers.SimpleRNN(**_options(own), **_simple_arguments(own.cell)) for own in read]
    layer = simples[0] if len(read) == 1 else keras.layers.Bidirectional(simples[0], backward_layer=simples[1])
    layer.build((_batch_size(read[0]), None, read[0].cell.W_ax.shape[0]))
    for simple, own in zip([layer] if len(read) == 1 else [layer.forward_layer, layer.backward_layer], read):
        simple.set_weights([own.cell.W_ax, own.cell.W_aa, own.cell.b_x + own.cell.b_a])
    cells = [own.cell for own in read]
    if cells[0].output_units is None:
        return layer, None
    dense = keras.layers.Dense(cells[0].output_units, cells[0].output_activation, **_regulated(cells[0], DENSE_NAMES))
    W_ya, b_y = _readout(cells)
    dense.build((None, len(W_ya)))
    dense.set_weights([W_ya, b_y])
    return layer, dense


def from_torch(rnn: Any, linear: Any = None, nonlinearity: str | None = None) -> Any:
    """A `BasicRNN` that answers every step, with the weights of a `torch.nn.RNN`. PyTorch need not be installed.

    Both biases learn, as in PyTorch. It takes (B, T, n_x), whatever `batch_first` says. Dropout between layers is not
    taken over, since PyTorch draws it anew at each step.

    Args:
        rnn: the module, or its `state_dict()`: a dict of tensors or arrays.
        linear: the `torch.nn.Linear` that answers from the top layer's states, or its `state_dict()`.
        nonlinearity: "tanh" or "relu"; `None` takes the module's, and "tanh" for a dict, which does not tell.

    Returns:
        A `BasicRNN`, a `keras.layers.Bidirectional` of one, or for several layers a list of those, the lowest first.

    Raises:
        ValueError: for weights of another kind of network.
    """
    if getattr(rnn, "dropout", 0.0):
        warnings.warn(
            f"The dropout of {rnn.dropout} between the layers of torch.nn.RNN is not taken over.", stacklevel=2
        )
    weights = _arrays(rnn)
    g = nonlinearity or getattr(rnn, "nonlinearity", "tanh")
    depth = sum(f"weight_hh_l{k}" in weights for k in range(len(weights)))
    if not depth or weights["weight_hh_l0"].shape[0] != weights["weight_hh_l0"].shape[1]:
        raise ValueError(f"rnn must be a torch.nn.RNN or its state_dict(), got weights named {sorted(weights)}.")
    suffixes = SUFFIXES if f"weight_hh_l0{SUFFIXES[1]}" in weights else SUFFIXES[:1]
    layers = [[_from_torch_layer(weights, f"_l{k}{suffix}", g) for suffix in suffixes] for k in range(depth)]
    if linear is not None:
        top = _arrays(linear)
        layers[-1] = _answering(layers[-1], top["weight"].T, top.get("bias"), None)
    built = [_built(directions) for directions in layers]
    return built[0] if depth == 1 else built


def to_torch(rnn: Any) -> tuple[Any, Any]:
    """A `torch.nn.RNN` with batch_first=True and these weights, and the `torch.nn.Linear` that answers, or None.

    Args:
        rnn: a built `BasicRNN` of a `BasicRNNCell`, a `Bidirectional` of one, or a list of such layers.

    Raises:
        ImportError: without PyTorch.
        ValueError: for what torch.nn.RNN does not have: layers of different sizes, another g than tanh and relu,
            an h, answers below the top, reading backwards, a learned initial state.
    """
    try:
        torch: Any = import_module("torch")  # it need not be installed, nor be found by a type checker
    except ImportError as error:
        raise ImportError("to_torch needs PyTorch: pip install torch.") from error
    layers = [_directions(layer) for layer in (rnn if isinstance(rnn, (list, tuple)) else [rnn])]
    cells = [[own.cell for own in read] for read in layers]
    first = cells[0][0]
    g = keras.activations.serialize(first.activation)
    every = [cell for own in cells for cell in own]
    if any((cell.units, cell.activation) != (first.units, first.activation) for cell in every):
        raise ValueError("All layers of a torch.nn.RNN have one size and one activation; these differ.")
    if g not in ("tanh", "relu"):
        raise ValueError(f"torch.nn.RNN has the activations tanh and relu, got {g!r}.")
    if any(cell.output_units for own in cells[:-1] for cell in own):
        raise ValueError("Only the top layer of a torch.nn.RNN may answer; one below it has output_units.")
    if len(layers[0]) == 1 and layers[0][0].go_backwards:
        raise ValueError("torch.nn.RNN does not read backwards alone; reverse x, and build without go_backwards.")
    n_x, both = first.W_ax.shape[0], len(cells[0]) == 2
    module = torch.nn.RNN(n_x, first.units, len(cells), g, batch_first=True, bidirectional=both)
    state = {}
    for k, own in enumerate(cells):
        for cell, suffix in zip(own, SUFFIXES):
            state[f"weight_ih_l{k}{suffix}"], state[f"weight_hh_l{k}{suffix}"] = _T(cell.W_ax), _T(cell.W_aa)
            state[f"bias_ih_l{k}{suffix}"], state[f"bias_hh_l{k}{suffix}"] = cell.b_x.numpy(), cell.b_a.numpy()
    module.load_state_dict({name: torch.tensor(np.array(value)) for name, value in state.items()})
    if cells[-1][0].output_units is None:
        return module, None
    if keras.activations.serialize(cells[-1][0].output_activation) != "linear":
        raise ValueError("torch.nn.Linear has no activation: build without output_activation, and apply it behind.")
    W_ya, b_y = _readout(cells[-1])
    linear = torch.nn.Linear(*W_ya.shape)
    linear.load_state_dict({"weight": torch.tensor(W_ya.T.copy()), "bias": torch.tensor(b_y)})
    return module, linear


def _from_simple(layer):
    if not isinstance(layer, keras.layers.SimpleRNN):
        raise TypeError(f"layer must be a keras.layers.SimpleRNN, a Bidirectional or a list of them, got {layer!r}.")
    own = type(layer).call, type(layer).inner_loop, type(layer.cell).call
    if own != (keras.layers.SimpleRNN.call, keras.layers.SimpleRNN.inner_loop, keras.layers.SimpleRNNCell.call):
        raise TypeError(f"{layer.name} ({type(layer).__name__}) has a call of its own, which is not that of SimpleRNN.")
    if not layer.built:
        raise ValueError(f"{layer.name} has no weights yet: build it, or call it once.")
    if layer.activity_regularizer is not None:
        raise ValueError(f"{layer.name} has an activity_regularizer, which BasicRNN does not have.")
    cell = layer.cell
    n_a = cell.units
    arguments = {
        "units": n_a,
        "activation": cell.activation,
        "dropout": cell.dropout,
        "recurrent_dropout": cell.recurrent_dropout,
        "seed": cell.seed,
        "frozen": _frozen(layer),
    }
    arguments |= _regulating(cell, KERAS_NAMES)
    bias = cell.bias.numpy() if cell.use_bias else np.zeros(n_a, "float32")
    values = {"W_ax": cell.kernel.numpy(), "W_aa": cell.recurrent_kernel.numpy(), "b_a": bias}
    return Direction(arguments, {**values, "b_x": np.zeros_like(bias)}, _options(layer))


def _frozen(simple):
    biases = ("b_x",) if simple.use_bias else ("b_x", "b_a")
    return biases if simple.trainable else ("W_ax", "W_aa", "b_x", "b_a")


def _options(layer):
    """The options that `BasicRNN` and `SimpleRNN` share."""
    return {name: getattr(layer, name) for name in OPTIONS}


def _from_torch_layer(weights, suffix, g):
    W_ax, W_aa = weights[f"weight_ih{suffix}"].T, weights[f"weight_hh{suffix}"].T
    n_a = W_aa.shape[0]
    bias = f"bias_ih{suffix}" in weights
    b_x, b_a = (weights[f"bias_{which}{suffix}"] if bias else np.zeros(n_a, "float32") for which in ("ih", "hh"))
    arguments = {"units": n_a, "activation": g, "frozen": () if bias else ("b_x", "b_a")}
    options = {"return_sequences": True, "go_backwards": suffix.endswith(SUFFIXES[1])}
    return Direction(arguments, {"W_ax": W_ax, "W_aa": W_aa, "b_x": b_x, "b_a": b_a}, options)


def _batch_size(layer):
    return layer.states[0].shape[0] if layer.stateful else None


def _answering_as(dense, directions):
    """The directions, which answer as the dense layer does and learn that as it would."""
    if dense.activity_regularizer is not None:
        raise ValueError(f"{dense.name} has an activity_regularizer, which BasicRNN does not have.")
    bias = dense.bias.numpy() if dense.use_bias else None
    answering = _answering(directions, dense.kernel.numpy(), bias, dense.activation)
    regulating = _regulating(dense, DENSE_NAMES)
    of_each_number = (keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2)
    whole = [own["W_ya"] for name, own in regulating.items() if name != "initializers" and "W_ya" in own]
    if len(directions) == 2 and not all(isinstance(own, of_each_number) for own in whole):
        raise ValueError(
            f"With two directions each owns a part of W_ya; {dense.name} has a regularizer or constraint of the whole."
        )
    for arguments, _, _ in answering:
        arguments |= {kind: {**arguments[kind], **own} for kind, own in regulating.items()}
        arguments["frozen"] = (*arguments["frozen"], *(() if dense.trainable else ("W_ya", "b_y")))
    return answering


def _answering(directions, W_ya, b_y, h):
    """The directions, each with its rows of W_ya; the first has b_y, the other zeros that do not learn."""
    n_a = directions[0].arguments["units"]
    if len(W_ya) != n_a * len(directions):
        raise ValueError(f"What answers takes {len(W_ya)} numbers, but the layer gives {n_a * len(directions)}.")
    linear = h is None or keras.activations.serialize(h) == "linear"
    if len(directions) == 2 and not linear:
        raise ValueError("With two directions what answers must be linear: apply its activation in a layer of its own.")
    answering = []
    for k, (arguments, values, options) in enumerate(directions):
        learns = b_y is not None and k == 0
        own = np.array(b_y) if learns else np.zeros(W_ya.shape[1], "float32")
        frozen = arguments["frozen"] if learns else (*arguments["frozen"], "b_y")
        h_own = None if linear else h
        arguments = {**arguments, "frozen": frozen, "output_units": W_ya.shape[1], "output_activation": h_own}
        answering.append(Direction(arguments, {**values, "W_ya": W_ya[k * n_a : (k + 1) * n_a], "b_y": own}, options))
    return answering


def _built(directions, batch_size=None):
    """A `BasicRNN`, or a `Bidirectional` of two, with the values of its directions."""
    layers = [BasicRNN(BasicRNNCell(**own.arguments), **own.options) for own in directions]
    layer = layers[0]
    if len(directions) == 2:
        answers = directions[0].arguments.get("output_units")
        layer = keras.layers.Bidirectional(layer, merge_mode="sum" if answers else "concat", backward_layer=layers[1])
        layers = [layer.forward_layer, layer.backward_layer]
    layer.build((batch_size, None, directions[0].values["W_ax"].shape[0]))
    for own, direction in zip(layers, directions):
        for name, value in direction.values.items():
            getattr(own.cell, name).assign(value)
    return layer


def _directions(layer):
    """The `BasicRNN`s that a layer consists of, if their cells are plain ones."""
    read = [layer]
    if isinstance(layer, keras.layers.Bidirectional):
        answers = getattr(layer.forward_layer.cell, "output_units", None)
        merged = "sum" if answers else "concat"
        if layer.merge_mode != merged:
            raise ValueError(f"A Bidirectional of such cells needs merge_mode={merged!r}, got {layer.merge_mode!r}.")
        read = [layer.forward_layer, layer.backward_layer]
    for own in read:
        cell = getattr(own, "cell", None)
        parts = ("project", "advance", "recur", "readout")
        if cell is None or not hasattr(cell, "elman") or not cell.still_says("elman", *parts) or not own.built:
            raise ValueError(f"rnn must be a built BasicRNN of a BasicRNNCell, whose step SimpleRNN has; got {own!r}.")
        if cell.learned_initial_state:
            raise ValueError(f"{cell.name} learned its initial state, and there the state begins at zero.")
    return read


def _simple_arguments(cell):
    arguments = {
        "units": cell.units,
        "activation": cell.activation,
        "dropout": cell.dropout,
        "recurrent_dropout": cell.recurrent_dropout,
        "seed": cell.seed,
    }
    return arguments | _regulated(cell, KERAS_NAMES)


def _regulating(owner, names):
    """The initializers, regularizers and constraints of a layer of Keras, as arguments of a `BasicRNNCell`."""
    given = {kind: {name: getattr(owner, f"{own}_{kind}") for name, own in names.items()} for kind in KINDS}
    return {f"{kind}s": {name: own for name, own in held.items() if own is not None} for kind, held in given.items()}


def _regulated(cell, names):
    """The same, the other way."""
    held = [(kind, getattr(cell, f"{kind}s")) for kind in KINDS]
    return {f"{own}_{kind}": given[name] for kind, given in held for name, own in names.items() if name in given}


def _readout(cells):
    """The cells of one or two directions -> W_ya (n_a, n_y) or (2 n_a, n_y), b_y (n_y,) of one layer behind them."""
    return np.concatenate([cell.W_ya.numpy() for cell in cells]), np.sum([cell.b_y.numpy() for cell in cells], axis=0)


def _arrays(module) -> Mapping[str, np.ndarray]:
    """The state dict of a module, or one that came as such, as arrays."""
    state = module.state_dict() if hasattr(module, "state_dict") else module
    if not isinstance(state, Mapping):
        raise ValueError(f"A module of PyTorch, or its state_dict(), is needed, got {module!r}.")
    return {
        name: np.array(value.detach().cpu() if hasattr(value, "detach") else value) for name, value in state.items()
    }


def _T(variable):
    return variable.numpy().T.copy()
