"""Requests as TensorFlow Serving takes them, answered by the endpoints themselves."""

import json

import keras
import numpy as np
import pytest
from texts import TEXTS

import keras_rnn_basics as krb


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    model = krb.build_many_to_many((3,), [5, 4], 2)
    return krb.load_saved_model(krb.export_saved_model(model, tmp_path_factory.mktemp("rest") / "model"))


@pytest.fixture(scope="module")
def writer(tmp_path_factory):
    vocabulary = krb.Vocabulary.of(TEXTS)
    model = krb.build_one_to_many(len(vocabulary), 4, vocabulary=vocabulary)
    return krb.load_saved_model(krb.export_saved_model(model, tmp_path_factory.mktemp("rest") / "writer"))


def asked(loaded, **request):
    """The answer to a request that came as JSON, as it goes out as JSON."""
    return json.loads(json.dumps(loaded.respond(json.loads(json.dumps(request)))))


def test_rows_and_all_at_once_are_answered_alike(loaded, x):
    expected = loaded.serve(x).numpy()
    for request in ({"instances": x.tolist()}, {"instances": [{"x": row} for row in x.tolist()]}):
        np.testing.assert_allclose(asked(loaded, **request)["predictions"], expected, atol=1e-6)
    for request in ({"inputs": x.tolist()}, {"inputs": {"x": x.tolist()}, "signature_name": "serving_default"}):
        np.testing.assert_allclose(asked(loaded, **request)["outputs"], expected, atol=1e-6)


def test_several_outputs_have_their_names(loaded, x):
    inputs = {"x_t": x[:, 0].tolist(), "a_1": [[0.5] * 5] * 4, "a_2": [[1] * 4] * 4}
    expected = dict(zip(("y_t", "a_1", "a_2"), loaded.step(**inputs)))
    outputs = asked(loaded, signature_name="step", inputs=inputs)["outputs"]
    rows = [dict(zip(inputs, row)) for row in zip(*inputs.values())]
    predictions = asked(loaded, signature_name="step", instances=rows)["predictions"]
    for name, own in expected.items():
        np.testing.assert_allclose(outputs[name], own, atol=1e-6)
        np.testing.assert_allclose([row[name] for row in predictions], own, atol=1e-6)


def test_text_goes_in_and_comes_out(writer):
    expected = [text.decode() for text in writer.generate(["to", "be"], max_new_tokens=9, seed=2).numpy()]
    inputs = {"prompt": ["to", "be"], "max_new_tokens": 9, "seed": 2}
    assert asked(writer, signature_name="generate", inputs=inputs) == {"outputs": expected}
    short = [text.decode() for text in writer.generate(["to"]).numpy()]
    assert asked(writer, signature_name="generate", instances=["to"]) == {"predictions": short}


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ([1], r'A request is {"instances": \[...\]} or {"inputs": ...}, .* got \[1\]'),
        ({"instances": [1], "inputs": [1]}, "A request is"),
        ({"instances": [1], "seed": 3}, "A request is"),
        ({"instances": []}, "instances must be a list with at least one entry"),
        ({"instances": 3}, "instances must be a list"),
        ({"instances": [1], "signature_name": "write"}, r"must be one of \['serve', 'step', 'generate'\], got 'write'"),
        ({"instances": [{"x": [1]}, {"y": [1]}]}, "All entries of instances must have the same names"),
        ({"instances": [1], "signature_name": ["serve"]}, r"must be one of \[.*\], got \['serve'\]"),
        ({"instances": [[4, 5], [4]]}, "non-rectangular"),
        ({"instances": [4, 5]}, r"x must have the shape \(None, None\), got \(2,\)\."),
        ({"instances": [["to"]]}, r"x must hold real numbers, got \[\['to'\]\]\."),
        (
            {"signature_name": "generate", "instances": [{"prompt": "to", "temperature": 0.5}]},
            r"temperature must have the shape \(\), got \(1,\)\.",
        ),
        ({"instances": [[4, 99]]}, r"a token must be a whole number from 0 to \d+, got \[99\]\."),
        ({"instances": [[4, 1.5]]}, "x must hold whole numbers that int32 can hold"),
        ({"inputs": {"z": [[4]]}}, r"The endpoint takes \['x'\], got 0 by position and \['z'\] by name"),
        (
            {"signature_name": "generate", "inputs": {"prompt": ["to"], "max_new_tokens": 10**9}},
            r"max_new_tokens must be at most 4096, the bound of this export, got \[1000000000\]\.",
        ),
    ],
)
def test_what_cannot_be_answered_is_one_sentence_for_who_asked(writer, request_, message):
    with pytest.raises(ValueError, match=message):
        writer.respond(request_)


def test_an_error_inside_the_network_is_told_without_the_places_in_the_code(tmp_path):
    x = keras.Input((None, 3), name="x")
    model = keras.Model(x, keras.layers.Conv1D(2, 4)(keras.layers.GRU(4, return_sequences=True)(x)))
    loaded = krb.load_saved_model(krb.export_saved_model(model, tmp_path / "model"))
    with pytest.raises(ValueError, match=r"^(?!Graph execution error)[^\n]*output size"):
        loaded.respond({"instances": [[[1, 2, 3]]]})


def test_an_answer_that_json_cannot_hold_is_an_error(loaded):
    with pytest.raises(ValueError, match="The answer is not finite"):
        loaded.respond({"inputs": [[[float("nan")] * 3]]})
