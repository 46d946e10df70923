"""ONNX files, in which each recurrent layer is one node `RNN`, `GRU` or `LSTM`, checked beside the model."""

import contextlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import keras

from keras_rnn_basics.architectures.graph import first_sentence
from keras_rnn_basics.atomic import atomic
from keras_rnn_basics.export.endpoints import Endpoint, endpoints_of, meanings
from keras_rnn_basics.export.onnx_layers import NativeNodes, handlers
from keras_rnn_basics.export.parity import check
from keras_rnn_basics.export.paths import insist_on_free, with_suffix
from keras_rnn_basics.recurrence import only_plain

OPSET = 18


def export_onnx(
    model: keras.Model,
    path: str | os.PathLike,
    overwrite: bool = False,
    names: Mapping[str, Sequence[str]] | None = None,
) -> Path:
    """Writes the model as ONNX: `m.onnx` for whole sequences, and `m.step.onnx` for one step with explicit states.

    onnxruntime, and whatever else reads ONNX, runs them without this package and without TensorFlow, with any batch
    size, and any number of steps if the model takes it. The inputs have the names of the model's inputs.

    - `m.onnx`: the model's inputs -> y (y_1, y_2, ... for several outputs; a dict's keys for a dict). Each recurrent
      layer is one node `RNN`, `GRU` or `LSTM`, forward, reverse or bidirectional: the plain cell with its two biases,
      and Keras' SimpleRNN, GRU and LSTM cells, with the activations that ONNX has. Another cell becomes a loop, and one
      line is printed that says so;
    - `m.step.onnx`, if the model has a step: the inputs of `one_step(model)` -> y_t and the new states, which have the
      name of the state with "_t": x_t, a -> y_t, a_t. In ONNX an output cannot have the name of an input;
    - `m.begin.onnx`, if the first states are not zeros: what `step.begin` takes (or batch_size) -> the inputs of the
      first step after x_t. That of an encoder-decoder is `m.encode.onnx`.

    A step that reads a token outside the vocabulary answers NaN. Before the files appear, onnxruntime runs them beside
    the model with several B and T; each appears whole, or none does. The metadata `keras_rnn_basics` of each file holds
    a JSON text: the architecture, the names of the numbers, the vocabularies, and why there is no step.

    Args:
        model: a Keras model, such as a builder's: functional, Sequential, or a subclassed one that was built or called.
        path: the file to write; its name ends with ".onnx".
        overwrite: whether to replace files that are there.
        names: the meaning of the numbers on the last axis, for an input under its name and for the output under "y".

    Returns:
        The path.

    Raises:
        ValueError: for a file that differs from the model by more than 1e-4, a model that cannot be written as ONNX, a
            stateful one, one without inputs, a path that does not end with ".onnx", or a list of names of the wrong
            length.
        FileExistsError: if a file exists, and `overwrite` is not set; or if a folder does.
        ImportError: without the extra `onnx`.
        RuntimeError: on another backend than TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(f"export_onnx needs the TensorFlow backend of Keras, got {keras.backend.backend()}.")
    _packages()
    path = with_suffix(path, ".onnx")
    paths = {"serve": path} | {name: path.with_suffix(f".{name}.onnx") for name in ("step", "begin", "encode")}
    insist_on_free(paths.values(), overwrite)
    endpoints, no_step = endpoints_of(model)
    endpoints = [_told_apart(endpoint) for endpoint in endpoints]
    description = _described(model, endpoints[0], names or {}, no_step)
    with contextlib.ExitStack() as stack:
        for endpoint in endpoints:
            own = paths[endpoint.name]
            half, written = stack.enter_context(atomic(own)), _converted(endpoint, own.name)
            _describe(written, description)
            half.write_bytes(written.SerializeToString())
            check(endpoint, model, _runner(half, endpoint), own.name)
    for name in paths.keys() - {endpoint.name for endpoint in endpoints}:
        paths[name].unlink(missing_ok=True)  # of the model that was here before
    return path


def _packages() -> list[Any]:
    """onnx, onnxruntime and tf2onnx, which need not be installed, nor be found by a type checker."""
    try:
        return [import_module(name) for name in ("onnx", "onnxruntime", "tf2onnx")]
    except ImportError as error:
        raise ImportError("ONNX files need further packages: pip install 'keras_rnn_basics[onnx]'.") from error


def _told_apart(endpoint):
    """In ONNX an output cannot have the name of an input, as a new state has that of the old one."""
    taken = {own.name for own in endpoint.inputs}
    return endpoint._replace(
        outputs=[own._replace(name=f"{own.name}_t") if own.name in taken else own for own in endpoint.outputs]
    )


def _converted(endpoint: Endpoint, file: str) -> Any:
    """The endpoint as a model of ONNX."""
    import tensorflow as tf

    onnx, _, tf2onnx = _packages()
    nodes = NativeNodes(endpoint.nodes or [])
    for layer, reason in nodes.loops.items():
        print(f"{file}: {layer} is a loop, not a node of ONNX: {reason}.")
    if endpoint.nodes is None:
        print(f"{file}: every recurrent layer is a loop, not a node of ONNX: the model's call cannot be followed.")

    @tf.function(autograph=False)
    def traced(*given):
        return {own.name: tf.identity(y) for own, y in zip(endpoint.outputs, endpoint.by(nodes, *given))}

    signature = [tf.TensorSpec(own.shape, own.dtype, name=own.name) for own in endpoint.inputs]
    with only_plain(), _quiet("tf2onnx"):
        held = traced.get_concrete_function(*signature).graph.captures
        model, _ = tf2onnx.convert.from_function(traced, signature, opset=OPSET, custom_op_handlers=handlers())
    operations = list(_operations(model.graph))
    unknown = sorted({own.op_type for own in operations if not onnx.defs.has(own.op_type, own.domain)})
    if unknown:
        raise ValueError(f"{file} cannot be written: ONNX has no operations for {', '.join(unknown)}.")
    # tf2onnx takes the numbers that a layer holds, such as the mean of a Normalization, for inputs.
    inputs = {own.name for own in model.graph.input} & {name for own in operations for name in own.input}
    model.graph.initializer.extend(
        onnx.numpy_helper.from_array(numbers.numpy(), own.name) for numbers, own in held if own.name in inputs
    )
    for tensors, wanted in ((model.graph.input, endpoint.inputs), (model.graph.output, endpoint.outputs)):
        by_name = {tensor.name: tensor for tensor in tensors}
        del tensors[:]
        tensors.extend(by_name[own.name] for own in wanted)
        for tensor in tensors:
            for axis, size in enumerate(tensor.type.tensor_type.shape.dim):
                if not size.HasField("dim_value"):
                    size.dim_param = f"{tensor.name}_{axis}" if axis else "B"
    return model


def _operations(graph):
    """Every operation, also those in a loop."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            yield from _operations(attribute.g)


@contextlib.contextmanager
def _quiet(name):
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def _described(model, serve, names, no_step):
    vocabularies = getattr(model, "vocabularies", {})
    return {
        "architecture": model.name,
        "names": meanings(serve, names),
        "vocabularies": {name: vocabulary.get_config() for name, vocabulary in vocabularies.items()},
        "no_step": no_step,
    }


def _describe(written, description):
    onnx, _, _ = _packages()
    onnx.helper.set_model_props(written, {"keras_rnn_basics": json.dumps(description, ensure_ascii=False)})


def _runner(path, endpoint):
    """(*arrays) -> arrays, by onnxruntime."""
    _, onnxruntime, _ = _packages()
    try:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ValueError(
            f"{path.name} cannot be read by onnxruntime ({first_sentence(error)}); nothing is written."
        ) from error

    def run(*arrays):
        return session.run(None, {own.name: array for own, array in zip(endpoint.inputs, arrays)})

    return run
