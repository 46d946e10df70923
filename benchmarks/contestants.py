"""One training step, and one forward pass, of the same network in each framework: an RNN that answers every step.

The cost is the mean squared error, the optimizer SGD.

Every function takes the shape (B, T, n_x, n_a, n_y) and whether to train, and returns a step for `race`.
"""

import numpy as np

RATE = 1e-4


def data(shape):
    B, T, n_x, _, n_y = shape
    rng = np.random.default_rng(0)
    return rng.normal(size=(B, T, n_x)).astype("float32"), rng.normal(size=(B, T, n_y)).astype("float32")


def _keras_model(layers, shape, training, jit_compile=False):
    import keras

    model = keras.Sequential([keras.Input((None, shape[2])), *layers])
    model.compile(keras.optimizers.SGD(RATE), "mse", jit_compile=jit_compile)
    model.optimizer.build(model.trainable_variables)
    step = {"tensorflow": _on_tensorflow, "torch": _on_torch, "jax": _on_jax}[keras.backend.backend()]
    return step(model, *data(shape), training, jit_compile)


def _on_tensorflow(model, x, y, training, jit_compile):
    import tensorflow as tf

    x, y = tf.constant(x), tf.constant(y)
    compiled = {"jit_compile": jit_compile, "autograph": False}
    if training:
        one = tf.function(lambda x, y: model.train_step((x, y))["loss"], **compiled)
        return lambda: one(x, y).numpy()
    one = tf.function(lambda x: tf.reduce_sum(model(x, training=False)), **compiled)
    return lambda: one(x).numpy()


def _on_torch(model, x, y, training, jit_compile):
    import keras
    import torch

    x, y = (keras.ops.convert_to_tensor(v) for v in (x, y))

    def forward():
        with torch.no_grad():
            return model(x, training=False).sum().item()

    return (lambda: model.train_step((x, y))["loss"].item()) if training else forward


def _on_jax(model, x, y, training, jit_compile):
    import jax

    x, y = (jax.numpy.asarray(v) for v in (x, y))
    state = [[v.value for v in own] for own in (model.trainable_variables, model.optimizer.variables)]
    fixed = [v.value for v in model.non_trainable_variables]

    def loss(weights, x, y):
        y_hat, _ = model.stateless_call(weights, fixed, x, training=training)
        return jax.numpy.mean((y_hat - y) ** 2)

    @jax.jit
    def update(weights, moments, x, y):
        value, gradients = jax.value_and_grad(loss)(weights, x, y)
        return value, *model.optimizer.stateless_apply(moments, gradients, weights)

    def train():
        value, *state[:] = update(*state, x, y)
        return float(value)

    total = jax.jit(lambda weights, x: model.stateless_call(weights, fixed, x)[0].sum())
    return train if training else lambda: float(total(state[0], x))


def _basic_rnn(shape, training, cell_arguments=None, **layer_arguments):
    import keras_rnn_basics as krb

    cell = krb.BasicRNNCell(shape[3], shape[4], **(cell_arguments or {}))
    layer = krb.BasicRNN(cell, return_sequences=True, **(cell_arguments or {}), **layer_arguments)
    return _keras_model([layer], shape, training)


def ours(shape, training):
    return _basic_rnn(shape, training)


def ours_plain(shape, training):
    return _basic_rnn(shape, training, recurrence="plain")


def ours_recomputed(shape, training):
    return _basic_rnn(shape, training, remat=True)


def ours_bfloat16(shape, training):
    return _basic_rnn(shape, training, {"dtype": "mixed_bfloat16"})


def _cell(kind, shape):
    """A cell of this kind; what no cell is called is an activation of the plain one."""
    from keras import ops

    import keras_rnn_basics as krb

    class Squaring(krb.LayerNormRNNCell):
        """The same formula with a power, which TensorFlow differentiates in a slower way."""

        def advance(self, z_t, states):
            s_t = z_t + self.recur(states[0], self.W_aa)
            mean = ops.mean(s_t, axis=-1, keepdims=True)
            variance = ops.mean((s_t - mean) ** 2, axis=-1, keepdims=True)
            normalised = (s_t - mean) * ops.rsqrt(variance + self.epsilon)
            return [self.activation(normalised * self.gamma + self.beta)]

    kinds = {"layer_norm": krb.LayerNormRNNCell, "layer_norm, (s - μ) ** 2": Squaring, "leaky": krb.LeakyRNNCell}
    if kind in kinds:
        return kinds[kind](shape[3], shape[4])
    return krb.BasicRNNCell(shape[3], shape[4], activation=kind)


