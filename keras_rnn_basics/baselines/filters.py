"""The best use of memory when it is known how the classes follow each other: a Bayes filter."""

import numpy as np

from keras_rnn_basics import checks


def bayes_filter(log_probabilities: np.ndarray, switching_rate: float, prior: np.ndarray | None = None) -> np.ndarray:
    """Improves a classifier of single frames by the frames before each one: the forward algorithm.

    The hidden class stays the same from frame to frame, or changes with a known probability. The classifier's
    p(class | frame) / p(class) is the likelihood of the frame up to a factor, and frames of one class are taken as
    independent (Rabiner, "A tutorial on hidden Markov models", 1989, equations 19 and 20).

    Args:
        log_probabilities: (N, T, n), log p(class | frame) of each frame alone.
        switching_rate: the probability that a frame has another class than the frame before, from 0 to 1.
        prior: (n,), p(class) in the training data of the classifier. The first class, and the new class after a change,
            are drawn in proportion to it. `None` means that all classes are equally likely.

    Returns:
        (N, T, n) float64, log p(class in frame t | frames 1 .. t).

    Raises:
        ValueError: for probabilities that are not (N, T, n) with at least two classes or do not sum to one, a rate
            outside [0, 1], or a prior that is not n positive numbers.

    Frame 2 tells nothing, so only p = 0.9 for class 1 from frame 1 counts: 0.9 * 0.8 + 0.1 * 0.2 = 0.74.

    >>> np.exp(bayes_filter(np.log([[[0.1, 0.9], [0.5, 0.5]]]), switching_rate=0.2)).round(2)
    array([[[0.1 , 0.9 ],
            [0.26, 0.74]]])
    """
    log_p = np.asarray(log_probabilities, dtype="float64")
    if log_p.ndim != 3 or log_p.shape[-1] < 2 or not log_p.shape[1]:
        raise ValueError(f"log_probabilities must be (N, T, n) with n of at least 2 classes, got {log_p.shape}.")
    if not np.allclose(np.exp(log_p).sum(axis=-1), 1, atol=1e-3):
        raise ValueError("log_probabilities must be logs of probabilities that sum to one over the last axis.")
    checks.number("switching_rate", switching_rate, 0, 1)
    n = log_p.shape[-1]
    p = np.full(n, 1 / n) if prior is None else np.asarray(prior, dtype="float64")
    if p.shape != (n,) or not (p > 0).all():
        raise ValueError(f"prior must be {n} positive numbers, one per class, got {p}.")
    p = p / p.sum()
    next_class = np.where(np.eye(n), 1 - switching_rate, switching_rate * p / (1 - p)[:, None])
    with np.errstate(divide="ignore"):  # log 0 = -inf at the rates 0 and 1, and for classes of probability 0
        log_next, log_prior = np.log(next_class), np.log(p)
    log_likelihood = log_p - log_prior
    beliefs = [log_likelihood[:, 0] + log_prior]
    for t in range(1, log_p.shape[1]):
        expected = np.logaddexp.reduce(beliefs[-1][:, :, None] + log_next, axis=1)
        beliefs.append(expected + log_likelihood[:, t])
    # The beliefs of the forward algorithm are log p(frames 1 .. t, class in frame t) plus a constant for each t.
    answer = np.stack(beliefs, axis=1)
    return answer - np.logaddexp.reduce(answer, axis=-1, keepdims=True)
