"""What every example needs: the options of its command line, the reading of a table, and matplotlib that draws files.

Settings stand at the top of an example, and as the defaults of its `main`. It is imported before Keras: it imports
TensorFlow without the messages of its start.
"""

import argparse
import os
import subprocess
import sys
from contextlib import contextmanager
from inspect import signature

import matplotlib

matplotlib.use("Agg")  # a picture is saved, not shown: that works without a screen too
import matplotlib.pyplot as plt

# Lines of TensorFlow's start that tell of no error, which it writes before any setting reaches it: an I is information,
# and without a GPU and its driver the call of cuInit fails.
START = r"WARNING: All log messages before absl::InitializeLog|To enable the following instructions: |I\d{4} |.* cuInit"
PASS_ON = """import re, sys
sys.stdin.reconfigure(errors="backslashreplace")
for line in sys.stdin:
    if not re.match(sys.argv[1], line):
        sys.stderr.write(line)
"""


@contextmanager
def without_messages_of_the_start():
    """What is written to standard error goes through a process that leaves out lines of START.

    It is a process of its own, so that nothing is lost should this one be aborted.
    """
    sys.stderr.flush()
    with subprocess.Popen([sys.executable, "-IS", "-c", PASS_ON, START], stdin=subprocess.PIPE) as passing:
        kept = os.dup(2)
        os.dup2(passing.stdin.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)


if "tensorflow" not in sys.modules:
    # Fatal messages alone: what else it cannot do, it raises in Python. krb.doctor() tells which devices it finds.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with without_messages_of_the_start():
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")  # it would warn where several models predict, each with its own function
        tf.config.list_physical_devices()

__all__ = ["options", "plt", "read_table"]

SHARED_OPTIONS = {
    "units": {"type": int, "help": "n_a, the size of the state"},
    "seed": {"type": int, "help": "fixes the first weights, the order of the data and the dropout"},
    "seeds": {"type": int, "help": "how many networks to average"},
    "device": {"choices": ["auto", "cpu", "gpu"]},
    "precision": {"choices": ["float32", "mixed_bfloat16", "mixed_float16"]},
}
# The arguments of the loaders of tables, which all have the same.
TABLE_OPTIONS = {
    "data": {"help": "your own table: csv, plain or packed, excel or parquet"},
    "time": {"nargs": "+", "help": "the column of the times, or columns that give the time together"},
    "columns": {"nargs": "+", "help": "the columns to read; or which is which: 'close=Adj Close'"},
    "missing": {"nargs": "+", "help": "marks of a missing number, such as -999 or M; None: all numbers are measured"},
    "categories": {"nargs": "+", "help": "columns of words; each word becomes a column of 0 and 1"},
    "time_zone": {"help": "the zone of times that name none, such as Europe/Berlin"},
    "date_format": {"help": "how the times are written, such as '%%d.%%m.%%Y'"},
    "only": {"nargs": "+", "metavar": "COLUMN=VALUE", "help": "the rows of one station or ticker: ticker=AAA"},
    "repair": {
        "nargs": "?",
        "const": True,
        "type": lambda kinds: kinds.split(","),
        "help": "mend faults of the file and say what was mended: gaps,order,duplicates,outliers,splits; alone the "
        "first three",
    },
}
MOST_SENTENCES = 8


def options(description, *names, table=None):
    """A parser with --device, --precision and the shared options that are named; an example adds its own.

    An option that is not given is left out of what it parses, so that the default of `main` holds.

    Args:
        table: a loader of tables: --csv and an option for each way in which it reads.
    """
    parser = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
    )
    for name in (*names, "device", "precision"):
        parser.add_argument(f"--{name}", **SHARED_OPTIONS[name])
    for name in [own for own in TABLE_OPTIONS if table and own in signature(table).parameters]:
        flag = "csv" if name == "data" else name.replace("_", "-")
        parser.add_argument(f"--{flag}", dest=name, **TABLE_OPTIONS[name])
    return parser


def read_table(load, **table):
    """What a loader reads, its arguments as `options` parses them; tells what was decided and mended in reading."""
    for name in ("columns", "only"):
        pairs = [text.partition("=")[::2] for text in table.get(name, ())]
        if pairs and all(value for _, value in pairs):
            table[name] = dict(pairs)
    if table.get("missing") == ["None"]:
        table["missing"] = None
    series = load(**table)
    for sentence in series.repairs[:MOST_SENTENCES]:
        print(f"Read: {sentence}.")
    if (more := len(series.repairs) - MOST_SENTENCES) > 0:
        print(f"Read: and {more} further sentences of this kind.")
    return series
