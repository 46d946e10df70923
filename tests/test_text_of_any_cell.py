"""Writing and translating by recurrent layers of all kinds, in Python and from the export, to the same letter."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from texts import PROMPTS, SENTENCES

import keras_rnn_basics as krb
from keras_rnn_basics.architectures.one_to_many import OneToMany
from keras_rnn_basics.architectures.time_distributed import BatchedTimeDistributed

LAYERS = {
    "SimpleRNN": lambda: keras.layers.SimpleRNN(9, return_sequences=True),
    "GRU": lambda: keras.layers.GRU(9, return_sequences=True),
    "LSTM": lambda: keras.layers.LSTM(9, return_sequences=True),
    "RNN(cell)": lambda: keras.layers.RNN(krb.LeakyRNNCell(9, learned_initial_state=True), return_sequences=True),
    "RNN([cells])": lambda: keras.layers.RNN(
        [keras.layers.GRUCell(9), keras.layers.LSTMCell(7)], return_sequences=True
    ),
}


def step_by_step(model, vocabulary, prompt, length):
    """The likeliest next token, by the whole model over the whole text so far, again and again."""
    tokens = [krb.Vocabulary.start, *vocabulary.encode([prompt]).to_list()[0]]
    begun = len(tokens)
    while len(tokens) < begun + length and tokens[-1] != krb.Vocabulary.end:
        logits = np.array(model(np.array([tokens])))[0, -1]
        logits[[krb.Vocabulary.padding, krb.Vocabulary.unknown, krb.Vocabulary.start]] = -np.inf
        tokens.append(int(logits.argmax()))
    return prompt + vocabulary.decode([tokens[begun:]])[0]


@pytest.mark.parametrize("name", LAYERS)
def test_any_recurrent_layer_writes_what_it_answers_and_its_export_too(vocabulary, name, tmp_path):
    V = len(vocabulary)
    x = keras.Input((None,), name="x", dtype="int32")
    embedded = BatchedTimeDistributed(keras.layers.Embedding(V, 8, embeddings_initializer="normal"), vocabulary)(x)
    model = OneToMany(x, keras.layers.Dense(V)(LAYERS[name]()(embedded)), name="own_writer")
    model.set_weights([2 * weight + 0.1 for weight in model.get_weights()])
    written = model.generate(PROMPTS, 12, temperature=0)
    assert written == [step_by_step(model, vocabulary, prompt, 12) for prompt in PROMPTS]
    loaded = krb.load_saved_model(krb.export_saved_model(model, tmp_path / "writer"))
    exported = loaded.generate(tf.constant(PROMPTS), 12, 0.0, 0, 1).numpy()
    assert [text.decode() for text in exported] == written
    exported = loaded.generate(tf.constant(PROMPTS), 12, 0.8, 5, 7).numpy()
    assert [text.decode() for text in exported] == model.generate(PROMPTS, 12, temperature=0.8, top_k=5, seed=7)


@pytest.mark.parametrize("cell", [keras.layers.LSTMCell, krb.LayerNormRNNCell])
def test_a_builder_s_cell_translates_and_its_export_too(vocabulary, cell, tmp_path):
    keras.utils.set_random_seed(1)
    both = {"source_vocabulary": vocabulary, "target_vocabulary": vocabulary}
    model = krb.build_encoder_decoder(
        len(vocabulary), len(vocabulary), [10, 10], attention=True, embedding_size=8, cell=cell, **both
    )
    model.set_weights([1.5 * weight for weight in model.get_weights()])
    translated = model.translate(SENTENCES, max_new_tokens=10)
    for sentence, translation in zip(SENTENCES, translated):
        x, y = vocabulary.encode([sentence]).to_list(), [krb.Vocabulary.start]
        while len(y) < 11 and y[-1] != krb.Vocabulary.end:
            logits = np.array(model([np.array(x), np.array([y])]))[0, -1]
            logits[[krb.Vocabulary.padding, krb.Vocabulary.unknown, krb.Vocabulary.start]] = -np.inf
            y.append(int(logits.argmax()))
        assert vocabulary.decode([y[1:]]) == [translation]
    loaded = krb.load_saved_model(krb.export_saved_model(model, tmp_path / "translator"))
    exported = [text.decode() for text in loaded.translate(tf.constant(SENTENCES)).numpy()]
    assert exported == model.translate(SENTENCES)
