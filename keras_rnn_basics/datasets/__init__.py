"""Example data, and the user's own by path: `weather.load()` is a `Series`, and `split_windows` makes it examples.

`bucketed` makes batches of sequences that are not equally long.
"""

from keras_rnn_basics.datasets import weather
from keras_rnn_basics.datasets.buckets import bucket_lengths, bucketed
from keras_rnn_basics.datasets.series import Series
from keras_rnn_basics.datasets.windows import Windows, split_windows
