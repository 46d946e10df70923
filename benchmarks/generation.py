"""Writing text: characters a second of this package's loop inside the graph, beside the loops that tutorials show.

    python benchmarks/generation.py

One network (a vocabulary of 97, n_a = 256, embeddings of 64), one text at a time. (a) calls model.predict for every
character, (b) calls a tf.function that takes one step and draws one character, (c) is `model.generate`. Then one step
of a stream, its state handed back by the caller: of characters in this network, and of 64 numbers in the plain network
(64, n_a, 97); and a whole sequence of 200 steps in that one. Writes runs/benchmarks/generation.json.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from race import race

V, N_A = 97, 256
N_X, T = 64, 200  # of the stream of numbers
WRITERS = {  # characters a turn's step writes: enough for a time that can be measured, few enough for the slow ones
    "(a) predict": ("by_predict", 10),
    "(b) tutorial": ("by_tutorial", 200),
    "(c) ours": ("ours", 1000),
    "ours, exported": ("exported", 200),
    "exported, compiled": ("exported_compiled", 1000),
}
STREAMS = {
    "numpy": ("numpy_step", 1),
    "ours, exported": ("exported_step", 1),
    "exported, compiled": ("exported_compiled_step", 1),
    "ours, compiled": ("compiled_step", 1),
    "keras call": ("keras_step", 1),
    "onnxruntime": ("onnx_step", 1),
    "LiteRT": ("litert_step", 1),
}
NUMBERS = {
    "numpy": ("numpy_numbers", 1),
    "torch": ("torch_numbers", 1),
    "onnxruntime": ("onnx_numbers", 1),
    "LiteRT": ("litert_numbers", 1),
    "ours, compiled": ("compiled_numbers", 1),
}
SEQUENCES = {  # of 200 steps, B = 1, by the network (64, n_a, 64)
    "torch": ("torch_sequence", 1),
    "onnxruntime": ("onnx_sequence", 1),
    "LiteRT": ("litert_sequence", 1),
    "ours, compiled": ("compiled_sequence", 1),
    "ours, exported": ("saved_sequence", 1),
    "exported, compiled": ("saved_compiled_sequence", 1),
}


def _model():
    import keras

    import keras_rnn_basics as krb

    keras.utils.set_random_seed(0)
    vocabulary = krb.Vocabulary([chr(ord("0") + number) for number in range(V - 4)])
    model = krb.build_one_to_many(V, N_A, vocabulary=vocabulary)
    b_y = model.get_layer("rnn_1").cell.b_y
    b_y.assign(np.where(np.arange(V) == vocabulary.end, -100.0, b_y))  # a text that never comes to its end
    return model


def by_predict(length):
    import keras_rnn_basics as krb

    step, rng = krb.one_step(_model()), np.random.default_rng(0)

    def write():
        token, a = np.array([2]), np.zeros((1, N_A), "float32")
        for _ in range(length):
            logits, a = step.predict([token, a], verbose=0)
            token = np.array([np.argmax(logits[0] + rng.gumbel(size=V))])

    return write


def by_tutorial(length):
    import tensorflow as tf

    import keras_rnn_basics as krb

    step = krb.one_step(_model())

    @tf.function
    def one_character(token, a):
        logits, a = step([token, a])
        return tf.random.categorical(logits, 1, dtype=tf.int32)[:, 0], a

    def write():
        token, a, text = tf.constant([2]), tf.zeros([1, N_A]), []
        for _ in range(length):
            token, a = one_character(token, a)
            text.append(token)
        return tf.stack(text).numpy()

    return write


def ours(length):
    model = _model()
    return lambda: model.generate("", length, seed=1)


def _exported(compiled=False, model=None):
    import tempfile

    import keras_rnn_basics as krb

    with tempfile.TemporaryDirectory() as folder:
        path = krb.export_saved_model(model or _model(), f"{folder}/model", compiled=compiled)
        return krb.load_saved_model(path)


def exported(length, compiled=False):
    import tensorflow as tf

    loaded, prompt = _exported(compiled), tf.constant([""])
    return lambda: loaded.generate(prompt, length, 1.0, 0, 1).numpy()


def exported_compiled(length):
    return exported(length, compiled=True)


def saved_sequence(_, compiled=False):
    import tensorflow as tf

    import keras_rnn_basics as krb

    loaded = _exported(compiled, krb.build_many_to_many((64,), N_A, 64))
    x = tf.constant(np.random.default_rng(0).normal(size=(1, 200, 64)), "float32")
    return lambda: loaded.serve(x).numpy()


def saved_compiled_sequence(_):
    return saved_sequence(_, compiled=True)


def _stream(step, token, a):
    """Each call hands the state of the last one back."""
    held = [a]

    def one():
        logits, held[0] = step(token, held[0])
        return np.asarray(logits)

    return one


def numpy_step(_):
    model = _model()
    embeddings, W_ax, W_aa, b_x, b_a, W_ya, b_y = _weights(model)

    def step(token, a):
        a = np.tanh(embeddings[token] @ W_ax + b_x + b_a + a @ W_aa)
        return a @ W_ya + b_y, a

    return _stream(step, np.array([5]), np.zeros((1, N_A), "float32"))


def _weights(model):
    cell = model.get_layer("rnn_1").cell
    weights = (cell.W_ax, cell.W_aa, cell.b_x, cell.b_a, cell.W_ya, cell.b_y)
    return [model.get_layer("frontend").layer.embeddings.numpy(), *(weight.numpy() for weight in weights)]


def exported_step(_, compiled=False):
    import tensorflow as tf

    return _stream(_exported(compiled).step, tf.constant([5]), tf.zeros([1, N_A]))


def exported_compiled_step(_):
    return exported_step(_, compiled=True)


def compiled_step(_):
    import tensorflow as tf

    import keras_rnn_basics as krb

    step = krb.one_step(_model())
    compiled = tf.function(lambda token, a: step([token, a]), jit_compile=True)
    concrete = compiled.get_concrete_function(tf.TensorSpec([1], "int32"), tf.TensorSpec([1, N_A]))
    return _stream(concrete, tf.constant([5]), tf.zeros([1, N_A]))


def keras_step(_):
    import tensorflow as tf

    import keras_rnn_basics as krb

    step = krb.one_step(_model())
    return _stream(lambda token, a: step([token, a]), tf.constant([5]), tf.zeros([1, N_A]))


def _of_numbers():
    import keras

    import keras_rnn_basics as krb

    keras.utils.set_random_seed(0)
    model = krb.build_many_to_many((N_X,), N_A, V)
    model.set_weights([np.random.default_rng(0).normal(size=w.shape).astype("float32") / 16 for w in model.weights])
    return model


def _numbers(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def _onnx(model, end):
    """A session of the exported file that ends like this; its inputs in order are those of the function."""
    import tempfile

    import onnxruntime

    import keras_rnn_basics as krb

    with tempfile.TemporaryDirectory() as folder:
        krb.export_onnx(model, f"{folder}/m.onnx")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # for one sequence two threads wait for each other
        session = onnxruntime.InferenceSession(f"{folder}/m{end}", options)
    names = [own.name for own in session.get_inputs()]
    return lambda *given: session.run(None, dict(zip(names, given)))


def onnx_step(_):
    return _stream(_onnx(_model(), ".step.onnx"), np.array([5], "int32"), np.zeros((1, N_A), "float32"))


def onnx_numbers(_):
    return _stream(_onnx(_of_numbers(), ".step.onnx"), _numbers(1, N_X), np.zeros((1, N_A), "float32"))


def onnx_sequence(_):
    run, x = _onnx(_of_numbers(), ".onnx"), _numbers(1, T, N_X)
    return lambda: run(x)


def _litert(model, signature):
    """What calls this signature of the exported file."""
    import tempfile

    from ai_edge_litert.interpreter import Interpreter

    import keras_rnn_basics as krb

    with tempfile.TemporaryDirectory() as folder:
        content = krb.export_litert(model, f"{folder}/m.tflite").read_bytes()
    return Interpreter(model_content=content, num_threads=1).get_signature_runner(signature)


def _litert_stream(model, x_t):
    run = _litert(model, "step")

    def step(x_t, a):
        found = run(x_t=x_t, a=a)
        return found["y_t"], found["a"]

    return _stream(step, x_t, np.zeros((1, N_A), "float32"))


def litert_step(_):
    return _litert_stream(_model(), np.array([5], "int32"))


def litert_numbers(_):
    return _litert_stream(_of_numbers(), _numbers(1, N_X))


def litert_sequence(_):
    run, x = _litert(_of_numbers(), "serve"), _numbers(1, T, N_X)
    return lambda: run(x=x)["y"]


def numpy_numbers(_):
    cell = _of_numbers().get_layer("rnn_1").cell
    W_ax, W_aa, b_x, b_a, W_ya, b_y = (
        w.numpy() for w in (cell.W_ax, cell.W_aa, cell.b_x, cell.b_a, cell.W_ya, cell.b_y)
    )

    def step(x_t, a):
        a = np.tanh(x_t @ W_ax + b_x + b_a + a @ W_aa)
        return a @ W_ya + b_y, a

    return _stream(step, _numbers(1, N_X), np.zeros((1, N_A), "float32"))


def torch_numbers(_):
    import torch

    torch.set_num_threads(1)
    cell, linear = torch.nn.RNNCell(N_X, N_A), torch.nn.Linear(N_A, V)

    @torch.inference_mode()
    def step(x_t, a):
        a = cell(x_t, a)
        return linear(a), a

    return _stream(step, torch.from_numpy(_numbers(1, N_X)), torch.zeros(1, N_A))


def torch_sequence(_):
    import torch

    torch.set_num_threads(1)
    rnn, linear, x = torch.nn.RNN(N_X, N_A, batch_first=True), torch.nn.Linear(N_A, V), _numbers(1, T, N_X)

    @torch.inference_mode()
    def whole():
        return linear(rnn(torch.from_numpy(x))[0]).numpy()

    return whole


def compiled_numbers(_):
    import tensorflow as tf

    import keras_rnn_basics as krb

    step = krb.one_step(_of_numbers())
    compiled = tf.function(lambda x_t, a: step([x_t, a]), jit_compile=True)
    concrete = compiled.get_concrete_function(tf.TensorSpec([1, N_X]), tf.TensorSpec([1, N_A]))
    return _stream(concrete, tf.constant(_numbers(1, N_X)), tf.zeros([1, N_A]))


def compiled_sequence(_):
    import tensorflow as tf

    model, x = _of_numbers(), tf.constant(_numbers(1, T, N_X))
    compiled = tf.function(lambda x: model(x, training=False))
    concrete = compiled.get_concrete_function(tf.TensorSpec([1, T, N_X]))
    return lambda: concrete(x).numpy()


def _table(title, contestants, ours_is, unit, rounds):
    laps = race({name: (Path(__file__).stem, *what) for name, what in contestants.items()}, rounds=rounds)
    each = {name: laps[name].milliseconds * 1e3 / contestants[name][1] for name in contestants}
    print(f"\n{title:<24}{'µs each':>12}{unit + ' a second':>24}{'times ours':>14}{'first call, s':>16}")
    for name, microseconds in each.items():
        if laps[name].missing:
            print(f"{name:<24}not measured: {laps[name].missing}")
            continue
        ratio = microseconds / each[ours_is]
        print(f"{name:<24}{microseconds:>12,.1f}{1e6 / microseconds:>24,.0f}{ratio:>13,.1f}x", end="")
        print(f"{laps[name].first_seconds:>16.1f}")
    return each


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    written = _table("writing", WRITERS, "(c) ours", "characters", rounds)
    streamed = _table("one step of a stream", STREAMS, "ours, compiled", "steps", rounds)
    numbers = _table("one step of 64 numbers", NUMBERS, "onnxruntime", "steps", rounds)
    sequences = _table("a sequence of 200 steps", SEQUENCES, "onnxruntime", "sequences", rounds)
    print(
        "\nGoals: 5,000 times (a), 35 times (b); a step of 64 numbers by onnxruntime in 16 µs, and in half of torch's."
    )
    path = Path("runs/benchmarks/generation.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    each = {
        "microseconds a character": written,
        "microseconds a step": streamed,
        "microseconds a step of numbers": numbers,
        "microseconds a sequence": sequences,
    }
    path.write_text(json.dumps(each, indent=1))
