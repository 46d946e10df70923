"""Checks of a cell in a layer and a model: over a sequence, masked, compiled, stepped, saved, in half precision."""

import tempfile
from pathlib import Path

import keras
import numpy as np
from keras import ops

from keras_rnn_basics.architectures.one_step import one_step
from keras_rnn_basics.check_cell.step import in_its_dtype
from keras_rnn_basics.check_cell.subject import PURE, B, T
from keras_rnn_basics.layer import BasicRNN

# Rows: a full sequence; one padded at the end; one padded at the beginning, with a hole.
MASK = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 1, 0, 1]], dtype=bool)
OUTSIDE = "every number that it computes with must be a weight, or an argument in get_config"


def the_layer_is_that_of_keras(subject):
    cell = subject.copy("float32")
    cases = [(None, ""), (MASK, " with a mask")]
    if keras.backend.backend() == "jax":
        # With JAX, Keras' loop takes the first state as the last output, and fails if their sizes differ.
        cases = cases[:1]
    for mask, so in cases:
        for every_step in (True, False):
            outputs = []
            for layer in (keras.layers.RNN, BasicRNN):
                with subject.trying(f"{layer.__name__}(cell)"):
                    rnn = layer(cell, return_sequences=every_step, return_state=True)
                    outputs.append(rnn(subject.x, mask=mask))
            subject.same(*outputs, f"BasicRNN(cell) and keras.layers.RNN(cell) differ{so} {{gap}}; {PURE}")


def a_masked_step_leaves_no_trace(subject):
    rnn = BasicRNN(subject.copy("float32"), return_state=True)
    with subject.trying("BasicRNN(cell) with large numbers at masked steps"):
        padded = rnn(np.where(MASK[..., None], subject.x, np.float32(99)), mask=MASK)
        alone = [rnn(subject.x[row : row + 1, MASK[row]]) for row in range(B)]
    without = [ops.concatenate(of_rows) for of_rows in zip(*alone)]
    subject.same(without, padded, f"a sequence with masked steps differs from one without them {{gap}}; {PURE}")


def compiled_it_is_the_same(subject):
    model = subject.model
    with subject.trying("a compiled function"):
        y = model.predict(subject.x, verbose=0)
    route = f"the route was {model.layers[-1].recurrence_route}"
    subject.same(subject.answers, y, f"compiled, BasicRNN(cell) and keras.layers.RNN(cell) differ {{gap}}; {route}")


def one_step_is_the_sequence(subject):
    answers = []
    with subject.trying("one_step of a model with it"):
        step = one_step(subject.model)
        states = subject.model.layers[-1].get_initial_state(B)
        for t in range(T):
            y_t, *states = step([ops.convert_to_tensor(subject.x[:, t]), *states])
            answers.append(y_t)
    sentence = f"one_step differs from the model on the whole sequence {{gap}}; {PURE}"
    subject.same(subject.answers, ops.stack(answers, axis=1), sentence)


def it_survives_a_file(subject):
    kind = type(subject.cell)
    register = f'write @keras.saving.register_keras_serializable("your_package") above class {kind.__name__}'
    if kind.__module__ == "__main__" and keras.saving.get_registered_name(kind) == kind.__name__:
        subject.fail(f"another program could not load a model with this cell from a file; {register}")
    with subject.trying("deserialize_keras_object(serialize_keras_object(cell))", register):
        keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(subject.cell))
    with subject.trying("loading a model with it from a .keras file"), tempfile.TemporaryDirectory() as folder:
        subject.model.save(Path(folder) / "model.keras")
        loaded = keras.models.load_model(Path(folder) / "model.keras")
    sentence = f"a model loaded from a .keras file differs from the saved model {{gap}}; {OUTSIDE}"
    subject.same(subject.model(subject.x), loaded(subject.x), sentence)


def it_survives_cloning(subject):
    with subject.trying("clone_model"):
        clone = keras.models.clone_model(subject.model)
        clone.set_weights(subject.model.get_weights())
    sentence = f"a clone_model with the same weights differs {{gap}}; {OUTSIDE}"
    subject.same(subject.model(subject.x), clone(subject.x), sentence)


def mixed_precision_is_near(subject):
    cell = subject.copy("mixed_float16")
    with subject.trying("a step in mixed_float16"):
        y_t, states = cell(subject.x[:, 0], subject.states(cell))
    in_its_dtype(subject, cell, y_t, states)
    with subject.trying("BasicRNN(cell) in mixed_float16"):
        y = BasicRNN(cell, return_sequences=True, dtype="mixed_float16")(subject.x)
    subject.same(
        subject.answers,
        y,
        "in mixed_float16 it differs from float32 {gap}; do divisions and long sums in float32",
        tolerance=5e-2,
    )
