"""TensorFlow on an NVIDIA GPU: cuDNN's own loop, for tanh and relu, with its own gradient.

Source: NVIDIA, cuDNN API reference, `cudnnRNNForward` (`CUDNN_RNN_TANH`, `CUDNN_RNN_RELU`): a_t = g(W x_t + R a_{t-1} +
b_W + b_R). Its two biases are b_x and b_a of our cell.
"""

import functools

import tensorflow as tf

from keras_rnn_basics.recurrence import device, elman, plain

MODES = {"tanh": "rnn_tanh", "relu": "rnn_relu"}
DTYPES = ("float16", "float32", "float64")


def misplaced():
    """The environment that this route needs and does not have, or None."""
    if not device.on_gpu():
        return "a GPU, and this runs on a CPU"
    if device.in_xla():
        return "a function that XLA does not compile: jit_compile=False"
    return None


def obstacle(call):
    """The arguments that this route needs and the call does not have, or None."""
    cell = call.cell
    obstacle = elman.not_elman(cell, MODES, "project", "advance")
    if obstacle:
        return obstacle
    if cell.compute_dtype not in DTYPES:
        return f"{', '.join(DTYPES)}, not {cell.compute_dtype}"
    return elman.not_as_one_call(call)


def plan(call):
    """(the reason to report, the function to run) for a call without an obstacle."""
    g, _ = call.cell.elman()
    name = elman.standard_name(g)
    assert name in MODES  # any other is an obstacle
    mode = MODES[name]
    return f"{mode}, {call.cell.compute_dtype} on a GPU", functools.partial(run, mode=mode)


def run(cell, x, states_0, mask, a_dropout, every_step, mode):
    """(B, T, n_x), [(B, n_a)] -> (B, T, n_y) or (B, 1, n_y), [(B, n_a)]: the answers, and a_T.

    A mask is given to cuDNN as the lengths of the sequences. cuDNN can use a mask only if it is padding on the right
    and masks no whole sequence. For other masks the plain loop runs instead; the numbers in the mask decide.
    """
    [a_0] = states_0
    if mask is None:
        a = states(cell, x, a_0, None, mode)
    else:
        a = tf.cond(
            is_right_padding(mask),
            lambda: states(cell, x, a_0, mask, mode),
            lambda: plain.states(cell, x, states_0, mask)[0],
        )
    return cell.readout([a if every_step else a[:, -1:]]), [a[:, -1]]


def states(cell, x, a_0, mask, mode):
    """(B, T, n_x), (B, n_a), (B, T) -> (B, T, n_a): a_1 .. a_T; the mask must be padding on the right."""
    if mask is None:
        lengths = tf.fill(tf.shape(x)[:1], tf.shape(x)[1])
    else:
        lengths = tf.reduce_sum(tf.cast(mask, "int32"), axis=1)
    W_ax, W_aa, b_x, b_a = (tf.cast(w, x.dtype) for w in (cell.W_ax, cell.W_aa, cell.b_x, cell.b_a))
    a, a_T, _, _, _ = tf.raw_ops.CudnnRNNV3(
        input=x,
        input_h=a_0[:, None],  # (B, layers, n_a)
        input_c=tf.zeros([], x.dtype),
        params=pack(W_ax, W_aa, b_x, b_a),
        sequence_lengths=lengths,
        rnn_mode=mode,
        is_training=True,  # cuDNN then keeps the values for the gradient
        time_major=False,
    )
    # After the end of a sequence cuDNN gives zeros; the state there must be that of the last step.
    return a if mask is None else tf.where(mask[..., None], a, a_T)


def pack(W_ax, W_aa, b_x, b_a):
    """cuDNN's single buffer of parameters: both matrices, with one row for each hidden unit, then both biases."""
    return tf.concat([tf.reshape(tf.transpose(W), [-1]) for W in (W_ax, W_aa)] + [b_x, b_a], axis=0)


def is_right_padding(mask):
    """(B, T) -> whether every row is True up to some step, at least the first, and False after it."""
    begins = tf.reduce_all(mask[:, 0])
    never_resumes = tf.reduce_all(mask[:, :-1] | ~mask[:, 1:])
    return begins & never_resumes
