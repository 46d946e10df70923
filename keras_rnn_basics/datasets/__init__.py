"""Example data sets, or the user's own files; how they are split, and how they become examples and batches.

Every data set has a function `load(data=None, ...)`. Its result names the origin of the data in `source`, and the
columns or labels in `names`:

- `weather` (days), `hours` (hours) and `ticks` (stock bars, or trades from which bars are made) give a `Series`;
  `split_windows`, `walk_forward` and `split_blocks` turn it into examples, split by time; `read_series` reads a table
  with any step;
- `sentences` gives text for a language model and `dates` gives sentence pairs for translation, both with `train`,
  `validation` and `test`;
- `voices` gives clips of sound, in folds by speaker;
- `frames` gives sequences of images with a label for each image, with `train`, `validation` and `test`.

`bucketed` makes batches of sequences of different lengths, and `bucketed_pairs` makes batches of sequence pairs.
"""

from keras_rnn_basics.datasets import dates, frames, hours, sentences, ticks, voices, weather
from keras_rnn_basics.datasets.buckets import bucket_lengths, bucketed, bucketed_pairs
from keras_rnn_basics.datasets.series import Series, read_series
from keras_rnn_basics.datasets.windows import Split, Windows, split_blocks, split_windows, walk_forward

__all__ = [
    "Series",
    "Split",
    "Windows",
    "bucket_lengths",
    "bucketed",
    "bucketed_pairs",
    "dates",
    "frames",
    "hours",
    "read_series",
    "sentences",
    "split_blocks",
    "split_windows",
    "ticks",
    "voices",
    "walk_forward",
    "weather",
]
