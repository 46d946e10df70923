"""What a score must beat before it means anything, and by how much it does."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Integral
from statistics import NormalDist
from typing import Any, NamedTuple


from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np


def persistence(past_y: np.ndarray) -> np.ndarray:
    """(N, past, n_y) -> (N, n_y): what was last seen comes again.

    >>> persistence(np.array([[[3.0], [5.0]]]))
    array([[5.]])
    """
    return past_y[:, -1]


def backtest(splits: Iterable[Any], forecasters: Mapping[str, Callable[[Any], np.ndarray]]) -> dict[str, np.ndarray]:
    """Every forecaster's answers to the test part of each split in turn, (N, ...) for all of them together.

    Args:
        splits: such as `datasets.walk_forward` gives.
        forecasters: from a name to a function from a split to what it answers for each window of `split.test`: it may
            learn from `split.train` and `split.validation`, and sees of the test part nothing but x.

    Raises:
        ValueError: when there are not as many answers as windows.
    """
    answers: dict[str, list[np.ndarray]] = {name: [] for name in forecasters}
    for split in splits:
        for name, forecaster in forecasters.items():
            own = np.asarray(forecaster(split))
            if len(own) != len(split.test.x):
                raise ValueError(f"{name} has {len(own)} answers to {len(split.test.x)} windows.")
            answers[name].append(own)
    return {name: np.concatenate(own) for name, own in answers.items()}


def climatology(train_days: np.ndarray, train_y: np.ndarray, days: np.ndarray, half_width: int = 15) -> np.ndarray:
    """(N,), (N, n_y), (M,) -> (M, n_y): the training years' mean around the same day of the year.

    Args:
        train_days: (N,) days of the year, 1 to 366.
        train_y: (N, n_y), what was measured on them.
        days: (M,) days of the year to answer for.
        half_width: days to either side that count as the same; the year closes on itself.

    >>> climatology(np.array([1, 365, 180]), np.array([[2.0], [4.0], [20.0]]), np.array([365]))
    array([[3.]])
    """
    apart = np.abs(np.asarray(days)[:, None] - np.asarray(train_days)[None])
    near = np.minimum(apart, 365 - apart) <= half_width
    if not near.any(axis=1).all():
        raise ValueError(
            f"No training day lies within {half_width} days of some days of the year; train on a whole year."
        )
    return near @ np.asarray(train_y) / near.sum(axis=1, keepdims=True)


def ridge(
    train_x: np.ndarray,
    train_y: np.ndarray,
    validation_x: np.ndarray,
    validation_y: np.ndarray,
    x: np.ndarray,
    alphas: Sequence[float] = (0.01, 0.1, 1, 10, 100, 1e3, 1e4),
) -> np.ndarray:
    """(N, past, n_x), (N, n_y), (M, ...), (M, ...), (K, past, n_x) -> (K, n_y): ridge regression on the whole window.

    scikit-learn's, on standardised inputs. The penalty is the one of `alphas` with the lowest absolute error in
    validation; with it the regression is fitted anew on the training and validation parts together.
    """
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def flat(windows):
        return windows.reshape(len(windows), -1)

    def fitted(alpha, windows, targets):
        return make_pipeline(StandardScaler(), Ridge(alpha)).fit(flat(windows), targets)

    def validation_error(alpha):
        answers = fitted(alpha, train_x, train_y).predict(flat(validation_x))
        return np.abs(answers.reshape(validation_y.shape) - validation_y).mean()

    both = np.concatenate([train_x, validation_x]), np.concatenate([train_y, validation_y])
    return fitted(min(alphas, key=validation_error), *both).predict(flat(x)).reshape(len(x), -1)


def boosting(
    train_x: np.ndarray,
    train_y: np.ndarray,
    validation_x: np.ndarray,
    validation_y: np.ndarray,
    x: np.ndarray,
    trees: int = 300,
) -> np.ndarray:
    """(N, past, n_x), (N,), (M, ...), (M, ...), (K, past, n_x) -> (K,): gradient-boosted trees on the whole window.

    scikit-learn's, for the absolute error. How many trees are best is found in validation; with so many the training
    and validation parts are fitted anew together.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    def flat(windows):
        return windows.reshape(len(windows), -1)

    def fitted(count, windows, targets):
        settings = {"learning_rate": 0.1, "max_bins": 63, "random_state": 0}
        return HistGradientBoostingRegressor(loss="absolute_error", max_iter=count, **settings).fit(
            flat(windows), targets
        )

    stages = fitted(trees, train_x, train_y).staged_predict(flat(validation_x))
    best = 1 + int(np.argmin([np.abs(answers - validation_y).mean() for answers in stages]))
    both = np.concatenate([train_x, validation_x]), np.concatenate([train_y, validation_y])
    return fitted(best, *both).predict(flat(x))


