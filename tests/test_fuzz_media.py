"""Damaged files of text, pairs, sound and images: each loads, or gives an error of ours, soon and in little memory."""

import gzip
import time
import warnings

import numpy as np
import pytest
from everyday import cases
from PIL import Image

from keras_rnn_basics.datasets import dates, frames, sentences, voices

SECONDS = 5.0
EVERYDAY, ALL = range(50), range(50, 200)


def damaged(content, rng):
    """The bytes with one to three faults: bytes changed, cut out, doubled, put in, or the end cut off."""
    content = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        if not content:
            break
        start = int(rng.integers(len(content)))
        stop = min(len(content), start + int(rng.integers(1, 1 + max(1, len(content) // 8))))
        kind = rng.integers(6)
        if kind == 0:
            content[start] = rng.integers(256)
        elif kind == 1:
            del content[start:stop]
        elif kind == 2:
            content[start:start] = content[start:stop]
        elif kind == 3:
            content[start:start] = rng.bytes(stop - start)
        elif kind == 4:
            del content[start:]
        else:
            content[start:stop] = bytes(stop - start)
    return bytes(content)


def text(folder):
    path = folder / "own.txt"
    path.write_text("".join(f"Line {k}: déjà vu.\r\n" for k in range(200)), encoding="utf-8")
    return path, lambda: sentences.load(path)


def packed_text(folder):
    path = folder / "own.txt.gz"
    path.write_bytes(gzip.compress("".join(f"Line {k}: déjà vu.\n" for k in range(200)).encode()))
    return path, lambda: sentences.load(path)


def pairs(folder):
    path = folder / "pairs.tsv"
    path.write_text("".join(f"A cat, {k}.\tUn chat, {k}.\n" for k in range(60)), encoding="utf-8")
    return path, lambda: dates.load(path)


def csv_pairs(folder):
    path = folder / "pairs.csv"
    path.write_text("".join(f'"A ""cat"", {k}.","Un chat, {k}."\n' for k in range(60)), encoding="utf-8")
    return path, lambda: dates.load(path)


def arrays(folder):
    path = folder / "own.npz"
    labels = np.arange(48).reshape(12, 4) % 2
    np.savez(path, frames=np.random.default_rng(0).random((12, 4, 3, 3)), labels=np.where(labels, "cup", "tea"))
    return path, lambda: frames.load(path)


def array(folder):
    np.save(folder / "frames.npy", np.random.default_rng(0).random((12, 4, 3, 3)))
    np.save(folder / "labels.npy", np.arange(12) % 2)
    return folder / "labels.npy", lambda: frames.load(folder / "frames.npy", folder / "labels.npy", length=3)


def anki(folder):
    path = folder / "notes.txt"
    above = "#separator:semicolon\n#html:true\n#deck column:1\n"
    path.write_text(above + "".join(f'D;"A ""cat"", {k}.";Un chat {k}\n' for k in range(60)), encoding="utf-8")
    return path, lambda: dates.load(path, columns=(1, 2))


def images(suffix):
    def write(folder):
        for sequence in range(10):
            for label in "ab":
                path = folder / f"video_{sequence}/{ord(label)}_{label}{suffix}"
                path.parent.mkdir(exist_ok=True)
                pixels = np.random.default_rng(0).integers(256, size=(6, 5, 3), dtype="uint8")
                Image.fromarray(pixels).save(path)
        return folder / f"video_3/97_a{suffix}", lambda: frames.load(folder)

    return pytest.param(write, id=suffix)


def sound(suffix):
    def write(folder):
        soundfile = pytest.importorskip("soundfile")
        for label in "ab":
            for speaker in range(3):
                path = folder / f"{label}/{label}_{speaker}{suffix}"
                path.parent.mkdir(exist_ok=True)
                soundfile.write(path, 0.3 * np.sin(np.arange(2000) / 5), 8000)
        return path, lambda: voices.load(folder, speaker=lambda file: file.name, folds=2)

    return pytest.param(write, id=suffix)


@pytest.mark.parametrize("seeds", cases([EVERYDAY, ALL], [EVERYDAY]), ids=["everyday", "all"])
@pytest.mark.parametrize(
    "write",
    [
        text,
        packed_text,
        pairs,
        csv_pairs,
        anki,
        arrays,
        array,
        *map(images, (".png", ".jpg", ".gif")),
        *map(sound, (".wav", ".flac", ".mp3")),
    ],
)
def test_a_damaged_file_loads_or_is_an_error_that_names_it(tmp_path, write, seeds):
    path, load = write(tmp_path)
    load()
    content = path.read_bytes()
    for seed in seeds:
        path.write_bytes(damaged(content, np.random.default_rng(seed)))
        began = time.monotonic()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is left out is told so
            try:
                load()
            except ValueError as error:
                message = str(error)
                assert str(tmp_path) in message or "left out" in message, f"seed {seed}: {message}"
        assert time.monotonic() - began < SECONDS, f"seed {seed}"
