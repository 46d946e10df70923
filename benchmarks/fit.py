"""What model.fit itself costs: seconds an epoch, at sizes so small that the loop over time hardly counts.

    python benchmarks/fit.py

Keras pays for each call of its compiled step; `steps_per_execution` makes one call of many steps. The last row, a whole
epoch in one XLA program without model.fit, shows what would be left: no shuffling, no callbacks, no iterator.
`krb.fit` takes the setting that this script found best.
"""

import argparse

import numpy as np
from race import race

SIZES = [(2048, 32, 14, 4, 16, 1), (2048, 32, 50, 16, 64, 16)]  # N, B, T, n_x, n_a, n_y


def _arrays(size):
    N, _, T, n_x, _, n_y = size
    rng = np.random.default_rng(0)
    return rng.normal(size=(N, T, n_x)).astype("float32"), rng.normal(size=(N, T, n_y)).astype("float32")


def _model(size, layers, **compiled):
    import keras

    model = keras.Sequential([keras.Input((size[2], size[3])), *layers])
    model.compile(keras.optimizers.Adam(1e-3), "mse", **compiled)
    return model


def _basic_rnn(size):
    import keras_rnn_basics as krb

    return [krb.BasicRNN(krb.BasicRNNCell(size[4], size[5]), return_sequences=True)]


def _simple_rnn(size):
    import keras

    return [keras.layers.SimpleRNN(size[4], return_sequences=True), keras.layers.Dense(size[5])]


def _epoch(size, layers, **compiled):
    model, (x, y) = _model(size, layers, **compiled), _arrays(size)
    return lambda: model.fit(x, y, batch_size=size[1], verbose=0)


def keras_default(size, steps):
    return _epoch(size, _simple_rnn(size), steps_per_execution=steps)


def keras_jit(size, steps):
    return _epoch(size, _simple_rnn(size), steps_per_execution=steps, jit_compile=True)


def ours(size, steps):
    return _epoch(size, _basic_rnn(size), steps_per_execution=steps)


def ours_jit(size, steps):
    return _epoch(size, _basic_rnn(size), steps_per_execution=steps, jit_compile=True)


def one_program(size, _):
    import tensorflow as tf

    model = _model(size, _basic_rnn(size))
    model.optimizer.build(model.trainable_variables)
    N, B = size[:2]
    x, y = (tf.reshape(v, (N // B, B, *v.shape[1:])) for v in _arrays(size))

    @tf.function(jit_compile=True, autograph=False)
    def epoch(x, y):
        def step(i):
            with tf.GradientTape() as tape:
                cost = tf.reduce_mean((model(x[i], training=True) - y[i]) ** 2)
            model.optimizer.apply(tape.gradient(cost, model.trainable_variables), model.trainable_variables)
            return (i + 1,)

        return tf.while_loop(lambda i: i < N // B, step, (0,))

    return lambda: epoch(x, y)[0].numpy()


CONTESTANTS = {
    "keras, 1 step a call": ("keras_default", 1),
    "keras, 16 steps a call": ("keras_default", 16),
    "keras, jit, 16 steps a call": ("keras_jit", 16),
    "ours, 1 step a call": ("ours", 1),
    "ours, 4 steps a call": ("ours", 4),
    "ours, 16 steps a call": ("ours", 16),
    "ours, 64 steps a call": ("ours", 64),
    "ours, jit, 16 steps a call": ("ours_jit", 16),
    "ours, an epoch in one program": ("one_program", None),
}


def main(rounds=5):
    for size in SIZES:
        N, B = size[:2]
        print(f"\nN, B, T, n_x, n_a, n_y = {size}: {N // B} steps an epoch")
        contestants = {name: ("fit", make, size, steps) for name, (make, steps) in CONTESTANTS.items()}
        laps = race(contestants, rounds, seconds=0.1)
        for name, lap in laps.items():
            if lap.missing:
                print(f"  {name:30} not measured: {lap.missing}")
                continue
            print(f"  {name:30} {lap.milliseconds / 1e3:6.3f} s an epoch", end="  ")
            ratio = lap.milliseconds / laps["ours, 16 steps a call"].milliseconds
            print(f"{lap.milliseconds / (N // B):6.2f} ms a step  {ratio:5.2f}x  first epoch {lap.first_seconds:.1f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contestant; the median counts")
    main(**vars(parser.parse_args()))
