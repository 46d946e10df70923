"""Two logical CPUs against one, in a process of their own: TensorFlow cuts a CPU in two only before its first use."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

SCRIPT = """
import json, sys
import numpy as np
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
import keras
import keras_rnn_basics as krb

rng = np.random.default_rng(0)
N, T, K = 22, 4, 3
x, classes = rng.normal(size=(N, T, 2)).astype("float32"), rng.integers(K, size=(N, T))
y = x.sum(axis=(1, 2))[:, None]

def build_steps():
    model = krb.build_many_to_many((2,), 4, K, output_activation="softmax")
    loss = krb.SumOverTime("sparse_categorical_crossentropy")
    model.compile(keras.optimizers.SGD(0.05), loss, metrics=["accuracy"])
    return model

def build_last():
    cell = krb.BasicRNNCell(4, 1, regularizers={"W_aa": keras.regularizers.L2(0.1)})
    model = keras.Sequential([keras.Input((T, 2)), krb.BasicRNN(cell)])
    model.compile(keras.optimizers.Adam(1e-2), "mean_squared_error", metrics=["mae"])
    return model

def build_stateful(strategy):
    B = 4 if strategy is None else 2  # that of a replica
    layer = krb.BasicRNN(krb.BasicRNNCell(4, K, output_activation="softmax"), return_sequences=True, stateful=True)
    model = keras.Sequential([keras.Input(batch_shape=(B, None, 2)), layer])
    model.compile(keras.optimizers.SGD(0.05), krb.SumOverTime("sparse_categorical_crossentropy"))
    return model

def batches(*data):
    return tf.data.Dataset.from_tensor_slices(data).batch(5)

# One for all: a second one would use the numbers of the first one's collective operations again.
mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

def fit(build, data, strategy):
    folder = f"{sys.argv[1]}/{len(told)}_{strategy is None}"
    run = krb.fit(build, data, data, folder, epochs=2, batch_size=5, verbose=0, strategy=strategy)
    return [run.history, [weight.tolist() for weight in run.model.get_weights()]]

def keras_fit(strategy):
    with strategy.scope():
        keras.utils.set_random_seed(0)
        model = build_steps()
    history = model.fit(x[:20], classes[:20], batch_size=5 - 1, epochs=2, shuffle=False, verbose=0)
    return [history.history, [weight.tolist() for weight in model.get_weights()]]

told = []
chunks = tf.data.Dataset.from_tensor_slices((x[:20], classes[:20])).batch(4)
told.append([fit(lambda: build_stateful(strategy), chunks, strategy) for strategy in (mirrored, None)])
for build, data in [
    (build_steps, (x, classes)), (build_last, (x, y)), (build_last, (x, y, np.linspace(0.5, 2, N))),
    (build_last, batches(x, y.astype("float32"))),
]:
    told.append([fit(build, data, strategy) for strategy in (mirrored, None)])
told.append([keras_fit(strategy) for strategy in (mirrored, tf.distribute.get_strategy())])
print(json.dumps(told))
"""

CASES = [
    "a stateful network",
    "arrays, a sum over time",
    "arrays",
    "arrays, weights",
    "a Dataset",
    "SumOverTime in Keras' own fit",
]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    command = [sys.executable, "-c", SCRIPT, str(tmp_path_factory.mktemp("runs"))]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})
    assert done.returncode == 0, done.stderr[-4000:]
    return dict(zip(CASES, json.loads(done.stdout.splitlines()[-1])))


@pytest.mark.long  # ten trainings in a process of its own, which has two devices
@pytest.mark.parametrize("case", CASES)
def test_two_devices_come_to_the_weights_and_the_log_of_one(told, case):
    # 22 examples in batches of 5: the replicas' parts are of different sizes, the last batch has 2.
    (history, weights), (history_of_one, weights_of_one) = told[case]
    assert history.keys() == history_of_one.keys()
    for name, values in history.items():
        np.testing.assert_allclose(values, history_of_one[name], rtol=1e-5, atol=1e-6)
    for own, other in zip(weights, weights_of_one):
        np.testing.assert_allclose(own, other, atol=1e-5)
