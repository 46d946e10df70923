"""Writing and translating by recurrent layers of all kinds, in Python and from the export, to the same letter."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from everyday import cases
from texts import PROMPTS, SENTENCES, are_likeliest, is_likeliest_translation, written_tokens

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


def is_likeliest_text(model, vocabulary, prompt, text, length):
    """Whether the whole model, called on the text, would write each token of it behind the prompt."""
    read = [krb.Vocabulary.start, *(vocabulary.encode([prompt]).to_list()[0] if prompt else [])]
    tokens = written_tokens(vocabulary, text.removeprefix(prompt), length)
    return are_likeliest(tokens, model(np.array([[*read, *tokens[:-1]]]))[0, len(read) - 1 :])


@pytest.mark.long  # every day the builder's, in test_text_exports.py
@pytest.mark.parametrize("name", LAYERS)
def test_any_recurrent_layer_writes_what_it_answers_and_its_export_too(vocabulary, name, tmp_path):
    V = len(vocabulary)
    x = keras.Input((None,), name="x", dtype="int32")
    embedded = BatchedTimeDistributed(keras.layers.Embedding(V, 8, embeddings_initializer="normal"), vocabulary)(x)
    model = OneToMany(x, keras.layers.Dense(V)(LAYERS[name]()(embedded)), name="own_writer")
    model.set_weights([2 * weight + 0.1 for weight in model.get_weights()])
    written = model.generate(PROMPTS, 12, temperature=0)
    assert all(is_likeliest_text(model, vocabulary, prompt, text, 12) for prompt, text in zip(PROMPTS, written))
    loaded = krb.load_saved_model(krb.export_saved_model(model, tmp_path / "writer"))
    exported = loaded.generate(tf.constant(PROMPTS), 12, 0.0, 0, 1).numpy()
    assert [text.decode() for text in exported] == written
    exported = loaded.generate(tf.constant(PROMPTS), 12, 0.8, 5, 7).numpy()
    assert [text.decode() for text in exported] == model.generate(PROMPTS, 12, temperature=0.8, top_k=5, seed=7)


@pytest.mark.long
@pytest.mark.parametrize("cell", cases([keras.layers.LSTMCell, krb.LayerNormRNNCell], [keras.layers.LSTMCell]))
def test_a_builder_s_cell_translates_and_its_export_too(vocabulary, cell, tmp_path):
    keras.utils.set_random_seed(1)
    both = {"source_vocabulary": vocabulary, "target_vocabulary": vocabulary}
    model = krb.build_encoder_decoder(
        len(vocabulary), len(vocabulary), [10, 10], attention=True, embedding_size=8, cell=cell, **both
    )
    model.set_weights([1.5 * weight for weight in model.get_weights()])
    translated = model.translate(SENTENCES, max_new_tokens=10)
    for sentence, translation in zip(SENTENCES, translated):
        assert is_likeliest_translation(model, sentence, translation, 10)
    loaded = krb.load_saved_model(krb.export_saved_model(model, tmp_path / "translator"))
    exported = [text.decode() for text in loaded.translate(tf.constant(SENTENCES)).numpy()]
    assert exported == model.translate(SENTENCES)
