"""The cell that is checked: its copies, their random inputs, and the words of a failure."""

import contextlib
import functools
import re
import textwrap

import keras
import numpy as np
from keras import ops

from keras_rnn_basics.layer import BasicRNN

B, T = 3, 4
TOLERANCE = 1e-4  # in float32
PURE = "draw no random numbers in it, and keep nothing between two calls except in the states"


class Subject:
    """A cell that is being checked for inputs of n_x features."""

    def __init__(self, cell, n_x):
        self.cell, self.n_x = cell, n_x
        # A cell of another kind, or one that replaces `call`, has no parts to check.
        self.in_parts = getattr(cell, "step_by_step", "no parts") is None
        self.rng = np.random.default_rng(0)
        self.x = self.rng.normal(size=(B, T, n_x)).astype("float32")
        self.weights = None

    def fail(self, sentence, error=None):
        raise AssertionError(f"{type(self.cell).__name__}: {sentence}.") from error

    @contextlib.contextmanager
    def trying(self, what, advice=None):
        """If the cell raises an error, adds what was tried."""
        try:
            yield
        except Exception as error:
            reason = f"{type(error).__name__}: {_said(error)}"
            self.fail(f"{what} raises {reason}{f'; {advice}' if advice else ''}", error)

    def same(self, expected, got, sentence, tolerance=TOLERANCE):
        """Fails with the sentence if two nests of tensors differ; {gap} in it is replaced by the difference."""
        gap = gap_between(expected, got, tolerance)
        if gap:
            self.fail(sentence.replace("{gap}", gap))

    def copy(self, dtype=None, build=True):
        """A copy of the cell made from get_config, with the subject's random weights if there are any."""
        with self.trying("from_config(get_config())", "put exactly the arguments of __init__ into get_config"):
            config = self.cell.get_config()
            cell = type(self.cell).from_config({**config, "dtype": dtype} if dtype else config)
        if build:
            with self.trying(f"build((None, {self.n_x}))"):
                keras.layers.RNN(cell).build((None, None, self.n_x))
            if self.weights is not None:
                cell.set_weights(self.weights)
        return cell

    def states(self, cell):
        """[(B, n_a), ...]: random states."""
        return [ops.cast(self.rng.normal(scale=0.5, size=shape), cell.compute_dtype) for shape in state_shapes(cell)]

    def parts(self, cell, t=0):
        """name -> the function and its arguments for step t: of the parts, or of `call` if there are no parts."""
        x_t, states = ops.cast(self.x[:, t], cell.compute_dtype), self.states(cell)
        if not self.in_parts:
            return {"call": (cell, (x_t, states))}
        with self.trying("project(x_t)"):
            z_t = cell.project(x_t)
        return {
            "project": (cell.project, (x_t,)),
            "advance": (cell.advance, (z_t, states)),
            "readout": (cell.readout, (states,)),
        }

    @functools.cached_property
    def model(self):
        """(B, T, n_x) -> (B, T, n_y), by BasicRNN."""
        x = keras.Input((None, self.n_x))
        with self.trying("BasicRNN(cell) on a keras.Input", "write the cell in keras.ops, which run in a graph too"):
            return keras.Model(x, BasicRNN(self.copy("float32"), return_sequences=True)(x))

    @functools.cached_property
    def answers(self):
        """(B, T, n_y): the expected outputs of the model for x, from keras.layers.RNN with the same cell."""
        return keras.layers.RNN(self.model.layers[-1].cell, return_sequences=True)(self.x)


def _said(error):
    """The message of an error, in one line."""
    text = str(error).rsplit("Exception encountered: ", 1)[-1]
    # Keras puts details of a layer's call around the error's own words, which are in bold.
    own = re.findall(r"\033\[1m(.*?)\033\[0m", text, re.DOTALL) or [text]
    lines = [line.strip() for line in own[-1].splitlines() if line.strip()] or ["no message"]
    # If a line ends with a colon, as in "Here is why:", the reason is in the next line.
    end = next((n for n, line in enumerate(lines) if not line.endswith(":")), -1)
    said = " ".join(lines[: end + 1] if end >= 0 else lines)
    return textwrap.shorten(said, 240, placeholder=" ...").rstrip(".")


def state_shapes(cell):
    """[(B, n_a), ...], as state_size says."""
    sizes = keras.layers.RNN(cell).state_size
    return [(B, *size) if isinstance(size, (tuple, list)) else (B, size) for size in sizes]


def shapes_of(tensors):
    return [tuple(tensor.shape) for tensor in keras.tree.flatten(tensors)]


def gap_between(expected, got, tolerance=TOLERANCE):
    """How two nests of tensors differ, in words; None if they are equal up to rounding."""
    if shapes_of(expected) != shapes_of(got):
        return f"in the shapes {shapes_of(got)}, not {shapes_of(expected)}"
    expected, got = (
        [np.asarray(ops.convert_to_numpy(tensor), dtype="float64").ravel() for tensor in keras.tree.flatten(tensors)]
        for tensors in (expected, got)
    )
    expected, got = np.concatenate(expected), np.concatenate(got)
    gap, size = np.abs(expected - got).max(initial=0.0), np.abs(expected).max(initial=1.0)
    return None if gap <= tolerance * size else f"by {gap:.2g}"
