"""The cell, the layer, the losses and the builders under Keras' other backends, each in a process of its own."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECK = """
import sys
import keras
import matplotlib.pyplot as plt
import numpy as np
import oracle
import keras_rnn_basics as krb

assert keras.backend.backend() == sys.argv[1]
if sys.argv[1] == "jax":
    import jax

    jax.config.update("jax_default_matmul_precision", "highest")  # on a GPU as exact as on a CPU
else:
    import torch

    torch.backends.cudnn.allow_tf32 = False
rng = np.random.default_rng(0)
x = rng.normal(size=(4, 6, 3)).astype("float32")
mask = np.arange(6)[None] < np.array([6, 4, 1, 3])[:, None]
cell = krb.BasicRNNCell(5, 2)
rnn = krb.BasicRNN(cell, return_sequences=True)
rnn.build(x.shape)
cell.set_weights([rng.normal(scale=0.5, size=weight.shape) for weight in cell.get_weights()])
w = {name: keras.ops.convert_to_numpy(getattr(cell, name)) for name in cell.weight_names}

# The forward pass equals the oracle, masked and not.
for m in (None, mask):
    y = keras.ops.convert_to_numpy(rnn(x, mask=m))
    np.testing.assert_allclose(y, oracle.forward(w, x, mask=m)[0], atol=5e-5)

# One step of plain gradient descent moves every weight by the oracle's gradient.
y_true = rng.normal(size=(4, 6, 2)).astype("float32")
model = keras.Sequential([keras.Input((6, 3)), rnn])
model.compile(keras.optimizers.SGD(0.1), krb.SumOverTime("mean_squared_error"))
dy = 2 * (oracle.forward(w, x)[0] - y_true) / 2 / 4  # the mean over n_y = 2, the mean over B = 4
grads = oracle.backward(w, x, dy)
model.train_on_batch(x, y_true)
for name in cell.weight_names:
    moved = keras.ops.convert_to_numpy(getattr(cell, name))
    np.testing.assert_allclose(moved, w[name] - 0.1 * grads[name], atol=1e-4, err_msg=name)

# Every builder's network trains for one step, with dropout.
tokens = rng.integers(1, 9, size=(4, 6))
embedding = keras.layers.Embedding(9, 4, mask_zero=True)
loss = keras.losses.MeanSquaredError()
for network, inputs in (
    (krb.build_one_to_one((3,), 5, 2, dropout=0.1), x[:, 0]),
    (krb.build_many_to_one((), [5, 4], 2, frontend=embedding, bidirectional=True, recurrent_dropout=0.1), tokens),
    (krb.build_many_to_many((3,), [5, 4], 2, dropout=0.1), x),
    (krb.build_one_to_many(9, 5), tokens),
    (krb.build_encoder_decoder(9, 9, [5, 4]), [tokens, tokens]),
    (krb.build_encoder_decoder(9, 9, 5, attention=True), [tokens, tokens]),
):
    shape = network(inputs).shape
    network.compile("adam", krb.SumOverTime(loss) if len(shape) == 3 else loss)
    before = [np.array(weight) for weight in network.get_weights()]
    assert np.isfinite(network.train_on_batch(inputs, np.ones(shape)))
    assert any((a != b).any() for a, b in zip(before, network.get_weights()))

# Pictures and the page take this backend's tensors.
ax = plt.figure().gca()
krb.plot_per_step_loss(krb.per_step_loss(y_true, rnn(x), "mean_squared_error"), ax)
krb.plot_activations(rnn(x)[0], list("abcdef"), plt.figure().gca())
assert krb.write_page(model, x[:1], sys.argv[2], y_true[:1]).stat().st_size > 100_000

# One step after the other answers what the sequence does, masked and not.
x_in = keras.Input((None,), dtype="int32")
read = keras.layers.GRU(4, return_sequences=True)(keras.layers.Embedding(9, 3, mask_zero=True)(x_in))
tokens[1, 2:4] = 0
for network, sequence in (
    (keras.Model(x_in, keras.layers.LSTM(4, return_sequences=True)(read)), tokens),
    (krb.build_many_to_many((3,), [5, 4], 2), x),
):
    step, answers = krb.one_step(network), keras.ops.convert_to_numpy(network(sequence))
    states = step.begin(4)
    for t in range(6):
        y_t, *states = step([keras.ops.convert_to_tensor(sequence[:, t]), *states])
        np.testing.assert_allclose(keras.ops.convert_to_numpy(y_t), answers[:, t], atol=5e-5)

# What is no token and no class makes the numbers NaN that it would go into, and no others.
step = krb.build_many_to_many((), 5, 2, frontend=keras.layers.Embedding(9, 4))
y = keras.ops.convert_to_numpy(step(np.array([[1, 2, 3], [4, -1, 6], [7, 8, 9]])))
assert np.isnan(y).any(axis=-1).tolist() == [[False] * 3, [False, True, True], [False, False, True]]
for label, bad in ((1, False), (-1, True), (2, True)):
    for mask, counts in (None, True), ([[True, False]], False):
        y, p = np.array([[0, label]]), np.full((1, 2, 2), 0.5)
        costs = krb.per_step_loss(y, p, "sparse_categorical_crossentropy", mask)
        assert np.isnan(keras.ops.convert_to_numpy(costs)).tolist() == [False, bad and counts]
try:
    krb.build_one_to_many(9, 5).generate([[4]], 3)
except RuntimeError as error:
    assert str(error) == f"generate needs the TensorFlow backend of Keras, got {sys.argv[1]}."
    print("done")
"""


@pytest.mark.extra
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_forward_pass_and_one_training_step_equal_the_oracle(backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed; the package runs on it where it is")
    environment = os.environ | {
        "KERAS_BACKEND": backend,
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
    }
    (tmp_path / "check.py").write_text(CHECK)
    arguments = [sys.executable, str(tmp_path / "check.py"), backend, str(tmp_path / "page.html")]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "done"
