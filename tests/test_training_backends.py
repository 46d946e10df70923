"""`fit` on JAX and PyTorch, where an epoch is that of Keras' own loop, in a process of its own."""

import importlib.util
import os
import subprocess
import sys

import pytest

SCRIPT = """
import sys
import keras
import numpy as np
import keras_rnn_basics as krb

assert keras.backend.backend() == sys.argv[1]
from keras_rnn_basics.training.devices import find_device

rng = np.random.default_rng(0)
N, B, EPOCHS = 22, 4, 3
x = rng.normal(size=(N, 4, 3)).astype("float32")
y = x.sum(axis=(1, 2))[:, None]

def build():
    model = krb.build_many_to_one((3,), 4, 1)
    model.compile(keras.optimizers.Adam(1e-2), "mean_squared_error", metrics=["mae"])
    return model

keras.utils.set_random_seed(5)
model, losses = build(), {"loss": [], "val_loss": []}
for epoch in range(EPOCHS):
    order = np.random.default_rng((5, epoch)).permutation(N)
    history = model.fit(
        x[order], y[order], batch_size=B, shuffle=False, validation_data=(x[:7], y[:7]), verbose=0
    ).history
    for name, values in losses.items():
        values += history[name]

class Stop(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise RuntimeError("stopped here")

arguments = {"epochs": EPOCHS, "batch_size": B, "seed": 5, "verbose": 0}
try:
    krb.fit(build, (x, y), (x[:7], y[:7]), sys.argv[2], callbacks=[Stop()], **arguments)
except RuntimeError as error:
    assert str(error) == "stopped here"
run = krb.fit(build, (x, y), (x[:7], y[:7]), sys.argv[2], **arguments)
assert run.device == find_device("auto")
for name, values in losses.items():
    np.testing.assert_allclose(run.history[name], values, rtol=1e-5 if run.device == "cpu:0" else 1e-3)
for own, other in zip(run.model.get_weights(), model.get_weights()):
    np.testing.assert_allclose(own, other, atol=1e-6 if run.device == "cpu:0" else 1e-3)
if sys.argv[1] == "jax":
    try:
        krb.fit(build, (x, y), (x[:7], y[:7]), sys.argv[2] + "64", precision="float64")
        raise AssertionError("no error")
    except ValueError as error:
        assert "not to be had on JAX" in str(error)
# Tensors that have gradients, or are on a GPU, are data too.
tensors = keras.ops.convert_to_tensor(x), keras.ops.convert_to_tensor(y)
again = krb.fit(build, tensors, (x[:7], y[:7]), sys.argv[2] + "tensors", **arguments)
np.testing.assert_allclose(again.history["loss"], run.history["loss"], rtol=0 if run.device == "cpu:0" else 1e-3)
del arguments["seed"]
runs = krb.fit_ensemble(build, (x, y), (x[:7], y[:7]), sys.argv[2], seeds=[5, 6], **arguments)
assert run.device != "cpu:0" or runs[0].history == run.history
assert runs[0].history != runs[1].history
print("done")
"""


@pytest.mark.extra
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_it_equals_keras_fit_of_the_same_order_and_goes_on_after_an_end(backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed; the package runs on it where it is")
    environment = os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": os.pathsep.join(sys.path)}
    arguments = [sys.executable, "-c", SCRIPT, backend, str(tmp_path / "run")]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.splitlines()[-1] == "done"
