"""One step after the other against the sequence as Keras reads it: values, of every answer."""

import itertools

import keras
import numpy as np
import pytest
from everyday import cases
from keras import layers
from test_architectures import BUILDERS, inputs_of

import keras_rnn_basics as krb

# Left, middle and right of these are masked, where tokens are embedded with mask_zero; the first never is.
TOKENS = np.array([[1, 2, 3, 0, 2, 0], [1, 1, 2, 3, 0, 0], [2, 0, 0, 1, 3, 1]], dtype="int32")


def numbers():
    return keras.Input((None, 3), name="x")


def embedded():
    x = keras.Input((None,), name="x", dtype="int32")
    return x, layers.Embedding(4, 3, mask_zero=True)(x)


def roll(step, *sequences, given=()):
    """The sequences fed one time step after the other, from `step.begin` -> the answers (B, T, n_y)."""
    B, T = sequences[0].shape[:2]
    states, answers = step.begin(*(given or [B])), []
    for t in range(T):
        x_t = [keras.ops.convert_to_tensor(x[:, t]) for x in sequences]
        outputs = step([*x_t, *states] if len(step.inputs) > 1 else x_t[0])
        y_t, *after = outputs if isinstance(outputs, list) else [outputs]
        states = [*after, *states[len(after) :]]
        answers.append(np.asarray(y_t))
    return np.stack(answers, axis=1)


def assert_steps_alike(model, *sequences, given=(), late=0, last=False, atol=1e-5):
    step = krb.one_step(model)
    expected = np.asarray(model([*sequences, *given] if len(model.inputs) > 1 else sequences[0]))
    answers = roll(step, *sequences, given=given)
    np.testing.assert_allclose(answers[:, -1] if last else answers[:, late:], expected, atol=atol)
    assert np.abs(expected).max() > 10 * atol  # it says something
    return step


def names(tensors):
    return [tensor.name for tensor in tensors]


RECURRENT = {
    "SimpleRNN": lambda **arguments: layers.SimpleRNN(4, **arguments),
    "GRU": lambda **arguments: layers.GRU(4, **arguments),
    "GRU, reset before": lambda **arguments: layers.GRU(4, reset_after=False, **arguments),
    "LSTM": lambda **arguments: layers.LSTM(4, **arguments),
    "RNN of a cell": lambda **arguments: layers.RNN(krb.BasicRNNCell(4, 2), **arguments),
    "RNN of cells": lambda **arguments: layers.RNN([layers.LSTMCell(4), layers.GRUCell(3)], **arguments),
    "BasicRNN": lambda **arguments: krb.BasicRNN(krb.BasicRNNCell(4, 2), **arguments),
    "BasicRNN of Keras' cell": lambda **arguments: krb.BasicRNN(layers.LSTMCell(4), **arguments),
}


@pytest.mark.parametrize("name", ["many_to_one", "many_to_many", "one_to_many"])
def test_one_step_after_the_other_answers_what_the_sequence_does(name, rng):
    assert_steps_alike(BUILDERS[name](), inputs_of(name, rng), last=name == "many_to_one")


@pytest.mark.parametrize(
    ("name", "return_sequences"),
    cases(
        itertools.product(RECURRENT, [False, True]),
        [
            ("SimpleRNN", True),
            ("GRU, reset before", True),
            ("RNN of cells", True),
            ("BasicRNN", True),
            ("BasicRNN of Keras' cell", True),
            ("LSTM", False),
        ],
    ),
)
def test_every_recurrent_layer_of_keras_steps(name, return_sequences, x):
    inputs = numbers()
    model = keras.Model(inputs, RECURRENT[name](return_sequences=return_sequences)(inputs))
    assert_steps_alike(model, x, last=not return_sequences)


