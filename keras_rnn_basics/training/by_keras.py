"""Training on JAX and PyTorch: Keras' own loop, which is handed the batches of an epoch in their order."""

import keras

from keras_rnn_basics.training.data import Examples


class Batches(keras.utils.PyDataset):
    """The batches of `Examples` in one order (N,), which may be replaced before an epoch."""

    def __init__(self, examples, batch_size):
        super().__init__()
        self.examples, self.B, self.order = examples, batch_size, examples.in_order()

    def __len__(self):
        return -(-self.examples.N // self.B)

    def __getitem__(self, batch):
        return self.examples.rows(self.order[batch * self.B : (batch + 1) * self.B])


def train(model, task, order, callbacks, first_epoch):
    """As `loop.train`, by `model.fit`."""
    train, validation = (
        Batches(data, task.batch_size) if isinstance(data, Examples) else data for data in (task.train, task.validation)
    )

    def begin(epoch, logs=None):
        if isinstance(train, Batches):
            train.order = order(epoch)

    model.fit(
        train,
        validation_data=validation,
        initial_epoch=first_epoch,
        epochs=task.epochs,
        shuffle=False,
        verbose=task.verbose,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_begin=begin), *callbacks],
    )
