"""The plain cell, GRU and LSTM on three tasks: what each learns, beside baselines, and how long it takes.

    python benchmarks/cells_learn.py
    python benchmarks/cells_learn.py --tasks weather --seeds 5

The three networks of a task have about as many recurrent weights: GRU has three times, LSTM four times as many for each
pair of units as the plain cell, so they have fewer units. Optimizer, batches and the rule of when to stop are the same.
Prints, for each task and cell, the score on unseen data (the median of the seeds, and their range), and the seconds of
one training after the first, which also compiles.
"""

import argparse
import datetime
import os
import tempfile
import time
from functools import partial

import keras
import numpy as np
from recurrence import processor

import keras_rnn_basics as krb
from keras_rnn_basics import baselines
from keras_rnn_basics.datasets import sentences, split_windows, weather


def relu_from_the_identity(units):
    """The plain cell of Le, Jaitly and Hinton, "A simple way to initialize recurrent networks" (2015)."""
    return krb.BasicRNNCell(units, activation="relu", initializers={"W_aa": "identity"})


# Units of one cell for one of the plain cell: 1, 3 and 4 matrices W of n_a x n_a.
CELLS = {
    "plain": (None, 1),
    "plain, relu": (relu_from_the_identity, 1),
    "GRU": (keras.layers.GRUCell, 3**-0.5),
    "LSTM": (keras.layers.LSTMCell, 4**-0.5),
}


def tomorrow():
    """A short memory: tomorrow's highest temperature, from 14 days."""
    split = split_windows(weather.load(), "2014-01-01", "2015-01-01", lookback=14, targets=["temp_max_celsius"])
    scale = float((split.train.next_y - split.train.past_y).std())
    train, validation = [(part.x, (part.next_y - part.past_y) / scale) for part in (split.train, split.validation)]
    test = split.test

    def build(cell, units):
        n_x, normalise = len(split.names), split.normalization()
        model = krb.build_many_to_many((n_x,), units, 1, cell=cell, frontend=normalise)
        model.compile(keras.optimizers.Adam(3e-3, clipnorm=1.0), krb.SumOverTime("mean_absolute_error"))
        return model

    def score(model):
        forecast = test.past_y[:, -1] + scale * np.asarray(model(test.x))[:, -1]
        return float(np.abs(forecast - test.y[:, 0]).mean())

    ridge = baselines.ridge(split.train.x, split.train.y[:, 0], split.validation.x, split.validation.y[:, 0], test.x)
    rivals = {
        "today's again": float(np.abs(test.past_y[:, -1] - test.y[:, 0]).mean()),
        "ridge regression": float(np.abs(ridge - test.y[:, 0]).mean()),
    }
    return "mean absolute error, °C", 16, build, (train, validation), {"epochs": 60}, score, rivals


def characters(T=60, train_windows=2000, held_out=500):
    """In between: the next character of Shakespeare, of which a few words before it say most."""
    texts = sentences.load()
    known, watched, unseen = ("".join(part[0]) for part in (texts.train, texts.validation, texts.test))
    vocabulary = krb.Vocabulary.of([known])

    def windows(text, n):
        tokens = vocabulary.encode([text])[0].numpy()
        return np.stack([tokens[begin : begin + T + 1] for begin in np.arange(n) * min(T, (len(tokens) - T - 1) // n)])

    train, validation, test = windows(known, train_windows), windows(watched, held_out), windows(unseen, held_out)

    def build(cell, units):
        read = keras.layers.Embedding(len(vocabulary), 32)
        model = krb.build_many_to_many((), units, len(vocabulary), cell=cell, frontend=read)
        cost = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(3e-3, clipnorm=1.0), krb.SumOverTime(cost))
        return model

    def score(model):
        cost = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        costs = krb.per_step_loss(test[:, 1:], model(test[:, :-1]), cost)
        return float(np.mean(costs) / np.log(2))

    # The n-grams see what the network sees: their own window, of which the first character is known.
    rivals = {
        f"{order}-grams": float(
            np.concatenate(baselines.ngram_bits(list(train), list(test), order, len(vocabulary))).mean()
        )
        for order in (2, 5)
    }
    parts = [(part[:, :-1], part[:, 1:]) for part in (train, validation)]
    return "bits a character", 96, build, parts, {"epochs": 20, "patience": 3}, score, rivals


def adding(T=40, N=2000, held_out=1000):
    """Memory is all: the sum of the two marked ones of T numbers, at most T steps back.

    Source: Hochreiter and Schmidhuber, "Long short-term memory" (1997), section 5.4.
    """
    rng = np.random.default_rng(0)

    def examples(N):
        x = np.zeros((N, T, 2), "float32")
        x[:, :, 0] = rng.uniform(-1, 1, size=(N, T))
        for half in (slice(0, T // 2), slice(T // 2, T)):  # one mark in each half
            x[np.arange(N), rng.integers(half.start, half.stop, N), 1] = 1
        return x, (x[:, :, 0] * x[:, :, 1]).sum(axis=1, keepdims=True)

    train, validation, test = examples(N), examples(held_out), examples(held_out)

    def build(cell, units):
        model = krb.build_many_to_one((2,), units, 1, cell=cell)
        model.compile(keras.optimizers.Adam(3e-3, clipnorm=1.0), "mean_squared_error")
        return model

    def score(model):
        return float(np.mean((np.asarray(model(test[0])) - test[1]) ** 2))

    # Known without measuring: two numbers of variance 1/3 each have a sum of 2/3.
    rivals = {"always 0": float(np.mean(test[1] ** 2))}
    return "mean squared error", 64, build, (train, validation), {"epochs": 40, "patience": 15}, score, rivals


TASKS = {"weather": tomorrow, "characters": characters, "adding": adding}


def main(tasks=tuple(TASKS), seeds=3):
    began = time.monotonic()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"{processor()}, {cores} cores, {datetime.date.today()}\n")
    print("| task | cell | n_a | weights | score, median | its range | epochs | s a training |")
    print("|---|---|---|---|---|---|---|---|")
    for task in tasks:
        unit, units, build, parts, settings, score, rivals = TASKS[task]()
        for name, (cell, share) in CELLS.items():
            n_a = round(units * share)
            with tempfile.TemporaryDirectory() as folder:
                make = partial(build, cell, n_a)
                runs = krb.fit_ensemble(make, *parts, folder, range(seeds), **settings, verbose=0)
            scores = [score(run.model) for run in runs]
            epochs = np.median([len(run.history["loss"]) for run in runs])
            seconds = np.median([run.seconds for run in runs[1:] or runs])
            columns = (
                f"{task}, {unit}",
                name,
                n_a,
                runs[0].model.count_params(),
                f"{np.median(scores):.3g}",
                f"{min(scores):.3g} to {max(scores):.3g}",
                f"{epochs:.0f}",
                f"{seconds:.1f}",
            )
            print(f"| {' | '.join(map(str, columns))} |", flush=True)
        for name, baseline in rivals.items():
            print(f"| {task}, {unit} | {name} | | | {baseline:.3g} | | | |", flush=True)
    print(f"\n{time.monotonic() - began:.0f} s in all.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--seeds", type=int, default=3, help="networks of each cell, which differ in their seed alone")
    main(**vars(parser.parse_args()))
