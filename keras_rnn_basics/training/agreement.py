"""What the workers of one training have to agree on, and what they are told where they do not."""

import os
import warnings
from pathlib import Path
from typing import Any

import keras

from keras_rnn_basics.training.data import fingerprint_of_batch, is_cut_for_workers
from keras_rnn_basics.training.folder import is_occupied_by
from keras_rnn_basics.training.workers import Workers


def insist_on_one_call(workers: Workers, model: Any, call: dict[str, Any]) -> None:
    """A ValueError where one of them would train another network than the chief, or wait for steps that never come.

    It is asked before the strategy makes variables, for which all of them wait.
    """
    if len(workers.addresses) == 1:
        return
    import tensorflow as tf  # nothing else has workers

    call = {
        **call,
        "steps_per_execution": model.steps_per_execution,
        "run_eagerly": model.run_eagerly,
        "versions of Keras and TensorFlow": [keras.__version__, tf.__version__],
    }
    other = workers.other_than_the_chief(call)
    if other is not None:
        differing = [name for name, own in call.items() if workers.other_than_the_chief(own) is not None]
        raise ValueError(
            f"{other.capitalize()} differs from worker 0 in its {', '.join(differing)}: every worker has to make the "
            "same call of fit."
        )


def insist_on_no_accumulation(optimizer: Any) -> None:
    """A ValueError for what Keras cannot do under a strategy: it ends in an error of TensorFlow's that tells little."""
    steps = getattr(optimizer, "inner_optimizer", optimizer).gradient_accumulation_steps
    if steps is not None:
        raise ValueError(
            f"gradient_accumulation_steps={steps} does not work under a strategy of several replicas: leave it out, "
            f"and make batch_size {steps} times as large."
        )


def warn_of_other_folders(workers: Workers, folder: Path) -> None:
    """Each worker looks for the file that the chief, which is in the folder, has written there."""
    seen = workers.all_of(is_occupied_by(folder, int(workers.of_chief(os.getpid()))))
    if workers.chief and not seen.all():
        warnings.warn(
            f"Worker {seen.argmin()} does not see what worker 0 has written to {folder}: after a loss the run will "
            "not go on, unless run_dir is one folder that all workers reach.",
            stacklevel=4,
        )


def warn_of_other_batches(workers: Workers, name: str, data: Any, batch: Any = None) -> None:
    """Of Datasets, which fit cannot compare, at least the first batches are compared.

    Args:
        name: what the data are for.
        batch: the first one, where it has been read: to read it again can take long, and draws another order.
    """
    if len(workers.addresses) == 1 or not hasattr(data, "element_spec") or not is_cut_for_workers(data):
        return
    batch = next(iter(data)) if batch is None else batch
    other = workers.other_than_the_chief(fingerprint_of_batch(batch))
    if other is not None and workers.chief:
        warnings.warn(
            f"The {name} Dataset of {other} begins with another batch than that of worker 0. Where all are to read "
            "the same examples, some are now seen several times and others never: give shuffle(...) a seed, and every "
            "worker the same data.",
            stacklevel=5,
        )
