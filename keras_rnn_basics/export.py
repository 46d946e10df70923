"""A SavedModel that a server runs without this package: whole sequences, and one step with the state in the open."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from keras_rnn_basics.architectures.one_step import one_step
from keras_rnn_basics.architectures.text_model import TextModel
from keras_rnn_basics.recurrence import only_plain

DESCRIPTION = "keras_rnn_basics.json"


def export_saved_model(
    model: keras.Model,
    path: str | os.PathLike,
    scores: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    names: Mapping[str, Sequence[str]] | None = None,
) -> Path:
    """Writes the model as a SavedModel; `tf.saved_model.load(path)` runs it in any process with TensorFlow alone.

    Endpoints, each at any batch size, and at any length where the model takes any:

    - `serve(x) -> y`: whole sequences, as `model(x)`;
    - `step(x_t, a) -> (y_t, a)`: one time step, begun with a of zeros; a deep network takes and gives a_1, a_2, ... .
      An encoder-decoder's step writes: x_t is the last target token, and the first states come from `encode(x)`; with
      attention, what follows the states in it goes into every step as it came.
      A network without a next step (of fixed length, bidirectional) has none; the description says why;
    - `generate(prompt, length, temperature, top_k, seed) -> text` of a one-to-many model with a vocabulary: (B,)
      strings in and out, as `model.generate`; temperature 0 takes the likeliest token, top_k 0 draws among all;
    - `translate(sentence) -> text` of an encoder-decoder with vocabularies, as `model.translate`.

    The loop over time is the plain one in it, whatever trained the model; Keras' `model.export` may keep a fast one.

    `keras_rnn_basics.json` in the same folder describes them: shapes, names, versions, scores. The folder appears
    complete or not at all.

    Args:
        model: a functional Keras model, such as a builder's.
        path: the folder to write.
        scores: numbers to keep with the model, such as its test error and the baselines'.
        overwrite: replace what is at `path`.
        names: what the numbers on the last axis mean, of an input under its name and of the output under "y", such as
            `{"x": ["temp_celsius", "wind_m_per_s"], "y": ["rain", "no rain"]}`: kept for whoever serves the model.

    Returns:
        The path.

    Raises:
        FileExistsError: when there is something at `path`, and `overwrite` is not set or it is no SavedModel.
        ValueError: for a model without inputs yet, or a stateful one; for names that are not as many as the numbers.
        RuntimeError: on another backend than TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(f"A SavedModel is TensorFlow's; Keras runs on {keras.backend.backend()} here.")
    path = Path(path)
    if path.exists() and not overwrite:
        raise FileExistsError(f"There is something at {path} already; overwrite=True replaces a SavedModel.")
    if path.exists() and not (path / "saved_model.pb").exists():
        raise FileExistsError(f"What is at {path} is no SavedModel, and is left as it is. Choose another path.")
    if any(getattr(layer, "stateful", False) for layer in model._flatten_layers()):
        raise ValueError(f"{model.name} is stateful: its callers would share one state. Export it with stateful=False.")
    description: dict[str, Any] = {"architecture": model.name, "endpoints": {}, "scores": dict(scores or {})}
    _to_json(description["scores"])  # before any work: a score that JSON cannot hold is an error here
    if not getattr(model, "inputs", None):
        raise ValueError(f"{model.name} has no inputs yet: give it a keras.Input, or build it, before the export.")

    description["names"] = _named(model, names or {})

    archive = keras.export.ExportArchive()
    with only_plain():
        for name, part in _endpoints(model, description).items():
            _add_endpoint(archive, name, part, description)
        if isinstance(model, TextModel):
            _add_text_endpoints(archive, model, description)
    description["versions"] = _versions()

    path.parent.mkdir(parents=True, exist_ok=True)
    half = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        with only_plain():  # Keras traces the whole model once more as it writes
            archive.write_out(str(half / "model"), verbose=False)
        (half / "model" / DESCRIPTION).write_text(_to_json(description), encoding="utf-8")
        if path.exists():
            os.replace(path, half / "replaced")
        try:
            os.replace(half / "model", path)
        except OSError:
            if (half / "replaced").exists():
                os.replace(half / "replaced", path)
            raise
    finally:
        shutil.rmtree(half)
    return path


