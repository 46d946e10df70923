"""Other cells than the plain one, in BasicRNN beside keras.layers.RNN: one training step, answers included, on the CPU.

    python benchmarks/cells.py

Prints milliseconds, and how many times as long keras.layers.RNN takes with and without jit_compile, on the same cell;
beside them the network that one writes of Keras' own layers: SimpleRNN, or a cell with LayerNormalization, and a Dense
layer. The cost is the mean squared error, the optimizer SGD.
"""

import argparse
import datetime

from race import race
from recurrence import processor

# A cell, and B, T, n_x, n_a, n_y.
RUNS = [
    ("layer_norm", (64, 100, 64, 256, 64)),
    ("layer_norm, (s - μ) ** 2", (64, 100, 64, 256, 64)),
    ("leaky", (64, 100, 64, 256, 64)),
    ("gelu", (64, 100, 64, 256, 64)),
    ("gelu", (16, 2000, 32, 128, 64)),
]


def main(rounds=7):
    print(f"{processor()}, {datetime.date.today()}\n")
    print("| cell | B, T, n_x, n_a, n_y | ours, ms | keras.layers.RNN | the same, jit_compile | Keras' own layers |")
    print("|---|---|---|---|---|---|")
    for cell, shape in RUNS:
        contestants = {
            "ours": ("contestants", "ours_with", shape, True, cell),
            "keras": ("contestants", "keras_with", shape, True, cell, False),
            "keras, jit": ("contestants", "keras_with", shape, True, cell, True),
        }
        if cell == "gelu":
            contestants["own layers"] = ("contestants", "keras_default", shape, True, cell)
        if cell == "layer_norm":
            contestants["own layers"] = ("contestants", "keras_layer_norm", shape, True)
        ms = {name: lap.milliseconds for name, lap in race(contestants, rounds).items()}
        ratios = [
            f"{ms[name] / ms['ours']:.2f}x" if name in ms else "" for name in ("keras", "keras, jit", "own layers")
        ]
        print(f"| {cell} | {', '.join(map(str, shape))} | {ms['ours']:.1f} | {' | '.join(ratios)} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="turns of each contestant; the median counts")
    main(**vars(parser.parse_args()))
