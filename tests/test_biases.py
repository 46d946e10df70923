"""b_x and b_a are two biases of one sum: with b_x fixed the cell trains as Keras' own does."""

import itertools

import keras
import numpy as np
import pytest
from everyday import cases

import keras_rnn_basics as krb


def trained(rng, layers, weights, steps=20):
    """The weights after so many Adam steps on made-up batches."""
    model = keras.Sequential([keras.Input((None, 3)), *layers])
    model.set_weights(weights)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    for _ in range(steps):
        model.train_on_batch(rng.normal(size=(8, 5, 3)).astype("float32"), rng.normal(size=(8, 5, 2)))
    return model.get_weights()


def simple_rnn_and_dense(*weights):
    """The same weights after the same training of Keras' own layers; computed once."""
    if not KERAS:
        simple = [keras.layers.SimpleRNN(4, return_sequences=True), keras.layers.Dense(2)]
        KERAS.extend(trained(np.random.default_rng(1), simple, list(weights)))
    return KERAS


KERAS = []
LOOPS = {"plain": {"recurrence": "plain"}, "per_core": {"recurrence": "per_core"}, "remat": {"remat": True}}


@pytest.mark.parametrize(
    ("loop", "frozen"),
    cases(
        itertools.product(LOOPS, [("b_x",), ()]),
        [("per_core", ("b_x",))],
    ),
)
def test_training_equals_simple_rnn_and_dense_where_b_x_is_fixed(loop, frozen):
    rng = np.random.default_rng(0)
    W_aa, W_ax, W_ya, b_a, b_x, b_y = (
        0.4 * rng.normal(size=shape).astype("float32") for shape in [(4, 4), (3, 4), (4, 2), (4,), (4,), (2,)]
    )
    cell = krb.BasicRNNCell(4, 2, frozen=frozen)
    rnn = krb.BasicRNN(cell, return_sequences=True, **LOOPS[loop])
    # Keras puts what learns before what does not.
    own = [W_aa, W_ax, W_ya, b_a, *([b_y, b_x] if frozen else [b_x, b_y])]
    trained(np.random.default_rng(1), [rnn], own)
    expected = simple_rnn_and_dense(W_ax, W_aa, b_x + b_a, W_ya, b_y)
    ours = [cell.W_ax, cell.W_aa, cell.b_x + cell.b_a, cell.W_ya, cell.b_y]
    apart = max(np.abs(np.asarray(mine) - theirs).max() for mine, theirs in zip(ours, expected))
    if frozen:
        assert apart < 1e-6
    else:
        assert apart > 1e-3  # two biases of one sum move twice as fast as one


def test_a_frozen_weight_keeps_its_value_and_the_others_learn():
    cell = krb.BasicRNNCell(4, 2, frozen=("W_aa", "W_ax", "b_x", "b_a"))  # an echo-state network
    rnn = krb.BasicRNN(cell, return_sequences=True)
    rnn.build((None, None, 3))
    before = {name: np.asarray(getattr(cell, name)) for name in cell.weight_names}
    trained(np.random.default_rng(1), [rnn], rnn.get_weights(), steps=3)
    moved = [name for name in cell.weight_names if np.abs(before[name] - getattr(cell, name)).max() > 0]
    assert moved == ["W_ya", "b_y"]


def test_an_unknown_frozen_weight_is_an_error_that_lists_the_known():
    with pytest.raises(ValueError, match=r"frozen names \['b'\], but the weights of this cell are \['W_aa', 'W_ax'"):
        krb.BasicRNNCell(4, frozen=("b",))
    with pytest.raises(ValueError, match=r'frozen must be a tuple of names such as \("b_x",\)'):
        krb.BasicRNNCell(4, frozen="b_x")
