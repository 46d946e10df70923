"""The temperature six hours ahead from 72 hours of weather in a row; and each of the next 24 hours, by a decoder.

    python examples/weather_hours.py
    python examples/weather_hours.py --csv my_hours.csv --target temp_celsius

Two networks read the hours of JFK airport in 2013. One answers every hour it reads with the change over the next six
(T in, T out; the last answer is scored). The other reads all 72, hands its last a to a decoder, and that one writes the
next 24 hours (T_x in, T_y out). Blocks of 30 days serve in turn to train, validate, train and test.

TO BE MEASURED
"""

import argparse
import time
from pathlib import Path

import keras
import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

import keras_rnn_basics as krb
from keras_rnn_basics import baselines
from keras_rnn_basics.datasets import hours, split_blocks

PAST, FUTURE, AHEAD = 72, 24, 6
RUNS = Path("runs/weather_hours")


def main(csv=None, target="temp_celsius", repair=False, seeds=4, device="auto", precision="float32"):
    began = time.monotonic()
    series = hours.with_clock(hours.load(csv, repair=repair))
    for sentence in series.repairs:
        print(f"Repaired: {sentence}")
    if csv is None:
        series = hours.with_wind(series)
        series = series.only([name for name in series.names if name != "wind_direction_degrees"])
    kinds = ["train", "validation", "train", "test"]
    split = split_blocks(series, 30 * 24, kinds, PAST, FUTURE, [target])
    train, validation, test, known = split.train, split.validation, split.test, split.known
    unit = "°C" if target.endswith("celsius") else target
    print(f"{len(series)} hours from {series.times[0]}: {series.source}")
    print(f"Windows: {len(train)} to train, {len(validation)} to validate, {len(test)} to test.")

    n_x, settings = len(split.names), {"device": device, "precision": precision, "verbose": 0}
    scale = float((train.y[:, AHEAD - 1] - train.past_y[:, -1]).std())

    def standardise():
        return keras.layers.Normalization(mean=split.mean, variance=split.std**2)

    def compiled(model, learning_rate):
        model.compile(keras.optimizers.Adam(learning_rate, clipnorm=1.0), krb.SumOverTime("mean_absolute_error"))
        return model

    def build_reader():
        model = krb.build_many_to_many((n_x,), [32, 32], 1, recurrent_dropout=0.3, frontend=standardise())
        return compiled(model, 3e-3)

    def build_writer():
        """The encoder-decoder of numbers, from the cell: the decoder's x_t is the time of day it answers for."""
        x, clock = keras.Input((None, n_x), name="x"), keras.Input((FUTURE, 2), name="clock")
        encoder, decoder = krb.BasicRNNCell(64, recurrent_dropout=0.3), krb.BasicRNNCell(64, output_units=1)
        _, a = krb.BasicRNN(encoder, return_state=True)(standardise()(x))
        changes = krb.BasicRNN(decoder, return_sequences=True)(clock, initial_state=a)
        return compiled(keras.Model([x, clock], changes, name="weather_day"), 1e-3)

    def reader_data(part):
        ahead = np.concatenate([part.past_y, part.y], axis=1)[:, AHEAD : AHEAD + PAST]
        return part.x, (ahead - part.past_y) / scale

    def writer_data(part):
        angle = 2 * np.pi * hours.time_of_day(part.times)
        clock = np.stack([np.sin(angle), np.cos(angle)], axis=2).astype("float32")
        return [part.x, clock], (part.y - part.past_y[:, -1:]) / scale

    def networks(name, build, data, count):
        """Validation finds how long to train; then each network is trained anew for as long, on both parts."""
        searches = [
            krb.fit(
                build, data(train), data(validation), RUNS / f"{name}_search_{seed}", 30, 64, 6, seed=seed, **settings
            )
            for seed in range(count)
        ]
        epochs = int(np.median([run.best_epoch for run in searches]))
        return [
            krb.fit(build, data(known), None, RUNS / f"{name}_{seed}", epochs, 64, seed=seed, **settings).model
            for seed in range(count, 2 * count)
        ]

    readers = networks("reader", build_reader, reader_data, seeds)
    writers = networks("writer", build_writer, writer_data, max(1, seeds // 2))

    # What is exported takes and gives the units of the data: (B, T, n_x) hours -> (B, T, 1), six hours later.
    x, column = keras.Input((None, n_x), name="x"), series.index(target)
    forecaster = keras.Model(
        x, x[:, :, column : column + 1] + scale * krb.build_ensemble(readers)(x), name="weather_hours"
    )
    truth, now = test.y[:, AHEAD - 1, 0], test.past_y[:, -1, 0]
    alone = {
        seed: float(np.abs(now + scale * np.asarray(own(test.x))[:, -1, 0] - truth).mean())
        for seed, own in enumerate(readers, start=seeds)
    }
    day = now[:, None] + scale * np.mean([np.asarray(own(writer_data(test)[0]))[..., 0] for own in writers], axis=0)
    answers = {
        "RNN": np.asarray(forecaster(test.x))[:, -1, 0],
        "encoder-decoder": day[:, AHEAD - 1],
        "persistence": now,
        "yesterday": test.past_y[:, AHEAD - 1 - 24, 0],
    }
    ridge = baselines.ridge(train.x, train.y[..., 0], validation.x, validation.y[..., 0], test.x)
    answers["ridge"] = ridge[:, AHEAD - 1]
    changes = [part.y[:, AHEAD - 1, 0] - part.past_y[:, -1, 0] for part in (train, validation)]
    recent = [part.x[:, -24:] for part in (train, validation, test)]
    answers["boosting"] = now + baselines.boosting(recent[0], changes[0], recent[1], changes[1], recent[2])
    errors = {name: np.abs(own - truth) for name, own in answers.items()}
    own_errors = errors.pop("RNN")
    task = f"{target} {AHEAD} hours ahead from {PAST} hours, in blocks of 30 days"
    report = krb.Report(task, "mean absolute error", unit, own_errors, errors, alone, block=72)

    figure, axes = plt.subplots(2, 1, figsize=(10, 6.5), layout="constrained")
    shown = slice(0, 240)
    times = test.times[shown, AHEAD - 1]
    krb.plot_forecast(times, truth[shown], answers["RNN"][shown], axes[0], f"{target}, six hours ahead ({unit})")
    by_lead = {"encoder-decoder": day, "ridge": ridge, "persistence": np.repeat(now[:, None], FUTURE, axis=1)}
    for name, own in by_lead.items():
        axes[1].plot(np.arange(1, FUTURE + 1), np.abs(own - test.y[..., 0]).mean(axis=0), marker="o", label=name)
    axes[1].set(xlabel="hours ahead", ylabel=f"mean absolute error ({unit})", ylim=(0, None))
    axes[1].legend(frameon=False, ncols=3)
    day_error = float(np.abs(day - test.y[..., 0]).mean())
    ridge_error = float(np.abs(ridge - test.y[..., 0]).mean())
    further = {"next 24 hours, encoder-decoder": day_error, "next 24 hours, ridge": ridge_error}
    loaded = krb.publish("weather_hours", forecaster, report, figure, began, further)
    print(f"All of the next 24 hours: encoder-decoder {day_error:.2f} {unit}, ridge {ridge_error:.2f} {unit}.")
    path = krb.export_saved_model(writers[0], "saved_models/weather_day", overwrite=True)
    print(f"The decoder's export: {path}, endpoints {krb.load_saved_model(path).endpoints}")
    later = float(loaded.serve(series.values[None, -PAST:])[0, -1, 0])
    print(f"Six hours after {series.times[-1]}, {target}: {later:.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", help="your own hours: a csv file with a column 'time_utc' and columns of numbers")
    parser.add_argument("--target", default="temp_celsius", help="the column to forecast")
    parser.add_argument("--repair", action="store_true", help="mend faults in the csv, and say what was mended")
    parser.add_argument("--seeds", type=int, default=4, help="how many networks to average")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "gpu"])
    parser.add_argument("--precision", default="float32", choices=["float32", "mixed_bfloat16", "mixed_float16"])
    main(**vars(parser.parse_args()))
