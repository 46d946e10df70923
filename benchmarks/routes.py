"""When is a second core worth calling? The plain loop beside per_core in one part and in two, over many small sizes.

    python benchmarks/routes.py

Prints milliseconds of a training step and of a forward pass. ROWS and MULTIPLICATIONS in recurrence/per_core.py are
read off this table: two parts should win where B T n_a² is above the one and B at least twice the other; CACHES is read
off its last rows, where they lose again.
"""

import statistics
import time

import keras
import tensorflow as tf

import keras_rnn_basics as krb
from keras_rnn_basics.recurrence import per_core, plain


def contestant(B, T, n_a, run, training, **options):
    cell = krb.BasicRNNCell(n_a, 4)
    cell.build((B, n_a // 2))
    weights = [weight.value for weight in cell.trainable_variables]
    x, y, a_0 = tf.random.normal((B, T, n_a // 2)), tf.random.normal((B, T, 4)), tf.zeros((B, n_a))

    @tf.function(autograph=False)
    def step(x, y):
        if not training:
            return tf.reduce_sum(run(cell, x, [a_0], None, None, True, **options)[0])
        with tf.GradientTape() as tape:
            cost = tf.reduce_mean((run(cell, x, [a_0], None, None, True, **options)[0] - y) ** 2)
        for weight, gradient in zip(weights, tape.gradient(cost, weights)):
            weight.assign_sub(1e-5 * gradient)
        return cost

    return lambda: step(x, y).numpy()


def medians(steps, rounds=7, seconds=0.03):
    turns = [[] for _ in steps]
    for step in steps:
        step()
    for _ in range(rounds):
        for step, own in zip(steps, turns):
            step()
            began, count = time.perf_counter(), 0
            while not count or time.perf_counter() - began < seconds:
                step()
                count += 1
            own.append((time.perf_counter() - began) / count * 1e3)
    return [statistics.median(own) for own in turns]


def main():
    per_core.ROWS = 1
    print(f"{'B, T, n_a':>14} {'B T n_a² / 10⁶':>15}   training step: plain, 1 part, 2 parts   forward: the same (ms)")
    small = [(B, T, n_a) for n_a in (16, 64, 256) for T in (3, 14, 100) for B in (1, 4, 8, 16, 32)]
    for B, T, n_a in [*small, (32, 30, 384), (32, 30, 512), (32, 30, 768), (32, 30, 1024)]:
        row = []
        for training in (True, False):
            steps = [contestant(B, T, n_a, plain.run, training)]
            steps += [contestant(B, T, n_a, per_core.run, training, parts=1)]
            steps += [contestant(B, T, n_a, per_core.run, training, parts=2)]
            row += medians(steps)
        keras.backend.clear_session()
        numbers = " ".join(f"{ms:7.2f}" for ms in row)
        print(f"{f'{B}, {T}, {n_a}':>14} {B * T * n_a**2 / 1e6:>15.2f}   {numbers}", flush=True)


if __name__ == "__main__":
    main()
