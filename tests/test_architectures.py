import keras
import numpy as np
import pytest
from everyday import cases

import keras_rnn_basics as krb

BUILDERS = {
    "one_to_one": lambda: krb.build_one_to_one((3,), 5, 2),
    "many_to_one": lambda: krb.build_many_to_one((3,), [5, 4], 2, dropout=0.1, recurrent_dropout=0.1),
    "many_to_many": lambda: krb.build_many_to_many((3,), 5, 2, output_activation="softmax"),
    "one_to_many": lambda: krb.build_one_to_many(9, [5, 4], embedding_size=3),
    "encoder_decoder": lambda: krb.build_encoder_decoder(9, 7, [5, 4], embedding_size=3),
}


def inputs_of(name, rng, B=4, T=6):
    tokens = rng.integers(1, 7, size=(B, T))
    return {
        "one_to_one": rng.normal(size=(B, 3)),
        "many_to_one": rng.normal(size=(B, T, 3)),
        "many_to_many": rng.normal(size=(B, T, 3)),
        "one_to_many": tokens,
        "encoder_decoder": [tokens, tokens[:, 2:]],
    }[name]


@pytest.mark.parametrize("name", BUILDERS)
def test_a_builder_returns_a_built_uncompiled_model_named_after_the_architecture(name):
    model = BUILDERS[name]()
    assert (model.name, model.built, model.compiled) == (name, True, False)
    assert [tensor.name for tensor in model.inputs] == (["x", "y_in"] if name == "encoder_decoder" else ["x"])


# Every day many_to_one learns in the tests of `fit`, many_to_many in the README's ten lines.
@pytest.mark.parametrize("name", cases(BUILDERS, ["one_to_one"]))
def test_every_architecture_learns_from_one_batch(name, rng):
    model, x = BUILDERS[name](), inputs_of(name, rng)
    y = model(x)
    sequence = len(y.shape) == 3
    loss = keras.losses.MeanSquaredError()
    cost = krb.SumOverTime(loss) if sequence else loss
    model.compile(keras.optimizers.Adam(0.02), cost, jit_compile=False)  # to compile takes longer than to train
    target = rng.random(y.shape)
    first = model.train_on_batch(x, target)
    for _ in range(30):
        last = model.train_on_batch(x, target)
    assert last < 0.8 * first


@pytest.mark.parametrize("name", BUILDERS)
def test_every_architecture_survives_saving(name, rng, tmp_path):
    model, x = BUILDERS[name](), inputs_of(name, rng)
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "model.keras")(x), model(x))


def test_one_to_one_is_two_dense_layers(rng):
    model = krb.build_one_to_one((3,), 5, 2, activation="relu", output_activation="softmax")
    cell = model.get_layer("rnn_1").cell
    cell.set_weights([rng.normal(size=weight.shape) for weight in cell.get_weights()])
    hidden, output = keras.layers.Dense(5, activation="relu"), keras.layers.Dense(2, activation="softmax")
    hidden.build((None, 3))
    output.build((None, 5))
    hidden.set_weights([cell.W_ax, cell.b_x + cell.b_a])
    output.set_weights([cell.W_ya, cell.b_y])
    x = rng.normal(size=(4, 3))
    np.testing.assert_allclose(model(x), output(hidden(x)), atol=1e-5)


def test_units_in_a_list_make_a_deep_stack(rng, x):
    model = krb.build_many_to_many((3,), [5, 4, 3], 2)
    layers = [model.get_layer(f"rnn_{number}") for number in (1, 2, 3)]
    assert [layer.cell.units for layer in layers] == [5, 4, 3]
    assert [layer.cell.output_units for layer in layers] == [None, None, 2]
    expected = x
    for layer in layers:
        expected = keras.layers.RNN(layer.cell, return_sequences=True)(expected)
    np.testing.assert_allclose(model(x), expected, atol=1e-5)


@pytest.mark.parametrize("build", [krb.build_many_to_one, krb.build_many_to_many])
def test_bidirectional_is_a_dense_layer_on_both_directions(build, x):
    model = build((3,), 5, 2, bidirectional=True, output_activation="softmax")
    forward, backward = model.get_layer("rnn_1").forward_layer, model.get_layer("rnn_1").backward_layer
    a = np.asarray(forward.activations(x))
    b = np.asarray(backward.activations(x))
    # Per step, both have read up to it from their end; for one answer, both have read everything.
    a, b = (a, b[:, ::-1]) if build is krb.build_many_to_many else (a[:, -1], b[:, -1])
    W = np.concatenate([forward.cell.W_ya, backward.cell.W_ya])
    logits = np.concatenate([a, b], axis=-1) @ W + forward.cell.b_y + backward.cell.b_y
    np.testing.assert_allclose(model(x), keras.ops.softmax(logits), atol=1e-5)


