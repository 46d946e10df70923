"""The step of a network that writes, and what its logits must be."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_rnn_basics.checks import insist

Step = Callable[[Any, Sequence[Any]], tuple[Any, Sequence[Any]]]
Choice = Callable[[Any, Any], Any]
NOT_FINITE = "The network's answers are not finite: its weights may have diverged; load those of an earlier epoch."


def refuse_nan(log_probabilities: Any) -> None:
    """Raises an error if a number is NaN, as log-probabilities are when the network's logits are not finite.

    `write` and `beam_search` check their results with it. XLA removes the assertion from graphs that it compiles: after
    such a graph, check the results again.

    Raises:
        RuntimeError: if a number is NaN; in a graph, an assertion fails instead.
    """
    import tensorflow as tf

    insist(~tf.reduce_any(tf.math.is_nan(log_probabilities)), NOT_FINITE, error=RuntimeError)


def say_something(logits):
    """(..., V) -> (...): whether none is NaN or +inf and not all are -inf. (On a CPU, XLA's softmax may lose NaN.)"""
    import tensorflow as tf

    return tf.reduce_all(logits < float("inf"), axis=-1) & tf.reduce_any(logits > -float("inf"), axis=-1)


def keras_hub_next(step: Step) -> Callable[[Any, Any, Any], tuple[Any, Any, Any]]:
    """The `next` function for the samplers of keras-hub: (prompt, cache, index) -> (logits, hidden, cache).

    The states are the cache, which the sampler passes from step to step. It fills prompt (B, P) from the second token
    on, except where mask (B, P) says that the token is given:

        sampler = keras_hub.samplers.TopPSampler(p=0.9, seed=1)
        tokens = sampler(keras_hub_next(step), prompt, cache=states, index=1, mask=mask)

    For a model of this package, step calls `logits, *states = one_step(model)([token, *states])` and returns `logits,
    states`; the first states are zeros (B, n_a), one for each layer.
    """

    def following(prompt, cache, index):
        token = keras.ops.take(prompt, index - 1, axis=1)
        logits, states = step(token, cache)
        return logits, None, states

    return following
