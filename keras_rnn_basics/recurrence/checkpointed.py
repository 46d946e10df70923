"""Backpropagation through time with checkpoints: only the first states of √T segments are kept.

The other states are computed again. The memory for the states falls from T to about 2 √T steps, at the cost of one
more pass through the loop.
Source: Chen, Xu, Zhang and Guestrin, "Training deep nets with sublinear memory cost" (2016).
"""

from typing import Any

import tensorflow as tf

from keras_rnn_basics.recurrence.bptt import complete, of_readout
from keras_rnn_basics.recurrence.loop import unstacked, vjp
from keras_rnn_basics.recurrence.network import summed
from keras_rnn_basics.recurrence.plain import time_first


def forward(x, mask, a_dropout, states_0, weights, *, network, every_step):
    """As `bptt.forward`, but only the states at the ends of segments are kept: [(T / segment + 1, b, n_a), ...]."""
    T = tf.shape(x)[1]
    x, mask = _segments(x, last_again=True), _mask_segments(mask, x)  # not every cell can read zeros
    K, xs, masks = tf.shape(x)[0], unstacked(x), unstacked(mask)

    def read(k, states):
        a, _ = network.states(network.project(xs.read(k), weights), states, weights, masks.read(k), a_dropout)
        return a, [state[-1] for state in a]

    def segment(k, states, kept, ys):
        a, ends = read(k, states)
        kept = [array.write(k + 1, end) for array, end in zip(kept, ends)]
        return k + 1, ends, kept, ys.write(k, network.readout(a, weights)) if every_step else ys

    kept = [tf.TensorArray(a.dtype, K + 1, element_shape=a.shape).write(0, a) for a in states_0]
    last = network.readout([state[None] for state in states_0], weights)  # for dtype and shape only; it never runs
    ys = tf.TensorArray(last.dtype, K, element_shape=(None, *last.shape[1:]))
    begin = (0, list(states_0), kept, ys)
    _, ends, kept, ys = tf.while_loop(lambda k, *_: k < K, segment, begin, parallel_iterations=1)
    kept = [array.stack() for array in kept]
    if not every_step:
        return time_first(network.readout([end[None] for end in ends], weights)), ends, kept
    y = ys.stack()
    y = tf.reshape(y, (-1, *tf.unstack(tf.shape(y)[2:])))[:T]
    return time_first(tf.ensure_shape(y, (None, *last.shape[1:]))), ends, kept


def backward(dy, da_T, kept, x, mask, a_dropout, states_0, weights, *, network, every_step):
    """As `bptt.backward`, but the first result is already ∂L/∂x (b, T, n_x)."""
    T = tf.shape(x)[1]
    x, mask = _segments(x, last_again=True), _mask_segments(mask, x)  # not every cell can read zeros
    K, xs, masks, starts = tf.shape(x)[0], unstacked(x), unstacked(mask), [unstacked(states) for states in kept]
    dys = unstacked(_segments(dy)) if every_step else None
    of_weights = [tf.zeros_like(weight) for weight in weights]
    if not every_step:
        da, by_readout = of_readout(network, time_first(dy), [states[-1:] for states in kept], weights)
        of_weights = complete(by_readout, weights)
        da_T = [later + own[0] for later, own in zip(da_T, da)]

    def segment(k, da_end, dxs, of_weights):
        x_k, mask_k, states = xs.read(k), masks.read(k), [start.read(k) for start in starts]
        z = network.project(x_k, weights)
        a, products = network.states(z, states, weights, mask_k, a_dropout)
        da, by_readout = None, [None] * len(weights)
        if dys is not None:
            da, by_readout = of_readout(network, dys.read(k), a, weights)
        dz, da_start, by_loop = network.errors(da, da_end, a, products, z, states, weights, mask_k, a_dropout)
        dx, *by_project = vjp(lambda x, *weights: network.project(x, weights), [x_k, *weights], dz, unused=None)
        return k - 1, da_start, dxs.write(k, dx), summed(of_weights, by_readout, by_loop, by_project)

    dxs = tf.TensorArray(x.dtype, K, element_shape=x.shape[1:])
    begin = (K - 1, list(da_T), dxs, of_weights)
    _, da_0, dxs, of_weights = tf.while_loop(lambda k, *_: k >= 0, segment, begin, parallel_iterations=1)
    dx = dxs.stack()
    return time_first(tf.reshape(dx, (-1, *tf.unstack(tf.shape(dx)[2:])))[:T]), da_0, of_weights


def to_x(dx, x, weights, *, network):
    """∂L/∂x, which `backward` has computed already: keeping ∂L/∂z would need the memory of all steps again."""
    return dx


def _segments(x, last_again=False) -> Any:
    """(b, T, ...) -> (T / segment, segment, b, ...); after T come zeros, or the last step again."""
    T = tf.shape(x)[1]
    segment = tf.cast(tf.math.ceil(tf.sqrt(tf.cast(T, "float32"))), "int32")
    K = -(-T // segment)
    x = time_first(x)
    behind = tf.repeat(x[-1:], K * segment - T, axis=0)
    x = tf.concat([x, behind if last_again else tf.zeros_like(behind)], axis=0)
    segments = tf.reshape(x, (K, segment, *tf.unstack(tf.shape(x)[1:])))
    return tf.ensure_shape(segments, (None, None, *x.shape[1:]))


def _mask_segments(mask, x):
    """(b, T) or None, x (b, T, n_x) -> (T / segment, segment, b, 1): steps after T are masked and keep a_T."""
    return _segments(tf.ones(tf.shape(x)[:2], "bool") if mask is None else mask)[..., None]
