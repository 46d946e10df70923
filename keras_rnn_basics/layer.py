"""The layer that runs a cell over time, with every convention of keras.layers.RNN."""

import inspect
import warnings
import weakref
from typing import Any

import keras
from keras import ops

from keras_rnn_basics import checks
from keras_rnn_basics import recurrence as routes
from keras_rnn_basics.compat import AutocastScope, StatefulRNN, in_sharing_scope, new_dropout_masks, set_keras_mask

# The layers that use a cell. If there are several, they must share one cell after loading too.
_layers_of: weakref.WeakKeyDictionary[Any, weakref.WeakSet[Any]] = weakref.WeakKeyDictionary()


@keras.saving.register_keras_serializable("keras_rnn_basics")
class BasicRNN(StatefulRNN):
    """A cell applied to every step of a sequence: (B, T, n_x) -> (B, n_y) or (B, T, n_y)::

        z = x W_ax + b_x + b_a           one product for all t
        a_t = g(z_t + a_{t-1} W_aa)      the loop: nothing else is in it
        ŷ = h(a W_ya + b_y)              one product for all t

    It gives the same result as `keras.layers.RNN(cell)`, but faster, because everything that needs no past is moved out
    of the loop. (The equations are those of `BasicRNNCell`; for another `RecurrentCell` they are its `project`,
    `advance` and `readout`.) A masked step keeps the state and repeats the last output (zeros if there is none yet). If
    it is called with `sequence_lengths=` (B,), it masks the steps after the end of each sequence.

    Args:
        cell: a `BasicRNNCell`, a `RecurrentCell` of your own, or any other Keras cell, which is run step by step.
        return_sequences: whether to return ŷ_1 .. ŷ_T instead of ŷ_T only.
        return_state: whether to return a_T, (B, n_a), after the output (if the cell has several states, each of them).
        go_backwards: whether to read the sequence from its end; the outputs are in the order of reading.
        stateful: whether to begin each batch with the a_T of the batch before; `reset_state()` resets it.
        zero_output_for_mask: whether to output zeros at masked steps.
        recurrence: the route that runs the loop. `"auto"` takes the fastest: `"per_core"` under TensorFlow on a CPU and
            `"cudnn"` on a GPU, where `"per_core"` runs what cuDNN cannot. It takes `"plain"`, the loop of Keras itself,
            if these cannot run the call (with a warning), on other backends, outside `tf.function` (except with
            `remat`), and in the files of `export_saved_model`. `recurrence_route` says which route ran, and why.
        remat: keep only the state of every √T-th step and compute the others again in the backward pass: the memory
            holds about 2 √T states of a sequence instead of T, at the cost of one more pass through the loop.

    Raises:
        TypeError: if `cell` is not a cell.
        ValueError: for an unknown route, a route that cannot remat, or inputs, masks and states of the wrong shape.

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
                "A cell's activity_regularizer would never be called: give it to the layer, "
                "BasicRNN(cell, activity_regularizer=...)."
            )
        if stateful and getattr(cell, "learned_initial_state", False):
            raise ValueError(
                "stateful=True begins each batch with the last state of the batch before, learned_initial_state=True "
                "begins it with a_0: choose one of them."
            )
        if "unroll" in kwargs:
            raise TypeError("BasicRNN has no unroll: `recurrence` chooses how the loop runs.")
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
            raise ValueError("remat=True needs recurrence='auto' or 'per_core'; the plain loop keeps every state.")
        self.remat = remat
        self._route = None
        self.input_spec = keras.layers.InputSpec(ndim=3)

    @property
    def recurrence_route(self) -> str:
        """The route of the latest call or trace and its reason, such as `"per_core: 2 cores, tanh, float32"`.

        A batch of another size may take another route. Before the first call, this is the route that a `tf.function`
        would take, and so `fit`.
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
            # Keras passes the mask of x as `mask` only if x is the only tensor of the call. With an initial_state,
            # Keras passes it under this name; without this line it would be lost silently.
            mask = sequences_mask
        if sequence_lengths is not None:
            mask = self._within(sequences, sequence_lengths, mask)
        sequences = self._of_one_batch(sequences, initial_state)
        outputs = super().call(sequences, initial_state=initial_state, mask=mask, training=training)
        if sequence_lengths is not None and self.return_sequences:
            # As Keras does with a mask that x carries: the layers after this one, and above all the loss, need it.
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
            f"{self.name} is stateful with the batch size B = {B}, but got another number of sequences: "
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

    # keras.layers.RNN.call handles the initial state, the dropout masks, statefulness and the returned values.
    def inner_loop(self, sequences, initial_state, mask, training=False):
        mask = self._checked(sequences, initial_state, mask)
        if self._step_by_step:
            self._tell(self._choose(sequences.shape))
            with routes.without_lists():
                return super().inner_loop(sequences, initial_state, mask, training)
        x, mask = self._in_order(sequences, mask)
        x, a_dropout = self._drop(x, initial_state, training)
        route = self._choose(x.shape, a_dropout is not None)
        self._tell(route)
        # A cell may have another dtype policy than its layer.
        with AutocastScope(self.cell.compute_dtype), routes.without_lists():
            y, states = route.run(self.cell, x, initial_state, mask, a_dropout, self.return_sequences)
        if mask is not None:
            # A masked step repeats the last output, which its unchanged state gives by itself. Only before the first
            # step that counts there is no last output; there keras.layers.RNN gives zeros.
            shown = mask if self.zero_output_for_mask else ops.cumsum(ops.cast(mask, "int32"), axis=1) > 0
            answered = slice(None) if self.return_sequences else slice(-1, None)
            y = ops.where(ops.expand_dims(shown[:, answered], -1), y, ops.zeros_like(y))
        return y[:, -1], y, states

    @property
    def _step_by_step(self):
        """The reason why the cell's `call` must run every step, as in keras.layers.RNN, or None."""
        return getattr(self.cell, "step_by_step", f"{type(self.cell).__name__} is no RecurrentCell")

    def _checked(self, x, states, mask):
        """(B, T, n_x), [(B, n_a), ...], (B, T) -> the mask as booleans; raises an error for wrong shapes."""
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
        """(B, T, n_x), [(B, n_a), ...] -> x after its dropout; the dropout mask of the first state, or None."""
        cell = self.cell
        x_dropout = cell.get_dropout_mask(x[:, 0]) if training else None
        a_dropout = cell.get_recurrent_dropout_mask(states[0]) if training else None
        x = x if x_dropout is None else x * x_dropout[:, None]
        # Tokens stay integers; half precision would round them.
        floats = keras.backend.is_float_dtype(keras.backend.standardize_dtype(x.dtype))
        return ops.cast(x, cell.compute_dtype) if floats else x, a_dropout

    def _choose(self, shape=(None, None, None), a_dropped=False):
        call = routes.Call(self.cell, shape, a_dropped, self.remat, self._step_by_step)
        return routes.choose(self.recurrence, call)

    def _tell(self, route):
        if route.overruled and (self._route is None or not self._route.overruled):
            so = "remat=True has no effect there" if self.remat else "recurrence='plain' silences this warning"
            warnings.warn(f"{self.name} runs the plain loop: {route.reason}; {so}.", stacklevel=2)
        if self._route is None or self._route._replace(run=route.run) != route:
            self._route = route  # Keras looks through whatever is set: comparing takes less time

    def get_config(self):
        config = {**super().get_config(), "recurrence": self.recurrence, "remat": self.remat}
        del config["unroll"]
        if len(_layers_of.get(self.cell, ())) > 1:
            # Keras should write this when it saves an object twice, but it loses it on the way (3.15.1).
            config["cell"]["shared_object_id"] = id(self.cell)
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        if "shared_object_id" in config["cell"] and not in_sharing_scope():
            warnings.warn(
                f"The cell of {config.get('name')} is shared by several layers; this copy has its own cell. Saving and "
                "loading a model keeps cells shared, but keras.models.clone_model and from_config do not.",
                stacklevel=2,
            )
        return super().from_config(config, custom_objects)


def _check_shape(name, tensor, expected, letters):
    shape = tuple(tensor.shape)
    if len(shape) != len(expected) or any(n is not None and m not in (None, n) for n, m in zip(shape, expected)):
        raise ValueError(f"{name} must have the shape {letters} = {tuple(expected)}, got {shape}.")
