"""n-gram models, which a network that writes text must beat."""

from collections.abc import Sequence

import numpy as np

from keras_rnn_basics import checks


def ngram_bits(
    train: Sequence[np.ndarray], texts: Sequence[np.ndarray], order: int, vocabulary_size: int
) -> list[np.ndarray]:
    """The bits that an interpolated modified Kneser-Ney n-gram model needs for each token of unseen texts.

    It is the model of Chen and Goodman, "An empirical study of smoothing techniques for language modeling" (1999). The
    result is (N - 1,) float64 for each text of N tokens: -log2 p(token | tokens before it). Below the highest order, an
    n-gram counts once for each distinct token before it, and once for each document that begins with it.

    Args:
        train: documents, each (N,) integers. The first token is a start token, which is known and never predicted.
        texts: documents of the same form, whose tokens are predicted.
        order: n, at least 1. A token is predicted from the n - 1 tokens before it, or from fewer at the beginning of a
            document.
        vocabulary_size: V; tokens are 0 to V - 1, and V ** order must fit 63 bits.

    Raises:
        ValueError: for an invalid order or vocabulary size; for no documents; for a document that is empty, not one row
            of integers, or holds other tokens than 0 to V - 1.

    In the example V = 4. Of the 4 tokens to predict, token 1 occurs three times and gives 1.5 counts away, and token 2
    occurs once and gives 0.5 away: p(1) = 1.5 / 4 + 2 / 4 / V = 1/2, p(2) = 0.5 / 4 + 2 / 4 / V = 1/4, and p(3) = 2 / 4
    / V = 1/8.

    >>> ngram_bits([np.array([0, 1, 1, 1, 2])], [np.array([0, 1, 2, 3])], order=1, vocabulary_size=4)
    [array([1., 2., 3.])]
    """
    for name, value in (("order", order), ("vocabulary_size", vocabulary_size)):
        checks.positive_integer(name, value)
    order, V = int(order), int(vocabulary_size)
    if V**order > 2**63:
        raise ValueError(
            f"vocabulary_size ** order must fit 63 bits, got {V} ** {order}; "
            f"for this vocabulary order may be at most {int(63 / np.log2(V))}."
        )
    counted = _kneser_ney_counts(_end_to_end("train", train, V), order, V)
    tokens, places = _end_to_end("texts", texts, V)
    p = np.full(len(tokens), 1 / V)
    for m, (grams, counts) in enumerate(counted, start=1):
        # p_m(w | h) = (c(hw) - D(hw)) / c(h) + sum_v D(hv) / c(h) * p_{m-1}(w | h without its first token)
        D = _discounts(counts)
        contexts, h = np.unique(grams // V, return_inverse=True)
        c_h = np.bincount(h, counts)
        ends = np.flatnonzero(places >= max(m - 1, 1))
        hw = _codes(tokens, ends, m, V)
        own = _look_up(hw, grams, (counts - D) / c_h[h], missing=0)
        passed_on = _look_up(hw // V, contexts, np.bincount(h, D) / c_h, missing=1)
        p[ends] = own + passed_on * p[ends]
    return [bits[1:] for bits in np.split(-np.log2(p), np.flatnonzero(places == 0)[1:])]


def _end_to_end(name, documents, V):
    """-> (N,), (N,): the tokens of all documents in one row, and the position of each in its own document."""
    documents = [np.asarray(document) for document in documents]
    if not documents:
        raise ValueError(f"{name} must hold at least one document, got none.")
    for document in documents:
        if document.ndim != 1 or not len(document) or document.dtype.kind not in "iu":
            raise ValueError(
                f"{name} must hold documents of (N,) integers, the first a start token, "
                f"got one of shape {document.shape} and dtype {document.dtype}."
            )
        if document.min() < 0 or document.max() >= V:
            raise ValueError(
                f"{name} must hold tokens from 0 to vocabulary_size - 1 = {V - 1}, "
                f"got {document.min()} to {document.max()}."
            )
    places = np.concatenate([np.arange(len(document)) for document in documents])
    return np.concatenate([document.astype("int64") for document in documents]), places


def _codes(tokens, ends, m, V):
    """(N,), (K,) -> (K,): the m-gram that ends at each of `ends` as one number, its last token the lowest digit."""
    return sum(tokens[ends - k] * V**k for k in range(m))


def _kneser_ney_counts(documents, order, V):
    """(N,), (N,) -> for each m of 1 to order, (K_m,), (K_m,): the distinct m-grams in ascending order, their counts."""
    tokens, places = documents
    ends = np.flatnonzero(places >= max(order - 1, 1))
    counted = [np.unique(_codes(tokens, ends, order, V), return_counts=True)]
    for m in range(order - 1, 0, -1):
        # Each distinct (m+1)-gram without its first token is an m-gram after one more token. The m-grams at the
        # beginning of a document have no token before them. They count too; otherwise the start of a text would be an
        # unseen context.
        opening = _codes(tokens, np.flatnonzero((places == m - 1) & (places > 0)), m, V)
        longer, _ = counted[-1]
        counted.append(np.unique(np.concatenate([longer % V**m, opening]), return_counts=True))
    return counted[::-1]


def _discounts(counts):
    """(K,) -> (K,): the part of each count that goes to the shorter context: D_1, D_2, or D_3 for 3 and more."""
    n = np.bincount(np.minimum(counts, 5), minlength=6)
    k = np.arange(1, 4)
    with np.errstate(divide="ignore", invalid="ignore"):
        D = k - (k + 1) * n[1] / (n[1] + 2 * n[2]) * n[k + 1] / n[k]
    # k / 2 where D_k is undefined or outside (0, k), which happens if the n_k are zero or few (tiny texts; a small
    # alphabet at m = 1): without a discount, tokens that were never seen would have probability zero.
    D = np.where((D > 0) & (k > D), D, k / 2)
    return D[np.minimum(counts, 3) - 1]


def _look_up(wanted, keys, values, missing):
    """(N,), (K,) ascending, (K,) -> (N,): the value of each wanted key."""
    at = np.searchsorted(keys, wanted)
    # One more key, which equals no code, stands for codes beyond the last key.
    return np.where(np.append(keys, -1)[at] == wanted, np.append(values, missing)[at], missing)
