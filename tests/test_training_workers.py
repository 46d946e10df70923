"""Two processes on this machine that train one network, against one process."""

import json
import os
import signal
import socket
import subprocess
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import keras_rnn_basics as krb
from keras_rnn_basics.training.workers import Workers

SCRIPT = """
import json, os, signal, sys
import tensorflow as tf
strategy = tf.distribute.MultiWorkerMirroredStrategy() if "TF_CONFIG" in os.environ else None
import keras
import numpy as np
import keras_rnn_basics as krb

index, mode, out = strategy.cluster_resolver.task_id if strategy else 0, *sys.argv[1:3]
rng = np.random.default_rng(0)
N, T, K = 22, 4, 3
x, classes = rng.normal(size=(N, T, 2)).astype("float32"), rng.integers(K, size=(N, T))
y = x.sum(axis=(1, 2))[:, None]

def build_steps():
    model = krb.build_many_to_many((2,), 4, K, output_activation="softmax")
    loss = krb.SumOverTime("sparse_categorical_crossentropy")
    model.compile(keras.optimizers.SGD(0.05), loss, metrics=["accuracy"])
    return model

def build_last(dropout=0.0, n_x=2):
    cell = krb.BasicRNNCell(4, 1, dropout=dropout, regularizers={"W_aa": keras.regularizers.L2(0.1)})
    model = keras.Sequential([keras.Input((T, n_x)), krb.BasicRNN(cell)])
    model.compile(keras.optimizers.Adam(1e-2), "mean_squared_error", metrics=["mae"])
    return model

def build_masked():
    # Keras' mean over the steps that count, of which the workers have unlike many, and a gradient that is clipped.
    read = keras.layers.Masking(), krb.BasicRNN(krb.BasicRNNCell(4, K, output_activation="softmax"), True)
    model = keras.Sequential([keras.Input((T, 2)), *read])
    optimizer = keras.optimizers.SGD(0.5, clipnorm=0.1)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model

def build_two():
    # Two answers, each with a loss of its own in the log, and a metric that Keras would number.
    inputs = keras.Input((T, 2))
    a, a_T = krb.BasicRNN(krb.BasicRNNCell(4), return_sequences=True, return_state=True)(inputs)
    answers = {"steps": keras.layers.Dense(K, activation="softmax")(a), "whole": keras.layers.Dense(1)(a_T)}
    model = keras.Model(inputs, answers)
    losses = {"steps": krb.SumOverTime("sparse_categorical_crossentropy"), "whole": "mean_squared_error"}
    model.compile(keras.optimizers.SGD(0.05), losses, metrics={"whole": keras.metrics.MeanAbsoluteError()})
    return model

def build_stateful():
    B = 4 // (strategy.num_replicas_in_sync if strategy else 1)
    layer = krb.BasicRNN(krb.BasicRNNCell(4, K, output_activation="softmax"), return_sequences=True, stateful=True)
    model = keras.Sequential([keras.Input(batch_shape=(B, None, 2)), layer])
    model.compile(keras.optimizers.SGD(0.05), krb.SumOverTime("sparse_categorical_crossentropy"))
    return model

class End(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 3 and index == 1:
            os.kill(os.getpid(), int(mode))

class Stop(keras.callbacks.Callback):
    # On one of them only, after its second epoch.
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = index == 1 and epoch == 1

def fit(name, build, data, callbacks=(), **arguments):
    run = krb.fit(
        build, data, data, f"{out}/{name}", batch_size=5, seed=5, verbose=0, strategy=strategy, callbacks=callbacks,
        **{"epochs": 5, **arguments},
    )
    return {"history": run.history, "weights": [weight.tolist() for weight in run.model.get_weights()]}

def refused(name, train, validation, **arguments):
    try:
        build = lambda: build_last(n_x=train[0].shape[-1])
        krb.fit(build, train, validation, f"{out}/{name}", verbose=0, strategy=strategy, **arguments)
    except ValueError as error:
        return str(error)

told = {}
if mode == "other calls":
    own = index + 1  # of each worker another number
    print(json.dumps([
        refused("a", (own * x, y), (x, y)),
        refused("b", (x, y), (own * x, y)),
        refused("c", (x, y), (x, y), epochs=own, batch_size=own),
        # Where the strategy would make variables of other shapes.
        refused("d", (x[:, :, :own], y), None),
    ]), flush=True)
    if index == 1:
        os.kill(os.getpid(), signal.SIGSTOP)
ending = [End()] if mode.isdigit() else []
told["dropped"] = fit("dropped", lambda: build_last(0.3), (x, y), ending)
if mode == "all":
    batches = tf.data.Dataset.from_tensor_slices((x, y.astype("float32"))).batch(5)
    told["a sum over time"] = fit("a", build_steps, (x, classes))
    told["weights"] = fit("b", build_last, (x, y, np.linspace(0.5, 2, N)))
    padded = x[:21] * (np.arange(T) < rng.integers(1, T + 1, size=21)[:, None])[..., None]
    told["a worker without examples"] = fit("i", build_masked, (padded, classes[:21]))
    told["a Dataset"] = fit("c", build_last, batches)
    told["a stateful network"] = fit(
        "h", build_stateful, tf.data.Dataset.from_tensor_slices((x[:20], classes[:20])).batch(4)
    )
    told["two answers"] = fit("j", build_two, (x, {"steps": classes, "whole": y}))
    told["minutes"] = fit("d", build_last, (x, y), minutes=0.02, epochs=10**6, patience=10**6)
    told["stopped"] = fit("e", build_last, (x, y), [Stop()])
    told["ensemble"] = [
        run.history for run in krb.fit_ensemble(
            build_steps, (x, classes), None, f"{out}/f", seeds=[5, 6], epochs=2, verbose=0, strategy=strategy
        )
    ]
    run = krb.fit(build_last, (x, y), None, f"{out}/g", epochs=1, verbose=0, strategy=strategy)
    if run.chief:
        krb.export_saved_model(run.model, f"{out}/exported")
        told["exported"] = krb.load_saved_model(f"{out}/exported")(x).numpy().tolist()
    told["predicted"] = run.model.predict(x, verbose=0).tolist()
print(json.dumps(told))
"""

