"""A model and data that train in a moment."""

import keras

import keras_rnn_basics as krb


def data(rng):
    x = rng.normal(size=(64, 5, 3)).astype("float32")
    return x, x.sum(axis=(1, 2))[:, None]


def build(learning_rate=1e-2, units=4, run_eagerly=False):
    model = krb.build_many_to_one((3,), units, 1)
    model.compile(keras.optimizers.Adam(learning_rate), "mean_squared_error", run_eagerly=run_eagerly)
    return model


def build_eager():
    """For what does not depend on the program that takes the steps: to compile one takes far longer than to train."""
    return build(run_eagerly=True)
