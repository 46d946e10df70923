"""One training step under a `tf.distribute` strategy: every replica takes its share of the batch.

Keras averages the replicas' mean costs, and clips the gradient of each. Here the mean is that over the whole batch, and
its gradient is clipped, so that the weights are those that a single device would come to.
"""

import threading
from contextlib import contextmanager, nullcontext

import tensorflow as tf

from keras_rnn_basics.compat import (
    adding_up_gradients_first,
    averaging_over_all_replicas,
    each_loss_a_mean_over_examples,
)

_replica = threading.local()  # replicas are threads


def own_share(rows):
    """(B,) -> the rows that are this replica's: all of them where there is no strategy."""
    R, B = tf.distribute.get_strategy().num_replicas_in_sync, rows.shape[0]
    if R == 1:
        return rows
    r = tf.distribute.get_replica_context().replica_id_in_sync_group
    return rows[r * B // R : (r + 1) * B // R]


def part_of_a_replica(batch, strategy):
    """A batch -> the part of it that a replica takes, at least one example."""

    def part(array):
        return None if array is None else array[: max(1, len(array) // strategy.num_replicas_in_sync)]

    return tf.nest.map_structure(part, batch)


def on_every_replica(model, step, take=lambda batch: batch):
    """A function that has every replica take its part of what is given, and this step on it; it gives the mean logs."""
    strategy = model.distribute_strategy

    def one(given):
        batch = take(given)
        _replica.examples = tf.shape(next(array for array in tf.nest.flatten(batch) if array is not None))[0]
        return step(batch)

    def all_of_them(given):
        several = _as_one(model.optimizer) if strategy.num_replicas_in_sync > 1 else nullcontext()
        with several, each_loss_a_mean_over_examples(model, lambda: _replica.examples):
            logs = strategy.run(one, args=(given,))
        return tf.nest.map_structure(lambda value: strategy.reduce("MEAN", value, axis=None), logs)

    return all_of_them


@contextmanager
def _as_one(optimizer):
    """Within it the replicas come to the costs and the gradients that a single device would."""
    with averaging_over_all_replicas(_total, lambda: _replica.examples), adding_up_gradients_first(optimizer):
        yield


def _total(own):
    return tf.stop_gradient(tf.distribute.get_replica_context().all_reduce("sum", own))
