"""Builders with cells of others."""

import keras
import numpy as np
import pytest
from everyday import cases
from test_architectures import BUILDERS

import keras_rnn_basics as krb


@pytest.mark.parametrize(
    "cell",
    [keras.layers.GRUCell, keras.layers.LSTMCell, krb.BasicRNNCell, lambda n_a: krb.BasicRNNCell(n_a, output_units=2)],
)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_builder_takes_a_function_that_makes_the_cell(rng, cell, bidirectional):
    model = krb.build_many_to_many((3,), 5, 2, cell=cell, bidirectional=bidirectional, output_activation="softmax")
    rnn = model.get_layer("rnn_1")
    x = rng.normal(size=(4, 6, 3)).astype("float32")
    # The same weights in Keras' own layers.
    twin = keras.layers.RNN(cell(5), return_sequences=True)
    answers = getattr(twin.cell, "output_units", None)
    if bidirectional:
        twin = keras.layers.Bidirectional(twin, merge_mode="sum" if answers else "concat")
    twin.build(x.shape)
    twin.set_weights(rnn.get_weights())
    y = twin(x) if answers else model.get_layer("answer")(twin(x))
    np.testing.assert_allclose(model(x), keras.ops.softmax(y) if answers else y, atol=1e-5)


def test_what_a_cell_function_cannot_be_is_said():
    with pytest.raises(
        TypeError, match=r"a function of units that makes a cell, such as keras\.layers\.GRUCell, got <GRU"
    ):
        krb.build_many_to_many((3,), 5, 2, cell=keras.layers.GRUCell(5))
    with pytest.raises(TypeError, match=r"must make a cell.*got <Dense"):
        krb.build_many_to_many((3,), 5, 2, cell=keras.layers.Dense)
    with pytest.raises(ValueError, match="give dropout to the cell: cell=lambda units"):
        krb.build_many_to_many((3,), 5, 2, cell=keras.layers.GRUCell, dropout=0.1)
    with pytest.raises(ValueError, match="output_units=3, but the network has 2"):
        krb.build_many_to_many((3,), 5, 2, cell=lambda n_a: krb.BasicRNNCell(n_a, 3))
    same = keras.layers.GRUCell(5)
    with pytest.raises(ValueError, match="the same one for two layers"):
        krb.build_many_to_many((3,), [5, 5], 2, cell=lambda n_a: same)


@pytest.mark.parametrize("name", cases(BUILDERS, ["one_to_one", "many_to_one", "many_to_many", "one_to_many"]))
def test_what_a_builder_made_is_known_after_saving_and_cloning(name, tmp_path):
    model = BUILDERS[name]()
    model.save(tmp_path / "model.keras")
    for same in (model, keras.models.load_model(tmp_path / "model.keras"), keras.models.clone_model(model)):
        assert same.architecture.kind == name
