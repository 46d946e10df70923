"""One layer applied to every time step, with the steps folded into the batch."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_rnn_basics")
class EachStep(keras.layers.Wrapper):
    """Applies a layer to each time step alike: (B, T, ...) -> (B, T, n), whatever the layer gives flattened to n.

    All B T steps go through the layer in one call, as if they were B T examples; `keras.layers.TimeDistributed` loops
    over them. A mask that the layer makes (an embedding's or a Masking's, also as the first of a
    Sequential) or that came with x goes on with the output.

    Args:
        layer: a Keras layer that takes (B, ...), the shape of one time step.

    >>> import numpy as np
    >>> tuple(EachStep(keras.layers.Flatten())(np.ones((2, 5, 8, 8))).shape)
    (2, 5, 64)
    """

    def __init__(self, layer, **kwargs):
        if not isinstance(layer, keras.layers.Layer):
            raise TypeError(f"frontend must be a Keras layer for one time step, got {layer!r}.")
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def build(self, x_shape):
        super().build((None, *x_shape[2:]))

    def call(self, x):
        y = self.layer(_fold(x))
        return ops.reshape(y, (*ops.shape(x)[:2], _size(y.shape[1:])))

    def compute_mask(self, x, mask=None):
        # Embedding and Masking look at each step by itself, so that the sequence needs no folding here.
        first = self.layer.layers[0] if isinstance(self.layer, keras.Sequential) else self.layer
        own = first.compute_mask(x, None)
        if own is not None and len(own.shape) > 2:  # a step with several axes counts where any of it does
            own = ops.any(own, axis=tuple(range(2, len(own.shape))))
        if own is None or mask is None:
            return mask if own is None else own
        return ops.logical_and(own, mask)

    def compute_output_shape(self, x_shape):
        return (*x_shape[:2], _size(self.layer.compute_output_shape((None, *x_shape[2:]))[1:]))


def _fold(x):
    return ops.reshape(x, (-1, *x.shape[2:]))


def _size(shape):
    size = 1
    for n in shape:
        size *= n
    return size
