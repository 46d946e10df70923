"""Several networks in one model: the mean of their outputs."""

import keras


def build_ensemble(models: list[keras.Model], name: str = "ensemble") -> keras.Model:
    """One model whose output is the mean of the models' outputs; it shares their layers.

    Networks with different seeds make different errors, so their mean has a smaller error than a single network.

    Args:
        models: built models with one input and one output, of the same shapes.
        name: the name of the new model.

    Raises:
        ValueError: for no models, or models of different shapes.

    >>> from keras_rnn_basics import build_many_to_one
    >>> build_ensemble([build_many_to_one((6,), 16, 1) for _ in range(3)]).output_shape
    (None, 1)
    """
    if not models:
        raise ValueError("models must hold at least one model, got none.")
    first = models[0]
    for model in models:
        if (model.input_shape, model.output_shape) != (first.input_shape, first.output_shape):
            raise ValueError(
                f"models must have the same shapes, got {first.input_shape} -> {first.output_shape} and "
                f"{model.input_shape} -> {model.output_shape}."
            )
    if len(first.inputs) != 1 or len(first.outputs) != 1:
        raise ValueError(
            f"models must have one input and one output, {first.name} has {len(first.inputs)} and {len(first.outputs)}."
        )
    x = keras.Input(first.input_shape[1:], name=first.inputs[0].name, dtype=first.inputs[0].dtype)
    # New names, because the layers of one model must have different names.
    members = [keras.Model(own.input, own.output, name=f"member_{i}") for i, own in enumerate(models, start=1)]
    answers = [member(x) for member in members]
    return keras.Model(x, keras.layers.Average()(answers) if len(answers) > 1 else answers[0], name=name)
