"""What is to be trained, checked once; one run of it for each seed, on programs that are compiled once."""

import time
from collections.abc import Callable
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from keras_rnn_basics.checks import is_number, positive_integer
from keras_rnn_basics.compat import build_metrics, layers_within, names_from_the_start
from keras_rnn_basics.training import agreement, by_keras, devices
from keras_rnn_basics.training.data import Examples, fingerprint, take_in, weigh_classes
from keras_rnn_basics.training.folder import occupied
from keras_rnn_basics.training.interruption import Interrupted, Interruption
from keras_rnn_basics.training.journal import STATE, Journal
from keras_rnn_basics.training.setup import setup_of
from keras_rnn_basics.training.targets import check_fit, loss_of_a_constant
from keras_rnn_basics.training.variables import Variables
from keras_rnn_basics.training.workers import Workers

# Of so many epochs a network that learns is better than a constant.
FIRST_EPOCHS = 5


@dataclass(frozen=True)
class Run:
    """What `fit` came to.

    Attributes:
        model: the trained model, with the weights of its best epoch.
        history: for each number in the log, its value after every epoch.
        best_epoch: the epoch of the lowest validation loss (the training loss where there is no validation), from 1.
        stopped: why it ended.
        device: where it ran.
        chief: whether this process is the one that writes, of several workers that trained together.
        seconds: how long this call took.
    """

    model: keras.Model
    history: dict[str, list[float]]
    best_epoch: int
    stopped: str
    device: str
    seconds: float
    chief: bool = True


class Task:
    """The arguments of `fit` but for its seed and its folder; `run` trains one network."""

    def __init__(
        self,
        build: Callable[[], keras.Model],
        train: Any,
        validation: Any,
        *,
        epochs: int,
        batch_size: int,
        patience: int,
        minutes: float | None,
        device: str,
        precision: str | None,
        verbose: int,
        callbacks: Any,
        class_weight: dict[int, float] | None,
        strategy: Any,
        several: bool = False,
    ) -> None:
        if not callable(build) or isinstance(build, keras.Model):
            raise ValueError(f"build must be a function that makes the compiled model, got {build!r}.")
        if minutes is not None and not (is_number(minutes) and minutes > 0):
            raise ValueError(f"minutes must be a positive number or None, got {minutes!r}.")
        self.epochs = positive_integer("epochs", epochs)
        self.batch_size = positive_integer("batch_size", batch_size)
        self.patience = positive_integer("patience", patience)
        self.build, self.minutes, self.verbose, self.callbacks = build, minutes, verbose, list(callbacks)
        self.precision, self.device, self.strategy = (
            devices.find_precision(precision),
            devices.find_device(device),
            strategy,
        )
        if self.device.startswith("cpu"):
            devices.keep_freed_memory()
        with devices.computing_in(self.precision):
            self.train, self.validation = take_in("train", train), take_in("validation", validation)
            if class_weight is not None:
                self.train = weigh_classes(self.train, class_weight)
        devices.insist_on_one_process()
        self.workers = Workers(strategy)
        if not self.workers.chief:
            self.verbose = 0
        self.given = {
            "precision": self.precision,
            "training data": fingerprint(self.train),
            "validation data": fingerprint(self.validation),
            "batch_size": self.batch_size,
            "class_weight": class_weight,
        }
        self.several, self.checked = several, False
        self.bench: Bench | None = None

    def run(self, seed: int, folder: Path, say: Callable[[str], None] = print) -> Run:
        """Trains the network of this seed, or goes on with it; its record is in the folder."""
        began = time.monotonic()
        say = say if self.workers.chief else lambda _: None
        device = devices.on(self.device) if self.strategy is None else nullcontext()
        with devices.computing_in(self.precision), device, self._named_losses(folder):
            model = self._make(seed)
            if not self.checked:
                check_fit(model, "train", self.train)
                check_fit(model, "validation", self.validation)
                self.checked = True
            setup = setup_of(model, {"seed": seed, **self.given})
            end = {"epochs": self.epochs, "patience": self.patience, "minutes": self.minutes}
            agreement.insist_on_one_call(self.workers, model, {**end, **setup})
            bench = self._bench_of(model, seed)
            own = occupied(folder) if self.workers.chief else nullcontext()
            with own, Interruption() as interruption:
                agreement.warn_of_other_folders(self.workers, folder)
                journal = Journal(folder, self.patience, self.minutes, setup, interruption, self.workers)
                journal.open(bench.model, bench.variables)
                say(f"Training on {self.device} in {self.precision}{journal.where_it_goes_on()}.")
                if not journal.finished(self.epochs):
                    self._train(bench, journal, seed)
                journal.close(keep_state=self.several)
            bench.hand_over(model)
        say(f"Stopped after epoch {journal.epoch}: {journal.stopped}; kept the weights of epoch {journal.best_epoch}.")
        constant = loss_of_a_constant(model, self.train, self.validation or self.train)
        if journal.epoch >= FIRST_EPOCHS and constant is not None and journal.best >= constant:
            lost = f"A constant forecast has a loss of {constant:.4g}, the best epoch one of {journal.best:.4g}"
            say(f"{lost}: nothing is learned.")
        seconds = time.monotonic() - began
        return Run(
            model, journal.history, journal.best_epoch, journal.stopped, self.device, seconds, self.workers.chief
        )

    def scope(self):
        """Whatever makes variables is in it, and nothing that one of several workers does alone: they would wait."""
        return nullcontext() if self.strategy is None else self.strategy.scope()

    @contextmanager
    def _named_losses(self, folder):
        """A worker that no longer answers is named; TensorFlow tells of a connection, or of operations of its own."""
        try:
            yield
        except Exception as error:
            again = (
                "Start all workers again with the same call; they go on after the last epoch whose state is in "
                f"{folder}."
            )
            silent = [] if isinstance(error, ValueError) else self.workers.silent()
            if silent:
                raise RuntimeError(f"No answer from {' and '.join(silent)}: the run ends. {again}") from error
            if "Collective ops is aborted" in str(error):
                raise RuntimeError(
                    "The workers no longer take the same steps: each needs the same model, metrics and callbacks, but "
                    f"for callbacks that only watch or write. {again}"
                ) from error
            raise

    def forget(self, folders):
        """All of several runs have ended: what was kept to go on from goes."""
        if self.workers.chief:
            for folder in folders:
                (folder / STATE).unlink(missing_ok=True)
        self.workers.all_of(0)  # nobody begins other runs in these folders before that

    def _make(self, seed):
        keras.utils.set_random_seed(seed)
        with names_from_the_start():  # a callback looks for a metric by its name
            model = self.build()
        if not getattr(model, "compiled", False):
            raise ValueError("build must return a compiled model: call model.compile(optimizer=..., loss=...) in it.")
        if self.strategy is not None and self.strategy.num_replicas_in_sync > 1:
            agreement.insist_on_no_accumulation(model.optimizer)
        # Its memory is part of the state, and of the weight files.
        model.optimizer.build(model.trainable_variables)
        return model

    def _bench_of(self, model, seed):
        """What trains this model: under a strategy a model whose variables are the strategy's, in the place of it; and
        where there are several alike, one model in the place of each, compiled once."""
        if not self.several and self.strategy is None:
            return Bench(self, model)
        if self.bench is None or not self.bench.fits(model):
            with self.scope():
                self.bench = Bench(self, self._make(seed))
        self.bench.take_over(model)
        return self.bench

    def _train(self, bench, journal, seed):
        callbacks = [*self.callbacks, journal]
        try:
            bench.train(callbacks, seed, journal.epoch)
        except Interrupted:
            journal.write()
            kept = "there is no finished epoch to keep."
            if journal.epoch:
                kept = (
                    f"the state after epoch {journal.epoch} is in {journal.folder}. The same call goes on from there."
                )
            print(f"Interrupted in epoch {journal.epoch + 1}: {kept}")
            journal.interruption.leave()
        except BaseException:
            # The error is told, not that of a disk that is full.
            with suppress(OSError):
                journal.write()
            raise


