"""Where TensorFlow runs what is being called or traced: the device, the cores, and whether XLA compiles it all."""

import os
import re
from pathlib import Path

import keras
import tensorflow as tf

from keras_rnn_basics.compat import in_xla_context


def on_gpu() -> bool:
    """Whether an operation made here runs on a GPU."""
    device = tf.constant(0.0).device.upper()  # in a graph, "" where no device was asked for
    return "GPU" in device if device else bool(tf.config.list_logical_devices("GPU"))


def is_eager() -> bool:
    """Whether operations run at once, rather than in a `tf.function`."""
    return tf.executing_eagerly()


def in_xla() -> bool:
    """Whether this is part of a `jit_compile=True` function."""
    return not tf.executing_eagerly() and in_xla_context(tf.compat.v1.get_default_graph())


def in_strategy() -> bool:
    """Whether a `tf.distribute` strategy cuts the batch already."""
    return tf.distribute.has_strategy()


STANDARD = {
    "tanh": (keras.activations.tanh, keras.ops.tanh, tf.tanh, tf.nn.tanh),
    "relu": (keras.activations.relu, keras.ops.relu, tf.nn.relu),
    "sigmoid": (keras.activations.sigmoid, keras.ops.sigmoid, tf.sigmoid, tf.nn.sigmoid),
    "linear": (keras.activations.linear, tf.identity),
}


def standard_name(activation) -> str | None:
    """Which of the four that the fast loops know an activation is, if it is one."""
    return next((name for name, same in STANDARD.items() if any(activation is one for one in same)), None)


def name_of(activation) -> str:
    """How an error or a reason calls an activation."""
    return getattr(activation, "__name__", type(activation).__name__)


def is_elman(cell, *parts) -> bool:
    """Whether a cell says that its step is `g(z_t + a_{t-1} W_aa)`, and these parts are as it said."""
    if not hasattr(cell, "elman") or not cell.still_says("elman", "advance", "recur", *parts):
        return False
    _, name = cell.elman()
    return not cell.built or any(getattr(cell, name) is weight for weight in cell.weights)


def not_elman(cell, activations, *parts) -> str | None:
    """What a loop lacks that has `g(z_t + a_{t-1} W_aa)` written out for these g, or None."""
    if not is_elman(cell, *parts):
        return f"the step g(z_t + a W_aa), which {type(cell).__name__} replaces"
    g, _ = cell.elman()
    if standard_name(g) not in activations:
        return f"{', '.join(activations)}, not {name_of(g)}"
    return None


def cores() -> int:
    """How many functions can run side by side in this process."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = tf.config.threading
    limits = (threads.get_inter_op_parallelism_threads(), threads.get_intra_op_parallelism_threads())
    return min([available, *(limit for limit in limits if limit)])


def core_cache_bytes() -> int:
    """The size of the level-2 cache, which each core has for itself; 1 MiB where the machine does not tell."""
    try:
        told = Path("/sys/devices/system/cpu/cpu0/cache/index2/size").read_text()
    except OSError:
        told = ""
    size = re.fullmatch(r"(\d+)([KM])\s*", told)
    return int(size[1]) * {"K": 2**10, "M": 2**20}[size[2]] if size else 2**20
