"""Sentence pairs for translation: dates written in two languages, or the user's own pairs, tab-separated or csv."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np

from keras_rnn_basics import checks
from keras_rnn_basics.datasets.bounded import MAX_BYTES
from keras_rnn_basics.datasets.media.pairs import read_pairs
from keras_rnn_basics.datasets.parts import Parts, tell

FIRST, LAST = date(1900, 1, 1), date(2099, 12, 31)
# Names of a locale's own styles, and patterns in the letters of the CLDR, which every locale can fill in.
STYLES = ("full", "long", "medium", "EEE, MMM d, y", "EEEE d MMMM y", "y-MM-dd")


def load(
    data: Any = None,
    source: str = "en",
    target: str = "fr",
    columns: Sequence[str | int] | None = None,
    held_out: int = 2000,
    seed: int = 0,
    max_bytes: int = MAX_BYTES,
) -> Parts[tuple[tuple[str, str], ...]]:
    """Sentence pairs, shuffled and split: dates in two languages, or the user's own.

    Each part holds pairs (source sentence, target sentence). No source sentence is in two of the parts.

    Without data: the 73,049 days from 1900 to 2099, each written once. The style in the source language is drawn at
    random from several. The style in the target language names the weekday if the source does, and otherwise does not.

    Args:
        data: the user's own UTF-8 file, plain or packed (gz, bz2, xz, or zip of one file), one pair per line: source,
            tab, target, or as Anki exports its notes. A name that ends in .csv has commas or semicolons instead, and
            quotes. Or a list of two files, a line of the one for a line of the other. Or a `pandas.DataFrame`. Blank
            lines are ignored; pairs with an empty side are left out, and a warning says so.
        source, target: two of Babel's locales, such as "en", "de" or "pt_BR"; with data, names for the two sides.
        columns: which two columns are the source and the target: their names in the first line, which is then no pair,
            or their numbers from 0 on, and then every line is a pair. `None`: the first two columns, which must look
            like sentences.
        held_out: number of source sentences for validation, and the same number for the test; with data, at most a
            tenth of the sentences for each, and at least one.
        seed: seed of the shuffling and of the styles.
        max_bytes: the most bytes that a packed file may unpack to, and the most memory that the pairs may take.

    Raises:
        ImportError: without data, if Babel is not installed.
        FileNotFoundError: if the file does not exist.
        ValueError: for an unknown locale; for a held_out of a third of the dates or more; for a file that is not UTF-8
            text, has a line without two sides, too few pairs to split, ids where the sentences should be, or a first
            line that looks like a header. The error names the file, the line, and the columns to give.

    >>> pairs = load()
    >>> len(pairs.train), len(pairs.validation), len(pairs.test), pairs.names
    (69049, 2000, 2000, ('English', 'French'))
    >>> [pair for pair in pairs.train if pair[1].endswith(" 5 janvier 2026")]
    [('Mon, Jan 5, 2026', 'lundi 5 janvier 2026')]
    """
    checks.positive_integer("held_out", held_out)
    checks.integer("seed", seed, 0)
    checks.positive_integer("max_bytes", max_bytes)
    rng = np.random.default_rng(seed)
    if data is None:
        dates = (LAST - FIRST).days + 1
        if 3 * held_out >= dates:
            raise ValueError(f"held_out must be smaller than a third of the {dates} dates, got {held_out}.")
        pairs, names, origin = _write_dates(source, target, rng)
        return Parts(*_split(pairs, held_out, rng), names, origin)
    pairs, origin, notes = read_pairs(data, columns, max_bytes)
    tell(notes)
    sources = len({sentence for sentence, _ in pairs})
    if sources < 3:
        raise ValueError(f"{origin} has {sources} different source sentences; a split takes at least 3, one per part.")
    held_out = min(held_out, max(1, sources // 10))
    how = f"{len(pairs)} pairs of {sources} sources, {held_out} held out for validation, {held_out} for test"
    return Parts(*_split(pairs, held_out, rng), (source, target), f"{origin}: {how}", tuple(notes))


def _split(pairs, held_out, rng) -> tuple[Any, Any, Any]:
    """-> train, validation, test: all pairs of a source sentence are in one part, so that nothing leaks."""
    by_source: dict[str, list[tuple[str, str]]] = {}
    for pair in pairs:
        by_source.setdefault(pair[0], []).append(pair)
    groups = list(by_source.values())
    groups = [groups[i] for i in rng.permutation(len(groups))]
    parts = groups[2 * held_out :], groups[:held_out], groups[held_out : 2 * held_out]
    train, validation, test = (tuple(pair for group in part for pair in group) for part in parts)
    return train, validation, test


def _write_dates(source, target, rng):
    """-> the pairs in the order of the dates, the names of the two languages, and the origin of the pairs."""
    try:
        import babel
        from babel.dates import parse_pattern
    except ImportError as error:
        raise ImportError(
            "Babel writes the dates: pip install 'keras_rnn_basics[examples]', or give the path of your own pairs."
        ) from error
    languages = [_locale(babel, side, name) for side, name in (("source", source), ("target", target))]
    own, answers = (language.date_formats for language in languages)
    # A pattern that is also the locale's own style counts once.
    by_text = {str(pattern): pattern for pattern in (parse_pattern(own.get(style, style)) for style in STYLES)}
    patterns = list(by_text.values())
    # If the source does not name the weekday, the target must not either: computing it is not a task for a translator.
    forms = [answers["full" if re.search(r"%\([Eec]", str(pattern.format)) else "long"] for pattern in patterns]
    days = [date.fromordinal(day) for day in range(FIRST.toordinal(), LAST.toordinal() + 1)]
    pairs = [
        (patterns[style].apply(day, languages[0]), forms[style].apply(day, languages[1]))
        for day, style in zip(days, rng.integers(len(patterns), size=len(days)))
    ]
    own_name, other_name = (language.english_name or str(language) for language in languages)
    origin = f"Babel {babel.__version__} (Unicode CLDR): the days from {FIRST} to {LAST} in {own_name} and {other_name}"
    return pairs, (own_name, other_name), origin


def _locale(babel, side, name):
    try:
        return babel.Locale.parse(name)
    except (babel.UnknownLocaleError, ValueError, TypeError) as error:
        raise ValueError(
            f"{side} must be a locale that Babel knows, such as 'en', 'de' or 'pt_BR', got {name!r}."
        ) from error