def _named(model, names):
    tensors = {tensor.name: tensor for tensor in model.inputs} | {"y": model.outputs[0]}
    for name, own in names.items():
        if name not in tensors:
            raise ValueError(f"names must be of {list(tensors)}, got some of {name!r}.")
        if isinstance(own, str) or len(own) != tensors[name].shape[-1]:
            raise ValueError(f"names of {name!r} must be {tensors[name].shape[-1]} words, got {own!r}.")
    return {name: list(map(str, own)) for name, own in names.items()}


def _to_json(description):
    # default: a score may be a number of numpy's.
    return json.dumps(description, indent=2, ensure_ascii=False, default=float) + "\n"


def _endpoints(model, description):
    parts = {"serve": model}
    nested = {layer.name: layer for layer in model.layers if isinstance(layer, keras.Model)}
    stepping = model
    if "encoder" in nested and "decoder" in nested:
        parts["encode"], stepping = nested["encoder"], nested["decoder"]
    try:
        parts["step"] = one_step(stepping)
    except ValueError as error:
        description["no_step"] = str(error)
    return parts


def _add_endpoint(archive, name, part, description):
    import tensorflow as tf

    archive.track(part)
    signature = [tf.TensorSpec(tensor.shape, tensor.dtype, name=tensor.name) for tensor in part.inputs]
    single = len(signature) == 1

    def endpoint(*inputs):
        outputs = part(inputs[0] if single else list(inputs), training=False)
        return tuple(outputs) if isinstance(outputs, list) else outputs

    archive.add_endpoint(name, endpoint, signature)
    description["endpoints"][name] = {
        "inputs": {spec.name: {"shape": spec.shape.as_list(), "dtype": spec.dtype.name} for spec in signature},
        "outputs": [{"shape": list(tensor.shape), "dtype": tensor.dtype} for tensor in part.outputs],
    }


def _add_text_endpoints(archive, model, description):
    for name, (function, signature, resources) in model.text_endpoints().items():
        for resource in resources:
            archive.track(resource)
        archive.add_endpoint(name, function, signature)
        description["endpoints"][name] = {
            "inputs": {spec.name: {"shape": spec.shape.as_list(), "dtype": spec.dtype.name} for spec in signature},
            "outputs": [{"shape": [None], "dtype": "string"}],
        }


def _versions():
    from importlib.metadata import PackageNotFoundError, version

    def installed(package):
        try:
            return version(package)
        except PackageNotFoundError:  # run from a source tree that was not installed
            return "unknown"

    return {package: installed(package) for package in ("keras_rnn_basics", "keras", "tensorflow", "numpy")}


class LoadedModel:
    """A SavedModel that `load_saved_model` read: call it on whole sequences, or its endpoints by name.

    Attributes:
        description: what `keras_rnn_basics.json` says; empty for a SavedModel from elsewhere.
        endpoints: the endpoints' names.
    """

    def __init__(self, path: Path) -> None:
        import tensorflow as tf

        # The endpoints' variables are gone once the loaded object is.
        self._loaded = tf.saved_model.load(str(path))
        file = path / DESCRIPTION
        self.description = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        self.endpoints = [name for name in self._loaded.signatures if name != "serving_default"]

    def __call__(self, *inputs: Any) -> Any:
        """The whole sequence, as `serve`."""
        return self.serve(*inputs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self.endpoints:
            raise AttributeError(f"There is no endpoint {name!r}; there are {self.__dict__.get('endpoints', [])}.")
        loaded = self._loaded

        def endpoint(*inputs: Any) -> Any:
            # Through the loaded object, which it thereby keeps alive: load_saved_model(path).step(x_t, a) works.
            return getattr(loaded, name)(*inputs)

        return endpoint


def load_saved_model(path: str | os.PathLike) -> LoadedModel:
    """Loads what `export_saved_model` wrote: `loaded(x)`, `loaded.serve(x)`, `loaded.step(x_t, a)`.

    Raises:
        FileNotFoundError: when there is no SavedModel at `path`.
    """
    path = Path(path)
    if not (path / "saved_model.pb").exists():
        raise FileNotFoundError(f"There is no SavedModel at {path}: it has no file saved_model.pb.")
    return LoadedModel(path)
