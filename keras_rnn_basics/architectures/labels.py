"""What a text model's answers mean: a name for each of its outputs."""

from collections.abc import Sequence
from typing import Any

import keras


@keras.saving.register_keras_serializable("keras_rnn_basics")
class Labels:
    """The names of a network's answers, and whether the answers are logits.

    Args:
        names: a name for each of the outputs, in their order.
        from_logits: whether the softmax of the outputs gives the odds; otherwise they are the odds.
    """

    def __init__(self, names: Sequence[str], from_logits: bool) -> None:
        if isinstance(names, str) or not names or not all(isinstance(name, str) and name for name in names):
            raise ValueError(f"labels must be a list of names, none of them empty, got {names!r}.")
        if len(set(names)) < len(names):
            raise ValueError(f"labels must differ from each other, got {list(names)}.")
        self.names, self.from_logits = tuple(names), from_logits

    def odds(self, y: Any) -> Any:
        """(..., n_y) -> (..., n_y)."""
        return keras.ops.softmax(y, axis=-1) if self.from_logits else y

    def get_config(self) -> dict[str, Any]:
        return {"names": list(self.names), "from_logits": self.from_logits}

    @classmethod
    def from_config(cls, config):
        return cls(**config)
