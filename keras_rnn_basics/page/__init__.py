"""One html file in which a reader watches their own network read, remember and learn; it needs no network."""

from keras_rnn_basics.page.write import write_page

__all__ = ["write_page"]
