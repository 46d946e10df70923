"""A label for every frame of a video: handwritten digits adrift, 60 % of their pixels hidden, swapped at random times.

    python examples/frames.py
    python examples/frames.py --path my_sequences.npz
    python examples/frames.py --path my_image_folders

The network reads the frames one by one, each through a small image encoder, and names the digit at every frame, from
what it has seen so far. It begins as a network without memory, which answers each frame by itself and trains first;
then it learns to remember, while that one goes on for as long. It is scored beside it, and beside its answers put
together by the Bayes filter that knows how often digits are swapped.

212 s on 2 cores. Of the frames of 4,000 sequences, made of scans that nothing was trained on, 85.3 % are right; without
memory 70.4 %; with the Bayes filter 84.8 %: the network is ahead by 0.50 points (0.25 to 0.75). How many training steps
fit into the minutes, and with them the scores, differs a little from run to run.
"""

import time
from functools import partial
from pathlib import Path

from common import options, plt

import keras
import numpy as np
import tensorflow as tf

import keras_rnn_basics as krb
from keras_rnn_basics.baselines import bayes_filter
from keras_rnn_basics.datasets import frames

BATCH_SIZE = 16
START_RATE, FURTHER_RATE = 8e-3, 2e-3
REPEATS = 6  # of the digits 48,000 sequences, for they never come again; of your own each once
COST = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
RUNS = Path("runs/frames")


def main(
    path=None, length=None, minutes=1.5, further_minutes=0.9, units=128, seed=0, device="auto", precision="float32"
):
    began = time.monotonic()
    keras.config.set_dtype_policy(precision)  # also of the network that is built outside of fit
    data = frames.load(path, batch_size=BATCH_SIZE, length=length)
    test, shape, n = data.test, data.test.x.shape[2:], len(data.names)
    print(f"{data.source}. {n} labels, swapped from one frame to the next {data.switching_rate:.1%} of the time.")
    validation = tf.data.Dataset.from_tensor_slices((data.validation.x, data.validation.y)).batch(100)
    if further_minutes <= 0:
        raise ValueError(f"--further-minutes must be a positive number, got {further_minutes}.")
    settings = {"epochs": 10_000, "patience": 10_000, "verbose": 2}  # the minutes end it
    settings |= {"seed": seed, "device": device, "precision": precision}

    single = partial(single_frames, shape)
    by_frame = data.train.map(single), validation.map(single)
    build = partial(build_start, shape, units, n)
    start = krb.fit(build, *by_frame, RUNS / "start", minutes=minutes, **settings).model
    # From there both go on for as long: the one as it is, the other with a memory.
    settings["minutes"] = further_minutes
    build = partial(build_per_frame, start, shape, units, n)
    per_frame = krb.fit(build, *by_frame, RUNS / "per_frame", **settings).model
    sequences = data.train if path else data.train.repeat(REPEATS)
    model = train_memory(start, shape, units, n, sequences, validation, settings)

    alone = per_frame.predict(test.x.reshape(-1, *shape), batch_size=1000, verbose=0).reshape(*test.y.shape, n)
    filtered = bayes_filter(np.asarray(tf.nn.log_softmax(alone.astype("float32"))), data.switching_rate, data.prior)
    answers = {"RNN": model.predict(test.x, batch_size=100, verbose=0), "per frame": alone, "Bayes filter": filtered}
    answers = {name: own.argmax(axis=-1) for name, own in answers.items()}
    right = {name: 100 * (own == test.y).mean(axis=1) for name, own in answers.items()}
    own = right.pop("RNN")
    task = f"The label of every frame, from the frames so far, in {len(test)} sequences of images never seen before."
    report = krb.Report(task, "frames right", "%", own, right, higher_is_better=True, block=1)
    figure = draw(test, answers, data.names)
    names, page = {"y": data.names}, (test.x[:8], test.y[:8])
    loaded = krb.publish("frames", model, report, figure, began, names=names, page=page)
    live = [data.names[k] for k in answer_live(loaded, test.x[0], units)]
    print(f"The first test sequence, live, frame by frame: {' '.join(live)}")
    print(f"                                       labels: {' '.join(data.names[k] for k in test.y[0])}")


def single_frames(shape, x, y):
    """(B, T, *shape), (B, T) -> (B T, *shape), (B T,)."""
    return tf.reshape(x, (-1, *shape)), tf.reshape(y, (-1,))


def build_start(shape, units, n):
    """The network without memory."""
    model = krb.build_one_to_one(shape, units, n, frontend=build_encoder(shape))
    model.compile(keras.optimizers.Adam(START_RATE, clipnorm=1.0), COST)
    return model


def build_encoder(shape):
    """An image -> 128 numbers."""
    layers = [
        keras.layers.Reshape((*shape[:2], -1)),
        *normalised(keras.layers.Conv2D(16, 5, strides=2, padding="same", use_bias=False)),
        *normalised(keras.layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False)),
        keras.layers.Flatten(),
        *normalised(keras.layers.Dense(128, use_bias=False)),
    ]
    return keras.Sequential(layers, name="encoder")


def normalised(linear):
    return linear, keras.layers.BatchNormalization(momentum=0.95), keras.layers.Activation("relu")


def build_per_frame(start, shape, units, n):
    """The network without memory, as it goes on."""
    model = build_start(shape, units, n)
    model.set_weights(start.get_weights())
    model.optimizer.learning_rate = FURTHER_RATE
    return model


