"""One `fit` for every example: the device, the precision, the log, the best weights, and picking up a killed run."""

import ctypes
import importlib.util
import os
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_rnn_basics.compat import forget_compiled_steps
from keras_rnn_basics.journal import Journal, checksum

DEVICES = ("auto", "cpu", "gpu")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")

# Keras pays about a millisecond for each call of its compiled step; benchmarks/fit.py found no more to gain beyond 16.
STEPS_PER_CALL = 16


@dataclass(frozen=True)
class Run:
    """What `fit` came to.

    Attributes:
        model: the trained model, with the weights of its best epoch.
        history: for each number in the log, its value after every epoch.
        best_epoch: the epoch of the lowest validation loss (the training loss where there is no validation), from 1.
        stopped: why it ended.
        device: where it ran.
        seconds: how long this call took.
    """

    model: keras.Model
    history: dict[str, list[float]]
    best_epoch: int
    stopped: str
    device: str
    seconds: float


def fit(
    build: Callable[[], keras.Model],
    train: Any,
    validation: Any,
    run_dir: str | os.PathLike,
    epochs: int = 100,
    batch_size: int = 32,
    patience: int = 10,
    minutes: float | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: str = "float32",
    verbose: int = 1,
) -> Run:
    """Builds a model and trains it until its validation loss no longer falls; keeps the weights of its best epoch.

    `run_dir` holds `log.csv` (a row an epoch), `best.weights.h5`, a `tensorboard` folder, and until the run has ended
    the state of its last finished epoch. The same call after a kill goes on from there, the optimizer's state included;
    one of other data, first weights or settings moves what it finds into a folder of `run_dir`, such as `unfinished_1`
    (of a Dataset only its length and the shapes of its batches are compared: clear `run_dir` after a change).
    A loss or weight that is no longer finite ends the run, on the weights of its best finished epoch.
    Under TensorFlow 16 training steps make one call, unless the model was compiled with more than one itself.
    A Dataset is read without TensorFlow's autotuning, unless its options ask for that.
    On a CPU the process keeps the memory that a step has freed for the next one, to 512 MiB (`mallopt`, under glibc).
    Layers that are stateful begin every epoch, and every validation, from zeros.

    Args:
        build: makes the compiled model: `fit` calls it under its seed, device and precision.
        train: (x, y) or (x, y, sample_weight) arrays, or a finite `tf.data.Dataset` of batches.
        validation: the same, or `None`.
        run_dir: the run's folder, made if need be.
        epochs: how many at most.
        batch_size: examples a batch, where `train` is arrays.
        patience: epochs without a better validation loss before the run ends.
        minutes: end after so many minutes of training (validation not counted), also amid an epoch; as they pass, the
            learning rate falls to zero along half a cosine, and is in the log.
        seed: fixes the first weights, the shuffling and the dropout.
        device: `"auto"` takes a GPU where there is one; `"gpu"` insists on it.
        precision: the dtype policy of the model's layers, one of float32, mixed_bfloat16 and mixed_float16.
        verbose: 1 shows a progress bar, 2 a line an epoch, 0 nothing but the device and how it ended.

    Raises:
        ValueError: for an argument that does not fit, numbers in the data that are not finite, or a `run_dir` that is
            a file.
        RuntimeError: for `device="gpu"` where there is none.
    """
    began = time.monotonic()
    for name, value in (("epochs", epochs), ("batch_size", batch_size), ("patience", patience)):
        if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
            raise ValueError(f"{name} must be a positive integer, got {value!r}.")
    if minutes is not None and (isinstance(minutes, bool) or not isinstance(minutes, Real) or not minutes > 0):
        raise ValueError(f"minutes must be a positive number or None, got {minutes!r}.")
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {PRECISIONS}, got {precision!r}.")
    if not callable(build) or isinstance(build, keras.Model):
        raise ValueError(f"build must be a function that makes the compiled model, got {build!r}.")
    device = _find_device(device)
    if device.startswith("cpu"):
        _keep_freed_memory()
    train, validation = (tuple(data) if isinstance(data, list) else data for data in (train, validation))
    train, validation = _without_autotuning(train), _without_autotuning(validation)
    for name, data in (("train", train), ("validation", validation)):
        _check_finite(name, data)

    with keras.device(device):
        keras.utils.set_random_seed(seed)
        with _dtype_policy(precision):
            model = build()
        if not getattr(model, "compiled", False):
            raise ValueError("build must return a compiled model: call model.compile(optimizer=..., loss=...) in it.")
        steps_per_call = model.steps_per_execution
        if keras.backend.backend() == "tensorflow" and steps_per_call == 1 and not model.run_eagerly:
            _set_steps_per_call(model, STEPS_PER_CALL)
        setup = {"seed": seed, "precision": precision, "data": [_fingerprint(data) for data in (train, validation)]}
        journal = Journal(Path(run_dir), patience, minutes, setup)
        journal.open(model)
        print(f"Training on {device} in {precision}{journal.where_it_goes_on()}.")
        if not journal.finished(epochs):
            model.fit(
                **(dict(zip(("x", "y", "sample_weight"), train)) if isinstance(train, tuple) else {"x": train}),
                validation_data=validation,
                initial_epoch=journal.epoch,
                epochs=epochs,
                batch_size=batch_size if isinstance(train, tuple) else None,
                shuffle=isinstance(train, tuple),  # a Dataset shuffles itself
                verbose=verbose,
                callbacks=[journal, *_tensorboard(Path(run_dir))],
            )
        journal.close()
        if model.steps_per_execution != steps_per_call:
            # The model goes back as it was compiled.
            _set_steps_per_call(model, steps_per_call)
    print(f"Stopped after epoch {journal.epoch}: {journal.stopped}; kept the weights of epoch {journal.best_epoch}.")
    seconds = time.monotonic() - began
    return Run(model, journal.history, journal.best_epoch, journal.stopped, device, seconds)


