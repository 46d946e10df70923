"""The difference between two scores, and its uncertainty."""

from typing import NamedTuple

import numpy as np


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
    """(N,), (N,) -> the first mean minus the second, on the same examples. A negative difference of errors is better.

    The interval comes from a bootstrap of the paired differences, in circular blocks of `block` neighbours, because
    errors that follow each other in time are not independent (Politis and Romano, "A circular block-resampling
    procedure for stationary data", 1992).

    >>> difference(np.full(100, 1.0), np.full(100, 3.0))
    Difference(mean=-2.0, low=-2.0, high=-2.0)
    """
    if np.shape(errors) != np.shape(baseline_errors):
        raise ValueError(
            "errors and baseline_errors must be on the same examples, "
            f"got {np.shape(errors)} and {np.shape(baseline_errors)}."
        )
    pairs = np.asarray(errors, dtype="float64") - np.asarray(baseline_errors, dtype="float64")
    if pairs.ndim != 1 or len(pairs) < 2 * block:
        raise ValueError(f"errors must be (N,) with N of at least two blocks of {block}, got {pairs.shape}.")
    N, blocks = len(pairs), -(-len(pairs) // block)
    starts = np.random.default_rng(seed).integers(N, size=(draws, blocks))
    # Sums over blocks that continue at the beginning after the end; the last block of a draw is cut to a total of N.
    total = np.concatenate([[0.0], np.cumsum(np.concatenate([pairs, pairs[:block]]))])
    sums = (total[starts + block] - total[starts])[:, :-1].sum(axis=1)
    last, left = starts[:, -1], N - (blocks - 1) * block
    means = (sums + total[last + left] - total[last]) / N
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Difference(float(pairs.mean()), float(low), float(high))
