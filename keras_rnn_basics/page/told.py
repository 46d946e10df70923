"""What a page is told: a model's program, its inputs and answers, and sequences with what the model makes of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_rnn_basics.compat import get_keras_mask
from keras_rnn_basics.page import costs
from keras_rnn_basics.page.examples import Example, vocabularies, writes_text
from keras_rnn_basics.page.layers import numbers
from keras_rnn_basics.page.program import Program, run


def everything(
    model: Any, program: Program, examples: list[Example], names: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """What `main.js` reads; arrays stay arrays.

    Raises:
        ValueError: for names or targets that do not fit the model, a cost that the page does not know, or answers that
            are not finite.
    """
    graph, output = program.graph, program.graph.outputs[0]
    given, words = [run(graph, own.inputs) for own in examples], vocabularies(graph)
    _check(names, {**{value.name: value.shape[-1] for value in graph.inputs}, "y": output.shape[-1]})
    last = next((step.get("h") or step.get("cell", {}).get("h") for step in program.steps[::-1]), None)
    y = examples[0].y
    cost = None if y is None else costs.described(model, y, given[0][output], last)
    inputs = [
        {
            "id": program.number(value),
            "name": value.name,
            "labels": _labels(names, value.name),
            "words": _words(words.get(value)),
            "tokens": len(value.shape) == 2 and not value.dtype.startswith("float"),
        }
        for value in graph.inputs
    ]
    return {
        "writes": writes_text(model),
        "steps": program.steps,
        "inputs": inputs,
        "recorded": {program.number(value): program.why[program.number(value)] for value in program.recorded},
        "fixed": program.fixed,
        "output": {"id": program.output, "labels": _labels(names, "y")},
        "cost": cost,
        "examples": [_carried(model, program, own, tensors, cost) for own, tensors in zip(examples, given)],
    }


def _carried(model, program, example, tensors, cost):
    """A sequence, and what the model itself makes of it."""
    answer = tensors[program.graph.outputs[0]]
    if not np.isfinite(numbers(answer)).all():
        raise ValueError(f"{model.name} answers NaN or infinity: there is nothing to watch.")
    recorded = {program.number(value): numbers(tensors[value])[0] for value in program.recorded}
    masks = {program.number(value): get_keras_mask(tensors[value]) for value in program.recorded}
    told = {
        "masks": {number: numbers(mask)[0] for number, mask in masks.items() if mask is not None},
        "inputs": [
            np.asarray(array[0] if program.number(value) in program.needed else [], "float32")
            for value, array in zip(program.graph.inputs, example.inputs)
        ],
        "answer": numbers(answer)[0],
        "recorded": recorded | program.states(tensors),
        "y": None,
        "costs": None,
    }
    if cost is not None:
        told["y"] = np.asarray(example.y[0], "float32")
        told["costs"] = costs.by_keras(cost, example.y, answer, get_keras_mask(answer))
    return told


def _check(names, sizes):
    unknown = sorted(set(names) - set(sizes))
    if unknown:
        raise ValueError(f"The keys of names must be among {list(sizes)}, got {unknown}.")
    for name, own in names.items():
        if isinstance(own, str) or len(own) != sizes[name]:
            raise ValueError(f"names[{name!r}] must be {sizes[name]} words, got {own!r}.")


def _labels(names, name):
    return [str(word) for word in names[name]] if name in names else None


def _words(vocabulary):
    return None if vocabulary is None else {"level": vocabulary.level, "tokens": list(vocabulary.tokens)}
