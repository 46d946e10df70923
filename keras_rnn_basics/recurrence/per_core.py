"""TensorFlow on CPU cores: the batch cut into as many parts as there are cores, each part's sequence one XLA program.

The parts run side by side because each is a compiled function of its own, called from a function that is not compiled
itself: inside one XLA program they would run one after the other. A part does all of a sequence's work, from x to the
answers and back (`bptt.py`; `checkpointed.py` where memory is short), so that only x and ŷ are cut and joined. It runs
any cell by its parts; the way back is written out for four activations (`by_hand.py`) and TensorFlow's for any other
step (`loop.py`).
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

# Measured by benchmarks/routes.py. With fewer multiplications B T n_a² in all, calling a second program costs more than
# it saves; and where W_aa is larger than this many times a core's own cache, each core would fetch all of it at every
# step, while in one part they share the work on it.
MULTIPLICATIONS = 3_000_000
CACHES = 1.5


def misplaced():
    """What this route would need around it, or None."""
    if device.on_gpu():
        return "a CPU, and this runs on a GPU"
    if device.in_strategy():
        return "the whole batch, which a tf.distribute strategy has cut already"
    return None


def obstacle(call):
    """What the call's arguments would have to be for this route, or None."""
    if call.cell.compute_dtype not in DTYPES:
        return f"{', '.join(DTYPES)}, not {call.cell.compute_dtype}"
    return None


def plan(call):
    """(the reason to tell, the function to run) of a call without an obstacle."""
    cell, parts = call.cell, _parts(call)
    what = Network(cell).g
    if what is None:
        g = elman.name_of(cell.elman()[0]) if elman.is_elman(cell) else type(cell).__name__
        what = f"{g} derived by TensorFlow"
    cores = f"{parts} core{'s' if parts > 1 else ''}"
    remat = ", states recomputed in segments" if call.remat else ""
    how = functools.partial(run, parts=parts, jit=cell.compute_dtype != "bfloat16", remat=call.remat)
    return f"{cores}, {what}, {cell.compute_dtype}{remat}", how


def _parts(call):
    if device.in_xla():
        return 1
    B, T = call.shape[0] or 64, call.shape[1] or 100  # where they vary: sizes that are common
    n_a = call.cell.units
    if B * T * n_a**2 < MULTIPLICATIONS or 4 * n_a**2 > CACHES * device.core_cache_bytes():
        return 1
    return max(1, min(device.cores(), B // ROWS))


def run(cell, x, states_0, mask, a_dropout, every_step, parts, jit=True, remat=False):
    """(B, T, n_x), [(B, n_a), ...] -> (B, T, n_y) or (B, 1, n_y), [(B, n_a), ...]: the answers, and the last states.

    A weight that a cost does not reach has a gradient of zeros here (W_ya, where only a_T is used), not None.

    Args:
        parts: into how many parts the batch is cut.
        jit: compile the parts with XLA, anew for every (B, T) that `Parts` leaves.
        remat: keep the states of every √T-th step only, and compute the others again on the way back.
    """
    forward, backward, to_x = _functions(cell, every_step, jit, remat)
    weights = [tf.convert_to_tensor(variable.value) for variable in cell.weights]
    S, parts = len(states_0), Parts(x, parts, few_sizes=jit and not device.in_xla())

    @tf.custom_gradient
    def answers(*inputs):
        # Else an eager tape looks into the compiled functions, whose loops it cannot follow.
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
                # A function of its own: where nobody asks for ∂L/∂x, as for data, it is never run.
                dx = parts.join([to_x(part[0], own[0], weights) for part, own in zip(back, cut)], steps=True)
                da_0 = [parts.join(own) for own in zip(*(part[1] for part in back))]
                of_weights = [tf.add_n(own) for own in zip(*(part[2] for part in back))]
                return (dx, *da_0, *of_weights), _second_derivative

            # It takes the inputs themselves, so that a derivative of it by any of them is refused.
            return first_derivative(dy, *da_T, *inputs)

        return (y, *ends), gradient

    y, *ends = answers(x, *states_0, *weights)
    return y, ends


_of_cell: weakref.WeakKeyDictionary[Any, dict] = weakref.WeakKeyDictionary()
KEPT = 8  # sets of functions of one cell; the one that was made first gives way


def _functions(cell, every_step, jit, remat):
    """What is compiled of a cell, and goes with it: what tf.function sees change from call to call is B and T alone."""
    made = _of_cell.setdefault(cell, {})
    # A cell that was changed since, or is asked in training, whatever is in it, may compute something else.
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
    """What a cell's attributes are now: numbers and words by their value, whatever else by what object it is."""
    simple = (bool, int, float, str, type(None), tuple)
    held = [(name, repr(value) if isinstance(value, simple) else id(value)) for name, value in vars(cell).items()]
    return tuple(sorted(own for own in held if not own[0].startswith("_") or own[1].__class__ is str))


def _second_derivative(*_):
    raise NotImplementedError(
        "per_core gives first derivatives only, in reverse mode. For a derivative of a derivative, for forward mode, "
        "and where an outer tape watches a function that takes gradients itself, build the layer with "
        "recurrence='plain'."
    )
