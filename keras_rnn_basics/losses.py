"""Each step has its own cost L_t; the cost of the sequence is their sum, L = Σ_t L_t."""

from typing import Any

import keras
from keras import ops

from keras_rnn_basics.checks import first_not, insist, with_steps
from keras_rnn_basics.compat import get_keras_mask, mean_over_batch


@keras.saving.register_keras_serializable("keras_rnn_basics")
class SumOverTime(keras.losses.Loss):
    """`L = Σ_t L_t(ŷ_t, y_t)`: the costs of a sequence's steps, summed over time and averaged over the batch.

    `loss(y_true, y_pred, sample_weight=None)` takes y_pred (B, T, n_y), and y_true of the same shape, or (B, T) for
    integer classes and for n_y = 1. sample_weight is (B,), one weight per sequence, or (B, T). Steps that the mask of
    y_pred leaves out, and steps of weight 0, cost nothing for any value of y_true: padding may be -1, or NaN.

    Args:
        loss: the cost of one step, L_t: the name of a Keras loss (`"binary_crossentropy"` for logistic steps,
            `"sparse_categorical_crossentropy"` or `"categorical_crossentropy"` for softmax steps,
            `"mean_squared_error"`, ...), its function, or an object such as
            `keras.losses.BinaryCrossentropy(from_logits=True)`, whose own reduction is not used.
        name: the name of the loss.
        dtype: the dtype of the computation; `None` for Keras' default, float32.

    Raises:
        ValueError: if y_pred is not (B, T, n_y), if y_true does not fit it or holds a class outside 0 .. n_y - 1, or if
            the loss does not give one cost for each step. (In a graph, such a class fails an assertion; in a graph
            compiled by XLA, and on other backends than TensorFlow, the cost is NaN.)

    Two sequences of three steps, every step wrong by 2: each step costs 4, each sequence 12.

    >>> import numpy as np
    >>> float(SumOverTime("mean_squared_error")(np.zeros((2, 3, 1)), 2 * np.ones((2, 3, 1))))
    12.0
    """

    def __init__(self, loss: Any, name: str = "sum_over_time", dtype: Any = None) -> None:
        super().__init__(name=name, reduction="sum", dtype=dtype)
        self.loss = _cost_of_one_step(loss)

    def __call__(self, y_true, y_pred, sample_weight=None):
        mask = get_keras_mask(y_pred)
        with keras.name_scope(self.name):
            y_pred = ops.convert_to_tensor(y_pred, dtype=self.dtype)
            weight = None if sample_weight is None else _fitting_weight(sample_weight, y_pred)
            counted = _all_of(mask, None if weight is None else ops.not_equal(weight, 0))
            costs, _ = _costs(self.loss, y_true, y_pred, counted)
            # An empty batch costs nothing. Under a tf.distribute strategy this is a replica's part of the
            # batch, and Keras adds up what the replicas come to.
            return mean_over_batch(ops.sum(costs if weight is None else costs * weight, axis=1))

    def call(self, y_true, y_pred):
        """(B, T, n_y), (B, T, n_y) -> (B, T): L_t of every step."""
        return _costs(self.loss, y_true, ops.convert_to_tensor(y_pred), None)[0]

    def get_config(self):
        # The base class has a reduction; here the sum over t and the mean over the batch are the definition.
        return {"name": self.name, "dtype": self._dtype, "loss": keras.losses.serialize(self.loss)}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "loss": keras.losses.deserialize(config["loss"])})


