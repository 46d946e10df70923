"""Lengths beside masks, and batches of another size than a state's."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from everyday import cases
from test_cell import random_cell

import keras_rnn_basics as krb

LENGTHS = np.array([6, 3, 1, 5])


@pytest.mark.parametrize(
    ("go_backwards", "return_sequences"),
    cases(itertools.product([False, True], repeat=2), [(False, True), (True, False)]),
)
def test_sequence_lengths_do_what_their_mask_does(rng, x, go_backwards, return_sequences):
    how = {"go_backwards": go_backwards, "return_sequences": return_sequences, "return_state": True}
    rnn = krb.BasicRNN(random_cell(rng), **how)
    mask = np.arange(6)[None] < LENGTHS[:, None]
    expected = keras.layers.RNN(rnn.cell, **how)(x, mask=mask)
    graph = tf.function(
        lambda x, n: rnn(x, sequence_lengths=n),
        input_signature=[tf.TensorSpec((None, None, 3)), tf.TensorSpec((None,), "int64")],
    )
    for outputs in (rnn(x, sequence_lengths=LENGTHS), graph(x, LENGTHS), rnn(x, mask=mask, sequence_lengths=LENGTHS)):
        for ours, theirs in zip(outputs, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_the_loss_knows_the_lengths(rng, x):
    inputs, lengths = keras.Input((None, 3), name="x"), keras.Input((), dtype="int32", name="lengths")
    rnn = krb.BasicRNN(random_cell(rng), return_sequences=True)
    model = keras.Model([inputs, lengths], rnn(inputs, sequence_lengths=lengths))
    model.compile(loss=krb.SumOverTime("mean_squared_error"))
    y = rng.normal(size=(4, 6, 2)).astype("float32")
    mask = np.arange(6)[None] < LENGTHS[:, None]
    errors = (np.mean((np.asarray(model([x, LENGTHS])) - y) ** 2, axis=-1) * mask).sum(axis=1).mean()
    assert model.evaluate([x, LENGTHS], y, verbose=0) == pytest.approx(errors, rel=1e-5)
    assert model.evaluate([x, LENGTHS], y, batch_size=2, verbose=0) == pytest.approx(errors, rel=1e-5)


def test_lengths_that_fit_nothing_say_what_would_do(rng, x):
    rnn = krb.BasicRNN(random_cell(rng))
    with pytest.raises(ValueError, match=r"sequence_lengths must have the shape \(B,\) = \(4,\), got \(3,\)"):
        rnn(x, sequence_lengths=LENGTHS[:3])
    with pytest.raises(ValueError, match="must be whole numbers of steps, got"):
        rnn(x, sequence_lengths=LENGTHS / 2)
    for wrong in (7, -1):
        with pytest.raises(ValueError, match="must be from 0 to T"):
            rnn(x, sequence_lengths=np.full(4, wrong))
    mask = np.arange(6)[None] < LENGTHS[:, None] + 1
    with pytest.raises(ValueError, match="sequence_lengths and the mask disagree; give one of them"):
        rnn(x, mask=mask, sequence_lengths=LENGTHS)
    graph = tf.function(lambda n: rnn(tf.constant(x), sequence_lengths=n))
    graph(tf.constant(LENGTHS))
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be from 0 to T"):
        graph(tf.constant(LENGTHS + 1))


def stateful(kind=krb.BasicRNN):
    x = keras.Input((6, 3), batch_size=4)
    model = keras.Model(x, kind(krb.BasicRNNCell(5, 2), stateful=True)(x))
    model.compile("sgd", "mse")
    return model


def test_a_stateful_layer_refuses_batches_of_another_size(rng):
    model, x, y = stateful(), rng.normal(size=(8, 6, 3)).astype("float32"), np.zeros((8, 2))
    assert model.predict(x, batch_size=4, verbose=0).shape == (8, 2)
    for rows in (5, 1):  # a last batch of one row would be repeated for all four states
        for act in (
            lambda rows=rows: model.predict(x[:rows], batch_size=4, verbose=0),
            lambda rows=rows: model.evaluate(x[:rows], y[:rows], batch_size=4, verbose=0),
            lambda rows=rows: model.fit(x[:rows], y[:rows], batch_size=4, verbose=0),
        ):
            with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match="with the batch size B = 4"):
                act()


def test_an_initial_state_of_one_row_is_not_repeated(rng, x):
    rnn = krb.BasicRNN(random_cell(rng))
    with pytest.raises(ValueError, match=r"another number of sequences than the state that it begins from.*4 and 1"):
        rnn(x, initial_state=np.zeros((1, 5), "float32"))
    graph = tf.function(
        lambda x, a: rnn(x, initial_state=a), input_signature=[tf.TensorSpec((None, 6, 3)), tf.TensorSpec((None, 5))]
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match="than the state that it begins from"):
        graph(x, np.zeros((1, 5), "float32"))
