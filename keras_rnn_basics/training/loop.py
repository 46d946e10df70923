"""The loop over the epochs, as Keras' `fit` has it, around epochs that are programs."""


def train(model, epoch_program, validation_program, callbacks, order, first_epoch, epochs):
    """Trains, with the calls that Keras' callbacks know; those of batches come once for each call of the program.

    Args:
        model: the compiled model.
        epoch_program: passes over what is trained on: an `ArrayEpoch` or a `DatasetEpoch`.
        validation_program: passes over the validation, or None.
        callbacks: a `keras.callbacks.CallbackList`.
        order: a function of the number of an epoch, from 0, that gives the order of its examples.
        first_epoch, epochs: the epochs first_epoch .. epochs - 1 are trained.
    """
    model.stop_training, logs = False, None
    callbacks.on_train_begin()
    for epoch in range(first_epoch, epochs):
        model.reset_metrics()
        callbacks.on_epoch_begin(epoch)
        epoch_program.begin(order(epoch))
        logs = one_pass(epoch_program, callbacks.on_train_batch_begin, callbacks.on_train_batch_end, model)
        if validation_program is not None:
            tested = validate(model, validation_program, callbacks)
            logs = {**logs, **{f"val_{name}": value for name, value in tested.items()}}
        callbacks.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    callbacks.on_train_end(logs)


def validate(model, program, callbacks):
    """-> {name: value} over the validation."""
    model.reset_metrics()
    callbacks.on_test_begin()
    program.begin()
    logs = one_pass(program, callbacks.on_test_batch_begin, callbacks.on_test_batch_end)
    callbacks.on_test_end(logs)
    return logs


def one_pass(program, before, after, model=None):
    """-> {name: value} over all batches, or up to the call after which the model's training is to stop."""
    logs = None
    while not program.ended():
        before(program.done)
        told = program.call()
        if told is None:
            break
        logs = told
        after(program.done - 1, logs)
        if model is not None and model.stop_training:
            break
    if logs is None:
        raise ValueError("A tf.data.Dataset that fit was given holds no batches.")
    return logs
