"""The cell over time, with every convention of keras.layers.RNN."""

import inspect
import warnings
import weakref
from typing import Any

import keras
from keras import ops

from keras_rnn_basics import checks
from keras_rnn_basics import recurrence as routes
from keras_rnn_basics.compat import AutocastScope, in_sharing_scope, new_dropout_masks, set_keras_mask

# Which layers a cell serves: where there are several, they have one cell after loading too.
_layers_of: weakref.WeakKeyDictionary[Any, weakref.WeakSet[Any]] = weakref.WeakKeyDictionary()


@keras.saving.register_keras_serializable("keras_rnn_basics")
class BasicRNN(keras.layers.RNN):
    """A cell applied to every step of a sequence: (B, T, n_x) -> (B, n_y) or (B, T, n_y)::

        z = x W_ax + b_x + b_a           one product for all t
        a_t = g(z_t + a_{t-1} W_aa)      the loop: nothing else is in it
        ŷ = h(a W_ya + b_y)              one product for all t

    It gives what `keras.layers.RNN(cell)` gives, faster: what needs no past has left the loop. (The equations are those
    of `BasicRNNCell`; for another `RecurrentCell` they are its `project`, `advance` and `readout`.) A masked step
    carries the state, and repeats the last output (zeros where there was none yet). Called with
    `sequence_lengths=` (B,), it masks what lies behind the first so many steps of each sequence.

    Args:
        cell: a `BasicRNNCell`, a `RecurrentCell` of your own, or any other cell of Keras, which is run step by step.
        return_sequences: return ŷ_1 .. ŷ_T rather than ŷ_T alone.
        return_state: return a_T, (B, n_a), behind the output (of a cell of several states, each of them).
        go_backwards: read the sequence from its end; outputs come in the order of reading.
        stateful: begin each batch with the a_T of the last one; `reset_state()` begins anew.
        zero_output_for_mask: answer zeros at masked steps.
        recurrence: the route that runs the loop. `"auto"` takes the fastest: `"per_core"` under TensorFlow on a CPU,
            `"cudnn"` on a GPU, and `"plain"`, the loop of Keras itself, for what those cannot do (with a warning), on
            other backends, outside `tf.function` (unless it is to remat) and in what `export_saved_model` writes.
            `recurrence_route` tells which ran, and why.
        remat: keep the state of every √T-th step only and compute the others again on the way back: the memory
            for a sequence's states shrinks from T to about 2 √T of them, for one more pass through the loop.

    Raises:
        TypeError: for what is no cell.
        ValueError: for an unknown route, one that cannot remat, or for inputs, masks and states of other shapes.

    >>> import numpy as np
    >>> from keras_rnn_basics import BasicRNNCell
    >>> rnn = BasicRNN(BasicRNNCell(4, output_units=2), return_sequences=True)
    >>> tuple(rnn(np.ones((3, 7, 5))).shape), tuple(rnn.activations(np.ones((3, 7, 5))).shape)
    ((3, 7, 2), (3, 7, 4))
    """

    def __init__(
        self,
        cell: keras.layers.Layer,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        zero_output_for_mask: bool = False,
        recurrence: str = "auto",
        remat: bool = False,
        **kwargs: Any,
    ) -> None:
        whole = (keras.layers.StackedRNNCells, keras.layers.RNN)
        if not hasattr(cell, "state_size") or not callable(cell) or isinstance(cell, whole):
            raise TypeError(
                f"BasicRNN takes a cell, such as BasicRNNCell(units) or keras.layers.GRUCell(units), got {cell!r}. "
                "For a deep network stack one BasicRNN on another."
            )
        if hasattr(cell, "step_by_step") and cell.activity_regularizer is not None:
            raise ValueError(
                "A cell's activity_regularizer would see no step: give it to the layer, "
                "BasicRNN(cell, activity_regularizer=...)."
            )
        if stateful and getattr(cell, "learned_initial_state", False):
            raise ValueError(
                "stateful=True begins each batch where the last one ended, learned_initial_state=True with a_0: "
                "choose one of them."
            )
        if "unroll" in kwargs:
            raise TypeError("BasicRNN has no unroll: how the loop runs is the choice of `recurrence`.")
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            zero_output_for_mask=zero_output_for_mask,
            **kwargs,
        )
        _layers_of.setdefault(cell, weakref.WeakSet()).add(self)
        self.recurrence = routes.check(recurrence)
        if remat and recurrence == "plain":
            raise ValueError("remat=True goes with recurrence='auto' or 'per_core'; the plain loop keeps every state.")
        self.remat = remat
        self._route = None
        self.input_spec = keras.layers.InputSpec(ndim=3)

    @property
    def recurrence_route(self) -> str:
        """The route of the latest call or trace and its reason, such as `"per_core: 2 cores, tanh, float32"`.

        Batches of other sizes may take another. Before the first call: what a `tf.function`, and so `fit`, would take.
        """
        return str(self._route or self._choose())

    def build(self, sequences_shape, initial_state_shape=None):
        super().build(sequences_shape, initial_state_shape)
        self.input_spec = keras.layers.InputSpec(ndim=3, axes={-1: sequences_shape[-1]})

    def call(
        self,
        sequences,
        initial_state=None,
        mask=None,
        training=False,
        sequence_lengths=None,
        sequences_mask=None,
    ):
        if sequences.shape[1] == 0:
            raise ValueError(f"A sequence needs at least one time step, got x of shape {tuple(sequences.shape)}.")
        if mask is None:
            # Keras hands over the mask that x carries as `mask` only while x is the layer's sole tensor; beside an
            # initial_state it comes under this name, or it would be lost without a word.
            mask = sequences_mask
        if sequence_lengths is not None:
            mask = self._within(sequences, sequence_lengths, mask)
        sequences = self._of_one_batch(sequences, initial_state)
        outputs = super().call(sequences, initial_state=initial_state, mask=mask, training=training)
        if sequence_lengths is not None and self.return_sequences:
            # As Keras does with a mask that x carries: what comes behind, the loss above all, must know it.
            set_keras_mask(outputs[0] if self.return_state else outputs, mask)
        return outputs

    def _of_one_batch(self, x, initial_state):
        if initial_state is not None:
            return checks.same_batch(x, keras.tree.flatten(initial_state), self.name)
        if not self.stateful:
            return x
        B = self.states[0].shape[0]
        return checks.with_rows(
            x,
            B,
            f"{self.name} is stateful with the batch size B = {B}, and got another number of sequences: "
            f"give fit, predict and evaluate batch_size={B} and a multiple of {B} sequences.",
        )

    def _within(self, x, lengths, mask):
        """(B, T, n_x), (B,) lengths, a mask or None -> the mask (B, T) that is True up to each length."""
        lengths = ops.convert_to_tensor(lengths)
        _check_shape("sequence_lengths", lengths, (x.shape[0],), "(B,)")
        if "int" not in keras.backend.standardize_dtype(lengths.dtype):
            raise ValueError(f"sequence_lengths must be whole numbers of steps, got {lengths.dtype}.")
        lengths, T = ops.cast(lengths, "int32"), ops.shape(x)[1]
        fit = ops.logical_and(lengths >= 0, lengths <= T)
        message = f"{self.name}: sequence_lengths must be from 0 to T, the number of steps in x, got"
        checks.insist(ops.all(fit), message, lambda: checks.first_not(fit, lengths))
        counted = ops.arange(T)[None] < lengths[:, None]
        if mask is not None:
            _check_shape("mask", mask, x.shape[:2], "(B, T)")
            agree = ops.equal(ops.cast(mask, "bool"), counted)
            checks.insist(ops.all(agree), f"{self.name}: sequence_lengths and the mask disagree; give one of them.")
        return counted

    def activations(self, x: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        """(B, T, n_x) -> (B, T, n_a): a_1 .. a_T, the first state of every step, in the order in which x is read."""
        x = ops.convert_to_tensor(x, dtype=self.compute_dtype)
        if not self.built:
            self.build(x.shape)
        if initial_state is None:
            initial_state = self.states if self.stateful else self.get_initial_state(ops.shape(x)[0])
        initial_state = initial_state if isinstance(initial_state, (list, tuple)) else [initial_state]
        states_0 = [ops.convert_to_tensor(state, dtype=self.cell.compute_dtype) for state in initial_state]
        with AutocastScope(self.cell.compute_dtype):
            x, mask = self._in_order(x, self._checked(x, states_0, mask))
            if self._step_by_step:
                asked = {"training": training} if "training" in inspect.signature(self.cell.call).parameters else {}
                states = routes.plain.states_by_call(self.cell, x, states_0, mask, **asked)
            else:
                x, a_dropout = self._drop(x, states_0, training)
                states = routes.plain.states(self.cell, x, states_0, mask, a_dropout)
        new_dropout_masks(self)
        return states[0]

    # keras.layers.RNN.call settles the initial state, the dropout masks, statefulness and what is returned.
    def inner_loop(self, sequences, initial_state, mask, training=False):
        mask = self._checked(sequences, initial_state, mask)
        if self._step_by_step:
            self._tell(self._choose(sequences.shape))
            return super().inner_loop(sequences, initial_state, mask, training)
        x, mask = self._in_order(sequences, mask)
        x, a_dropout = self._drop(x, initial_state, training)
        route = self._choose(x.shape, a_dropout is not None)
        self._tell(route)
        with AutocastScope(self.cell.compute_dtype):  # a cell may have another policy than its layer
            y, states = route.run(self.cell, x, initial_state, mask, a_dropout, self.return_sequences)
        if mask is not None:
            # A masked step repeats the last output: that is what its carried state answers, but before the first
            # step there is none, and keras.layers.RNN gives zeros.
            shown = mask if self.zero_output_for_mask else ops.cumsum(ops.cast(mask, "int32"), axis=1) > 0
            answered = slice(None) if self.return_sequences else slice(-1, None)
            y = ops.where(shown[:, answered, None], y, ops.zeros_like(y))
        return y[:, -1], y, states

    @property
    def _step_by_step(self):
        """Why the cell's `call` runs every step, as keras.layers.RNN would have it, or None."""
        return getattr(self.cell, "step_by_step", f"{type(self.cell).__name__} is no RecurrentCell")

    def _checked(self, x, states, mask):
        """(B, T, n_x), [(B, n_a), ...], (B, T) -> the mask as booleans; an error for what does not fit."""
        if len(states) != len(self.state_size):
            wanted = "one state, a_0 of shape (B, n_a)" if self.single_state else f"{len(self.state_size)} states"
            raise ValueError(f"initial_state must be {wanted}, got {len(states)} of them.")
        for state, n_a in zip(states, self.state_size):
            if isinstance(n_a, int):
                _check_shape("initial_state", state, (x.shape[0], n_a), "(B, n_a)")
        if mask is None:
            return None
        _check_shape("mask", mask, x.shape[:2], "(B, T)")
        return ops.cast(mask, "bool")

    def _in_order(self, x, mask):
        """(B, T, n_x), (B, T) -> the same in the order of reading."""
        if not self.go_backwards:
            return x, mask
        return ops.flip(x, axis=1), None if mask is None else ops.flip(mask, axis=1)

    def _drop(self, x, states, training):
        """(B, T, n_x), [(B, n_a), ...] -> x after its dropout; the mask for the first state's, or None."""
        cell = self.cell
        x_dropout = cell.get_dropout_mask(x[:, 0]) if training else None
        a_dropout = cell.get_recurrent_dropout_mask(states[0]) if training else None
        x = x if x_dropout is None else x * x_dropout[:, None]
        # Tokens stay whole numbers, which half precision would round.
        floats = keras.backend.is_float_dtype(keras.backend.standardize_dtype(x.dtype))
        return ops.cast(x, cell.compute_dtype) if floats else x, a_dropout

    def _choose(self, shape=(None, None, None), a_dropped=False):
        call = routes.Call(self.cell, shape, a_dropped, self.remat, self._step_by_step)
        return routes.choose(self.recurrence, call)

    def _tell(self, route):
        if route.overruled and (self._route is None or not self._route.overruled):
            so = "remat=True has no effect there" if self.remat else "recurrence='plain' would ask for it"
            warnings.warn(f"{self.name} runs the plain loop: {route.reason}; {so}.", stacklevel=2)
        self._route = route

    def get_config(self):
        config = {**super().get_config(), "recurrence": self.recurrence, "remat": self.remat}
        del config["unroll"]
        if len(_layers_of.get(self.cell, ())) > 1:
            # Keras means to write this where it saves an object twice, and loses it on the way (3.15.1).
            config["cell"]["shared_object_id"] = id(self.cell)
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        if "shared_object_id" in config["cell"] and not in_sharing_scope():
            warnings.warn(
                f"The cell of {config.get('name')} serves several layers; this copy has a cell of its own. Saving and "
                "loading a model keeps its cells shared, keras.models.clone_model and from_config do not.",
                stacklevel=2,
            )
        return super().from_config(config, custom_objects)


def _check_shape(name, tensor, expected, letters):
    shape = tuple(tensor.shape)
    if len(shape) != len(expected) or any(n is not None and m not in (None, n) for n, m in zip(shape, expected)):
        raise ValueError(f"{name} must have the shape {letters} = {tuple(expected)}, got {shape}.")
