"""Whether the data fit the model: shapes, kinds and classes, looked at before any work."""

import warnings
from typing import Any

import keras
import numpy as np

from keras_rnn_basics.compat import get_keras_mask
from keras_rnn_basics.training.data import Examples

# A regression target with a mean further from 0, or a spread that is none of these, takes many epochs to learn at all.
FAR_FROM_0, SMALL_SPREAD, LARGE_SPREAD = 5.0, 0.05, 5.0
ROWS_LOOKED_AT = 16

CLASSES = "sparse_categorical_crossentropy"
PROBABILITIES = ("binary_crossentropy", "categorical_crossentropy", "binary_focal_crossentropy")
NUMBERS = ("mean_squared_error", "mse", "mean_absolute_error", "mae", "huber", "log_cosh", "logcosh")


def check_fit(model: Any, name: str, data: Any) -> None:
    """A ValueError that says which part of `Examples`, or of a Dataset, the model cannot be trained on, and why."""
    if data is None:
        return
    parts = data.parts if isinstance(data, Examples) else data.element_spec
    if not isinstance(parts, tuple) or len(parts) < 2:
        return
    x, y = parts[:2]
    for tensor, array in _pairs(getattr(model, "inputs", None), x):
        _check_input(f"{name}'s x", tensor, array)
    targets = _targets(model, name, y)
    for part, tensor, array, loss in targets:
        kind = _kind(loss)
        _check_shape(part, tensor, array, kind)
        if isinstance(data, Examples):
            _check_values(model, name, part, data, (tensor, array), loss)


def _targets(model, name, y):
    """[(what to call it, the model's answer, y, its loss), ...], where Keras matches them by order or by name."""
    outputs, losses = _by_name(model), model.loss
    if not isinstance(losses, dict):
        losses = losses if isinstance(losses, (list, tuple)) else [losses] * len(outputs)
        if len(losses) != len(outputs):
            return []  # Keras says where they do not fit
        losses = dict(zip(outputs, losses))
    keys = list(outputs)
    if isinstance(y, dict):
        missing = [key for key in keys if key not in y and losses.get(key) is not None]
        if missing:
            raise ValueError(f"{name}'s y must have the keys {keys}, as the model's answers, got {list(y)}.")
        keys = [key for key in keys if key in y]
        y = [y[key] for key in keys]
    pairs = _pairs([outputs[key] for key in keys], y)
    parts = [f"{name}'s y" if len(outputs) == 1 else f"{name}'s y[{key!r}]" for key in keys]
    found = zip(keys, parts, pairs)
    return [(part, *pair, losses[key]) for key, part, pair in found if losses.get(key) is not None]


def _by_name(model):
    """From the name of each of the model's answers to its tensor; empty for a model that does not tell them."""
    answers = getattr(model, "output", None)  # which a Sequential may not have
    if isinstance(answers, dict):
        return {key: own for key, own in answers.items() if hasattr(own, "shape")}
    return dict(zip(getattr(model, "output_names", None) or [model.name], getattr(model, "outputs", None) or []))


def _pairs(tensors, arrays):
    """The model's tensors with their arrays, where each tensor has one and they are in one order."""
    if not tensors or isinstance(arrays, dict):
        return []
    arrays = keras.tree.flatten(arrays)
    known = all(getattr(array, "shape", None) is not None and _rank(array) is not None for array in arrays)
    return list(zip(tensors, arrays)) if len(tensors) == len(arrays) and known else []


def _rank(array):
    """None where TensorFlow does not know it."""
    return array.shape.rank if hasattr(array.shape, "rank") else len(array.shape)


def _kind(loss):
    """The name of the loss of Keras that it is, of its steps where it sums over time; "" for the user's own."""
    loss = getattr(loss, "loss", loss)
    if isinstance(loss, str):
        loss = keras.losses.get(loss)
    if isinstance(loss, keras.losses.Loss):
        return _snake(type(loss).__name__) if type(loss).__module__.startswith("keras.") else ""
    return loss.__name__ if getattr(loss, "__module__", "").startswith("keras.") else ""


