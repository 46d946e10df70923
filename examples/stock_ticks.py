"""How far tomorrow's price will go, from 60 bars in a row; scored as in life, walking forward through eight years.

    python examples/stock_ticks.py
    python examples/stock_ticks.py --csv my_bars.csv
    python examples/stock_ticks.py --csv my_trades.csv.gz --bars volume --size 100000

The default data are IBM's daily bars, not ticks. What is forecast is the volatility of the next bar, the log of
log(high / low): many in, one out. The network says what to add to the mean of the past ranges, each day of which weighs
0.85 times the next; it is trained anew at each of four origins, on what came before, of which the last year stops it.

91 s on 2 cores. Mean absolute error of that log over 1,961 days of 2005 to 2013: 0.283. HAR of all four columns has
0.284, which is no clear difference; HAR of the ranges 0.290, the mean of the past ranges with a tuned decay 0.300, EWMA
0.94 of the squared returns 0.325, a constant 0.454. Whether the price will rise it says rightly in 49.5 % of the days:
no skill.
"""

import time
from functools import partial
from pathlib import Path

from common import options, plt, read_table

import keras
import numpy as np
from keras import ops

import keras_rnn_basics as krb
from keras_rnn_basics import baselines
from keras_rnn_basics.datasets import ticks, walk_forward

LOOKBACK, DECAY = 60, 0.85
UNITS, DROPOUT, RECURRENT_DROPOUT, LEARNING_RATE = 16, 0.1, 0.3, 3e-3
EPOCHS, BATCH_SIZE, PATIENCE = 30, 64, 6
BLOCK = 22  # bars whose errors depend on each other
FEWEST_BARS = 250  # so that about 20 windows come before the first origin's validation part
RANGE, RETURN = 0, 1  # columns of x and of y
RUNS = Path("runs/stock_ticks")


