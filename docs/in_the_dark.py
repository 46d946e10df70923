"""Of each picture that `docs/pictures.py` drew, a light page shows one file and a dark page the other.

An extension of Sphinx, named in conf.py; furo knows the two classes, for its switch and for the reader's own choice.
"""

from docutils import nodes
from sphinx.transforms import SphinxTransform


class LightAndDark(SphinxTransform):
    """Puts a picture's dark variant beside each picture."""

    default_priority = 500

    def apply(self, **kwargs):
        for light in list(self.document.findall(nodes.image)):
            name, of_ours, _ = light["uri"].partition(".svg")
            if of_ours and "pictures/" in name:
                dark = light.deepcopy()
                dark["uri"] = f"{name}-dark.svg"
                light["classes"].append("only-light")
                dark["classes"].append("only-dark")
                light.parent.insert(light.parent.index(light) + 1, dark)


def setup(app):
    app.add_transform(LightAndDark)
    return {"parallel_read_safe": True}
