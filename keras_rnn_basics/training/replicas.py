"""One training step under a `tf.distribute` strategy: every replica takes its share of the batch.

Keras averages the replicas' mean costs. That is the mean over the batch only where their shares are of one size: here
each counts by its number of examples, so that the weights are those that a single device would come to.
"""

import threading
from contextlib import contextmanager

import tensorflow as tf

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
        _replica.weight = _share_of_the_batch(batch)
        return step(batch)

    def all_of_them(given):
        with _weighted(model.optimizer):
            logs = strategy.run(one, args=(given,))
        return tf.nest.map_structure(lambda value: strategy.reduce("MEAN", value, axis=None), logs)

    return all_of_them


def _share_of_the_batch(batch):
    """What this replica's mean cost counts beside the others', 1 where they have as many examples."""
    R = tf.distribute.get_strategy().num_replicas_in_sync
    if R == 1:
        return None
    own = tf.shape(next(array for array in tf.nest.flatten(batch) if array is not None))[0]
    return own * R / tf.distribute.get_replica_context().all_reduce("sum", own)


@contextmanager
def _weighted(optimizer):
    """Within it each replica's cost counts by its weight, in the gradient alone: Keras' logs count examples already."""
    scale_loss = optimizer.scale_loss

    def weigh(loss):
        return scale_loss(loss) if _replica.weight is None else scale_loss(loss) * tf.cast(_replica.weight, loss.dtype)

    optimizer.scale_loss = weigh
    try:
        yield
    finally:
        del optimizer.scale_loss
