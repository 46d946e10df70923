"""Where a run computes, and in which precision."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import keras

DEVICES = ("auto", "cpu", "gpu")
PRECISIONS = ("float32", "float64", "mixed_bfloat16", "mixed_float16")


def find_device(asked: str) -> str:
    """`"cpu:0"` or `"gpu:0"` for one of `DEVICES`."""
    if asked not in DEVICES:
        raise ValueError(f"device must be one of {DEVICES}, got {asked!r}.")
    # Read when TensorFlow first opens the GPU; without it one process takes all of its memory.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    there = asked != "cpu" and _has_gpu()
    if asked == "gpu" and not there:
        backend = keras.backend.backend()
        build = "install the GPU build: pip install 'keras_rnn_basics[gpu]'"
        raise RuntimeError(
            f"device='gpu', but Keras finds no GPU on the {backend} backend. On Linux with an NVIDIA driver, "
            f"{build if backend == 'tensorflow' else 'python -m keras_rnn_basics says what to install'}. "
            "Or use device='auto'."
        )
    return "gpu:0" if there else "cpu:0"


def _has_gpu():
    """`keras.distribution.list_devices` fails on JAX without a GPU, and always on PyTorch (Keras 3.15)."""
    backend = keras.backend.backend()
    if backend == "jax":
        jax: Any = import_module("jax")  # where it is not installed, type checkers do not find it
        return any(device.platform in ("gpu", "cuda", "rocm") for device in jax.devices())
    if backend == "torch":
        torch: Any = import_module("torch")
        return torch.cuda.is_available()
    return bool(keras.distribution.list_devices("gpu"))


def insist_on_one_process() -> None:
    """A ValueError where JAX trains in several processes: there Keras' own `fit` knows how to."""
    if keras.backend.backend() != "jax":
        return
    jax: Any = import_module("jax")
    if jax.process_count() > 1:
        raise ValueError(
            f"fit trains in one process on JAX, and there are {jax.process_count()}: use model.fit, as in "
            "docs/how_to/many_machines.md, or the TensorFlow backend with strategy=."
        )


def on(device: str) -> Any:
    """Keras' scope for a device."""
    # PyTorch in Keras moves data to "cpu:0" and weights to "cpu", and then finds them in different places.
    return keras.device("cpu" if device == "cpu:0" and keras.backend.backend() == "torch" else device)


@contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Layers that are made within it compute in this precision; for float64 losses and metrics do as well."""
    policy, floatx = keras.config.dtype_policy(), keras.config.floatx()
    keras.config.set_dtype_policy(precision)
    keras.config.set_floatx("float64" if precision == "float64" else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)
        keras.config.set_floatx(floatx)


def find_precision(asked: str | None) -> str:
    """One of `PRECISIONS`; for None what Keras is set to."""
    if asked is None:
        policy = keras.config.dtype_policy().name
        asked = "float64" if keras.config.floatx() == "float64" and policy == "float32" else policy
    if asked not in PRECISIONS:
        raise ValueError(f"precision must be one of {PRECISIONS}, got {asked!r}.")
    if asked == "float64" and keras.backend.backend() == "jax":
        # With JAX_ENABLE_X64 too some of Keras' operations give float32, and its own SimpleRNN ends in an error (3.15).
        raise ValueError(
            "precision='float64' is not to be had on JAX, where Keras computes in float32: use another backend."
        )
    return asked


def keep_freed_memory() -> None:
    """Tells glibc not to take large blocks from the system one by one and give them back at once.

    It does so or not, as chance has it, and each page is then cleared and mapped anew: 7,000 pages a step of
    examples/frames.py, which took 38 ms so, and takes 27 ms without.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # as malloc.h numbers them
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 512 << 20)
