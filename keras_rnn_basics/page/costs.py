"""The cost of one step, L_t, in the words of `costs.js`; and its value by Keras, which the page is compared with."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_rnn_basics.checks import as_numpy
from keras_rnn_basics.losses import SumOverTime, per_step_loss

KNOWN = (
    "mean_squared_error",
    "mean_absolute_error",
    "huber",
    "log_cosh",
    "binary_crossentropy",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
)


def described(model: Any, y: np.ndarray, y_pred: Any, last: str | None) -> dict[str, Any]:
    """The cost that a model was compiled with, or for one that was not, the usual one for such targets and answers.

    Args:
        y: the targets of a sequence; y_pred: the model's answers; last: the name of the last function before them, if
            there is one.

    Raises:
        ValueError: for a cost that the page does not know.
    """
    loss = getattr(model, "loss", None)
    if loss is None:
        classes = y.dtype.kind in "bui" and y_pred.shape[-1] > 1 and y.ndim < len(y_pred.shape)
        kind = "sparse_categorical_crossentropy" if classes else "mean_squared_error"
        if last == "sigmoid" and ((y == 0) | (y == 1)).all():
            kind = "binary_crossentropy"
        if last == "softmax" and not classes:
            kind = "categorical_crossentropy"
        return {"kind": kind, "from_logits": classes and last != "softmax", "compiled": False}
    loss = keras.losses.get(loss.loss if isinstance(loss, SumOverTime) else loss)
    told = loss.get_config() if isinstance(loss, keras.losses.Loss) else {}
    kind = getattr(loss, "__name__", "") or _snake(type(loss).__name__)
    odd = [name for name in ("label_smoothing", "ignore_class") if told.get(name)]
    if kind not in KNOWN or odd or told.get("axis", -1) != -1 or told.get("delta", 1.0) != 1.0:
        what = f"{kind} with {odd[0]}" if odd else kind or repr(loss)
        raise ValueError(f"A page knows the costs {', '.join(KNOWN)}, but {model.name} has {what}: leave out y.")
    return {"kind": kind, "from_logits": bool(told.get("from_logits", False)), "compiled": True}


def by_keras(told: dict[str, Any], y: np.ndarray, y_pred: Any, mask: Any) -> np.ndarray:
    """(1, T, n_y) or (1, n_y) answers -> L_1 .. L_T, or the one cost.

    Raises:
        ValueError: for targets that do not fit the answers.
    """
    if told["from_logits"]:
        name = "".join(part.title() for part in told["kind"].split("_"))
        loss: Any = getattr(keras.losses, name)(from_logits=True)
    else:
        loss = told["kind"]
    y_pred, y = ops.cast(y_pred, "float32"), as_numpy(y)
    if len(y_pred.shape) == 2:
        y, y_pred, mask = y[:, None], y_pred[:, None], None
        if y.ndim == 2 and "sparse" not in told["kind"]:
            y = y[..., None]
    return as_numpy(per_step_loss(y, y_pred, loss, mask))


def _snake(name):
    """MeanSquaredError -> mean_squared_error."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
