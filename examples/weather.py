"""Tomorrow's highest temperature from 14 days of weather in a row, by a recurrent network that answers every day.

    python examples/weather.py
    python examples/weather.py --csv my_days.csv --target temp_max_celsius

The network reads the days one by one and forecasts, at each, the change to the next day's highest temperature; each
day has its cost L_t, and training minimises their sum. Networks from eight seeds are averaged.

75 s on 2 cores. Mean absolute error in 2015, which nothing was trained on: 2.10 °C; today's temperature again 2.25 °C,
ridge regression on the same window 2.22 °C, the mean of the season 3.16 °C. The README tells how often 2015 was looked
at on the way there.
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
from keras_rnn_basics.datasets import split_windows, weather

PAST_DAYS = 14


def main(csv=None, target="temp_max_celsius", repair=False, seeds=8, device="auto", precision="float32"):
    began = time.monotonic()
    days = weather.with_season(weather.load(csv, repair=repair))
    for sentence in days.repairs:
        print(f"Repaired: {sentence}")
    validation_from, test_from = days.times[-(-len(days) // 2)], days.times[-(-len(days) * 3 // 4)]
    split = split_windows(days, validation_from, test_from, lookback=PAST_DAYS, targets=[target])
    unit = "°C" if target.endswith("celsius") else target
    print(f"{len(days)} days from {days.times[0]}: {days.source}")
    print(f"Windows of {PAST_DAYS} days: {len(split.train)} to train, {len(split.validation)} to validate", end=", ")
    print(f"{len(split.test)} to test, from {split.test.times[0, 0]}.")

    # The change from each day to the next, in units of its usual size.
    scale = float((split.train.next_y - split.train.past_y).std())
    if scale == 0:
        raise ValueError(f"{target} never changes from day to day: there is nothing to forecast.")
    train, validation = [(part.x, (part.next_y - part.past_y) / scale) for part in (split.train, split.validation)]

    def build():
        standardise = keras.layers.Normalization(mean=split.mean, variance=split.std**2)
        model = krb.build_many_to_many((len(split.names),), 16, 1, recurrent_dropout=0.5, frontend=standardise)
        model.compile(keras.optimizers.Adam(3e-3, clipnorm=1.0), krb.SumOverTime("mean_absolute_error"))
        return model

    # Validation finds how long to train; then each network is trained anew for as long, on both parts.
    runs = Path("runs/weather")
    settings = {"device": device, "precision": precision, "verbose": 0}
    searches = [
        krb.fit(build, train, validation, runs / f"search_{seed}", epochs=60, seed=seed, **settings)
        for seed in range(seeds)
    ]
    epochs = int(np.median([run.best_epoch for run in searches]))
    both = tuple(np.concatenate(parts) for parts in zip(train, validation))
    members = [
        krb.fit(build, both, None, runs / f"seed_{seed}", epochs=epochs, seed=seed, **settings).model
        for seed in range(seeds, 2 * seeds)
    ]

    # What is exported takes and gives the units of the data: (B, T, n_x) days -> (B, T, 1), each day's tomorrow.
    x = keras.Input((None, len(split.names)), name="x")
    today = x[:, :, days.index(target) : days.index(target) + 1]
    forecaster = keras.Model(x, today + scale * krb.build_ensemble(members)(x), name="weather")

    test = split.test
    forecasts = np.asarray(forecaster(test.x))
    truth, known = test.y[:, 0], days.between(None, test_from)
    rivals = {
        "persistence": baselines.persistence(test.past_y),
        "climatology": baselines.climatology(
            weather.day_of_year(known.times),
            known.column(target)[:, None],
            weather.day_of_year(test.times[:, 0]),
        ),
        "ridge": baselines.ridge(
            split.train.x, split.train.y[:, 0], split.validation.x, split.validation.y[:, 0], test.x
        ),
    }
    scored = test.measured[:, 0, 0]  # not what --repair filled in
    own_errors, *errors = (np.abs(answers - truth)[scored, 0] for answers in (forecasts[:, -1], *rivals.values()))
    task = f"tomorrow's {target} from {PAST_DAYS} days, {test.times[0, 0]} to {test.times[-1, 0]}"
    report = krb.Report(task, "mean absolute error", unit, own_errors, dict(zip(rivals, errors)))

    figure = plt.figure(figsize=(10, 6), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[4, 3])
    axes = above.subplots(2, 1, height_ratios=[3, 1], sharex=True)
    krb.plot_forecast(test.times[:, 0], truth[:, 0], forecasts[:, -1, 0], axes[0], f"tomorrow's {target}", axes[1])
    ax, absolute = below.subplots(), "mean_absolute_error"
    costs = {
        name: krb.per_step_loss(test.next_y, answers, absolute)
        for name, answers in (("RNN", forecasts), ("persistence", test.past_y))
    }
    krb.plot_per_step_loss(costs, ax, ylabel=f"$L_t$, mean absolute error ({unit})")
    ax.set_xlabel("days read, t")

    loaded = krb.publish(
        "weather", forecaster, report, figure, began, names={"x": days.names, "y": [f"{target}, a day later"]}
    )
    tomorrow = float(loaded.serve(days.values[None, -PAST_DAYS:])[0, -1, 0])
    print(f"From {days.times[-PAST_DAYS]} to {days.times[-1]}, tomorrow's {target}: {tomorrow:.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", help="your own days: a csv file with a column 'date' and columns of numbers")
    parser.add_argument("--target", default="temp_max_celsius", help="the column to forecast")
    parser.add_argument(
        "--repair", action="store_true", help="mend gaps and disorder in the csv, and say what was mended"
    )
    parser.add_argument("--seeds", type=int, default=8, help="how many networks to average")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "gpu"])
    parser.add_argument("--precision", default="float32", choices=["float32", "mixed_bfloat16", "mixed_float16"])
    main(**vars(parser.parse_args()))
