from collections import Counter, defaultdict

import numpy as np
import pytest

from keras_rnn_basics import baselines


def documents_of(rng, how_many, longest=12):
    """Each (1 to longest,): a start token 0, then tokens 0 to 4, the low ones often: the start token comes again."""
    lengths = rng.integers(longest, size=how_many)
    return [np.append(0, rng.choice(5, size=length, p=[0.1, 0.45, 0.25, 0.15, 0.05])) for length in lengths]


def modified_kneser_ney(train, order, vocabulary_size):
    """The probability p(w, h) of Chen and Goodman's model by dictionaries and recursion, for h of up to order - 1."""
    counts, counts_of_counts = {}, {}
    for m in range(1, order + 1):
        seen, before = Counter(), defaultdict(set)
        for number, document in enumerate(train):
            for start in range(len(document) - m + 1):
                gram = tuple(int(token) for token in document[start : start + m])
                if start or m > 1:
                    seen[gram] += 1
                    before[gram].add(int(document[start - 1]) if start else f"the start of document {number}")
        counts[m] = seen if m == order else Counter({gram: len(those) for gram, those in before.items()})
        counts_of_counts[m] = Counter(counts[m].values())

    def discount(m, count):
        n, k = counts_of_counts[m], min(count, 3)
        if count == 0:
            return 0
        if n[1] + n[2] == 0 or n[k] == 0:
            return k / 2
        y = n[1] / (n[1] + 2 * n[2])
        exact = k - (k + 1) * y * n[k + 1] / n[k]
        return exact if 0 < exact < k else k / 2

    def p(w, h):
        m = len(h) + 1
        shorter = p(w, h[1:]) if h else 1 / vocabulary_size
        following = [counts[m][(*h, v)] for v in range(vocabulary_size)]
        if sum(following) == 0:
            return shorter
        own = following[w] - discount(m, following[w])
        return (own + sum(discount(m, count) for count in following) * shorter) / sum(following)

    return p


