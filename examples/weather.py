"""Tomorrow's highest temperature from 14 days of weather in a row, by a recurrent network that answers every day.

    python examples/weather.py
    python examples/weather.py --csv my_days.csv --target temp_max_celsius

The network reads the days one by one and forecasts, at each, the change to the next day's highest temperature; each
day has its cost L_t, and training minimises their sum. Networks from eight seeds are averaged.

21 s on 2 cores. Mean absolute error in 2015, which nothing was trained on: 2.09 °C; today's temperature again 2.25 °C,
ridge regression on the same window 2.22 °C, the mean of the season 3.16 °C.
"""

import time
from functools import partial
from pathlib import Path

from common import options, plt, read_table

import keras
import numpy as np
from data.columns import day_of_year, with_season

import keras_rnn_basics as krb
from keras_rnn_basics import baselines
from keras_rnn_basics.datasets import split_windows, weather

LOOKBACK = 14  # days
UNITS, RECURRENT_DROPOUT, LEARNING_RATE, EPOCHS = 16, 0.5, 3e-3, 60
RUNS = Path("runs/weather")


def main(target=None, seeds=8, device="auto", precision="float32", **table):
    began = time.monotonic()
    days = with_season(read_table(weather.load, **table))
    # The highest temperature; of your own days, whose columns have other names, the first column.
    target = target or ("temp_max_celsius" if "temp_max_celsius" in days.names else days.names[0])
    lookback = min(LOOKBACK, len(days) // 10)  # a month of your own is too short for windows of 14 days
    # Half of the days are for training, a quarter for validation, a quarter for the test.
    validation_from, test_from = days.times[-(-len(days) // 2)], days.times[-(-len(days) * 3 // 4)]
    split = split_windows(days, validation_from, test_from, lookback, targets=[target])
    unit, test = "°C" if target.endswith("celsius") else target, split.test
    print(f"{len(days)} days from {days.times[0]}: {days.source}")
    print(f"Windows of {lookback} days: {len(split.train)} to train, {len(split.validation)} to validate", end=", ")
    print(f"{len(test)} to test, from {test.times[0, 0]}.")

    scale = float(np.sqrt(np.mean((split.train.next_y - split.train.past_y) ** 2)))
    if scale == 0:
        raise ValueError(f"{target} never changes from day to day: there is nothing to forecast.")
    settings = {"device": device, "precision": precision}
    members = train(split, scale, seeds, settings)

    # What is exported takes and gives the units of the data: (B, T, n_x) days -> (B, T, 1), each day's tomorrow.
    x = keras.Input((None, len(split.names)), name="x")
    today = x[:, :, days.index(target) : days.index(target) + 1]
    forecaster = keras.Model(x, today + scale * krb.build_ensemble(members)(x), name="weather")

    forecasts = np.asarray(forecaster(test.x))
    answers = {"RNN": forecasts[:, -1], **rivals(days.between(None, test_from), target, split)}
    scored = test.measured[:, 0, 0]  # not what --repair filled in
    errors = {name: np.abs(own - test.y[:, 0])[scored, 0] for name, own in answers.items()}
    own = errors.pop("RNN")
    task = f"tomorrow's {target} from {lookback} days, {test.times[0, 0]} to {test.times[-1, 0]}"
    report = krb.Report(task, "mean absolute error", unit, own, errors, block=min(lookback, len(own) // 2))
    figure = draw(test, forecasts, target, unit)
    names = {"x": days.names, "y": [f"{target}, a day later"]}
    forecaster.compile(loss=krb.SumOverTime("mean_absolute_error"))  # for the page
    page = test.x[:8], test.next_y[:8]
    loaded = krb.publish("weather", forecaster, report, figure, began, names=names, page=page)
    tomorrow = float(loaded.serve(days.values[None, -lookback:])[0, -1, 0])
    print(f"From {days.times[-lookback]} to {days.times[-1]}, tomorrow's {target}: {tomorrow:.1f}")


def train(split, scale, seeds, settings):
    """Networks that answer every day with the change to the next, in units of `scale`, the usual size of a change.

    Validation finds how long to train; then other networks are trained for as long, on both parts.
    """
    parts = [(part.x, (part.next_y - part.past_y) / scale) for part in (split.train, split.validation)]
    build = partial(build_network, split)
    print(f"How long to train, on {len(parts[0][0])} windows:")
    searches = krb.fit_ensemble(build, *parts, RUNS / "search", range(seeds), EPOCHS, **settings)
    epochs = int(np.median([run.best_epoch for run in searches]))
    both = tuple(np.concatenate(arrays) for arrays in zip(*parts))
    print(f"{epochs} epochs are best. For so long, on {len(both[0])} windows:")
    runs = krb.fit_ensemble(build, both, None, RUNS / "final", range(seeds, 2 * seeds), epochs, **settings)
    return [run.model for run in runs]


def build_network(split):
    model = krb.build_many_to_many(
        (len(split.names),), UNITS, 1, recurrent_dropout=RECURRENT_DROPOUT, frontend=split.normalization()
    )
    model.compile(keras.optimizers.Adam(LEARNING_RATE, clipnorm=1.0), krb.SumOverTime("mean_absolute_error"))
    return model


def rivals(known, target, split):
    """What the network must beat; `known` are the days before the test part."""
    train, validation, test = split.train, split.validation, split.test
    own = {"persistence": baselines.persistence(test.past_y)}
    known_days, test_days = day_of_year(known.times), day_of_year(test.times[:, 0])
    if len(set(known_days)) >= 365:  # else some season is not known
        own["climatology"] = baselines.climatology(known_days, known.column(target)[:, None], test_days)
    return own | {"ridge": baselines.ridge(train.x, train.y[:, 0], validation.x, validation.y[:, 0], test.x)}


def draw(test, forecasts, target, unit):
    """The forecasts beside the truth, and the mean cost at each step read."""
    figure = plt.figure(figsize=(7, 6.5), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[4, 3])
    axes = above.subplots(2, 1, height_ratios=[2, 1], sharex=True)
    truth, last = test.y[:, 0, 0], forecasts[:, -1, 0]
    krb.plot_forecast(test.times[:, 0], truth, last, axes[0], f"tomorrow ({unit})", axes[1])
    axes[0].set_title(target, fontsize="medium")
    answers = {"RNN": forecasts, "persistence": test.past_y}
    cost = partial(krb.per_step_loss, test.next_y, loss="mean_absolute_error", mean_over="running")
    costs = {name: cost(own, mask=test.next_measured[..., 0]) for name, own in answers.items()}
    ax = krb.plot_per_step_loss(costs, below.subplots(), ylabel=f"$L_t$, mean error ({unit})")
    ax.set_xlabel("days read, t")
    return figure


if __name__ == "__main__":
    parser = options(__doc__, "seeds", table=weather.load)
    parser.add_argument("--target", help="the column to forecast; of your own days the first")
    main(**vars(parser.parse_args()))
