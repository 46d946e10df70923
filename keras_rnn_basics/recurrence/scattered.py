"""The loop over time for LiteRT, which has no lists of tensors: each step writes its answer into one tensor."""

from typing import Any

import tensorflow as tf

from keras_rnn_basics.recurrence.plain import time_first


def run(
    step: Any,
    inputs: Any,
    initial_states: Any,
    go_backwards: bool = False,
    mask: Any = None,
    constants: Any = None,
    unroll: bool = False,
    input_length: Any = None,
    time_major: bool = False,
    zero_output_for_mask: bool = False,
    return_all_outputs: bool = True,
) -> tuple:
    """Keras' loop with Keras' arguments: -> the last answer, the answers (B, T, n_y) and the last states."""
    x = inputs if time_major else time_first(inputs)
    mask = None if mask is None else tf.cast(mask if time_major else time_first(mask), "bool")
    if go_backwards:
        x, mask = tf.reverse(x, [0]), None if mask is None else tf.reverse(mask, [0])
    constants = list(constants or [])
    states = tf.nest.flatten(initial_states)

    def advance(x_t, states):
        y_t, after = step(x_t, [*tf.nest.pack_sequence_as(initial_states, states), *constants])
        return y_t, tf.nest.flatten(after)

    def body(t, y, y_prev, states):
        y_t, after = advance(x[t], states)
        if mask is not None:
            on = mask[t][:, None]
            y_t = tf.where(on, y_t, y_prev)
            after = [tf.where(on, *pair) for pair in zip(after, states)]
        y_prev = tf.zeros_like(y_t) if zero_output_for_mask else y_t
        return t + 1, tf.tensor_scatter_nd_update(y, [[t]], y_t[None]), y_prev, after

    nothing = tf.zeros_like(advance(x[0], states)[0])  # the answer before the first step
    y = tf.repeat(nothing[None], tf.shape(x)[0], axis=0)
    _, y, _, states = tf.while_loop(lambda t, *_: t < tf.shape(x)[0], body, [0, y, nothing, states])
    last = y[-1]
    y = y if return_all_outputs else y[-1:]
    return last, y if time_major else time_first(y), tf.nest.pack_sequence_as(initial_states, states)
