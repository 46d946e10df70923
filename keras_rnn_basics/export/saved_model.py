"""A SavedModel that a server runs without this package: for whole sequences, and for single steps with their state."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras

from keras_rnn_basics.architectures.graph import inputs_of
from keras_rnn_basics.architectures.one_step import one_step
from keras_rnn_basics.atomic import atomic
from keras_rnn_basics.compat import layers_within
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

    All endpoints take any batch size, and sequences of any length if the model does:

    - `serve(x) -> y`: whole sequences, as `model(x)`. A model with several inputs takes them in the order of
      `model.inputs`, which the description lists, or by their names or dict keys;
    - `step(x_t, a) -> (y_t, a)`: one time step, as `one_step(model)`. The first a is zeros. A network with several
      states takes and returns a_1, a_2, ... . Inputs that follow the states are given unchanged to every step. The step
      of an encoder-decoder writes: x_t is the last target token, and the first states come from `encode(x)`. A network
      that cannot be run step by step has no `step`; the description says why;
    - `begin(...)`: the first states of `step`, if they are not zeros: computed from the inputs that are not sequences
      to step through, or from the batch size if the network has learned its first states;
    - `generate(prompt, max_new_tokens, temperature, top_k, seed) -> text`, for a one-to-many model with a vocabulary:
      (B,) strings in and out, as `model.generate`. Temperature 0 takes the likeliest token; top_k 0 samples from all;
    - `translate(sentence) -> text`, for an encoder-decoder with vocabularies, as `model.translate`.

    All endpoints use the plain loop over time, even if another loop trained the model. (Keras' `model.export` may keep
    a fast loop.)

    `keras_rnn_basics.json` in the same folder describes the endpoints: shapes, names, versions, scores. The folder is
    written completely or not at all.

    Args:
        model: a Keras model, such as a builder's: functional, Sequential, or a subclassed one that was built or called.
        path: the folder to write.
        scores: numbers to keep with the model, such as its test error and those of the baselines.
        overwrite: whether to replace a SavedModel that is already at `path`.
        names: the meaning of the numbers on the last axis, for an input under its name and for the output under "y",
            such as `{"x": ["temp_celsius", "wind_m_per_s"], "y": ["rain", "no rain"]}`. They are stored for the people
            who serve the model.

    Returns:
        The path.

    Raises:
        FileExistsError: if `path` exists, and `overwrite` is not set or it is not a SavedModel.
        ValueError: for a model that has no inputs yet, or a stateful model; for a list of names of the wrong length.
        RuntimeError: on another backend than TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(f"A SavedModel needs the TensorFlow backend of Keras, got {keras.backend.backend()}.")
    path = Path(path)
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists already; overwrite=True replaces a SavedModel.")
    if path.exists() and not (path / "saved_model.pb").exists():
        raise FileExistsError(f"{path} exists and is not a SavedModel; it is left unchanged. Choose another path.")
    if any(getattr(layer, "stateful", False) for layer in layers_within(model)):
        raise ValueError(f"{model.name} is stateful: its callers would share one state. Export it with stateful=False.")
    description: dict[str, Any] = {"architecture": model.name, "endpoints": {}, "scores": dict(scores or {})}
    _to_json(description["scores"])  # before any work: a score that JSON cannot hold is refused here
    endpoints = {"serve": _whole(model)}
    description["names"] = _named(endpoints["serve"], names or {})

    archive = keras.export.ExportArchive()
    archive.track(model)
    with only_plain():
        for name, endpoint in {**endpoints, **_further(model, description)}.items():
            for resource in endpoint.resources:
                archive.track(resource)
            archive.add_endpoint(name, endpoint.run, endpoint.signature)
            description["endpoints"][name] = endpoint.described()
    description["versions"] = _versions()

    with atomic(path) as half, only_plain():  # Keras traces the whole model once more while it writes
        archive.write_out(str(half), verbose=False)
        (half / DESCRIPTION).write_text(_to_json(description), encoding="utf-8")
    return path


def _named(serve, names):
    tensors = {spec.name: spec for spec in serve.signature} | {"y": serve.outputs[0]}
    for name, own in names.items():
        if name not in tensors:
            raise ValueError(f"The keys of names must be among {list(tensors)}, got {name!r}.")
        if isinstance(own, str) or len(own) != tensors[name].shape[-1]:
            raise ValueError(f"names[{name!r}] must be {tensors[name].shape[-1]} words, got {own!r}.")
    return {name: list(map(str, own)) for name, own in names.items()}


def _to_json(description):
    # default: a score may be a numpy number.
    return json.dumps(description, indent=2, ensure_ascii=False, default=float) + "\n"


class _Endpoint(NamedTuple):
    """A function of the SavedModel: its inputs, its outputs, and the other objects that it needs."""

    run: Callable
    signature: list
    outputs: list
    resources: Sequence = ()

    def described(self):
        return {
            "inputs": {spec.name: {"shape": spec.shape.as_list(), "dtype": spec.dtype.name} for spec in self.signature},
            "outputs": [
                {"shape": list(tensor.shape), "dtype": keras.backend.standardize_dtype(tensor.dtype)}
                for tensor in self.outputs
            ],
        }


def _whole(model):
    """`model(x)` as an endpoint."""
    inputs = inputs_of(model)
    tensors = keras.tree.flatten(inputs)
    # In the order in which Keras flattens the dict.
    names = keras.tree.flatten({key: key for key in inputs} if isinstance(inputs, dict) else [x.name for x in tensors])

    def run(*given):
        outputs = model(keras.tree.pack_sequence_as(inputs, list(given)), training=False)
        return tuple(outputs) if isinstance(outputs, list) else outputs

    outputs = getattr(model, "outputs", None) or keras.tree.flatten(model.compute_output_spec(inputs))
    return _Endpoint(run, [_spec(tensor, name) for tensor, name in zip(tensors, names)], outputs)


def _further(model, description):
    """All endpoints except `serve`; if there is no step, the description says why."""
    endpoints, stepping = {}, model
    architecture = getattr(model, "architecture", None)
    if architecture and architecture.encoder:
        endpoints["encode"] = _whole(model.get_layer(architecture.encoder))
        stepping = model.get_layer(architecture.decoder)
    try:
        step = one_step(stepping)
    except ValueError as error:
        description["no_step"] = str(error)
    else:
        endpoints["step"] = _whole(step)._replace(resources=[step])
        if step.begin.computed:
            endpoints["begin"] = _beginning(step)
    if hasattr(model, "text_endpoints"):
        import tensorflow as tf

        for name, (run, signature, resources) in model.text_endpoints().items():
            endpoints[name] = _Endpoint(run, signature, [tf.TensorSpec([None], "string")], resources)
    return endpoints


def _beginning(step):
    import tensorflow as tf

    def run(*tensors):
        return tuple(step.begin(*tensors))

    signature = [_spec(own, own.name) for own in step.begin.inputs] or [tf.TensorSpec([], "int32", name="batch_size")]
    behind = len(step.inputs) - len(step.begin.states) - len(step.begin.static)
    return _Endpoint(run, signature, step.inputs[behind:])


def _spec(tensor, name):
    import tensorflow as tf

    return tf.TensorSpec(tensor.shape, tensor.dtype, name=name)


def _versions():
    from importlib.metadata import PackageNotFoundError, version

    def installed(package):
        try:
            return version(package)
        except PackageNotFoundError:  # run from a source tree that was not installed
            return "unknown"

    return {package: installed(package) for package in ("keras_rnn_basics", "keras", "tensorflow", "numpy")}


class LoadedModel:
    """A SavedModel that `load_saved_model` has read: call it on whole sequences, or call its endpoints by name.

    Attributes:
        description: the content of `keras_rnn_basics.json`; empty for a SavedModel from another source.
        endpoints: the names of the endpoints.
    """

    def __init__(self, path: Path) -> None:
        import tensorflow as tf

        # The loaded object is kept because it holds the variables of the endpoints.
        self._loaded = tf.saved_model.load(str(path))
        file = path / DESCRIPTION
        self.description = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        self.endpoints = [name for name in self._loaded.signatures if name != "serving_default"]

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """The whole sequence, as `serve`. Several inputs are given by position, as a list or a dict, or by name."""
        return self.serve(*inputs, **named)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self.endpoints:
            raise AttributeError(f"There is no endpoint {name!r}, only {self.__dict__.get('endpoints', [])}.")
        loaded = self._loaded

        known = list(self.description.get("endpoints", {}).get(name, {}).get("inputs", {}))

        def endpoint(*inputs: Any, **named: Any) -> Any:
            # This function keeps the loaded object alive, so that load_saved_model(path).step(x_t, a) works.
            return getattr(loaded, name)(*_in_order(inputs, named, known))

        return endpoint


def _in_order(inputs, named, known):
    """The tensors in order, from tensors by position or by name, or from a list or a dict of them."""
    if len(inputs) == 1 and isinstance(inputs[0], dict):
        inputs, named = (), {**inputs[0], **named}
    if len(inputs) == 1 and isinstance(inputs[0], (list, tuple)) and len(known) > 1:
        inputs = tuple(inputs[0])
    rest = known[len(inputs) :]
    if named and set(named) != set(rest):
        raise TypeError(f"The endpoint takes {known}, got {len(inputs)} by position and {list(named)} by name.")
    return [*inputs, *(named[name] for name in rest if name in named)]


def load_saved_model(path: str | os.PathLike) -> LoadedModel:
    """Loads a model that `export_saved_model` wrote: `loaded(x)`, `loaded.serve(x)`, `loaded.step(x_t, a)`.

    Raises:
        FileNotFoundError: if there is no SavedModel at `path`.
    """
    path = Path(path)
    if not (path / "saved_model.pb").exists():
        raise FileNotFoundError(f"There is no SavedModel at {path}: it has no file saved_model.pb.")
    return LoadedModel(path)