@pytest.mark.parametrize(
    ("name", "zero_output_for_mask"),
    cases(
        itertools.product(RECURRENT, [False, True]),
        [
            ("LSTM", True),
            ("RNN of cells", False),
            ("BasicRNN", True),
        ],
    ),
)
def test_a_masked_step_carries_the_states_and_the_answer(name, zero_output_for_mask):
    x, read = embedded()
    layer = RECURRENT[name](return_sequences=True, zero_output_for_mask=zero_output_for_mask)
    further = RECURRENT[name]()(layer(read))
    assert_steps_alike(keras.Model(x, layer.output), TOKENS)
    assert_steps_alike(keras.Model(x, further), TOKENS, last=True)


class DoubledCell(layers.GRUCell):
    """A cell that answers with something else than its state, and has no readout."""

    def call(self, inputs, states, training=False):
        y_t, states = super().call(inputs, states, training=training)
        return 2 * y_t, states


def test_only_a_cell_that_does_not_say_what_its_states_answer_needs_its_last_answer_as_a_state():
    x, read = embedded()
    first = layers.RNN(krb.BasicRNNCell(4), return_sequences=True)(read)
    model = keras.Model(x, layers.RNN(DoubledCell(2))(layers.LSTM(3, return_sequences=True)(first)))
    step = assert_steps_alike(model, TOKENS, last=True)
    assert names(step.inputs) == ["x_t", "a_1", "a_2_1", "a_2_2", "a_3", "y_3"]
    x = numbers()
    assert names(krb.one_step(keras.Model(x, layers.RNN(DoubledCell(2))(x))).inputs) == ["x_t", "a"]


@pytest.mark.parametrize("name", ["GRU", "BasicRNN"])
def test_a_mask_beside_an_initial_state_counts_where_it_counts_in_the_sequence(name, rng):
    x, read = embedded()
    a_0 = keras.Input((4,), name="a_0")
    model = keras.Model([x, a_0], RECURRENT[name](return_sequences=True)(read, initial_state=a_0))
    assert_steps_alike(model, TOKENS, given=[rng.normal(size=(3, 4)).astype("float32")])


def test_masks_come_from_masking_and_as_inputs(x, mask):
    inputs = numbers()
    x, mask = np.where(mask[..., None], x, 0)[[0, 1, 3]], mask[[0, 1, 3]]
    x[2, 0], mask[2, 0] = 1, True
    assert_steps_alike(keras.Model(inputs, layers.LSTM(4)(layers.Masking()(inputs))), x, last=True)
    there = keras.Input((None,), name="there", dtype="bool")
    step = assert_steps_alike(keras.Model([inputs, there], layers.GRU(4)(inputs, mask=there)), x, mask, last=True)
    assert names(step.inputs) == ["x_t", "there_t", "a"]


def test_a_sequence_ends_after_its_length(x):
    inputs, lengths = numbers(), keras.Input((), name="lengths", dtype="int32")
    first = krb.BasicRNN(krb.BasicRNNCell(4, 2), return_sequences=True)(inputs, sequence_lengths=lengths)
    model = keras.Model([inputs, lengths], layers.GRU(4, return_sequences=True)(first))
    step = assert_steps_alike(model, x, given=[np.array([6, 4, 1, 2], dtype="int32")])
    assert names(step.inputs) == ["x_t", "steps_read", "a_1", "a_2", "lengths"]


def test_the_decoder_steps_from_what_the_encoder_remembers(rng):
    model, (source, target) = BUILDERS["encoder_decoder"](), inputs_of("encoder_decoder", rng)
    target[0, 3:] = 0
    step = krb.one_step(model.get_layer("decoder"))
    assert names(step.inputs) == ["x_t", "a_1", "a_2"]
    answers = roll(step, target, given=model.get_layer("encoder")(source))
    np.testing.assert_allclose(answers, model([source, target]), atol=1e-5)


@pytest.mark.parametrize("attention", cases([False, True], [True]))
def test_a_whole_encoder_decoder_begins_with_what_it_read(attention, rng):
    model = krb.build_encoder_decoder(9, 7, [5, 4], attention=attention, embedding_size=3)
    source, target = inputs_of("encoder_decoder", rng)
    step = krb.one_step(model)
    assert names(step.begin.inputs) == ["x"]
    assert step.begin.computed
    np.testing.assert_allclose(roll(step, target, given=[source]), model([source, target]), atol=1e-5)


