"""Which epochs XLA compiles; what a compiled epoch computes is checked in test_training_epoch.py."""

import numpy as np
import pytest

import keras_rnn_basics as krb
from keras_rnn_basics.recurrence import device
from keras_rnn_basics.training.programs import jit_pays


def pays(T, jit_compile, **builder):
    model = krb.build_many_to_one((4,), 8, 1, **builder)
    model.compile("sgd", "mean_squared_error", jit_compile=jit_compile)
    return jit_pays(model, [(32, T, 4), (32, 1)], [np.zeros(1, "float32")] * 2)


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.setattr(device, "on_gpu", lambda: True)
    monkeypatch.setattr(device, "xla_compiles_for_gpu", lambda: True)


def test_on_a_gpu_long_sequences_of_tanh_are_left_to_cudnn(gpu):
    assert pays(100, True)
    assert not pays(101, True)
    assert pays(2000, True, activation="sigmoid")
    assert pays(2000, True, cell=krb.LayerNormRNNCell)


def test_on_a_gpu_nothing_is_compiled_against_the_will_of_the_user_or_for_lengths_that_vary(gpu):
    assert not pays(20, False)
    assert not pays(20, False, activation="sigmoid")
    assert not pays(None, True, activation="sigmoid")


def test_on_a_cpu_small_steps_are_compiled_and_large_ones_if_the_user_asks():
    assert pays(20, False)
    assert pays(20, True)
    assert not pays(20_000, False)
    assert pays(20_000, True)
