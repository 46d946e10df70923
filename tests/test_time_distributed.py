"""What a token may be, for every layer that a frontend may begin with."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from everyday import cases

import keras_rnn_basics as krb
from keras_rnn_basics.architectures.time_distributed import BatchedTimeDistributed

V = 9
GOOD = np.array([[1, 2, 8], [0, 0, 3]])


def of_its_own():
    x = keras.Input((), dtype="int32")
    return keras.Model(x, keras.layers.Dense(4)(keras.layers.Embedding(V, 4)(x)))


FRONTENDS = {
    "embedding": lambda: keras.layers.Embedding(V, 4),
    "masked": lambda: keras.layers.Embedding(V, 4, mask_zero=True),
    "sequential": lambda: keras.Sequential([keras.layers.Embedding(V, 4), keras.layers.Dense(4)]),
    "nested": lambda: keras.Sequential([keras.Sequential([keras.layers.Embedding(V, 4)]), keras.layers.Dense(4)]),
    "functional": of_its_own,
    "one-hot": lambda: keras.layers.CategoryEncoding(V, output_mode="one_hot"),
}


def with_bad(token):
    tokens = GOOD.copy()
    tokens[0, 1] = token
    return tokens


@pytest.mark.parametrize(
    ("name", "token"),
    cases(
        itertools.product(FRONTENDS, [-1, V, 2**31 - 1]),
        [*itertools.product(FRONTENDS, [V]), ("embedding", -1), ("one-hot", 2**31 - 1)],
    ),
)
def test_a_token_that_is_none_is_an_error_that_names_it(name, token):
    layer, message = (
        BatchedTimeDistributed(FRONTENDS[name]()),
        rf"a token must be a whole number from 0 to {V - 1}, got",
    )
    with pytest.raises(ValueError, match=rf"{message} {token}\."):
        layer(with_bad(token))
    asserted = tf.function(layer)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        asserted(tf.constant(with_bad(token)))
    good = asserted(tf.constant(GOOD))
    np.testing.assert_allclose(good, [layer.layer(row) for row in GOOD], atol=1e-6)
    # XLA drops the assertion: the step is NaN, and no other one.
    compiled = np.array(tf.function(layer, jit_compile=True)(tf.constant(with_bad(token))))
    assert np.isnan(compiled[0, 1]).all()
    compiled[0, 1] = good[0, 1]
    np.testing.assert_allclose(compiled, good, atol=1e-6)


def test_predict_and_fit_of_a_builder_s_model_refuse_such_a_token():
    model = krb.build_many_to_one((), 4, 1, frontend=keras.layers.Embedding(V, 4))
    message = rf"a token must be a whole number from 0 to {V - 1}, got\] \[-1\]"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        model.predict(with_bad(-1), verbose=0)
    model.compile("sgd", "mean_squared_error", jit_compile=False)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        model.train_on_batch(with_bad(-1), np.zeros((2, 1)))
    model.compile("sgd", "mean_squared_error", jit_compile=True)
    assert np.isnan(model.train_on_batch(with_bad(-1), np.zeros((2, 1))))


def test_several_tokens_a_step_may_come_as_whole_floats():
    frontend = keras.Sequential([keras.layers.Embedding(V, 2), keras.layers.Flatten()])
    model = krb.build_many_to_many((3,), 4, 1, frontend=frontend)
    x = np.array([[[1.0, 2.0, 3.0], [4.0, 5.0, 8.0]]])
    assert np.isfinite(model(x)).all()
    for bad in (1.5, -1.0, 9.0, np.nan):
        x[0, 1, 2] = bad
        with pytest.raises(ValueError, match=rf"got {bad}\."):
            model(x)


@pytest.mark.parametrize("token", cases([1.7, np.nan, 2**32 + 1], [2**32 + 1]))
def test_a_text_model_makes_no_token_of_what_is_no_whole_number(token):
    """Keras itself cuts these to 1, to any number, and to 1."""
    for model, other in (
        (krb.build_one_to_many(V, 4), lambda x: x),
        (krb.build_encoder_decoder(V, V, 4), lambda x: {"x": tf.constant(GOOD), "y_in": x}),
    ):
        np.testing.assert_array_equal(model(other(tf.constant(GOOD, "float64"))), model(other(tf.constant(GOOD))))
        bad = GOOD.astype(np.result_type(token, GOOD))
        bad[0, 1] = token
        with pytest.raises(ValueError, match=rf"A token must be a whole number that int32 holds, got {token}\."):
            model(other(tf.constant(bad)))
        answer = tf.function(lambda x, model=model, other=other: model(other(x)), jit_compile=True)(tf.constant(bad))
        assert np.isnan(answer[0, 1:]).all()
        assert np.isfinite(answer[1]).all()


def test_dropout_still_acts_in_training_alone():
    model = krb.build_one_to_many(V, 8, dropout=0.5)
    assert np.abs(model(GOOD, training=True) - model(GOOD)).max() > 1e-3
    np.testing.assert_array_equal(model(GOOD), model(GOOD))


def test_tokens_are_read_in_mixed_precision():
    layer = BatchedTimeDistributed(
        keras.layers.Embedding(V, 4, mask_zero=True, dtype="mixed_bfloat16"), dtype="mixed_bfloat16"
    )
    y = layer(GOOD)
    assert y.dtype == "bfloat16"
    np.testing.assert_array_equal(y._keras_mask, GOOD != 0)
    with pytest.raises(ValueError, match=r"got -1\."):
        layer(with_bad(-1))


def test_no_examples_have_no_bad_token():
    assert BatchedTimeDistributed(keras.layers.Embedding(V, 4))(np.zeros((0, 3), "int32")).shape == (0, 3, 4)


@pytest.mark.long  # every day in test_export_saved_model.py
def test_an_export_refuses_such_a_token(tmp_path):
    model = krb.build_one_to_many(V, 4)
    loaded = krb.load_saved_model(krb.export_saved_model(model, tmp_path / "model"))
    message = rf"a token must be a whole number from 0 to {V - 1}, got\] \[(-1|9)\]"
    for token in (-1, V):
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            loaded.serve(tf.constant(with_bad(token), "int32"))
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            loaded.step(tf.constant([token]), tf.zeros((1, 4)))
        with pytest.raises(ValueError, match=rf"got {token}\."):
            krb.one_step(model)([np.array([token]), np.zeros((1, 4))])


def test_a_layer_that_answers_anything_else_than_the_steps_is_an_error(x):
    adapted = keras.layers.Normalization()
    adapted.adapt(x)  # of (B, T, n_x) it learns to answer (1, N, n_x) to N steps
    with pytest.raises(ValueError, match=r"must answer \(N, ...\) to N time steps \(24, 3\).* adapted to single"):
        krb.build_many_to_one((3,), 4, 1, frontend=adapted)(x)
