"""A batch cut and joined is the batch; what is added to have few sizes changes no number."""

import numpy as np
import pytest
import tensorflow as tf
from everyday import cases

import keras_rnn_basics as krb
from keras_rnn_basics.recurrence import per_core
from keras_rnn_basics.recurrence.parts import Parts, rounded

N_X, N_A = 3, 4


@pytest.mark.long
def test_a_size_is_rounded_up_by_a_sixteenth_at_most_to_sixteen_for_each_doubling():
    n = np.arange(1, 4097)
    to = np.array([int(size) for size in tf.map_fn(rounded, tf.constant(n, "int32"))])
    assert (to >= n).all()
    assert (to <= n * 17 / 16).all()
    assert (to[:32] == n[:32]).all()
    for doubling in (32, 256, 2048):
        assert len(set(to[doubling : 2 * doubling])) == 16


@pytest.mark.parametrize("B", [0, 1, 7, 33])
@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("few_sizes", [False, True])
def test_what_was_cut_is_joined_again(B, number, few_sizes):
    @tf.function(input_signature=[tf.TensorSpec((None, None, 2))])
    def again(x):
        parts = Parts(x, number, few_sizes)
        return parts.join(parts.cut(x, steps=True), steps=True), parts.join(parts.cut(x[:, 0]))

    x = np.arange(B * 35 * 2, dtype="float32").reshape(B, 35, 2)
    for came, went in zip(again(x), (x, x[:, 0])):
        np.testing.assert_array_equal(came, went)


# Every day without: test_recurrence.py and test_any_cell.py have segments of steps that are filled up.
@pytest.fixture(
    scope="module", params=[pytest.param(False, id="kept"), pytest.param(True, id="remat", marks=pytest.mark.long)]
)
def pair(request):
    """A compiled function of (x, mask, a_0) -> y, a_T and all gradients, by the parts and by the plain loop."""
    patch = pytest.MonkeyPatch()
    patch.setattr(per_core, "_parts", lambda call: 2)
    cell = krb.BasicRNNCell(N_A, 2, initializers={"b_x": "random_normal"})

    def compiled(**arguments):
        layer = krb.BasicRNN(cell, return_sequences=True, return_state=True, **arguments)

        @tf.function(input_signature=[tf.TensorSpec((None, None, N_X)), tf.TensorSpec((None, None), "bool")])
        def run(x, mask):
            a_0 = tf.reduce_sum(x[:, 0], axis=1, keepdims=True) * tf.ones([1, N_A])
            with tf.GradientTape() as tape:
                tape.watch([x, a_0])
                y, a_T = layer(x, mask=mask, initial_state=a_0)
                L = tf.reduce_sum(y**2) + tf.reduce_sum(a_T**3)
            return y, a_T, *tape.gradient(L, [x, a_0, *(weight.value for weight in cell.weights)])

        run(np.zeros((2, 2, N_X), "float32"), np.ones((2, 2), "bool"))
        return layer, run

    fast, plain = compiled(recurrence="per_core", remat=request.param), compiled(recurrence="plain")
    assert fast[0].recurrence_route.startswith("per_core: 2 cores")
    yield fast[1], plain[1]
    patch.undo()


@pytest.mark.parametrize(("B", "T"), cases([(1, 1), (35, 3), (3, 35), (35, 35)], [(35, 3), (3, 35)]))
def test_numbers_are_those_of_the_plain_loop_at_sizes_that_are_rounded(B, T, pair):
    rng = np.random.default_rng(B + T)
    x, mask = rng.normal(size=(B, T, N_X)).astype("float32"), rng.random((B, T)) < 0.8
    for fast, plain in zip(*(run(x, mask) for run in pair)):
        np.testing.assert_allclose(fast, plain, rtol=2e-4, atol=2e-5)
