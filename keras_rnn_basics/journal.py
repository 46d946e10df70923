"""A run of training on disk: its log, its best weights, and where it goes on after a kill."""

import csv
import itertools
import json
import math
import os
import shutil
import time
import zlib
from contextlib import contextmanager
from numbers import Real
from typing import Any

import keras
import numpy as np

from keras_rnn_basics.compat import layers_within


class Journal(keras.callbacks.Callback):
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
            "first weights": [checksum(weight) for weight in model.get_weights()],
            "optimizer": type(model.optimizer).__name__,
            "optimizer settings": {**model.optimizer.get_config(), "name": None},
            "loss": getattr(model.loss, "name", str(model.loss)),
            "vocabularies": {name: own.get_config() for name, own in getattr(model, "vocabularies", {}).items()},
        }
        self.setup = json.loads(json.dumps(self.setup, default=str))
        self.stateful = [layer for layer in layers_within(model) if getattr(layer, "stateful", False)]
        if self.seconds:
            self.learning_rate = _learning_rate(model.optimizer)
        # Weight files hold the optimizer's variables too, once it has them.
        model.optimizer.build(model.trainable_variables)
        state = json.loads(self.state_path.read_text()) if self.state_path.exists() else None
        if state is not None and state["setup"] != self.setup:
            self._put_aside(state)
            state = None
        if state is not None:
            model.load_weights(self.folder / state["weights_file"])
            self.epoch, self.best_epoch, self.wait = state["epoch"], state["best_epoch"], state["wait"]
            self.best, self.history, self.spent = state["best"], state["history"], state.get("spent", 0.0)
            self._keep_best(state["weights_file"])
        else:
            # The weights to fall back on before the first epoch has ended.
            model.save_weights(self.first_path)
        self.set_model(model)

    def _put_aside(self, state):
        """An unfinished run of another set-up is nothing to go on from, but may have cost hours."""
        differing = [key for key in self.setup if state["setup"].get(key) != self.setup[key]]
        aside = next(
            path for path in (self.folder / f"unfinished_{n}" for n in itertools.count(1)) if not path.exists()
        )
        aside.mkdir()
        for path in [*self.folder.glob("*.weights.h5"), self.folder / "log.csv", self.state_path]:
            if path.exists():
                os.replace(path, aside / path.name)
        print(
            f"{self.folder} held an unfinished run of another set-up, {state['epoch']} epochs of it (it differs in its "
            f"{', '.join(differing)}): moved to {aside}."
        )

    def where_it_goes_on(self):
        return f", going on after epoch {self.epoch} of the run in {self.folder}" if self.epoch else ""

    def finished(self, epochs):
        return self._has_ended() or self.epoch >= epochs

    def _has_ended(self):
        if self.wait >= self.patience:
            self.stopped = f"{self.patience} epochs brought no better loss"
        elif self.seconds and self.spent >= self.seconds:
            self.stopped = f"{self.seconds / 60:g} minutes have passed"
        else:
            return False
        return True

    def on_train_begin(self, logs=None):
        self.began = time.monotonic() - self.spent

    def on_epoch_begin(self, epoch, logs=None):
        self._forget()

    def on_test_begin(self, logs=None):
        self._forget()
        self.tested_from = time.monotonic()

    def on_test_end(self, logs=None):
        # Only training counts: else the time could run out in a validation, with the learning rate still high.
        self.began += time.monotonic() - self.tested_from

    def _forget(self):
        for layer in self.stateful:
            layer.reset_state()

    def on_train_batch_begin(self, batch, logs=None):
        if self.seconds:
            passed = min(1.0, (time.monotonic() - self.began) / self.seconds)
            self.model.optimizer.learning_rate = self.learning_rate * (1 + math.cos(math.pi * passed)) / 2

    def on_train_batch_end(self, batch, logs: Any = None):
        if self.seconds and time.monotonic() - self.began >= self.seconds:
            self.model.stop_training = True
        if not np.isfinite(float(logs["loss"])):
            self._give_up(f"in epoch {self.epoch + 1}, by batch {batch + 1}, the loss was no longer finite")

    def on_epoch_end(self, epoch, logs: Any = None):
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
        if self._has_ended():
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


def checksum(array):
    """What tells an array from another: its shape, and its bytes in few."""
    return f"{array.shape} {zlib.crc32(np.ascontiguousarray(array).tobytes())}"


@contextmanager
def _whole(path):
    """Gives a path to write to; what was written stands at `path` when it is complete, or not at all."""
    half = path.with_name(f"half.{path.name}")
    yield half
    os.replace(half, path)


def _learning_rate(optimizer):
    given = getattr(optimizer, "inner_optimizer", optimizer).get_config()["learning_rate"]
    if not isinstance(given, Real):
        raise ValueError(
            "With minutes= fit lowers the learning rate itself: compile with a number, not with a schedule, or leave "
            "minutes out and say how many epochs."
        )
    return float(given)
