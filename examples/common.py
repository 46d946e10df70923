"""What every example needs: the options of its command line, and matplotlib that draws into files.

Settings stand at the top of an example, and as the defaults of its `main`.
"""

import argparse

import matplotlib

matplotlib.use("Agg")  # a picture is saved, not shown: that works without a screen too
import matplotlib.pyplot as plt

__all__ = ["options", "plt", "print_repairs"]

SHARED_OPTIONS = {
    "repair": {"action": "store_true", "help": "mend gaps and other faults in the file, and say what was mended"},
    "units": {"type": int, "help": "n_a, the size of the state"},
    "seed": {"type": int, "help": "fixes the first weights, the order of the data and the dropout"},
    "seeds": {"type": int, "help": "how many networks to average"},
    "device": {"choices": ["auto", "cpu", "gpu"]},
    "precision": {"choices": ["float32", "mixed_bfloat16", "mixed_float16"]},
}


def options(description, *names):
    """A parser with --device, --precision and the shared options that are named; an example adds its own.

    An option that is not given is left out of what it parses, so that the default of `main` holds.
    """
    parser = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
    )
    for name in (*names, "device", "precision"):
        parser.add_argument(f"--{name}", **SHARED_OPTIONS[name])
    return parser


def print_repairs(series):
    for sentence in series.repairs:
        print(f"Repaired: {sentence}")
