"""Backpropagation through time for a part of the batch, with every state kept: from x to the answers and back."""

import tensorflow as tf

from keras_rnn_basics.recurrence.loop import vjp
from keras_rnn_basics.recurrence.network import summed
from keras_rnn_basics.recurrence.plain import time_first


def forward(x, mask, a_dropout, states_0, weights, *, network, every_step):
    """(b, T, n_x), (b, T), (b, n_a), [(b, n_a), ...] -> ŷ (b, T, n_y) or (b, 1, n_y), last states, values to keep."""
    # z = x W_ax + b_x + b_a    (T, b, n_z)
    z = network.project(time_first(x), weights)
    a, products = network.states(z, states_0, weights, columns(mask), a_dropout)
    # ŷ = h(a W_ya + b_y)    (T, b, n_y)
    y = network.readout(a if every_step else [state[-1:] for state in a], weights)
    return time_first(y), [state[-1] for state in a], (a, products, [] if network.g else [z])


def backward(dy, da_T, kept, x, mask, a_dropout, states_0, weights, *, network, every_step):
    """∂L/∂ŷ, ∂L/∂ last states, values kept and inputs of `forward` -> ∂L/∂z (T, b, n_z), ∂L/∂states_0, ∂L/∂ weights."""
    x, dy, (a, products, z) = time_first(x), time_first(dy), kept
    da, by_readout = of_readout(network, dy, a if every_step else [state[-1:] for state in a], weights)
    if not every_step:
        da_T = [later + own[0] for later, own in zip(da_T, da)]
        da = None
    z = z[0] if z else None
    dz, da_0, by_loop = network.errors(da, da_T, a, products, z, states_0, weights, columns(mask), a_dropout)
    by_project = vjp(lambda *weights: network.project(x, weights), weights, dz, unused=None)
    return dz, da_0, complete(summed(by_readout, by_loop, by_project), weights)


def to_x(dz, x, weights, *, network):
    """(T, b, n_z), (b, T, n_x) -> (b, T, n_x): ∂L/∂x."""
    [dx] = vjp(lambda x: network.project(x, weights), [time_first(x)], dz)
    return time_first(dx)


def of_readout(network, dy, a, weights):
    """∂L/∂ŷ -> ∂L/∂ the states that were read out, and ∂L/∂ each weight, None if it is not used."""
    found = vjp(lambda *inputs: network.readout(inputs[: len(a)], inputs[len(a) :]), [*a, *weights], dy, unused=None)
    da = [tf.zeros_like(state) if error is None else error for state, error in zip(a, found)]
    return da, found[len(a) :]


def complete(gradients, weights):
    """The gradients with zeros for unused weights."""
    return [tf.zeros_like(w) if gradient is None else gradient for w, gradient in zip(weights, gradients)]


def columns(mask):
    """(b, T) -> (T, b, 1), as the loop takes a mask."""
    return None if mask is None else time_first(mask)[..., None]
