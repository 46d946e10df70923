"""Which program runs an epoch of a model on its data, and whether XLA compiles it."""

import math
from typing import Any

import keras

from keras_rnn_basics.compat import layers_within
from keras_rnn_basics.recurrence import device
from keras_rnn_basics.recurrence.parts import ROWS
from keras_rnn_basics.training.data import Examples
from keras_rnn_basics.training.epoch import ArrayEpoch, DatasetEpoch
from keras_rnn_basics.training.workers import Workers

# Measured by benchmarks/fit.py on two cores: a step of fewer multiplications forward is faster within one XLA program,
# which has one core; a larger one is faster where `per_core` has both. (It does not cut a batch of very few rows.)
MULTIPLICATIONS = 16_000_000
# On a GPU: up to so many steps of tanh or relu, XLA's loop is faster than cuDNN's.
STEPS_ON_GPU = 100


def program_of(model: Any, step: Any, data: Any, batch_size: int, workers: Workers) -> ArrayEpoch | DatasetEpoch | None:
    """The program that takes this step of the model on `Examples`, or on a Dataset; None for None."""
    if data is None:
        return None
    if isinstance(data, Examples):
        jit = jit_pays(model, [(batch_size, *array.shape[1:]) for array in data.arrays()], data.arrays())
        return ArrayEpoch(model, step, data.parts, batch_size, jit, workers)
    spec = [own for own in keras.tree.flatten(data.element_spec) if hasattr(own, "shape")]
    batch = next((own.shape[0] for own in spec if own.shape.rank), None)
    # The last batch of a Dataset may be smaller; more shapes than these two would be compiled one by one.
    shapes = [tuple(own.shape) if own.shape.rank else () for own in spec]
    jit = jit_pays(model, [(batch or batch_size, *shape[1:]) for shape in shapes], spec)
    return DatasetEpoch(model, step, data, jit, workers)


def jit_pays(model: Any, shapes: list[Any], typed: list[Any]) -> bool:
    """Whether XLA is to compile the steps: where the model was compiled so, else where that is faster.

    Args:
        model: the compiled model.
        shapes: of each array of a batch, x before y.
        typed: what has the dtype of each of them.
    """
    layers = layers_within(model)
    if model.run_eagerly or model.distribute_strategy.num_replicas_in_sync > 1:
        return False
    routes = [_route(layer) for layer in layers if isinstance(layer, keras.layers.RNN)]
    dtypes = [keras.backend.standardize_dtype(own.dtype) for own in typed]
    varying = "string" in dtypes or any(None in shape for shape in shapes)
    if device.on_gpu():
        # There Keras compiles by default. XLA cannot compile cuDNN's loop, which is faster on long sequences.
        pays = "cudnn" not in routes or _steps(shapes, dtypes) <= STEPS_ON_GPU
        return model.jit_compile and not varying and pays
    if model.jit_compile:
        return True
    if varying or not all(layer.supports_jit and layer.compute_dtype in ("float32", "float64") for layer in layers):
        return False
    if not all(route == "per_core" for route in routes):
        return False  # XLA is slow, and slow to compile, on the loop over time that Keras has
    return shapes[0][0] < 2 * ROWS or _multiplications(model, shapes, dtypes) < MULTIPLICATIONS


def _route(layer):
    """The name of the route that a layer's loop takes in a `tf.function`."""
    return layer._choose().name if hasattr(layer, "recurrence_route") else "plain"


def _multiplications(model, shapes, dtypes):
    """About how many a step has forward: every weight meets every time step of every example."""
    return shapes[0][0] * _steps(shapes, dtypes) * sum(math.prod(weight.shape) for weight in model.weights)


def _steps(shapes, dtypes):
    """The number of time steps of the longest array."""
    return max(
        shape[1] if len(shape) > 2 or (len(shape) == 2 and "int" in dtype) else 1
        for shape, dtype in zip(shapes, dtypes)
    )
