import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from everyday import cases

import keras_rnn_basics as krb
from keras_rnn_basics import BasicRNN, BasicRNNCell, SumOverTime, per_step_loss

B, T, K = 4, 6, 3


def softmax(logits):
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@pytest.fixture
def steps(rng):
    """Every kind of step: name -> (loss, y_true, y_pred, L_t (B, T) by its formula)."""
    logits, classes = rng.normal(size=(B, T, K)), rng.integers(K, size=(B, T))
    p, one_hot = softmax(logits), np.eye(K)[classes]
    entropy = -np.log((p * one_hot).sum(axis=-1))
    logit, label = rng.normal(size=(B, T, 1)), rng.integers(2, size=(B, T, 1)).astype(float)
    q = 1 / (1 + np.exp(-logit))
    logistic = -(label * np.log(q) + (1 - label) * np.log(1 - q))[..., 0]
    numbers = rng.normal(size=(B, T, K))
    losses = keras.losses
    return {
        "softmax, sparse": ("sparse_categorical_crossentropy", classes, p, entropy),
        "softmax, one-hot": ("categorical_crossentropy", one_hot, p, entropy),
        "softmax, logits": (losses.SparseCategoricalCrossentropy(from_logits=True), classes, logits, entropy),
        "softmax, one-hot logits": (losses.CategoricalCrossentropy(from_logits=True), one_hot, logits, entropy),
        "logistic": ("binary_crossentropy", label, q, logistic),
        "logistic, (B, T) labels": (losses.BinaryCrossentropy(), label[..., 0], q, logistic),
        "logistic, logits": (losses.BinaryCrossentropy(from_logits=True), label, logit, logistic),
        "squares": ("mean_squared_error", numbers, logits, ((numbers - logits) ** 2).mean(axis=-1)),
        "squares, (B, T) numbers": (
            keras.losses.mean_squared_error,
            label[..., 0],
            logit,
            (label - logit)[..., 0] ** 2,
        ),
    }


