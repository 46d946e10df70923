"""Writing: ŷ_t is fed back as x_{t+1}, inside the graph.

Everything here needs only one function, the step of a network whose answer is one number for each token:

    step(token, states) -> (logits, states)          (B,), [(B, ...), ...] -> (B, V), [(B, ...), ...]

and loops over it in one `tf.while_loop`. A logit of -inf excludes a token. If a logit is NaN or +inf, or all are -inf,
no token can be chosen, and `refuse_nan` raises an error. The caller draws the random numbers with `uniform_numbers`,
because a graph compiled by XLA would draw other numbers from the same seed.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

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


def _say_something(logits):
    """(..., V) -> (...): whether none is NaN or +inf and not all are -inf. (On a CPU, XLA's softmax may lose NaN.)"""
    import tensorflow as tf

    return tf.reduce_all(logits < float("inf"), axis=-1) & tf.reduce_any(logits > -float("inf"), axis=-1)


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
        cost = tf.where(_say_something(logits), cost, float("nan"))
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


def greedy(logits: Any, number: Any) -> Any:
    """(B, V), (B,) -> (B,): the likeliest token."""
    import tensorflow as tf

    return tf.argmax(logits, axis=-1, output_type="int32")


def sampling(uniform: Any, temperature: Any = 1.0, top_k: Any = None, top_p: Any = None) -> Choice:
    """A random choice: a token is drawn with the softmax of `logits / temperature` over the tokens that are kept.

    Args:
        uniform: (B, max_new_tokens) numbers in [0, 1), one for each token, as `uniform_numbers` draws them.
        temperature: below 1 favours likely tokens, above 1 favours rare ones; 0 takes the likeliest.
        top_k: keeps the k likeliest tokens, and others that are as likely as the last of these; 0 keeps all.
        top_p: keeps the smallest set of likeliest tokens that together have this probability (Holtzman et al., "The
            curious case of neural text degeneration", 2020); 1 keeps all. It is applied after top_k.
    """
    import tensorflow as tf

    uniform, temperature = tf.convert_to_tensor(uniform), tf.cast(temperature, "float32")

    def choose(logits, number):
        # The largest logit is subtracted, so that no temperature makes a number overflow.
        scaled = (logits - tf.reduce_max(logits, axis=-1, keepdims=True)) / tf.where(temperature > 0, temperature, 1.0)
        for limit, leave, neutral in ((top_k, _leave_top_k, 0), (top_p, _leave_top_p, 1)):
            if limit is not None:
                scaled = _unless(tf.equal(tf.cast(limit, "float32"), neutral), leave, scaled, limit)
        # The first token at which the sum of the probabilities exceeds u: one random number decides.
        sums = tf.cumsum(tf.nn.softmax(scaled), axis=-1)
        number = tf.minimum(number, tf.shape(uniform)[1] - 1)
        u = tf.gather(uniform, number, axis=1, batch_dims=1)[:, None]
        drawn = tf.reduce_sum(tf.cast(sums <= u * sums[:, -1:], "int32"), axis=-1)
        return tf.where(temperature > 0, drawn, greedy(logits, number))

    return choose


def _unless(neutral, leave, scaled, limit):
    """In a branch of its own: a sort takes longer than the step of a small network."""
    import tensorflow as tf

    return tf.cond(neutral, lambda: scaled, lambda: tf.ensure_shape(leave(scaled, limit), scaled.shape))


def _leave_top_k(logits, k):
    import tensorflow as tf

    k = tf.cast(k, "int32")
    V = tf.shape(logits)[-1]
    kept = tf.where(k > 0, tf.minimum(k, V), V)
    least = tf.gather(tf.sort(logits, axis=-1, direction="DESCENDING"), kept - 1, axis=-1)[:, None]
    return tf.where(logits < least, -float("inf"), logits)


def _leave_top_p(logits, p):
    import tensorflow as tf

    p = tf.cast(p, "float32")
    falling = tf.sort(logits, axis=-1, direction="DESCENDING")
    before = tf.cumsum(tf.nn.softmax(falling), axis=-1, exclusive=True)
    least = tf.reduce_min(tf.where((before < p) | (before == 0), falling, float("inf")), axis=-1, keepdims=True)
    return tf.where((logits < least) & (p < 1), -float("inf"), logits)


def uniform_numbers(seed: Any, B: Any, length: Any) -> Any:
    """-> (B, length) float32 in [0, 1): the same for the same seed on every device, in every process.

    Row b has its own stream: its first numbers depend neither on the other rows nor on `length`. Do not call it in a
    graph that XLA compiles.

    >>> bool((uniform_numbers(7, 3, 5)[:2, :4] == uniform_numbers(7, 2, 4)).numpy().all())
    True
    """
    import tensorflow as tf

    seed = tf.cast(seed, "int64")

    def row(b):
        return tf.random.stateless_uniform([length], tf.stack([seed, b]), alg="philox")

    # map_fn cannot stack zero rows.
    rows = tf.range(tf.maximum(tf.cast(B, "int64"), 1))
    return tf.map_fn(row, rows, fn_output_signature=tf.TensorSpec([None], "float32"))[:B]


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
        finite = finite & tf.reduce_all(_say_something(logits) | (log_p == low), axis=-1)
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
