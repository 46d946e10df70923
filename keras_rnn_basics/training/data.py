"""What `fit` trains on: arrays, or a `tf.data.Dataset` of batches; how it is checked, and told from other data."""

import zlib
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_rnn_basics.checks import as_numpy

PARTS = ("x", "y", "sample_weight")


@dataclass
class Examples:
    """Arrays of N examples: `parts` is (x, y) or (x, y, sample_weight), each an array (N, ...) or a nest of them."""

    parts: tuple[Any, ...]
    N: int

    def order(self, seed: int, epoch: int) -> np.ndarray:
        """-> (N,): the order in which an epoch shows the examples. It needs nothing but the two numbers."""
        return np.random.default_rng((seed, epoch)).permutation(self.N).astype("int32")

    def in_order(self) -> np.ndarray:
        """-> (N,): 0 .. N-1."""
        return np.arange(self.N, dtype="int32")

    def arrays(self) -> list[np.ndarray]:
        """Every array, x before y."""
        return [array for array in keras.tree.flatten(self.parts) if array is not None]

    def rows(self, which: Any) -> tuple[Any, ...]:
        """The examples with these numbers."""
        return keras.tree.map_structure(lambda array: None if array is None else array[which], self.parts)

    def fingerprint(self) -> list[str]:
        """What tells these examples from others."""
        return [checksum(array) for array in self.arrays()]


def take_in(name: str, data: Any) -> Any:
    """`Examples` for arrays, a Dataset for a Dataset, None for None; a ValueError for anything else."""
    if data is None:
        if name == "train":
            raise ValueError("train must be a pair (x, y) of arrays or a tf.data.Dataset, got None.")
        return None
    if hasattr(data, "element_spec"):
        return _dataset(name, data)
    if hasattr(data, "shape"):
        raise ValueError(f"{name} must be a pair (x, y) of arrays or a tf.data.Dataset, got one array {data.shape}.")
    if not isinstance(data, (tuple, list)):
        hint = ""
        if hasattr(data, "__next__"):
            hint = (
                " A generator can be read only once, so a second epoch would be empty: use tf.data.Dataset."
                "from_generator(lambda: ..., output_signature=...), or put the batches together into arrays."
            )
        raise ValueError(
            f"{name} must be a pair (x, y) of arrays or a tf.data.Dataset, got {type(data).__name__}.{hint}"
        )
    if not 2 <= len(data) <= 3:
        raise ValueError(f"{name} must be (x, y) or (x, y, sample_weight), got {len(data)} parts.")
    parts = tuple(_arrays(f"{name}'s {part}", arrays) for part, arrays in zip(PARTS, data))
    sizes = {
        part: sorted({len(array) for array in keras.tree.flatten(arrays) if array is not None})
        for part, arrays in zip(PARTS, parts)
    }
    if len({size for own in sizes.values() for size in own}) != 1:
        told = ", ".join(f"{' and '.join(map(str, own))} in {part}" for part, own in sizes.items() if own)
        raise ValueError(f"{name} must have as many examples in each of its arrays, got {told}.")
    return Examples(parts, sizes["x"][0])


def _arrays(name, arrays):
    """Every array of a nest, as numbers that Keras computes with."""
    if arrays is None:
        return None
    if isinstance(arrays, list) and arrays and not any(hasattr(own, "__len__") for own in arrays):
        raise ValueError(f"{name} must be an array, got a list of {type(arrays[0]).__name__}: use np.array(...).")
    return keras.tree.map_structure(lambda array: None if array is None else _array(name, array), arrays)


def _array(name, array):
    if type(array).__name__ == "RaggedTensor":
        raise ValueError(
            f"{name} is ragged: its sequences have different lengths. Pad them to one length and mask the padding "
            "(keras.utils.pad_sequences and keras.layers.Masking), or give a Dataset of batches of one length each."
        )
    if hasattr(array, "to_numpy"):  # pandas
        array = array.to_numpy()
    array = as_numpy(array)
    if array.ndim == 0:
        raise ValueError(f"{name} must be an array of examples, got {array!r}.")
    if not len(array):
        raise ValueError(f"{name} holds no examples.")
    if array.dtype == object:
        if all(isinstance(value, (str, bytes)) for value in array.flat):
            return array.astype(str)
        raise ValueError(
            f"{name} is an array of Python objects ({type(array.flat[0]).__name__}), not of numbers. Where its "
            "sequences have different lengths, pad them to one (keras.utils.pad_sequences)."
        )
    if np.issubdtype(array.dtype, np.floating):
        if not np.isfinite(array).all():
            row = int(np.argwhere(~np.isfinite(array))[0][0])
            raise ValueError(f"{name} holds numbers that are not finite, first in row {row}: clean them.")
        return array.astype(keras.config.floatx(), copy=False)
    return array


def _dataset(name, dataset):
    """A Dataset as given but for TensorFlow's autotuning, unless that was asked for.

    The thread that tunes sleeps longer each time, up to a minute, and an iterator's end waits for it: between two
    epochs of 150 seconds 45 were lost so.
    """
    if int(dataset.cardinality()) == -1:  # tf.data.INFINITE_CARDINALITY
        raise ValueError(f"{name} never ends: an epoch must. Leave out its repeat(), or take(n) batches.")
    if dataset.options().autotune.enabled is not None:
        return dataset
    options = type(dataset.options())()
    options.autotune.enabled = False
    return dataset.with_options(options)


def fingerprint(data: Any) -> Any:
    """What tells data from other data: of arrays a checksum, of a Dataset its length and the shapes of its batches."""
    if hasattr(data, "element_spec"):
        return f"{int(data.cardinality())} batches of {data.element_spec}"
    return data and data.fingerprint()


def fingerprint_of_batch(batch: Any) -> list[str]:
    """What tells a batch of a Dataset from others."""
    import tensorflow as tf

    return [checksum(part.numpy()) for part in tf.nest.flatten(batch, expand_composites=True) if part is not None]


def is_cut_for_workers(dataset: Any) -> bool:
    """Whether tf.data gives each of several workers its part of a Dataset, as it does unless told to leave that."""
    return dataset.options().experimental_distribute.auto_shard_policy.name != "OFF"


def checksum(array: np.ndarray) -> str:
    """What tells an array from another: its shape, and its bytes in few."""
    return f"{array.shape} {zlib.crc32(np.ascontiguousarray(array).tobytes())}"


def weigh_classes(examples: Any, class_weight: dict[int, float]) -> Examples:
    """The examples with the weight of their class as sample weights.

    y is (N,) or (N, 1) classes, or (N, classes) of which the largest counts.
    """
    if not isinstance(examples, Examples):
        raise ValueError("class_weight needs arrays: let a Dataset give (x, y, sample_weight), with dataset.map(...).")
    if len(examples.parts) == 3 and examples.parts[2] is not None:
        raise ValueError("class_weight and a sample_weight in train exclude each other: multiply them yourself.")
    y = examples.parts[1]
    if not hasattr(y, "shape") or y.ndim > 2:
        shape = getattr(y, "shape", type(y).__name__)
        raise ValueError(f"class_weight needs one class for each example, y of (N,) or (N, classes), got {shape}.")
    classes = y.argmax(axis=-1) if y.ndim == 2 and y.shape[1] > 1 else np.rint(y.reshape(-1)).astype("int64")
    weights = np.array([class_weight.get(int(label), 1.0) for label in classes], keras.config.floatx())
    return Examples((*examples.parts[:2], weights), examples.N)
