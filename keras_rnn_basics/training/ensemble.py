"""Several networks that differ in their seed alone, on one compiled program."""

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras

from keras_rnn_basics.training.task import Run, Task


def fit_ensemble(
    build: Callable[[], keras.Model],
    train: Any,
    validation: Any,
    run_dir: str | os.PathLike,
    seeds: Sequence[int] = range(8),
    epochs: int = 100,
    batch_size: int = 32,
    patience: int = 10,
    minutes: float | None = None,
    device: str = "auto",
    precision: str | None = None,
    verbose: int = 1,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    class_weight: dict[int, float] | None = None,
    strategy: Any = None,
) -> list[Run]:
    """Trains one network for each seed; each is the network that `fit` would make of its seed.

    On TensorFlow the program is compiled once. It trains one model, which begins with the weights that `build` draws
    under the next seed, so that `build` must make the same layers for every seed. (Where the shapes of weights or the
    optimizer's settings differ, the next program is compiled.) The folders are `run_dir/seed_0`, `run_dir/seed_1` and
    so on, each as `fit` leaves it. After a kill the same call goes on within the network that it was at; those before
    it are read from their folders.

    Args:
        build: as in `fit`; it is called once for each seed, and once more.
        train, validation: as in `fit`.
        run_dir: the folder of the networks' folders, made if need be.
        seeds: the seeds, each once.
        epochs, batch_size, patience, device, precision, class_weight, strategy: as in `fit`, for each network.
        minutes: as in `fit`, for each network.
        verbose: 1 shows one line, such as "network 3 of 16, 40 s left"; 2 what `fit` shows of each network; 0 nothing.
        callbacks: as in `fit`. They get the model that is trained, which is not the one that is handed back.

    Raises:
        ValueError: for no seeds, or a seed that comes twice; and as `fit` does.
    """
    seeds = list(seeds)
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds must be different numbers, at least one, got {seeds}.")
    task = Task(
        build,
        train,
        validation,
        epochs=epochs,
        batch_size=batch_size,
        patience=patience,
        minutes=minutes,
        device=device,
        precision=precision,
        verbose=2 if verbose == 2 else 0,
        callbacks=callbacks,
        class_weight=class_weight,
        strategy=strategy,
        several=True,
    )
    task.workers.insist_on_one(seeds, "other seeds")
    verbose = verbose if task.workers.chief else 0  # of several workers one speaks
    say = print if verbose == 2 else lambda _: None
    runs, ends, folders = [], [time.monotonic()], [Path(run_dir) / f"seed_{seed}" for seed in seeds]
    for number, (seed, folder) in enumerate(zip(seeds, folders)):
        if verbose == 1:
            _show_progress(number, len(seeds), ends)
        runs.append(task.run(seed, folder, say))
        ends.append(time.monotonic())
    task.forget(folders)
    if verbose == 1:
        _show(f"{len(seeds)} networks in {ends[-1] - ends[0]:.0f} s on {task.device}.", last=True)
    return runs


def _show_progress(number, networks, ends):
    """The first network's time has the compilation in it, and counts as long as there is no other."""
    line = f"network {number + 1} of {networks}"
    if number:
        each = (ends[-1] - ends[1]) / (number - 1) if number > 1 else ends[1] - ends[0]
        line += f", {each * (networks - number):.0f} s left"
    _show(line)


def _show(line, last=False):
    """In the place of the line before, where this is a terminal."""
    if sys.stdout.isatty():
        print(f"\r{line:40}", end="\n" if last else "", flush=True)
    else:
        print(line, flush=True)
