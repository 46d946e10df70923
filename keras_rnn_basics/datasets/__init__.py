"""Example data sets, or the user's own files; how they are split, and how they become examples and batches.

Every data set has a function `load(data=None, ...)`: without data it gives its own, else the user's. Its result names
the origin of the data in `source`, and in `repairs` or `notes` what was cut, mended, passed over or left out.

| `load` of | `data` | gives | `names` |
|---|---|---|---|
| `weather` (days), `hours`, `ticks` (bars, or trades) | a table: csv, excel, parquet, frame | `Series` | the columns |
| `sentences` | a text file, packed or not, a list, a folder | `Parts` of `Text`s | the files |
| `dates` | a file of pairs (tsv, csv), packed or not, a frame | `Parts` of (source, target) | the languages |
| `frames` | npz or npy, a folder of images or videos | `Parts` of `Sequences` (x, y) | the labels |
| `voices` | a folder of sound, labelled by folders, a function or a table | `Clips`, each in a `fold` | the labels |

`read_series` reads a table with any step. `split_windows`, `walk_forward` and `split_blocks` turn a `Series` into
examples, split by time; `Parts` are split already: `train`, `validation`, `test`. `bucketed` makes batches of sequences
of different lengths, and `bucketed_pairs` of sequence pairs.

Nothing is unpacked or held beyond `max_bytes`, which every loader takes; `bounded` opens any packed file so.
"""

from keras_rnn_basics.datasets import dates, frames, hours, sentences, ticks, voices, weather
from keras_rnn_basics.datasets.buckets import bucket_lengths, bucketed, bucketed_pairs
from keras_rnn_basics.datasets.parts import Parts
from keras_rnn_basics.datasets.series import Series, read_series
from keras_rnn_basics.datasets.windows import Split, Windows, split_blocks, split_windows, walk_forward

__all__ = [
    "Parts",
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
