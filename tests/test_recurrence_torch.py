"""PyTorch's fused loop against the plain one of Keras on PyTorch, in a process of its own. On a GPU it is cuDNN's."""

import importlib.util
import os
import subprocess
import sys

import pytest

CHECK = """
import warnings
import keras
import numpy as np
import torch
import keras_rnn_basics as krb

gpu = torch.cuda.is_available()
device = "cuda" if gpu else "cpu"
where = "cuDNN's loop on a GPU" if gpu else "PyTorch's own loop on a CPU"
torch.backends.cudnn.allow_tf32 = False
warnings.simplefilter("error")

rng = np.random.default_rng(0)
x = rng.normal(size=(4, 6, 3)).astype("float32")
steps = np.arange(6)[None]
masks = {
    "none": None,
    "right": steps < np.array([6, 4, 1, 3])[:, None],
    "left": steps >= np.array([0, 4, 1, 3])[:, None],
    "an empty row": steps < np.array([6, 4, 0, 3])[:, None],
}

def outcome(route, mask, activation, **arguments):
    keras.utils.set_random_seed(1)
    cell = krb.BasicRNNCell(5, 2, activation=activation, dropout=0.3, initializers={"b_x": "ones", "b_a": "ones"})
    rnn = krb.BasicRNN(cell, return_state=True, recurrence=route, **arguments)
    a_0 = torch.full((4, 5), 0.5, device=device, requires_grad=True)
    given = torch.tensor(x, device=device, requires_grad=True), a_0
    mask = None if mask is None else torch.tensor(mask, device=device)
    y, a_T = rnn(given[0], initial_state=given[1], mask=mask, training=True)
    (y**2).sum().add((a_T**3).sum()).backward()
    gradients = [own.grad for own in given] + [weight.value.grad for weight in cell.trainable_weights]
    assert len(gradients) == 8
    return rnn.recurrence_route, [y, a_T, *gradients]

for activation in ("tanh", "relu", torch.tanh):
    for mask in masks.values():
        for arguments in ({"return_sequences": True}, {"return_sequences": True, "go_backwards": True}, {}):
            route, fused = outcome("auto", mask, activation, **arguments)
            assert route.startswith(f"cudnn: {where}, "), route
            told, plain = outcome("plain", mask, activation, **arguments)
            assert told == "plain: asked for"
            for own, other in zip(fused, plain):
                own, other = own.detach().cpu(), other.detach().cpu()
                np.testing.assert_allclose(own, other, rtol=1e-4, atol=1e-4 if gpu else 1e-5)

# Whether it is that loop that ran: the plain one is not called for padding on the right.
from keras_rnn_basics.recurrence import plain
called = []
run, plain.run = plain.run, lambda *arguments: called.append(1) or run(*arguments)
for name, number in (("none", 0), ("right", 0), ("left", 1), ("an empty row", 2)):
    outcome("cudnn", masks[name], "tanh")
    assert len(called) == number, name

# What it cannot run goes the plain way: silently under "auto", with a warning where it was asked for.
for cell, reason in (
    (krb.BasicRNNCell(5, activation="gelu"), "cudnn needs tanh, relu, not gelu"),
    (krb.LayerNormRNNCell(5), "cudnn needs the step g(z_t + a W_aa), which LayerNormRNNCell replaces"),
):
    rnn = krb.BasicRNN(cell)
    rnn(x)
    assert rnn.recurrence_route == f"plain: {reason}", rnn.recurrence_route
half = krb.BasicRNN(krb.BasicRNNCell(5, dtype="mixed_float16"))
half(x)
expected = f"cudnn: {where}, tanh, float16" if gpu else "plain: cudnn needs a GPU for float16"
assert half.recurrence_route == expected, half.recurrence_route
try:
    krb.BasicRNN(krb.BasicRNNCell(5, activation="gelu"), recurrence="cudnn")(x)
except UserWarning as warning:
    assert "runs the plain loop: cudnn needs tanh, relu, not gelu" in str(warning)
    print("done")
"""


@pytest.mark.extra
def test_it_gives_the_values_and_all_gradients_of_the_plain_loop(tmp_path):
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed; the package runs on it where it is")
    environment = os.environ | {"KERAS_BACKEND": "torch", "PYTHONPATH": os.pathsep.join(sys.path)}
    (tmp_path / "check.py").write_text(CHECK)
    command = [sys.executable, str(tmp_path / "check.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "done"
