"""Training: the epoch as one program, Keras' callbacks around it, and the run on disk."""

from keras_rnn_basics.training.ensemble import fit_ensemble
from keras_rnn_basics.training.fit import fit
from keras_rnn_basics.training.task import Run

__all__ = ["Run", "fit", "fit_ensemble"]
