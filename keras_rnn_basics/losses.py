"""Each step has its own cost L_t; the cost of the sequence is their sum, L = Σ_t L_t."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_rnn_basics")
class SumOverTime(keras.losses.Loss):
    """`L = Σ_t L_t(ŷ_t, y_t)`: the costs of a sequence's steps, summed over time and averaged over the batch.

    `loss(y_true, y_pred, sample_weight=None)` takes y_pred (B, T, n_y), and y_true of the same shape, or (B, T) for
    integer classes and for n_y = 1. Masked steps cost nothing. sample_weight is (B,), one weight a sequence, or (B, T).

    Args:
        loss: the cost of one step, L_t: the name of a Keras loss (`"binary_crossentropy"` for logistic steps,
            `"sparse_categorical_crossentropy"` or `"categorical_crossentropy"` for softmax steps,
            `"mean_squared_error"`, ...), its function, or an object such as
            `keras.losses.BinaryCrossentropy(from_logits=True)` (whose own reduction plays no part).
        name: the name of the loss.

    Raises:
        ValueError: when y_pred is not (B, T, n_y), or y_true does not fit it.

    Two sequences of three steps, every step wrong by 2: each step costs 4, each sequence 12.

    >>> import numpy as np
    >>> float(SumOverTime("mean_squared_error")(np.zeros((2, 3, 1)), 2 * np.ones((2, 3, 1))))
    12.0
    """

    def __init__(self, loss: Any, name: str = "sum_over_time", dtype: Any = None) -> None:
        super().__init__(name=name, reduction="sum", dtype=dtype)
        self.loss = _cost_of_one_step(loss)

    def __call__(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = (ops.convert_to_tensor(y) if isinstance(y, list) else y for y in (y_true, y_pred))
        if sample_weight is not None:
            sample_weight = ops.convert_to_tensor(sample_weight)
            if len(sample_weight.shape) == 1:
                sample_weight = ops.expand_dims(sample_weight, -1)
            fits = [(n, m) for n, m in zip(sample_weight.shape, y_pred.shape) if None not in (n, m)]
            if len(sample_weight.shape) != 2 or any(n not in (m, 1) for n, m in fits):
                shape = tuple(sample_weight.shape)
                raise ValueError(
                    f"sample_weight must be (B,), (B, 1) or (B, T) to fit y_pred {tuple(y_pred.shape)}, got {shape}."
                )
        total = super().__call__(y_true, y_pred, sample_weight)
        return total / ops.cast(ops.shape(y_pred)[0], total.dtype)

    def call(self, y_true, y_pred):
        """(B, T, n_y), (B, T, n_y) -> (B, T): L_t of every step."""
        return _cost_of_each_step(self.loss, y_true, y_pred)

    def get_config(self):
        # The base class has a reduction; here the sum over t and the mean over the batch are the definition.
        return {"name": self.name, "dtype": self._dtype, "loss": keras.losses.serialize(self.loss)}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "loss": keras.losses.deserialize(config["loss"])})


def per_step_loss(y_true: Any, y_pred: Any, loss: Any, mask: Any = None) -> Any:
    """(B, T, n_y), (B, T, n_y) -> (T,): the costs L_1 .. L_T, each averaged over the batch; their sum is `SumOverTime`.

    Args:
        y_true: (B, T, n_y), or (B, T) for integer classes and for n_y = 1.
        y_pred: (B, T, n_y).
        loss: the cost of one step, as in `SumOverTime`, or a `SumOverTime` itself.
        mask: (B, T) booleans; a step that is False costs nothing, but its sequence still counts in the average.

    >>> import numpy as np
    >>> np.asarray(per_step_loss(np.zeros((2, 3)), [[[0.], [1.], [2.]], [[0.], [1.], [4.]]], "mean_squared_error"))
    array([ 0.,  1., 10.], dtype=float32)
    """
    loss = loss.loss if isinstance(loss, SumOverTime) else _cost_of_one_step(loss)
    y_true, y_pred = (ops.convert_to_tensor(y, dtype=keras.config.floatx()) for y in (y_true, y_pred))
    costs = _cost_of_each_step(loss, y_true, y_pred)
    if mask is not None:
        mask = ops.convert_to_tensor(mask)
        if tuple(mask.shape) != tuple(costs.shape):
            raise ValueError(f"mask must have the shape (B, T) = {tuple(costs.shape)}, got {tuple(mask.shape)}.")
        costs = costs * ops.cast(mask, costs.dtype)
    return ops.mean(costs, axis=0)


def _cost_of_one_step(loss):
    cost = keras.losses.get(loss)
    if cost is None:
        raise ValueError("loss must name the cost of one step, such as 'mean_squared_error', got None.")
    return cost


def _cost_of_each_step(loss, y_true, y_pred):
    true, pred = tuple(y_true.shape), tuple(y_pred.shape)
    if len(pred) != 3:
        raise ValueError(f"y_pred must have the shape (B, T, n_y), got {pred}. A single answer needs no sum over time.")
    if len(true) == 2 and pred[-1] == 1:
        # Else Keras squeezes y_pred instead, and averages over time.
        y_true, true = ops.expand_dims(y_true, -1), (*true, 1)
    cost = loss.call if isinstance(loss, keras.losses.Loss) else loss
    named = type(loss) if isinstance(loss, keras.losses.Loss) else loss
    if not getattr(named, "__module__", "keras").startswith("keras."):
        return cost(y_true, y_pred)  # the user's own cost knows what fits it
    sparse = "sparse" in getattr(named, "__name__", "").lower()
    expected = pred[:2] if sparse else pred
    fits = len(true) in ((2, 3) if sparse else (3,)) and all(
        n is None or m is None or n == m for n, m in zip(true, expected)
    )
    if not fits or (sparse and len(true) == 3 and true[-1] != 1):
        wanted = "(B, T) classes" if sparse else "(B, T, n_y)"
        raise ValueError(f"y_true must have the shape {wanted} = {expected} to fit y_pred {pred}, got {true}.")
    return cost(y_true, y_pred)
