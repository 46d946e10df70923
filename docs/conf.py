"""How the pages are built: `make docs`."""

from importlib.metadata import version as installed

project = "keras_rnn_basics"
version = release = installed("keras_rnn_basics")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx.ext.napoleon"]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 2
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "keras_rnn_basics"
html_static_path = ["static"]
html_css_files = ["pictures.css"]
autodoc_typehints = "none"  # the docstrings say what comes and goes, with shapes
autodoc_member_order = "bysource"