KINDS = [
    *("softmax, sparse", "softmax, one-hot", "softmax, logits", "softmax, one-hot logits"),
    *("logistic", "logistic, (B, T) labels", "logistic, logits", "squares", "squares, (B, T) numbers"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_sum_over_t_and_the_mean_over_the_batch(steps, kind):
    loss, y_true, y_pred, costs = steps[kind]
    assert float(SumOverTime(loss)(y_true, y_pred)) == pytest.approx(costs.sum() / B, rel=1e-4)
    np.testing.assert_allclose(per_step_loss(y_true, y_pred, loss), costs.mean(axis=0), rtol=1e-4)


def test_the_per_step_losses_add_up_to_the_sequence_s(steps, mask):
    loss, y_true, y_pred, costs = steps["logistic"]
    per_step = per_step_loss(y_true, y_pred, SumOverTime(loss), mask)
    np.testing.assert_allclose(per_step, (costs * mask).sum(axis=0) / B, rtol=1e-4)
    y_pred = tf.convert_to_tensor(y_pred, "float32")
    y_pred._keras_mask = tf.convert_to_tensor(mask)
    assert float(SumOverTime(loss)(y_true, y_pred)) == pytest.approx(float(np.sum(per_step)), rel=1e-4)


def test_masked_steps_cost_nothing_when_a_model_trains(rng, x, mask):
    model = keras.Sequential(
        [keras.Input((None, 3)), keras.layers.Masking(), BasicRNN(BasicRNNCell(5, 2), return_sequences=True)]
    )
    model.compile("sgd", SumOverTime("mean_squared_error"))
    padded, y = np.where(mask[..., None], x, 0.0), rng.normal(size=(B, T, 2))
    costs = ((np.asarray(model(padded)) - y) ** 2).mean(axis=-1) * mask
    assert model.evaluate(padded, y, verbose=0) == pytest.approx(costs.sum() / B, rel=1e-4)


def test_sample_weights_weigh_sequences_or_steps(steps, rng):
    loss, y_true, y_pred, costs = steps["squares"]
    by_sequence, by_step = rng.random(B), rng.random((B, T))
    expected = (costs * by_sequence[:, None]).sum() / B
    assert float(SumOverTime(loss)(y_true, y_pred, by_sequence)) == pytest.approx(expected, rel=1e-4)
    assert float(SumOverTime(loss)(y_true, y_pred, by_step)) == pytest.approx((costs * by_step).sum() / B, rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_it_survives_serialization(steps, kind):
    loss, y_true, y_pred, _ = steps[kind]
    original = SumOverTime(loss, name="cost")
    copy = keras.losses.deserialize(keras.losses.serialize(original))
    assert isinstance(copy, SumOverTime)
    assert copy.name == "cost"
    assert float(copy(y_true, y_pred)) == float(original(y_true, y_pred))


@pytest.mark.parametrize(
    ("loss", "true", "pred", "message"),
    [
        ("mean_squared_error", (4, 2), (4, 2), r"y_pred must have the shape \(B, T, n_y\), got \(4, 2\)"),
        ("mean_squared_error", (4, 6, 1), (4, 6, 3), r"y_true must have the shape \(B, T, n_y\) = \(4, 6, 3\)"),
        ("mean_squared_error", (4, 5, 3), (4, 6, 3), r"got \(4, 5, 3\)"),
        ("mean_squared_error", (4, 6), (4, 6, 3), r"got \(4, 6\)"),
        ("sparse_categorical_crossentropy", (4, 6, 3), (4, 6, 3), r"\(B, T\) classes"),
        ("sparse_categorical_crossentropy", (4, 5), (4, 6, 3), r"got \(4, 5\)"),
    ],
)
def test_shapes_that_do_not_fit_are_errors_not_broadcasts(loss, true, pred, message):
    with pytest.raises(ValueError, match=message):
        SumOverTime(loss)(np.zeros(true), np.full(pred, 0.5))
    with pytest.raises(ValueError, match=message):
        per_step_loss(np.zeros(true), np.full(pred, 0.5), loss)


def test_weights_and_masks_that_do_not_fit_are_errors():
    y = np.zeros((4, 6, 1))
    for weight in (np.ones(5), np.ones((4, 5)), np.ones((4, 6, 1))):
        with pytest.raises(ValueError, match=r"sample_weight must be \(B,\), \(B, 1\) or \(B, T\)"):
            SumOverTime("mean_squared_error")(y, y, weight)
    with pytest.raises(ValueError, match=r"mask must have the shape \(B, T\) = \(4, 6\), got \(4, 5\)"):
        per_step_loss(y, y, "mean_squared_error", mask=np.ones((4, 5)))


def test_a_cost_of_your_own_takes_what_it_takes(steps):
    _, classes, p, costs = steps["softmax, sparse"]

    def nll(y_true, y_pred):
        return -keras.ops.log(keras.ops.sum(y_pred * keras.ops.one_hot(keras.ops.cast(y_true, "int32"), K), axis=-1))

    assert float(SumOverTime(nll)(classes, p)) == pytest.approx(costs.sum() / B, rel=1e-4)
    renamed = keras.losses.SparseCategoricalCrossentropy(name="nll")
    assert float(SumOverTime(renamed)(classes, p)) == pytest.approx(costs.sum() / B, rel=1e-4)


def test_lists_will_do():
    cost = SumOverTime("mean_squared_error")
    assert float(cost([[[1.0], [2.0]]], [[[1.0], [4.0]]])) == 4.0
    assert float(cost([[[1.0], [2.0]]], [[[1.0], [4.0]]], [2.0])) == 8.0


def test_a_missing_loss_is_an_error():
    with pytest.raises(ValueError, match="must name the cost of one step"):
        SumOverTime(None)
    with pytest.raises(ValueError, match="must name the cost of one step"):
        per_step_loss(np.zeros((4, 6, 1)), np.zeros((4, 6, 1)), None)


@pytest.fixture
def reader():
    """A model that masks the token 0, and answers logits of K classes."""
    frontend = keras.layers.Embedding(9, 4, mask_zero=True)
    return krb.build_many_to_many((), 5, K, frontend=frontend)


def test_the_mask_that_the_answer_carries_is_read(reader, rng, mask):
    tokens = np.where(mask, rng.integers(1, 9, size=(B, T)), 0)
    y, loss = rng.integers(K, size=(B, T)), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    answer = reader(tokens)
    p = softmax(np.asarray(answer))
    expected = (-np.log(np.take_along_axis(p, y[..., None], -1)[..., 0]) * mask).sum(axis=0) / B
    np.testing.assert_allclose(per_step_loss(y, answer, loss), expected, rtol=1e-5)
    np.testing.assert_allclose(float(SumOverTime(loss)(y, answer)), expected.sum(), rtol=1e-5)
    # An array carries none: there the mask is given.
    np.testing.assert_allclose(per_step_loss(y, np.asarray(answer), loss, mask), expected, rtol=1e-5)


def test_of_two_masks_each_leaves_steps_out(steps, mask):
    loss, y_true, y_pred, costs = steps["squares"]
    y_pred, first = tf.convert_to_tensor(y_pred, "float32"), np.arange(T) < 3
    y_pred._keras_mask = tf.convert_to_tensor(mask)
    found = per_step_loss(y_true, y_pred, loss, np.tile(first, (B, 1)))
    np.testing.assert_allclose(found, (costs * mask * first).sum(axis=0) / B, rtol=1e-4)


def test_the_mean_over_what_still_runs_does_not_fall_as_sequences_end():
    y_pred, mask = np.full((3, 4, 1), 2.0), np.arange(4) < np.array([[3], [2], [1]])
    over_batch = per_step_loss(np.zeros((3, 4)), y_pred, "mean_squared_error", mask)
    over_running = per_step_loss(np.zeros((3, 4)), y_pred, "mean_squared_error", mask, mean_over="running")
    np.testing.assert_allclose(over_batch, [4, 4 * 2 / 3, 4 / 3, 0], rtol=1e-6)
    np.testing.assert_array_equal(over_running, [4, 4, 4, np.nan])
    unmasked = per_step_loss(np.zeros((3, 4)), y_pred, "mean_squared_error", mean_over="running")
    np.testing.assert_array_equal(unmasked, [4, 4, 4, 4])
    with pytest.raises(ValueError, match="mean_over must be 'batch' or 'running', got 'time'"):
        per_step_loss(np.zeros((3, 4)), y_pred, "mean_squared_error", mean_over="time")


@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-6), ("float32", 1e-5), ("bfloat16", 3e-2)])
@pytest.mark.parametrize("kind", ["softmax, sparse", "logistic, logits", "squares"])
def test_masks_and_weights_act_together_in_every_dtype(steps, mask, rng, kind, dtype, rtol):
    loss, y_true, y_pred, costs = steps[kind]
    cost, weight = SumOverTime(loss, dtype=dtype), rng.random((B, T)) * (rng.random((B, T)) < 0.7)
    y_pred = tf.convert_to_tensor(y_pred)
    y_pred._keras_mask = tf.convert_to_tensor(mask)
    weighted, plain = cost(y_true, y_pred, weight), cost(y_true, y_pred)
    assert keras.backend.standardize_dtype(weighted.dtype) == dtype
    np.testing.assert_allclose(float(weighted), (costs * mask * weight).sum() / B, rtol=rtol)
    np.testing.assert_allclose(float(plain), (costs * mask).sum() / B, rtol=rtol)
    per_step = per_step_loss(y_true, y_pred, cost)
    assert keras.backend.standardize_dtype(per_step.dtype) == dtype
    np.testing.assert_allclose(np.asarray(per_step, "float64").sum(), float(plain), rtol=rtol)


