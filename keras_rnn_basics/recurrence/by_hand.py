"""The backward pass of `a_t = g(z_t + a_{t-1} W_aa)` with its derivative written out, for four g.

It differs from `loop.errors` only in speed: g' follows from a_t, so no step has to be computed again.
"""

import tensorflow as tf

from keras_rnn_basics.recurrence.loop import empty, rows, unstacked

# g' at s as a function of a = g(s).
DERIVATIVES = {
    "tanh": lambda a: 1 - a * a,
    "relu": lambda a: tf.cast(a > 0, a.dtype),
    "sigmoid": lambda a: a * (1 - a),
    "linear": tf.ones_like,
}


def errors(g, da, da_T, a, a_0, W_aa, mask=None, a_dropout=None):
    """∂L/∂a -> ∂L/∂z (T, b, n_a), ∂L/∂a_0 (b, n_a), ∂L/∂W_aa (n_a, n_a).

    da (T, b, n_a) is the error that reaches each a_t from its own answer, or None; da_T (b, n_a) is the error that
    reaches the last one from elsewhere. The mask is (T, b, 1).
    """
    T, W_aa_transposed = tf.shape(a)[0], tf.transpose(W_aa)
    da, states, mask = unstacked(da), unstacked(a), unstacked(mask)

    def step(t, from_later, dz):
        da_t = from_later if da is None else from_later + da.read(t)
        # ∂L/∂z_t = ∂L/∂a_t g'(s_t), s_t = z_t + a_{t-1} W_aa
        dz_t = da_t * DERIVATIVES[g](states.read(t))
        if mask is not None:
            dz_t = tf.where(mask.read(t), dz_t, tf.zeros_like(dz_t))
        # ∂L/∂a_{t-1} = ∂L/∂z_t W_aaᵀ
        da_prev = tf.matmul(dz_t, W_aa_transposed)
        if a_dropout is not None:
            da_prev *= a_dropout
        if mask is not None:
            da_prev = tf.where(mask.read(t), da_prev, da_t)
        return t - 1, da_prev, dz.write(t, dz_t)

    _, da_0, dz = tf.while_loop(lambda t, *_: t >= 0, step, (T - 1, da_T, empty(da_T, T)), parallel_iterations=1)
    dz = dz.stack()
    a_prev = tf.concat([a_0[None], a[:-1]], axis=0)
    if a_dropout is not None:
        a_prev *= a_dropout
    # ∂L/∂W_aa = Σ_t a_{t-1}ᵀ ∂L/∂z_t, over all steps and examples in one product
    return dz, da_0, tf.matmul(rows(a_prev), rows(dz), transpose_a=True)