def per_step_loss(y_true: Any, y_pred: Any, loss: Any, mask: Any = None, mean_over: str = "batch") -> Any:
    """(B, T, n_y), (B, T, n_y) -> (T,): the costs L_1 .. L_T, each averaged over the batch; their sum is `SumOverTime`.

    If y_pred carries a Keras mask, as the output `model(x)` of a model with masking does, this mask is used. (An array,
    such as `model.predict(x)` gives, carries no mask: pass `mask`.) A step counts unless one of the two masks leaves it
    out.

    Args:
        y_true: (B, T, n_y), or (B, T) for integer classes and for n_y = 1.
        y_pred: (B, T, n_y).
        loss: the cost of one step, as in `SumOverTime`, or a `SumOverTime` itself.
        mask: (B, T) booleans; a step that is False costs nothing.
        mean_over: `"batch"` averages over all B sequences, so L_t also falls because sequences end. `"running"`
            averages over the sequences that are not masked at t; it gives NaN if all are masked, and the sum of these
            costs is not L.

    Raises:
        ValueError: for shapes, classes or masks that do not match, as in `SumOverTime`, or an unknown `mean_over`.

    >>> import numpy as np
    >>> y, y_hat, mask = np.zeros((2, 3)), [[[0.0], [1.0], [2.0]], [[0.0], [1.0], [4.0]]], np.ones((2, 3), bool)
    >>> np.asarray(per_step_loss(y, y_hat, "mean_squared_error"))
    array([ 0.,  1., 10.], dtype=float32)
    >>> mask[1, 2] = False
    >>> np.asarray(per_step_loss(y, y_hat, "mean_squared_error", mask))
    array([0., 1., 2.], dtype=float32)
    >>> np.asarray(per_step_loss(y, y_hat, "mean_squared_error", mask, mean_over="running"))
    array([0., 1., 4.], dtype=float32)
    """
    if mean_over not in ("batch", "running"):
        raise ValueError(f"mean_over must be 'batch' or 'running', got {mean_over!r}.")
    dtype = loss.dtype if isinstance(loss, SumOverTime) else keras.config.floatx()
    loss = loss.loss if isinstance(loss, SumOverTime) else _cost_of_one_step(loss)
    carried, y_pred = get_keras_mask(y_pred), ops.convert_to_tensor(y_pred, dtype=dtype)
    if mask is not None:
        mask = ops.cast(ops.convert_to_tensor(mask), "bool")
        if tuple(mask.shape) != tuple(y_pred.shape[:2]):
            raise ValueError(f"mask must have the shape (B, T) = {tuple(y_pred.shape[:2])}, got {tuple(mask.shape)}.")
    costs, counted = _costs(loss, y_true, y_pred, _all_of(carried, mask))
    if mean_over == "batch" or counted is None:
        return ops.mean(costs, axis=0)
    running = ops.cast(ops.sum(ops.cast(counted, "int32"), axis=0), costs.dtype)
    return ops.where(running > 0, ops.sum(costs, axis=0) / ops.maximum(running, 1), float("nan"))


def _cost_of_one_step(loss):
    cost = keras.losses.get(loss)
    if cost is None:
        raise ValueError("loss must name the cost of one step, such as 'mean_squared_error', got None.")
    return cost


def _fitting_weight(sample_weight, y_pred):
    """(B,), (B, 1) or (B, T) -> (B, 1) or (B, T)."""
    weight = ops.convert_to_tensor(sample_weight, dtype=y_pred.dtype)
    if len(weight.shape) == 1:
        weight = ops.expand_dims(weight, -1)
    fits = [(n, m) for n, m in zip(weight.shape, y_pred.shape) if None not in (n, m)]
    if len(weight.shape) != 2 or any(n not in (m, 1) for n, m in fits):
        raise ValueError(
            f"sample_weight must be (B,), (B, 1) or (B, T) to fit y_pred {tuple(y_pred.shape)}, "
            f"got {tuple(weight.shape)}."
        )
    return weight


def _all_of(*masks):
    """True where all masks keep a step; each mask is (B, T), (B, 1) or None. None if there is no mask."""
    there = [ops.cast(mask, "bool") for mask in masks if mask is not None]
    return None if not there else there[0] if len(there) == 1 else ops.logical_and(*there)


