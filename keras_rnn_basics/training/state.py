"""The state of a run in one file, which appears whole or not at all, and is read back only as it was written."""

import hashlib
import json
from pathlib import Path
from typing import Any, cast

import numpy as np

from keras_rnn_basics.atomic import atomic

State = dict[str, Any]
Arrays = dict[str, list[np.ndarray]]


def write(path: Path, state: State, arrays: Arrays) -> None:
    """Writes what JSON can say, and lists of arrays by their names."""
    text = json.dumps(state)
    named: dict[str, Any] = {f"{name}/{i}": array for name, own in arrays.items() for i, array in enumerate(own)}
    with atomic(path) as half, half.open("wb") as file:
        np.savez(file, state=np.array(text), digest=np.array(_digest(text, named)), **named)


def read(path: Path) -> tuple[State, Arrays]:
    """What `write` wrote; a ValueError that says what to do, if this file is not that."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            named = {name: file[name] for name in file.files}
        text, digest = str(named.pop("state")), str(named.pop("digest"))
        if digest != _digest(text, named):
            raise ValueError("its checksum is another one than it was written with")
        state, arrays = json.loads(text), cast(Arrays, {})
        for name, array in named.items():  # in the order in which they were written
            arrays.setdefault(name.partition("/")[0], []).append(array)
    except Exception as error:  # a zip file can be broken in many ways
        raise ValueError(
            f"{path} cannot be read as the state of a run: it is damaged, or krb.fit did not write it ({error}). "
            f"Delete it to begin the run anew, or choose another run_dir. {path.parent / 'best.weights.h5'} and "
            f"{path.parent / 'log.csv'}, where they exist, are not affected."
        ) from error
    return state, arrays


def _digest(text, named):
    digest = hashlib.sha256(text.encode())
    for name, array in named.items():
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
