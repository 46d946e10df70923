"""Cuts a batch into parts and joins them again, using few sizes.

XLA compiles a program for every (B, T), and TensorFlow keeps it until the process ends: about half a MiB for each.
So if a graph does not know B or T, and outside of graphs, they are rounded up to one of 16 sizes for each doubling. The
added rows and steps repeat the last row and the last step. They are masked, have zero errors, and are cut off from the
results.
"""

import numpy as np
import tensorflow as tf

# With fewer rows in a part, calling a second program costs more than it saves (benchmarks/routes.py).
ROWS = 4
SIZES = 16
POWERS = 2 ** np.arange(27, dtype="int32")


class Parts:
    """Cuts a batch (B, T, n_x) into parts; the last part may be smaller, or empty if B is small.

    Args:
        x: (B, T, n_x).
        number: the number of parts.
        few_sizes: whether to round up B and T if they are not known while the graph is built.
    """

    def __init__(self, x, number, few_sizes):
        self.number = number
        self.B, self.T = tf.shape(x)[0], tf.shape(x)[1]
        self.rows = tf.maximum(-(-self.B // number), ROWS) if number > 1 else self.B
        self.more_rows = self.more_steps = None
        eager = tf.executing_eagerly()
        if few_sizes and (eager or x.shape[0] is None):
            self.rows = rounded(self.rows)
            self.more_rows = number * self.rows - self.B
        if few_sizes and (eager or x.shape[1] is None):
            self.more_steps = rounded(self.T) - self.T

    def cut(self, tensor, steps=False):
        """(B, ...), or (B, T, ...) with `steps` -> its parts; if it is None, None for each part."""
        if tensor is None:
            return [None] * self.number
        return self._cut(tensor, steps, lambda last: last)

    def cut_errors(self, tensor, steps=False):
        """The same for errors, which are zero in added rows and steps."""
        return self._cut(tensor, steps, tf.zeros_like)

    def cut_mask(self, mask):
        """The same for a mask (B, T) or None: added steps are masked."""
        if mask is None and self.more_steps is not None:
            mask = tf.ones([self.B, self.T], "bool")
        return [None] * self.number if mask is None else self.cut_errors(mask, steps=True)

    def join(self, parts, steps=False):
        """The parts of (B, ...), or (B, T, ...) -> the whole, without added rows and steps."""
        whole = parts[0] if self.number == 1 else tf.concat(parts, axis=0)
        if self.more_rows is not None:
            whole = whole[: self.B]
        return whole[:, : self.T] if steps and self.more_steps is not None else whole

    def _cut(self, tensor, steps, filled):
        tensor = _longer(tensor, self.more_steps if steps else None, 1, filled)
        tensor = _longer(tensor, self.more_rows, 0, filled)
        if self.number == 1:
            return [tensor]
        pieces = [tensor[part * self.rows : (part + 1) * self.rows] for part in range(self.number)]
        for piece in pieces:
            piece.set_shape((None, *tensor.shape[1:]))
        return pieces


def rounded(n):
    """The size that is compiled for n: n itself up to 16, and at most 1/16 more.

    >>> [int(rounded(tf.constant(n))) for n in (1, 16, 17, 33, 100, 1000)]
    [1, 16, 17, 34, 100, 1024]
    """
    # In integers: a GPU's logarithms and powers of 2 are not exact.
    step = tf.reduce_max(tf.where(n >= SIZES * POWERS, POWERS, 1))
    return -(-n // step) * step


def _longer(tensor, more, axis, filled):
    if more is None:
        return tensor

    def longer():
        last = filled(tensor[-1:] if axis == 0 else tensor[:, -1:])
        return tf.concat([tensor, tf.repeat(last, more, axis=axis)], axis=axis)

    # If nothing is added, nothing is copied.
    longer = tf.cond(more > 0, longer, lambda: tf.identity(tensor))
    return tf.ensure_shape(longer, [None if at == axis else n for at, n in enumerate(tensor.shape)])
