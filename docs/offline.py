"""The pages need no network: formulas become MathML, which browsers draw, and nothing is loaded from another host.

An extension of Sphinx, named in conf.py.
"""

import re
from html.parser import HTMLParser
from pathlib import Path

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.errors import ExtensionError

UNKNOWN = re.compile(r"\\|&(?!#?\w+;)")  # a command, or a mark of a column, that was left as it is
OUTSIDE = re.compile(r"\s*(https?:)?//", re.IGNORECASE)
LOADED_BY_CSS = re.compile(r"""(?:url\(|@import)\s*["']?\s*((?:https?:)?//[^"')\s]+)""", re.IGNORECASE)


def mathml(tex, display):
    """TeX as MathML; `display` is "inline" or "block".

    Raises:
        ValueError: for a command that the converter does not know, which would stand on the page as it is.
    """
    answer = convert(tex.replace("{aligned}", "{split}"), display=display)  # the name under which it knows aligned
    if UNKNOWN.search(answer):
        raise ValueError(f"latex2mathml does not know all of this formula: {tex}")
    return answer.replace("<mo>&#x0005E;</mo>", '<mo stretchy="false">&#x002C6;</mo>')  # a hat as wide as its letter


class Loads(HTMLParser):
    """Collects in `outside` what a page would load from another host; links that a reader may follow are not loaded."""

    def __init__(self, html):
        super().__init__()
        self.outside = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        loads = {"src", "srcset", "poster", "data"} | ({"href"} if tag in ("link", "image", "use") else set())
        self.outside += [value for name, value in attrs if name in loads and OUTSIDE.match(value or "")]


def loads_from_outside(folder):
    """From each built page or style sheet that loads something from another host to what it loads."""
    found = {path: Loads(path.read_text("utf-8")).outside for path in sorted(Path(folder).rglob("*.html"))}
    found |= {path: LOADED_BY_CSS.findall(path.read_text("utf-8")) for path in sorted(Path(folder).rglob("*.css"))}
    return {path: addresses for path, addresses in found.items() if addresses}


def visit_inline(translator, node):
    translator.body.append(mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def visit_block(translator, node):
    translator.body.append(f'<div class="math">{mathml(node.astext(), "block")}</div>\n')
    raise nodes.SkipNode


def check(app, exception):
    """The build fails where a page would need the network."""
    found = loads_from_outside(app.outdir) if exception is None else {}
    if found:
        raise ExtensionError(f"Pages must load nothing from another host: {found}")


def setup(app):
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    app.connect("build-finished", check)
