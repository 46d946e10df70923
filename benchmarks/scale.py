"""What several workers gain: two processes of a core each beside one, and on paper up to 64 machines.

    python benchmarks/scale.py

Each worker trains on its own 64 sequences a step (weak scaling: two workers take 128), with `krb.fit` under
MultiWorkerMirroredStrategy, pinned to a core of its own. The efficiency is the time of a step of one worker over that
of two. The all-reduce of the gradients is timed alone as well, over the same connection. From these, a model of N
workers:

    t(N) = t(1) + 2 (N - 1)/N · bytes / bandwidth + 2 (N - 1) · latency

which is a ring all-reduce that begins when the backward pass has ended. `--picture` draws it.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time

B, T, N_X, N_Y = 64, 100, 64, 64
STEPS, EPOCHS = 6, 5
NETWORKS = {"10 Gb/s": 10e9 / 8, "100 Gb/s": 100e9 / 8}  # bytes a second
LATENCY = 50e-6  # seconds of a message, an assumption
WORKERS = (1, 2, 4, 8, 16, 32, 64)


def work(n_a):
    """One worker: prints the seconds of a training step, and of an all-reduce of as many bytes."""
    import tensorflow as tf

    strategy = tf.distribute.MultiWorkerMirroredStrategy()

    import tempfile

    import keras
    import numpy as np

    import keras_rnn_basics as krb

    laps = []

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.began = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            laps.append((time.perf_counter() - self.began) / STEPS)

    def build():
        model = krb.build_many_to_many((N_X,), n_a, N_Y, output_activation="softmax")
        # All steps of an epoch in one call.
        loss = krb.SumOverTime("sparse_categorical_crossentropy")
        model.compile(keras.optimizers.SGD(1e-3), loss, steps_per_execution=STEPS)
        return model

    batch, rng = B * strategy.num_replicas_in_sync, np.random.default_rng(0)
    x = rng.normal(size=(STEPS * batch, T, N_X)).astype("float32")
    y = rng.integers(N_Y, size=x.shape[:2])
    folder = os.environ.get("FOLDER") or tempfile.mkdtemp()
    run = krb.fit(
        build, (x, y), None, folder, epochs=EPOCHS, batch_size=batch, verbose=0, callbacks=[Clock()], strategy=strategy
    )
    bytes_a_step = 4 * run.model.count_params()

    @tf.function
    def all_reduce(vector):
        return strategy.run(
            lambda own: tf.distribute.get_replica_context().all_reduce("sum", own + 0.0), args=(vector,)
        )

    reduced, vector = [], tf.zeros(run.model.count_params())
    for _ in range(12):
        began = time.perf_counter()
        strategy.experimental_local_results(all_reduce(vector))[0].numpy()
        reduced.append(time.perf_counter() - began)
    told = statistics.median(laps[1:]), statistics.median(reduced[2:]), bytes_a_step
    print(json.dumps(told), flush=True)


def race(n_a, workers, folder):
    """(seconds a step, seconds of an all-reduce, bytes) of the slowest of so many workers, on a core each."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(workers)]
    addresses = [f"127.0.0.1:{own.getsockname()[1]}" for own in sockets]
    for own in sockets:
        own.close()
    cores, processes = sorted(os.sched_getaffinity(0)), []
    for index in range(workers):
        task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        own = {"TF_CONFIG": json.dumps(task)} if workers > 1 else {}
        threads = {"TF_NUM_INTRAOP_THREADS": "1", "OMP_NUM_THREADS": "1"}
        environment = os.environ | own | threads | {"TF_CPP_MIN_LOG_LEVEL": "3", "FOLDER": folder}
        core = cores[index % len(cores)]
        command = ["taskset", "-c", str(core), sys.executable, __file__, "--worker", str(n_a)]
        processes.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
    outs = [process.communicate()[0] for process in processes]
    told = [json.loads(out.splitlines()[-1]) for out in outs]
    return tuple(max(column) for column in zip(*told))


def on_paper(step, bytes_a_step, bandwidth, workers):
    """The efficiency of so many workers: t(1) / t(N)."""
    sent = 2 * (workers - 1) / workers * bytes_a_step / bandwidth
    return step / (step + sent + 2 * (workers - 1) * LATENCY)


def main(sizes=(128, 512, 1024), rounds=3, picture=None):
    import tempfile

    rows = {}
    print(f"B = {B} for each worker, T = {T}, n_x = {N_X}, n_y = {N_Y}; medians of {rounds} turns")
    print(f"{'n_a':>5} {'1 worker':>10} {'2 workers':>10} {'efficiency':>10} {'MB a step':>10} {'all-reduce':>10}")
    for n_a in sizes:
        turns = [[race(n_a, workers, tempfile.mkdtemp()) for workers in (1, 2)] for _ in range(rounds)]
        one, two, reduced = (
            statistics.median(pick(turn) for turn in turns)
            for pick in (lambda t: t[0][0], lambda t: t[1][0], lambda t: t[1][1])
        )
        efficiency = statistics.median(turn[0][0] / turn[1][0] for turn in turns)
        size = turns[0][1][2]
        rows[n_a] = one, size
        times = f"{one * 1e3:7.1f} ms {two * 1e3:7.1f} ms"
        print(f"{n_a:5} {times} {efficiency:10.2f} {size / 1e6:10.2f} {reduced * 1e3:7.1f} ms", flush=True)
    print(f"\nOn paper, a ring all-reduce that does not overlap the step, {LATENCY * 1e6:.0f} µs a message:")
    print(f"{'n_a':>5} {'network':>9} " + " ".join(f"{workers:>5}" for workers in WORKERS) + "  workers")
    for n_a, (step, size) in rows.items():
        for name, bandwidth in NETWORKS.items():
            shares = " ".join(f"{on_paper(step, size, bandwidth, workers):5.2f}" for workers in WORKERS)
            print(f"{n_a:5} {name:>9} {shares}")
    if picture:
        draw(rows, picture)


def draw(rows, path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for color, (n_a, (step, size)) in enumerate(rows.items()):
        for (name, bandwidth), line in zip(NETWORKS.items(), ("--", "-")):
            shares = [on_paper(step, size, bandwidth, workers) for workers in WORKERS]
            ax.plot(WORKERS, shares, line, color=f"C{color}", label=f"$n_a$ = {n_a}, {name}")
    ax.set(xlabel="workers", ylabel="efficiency", ylim=(0, 1.02), xscale="log")
    ax.set_xticks(WORKERS, [str(workers) for workers in WORKERS])
    ax.minorticks_off()
    ax.legend(frameon=False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 512, 1024], help="n_a")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each; the median counts")
    parser.add_argument("--picture", help="draws the efficiency on paper into this file")
    arguments = vars(parser.parse_args())
    one_of_them = arguments.pop("worker")
    work(one_of_them) if one_of_them else main(**arguments)
