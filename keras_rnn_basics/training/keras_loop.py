"""Training on JAX and PyTorch: Keras' own loop, which is handed the batches of an epoch in their order."""

import keras

from keras_rnn_basics.training.data import Examples


class Batches(keras.utils.PyDataset):
    """The batches of `Examples`, in an order that each epoch has anew."""

    def __init__(self, examples, batch_size, order, first_epoch):
        super().__init__()
        self.examples, self.B, self.order, self.epoch = examples, batch_size, order, first_epoch
        self.rows = order(first_epoch)

    def __len__(self):
        return -(-self.examples.N // self.B)

    def __getitem__(self, batch):
        return self.examples.rows(self.rows[batch * self.B : (batch + 1) * self.B])

    def on_epoch_end(self):
        self.epoch += 1
        self.rows = self.order(self.epoch)


def train(model, task, order, callbacks, first_epoch):
    """As `loop.train`, by `model.fit`."""

    def batches(data, order, first_epoch=0):
        return Batches(data, task.batch_size, order, first_epoch) if isinstance(data, Examples) else data

    model.fit(
        batches(task.train, order, first_epoch),
        validation_data=batches(task.validation, lambda epoch: task.validation.in_order()),
        initial_epoch=first_epoch,
        epochs=task.epochs,
        shuffle=False,
        verbose=task.verbose,
        callbacks=callbacks,
    )
