"""What workers have to agree on, and what they are told: fit takes itself here for one of two workers."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_rnn_basics as krb
from keras_rnn_basics.training import agreement, task
from keras_rnn_basics.training.workers import Workers


class OneOfTwo(Workers):
    """Worker 0, beside one whose numbers are all 0."""

    def __init__(self):
        super().__init__(None)
        self.addresses = ["a:1", "b:1"]

    def all_of(self, number):
        return np.array([number, 0])


def build(**settings):
    model = krb.build_many_to_one((3,), 2, 1)
    model.compile(keras.optimizers.SGD(0.1, **settings), "mean_squared_error")
    return model


def test_a_worker_that_makes_another_call_is_told_in_what_before_the_others_wait_for_it(tmp_path, x, monkeypatch):
    monkeypatch.setattr(task, "Workers", lambda strategy: OneOfTwo())
    y = x[:, 0, :1]
    everything = (
        "epochs, patience, minutes, seed, precision, training data, validation data, batch_size, class_weight, first "
        "weights, optimizer, optimizer settings, loss, vocabularies, steps_per_execution, run_eagerly, versions of "
        "Keras and TensorFlow"
    )
    told = rf"^Worker 1 \(b:1\) differs from worker 0 in its {everything}: every worker has to make the same call"
    with pytest.raises(ValueError, match=told):
        krb.fit(build, (x, y), None, tmp_path, epochs=1, verbose=0)
    with pytest.raises(ValueError, match=r"^Worker 1 \(b:1\) has other seeds than worker 0\.$"):
        krb.fit_ensemble(build, (x, y), None, tmp_path, epochs=1, verbose=0)


def test_operations_of_tensorflow_that_do_not_fit_together_are_said_in_words(tmp_path, x, monkeypatch):
    class OutOfStep(OneOfTwo):
        def all_of(self, number):
            raise tf.errors.InternalError(None, None, "Collective ops is aborted by: Collective instance 130 expected")

        def silent(self):
            return []

    monkeypatch.setattr(task, "Workers", lambda strategy: OutOfStep())
    with pytest.raises(RuntimeError, match=r"^The workers no longer take the same steps: each needs the same model"):
        krb.fit(build, (x, x[:, 0, :1]), None, tmp_path, epochs=1, verbose=0)


def test_a_folder_that_one_worker_alone_reaches_is_told(tmp_path):
    with pytest.warns(UserWarning, match=r"^Worker 0 does not see what worker 0 has written to .*one folder that all"):
        agreement.warn_of_other_folders(OneOfTwo(), tmp_path / "nobody is here")


def test_datasets_that_begin_differently_are_told_unless_each_worker_is_to_have_its_own():
    batches = tf.data.Dataset.from_tensors((tf.ones((2, 3)), tf.ones(2)))
    with pytest.warns(UserWarning, match=r"^The validation Dataset of worker 1 \(b:1\) begins with another.*a seed"):
        agreement.warn_of_other_batches(OneOfTwo(), "validation", batches)
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    # A warning is an error in tests.
    agreement.warn_of_other_batches(OneOfTwo(), "validation", batches.with_options(options))


def test_accumulated_gradients_are_refused_where_keras_cannot(tmp_path, x):
    strategy = SimpleNamespace(num_replicas_in_sync=2)
    message = r"^gradient_accumulation_steps=4 does not work under a strategy of several replicas.*4 times as large"
    with pytest.raises(ValueError, match=message):
        krb.fit(lambda: build(gradient_accumulation_steps=4), (x, x[:, 0, :1]), None, tmp_path, strategy=strategy)
