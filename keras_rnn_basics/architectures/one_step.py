"""The network for one step, its memory in the open: (x_t, a_{t-1}) -> (ŷ_t, a_t), on the model's own weights."""

import keras
import numpy as np
from keras import ops

from keras_rnn_basics.layer import BasicRNN


def one_step(model: keras.Model) -> keras.Model:
    """x_t, a_1, ..., a_k -> ŷ_t, a_1, ..., a_k: the same layers, the state of each of its k recurrent layers explicit.

    Fed x_1 .. x_T one after the other, from states of zeros, it answers what the model answers for the sequence (a
    many-to-one model: its answer so far). Only at masked steps before the first unmasked one it answers what a_0 does,
    where the model answers zeros. It shares the model's weights: training the one trains the other.

    Args:
        model: a functional model over a sequence of any length: its first input has the shape (None, ...). Further
            inputs must be initial states, and behind them what every step reads alike, such as an encoder's memory.

    Returns:
        A `keras.Model` with the inputs x_t, without the time axis, and "a" (B, n_a), or "a_1", "a_2", ... where there
        are several recurrent layers; its outputs are a list of ŷ_t and the new states.

    Raises:
        ValueError: for a model that has no next step: of fixed length, bidirectional, read backwards, or with another
            layer than BasicRNN that looks at several time steps.

    >>> from keras_rnn_basics.architectures.many_to_many import build_many_to_many
    >>> step = one_step(build_many_to_many((6,), units=32, output_units=4))
    >>> [tuple(tensor.shape) for tensor in (*step.inputs, *step.outputs)]
    [(None, 6), (None, 32), (None, 4), (None, 32)]
    """
    step = _build_step(model)
    _check_that_it_answers_alike(model, step)
    return step


def _build_step(model):
    if isinstance(model, keras.Sequential):
        model = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    sequence = model.inputs[0]
    if len(sequence.shape) < 2 or sequence.shape[1] is not None:
        raise ValueError(
            f"{model.name} has no step: its input must be a sequence of any length, (None, None, ...), "
            f"but has the shape {tuple(sequence.shape)}."
        )
    x_t = keras.Input(sequence.shape[2:], name="x_t", dtype=sequence.dtype)
    given = [keras.Input(a.shape[1:], name=a.name, dtype=a.dtype) for a in model.inputs[1:]]
    states = _States(model)
    inputs = [ops.expand_dims(x_t, 1), *given]
    # The pass that a functional model makes when it is called, with each recurrent layer's step in its place.
    y = model._run_through_graph(keras.tree.pack_sequence_as(model._inputs_struct, inputs), operation_fn=states.step_of)
    if isinstance(y, (list, tuple, dict)):
        raise ValueError(f"{model.name} has no step: it must have one output, got {len(y)}.")
    # Many-to-many answers (B, 1, n_y), many-to-one (B, n_y).
    y_t = y[:, 0] if len(y.shape) == 3 else y
    return keras.Model([x_t, *given, *states.before], [y_t, *states.after], name=f"{model.name}_step")


