"""Many in, one out: the whole sequence is read, then there is one output, computed from a_T."""

from collections.abc import Sequence
from typing import Any, Unpack

import keras

from keras_rnn_basics.architectures.arguments import OfWholeSequences, shares_arguments
from keras_rnn_basics.architectures.built import Architecture
from keras_rnn_basics.architectures.stack import recurrent_layers, stack
from keras_rnn_basics.architectures.text_reader import TextReader, read_input
from keras_rnn_basics.vocabulary import Vocabulary


@shares_arguments
def build_many_to_one(
    input_shape: tuple[int, ...],
    units: int | list[int],
    output_units: int | None = None,
    *,
    output_activation: Any = None,
    frontend: keras.layers.Layer | None = None,
    vocabulary: Vocabulary | None = None,
    labels: Sequence[str] | None = None,
    **layers: Unpack[OfWholeSequences],
) -> "ManyToOne":
    """(B, T, *input_shape) -> (B, n_y), for any T.

    Arguments, returned model and errors: see `arguments.py`.

    With a vocabulary the model reads text. It is trained on `vocabulary.encode(texts).to_tensor()`; its `classify`
    takes strings.

    >>> build_many_to_one((6,), units=[32, 16], output_units=1).output_shape
    (None, 1)
    """
    x, read, output_units = read_input(input_shape, frontend, vocabulary, labels, output_units, output_activation)
    recurrent, answer = recurrent_layers(units, output_units, output_activation, return_sequences=False, **layers)
    return ManyToOne(x, stack(read, [*recurrent, *answer]), name="many_to_one")


@keras.saving.register_keras_serializable("keras_rnn_basics")
class ManyToOne(TextReader):
    """The model that `build_many_to_one` returns: a Keras model that, with a vocabulary, also classifies text."""

    architecture = Architecture("many_to_one")

    def classify(self, texts: Any) -> Any:
        """The likeliest label of a text, or of each of a list of texts; `odds` gives the probability of every label.

        Padding is done inside; it has no influence on the answer.

        Args:
            texts: a string, a list of strings of any lengths, or a list of lists of tokens.

        Returns:
            A label for a string, a list of labels for a list.

        Raises:
            ValueError: for a model built without a vocabulary, or texts without tokens.
            RuntimeError: for a network whose outputs are not finite.

        >>> vocabulary = Vocabulary.of(["good", "bad"])
        >>> model = build_many_to_one((), 8, vocabulary=vocabulary, labels=["praise", "blame"])
        >>> model.classify("good") in ("praise", "blame"), model.odds(["good", "bad", "dog"]).shape
        (True, (3, 2))
        """
        rows, give_back = self._read(texts)
        return give_back(self._named(self._odds(rows)).tolist())
