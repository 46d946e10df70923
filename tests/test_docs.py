"""The notebook is the guide, and runs; pytest runs the pages' code by itself."""

import copy
import importlib.util
import os
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from matplotlib.colors import to_rgb

import keras_rnn_basics as krb
from keras_rnn_basics.pictures import canvas

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "examples/rnn_basics.ipynb"


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / f"docs/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def written():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_the_notebook_is_the_guide(written):
    nbformat.validate(written)
    bare = copy.deepcopy(written)
    for cell in code_cells(bare):
        cell.outputs, cell.execution_count = [], None
    assert bare == load("notebook").notebook(), "run: make notebook"


def test_the_notebook_ships_with_the_outputs_of_one_run_without_an_error_or_a_message(written):
    assert [cell.execution_count for cell in code_cells(written)] == [*range(1, 1 + len(code_cells(written)))]
    check_outputs(written)
    assert NOTEBOOK.stat().st_size < 1_000_000


def test_what_the_notebook_shows_is_what_the_pages_print(written):
    code = load("notebook").code
    shown = {cell.source: "".join(map(text_of, cell.outputs)) for cell in code_cells(written)}
    for page in guide():
        text = re.sub(r"^<details>.*?^</details>$", "", page.read_text("utf-8"), flags=re.M | re.S)
        for block in re.findall(r"^```pycon\n.*?^```$", text, re.M | re.S):
            # Of a cell's expressions a notebook shows the last.
            last = re.split(r"^(?:>>>|\.\.\.) .*\n", block, flags=re.M)[-1].removesuffix("```")
            assert "".join(shown[code(block)].split()).endswith("".join(last.split())), block


@pytest.mark.long  # `make test` runs the guide's code as doctests, page by page
def test_the_notebook_runs_from_top_to_bottom_and_draws(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")  # as in a notebook of one's own
    maker = load("notebook")
    check_outputs(maker.run(maker.notebook()))


def check_outputs(notebook):
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == len(re.findall("pictures/", "".join(page.read_text("utf-8") for page in guide())))
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def text_of(output):
    return output.get("text") or output.get("data", {}).get("text/plain", "")


def test_every_picture_of_the_pages_is_drawn_by_the_script():
    wanted = {name for page in pages() for name in re.findall(r"pictures/(\w+)\.svg", page.read_text("utf-8"))}
    drawn = set(re.findall(r'"(\w+)"\)$', (ROOT / "docs/pictures.py").read_text("utf-8"), re.MULTILINE))
    assert wanted
    assert wanted <= drawn


def test_a_dark_page_shows_the_dark_variant_of_each_picture(tmp_path):
    offline()
    (tmp_path / "pictures").mkdir()
    for name in ("own", "own-dark"):
        (tmp_path / f"pictures/{name}.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    (tmp_path / "index.md").write_text("# Page\n\n![Words](pictures/own.svg)\n")
    (tmp_path / "conf.py").write_text('extensions = ["myst_parser", "in_the_dark"]\n')
    built = build(tmp_path)
    assert built.returncode == 0, built.stderr
    images = re.findall(r"<img[^>]*>", (tmp_path / "out/index.html").read_text("utf-8"))
    shown = [(re.search(r"[\w-]+\.svg", image)[0], re.search(r"only-\w+", image)[0]) for image in images]
    assert shown == [("own.svg", "only-light"), ("own-dark.svg", "only-dark")]
    assert all('alt="Words"' in image for image in images)


def test_the_colours_of_the_dark_are_legible_as_those_of_the_light_are():
    """The contrast ratios that WCAG 2.2 asks for: 4.5 to 1 of text, 3 to 1 of lines."""
    dark = load("pictures").DARK
    for name in ("INK", "FAINT"):
        for ground in ("CARD", "STATE", "PAPER"):
            assert contrast(dark[getattr(canvas, name)], dark[getattr(canvas, ground)]) > 4.5
    for ground in ("X", "Y", "COST"):
        assert contrast(dark[canvas.INK], dark[getattr(canvas, ground)]) > 4.5
    for name in ("INPUT", "RECURRENT", "OUTPUT"):
        colour = dark[getattr(canvas, name)]
        assert contrast(colour, "#ffffff") > 4.5  # the letters in its boxes
        assert contrast(colour, dark[canvas.CARD]) > 3
    assert contrast(dark[canvas.ERROR], dark[canvas.CARD]) > 4.5  # small numbers


def test_every_colour_of_the_drawings_has_one_for_the_dark():
    model, dark = krb.build_many_to_many((6,), units=32, output_units=4), load("pictures").DARK
    for draw in (krb.plot_unrolled, krb.plot_backpropagation, krb.plot_architecture):
        assert colours(draw(model).figure) - set(dark) <= {"#ffffff"}
    cell = colours(krb.plot_cell(model.get_layer("rnn_1").cell).figure)
    assert cell - set(dark) <= {"#ffffff"}
    assert canvas.CELL in cell


def colours(figure):
    figure.savefig(svg := StringIO(), format="svg")
    plt.close(figure)
    return set(re.findall(r"#[0-9a-f]{6}\b", svg.getvalue()))


def contrast(one, other):
    luminances = [linear(colour) @ [0.2126, 0.7152, 0.0722] for colour in (one, other)]
    return (max(luminances) + 0.05) / (min(luminances) + 0.05)


def linear(colour):
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def test_the_dark_picture_of_the_readme_is_the_light_one_in_other_colours():
    light, dark = ((ROOT / f"docs/static/unrolled{name}.svg").read_text("utf-8") for name in ("", "-dark"))
    assert load("pictures").darkened(light) == dark
    assert not [colour for colour in load("pictures").DARK if colour in dark]


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
    return sorted((ROOT / "docs/guide").glob("*.md"))


def pages():
    return [*guide(), *(ROOT / "docs/how_to").glob("*.md"), ROOT / "docs/index.md"]