ALIKE = ["a sum over time", "weights", "a worker without examples", "a Dataset", "a stateful network", "two answers"]


def free_ports(number):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [own.getsockname()[1] for own in sockets]
    for own in sockets:
        own.close()
    return ports


def start(mode, folder, ports=()):
    """The processes of a run: one worker at each port, or a process alone."""
    addresses, processes = [f"127.0.0.1:{port}" for port in ports], []
    for index in range(max(1, len(ports))):
        task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | ({"TF_CONFIG": json.dumps(task)} if ports else {})
        command = [sys.executable, "-c", SCRIPT, mode, str(folder)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        processes.append(subprocess.Popen(command, env=environment, text=True, **pipes))
    return processes


def end(processes):
    """What each of them printed last, its errors, and its status."""
    ended = [(process.communicate(timeout=400), process.returncode) for process in processes]
    return [SimpleNamespace(out=out, err=err, status=status) for (out, err), status in ended]


def results(processes):
    ended = end(processes)
    assert [own.status for own in ended] == [0] * len(ended), ended[-1].err[-3000:] + ended[0].err[-3000:]
    return [json.loads(own.out.splitlines()[-1]) for own in ended]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Of both workers, and of one process alone; run once for all the processes that share the tests."""
    import fcntl  # which Windows does not have

    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    written = folder / "told_by_workers.json"
    with open(folder / "told_by_workers.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the others wait here
        if not written.exists():
            together = start("all", tmp_path_factory.mktemp("two"), free_ports(2))
            alone = start("all", tmp_path_factory.mktemp("one"))
            written.write_text(json.dumps([*results(together), *results(alone)]))
    return json.loads(written.read_text())


def assert_equal(one, other):
    assert one["history"].keys() == other["history"].keys()
    for name, values in one["history"].items():
        np.testing.assert_allclose(values, other["history"][name], rtol=1e-5, atol=1e-6)
    for own, others in zip(one["weights"], other["weights"]):
        np.testing.assert_allclose(own, others, atol=1e-5)


@pytest.mark.distributed
@pytest.mark.parametrize("case", ALIKE)
def test_two_workers_come_to_the_weights_and_the_log_of_one_process(told, case):
    # 22 examples in batches of 5: the workers' parts are of different sizes, the last batch has 2. Of 21 it has 1.
    first, second, alone = (own[case] for own in told)
    assert first == second
    assert_equal(first, alone)


@pytest.mark.distributed
def test_what_a_clock_or_one_worker_decides_all_of_them_do(told):
    first, second, _ = told
    assert first["minutes"] == second["minutes"]
    rates = first["minutes"]["history"]["learning_rate"]
    assert len(rates) < 10**6
    assert max(rates) < 1e-2  # what it was compiled with
    assert sorted(rates, reverse=True) == rates
    assert len(first["stopped"]["history"]["loss"]) == len(second["stopped"]["history"]["loss"]) == 2


@pytest.mark.distributed
def test_an_ensemble_trains_so_too(told):
    first, second, alone = (own["ensemble"] for own in told)
    assert first == second
    for one, other in zip(first, alone, strict=True):
        np.testing.assert_allclose(one["loss"], other["loss"], rtol=1e-5)


@pytest.mark.distributed
def test_every_worker_gets_an_ordinary_model_and_the_chief_alone_exports_it(told):
    first, second, _ = told
    np.testing.assert_allclose(first["exported"], first["predicted"], atol=1e-6)
    assert first["predicted"] == second["predicted"]
    assert "exported" not in second


def assert_names_worker_1(survivor):
    assert survivor.status == 1
    assert "RuntimeError: No answer from worker 1 (127.0.0.1:" in survivor.err
    assert "Start all workers again with the same call" in survivor.err


@pytest.mark.distributed
def test_a_worker_that_is_asked_to_end_ends_the_others_and_the_run_goes_on_as_if_unbroken(told, tmp_path):
    for own in end(start(str(int(signal.SIGTERM)), tmp_path, free_ports(2))):
        assert own.status == 128 + signal.SIGTERM
        assert "Interrupted in epoch 4: the state after epoch 3 is in" in own.out
    first, second = results(start("", tmp_path, free_ports(2)))
    assert first["dropped"] == second["dropped"] == told[0]["dropped"]


@pytest.mark.distributed
def test_a_killed_worker_a_hanging_one_and_one_with_another_call_are_named(told, tmp_path):
    # Two runs at once on this machine, which do not disturb each other.
    killed_in = start(str(int(signal.SIGKILL)), tmp_path / "killed", free_ports(2))
    first, hanging = start("other calls", tmp_path / "hung", free_ports(2))
    try:
        [survivor] = end([first])
    finally:
        hanging.kill()
    [hung] = end([hanging])
    refused, refused_too = (json.loads(own.out.splitlines()[0]) for own in (survivor, hung))
    assert refused == refused_too
    differing = ["training data", "validation data", "epochs, batch_size", "training data, first weights"]
    for message, own in zip(refused, differing, strict=True):
        assert message.startswith("Worker 1 (127.0.0.1:")
        assert message.endswith(f"differs from worker 0 in its {own}: every worker has to make the same call of fit.")
    assert_names_worker_1(survivor)

    survivor, killed = end(killed_in)
    assert killed.status == -signal.SIGKILL
    assert_names_worker_1(survivor)
    first, second = results(start("", tmp_path / "killed", free_ports(2)))
    assert first["dropped"] == second["dropped"] == told[0]["dropped"]


def test_without_a_cluster_there_is_one_worker_which_asks_nobody():
    alone = Workers(None)
    assert alone.chief
    assert alone.any_of(True)
    assert not alone.any_of(False)
    assert alone.of_chief(2.5) == 2.5
    assert alone.silent() == []
    alone.insist_on_one({"epoch": 3}, "another epoch")


def test_the_chief_of_a_cluster_with_a_job_of_that_name_is_its_first_worker():
    def worker(job, number):
        jobs = {"chief": ["a:1"], "worker": ["b:1", "c:1"]}
        spec = SimpleNamespace(as_dict=lambda: jobs)
        resolver = SimpleNamespace(cluster_spec=lambda: spec, task_type=job, task_id=number)
        return Workers(SimpleNamespace(cluster_resolver=resolver))

    assert worker("chief", 0).chief
    assert [worker("worker", n).index for n in (0, 1)] == [1, 2]
    assert worker("worker", 1).addresses == ["a:1", "b:1", "c:1"]


@pytest.mark.long
def test_under_a_strategy_the_model_that_is_handed_back_is_an_ordinary_one(tmp_path, x):
    import tensorflow as tf

    def build():
        model = krb.build_many_to_one((3,), 2, 1)
        model.compile("sgd", "mean_squared_error")
        return model

    y = x.sum(axis=(1, 2))[:, None]
    strategy = tf.distribute.OneDeviceStrategy("cpu:0")
    run = krb.fit(build, (x, y), (x, y), tmp_path / "a", epochs=2, verbose=0, strategy=strategy)
    other = krb.fit(build, (x, y), (x, y), tmp_path / "b", epochs=2, verbose=0)
    assert run.model.distribute_strategy.num_replicas_in_sync == 1
    assert not isinstance(run.model.distribute_strategy, type(strategy))
    assert run.history == other.history
    np.testing.assert_allclose(run.model.predict(x, verbose=0), other.model.predict(x, verbose=0), atol=1e-6)
    assert keras.ops.convert_to_numpy(run.model.evaluate(x, y, verbose=0)) == pytest.approx(run.history["val_loss"][-1])
