"""The loop over time beside Keras', PyTorch's and JAX's: one training step and one forward pass, on the CPU.

    python benchmarks/recurrence.py

Prints milliseconds, then how many times as long the others take; "floor" is the time that the arithmetic alone would
take at the speed of a large matrix product, measured in between. Writes runs/benchmarks/recurrence.json and .png.
"""

import argparse
import datetime
import json
import os
import platform
from pathlib import Path

from race import race

SHAPES = [
    (64, 100, 64, 256, 64),
    (1, 200, 64, 256, 64),
    (16, 2000, 32, 128, 64),
    (32, 50, 16, 64, 16),
    (32, 100, 64, 512, 64),
    (32, 50, 64, 1024, 64),
]
PEERS = {
    "ours": "ours",
    "ours, plain": "ours_plain",
    "keras": "keras_default",
    "keras, jit": "keras_jit",
    "torch": "torch_rnn",
    "jax": "jax_scan",
    "blas": "blas",
}
EXTRA = {  # what makes sense for some shapes only
    (16, 2000, 32, 128, 64): {"ours, recomputed": "ours_recomputed"},
    (32, 50, 64, 1024, 64): {"ours, bfloat16": "ours_bfloat16"},
}


def flops(shape, training):
    """Multiplications and additions of one step: z, the loop and ŷ; in training twice as many more, but for ∂L/∂x."""
    B, T, n_x, n_a, n_y = shape
    forward = 2 * B * T * (n_x * n_a + n_a * n_a + n_a * n_y)
    return 3 * forward - 2 * B * T * n_x * n_a if training else forward


def measure(shape, training, rounds):
    contestants = PEERS | EXTRA.get(shape, {})
    laps = race({name: ("contestants", make, shape, training) for name, make in contestants.items()}, rounds)
    peak = 2 * 2048**3 / laps.pop("blas").milliseconds / 1e6  # GF/s
    return {
        "shape": shape,
        "training": training,
        "gigaflops_per_second": peak,
        "floor": flops(shape, training) / peak / 1e6,
        "laps": {name: vars(lap) for name, lap in laps.items()},
    }


def table(results, training):
    """The README's table: ours in milliseconds, the others as multiples of it."""
    rows = [
        "| B, T, n_x, n_a, n_y | ours, ms | Keras at its best | PyTorch | JAX | our plain route | times the floor |"
    ]
    rows.append("|---|---|---|---|---|---|---|")
    for result in results:
        if result["training"] != training:
            continue
        ms = {name: lap["milliseconds"] for name, lap in result["laps"].items()}
        own = ms["ours"]
        best = min((ms[name] for name in ("keras", "keras, jit") if ms[name] == ms[name]), default=float("nan"))
        others = [best, ms["torch"], ms["jax"], ms["ours, plain"]]
        ratios = [f"{other / own:.2f}x" if other == other else "not measured" for other in others]
        shape = ", ".join(str(n) for n in result["shape"])
        rows.append(f"| {shape} | {own:.1f} | {' | '.join(ratios)} | {own / result['floor']:.2f} |")
    return "\n".join(rows)


def draw(results, path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = ["ours", "ours, plain", "keras", "keras, jit", "torch", "jax"]
    figure, axes = plt.subplots(2, 1, figsize=(10, 7), layout="constrained")
    for ax, training in zip(axes, (True, False)):
        chosen = [result for result in results if result["training"] == training]
        for offset, name in enumerate(names):
            heights = [result["laps"][name]["milliseconds"] / result["floor"] for result in chosen]
            ax.bar([place + offset / 7 for place in range(len(chosen))], heights, width=1 / 7, label=name)
        ax.axhline(1, color="black", linewidth=0.8)
        ax.set_yscale("log")
        ax.set_xticks([place + 5 / 14 for place in range(len(chosen))], [str(r["shape"]) for r in chosen], fontsize=8)
        ax.set_ylabel("times the arithmetic floor")
        ax.set_title("one training step" if training else "one forward pass")
    axes[0].set_xlabel("")
    axes[1].set_xlabel("B, T, n_x, n_a, n_y")
    axes[0].legend(ncols=6, fontsize=8)
    figure.savefig(path, dpi=120)


def processor():
    """What this machine calls its processor."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        flags = next((line for line in lines if line.startswith("flags")), "")
        width = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "no AVX2"
        return next((line.split(": ")[1] for line in lines if line.startswith("model name")), "") + f", {width}"
    return platform.processor()


def main(rounds=7, shapes=None):
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    machine = f"{cores} cores of {processor()}, {datetime.date.today()}"
    print(machine)
    chosen = SHAPES if shapes is None else [SHAPES[number] for number in shapes]
    results = []
    for training in (True, False):
        for shape in chosen:
            result = measure(shape, training, rounds)
            results.append(result)
            print(f"\n{'training step' if training else 'forward pass'}, B, T, n_x, n_a, n_y = {shape}", end="; ")
            print(f"floor {result['floor']:.2f} ms at {result['gigaflops_per_second']:.0f} GF/s", flush=True)
            for name, lap in result["laps"].items():
                if lap["missing"]:
                    print(f"  {name:18} not measured: {lap['missing']}")
                    continue
                low, high = min(lap["turns"]), max(lap["turns"])
                print(f"  {name:18} {lap['milliseconds']:8.2f} ms ({low:.2f} to {high:.2f})", end="  ")
                print(f"first step {lap['first_seconds']:5.1f} s, memory +{lap['megabytes']:.0f} MB", flush=True)
    folder = Path("runs/benchmarks")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recurrence.json").write_text(json.dumps({"machine": machine, "results": results}, indent=1))
    draw(results, folder / "recurrence.png")
    for training in (True, False):
        print(f"\n{'Training step' if training else 'Forward pass'}, float32; the others as multiples of ours\n")
        print(table(results, training))
    print(f"\n{folder / 'recurrence.json'}, {folder / 'recurrence.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="turns of each contestant; the median counts")
    parser.add_argument("--shapes", type=int, nargs="+", help="only these rows of the table, from 0")
    main(**vars(parser.parse_args()))
