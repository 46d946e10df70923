"""The same in segments of √T steps: what is kept is the state between two segments; the rest is computed again.

The memory for the states falls from T to about 2 √T steps, for one more pass through the loop.
Source: Chen, Xu, Zhang and Guestrin, "Training deep nets with sublinear memory cost" (2016).
"""

import tensorflow as tf

from keras_rnn_basics.recurrence.by_hand import errors, outer, outer_recurrent, product, states, unstacked
from keras_rnn_basics.recurrence.whole import time_first


def forward(x, a_0, mask, a_dropout, W_ax, b, W_aa, W_ya=None, b_y=None, *, g, every_step):
    """As `whole.forward`, but what is kept is a_0 and the state behind each segment: (T / segment + 1, b, n_a)."""
    T = tf.shape(x)[1]
    x, mask = _segments(x), _mask_segments(mask, x)
    K, xs, masks = tf.shape(x)[0], unstacked(x), unstacked(mask)
    n_y = a_0.shape[-1] if W_ya is None else W_ya.shape[1]

    def answer(a):
        return a if W_ya is None else product(a, W_ya) + b_y

    def segment(k, a_prev, kept, ys):
        a = states(product(xs.read(k), W_ax) + b, a_prev, W_aa, g, masks.read(k), a_dropout)
        return k + 1, a[-1], kept.write(k + 1, a[-1]), ys.write(k, answer(a)) if every_step else ys

    kept = tf.TensorArray(x.dtype, K + 1, element_shape=a_0.shape).write(0, a_0)
    ys = tf.TensorArray(x.dtype, K, element_shape=(None, a_0.shape[0], n_y))
    _, a_T, kept, ys = tf.while_loop(lambda k, *_: k < K, segment, (0, a_0, kept, ys), parallel_iterations=1)
    if not every_step:
        return time_first(answer(a_T[None])), a_T, kept.stack()
    y = ys.stack()
    y = tf.reshape(y, (-1, tf.shape(y)[2], n_y))[:T]
    return time_first(y), a_T, kept.stack()


def backward(dy, da_T, kept, x, a_0, mask, a_dropout, W_ax, b, W_aa, W_ya=None, b_y=None, *, g, every_step):
    """As `whole.backward`, but the first of what it returns is ∂L/∂x (b, T, n_x) already."""
    T = tf.shape(x)[1]
    x, mask = _segments(x), _mask_segments(mask, x)
    K, xs, masks, starts = tf.shape(x)[0], unstacked(x), unstacked(mask), unstacked(kept)
    dys = unstacked(_segments(dy)) if every_step else None
    of_weights = [tf.zeros_like(W_ax), tf.zeros_like(b), tf.zeros_like(W_aa)]
    if W_ya is not None:
        of_weights += [tf.zeros_like(W_ya), tf.zeros_like(b_y)]
    if not every_step:
        dy = time_first(dy)
        if W_ya is not None:
            of_weights[3:] = [outer(kept[-1:], dy), tf.reduce_sum(dy, axis=(0, 1))]
        da_T += (dy if W_ya is None else product(dy, tf.transpose(W_ya)))[0]

    def segment(k, da_end, dxs, *of_weights):
        x_k, mask_k, a_start = xs.read(k), masks.read(k), starts.read(k)
        a = states(product(x_k, W_ax) + b, a_start, W_aa, g, mask_k, a_dropout)
        da = None
        if every_step:
            dy_k = dys.read(k)
            da = dy_k if W_ya is None else product(dy_k, tf.transpose(W_ya))
        ds, da_start = errors(da, da_end, a, W_aa, g, mask_k, a_dropout)
        here = [outer(x_k, ds), tf.reduce_sum(ds, axis=(0, 1)), outer_recurrent(a_start, a, ds, a_dropout)]
        if W_ya is not None and every_step:
            here += [outer(a, dy_k), tf.reduce_sum(dy_k, axis=(0, 1))]
        so_far = [total + more for total, more in zip(of_weights, here)] + list(of_weights[len(here) :])
        return k - 1, da_start, dxs.write(k, product(ds, tf.transpose(W_ax))), *so_far

    dxs = tf.TensorArray(x.dtype, K, element_shape=x.shape[1:])
    _, da_0, dxs, *of_weights = tf.while_loop(
        lambda k, *_: k >= 0, segment, (K - 1, da_T, dxs, *of_weights), parallel_iterations=1
    )
    dx = dxs.stack()
    return time_first(tf.reshape(dx, (-1, *tf.unstack(tf.shape(dx)[2:])))[:T]), da_0, *of_weights


def to_x(dx, W_ax):
    """∂L/∂x, which came with the rest: keeping ∂L/∂s for it would take the memory of all steps again."""
    return dx


def _segments(x):
    """(b, T, ...) -> (T / segment, segment, b, ...), padded behind T with zeros."""
    T = tf.shape(x)[1]
    segment = tf.cast(tf.math.ceil(tf.sqrt(tf.cast(T, "float32"))), "int32")
    K = -(-T // segment)
    x = tf.pad(time_first(x), [[0, K * segment - T]] + [[0, 0]] * (len(x.shape) - 1))
    segments = tf.reshape(x, (K, segment, *tf.unstack(tf.shape(x)[1:])))
    return tf.ensure_shape(segments, (None, None, *x.shape[1:]))


def _mask_segments(mask, x):
    """(b, T) or None, x (b, T, n_x) -> (T / segment, segment, b, 1): steps behind T are masked, and carry a_T."""
    return _segments(tf.ones(tf.shape(x)[:2], "bool") if mask is None else mask)[..., None]
