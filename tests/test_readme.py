"""What the README shows runs as it stands."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from contextlib import chdir, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np

import keras_rnn_basics as krb

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def python_block(text, heading):
    return re.search(rf"^## {heading}$.*?```python\n(.*?)```", text, re.DOTALL | re.MULTILINE).group(1)


def printed_by(snippet, folder):
    with chdir(folder), redirect_stdout(StringIO()) as stdout:
        exec(snippet, {"__name__": "__main__"})
    return stdout.getvalue().splitlines()


def test_the_snippet_learns_and_exports(tmp_path):
    snippet = python_block(README, "In fifteen lines")
    assert len([line for line in snippet.splitlines() if line.strip() and "import" not in line]) <= 15
    snippet += "\nnp.savetxt('costs.txt', krb.per_step_loss(y, model(x), 'binary_crossentropy'))\n"
    assert printed_by(snippet, tmp_path)[-1] == "(256, 1)"
    assert krb.load_saved_model(tmp_path / "saved_models/running_sum").endpoints == ["serve", "step"]
    # Guessing costs log 2 = 0.69 a step.
    assert np.loadtxt(tmp_path / "costs.txt").mean() < 0.35


def test_the_text_snippet_writes_what_it_learned(tmp_path):
    *_, texts, log_p = printed_by(python_block(README, "Text in, text out"), tmp_path)
    known = {"the sun is up\n", "the moon is up\n", "the moon is down\n"}
    assert set(ast.literal_eval(texts)) <= known
    assert abs(float(log_p) - np.log(1 / 3)) < 0.3  # one line of three


def test_every_public_name_in_the_readme_exists():
    names = set(re.findall(r"\bkrb\.(\w+)", README))
    assert names
    assert all(hasattr(krb, name) for name in names)
    assert all(hasattr(krb, name) for name in krb.__all__)


def test_every_command_of_the_readme_names_what_there_is():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = {
        name
        for installed in re.findall(r'pip install [^\n`]*"\.\[([\w,]+)\]"', README)
        for name in installed.split(",")
    }
    assert {"examples", "test", "gpu"} <= named <= set(extras)
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in (README, (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")):
        assert (
            {"test", "test-all", "lint"} <= set(re.findall(r"(?:`|^    )make ([\w-]+)", page, re.MULTILINE)) <= targets
        )
    scripts = set(re.findall(r"\b(?:examples|benchmarks)/\w+\.py", README))
    assert scripts
    assert all((ROOT / script).is_file() for script in scripts)


def test_every_link_of_the_readme_leads_to_a_file():
    links = {link.split("#")[0] for link in re.findall(r"\]\((?!https?:)([^)]+)\)", README)} - {""}
    assert links
    assert [link for link in sorted(links) if not (ROOT / link).exists()] == []


def test_pytest_collects_the_pages_where_sphinx_is_not_installed(tmp_path):
    (tmp_path / "sphinx.py").write_text("raise ImportError('No module named sphinx')")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "docs", "README.md"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    pages = [*(ROOT / "docs").glob("*.md"), *(ROOT / "docs").glob("*/*.md")]
    collected = {line.split("::")[0] for line in done.stdout.splitlines() if "::" in line}
    assert collected == {page.relative_to(ROOT).as_posix() for page in pages if ">>>" in page.read_text("utf-8")}