def test_an_encoder_and_a_decoder_of_a_fixed_length_in_one_graph_step(x, rng):
    inputs, clock = numbers(), keras.Input((4, 2), name="clock")
    read = layers.Bidirectional(layers.GRU(2))(inputs)  # what no step could do is done once
    decoder = krb.BasicRNN(krb.BasicRNNCell(4, output_units=1), return_sequences=True)
    model = keras.Model([inputs, clock], decoder(clock, initial_state=read))
    step, hours = krb.one_step(model), rng.normal(size=(4, 4, 2)).astype("float32")
    np.testing.assert_allclose(roll(step, hours, given=[x]), model([x, hours]), atol=1e-5)
    assert (names(step.inputs), names(step.begin.inputs)) == (["x_t", "a"], ["x"])


def test_an_initial_state_may_be_computed_given_or_learned(x, rng):
    inputs, s = numbers(), keras.Input((5,), name="s")
    static = rng.normal(size=(4, 5)).astype("float32")
    model = keras.Model([inputs, s], layers.GRU(4, return_sequences=True)(inputs, initial_state=layers.Dense(4)(s)))
    step = assert_steps_alike(model, x, given=[static])
    assert step.begin.computed

    h, c = keras.Input((5,), name="h"), keras.Input((5,), name="c")
    model = keras.Model([inputs, h, c], layers.LSTM(5, return_sequences=True)(inputs, initial_state=[h, c]))
    step = assert_steps_alike(model, x, given=[static, -static])
    assert names(step.inputs) == ["x_t", "h", "c"]
    assert not step.begin.computed

    cell = krb.BasicRNNCell(4, learned_initial_state=True, initializers={"a_0": "ones"})
    model = keras.Model(inputs, krb.BasicRNN(cell, return_sequences=True)(inputs))
    step = assert_steps_alike(model, x)
    np.testing.assert_array_equal(step.begin(2)[0], np.ones((2, 4)))
    assert step.begin.computed
    cell.a_0.assign(np.zeros(4))  # it may learn another
    assert krb.one_step(model).begin.computed


def test_a_static_input_reaches_every_step(x, rng):
    inputs, s = numbers(), keras.Input((4,), name="s")
    static = rng.normal(size=(4, 4)).astype("float32")

    @keras.saving.register_keras_serializable("tests")
    class Shift(layers.Layer):
        def call(self, y, by):
            return y + by[:, None]

    read = layers.GRU(4, return_sequences=True)(inputs)
    step = assert_steps_alike(keras.Model([inputs, s], Shift()(read, s)), x, given=[static])
    assert names(step.inputs) == ["x_t", "a", "s"]
    assert not step.begin.computed
    read = layers.GRU(4, return_sequences=True)(inputs, initial_state=s)
    step = assert_steps_alike(keras.Model([inputs, s], Shift()(read, s)), x, given=[static])
    assert names(step.inputs) == ["x_t", "s", "s_"]  # once as the first state, once as what stays
    fixed = keras.Input((6, 3), name="x")
    both = layers.Concatenate()([fixed, layers.Dense(2)(layers.RepeatVector(6)(s))])
    assert_steps_alike(keras.Model([fixed, s], layers.GRU(4, return_sequences=True)(both)), x, given=[static])


def test_several_inputs_may_be_sequences(x, rng):
    inputs, clock = numbers(), keras.Input((None, 2), name="clock")
    model = keras.Model([inputs, clock], layers.GRU(4)(layers.Concatenate()([inputs, clock])))
    step = assert_steps_alike(model, x, rng.normal(size=(4, 6, 2)).astype("float32"), last=True)
    assert names(step.inputs) == ["x_t", "clock_t", "a"]


def test_a_slice_of_time_answers_late(x):
    inputs = numbers()
    first = layers.GRU(4, return_sequences=True)(inputs)
    assert_steps_alike(keras.Model(inputs, layers.Dense(2)(first[:, 2:])), x, late=2)
    assert_steps_alike(keras.Model(inputs, layers.Dense(2)(first[:, -1])), x, last=True)


