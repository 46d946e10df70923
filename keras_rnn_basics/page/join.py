"""The page's own files and what it knows of a model, as one file."""

import base64
import html
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

SOURCES = Path(__file__).parent / "browser"
IMPORT = re.compile(r'^import \{([^}]*)\} from "\./(\w+)\.js";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const|let) (\w+))", re.MULTILINE)


def page(title: str, told: dict[str, Any]) -> str:
    """The html of a page about a model."""
    parts = {
        "TITLE": html.escape(title),
        "CSS": (SOURCES / "page.css").read_text("utf-8"),
        "NETWORK": in_html(told),
        "CODE": script("main"),
    }
    whole = (SOURCES / "page.html").read_text("utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], whole)


def script(name: str) -> str:
    """A module of JavaScript and all that it imports, as one text: each keeps its names to itself, as modules do."""
    done: list[str] = []

    def take(name):
        text = (SOURCES / f"{name}.js").read_text("utf-8")
        parts = [part for _, other in IMPORT.findall(text) if other not in done for part in take(other)]
        done.append(name)
        exported = ", ".join(EXPORT.findall(text))
        text = IMPORT.sub(lambda own: f"const {{{own[1].replace(' as ', ': ')}}} = ${own[2]};\n", EXPORT.sub("", text))
        return [*parts, f"const ${name} = (() => {{\n{text}return {{ {exported} }};\n}})();\n"]

    return "\n".join(take(name))


def cells() -> list[str]:
    """The names of the cells whose equations stand in `cells.js`."""
    [names] = re.findall(r"export const CELLS = \{([^}]*)\}", (SOURCES / "cells.js").read_text("utf-8"))
    return re.findall(r"\w+", names)


def in_html(told: dict[str, Any]) -> str:
    """JSON that may stand within a script of html; an array of numbers is the base64 of its float32."""
    text = json.dumps(told, default=_array, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _array(value):
    array = np.asarray(value)
    if not isinstance(value, (np.ndarray, np.generic)):
        raise TypeError(f"{value!r} cannot stand in a page.")
    data = base64.b64encode(np.ascontiguousarray(array, "<f4").tobytes()).decode()
    return {"shape": list(array.shape), "float32": data}
