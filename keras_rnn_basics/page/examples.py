"""The sequences that a page carries, each by itself: what the model reads, and what it should answer."""

from typing import Any, NamedTuple

import numpy as np

from keras_rnn_basics.architectures.graph import Graph, Value
from keras_rnn_basics.checks import as_numpy
from keras_rnn_basics.vocabulary import Vocabulary

MOST = 8  # sequences in a page


class Example(NamedTuple):
    """One sequence: an array (1, ...) for each input of the model, and the targets (1, ...) of its answers, or None."""

    inputs: list[np.ndarray]
    y: np.ndarray | None


def vocabularies(graph: Graph) -> dict[Value, Any]:
    """From an input of a model to the vocabulary of its tokens: the layers that read tokens hold it."""
    same, found = {value: value for value in graph.inputs}, {}
    for node in graph.nodes:
        first = node.inputs[0] if node.inputs else None
        if first in same and len(node.outputs) == 1:
            vocabulary = getattr(node.operation, "vocabulary", None)
            if vocabulary is not None:
                found[same[first]] = vocabulary
            elif node.outputs[0].name == node.operation.name and node.outputs[0].shape == first.shape:
                same[node.outputs[0]] = same[first]  # the entrance of a model
    return found


def read(model: Any, graph: Graph, x: Any, y: Any) -> list[Example]:
    """Splits x and y into sequences; text becomes tokens, and then the target is the token after each.

    Raises:
        ValueError: for inputs of other names, shapes or numbers than the model reads.
    """
    words, writes = vocabularies(graph), writes_text(model)
    rows, texts = [], True
    for number, (value, part) in enumerate(zip(graph.inputs, _by_input(model, graph, x, words))):
        given = _texts(part)
        texts = texts and given is not None
        last = number == len(graph.inputs) - 1
        if given is None:
            rows.append(_arrays(value, part))
        elif value not in words:
            raise ValueError(f"{value.name} of {model.name} has no vocabulary: give it numbers, got {part!r}.")
        else:
            start = [Vocabulary.start] if writes and last else []
            rows.append([np.array([[*start, *row]], "int32") for row in words[value].encode(given).to_list()])
    counts = [len(own) for own in rows]
    if len(set(counts)) > 1 or not counts[0]:
        raise ValueError(f"x must hold as many sequences, at least one, for each input, got {counts}.")
    for value, own in zip(graph.inputs, rows):
        for row in own:
            if row.ndim > 1 and 0 in row.shape:
                raise ValueError(f"A sequence of {value.name} needs at least one step, got none.")
    if y is None and texts and writes:
        targets: list[Any] = [np.array([[*row[0, 1:], Vocabulary.end]], "int32") for row in rows[-1]]
    else:
        targets = [None] * counts[0] if y is None else _targets(y, counts[0])
    return [Example(list(inputs), target) for *inputs, target in zip(*rows, targets)]


def writes_text(model: Any) -> bool:
    """Whether each answer of a model is about the token that comes next."""
    architecture = getattr(model, "architecture", None)
    return architecture is not None and architecture.kind in ("one_to_many", "encoder_decoder")


def _by_input(model, graph, x, words):
    names = [value.name for value in graph.inputs]
    if isinstance(x, dict):
        if set(x) != set(names):
            raise ValueError(f"x must hold the inputs {names} of {model.name}, got {list(x)}.")
        return [x[name] for name in names]
    if len(names) == 1:
        return [x]
    source = _texts(x)
    if source is not None and len(names) == 2 and len(words) == 2 and hasattr(model, "translate"):
        return [source, model.translate(source)]
    if not isinstance(x, (list, tuple)) or len(x) != len(names):
        raise ValueError(f"x must hold the inputs {names} of {model.name}, in a list or by name, got {_told(x)}.")
    return list(x)


def _texts(part):
    """A string, or a list of strings -> a list; None for anything else."""
    part = [part] if isinstance(part, str) else part.tolist() if isinstance(part, np.ndarray) else part
    texts = isinstance(part, (list, tuple)) and len(part) > 0 and all(isinstance(own, str) for own in part)
    return list(part) if texts else None


def _arrays(value, part):
    """(B, ...) -> B arrays (1, ...); one sequence (...) is a batch of one."""
    try:
        array = as_numpy(part)
    except ValueError:  # rows of different lengths
        array = np.asarray(None)
    if array.dtype.kind not in "buif":
        raise ValueError(f"x must be numbers of the shape {value.shape} for {value.name}, got {_told(part)}.")
    array = array[None] if array.ndim == len(value.shape) - 1 else array
    fits = array.ndim == len(value.shape) and all(m in (None, n) for m, n in zip(value.shape[1:], array.shape[1:]))
    if not fits:
        shape = str(("B", *("T" if n is None else n for n in value.shape[1:]))).replace("'", "")
        raise ValueError(f"x must have the shape {shape} for {value.name}, got {np.shape(part)}.")
    if not np.isfinite(array).all():
        raise ValueError(f"x must be finite numbers, but {value.name} holds NaN or infinity.")
    return [array[b : b + 1] for b in range(min(len(array), MOST))]


def _targets(y, count):
    y = as_numpy(y)
    if y.dtype.kind not in "buif":
        raise ValueError(f"y must be numbers, the targets of the model's answers, got {_told(y)}.")
    if count == 1 and (y.ndim == 0 or len(y) != 1):
        y = y[None]
    if len(y) < count:
        raise ValueError(f"y must hold a target for each of the sequences in x, got {len(y)} of them for {count}.")
    return [y[b : b + 1] for b in range(count)]


def _told(given):
    shape = getattr(given, "shape", None)
    return f"{type(given).__name__} of shape {tuple(shape)}" if shape is not None else repr(given)[:80]