def main(bars=None, size=None, seeds=4, device="auto", precision="float32", **table):
    began = time.monotonic()
    days = read_table(ticks.load, bars=bars, size=size, **table)
    if len(days) < FEWEST_BARS:
        raise ValueError(f"{days.source}: {len(days)} bars; four origins and what comes before take {FEWEST_BARS}.")
    series = ticks.returns(days)
    n = len(series)
    origins = [series.times[round((0.4 + 0.15 * k) * n)] for k in range(4)]
    targets = ["log_range", "log_return"]
    splits = walk_forward(series, origins, validation_steps=n // 12, lookback=LOOKBACK, targets=targets)
    print(f"{len(days)} bars from {days.times[0]}: {days.source}. Origins: {', '.join(map(str, origins))}.")

    settings = {"device": device, "precision": precision, "verbose": 0}
    members = [[train_range(split, seed, settings) for seed in range(seeds)] for split in splits]
    networks = [in_units_of_the_data(split, own) for split, own in zip(splits, members)]
    own = np.concatenate([np.asarray(network(split.test.x))[:, 0] for network, split in zip(networks, splits)])
    answers = {"RNN": own, **baselines.backtest(splits, rivals())}
    alone = np.concatenate([answers_alone(split, own) for split, own in zip(splits, members)], axis=1)
    truth, times, measured = (
        np.concatenate([getattr(split.test, part)[:, 0] for split in splits]) for part in ("y", "times", "measured")
    )
    scored = measured[:, RANGE]  # nothing that --repair filled in
    errors = {name: np.abs(values - truth[:, RANGE])[scored] for name, values in answers.items()}
    others = {name: values for name, values in errors.items() if name != "RNN"}
    seed_means = dict(enumerate(np.abs(alone - truth[:, RANGE])[:, scored].mean(axis=1).tolist()))
    task = f"the log of the next bar's range, from {LOOKBACK} bars; {scored.sum()} bars from {times[0]}, four origins"
    report = krb.Report(task, "mean absolute error", "", errors["RNN"], others, seed_means, block=BLOCK)

    further = direction(splits, truth[:, RETURN] > 0, measured[:, RETURN], settings)
    ends = np.cumsum([split.test.measured[:, 0, RANGE].sum() for split in splits])[:-1]
    parts = {name: np.split(values, ends) for name, values in errors.items()}
    for k, origin in enumerate(origins):
        further[f"from {origin}"] = {name: float(values[k].mean()) for name, values in parts.items()}
    last = slice(-len(parts["RNN"][-1]) // 2, None)
    figure = draw(times[scored], truth[scored, RANGE], answers["RNN"][scored], errors, last)
    names = {"x": series.names, "y": ["log_range, a bar later"]}
    page = splits[-1].test.x[:8], splits[-1].test.y[:8, 0, [RANGE]]
    loaded = krb.publish("stock_ticks", networks[-1], report, figure, began, further, names, page)
    tomorrow = np.exp(float(np.asarray(loaded.serve(series.values[None, -LOOKBACK:]))[0, 0]))
    print(f"From the last {LOOKBACK} bars, to {series.times[-1]}, the next range: {tomorrow:.2%}")


def level(x, decay=DECAY):
    """(N, T, n_x) -> (N,): the mean of the past log ranges, each of which weighs `decay` times the next."""
    return baselines.ewma(x[:, :, RANGE], decay)


def usual_size(split):
    """Of what a network answers: of the difference between the next log range and `level`."""
    return float(np.std(split.train.y[:, 0, RANGE] - level(split.train.x)))


def train_range(split, seed, settings):
    """A network that answers what to add to `level`, in units of its usual size."""
    scale = usual_size(split)
    data = [(part.x, (part.y[:, 0, RANGE] - level(part.x)) / scale) for part in (split.train, split.validation)]
    build = partial(build_network, split, "mean_absolute_error", None)
    return train(build, *data, RUNS / f"range_{len(split.train)}_{seed}", seed, settings)


def train_direction(split, settings):
    """A network that answers how probable it is that the price will rise."""
    data = [(part.x, part.y[:, 0, RETURN] > 0) for part in (split.train, split.validation)]
    build = partial(build_network, split, "binary_crossentropy", "sigmoid")
    return train(build, *data, RUNS / f"rises_{len(split.train)}_0", 0, settings)


def build_network(split, loss, output_activation):
    model = krb.build_many_to_one(
        (len(split.names),),
        UNITS,
        1,
        output_activation=output_activation,
        dropout=DROPOUT,
        recurrent_dropout=RECURRENT_DROPOUT,
        frontend=split.normalization(),
    )
    model.compile(keras.optimizers.Adam(LEARNING_RATE, clipnorm=1.0), loss)
    return model


def train(build, train, validation, folder, seed, settings):
    run = krb.fit(build, train, validation, folder, EPOCHS, BATCH_SIZE, PATIENCE, seed=seed, **settings)
    return run.model


def in_units_of_the_data(split, members):
    """What is exported takes the bars' returns and ranges and gives the log of the next range."""
    x = keras.Input((LOOKBACK, len(split.names)), name="x")
    weights = DECAY ** np.arange(LOOKBACK, dtype="float32")[::-1, None]
    mean = ops.matmul(x[:, :, RANGE], weights / weights.sum())
    return keras.Model(x, mean + usual_size(split) * krb.build_ensemble(members)(x), name="stock_ticks")


def answers_alone(split, members):
    """-> (seeds, N): what each network answers by itself."""
    scale = usual_size(split)
    return [level(split.test.x) + scale * np.asarray(member(split.test.x))[:, 0] for member in members]


def rivals():
    """What the network must beat, from a name to a function of a split."""
    return {
        "constant": partial(corrected, lambda x: np.zeros(len(x))),
        "EWMA 0.94 of r²": partial(corrected, lambda x: np.log(baselines.ewma(x[:, :, RETURN] ** 2, 0.94)) / 2),
        "EWMA, tuned": tuned,
        "HAR": har,
        "HAR of all columns": har_of_all,
    }


def corrected(guess, split):
    """A guess that knows the changes of the range, but not its size: the known part's median error is taken off."""
    return baselines.shifted(guess(split.known.x), split.known.y[:, 0, RANGE], guess(split.test.x))


def tuned(split):
    validation = split.validation
    errors = {
        decay: np.abs(level(validation.x, decay) - validation.y[:, 0, RANGE]).mean()
        for decay in (0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98)
    }
    return corrected(partial(level, decay=min(errors, key=errors.get)), split)


def har(split):
    return baselines.har(split.known.x[:, :, RANGE], split.known.y[:, 0, RANGE], split.test.x[:, :, RANGE])


def har_of_all(split):
    """Of the four columns and of the size of the returns."""
    known, test = (np.concatenate([x, np.abs(x[:, :, [RETURN]])], axis=2) for x in (split.known.x, split.test.x))
    return baselines.har(known, split.known.y[:, 0, RANGE], test)


def direction(splits, truth, scored, settings):
    """How often a network, and how often the usual direction, says rightly whether the price will rise."""
    forecasters = {"RNN": partial(rises, settings=settings), "usual": usually_rises}
    right = {name: (own == truth)[scored] for name, own in baselines.backtest(splits, forecasters).items()}
    print(f"\nDirection of the next bar: {skill(right['RNN'], right['usual'])}.")
    return {"direction": float(right["RNN"].mean()), "usual direction": float(right["usual"].mean())}


def skill(right, usual):
    """(N,), (N,) -> a sentence. Both are measured on the same bars, so it is their difference that has an interval."""
    ahead, low, high = baselines.difference(right, usual, BLOCK)
    verdict = "some skill" if low > 0 else "no skill"
    return (
        f"right in {right.mean():.1%}, the usual direction in {usual.mean():.1%}, a difference of {100 * ahead:.1f} "
        f"points [{100 * low:.1f}, {100 * high:.1f}]: the network has {verdict} at it"
    )


def rises(split, settings):
    return np.asarray(train_direction(split, settings)(split.test.x))[:, 0] > 0.5


def usually_rises(split):
    return np.full(len(split.test), (split.known.y[:, 0, RETURN] > 0).mean() > 0.5)


def draw(times, truth, forecasts, errors, last):
    """The forecasts of the last bars beside the truth, and everybody's error as it changed over the years."""
    figure, axes = plt.subplots(2, 1, figsize=(7, 6.5), layout="constrained")
    percent = [100 * np.exp(values[last]) for values in (truth, forecasts)]
    krb.plot_forecast(times[last], *percent, axes[0], "range of the bar (%)")
    span = min(250, len(times) // 4)
    for name, values in errors.items():
        if name != "constant":
            smooth = np.convolve(values, np.ones(span) / span, mode="valid")
            axes[1].plot(times[span - 1 :], smooth, label=name, linewidth=1.2)
    axes[1].set_ylabel(f"error of the log, mean of {span} bars")
    axes[1].legend(frameon=False, ncols=2)
    return figure


if __name__ == "__main__":
    parser = options(__doc__, "seeds", table=ticks.load)
    parser.add_argument("--bars", choices=["time", "tick", "volume"], help="what to make of trades (time, price, size)")
    parser.add_argument("--size", type=float, help="of such a bar: seconds, trades or volume")
    main(**vars(parser.parse_args()))
