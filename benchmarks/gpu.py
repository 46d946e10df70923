"""The loop over time on a GPU, beside Keras' SimpleRNN, PyTorch's nn.RNN (cuDNN, the bound) and JAX's scan.

    python benchmarks/gpu.py

Prints milliseconds of one training step. Whatever finds no GPU reads "not measured". The rows "ours" and "keras" run on
the backend of Keras: KERAS_BACKEND=torch or jax chooses another than TensorFlow.
"""

import argparse

import contestants
from race import race

SHAPES = [
    (64, 100, 64, 256, 64),
    (256, 100, 256, 1024, 256),
    (16, 2000, 32, 128, 64),
    (1, 200, 64, 256, 64),
    (128, 200, 128, 512, 128),
]


def _on_gpu(make, shape, training):
    from keras_rnn_basics.training.devices import find_device

    find_device("gpu")  # a RuntimeError where Keras finds none
    return make(shape, training)


def ours(shape, training):
    return _on_gpu(contestants.ours, shape, training)


def ours_plain(shape, training):
    return _on_gpu(contestants.ours_plain, shape, training)


def ours_layer_norm(shape, training):
    return _on_gpu(lambda *arguments: contestants.ours_with(*arguments, cell="layer_norm"), shape, training)


def keras_layer_norm(shape, training):
    return _on_gpu(contestants.keras_layer_norm, shape, training)


def keras_default(shape, training):
    return _on_gpu(contestants.keras_default, shape, training)


def torch_rnn(shape, training):
    import torch

    if not torch.cuda.is_available():
        raise RuntimeError("PyTorch finds no GPU")
    return contestants.torch_rnn(shape, training, device="cuda")


def ours_in_torch(shape, training):
    import keras

    if keras.backend.backend() != "torch":
        raise RuntimeError("KERAS_BACKEND is not torch")
    return _on_gpu(lambda *arguments: contestants.ours_in_torch(*arguments, device="cuda"), shape, training)


def jax_scan(shape, training):
    import jax

    if jax.default_backend() != "gpu":
        raise RuntimeError("JAX finds no GPU")
    return contestants.jax_scan(shape, training)


NAMES = {
    "ours": "ours",
    "ours, plain": "ours_plain",
    "keras": "keras_default",
    "ours, layer norm": "ours_layer_norm",
    "keras, layer norm": "keras_layer_norm",
    "ours, in torch": "ours_in_torch",
    "torch": "torch_rnn",
    "jax": "jax_scan",
}


def main(rounds=7, shapes=None):
    measured = False
    for shape in SHAPES[:shapes]:
        # JAX and TensorFlow would else each take all of the memory.
        memory = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
        field = {name: ("gpu", make, shape, True) for name, make in NAMES.items()}
        laps = race(field, rounds, environment=memory)
        print(f"\ntraining step, B, T, n_x, n_a, n_y = {shape}")
        for name, lap in laps.items():
            if lap.missing:
                print(f"  {name:17} not measured: {lap.missing}")
                continue
            measured = True
            ratio = lap.milliseconds / laps["torch"].milliseconds
            print(f"  {name:17} {lap.milliseconds:8.2f} ms  {ratio:6.2f} times cuDNN in PyTorch", flush=True)
        if not measured:
            print("\nNo GPU here: nothing to measure.")
            return


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="turns of each contestant; the median counts")
    parser.add_argument("--shapes", type=int, help="how many of the sizes, from the first on; all by default")
    main(**vars(parser.parse_args()))