class Bench:
    """A model with the programs that train it."""

    def __init__(self, task, model):
        self.task, self.model, self.variables = task, model, Variables(model)
        self.programs: Any = None

    def train(self, callbacks, seed, first_epoch):
        """Trains from one epoch on, in the orders of this seed, until the last or until a callback ends it."""
        task, model = self.task, self.model

        def order(epoch):
            if not isinstance(task.train, Examples):
                return None  # a Dataset has its own
            # Row b of a batch of a stateful model goes on in row b of the next one.
            return task.train.in_order() if _is_stateful(model) else task.train.order(seed, epoch)

        if keras.backend.backend() != "tensorflow":
            by_keras.train(model, task, order, callbacks, first_epoch)
            return
        # These name TensorFlow, which the package does not load on another backend.
        from keras_rnn_basics.training import loop, programs
        from keras_rnn_basics.training.replicas import part_of_a_replica

        if self.programs is None:
            if task.strategy is not None or len(getattr(model, "outputs", ())) > 1:
                data = task.train
                batch = data.rows(slice(task.batch_size)) if isinstance(data, Examples) else next(iter(data))
                agreement.warn_of_other_batches(task.workers, "training", data, batch)
                agreement.warn_of_other_batches(task.workers, "validation", task.validation)
                with task.scope():
                    build_metrics(model, part_of_a_replica(batch, model.distribute_strategy))
            self.programs = [
                programs.program_of(model, step, data, task.batch_size, task.workers)
                for step, data in ((model.train_step, task.train), (model.test_step, task.validation))
            ]
        told = {"verbose": task.verbose, "epochs": task.epochs, "steps": self.programs[0].length}
        keras_callbacks = keras.callbacks.CallbackList(
            callbacks, add_history=True, add_progbar=task.verbose != 0, model=model, **told
        )
        epoch_program, validation_program = self.programs
        loop.train(model, epoch_program, validation_program, keras_callbacks, order, first_epoch, task.epochs)

    def fits(self, model):
        """Whether its programs are those of this model too, but for the values of variables."""
        return _description(model) == _description(self.model)

    def take_over(self, model):
        """Its model begins as this one."""
        Variables(model).copy_to(self.variables)

    def hand_over(self, model):
        """This model gets what its model has learned."""
        if model is not self.model:
            self.variables.copy_to(Variables(model))


def _description(model):
    settings = {**model.optimizer.get_config(), "name": None, "learning_rate": None}
    return type(model.optimizer), settings, Variables(model).kinds()


def _is_stateful(model):
    return any(getattr(layer, "stateful", False) for layer in layers_within(model))
