"""Where TensorFlow runs the current call or trace: the device, the cores, and whether XLA compiles it."""

import functools
import os
import re
from pathlib import Path

import tensorflow as tf

from keras_rnn_basics.compat import in_xla_context


def on_gpu() -> bool:
    """Whether an operation made here runs on a GPU."""
    device = tf.constant(0.0).device.upper()  # in a graph, "" if no device was asked for
    return "GPU" in device if device else bool(tf.config.list_logical_devices("GPU"))


@functools.cache
def xla_compiles_for_gpu() -> bool:
    """Whether XLA finds what it needs here (ptxas and libdevice, of CUDA's compiler); it is tried once."""
    try:
        with tf.init_scope(), tf.device("GPU:0"):
            tf.function(tf.tanh, jit_compile=True)(tf.ones(1))
    except tf.errors.OpError:
        return False
    return True


def is_eager() -> bool:
    """Whether operations run immediately, not in a `tf.function`."""
    return tf.executing_eagerly()


def in_xla() -> bool:
    """Whether this is part of a `jit_compile=True` function."""
    return not tf.executing_eagerly() and in_xla_context(tf.compat.v1.get_default_graph())


def in_strategy() -> bool:
    """Whether a `tf.distribute` strategy splits the batch already."""
    return tf.distribute.has_strategy()


def cores() -> int:
    """The number of functions that can run in parallel in this process."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = tf.config.threading
    limits = (threads.get_inter_op_parallelism_threads(), threads.get_intra_op_parallelism_threads())
    return min([available, *(limit for limit in limits if limit)])


def core_cache_bytes() -> int:
    """The size of the level-2 cache, of which each core has its own; 1 MiB if the machine does not report it."""
    try:
        told = Path("/sys/devices/system/cpu/cpu0/cache/index2/size").read_text()
    except OSError:
        told = ""
    size = re.fullmatch(r"(\d+)([KM])\s*", told)
    return int(size[1]) * {"K": 2**10, "M": 2**20}[size[2]] if size else 2**20
