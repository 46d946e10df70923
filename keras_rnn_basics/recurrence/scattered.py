"""The loop over time for LiteRT and OpenVINO, which have no lists of tensors: each step writes into one tensor."""

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

    def loop(x, mask, y_prev, states):
        """(T, B, n_x), (T, B) -> (T, B, n_y), (B, n_y), the last states."""
        T = tf.shape(x)[0]

        def turn(t, y, y_prev, states):
            y_t, after = advance(x[t], states)
            if mask is not None:
                on = mask[t][:, None]
                y_t = tf.where(on, y_t, y_prev)
                after = [tf.where(on, *pair) for pair in zip(after, states)]
            y = tf.tensor_scatter_nd_update(y, [[t]], y_t[None])
            return t + 1, y, tf.zeros_like(y_t) if zero_output_for_mask else y_t, after

        y = tf.repeat(tf.zeros_like(y_prev)[None], T, axis=0)
        _, *found = tf.while_loop(lambda t, *_: t < T, turn, [0, y, y_prev, states])
        return found

    # A turn of LiteRT's loop copies all that the loop holds. So a loop over √T parts has, in each turn, a loop over the
    # √T steps of its part: all turns together copy T √T steps instead of T².
    T = tf.shape(x)[0]
    n = tf.cast(tf.math.ceil(tf.sqrt(tf.cast(T, "float32"))), "int32")

    def part(begin, y, y_prev, states):
        steps = slice(begin, begin + n)
        y_part, y_prev, states = loop(x[steps], None if mask is None else mask[steps], y_prev, states)
        at = begin + tf.range(tf.shape(y_part)[0])
        return begin + n, tf.tensor_scatter_nd_update(y, at[:, None], y_part), y_prev, states

    nothing = tf.zeros_like(advance(x[0], states)[0])  # the answer before the first step
    y = tf.repeat(nothing[None], T, axis=0)
    _, y, _, states = tf.while_loop(lambda begin, *_: begin < T, part, [0, y, nothing, states])
    last = y[-1]
    y = y if return_all_outputs else y[-1:]
    return last, y if time_major else time_first(y), tf.nest.pack_sequence_as(initial_states, states)