def test_a_class_is_not_rounded_in_bfloat16():
    logits = np.zeros((1, 1, 400), "float32")
    logits[0, 0, 301] = 9.0  # bfloat16 knows 300 and 302
    cost = SumOverTime(keras.losses.SparseCategoricalCrossentropy(from_logits=True), dtype="bfloat16")
    assert float(cost([[301]], logits)) < 0.1
    assert float(cost([[300]], logits)) > 8.0


@pytest.mark.parametrize("label", cases([-1, K, 1.5, np.nan, 2**32 + 1], [-1, 1.5]))
def test_a_label_that_is_no_class_is_an_error_and_nan_where_xla_compiles(steps, label):
    loss, classes, p, _ = steps["softmax, sparse"]
    y = classes.astype(np.result_type(label, classes))
    y[1, 2] = label
    message = rf"A label must be a class, a whole number from 0 to {K - 1}, got {label}"
    for cost in (SumOverTime(loss), lambda y, p: per_step_loss(y, p, loss)):
        with pytest.raises(ValueError, match=message):
            cost(y, p)
        with pytest.raises(tf.errors.InvalidArgumentError, match="A label must be a class"):
            tf.function(cost)(tf.constant(y), tf.constant(p))
        assert np.isnan(np.sum(tf.function(cost, jit_compile=True)(tf.constant(y), tf.constant(p))))