def _snake(name):
    """MeanSquaredError -> mean_squared_error."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def _agree(shape, expected):
    return len(shape) == len(expected) and all(None in (n, m) or n == m for n, m in zip(shape, expected))


def _check_input(name, tensor, array):
    shape, expected = tuple(array.shape), tuple(tensor.shape)
    # Keras adds an axis of 1 at the end, or takes it away.
    if not any(_agree(own[1:], expected[1:]) for own in (shape, (*shape, 1), shape[:-1] if shape[-1] == 1 else shape)):
        raise ValueError(f"{name} must be {_letters(expected)} for the model's input {tensor.name!r}, got {shape}.")


def _check_shape(name, tensor, array, kind):
    shape, output = tuple(array.shape), tuple(tensor.shape)
    if "sparse" in kind:
        fitting, what = [output[:-1], (*output[:-1], 1)], f"{_letters(output[:-1])} whole numbers, one class each"
    elif kind in PROBABILITIES or kind in NUMBERS:
        # Of another shape it would be repeated, or averaged over, without a word.
        fitting, what = [output, *([output[:-1]] if output[-1] == 1 else [])], _letters(output)
    else:
        return
    if not any(_agree(shape[1:], own[1:]) for own in fitting):
        raise ValueError(
            f"{name} must be {what}, to fit the model's answers {_letters(output)} under {kind}, got {shape}."
        )


def _letters(shape):
    """(None, 5, 1) -> "(N, 5, 1)"."""
    return f"({', '.join(['N', *('any' if n is None else str(n) for n in shape[1:])])}{',' if len(shape) == 1 else ''})"


def _check_values(model, name, part, examples, pair, loss):
    (tensor, y), kind, alone = pair, _kind(loss), len(model.outputs) == 1
    if not alone and len(examples.parts) > 2:
        return  # which of the weights are this answer's, Keras decides: a label that does not count may be any
    counted = _counted(name, examples, y)
    if y.dtype.kind not in "fiub":
        raise ValueError(f"{part} must be numbers, got {y.dtype}: a vocabulary or a table makes them of words.")
    if "sparse" in kind:
        n_y, ignored = tensor.shape[-1], getattr(getattr(loss, "loss", None) or loss, "ignore_class", None)
        known = (y >= 0) & (y < n_y) & (y == np.rint(y)) | (False if ignored is None else y == ignored)
        what = f"no class: the model tells {n_y} classes apart, 0 to {n_y - 1}"
    elif kind in PROBABILITIES:
        known, what = (y >= 0) & (y <= 1), f"no probability, as {kind} needs: 0 to 1"
    else:
        if kind in NUMBERS and name == "train" and alone:
            _check_scale(model, examples, y[counted])
        return
    wrong = ~known
    if wrong.any() and hasattr(loss, "loss"):
        # A sum over time leaves out what does not count; Keras' own losses stumble over a label before they weigh it.
        place = next(i for i, own in enumerate(model.outputs) if own is tensor)
        wrong = wrong & counted & _unmasked(model, examples, wrong, place)
    if wrong.any():
        where = tuple(np.argwhere(wrong)[0])
        raise ValueError(f"{part} holds {y[where]!s} in row {where[0]}, which is {what}.")


def _counted(name, examples, y):
    """Where a number of y counts, by sample weights of (N,), (N, 1) or (N, T)."""
    if len(examples.parts) < 3 or examples.parts[2] is None:
        return np.ones(y.shape, bool)
    counted = examples.parts[2] != 0
    while counted.ndim > y.ndim:
        counted = counted[..., 0]
    if not _agree([n if n > 1 else None for n in counted.shape], y.shape[: counted.ndim]):
        raise ValueError(f"{name}'s sample_weight must be (N,) or (N, T), to fit y {y.shape}, got {counted.shape}.")
    return np.broadcast_to(counted.reshape(*counted.shape, *[1] * (y.ndim - counted.ndim)), y.shape)


def _unmasked(model, examples, wrong, place):
    """Where this answer of the model is not masked: padding may hold any label."""
    rows = np.flatnonzero(wrong.reshape(len(wrong), -1).any(axis=1))[:ROWS_LOOKED_AT]
    mask = get_keras_mask(keras.tree.flatten(model(examples.rows(rows)[0]))[place])
    counts = np.zeros(wrong.shape, bool)
    if mask is None:
        counts[rows] = True
    else:
        mask = keras.ops.convert_to_numpy(mask)
        counts[rows] = mask if mask.ndim == wrong.ndim else mask[..., None]
    return counts


def _check_scale(model, examples, y):
    """A warning for numbers far from those that a network answers at first, and what to do."""
    mean, spread = float(y.mean(dtype="float64")), float(y.std(dtype="float64"))
    if spread == 0 or (abs(mean) <= FAR_FROM_0 and SMALL_SPREAD <= spread <= LARGE_SPREAD):
        return
    first = keras.ops.convert_to_numpy(model(examples.rows(np.arange(min(examples.N, ROWS_LOOKED_AT)))[0]))
    if abs(mean - first.mean()) <= FAR_FROM_0 * first.std() and SMALL_SPREAD <= first.std() / spread <= LARGE_SPREAD:
        return  # the model scales its answers itself
    warnings.warn(
        f"train's y has a mean of {mean:.3g} and a spread (standard deviation) of {spread:.3g}. A network learns "
        f"numbers of mean 0 and spread 1 much faster: train it on (y - {mean:.3g}) / {spread:.3g}, and turn its "
        f"answers back by * {spread:.3g} + {mean:.3g}.",
        stacklevel=6,
    )


def loss_of_a_constant(model: Any, train: Any, watched: Any) -> float | None:
    """What the best constant forecast of train's y costs on what is watched; None where that means nothing."""
    kind = "" if isinstance(model.loss, (list, tuple, dict)) else _kind(model.loss)
    plain = all(isinstance(data, Examples) and len(data.parts) == 2 for data in (train, watched))
    if kind not in NUMBERS or not plain or len(_pairs(getattr(model, "outputs", None), train.parts[1])) != 1:
        return None
    n_y = model.outputs[0].shape[-1]
    known, y = (
        data.parts[1].reshape(*data.parts[1].shape[: len(model.outputs[0].shape) - 1], n_y) for data in (train, watched)
    )
    middle = np.median if "absolute" in kind or kind == "mae" else np.mean
    constant = middle(known, axis=tuple(range(known.ndim - 1)))
    loss = keras.losses.get(model.loss)
    return float(np.mean(keras.ops.convert_to_numpy(loss(y, np.broadcast_to(constant, y.shape)))))
