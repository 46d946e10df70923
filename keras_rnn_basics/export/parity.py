"""Runs a written file beside the model, on random inputs of several sizes; a difference is an error."""

import warnings
from collections.abc import Callable, Sequence

import keras
import numpy as np
from ml_dtypes import finfo

from keras_rnn_basics.compat import layers_within
from keras_rnn_basics.export.endpoints import Endpoint
from keras_rnn_basics.export.rest import told
from keras_rnn_basics.recurrence import only_plain

TOLERANCE = 1e-4

# (B, T, by how much each further sequence is longer). What has a fixed size keeps it. A model that can read none of
# them, such as one that cuts a waveform into frames, gets LONG ones.
SIZES = ((1, 1, 0), (3, 5, 0), (2, 8, 0), (2, 6, 3))
FEW = SIZES[1::2]  # for a SavedModel, which TensorFlow itself runs
ONE = SIZES[-1:]  # for one that XLA compiles again for each size, which takes a third of a second
LONG = ((1, 70, 0), (2, 1100, 0))
REST = 3  # for other axes of unknown size


def check(
    endpoint: Endpoint,
    model: keras.Model,
    written: Callable[..., list],
    file: str,
    tolerance: float = TOLERANCE,
    sizes: Sequence[tuple[int, int, int]] = SIZES,
) -> float:
    """-> the largest difference between what `written(*arrays)` and the endpoint give.

    The inputs end with zeros, which a mask may skip, in some of the sequences. The model runs on the CPU: a GPU may
    round its products to 10 bits.

    Raises:
        ValueError: if they differ by more than the tolerance, relative to the largest number if that is more than 1. A
            model that computes in half precision may differ by eight times what that rounds off.
    """
    tolerance = max(tolerance, *(8 * float(finfo(dtype).eps) for dtype in _dtypes(model)))
    with keras.device("cpu:0"):
        return _check(endpoint, model, written, file, tolerance, sizes)


def _check(endpoint, model, written, file, tolerance, sizes):
    runs = _runs(endpoint, model, sizes) or _runs(endpoint, model, LONG)
    if not runs:
        warnings.warn(
            f"{file} was not run beside the model: {model.name} reads none of the sizes (B, T) that were "
            "tried. It is written; compare the two on inputs of your own.",
            stacklevel=2,
        )
    worst = 0.0
    for given, expected in runs:
        shapes = ", ".join(f"{own.name} {array.shape}" for own, array in zip(endpoint.inputs, given))
        try:
            found = written(*given)
        except Exception as error:  # each runtime has errors of its own
            raise ValueError(f"{file} cannot be run with {shapes} ({told(error)}); nothing is written.") from error
        for output, y, own in zip(endpoint.outputs, expected, found, strict=True):
            worst = max(worst, _difference(y, own, f"{file}: {output.name} of {shapes}", tolerance))
    return worst


def _runs(endpoint, model, sizes):
    """[inputs, the model's outputs] for each size that the model can read."""
    runs, tokens = [], _tokens(model)
    for number, (B, T, more) in enumerate(sizes):
        rng = np.random.default_rng(number)
        more = more if endpoint.name == "serve" else 0  # the inputs of a step belong to one sequence
        given = [_made_up(rng, own, B, T + at * more, tokens) for at, own in enumerate(endpoint.inputs)]
        try:
            with only_plain(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of Keras, such as a softmax over the only step of a memory
                outputs = endpoint.run(*map(keras.ops.convert_to_tensor, given))
        except Exception:  # each layer has its own errors for a size that it cannot read
            continue
        runs.append((given, [keras.ops.convert_to_numpy(y) for y in keras.tree.flatten(outputs)]))
    return runs


def _difference(expected, written, where, tolerance):
    if expected.shape != written.shape:
        raise ValueError(
            f"{where} has the shape {written.shape}, the model's has {expected.shape}; nothing is written."
        )
    if expected.dtype.kind in "OSU":  # words
        expected, written = expected != written, np.zeros(expected.shape)
    expected, written = expected.astype("float64"), written.astype("float64")
    scale = max(1.0, np.abs(expected).max(initial=0.0, where=np.isfinite(expected)))
    overflown = ~np.isfinite(expected) & ~np.isfinite(written)
    apart = np.subtract(expected, written, where=~overflown, out=np.zeros(expected.shape))
    worst = float(np.abs(apart / scale).max(initial=0.0))
    if not worst <= tolerance:
        raise ValueError(f"{where} differs from the model's by {worst:.1e}, more than {tolerance}; nothing is written.")
    return worst


def _made_up(rng, tensor, B, T, tokens):
    free = iter([B, T]) if tensor.shape[:1] == (None,) else iter([T])
    shape = tuple(next(free, REST) if n is None else n for n in tensor.shape)
    if not shape:
        return np.array(B, tensor.dtype)
    floats = keras.backend.is_float_dtype(tensor.dtype)
    made = rng.normal(size=shape) if floats else rng.integers(2 if tensor.dtype == "bool" else tokens, size=shape)
    if len(shape) > 1 and tensor.shape[1] is None:
        made[-1, (shape[1] + 1) // 2 :] = 0
        made[:, 0] = np.where(made[:, 0] == 0, 1, made[:, 0])  # a sequence of padding alone has nothing to look at
    return made.astype("str" if tensor.dtype == "string" else tensor.dtype)


def _dtypes(model):
    """The float dtypes that the model's layers compute in, and float32."""
    found = {getattr(layer, "compute_dtype", None) for layer in layers_within(model)}
    return ["float32", *(dtype for dtype in found if dtype in ("float16", "bfloat16"))]


def _tokens(model):
    """The least number of tokens that a layer of the model knows."""
    sizes = [getattr(layer, name, None) for layer in layers_within(model) for name in ("input_dim", "num_tokens")]
    return min((size for size in sizes if isinstance(size, int)), default=2)
