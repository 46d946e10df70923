"""Example data, and the user's own by path, each with its split; and how they become examples and batches.

`weather.load()` is a `Series`, which `split_windows` makes examples of; `sentences.load()` is text to learn to write;
`dates.load()` is sentence pairs for translation; `voices.load()` is clips of sound with labels. `bucketed` makes
batches of sequences that are not equally long, and `bucketed_pairs` of pairs of them.
"""

from keras_rnn_basics.datasets import dates, hours, sentences, ticks, voices, weather
from keras_rnn_basics.datasets.buckets import bucket_lengths, bucketed, bucketed_pairs
from keras_rnn_basics.datasets.series import Series
from keras_rnn_basics.datasets.windows import Split, Windows, split_blocks, split_windows, walk_forward