@pytest.mark.long
def test_slices_of_time_of_other_kinds(x):
    inputs = numbers()
    first = layers.GRU(4, return_sequences=True)(inputs)
    assert_steps_alike(keras.Model(inputs, layers.Cropping1D((2, 0))(first)), x, late=2)
    assert_steps_alike(keras.Model(inputs, first[..., 1:]), x)
    krb.one_step(keras.Model(inputs, first[:, 20:]))  # the check takes a sequence that is longer
    with pytest.raises(ValueError, match="gives another result"):
        krb.one_step(keras.Model(inputs, keras.ops.flip(first, axis=1)[:, 20:]))
    assert_steps_alike(keras.Model(inputs, first[:, -3:]), x, late=3)


def test_a_layer_behind_a_slice_of_time_begins_late(x):
    inputs = numbers()
    first = layers.GRU(4, return_sequences=True)(inputs[:, 1:])
    model = keras.Model(inputs, layers.LSTM(3, return_sequences=True)(first[:, 2:]))
    step = assert_steps_alike(model, x, late=3)
    assert "steps_read" in names(step.inputs)


def test_a_dict_of_inputs_is_taken_by_its_names(x, rng):
    inputs, s = numbers(), keras.Input((4,), name="s")
    model = keras.Model({"x": inputs, "s": s}, layers.GRU(4, return_sequences=True)(inputs, initial_state=s))
    static = rng.normal(size=(4, 4)).astype("float32")
    answers = roll(krb.one_step(model), x, given=[static])
    np.testing.assert_allclose(answers, model({"x": x, "s": static}), atol=1e-5)


def test_models_inside_a_model_step_together(x):
    members = [krb.build_many_to_many((3,), 5, 1, frontend=layers.Dense(4)) for _ in range(3)]
    for number, member in enumerate(members):
        member.name = f"member_{number}"
    inputs = numbers()
    mean = layers.Average()([member(inputs) for member in members])
    step = assert_steps_alike(keras.Model(inputs, inputs[:, :, :1] + 2.0 * mean), x)
    assert names(step.inputs) == ["x_t", "a_1", "a_2", "a_3"]


def test_one_layer_at_two_places_has_two_states(x):
    inputs, part = numbers(), keras.Sequential([layers.GRU(3, return_sequences=True), layers.Dense(3)])
    step = assert_steps_alike(keras.Model(inputs, part(part(inputs))), x)
    assert names(step.inputs) == ["x_t", "a_1", "a_2"]


class Reader(keras.Model):
    """A subclassed model with a recurrent layer inside."""

    def __init__(self, activation=keras.ops.tanh):
        super().__init__()
        self.rnn, self.dense, self.activation = layers.LSTM(4, return_sequences=True), layers.Dense(2), activation

    def call(self, x):
        return self.activation(self.dense(self.rnn(x)))


class Doubled(keras.Model):
    """A subclassed model that is an operation like others."""

    def call(self, x):
        return 2.0 * x


def test_a_subclassed_model_steps_inside_a_model_and_alone(x):
    inputs = numbers()
    assert_steps_alike(keras.Model(inputs, Doubled()(Reader()(inputs))), x)
    reader = Reader()
    expected = reader(x)
    np.testing.assert_allclose(roll(krb.one_step(reader), x), expected, atol=1e-5)


def test_what_lies_around_the_recurrent_layers_steps_with_them(x):
    inputs = numbers()
    read = [layers.GRU(4, return_sequences=True)(inputs), layers.LSTM(3, return_sequences=True)(inputs), inputs]
    y = layers.Dropout(0.5)(layers.LayerNormalization()(layers.Concatenate()(read)))
    y = 2.0 * layers.TimeDistributed(layers.Dense(2))(y) + keras.ops.sin(y[..., :2])
    assert_steps_alike(keras.Model(inputs, y), x)
    _, a, _ = layers.LSTM(4, return_state=True)(inputs)
    assert_steps_alike(keras.Model(inputs, layers.Dense(2)(a)), x, last=True)


