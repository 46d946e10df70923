"""Keras' own export to OpenVINO: what runs there answers as the model does."""

import keras
import numpy as np
import pytest

import keras_rnn_basics as krb

pytestmark = pytest.mark.extra

MODELS = {
    "the last answer": lambda: krb.build_many_to_one((3,), 8, 2),
    "an answer a step": lambda: krb.build_many_to_many((3,), [8, 5], 2),
    "layer normalization": lambda: krb.build_many_to_many((3,), 8, 2, cell=krb.LayerNormRNNCell),
    "Keras' GRU cell": lambda: krb.build_many_to_many((3,), 8, 2, cell=keras.layers.GRUCell),
}


@pytest.mark.parametrize("name", MODELS)
def test_openvino_runs_the_exported_model(tmp_path, name):
    openvino = pytest.importorskip("openvino", reason="OpenVINO is not installed; `make test-all` installs it")
    keras.utils.set_random_seed(0)
    model = MODELS[name]()
    for variable in model.trainable_variables:  # biases are zero at first
        variable.assign(np.random.default_rng(0).normal(size=variable.shape, scale=0.3))
    model.export(str(tmp_path / "model.xml"), format="openvino", verbose=False)
    # OpenVINO may compute in fewer bits where the processor has them.
    runner = openvino.Core().compile_model(tmp_path / "model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for B, T in ((2, 7), (3, 11)):
        x = np.random.default_rng(1).normal(size=(B, T, 3)).astype("float32")
        np.testing.assert_allclose(next(iter(runner([x]).values())), model.predict(x, verbose=0), atol=1e-5)
