"""A SavedModel that was read back: its endpoints take what people hold, and give tensors in a known order."""

import json
import os
from pathlib import Path
from typing import Any

from keras_rnn_basics.export.rest import respond

DESCRIPTION = "keras_rnn_basics.json"


class LoadedModel:
    """A SavedModel that `load_saved_model` has read: call it on whole sequences, or call its endpoints by name.

    An endpoint takes tensors, arrays, lists and numbers, by position or by name. Numbers of another dtype are converted
    where this loses nothing: tokens may be int64 or floats without a fraction, and features may be of any dtype. One
    output is returned by itself, several as a tuple in the order of the description.

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

    def respond(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request in the JSON of TensorFlow Serving's REST interface; see `export/rest.py`.

        Raises:
            ValueError: for a request that cannot be answered; the message is for the one who sent it.
            TypeError: for a SavedModel from another source.

        >>> import tempfile, numpy as np, keras_rnn_basics as krb
        >>> model = krb.build_many_to_many((3,), units=8, output_units=2)
        >>> loaded = load_saved_model(krb.export_saved_model(model, tempfile.mkdtemp() + "/model"))
        >>> answer = loaded.respond({"signature_name": "step", "inputs": {"x_t": [[1, 2, 3]], "a": [[0] * 8]}})
        >>> {name: np.shape(value) for name, value in answer["outputs"].items()}
        {'y_t': (1, 2), 'a': (1, 8)}
        """
        told = self.description.get("endpoints")
        if not told:
            raise TypeError("Only a SavedModel that export_saved_model wrote says what its inputs are called.")
        inputs, outputs = ({name: own[kind] for name, own in told.items()} for kind in ("inputs", "outputs"))
        return respond({name: getattr(self, name) for name in self.endpoints}, inputs, outputs, request)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self.endpoints:
            raise AttributeError(f"There is no endpoint {name!r}, only {self.__dict__.get('endpoints', [])}.")
        told = self.description.get("endpoints", {}).get(name)
        if not told or not isinstance(told["outputs"], dict):  # written by someone else
            loaded = self._loaded
            return lambda *inputs, **named: getattr(loaded, name)(*inputs, **named)
        endpoint = _Endpoint(self._loaded, name, told)
        self.__dict__[name] = endpoint  # the next time it is found without a search
        return endpoint


class _Endpoint:
    """One endpoint. It keeps the loaded object alive, so that `load_saved_model(path).step(x_t, a)` works."""

    def __init__(self, loaded, name, told):
        import tensorflow as tf

        self._loaded, self._names = loaded, list(told["inputs"])
        self._specs = [tf.TensorSpec(own["shape"], own["dtype"], name) for name, own in told["inputs"].items()]
        self._sizes = [None if own.shape.rank is None else own.shape.as_list() for own in self._specs]  # read faster
        self._defaults = told.get("defaults", {})
        # A trace is called in half the time of the function, which searches for it, or of the signature.
        [self._run] = [own for own in getattr(loaded, name).concrete_functions if self._is_by_position(own)]

    def _is_by_position(self, trace):
        specs, _ = trace.structured_input_signature
        return [getattr(spec, "dtype", None) for spec in specs] == [own.dtype for own in self._specs]

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        straight = not named and len(inputs) == len(self._names) and not isinstance(inputs[0], dict)
        given = inputs if straight else self._in_order(inputs, named)
        return self._run(*map(_fitting, given, self._specs, self._sizes))

    def _in_order(self, inputs, named):
        """The inputs in order, from tensors by position or by name, or from a list or a dict of them."""
        known = self._names
        if len(inputs) == 1 and isinstance(inputs[0], dict):
            inputs, named = (), {**inputs[0], **named}
        if len(inputs) == 1 and isinstance(inputs[0], (list, tuple)) and len(known) - len(self._defaults) > 1:
            inputs = tuple(inputs[0])
        by_position = dict(zip(known, inputs))
        given = {**self._defaults, **by_position, **named}
        if len(inputs) > len(known) or set(given) != set(known) or set(by_position) & set(named):
            raise TypeError(f"The endpoint takes {known}, got {len(inputs)} by position and {list(named)} by name.")
        return [given[name] for name in known]


def _fitting(value, spec, sizes):
    """The value as a tensor of the dtype that is asked for; a ValueError if that loses something, or for its shape.

    Without the check of the shape, a network of 6 steps would read the first 6 of 9, and say nothing.
    """
    import tensorflow as tf

    tensor = value if isinstance(value, tf.Tensor) and value.dtype == spec.dtype else _converted(value, spec)
    own = sizes if tensor.shape.rank is None else tensor.shape.as_list()
    if sizes is not None and (len(sizes) != len(own) or any(None not in (n, m) and n != m for n, m in zip(sizes, own))):
        raise ValueError(f"{spec.name} must have the shape {_told(spec.shape)}, got {_told(tensor.shape)}.")
    return tensor


def _told(shape):
    return tuple(shape) if shape.rank is not None else "of unknown rank"


def _converted(value, spec):
    import tensorflow as tf

    if spec.dtype == tf.string:
        tensor = tf.convert_to_tensor(value, tf.string)
        return tensor if tensor.shape.rank else tf.reshape(tensor, [1] * spec.shape.rank)  # one text alone
    tensor = tf.convert_to_tensor(value)
    if tensor.dtype == tf.string or tensor.dtype.is_complex:
        raise ValueError(f"{spec.name} must hold real numbers, got {repr(value)[:80]}.")
    cast = tf.cast(tensor, spec.dtype)
    if spec.dtype.is_integer and not bool(tf.reduce_all(tf.cast(cast, tensor.dtype) == tensor)):
        told = f"{spec.name} must hold whole numbers that {spec.dtype.name} can hold"
        raise ValueError(f"{told}, got {repr(value)[:80]}.")
    return cast


def load_saved_model(path: str | os.PathLike) -> LoadedModel:
    """Loads a model that `export_saved_model` wrote: `loaded(x)`, `loaded.serve(x)`, `loaded.step(x_t, a)`.

    Raises:
        FileNotFoundError: if there is no SavedModel at `path`.
    """
    path = Path(path)
    if not (path / "saved_model.pb").exists():
        raise FileNotFoundError(f"There is no SavedModel at {path}: it has no file saved_model.pb.")
    return LoadedModel(path)
