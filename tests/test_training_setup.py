"""What tells a run from others is the same in every process, and not that of another run."""

import json

import keras
import pytest

import keras_rnn_basics as krb
from keras_rnn_basics.training.setup import setup_of


def own_loss(y, y_hat):
    return keras.ops.mean((y - y_hat) ** 2, axis=-1)


def setup(loss="mean_squared_error", learning_rate=0.1, units=2, seed=0):
    keras.utils.set_random_seed(seed)
    model = krb.build_many_to_one((3,), units, 1)
    model.compile(keras.optimizers.SGD(learning_rate), loss)
    return setup_of(model, {"class_weight": {0: 2.0}})


def test_it_is_what_json_reads_back_and_holds_no_address_of_this_process():
    told = setup(own_loss)
    assert told == json.loads(json.dumps(told)) == setup(own_loss)
    assert told["class_weight"] == {"0": 2.0}
    assert told["loss"] == "own_loss"


@pytest.mark.parametrize(
    ("other", "differing"),
    [
        ({"loss": own_loss}, ["loss"]),
        ({"learning_rate": 0.2}, ["optimizer settings"]),
        ({"units": 3}, ["first weights"]),
        ({"seed": 1}, ["first weights"]),
    ],
)
def test_what_another_run_differs_in_is_told(other, differing):
    first, second = setup(), setup(**other)
    assert [name for name in first if first[name] != second[name]] == differing
