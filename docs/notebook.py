"""Writes examples/rnn_basics.ipynb: the guide's words and code as a notebook that draws each picture itself.

It is run from top to bottom, and written with its outputs: `make notebook`.
"""

import re
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

HERE = Path(__file__).parent
NOTEBOOK = HERE.parent / "examples/rnn_basics.ipynb"
MODEL = "krb.build_many_to_many((6,), units=32, output_units=4)"
TRAINED = """
def build():
    model = krb.build_many_to_many((4,), 16, 1, recurrent_dropout=0.5, frontend=split.normalization())
    model.compile(keras.optimizers.Adam(3e-3, clipnorm=1.0), krb.SumOverTime("mean_absolute_error"))
    return model


train, validation = [(part.x, part.next_y - part.past_y) for part in (split.train, split.validation)]
run = krb.fit(build, train, validation, tempfile.mkdtemp(), epochs=20, verbose=0)
"""
# What draws each picture of the pages.
PICTURES = {
    "window": """
plt.plot(range(1, 15), split.test.x[100, :, 1], marker="o", label="$x_1$ to $x_{14}$")
plt.plot([15], split.test.y[100, 0], marker="o", linestyle="none", label="$y$, the day after")
plt.xlabel("time step t, days")
plt.ylabel("highest temperature (°C)")
plt.legend();
""",
    "unrolled": f"krb.plot_unrolled({MODEL}, steps=3);",
    "cell": f'krb.plot_cell({MODEL}.get_layer("rnn_1").cell);',
    "architectures": "krb.plot_architectures();",
    "activations": TRAINED
    + """
states = run.model.get_layer("rnn_1").activations(split.normalization()(split.test.x[100:101]))
figure, ax = plt.subplots(figsize=(9, 4), layout="constrained")
krb.plot_activations(np.asarray(states)[0], split.test.times[86:100, 0].astype(str), ax, "day read");
""",
    "per_step_loss": """
test = split.test
answers = {"RNN": test.past_y + np.asarray(run.model(test.x)), "today's temperature again": test.past_y}
costs = {name: krb.per_step_loss(test.next_y, own, "mean_absolute_error") for name, own in answers.items()}
krb.plot_per_step_loss(costs, plt.figure(figsize=(8, 4)).subplots(), "$L_t$, mean absolute error (°C)");
""",
    "running_sum": """
krb.plot_per_step_loss(costs, plt.figure(figsize=(8, 4)).subplots(), "$L_t$, mean squared error");
""",
    "backpropagation": f"""
rng = np.random.default_rng(0)
batch = rng.normal(size=(16, 4, 6)), rng.normal(size=(16, 4, 4))
krb.plot_backpropagation({MODEL}, *batch, "mean_squared_error");
""",
    "gradient_flow": """
figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
batch = rng.normal(size=(16, 30, 6)), rng.normal(size=(16, 30, 1))
for ax, W_aa in zip(axes, (keras.initializers.RandomNormal(stddev=0.1, seed=0), "orthogonal")):
    inputs = keras.Input((None, 6), name="x")
    cell = krb.BasicRNNCell(32, 1, activation="linear", initializers={"W_aa": W_aa})
    linear = keras.Model(inputs, krb.BasicRNN(cell, return_sequences=True)(inputs))
    radius = float(abs(np.linalg.eigvals(cell.W_aa)).max())
    krb.plot_gradient_flow(krb.gradient_flow(linear, *batch, "mean_squared_error"), ax, radius)
""",
}
OPENING = """
import os
import tempfile

# The messages of TensorFlow's start go to a file of their own; errors are raised in Python.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
standard_error, messages = os.dup(2), tempfile.NamedTemporaryFile(suffix=".log", delete=False)
os.dup2(messages.fileno(), 2)

import keras
import matplotlib.pyplot as plt
import numpy as np

import keras_rnn_basics as krb

os.dup2(standard_error, 2)
keras.utils.set_random_seed(0)
plt.rcParams["figure.dpi"] = 80
"""


def cells():
    yield new_markdown_cell(
        "# Recurrent networks, from the equations to the code\n\nThe guide of keras_rnn_basics, to be run from top to "
        "bottom: under two minutes on two cores. Written, with its outputs, by `docs/notebook.py` from the pages in "
        "`docs/guide`."
    )
    yield new_code_cell(OPENING.strip())
    for page in sorted((HERE / "guide").glob("*.md")):
        text = re.sub(r"^(Next: |Your own model is drawn).*?(\n\n|\Z)", "", page.read_text("utf-8"), flags=re.M | re.S)
        text = re.sub(r"^## Watch it\n.*?(?=^## )", "", text, flags=re.M | re.S)  # there the page is an html file
        text = re.sub(r"\[([^]]+)\]\([^)]+\.md\)", r"\1", text)
        parts = r"(^<details>.*?^</details>$|^```pycon\n.*?^```$|^!\[[^]]*\]\([^)]*\)$)"  # an answer stays folded
        for part in re.split(parts, text, flags=re.M | re.S):
            if part.startswith("```pycon"):
                yield new_code_cell(code(part))
            elif part.startswith("!["):
                yield new_code_cell(PICTURES[re.search(r"pictures/(\w+)\.svg", part)[1]].strip())
            elif part.strip():
                yield new_markdown_cell(part.strip())


def code(block):
    """The lines that are typed; what they print, the notebook prints."""
    lines = [line[4:] for line in block.splitlines() if line.startswith((">>> ", "... "))]
    return "\n".join(lines)


def notebook():
    own = list(cells())
    for number, cell in enumerate(own):
        cell.id = f"cell-{number}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=own, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


def run(unrun):
    """The notebook with its outputs; what it writes goes to a folder that is then removed."""
    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        done = NotebookClient(unrun, timeout=600, resources=resources, record_timing=False).execute()
    done.metadata.language_info = {"name": "python"}  # without the version that it ran on
    return done


if __name__ == "__main__":
    nbformat.write(run(notebook()), NOTEBOOK)
    print(NOTEBOOK)
