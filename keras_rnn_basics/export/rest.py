"""Requests in the JSON of TensorFlow Serving's REST interface, answered by a loaded model.

    {"instances": [...]}                            a list with one entry for each row -> {"predictions": [...]}
    {"inputs": ...}                                 all rows at once, by name          -> {"outputs": ...}
    {"signature_name": "step", "inputs": {...}}     another endpoint than `serve`

An entry, or `inputs`, is the value itself where there is one input, otherwise a dict of values by name; so are the
answers where there is one output. Source: https://www.tensorflow.org/tfx/serving/api_rest
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

KEYS = {"signature_name", "instances", "inputs"}


def respond(
    endpoints: Mapping[str, Callable], inputs: Mapping[str, Any], outputs: Mapping[str, Any], request: Any
) -> dict:
    """The answer to a request.

    Args:
        endpoints: the functions by name, which take their inputs by name.
        inputs, outputs: the names of each function's inputs and outputs.
        request: the parsed JSON.

    Raises:
        ValueError: for a request that cannot be answered; the message is for the one who sent it.
    """
    import tensorflow as tf

    name, by_row, given = _taken_apart(request)
    name = "serve" if name in (None, "serving_default") else name
    if not isinstance(name, str) or name not in endpoints:
        raise ValueError(f"signature_name must be one of {list(endpoints)}, got {name!r}.")
    try:
        answers = endpoints[name](**_by_name(given, list(inputs[name]), by_row))
    except (tf.errors.OpError, TypeError, ValueError) as error:
        raise ValueError(told(error)) from error
    if not isinstance(answers, dict):
        answers = dict(zip(outputs[name], answers if isinstance(answers, tuple) else (answers,)))
    found = {key: _as_json(answers[key]) for key in outputs[name]}
    if not by_row:
        return {"outputs": found if len(found) > 1 else next(iter(found.values()))}
    if len(found) == 1:
        return {"predictions": next(iter(found.values()))}
    return {"predictions": [dict(zip(found, row)) for row in zip(*found.values())]}


def _taken_apart(request):
    if not isinstance(request, dict) or len({"instances", "inputs"} & set(request)) != 1 or set(request) - KEYS:
        raise ValueError(
            'A request is {"instances": [...]} or {"inputs": ...}, with a "signature_name" for another endpoint than '
            f"serve; got {str(request)[:80]}."
        )
    by_row = "instances" in request
    if by_row and (not isinstance(request["instances"], list) or not request["instances"]):
        raise ValueError("instances must be a list with at least one entry.")
    return request.get("signature_name"), by_row, request["instances" if by_row else "inputs"]


def _by_name(given, names, by_row):
    if not by_row:
        return given if isinstance(given, dict) else {names[0]: given}
    rows = [row if isinstance(row, dict) else {names[0]: row} for row in given]
    if any(row.keys() != rows[0].keys() for row in rows):
        raise ValueError("All entries of instances must have the same names.")
    return {name: [row[name] for row in rows] for name in rows[0]}


def _as_json(tensor):
    values = np.asarray(tensor)
    if values.dtype == object:  # strings
        return np.vectorize(lambda text: text.decode("utf-8", "replace"), otypes=[object])(values).tolist()
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError("The answer is not finite: a token is none of the network's, or a number is too large.")
    return values.tolist()


def told(error: Exception) -> str:
    """What a failed assertion of a graph says, what an operation in it says, or the first line of another error."""
    whole = str(error).strip()
    said = re.search(r"assertion failed: \[(.*?)\]((?: \[.*\])*)", whole)
    if said:
        return f"{said[1]}{said[2]}".rstrip(".") + "."
    said = re.search(r"^(.+)\n\s*\[\[{{node ", whole, re.MULTILINE)  # before it stand the places in the code
    return said[1] if said else whole.splitlines()[0] if whole else type(error).__name__
