"""Many in, equally many out: every step has an output, which depends on all steps up to it; T_x = T_y."""

from collections.abc import Sequence
from typing import Any, Unpack

import keras

from keras_rnn_basics.architectures.arguments import OfWholeSequences, shares_arguments
from keras_rnn_basics.architectures.built import Architecture
from keras_rnn_basics.architectures.stack import recurrent_layers, stack
from keras_rnn_basics.architectures.text_reader import TextReader, read_input
from keras_rnn_basics.vocabulary import Vocabulary


@shares_arguments
def build_many_to_many(
    input_shape: tuple[int, ...],
    units: int | list[int],
    output_units: int | None = None,
    *,
    output_activation: Any = None,
    frontend: keras.layers.Layer | None = None,
    vocabulary: Vocabulary | None = None,
    labels: Sequence[str] | None = None,
    **layers: Unpack[OfWholeSequences],
) -> "ManyToMany":
    """(B, T, *input_shape) -> (B, T, n_y), for any T; train it with `SumOverTime`.

    Arguments, returned model and errors: see `arguments.py`.

    With a vocabulary the model reads text. It is trained on `vocabulary.encode(texts).to_tensor()`; its `label` takes
    strings.

    >>> build_many_to_many((6,), units=[32, 16], output_units=4).output_shape
    (None, None, 4)
    """
    x, read, output_units = read_input(input_shape, frontend, vocabulary, labels, output_units, output_activation)
    recurrent, answer = recurrent_layers(units, output_units, output_activation, return_sequences=True, **layers)
    return ManyToMany(x, stack(read, [*recurrent, *answer]), name="many_to_many")


@keras.saving.register_keras_serializable("keras_rnn_basics")
class ManyToMany(TextReader):
    """The model that `build_many_to_many` returns: a Keras model that, with a vocabulary, also labels each token."""

    architecture = Architecture("many_to_many")

    def label(self, texts: Any) -> Any:
        """The likeliest label of each token of a text, or of several; `odds` gives the probability of every label.

        The tokens are those of `model.vocabulary.split(texts)`. Padding is done inside; it has no influence.

        Args:
            texts: a string, a list of strings of any lengths, or a list of lists of tokens.

        Returns:
            A list of labels for a string, a list of such lists for a list.

        Raises:
            ValueError: for a model built without a vocabulary, or texts without tokens.
            RuntimeError: for a network whose outputs are not finite.

        >>> vocabulary = Vocabulary.of([["the", "cat", "sleeps"]])
        >>> model = build_many_to_many((), 8, vocabulary=vocabulary, labels=["DET", "NOUN", "VERB"])
        >>> [len(own) for own in model.label([["the", "cat", "sleeps"], ["cat"]])]
        [3, 1]
        """
        rows, give_back = self._read(texts)
        return give_back([self._named(odds).tolist() for odds in self._odds(rows)])
