"""One `fit` for every example: the device, the precision, the log, the best weights, and picking up a killed run."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras

from keras_rnn_basics.training.task import Run, Task


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
    precision: str | None = None,
    verbose: int = 1,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    class_weight: dict[int, float] | None = None,
    strategy: Any = None,
) -> Run:
    """Builds a model and trains it until its validation loss no longer falls; keeps the weights of its best epoch.

    On TensorFlow the epoch is a program: the arrays lie on the device, an order drawn from the seed and the number of
    the epoch picks the batches, and many training steps make one call. Callbacks run around it as in Keras' `fit`;
    those of batches come at the end of a call, which takes about a fifth of a second, or as many steps as the model was
    compiled with (`steps_per_execution`), where that is more than one. XLA compiles the program where the model is
    small. The examples of a stateful model are not shuffled, and its state begins every epoch, and every validation,
    from zeros. On JAX and PyTorch an epoch is that of Keras' own `fit`.

    `run_dir` holds `log.csv` (one row for each epoch), `best.weights.h5`, a `tensorboard` folder, and until the run has
    ended its state, `unfinished.npz`. The state is written after an epoch, as often as that takes no more than a
    twentieth of the time. After a kill the same call goes on from there, and comes to the numbers of the run without
    the kill, dropout included. (Of a Dataset that shuffles, the order after the kill is another one.) Ctrl-C and
    SIGTERM write the state of the last finished epoch first. A call with other data, first weights or settings moves
    the unfinished run that it finds into a folder of `run_dir`, such as `unfinished_1`. (Of a Dataset only its length
    and the shapes of its batches are compared: clear `run_dir` after a change.) One process at a time uses a `run_dir`.

    With a `MultiWorkerMirroredStrategy` every worker makes the same call, and all come to the weights of one process
    (dropout draws other masks on each of them). Of arrays every worker is given all, and takes its part of each batch;
    a Dataset is cut as tf.data cuts it, and has to be in one order on all of them. `run_dir` must be a folder that all
    workers reach: the chief alone writes it, and all read it when they go on. Callbacks run on every worker. Where a
    worker ends, or hangs, the others end too, and name it. A worker that makes another call is named before the first
    step.

    A loss or weight that is no longer finite ends the run, on the weights of its best finished epoch.
    A Dataset is read without TensorFlow's autotuning, unless its options ask for that.
    On a CPU the process keeps the memory that a step has freed for the next one, to 512 MiB (`mallopt`, under glibc).

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
        seed: fixes the first weights, the order of the examples and the dropout.
        device: `"auto"` takes a GPU where there is one; `"gpu"` insists on it.
        precision: the dtype policy of the model's layers, one of float32, float64, mixed_bfloat16 and mixed_float16;
            `None` for what Keras is set to. In float64 losses and metrics compute in it as well.
        verbose: 1 shows a progress bar, 2 a line an epoch, 0 nothing but the device and how it ended.
        callbacks: Keras callbacks. What a callback remembers itself begins anew after a kill.
        class_weight: for each class what its examples count, 1 for one that is left out; `train` is arrays then.
        strategy: a `tf.distribute` strategy; each of its replicas takes a part of every batch, so `batch_size` is that
            of all replicas together (the batch size of a stateful model is that of one replica). The model that is
            handed back is an ordinary one outside the strategy.

    Raises:
        ValueError: for an argument that does not fit, data that `build`'s model cannot be trained on, a `run_dir` that
            is a file, or a state in it that is damaged.
        RuntimeError: for `device="gpu"` where there is none, for a `run_dir` that another process uses, and where
            another worker no longer answers, or takes other steps.
        OSError: where `run_dir` cannot be written.
    """
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
        verbose=verbose,
        callbacks=callbacks,
        class_weight=class_weight,
        strategy=strategy,
    )
    return task.run(seed, Path(run_dir))