def test_the_frontend_sees_each_step_by_itself(rng):
    encoder = keras.Sequential([keras.layers.Conv2D(2, 3, activation="relu"), keras.layers.GlobalMaxPooling2D()])
    model = krb.build_many_to_many((8, 8, 1), 5, 2, frontend=encoder)
    frames = rng.random((3, 4, 8, 8, 1)).astype("float32")
    encoded = np.stack([np.asarray(encoder(frames[:, t])) for t in range(4)], axis=1)
    np.testing.assert_allclose(model(frames), model.get_layer("rnn_1")(encoded), atol=1e-5)


def test_without_a_frontend_a_step_is_flattened(rng):
    model = krb.build_many_to_one((4, 2), 5, 2)
    x = rng.random((3, 6, 4, 2)).astype("float32")
    np.testing.assert_allclose(model(x), model.get_layer("rnn_1")(x.reshape(3, 6, 8)), atol=1e-6)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_padded_tokens_are_passed_over(rng, bidirectional):
    embedding = keras.layers.Embedding(9, 3, mask_zero=True)
    model = krb.build_many_to_one((), 5, 2, frontend=embedding, bidirectional=bidirectional)
    tokens = rng.integers(1, 9, size=(1, 4))
    np.testing.assert_allclose(model(np.pad(tokens, ((0, 0), (0, 3)))), model(tokens), atol=1e-6)


def test_a_mask_made_by_the_first_of_several_frontend_layers_goes_on(rng, x):
    dense = keras.Sequential([keras.layers.Masking(), keras.layers.Dense(4)])
    model = krb.build_many_to_one((3,), 5, 2, frontend=dense)
    np.testing.assert_allclose(model(np.pad(x, ((0, 0), (0, 2), (0, 0)))), model(x), atol=1e-6)
    frames = rng.random((3, 4, 2, 2)).astype("float32")
    model = krb.build_many_to_one((2, 2), 5, 2, frontend=keras.layers.Masking())
    np.testing.assert_allclose(model(np.pad(frames, ((0, 0), (0, 2), (0, 0), (0, 0)))), model(frames), atol=1e-6)


def test_masking_as_frontend_passes_over_padded_numbers(x):
    model = krb.build_many_to_one((3,), [5, 4], 2, frontend=keras.layers.Masking())
    np.testing.assert_allclose(model(np.pad(x, ((0, 0), (0, 2), (0, 0)))), model(x), atol=1e-6)


def test_the_encoder_decoder_masks_both_paddings(rng):
    model = BUILDERS["encoder_decoder"]()
    source, target = rng.integers(1, 7, size=(2, 5)), rng.integers(1, 7, size=(2, 4))
    y = model([np.pad(source, ((0, 0), (0, 2))), np.pad(target, ((0, 0), (0, 3)))])
    np.testing.assert_allclose(y[:, :4], model([source, target]), atol=1e-5)
    np.testing.assert_array_equal(y._keras_mask, np.arange(7) < [[4], [4]])


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: krb.build_many_to_one(6, 5, 2), ValueError, r"input_shape must be the shape of one time step.*got 6"),
        (lambda: krb.build_many_to_one((None, 6), 5, 2), ValueError, r"got \(None, 6\)"),
        (lambda: krb.build_many_to_one((), 5, 2), ValueError, "a token needs an embedding"),
        (lambda: krb.build_many_to_one((3,), [], 2), ValueError, "got an empty list"),
        (lambda: krb.build_many_to_one((3,), [5, 0], 2), ValueError, "units must be a positive integer, got 0"),
        (lambda: krb.build_many_to_one((3,), 5, 2, frontend="conv"), TypeError, "frontend must be a Keras layer"),
        (lambda: krb.build_one_to_many(0, 5), ValueError, "positive"),
        (lambda: krb.build_encoder_decoder(9, -1, 5), ValueError, "positive"),
    ],
)
def test_bad_sizes_say_what_would_do(build, error, message):
    with pytest.raises(error, match=message):
        build()
