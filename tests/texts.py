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


def are_likeliest(tokens, logits):
    """(T,), (T, V): whether each token is the likeliest at its place, of all that can be written."""
    logits = np.array(logits)
    logits[:, [krb.Vocabulary.padding, krb.Vocabulary.unknown, krb.Vocabulary.start]] = -np.inf
    return logits.argmax(axis=1).tolist() == list(tokens)


def written_tokens(vocabulary, text, length):
    """The tokens of a text that was written, its end included if it came before the length."""
    [tokens] = vocabulary.encode([text]).to_list() if text else [[]]
    return tokens if len(tokens) == length else [*tokens, krb.Vocabulary.end]


def is_likeliest_translation(model, sentence, translation, length):
    """Whether the model itself, called from Python, would write each token of it behind those before."""
    x = model.source_vocabulary.encode([sentence]).to_tensor()
    tokens = written_tokens(model.target_vocabulary, translation, length)
    y_in = keras.ops.convert_to_tensor([[krb.Vocabulary.start, *tokens[:-1]]])
    return are_likeliest(tokens, model([x, y_in])[0])


def softmax(logits):
    p = np.exp(logits - logits.max())
    return p / p.sum()