def ours_with(shape, training, cell):
    import keras_rnn_basics as krb

    return _keras_model([krb.BasicRNN(_cell(cell, shape), return_sequences=True)], shape, training)


def keras_with(shape, training, cell, jit_compile):
    import keras

    return _keras_model([keras.layers.RNN(_cell(cell, shape), return_sequences=True)], shape, training, jit_compile)


def _simple_rnn(shape, training, jit_compile, activation="tanh"):
    import keras

    simple = keras.layers.SimpleRNN(shape[3], activation=activation, return_sequences=True)
    return _keras_model([simple, keras.layers.Dense(shape[4])], shape, training, jit_compile)


def keras_layer_norm(shape, training):
    """The layer-normalised cell as one writes it of Keras' own layers."""
    import keras
    from keras import ops

    class Cell(keras.layers.SimpleRNNCell):
        def build(self, input_shape):
            super().build(input_shape)
            self.norm = keras.layers.LayerNormalization()
            self.norm.build((None, self.units))

        def call(self, x_t, states):
            z_t = ops.matmul(x_t, self.kernel) + self.bias
            a_t = self.activation(self.norm(z_t + ops.matmul(states[0], self.recurrent_kernel)))
            return a_t, [a_t]

    layers = [keras.layers.RNN(Cell(shape[3]), return_sequences=True), keras.layers.Dense(shape[4])]
    return _keras_model(layers, shape, training)


def keras_default(shape, training, activation="tanh"):
    return _simple_rnn(shape, training, False, activation)


def keras_jit(shape, training):
    return _simple_rnn(shape, training, True)


def torch_rnn(shape, training, device="cpu"):
    import torch

    _, _, n_x, n_a, n_y = shape
    rnn = torch.nn.RNN(n_x, n_a, batch_first=True).to(device)
    linear = torch.nn.Linear(n_a, n_y).to(device)
    return _in_torch(lambda x: linear(rnn(x)[0]), [*rnn.parameters(), *linear.parameters()], shape, training, device)


def ours_in_torch(shape, training, device="cpu"):
    """Our layer on the backend torch, in PyTorch's own training loop."""
    import keras_rnn_basics as krb

    rnn = krb.BasicRNN(krb.BasicRNNCell(shape[3], shape[4]), return_sequences=True)
    rnn.build(shape[:3])
    return _in_torch(rnn, list(rnn.parameters()), shape, training, device)


def _in_torch(answer, parameters, shape, training, device):
    import torch

    x, y = (torch.from_numpy(v).to(device) for v in data(shape))
    optimizer = torch.optim.SGD(parameters, RATE)

    def train():
        optimizer.zero_grad()
        loss = ((answer(x) - y) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss.item()

    def forward():
        with torch.no_grad():
            return answer(x).sum().item()

    return train if training else forward


def jax_scan(shape, training):
    import jax
    from jax import numpy as jnp

    _, _, n_x, n_a, n_y = shape
    x, y = (jnp.asarray(v) for v in data(shape))
    rng = np.random.default_rng(0)
    w = {
        "W_ax": rng.normal(size=(n_x, n_a)) * n_x**-0.5,
        "W_aa": np.linalg.qr(rng.normal(size=(n_a, n_a)))[0],
        "W_ya": rng.normal(size=(n_a, n_y)) * n_a**-0.5,
        "b_a": np.zeros(n_a),
        "b_y": np.zeros(n_y),
    }
    weights = [{name: jnp.asarray(value, "float32") for name, value in w.items()}]

    def answer(w, x):
        z = jnp.swapaxes(x @ w["W_ax"] + w["b_a"], 0, 1)

        def step(a_prev, z_t):
            a_t = jnp.tanh(z_t + a_prev @ w["W_aa"])
            return a_t, a_t

        _, a = jax.lax.scan(step, jnp.zeros((x.shape[0], n_a)), z)
        return jnp.swapaxes(a @ w["W_ya"] + w["b_y"], 0, 1)

    @jax.jit
    def update(w, x, y):
        loss, gradient = jax.value_and_grad(lambda w: jnp.mean((answer(w, x) - y) ** 2))(w)
        return loss, jax.tree.map(lambda value, d: value - RATE * d, w, gradient)

    total = jax.jit(lambda w, x: answer(w, x).sum())

    def train():
        loss, weights[0] = update(weights[0], x, y)
        return float(loss)

    return train if training else lambda: float(total(weights[0], x))


def blas(shape, training, n=2048):
    """A product of two (n, n) matrices in numpy: what the machine's multipliers give at most, in the same minutes."""
    a = np.random.default_rng(0).normal(size=(n, n)).astype("float32")
    return lambda: np.matmul(a, a)
