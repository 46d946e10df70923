"""The arguments that the builders share: their types, defaults and meanings."""

import functools
import inspect
import textwrap
import typing
from collections.abc import Callable
from typing import Any, TypedDict, TypeVar

Builder = TypeVar("Builder", bound=Callable)

MEANING = {
    "input_shape": "the shape of one time step, such as (6,), (16, 16), or () for a token.",
    "units": "n_a, or a list of them for a deep network.",
    "output_units": "n_y; `None` for as many as there are labels.",
    "vocabulary": (
        "the meaning of the tokens, for a network that reads text; `input_shape` is then (), and without a frontend an "
        "embedding reads the tokens."
    ),
    "labels": "the names of the outputs, for a network that reads text; `None` for their numbers.",
    "vocabulary_size": "the number of tokens; tokens are integers from 0.",
    "embedding_size": "n_x, the length of a token's vector.",
    "output_activation": "h; `None` gives logits.",
    "frontend": (
        "a Keras layer applied to each time step: an image encoder, a normalisation, "
        "`keras.layers.Embedding(vocabulary_size, size, mask_zero=True)` for tokens padded with zeros, "
        "`keras.layers.Masking()` for padded numbers."
    ),
    "activation": "g.",
    "dropout": "the fraction of each layer's x_t that is dropped in training.",
    "cell": (
        "a function of `units` that makes a layer's cell, such as `keras.layers.GRUCell` or a class of your own; "
        "`None` for `BasicRNNCell`. The cell then sets its own activation and dropout. If it has no output weights, a "
        'Dense layer "answer" follows it.'
    ),
    "recurrent_dropout": "the fraction of each layer's a_{t-1} that is dropped in training.",
    "recurrence": "how the loop over time runs, as in `BasicRNN`.",
    "remat": "whether to compute states again in the backward pass instead of keeping all of them, as in `BasicRNN`.",
    "bidirectional": "whether to read the sequence from both ends, with one cell for each direction.",
}

SECTIONS = """Args:
    The others: see `arguments.py`.

Returns:
    An uncompiled `keras.Model`; its input is named "x".

Raises:
    ValueError, TypeError: for sizes that are not positive, or an invalid `frontend` or `cell`."""

DEFAULTS = {
    "activation": "tanh",
    "dropout": 0.0,
    "cell": None,
    "recurrent_dropout": 0.0,
    "recurrence": "auto",
    "remat": False,
    "bidirectional": False,
}


class OfOneStep(TypedDict, total=False):
    """The arguments of cell layers that read only one step."""

    activation: Any
    dropout: float
    cell: Callable | None


class OfSequences(OfOneStep, total=False):
    """The arguments of recurrent layers."""

    recurrent_dropout: float
    recurrence: str
    remat: bool


class OfWholeSequences(OfSequences, total=False):
    """The arguments of recurrent layers that have the whole sequence before they answer."""

    bidirectional: bool


def shares_arguments(builder: Builder) -> Builder:
    """Shows the shared arguments of a builder, those of its `**layers: Unpack[...]`, in its signature and docstring.

    Their meanings replace the line "The others: see `arguments.py`." of the docstring, or, where that says no more,
    the line "Arguments, returned model and errors: see `arguments.py`.". Any other name is a TypeError.

    >>> @shares_arguments
    ... def build(units: int, **layers: typing.Unpack[OfOneStep]) -> None:
    ...     '''Args:
    ...         The others: see `arguments.py`.
    ...     '''
    >>> list(inspect.signature(build).parameters)
    ['units', 'activation', 'dropout', 'cell']
    >>> build(3, recurence="plain")
    Traceback (most recent call last):
    TypeError: build() got an unexpected keyword argument 'recurence'
    """
    own = inspect.signature(builder)
    *parameters, layers = own.parameters.values()
    [shared] = typing.get_args(layers.annotation)
    for name, annotation in typing.get_type_hints(shared).items():
        keyword = inspect.Parameter.KEYWORD_ONLY
        parameters.append(inspect.Parameter(name, keyword, default=DEFAULTS[name], annotation=annotation))
    signature = own.replace(parameters=parameters)

    def build(*args, **kwargs):
        try:
            given = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{builder.__name__}() {error}") from None
        given.apply_defaults()
        return builder(*given.args, **given.kwargs)

    shown: Any = functools.wraps(builder)(build)
    shown.__signature__ = signature
    shown.__doc__ = _explained(inspect.getdoc(builder), signature.parameters)
    return shown


def _explained(docstring, parameters):
    """The docstring with the meaning of each parameter that it does not explain itself, in the signature's order."""
    named = [name for name in parameters if name in MEANING and f"    {name}:" not in docstring]
    lines = [textwrap.fill(f"{name}: {MEANING[name]}", 112, subsequent_indent="    ") for name in named]
    docstring = docstring.replace("Arguments, returned model and errors: see `arguments.py`.", SECTIONS)
    return docstring.replace("    The others: see `arguments.py`.", textwrap.indent("\n".join(lines), "    "))
