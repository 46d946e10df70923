"""One step of the recurrent network, with its six weights in plain sight.

    z_t = x_t W_ax + b_x + b_a        what the input says; needs no past
    a_t = g(z_t + a_{t-1} W_aa)       what the cell remembers
    ŷ_t = h(a_t W_ya + b_y)           what the cell answers

Shapes, here and everywhere in the package: B examples in a batch, T time steps, n_x input features,
n_a hidden units, n_y outputs. `W_qp` reads "to q, from p". Rows are examples, so a weight from p to q
has shape (n_p, n_q): the transpose of the textbook's, which multiplies columns from the left.

`b_x` and `b_a` are two biases of one sum, as in PyTorch and cuDNN: the second adds no expressive power.

Source: Elman, "Finding structure in time" (1990); Goodfellow, Bengio and Courville, "Deep Learning" (2016),
equations 10.8 to 10.10.
"""

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import keras
from keras import ops

# Not exported by Keras, but keras.layers.RNN recognises by this class which cells want one dropout mask a sequence.
from keras.src.layers.rnn.dropout_rnn_cell import DropoutRNNCell

INITIALIZERS = {
    "W_aa": "orthogonal",
    "W_ax": "glorot_uniform",
    "W_ya": "glorot_uniform",
    "b_a": "zeros",
    "b_x": "zeros",
    "b_y": "zeros",
}


