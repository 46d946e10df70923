"""What the README shows runs as it stands."""

import ast
import re
from contextlib import chdir, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np

import keras_rnn_basics as krb

ROOT = Path(__file__).parent.parent


def python_block(text, heading):
    return re.search(rf"^## {heading}$.*?```python\n(.*?)```", text, re.DOTALL | re.MULTILINE).group(1)


def printed_by(snippet, folder):
    with chdir(folder), redirect_stdout(StringIO()) as stdout:
        exec(snippet, {"__name__": "__main__"})
    return stdout.getvalue().splitlines()


def test_the_snippet_learns_and_exports(tmp_path):
    snippet = python_block((ROOT / "README.md").read_text(encoding="utf-8"), "In fifteen lines")
    assert len([line for line in snippet.splitlines() if line.strip() and "import" not in line]) <= 15
    snippet += "\nnp.savetxt('costs.txt', krb.per_step_loss(y, model(x), 'binary_crossentropy'))\n"
    assert printed_by(snippet, tmp_path)[-1] == "(256, 1)"
    assert krb.load_saved_model(tmp_path / "saved_models/running_sum").endpoints == ["serve", "step"]
    # Guessing costs log 2 = 0.69 a step.
    assert np.loadtxt(tmp_path / "costs.txt").mean() < 0.35


def test_the_text_snippet_writes_what_it_learned(tmp_path):
    *_, texts, log_p = printed_by(python_block((ROOT / "README.md").read_text("utf-8"), "Text in, text out"), tmp_path)
    known = {"the sun is up\n", "the moon is up\n", "the moon is down\n"}
    assert set(ast.literal_eval(texts)) <= known
    assert abs(float(log_p) - np.log(1 / 3)) < 0.3  # one line of three


def test_every_make_command_in_the_pages_is_a_target_and_both_name_the_tests():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for page in ("README.md", "CONTRIBUTING.md"):
        named = set(re.findall(r"(?:    |`)make ([a-z-]+)", (ROOT / page).read_text("utf-8")))
        assert {"test", "test-all"} <= named <= targets


def test_every_public_name_in_the_readme_exists():
    names = set(re.findall(r"\bkrb\.(\w+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert names
    assert all(hasattr(krb, name) for name in names)
    assert all(hasattr(krb, name) for name in krb.__all__)
