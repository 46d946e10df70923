"""`write_page`: a model, some sequences and the page's own code, in one html file that needs no network."""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import keras

from keras_rnn_basics.architectures.anatomy import directions
from keras_rnn_basics.atomic import atomic
from keras_rnn_basics.page import join
from keras_rnn_basics.page.examples import read
from keras_rnn_basics.page.layers import recurrent_layers_that_carry_on
from keras_rnn_basics.page.program import graph_down_to_the_layers, translated
from keras_rnn_basics.page.told import everything


def write_page(
    model: keras.Model,
    x: Any,
    path: str | PathLike[str],
    y: Any = None,
    names: Mapping[str, Sequence[str]] | None = None,
) -> Path:
    """Writes one html file in which a reader watches this network read, remember and learn; returns its path.

    The page needs no network and nothing else than a browser. It computes everything itself, from the weights and the
    sequences that it carries: the reader goes through the steps, takes a number of a_t apart, changes the input, and
    with y follows the error back through time. What it cannot compute, such as a convolution in front of the network or
    a cell of your own, it shows as the model computed it, and says so.

    Args:
        model: a functional or Sequential model with a recurrent layer, and one output.
        x: (B, T, ...) sequences; for several inputs a list of them, or a dict by the inputs' names. A model with a
            vocabulary takes strings. One sequence without B is enough. The page carries the first eight.
        path: the file to write, such as "page.html".
        y: the targets of the answers, as the loss takes them. The cost is the one that the model was compiled with;
            for a model that was not, the mean squared error, or the cross-entropy for classes. Text needs no y: the
            target is the token that comes next.
        names: the meaning of the numbers on the last axis, for an input under its name, and for the output under "y".

    Raises:
        ValueError: for a model that the page cannot show, or x, y or names that do not fit it; then nothing is written.

    >>> import tempfile
    >>> import numpy as np
    >>> import keras_rnn_basics as krb
    >>> model = krb.build_many_to_many((2,), units=8, output_units=1)
    >>> path = write_page(model, np.zeros((1, 12, 2)), tempfile.mkdtemp() + "/page.html", y=np.ones((1, 12, 1)))
    >>> path.name, path.stat().st_size < 200_000
    ('page.html', True)
    """
    graph, opened = graph_down_to_the_layers(model)
    _refuse(model, graph)
    examples = read(model, graph, x, y)
    program = translated(graph, opened, examples[0].inputs)
    if not any(step["op"] == "rnn" for step in program.steps):
        named = ", ".join(node.described for node in graph.nodes if directions(node))
        raise ValueError(
            f"A page cannot show the states of {model.name}, which has {named}: it shows layers of one cell that reads "
            "(B, T, n_x)."
        )
    told = everything(model, program, examples, names or {})
    path = Path(path)
    with atomic(path) as half:
        half.write_text(join.page(model.name, told), encoding="utf-8")
    return path


def _refuse(model, graph):
    """Raises an error for a model that no page can show."""
    carry_on = recurrent_layers_that_carry_on(model)
    if carry_on:
        raise ValueError(
            f"{carry_on[0]} of {model.name} is stateful, and a page begins every sequence at a_0: give the weights to "
            "a model that is not stateful, other.set_weights(model.get_weights())."
        )
    if len(graph.outputs) != 1:
        raise ValueError(f"A page shows a model with one output, {model.name} has {len(graph.outputs)}.")
    if not any(directions(node) for node in graph.nodes):
        layers = [layer.name for layer in model.layers]
        raise ValueError(f"{model.name} has no recurrent layer to show: its layers are {layers}.")
