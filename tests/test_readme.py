"""What the README shows runs as it stands."""

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
INSTALLATION = (ROOT / "docs/installation.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def python_block(text, heading):
    return re.search(rf"^## {heading}$.*?```python\n(.*?)```", text, re.DOTALL | re.MULTILINE).group(1)


def run_in(folder, snippet):
    with chdir(folder), redirect_stdout(StringIO()):
        exec(snippet, {"__name__": "__main__"})


def test_the_ten_lines_learn_and_export(tmp_path):
    snippet = python_block(README, "In ten lines")
    assert len([line for line in snippet.splitlines() if line.strip()]) == 10
    snippet += "\nnp.savetxt('costs.txt', krb.per_step_loss(y, model(x), 'binary_crossentropy'))\n"
    run_in(tmp_path, snippet)
    assert krb.load_saved_model(tmp_path / "saved_models/running_sum").endpoints == ["serve", "step"]
    # Guessing costs log 2 = 0.69 a step.
    assert np.loadtxt(tmp_path / "costs.txt").mean() < 0.35


def test_the_first_screen_says_what_it_is_shows_it_and_what_the_commands_cost():
    screen = README.splitlines()[:34]  # with a picture of 300 pixels among them
    assert [line for line in screen if line.startswith("## ")] == ["## In ten lines"]
    text = "\n".join(screen)
    for part in ("<picture>", "    make demo ", "    make test ", "3.2 GB", "make demo PYTHON=python3.13", "```python"):
        assert part in text


def test_every_public_name_in_the_readme_exists():
    names = set(re.findall(r"\bkrb\.(\w+)", README))
    assert names
    assert all(hasattr(krb, name) for name in names)
    assert all(hasattr(krb, name) for name in krb.__all__)


def test_every_command_of_the_readme_and_of_the_installation_names_what_there_is():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = {
        name
        for installed in re.findall(r'pip install [^\n`]*"\.\[([\w,]+)\]"', INSTALLATION)
        for name in installed.split(",")
    }
    assert {"examples", "test", "gpu"} <= named <= set(extras)
    for page in (README, INSTALLATION, (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")):
        assert {"test"} <= set(re.findall(r"(?:`|^    )make ([\w-]+)", page, re.MULTILINE)) <= targets()
    scripts = set(re.findall(r"\b(?:examples|benchmarks)/\w+\.py", README))
    assert scripts
    assert all((ROOT / script).is_file() for script in scripts)


def targets():
    return set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


def test_make_help_lists_every_target_and_each_ends_by_naming_its_result():
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = dict(re.findall(r"^make ([a-z-]+) +(\S.*)$", done.stdout, re.MULTILINE))
    assert set(listed) == targets() >= {"help", "demo", "docs", "test"}
    recipes = dict(re.findall(r"^([a-z-]+):.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE))
    last = {target: recipe.splitlines()[-1] for target, recipe in recipes.items() if target != "help"}
    assert set(last) == targets() - {"help"}
    assert [target for target, line in last.items() if not line.startswith('\t@echo "The result: ')] == []


def test_every_link_of_the_readme_leads_to_a_file():
    links = {link.split("#")[0] for link in re.findall(r"\]\((?!https?:)([^)]+)\)", README)} - {""}
    links |= set(re.findall(r'(?:src|srcset)="([^"]+)"', README))
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
