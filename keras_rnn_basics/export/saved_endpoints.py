"""The endpoints of a SavedModel: what each takes, by name, and what each gives, by name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras

from keras_rnn_basics import checks
from keras_rnn_basics.architectures.graph import inputs_of
from keras_rnn_basics.architectures.one_step import one_step
from keras_rnn_basics.architectures.text_model import Bounds


class Endpoint(NamedTuple):
    """A function of an export.

    Attributes:
        run: the function of the tensors in `inputs`; it returns a tensor, or several in the order of `outputs`.
        inputs: their specifications, each with its name.
        outputs: from the name of each output to its specification.
        resources: the objects that the export must keep, such as tables.
        defaults: the values of the last inputs that may be left out.
        takes_text: whether it takes strings, which XLA cannot: then it compiles its loops by itself.
        answers_by_name: whether the model gives a dict.
    """

    run: Callable
    inputs: list[Any]
    outputs: dict[str, Any]
    resources: Sequence[Any] = ()
    defaults: Mapping[str, Any] = {}
    takes_text: bool = False
    answers_by_name: bool = False

    def described(self) -> dict[str, Any]:
        """For the description beside the export."""
        told: dict[str, Any] = {
            "inputs": {spec.name: _described(spec) for spec in self.inputs},
            "outputs": {name: _described(spec) for name, spec in self.outputs.items()},
        }
        further = {"defaults": dict(self.defaults), "answers_by_name": self.answers_by_name}
        return told | {name: value for name, value in further.items() if value}


def _described(spec):
    return {"shape": list(spec.shape), "dtype": keras.backend.standardize_dtype(spec.dtype)}


def endpoints_of(model: keras.Model, bounds: Bounds) -> tuple[dict[str, Endpoint], str | None]:
    """The endpoints of a model by name, the whole sequence first; and the reason if there is no `step`, or None."""
    endpoints, no_step = {"serve": whole(model)}, None
    stepping, encoder = model, None
    architecture = getattr(model, "architecture", None)
    if architecture and architecture.encoder:
        encoder, stepping = model.get_layer(architecture.encoder), model.get_layer(architecture.decoder)
        endpoints["encode"] = whole(encoder, [tensor.name for tensor in stepping.inputs[1:]])
    try:
        step = one_step(stepping)
    except ValueError as error:
        no_step = str(error)
    else:
        endpoints["step"] = _step(step, bounds.jit_compile)
        if step.begin.computed:
            endpoints["begin"] = _beginning(step)
    if hasattr(model, "text_endpoints"):
        for name, text in model.text_endpoints(bounds).items():
            endpoints[name] = Endpoint(**text._asdict(), takes_text=True)
    return endpoints, no_step


def whole(model: keras.Model, names: Sequence[str] | None = None) -> Endpoint:
    """`model(x)` as an endpoint; the outputs have these names, the keys of a dict, or "y", or "y_1", "y_2", ... ."""
    inputs = inputs_of(model)
    tensors = keras.tree.flatten(inputs)
    # In the order in which Keras flattens the dict.
    own = keras.tree.flatten({key: key for key in inputs} if isinstance(inputs, dict) else [x.name for x in tensors])
    specs = [_spec(tensor, name) for tensor, name in zip(tensors, own)]
    answers = model.compute_output_spec(inputs)
    outputs = keras.tree.flatten(answers)
    if names is None and isinstance(answers, dict):
        names = keras.tree.flatten({key: key for key in answers})
    names = names or _numbered("y", len(outputs))

    def run(*given):
        checked = [_with_steps(tensor, spec) for tensor, spec in zip(given, specs)]
        answers = keras.tree.flatten(model(keras.tree.pack_sequence_as(inputs, checked), training=False))
        return tuple(answers) if len(answers) > 1 else answers[0]

    answers_by_name = isinstance(answers, dict)
    return Endpoint(run, specs, dict(zip(names, map(_spec, outputs))), [model], answers_by_name=answers_by_name)


def _with_steps(x, spec):
    """x; an error for a sequence without a step, about which TensorFlow would say no more than "an empty list"."""
    import tensorflow as tf

    if spec.shape.rank < 2 or spec.shape[1] is not None:
        return x
    return checks.only_if(
        tf.shape(x)[1] > 0, x, f"{spec.name} must have at least one time step, got", lambda: tf.shape(x)
    )


def _numbered(name, n):
    return [name] if n == 1 else [f"{name}_{number}" for number in range(1, n + 1)]


def _step(step, compiled):
    specs, states = [_spec(tensor, tensor.name) for tensor in step.inputs], list(step.begin.states.values())
    answers = [f"{name}_t" for name in _numbered("y", len(step.outputs) - len(states))]

    def run(*given):
        x_t, *rest = given
        if compiled:  # XLA drops the check of the batch, but not this one
            rest = [_with_rows(tensor, x_t) for tensor in rest]
        return tuple(step([x_t, *rest], training=False))

    names = [*answers, *(state.name for state in states)]
    return Endpoint(run, specs, dict(zip(names, map(_spec, step.outputs))), [step])


def _with_rows(tensor, x_t):
    import tensorflow as tf

    return tf.reshape(tensor, tf.concat([tf.shape(x_t)[:1], tf.shape(tensor)[1:]], axis=0))


def _beginning(step):
    import tensorflow as tf

    def run(*tensors):
        return tuple(step.begin(*tensors))

    inputs = [_spec(own, own.name) for own in step.begin.inputs] or [tf.TensorSpec([], "int32", name="batch_size")]
    behind = len(step.inputs) - len(step.begin.states) - len(step.begin.static)
    return Endpoint(run, inputs, {tensor.name: _spec(tensor) for tensor in step.inputs[behind:]})


def _spec(tensor, name=None):
    import tensorflow as tf

    return tf.TensorSpec(tensor.shape, tensor.dtype, name=name)
