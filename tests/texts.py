"""Untrained models of a few texts, which write and translate."""

import keras
import numpy as np

import keras_rnn_basics as krb

TEXTS = ["to be, or not to be:", "that is the question.\n"]
PROMPTS = ["to be", "", "not that is the question"]
SENTENCES = ["to be", "that is the question", "or"]


def build_writer(vocabulary):
    """Untrained, its weights enlarged, so that what it writes depends on what it read."""
    keras.utils.set_random_seed(1)
    model = krb.build_one_to_many(len(vocabulary), [12, 9], embedding_size=8, vocabulary=vocabulary)
    model.set_weights([1.5 * weight for weight in model.get_weights()])
    return model


def build_translator(vocabulary, attention):
    keras.utils.set_random_seed(1)
    sizes = len(vocabulary), len(vocabulary), [12, 12]
    both = {"source_vocabulary": vocabulary, "target_vocabulary": vocabulary}
    model = krb.build_encoder_decoder(*sizes, attention=attention, embedding_size=8, **both)
    model.set_weights([1.5 * weight for weight in model.get_weights()])
    return model


def softmax(logits):
    p = np.exp(logits - logits.max())
    return p / p.sum()
