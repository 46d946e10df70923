"""A part of the batch from x to the answers and back, with every a_t kept in between."""

import tensorflow as tf

from keras_rnn_basics.recurrence.by_hand import errors, outer, outer_recurrent, product, states


def forward(x, a_0, mask, a_dropout, W_ax, b, W_aa, W_ya=None, b_y=None, *, g, every_step):
    """(b, T, n_x), (b, n_a), (b, T), (b, n_a) -> (b, T, n_y) or (b, 1, n_y), (b, n_a), (T, b, n_a): ŷ, a_T and a."""
    x, mask = time_first(x), None if mask is None else time_first(mask)[..., None]
    # z = x W_ax + b    (T, b, n_a)
    a = states(product(x, W_ax) + b, a_0, W_aa, g, mask, a_dropout)
    answered = a if every_step else a[-1:]
    # a W_ya + b_y    (T, b, n_y)
    y = answered if W_ya is None else product(answered, W_ya) + b_y
    return time_first(y), a[-1], a


def backward(dy, da_T, a, x, a_0, mask, a_dropout, W_ax, b, W_aa, W_ya=None, b_y=None, *, g, every_step):
    """∂L/∂ŷ, ∂L/∂a_T, what forward kept and took -> ∂L/∂s (T, b, n_a), ∂L/∂a_0, and of the weights in their order."""
    x, dy, mask = time_first(x), time_first(dy), None if mask is None else time_first(mask)[..., None]
    da = dy if W_ya is None else product(dy, tf.transpose(W_ya))
    if not every_step:
        da, da_T = None, da_T + da[0]
    ds, da_0 = errors(da, da_T, a, W_aa, g, mask, a_dropout)
    of_weights = [outer(x, ds), tf.reduce_sum(ds, axis=(0, 1)), outer_recurrent(a_0, a, ds, a_dropout)]
    if W_ya is not None:
        of_weights += [outer(a if every_step else a[-1:], dy), tf.reduce_sum(dy, axis=(0, 1))]
    return ds, da_0, *of_weights


def to_x(ds, W_ax):
    """(T, b, n_a) -> (b, T, n_x): ∂L/∂x."""
    return time_first(product(ds, tf.transpose(W_ax)))


def time_first(x):
    """(b, T, ...) -> (T, b, ...), and back."""
    return tf.transpose(x, (1, 0, *range(2, len(x.shape))))
