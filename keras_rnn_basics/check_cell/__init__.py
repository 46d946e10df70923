"""Whether a cell keeps the contract, so that its author hears of a slip before a training, a file or a server does."""

import warnings

import keras

from keras_rnn_basics import checks
from keras_rnn_basics.check_cell import gradients, sequence, step
from keras_rnn_basics.check_cell.subject import Subject

__all__ = ["check_cell"]

CHECKS = (
    step.a_copy_is_the_cell,
    step.it_builds,
    step.states_keep_their_shapes,
    step.the_same_twice,
    step.the_parts_are_the_step,
    step.each_example_by_itself,
    sequence.the_layer_is_that_of_keras,
    sequence.a_masked_step_leaves_no_trace,
    sequence.compiled_it_is_the_same,
    gradients.they_are_those_of_finite_differences,
    sequence.one_step_is_the_sequence,
    sequence.it_survives_a_file,
    sequence.it_survives_cloning,
    sequence.mixed_precision_is_near,
)


def check_cell(cell: keras.layers.Layer, n_x: int) -> None:
    """Raises with what a cell does otherwise than the contract of `RecurrentCell` says, or returns None.

    It works on copies of the cell, made by `from_config(get_config())`, with random weights and random numbers, and
    takes two to six seconds on a CPU under TensorFlow. It raises the first thing that it finds, in one sentence with
    the numbers and what to do. In this order:

    - a copy is the cell: `get_config` holds every argument of `__init__`;
    - it builds for inputs of n_x features, and its weights' names are free;
    - the states have the shapes that `state_size` says and the cell's dtype, before and after a step, and the answer
      has `output_size` numbers;
    - the same twice gives the same, and no weight changes on the way;
    - `project` and `readout` of all steps at once are those of each step, and `call` is readout(advance(project));
    - each example gives alone what it gives in a batch;
    - `BasicRNN(cell)` is `keras.layers.RNN(cell)`, with and without a mask, and a masked step leaves no trace;
    - compiled, as `fit` runs it, it gives the same;
    - the gradients that `BasicRNN` trains with, dropout included, are those of finite differences, and every weight has
      an effect, unless it is frozen (asked under TensorFlow only);
    - `one_step` of a model gives what the sequence gives;
    - a model with it survives `.keras` and `clone_model`, and computes in mixed precision.

    Any other cell of Keras can be checked too, and so can a cell that replaces `call`: what speaks of the parts
    `project`, `advance` and `readout` is left out then.

    Args:
        cell: a cell, built or not; it is left as it is.
        n_x: the number of input features to check it with.

    Raises:
        AssertionError: for the first check that fails.
        TypeError, ValueError: for what is no cell, and for another n_x than the cell was built for.

    >>> import keras_rnn_basics as krb
    >>> check_cell(krb.LeakyRNNCell(4, output_units=2), n_x=3)
    >>> class Forgetful(krb.LeakyRNNCell):
    ...     def get_config(self):
    ...         return {**super().get_config(), "alpha": 0.5}
    >>> check_cell(Forgetful(4, alpha=0.25), n_x=3)
    Traceback (most recent call last):
    AssertionError: Forgetful: get_config leaves out something: a copy made from it has alpha = 0.5, the cell 0.25; put
    every argument of __init__ into get_config.
    """
    n_x = checks.positive_integer("n_x", n_x)
    if not isinstance(cell, keras.layers.Layer) or not hasattr(cell, "state_size"):
        raise TypeError(f"check_cell takes a cell, such as BasicRNNCell(units), got {cell!r}.")
    subject = Subject(cell, n_x)
    with warnings.catch_warnings():
        # Half precision has no fast route everywhere, which is no fault of the cell's.
        warnings.filterwarnings("ignore", ".*runs the plain loop")
        for check in CHECKS:
            check(subject)
