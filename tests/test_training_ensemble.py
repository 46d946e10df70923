import keras
import numpy as np
import pytest
import small_model

import keras_rnn_basics as krb


@pytest.fixture
def data(rng):
    return small_model.data(rng)


def build(run_eagerly=False):
    model = krb.build_many_to_one((3,), 4, 1, dropout=0.3, recurrent_dropout=0.2)
    model.compile(keras.optimizers.Adam(1e-2), "mean_squared_error", run_eagerly=run_eagerly)
    return model


def test_each_network_is_the_one_that_fit_makes_of_its_seed(data, tmp_path, capsys):
    arguments = {"epochs": 3, "batch_size": 32}
    runs = krb.fit_ensemble(build, data, data, tmp_path / "all", seeds=[4, 1], **arguments)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "network 1 of 2"
    assert printed[1].startswith("network 2 of 2, ")
    assert printed[1].endswith(" s left")
    assert printed[2].startswith("2 networks in ")
    assert len(printed) == 3
    # The second, which took the program that was compiled for the first.
    alone = krb.fit(build, data, data, tmp_path / "alone", seed=1, verbose=0, **arguments)
    assert runs[0].history != runs[1].history == alone.history
    assert runs[1].best_epoch == alone.best_epoch
    for own, other in zip(runs[1].model.get_weights(), alone.model.get_weights()):
        np.testing.assert_array_equal(own, other)
    assert int(runs[1].model.optimizer.iterations) == int(alone.model.optimizer.iterations)
    for seed, run in zip([4, 1], runs):
        assert (tmp_path / f"all/seed_{seed}/best.weights.h5").exists()
        assert run.model.evaluate(*data, verbose=0) == pytest.approx(min(run.history["val_loss"]), rel=1e-4)


@pytest.mark.long  # a fault would cost time, not numbers
def test_it_is_traced_for_the_first_network_only(data, tmp_path):
    traced = []

    class Traced(keras.layers.Layer):
        def call(self, x, training=False):
            traced.append(training)
            return x

    def build():
        x = keras.Input((5, 3))
        model = keras.Model(x, krb.build_many_to_one((3,), 4, 1)(Traced()(x)))
        model.compile("sgd", "mean_squared_error")
        return model

    krb.fit_ensemble(build, data, None, tmp_path / "one", seeds=[0], epochs=1, verbose=0)
    once = traced.count(True)
    traced.clear()
    krb.fit_ensemble(build, data, None, tmp_path / "three", seeds=[0, 1, 2], epochs=1, verbose=0)
    assert traced.count(True) == once > 0


def test_models_that_differ_in_more_than_their_seed_are_compiled_each(data, tmp_path):
    sizes = iter([4, 4, 5, 5])

    def build_next():
        return small_model.build(units=next(sizes))

    runs = krb.fit_ensemble(build_next, data, None, tmp_path, seeds=[0, 1], epochs=1, verbose=0)
    assert [run.model.get_layer("rnn_1").cell.units for run in runs] == [4, 5]


@pytest.mark.long  # every day a single run goes on bit for bit
def test_after_an_end_the_networks_that_had_finished_are_not_trained_again(data, tmp_path):
    class End(keras.callbacks.Callback):
        begun = 0

        def on_epoch_begin(self, epoch, logs=None):
            End.begun += 1
            if End.begun == 5:  # the second epoch of the second network
                raise RuntimeError("ended here")

    def build_eager():
        return build(run_eagerly=True)

    arguments = {"seeds": [4, 1], "epochs": 3, "verbose": 0}
    with pytest.raises(RuntimeError, match="ended here"):
        krb.fit_ensemble(build_eager, data, data, tmp_path / "ended", callbacks=[End()], **arguments)
    resumed = krb.fit_ensemble(build_eager, data, data, tmp_path / "ended", callbacks=[End()], **arguments)
    assert End.begun == 5 + 2
    unbroken = krb.fit_ensemble(build_eager, data, data, tmp_path / "unbroken", **arguments)
    for run, other in zip(resumed, unbroken, strict=True):
        assert (run.history, run.best_epoch, run.stopped) == (other.history, other.best_epoch, other.stopped)
        for own, weight in zip(run.model.get_weights(), other.model.get_weights()):
            np.testing.assert_array_equal(own, weight)
    assert not list(tmp_path.rglob("unfinished*"))
    krb.fit_ensemble(build_eager, data, data, tmp_path / "ended", callbacks=[End()], **arguments)
    assert End.begun == 7 + 6  # a call after the end begins anew


@pytest.mark.parametrize("seeds", [[], [1, 1]])
def test_seeds_are_different_numbers(data, tmp_path, seeds):
    with pytest.raises(ValueError, match="seeds must be different numbers, at least one"):
        krb.fit_ensemble(build, data, data, tmp_path, seeds=seeds)
