"""The temperature six hours ahead from 72 hours of weather in a row; and each of the next 24 hours, by a decoder.

    python examples/weather_hours.py
    python examples/weather_hours.py --csv my_hours.csv --target temp_celsius --place 48.85 2.35

Two networks read the hours of JFK airport in 2013. The reader answers every hour it reads with the change over the next
six (T in, T out; the last answer is scored). The encoder-decoder reads all 72 and writes the next 24 hours (T_x in, T_y
out). The year is cut into blocks of 30 days, and each is answered for by networks that never saw it: a score for the
gaps of a known year, not for the next year.

104 s on 2 cores. Mean absolute error six hours ahead, over 7,193 measured hours: 1.33 °C; the decoder's sixth hour 1.40
°C, boosted trees 1.40 °C, ridge regression 1.51 °C, persistence 2.70 °C. Over all of the next 24 hours the decoder has
1.80 °C, ridge 1.83 °C.
"""

import time
from functools import partial
from pathlib import Path

from common import options, plt, read_table

import keras
import numpy as np
from data import columns

import keras_rnn_basics as krb
from keras_rnn_basics import baselines
from keras_rnn_basics.datasets import hours, split_blocks

LOOKBACK, HORIZON, DAY = 72, 24, 24  # hours
AHEAD = 6  # the hour of the horizon that is scored
BLOCK = 72  # hours whose errors depend on each other
UNITS, BATCH_SIZE = 64, 64
READER_EPOCHS, READER_RATE = 6, 4e-3
WRITER_EPOCHS, WRITER_RATE = 14, 2e-3
JFK = (40.64, -73.78)  # latitude, longitude
RUNS = Path("runs/weather_hours")


def main(target="temp_celsius", place=None, block_days=30, seeds=2, device="auto", precision="float32", **table):
    began, own_table = time.monotonic(), "data" in table
    place = place or (None if own_table else JFK)
    compared = [target] if own_table else ["temp_celsius", "dew_point_celsius", "pressure_hpa"]
    series = load(table, place, compared)
    splits = four_splits(series, target, block_days)
    unit = "°C" if target.endswith("celsius") else target
    print(f"{len(series)} hours from {series.times[0]}: {series.source}")
    print(f"{sum(len(split.test) for split in splits):,} windows in blocks of {block_days} days, each tested once.")
    times, truth, measured = (
        np.concatenate([getattr(split.test, part) for split in splits]) for part in ("times", "y", "measured")
    )
    order = np.argsort(times[:, 0])
    times, truth, measured = times[order], truth[order, :, 0], measured[order, :, 0]
    scored = measured[:, AHEAD - 1]  # what was filled in where an hour is missing would be scored as if it were true
    if (count := scored.sum()) < 2 * BLOCK:
        raise ValueError(
            f"{count} windows can be scored, {2 * BLOCK} are needed: give more hours, or longer blocks (--block-days)."
        )

    settings = {"device": device, "precision": precision, "verbose": 0}
    readers = [
        [train_reader(split, RUNS / f"reader_{k}_{seed}", seed, settings) for seed in range(seeds)]
        for k, split in enumerate(splits)
    ]
    writers = [train_writer(split, RUNS / f"writer_{k}_0", place, settings) for k, split in enumerate(splits)]
    members = np.concatenate([read(split, own) for split, own in zip(splits, readers)])[order]
    written = np.concatenate([write(split, own, place) for split, own in zip(splits, writers)])[order]
    rivals = baselines.backtest(splits, forecasters(len(compared)))
    rivals = {name: own[order] for name, own in rivals.items()}
    day = {"encoder-decoder": written, "ridge": rivals["ridge"]}  # (N, HORIZON)
    answers = {"RNN": members.mean(axis=1), "encoder-decoder": written, **rivals}
    answers |= {name: own[:, AHEAD - 1] for name, own in day.items()}
    day["persistence"] = np.repeat(rivals["persistence"][:, None], HORIZON, axis=1)

    errors = {name: np.abs(own - truth[:, AHEAD - 1])[scored] for name, own in answers.items()}
    own = errors.pop("RNN")
    alone = dict(enumerate(np.abs(members - truth[:, [AHEAD - 1]])[scored].mean(axis=0).tolist()))
    task = f"{target} {AHEAD} h ahead from {LOOKBACK} h, each block of {block_days} days by networks that never saw it"
    report = krb.Report(task, "mean absolute error", unit, own, errors, alone, block=BLOCK)
    day_errors = {name: np.abs(own - truth).mean(axis=0, where=measured) for name, own in day.items()}
    whole = {
        f"24 hours, {name}": float(np.abs(day[name] - truth).mean(where=measured))
        for name in ("encoder-decoder", "ridge")
    }
    figure = draw(times, truth, answers["RNN"], own.mean(), day_errors, target, unit)
    publish(series, target, readers, writers[-1], report, figure, began, whole, unit)