def test_a_recurrent_layer_within_one_time_step_is_a_frontend(rng):
    x = keras.Input((None, 4, 2), name="x")
    model = keras.Model(x, layers.GRU(3)(layers.TimeDistributed(layers.LSTM(3))(x)))
    step = assert_steps_alike(model, rng.normal(size=(2, 5, 4, 2)).astype("float32"), last=True)
    assert names(step.inputs) == ["x_t", "a"]


def test_images_step_through_a_convolutional_lstm(rng):
    x = keras.Input((None, 4, 4, 2), name="x")
    model = keras.Model(x, layers.ConvLSTM2D(2, 3, padding="same", return_sequences=True)(x))
    assert_steps_alike(model, rng.normal(size=(2, 3, 4, 4, 2)).astype("float32"))


def test_several_outputs_are_several_answers(x):
    inputs = numbers()
    model = keras.Model(inputs, [layers.GRU(4, return_sequences=True)(inputs), layers.GRU(2)(inputs)])
    step, every_step = krb.one_step(model), []
    states = step.begin(4)
    for t in range(6):
        y_t, last, *states = step([keras.ops.convert_to_tensor(x[:, t]), *states])
        every_step.append(np.asarray(y_t))
    np.testing.assert_allclose(np.stack(every_step, axis=1), model(x)[0], atol=1e-5)
    np.testing.assert_allclose(last, model(x)[1], atol=1e-5)


@pytest.mark.parametrize("T", [1, 60])
def test_a_fixed_length_is_no_reason_to_refuse(T, rng):
    inputs = keras.Input((T, 3), name="x")
    model = keras.Model(inputs, layers.GRU(4, return_sequences=True)(inputs))
    step = assert_steps_alike(model, rng.normal(size=(2, T, 3)).astype("float32"))
    assert tuple(step.outputs[0].shape) == (None, 4)


def test_half_precision_steps_and_its_states_come_back_as_they_went_in(x):
    inputs, h = numbers(), keras.Input((4,), name="h")
    layer = layers.GRU(4, return_sequences=True, dtype="mixed_float16")
    step = assert_steps_alike(keras.Model([inputs, h], layer(inputs, initial_state=h)), x, given=[x[:, 0, [0] * 4]])
    assert [a.dtype for a in step.outputs] == ["float16", "float32"]


def test_a_step_shares_the_model_s_weights(x):
    model = krb.build_many_to_many((3,), 5, 2)
    step = krb.one_step(model)
    cell = model.get_layer("rnn_1").cell
    cell.W_ya.assign(np.zeros((5, 2)))
    cell.b_y.assign([1.0, 2.0])
    np.testing.assert_array_equal(roll(step, x)[0, 0], [1.0, 2.0])
    assert {id(weight) for weight in step.weights} == {id(weight) for weight in model.weights}


def test_the_check_leaves_the_model_as_it_was(x):
    model = krb.build_many_to_many((3,), 5, 2)
    before = model(x), model.get_weights()
    krb.one_step(model)
    np.testing.assert_array_equal(model(x), before[0])
    np.testing.assert_array_equal(
        np.concatenate([w.ravel() for w in model.get_weights()]), np.concatenate([w.ravel() for w in before[1]])
    )


def test_batches_that_differ_are_an_error():
    step = krb.one_step(krb.build_many_to_many((3,), 5, 2))
    with pytest.raises(ValueError, match=r"another number of sequences than the state that it begins from.*2 and 1"):
        step([keras.ops.ones((2, 3)), keras.ops.ones((1, 5))])
    with pytest.raises(ValueError, match=r"step\.begin takes only the batch size B, got 2 arguments"):
        step.begin(2, 3)


def behind(*further):
    """x -> BasicRNN -> what is further."""
    x = numbers()
    y = krb.BasicRNN(krb.BasicRNNCell(5, 2), return_sequences=True)(x)
    for layer in further:
        y = layer(y)
    return keras.Model(x, y)


