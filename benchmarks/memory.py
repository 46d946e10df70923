"""Many-to-one over long sequences: peak memory and milliseconds of a training step, with the states kept or recomputed.

python benchmarks/memory.py
"""

import numpy as np
from race import race

SHAPE = (64, 2000, 8, 256)  # B, T, n_x, n_a


def _step(layer, dense):
    import keras
    import tensorflow as tf

    B, T, n_x, _ = SHAPE
    rng = np.random.default_rng(0)
    x, y = (tf.constant(v, "float32") for v in (rng.normal(size=(B, T, n_x)), rng.normal(size=(B, 1))))
    model = keras.Sequential([keras.Input((T, n_x)), layer, *dense])
    model.compile(keras.optimizers.SGD(1e-4), "mse", jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    step = tf.function(lambda x, y: model.train_step((x, y))["loss"], autograph=False)
    return lambda: step(x, y).numpy()


def keras_default():
    import keras

    return _step(keras.layers.SimpleRNN(SHAPE[3]), [keras.layers.Dense(1)])


def ours(recompute):
    import keras_rnn_basics as krb

    return _step(krb.BasicRNN(krb.BasicRNNCell(SHAPE[3], 1), recompute=recompute), [])


def main():
    print(f"many-to-one, training step, B, T, n_x, n_a = {SHAPE}")
    contestants = {
        "keras": ("memory", "keras_default"),
        "ours": ("memory", "ours", False),
        "ours, recomputed": ("memory", "ours", True),
    }
    for name, lap in race(contestants, rounds=3).items():
        print(f"  {name:18} memory +{lap.megabytes:5.0f} MB   {lap.milliseconds:7.0f} ms   {lap.missing}")


if __name__ == "__main__":
    main()
