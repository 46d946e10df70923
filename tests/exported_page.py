"""The code of docs/how_to/export.md that needs further packages, run as it stands."""

import re
from pathlib import Path

import numpy as np

import keras_rnn_basics as krb

PAGE = Path(__file__).parent.parent / "docs/how_to/export.md"


def check_section(title):
    """Runs the blocks of one section; their last answers are those of the model."""
    [section] = re.findall(rf"^## {title}$(.*?)^## ", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    model = krb.build_many_to_many((3,), units=8, output_units=2)
    x = np.random.default_rng(0).normal(size=(4, 9, 3)).astype("float32")
    named = {"krb": krb, "np": np, "model": model, "x": x}
    for block in re.findall(r"```python\n(.*?)```", section, re.DOTALL):
        exec(block, named)
    np.testing.assert_allclose(named["y"], model(x), atol=1e-5)
    np.testing.assert_allclose(named["y_t"], model(x)[:, -1], atol=1e-5)
