"""Dot-product attention of a decoder: at each step it looks at all states of the encoder."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_rnn_basics")
class LuongAttention(keras.layers.Layer):
    """a (B, T_y, n_a), memory (B, T_x, n_a), there (B, T_x) -> ã (B, T_y, n_a), weights (B, T_y, T_x).

        weights_ts = softmax_s(a_t · memory_s)      over the s where `there` is True: no padding
        c_t = Σ_s weights_ts memory_s               keras.layers.Attention
        ã_t = tanh([a_t; c_t] W_c + b_c)

    Source: Luong, Pham and Manning, "Effective approaches to attention-based neural machine translation" (2015),
    equations 5 to 8 with the score "dot". The mask of a is passed on with ã.

    Args:
        units: n_a.

    >>> import numpy as np
    >>> memory, there = np.array([[[1.0, 0.0], [0.0, 1.0], [9.0, 9.0]]]), np.array([[True, True, False]])
    >>> _, weights = LuongAttention(2)(np.array([[[0.0, np.log(3)]]]), memory, there)
    >>> print(np.asarray(weights).round(4))
    [[[0.25 0.75 0.  ]]]
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.attention = keras.layers.Attention(dtype=self.dtype_policy)
        self.join = keras.layers.Dense(units, activation="tanh", dtype=self.dtype_policy)
        self.supports_masking = True

    def build(self, a_shape, memory_shape, there_shape):
        self.join.build((*a_shape[:-1], a_shape[-1] + memory_shape[-1]))

    def call(self, a, memory, there):
        c, weights = self.attention([a, memory], mask=[None, there], return_attention_scores=True)
        return self.join(ops.concatenate([a, c], axis=-1)), weights

    def compute_mask(self, a, previous_mask=None):
        return [previous_mask, None]

    def get_config(self):
        return {**super().get_config(), "units": self.units}
