"""One layer applied to every time step, with the steps folded into the batch; and the check of tokens."""

from typing import Any

import keras
from keras import ops

from keras_rnn_basics.architectures.labels import Labels
from keras_rnn_basics.checks import first_not, insist
from keras_rnn_basics.compat import reads
from keras_rnn_basics.vocabulary import Vocabulary


@keras.saving.register_keras_serializable("keras_rnn_basics")
class BatchedTimeDistributed(keras.layers.Wrapper):
    """Applies a layer to every time step: (B, T, ...) -> (B, T, n), where the layer's output is flattened to n.

    All B T steps go through the layer in one call, as if they were B T examples; `keras.layers.TimeDistributed` loops
    over them. A mask is passed on with the output, if x has one or the layer makes one (an Embedding or a Masking, also
    as the first layer of a Sequential).

    Tokens that an embedding of the layer reads must be integers from 0 to `input_dim` - 1, including padding. Keras
    would read -1 as the last token, and a too large token as another token or as zeros, depending on the device.

    Args:
        layer: a Keras layer that takes (B, ...), the shape of one time step.
        vocabulary: the meaning of the tokens that the layer reads, stored here for the whole model.
        labels: the meaning of the answers to them, stored here as well.

    Raises:
        TypeError: if `layer` is not a layer.
        ValueError: for a layer that mixes the steps; for an invalid token. (In a graph, an assertion fails; in a graph
            compiled by XLA, and on other backends than TensorFlow, the output of the step is NaN.)

    >>> import numpy as np
    >>> tuple(BatchedTimeDistributed(keras.layers.Flatten())(np.ones((2, 5, 8, 8))).shape)
    (2, 5, 64)
    """

    def __init__(self, layer, vocabulary=None, labels=None, **kwargs):
        if not isinstance(layer, keras.layers.Layer):
            raise TypeError(f"frontend must be a Keras layer for one time step, got {layer!r}.")
        super().__init__(layer, **kwargs)
        self.vocabulary, self.labels = vocabulary, labels
        self.supports_masking = True

    def build(self, x_shape):
        super().build((None, *x_shape[2:]))

    def call(self, x):
        x, known = self._tokens(x)
        folded = _fold(x)
        y = self.layer(folded)
        if None in y.shape[1:] or (None not in (y.shape[0], folded.shape[0]) and y.shape[0] != folded.shape[0]):
            raise ValueError(
                f"{self.layer.name} must answer (N, ...) to N time steps {tuple(folded.shape)}, each on its own, got "
                f"{tuple(y.shape)}. (A Normalization is adapted to single time steps: adapt(x.reshape(-1, n_x)).)"
            )
        B = -1 if x.shape[0] is None else x.shape[0]
        y = ops.reshape(y, (B, ops.shape(x)[1], _size(y.shape[1:])))
        return y if known is None else ops.where(ops.expand_dims(known, -1), y, float("nan"))

    def _tokens(self, x):
        """(B, T, ...) -> x with 0 for every invalid token; (B, T), False for a step with an invalid token, or None."""
        sizes = _vocabulary_sizes(self.layer)
        if not sizes:
            return x, None
        V, token = min(sizes), ops.cast(x, "int32")
        known = (token >= 0) & (token < V)
        if x.dtype != token.dtype:
            known = known & (ops.cast(token, x.dtype) == x)
        message = f"{self.name}: a token must be a whole number from 0 to {V - 1}, got"
        if insist(ops.all(known), message, lambda: first_not(known, x)):
            return x, None
        return ops.where(known, token, 0), ops.all(known, axis=tuple(range(2, len(x.shape))))

    def compute_mask(self, x, mask=None):
        # Embedding and Masking treat each step separately, so the sequence needs no folding here.
        first = self.layer.layers[0] if isinstance(self.layer, keras.Sequential) else self.layer
        own = first.compute_mask(x, None)
        if own is not None and len(own.shape) > 2:  # a step with several axes counts if any part of it does
            own = ops.any(own, axis=tuple(range(2, len(own.shape))))
        if own is None or mask is None:
            return mask if own is None else own
        return ops.logical_and(own, mask)

    def get_config(self):
        held = {"vocabulary": self.vocabulary, "labels": self.labels}
        return {**super().get_config(), **{name: own and own.get_config() for name, own in held.items()}}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        classes: dict[str, Any] = {"vocabulary": Vocabulary, "labels": Labels}
        held = {name: own.from_config(config[name]) for name, own in classes.items() if config.get(name)}
        return super().from_config({**config, **held}, custom_objects)

    def compute_output_shape(self, x_shape):
        return (*x_shape[:2], _size(self.layer.compute_output_shape((None, *x_shape[2:]))[1:]))


class ReadsTokens(keras.Model):
    """A functional model whose inputs may be tokens; it refuses tokens that are not whole numbers.

    Keras converts every input to the dtype of its `keras.Input`: it would cut 1.7, and also 2**32 + 1, to the token 1.
    """

    def call(self, inputs, training=None, mask=None, **kwargs):
        if all(keras.backend.is_int_dtype(tensor.dtype) for tensor in self.inputs):
            inputs = keras.tree.map_structure(lambda x: None if x is None else _whole(x), inputs)
        return super().call(inputs, training=training, mask=mask, **kwargs)


def _whole(x):
    """(...) -> (...) int32: -1, an invalid token, for every value that is not a whole number in the range of int32."""
    x = ops.convert_to_tensor(x)
    if x.dtype == "int32":
        return x
    token = ops.cast(x, "int32")
    whole = ops.cast(token, x.dtype) == x
    insist(ops.all(whole), "A token must be a whole number that int32 holds, got", lambda: first_not(whole, x))
    return ops.where(whole, token, -1)


def _vocabulary_sizes(layer):
    """V of each embedding, or one-hot encoding, with which a layer begins."""
    if isinstance(layer, keras.layers.Embedding):
        return [layer.input_dim]
    if isinstance(layer, keras.layers.CategoryEncoding):
        return [layer.num_tokens]
    if isinstance(layer, keras.Sequential):
        return _vocabulary_sizes(layer.layers[0]) if layer.layers else []
    if isinstance(layer, keras.Model) and getattr(layer, "inputs", None):
        first = [part for part in layer.layers if any(reads(part, x) for x in layer.inputs)]
        return [size for part in first for size in _vocabulary_sizes(part)]
    return []


def _fold(x):
    return ops.reshape(x, (-1, *x.shape[2:]))


def _size(shape):
    size = 1
    for n in shape:
        size *= n
    return size
