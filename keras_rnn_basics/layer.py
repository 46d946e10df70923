"""The cell over time, with every convention of keras.layers.RNN."""

from typing import Any

import keras
from keras import ops

from keras_rnn_basics import recurrence as routes
from keras_rnn_basics.cell import BasicRNNCell


@keras.saving.register_keras_serializable("keras_rnn_basics")
class BasicRNN(keras.layers.RNN):
    """A `BasicRNNCell` applied to every step of a sequence: (B, T, n_x) -> (B, n_y) or (B, T, n_y).

        z = x W_ax + b_x + b_a           one product for all t
        a_t = g(z_t + a_{t-1} W_aa)      the loop: nothing else is in it
        ŷ = h(a W_ya + b_y)              one product for all t

    It gives what `keras.layers.RNN(cell)` gives, faster: what needs no past has left the loop.
    A masked step carries the state, and repeats the last output (zeros where there was none yet).

    Args:
        cell: a `BasicRNNCell`.
        return_sequences: return ŷ_1 .. ŷ_T rather than ŷ_T alone.
        return_state: return a_T, (B, n_a), behind the output.
        go_backwards: read the sequence from its end; outputs come in the order of reading.
        stateful: begin each batch with the a_T of the last one; `reset_state()` begins anew.
        zero_output_for_mask: answer zeros at masked steps.
        recurrence: the route that runs the loop, `"auto"` or `"plain"`; `recurrence_route` tells which, and why.

    Raises:
        TypeError: for a cell of another class.
        ValueError: for an unknown route, or for inputs, masks and states of other shapes.

    >>> import numpy as np
    >>> rnn = BasicRNN(BasicRNNCell(4, output_units=2), return_sequences=True)
    >>> tuple(rnn(np.ones((3, 7, 5))).shape), tuple(rnn.activations(np.ones((3, 7, 5))).shape)
    ((3, 7, 2), (3, 7, 4))
    """

    def __init__(
        self,
        cell: BasicRNNCell,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        zero_output_for_mask: bool = False,
        recurrence: str = "auto",
        **kwargs: Any,
    ) -> None:
        if not isinstance(cell, BasicRNNCell):
            raise TypeError(
                f"BasicRNN takes a BasicRNNCell, got {cell!r}. For another cell use keras.layers.RNN; "
                "for a deep network stack one BasicRNN on another."
            )
        if "unroll" in kwargs:
            raise TypeError("BasicRNN has no unroll: how the loop runs is the choice of `recurrence`.")
        self._route = routes.choose(recurrence)
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            zero_output_for_mask=zero_output_for_mask,
            **kwargs,
        )
        self.recurrence = recurrence
        self.input_spec = keras.layers.InputSpec(ndim=3)

    @property
    def recurrence_route(self) -> str:
        """The route that runs the loop and the reason it does, such as `"plain: asked for"`."""
        return str(self._route)

    def build(self, sequences_shape, initial_state_shape=None):
        super().build(sequences_shape, initial_state_shape)
        self.input_spec = keras.layers.InputSpec(ndim=3, axes={-1: sequences_shape[-1]})

    def call(self, sequences, initial_state=None, mask=None, training=False):
        if sequences.shape[1] == 0:
            raise ValueError(f"A sequence needs at least one time step, got x of shape {tuple(sequences.shape)}.")
        if mask is None:
            # Keras hands over the mask that x carries only while x is the layer's sole tensor; with an initial_state
            # it would be lost without a word.
            mask = getattr(sequences, "_keras_mask", None)
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)

    def activations(self, x: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        """(B, T, n_x) -> (B, T, n_a): a_1 .. a_T, in the order in which the layer reads x."""
        x = ops.convert_to_tensor(x, dtype=self.compute_dtype)
        if not self.built:
            self.build(x.shape)
        if initial_state is None:
            initial_state = self.states if self.stateful else self.get_initial_state(ops.shape(x)[0])
        a_0 = initial_state[0] if isinstance(initial_state, (list, tuple)) else initial_state
        a, _ = self._recur(x, ops.convert_to_tensor(a_0, dtype=self.cell.compute_dtype), mask, training)
        self._maybe_reset_dropout_masks(self.cell)
        return a

    # keras.layers.RNN.call settles the initial state, the dropout masks, statefulness and what is returned.
    def inner_loop(self, sequences, initial_state, mask, training=False):
        if len(initial_state) != 1:
            raise ValueError(
                f"initial_state must be one state, a_0 of shape (B, n_a), got {len(initial_state)} of them."
            )
        a, mask = self._recur(sequences, initial_state[0], mask, training)
        # Without return_sequences only the last step is answered.
        answered = slice(None) if self.return_sequences else slice(-1, None)
        # ŷ = h(a W_ya + b_y)    (B, T, n_y): one product for all t
        y = self.cell.predict(a[:, answered])
        if mask is not None:
            # A masked step repeats the last output: that is what its carried state answers, but before the first
            # step there is none, and keras.layers.RNN gives zeros.
            shown = mask if self.zero_output_for_mask else ops.cumsum(ops.cast(mask, "int32"), axis=1) > 0
            y = ops.where(shown[:, answered, None], y, ops.zeros_like(y))
        return y[:, -1], y, [a[:, -1]]

    def _recur(self, x, a_0, mask, training):
        """(B, T, n_x), (B, n_a), (B, T) -> (B, T, n_a), (B, T): a and the mask, in the order of reading."""
        cell = self.cell
        _check_shape("initial_state", a_0, (x.shape[0], cell.units), "(B, n_a)")
        if mask is not None:
            mask = ops.cast(mask, "bool")
            _check_shape("mask", mask, x.shape[:2], "(B, T)")
        if self.go_backwards:
            x, mask = ops.flip(x, axis=1), None if mask is None else ops.flip(mask, axis=1)

        x_dropout = cell.get_dropout_mask(x[:, 0]) if training else None
        a_dropout = cell.get_recurrent_dropout_mask(a_0) if training else None
        if x_dropout is not None:
            x = x * x_dropout[:, None]
        # z = x W_ax + b_x + b_a    (B, T, n_a): one product for all t
        z = cell.project(x)
        W_aa = ops.cast(cell.W_aa, cell.compute_dtype)
        return self._route.recur(z, a_0, W_aa, cell.activation, mask, a_dropout), mask

    def get_config(self):
        config = {**super().get_config(), "recurrence": self.recurrence}
        del config["unroll"]
        return config


def _check_shape(name, tensor, expected, letters):
    shape = tuple(tensor.shape)
    if len(shape) != len(expected) or any(n is not None and m not in (None, n) for n, m in zip(shape, expected)):
        raise ValueError(f"{name} must have the shape {letters} = {tuple(expected)}, got {shape}.")
