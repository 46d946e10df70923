"""Draws the pictures of the pages into docs/pictures, each from a model or from data: `make docs` runs it.

Each is written twice, for light and for dark pages: name.svg and name-dark.svg. The picture at the top of the README is
written to docs/static, which git keeps. A small trained network becomes a page to be tried: docs/pages/network.html.
"""

import re
from pathlib import Path

import keras
import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

import keras_rnn_basics as krb
from keras_rnn_basics.datasets import split_windows, weather
from keras_rnn_basics.pictures import canvas

FOLDER = Path(__file__).parent / "pictures"
STATIC = Path(__file__).parent / "static"
PAGES = Path(__file__).parent / "pages"  # copied as they are
TARGET = "temp_max_celsius"
# Each colour of a picture, and the one that it has on a dark page. Pure white stays: it is letters on a colour.
DARK = {
    canvas.INK: "#e6e6e3",
    canvas.FAINT: "#a3a8ae",
    canvas.CARD: "#17191c",
    canvas.STATE: "#2b2d31",
    canvas.CELL: "#202225",
    canvas.PAPER: "#0f1011",
    canvas.X: "#1e2a3d",
    canvas.Y: "#18302a",
    canvas.COST: "#362534",
    canvas.INPUT: "#2372e7",
    canvas.RECURRENT: "#c35516",
    canvas.OUTPUT: "#0f8656",
    canvas.ERROR: "#cf72b6",
}
# Plots stand on the same card as drawings, in the same ink; a picture drawn again is the same file.
STYLE = dict.fromkeys(["figure.facecolor", "axes.facecolor"], canvas.CARD) | {"svg.hashsalt": "keras_rnn_basics"}
STYLE |= dict.fromkeys(["text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"], canvas.INK)


def save(figure, name, folder=FOLDER):
    light, dark = folder / f"{name}.svg", folder / f"{name}-dark.svg"
    figure.savefig(light, metadata={"Date": None})
    plt.close(figure)
    dark.write_text(darkened(light.read_text("utf-8")), "utf-8")
    print(light)


def darkened(svg):
    return re.sub("|".join(DARK), lambda colour: DARK[colour[0]], svg)


def networks():
    model = krb.build_many_to_many((6,), units=32, output_units=4)
    save(krb.plot_unrolled(model, steps=3).figure, "unrolled")
    save(krb.plot_unrolled(model, steps=3).figure, "unrolled", STATIC)
    save(krb.plot_cell(model.get_layer("rnn_1").cell).figure, "cell")
    save(krb.plot_architectures().figure, "architectures")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 4, 6)), rng.normal(size=(16, 4, 4))
    save(krb.plot_backpropagation(model, x, y, "mean_squared_error").figure, "backpropagation")


def gradients():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 30, 6)), rng.normal(size=(16, 30, 1))
    begun = {
        "small": keras.initializers.RandomNormal(stddev=0.1, seed=0),
        "orthogonal": "orthogonal",
        "large": keras.initializers.RandomNormal(stddev=0.22, seed=0),
    }
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
    for ax, (name, W_aa) in zip(axes, begun.items()):
        inputs = keras.Input((None, 6), name="x")
        cell = krb.BasicRNNCell(32, 1, activation="linear", initializers={"W_aa": W_aa})
        model = keras.Model(inputs, krb.BasicRNN(cell, return_sequences=True)(inputs))
        norms = krb.gradient_flow(model, x, y, "mean_squared_error")
        krb.plot_gradient_flow(norms, ax, float(np.abs(np.linalg.eigvals(np.asarray(cell.W_aa))).max()))
        ax.set_title(f"{name}: {ax.get_title()}")
    save(figure, "gradient_flow")


def weather_pictures():
    days = weather.load()
    split = split_windows(days, "2014-01-01", "2015-01-01", lookback=14, targets=[TARGET])
    figure, ax = plt.subplots(figsize=(8, 3), layout="constrained")
    column = days.index(TARGET)
    ax.plot(range(1, 15), split.test.x[100, :, column], marker="o", label="$x_1$ to $x_{14}$")
    ax.plot([15], split.test.y[100, 0], marker="o", color="tab:orange", linestyle="none", label="$y$, the day after")
    ax.set(xlabel="time step t, days", ylabel="highest temperature (°C)", xticks=range(1, 16))
    ax.legend(frameon=False)
    save(figure, "window")

    def build():
        standardise, n_x = split.normalization(), len(split.names)
        model = krb.build_many_to_many((n_x,), 16, 1, recurrent_dropout=0.5, frontend=standardise)
        model.compile(keras.optimizers.Adam(3e-3, clipnorm=1.0), krb.SumOverTime("mean_absolute_error"))
        return model

    train, validation = [(part.x, part.next_y - part.past_y) for part in (split.train, split.validation)]
    run = krb.fit(build, train, validation, FOLDER.parent / "_build/run", epochs=40, verbose=0)
    test = split.test
    answers = {"RNN": test.past_y + np.asarray(run.model(test.x)), "today's temperature again": test.past_y}
    costs = {name: krb.per_step_loss(test.next_y, own, "mean_absolute_error") for name, own in answers.items()}
    states = run.model.get_layer("rnn_1").activations(split.normalization()(test.x[100:101]))
    figure, ax = plt.subplots(figsize=(9, 4), layout="constrained")
    krb.plot_activations(np.asarray(states)[0], test.times[86:100, 0].astype(str), ax, "day read")
    save(figure, "activations")
    figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
    krb.plot_per_step_loss(costs, ax, "$L_t$, mean absolute error (°C)")
    save(figure, "per_step_loss")


def running_sum():
    T = 20
    x = np.random.default_rng(0).normal(size=(3000, T, 1)).astype("float32")
    y = x.cumsum(axis=1) / np.sqrt(T)

    def build():
        model = krb.build_many_to_many((1,), 16, 1)
        model.compile(keras.optimizers.Adam(1e-2, clipnorm=1.0), krb.SumOverTime("mean_squared_error"))
        return model

    parts = [(x[part], y[part]) for part in (slice(2000), slice(2000, 2500))]
    run = krb.fit(build, *parts, FOLDER.parent / "_build/running_sum", epochs=10, verbose=0)
    answers = {"RNN": run.model(x[2500:]), "from $x_t$ alone": x[2500:] / np.sqrt(T)}
    costs = {name: krb.per_step_loss(y[2500:], own, "mean_squared_error") for name, own in answers.items()}
    figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
    krb.plot_per_step_loss(costs, ax, "$L_t$, mean squared error")
    ax.plot(range(1, T + 1), np.arange(T) / T, color="0.4", linestyle=":", label="$(t - 1) / T$")
    ax.legend(frameon=False)
    save(figure, "running_sum")
    shown = {"x": x[2500:2503], "y": y[2500:2503], "names": {"x": ["x"], "y": ["the sum, divided by the root of T"]}}
    print(krb.write_page(run.model, path=PAGES / "network.html", **shown))


if __name__ == "__main__":
    plt.rcParams.update(STYLE)
    keras.utils.set_random_seed(0)
    FOLDER.mkdir(exist_ok=True)
    networks()
    gradients()
    weather_pictures()
    running_sum()