def _costs(loss, y_true, y_pred, counted):
    """-> (B, T), (B, T): L_t of every step, 0 where it does not count; and which steps count, None for all."""
    cost = loss.call if isinstance(loss, keras.losses.Loss) else loss
    named = type(loss) if isinstance(loss, keras.losses.Loss) else loss
    if len(y_pred.shape) != 3:
        raise ValueError(
            f"y_pred must have the shape (B, T, n_y), got {tuple(y_pred.shape)}. "
            "A single answer needs no sum over time."
        )
    if getattr(named, "__module__", "keras").startswith("keras."):
        name = getattr(named, "__name__", "").lower()
        y_true, known = _fitting_labels("sparse" in name or "generalized" in name, loss, y_true, y_pred, counted)
    else:  # a cost of the user checks its own inputs
        y_true, known = ops.convert_to_tensor(y_true, dtype=y_pred.dtype), None
        if len(y_true.shape) == 2 and y_pred.shape[-1] == 1:
            y_true = ops.expand_dims(y_true, -1)
        if counted is not None and len(y_true.shape) >= 2:
            # Values in steps that do not count, such as NaN, would still reach the gradient.
            there = ops.reshape(counted, (*ops.shape(counted), *[1] * (len(y_true.shape) - 2)))
            y_true = ops.where(there, y_true, ops.zeros_like(y_true))
    costs = ops.convert_to_tensor(cost(y_true, y_pred))
    if len(costs.shape) != 2 or any(None not in (n, m) and n != m for n, m in zip(costs.shape, y_pred.shape)):
        raise ValueError(
            f"loss must give one cost for each step, (B, T) for y_pred {tuple(y_pred.shape)}, got {tuple(costs.shape)}."
        )
    # Steps with the loss's class to ignore do not count either.
    counted = _all_of(counted, get_keras_mask(costs))
    costs = costs if known is None else ops.where(known, costs, float("nan"))
    return costs if counted is None else ops.where(counted, costs, 0.0), counted


def _fitting_labels(classes, loss, y_true, y_pred, counted):
    """-> y_true as a Keras loss takes it; and (B, T), where it is a known class, or None if the loss has no classes.

    The label of a step that does not count is replaced: NaN or an unknown class would make even the gradient NaN.
    """
    y_true = ops.convert_to_tensor(y_true, dtype=None if classes else y_pred.dtype)
    true, pred = tuple(y_true.shape), tuple(y_pred.shape)
    if classes and len(true) == 3 and true[-1] == 1:
        y_true, true = ops.squeeze(y_true, -1), true[:2]
    if not classes and len(true) == 2 and pred[-1] == 1:
        # Otherwise Keras squeezes y_pred instead, and averages over time.
        y_true, true = ops.expand_dims(y_true, -1), (*true, 1)
    expected = pred[:2] if classes else pred
    if len(true) != len(expected) or any(None not in (n, m) and n != m for n, m in zip(true, expected)):
        wanted = "(B, T) classes" if classes else "(B, T, n_y)"
        raise ValueError(f"y_true must have the shape {wanted} = {expected} to fit y_pred {pred}, got {true}.")
    if None in (*true[:2], *pred[:2]):
        # A graph does not know these sizes yet, and would silently repeat a single step or sequence for all.
        message = "y_true must have as many sequences and time steps, at least one, as y_pred"
        y_true = with_steps(y_true, y_pred, message)
    if not classes:
        return y_true if counted is None else ops.where(counted[..., None], y_true, ops.zeros_like(y_true)), None
    n_y, ignored, label = pred[-1], getattr(loss, "ignore_class", None), ops.cast(y_true, "int32")
    known = (label >= 0) & (label < n_y)
    known = known if ignored is None else known | (label == ignored)
    known = known & (ops.cast(label, y_true.dtype) == y_true)  # 1.5 and NaN are not classes
    fits = known if counted is None else known | ~counted
    message = f"A label must be a class, a whole number from 0 to {n_y - 1}, got"
    insist(ops.all(fits), message, lambda: first_not(fits, y_true))
    return ops.where(known if counted is None else known & counted, label, 0), known
