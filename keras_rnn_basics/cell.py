"""One step of a recurrent network, with its weights in plain sight: the contract of a cell, and the plain cell.

    z_t = x_t W_ax + b_x + b_a        the input part; needs no past
    a_t = g(z_t + a_{t-1} W_aa)       the state, the cell's memory
    ŷ_t = h(a_t W_ya + b_y)           the answer

Shapes, here and everywhere in the package: B examples in a batch, T time steps, n_x input features, n_a hidden units,
n_y outputs. `W_qp` reads "to q, from p". Rows are examples, so a weight from p to q has shape (n_p, n_q). This is the
transpose of the textbook's matrix, which stands to the left of a column.

`b_x` and `b_a` are two biases of one sum, as in PyTorch and cuDNN: the second adds no expressive power, and if both
learn, their sum moves twice as fast as one bias would. With `frozen=("b_x",)` the cell trains as Keras' own cell does.

Source: Elman, "Finding structure in time" (1990); Goodfellow, Bengio and Courville, "Deep Learning" (2016),
equations 10.8 to 10.10.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

from keras_rnn_basics import checks
from keras_rnn_basics.compat import DROPOUT_METHODS, DropoutRNNCell


class Weight(NamedTuple):
    """The declaration of one weight of a cell: its shape and its Keras initializer."""

    shape: tuple[int, ...]
    initializer: Any = "glorot_uniform"


class RecurrentCell(keras.layers.Layer, DropoutRNNCell):
    """The base class of the cells in this package: weights that are declared once, and a step in three parts.

    A subclass declares its weights and writes the three parts. Only `advance` has to wait for the step before:

    - `declare_weights(n_x)`: a dict from name to `Weight`; each weight becomes the attribute of that name;
    - `project(x) -> z`: (..., n_x) -> (..., n_z), the part that needs no past, for one step or for all steps at once;
    - `advance(z_t, states) -> states`: (B, n_z), [(B, n_a), ...] -> [(B, n_a), ...], one step of the loop. It treats
      each example separately and draws no random numbers;
    - `readout(states) -> ŷ`: [(..., n_a), ...] -> (..., n_y), the output; by default it is states[0].

    `call` puts them together. `BasicRNN` does not use `call`: it runs `project` and `readout` for all steps at once and
    loops only over `advance`. A subclass that replaces a part keeps this fast loop. A subclass that replaces `call` or
    `drop` is run step by step, as `keras.layers.RNN` runs any cell. `check_cell` checks all these rules.

    If `declare_weights` or `state_size` reads an attribute of the subclass, set it before `super().__init__`.

    Args:
        units: n_a, the number of hidden units.
        output_units: n_y, the number of outputs; with `None` the output is the first state.
        dropout: fraction of x_t dropped in training, in [0, 1); one mask serves the whole sequence.
        recurrent_dropout: fraction of a_{t-1}, the first state, dropped in training before `advance`, in [0, 1); one
            mask serves the whole sequence.
        initializers: dict from weight name to a Keras initializer, which replaces the declared one.
        regularizers: dict from weight name to a Keras regularizer.
        constraints: dict from weight name to a Keras constraint.
        frozen: names of weights that keep their first value: an echo-state network is
            `frozen=("W_aa", "W_ax", "b_x", "b_a")`.
        learned_initial_state: whether the first state is a trainable weight `a_0` (`a_0_1`, `a_0_2`, ... for several
            states), initially zeros, instead of fixed zeros.
        seed: an integer that fixes the dropout masks.

    Raises:
        ValueError: for a size that is not positive, a rate outside [0, 1), or an unknown weight name.
    """

    def __init__(
        self,
        units: int,
        output_units: int | None = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        initializers: Mapping[str, Any] | None = None,
        regularizers: Mapping[str, Any] | None = None,
        constraints: Mapping[str, Any] | None = None,
        frozen: Sequence[str] = (),
        learned_initial_state: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = checks.positive_integer("units", units)
        self.output_units = None if output_units is None else checks.positive_integer("output_units", output_units)
        self.dropout = checks.rate("dropout", dropout)
        self.recurrent_dropout = checks.rate("recurrent_dropout", recurrent_dropout)
        self.learned_initial_state = bool(learned_initial_state)
        self.initializers = self._by_weight("initializers", initializers, keras.initializers.get)
        self.regularizers = self._by_weight("regularizers", regularizers, keras.regularizers.get)
        self.constraints = self._by_weight("constraints", constraints, keras.constraints.get)
        if isinstance(frozen, str):
            raise ValueError(f'frozen must be a tuple of names such as ("{frozen}",), got {frozen!r}.')
        self.frozen = tuple(frozen)
        self._check_names("frozen", self.frozen)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    # A subclass writes these.

    def declare_weights(self, n_x: int) -> dict[str, Weight]:
        """n_x -> the cell's weights by name."""
        raise NotImplementedError(f"{type(self).__name__} must declare its weights: declare_weights(n_x) -> a dict.")

    def project(self, x: Any) -> Any:
        """(..., n_x) -> (..., n_z): the part of the step that needs no past."""
        raise NotImplementedError(f"{type(self).__name__} must have a project(x) -> z.")

    def advance(self, z_t: Any, states: Sequence[Any]) -> list[Any]:
        """(B, n_z), [(B, n_a), ...] -> [(B, n_a), ...]: one step of the loop."""
        raise NotImplementedError(f"{type(self).__name__} must have an advance(z_t, states) -> states.")

    def readout(self, states: Sequence[Any]) -> Any:
        """[(..., n_a), ...] -> (..., n_y): the output."""
        return states[0]

    def recur(self, a: Any, W: Any) -> Any:
        """(B, n), (n, m) -> (B, m): a W, for the products of states and weights in `advance`.

        `ops.matmul` would give the same result. But with `recur` a loop knows the product: it keeps it for the backward
        pass and computes the gradient of W for all steps at once, after the loop.
        """
        return ops.matmul(a, W) if self._recur is None else self._recur(a, W)

    @property
    def state_size(self) -> int | list[int]:
        """n_a, or a list of sizes for a cell with several states."""
        return self.units

    @property
    def equations(self) -> list[str]:
        """The step in lines of TeX, for pictures; they hold only for the parts that this class has or inherits."""
        return []

    def formula(self) -> tuple[str, dict[str, Any]] | None:
        """The name that `page/browser/cells.js` has for these equations, with what is in them besides the six weights.

        With it the page of `write_page` computes the cell itself; with `None` it shows what the cell computed. It holds
        only for the parts that this class has or inherits.
        """
        return None

    # The rest follows from that.

    @property
    def output_size(self) -> int:
        """n_y."""
        return self.output_units or self._state_sizes[0]

    @property
    def _state_sizes(self) -> list[int]:
        return list(self.state_size) if isinstance(self.state_size, (list, tuple)) else [self.state_size]

    def _declared(self, n_x):
        weights = dict(self.declare_weights(n_x))
        if self.learned_initial_state:
            taken = sorted(weights.keys() & set(self._initial_names()))
            if taken:
                raise ValueError(f"learned_initial_state=True makes a weight {taken[0]}, but the cell declares it too.")
            weights |= {name: Weight((n,), "zeros") for name, n in zip(self._initial_names(), self._state_sizes)}
        return weights

    def _initial_names(self):
        several = len(self._state_sizes) > 1
        return [f"a_0_{number}" if several else "a_0" for number, _ in enumerate(self._state_sizes, start=1)]

    @property
    def weight_names(self) -> list[str]:
        """The names of the declared weights, in their order."""
        return list(self._declared(1))

    def _check_names(self, argument, names):
        unknown = sorted(set(names) - set(self.weight_names))
        if unknown:
            raise ValueError(f"{argument} names {unknown}, but the weights of this cell are {self.weight_names}.")

    def _by_weight(self, argument, given, resolve):
        if given is None:
            return {}
        if not isinstance(given, Mapping):
            raise ValueError(f'{argument} must be a dict such as {{"W_aa": ...}}, got {given!r}.')
        self._check_names(argument, given)
        return {name: resolve(value) for name, value in given.items()}

    def build(self, x_t_shape):
        n_x = x_t_shape[-1]
        if n_x is None:
            raise ValueError(f"The last axis of x_t, its n_x features, must be known, got the shape {x_t_shape}.")
        for name, (shape, initializer) in self._declared(n_x).items():
            if hasattr(self, name):
                raise ValueError(
                    f"{type(self).__name__} declares a weight {name!r}, and has another attribute {name!r}."
                )
            weight = self.add_weight(
                name=name,
                shape=shape,
                initializer=self.initializers.get(name, initializer),
                regularizer=self.regularizers.get(name),
                constraint=self.constraints.get(name),
                trainable=name not in self.frozen,
            )
            setattr(self, name, weight)

    def call(self, x_t, states, training=False):
        """(B, n_x), [(B, n_a), ...] -> (B, n_y), [(B, n_a), ...]: one step."""
        given = states
        states = list(given) if isinstance(given, (list, tuple)) else [given]
        x_t, states = self.drop(x_t, states) if training else (x_t, states)
        states = list(self.advance(self.project(x_t), states))
        return self.readout(states), states if isinstance(given, (list, tuple)) else states[0]

    def drop(self, x_t, states):
        """(B, n_x), [(B, n_a), ...] -> the same with this sequence's dropout masks on x_t and on the first state."""
        x_mask, a_mask = self.get_dropout_mask(x_t), self.get_recurrent_dropout_mask(states[0])
        x_t = x_t if x_mask is None else x_t * x_mask
        return x_t, states if a_mask is None else [states[0] * a_mask, *states[1:]]

    def initial_state(self, B: Any = None) -> list[Any]:
        """-> [(B, n_a), ...]: zeros, or the learned initial state."""
        zeros = [ops.zeros((B, n), dtype=self.compute_dtype) for n in self._state_sizes]
        if not self.learned_initial_state:
            return zeros
        if not self.built:
            raise ValueError(f"{self.name} learns its initial state, but has no weights yet: build it first.")
        learned = [ops.cast(getattr(self, name), self.compute_dtype) for name in self._initial_names()]
        return [zero + a_0 for zero, a_0 in zip(zeros, learned)]

    def get_initial_state(self, batch_size=None):
        """`initial_state` under the name that keras.layers.RNN asks for."""
        return self.initial_state(batch_size)

    @property
    def step_by_step(self) -> str | None:
        """The reason why the cell must be run by its `call`, step by step, or `None` if its parts are enough."""
        whole = ("__call__", "call", "drop", *DROPOUT_METHODS)
        own = [
            name
            for name in whole
            if name in vars(self) or getattr(type(self), name) is not getattr(RecurrentCell, name)
        ]
        return f"{type(self).__name__} replaces {own[0]}" if own else None

    _recur = None

    def with_products(self, recur: Any, part: Any) -> Any:
        """`part(cell)`, with another function instead of `recur`, for loops that keep the products."""
        self._recur = recur
        try:
            return part(self)
        finally:
            self._recur = None

    def still_says(self, statement: str, *parts: str) -> bool:
        """Whether a statement of a class (`equations`, `formula`, `elman`) still holds.

        It does not if a subclass replaces one of the parts.
        A statement is valid for the parts that its class has or inherits, not for the parts of a later subclass.
        """
        if any(part in vars(self) for part in parts):
            return False
        return all(issubclass(self._author(statement), self._author(part)) for part in parts)

    def _author(self, name):
        return type(self)._author_of(name)

    @classmethod
    def _author_of(cls, name):
        """The class that defines an attribute."""
        return next(one for one in cls.__mro__ if name in vars(one))

    def get_config(self):
        def serialized(by_weight, serialize):
            return {name: serialize(value) for name, value in by_weight.items()}

        return {
            **super().get_config(),
            "units": self.units,
            "output_units": self.output_units,
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "initializers": serialized(self.initializers, keras.initializers.serialize),
            "regularizers": serialized(self.regularizers, keras.regularizers.serialize),
            "constraints": serialized(self.constraints, keras.constraints.serialize),
            "frozen": list(self.frozen),
            "learned_initial_state": self.learned_initial_state,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable("keras_rnn_basics")
class BasicRNNCell(RecurrentCell):
    """The recurrent cell `a_t = g(x_t W_ax + b_x + b_a + a_{t-1} W_aa)`, `ŷ_t = h(a_t W_ya + b_y)`.

    The cell makes one step; `BasicRNN`, or any `keras.layers.RNN`, loops over it. The weights are `cell.W_aa` (n_a,
    n_a), `cell.W_ax` (n_x, n_a), `cell.W_ya` (n_a, n_y), `cell.b_a` (n_a,), `cell.b_x` (n_a,) and `cell.b_y` (n_y,);
    the same six variables serve every step.

    Args:
        units: n_a, the number of hidden units.
        output_units: n_y, the number of outputs. `None` leaves out W_ya and b_y: then the output is a_t itself.
        activation: g, a name or a function.
        output_activation: h, a name or a function; with `None` the output is the sum itself (logits).
        dropout: fraction of x_t dropped in training, in [0, 1); one mask serves the whole sequence.
        recurrent_dropout: fraction of a_{t-1} dropped in training, in [0, 1); one mask serves the whole sequence.
        initializers: dict from weight name to a Keras initializer. The defaults are orthogonal for W_aa, Glorot uniform
            for the other matrices, and zeros for the biases.
        regularizers: dict from weight name to a Keras regularizer.
        constraints: dict from weight name to a Keras constraint.
        frozen: names of weights that keep their first value; `("b_x",)` leaves one bias to learn, as in Keras.
        seed: an integer that fixes the dropout masks.
        **kwargs: `learned_initial_state`, see `RecurrentCell`; name, dtype, trainable, as for every Keras layer.

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
        frozen: Sequence[str] = (),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units,
            output_units,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            initializers=initializers,
            regularizers=regularizers,
            constraints=constraints,
            frozen=frozen,
            seed=seed,
            **kwargs,
        )
        if output_units is None and output_activation is not None:
            raise ValueError(f"output_activation={output_activation!r} needs output_units: without it ŷ_t is a_t.")
        self.activation = keras.activations.get(activation)
        self.output_activation = keras.activations.get(output_activation)

    def declare_weights(self, n_x: int) -> dict[str, Weight]:
        n_a, n_y = self.units, self.output_units or 0
        weights = {
            "W_aa": Weight((n_a, n_a), "orthogonal"),
            "W_ax": Weight((n_x, n_a), "glorot_uniform"),
            "W_ya": Weight((n_a, n_y), "glorot_uniform"),
            "b_a": Weight((n_a,), "zeros"),
            "b_x": Weight((n_a,), "zeros"),
            "b_y": Weight((n_y,), "zeros"),
        }
        return {name: weight for name, weight in weights.items() if n_y or name not in ("W_ya", "b_y")}

    def project(self, x: Any) -> Any:
        """(..., n_x) -> (..., n_a): `z = x W_ax + b_x + b_a`, for one step or for all of them at once."""
        [x] = self._cast(x)
        return ops.matmul(x, self.W_ax) + (self.b_x + self.b_a)

    def advance(self, z_t: Any, states: Sequence[Any]) -> list[Any]:
        """(B, n_a), [(B, n_a)] -> [(B, n_a)]: `a_t = g(z_t + a_{t-1} W_aa)`."""
        z_t, a_prev = self._cast(z_t, *states)
        return [self.activation(z_t + self.recur(a_prev, self.W_aa))]

    def readout(self, states: Sequence[Any]) -> Any:
        """[(..., n_a)] -> (..., n_y): `ŷ = h(a W_ya + b_y)`, for one step or for all of them at once."""
        [a] = self._cast(*states)
        if self.output_units is None:
            return a
        return self.output_activation(ops.matmul(a, self.W_ya) + self.b_y)

    @property
    def equations(self) -> list[str]:
        answer = r"h(a_t W_{ya} + b_y)" if self.output_units else "a_t"
        return [r"a_t = g(x_t W_{ax} + b_x + b_a + a_{t-1} W_{aa})", rf"\hat{{y}}_t = {answer}"]

    def formula(self) -> tuple[str, dict[str, Any]] | None:
        return "plain", {"g": self.activation, "h": self.output_activation}

    def elman(self) -> tuple[Any, str]:
        """-> g, and the name of W, in the step `g(z_t + a_{t-1} W)`, for loops that write out its derivative."""
        return self.activation, "W_aa"

    def _cast(self, *tensors):
        # Needed if a part is called by hand with numpy's float64; in a layer the tensors have this dtype already.
        return [ops.cast(tensor, self.compute_dtype) for tensor in tensors]

    def get_config(self):
        answers = self.output_units is not None
        return {
            **super().get_config(),
            "activation": keras.activations.serialize(self.activation),
            "output_activation": keras.activations.serialize(self.output_activation) if answers else None,
        }
