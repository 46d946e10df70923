import itertools

import keras
import numpy as np
import pytest
from everyday import cases

import keras_rnn_basics as krb

BOTH = krb.build_many_to_one, krb.build_many_to_many


@pytest.mark.parametrize(("count", "build"), cases(itertools.product([1, 3], BOTH), [(3, BOTH[1])]))
def test_an_ensemble_answers_the_mean_of_its_members(x, tmp_path, count, build):
    members = [build((3,), 4, 2) for _ in range(count)]
    ensemble = krb.build_ensemble(members)
    np.testing.assert_allclose(ensemble(x), np.mean([member(x) for member in members], axis=0), rtol=1e-5, atol=1e-6)
    assert len(ensemble.weights) == sum(len(member.weights) for member in members)
    ensemble.save(tmp_path / "ensemble.keras")
    reloaded = keras.models.load_model(tmp_path / "ensemble.keras")
    np.testing.assert_allclose(reloaded(x), ensemble(x), rtol=1e-6)
    path = krb.export_saved_model(ensemble, tmp_path / "export")
    np.testing.assert_allclose(krb.load_saved_model(path).serve(x), ensemble(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("count", cases([1, 2], [2]))
def test_an_ensemble_steps_as_it_reads(x, count):
    ensemble = krb.build_ensemble([krb.build_many_to_many((3,), [5, 4], 2) for _ in range(count)])
    step = krb.one_step(ensemble)
    states = [keras.ops.zeros((4, a.shape[-1])) for a in step.inputs[1:]]
    assert len(states) == 2 * count
    for t in range(x.shape[1]):
        y_t, *states = step([keras.ops.convert_to_tensor(x[:, t]), *states])
        np.testing.assert_allclose(y_t, ensemble(x)[:, t], rtol=1e-4, atol=1e-5)


def test_members_keep_their_names_and_their_weights():
    members = [krb.build_many_to_one((3,), 4, 1) for _ in range(2)]
    krb.build_ensemble(members)
    assert [member.name for member in members] == ["many_to_one", "many_to_one"]


def test_members_that_are_not_alike_are_errors():
    with pytest.raises(ValueError, match="at least one model, got none"):
        krb.build_ensemble([])
    with pytest.raises(ValueError, match=r"same shapes, got \(None, None, 3\) -> \(None, 1\) and \(None, None, 2\)"):
        krb.build_ensemble([krb.build_many_to_one((3,), 4, 1), krb.build_many_to_one((2,), 4, 1)])
    with pytest.raises(ValueError, match="must have one input and one output, encoder_decoder has 2 and 1"):
        krb.build_ensemble([krb.build_encoder_decoder(5, 5, 4)])
