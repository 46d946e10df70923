"""One `fit` for every example: the device, the precision, the log, the best weights, and picking up a killed run."""

import csv
import importlib.util
import json
import math
import os
import shutil
import time
import zlib
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import keras
import numpy as np

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
    the state of its last finished epoch. The same call after a kill goes on from there, the optimizer's state included.
    A loss or weight that is no longer finite ends the run, on the weights of its best finished epoch.
    Under TensorFlow 16 training steps make one call, unless the model was compiled with more than one itself.
    Layers that are stateful begin every epoch, and every validation, from zeros.

    Args:
        build: makes the compiled model: `fit` calls it under its seed, device and precision.
        train: (x, y) or (x, y, sample_weight) arrays, or a finite `tf.data.Dataset` of batches.
        validation: the same, or `None`.
        run_dir: the run's folder, made if need be.
        epochs: how many at most.
        batch_size: examples a batch, where `train` is arrays.
        patience: epochs without a better validation loss before the run ends.
        minutes: end after so many minutes of training, also amid an epoch; as they pass, the learning rate falls to
            zero along half a cosine, and is in the log.
        seed: fixes the first weights, the shuffling and the dropout.
        device: `"auto"` takes a GPU where there is one; `"gpu"` insists on it.
        precision: the dtype policy of the model's layers, one of float32, mixed_bfloat16 and mixed_float16.
        verbose: 1 shows a progress bar, 2 a line an epoch, 0 nothing but the device and how it ended.

    Raises:
        ValueError: for an argument that does not fit, numbers in the data that are not finite, or a `run_dir` that
            holds the unfinished run of another set-up.
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
    train, validation = (tuple(data) if isinstance(data, list) else data for data in (train, validation))
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
            model.steps_per_execution = STEPS_PER_CALL
        setup = {"seed": seed, "precision": precision, "data": [_fingerprint(data) for data in (train, validation)]}
        journal = _Journal(Path(run_dir), patience, minutes, setup)
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
            # The model goes back as it was compiled; Keras would go on with the functions it made for sixteen.
            model.steps_per_execution = steps_per_call
            model.train_function = model.test_function = model.predict_function = None
    print(f"Stopped after epoch {journal.epoch}: {journal.stopped}; kept the weights of epoch {journal.best_epoch}.")
    seconds = time.monotonic() - began
    return Run(model, journal.history, journal.best_epoch, journal.stopped, device, seconds)


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


def _fingerprint(data):
    """What tells data from other data: of arrays a checksum, of a Dataset its length and the shapes of its batches."""
    if data is None or hasattr(data, "element_spec"):
        return data and f"{int(data.cardinality())} batches of {data.element_spec}"
    if not isinstance(data, tuple):
        return type(data).__name__
    arrays = [np.asarray(array) for array in keras.tree.flatten(data) if array is not None]
    return [f"{array.shape} {zlib.crc32(np.ascontiguousarray(array).tobytes())}" for array in arrays]


def _learning_rate(optimizer):
    given = getattr(optimizer, "inner_optimizer", optimizer).get_config()["learning_rate"]
    if not isinstance(given, Real):
        raise ValueError(
            "With minutes= fit lowers the learning rate itself: compile with a number, not with a schedule, or leave "
            "minutes out and say how many epochs."
        )
    return float(given)


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


