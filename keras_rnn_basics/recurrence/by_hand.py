"""The loop and its backpropagation through time, written out in TensorFlow: what one core runs for its part of a batch.

What needs no past leaves the loop, in both directions: of the six gradients only that of a_{t-1} is computed in it.
Time comes first here, so that a step is one contiguous block of memory; b is the number of examples in the part.
Source: Werbos, "Backpropagation through time: what it does and how to do it" (1990).
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf


class Activation(NamedTuple):
    """g, and its derivative at s as a function of a = g(s)."""

    of: Callable
    derivative: Callable


G = {
    "tanh": Activation(tf.tanh, lambda a: 1 - a * a),
    "relu": Activation(tf.nn.relu, lambda a: tf.cast(a > 0, a.dtype)),
    "sigmoid": Activation(tf.sigmoid, lambda a: a * (1 - a)),
    "linear": Activation(tf.identity, tf.ones_like),
}


def states(z, a_0, W_aa, g, mask=None, a_dropout=None):
    """(T, b, n_a), (b, n_a), (n_a, n_a) -> (T, b, n_a): `a_t = g(z_t + a_{t-1} W_aa)`; mask (T, b, 1)."""
    T = tf.shape(z)[0]
    z, mask = unstacked(z), unstacked(mask)

    def step(t, a_prev, a):
        kept = a_prev if a_dropout is None else a_prev * a_dropout
        a_t = G[g].of(z.read(t) + tf.matmul(kept, W_aa))
        if mask is not None:
            a_t = tf.where(mask.read(t), a_t, a_prev)
        return t + 1, a_t, a.write(t, a_t)

    _, _, a = tf.while_loop(lambda t, *_: t < T, step, (0, a_0, _empty(a_0, T)), parallel_iterations=1)
    return a.stack()


def errors(da, da_T, a, W_aa, g, mask=None, a_dropout=None):
    """(T, b, n_a), (b, n_a), (T, b, n_a), (n_a, n_a) -> (T, b, n_a), (b, n_a): ∂L/∂s_t with a_t = g(s_t), and ∂L/∂a_0.

    da holds what reaches each a_t from its own answer, or is None; da_T what reaches the last one from elsewhere.
    """
    T, W_aa_transposed = tf.shape(a)[0], tf.transpose(W_aa)
    da, a, mask = unstacked(da), unstacked(a), unstacked(mask)

    def step(t, from_later, ds):
        da_t = from_later if da is None else from_later + da.read(t)
        # ∂L/∂s_t = ∂L/∂a_t g'(s_t)
        ds_t = da_t * G[g].derivative(a.read(t))
        if mask is not None:
            ds_t = tf.where(mask.read(t), ds_t, tf.zeros_like(ds_t))
        # ∂L/∂a_{t-1} = ∂L/∂s_t W_aaᵀ
        da_prev = tf.matmul(ds_t, W_aa_transposed)
        if a_dropout is not None:
            da_prev *= a_dropout
        if mask is not None:
            da_prev = tf.where(mask.read(t), da_prev, da_t)
        return t - 1, da_prev, ds.write(t, ds_t)

    _, da_0, ds = tf.while_loop(lambda t, *_: t >= 0, step, (T - 1, da_T, _empty(da_T, T)), parallel_iterations=1)
    return ds.stack(), da_0


def product(x, W):
    """(T, b, n_p), (n_p, n_q) -> (T, b, n_q): one large product."""
    shape = tf.shape(x)
    y = tf.reshape(tf.matmul(_rows(x), W), (shape[0], shape[1], W.shape[1]))
    return tf.ensure_shape(y, (*x.shape[:2], W.shape[1]))


def outer(x, ds):
    """(T, b, n_p), (T, b, n_q) -> (n_p, n_q): ∂L/∂W of x W, over all steps and examples in one product."""
    return tf.matmul(_rows(x), _rows(ds), transpose_a=True)


def outer_recurrent(a_0, a, ds, a_dropout=None):
    """The gradient of W_aa: each a_{t-1} with its ∂L/∂s_t, in one product after the loop."""
    a_prev = tf.concat([a_0[None], a[:-1]], axis=0)
    return outer(a_prev if a_dropout is None else a_prev * a_dropout, ds)


def _rows(x):
    return tf.reshape(x, (-1, x.shape[-1]))


def unstacked(x):
    """A tensor whose first axis a loop reads one by one; None stays None."""
    if x is None:
        return None
    return tf.TensorArray(x.dtype, tf.shape(x)[0], element_shape=x.shape[1:]).unstack(x)


def _empty(a, T):
    return tf.TensorArray(a.dtype, T, element_shape=a.shape)