def _check_that_it_answers_alike(model, step, B=2, T=3):
    """A layer that looks at several time steps (an LSTM, a convolution, a pooling) would go wrong without a word."""
    rng = np.random.default_rng(0)

    def made_up(tensor, *shape):
        shape = (*shape, *(T if n is None else n for n in tensor.shape[1:]))
        number = "float" in keras.backend.standardize_dtype(tensor.dtype)
        return ops.convert_to_tensor(rng.normal(size=shape) if number else np.ones(shape), dtype=tensor.dtype)

    steps = [made_up(step.inputs[0], B) for _ in range(T)]
    given = [made_up(a, B) for a in model.inputs[1:]]
    own = [ops.zeros((B, *a.shape[1:]), dtype=a.dtype) for a in step.inputs[1 + len(given) :]]
    states = [*given, *own]
    for x_t in steps:
        try:
            outputs = step([x_t, *states] if states else x_t)
        except Exception as error:  # each backend has classes of its own for what a layer cannot read
            raise ValueError(
                f"{model.name} has no step: some layer in it cannot read one time step alone, as one that cuts a "
                f"waveform into frames cannot: {type(error).__name__}."
            ) from error
        y_t, *after = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        states = [*after, *states[len(after) :]]
    x = ops.stack(steps, axis=1)
    y = model([x, *given] if given else x)
    expected = ops.convert_to_numpy(ops.cast(y[:, -1] if len(y.shape) == 3 else y, "float32"))
    answered = ops.convert_to_numpy(ops.cast(y_t, "float32"))
    tolerance = 1e-3 if keras.backend.standardize_dtype(y.dtype) in ("float32", "float64") else 3e-2
    if np.abs(answered - expected).max() > tolerance * max(1.0, np.abs(expected).max()):
        raise ValueError(
            f"{model.name} has no step: fed one step at a time it answers otherwise than for the sequence, so "
            "some layer in it looks at several time steps. Only BasicRNN layers may."
        )


class _States:
    """The states that the recurrent layers of a model take in one step and give back, in their order."""

    def __init__(self, model):
        self.alone = sum(isinstance(layer, BasicRNN) for layer in model._flatten_layers()) == 1
        self.before, self.after = [], []

    def step_of(self, operation):
        """The function that stands for an operation of the model when the sequence has one step."""
        if isinstance(operation, keras.layers.Bidirectional) or getattr(operation, "go_backwards", False):
            raise ValueError(
                f"The model has no step: its layer {operation.name} reads from the end, which is yet to come."
            )
        if getattr(operation, "stateful", False):
            raise ValueError(
                f"The model has no step: its layer {operation.name} is stateful. "
                "Give its weights to a model that is not: other.set_weights(model.get_weights())."
            )
        if isinstance(operation, BasicRNN):
            return lambda x, initial_state=None, **kwargs: self.recur(operation, x, initial_state)
        if isinstance(operation, keras.Model) and any(
            isinstance(layer, BasicRNN) for layer in operation._flatten_layers()
        ):
            return lambda x, **kwargs: self.nest(operation, x)
        return operation

    def recur(self, layer, x, a_prev):
        if a_prev is None:
            a_prev = self.take(layer.cell.units, layer.cell.compute_dtype)
        y, a = _Step(layer, name=layer.name)(x, a_prev)
        self.after.append(a)
        return y

    def nest(self, model, x):
        inner = _build_step(model)  # checked as a part of the whole
        y_t, *after = inner([x[:, 0], *(self.take(a.shape[-1], a.dtype) for a in inner.inputs[1:])])
        self.after += after
        return y_t if len(model.output.shape) == 2 else ops.expand_dims(y_t, 1)

    def take(self, n_a, dtype):
        name = "a" if self.alone else f"a_{len(self.before) + 1}"
        self.before.append(keras.Input((n_a,), name=name, dtype=dtype))
        return self.before[-1]


class _Step(keras.layers.Layer):
    """A recurrent layer's cell, on a sequence of one step: (B, 1, n_x), (B, n_a) -> its output, and a_t (B, n_a)."""

    def __init__(self, layer, **kwargs):
        super().__init__(dtype=layer.dtype_policy, **kwargs)
        self.cell, self.return_sequences = layer.cell, layer.return_sequences
        self.zero_output_for_mask = layer.zero_output_for_mask
        self.supports_masking = self.built = True

    def call(self, x, a_prev, x_mask=None):
        y_t, [a_t] = self.cell(x[:, 0], [a_prev])
        if x_mask is not None:
            # A masked step carries the state, and answers what the carried state answers.
            a_t = ops.where(x_mask, a_t, a_prev)
            y_t = self.cell.readout([a_t])
            if self.zero_output_for_mask:
                y_t = ops.where(x_mask, y_t, ops.zeros_like(y_t))
        return y_t[:, None] if self.return_sequences else y_t, a_t

    def compute_mask(self, x, previous_mask):
        return [previous_mask if self.return_sequences else None, None]
