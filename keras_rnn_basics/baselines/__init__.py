"""Simple forecasts that a network must beat, and a measure of how clearly it beats them."""

from keras_rnn_basics.baselines.differences import Difference, difference
from keras_rnn_basics.baselines.filters import bayes_filter
from keras_rnn_basics.baselines.forecasts import backtest, boosting, climatology, ewma, har, persistence, ridge, shifted
from keras_rnn_basics.baselines.ngrams import ngram_bits

__all__ = [
    "Difference",
    "backtest",
    "bayes_filter",
    "boosting",
    "climatology",
    "difference",
    "ewma",
    "har",
    "ngram_bits",
    "persistence",
    "ridge",
    "shifted",
]
