"""TensorFlow on CPU cores: the batch is cut into one part for each core, and each part runs as one XLA program.

On a GPU the whole batch is one part.

The parts run in parallel because each is a separate compiled function, called from a function that is not compiled:
inside one XLA program they would run one after the other. Each part does the whole work, from x to the answers and back
(`bptt.py`; `checkpointed.py` to save memory), so only x and ŷ are cut and joined. It runs any cell by its parts. The
backward pass is written out for four activations (`by_hand.py`) and derived by TensorFlow for any other step
(`loop.py`).
"""

import functools
import weakref
from typing import Any

import tensorflow as tf

from keras_rnn_basics.compat import is_training
from keras_rnn_basics.recurrence import bptt, checkpointed, device, elman
from keras_rnn_basics.recurrence.network import Network
from keras_rnn_basics.recurrence.parts import ROWS, Parts

DTYPES = ("float32", "float64", "bfloat16")

# Measured by benchmarks/routes.py. With fewer multiplications B T n_a² in total, calling a second program costs more
# than it saves. If W_aa is larger than CACHES times a core's own cache, each core would fetch all of it at every step;
# with only one part, the cores share the work on it.
MULTIPLICATIONS = 3_000_000
CACHES = 1.5


def misplaced():
    """The environment that this route needs and does not have, or None."""
    if device.on_gpu():
        return None if device.xla_compiles_for_gpu() else "XLA, which cannot compile for this GPU"
    if device.in_strategy():
        return "the whole batch, which a tf.distribute strategy has split already"
    return None


def obstacle(call):
    """The arguments that this route needs and the call does not have, or None."""
    dtypes = (*DTYPES, "float16") if device.on_gpu() else DTYPES
    if call.cell.compute_dtype not in dtypes:
        return f"{', '.join(dtypes)}, not {call.cell.compute_dtype}"
    return None


def plan(call):
    """(the reason to report, the function to run) for a call without an obstacle."""
    cell, parts, gpu = call.cell, _parts(call), device.on_gpu()
    what = Network(cell).g
    if what is None:
        g = elman.name_of(cell.elman()[0]) if elman.is_elman(cell) else type(cell).__name__
        what = f"{g} derived by TensorFlow"
    where = "a GPU" if gpu else f"{parts} core{'s' if parts > 1 else ''}"
    remat = ", states recomputed in segments" if call.remat else ""
    how = functools.partial(run, parts=parts, jit=gpu or cell.compute_dtype != "bfloat16", remat=call.remat)
    return f"{where}, {what}, {cell.compute_dtype}{remat}", how


def _parts(call):
    if device.in_xla() or device.on_gpu():
        return 1
    B, T = call.shape[0] or 64, call.shape[1] or 100  # common sizes, if they vary
    n_a = call.cell.units
    if B * T * n_a**2 < MULTIPLICATIONS or 4 * n_a**2 > CACHES * device.core_cache_bytes():
        return 1
    return max(1, min(device.cores(), B // ROWS))


def run(cell, x, states_0, mask, a_dropout, every_step, parts, jit=True, remat=False):
    """(B, T, n_x), [(B, n_a), ...] -> (B, T, n_y) or (B, 1, n_y), [(B, n_a), ...]: the answers, and the last states.

    A weight that does not influence the cost has a gradient of zeros here, not None (W_ya, if only a_T is used).

    Args:
        parts: the number of parts into which the batch is cut.
        jit: whether to compile the parts with XLA, once for every (B, T) that `Parts` gives.
        remat: whether to keep only the states of every √T-th step, and compute the others again in the backward pass.
    """
    forward, backward, to_x = _functions(cell, every_step, jit, remat)
    weights = [tf.convert_to_tensor(variable.value) for variable in cell.weights]
    S, parts = len(states_0), Parts(x, parts, few_sizes=jit and not device.in_xla())

    @tf.custom_gradient
    def answers(*inputs):
        # Otherwise an eager tape would look into the compiled functions, whose loops it cannot follow.
        x, *rest = map(tf.stop_gradient, inputs)
        states_0, weights = rest[:S], rest[S:]
        cut = list(zip(parts.cut(x, steps=True), parts.cut_mask(mask), parts.cut(a_dropout)))
        begun = list(zip(*(parts.cut(state) for state in states_0)))
        done = [forward(*own, list(states), weights) for own, states in zip(cut, begun)]
        y = parts.join([part[0] for part in done], steps=every_step)
        ends = [parts.join(own) for own in zip(*(part[1] for part in done))]
        kept = [part[2] for part in done]

        def gradient(dy, *da_T):
            @tf.custom_gradient
            def first_derivative(dy, *errors):
                dy, *da_T = map(tf.stop_gradient, [dy, *errors[:S]])
                dys, das = parts.cut_errors(dy, steps=every_step), zip(*map(parts.cut_errors, da_T))
                each = zip(dys, das, kept, cut, begun)
                back = [backward(dy, list(da), a, *own, list(states), weights) for dy, da, a, own, states in each]
                # A separate function: if nobody needs ∂L/∂x, as for data, it is never run.
                dx = parts.join([to_x(part[0], own[0], weights) for part, own in zip(back, cut)], steps=True)
                da_0 = [parts.join(own) for own in zip(*(part[1] for part in back))]
                of_weights = [tf.add_n(own) for own in zip(*(part[2] for part in back))]
                return (dx, *da_0, *of_weights), _second_derivative

            # It takes the inputs as arguments, so that a second derivative by any of them is refused.
            return first_derivative(dy, *da_T, *inputs)

        return (y, *ends), gradient

    y, *ends = answers(x, *states_0, *weights)
    return y, ends


_of_cell: weakref.WeakKeyDictionary[Any, dict] = weakref.WeakKeyDictionary()
KEPT = 8  # sets of functions of one cell; the oldest set is dropped


def _functions(cell, every_step, jit, remat):
    """The compiled functions of a cell, freed with it. From call to call only B and T change for tf.function."""
    made = _of_cell.setdefault(cell, {})
    # A cell whose attributes were changed, or that is called in training, may compute something else.
    key = (every_step, jit, remat, is_training(), _as_it_is(cell))
    if key not in made:
        how, network = checkpointed if remat else bptt, Network(cell)

        def to_x(dz, x, weights):
            return how.to_x(dz, x, weights, network=network)

        if len(made) == KEPT:
            del made[next(iter(made))]
        compiled = functools.partial(tf.function, jit_compile=jit, autograph=False, reduce_retracing=True)
        made[key] = (
            compiled(functools.partial(how.forward, network=network, every_step=every_step)),
            compiled(functools.partial(how.backward, network=network, every_step=every_step)),
            compiled(to_x),
        )
    return made[key]


def _as_it_is(cell):
    """The present attributes of a cell: numbers and words by their value, all others by the identity of the object."""
    simple = (bool, int, float, str, type(None), tuple)
    held = [(name, repr(value) if isinstance(value, simple) else id(value)) for name, value in vars(cell).items()]
    return tuple(sorted(own for own in held if not own[0].startswith("_") or own[1].__class__ is str))


def _second_derivative(*_):
    raise NotImplementedError(
        "per_core gives only first derivatives, in reverse mode. For second derivatives, for forward mode, and if an "
        "outer tape watches a function that takes gradients itself, build the layer with recurrence='plain'."
    )
