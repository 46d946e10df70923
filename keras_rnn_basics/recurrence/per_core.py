"""TensorFlow on CPU cores: the batch cut into as many parts as there are cores, each part's sequence one XLA program.

The parts run side by side because each is a compiled function of its own, called from a function that is not compiled
itself: inside one XLA program they would run one after the other. A part does all of a sequence's work, from x to the
answers and back (`whole.py`; `segments.py` where memory is short), so that only x and ŷ are cut and joined.
"""

import functools

import tensorflow as tf

from keras_rnn_basics.recurrence import segments, surroundings, whole
from keras_rnn_basics.recurrence.by_hand import G

DTYPES = ("float32", "float64", "bfloat16")

# Measured by benchmarks/routes.py. With fewer rows in each part, or fewer multiplications B T n_a² in all, calling a
# second program costs more than it saves; and where W_aa is larger than this many times a core's own cache, each core
# would fetch all of it at every step, while in one part they share the work on it.
ROWS = 4
MULTIPLICATIONS = 3_000_000
CACHES = 1.5


def misplaced():
    """What this route would need around it, or None."""
    if surroundings.on_gpu():
        return "a CPU, and this runs on a GPU"
    if surroundings.in_strategy():
        return "the whole batch, which a tf.distribute strategy has cut already"
    return None


def obstacle(call):
    """What the call's arguments would have to be for this route, or None."""
    cell = call.cell
    obstacle = surroundings.not_elman(cell, G, "project", "advance", "readout")
    if obstacle:
        return obstacle
    if cell.compute_dtype not in DTYPES:
        return f"{', '.join(DTYPES)}, not {cell.compute_dtype}"
    return None


def plan(call):
    """(the reason to tell, the function to run) of a call without an obstacle."""
    g, dtype = surroundings.standard_name(call.cell.activation), call.cell.compute_dtype
    parts = _parts(call)
    cores = f"{parts} core{'s' if parts > 1 else ''}"
    how = functools.partial(run, g=g, parts=parts, jit=dtype != "bfloat16", recompute=call.recompute)
    return f"{cores}, {g}, {dtype}{', states recomputed in segments' if call.recompute else ''}", how


def _parts(call):
    if surroundings.in_xla():
        return 1
    B, T = call.shape[0] or 64, call.shape[1] or 100  # where they vary: sizes that are common
    n_a = call.cell.units
    if B * T * n_a**2 < MULTIPLICATIONS or 4 * n_a**2 > CACHES * surroundings.core_cache_bytes():
        return 1
    return max(1, min(surroundings.cores(), B // ROWS))


def run(cell, x, states_0, mask, a_dropout, every_step, g, parts, jit=True, recompute=False):
    """(B, T, n_x), [(B, n_a)] -> (B, T, n_y) or (B, 1, n_y), [(B, n_a)]: the answers, and a_T.

    A weight that a cost does not reach has a gradient of zeros here (W_ya, where only a_T is used), not None.

    Args:
        g: the activation's name in `by_hand.G`.
        parts: into how many parts the batch is cut.
        jit: compile the parts with XLA, anew for every (B, T).
        recompute: keep a_t of every √T-th step only, and compute the others again on the way back.
    """
    [a_0] = states_0
    W_ax, b_x, b_a, W_aa = (tf.cast(w, x.dtype) for w in (cell.W_ax, cell.b_x, cell.b_a, cell.W_aa))
    weights = [W_ax, b_x + b_a, W_aa]
    if cell.output_units is not None:
        weights += [tf.cast(cell.W_ya, x.dtype), tf.cast(cell.b_y, x.dtype)]
    sizes = tuple(tuple(weight.shape) for weight in weights)
    forward, backward, to_x = _functions(g, every_step, jit, recompute, sizes)

    @tf.custom_gradient
    def answers(*inputs):
        # Else an eager tape looks into the compiled functions, whose loops it cannot follow.
        x, a_0, *weights = map(tf.stop_gradient, inputs)
        cut = [_cut(tensor, parts) for tensor in (x, a_0, mask, a_dropout)]
        done = [forward(*part, *weights) for part in zip(*cut)]
        y, a_T = (tf.concat(joined, axis=0) for joined in list(zip(*done))[:2])
        kept = [part[2] for part in done]

        def gradient(dy, da_T):
            @tf.custom_gradient
            def first_derivative(dy, da_T, *_):
                dy, da_T = (_cut(tf.stop_gradient(error), parts) for error in (dy, da_T))
                back = [backward(*part, *weights) for part in zip(dy, da_T, kept, *cut)]
                ds, da_0, *of_weights = zip(*back)
                # A function of its own: where nobody asks for ∂L/∂x, as for data, it is never run.
                dx = tf.concat([to_x(part, weights[0]) for part in ds], axis=0)
                return (dx, tf.concat(da_0, axis=0), *map(tf.add_n, of_weights)), _second_derivative

            # It takes the inputs themselves, so that a derivative of it by any of them is refused.
            return first_derivative(dy, da_T, *inputs)

        return (y, a_T), gradient

    y, a_T = answers(x, a_0, *weights)
    # h works on each answer by itself: TensorFlow differentiates it.
    return (y if cell.output_units is None else cell.output_activation(y)), [a_T]


@functools.cache
def _functions(g, every_step, jit, recompute, sizes):
    """One set for each size of network: what tf.function then sees change from call to call is B and T alone."""
    how = segments if recompute else whole
    compiled = functools.partial(tf.function, jit_compile=jit, autograph=False, reduce_retracing=True)
    return (
        compiled(functools.partial(how.forward, g=g, every_step=every_step)),
        compiled(functools.partial(how.backward, g=g, every_step=every_step)),
        compiled(how.to_x),
    )


def _cut(tensor, parts):
    """(B, ...) -> parts of it, equal but for the last; the last ones are empty where there are too few rows."""
    if parts == 1 or tensor is None:
        return [tensor] * parts
    rows = tf.maximum(-(-tf.shape(tensor)[0] // parts), ROWS)
    pieces = [tensor[part * rows : (part + 1) * rows] for part in range(parts)]
    for piece in pieces:
        piece.set_shape((None, *tensor.shape[1:]))
    return pieces


def _second_derivative(*_):
    raise NotImplementedError(
        "per_core gives first derivatives only, in reverse mode. For a derivative of a derivative, for forward mode, "
        "and where an outer tape watches a function that takes gradients itself, build the layer with "
        "recurrence='plain'."
    )