@pytest.mark.parametrize(
    ("padding", "jit"),
    cases(itertools.product([-1, K + 4, np.nan], [False, True]), [(-1, False), (K + 4, True), (np.nan, True)]),
)
def test_what_stands_where_nothing_counts_changes_neither_the_cost_nor_a_gradient(steps, mask, padding, jit):
    for kind in ("softmax, sparse", "squares"):
        loss, y_true, y_pred, costs = steps[kind]
        padded = np.where(mask if y_true.ndim == 2 else mask[..., None], y_true, padding)
        y_pred = tf.convert_to_tensor(y_pred, "float32")

        def gradient(y, mask, weight, y_pred=y_pred, loss=loss):
            with tf.GradientTape() as tape:
                tape.watch(y_pred)
                answer = tf.identity(y_pred)
                if mask is not None:
                    answer._keras_mask = mask
                cost = SumOverTime(loss)(y, answer, weight)
            return cost, tape.gradient(cost, y_pred)

        gradient = tf.function(gradient, jit_compile=jit)
        exact = gradient(tf.constant(y_true), tf.constant(mask), None)
        np.testing.assert_allclose(exact[0], (costs * mask).sum() / B, rtol=1e-4)
        as_mask = gradient(tf.constant(padded), tf.constant(mask), None)
        as_weight = gradient(tf.constant(padded), None, tf.cast(mask, "float32"))
        eagerly = per_step_loss(padded, y_pred, loss, mask)
        np.testing.assert_allclose(eagerly, (costs * mask).sum(axis=0) / B, rtol=1e-4)
        for found in (as_mask, as_weight):
            np.testing.assert_allclose(found[0], exact[0], rtol=1e-6)
            np.testing.assert_allclose(found[1], exact[1], rtol=1e-6)


def test_a_class_to_ignore_takes_its_steps_out(steps, mask):
    _, classes, p, costs = steps["softmax, sparse"]
    loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=-1)
    y = np.where(mask, classes, -1)
    assert float(SumOverTime(loss)(y, p)) == pytest.approx((costs * mask).sum() / B, rel=1e-4)
    running = per_step_loss(y, p, loss, mean_over="running")
    np.testing.assert_allclose(running, (costs * mask).sum(axis=0) / mask.sum(axis=0), rtol=1e-4)
    with pytest.raises(ValueError, match="got -2"):
        SumOverTime(loss)(np.where(mask, classes, -2), p)


def test_the_generalized_cross_entropy_takes_classes(steps):
    _, classes, p, _ = steps["softmax, sparse"]
    loss = keras.losses.CategoricalGeneralizedCrossEntropy(q=0.5)
    costs = (1 - np.take_along_axis(p, classes[..., None], -1)[..., 0] ** 0.5) / 0.5
    assert float(SumOverTime(loss)(classes, p)) == pytest.approx(costs.sum() / B, rel=1e-4)
    with pytest.raises(ValueError, match=r"\(B, T\) classes"):
        SumOverTime(loss)(np.eye(K)[classes], p)


def test_a_loss_that_has_no_cost_for_each_step_is_an_error():
    y = np.ones((4, 6, 3))
    for loss in ("dice", lambda true, pred: keras.ops.mean(true - pred, axis=(1, 2)), lambda true, pred: true - pred):
        with pytest.raises(ValueError, match=r"loss must give one cost for each step, \(B, T\) for y_pred \(4, 6, 3\)"):
            SumOverTime(loss)(y, y)


def test_no_examples_cost_nothing():
    assert float(SumOverTime("mean_squared_error")(np.zeros((0, 6, 1)), np.zeros((0, 6, 1)))) == 0.0


@pytest.mark.parametrize(
    ("jit_compile", "seen"),
    [
        (False, "y_true must have as many sequences and time steps, at least"),
        pytest.param(True, "reshape", marks=pytest.mark.long),
    ],
)
def test_a_graph_does_not_spread_one_step_over_all(jit_compile, seen):
    x = keras.Input((None, 3))
    late = krb.BasicRNN(krb.BasicRNNCell(4, 1), return_sequences=True)(x)[:, 2:]  # its T no graph knows beforehand
    model = keras.Model(x, late)
    model.compile(loss=krb.SumOverTime("mean_squared_error"), jit_compile=jit_compile)
    assert model.evaluate(np.ones((2, 5, 3)), np.zeros((2, 3, 1)), verbose=0) > 0
    for T_true, T in ((1, 5), (3, 3)):
        with pytest.raises(tf.errors.InvalidArgumentError, match=seen):
            model.evaluate(np.ones((2, T, 3)), np.zeros((2, T_true, 1)), verbose=0)


def test_a_masked_step_of_an_own_cost_leaves_even_the_gradient_alone():
    def own(y, y_hat):
        return keras.ops.mean(keras.ops.abs(y - y_hat), axis=-1)

    y, y_hat = np.zeros((2, 3, 1), "float32"), tf.Variable(np.ones((2, 3, 1), "float32"))
    y[:, 2:] = np.nan
    for loss in ("mean_absolute_error", own):
        with tf.GradientTape() as tape:
            cost = krb.SumOverTime(loss)(y, y_hat, sample_weight=np.array([[1.0, 1.0, 0.0]] * 2))
        np.testing.assert_allclose(tape.gradient(cost, y_hat)[..., 0], [[0.5, 0.5, 0.0]] * 2)
