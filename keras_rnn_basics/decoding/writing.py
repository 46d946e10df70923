"""Reading prompts and writing behind them, one token after the other."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from keras_rnn_basics.checks import insist
from keras_rnn_basics.decoding.step import Choice, Step, refuse_nan, say_something


def read(step: Step, prompts: Any, prompt_lengths: Any, states: Sequence[Any]) -> list[Any]:
    """The states before the last token of each prompt, which is the first that `write` then feeds.

    The step's logits are not used here, so a graph does not compute them: this is the fast way through a long prompt.

    Args:
        step: as above.
        prompts: (B, P) int32, each at least one token long, padded on the right.
        prompt_lengths: (B,) int32, from 1 to P.
        states: the initial states.
    """
    import tensorflow as tf

    prompts, prompt_lengths = _fitting(prompts, prompt_lengths)
    tokens = tf.TensorArray("int32", size=tf.shape(prompts)[1]).unstack(tf.transpose(prompts))

    def advance(t, states):
        _, after = step(tf.ensure_shape(tokens.read(t), prompts.shape[:1]), states)
        here = t + 1 < prompt_lengths
        return t + 1, [_where(here, new, old) for new, old in zip(after, states)]

    last = tf.reduce_max(tf.concat([prompt_lengths, [1]], axis=0)) - 1  # without rows it is 0
    states = [tf.convert_to_tensor(state) for state in states]
    return tf.while_loop(lambda t, _: t < last, advance, (0, states), parallel_iterations=1)[1]


def _where(here, new, old):
    """(B,), (B, ...), (B, ...) -> (B, ...): `new` in the rows where `here` is True."""
    import tensorflow as tf

    if new is old:
        return old
    beside = tf.reshape(here, [-1] + [1] * (new.shape.rank - 1))
    return tf.ensure_shape(tf.where(beside, new, old), old.shape)


def _fitting(prompts, prompt_lengths):
    """The two as int32; an error if the lengths are not from 1 to P."""
    import tensorflow as tf

    prompts, prompt_lengths = tf.cast(prompts, "int32"), tf.cast(prompt_lengths, "int32")
    fits = tf.reduce_all((prompt_lengths >= 1) & (prompt_lengths <= tf.shape(prompts)[1]))
    insist(fits, "prompt_lengths must be from 1 to P, the width of prompts, got", lambda: prompt_lengths)
    return prompts, prompt_lengths


class Written(NamedTuple):
    """The result of `write`.

    Attributes:
        tokens: (B, max_new_tokens) int32, the tokens after each prompt, including the stop token; then zeros.
        log_probabilities: (B, max_new_tokens) float32, the log-probability of each token under the softmax of the
            step's logits, however it was chosen; zeros after the stop token; NaN where the logits are not finite.
        prompt_log_probabilities: (B, P - 1), the same for each token of the prompt except the first; then zeros.
    """

    tokens: Any
    log_probabilities: Any
    prompt_log_probabilities: Any


def write(
    step: Step,
    prompts: Any,
    prompt_lengths: Any,
    states: Sequence[Any],
    max_new_tokens: Any,
    choose: Choice,
    stop: int | None = None,
    capacity: Any = None,
) -> Written:
    """Reads a batch of prompts of different lengths, and writes `max_new_tokens` tokens after each.

    Args:
        step: as above.
        prompts: (B, P) int32, each at least one token long, padded on the right.
        prompt_lengths: (B,) int32, from 1 to P.
        states: the initial states.
        max_new_tokens: number of tokens to write after each prompt; 0 only reads.
        choose: a function (B, V) logits, (B,) number of the new token in its row, from 0 -> (B,) int32; see `sampling`,
            `greedy`.
        stop: a token that ends its row.
        capacity: an upper bound of `max_new_tokens` if this is a tensor; a graph compiled by XLA needs it. The results
            then are (B, capacity), filled up with zeros. Without it, and with a tensor, the loop takes memory as it
            writes.

    Raises:
        ValueError: for prompts without tokens, or lengths that are not from 1 to P.
        RuntimeError: for logits that are not finite; see `refuse_nan`.

    >>> import numpy as np
    >>> from keras_rnn_basics.decoding import greedy
    >>> def count(token, states):  # a network that thinks of the next number, whatever came before
    ...     import tensorflow as tf
    ...     return 9.0 * tf.one_hot(token + 1, 10), states
    >>> write(count, np.array([[3, 4], [7, 0]]), np.array([2, 1]), [], 3, greedy, stop=9).tokens.numpy()
    array([[5, 6, 7],
           [8, 9, 0]], dtype=int32)
    """
    import tensorflow as tf

    prompts, prompt_lengths = _fitting(prompts, prompt_lengths)
    max_new_tokens = tf.cast(max_new_tokens, "int32")
    B, P = tf.shape(prompts)[0], tf.shape(prompts)[1]
    if capacity is None:
        capacity = tf.get_static_value(max_new_tokens)
    room = P + (max_new_tokens if capacity is None else capacity)
    # Places that no step writes keep these zeros. Without a capacity, the steps add the places after the prompt.
    text, costs = (
        tf.TensorArray(dtype, size=P if capacity is None else room, dynamic_size=capacity is None).unstack(
            tf.zeros([P if capacity is None else room, B], dtype)
        )
        for dtype in ("int32", "float32")
    )
    steps = tf.reduce_max(prompt_lengths) + max_new_tokens - 1
    padded = tf.pad(prompts, [[0, 0], [0, 1]])

    def advance(t, token, done, states, text, costs):
        logits, after = step(token, states)
        states = [tf.ensure_shape(new, old.shape) for new, old in zip(after, states)]
        logits = tf.cast(logits, "float32")
        number = t + 1 - prompt_lengths
        chosen = tf.cast(choose(logits, tf.maximum(number, 0)), "int32")
        token = tf.where(number < 0, padded[:, tf.minimum(t + 1, P)], chosen)
        token = tf.where(done | (number >= max_new_tokens), 0, token)
        cost = tf.gather(tf.nn.log_softmax(logits), token, batch_dims=1)
        cost = tf.where(say_something(logits), cost, float("nan"))
        cost = tf.where(done | (number >= max_new_tokens), 0.0, cost)
        if stop is not None:
            done = done | ((number >= 0) & (token == stop))
        token, done = (tf.ensure_shape(part, prompts.shape[:1]) for part in (token, done))
        return t + 1, token, done, states, text.write(t + 1, token), costs.write(t + 1, cost)

    def going_on(t, token, done, states, text, costs):
        return (t < steps) & ~tf.reduce_all(done)

    none_done = tf.ensure_shape(tf.zeros([B], "bool"), prompts.shape[:1])
    states = [tf.convert_to_tensor(state) for state in states]
    begin = (0, prompts[:, 0], none_done, states, text, costs)
    *_, text, costs = tf.while_loop(going_on, advance, begin)
    text, costs = (tf.transpose(part.stack()) for part in (text, costs))
    text, costs = (tf.pad(part, [[0, 0], [0, room - tf.shape(part)[1]]]) for part in (text, costs))
    behind = prompt_lengths[:, None] + tf.range(room - P)[None]
    tokens, log_probabilities = (tf.gather(part, behind, batch_dims=1) for part in (text, costs))
    read = tf.range(1, P)[None] < prompt_lengths[:, None]
    prompt_log_probabilities = tf.where(read, costs[:, 1:P], 0.0)
    refuse_nan(tf.concat([log_probabilities, prompt_log_probabilities], axis=1))
    return Written(tokens, log_probabilities, prompt_log_probabilities)
