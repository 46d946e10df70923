"""Checks whether a model gives the same outputs step by step as for the sequence; if not, finds the layer at fault."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_rnn_basics.architectures.graph import NoStep, first_sentence
from keras_rnn_basics.architectures.stepped import Stepped
from keras_rnn_basics.compat import layers_within
from keras_rnn_basics.recurrence import only_plain

# Random test sequences have the first of these LENGTHS that the model can read, in batches of B. Other axes of unknown
# length get REST. A step is compiled for sequences longer than LONG.
LENGTHS, B, REST, LONG = (7, 70, 1100), 2, 3, 50


def check_that_it_answers_alike(stepped: Stepped) -> None:
    """Reads a random sequence in both ways; this also fills `stepped.states`.

    Raises:
        NoStep: with the first operation whose outputs differ.
    """
    with only_plain(), other_weights(stepped.graph.call), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a try, such as one that takes an encoder's memory for a sequence
        given, tensors, T = _read_whole(stepped)
        static = {value: tensor for value, tensor in tensors.items() if value not in stepped.stepped}
        watched, failed = [], None
        try:
            for outputs in _read_step_by_step(stepped, [given[value] for value in stepped.sequences], static, T):
                watched.append(outputs)
        except NoStep as error:
            failed = error
        _compare(stepped, tensors, watched, T, failed)


def _read_step_by_step(stepped, sequences, static, T):
    """Yields the outputs of each node at each step, by the number of the node."""

    def step(x_t, states, outputs):
        _, after = stepped.step(x_t, static, dict(zip(stepped.states, states)), outputs.__setitem__)
        return outputs, [after[key] for key in stepped.states]

    def another(x_t, states):
        return step(x_t, states, {})

    first: dict[Any, Any] = {}
    try:
        _, states = step([x[:, 0] for x in sequences], [], first)
    finally:  # also the outputs of the nodes before one that fails
        yield first
    if T > LONG and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        another = tf.function(another, autograph=False)
    for t in range(1, T):
        outputs, states = another([x[:, t] for x in sequences], states)
        yield outputs


def _read_whole(stepped) -> Any:
    """-> the tensors of the inputs, the tensors of all values, and T; the outputs are computed by the model itself."""
    graph, failed = stepped.graph, "a layer leaves no steps of it"
    for T in (stepped.T,) if stepped.T else LENGTHS:
        rng = np.random.default_rng(0)
        given = {value: _made_up(rng, value, T if value in stepped.sequences else None) for value in graph.inputs}
        try:
            tensors = dict(given)
            for node in graph.nodes:
                tensors.update(zip(node.outputs, node.run(tensors)))
            answers = graph.call(keras.tree.pack_sequence_as(graph.input, list(given.values())))
        except Exception as error:  # each backend has its own error classes for inputs that a layer cannot read
            failed = first_sentence(error)
            continue
        if not any(0 in tensor.shape for tensor in tensors.values()):
            tensors.update(zip(graph.outputs, keras.tree.flatten(answers)))
            return given, tensors, T
    names = " and ".join(value.name for value in stepped.sequences)
    raise NoStep(f"it cannot read a random sequence {names} of {T} steps ({failed})")


def _made_up(rng, value, T=None):
    """Random numbers, or random tokens 0 and 1; a sequence of T steps also has zeros, which a mask may skip."""
    shape = (B, *((T or REST) if n is None else n for n in value.shape[1:]))
    if value.dtype == "string":
        return ops.convert_to_tensor(np.full(shape, "a"))
    if keras.backend.is_float_dtype(value.dtype):
        made = rng.normal(size=shape)
        if T:
            made[0, 2:3], made[1, 1:][-1:] = 0, 0
    elif T:
        made = rng.integers(2, size=shape)
        # Before the first unmasked step, the outputs may differ if the cell has a readout: so no mask at the beginning.
        made[:, 0] = 1
    else:
        made = np.ones(shape)
    return ops.cast(ops.convert_to_tensor(made), value.dtype)


def _compare(stepped, tensors, watched, T, failed):
    graph = stepped.graph
    half = any(layer.compute_dtype not in ("float32", "float64") for layer in layers_within(graph.call))
    otherwise = set()
    for at, node in stepped.nodes:
        for number, value in enumerate(node.outputs):
            own = [outputs[at][number] for outputs in watched if at in outputs]
            if own and not _alike(tensors[value], own, T, tolerance=3e-2 if half else 1e-3):
                otherwise.add(value)
    if failed is None and otherwise.isdisjoint(graph.outputs):
        return
    for at, node in stepped.nodes:
        if otherwise.intersection(node.outputs):
            reason = f"its {node.described} gives another result"
            if node.recurrent:
                raise NoStep(f"{reason} step by step than for the sequence", at, node) from failed
            raise NoStep(f"{reason} for one step than for the sequence: it looks at several time steps", at, node)
    assert failed is not None  # every value that differs is the output of some node
    raise failed


def _alike(whole, steps, T, tolerance):
    """(B, T', ...) against (B, 1, ...) of each step, the last T' of T; or (B, ...) against the last step's (B, ...)."""
    whole, steps = _numbers(whole), [_numbers(own) for own in steps]
    shape, one = whole.shape, steps[0].shape
    scale = max(1.0, np.abs(whole).max(initial=0.0, where=np.isfinite(whole)))
    if shape == one:
        if len(steps) < T:
            return True
        answered = steps[-1]
    else:
        axes = [axis for axis in range(1, len(shape)) if one == (*shape[:axis], 1, *shape[axis + 1 :])]
        if not axes or shape[axes[0]] > T:
            return False
        [axis, *_] = axes
        steps = steps[T - shape[axis] :]
        whole = np.take(whole, range(len(steps)), axis=axis)
        answered = np.concatenate([np.take(whole, [], axis=axis), *steps], axis=axis)
    return np.allclose(whole, answered, rtol=0, atol=tolerance * scale, equal_nan=True)


def _numbers(tensor) -> Any:
    if keras.backend.standardize_dtype(tensor.dtype) == "string":
        return np.char.encode(np.asarray(tensor).astype(str)).view("uint8").astype("float32")
    return ops.convert_to_numpy(ops.cast(tensor, "float32"))


@contextmanager
def other_weights(model: keras.Model) -> Iterator[None]:
    """The model with slightly changed weights: many weights begin as zeros, which would hide the effect of a layer."""
    rng = np.random.default_rng(0)

    def moved(weight):
        noise = rng.normal(size=weight.shape)
        # Smaller for large matrices, so that no state explodes; above zero for a variance.
        noise = 0.1 * noise / np.sqrt(weight.shape[-1]) if len(weight.shape) > 1 else 0.1 * np.abs(noise)
        return weight, weight.value + ops.convert_to_tensor(noise, dtype=weight.dtype)

    floats = [weight for weight in model.variables if keras.backend.is_float_dtype(weight.dtype)]
    with keras.StatelessScope([moved(weight) for weight in floats]):
        yield
