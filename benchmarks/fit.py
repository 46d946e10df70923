"""What an epoch of training takes: Keras' fit, krb.fit, and a loop in JAX that was written for the purpose.

    python benchmarks/fit.py

krb.fit is timed with all that it does after an epoch: the log, the state on disk, TensorBoard. Keras' fit of SimpleRNN
and Dense is shown at several settings; the ratios are to the fastest of them. `one program` is the core of krb.fit's
program, without callbacks, orders and metrics. `krb.fit, XLA` and `krb.fit, no XLA` are what its rule chooses
between: `MULTIPLICATIONS` in keras_rnn_basics/training/programs.py was read off them.
"""

import argparse
import queue
import tempfile
import threading

import numpy as np
from race import race

# N, B, T, n_x, n_a, n_y
SIZES = [
    (2048, 32, 14, 4, 16, 1),
    (2048, 32, 50, 16, 64, 16),
    (1024, 32, 50, 16, 96, 16),
    (64, 1, 200, 64, 256, 64),
    (256, 64, 100, 64, 256, 64),
]
RATE = 1e-3


def _arrays(size):
    N, _, T, n_x, _, n_y = size
    rng = np.random.default_rng(0)
    return rng.normal(size=(N, T, n_x)).astype("float32"), rng.normal(size=(N, T, n_y)).astype("float32")


def _model(size, layers, **compiled):
    import keras

    model = keras.Sequential([keras.Input((size[2], size[3])), *layers])
    model.compile(keras.optimizers.Adam(RATE), "mse", **compiled)
    return model


def _basic_rnn(size):
    import keras_rnn_basics as krb

    return [krb.BasicRNN(krb.BasicRNNCell(size[4], size[5]), return_sequences=True)]


def _simple_rnn(size):
    import keras

    return [keras.layers.SimpleRNN(size[4], return_sequences=True), keras.layers.Dense(size[5])]


def keras_fit(size, layers, compiled):
    """An epoch of Keras' own fit."""
    layers = {"SimpleRNN": _simple_rnn, "BasicRNN": _basic_rnn}[layers]
    model, (x, y) = _model(size, layers(size), **compiled), _arrays(size)
    return lambda: model.fit(x, y, batch_size=size[1], verbose=0)


def krb_fit(size, multiplications=None):
    """An epoch of a krb.fit that goes on in a thread of its own, and waits after each epoch."""
    import keras

    import keras_rnn_basics as krb
    from keras_rnn_basics.training import programs

    if multiplications is not None:
        programs.MULTIPLICATIONS = multiplications
        programs.ROWS = 0 if multiplications == 0 else programs.ROWS
    go, done = queue.Queue(), queue.Queue()

    class Turns(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            done.put(epoch)
            go.get()

    def run():
        folder = tempfile.mkdtemp()
        build = lambda: _model(size, _basic_rnn(size))  # noqa: E731
        endless = {"epochs": 10**9, "patience": 10**9, "callbacks": [Turns()], "verbose": 0}
        krb.fit(build, _arrays(size), None, folder, batch_size=size[1], **endless)

    threading.Thread(target=run, daemon=True).start()
    done.get()

    def epoch():
        go.put(None)
        done.get()

    return epoch


def one_program(size):
    """An epoch in one XLA program of our layer: no shuffling, no callbacks, no metrics."""
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


def jax_loop(size):
    """An epoch in JAX: a new order, then lax.scan over the batches, each a scan over time; Adam by hand."""
    import jax
    from jax import lax
    from jax import numpy as jnp

    N, B, _, n_x, n_a, n_y = size
    rng = np.random.default_rng(0)
    shapes = [(n_x, n_a), (n_a, n_a), (n_a,), (n_a, n_y), (n_y,)]
    weights = [jnp.asarray(rng.normal(scale=0.1, size=shape), "float32") for shape in shapes]
    x, y = (jnp.asarray(part) for part in _arrays(size))

    def cost(weights, x, y):
        W_ax, W_aa, b_a, W_ya, b_y = weights

        def step(a, z_t):
            a = jnp.tanh(z_t + a @ W_aa)
            return a, a

        z = jnp.swapaxes(x @ W_ax + b_a, 0, 1)
        _, a = lax.scan(step, jnp.zeros((B, n_a), "float32"), z)
        return jnp.mean((jnp.swapaxes(a @ W_ya + b_y, 0, 1) - y) ** 2)

    def train_step(state, rows):
        weights, m, v, t = state
        loss, grads = jax.value_and_grad(cost)(weights, x[rows], y[rows])
        t = t + 1
        m = [0.9 * own + 0.1 * g for own, g in zip(m, grads)]
        v = [0.999 * own + 0.001 * g**2 for own, g in zip(v, grads)]
        rate = RATE * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        weights = [w - rate * own_m / (jnp.sqrt(own_v) + 1e-7) for w, own_m, own_v in zip(weights, m, v)]
        return (weights, m, v, t), loss

    @jax.jit
    def epoch(state, key):
        order = jax.random.permutation(key, N)[: N // B * B].reshape(N // B, B)
        state, losses = lax.scan(train_step, state, order)
        return state, jnp.mean(losses)

    zeros = [jnp.zeros_like(w) for w in weights]
    held = [(weights, zeros, zeros, jnp.zeros((), "float32")), jax.random.key(0)]

    def next_epoch():
        held[1], key = jax.random.split(held[1])
        held[0], loss = epoch(held[0], key)
        return float(loss)

    return next_epoch


KERAS = {
    "keras, its default": ("keras_fit", "SimpleRNN", {}),
    "keras, 16 steps a call": ("keras_fit", "SimpleRNN", {"steps_per_execution": 16}),
    "keras, jit, 16 steps a call": ("keras_fit", "SimpleRNN", {"steps_per_execution": 16, "jit_compile": True}),
    "keras, jit, 64 steps a call": ("keras_fit", "SimpleRNN", {"steps_per_execution": 64, "jit_compile": True}),
}
CONTESTANTS = KERAS | {
    "keras' fit of BasicRNN, 16": ("keras_fit", "BasicRNN", {"steps_per_execution": 16}),
    "krb.fit": ("krb_fit",),
    "krb.fit, XLA": ("krb_fit", 10**18),
    "krb.fit, no XLA": ("krb_fit", 0),
    "one program": ("one_program",),
    "JAX, a loop for the purpose": ("jax_loop",),
}


def main(rounds=5, only=None):
    for size in SIZES if only is None else [SIZES[only]]:
        N, B = size[:2]
        print(f"\nN, B, T, n_x, n_a, n_y = {size}: {N // B} steps an epoch")
        contestants = {name: ("fit", make, size, *rest) for name, (make, *rest) in CONTESTANTS.items()}
        laps = race(contestants, rounds, seconds=0.1)
        best = min(laps[name].milliseconds for name in KERAS)
        for name, lap in laps.items():
            if lap.missing:
                print(f"  {name:30} not measured: {lap.missing}")
                continue
            print(f"  {name:30} {lap.milliseconds / (N // B):8.3f} ms a step", end="  ")
            print(
                f"{best / lap.milliseconds:6.2f}x Keras at its best  first epoch {lap.first_seconds:.1f} s", flush=True
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contestant; the median counts")
    parser.add_argument("--only", type=int, choices=range(len(SIZES)), help="the number of the only size to run")
    main(**vars(parser.parse_args()))
