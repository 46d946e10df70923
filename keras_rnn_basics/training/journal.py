"""A run's record: when it ends, which of its epochs was the best, and where it goes on after a kill."""

import csv
import itertools
import math
import os
import time
from numbers import Real
from typing import Any

import keras
import numpy as np

from keras_rnn_basics.atomic import atomic
from keras_rnn_basics.compat import layers_within
from keras_rnn_basics.training import state
from keras_rnn_basics.training.board import Board
from keras_rnn_basics.training.folder import writing

# Writing the state is to take no more than about this part of the time.
SHARE_OF_WRITING = 0.05
STATE = "unfinished.npz"


class Journal(keras.callbacks.Callback):
    """The run's state after every epoch, in memory, and on disk as often as that costs little.

    Keras' BackupAndRestore and EarlyStopping do not know of each other: after a kill the best weights and the patience
    would begin anew. And its TerminateOnNaN ends a run whose weights are already ruined.
    """

    def __init__(self, folder, patience, minutes, setup, interruption, workers):
        super().__init__()
        self.workers = workers  # one of them writes; whatever a clock or a signal decides, all decide alike
        self.folder, self.patience, self.setup, self.interruption = folder, patience, setup, interruption
        self.seconds, self.spent, self.given_up = minutes and 60 * minutes, 0.0, False
        self.state_path, self.best_path = folder / STATE, folder / "best.weights.h5"
        self.epoch, self.best_epoch, self.best, self.wait = 0, 0, float("inf"), 0
        self.history, self.stopped = {}, "all epochs are done"
        self.epoch_written, self.best_epoch_written, self.write_from = 0, 0, -math.inf

    def open(self, model, variables):
        """Takes up the folder's unfinished run, or begins a new one. `variables` are the model's `Variables`."""
        self.stateful = [layer for layer in layers_within(model) if getattr(layer, "stateful", False)]
        if self.seconds:
            self.learning_rate = _learning_rate(model.optimizer)
        self.set_model(model)
        self.variables = variables
        self.now = self.at_best = self.variables.copy()
        told, arrays = state.read(self.state_path) if self.state_path.exists() else (None, {})
        self.workers.insist_on_one(
            told, f"another unfinished run in {self.folder}, which must be one folder that all workers reach,"
        )
        if told is not None:
            self._go_on(told, arrays)
        self.board = Board(self.folder, self.workers.chief)

    def _go_on(self, told, arrays):
        if told["setup"] != self.setup:
            if self.workers.chief:
                self._put_aside(told)
            return
        self.epoch, self.best_epoch, self.wait = told["epoch"], told["best_epoch"], told["wait"]
        self.best, self.history, self.spent = told["best"], told["history"], told["spent"]
        self.now, self.at_best, self.epoch_written = arrays["now"], arrays.get("best", arrays["now"]), self.epoch
        self.variables.set(self.now)

    def _put_aside(self, told):
        """An unfinished run of another set-up is nothing to go on from, but may have cost hours."""
        differing = [key for key in self.setup if told["setup"].get(key) != self.setup[key]]
        aside = next(
            path for path in (self.folder / f"unfinished_{n}" for n in itertools.count(1)) if not path.exists()
        )
        aside.mkdir()
        for path in [self.best_path, self.folder / "log.csv", self.state_path]:
            if path.exists():
                os.replace(path, aside / path.name)
        print(
            f"{self.folder} held an unfinished run of another set-up, {told['epoch']} epochs of it (it differs in its "
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

    def on_test_batch_end(self, batch, logs=None):
        self._check_interruption()

    def _check_interruption(self):
        if self.workers.any_of(self.interruption.signal is not None):
            self.interruption.end()

    def _passed(self):
        """Seconds of training."""
        return self.workers.of_chief(time.monotonic() - self.began)

    def on_test_end(self, logs=None):
        # Only training counts: else the time could run out in a validation, with the learning rate still high.
        self.began += time.monotonic() - self.tested_from

    def _forget(self):
        for layer in self.stateful:
            layer.reset_state()

    def on_train_batch_begin(self, batch, logs=None):
        if self.seconds:
            passed = min(1.0, self._passed() / self.seconds)
            self.model.optimizer.learning_rate = self.learning_rate * (1 + math.cos(math.pi * passed)) / 2

    def on_train_batch_end(self, batch, logs: Any = None):
        self._check_interruption()
        if self.seconds and self._passed() >= self.seconds:
            self.model.stop_training = True
        if not np.isfinite(float(logs["loss"])):
            self._give_up(f"in epoch {self.epoch + 1}, by batch {batch + 1}, the loss was no longer finite")
        self.model.stop_training = self.workers.any_of(self.model.stop_training)  # a user's callback may ask for it

    def on_epoch_end(self, epoch, logs: Any = None):
        if self.given_up:
            return
        if self.seconds:
            logs = {**logs, "learning_rate": keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)}
        watched, now = float(logs.get("val_loss", logs["loss"])), self.variables.copy()
        if not np.isfinite(watched) or not self.variables.finite(now):
            self._give_up(f"in epoch {epoch + 1} the loss or the weights were no longer finite")
            return
        self.now = now
        self.epoch, self.wait, self.spent = epoch + 1, self.wait + 1, self._passed()
        told = _numbers(logs)
        for name in [*self.history, *(name for name in told if name not in self.history)]:
            # A resumed run may log other metrics than it began with.
            self.history.setdefault(name, [float("nan")] * epoch).append(told.get(name, float("nan")))
        if watched < self.best:
            self.best, self.best_epoch, self.wait, self.at_best = watched, self.epoch, 0, now
        self.model.stop_training = self.workers.any_of(self._has_ended() or self.model.stop_training)
        if time.perf_counter() >= self.write_from:
            self.write()

    def _give_up(self, why):
        self.stopped = f"{why} (a smaller learning rate, or clipnorm in the optimizer, may help)"
        self.model.stop_training = self.given_up = True
        # At once, so that the epoch's validation runs on sound weights.
        self.variables.set(self.at_best)

    def write(self):
        """The state after the last finished epoch, on disk."""
        if self.epoch == self.epoch_written or not self.workers.chief:
            return
        began = time.perf_counter()
        told = {
            "setup": self.setup,
            "epoch": self.epoch,
            "best_epoch": self.best_epoch,
            "best": self.best,
            "wait": self.wait,
            "spent": self.spent,
            "history": self.history,
        }
        with self._writing():
            arrays = {"now": self.now} if self.at_best is self.now else {"now": self.now, "best": self.at_best}
            state.write(self.state_path, told, arrays)
            self._write_best()
            self._write_log()
        now = time.perf_counter()
        self.write_from = now + (now - began) / SHARE_OF_WRITING

    def _writing(self):
        return writing(
            self.folder, "Change that and call fit again: it goes on after the last epoch that it could write"
        )

    def _write_best(self):
        """After a kill before this line, or amid it, the state still has the best weights."""
        if self.best_epoch_written != self.best_epoch:
            held = self.variables.copy()
            self.variables.set(self.at_best)
            with atomic(self.best_path) as half:
                self.model.save_weights(half)
            self.variables.set(held)
            self.best_epoch_written = self.best_epoch

    def _write_log(self):
        rows = zip(range(1, self.epoch + 1), *self.history.values())
        with atomic(self.folder / "log.csv") as half, half.open("w", newline="") as file:
            csv.writer(file).writerows([["epoch", *self.history], *rows])
        self.board.write(self.history, self.epoch_written, self.epoch)
        self.epoch_written = self.epoch

    def close(self, keep_state=False):
        """The run has ended: the model gets its best weights, and the state of the last epoch goes."""
        if keep_state:
            self.write()
        self.variables.set(self.at_best)
        if self.workers.chief:
            with self._writing():
                self.best_epoch_written = -1
                self._write_best()
                self._write_log()
                self.board.close()
                if not keep_state:
                    self.state_path.unlink(missing_ok=True)
        self.workers.all_of(0)  # nobody begins another run in this folder before that


def _learning_rate(optimizer):
    given = getattr(optimizer, "inner_optimizer", optimizer).get_config()["learning_rate"]
    if not isinstance(given, Real):
        raise ValueError(
            "With minutes= fit lowers the learning rate itself: compile with a number, not with a schedule, or leave "
            "minutes out and say how many epochs."
        )
    return float(given)


def _numbers(logs):
    """A metric of several numbers, such as the F1 score of each class, is told as f1_score_1, f1_score_2."""
    told: dict[str, float] = {}
    for name, value in logs.items():
        values = np.ravel(keras.ops.convert_to_numpy(value))
        names = [name] if len(values) == 1 else [f"{name}_{i}" for i in range(1, len(values) + 1)]
        told |= {own: float(number) for own, number in zip(names, values)}
    return told
