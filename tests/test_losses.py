import keras
import numpy as np
import pytest

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
    import tensorflow as tf

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
