"""What tells a run from others: of the workers of one training each has the same, and a killed run goes on with it."""

import json
from typing import Any

import keras

from keras_rnn_basics.training.data import checksum


def setup_of(model: Any, given: dict[str, Any]) -> dict[str, Any]:
    """What `fit` was given, and what `build` made of it, as JSON reads it back.

    Args:
        model: the compiled model, before the first training step.
        given: the arguments that count, by their names.
    """
    setup = {
        **given,
        "first weights": [checksum(weight) for weight in model.get_weights()],
        "optimizer": type(model.optimizer).__name__,
        "optimizer settings": {**model.optimizer.get_config(), "name": None},
        "loss": keras.tree.map_structure(_name, model.loss),
        "vocabularies": {name: own.get_config() for name, own in getattr(model, "vocabularies", {}).items()},
    }
    return json.loads(json.dumps(setup, default=str))


def _name(loss):
    """What a loss is called in every process: the text of a function has its address in it."""
    return loss if isinstance(loss, str) else getattr(loss, "name", getattr(loss, "__name__", type(loss).__name__))
