"""The loop over time in Keras' own operations: for any backend, cell and export; the reference of the other routes."""

import itertools

from keras import ops

from keras_rnn_basics.compat import keras_loop


def run(cell, x, states_0, mask=None, a_dropout=None, every_step=True):
    """(B, T, n_x), [(B, n_a), ...] -> (B, T, n_y) or (B, 1, n_y), [(B, n_a), ...]: the answers, and the last states.

    Args:
        cell: a `RecurrentCell`.
        x: (B, T, n_x), in the cell's compute dtype.
        states_0: the states before the first step.
        mask: (B, T) booleans; a step that is False is skipped: its states are those of the step before.
        a_dropout: (B, n_a), which multiplies the first state before `advance`.
        every_step: whether to answer every step, not only the last.
    """
    states = _states(cell, time_first(x), states_0, mask, a_dropout)
    # ŷ = readout(a)    (T, B, n_y): one call for all t
    y = cell.readout(states if every_step else [a[-1:] for a in states])
    return time_first(y), [a[-1] for a in states]


def states(cell, x, states_0, mask=None, a_dropout=None):
    """(B, T, n_x), [(B, n_a), ...] -> [(B, T, n_a), ...]: the states of all steps; the arguments are those of `run`."""
    return [time_first(a) for a in _states(cell, time_first(x), states_0, mask, a_dropout)]


def states_by_call(cell, x, states_0, mask=None, **arguments):
    """The same for any Keras cell, by its `call`: [(B, T, n_a), ...]."""

    def step(x_t, states):
        _, states = cell(x_t, states, **arguments)
        return list(states) if isinstance(states, (list, tuple)) else [states]

    return [time_first(a) for a in _loop(step, time_first(x), states_0, mask)]


def _states(cell, x, states_0, mask, a_dropout):
    """(T, B, n_x) -> [(T, B, n_a), ...], time first, as the loop needs it: only x has to be transposed, not z."""
    # z = x W_ax + b_x + b_a    (T, B, n_z): one product for all t
    z = cell.project(x)
    # a_t = g(z_t + a_{t-1} W_aa)
    return _loop(lambda z_t, states: list(cell.advance(z_t, dropped(states, a_dropout))), z, states_0, mask)


def _loop(step, z, states_0, mask):
    """`step(z_t, states) -> states` over z (T, B, ...); masked steps keep the states -> [(T, B, n_a), ...]."""
    mask = None if mask is None else time_first(mask)

    def joined(states):
        return ops.concatenate(states, axis=-1) if len(states) > 1 else states[0]

    def advance(z_t, states):
        states = step(z_t, states)
        return joined(states), states

    T, B = z.shape[:2]
    if T is None and B is not None:
        # Keras' loop would take B for the number of steps (3.15.1: it reads inputs.shape[1]).
        _, a, _ = keras_loop(advance, time_first(z), states_0, mask=None if mask is None else time_first(mask))
        a = time_first(a)
    else:
        _, a, _ = keras_loop(advance, z, states_0, mask=mask, time_major=True, input_length=T)
    if mask is not None:
        # At masked steps the loop repeats its last output, and gives zeros before the first; the state there is a_0.
        begun = ops.cumsum(ops.cast(mask, "int32"), axis=0) > 0
        a = ops.where(ops.expand_dims(begun, -1), a, joined(states_0))
    if len(states_0) == 1:
        return [a]
    ends = itertools.accumulate(state.shape[-1] for state in states_0[:-1])
    return ops.split(a, list(ends), axis=-1)


def dropped(states, a_dropout):
    """The states for `advance`: the first is multiplied by its dropout mask."""
    return list(states) if a_dropout is None else [states[0] * a_dropout, *states[1:]]


def time_first(x):
    """(B, T, ...) -> (T, B, ...), and back."""
    return ops.swapaxes(x, 0, 1)
