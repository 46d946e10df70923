"""What leaves the house, and how: every exit of every builder's model, checked, weighed and timed.

    python benchmarks/exits.py

Needs the extras onnx and litert. Each architecture (n_a = 64, random weights) leaves by every exit. A cell of the table
says how far the outputs are from the model's, for whole sequences of several sizes; the size on disk; and, where the
exit has a step, the microseconds of one step of one sequence. An exit that does not work says why. Writes the table
into saved_models/README.md, between its two marks. A function of EXITS writes a model to a folder, and gives a function
for whole sequences and one for a step.
"""

import argparse
import re
import tempfile
import time
from pathlib import Path

import keras
import numpy as np

import keras_rnn_basics as krb

N_A, V = 64, 40
README = Path(__file__).parent.parent / "saved_models" / "README.md"
MARKS = "<!-- benchmarks/exits.py -->", "<!-- end -->"


def builders():
    vocabulary = krb.Vocabulary([chr(ord("a") + number) for number in range(V - 4)])
    both = {"source_vocabulary": vocabulary, "target_vocabulary": vocabulary}
    return {
        "one_to_one": krb.build_one_to_one((8,), N_A, 4),
        "one_to_many": krb.build_one_to_many(V, N_A, vocabulary=vocabulary),
        "many_to_one": krb.build_many_to_one((8,), N_A, 4),
        "many_to_many": krb.build_many_to_many((8,), N_A, 4),
        "many_to_many, bidirectional": krb.build_many_to_many((8,), N_A, 4, bidirectional=True),
        "many_to_one, of text": krb.build_many_to_one((), N_A, 4, vocabulary=vocabulary),
        "encoder_decoder, attention": krb.build_encoder_decoder(V, V, N_A, attention=True, **both),
    }


def given(model, B, T, rng):
    """Inputs of this size, one array for each input of the model."""

    def of(tensor):
        shape = [B if at == 0 else n or T for at, n in enumerate(tensor.shape)]
        tokens = keras.backend.is_int_dtype(tensor.dtype)
        return rng.integers(4, V, shape).astype("int32") if tokens else rng.normal(size=shape).astype("float32")

    return [of(tensor) for tensor in model.inputs]


def saved_model(model, folder):
    return _loaded(krb.export_saved_model(model, folder / "model"))


def saved_model_compiled(model, folder):
    return _loaded(krb.export_saved_model(model, folder / "model", compiled=True))


def _loaded(path):
    loaded = krb.load_saved_model(path)
    if "step" not in loaded.endpoints:
        return loaded.serve, None
    rng = np.random.default_rng(0)
    inputs = loaded.description["endpoints"]["step"]["inputs"].values()
    # A free size is that of one sequence, or of a memory of ten steps.
    shapes = [[1 if at == 0 else n or 10 for at, n in enumerate(spec["shape"])] for spec in inputs]
    import tensorflow as tf

    tensors = [tf.cast(rng.integers(0, 2, shape), spec["dtype"]) for shape, spec in zip(shapes, inputs)]
    return loaded.serve, lambda: loaded.step(*tensors)


def onnx(model, folder):
    import onnxruntime

    krb.export_onnx(model, folder / "model.onnx")
    serve = _session(onnxruntime, folder / "model.onnx")
    if not (folder / "model.step.onnx").exists():
        return serve, None
    step = _session(onnxruntime, folder / "model.step.onnx")
    kinds = {"tensor(float)": "float32", "tensor(int32)": "int32", "tensor(bool)": "bool"}
    own = [_ones(one.shape, kinds[one.type]) for one in step.session.get_inputs()]
    return serve, lambda: step(*own)


def _session(onnxruntime, path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options)
    names = [one.name for one in session.get_inputs()]

    def run(*x):
        return session.run(None, dict(zip(names, x)))[0]

    run.session = session
    return run


def litert(model, folder):
    from ai_edge_litert.interpreter import Interpreter

    krb.export_litert(model, folder / "model.tflite")
    interpreter = Interpreter(str(folder / "model.tflite"), num_threads=1)
    run = interpreter.get_signature_runner("serve")
    names = [tensor.name for tensor in model.inputs]

    def serve(*x):
        return next(iter(run(**dict(zip(names, x))).values()))

    if "step" not in interpreter.get_signature_list():
        return serve, None
    step = interpreter.get_signature_runner("step")
    own = {name: _ones(one["shape_signature"], one["dtype"]) for name, one in step.get_input_details().items()}
    return serve, lambda: step(**own)


def _ones(shape, dtype):
    """Of one sequence; another free size, which is a name or -1, is that of a memory of ten steps."""
    return np.ones([1, *(10 if isinstance(n, str) or n < 0 else n for n in shape[1:])], dtype)


def keras_file(model, folder):
    model.save(folder / "model.keras")
    read = keras.models.load_model(folder / "model.keras")
    return (lambda *x: read(list(x) if len(x) > 1 else x[0])), None


EXITS = {
    "SavedModel": saved_model,
    "SavedModel, compiled": saved_model_compiled,
    "ONNX": onnx,
    "LiteRT": litert,
    ".keras": keras_file,
}


def row(model, leave):
    """What is told of one model by one exit."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            serve, step = leave(model, Path(folder))
        except Exception as error:  # the reason, whatever it is, is what the table tells
            return f"no: {str(error).strip().splitlines()[0][:80]}"
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
        rng, furthest = np.random.default_rng(0), 0.0
        for B, T in ((1, 1), (3, 7), (2, 20)):
            x = given(model, B, T, rng)
            difference = np.asarray(serve(*x)) - np.asarray(model(x if len(x) > 1 else x[0]))
            furthest = max(furthest, float(np.abs(difference).max()))
        told = f"{furthest:.0e}, {size / 1024:.0f} KiB"
        return told if step is None else f"{told}, {_microseconds(step):.0f} µs"


def _microseconds(step, turns=21, calls=50):
    """Of the fastest turn: other programs can only add to it."""
    step()
    found = []
    for _ in range(turns):
        began = time.perf_counter()
        for _ in range(calls):
            step()
        found.append((time.perf_counter() - began) / calls * 1e6)
    return min(found)


def table():
    models = builders()
    lines = [f"| | {' | '.join(EXITS)} |", "|---" * (len(EXITS) + 1) + "|"]
    for name, model in models.items():
        rng = np.random.default_rng(0)
        model.set_weights([rng.normal(size=own.shape).astype("float32") / 8 for own in model.weights])
        lines.append(f"| {name} | {' | '.join(row(model, leave) for leave in EXITS.values())} |")
        print(lines[-1], flush=True)
    return "\n".join(lines)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    keras.utils.set_random_seed(0)
    begin, end = MARKS
    text = README.read_text(encoding="utf-8")
    told = f"{begin}\n\n{table()}\n\n{end}"
    README.write_text(re.sub(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: told, text, flags=re.S), "utf-8")
