"""Many-to-one over long sequences: peak memory and milliseconds of a training step, with the states kept or recomputed.

python benchmarks/memory.py
"""

import numpy as np
from race import race

B, LENGTHS, N_X, N_A = 64, (200, 2000, 8000), 8, 256


def _step(T, layer, dense):
    import keras
    import tensorflow as tf

    rng = np.random.default_rng(0)
    x, y = (tf.constant(v, "float32") for v in (rng.normal(size=(B, T, N_X)), rng.normal(size=(B, 1))))
    model = keras.Sequential([keras.Input((T, N_X)), layer, *dense])
    model.compile(keras.optimizers.SGD(1e-4), "mse", jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    step = tf.function(lambda x, y: model.train_step((x, y))["loss"], autograph=False)
    return lambda: step(x, y).numpy()


def keras_default(T):
    import keras

    return _step(T, keras.layers.SimpleRNN(N_A), [keras.layers.Dense(1)])


def ours(T, remat):
    import keras_rnn_basics as krb

    return _step(T, krb.BasicRNN(krb.BasicRNNCell(N_A, 1), remat=remat), [])


def main():
    for T in LENGTHS:
        print(f"many-to-one, training step, B, T, n_x, n_a = {B}, {T}, {N_X}, {N_A}")
        contestants = {
            "keras": ("memory", "keras_default", T),
            "ours": ("memory", "ours", T, False),
            "ours, recomputed": ("memory", "ours", T, True),
        }
        for name, lap in race(contestants, rounds=3).items():
            print(
                f"  {name:18} memory +{lap.megabytes:5.0f} MB   {lap.milliseconds:7.0f} ms   {lap.missing}", flush=True
            )


if __name__ == "__main__":
    main()
