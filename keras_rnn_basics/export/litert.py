"""LiteRT files (once TensorFlow Lite) for phones and microcontrollers, checked beside the model."""

import os
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import keras

from keras_rnn_basics.architectures.graph import first_sentence
from keras_rnn_basics.atomic import atomic
from keras_rnn_basics.compat import another_loop
from keras_rnn_basics.export.endpoints import endpoints_of, insist_on_names
from keras_rnn_basics.export.parity import TOLERANCE, check
from keras_rnn_basics.export.paths import insist_on_free, with_suffix
from keras_rnn_basics.recurrence import only_plain


def export_litert(model: keras.Model, path: str | os.PathLike, quantize: bool = False, overwrite: bool = False) -> Path:
    """Writes the model for LiteRT: one file with the signatures `serve`, `step` and `begin`.

    LiteRT runs it with its own operations alone, without this package and without TensorFlow, with any batch size, and
    any number of steps if the model takes it.

    - `serve`: the model's inputs -> y (y_1, y_2, ... for several outputs; a dict's keys for a dict);
    - `step`, if the model has a step: the inputs of `one_step(model)` -> y_t and the new states, which have the names
      of the old ones: x_t, a -> y_t, a;
    - `begin`, if the first states are not zeros: what `step.begin` takes (or batch_size) -> the inputs of the first
      step after x_t. That of an encoder-decoder is called `encode`.

    A step that reads a token outside the vocabulary answers NaN. Before the file appears, LiteRT runs it beside the
    model with several B and T; it appears whole, or not at all.

    Args:
        model: a Keras model, such as a builder's: functional, Sequential, or a subclassed one that was built or called.
        path: the file to write; its name ends with ".tflite".
        quantize: whether to keep the weights in 8 bits ("dynamic range"): a matrix of 1,024 numbers or more then takes
            a quarter of the space. The call prints by how much the answers differ from the model's on random inputs.
        overwrite: whether to replace a file that is there.

    Returns:
        The path.

    Raises:
        ValueError: for a file that differs from the model by more than 1e-4 (before its weights are quantized), a model
            that LiteRT cannot run, a stateful one, one without inputs, or a path that does not end with ".tflite".
        FileExistsError: if the file exists, and `overwrite` is not set; or if a folder does.
        ImportError: without the extra `litert`.
        RuntimeError: on another backend than TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(f"export_litert needs the TensorFlow backend of Keras, got {keras.backend.backend()}.")
    _interpreter()
    path = with_suffix(path, ".tflite")
    insist_on_free([path], overwrite)
    endpoints, _ = endpoints_of(model)
    insist_on_names(endpoints, r"[A-Za-z0-9][\w.-]*")
    with atomic(path) as half:
        folder = str(half.with_name("saved_model"))  # what lies beside the half file goes with it
        _save(model, endpoints, folder)
        written = _converted(folder, endpoints, path.name, quantize=False)
        _compare(written, endpoints, model, path.name, TOLERANCE)
        if quantize:
            whole, written = len(written), _converted(folder, endpoints, path.name, quantize=True)
            apart = _compare(written, endpoints, model, path.name, float("inf"))
            print(
                f"{path.name}: with weights of 8 bits it has {len(written):,} bytes instead of {whole:,}, and on "
                f"random inputs its answers differ from the model's by up to {apart:.1e}."
            )
        half.write_bytes(written)
    return path


def _interpreter() -> Any:
    try:
        return import_module("ai_edge_litert.interpreter").Interpreter
    except ImportError as error:
        raise ImportError("LiteRT files need a further package: pip install 'keras_rnn_basics[litert]'.") from error


def _save(model, endpoints, folder):
    """A SavedModel with the endpoints as signatures, which is what LiteRT's converter reads best."""
    import tensorflow as tf

    from keras_rnn_basics.recurrence import scattered  # it imports TensorFlow

    def traced(endpoint):
        def named(*given):
            return {own.name: tf.identity(y) for own, y in zip(endpoint.outputs, endpoint.run(*given))}

        signature = [tf.TensorSpec(own.shape, own.dtype, name=own.name) for own in endpoint.inputs]
        return tf.function(named, autograph=False).get_concrete_function(*signature)

    kept: Any = tf.Module()
    kept.variables_of_the_model = [variable.value for variable in model.variables]
    with only_plain(), another_loop(scattered.run):
        signatures = {endpoint.name: traced(endpoint) for endpoint in endpoints}
    try:
        tf.saved_model.save(kept, folder, signatures=signatures)
    except AssertionError as error:  # it keeps the model's variables alone, not a table
        reason = "a layer holds more than variables, such as a table of words"
        raise ValueError(f"{model.name} cannot be written for LiteRT: {reason}.") from error


def _converted(folder, endpoints, file, quantize) -> bytes:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[own.name for own in endpoints])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if quantize:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    try:
        return converter.convert()
    except Exception as error:  # the converter has errors of its own
        unknown = sorted(set(re.findall(r"'tf\.(\w+)' op is neither", str(error))))
        reason = f"it has no operations for {', '.join(unknown)}" if unknown else first_sentence(error)
        raise ValueError(f"{file} cannot be written for LiteRT: {reason}.") from error


def _compare(written, endpoints, model, file, tolerance):
    """-> the largest difference between the file's answers and the model's."""
    interpreter = _interpreter()(model_content=written)

    def runner(endpoint):
        run = interpreter.get_signature_runner(endpoint.name)

        def answers(*arrays):
            found = run(**{own.name: array for own, array in zip(endpoint.inputs, arrays)})
            return [found[own.name] for own in endpoint.outputs]

        return answers

    return max(check(own, model, runner(own), f"{file}, {own.name}", tolerance) for own in endpoints)
