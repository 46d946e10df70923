"""Beam search: several beginnings are kept, and the best whole sequences are found."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from keras_rnn_basics.decoding.step import Step, refuse_nan, say_something


class Beams(NamedTuple):
    """The result of `beam_search`, the best sequence first.

    Attributes:
        tokens: (B, num_beams, max_new_tokens) int32, including the stop token; then zeros.
        log_probabilities: (B, num_beams), of the whole sequence; -inf if fewer sequences exist; NaN where the
            logits are not finite.
        scores: (B, num_beams), the log-probabilities divided by the length penalty. They give the order.
    """

    tokens: Any
    log_probabilities: Any
    scores: Any


def beam_search(
    step: Step,
    start: Any,
    states: Sequence[Any],
    max_new_tokens: Any,
    num_beams: int,
    stop: int | None = None,
    length_penalty: float = 0.6,
    capacity: Any = None,
) -> Beams:
    """Finds the `num_beams` best sequences; at every step only the `num_beams` best beginnings are kept.

    A sequence ends with the stop token or at `max_new_tokens`. Its score is `log p / ((5 + n) / 6) ** length_penalty`,
    where n is its length (Wu et al., "Google's neural machine translation system", 2016, equation 14). With a penalty
    of 0 only the probability counts, which favours short sequences.

    Args:
        step: as above.
        start: (B,) int32, the first token that is fed to the step.
        states: the initial states, (B, ...) each.
        max_new_tokens: the largest number of tokens.
        num_beams: the number of beginnings that are kept.
        stop: the token that ends a sequence.
        length_penalty: the exponent, not negative.
        capacity: an upper bound of `max_new_tokens`, as in `write`.

    Raises:
        RuntimeError: for logits that are not finite; see `refuse_nan`.
    """
    import tensorflow as tf

    start, max_new_tokens = tf.cast(start, "int32"), tf.cast(max_new_tokens, "int32")
    B = tf.shape(start)[0]
    low = tf.constant(float("-inf"))

    def score(log_p, n):
        return log_p / tf.pow((5.0 + tf.cast(n, "float32")) / 6.0, length_penalty)

    def best(k, scores, *others) -> Any:
        """The k best of axis 1 by their scores, and the same rows of the others."""
        scores, rows = tf.math.top_k(scores, k)
        return scores, *(tf.gather(other, rows, batch_dims=1) for other in others)

    def advance(t, token, log_p, states, text, ended, finite):
        logits, states = step(tf.reshape(token, [-1]), states)
        V = logits.shape[-1]
        logits = tf.reshape(tf.cast(logits, "float32"), [B, num_beams, V])
        finite = finite & tf.reduce_all(say_something(logits) | (log_p == low), axis=-1)
        total = log_p[..., None] + tf.nn.log_softmax(logits)
        # A beginning can stop in one way only. So among the best 2 num_beams, at least num_beams go on, if that many
        # can.
        kept = min(2 * num_beams, num_beams * V)
        log_p, which = tf.math.top_k(tf.reshape(total, [B, num_beams * V]), kept)
        token, origin = which % V, which // V
        text = tf.gather(text, origin, batch_dims=1)
        here = tf.one_hot(t, tf.shape(text)[2], dtype="int32")[None, None]
        text = text + token[..., None] * here
        stops = tf.equal(token, -1 if stop is None else stop)
        last = tf.equal(t + 1, max_new_tokens)
        new = tf.where(stops | last, log_p, low)
        ended = best(
            num_beams,
            *(tf.concat([old, now], axis=1) for old, now in zip(ended, (score(new, t + 1), new, text))),
        )
        log_p = tf.where(stops, low, log_p)
        missing = max(num_beams - kept, 0)
        if missing:  # there are fewer tokens than beams
            log_p = tf.pad(log_p, [[0, 0], [0, missing]], constant_values=float("-inf"))
            token, origin = (tf.pad(part, [[0, 0], [0, missing]]) for part in (token, origin))
            text = tf.pad(text, [[0, 0], [0, missing], [0, 0]])
        log_p, token, origin, text = best(num_beams, log_p, token, origin, text)
        rows = tf.reshape(tf.range(B)[:, None] * num_beams + origin, [-1])
        states = [tf.ensure_shape(tf.gather(state, rows), state.shape) for state in states]
        return t + 1, token, log_p, states, text, ended, finite

    def going_on(t, token, log_p, states, text, ended, finite):
        # The best score that a beginning can still reach: at the full length, without further loss of probability.
        hopes = score(log_p[:, 0], max_new_tokens)
        return (
            (t < max_new_tokens)
            & tf.reduce_any((hopes > ended[0][:, -1]) & (log_p[:, 0] > low))
            & tf.reduce_all(finite)
        )

    one_alive = tf.tile(tf.where(tf.range(num_beams) == 0, 0.0, low)[None], tf.stack([B, 1]))
    nothing = tf.zeros([B, num_beams, max_new_tokens if capacity is None else capacity], "int32")
    begin = (
        0,
        tf.tile(start[:, None], [1, num_beams]),
        one_alive,
        [tf.repeat(tf.convert_to_tensor(state), num_beams, axis=0) for state in states],
        nothing,
        (tf.fill([B, num_beams], low), tf.fill([B, num_beams], low), nothing),
        tf.fill([B], True),
    )
    *_, (scores, log_probabilities, text), finite = tf.while_loop(going_on, advance, begin)
    log_probabilities = tf.where(finite[:, None], log_probabilities, float("nan"))
    refuse_nan(log_probabilities)
    return Beams(text, log_probabilities, scores)
