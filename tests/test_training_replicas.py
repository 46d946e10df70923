"""What each replica counts, put together, against one device: the replicas are calls one after the other here."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_rnn_basics as krb
from keras_rnn_basics.compat import adding_up_gradients_first, averaging_over_all_replicas

B, T = 5, 3
rng = np.random.default_rng(0)
Y, Y_HAT = (rng.normal(size=(B, T, 1)).astype("float32") for _ in range(2))
MASK = np.arange(T) < np.array([3, 1, 2, 1, 1])[:, None]
WEIGHTS = rng.uniform(0.5, 2, (B, T)).astype("float32")


def cost(loss, rows, mask, weights):
    y_hat = tf.constant(Y_HAT[rows])
    if mask:
        krb.compat.set_keras_mask(y_hat, tf.constant(MASK[rows]))
    return loss(Y[rows], y_hat, WEIGHTS[rows] if weights else None)


def parts_of(loss, mask, weights):
    """The cost of each of three replicas, whose rows are one, four and none."""
    rows = [slice(0, 1), slice(1, 5), slice(5, 5)]

    def of_replica(shown, answers):
        """Its cost, and what it asks the sums of, one after the other; they are answered so."""
        asked = []

        def total(number):
            asked.append(tf.cast(number, "float32"))
            return asked[-1] if answers is None else answers[len(asked) - 1]

        with averaging_over_all_replicas(total, lambda: len(Y[shown])):
            return float(cost(loss, shown, mask, weights)), asked

    asked = [of_replica(shown, None)[1] for shown in rows]
    totals = [tf.add_n(each) for each in zip(*asked, strict=True)]
    return [of_replica(shown, totals)[0] for shown in rows]


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize(
    "loss",
    [
        keras.losses.MeanSquaredError(),
        keras.losses.MeanSquaredError(reduction="sum"),
        keras.losses.MeanSquaredError(reduction="mean_with_sample_weight"),
        krb.SumOverTime("mean_squared_error"),
    ],
)
def test_the_parts_of_replicas_of_any_size_add_up_to_the_cost_of_the_batch(loss, mask, weights):
    alone = float(cost(loss, slice(None), mask, weights))
    assert sum(parts_of(loss, mask, weights)) == pytest.approx(alone, rel=1e-5)


def test_a_loss_that_answers_one_number_is_taken_for_the_mean_over_its_examples():
    class Own(keras.losses.Loss):
        def call(self, y, y_hat):
            return keras.ops.mean((y - y_hat) ** 2)

    assert sum(parts_of(Own(), False, False)) == pytest.approx(float(np.mean((Y - Y_HAT) ** 2)), rel=1e-5)


def test_afterwards_keras_losses_are_as_they_were():
    before = keras.losses.MeanSquaredError()(Y, Y_HAT)
    parts_of(keras.losses.MeanSquaredError(), True, False)
    assert float(keras.losses.MeanSquaredError()(Y, Y_HAT)) == float(before)


@pytest.mark.parametrize("settings", [{"clipnorm": 0.5}, {"global_clipnorm": 0.5}, {"clipvalue": 0.1}, {}])
def test_the_gradient_that_is_clipped_is_that_of_all_replicas(settings):
    weight, other = keras.Variable([3.0, 4.0]), keras.Variable([3.0, 4.0])
    optimizer, alone = (keras.optimizers.SGD(1.0, **settings) for _ in range(2))
    optimizer.build([weight])
    parts = tf.constant([0.3, -0.2]), tf.constant([0.9, 0.1])
    optimizer._all_reduce_sum_gradients = lambda pairs: [(sum(parts), variable) for _, variable in pairs]
    with adding_up_gradients_first(optimizer):
        optimizer.apply_gradients([(parts[0], weight)])
    alone.apply_gradients([(sum(parts), other)])
    np.testing.assert_allclose(weight, other, rtol=1e-6)
