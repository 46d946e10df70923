"""The notebook is the guide, and runs; pytest runs the pages' code by itself."""

import importlib.util
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parent.parent


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / f"docs/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_notebook_is_the_guide_and_holds_no_outputs():
    written = nbformat.read(ROOT / "examples/rnn_basics.ipynb", as_version=4)
    nbformat.validate(written)
    assert written == load("notebook").notebook(), "run: python docs/notebook.py"
    assert not any(cell.get("outputs") for cell in written.cells)


@pytest.mark.long  # `make test` runs the guide's code as doctests, page by page
def test_the_notebook_runs_from_top_to_bottom_and_draws(tmp_path, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")  # as in a notebook of one's own
    notebook = nbformat.read(ROOT / "examples/rnn_basics.ipynb", as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == len(re.findall("pictures/", "".join(page.read_text("utf-8") for page in guide())))
    assert not [output for output in outputs if output.output_type == "error"]


def test_every_picture_of_the_pages_is_drawn_by_the_script():
    wanted = {name for page in pages() for name in re.findall(r"pictures/(\w+)\.svg", page.read_text("utf-8"))}
    drawn = set(re.findall(r'"(\w+)"\)$', (ROOT / "docs/pictures.py").read_text("utf-8"), re.MULTILINE))
    assert wanted
    assert wanted <= drawn


def guide():
    return (ROOT / "docs/guide").glob("*.md")


def pages():
    return [*guide(), *(ROOT / "docs/how_to").glob("*.md"), ROOT / "docs/index.md"]
