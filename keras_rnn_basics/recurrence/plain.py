"""The loop over time in Keras' own terms: any backend, any activation, any export; the other routes' reference."""

from keras import ops

# The loop that keras.layers.RNN runs on each backend. Keras does not export it; `ops.scan` would read better, but
# under TensorFlow its gradient does not compile with XLA.
from keras.src.backend import rnn as loop


def run(cell, x, a_0, mask=None, a_dropout=None, every_step=True):
    """(B, T, n_x), (B, n_a) -> (B, T, n_y) or (B, 1, n_y), (B, n_a): the answers, of all steps or the last, and a_T."""
    a = states(cell, x, a_0, mask, a_dropout)
    # ŷ = h(a W_ya + b_y)    (B, T, n_y): one product for all t
    return cell.predict(a if every_step else a[:, -1:]), a[:, -1]


def states(cell, x, a_0, mask=None, a_dropout=None):
    """(B, T, n_x), (B, n_a) -> (B, T, n_a): `a_t = g(z_t + a_{t-1} W_aa)` for t = 1 .. T.

    Args:
        cell: a `BasicRNNCell`.
        x: (B, T, n_x), in the cell's compute dtype.
        a_0: (B, n_a), the state before the first step.
        mask: (B, T) booleans; where False the step is passed over: a_t is a_{t-1}.
        a_dropout: (B, n_a), multiplies a_{t-1} on its way into the product.
    """
    # z = x W_ax + b_x + b_a    (B, T, n_a): one product for all t
    z = cell.project(x)

    def advance(z_t, states):
        (a_prev,) = states
        kept = a_prev if a_dropout is None else a_prev * a_dropout
        a_t = cell.advance(z_t, kept)
        return a_t, [a_t]

    _, a, _ = loop(advance, z, [a_0], mask=mask)
    if mask is not None:
        # The loop repeats its last output at masked steps, zeros before the first; the state there is a_0.
        begun = ops.cumsum(ops.cast(mask, "int32"), axis=1) > 0
        a = ops.where(begun[..., None], a, a_0[:, None])
    return a