@pytest.mark.parametrize("how_many", [3, 300])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_ngram_bits_are_those_of_the_formula_in_dictionaries(rng, order, how_many):
    train, texts = documents_of(rng, how_many), documents_of(rng, 20)
    p = modified_kneser_ney(train, order, vocabulary_size=6)
    answers = baselines.ngram_bits(train, texts, order, vocabulary_size=6)
    assert len(answers) == len(texts)
    for text, bits in zip(texts, answers):
        contexts = [tuple(text[max(i - order + 1, 0) : i].tolist()) for i in range(1, len(text))]
        np.testing.assert_allclose(bits, [-np.log2(p(w, h)) for w, h in zip(text[1:], contexts)], rtol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_ngram_probabilities_sum_to_one_after_any_context(rng, order):
    contexts = [*documents_of(rng, 30), np.array([5]), np.array([0, 5]), np.array([3, 4, 4, 4, 4])]
    texts = [np.append(context, w) for context in contexts for w in range(6)]
    bits = baselines.ngram_bits(documents_of(rng, 60), texts, order, vocabulary_size=6)
    sums = np.reshape([2.0 ** -answer[-1] for answer in bits], (len(contexts), 6)).sum(axis=1)
    np.testing.assert_allclose(sums, 1, rtol=1e-12)


def test_bigram_bits_of_three_documents_are_those_worked_out_by_hand():
    train = [np.array([0, 1, 2]), np.array([0, 1, 1]), np.array([0, 2, 1])]
    (bits,) = baselines.ngram_bits(train, [np.array([0, 1, 2, 1])], order=2, vocabulary_size=3)
    # Pairs: 01 twice, 02, 11, 12 and 21 once: n_1 = 4, n_2 = 1, Y = 2/3 = D_1; D_2 is 2, out of its range, hence 1.
    # 1 follows three tokens and 2 follows two, of 5 pairs; without n_1 D_2 = 1, D_3 = 1.5:
    p_1, p_2 = 1.5 / 5 + 2.5 / 5 / 3, 1 / 5 + 2.5 / 5 / 3
    p = [1 / 3 + (1 + 2 / 3) / 3 * p_1, (1 / 3) / 2 + (4 / 3) / 2 * p_2, 1 / 3 + 2 / 3 * p_1]
    np.testing.assert_allclose(bits, -np.log2(p), rtol=1e-12)


def test_the_discounts_come_from_how_many_tokens_were_counted_once_to_four_times():
    # 1 to 4 once, 5 and 6 twice, 7 thrice, 8 four times: n_1 = 4, n_2 = 2, n_3 = n_4 = 1, hence Y = 1/2, D_1 = 1/2,
    # D_2 = 2 - 3/2 * 1/2 = 1.25, D_3 = 3 - 2 * 1 = 1, which leaves 4 * 0.5 + 2 * 1.25 + 2 * 1 = 6.5 of 15 to all.
    train = [np.array([0, 1, 2, 3, 4, 5, 5, 6, 6, 7, 7, 7, 8, 8, 8, 8])]
    (bits,) = baselines.ngram_bits(train, [np.array([0, 1, 5, 7, 8, 9])], order=1, vocabulary_size=10)
    p = np.array([0.5, 0.75, 2, 3, 0]) / 15 + 6.5 / 15 / 10
    np.testing.assert_allclose(bits, -np.log2(p), rtol=1e-12)


def test_a_context_never_seen_leaves_all_to_the_shorter_one(rng):
    train = documents_of(rng, 60)
    for w in range(6):
        unseen, shorter = [np.array([5, 1, 2, w]), np.array([5, 5, 5, 5, w])], [np.array([1, 2, w]), np.array([5, w])]
        bits = [[answer[-1] for answer in baselines.ngram_bits(train, texts, 4, 6)] for texts in (unseen, shorter)]
        np.testing.assert_array_equal(*bits)


def test_what_opens_documents_keeps_its_counts_at_every_order():
    train = [np.array([0, w]) for w in (1, 1, 1, 1, 2, 2, 3)]
    texts = [np.array([0, w]) for w in range(5)]
    pairs = baselines.ngram_bits(train, texts, order=2, vocabulary_size=5)
    np.testing.assert_array_equal(baselines.ngram_bits(train, texts, order=4, vocabulary_size=5), pairs)


def test_ngrams_do_not_cross_documents(rng):
    train, texts = documents_of(rng, 40), documents_of(rng, 10)
    together = baselines.ngram_bits(train, texts, 3, 5)
    alone = [baselines.ngram_bits(train[::-1], [text], 3, 5)[0] for text in texts]
    np.testing.assert_array_equal(np.concatenate(together), np.concatenate(alone))


def test_without_a_token_to_learn_from_every_token_costs_the_bits_of_the_vocabulary():
    one, none = baselines.ngram_bits([np.array([0])], [np.array([0, 3, 1]), np.array([0])], 3, 8)
    np.testing.assert_array_equal(one, [3, 3])
    assert none.shape == (0,)


def test_tokens_may_have_any_number_up_to_codes_of_63_bits(rng):
    documents = documents_of(rng, 20)
    small, large = (
        baselines.ngram_bits(documents, documents, order=3, vocabulary_size=2**21)
        for documents in ([d.astype("uint8") for d in documents], [d + 2**21 - 5 for d in documents])
    )
    np.testing.assert_array_equal(np.concatenate(small), np.concatenate(large))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"order": 0}, "order must be a positive integer, got 0"),
        ({"order": 2.0}, "order must be a positive integer, got 2.0"),
        ({"vocabulary_size": 0}, "vocabulary_size must be a positive integer, got 0"),
        ({"vocabulary_size": 128, "order": 10}, r"63 bits, got 128 \*\* 10; .* order may be at most 9"),
        ({"train": []}, "train must hold at least one document"),
        ({"texts": []}, "texts must hold at least one document"),
        ({"train": [np.array([0, 1]), np.array([], dtype="int64")]}, r"train must hold documents .* shape \(0,\)"),
        ({"texts": [np.array([0.0, 1.0])]}, "texts must hold documents .* dtype float64"),
        ({"train": np.array([0, 1, 2])}, r"train must hold documents .* shape \(\)"),
        ({"train": [np.array([0, 3])]}, "tokens from 0 to vocabulary_size - 1 = 2, got 0 to 3"),
        ({"texts": [np.array([0, -1])]}, "tokens from 0 to vocabulary_size - 1 = 2, got -1 to 0"),
    ],
)
def test_ngram_bits_say_what_does_not_fit(changed, message):
    fitting = {"train": [np.array([0, 1, 2])], "texts": [np.array([0, 2])], "order": 2, "vocabulary_size": 3}
    with pytest.raises(ValueError, match=message):
        baselines.ngram_bits(**{**fitting, **changed})
