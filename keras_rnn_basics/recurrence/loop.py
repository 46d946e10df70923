"""The loop over time and its backward pass, in TensorFlow, for any step; one core runs it for its part of a batch.

Everything that needs no past is outside the loop, in both directions: the loop computes only the gradients of the
states and of z; those of the weights follow from them in one call for all steps. The products `a_{t-1} W` that a cell
marks (`RecurrentCell.recur`) are kept in the forward pass, so that none is computed twice. Time is the first axis here,
so that a step is one contiguous block of memory; b is the number of examples in the part.

Source: Werbos, "Backpropagation through time: what it does and how to do it" (1990).
"""

from typing import Any

import tensorflow as tf

from keras_rnn_basics.recurrence.plain import dropped


def states(step, z, states_0, mask=None, a_dropout=None):
    """(T, b, n_z), [(b, n_a), ...] -> [(T, b, n_a), ...] states and [(T, b, n), ...] products, of all steps.

    `step(z_t, states) -> states, products` is a cell's `advance`, with the products in it that are kept. The mask is
    (T, b, 1).
    """
    T = tf.shape(z)[0]
    _, products = step(z[0], dropped(states_0, a_dropout))  # gives their number and shapes; it never runs
    z, mask = unstacked(z), unstacked(mask)

    def advance(t, before, kept):
        after, products = step(z.read(t), dropped(before, a_dropout))
        if mask is not None:
            after = [tf.where(mask.read(t), new, old) for new, old in zip(after, before)]
        after = [tf.ensure_shape(new, old.shape) for new, old in zip(after, before)]
        return t + 1, after, [array.write(t, value) for array, value in zip(kept, [*after, *products])]

    kept = [empty(value, T) for value in [*states_0, *products]]
    _, _, kept = tf.while_loop(lambda t, *_: t < T, advance, (0, list(states_0), kept), parallel_iterations=1)
    kept = [array.stack() for array in kept]
    return kept[: len(states_0)], kept[len(states_0) :]


def errors(step, da, da_T, a, products, z, states_0, weights, mask=None, a_dropout=None):
    """∂L/∂ the states -> ∂L/∂z (T, b, n_z), ∂L/∂ states_0 [(b, n_a), ...], and ∂L/∂ each weight, None if unused.

    Args:
        step: `step(z_t, states, weights, products) -> states, factors`. For each product a W, `factors` holds (place,
            a) with the place of the weight W; TensorFlow computes the derivative.
        da: [(T, b, n_a), ...], the error that reaches each state from its own answer, or None.
        da_T: [(b, n_a), ...], the error that reaches the last states from elsewhere.
        a, products: the results of `states`.
        z, states_0, weights, mask, a_dropout: the arguments of `states`.
    """
    T = tf.shape(z)[0]
    before = [tf.concat([first[None], all_but_last[:-1]], axis=0) for first, all_but_last in zip(states_0, a)]
    from_answers = None if da is None else [unstacked(error) for error in da]
    zs, mask, befores, kept = unstacked(z), unstacked(mask), [*map(unstacked, before)], [*map(unstacked, products)]

    def one_step(t, errors) -> Any:
        """-> ∂L/∂z_t, ∂L/∂ the states before, ∂L/∂ the weights outside products, and a `_Product` for each product."""
        z_t, a_prev = zs.read(t), [state.read(t) for state in befores]
        own = [product.read(t) for product in kept]
        with tf.GradientTape() as tape:
            tape.watch([z_t, a_prev, own, weights])
            taken = dropped(a_prev, a_dropout)
            after, factors = step(z_t, taken, weights, own)
        inputs = [z_t, *a_prev, *own]
        found: Any = tape.gradient(after, [*inputs, *weights], output_gradients=errors)
        dz_t, *rest = [tf.zeros_like(x) if error is None else error for x, error in zip(inputs, found)]
        da_prev, dp = rest[: len(a_prev)], rest[len(a_prev) :]
        known = [_Product(place, a, error, taken, z_t, dz_t) for (place, a), error in zip(factors, dp)]
        beside = [None if error is None else _before_the_batch_sum(error) for error in found[len(inputs) :]]
        return dz_t, da_prev, beside, known

    _, _, beside, known = one_step(0, da_T)  # shows which weights and products there are; it never runs
    used = [place for place, gradient in enumerate(beside) if gradient is not None]

    def back(t, from_later, dz, kept, sums):
        da_t = from_later
        if from_answers is not None:
            da_t = [later + own.read(t) for later, own in zip(from_later, from_answers)]
        here = da_t if mask is None else [tf.where(mask.read(t), error, tf.zeros_like(error)) for error in da_t]
        dz_t, da_prev, beside, known = one_step(t, here)
        if mask is not None:
            da_prev = [tf.where(mask.read(t), error, carried) for error, carried in zip(da_prev, da_t)]
        values = [value for product in known for value in product.to_keep]
        kept = [array.write(t, value) for array, value in zip(kept, values)]
        sums = [total + beside[place] for total, place in zip(sums, used)]
        return t - 1, da_prev, dz.write(t, dz_t), kept, sums

    to_keep = [empty(value, T) for product in known for value in product.to_keep]
    begin = (T - 1, list(da_T), empty(z[0], T), to_keep, [tf.zeros_like(beside[place]) for place in used])
    _, da_0, dz, arrays, sums = tf.while_loop(lambda t, *_: t >= 0, back, begin, parallel_iterations=1)
    dz, arrays, taken = dz.stack(), iter(arrays), dropped(before, a_dropout)
    of_weights: list[Any] = [None] * len(weights)
    for place, total in zip(used, sums):
        of_weights[place] = tf.reduce_sum(total, axis=0) if total.shape.rank > weights[place].shape.rank else total
    for product in known:
        # ∂L/∂W = Σ_t aᵀ ∂L/∂(a W), over all steps and examples in one product
        a = next(arrays).stack() if product.state is None else taken[product.state]
        error = dz if product.same_as_dz else next(arrays).stack()
        dW = tf.cast(tf.matmul(rows(a), rows(error), transpose_a=True), weights[product.place].dtype)
        of_weights[product.place] = dW if of_weights[product.place] is None else of_weights[product.place] + dW
    return dz, da_0, of_weights


