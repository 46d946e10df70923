import gc
import os

# Two test processes on two cores: one thread each is faster than four that wait for each other.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MPLBACKEND", "Agg")

import keras
import numpy as np
import pytest
import texts

import keras_rnn_basics as krb


def pytest_collection_finish():
    """Graphs are many objects that live long: Python's collector need not look at them again and again."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@pytest.fixture(autouse=True)
def _same_random_numbers_in_any_order():
    keras.utils.set_random_seed(0)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def x(rng):
    """(B, T, n_x) = (4, 6, 3)."""
    return rng.normal(size=(4, 6, 3)).astype("float32")


@pytest.fixture
def mask(rng):
    """(B, T): a full row, one padded on the right, one on the left, and one with holes."""
    mask = np.ones((4, 6), dtype=bool)
    mask[1, 4:], mask[2, :2], mask[3, [0, 2, 5]] = False, False, False
    return mask


@pytest.fixture(scope="module")
def vocabulary():
    return krb.Vocabulary.of(texts.TEXTS)


@pytest.fixture(scope="module")
def writer(vocabulary):
    return texts.build_writer(vocabulary)


@pytest.fixture
def diverged():
    """Makes the weights of a model numbers that are none, until the test ends."""
    kept = []

    def diverge(model):
        kept.append((model, model.get_weights()))
        model.set_weights([np.nan * weight for weight in model.get_weights()])

    yield diverge
    for model, weights in kept:
        model.set_weights(weights)


# Every day with attention, which has all that the other has, and a memory.
@pytest.fixture(
    scope="module", params=[pytest.param(False, id="plain", marks=pytest.mark.long), pytest.param(True, id="attention")]
)
def translator(request, vocabulary):
    return texts.build_translator(vocabulary, request.param)
