"""An epoch as a program of TensorFlow: the examples lie on the device, an order picks the batches, and many training
steps make one call.

Keras' `fit` pays about a millisecond for each call of its compiled step; a step of a small network takes a tenth of
that. What a step computes does not depend on how many of them make a call.
"""

import time

import tensorflow as tf

from keras_rnn_basics.compat import without_warning_of_tracing
from keras_rnn_basics.training.pace import Pace
from keras_rnn_basics.training.replicas import on_every_replica, own_share


class ArrayEpoch:
    """Passes over examples that lie on the device.

    Args:
        model: the compiled model.
        step: its `train_step` or `test_step`.
        parts: (x, y) or (x, y, sample_weight), nests of arrays (N, ...).
        batch_size: B. The last batch is smaller where B does not divide N; a program of its own takes it.
        jit: whether XLA compiles the program of the whole batches.
        workers: the `Workers` that train together.
    """

    def __init__(self, model, step, parts, batch_size, jit, workers):
        self.examples = tf.nest.map_structure(lambda array: None if array is None else tf.constant(array), parts)
        self.N, self.B = len(next(array for array in tf.nest.flatten(parts) if array is not None)), batch_size
        self.length, self.pace = -(-self.N // self.B), Pace(model.steps_per_execution, workers)
        self.whole_batches = self._program(model, step, self.B, jit)
        self.last_batch = self._program(model, step, self.N % self.B, jit=False)

    def _program(self, model, step, B, jit):
        def take(rows):
            """(B,) -> the examples of these numbers, as far as they are this replica's."""
            rows = own_share(rows)
            return tf.nest.map_structure(lambda a: None if a is None else tf.gather(a, rows), self.examples)

        show = _function(model, on_every_replica(model, step, take))

        def program(order, first, last):
            """(N,), batches first .. last - 1 of it, B examples each -> {name: value} after the last of them."""

            def body(batch, _):
                return batch + 1, show(tf.slice(order, [batch * self.B], [B]))

            logs = _zeros_like_outputs(show, tf.TensorSpec((B,), order.dtype))
            _, logs = _while(lambda batch, _: batch < last, body, (first, logs))
            return _read_metrics(model, logs)

        return _function(model, program, jit)

    def begin(self, order=None):
        """Begins a pass, which shows the examples in the order (N,), as they lie where there is none."""
        self.order, self.done = tf.range(self.N) if order is None else tf.constant(order), 0

    def ended(self):
        return self.done == self.length

    def call(self):
        """Takes as many steps as make one call -> {name: value} after the last; `done` counts the batches shown."""
        whole = self.N // self.B
        first, last = self.done, min(self.done + self.pace.steps, whole) if self.done < whole else self.length
        program = self.whole_batches if first < whole else self.last_batch
        began = time.perf_counter()
        logs = _numbers(program(self.order, tf.constant(first), tf.constant(last)))
        self.pace.learn(last - first, began)
        self.done = last
        return logs


class DatasetEpoch:
    """Passes over a `tf.data.Dataset` of batches, in the Dataset's own order."""

    def __init__(self, model, step, dataset, jit, workers):
        self.length, self.pace = max(int(dataset.cardinality()), 0) or None, Pace(model.steps_per_execution, workers)
        self.dataset = model.distribute_strategy.experimental_distribute_dataset(dataset.prefetch(2))
        show = _function(model, on_every_replica(model, step), jit)

        def program(iterator, K):
            """Up to K batches -> their number, {name: value} after the last of them."""

            def body(done, batch, _):
                logs = show(batch.get_value())
                # What is read here beyond the K-th batch, the next call would miss.
                batch = tf.cond(done + 1 < K, iterator.get_next_as_optional, lambda: batch)
                return done + 1, batch, logs

            logs = _zeros_like_outputs(show, iterator.element_spec)
            state = (0, iterator.get_next_as_optional(), logs)
            done, _, logs = _while(lambda done, batch, _: (done < K) & batch.has_value(), body, state)
            return done, _read_metrics(model, logs)

        self.program = _function(model, program)

    def begin(self, order=None):
        """Begins a pass."""
        self.iterator, self.done, self.exhausted = iter(self.dataset), 0, False

    def ended(self):
        return self.exhausted or self.done == self.length

    def call(self):
        """As `ArrayEpoch.call`; None where no batch was left, which a Dataset may not know before."""
        began, K = time.perf_counter(), self.pace.steps
        done, logs = self.program(self.iterator, tf.constant(K))
        done, logs = int(done), _numbers(logs)
        self.pace.learn(done, began)
        self.done, self.exhausted = self.done + done, done < K
        return logs if done else None


def _function(model, function, jit=False):
    if model.run_eagerly:
        return function
    return without_warning_of_tracing(tf.function(function, jit_compile=jit, autograph=False))


def _while(more, body, state):
    """`tf.while_loop`, or Python's, where nothing is compiled."""
    if not tf.executing_eagerly():
        return tf.while_loop(more, body, state)
    while more(*state):
        state = body(*state)
    return state


def _zeros_like_outputs(function, spec):
    """Zeros of the shapes that a function answers: a loop of TensorFlow has to know them before it begins."""
    if tf.executing_eagerly():
        return None
    outputs = function.get_concrete_function(spec).structured_outputs
    return tf.nest.map_structure(lambda output: tf.zeros(output.shape, output.dtype), outputs)


def _read_metrics(model, logs):
    """Keras' own rule: the metrics over all that was seen, unless the user's `train_step` answers something else."""
    results = model.get_metrics_result()
    return results if results.keys() == logs.keys() else logs


def _numbers(logs):
    """On the host, so that a call has ended when its time is read."""
    return tf.nest.map_structure(lambda value: value.numpy(), logs)
