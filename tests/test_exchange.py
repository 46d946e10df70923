"""What comes from Keras or PyTorch gives the same answers and gradients, and goes back as it came."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from everyday import cases

import keras_rnn_basics as krb

B, T, N_X, N_A, N_Y = 3, 6, 4, 5, 2


def answers(layers, x, dense=None):
    """What x gives through the layers, one on top of the other."""
    for layer in layers if isinstance(layers, list) else [layers]:
        x = layer(x)
    return x if dense is None else dense(x)


def keras_layers(rng, both=False, depth=1, dense=True, **arguments):
    simple = [keras.layers.SimpleRNN(N_A, return_sequences=True, **arguments) for _ in range(depth)]
    layers = [keras.layers.Bidirectional(own) if both else own for own in simple]
    answer = keras.layers.Dense(N_Y) if dense else None
    answers(layers, np.zeros((B, T, N_X), "float32"), answer)
    for layer in [*layers, *([answer] if dense else [])]:
        layer.set_weights([rng.normal(scale=0.5, size=w.shape) for w in layer.get_weights()])
    return (layers if depth > 1 else layers[0]), answer


class Doubled(keras.layers.SimpleRNN):
    def call(self, sequences, initial_state=None, mask=None, training=False):
        return 2 * super().call(sequences, initial_state=initial_state, mask=mask, training=training)


@pytest.fixture
def x(rng):
    return rng.normal(size=(B, T, N_X)).astype("float32")


@pytest.mark.parametrize(
    ("both", "depth", "dense"),
    cases(
        itertools.product([False, True], [1, 2], [False, True]),
        [(False, 1, True), (False, 2, False), (True, 1, False), (True, 2, True)],
    ),
)
def test_a_simple_rnn_comes_and_goes_with_its_answers(rng, x, both, depth, dense):
    layers, answer = keras_layers(rng, both, depth, dense, activation="relu")
    want = answers(layers, x, answer)
    ours = krb.from_keras(layers, answer)
    np.testing.assert_allclose(answers(ours, x), want, atol=1e-5)
    back, answer_back = krb.to_keras(ours)
    np.testing.assert_allclose(answers(back, x, answer_back), want, atol=1e-5)


def test_what_comes_from_keras_trains_on_as_it_did_there(rng, x):
    simple, dense = keras_layers(rng, kernel_regularizer=keras.regularizers.L2(0.1))
    y = rng.normal(size=(B, T, N_Y)).astype("float32")
    theirs, ours = keras.Sequential([simple, dense]), keras.Sequential([krb.from_keras(simple, dense)])
    losses = []
    for model in (theirs, ours):
        model.compile(keras.optimizers.Adam(0.01), "mse", run_eagerly=True)
        losses.append([model.train_on_batch(x, y) for _ in range(20)])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    assert losses[0][-1] < 0.9 * losses[0][0]


def test_two_directions_that_differ_come_and_go_with_their_answers(rng, x):
    forward = keras.layers.SimpleRNN(N_A, activation="relu", return_sequences=True, go_backwards=True)
    backward = keras.layers.SimpleRNN(N_A, use_bias=False, return_sequences=True)
    layer = keras.layers.Bidirectional(forward, backward_layer=backward)
    want = layer(x)
    ours = krb.from_keras(layer)
    np.testing.assert_allclose(answers(ours, x), want, atol=1e-5)
    back, _ = krb.to_keras(ours)
    np.testing.assert_allclose(back(x), want, atol=1e-5)


@pytest.mark.parametrize("both", [False, True])
def test_a_stateful_layer_comes_and_goes_and_goes_on_from_its_last_state(rng, x, both):
    [layer, _] = keras_layers(rng, both, dense=False, stateful=True)
    ours = krb.from_keras(layer)
    back, _ = krb.to_keras(ours)
    layer.reset_states() if both else layer.reset_state()
    for _ in range(2):
        want = layer(x)
        np.testing.assert_allclose(ours(x), want, atol=1e-5)
        np.testing.assert_allclose(back(x), want, atol=1e-5)


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("frozen", ["layer", "dense", None])
def test_what_is_frozen_or_regularized_stays_so(rng, x, both, frozen):
    [simple, _], dense = keras_layers(rng, both, dense=False), keras.layers.Dense(N_Y, kernel_regularizer="l2")
    dense(simple(x))
    simple.trainable, dense.trainable = frozen != "layer", frozen != "dense"
    y = rng.normal(size=(B, T, N_Y)).astype("float32")
    theirs, ours = keras.Sequential([simple, dense]), keras.Sequential([krb.from_keras(simple, dense)])
    again = keras.Sequential(krb.to_keras(ours.layers[0]))  # there all of it learns
    losses = []
    for model in (theirs, ours, again):
        model.compile(keras.optimizers.Adam(0.01), "mse", run_eagerly=True)
        losses.append([model.train_on_batch(x, y) for _ in range(5)])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    if frozen is None:
        np.testing.assert_allclose(losses[0], losses[2], rtol=1e-5)


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("bias", [False, True])
def test_a_state_dict_of_pytorch_is_enough(rng, x, both, depth, bias):
    """The answers are those of the equations in numpy; PyTorch is not asked."""
    state = {}
    for k in range(depth):
        for suffix in ("", "_reverse") if both else ("",):
            n_x = N_X if k == 0 else N_A * (2 if both else 1)
            shapes = {"weight_ih": (N_A, n_x), "weight_hh": (N_A, N_A)}
            shapes |= {"bias_ih": (N_A,), "bias_hh": (N_A,)} if bias else {}
            state |= {f"{name}_l{k}{suffix}": rng.normal(scale=0.5, size=shape) for name, shape in shapes.items()}
    linear = {"weight": rng.normal(size=(N_Y, N_A * (2 if both else 1))), "bias": rng.normal(size=N_Y)}

    def read(x, name):
        a, states = np.zeros((B, N_A)), []
        for t in range(T):
            s = x[:, t] @ state[f"weight_ih{name}"].T + a @ state[f"weight_hh{name}"].T
            a = np.tanh(s + (state[f"bias_ih{name}"] + state[f"bias_hh{name}"] if bias else 0))
            states.append(a)
        return np.stack(states, axis=1)

    want = x
    for k in range(depth):
        forward = read(want, f"_l{k}")
        want = np.concatenate([forward, read(want[:, ::-1], f"_l{k}_reverse")[:, ::-1]], 2) if both else forward
    want = want @ linear["weight"].T + linear["bias"]
    np.testing.assert_allclose(answers(krb.from_torch(state, linear), x), want, atol=1e-5)


@pytest.mark.extra
def test_a_module_of_pytorch_comes_and_goes_with_its_answers_and_gradients(rng, x):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; `make test-all` installs it")
    module = torch.nn.RNN(N_X, N_A, 2, "relu", batch_first=True, bidirectional=True)
    linear = torch.nn.Linear(2 * N_A, N_Y)
    answer = linear(module(torch.tensor(x))[0])
    (answer**2).sum().backward()
    ours = krb.from_torch(module, linear)
    with tf.GradientTape() as tape:
        y = answers(ours, x)
        L = tf.reduce_sum(y**2)
    np.testing.assert_allclose(y, answer.detach(), atol=1e-5)
    cell = ours[0].forward_layer.cell
    W_aa, b_x = tape.gradient(L, [cell.W_aa.value, cell.b_x.value])
    np.testing.assert_allclose(W_aa, module.weight_hh_l0.grad.T, atol=1e-4)
    np.testing.assert_allclose(b_x, module.bias_ih_l0.grad, atol=1e-4)
    back, linear_back = krb.to_torch(ours)
    np.testing.assert_allclose(linear_back(back(torch.tensor(x))[0]).detach(), answer.detach(), atol=1e-5)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: krb.from_keras(keras.layers.SimpleRNN(3)), ValueError, "has no weights yet: build it"),
        (lambda: krb.from_keras(Doubled(3)), TypeError, "has a call of its own"),
        (lambda: krb.from_keras(keras.layers.GRU(3)), TypeError, "layer must be a keras.layers.SimpleRNN"),
        (
            lambda: from_dense(True, kernel_constraint="max_norm"),
            ValueError,
            "a regularizer or constraint of the whole",
        ),
        (lambda: from_dense(False, activity_regularizer="l2"), ValueError, "has an activity_regularizer"),
        (lambda: krb.from_torch({"weight_hh_l0": np.ones((12, 3))}), ValueError, "rnn must be a torch.nn.RNN"),
        (lambda: krb.from_torch(3), ValueError, r"its state_dict\(\), is needed, got 3"),
        (lambda: krb.to_keras(built(krb.LayerNormRNNCell(3))), ValueError, "must be a built BasicRNN of a BasicRNN"),
        (lambda: krb.to_keras(krb.BasicRNN(krb.BasicRNNCell(3))), ValueError, "must be a built BasicRNN"),
        (lambda: krb.to_keras(built(krb.BasicRNNCell(3, learned_initial_state=True))), ValueError, "begins at zero"),
    ],
)
def test_what_is_another_network_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def from_dense(both, **arguments):
    dense = keras.layers.Dense(2, **arguments)
    simple = keras.layers.SimpleRNN(3)
    layer = keras.layers.Bidirectional(simple) if both else simple
    layer.build((None, None, 2))
    dense.build((None, 6 if both else 3))
    return krb.from_keras(layer, dense)


def built(cell):
    layer = krb.BasicRNN(cell)
    layer.build((None, None, 2))
    return layer
