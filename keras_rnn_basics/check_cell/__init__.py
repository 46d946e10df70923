"""Checks whether a cell keeps the contract, so that its author sees a mistake before training, saving or serving."""

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
    """Raises an error if a cell breaks the contract of `RecurrentCell`; otherwise returns None.

    It works on copies of the cell, made by `from_config(get_config())`, with random weights and random inputs, and
    takes two to six seconds on a CPU under TensorFlow. The error describes the first fault in one sentence, with the
    numbers and a remedy. The checks, in this order:

    - a copy equals the cell: `get_config` holds every argument of `__init__`;
    - the cell builds for inputs of n_x features, and no weight has the name of another attribute;
    - the states have the shapes that `state_size` says and the cell's dtype, before and after a step, and the output
      has `output_size` numbers;
    - two calls with the same inputs give the same outputs, and do not change any weight;
    - `project` and `readout` of all steps at once equal those of each step, and `call` is readout(advance(project));
    - each example gives the same output alone as in a batch;
    - `BasicRNN(cell)` equals `keras.layers.RNN(cell)`, with and without a mask, and a masked step has no effect;
    - compiled, as `fit` runs it, it gives the same outputs;
    - the gradients that `BasicRNN` trains with, including dropout, equal finite differences, and every weight that is
      not frozen has an effect (checked only under TensorFlow);
    - `one_step` of a model gives the same outputs as the sequence;
    - a model with the cell survives `.keras` and `clone_model`, and computes in mixed precision.

    Any other Keras cell can be checked too, and a cell that replaces `call`: the checks of the parts `project`,
    `advance` and `readout` are then left out.

    Args:
        cell: a cell, built or not; it is not changed.
        n_x: the number of input features to check it with.

    Raises:
        AssertionError: for the first check that fails.
        TypeError, ValueError: if `cell` is not a cell, or was built for another n_x.

    >>> import keras_rnn_basics as krb
    >>> check_cell(krb.LeakyRNNCell(4, output_units=2), n_x=3)
    >>> class Forgetful(krb.LeakyRNNCell):
    ...     def get_config(self):
    ...         return {**super().get_config(), "alpha": 0.5}
    >>> check_cell(Forgetful(4, alpha=0.25), n_x=3)
    Traceback (most recent call last):
    AssertionError: Forgetful: get_config is incomplete: a copy made from it has alpha = 0.5, but the cell has 0.25; put
    every argument of __init__ into get_config.
    """
    n_x = checks.positive_integer("n_x", n_x)
    if not isinstance(cell, keras.layers.Layer) or not hasattr(cell, "state_size"):
        raise TypeError(f"check_cell takes a cell, such as BasicRNNCell(units), got {cell!r}.")
    subject = Subject(cell, n_x)
    with warnings.catch_warnings():
        # Half precision does not have a fast route everywhere; this is not a fault of the cell.
        warnings.filterwarnings("ignore", ".*runs the plain loop")
        for check in CHECKS:
            check(subject)