def _set_steps_per_call(model, steps):
    """Keras would go on with the functions that it made for another number, and take steps that they do not take."""
    model.steps_per_execution = steps
    forget_compiled_steps(model)


def _find_device(device):
    if device not in DEVICES:
        raise ValueError(f"device must be one of {DEVICES}, got {device!r}.")
    # Read when TensorFlow first opens the GPU; without it one process takes all of its memory.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    gpus = [] if device == "cpu" else keras.distribution.list_devices("gpu")
    if device == "gpu" and not gpus:
        raise RuntimeError(
            f"device='gpu', but Keras finds no GPU on the {keras.backend.backend()} backend. On Linux with an NVIDIA "
            "driver, install the GPU build: pip install 'keras_rnn_basics[gpu]'. Or use device='auto'."
        )
    return "gpu:0" if gpus else "cpu:0"


def _check_finite(name, data):
    if hasattr(data, "shape"):
        raise ValueError(f"{name} must be a pair (x, y) of arrays or a tf.data.Dataset, got one array {data.shape}.")
    if hasattr(data, "cardinality") and int(data.cardinality()) == -1:  # tf.data.INFINITE_CARDINALITY
        raise ValueError(f"{name} never ends: an epoch must. Leave out its repeat(), or take(n) batches.")
    if not isinstance(data, tuple):
        return
    for part, arrays in zip(("x", "y", "sample_weight"), data):
        for array in keras.tree.flatten(arrays):
            if array is None:
                continue
            array = np.asarray(array)
            if array.ndim == 0:
                raise ValueError(f"{name}'s {part} must be an array of examples, got {array!r}.")
            if not len(array):
                raise ValueError(f"{name}'s {part} holds no examples.")
            if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
                row = int(np.argwhere(~np.isfinite(array))[0][0])
                raise ValueError(f"{name}'s {part} holds numbers that are not finite, first in row {row}: clean them.")


def _keep_freed_memory():
    """Tells glibc not to take large blocks from the system one by one and give them back at once.

    It does so or not, as chance has it, and each page is then cleared and mapped anew: 7,000 pages a step of
    examples/frames.py, which took 38 ms so, and takes 27 ms without.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # as malloc.h numbers them
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 512 << 20)


def _without_autotuning(data):
    """A Dataset as given but for TensorFlow's autotuning, unless that was asked for.

    The thread that tunes sleeps longer each time, up to a minute, and an iterator's end waits for it: between two
    epochs of 150 seconds 45 were lost so.
    """
    if not hasattr(data, "with_options") or data.options().autotune.enabled is not None:
        return data
    options = type(data.options())()
    options.autotune.enabled = False
    return data.with_options(options)


def _fingerprint(data):
    """What tells data from other data: of arrays a checksum, of a Dataset its length and the shapes of its batches."""
    if data is None or hasattr(data, "element_spec"):
        return data and f"{int(data.cardinality())} batches of {data.element_spec}"
    if not isinstance(data, tuple):
        return type(data).__name__
    return [checksum(np.asarray(array)) for array in keras.tree.flatten(data) if array is not None]


@contextmanager
def _dtype_policy(precision):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _tensorboard(run_dir):
    if importlib.util.find_spec("tensorboard") is None:
        print("No TensorBoard log: tensorboard is not installed.")
        return []
    return [keras.callbacks.TensorBoard(run_dir / "tensorboard", write_graph=False)]
