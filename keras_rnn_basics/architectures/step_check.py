"""Whether a model answers one step after the other what it answers for the sequence, and if not, which part of it."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np
from keras import ops

from keras_rnn_basics.architectures.graph import Graph, NoStep, first_line
from keras_rnn_basics.architectures.stepped import Stepped

# Steps of the made-up sequences, until the model can read one; a batch, and the length of everything else of any length.
LENGTHS, B, REST = (7, 70, 1100), 2, 3


def check_that_it_answers_alike(stepped: Stepped) -> None:
    """Reads a made-up sequence in both ways; `stepped.states` is filled thereby.

    Raises:
        NoStep: with the first operation that answers otherwise.
    """
    with other_weights(stepped.graph.call):
        given, tensors, T = _read_whole(stepped)
        static = {value: tensor for value, tensor in tensors.items() if value not in stepped.stepped}
        watched, before = [{} for _ in range(T)], {}
        failed = None
        for t in range(T):
            steps = [given[value][:, t] for value in stepped.sequences]
            try:
                _, before = stepped.step(steps, static, before, watched[t].__setitem__)
            except NoStep as error:
                failed = error
                break
        _compare(stepped.graph, tensors, watched, T, failed)


def _read_whole(stepped):
    """-> the inputs' tensors, those of all values, and T; the outputs are those of the model itself."""
    graph = stepped.graph
    for T in (stepped.T,) if stepped.T else LENGTHS:
        given = {value: _made_up(value, T if value in stepped.sequences else REST) for value in graph.inputs}
        try:
            tensors = dict(given)
            for node in graph.nodes:
                tensors.update(zip(node.outputs, node.run(tensors)))
            answers = graph.call(keras.tree.pack_sequence_as(graph.input, list(given.values())))
        except Exception as error:  # each backend has classes of its own for what a layer cannot read
            failed = error
            continue
        tensors.update(zip(graph.outputs, keras.tree.flatten(answers)))
        return given, tensors, T
    names = " and ".join(value.name for value in stepped.sequences)
    raise NoStep(f"it cannot read a made-up sequence {names} of {T} steps ({first_line(failed)})") from failed


def _made_up(value, length):
    """Numbers by chance, and tokens 0 and 1: masks pass over a zero, at steps behind the first."""
    rng = np.random.default_rng(len(value.name))
    shape = (B, *(length if n is None else n for n in value.shape[1:]))
    if value.dtype == "string":
        return ops.convert_to_tensor(np.full(shape, "a"))
    if keras.backend.is_float_dtype(value.dtype):
        made = rng.normal(size=shape)
    else:
        made = np.ones(shape)
    if len(shape) > 1 and shape[1] > 3 and value.dtype != "bool":
        made[0, 2], made[1, 3:] = 0, made[1, 3:] * (rng.random(shape[2:]) < 2)
        made[1, -1] = 0
    return ops.convert_to_tensor(made.astype(value.dtype if value.dtype != "bfloat16" else "float32"), dtype=value.dtype)


def _compare(graph, tensors, watched, T, failed):
    half = any(layer.compute_dtype not in ("float32", "float64") for layer in graph.call._flatten_layers())
    tolerance = 3e-2 if half else 1e-3
    alike = {}
    for at in watched[0]:
        for number, value in enumerate(graph.nodes[at].outputs):
            own = [outputs[at][number] for outputs in watched if at in outputs]
            alike[value] = len(own) < T or _alike(tensors[value], own, tolerance)
    if failed is None and all(alike.get(value, True) for value in graph.outputs):
        return
    for at, node in enumerate(graph.nodes):
        if not all(alike.get(value, True) for value in node.outputs):
            order = "one step after the other" if node.recurrent else "for one step"
            reason = f"its {node.described} answers otherwise {order} than for the sequence"
            raise NoStep(reason if node.recurrent else f"{reason}: it looks at several time steps", at, node) from failed
    raise failed or NoStep("one step after the other it answers otherwise than for the sequence")


def _alike(whole, steps, tolerance):
    """(B, T', ...) against what T steps gave, each (B, 1, ...): the last T' of them; or (B, ...): the last one."""
    whole = _numbers(whole)
    shape, last = tuple(whole.shape), _numbers(steps[-1])
    if shape != last.shape:
        axes = [
            axis
            for axis in range(1, len(shape))
            if last.ndim == len(shape) and last.shape[axis] == 1 and _without(shape, axis) == _without(last.shape, axis)
        ]
        if not axes or shape[axes[0]] > len(steps):
            return False
        # Of any zero or more steps that come late, the sequence leaves out the first.
        last = np.concatenate([_numbers(own) for own in steps[len(steps) - shape[axes[0]] :]], axis=axes[0])
    scale = max(1.0, np.abs(whole).max(initial=0.0, where=np.isfinite(whole)))
    return np.allclose(whole, last, rtol=0, atol=tolerance * scale, equal_nan=True)


def _without(shape, axis):
    return (*shape[:axis], *shape[axis + 1 :])


def _numbers(tensor):
    if keras.backend.standardize_dtype(tensor.dtype) == "string":
        return np.char.encode(np.asarray(tensor).astype(str)).view("uint8").astype("float32")
    return ops.convert_to_numpy(ops.cast(tensor, "float32"))


@contextmanager
def other_weights(model: keras.Model) -> Iterator[None]:
    """The model with weights a little off its own: zeros, as many weights begin, would hide what a layer does."""
    rng = np.random.default_rng(0)

    def moved(weight):
        noise = rng.normal(size=weight.shape)
        # Smaller for large matrices, so that no state explodes; above zero for a variance.
        noise = 0.1 * noise / np.sqrt(weight.shape[-1]) if len(weight.shape) > 1 else 0.1 * np.abs(noise)
        return weight, weight.value + ops.convert_to_tensor(noise, dtype=weight.dtype)

    floats = [weight for weight in model.variables if keras.backend.is_float_dtype(weight.dtype)]
    with keras.StatelessScope([moved(weight) for weight in floats]):
        yield
