"""Shakespeare's plays, one character after the other, by a recurrent network that then writes on by itself.

    python examples/sentences.py
    python examples/sentences.py --text my_book.txt --minutes 15 --prompt "Once upon a time"

The network reads a character and answers how probable each is to follow; L_t is the cost of the one that did, and
training minimises their sum. It reads 64 places of the training plays side by side, and keeps its state from batch to
batch. Scored on four plays that nothing was trained on, in bits a character, beside n-grams of the same training plays.

205 s on 2 cores, 180 of them training: 2.11 bits a character; Kneser-Ney n-grams of order 5: 2.19, of order 7: 2.09,
which beat it; unigrams: 4.79.
"""

import sys
import time
from functools import partial

from common import options, plt

import keras
import numpy as np
import tensorflow as tf

import keras_rnn_basics as krb
from keras_rnn_basics import baselines
from keras_rnn_basics.datasets import sentences

BATCH_SIZE, STEPS = 64, 16
RAREST = 20  # a character that comes less often in the training texts is unknown
SAMPLE, TEMPERATURE = 400, 0.8  # characters to write, and how freely


def main(text=None, minutes=3.0, units=512, prompt="", seed=0, device="auto", precision="float32", strategy=None):
    began = time.monotonic()
    texts = sentences.load(text)
    vocabulary = krb.Vocabulary.of((piece for own in texts.train for piece in own), at_least=RAREST)
    parts = [sentences.encode(part, vocabulary) for part in (texts.train, texts.validation, texts.test)]
    print(f"{texts.source}.")
    print("{:,} characters to train, {:,} to validate, {:,} to test".format(*map(len, parts)), end=f"; {vocabulary}.\n")

    train, validation = (sentences.stateful_batches(part, BATCH_SIZE, STEPS) for part in parts[:2])
    settings = {"seed": seed, "device": device, "precision": precision, "strategy": strategy}
    settings["verbose"] = 1 if sys.stdout.isatty() else 2
    replicas = 1 if strategy is None else strategy.num_replicas_in_sync  # each reads its rows of a batch
    build = partial(build_reader, vocabulary, units, BATCH_SIZE // replicas)
    run = krb.fit(build, train, validation, "runs/sentences", epochs=1000, minutes=minutes, **settings)
    if not run.chief:
        return
    writer = krb.build_one_to_many(len(vocabulary), units, vocabulary=vocabulary)
    writer.set_weights(run.model.get_weights())
    writer.save("runs/sentences/writer.keras")

    own = passages([-own / np.log(2) for own in writer.log_probabilities(["".join(own) for own in texts.test])])
    rivals = n_grams(parts[0], parts[2], vocabulary)
    task = f"the next character of {len(texts.test)} unseen texts, after {minutes:g} minutes of training"
    report = krb.Report(task, "bits a character", "bits", own, rivals)
    page = ["".join(part)[:100] for part in texts.test], None
    loaded = krb.publish("sentences", writer, report, draw(own, rivals), began, page=page)

    sample = writer.generate(prompt, SAMPLE, temperature=TEMPERATURE, seed=seed)
    behind = f" behind {prompt!r}" if prompt else ""
    print(f"\n{SAMPLE} characters{behind}, at a temperature of {TEMPERATURE}:\n\n{sample}\n")
    [exported] = loaded.generate(tf.constant([prompt]), SAMPLE, TEMPERATURE, 0, seed).numpy()
    same = "the same text" if exported.decode() == sample else "another text, as its arithmetic is rounded otherwise"
    print(f"From the same seed the export writes {same}.")


def build_reader(vocabulary, units, batch_size):
    """The network that trains; it keeps its state from batch to batch."""
    reader = krb.build_one_to_many(len(vocabulary), units, vocabulary=vocabulary, stateful_batch_size=batch_size)
    cost = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # Of 256 units the best learning rate was 4e-3, of 512 2e-3.
    reader.compile(keras.optimizers.Adam(1 / units, clipnorm=5.0), krb.SumOverTime(cost))
    return reader


def n_grams(train, test, vocabulary):
    """What the network must beat: the bits of the same passages by n-grams of the training texts."""
    documents = [np.split(part, np.flatnonzero(part == vocabulary.start)[1:]) for part in (train, test)]
    return {
        name: passages([bits[:-1] for bits in baselines.ngram_bits(*documents, order, len(vocabulary))])
        for name, order in (("unigram", 1), ("Kneser-Ney 5", 5), ("Kneser-Ney 7", 7))
    }


def passages(bits):
    """The mean of each hundredth of the text: the characters of a passage are not independent."""
    bits = np.concatenate(bits)
    count = min(100, len(bits))
    return bits[len(bits) % count :].reshape(count, -1).mean(axis=1)


def draw(own, rivals):
    figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
    percent = np.arange(len(own)) / len(own) * 100
    ax.plot(percent, own, label="RNN")
    for name, bits in rivals.items():
        if name != "unigram":
            ax.plot(percent, bits, label=name, linewidth=1)
    ax.set(xlabel="place in the unseen text, %", ylabel="bits a character")
    ax.legend(frameon=False, ncols=3)
    return figure


if __name__ == "__main__":
    parser = options(__doc__, "units", "seed")
    parser.add_argument("--text", help="your own UTF-8 text: a file, or a folder of .txt files")
    parser.add_argument("--minutes", type=float, help="how long to train")
    parser.add_argument("--prompt", help="what the sample goes on from")
    main(**vars(parser.parse_args()))
