"""Example data, and the user's own by path: `weather.load()` is a `Series`, and `split_windows` makes it examples.

`dates.load()` is sentence pairs for translation. `bucketed` makes batches of sequences that are not equally long, and
`bucketed_pairs` of pairs of them.
"""

from keras_rnn_basics.datasets import dates, weather
from keras_rnn_basics.datasets.buckets import bucket_lengths, bucketed, bucketed_pairs
from keras_rnn_basics.datasets.series import Series
from keras_rnn_basics.datasets.windows import Windows, split_windows
