"""The notebook is the guide, and runs; pytest runs the pages' code by itself."""

import importlib.util
import os
import re
import subprocess
import sys
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


def test_every_formula_of_the_pages_becomes_mathml_line_by_line():
    mathml = offline().mathml
    text = re.sub("^```.*?^```|^    .*?$", "", "".join(page.read_text("utf-8") for page in pages()), flags=re.M | re.S)
    blocks = re.findall(r"\$\$(.+?)\$\$", text, re.DOTALL)
    for tex in blocks:
        rows = mathml(tex, "block").count("<mtr>")
        assert rows == (tex.count(r"\\") + 1 if "aligned" in tex else 0), tex
    words = re.findall(r"\$([^$]+)\$", re.sub(r"\$\$.+?\$\$", "", text, flags=re.DOTALL))
    assert "<msub><mi>a</mi><mi>t</mi></msub>" in mathml("a_t", "inline")
    assert all(mathml(tex, "inline").startswith("<math") for tex in words)
    assert blocks
    assert "a_t" in words


@pytest.mark.parametrize("tex", [r"a_t + \unheardof", r"\begin{unheardof} a &= b \end{unheardof}"])
def test_a_formula_that_cannot_be_converted_whole_is_an_error(tex):
    with pytest.raises(ValueError, match="latex2mathml does not know all of this formula"):
        offline().mathml(tex, "block")


def test_the_build_fails_where_a_page_would_load_something_from_another_host(tmp_path):
    offline()
    (tmp_path / "index.md").write_text("# Page\n\nA [link](https://example.org) and $a_t$.\n")
    conf = 'extensions = ["myst_parser", "offline"]\nmyst_enable_extensions = ["dollarmath"]\n'
    conf += 'html_math_renderer = "mathml"\n'
    (tmp_path / "conf.py").write_text(conf)
    built = build(tmp_path)
    assert built.returncode == 0, built.stderr
    page = (tmp_path / "out/index.html").read_text("utf-8")
    assert "https://example.org" in page
    assert "<msub>" in page
    (tmp_path / "conf.py").write_text(conf + 'html_js_files = ["https://example.org/script.js"]\n')
    built = build(tmp_path)
    assert built.returncode != 0
    assert "Pages must load nothing from another host" in built.stderr
    assert "https://example.org/script.js" in built.stderr


@pytest.mark.parametrize(
    ("name", "text", "outside"),
    [
        ("a.html", '<a href="https://example.org/">a link</a><img src="own.svg">', []),
        ("a.html", '<link rel="stylesheet" href="//example.org/a.css">', ["//example.org/a.css"]),
        ("a.html", '<img src="HTTP://example.org/a.png">', ["HTTP://example.org/a.png"]),
        ("a.css", "@font-face { src: url('https://example.org/a.woff2') }", ["https://example.org/a.woff2"]),
        ("a.css", '@import "https://example.org/a.css";', ["https://example.org/a.css"]),
        ("a.css", "/* https://example.org */ a { background: url(own.svg) }", []),
    ],
)
def test_what_a_page_loads_from_another_host_is_found(name, text, outside, tmp_path):
    path = tmp_path / name
    path.write_text(text)
    assert offline().loads_from_outside(tmp_path) == ({path: outside} if outside else {})


def offline():
    for package in ("sphinx", "myst_parser", "latex2mathml"):
        pytest.importorskip(package, reason="comes with the extra docs")
    return load("offline")


def build(folder):
    command = [sys.executable, "-m", "sphinx", "-E", "-W", "-q", "-b", "html", str(folder), str(folder / "out")]
    path = os.pathsep.join([str(ROOT / "docs"), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def guide():
    return (ROOT / "docs/guide").glob("*.md")


def pages():
    return [*guide(), *(ROOT / "docs/how_to").glob("*.md"), ROOT / "docs/index.md"]