def load(table, place, compared):
    """The hours, with the time of day, the height of the sun and, as the last columns, changes since yesterday."""
    series = columns.with_clock(read_table(hours.load, **table))
    if "data" not in table:
        series = columns.with_wind(series)
        series = series.only([name for name in series.names if name != "wind_direction_degrees"])
    if place is not None:
        series = columns.with_sun(series, *place, AHEAD)
    return columns.with_changes(series, compared, DAY)


def four_splits(series, target, block_days):
    """Each block of days is tested in one of four splits."""
    kinds = ["train", "validation", "train", "test"]
    orders = [kinds[k:] + kinds[:k] for k in range(len(kinds))]
    return [split_blocks(series, DAY * block_days, order, LOOKBACK, HORIZON, [target], gap=DAY) for order in orders]


def train_reader(split, folder, seed, settings):
    """A network that answers every hour with the change over the next six."""
    known = split.known
    ahead = np.concatenate([known.past_y, known.y], axis=1)[:, AHEAD : AHEAD + LOOKBACK]
    build = partial(build_reader, split)
    return train(build, known.x, ahead - known.past_y, split, READER_EPOCHS, folder, seed, settings)


def build_reader(split):
    n_x, standardise = len(split.names), split.normalization()
    model = krb.build_many_to_many((n_x,), UNITS, 1, dropout=0.1, recurrent_dropout=0.3, frontend=standardise)
    return compiled(model, READER_RATE, READER_EPOCHS, split)


def train_writer(split, folder, place, settings):
    """An encoder-decoder that writes the changes from the last hour read to each of the next 24."""
    known, clock = split.known, clock_of(split.known.times, place)
    build = partial(build_writer, split, clock.shape[-1])
    changes = known.y - known.past_y[:, -1:]
    return train(build, [known.x, clock], changes, split, WRITER_EPOCHS, folder, 0, settings)


def build_writer(split, n_clock):
    """The encoder-decoder of numbers, from the cell: the decoder's x_t is the hour it answers for."""
    x, clock = keras.Input((None, len(split.names)), name="x"), keras.Input((HORIZON, n_clock), name="clock")
    encoder, decoder = krb.BasicRNNCell(UNITS, recurrent_dropout=0.3), krb.BasicRNNCell(UNITS, output_units=1)
    _, a = krb.BasicRNN(encoder, return_state=True)(split.normalization()(x))
    changes = krb.BasicRNN(decoder, return_sequences=True)(clock, initial_state=a)
    return compiled(keras.Model([x, clock], changes, name="weather_day"), WRITER_RATE, WRITER_EPOCHS, split)