class _Product:
    """A product a W of one step in the backward pass, and the tensors that have to be kept for the gradient of W.

    Attributes:
        place: the place of W among the weights.
        state: the number of the state that equals a, or None.
        same_as_dz: whether its error equals that of z_t, as in z_t + a W.
        to_keep: a and the error, without those that are known otherwise.
    """

    def __init__(self, place, a, error, states, z_t, dz_t):
        self.place = place
        self.state = next((i for i, state in enumerate(states) if state is a), None)
        one, other = _origin(error), _origin(dz_t)
        # This holds only if nothing was summed in between: all have the shape (b, n).
        shapes = [tensor.shape for tensor in (z_t, error, dz_t, one)]
        self.same_as_dz = one is other and len({(shape.rank, shape[-1]) for shape in shapes}) == 1
        self.same_as_dz = self.same_as_dz and shapes[0].rank == 2 and 1 not in [shape[0] for shape in shapes]
        self.to_keep = [*([] if self.state is not None else [a]), *([] if self.same_as_dz else [error])]


def _before_the_batch_sum(error):
    """(n,), the error of a vector shared by all examples, summed over the batch -> (b, n), before that sum.

    The loop adds these up, and the sum over the examples is taken once, after it: XLA is slow at such a sum in a loop.
    """
    if error.op.type == "Reshape" and error.shape.rank == 1 and error.op.inputs[0].op.type == "Sum":
        each, axes = error.op.inputs[0].op.inputs
        known = tf.get_static_value(axes)
        over_examples = axes.op.type == "BroadcastGradientArgs" if known is None else list(known.flatten()) == [0]
        if over_examples and each.shape.rank == 2 and each.shape[1] == error.shape[0] != 1:
            return each
    return error


def _origin(error):
    """The error before TensorFlow gave it the shape of one of two summands."""
    while error.op.type in ("Reshape", "Sum", "Identity"):
        error = error.op.inputs[0]
    return error


@tf.custom_gradient
def kept_product(a, W, kept):
    """(b, n), (n, m), (b, m) -> (b, m): a W, which was computed before.

    Its error goes to a, and unchanged to `kept`. The gradient of W follows from the latter, for all steps at once.
    """

    def gradient(error):
        return tf.matmul(error, W, transpose_b=True), None, error

    return tf.identity(kept), gradient


def vjp(f, inputs, output_errors, unused: int | None = 0) -> Any:
    """∂L/∂ each of f's inputs, given ∂L/∂ its outputs; zeros, or None with unused=None, for unused inputs."""
    inputs = list(inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = f(*inputs)
    how = tf.UnconnectedGradients.NONE if unused is None else tf.UnconnectedGradients.ZERO
    return tape.gradient(outputs, inputs, output_gradients=output_errors, unconnected_gradients=how)


def rows(x):
    """(T, b, n) -> (T b, n)."""
    return tf.reshape(x, (-1, x.shape[-1]))


def unstacked(x: Any) -> Any:
    """A TensorArray from which a loop reads the first axis one by one; None stays None."""
    if x is None:
        return None
    return tf.TensorArray(x.dtype, tf.shape(x)[0], element_shape=x.shape[1:]).unstack(x)


def empty(x, T):
    """An empty TensorArray for T tensors like x."""
    return tf.TensorArray(x.dtype, T, element_shape=x.shape)
