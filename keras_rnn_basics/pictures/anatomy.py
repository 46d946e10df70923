"""What a picture needs to know of a model, read off the model itself: its layers in their order, and all sizes."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Recurrent:
    """A layer that steps through time: one cell, or one from each end.

    Attributes:
        name: the layer's.
        layer: the Keras layer.
        cells: its cell, or the cells that read from the beginning and from the end.
        merge: what becomes of two answers ("sum", "concat", ...), or `None` for one cell.
        every_step: whether it answers every step, or only once it has read them all.
        number: counted from 1 where there are several such layers in a row, else `None`.
    """

    name: str
    layer: Any
    cells: tuple[Any, ...]
    merge: str | None
    every_step: bool
    number: int | None


@dataclass(frozen=True)
class EachStep:
    """Any other layer, which does the same to every step; `kind` says what it is, `shapes` those of one step.

    `looks_back` is true of attention, which reads an encoder's memory as well.
    """

    name: str
    layer: Any
    kind: str
    shapes: str
    looks_back: bool = False


@dataclass(frozen=True)
class Chain:
    """Layers on top of each other: (B, T, ...) -> (B, T, n_y), or (B, n_y).

    Attributes:
        parts: the layers, from the input up.
        x_shape, y_shape: the shapes of one step's input and answer, with the B of the batch as `None`.
        T: the number of steps, or `None` where the model takes any.
        answers: whether the last layer's answer leaves the chain (an encoder's does not).
        backwards: whether the sequence is read from its end.
    """

    name: str
    parts: tuple[Recurrent | EachStep, ...]
    x_shape: tuple[int | None, ...]
    y_shape: tuple[int | None, ...]
    T: int | None
    answers: bool
    backwards: bool

    @property
    def recurrent(self) -> list[Recurrent]:
        return [part for part in self.parts if isinstance(part, Recurrent)]

    @property
    def every_step(self) -> bool:
        return all(part.every_step for part in self.recurrent)


@dataclass(frozen=True)
class Anatomy:
    """A model as one chain, or as an encoder and a decoder.

    `kind` is one of "one_to_one", "one_to_many", "many_to_one", "many_to_many" and "encoder_decoder".
    """

    model: Any
    kind: str
    chains: tuple[Chain, ...]

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def attention(self) -> bool:
        return any(getattr(part, "looks_back", False) for part in self.chains[-1].parts)


def read(model: Any) -> Anatomy:
    """The anatomy of a model whose layers stand in a row, or that has such an "encoder" and "decoder".

    Raises:
        ValueError: for a model that branches, has no BasicRNN in it, or holds a recurrent layer of another kind.
    """
    if not hasattr(model, "layers") or not getattr(model, "inputs", None):
        raise ValueError(f"A picture is drawn of a built keras.Model, got {model!r}.")
    parts = {layer.name: layer for layer in model.layers}
    two = [parts.get(name) for name in ("encoder", "decoder")]
    if len(model.inputs) == 2 and all(hasattr(part, "layers") for part in two):
        return Anatomy(model, "encoder_decoder", tuple(_chain(part) for part in two))
    chain = _chain(model)
    if chain.T == 1:
        kind = "one_to_one"
    elif not chain.every_step:
        kind = "many_to_one"
    else:
        kind = "one_to_many" if hasattr(model, "generate") else "many_to_many"
    return Anatomy(model, kind, (chain,))


def shape_text(shape: Any) -> str:
    """(None, 6) -> "(B, 6)": the axis of unknown length that comes first is the batch.

    >>> shape_text((None, 6)), shape_text((None,)), shape_text((32, 32))
    ('(B, 6)', '(B,)', '(32, 32)')
    """
    sizes = ["B" if n is None and axis == 0 else "?" if n is None else str(n) for axis, n in enumerate(shape)]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def function_name(function: Any) -> str:
    """What an activation is called."""
    return getattr(function, "__name__", None) or getattr(function, "name", None) or type(function).__name__


def _first(tensors):
    """What a layer reads or gives in the first place; masks and states stand behind it."""
    return tensors[0] if isinstance(tensors, (list, tuple)) else tensors


def _chain(model):
    layers = [layer for layer in model.layers if type(layer).__name__ != "InputLayer"]
    x, y = model.inputs[0], model.outputs[0]
    last, parts, T, through = x, [], x.shape[1] if len(x.shape) > 1 else None, True
    several = sum(_cells(layer) is not None for layer in layers) > 1
    for layer in layers:
        if _first(layer.input) is not last:
            raise ValueError(
                f"A picture is drawn of layers in a row, but {layer.name} of {model.name} does not read what the "
                "layer before it gives. Draw one of its parts: model.get_layer(name)."
            )
        before, last = last, _first(layer.output)
        cells = _cells(layer)
        if cells is not None:
            number = 1 + sum(isinstance(part, Recurrent) for part in parts) if several else None
            merge = getattr(layer, "merge_mode", None) if len(cells) == 2 else None
            every_step = bool(layer.return_sequences)
            parts.append(Recurrent(layer.name, layer, cells, merge, every_step, number))
            through = through and every_step
        elif type(layer).__name__ == "Reshape" and tuple(last.shape[1:]) == (1, *before.shape[1:]):
            T = 1  # what one_to_one does to its input: there is one step
        else:
            parts.append(_each_step(layer, before, last, through))
    if not any(isinstance(part, Recurrent) for part in parts):
        raise ValueError(f"{model.name} has no BasicRNN in it to draw: its layers are {[x.name for x in layers]}.")
    one_step = T == 1 and _first(layers[0].input) is x and type(layers[0]).__name__ == "Reshape"
    backwards = [bool(getattr(part.layer, "go_backwards", False)) for part in parts if isinstance(part, Recurrent)]
    if any(backwards[1:]):
        raise ValueError(f"In {model.name} a layer reads another's answers from their end; that is not drawn.")
    return Chain(
        name=model.name,
        parts=tuple(parts),
        x_shape=tuple(x.shape) if one_step else _one(x.shape),
        y_shape=_one(last.shape) if through else tuple(last.shape),
        T=T,
        answers=last is y,
        backwards=backwards[0],
    )


def _one(shape):
    """(B, T, ...) -> (B, ...), the shape of one step."""
    return (shape[0], *shape[2:])


def _cells(layer):
    """The cells of a recurrent layer; `None` for any other layer."""
    if hasattr(layer, "forward_layer"):
        return (*_cells(layer.forward_layer), *_cells(layer.backward_layer))
    if not hasattr(layer, "cell"):
        return None
    if not hasattr(layer.cell, "W_aa"):
        raise ValueError(f"A picture is drawn of BasicRNN layers; {layer.name} is a {type(layer).__name__}.")
    return (layer.cell,)


def _each_step(layer, before, after, through):
    looks_back = hasattr(layer, "attention") and hasattr(layer, "join")
    inner = getattr(layer, "layer", layer)
    kind = type(inner).__name__
    if hasattr(inner, "layers"):
        kind = ", ".join(type(one).__name__ for one in inner.layers if type(one).__name__ != "InputLayer")
    if kind == "Activation":
        kind = function_name(inner.activation)
    shapes = [shape_text(_one(tensor.shape) if through else tensor.shape) for tensor in (before, after)]
    return EachStep(layer.name, layer, kind, " → ".join(dict.fromkeys(shapes)), looks_back)