def compiled(model, learning_rate, epochs, split):
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, epochs * -(-len(split.known) // BATCH_SIZE))
    model.compile(keras.optimizers.Adam(rate, clipnorm=1.0), krb.SumOverTime("mean_absolute_error"))
    return model


def clock_of(times, place):
    """(N, T_y) -> (N, T_y, 2 or 3): the time of day as a point of a circle, and the height of the sun at a place."""
    angle = 2 * np.pi * columns.time_of_day(times)
    clock = [np.sin(angle), np.cos(angle)] + ([] if place is None else [columns.sun_height(times, *place)])
    return np.stack(clock, axis=2).astype("float32")


def train(build, x, changes, split, epochs, folder, seed, settings):
    """A network that has learned from all but the test blocks; how long was found on the validation blocks.

    It learns changes in units of their usual size, and gives them in those of the data.
    """
    scale = float((split.train.y[:, AHEAD - 1] - split.train.past_y[:, -1]).std())
    if scale == 0:
        raise ValueError(f"{split.targets[0]} never changes within {AHEAD} hours: there is nothing to forecast.")
    model = krb.fit(build, (x, changes / scale), None, folder, epochs, BATCH_SIZE, seed=seed, **settings).model
    return keras.Model(model.input, keras.layers.Rescaling(scale)(model.output))


def read(split, networks):
    """-> (N, networks): what each answers to the last hour read."""
    changes = [np.asarray(network(split.test.x))[:, -1] for network in networks]
    return split.test.past_y[:, -1] + np.concatenate(changes, axis=1)


def write(split, network, place):
    """-> (N, HORIZON)."""
    changes = network([split.test.x, clock_of(split.test.times, place)])
    return (split.test.past_y[:, -1:] + np.asarray(changes))[..., 0]


def forecasters(n_changes):
    """What the networks must beat; `n_changes` columns of x, the last, are changes since yesterday."""
    return {
        "persistence": lambda split: split.test.past_y[:, -1, 0],
        "yesterday": lambda split: split.test.past_y[:, AHEAD - 1 - DAY, 0],
        "ridge": partial(ridge, n_changes=n_changes),
        "boosting": boosting,
    }


def ridge(split, n_changes):
    """-> (N, HORIZON). It is not given the changes since yesterday: with them its error is larger, 1.52 °C."""
    train, validation = split.train, split.validation
    x = [part.x[:, :, :-n_changes] for part in (train, validation, split.test)]
    return baselines.ridge(x[0], train.y[..., 0], x[1], validation.y[..., 0], x[2])


def boosting(split):
    """-> (N,): boosted trees that read the last day."""
    changes = [part.y[:, AHEAD - 1, 0] - part.past_y[:, -1, 0] for part in (split.train, split.validation)]
    recent = [part.x[:, -DAY:] for part in (split.train, split.validation, split.test)]
    return split.test.past_y[:, -1, 0] + baselines.boosting(recent[0], changes[0], recent[1], changes[1], recent[2])


def draw(times, truth, forecasts, error, day_errors, target, unit):
    """Three hundred hours, forecast six hours ahead; and the errors at each of the next 24 hours."""
    figure, axes = plt.subplots(2, 1, figsize=(7, 6.5), layout="constrained")
    some, label = slice(0, 300), f"{target}, six hours ahead ({unit})"
    krb.plot_forecast(times[some, AHEAD - 1], truth[some, AHEAD - 1], forecasts[some], axes[0], label)
    axes[1].plot([AHEAD], [error], marker="*", markersize=14, linestyle="none", zorder=3, label="RNN")
    for name, errors in day_errors.items():
        axes[1].plot(np.arange(1, HORIZON + 1), errors, marker="o", markersize=4, label=name)
    axes[1].set(xlabel="hours ahead", ylabel=f"mean absolute error ({unit})", ylim=(0, None))
    axes[1].legend(frameon=False, ncols=2)
    return figure


def publish(series, target, readers, writer, report, figure, began, whole, unit):
    """What is exported takes and gives the units of the data: (B, T, n_x) hours -> (B, T, 1), six hours later."""
    x, column = keras.Input((None, len(series.names)), name="x"), series.index(target)
    everyone = krb.build_ensemble([model for own in readers for model in own])
    forecaster = keras.Model(x, x[:, :, column : column + 1] + everyone(x), name="weather_hours")
    names = {"x": series.names, "y": [f"{target}, {AHEAD} hours later"]}
    page = series.values[None, -LOOKBACK - AHEAD : -AHEAD], series.values[None, -LOOKBACK:, [column]]
    loaded = krb.publish("weather_hours", forecaster, report, figure, began, whole, names, page)
    print("; ".join(f"{name}: {error:.2f} {unit}" for name, error in whole.items()) + ".")
    clock = keras.Input(writer.inputs[1].shape[1:], name="clock")
    day_ahead = keras.Model([x, clock], x[:, -1:, column : column + 1] + writer([x, clock]), name="weather_day")
    names = {"x": series.names, "y": [target]}
    path = krb.export_saved_model(day_ahead, "saved_models/weather_day", overwrite=True, names=names)
    print(f"The decoder's export: {path}, endpoints {krb.load_saved_model(path).endpoints}")
    later = float(loaded.serve(series.values[None, -LOOKBACK:])[0, -1, 0])
    print(f"Six hours after {series.times[-1]}, {target}: {later:.1f}")


if __name__ == "__main__":
    parser = options(__doc__, "seeds", table=hours.load)
    parser.add_argument("--target", help="the column to forecast")
    parser.add_argument(
        "--place",
        nargs=2,
        type=float,
        metavar=("LATITUDE", "LONGITUDE"),
        help="where the csv was measured, in degrees, such as 40.64 -73.78: the height of the sun becomes a column",
    )
    parser.add_argument("--block-days", type=int, help="how long a block is that serves for one purpose")
    main(**vars(parser.parse_args()))
