"""Every constructor argument survives `.keras` in a fresh process."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_rnn_basics as krb
from keras_rnn_basics import BasicRNN, BasicRNNCell, SumOverTime
from keras_rnn_basics.architectures import text_model
from keras_rnn_basics.architectures.time_distributed import BatchedTimeDistributed

CELL = {
    "units": 5,
    "output_units": 2,
    "activation": "relu",
    "output_activation": "softmax",
    "dropout": 0.1,
    "recurrent_dropout": 0.2,
    "frozen": ["b_x"],
    "initializers": {"W_aa": keras.initializers.Orthogonal(gain=0.5), "b_y": "ones"},
    "regularizers": {"W_ax": keras.regularizers.L2(0.01)},
    "constraints": {"W_ya": keras.constraints.MaxNorm(3)},
    "seed": 42,
}
LAYER = {
    "return_sequences": True,
    "return_state": False,
    "go_backwards": True,
    "stateful": True,
    "zero_output_for_mask": True,
    "recurrence": "plain",
}

FRESH_PROCESS = """
import json, sys, numpy as np, keras
import keras_rnn_basics
model = keras.models.load_model(sys.argv[1])
layer = model.get_layer("rnn")
print(json.dumps(keras.saving.serialize_keras_object(layer)))
print(type(model.loss).__name__, model.loss.get_config())
np.save(sys.argv[3], model(np.load(sys.argv[2])))
"""


@pytest.mark.long
def test_every_argument_and_weight_survives_in_a_fresh_process(rng, tmp_path):
    x = keras.Input((6, 3), batch_size=4, name="x")
    layer = BasicRNN(BasicRNNCell(**CELL), **LAYER, name="rnn")
    model = keras.Model(x, layer(BatchedTimeDistributed(keras.layers.Dense(3))(x)))
    model.compile("sgd", SumOverTime(keras.losses.CategoricalCrossentropy(label_smoothing=0.1)))
    values = rng.normal(size=(4, 6, 3)).astype("float32")
    answers = np.asarray(model(values))
    layer.reset_state()
    np.save(tmp_path / "x.npy", values)
    model.save(tmp_path / "model.keras")
    (tmp_path / "fresh.py").write_text(FRESH_PROCESS)
    arguments = [sys.executable, "fresh.py", "model.keras", "x.npy", "y.npy"]
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    printed = [line for line in done.stdout.splitlines() if line]
    assert printed[-2] == json.dumps(keras.saving.serialize_keras_object(layer))
    assert printed[-1] == f"SumOverTime {model.loss.get_config()}"
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), answers, atol=1e-6)


def test_the_configs_hold_every_constructor_argument():
    cell = BasicRNNCell(**CELL).get_config()
    assert {name: cell[name] for name in CELL if name not in ("initializers", "regularizers", "constraints")} == {
        name: value for name, value in CELL.items() if name not in ("initializers", "regularizers", "constraints")
    }
    copy = BasicRNNCell.from_config(cell)
    assert copy.get_config() == cell
    assert copy.initializers["W_aa"].gain == 0.5
    assert copy.regularizers["W_ax"].l2 == np.float32(0.01)
    assert copy.constraints["W_ya"].max_value == 3
    layer = BasicRNN(BasicRNNCell(**CELL), **LAYER)
    assert {name: layer.get_config()[name] for name in LAYER} == LAYER
    assert BasicRNN.from_config(layer.get_config()).get_config() == layer.get_config()


def shared_cell():
    cell, x = BasicRNNCell(4, 2), keras.Input((None, 3))
    both = [BasicRNN(cell, return_sequences=True, go_backwards=back, name=f"rnn_{back}") for back in (False, True)]
    return keras.Model(x, keras.layers.concatenate([layer(x) for layer in both]))


def test_a_cell_of_two_layers_is_one_cell_after_loading(rng, tmp_path):
    model, x = shared_cell(), rng.normal(size=(2, 5, 3))
    model.save(tmp_path / "model.keras")
    for _ in range(2):  # and each time one of its own
        loaded = keras.models.load_model(tmp_path / "model.keras")
        np.testing.assert_array_equal(loaded(x), model(x))
        one, other = (loaded.get_layer(f"rnn_{back}").cell for back in (False, True))
        assert one is other
        assert one is not model.get_layer("rnn_False").cell
        assert len(loaded.weights) == 6


def test_a_clone_with_cells_of_their_own_says_so():
    with pytest.warns(UserWarning, match="is shared by several layers; this copy has its own cell"):
        keras.models.clone_model(shared_cell())


def test_saving_weights_runs_nothing_of_the_model(tmp_path, monkeypatch):
    # Keras reads every property of a model when it saves it, and swallows what goes wrong in them.
    built = []
    monkeypatch.setattr(text_model, "one_step", built.append)
    vocabulary = krb.Vocabulary.of(["to be"])
    writer = krb.build_one_to_many(len(vocabulary), 4, vocabulary=vocabulary)
    for network in (writer, krb.build_many_to_many((3,), 4, 2), krb.build_encoder_decoder(9, 9, 4)):
        network.save_weights(tmp_path / "own.weights.h5")
    assert built == []
    writer._one_step()
    assert built == [writer]
