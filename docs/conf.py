"""How the pages are built: `make docs`."""

import re
import sys
from importlib.metadata import version as installed
from pathlib import Path

from docutils import nodes
from sphinx.util import inspect

sys.path.insert(0, str(Path(__file__).parent))  # for offline.py and in_the_dark.py
project = "keras_rnn_basics"
version = release = installed("keras_rnn_basics")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton", "offline", "in_the_dark"]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 2
exclude_patterns = ["_build", "pages"]
html_math_renderer = "mathml"
html_theme = "furo"
html_title = "keras_rnn_basics"
html_show_copyright = False
html_static_path = ["static"]
html_extra_path = ["pages"]  # what docs/pictures.py writes there
html_css_files = ["pictures.css", "formulas.css"]
copybutton_prompt_text = r">>> |\.\.\. "  # what is copied is what is typed, without prompts and without what they print
copybutton_prompt_is_regexp = True
autodoc_typehints = "none"  # the docstrings say what comes and goes, with shapes
autodoc_member_order = "bysource"
napoleon_use_ivar = True


def as_markdown(app, what, name, obj, options, lines):
    """The docstrings' `code` is literal, and their * and | are letters, as in Markdown."""
    text = "\n".join(lines)
    parts = re.split(r"(`[^`]+`)", text)
    parts = [f"`{part}`" if number % 2 else re.sub(r"([*|])", r"\\\1", part) for number, part in enumerate(parts)]
    joined = "".join(parts).split("\n")
    # What Python reads stays as it is.
    lines[:] = [old if old.lstrip().startswith((">>>", "...")) else new for old, new in zip(lines, joined)]


def of_init(app, what, name, obj, options, signature, returns):
    """Keras' layers are made by a __new__ that takes anything; what they take stands at their __init__."""
    if what == "class" and signature == "(*args, **kwargs)":
        arguments = inspect.signature(obj.__init__, bound_method=True)
        return inspect.stringify_signature(arguments, show_annotation=False), returns


def without_blank_ends(app, doctree):
    """Code that a doctest reads ends with a blank line, so that ``` is no output; the page does not show it."""
    for block in doctree.findall(nodes.literal_block):
        block.rawsource = block.rawsource.rstrip()
        block[:] = [nodes.Text(block.rawsource)]


def setup(app):
    app.connect("doctree-read", without_blank_ends)
    app.connect("autodoc-process-signature", of_init)
    app.connect("autodoc-process-docstring", as_markdown, priority=400)  # before napoleon's, which is 500