def of_its_own_end():
    x = numbers()
    y, a = layers.GRU(4, return_sequences=True, return_state=True)(x)
    return keras.Model(x, layers.GRU(4, name="second")(y, initial_state=a))


def repeated():
    x = keras.Input((6, 3), name="x")
    return keras.Model(x, layers.GRU(4, name="writer")(layers.RepeatVector(6)(layers.GRU(3)(x))))


def stateful():
    x = keras.Input((None, 3), batch_size=2, name="x")
    return keras.Model(x, layers.GRU(4, stateful=True, name="gru")(x))


def flat():
    x = keras.Input((6, 3), name="x")
    return keras.Model(x, layers.Dense(2)(layers.Flatten(name="flat")(layers.GRU(4, return_sequences=True)(x))))


def untraceable():
    import tensorflow as tf

    reader = Reader(activation=tf.nn.relu)
    reader.name = "reader"
    x = numbers()
    return keras.Model(x, reader(x))


def wave():
    x = keras.Input((None,), name="wave")
    mel = layers.MelSpectrogram(64, 32, sampling_rate=8000, num_mel_bins=4, power_to_db=False, name="mel")(x)
    return keras.Model(x, krb.build_many_to_one((4,), 3, 2)(keras.ops.swapaxes(mel, 1, 2)))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: krb.build_one_to_one((3,), 5, 2),
            r"over x \(None, 3\): its layer one_step \(Reshape\) cannot read a",
        ),
        (
            lambda: krb.build_many_to_one((3,), 5, 2, bidirectional=True),
            r"over x \(None, None, 3\): its layer rnn_1 reads",
        ),
        (lambda: behind(layers.GRU(4, go_backwards=True, name="gru")), "its layer gru reads from the end"),
        (stateful, "its layer gru is stateful"),
        (
            lambda: behind(layers.Conv1D(4, 3, padding="causal", name="conv"), layers.Dense(2)),
            r"its layer conv \(Conv1D\) gives another result for one step than for the sequence: it looks at",
        ),
        # All that comes behind it answers zeros in both ways, until the network learns.
        (
            lambda: behind(
                layers.Conv1D(4, 3, padding="same", name="conv"), layers.Dense(2, kernel_initializer="zeros")
            ),
            r"its layer conv \(Conv1D\) gives another result",
        ),
        (
            lambda: behind(layers.Dense(3), layers.GlobalAveragePooling1D(name="mean"), layers.Dense(2)),
            r"its layer mean \(GlobalAveragePooling1D\) gives another result",
        ),
        (flat, r"its layer flat \(Flatten\) gives another result"),
        (wave, r"over wave \(None, None\): its layer mel \(MelSpectrogram\) cannot read a single time step"),
        (lambda: behind(lambda y: keras.ops.flip(y, axis=1)), r"its operation flip\w* \(Flip\) gives another result"),
        (lambda: behind(lambda y: y[:, :3]), r"\(GetItem\) takes the time steps \[:3\] out of a sequence"),
        (lambda: behind(lambda y: y[:, 1]), r"\(GetItem\) takes the time steps \[1\] out of a sequence"),
        (lambda: behind(lambda y: y[:, -3:], layers.GRU(2, name="gru")), "gru .GRU. reads only the last steps"),
        (lambda: behind(layers.Cropping1D((0, 1), name="crop")), "its layer crop .Cropping1D. leaves out the end"),
        (of_its_own_end, "the initial state of its layer second is computed from the sequence"),
        (repeated, r"its layer writer \(GRU\) gets 6 time steps for each step that is read"),
        (untraceable, r"a recurrent layer in reader \(Reader\), whose call cannot be followed on symbolic tensors"),
        (lambda: keras.Model(x := keras.Input((), name="x"), 2.0 * x), r"none of its inputs x \(None,\) is a sequence"),
        (Reader, "has no inputs yet: give it a keras.Input, build it, or call it"),
    ],
)
def test_a_network_without_a_next_step_says_why(build, message):
    with pytest.raises(ValueError, match=message):
        krb.one_step(build())