def ewma(values: np.ndarray, decay: float) -> np.ndarray:
    """(N, past) -> (N,): the mean over the past, each step weighing `decay` times what the next one does.

    >>> ewma(np.array([[1.0, 4.0]]), decay=0.5)
    array([3.])
    """
    if not 0 < decay < 1:
        raise ValueError(f"decay must lie between 0 and 1, got {decay!r}.")
    weights = decay ** np.arange(np.shape(values)[1])[::-1]
    return np.asarray(values) @ (weights / weights.sum())


def shifted(known_guess: np.ndarray, known_y: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """(N,), (N,), (M,) -> (M,): the guess, moved so that half of the known truth lies above what was guessed for it.

    >>> shifted(np.array([1.0, 2.0, 3.0]), np.array([3.0, 4.0, 9.0]), np.array([5.0]))
    array([7.])
    """
    return np.asarray(guess) + np.median(np.asarray(known_y) - known_guess)


def har(train_past: np.ndarray, train_y: np.ndarray, past: np.ndarray, spans: Sequence[int] = (1, 5, 22)) -> np.ndarray:
    """(N, past), (N,), (M, past) -> (M,): least squares on the means over the last day, week and month.

    Corsi, "A simple approximate long-memory model of realized volatility" (2009), equation 9.

    >>> steps = np.arange(30.0)[:, None] + np.arange(22.0)
    >>> har(steps, steps[:, -1] + 1, steps[:1] + 100).round(6)
    array([122.])
    """
    if np.shape(train_past)[1] < max(spans):
        raise ValueError(f"The past must reach over {max(spans)} steps, got {np.shape(train_past)[1]}.")

    def means(windows):
        return np.stack([np.ones(len(windows)), *(windows[:, -span:].mean(axis=1) for span in spans)], axis=1)

    return means(past) @ np.linalg.lstsq(means(train_past), train_y, rcond=None)[0]


def binomial_interval(right: int, examples: int, level: float = 0.95) -> tuple[float, float]:
    """How often a guesser may be right who was so `right` times in as many examples: Wilson's interval.

    Wilson, "Probable inference, the law of succession, and statistical inference" (1927).

    >>> low, high = binomial_interval(50, 100)
    >>> f"{low:.3f} {high:.3f}"
    '0.404 0.596'
    """
    if not 0 <= right <= examples or examples < 1:
        raise ValueError(f"right must lie between 0 and examples, got {right} of {examples}.")
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, scale = right / examples, 1 + z**2 / examples
    middle = (share + z**2 / (2 * examples)) / scale
    half = z * np.sqrt(share * (1 - share) / examples + (z / (2 * examples)) ** 2) / scale
    return float(middle - half), float(middle + half)


def ngram_bits(
    train: Sequence[np.ndarray], texts: Sequence[np.ndarray], order: int, vocabulary_size: int
) -> list[np.ndarray]:
    """The bits that an interpolated modified Kneser-Ney n-gram model spends on each token of texts it has never seen.

    The model of Chen and Goodman, "An empirical study of smoothing techniques for language modeling" (1999). Answers
    with (N - 1,) float64 for each text of N: -log2 p(token | the tokens before it). Below the highest order an n-gram
    counts once for each distinct token before it, and once for each document that it opens.

    Args:
        train: documents, each (N,) integers; the first is a start token, known and never predicted.
        texts: documents of the same form, to be answered for.
        order: n, at least 1; a token is predicted from the n - 1 before it, or from all there are in its document.
        vocabulary_size: V; tokens are 0 to V - 1, and V ** order fits 63 bits.

    Raises:
        ValueError: for an order or a vocabulary that does not fit; for no documents, or one that is empty, not one row
            of integers, or holds other tokens than 0 to V - 1.

    Of 4 tokens 1 is seen thrice and gives 1.5 away, 2 is seen once and gives 0.5: p(1) = 1.5 / 4 + 2 / 4 / V = 1/2,
    p(2) = 0.5 / 4 + 2 / 4 / V = 1/4, and p(3) = 2 / 4 / V = 1/8.

    >>> ngram_bits([np.array([0, 1, 1, 1, 2])], [np.array([0, 1, 2, 3])], order=1, vocabulary_size=4)
    [array([1., 2., 3.])]
    """
    for name, value in (("order", order), ("vocabulary_size", vocabulary_size)):
        if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
            raise ValueError(f"{name} must be a positive integer, got {value!r}.")
    order, V = int(order), int(vocabulary_size)
    if V**order > 2**63:
        raise ValueError(
            f"vocabulary_size ** order must fit 63 bits, got {V} ** {order}; "
            f"for this vocabulary order may be at most {int(63 / np.log2(V))}."
        )
    counted = _kneser_ney_counts(*_end_to_end("train", train, V), order, V)
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
    """-> (N,), (N,): the tokens of all documents in one row, and the place of each in its own document."""
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


def _kneser_ney_counts(tokens, places, order, V):
    """(N,), (N,) -> for each m of 1 to order, (K_m,), (K_m,): the distinct m-grams in ascending order, their counts."""
    ends = np.flatnonzero(places >= max(order - 1, 1))
    counted = [np.unique(_codes(tokens, ends, order, V), return_counts=True)]
    for m in range(order - 1, 0, -1):
        # Without its first token each distinct (m+1)-gram is an m-gram after one more token. No token stands before the
        # m-grams that open a document: if they did not count, the start of a text would be a context never seen.
        opening = _codes(tokens, np.flatnonzero((places == m - 1) & (places > 0)), m, V)
        longer, _ = counted[-1]
        counted.append(np.unique(np.concatenate([longer % V**m, opening]), return_counts=True))
    return counted[::-1]


def _discounts(counts):
    """(K,) -> (K,): what each count gives to the shorter context, D_1, D_2 or D_3 for 3 and more."""
    n = np.bincount(np.minimum(counts, 5), minlength=6)
    k = np.arange(1, 4)
    with np.errstate(divide="ignore", invalid="ignore"):
        D = k - (k + 1) * n[1] / (n[1] + 2 * n[2]) * n[k + 1] / n[k]
    # k / 2 where D_k is undefined or leaves (0, k), as where the n_k are zero or few (tiny texts; a small alphabet at
    # m = 1): with nothing taken from the tokens seen, those never seen would have no probability at all.
    D = np.where((D > 0) & (k > D), D, k / 2)
    return D[np.minimum(counts, 3) - 1]


def _look_up(wanted, keys, values, missing):
    """(N,), (K,) ascending, (K,) -> (N,): the value of each wanted key."""
    at = np.searchsorted(keys, wanted)
    # One more key, which no code equals, for those beyond the last.
    return np.where(np.append(keys, -1)[at] == wanted, np.append(values, missing)[at], missing)


def bayes_filter(log_probabilities: np.ndarray, switching_rate: float, prior: np.ndarray | None = None) -> np.ndarray:
    """What a classifier of single frames says of each frame in the light of those before: the forward algorithm.

    The hidden class stays from frame to frame, or with a known probability gives way to another one. The classifier's
    p(class | frame) / p(class) is the likelihood of the frame but for a factor, and frames of one class count as
    independent (Rabiner, "A tutorial on hidden Markov models", 1989, equations 19 and 20).

    Args:
        log_probabilities: (N, T, n), log p(class | frame) of each frame by itself.
        switching_rate: the probability that a frame has another class than the one before, from 0 to 1.
        prior: (n,), p(class) where the classifier was trained: each class comes first, or next, in proportion to it;
            `None` for equally often.

    Returns:
        (N, T, n) float64, log p(class in frame t | frames 1 .. t).

    Raises:
        ValueError: for probabilities that are not (N, T, n) of at least two classes or do not sum to one, a rate
            outside [0, 1], or a prior that is not n positive numbers.

    Frame 2 says nothing, so that what frame 1 said of class 1, p = 0.9, is left: 0.9 * 0.8 + 0.1 * 0.2 = 0.74.

    >>> np.exp(bayes_filter(np.log([[[0.1, 0.9], [0.5, 0.5]]]), switching_rate=0.2)).round(2)
    array([[[0.1 , 0.9 ],
            [0.26, 0.74]]])
    """
    log_p = np.asarray(log_probabilities, dtype="float64")
    if log_p.ndim != 3 or log_p.shape[-1] < 2 or not log_p.shape[1]:
        raise ValueError(f"log_probabilities must be (N, T, n) with n of at least 2 classes, got {log_p.shape}.")
    if not np.allclose(np.exp(log_p).sum(axis=-1), 1, atol=1e-3):
        raise ValueError("log_probabilities must be logs of probabilities that sum to one over the last axis.")
    if isinstance(switching_rate, bool) or not isinstance(switching_rate, Real) or not 0 <= switching_rate <= 1:
        raise ValueError(f"switching_rate must be a number from 0 to 1, got {switching_rate!r}.")
    n = log_p.shape[-1]
    prior = np.full(n, 1 / n) if prior is None else np.asarray(prior, dtype="float64")
    if prior.shape != (n,) or not (prior > 0).all():
        raise ValueError(f"prior must be {n} positive numbers, one a class, got {prior}.")
    prior = prior / prior.sum()
    next_class = np.where(np.eye(n), 1 - switching_rate, switching_rate * prior / (1 - prior)[:, None])
    with np.errstate(divide="ignore"):  # log 0 = -inf, at the rates 0 and 1 and where the classifier rules classes out
        log_next, log_prior = np.log(next_class), np.log(prior)
    log_likelihood = log_p - log_prior
    beliefs = [log_likelihood[:, 0] + log_prior]
    for t in range(1, log_p.shape[1]):
        expected = np.logaddexp.reduce(beliefs[-1][:, :, None] + log_next, axis=1)
        beliefs.append(expected + log_likelihood[:, t])
    # The forward algorithm's beliefs are log p(frames 1 .. t, class in frame t) but for a constant of each t.
    answer = np.stack(beliefs, axis=1)
    return answer - np.logaddexp.reduce(answer, axis=-1, keepdims=True)


class Difference(NamedTuple):
    """A mean difference and its interval, in the unit of the errors."""

    mean: float
    low: float
    high: float


def difference(
    errors: np.ndarray,
    baseline_errors: np.ndarray,
    block: int = 14,
    level: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
) -> Difference:
    """(N,), (N,) -> how much smaller the errors are than the baseline's on the same examples: negative is better.

    The interval is a bootstrap of the paired differences in circular blocks of `block` neighbours: errors that follow
    each other in time are not independent (Politis and Romano, "A circular block-resampling procedure for stationary
    data", 1992).

    >>> difference(np.full(100, 1.0), np.full(100, 3.0))
    Difference(mean=-2.0, low=-2.0, high=-2.0)
    """
    if np.shape(errors) != np.shape(baseline_errors):
        raise ValueError(
            f"Errors are compared on the same examples: {np.shape(errors)} and {np.shape(baseline_errors)}."
        )
    pairs = np.asarray(errors, dtype="float64") - np.asarray(baseline_errors, dtype="float64")
    if pairs.ndim != 1 or len(pairs) < 2 * block:
        raise ValueError(f"errors must be (N,) with N of at least two blocks of {block}, got {pairs.shape}.")
    starts = np.random.default_rng(seed).integers(len(pairs), size=(draws, -(-len(pairs) // block)))
    drawn = (starts[..., None] + np.arange(block)) % len(pairs)
    means = pairs[drawn.reshape(draws, -1)[:, : len(pairs)]].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Difference(float(pairs.mean()), float(low), float(high))
