"""How much memory training takes where the data are larger than it: docs/how_to/large_data.md, at two gigabytes.

    python benchmarks/large_data.py

Writes a folder of texts, of packed trades and of videos (uncompressed 2 GB each, into a temporary folder), and trains
on each for one epoch of at most `--batches` batches, in a process of its own. Prints by how much the process' peak
memory exceeded that before the data were touched.
"""

import argparse
import gzip
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MIB = 2**20


def write_texts(folder, size):
    words = "the cat and the dog ran to the house of the king who had lost his crown in the sea\n"
    file = (words * (64 * MIB // len(words))).encode()
    for n in range(max(10, size // len(file))):  # a folder of texts has ten at least
        (folder / f"{n:03}.txt").write_bytes(file)


def write_trades(folder, size):
    import numpy as np

    rng, rows = np.random.default_rng(0), 2_000_000  # about 62 MB of csv
    for day in range(max(1, size // (62 * MIB))):
        milliseconds = np.sort(rng.integers(0, 86_400_000, rows))
        times = np.datetime64("2024-01-01") + np.timedelta64(day, "D") + milliseconds.astype("m8[ms]")
        prices = 100 + np.cumsum(rng.normal(scale=1e-3, size=rows))
        lines = (f"{t},{p:.3f},10\n" for t, p in zip(np.datetime_as_string(times), prices))
        with gzip.open(folder / f"{day:03}.csv.gz", "wt", compresslevel=1) as file:
            file.write("time,price,size\n")
            file.writelines(lines)


def write_videos(folder, size):
    import imageio.v3 as imageio
    import numpy as np

    rng, (T, H, W) = np.random.default_rng(0), (100, 256, 256)
    for n in range(max(2, size // (T * H * W * 3))):
        target = folder / ("up" if n % 2 else "down")
        target.mkdir(exist_ok=True)
        steps = rng.integers(0, 255, (T, 16, 16, 3), "uint8").repeat(H // 16, axis=1).repeat(W // 16, axis=2)
        imageio.imwrite(target / f"{n:04}.mp4", steps, plugin="pyav", codec="libx264", fps=25)


def texts(folder):
    import keras

    import keras_rnn_basics as krb
    from keras_rnn_basics.datasets import sentences

    read = sentences.load(folder)
    vocabulary = krb.Vocabulary.of(piece for text in read.train[:3] for piece in text)
    batches = sentences.stateful_batches(sentences.encode(read.train, vocabulary), 64, 32)

    def build():
        model = krb.build_one_to_many(len(vocabulary), 64, vocabulary=vocabulary, stateful_batch_size=64)
        cost = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", krb.SumOverTime(cost))
        return model

    return build, batches


def trades(folder):
    import numpy as np
    import tensorflow as tf

    import keras_rnn_basics as krb
    from keras_rnn_basics.datasets import ticks

    def windows():
        for path in sorted(folder.glob("*.csv.gz")):
            bars = ticks.returns(ticks.load(path, bars="time", size=60)).values.astype("float32")
            yield np.lib.stride_tricks.sliding_window_view(bars[:-1], 30, axis=0).swapaxes(1, 2), bars[30:, :1]

    features = next(windows())[0].shape[-1]
    signature = tf.TensorSpec((None, 30, features), "float32"), tf.TensorSpec((None, 1), "float32")

    def build():
        model = krb.build_many_to_one((features,), 64, 1)
        model.compile("adam", "mean_squared_error")
        return model

    return build, tf.data.Dataset.from_generator(windows, output_signature=signature).rebatch(64)


def videos(folder):
    import imageio.v3 as imageio
    import keras
    import numpy as np
    import tensorflow as tf

    import keras_rnn_basics as krb

    def clips():
        for path in np.random.default_rng(0).permutation(sorted(folder.glob("*/*.mp4"))):
            yield imageio.imread(path, plugin="pyav") / np.float32(255), int(path.parent.name == "up")

    def build():
        encoder = keras.Sequential([keras.layers.Conv2D(4, 7, strides=8), keras.layers.GlobalAveragePooling2D()])
        model = krb.build_many_to_one((256, 256, 3), 32, 2, frontend=encoder, output_activation="softmax")
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    signature = tf.TensorSpec((100, 256, 256, 3), "float32"), tf.TensorSpec((), "int32")
    return build, tf.data.Dataset.from_generator(clips, output_signature=signature).batch(2)


KINDS = {"texts": (write_texts, texts), "trades": (write_trades, trades), "videos": (write_videos, videos)}


def work(kind, folder, batches):
    """Prints the growth of the peak memory, in MiB, and the seconds."""
    import keras
    import tensorflow as tf

    import keras_rnn_basics as krb

    keras.Sequential([keras.layers.Dense(1)])(tf.zeros((1, 1)))  # what TensorFlow takes in any case
    before, began = _peak(), time.monotonic()
    build, data = KINDS[kind][1](Path(folder))
    with tempfile.TemporaryDirectory() as run:
        strategy = tf.distribute.OneDeviceStrategy("cpu:0")
        krb.fit(build, data.take(batches), None, run, epochs=1, verbose=0, strategy=strategy)
    print(json.dumps([_peak() - before, time.monotonic() - began]), flush=True)


def _peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(gigabytes=2.0, batches=2000):
    size = int(gigabytes * 2**30)
    for kind, (write, _) in KINDS.items():
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), size)
            on_disk = sum(path.stat().st_size for path in Path(folder).rglob("*.*"))
            command = [sys.executable, __file__, "--kind", kind, "--folder", folder, "--batches", str(batches)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{kind:8} failed: {done.stderr[-2000:]}")
                continue
            grown, seconds = json.loads(done.stdout.splitlines()[-1])
            told = f"{gigabytes:g} GB, {on_disk / 2**20:,.0f} MiB on disk"
            print(f"{kind:8} {told}: {grown:,.0f} MiB more at the peak, {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=2.0, help="of each kind, unpacked")
    parser.add_argument("--batches", type=int, default=2000, help="the most batches to train on")
    parser.add_argument("--kind", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    given = vars(parser.parse_args())
    kind, folder = given.pop("kind"), given.pop("folder")
    work(kind, folder, given["batches"]) if kind else main(**given)