class _Journal(keras.callbacks.Callback):
    """The run's state, on disk after every epoch, best weights included.

    Keras' BackupAndRestore and EarlyStopping do not know of each other: after a kill the best weights and the patience
    would begin anew. And its TerminateOnNaN ends a run whose weights are already ruined.
    """

    def __init__(self, folder, patience, minutes, setup):
        super().__init__()
        self.folder, self.patience, self.setup = folder, patience, setup
        self.seconds, self.spent, self.given_up = minutes and 60 * minutes, 0.0, False
        self.state_path, self.best_path = folder / "unfinished.json", folder / "best.weights.h5"
        self.first_path = folder / "first.weights.h5"
        self.epoch, self.best_epoch, self.best, self.wait = 0, 0, float("inf"), 0
        self.history, self.stopped = {}, "all epochs are done"

    def open(self, model):
        """Takes up the folder's unfinished run, or begins a new one."""
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(f"run_dir must be a folder; {self.folder} is a file.")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.setup = {
            **self.setup,
            "weights": [list(weight.shape) for weight in model.weights],
            "optimizer": type(model.optimizer).__name__,
            "optimizer settings": {**model.optimizer.get_config(), "name": None},
            "loss": getattr(model.loss, "name", str(model.loss)),
            "vocabularies": {name: own.get_config() for name, own in getattr(model, "vocabularies", {}).items()},
        }
        self.setup = json.loads(json.dumps(self.setup, default=str))
        self.stateful = [layer for layer in model._flatten_layers() if getattr(layer, "stateful", False)]
        if self.seconds:
            self.learning_rate = _learning_rate(model.optimizer)
        # Weight files hold the optimizer's variables too, once it has them.
        model.optimizer.build(model.trainable_variables)
        if self.state_path.exists():
            state = json.loads(self.state_path.read_text())
            if state["setup"] != self.setup:
                raise ValueError(
                    f"{self.folder} holds the unfinished run of another set-up: other data, another seed, precision, "
                    "optimizer, loss or other weights. Choose another run_dir, or delete this one."
                )
            model.load_weights(self.folder / state["weights_file"])
            self.epoch, self.best_epoch, self.wait = state["epoch"], state["best_epoch"], state["wait"]
            self.best, self.history, self.spent = state["best"], state["history"], state.get("spent", 0.0)
            self._keep_best(state["weights_file"])
        else:
            # The weights to fall back on before the first epoch has ended.
            model.save_weights(self.first_path)
        self.set_model(model)

    def where_it_goes_on(self):
        return f", going on after epoch {self.epoch} of the run in {self.folder}" if self.epoch else ""

    def finished(self, epochs):
        if self.wait >= self.patience:
            self.stopped = f"{self.patience} epochs brought no better loss"
        elif self.seconds and self.spent >= self.seconds:
            self.stopped = f"{self.seconds / 60:g} minutes have passed"
        else:
            return self.epoch >= epochs
        return True

    def on_train_begin(self, logs=None):
        self.began = time.monotonic() - self.spent

    def on_epoch_begin(self, epoch, logs=None):
        self._forget()

    def on_test_begin(self, logs=None):
        self._forget()

    def _forget(self):
        for layer in self.stateful:
            layer.reset_state()

    def on_train_batch_begin(self, batch, logs=None):
        if self.seconds:
            passed = min(1.0, (time.monotonic() - self.began) / self.seconds)
            self.model.optimizer.learning_rate = self.learning_rate * (1 + math.cos(math.pi * passed)) / 2

    def on_train_batch_end(self, batch, logs=None):
        if self.seconds and time.monotonic() - self.began >= self.seconds:
            self.stopped = f"{self.seconds / 60:g} minutes have passed"
            self.model.stop_training = True
        if not np.isfinite(float(logs["loss"])):
            self._give_up(f"in epoch {self.epoch + 1}, by batch {batch + 1}, the loss was no longer finite")

    def on_epoch_end(self, epoch, logs=None):
        if self.given_up:
            return
        if self.seconds:
            logs = {**logs, "learning_rate": self.model.optimizer.learning_rate}
        watched = float(logs.get("val_loss", logs["loss"]))
        if not np.isfinite(watched) or not all(np.isfinite(weight).all() for weight in self.model.get_weights()):
            self._give_up(f"in epoch {epoch + 1} the loss or the weights were no longer finite")
            return
        self.epoch, self.wait, self.spent = epoch + 1, self.wait + 1, time.monotonic() - self.began
        for name in [*self.history, *(name for name in logs if name not in self.history)]:
            # A resumed run may log other metrics than it began with.
            self.history.setdefault(name, [float("nan")] * epoch).append(float(logs.get(name, "nan")))
        if watched < self.best:
            self.best, self.best_epoch, self.wait = watched, self.epoch, 0
        if self.wait >= self.patience:
            self.stopped = f"{self.patience} epochs brought no better loss"
            self.model.stop_training = True
        self._save()

    def _give_up(self, why):
        self.stopped = f"{why} (a smaller learning rate, or clipnorm in the optimizer, may help)"
        self.model.stop_training = self.given_up = True
        # At once, so that the epoch's validation runs on sound weights.
        self.model.load_weights(self.best_path if self.best_epoch else self.first_path)

    def _save(self):
        weights_file = f"epoch_{self.epoch}.weights.h5"
        with _whole(self.folder / weights_file) as half:
            self.model.save_weights(half)
        state = {
            "setup": self.setup,
            "epoch": self.epoch,
            "best_epoch": self.best_epoch,
            "best": self.best,
            "wait": self.wait,
            "spent": self.spent,
            "history": self.history,
            "weights_file": weights_file,
        }
        with _whole(self.state_path) as half:
            half.write_text(json.dumps(state, indent=1))
        # Only now: a kill before this line goes on from the epoch before; one behind it copies the best weights anew.
        self._keep_best(weights_file)
        self._remove_weights(but=weights_file)
        rows = zip(range(1, self.epoch + 1), *self.history.values())
        with (self.folder / "log.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["epoch", *self.history], *rows])

    def _keep_best(self, weights_file):
        if self.best_epoch == self.epoch:
            with _whole(self.best_path) as half:
                shutil.copyfile(self.folder / weights_file, half)

    def _remove_weights(self, but=None):
        for path in self.folder.glob("*epoch_*.weights.h5"):
            if path.name != but:
                path.unlink()

    def close(self):
        """The run has ended: the model gets its best weights, and the state of the last epoch goes."""
        if not self.best_epoch:
            os.replace(self.first_path, self.best_path)
        self.model.load_weights(self.best_path)
        self.first_path.unlink(missing_ok=True)
        self.state_path.unlink(missing_ok=True)
        self._remove_weights()


@contextmanager
def _whole(path):
    """Gives a path to write to; what was written stands at `path` when it is complete, or not at all."""
    half = path.with_name(f"half.{path.name}")
    yield half
    os.replace(half, path)
