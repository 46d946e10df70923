"""Which token is written: the likeliest, or one that is drawn."""

from typing import Any

from keras_rnn_basics.decoding.step import Choice


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