@keras.saving.register_keras_serializable("keras_rnn_basics")
class BasicRNNCell(keras.layers.Layer, DropoutRNNCell):
    """The recurrent cell `a_t = g(x_t W_ax + b_x + b_a + a_{t-1} W_aa)`, `ŷ_t = h(a_t W_ya + b_y)`.

    It steps; `BasicRNN`, or any `keras.layers.RNN`, loops. The weights are `cell.W_aa` (n_a, n_a),
    `cell.W_ax` (n_x, n_a), `cell.W_ya` (n_a, n_y), `cell.b_a` (n_a,), `cell.b_x` (n_a,) and `cell.b_y` (n_y,);
    the same six variables serve every step.

    Args:
        units: n_a, the number of hidden units.
        output_units: n_y, the number of outputs. `None` leaves out W_ya and b_y: then the output is a_t itself.
        activation: g, a name or a function.
        output_activation: h, a name or a function; `None` answers with the sum itself (logits).
        dropout: fraction of x_t dropped in training, in [0, 1); one mask serves the whole sequence.
        recurrent_dropout: fraction of a_{t-1} dropped in training, in [0, 1); one mask serves the whole sequence.
        initializers: dict from weight name to a Keras initializer; orthogonal for W_aa, Glorot uniform for the
            other matrices and zeros for the biases where it names none.
        regularizers: dict from weight name to a Keras regularizer.
        constraints: dict from weight name to a Keras constraint.
        seed: an integer that fixes the dropout masks.

    Raises:
        ValueError: for a size that is not positive, a rate outside [0, 1), or an unknown weight name.

    >>> import numpy as np
    >>> cell = BasicRNNCell(4, output_units=2)
    >>> y_t, [a_t] = cell(np.ones((3, 5)), [np.zeros((3, 4))])
    >>> tuple(y_t.shape), tuple(a_t.shape), tuple(cell.W_ax.shape)
    ((3, 2), (3, 4), (5, 4))
    """

    def __init__(
        self,
        units: int,
        output_units: int | None = None,
        activation: Any = "tanh",
        output_activation: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        initializers: Mapping[str, Any] | None = None,
        regularizers: Mapping[str, Any] | None = None,
        constraints: Mapping[str, Any] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = _positive_integer("units", units)
        self.output_units = None if output_units is None else _positive_integer("output_units", output_units)
        if output_units is None and output_activation is not None:
            raise ValueError(f"output_activation={output_activation!r} needs output_units: without them ŷ_t is a_t.")
        self.activation = keras.activations.get(activation)
        self.output_activation = keras.activations.get(output_activation)
        self.dropout = _rate("dropout", dropout)
        self.recurrent_dropout = _rate("recurrent_dropout", recurrent_dropout)

        self.weight_names = [name for name in INITIALIZERS if output_units is not None or name not in ("W_ya", "b_y")]
        self.initializers = self._by_weight("initializers", initializers, keras.initializers.get)
        self.regularizers = self._by_weight("regularizers", regularizers, keras.regularizers.get)
        self.constraints = self._by_weight("constraints", constraints, keras.constraints.get)

        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.state_size = self.units
        self.output_size = self.units if self.output_units is None else self.output_units

    def _by_weight(self, argument, given, resolve):
        if given is None:
            return {}
        if not isinstance(given, Mapping):
            raise ValueError(f'{argument} must be a dict such as {{"W_aa": ...}}, got {given!r}.')
        unknown = sorted(set(given) - set(self.weight_names))
        if unknown:
            raise ValueError(f"{argument} names {unknown}, but the weights of this cell are {self.weight_names}.")
        return {name: resolve(value) for name, value in given.items()}

    def build(self, x_t_shape):
        n_x, n_a, n_y = x_t_shape[-1], self.units, self.output_units
        if n_x is None:
            raise ValueError(f"The last axis of x_t, its n_x features, must be known, got the shape {x_t_shape}.")
        shapes = {
            "W_aa": (n_a, n_a),
            "W_ax": (n_x, n_a),
            "W_ya": (n_a, n_y),
            "b_a": (n_a,),
            "b_x": (n_a,),
            "b_y": (n_y,),
        }
        for name in self.weight_names:
            weight = self.add_weight(
                name=name,
                shape=shapes[name],
                initializer=self.initializers.get(name, INITIALIZERS[name]),
                regularizer=self.regularizers.get(name),
                constraint=self.constraints.get(name),
            )
            setattr(self, name, weight)

    def project(self, x: Any) -> Any:
        """(..., n_x) -> (..., n_a): `z = x W_ax + b_x + b_a`, for one step or for all of them at once."""
        x, W_ax, b_x, b_a = self._cast(x, self.W_ax, self.b_x, self.b_a)
        return ops.matmul(x, W_ax) + (b_x + b_a)

    def advance(self, z_t: Any, a_prev: Any) -> Any:
        """(B, n_a), (B, n_a) -> (B, n_a): `a_t = g(z_t + a_{t-1} W_aa)`."""
        z_t, a_prev, W_aa = self._cast(z_t, a_prev, self.W_aa)
        return self.activation(z_t + ops.matmul(a_prev, W_aa))

    def predict(self, a: Any) -> Any:
        """(..., n_a) -> (..., n_y): `ŷ = h(a W_ya + b_y)`, for one step or for all of them at once."""
        if self.output_units is None:
            return a
        a, W_ya, b_y = self._cast(a, self.W_ya, self.b_y)
        return self.output_activation(ops.matmul(a, W_ya) + b_y)

    def _cast(self, *tensors):
        return [ops.cast(tensor, self.compute_dtype) for tensor in tensors]

    def call(self, x_t, states, training=False):
        """(B, n_x), [(B, n_a)] -> (B, n_y), [(B, n_a)]."""
        a_prev = states[0] if isinstance(states, (list, tuple)) else states
        x_t, a_prev = self.drop(x_t, a_prev) if training else (x_t, a_prev)
        a_t = self.advance(self.project(x_t), a_prev)
        return self.predict(a_t), [a_t] if isinstance(states, (list, tuple)) else a_t

    def drop(self, x_t, a_prev):
        """(B, n_x), (B, n_a) -> the same with this sequence's dropout masks applied."""
        x_mask, a_mask = self.get_dropout_mask(x_t), self.get_recurrent_dropout_mask(a_prev)
        return x_t if x_mask is None else x_t * x_mask, a_prev if a_mask is None else a_prev * a_mask

    def get_initial_state(self, batch_size=None):
        """-> [(B, n_a)], a_0: zeros."""
        return [ops.zeros((batch_size, self.units), dtype=self.compute_dtype)]

    def get_config(self):
        def serialized(by_weight, serialize):
            return {name: serialize(value) for name, value in by_weight.items()}

        return {
            **super().get_config(),
            "units": self.units,
            "output_units": self.output_units,
            "activation": keras.activations.serialize(self.activation),
            "output_activation": (
                None if self.output_units is None else keras.activations.serialize(self.output_activation)
            ),
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "initializers": serialized(self.initializers, keras.initializers.serialize),
            "regularizers": serialized(self.regularizers, keras.regularizers.serialize),
            "constraints": serialized(self.constraints, keras.constraints.serialize),
            "seed": self.seed,
        }


def _positive_integer(name, value):
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be a positive integer, got {value!r}.")
    return int(value)


def _rate(name, value):
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value < 1:
        raise ValueError(f"{name} must be a number in [0, 1), got {value!r}.")
    return float(value)
