"""Example data, and the user's own by path: `weather.load()` is a `Series`; `split_windows` makes it examples."""

from keras_rnn_basics.datasets import weather
from keras_rnn_basics.datasets.series import Series
from keras_rnn_basics.datasets.windows import Windows, split_windows
