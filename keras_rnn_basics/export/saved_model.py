"""A SavedModel that a server runs without this package: for whole sequences, and for single steps with their state."""

import functools
import itertools
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from keras_rnn_basics import checks
from keras_rnn_basics.architectures.text_model import Bounds
from keras_rnn_basics.atomic import atomic
from keras_rnn_basics.export.endpoints import Endpoint, endpoints_of, insist_on_names, meanings
from keras_rnn_basics.export.loaded import DESCRIPTION
from keras_rnn_basics.export.parity import FEW, ONE, TOLERANCE, check
from keras_rnn_basics.recurrence import only_plain


def export_saved_model(
    model: keras.Model,
    path: str | os.PathLike,
    scores: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    names: Mapping[str, Sequence[str]] | None = None,
    max_new_tokens: int = 4096,
    max_prompt_tokens: int = 65_536,
    compiled: bool = False,
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
    - `generate(prompt, max_new_tokens, temperature, top_k, seed, top_p) -> text`, for a one-to-many model with a
      vocabulary: (B,) strings in and out, as `model.generate`. Temperature 0 takes the likeliest token; top_k 0 and
      top_p 1 sample from all;
    - `translate(sentence) -> text`, for an encoder-decoder with vocabularies, as `model.translate`;
    - `serve_text(text)`, for a many-to-one or many-to-many model with a vocabulary: the label of each text, or of each
      of its tokens, and the odds of every label.

    In the signatures, which servers use, the outputs have names as the inputs have: y (y_1, y_2, ... if there are
    several), y_t, a, text. Python code gets a tensor, or a tuple of them in this order. Tokens may be int32 or int64,
    other numbers float32 or float64; several inputs may also be given as one list, as `keras.layers.TFSMLayer` does.

    All endpoints use the plain loop over time, even if another loop trained the model.

    `keras_rnn_basics.json` in the same folder describes the endpoints: shapes, names, versions, scores. Before the
    folder appears, TensorFlow runs it beside the model; it appears whole, or not at all.

    Args:
        model: a Keras model, such as a builder's: functional, Sequential, or a subclassed one that was built or called.
        path: the folder to write.
        scores: numbers to keep with the model, such as its test error and those of the baselines.
        overwrite: whether to replace a SavedModel that is already at `path`.
        names: the meaning of the numbers on the last axis, for an input under its name and for the output under "y",
            such as `{"x": ["temp_celsius", "wind_m_per_s"], "y": ["rain", "no rain"]}`. They are stored for the people
            who serve the model. The labels of a text classifier are stored under "y" by themselves.
        max_new_tokens: the bound of what one request makes `generate` or `translate` write for each text. A request for
            more is an error.
        max_prompt_tokens: the bound of what they read, and of the texts of `serve_text`.
        compiled: whether XLA compiles the endpoints at their first call in a process, again for each new size. They are
            then several times as fast, and no longer check their inputs: the output for an invalid token is NaN. Text
            endpoints round their sizes up to powers of two; give `serve` few sizes.

    Returns:
        The path.

    Raises:
        FileExistsError: if `path` exists, and `overwrite` is not set or it is not a SavedModel.
        ValueError: for a model that has no inputs yet, or a stateful model; for a list of names of the wrong length;
            for a bound that is not a positive integer; for a SavedModel that differs from the model by more than 1e-4.
        RuntimeError: on another backend than TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(f"A SavedModel needs the TensorFlow backend of Keras, got {keras.backend.backend()}.")
    path = Path(path)
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists already; overwrite=True replaces a SavedModel.")
    if path.exists() and not (path / "saved_model.pb").exists():
        raise FileExistsError(f"{path} exists and is not a SavedModel; it is left unchanged. Choose another path.")
    bounds = Bounds(
        checks.integer("max_new_tokens", max_new_tokens, 1, 2**31 - 1),
        checks.integer("max_prompt_tokens", max_prompt_tokens, 1, 2**31 - 1),
        compiled,
    )
    scores = dict(scores or {})
    _to_json(scores)  # before any work: a score that JSON cannot hold is refused here
    with only_plain():
        endpoints, no_step = endpoints_of(model, bounds)
        insist_on_names(endpoints, r"[A-Za-z]\w*")
        description: dict[str, Any] = {"architecture": model.name, "endpoints": {}, "scores": scores}
        labels = getattr(model, "labels", None)
        description["names"] = meanings(endpoints[0], ({"y": labels} if labels else {}) | dict(names or {}))
        if no_step:
            description["no_step"] = no_step
        description["endpoints"] = {endpoint.name: _described(endpoint) for endpoint in endpoints}
        description["bounds"] = bounds._asdict()
        description["versions"] = _versions()
        with atomic(path) as half:
            _write(endpoints, model, compiled, half)
            (half / DESCRIPTION).write_text(_to_json(description), encoding="utf-8")
            _compare(half, endpoints, model, ONE if compiled else FEW)
    return path


def _described(endpoint):
    def tensors(own):
        return {tensor.name: {"shape": list(tensor.shape), "dtype": tensor.dtype} for tensor in own}

    further = {"defaults": dict(endpoint.defaults), "answers_by_name": endpoint.answers_by_name}
    told = {"inputs": tensors(endpoint.inputs), "outputs": tensors(endpoint.outputs)}
    return told | {name: value for name, value in further.items() if value}


WIDER: dict[Any, Any] = {"int32": "int64", "float32": "float64"}


def _write(endpoints, model, jit_compile, path):
    import tensorflow as tf

    called, signatures = {}, {}
    for endpoint in endpoints:
        called[endpoint.name], signatures[endpoint.name] = _functions(endpoint, jit_compile)
    held = {id(own): own for own in (model, *(own for endpoint in endpoints for own in endpoint.resources))}
    parts = [part for own in held.values() for part in tf.train.TrackableView(own).descendants()]
    tables = {id(part): part for part in parts if isinstance(part, tf.saved_model.experimental.TrackableResource)}
    variables = {id(own): own for signature in signatures.values() for own in signature.variables}
    # TensorFlow saves what it finds as attributes.
    root = tf.train.Checkpoint(variables=list(variables.values()), tables=list(tables.values()), **called)
    tf.saved_model.save(root, str(path), signatures={**signatures, "serving_default": signatures["serve"]})


def _functions(endpoint, jit_compile):
    """-> the endpoint as Python calls it, with tensors by position, and as servers do, with a name for each tensor."""
    import tensorflow as tf

    specs, outputs = [tensor.spec for tensor in endpoint.inputs], [tensor.name for tensor in endpoint.outputs]
    names = [spec.name for spec in specs]
    graph = functools.partial(
        tf.function, autograph=False, jit_compile=(jit_compile and not endpoint.takes_text) or None
    )
    run = endpoint.run if endpoint.takes_text else _checked(endpoint, jit_compile)
    core = graph(run, input_signature=specs).get_concrete_function()

    def by_name(**given):
        answers = core(*(given[name] for name in names))
        return dict(zip(outputs, tf.nest.flatten(answers)))

    signature = graph(by_name).get_concrete_function(**dict(zip(names, specs)))
    if endpoint.takes_text:
        return graph(run, input_signature=specs), signature

    def by_position(*given):
        tensors = given[0] if len(given) == 1 and len(specs) > 1 else given
        tensors = [tensors[name] for name in names] if isinstance(tensors, dict) else tensors
        answers = core(*(_narrowed(tensor, spec) for tensor, spec in zip(tensors, specs)))
        return dict(zip(outputs, tf.nest.flatten(answers))) if endpoint.answers_by_name else answers

    # TensorFlow keeps a trace for every way of calling it: keras.layers.TFSMLayer gives several inputs as one list.
    called = graph(by_position)
    for own in _as_people_send(endpoint, specs):
        for given in [own] if len(own) == 1 else [own, [own], [dict(zip(names, own))]]:
            called.get_concrete_function(*given)
    return called, signature


def _as_people_send(endpoint, specs):
    """The inputs in their own dtypes and in numpy's, of 64 bits.

    In a loop of steps x_t has the one and the states, which the step before gave, have the other.
    """
    import tensorflow as tf

    given_back = {own.name for own in endpoint.outputs}
    after_x_t = next((at for at, spec in enumerate(specs) if spec.name in given_back), len(specs))
    kinds = [(spec.dtype, at < after_x_t) for at, spec in enumerate(specs)]
    several = list(dict.fromkeys(kinds))
    for wide in itertools.product([False, True], repeat=len(several)):
        widened = {kind for kind, wider in zip(several, wide) if wider}
        dtypes = [
            WIDER.get(spec.dtype.name, spec.dtype) if kind in widened else spec.dtype
            for spec, kind in zip(specs, kinds)
        ]
        yield [tf.TensorSpec(spec.shape, dtype, spec.name) for spec, dtype in zip(specs, dtypes)]


def _checked(endpoint: Endpoint, compiled):
    """The endpoint's function, where TensorFlow and XLA would not say what is wrong with an input, or not see it."""
    import tensorflow as tf

    def with_steps(x, own):
        if len(own.shape) < 2 or own.shape[1] is not None:
            return x
        message = f"{own.name} must have at least one time step, got"
        return checks.only_if(tf.shape(x)[1] > 0, x, message, lambda: tf.shape(x))

    def run(*tensors):
        given = list(tensors)
        if endpoint.name != "step":
            given = [with_steps(*pair) for pair in zip(given, endpoint.inputs)]
        elif compiled:  # XLA drops the check of the batch, but not this one
            B = tf.shape(given[0])[:1]
            given = [tf.reshape(tensor, tf.concat([B, tf.shape(tensor)[1:]], axis=0)) for tensor in given]
        answers = list(endpoint.run(*given))
        # begin gives a tuple also of one state: step(x_t, *begin(...)).
        return tuple(answers) if len(answers) > 1 or endpoint.name == "begin" else answers[0]

    return run


def _compare(written, endpoints, model, sizes):
    import tensorflow as tf

    with tf.device("CPU:0"):  # as the model that `check` runs
        loaded = tf.saved_model.load(str(written))  # kept, for it holds the variables

    def runner(endpoint):
        def answers(*arrays):
            given = {own.name: tf.constant(array) for own, array in zip(endpoint.inputs, arrays)}
            found = loaded.signatures[endpoint.name](**given)
            return [found[own.name].numpy() for own in endpoint.outputs]

        return answers

    for endpoint in endpoints:
        if not endpoint.takes_text:  # those run the same layers, behind a vocabulary
            check(endpoint, model, runner(endpoint), f"{written.name}, {endpoint.name}", TOLERANCE, sizes)


def _narrowed(tensor, spec):
    """The tensor in the dtype of the endpoint: -1, which is no token, for an integer that it cannot hold."""
    import tensorflow as tf

    if tensor.dtype == spec.dtype:
        return tensor
    narrow = tf.cast(tensor, spec.dtype)
    return narrow if spec.dtype.is_floating else tf.where(tf.cast(narrow, tensor.dtype) == tensor, narrow, -1)


def _to_json(description):
    # default: a score may be a numpy number.
    return json.dumps(description, indent=2, ensure_ascii=False, default=float) + "\n"


def _versions():
    from importlib.metadata import PackageNotFoundError, version

    def installed(package):
        try:
            return version(package)
        except PackageNotFoundError:  # run from a source tree that was not installed
            return "unknown"

    return {package: installed(package) for package in ("keras_rnn_basics", "keras", "tensorflow", "numpy")}
