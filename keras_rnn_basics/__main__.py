"""`python -m keras_rnn_basics`: what decides where a network runs, and how fast."""

from keras_rnn_basics.doctor import doctor

doctor()
