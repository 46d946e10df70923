"""All that training changes, copied and put back."""

from typing import Any

import keras
import numpy as np

from keras_rnn_basics.compat import global_seed_generator


class Variables:
    """A model's weights, the generators of its dropout, its optimizer's memory, and what draws for `keras.random`."""

    def __init__(self, model: keras.Model) -> None:
        self.all = [*model.variables, *model.optimizer.variables, global_seed_generator().state]
        self.of_model = len(model.variables)
        self._read: Any = None

    def copy(self) -> list[np.ndarray]:
        """Their values now."""
        return [np.array(value, copy=True) for value in self._values()]

    def _values(self):
        if keras.backend.backend() != "tensorflow":
            return map(keras.ops.convert_to_numpy, self.all)
        if self._read is None:
            import tensorflow as tf

            # One call for all of them: each alone takes as long as a training step of a small network.
            self._read = tf.function(lambda: [tf.identity(variable.value) for variable in self.all], autograph=False)
        return [value.numpy() for value in self._read()]

    def set(self, arrays: list[Any]) -> None:
        """Gives them the values that `copy` answered, here or for a model alike."""
        for variable, array in zip(self.all, arrays, strict=True):
            variable.assign(array)

    def copy_to(self, other: "Variables") -> None:
        """Gives those of a model alike their values."""
        for own, theirs in zip(self.all, other.all, strict=True):
            theirs.assign(own)

    def finite(self, arrays: list[np.ndarray]) -> bool:
        """Whether the model's own values among these, which `copy` answered, are all finite."""
        return all(np.isfinite(array).all() for array in arrays[: self.of_model])

    def kinds(self) -> list[Any]:
        """The shape and the dtype of each."""
        return [(tuple(variable.shape), variable.dtype) for variable in self.all]