def train_memory(start, shape, units, n, sequences, validation, settings):
    """The network with a memory, behind the encoder that `start` has trained.

    What that encoder says of a sequence is computed once, and the memory learns from it.
    """
    model = krb.build_many_to_many(shape, [units, units], n, frontend=build_encoder(shape))
    encode = model.get_layer("frontend")
    encode.set_weights(start.get_layer("frontend").get_weights())
    encoded = partial(encode_frames, encode)
    data = sequences.map(encoded, num_parallel_calls=2).cache(), validation.map(encoded).cache()
    build = partial(build_memory, start, encode.output.shape[2:], units, n)
    memory = krb.fit(build, *data, RUNS / "memory", **settings).model
    for name in ("rnn_1", "rnn_2"):
        model.get_layer(name).set_weights(memory.get_layer(name).get_weights())
    return model


def encode_frames(encode, x, y):
    return encode(x), y


def build_memory(start, shape, units, n):
    """Two recurrent layers, which begin with something like a filter of what the network without memory answers.

    The first layer begins almost as that network, the second as a fading sum of what the first says.
    """
    memory = krb.build_many_to_many(shape, [units, units], n)
    first, second = memory.get_layer("rnn_1").cell, memory.get_layer("rnn_2").cell
    alone = start.get_layer("rnn_1").cell
    for weight, value in (
        (first.W_ax, alone.W_ax),
        (first.b_x, alone.b_x),
        (first.b_a, alone.b_a),
        (first.W_aa, 0.3 * np.eye(units)),
        (second.W_ax, 0.25 * np.eye(units)),
        (second.W_aa, 0.85 * np.eye(units)),
        (second.W_ya, alone.W_ya),
        (second.b_y, alone.b_y),
    ):
        weight.assign(value)
    memory.compile(keras.optimizers.Adam(FURTHER_RATE, clipnorm=1.0), krb.SumOverTime(COST))
    return memory


def answer_live(loaded, x, units):
    """The label of each frame of (T, ...), by the exported step: a frame and states in, an answer and states out."""
    states, labels = [np.zeros((1, units), "float32")] * 2, []
    for x_t in x:
        y_t, *states = loaded.step(x_t[None], *states)
        labels.append(int(np.argmax(y_t)))
    return labels


def draw(test, answers, names):
    """A sequence with everybody's answers, and how answers get better from frame to frame after a swap."""
    figure, (film, ax) = plt.subplots(2, 1, figsize=(7, 6.5), layout="constrained")
    rows = {"label": test.y} | answers
    first = int(np.argmax(test.y[:, 3:4] != test.y[:, 2:3]))  # the first sequence with a swap at its fourth frame
    draw_film(film, test.x[first, :8], {name: own[first] for name, own in rows.items()}, names)
    since = since_swap(test.y)
    ages = [age for age in range(since.max() + 1) if (since == age).sum() >= 0.005 * since.size]
    for name, own in answers.items():
        right = 100 * (own == test.y)
        ax.plot(ages, [right[since == age].mean() for age in ages], marker="o", label=name)
    ax.set_xlabel("frames since the swap")
    ax.set_ylabel("frames right (%)")
    ax.set_xticks(ages)
    ax.legend(frameon=False)
    return figure


def since_swap(y):
    """(N, T) -> (N, T): how many frames ago the label changed; 0 in the frame of the change, -1 before the first."""
    t, changes = np.arange(y.shape[1]), np.diff(y, axis=1, prepend=y[:, :1]) != 0
    last = np.maximum.accumulate(np.where(changes, t, -1), axis=1)
    return np.where(last < 0, -1, t - last)


def draw_film(ax, shown, rows, names):
    """The frames beside each other, and below them rows of labels; what is not as in the first row is red."""
    film = np.hstack(shown if shown.ndim == 3 else shown.mean(axis=-1))
    ax.imshow(film, cmap="Greys", extent=(0, len(shown), 1, 0))
    ax.vlines(range(len(shown) + 1), 0, 1, color="0.6", linewidth=0.8)
    ax.set_title("A test sequence whose label changes; wrong answers are red", fontsize="medium")
    ax.set_yticks([1.3 + 0.4 * row for row in range(len(rows))], list(rows))
    ax.set_ylim(1.1 + 0.4 * len(rows), 0)
    ax.set_xticks(np.arange(len(shown)) + 0.5, np.arange(1, len(shown) + 1))
    ax.set_xlabel("frame")
    labels = next(iter(rows.values()))[: len(shown)]
    for place, row in zip(ax.get_yticks(), rows.values()):
        for t, (k, label) in enumerate(zip(row, labels)):
            colours = {"color": "black"} if k == label else {"color": "white", "backgroundcolor": "tab:red"}
            ax.text(t + 0.5, place, names[k], ha="center", va="center", fontsize=9, parse_math=False, **colours)


if __name__ == "__main__":
    parser = options(__doc__, "units", "seed")
    parser.add_argument("--path", help="your own sequences: an npz file, or a folder of images or videos")
    parser.add_argument("--length", type=int, help="how many frames of each of your own are kept, from its beginning")
    parser.add_argument("--minutes", type=float, help="how long the network without memory trains")
    parser.add_argument("--further-minutes", type=float, help="how long both go on from there")
    main(**vars(parser.parse_args()))
