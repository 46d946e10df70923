"""The loop over time in Keras' own terms: any backend, any activation, any export; the other routes' reference."""

from keras import ops

# The loop that keras.layers.RNN runs on each backend. Keras does not export it; `ops.scan` would read better, but
# under TensorFlow its gradient does not compile with XLA.
from keras.src.backend import rnn as loop


def run(cell, x, a_0, mask=None, a_dropout=None, every_step=True):
    """(B, T, n_x), (B, n_a) -> (B, T, n_y) or (B, 1, n_y), (B, n_a): the answers, of all steps or the last, and a_T.

    Args:
        cell: a `BasicRNNCell`.
        x: (B, T, n_x), in the cell's compute dtype.
        a_0: (B, n_a), the state before the first step.
        mask: (B, T) booleans; where False the step is passed over: a_t is a_{t-1}.
        a_dropout: (B, n_a), multiplies a_{t-1} on its way into the product.
        every_step: answer every step, not the last alone.
    """
    a = _states(cell, time_first(x), a_0, mask, a_dropout)
    # ŷ = h(a W_ya + b_y)    (T, B, n_y): one product for all t
    return time_first(cell.predict(a if every_step else a[-1:])), a[-1]


def states(cell, x, a_0, mask=None, a_dropout=None):
    """(B, T, n_x), (B, n_a) -> (B, T, n_a): a_1 .. a_T; the arguments are those of `run`."""
    return time_first(_states(cell, time_first(x), a_0, mask, a_dropout))


def _states(cell, x, a_0, mask, a_dropout):
    """(T, B, n_x) -> (T, B, n_a): time first, as the loop takes it, so that n_x numbers change places, not n_a."""
    # z = x W_ax + b_x + b_a    (T, B, n_a): one product for all t
    z = cell.project(x)
    mask = None if mask is None else time_first(mask)

    def advance(z_t, states):
        (a_prev,) = states
        # a_t = g(z_t + a_{t-1} W_aa)
        a_t = cell.advance(z_t, a_prev if a_dropout is None else a_prev * a_dropout)
        return a_t, [a_t]

    T, B = z.shape[:2]
    if T is None and B is not None:
        # Keras' loop would take B for the number of steps (3.15.1: it reads inputs.shape[1] for it).
        _, a, _ = loop(advance, time_first(z), [a_0], mask=None if mask is None else time_first(mask))
        a = time_first(a)
    else:
        _, a, _ = loop(advance, z, [a_0], mask=mask, time_major=True, input_length=T)
    if mask is not None:
        # The loop repeats its last output at masked steps, zeros before the first; the state there is a_0.
        begun = ops.cumsum(ops.cast(mask, "int32"), axis=0) > 0
        a = ops.where(begun[..., None], a, a_0)
    return a


def time_first(x):
    """(B, T, ...) -> (T, B, ...), and back."""
    return ops.swapaxes(x, 0, 1)
