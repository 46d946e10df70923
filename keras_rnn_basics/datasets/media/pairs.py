"""Pairs of sentences out of the user's own files or frame; what looks like an id or a header is asked about."""

import csv
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice, takewhile, zip_longest
from pathlib import Path
from typing import Any

from keras_rnn_basics.datasets.bounded import own_path, refuse_beyond
from keras_rnn_basics.datasets.media.labels import counted
from keras_rnn_basics.datasets.media.text import lines

FEWEST_PAIRS = 10
LOOKED_AT = 1000  # rows, before the others are read
TIMES = 10  # or more, each cell of a column comes if it is a mark, such as of the language
PAIR_BYTES = 200  # that Python takes for a pair besides its text
IDS = {"numbers": r"[\d.,:/ -]+", "addresses": r"https?://\S+", "words": r"(?=\S*\d)\S{6,}"}
ODD = re.compile(r'</?[a-z][^<>]*>|&#?\w+;|\[sound:|^".*"".*"$', re.IGNORECASE)
# Anki writes #separator:tab and the like above its notes, Excel sep=; above its csv, dict.cc comments: # DE-EN.
ABOVE = re.compile(r"#separator:(.+)|sep=(.)$|#(?:html|columns|(?:notetype|deck|tags|guid)(?: column)?):|#\s")
SEPARATORS = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "colon": ":", "space": " "}
# What stands above a column of sentences, whatever the sentences are.
HEADINGS = frozenset(
    re.findall(
        r"\w+",
        """id source target src tgt trg input output question answer text sentence sentences word words phrase phrases
        translation original lang
        en de fr es it pt nl ru zh ja ko ar pl sv tr english german french spanish italian portuguese dutch russian
        chinese japanese korean arabic polish swedish turkish hindi deutsch englisch français anglais español""",
    )
)


def read_pairs(
    data: Any, columns: Sequence[str | int] | None, max_bytes: int
) -> tuple[list[tuple[str, str]], str, list[str]]:
    """-> the pairs, a few words on where they come from, and what is to be told.

    Raises:
        FileNotFoundError, ValueError: as `dates.load` says.
    """
    _check_columns(columns)
    rows: Iterator[tuple[int, list[str]]]
    notes: list[str] = []
    shown, header, step = str(data), None, "line"
    if hasattr(data, "itertuples"):
        shown, header, step = "The frame", [str(name) for name in data.columns], "row"
        rows = enumerate(["" if cell != cell else str(cell) for cell in row] for row in data.itertuples(index=False))
        if len(header) < 2:
            raise ValueError(
                f"The frame has the columns {header}; a pair takes two. Of a column of dicts, "
                "pandas.json_normalize(list(column)) makes them."
            )
    elif isinstance(data, (list, tuple)) and len(data) == 2 and all(isinstance(own, (str, Path)) for own in data):
        shown = f"{data[0]} and {data[1]}"
        rows = _side_by_side([Path(own) for own in data], max_bytes)
    else:
        kinds = "a file of pairs, a list of two files of as many lines, or a frame such as pandas.DataFrame(pairs)"
        rows = _rows_of(own_path(data, kinds), notes, max_bytes)
    looked_at = list(islice(rows, LOOKED_AT))
    if not looked_at:
        raise ValueError(f"{shown} is empty; write one pair per {step}: source, tab, target.")
    rows = chain(looked_at, rows)
    places = (0, 1)
    if columns is None:
        _refuse_ids_and_headers(shown, header, [row for _, row in looked_at])
    elif isinstance(columns[0], int):
        places = (int(columns[0]), int(columns[1]))
    else:
        header = header or [cell.strip() for cell in next(rows)[1]]
        if absent := [name for name in columns if name not in header]:
            raise ValueError(f"{shown} has no column {absent[0]!r}; its columns are {header}.")
        places = (header.index(str(columns[0])), header.index(str(columns[1])))
    pairs, bare, taken = [], [], 0
    for number, row in rows:
        pair = _pair(f"{shown}, {step} {number}", row, places)
        if not all(pair):
            bare.append(str(number))
            continue
        taken += sys.getsizeof(pair[0]) + sys.getsizeof(pair[1]) + PAIR_BYTES
        refuse_beyond(shown, taken, max_bytes)
        pairs.append(pair)
    if bare:
        notes.append(f"{shown}: a side is empty in {step} {counted(bare)}; these pairs are left out.")
    if len(pairs) < FEWEST_PAIRS:
        few = f"{shown} has {len(pairs)} pairs; training, validation and test take at least {FEWEST_PAIRS}."
        raise ValueError(" ".join([*notes, few]))
    if odd := next((cell for pair in pairs[:LOOKED_AT] for cell in pair if ODD.search(cell)), None):
        notes.append(
            f"{shown}: {odd[:60]!r} seems to hold marks of HTML or doubled quotes, which are read as text. (Quotes are "
            "undone where the name ends in .csv.)"
        )
    width = len(looked_at[0][1])
    names = [header[k] if header else k for k in places]
    return pairs, f"{shown}, columns {names[0]} and {names[1]} of {width}" if width > 2 else shown, notes


def _check_columns(columns):
    own = tuple(columns) if isinstance(columns, (list, tuple)) else ()
    kinds = {type(column) for column in own}
    right = kinds == {str} or (kinds == {int} and min(own) >= 0)
    if columns is not None and not (right and len(own) == len(set(own)) == 2):
        raise ValueError(
            f"columns must be two names in the first line, or two numbers of columns from 0 on, got {columns!r}."
        )


def _side_by_side(paths, max_bytes):
    """(number of the line, the line of each file) of two files."""
    for number, row in enumerate(zip_longest(*(lines(path, max_bytes) for path in paths)), 1):
        if None in row:
            ended = row.index(None)
            raise ValueError(
                f"{paths[ended]} has {number - 1} lines, {paths[1 - ended]} has more: two files of pairs have as many."
            )
        yield number, list(row)


def _rows_of(path, notes, max_bytes):
    """(number of its line, its cells) of every line that is not blank."""
    text = lines(path, max_bytes)
    begin = list(islice(text, LOOKED_AT))
    above = list(takewhile(ABOVE.match, begin))
    begin = begin[len(above) :]
    if comments := [line for line in above if line[1:2].isspace()]:
        notes.append(f"{path}: {len(comments)} comments at its top are passed over, the first: {comments[0][:60]!r}.")
    named = [own[1] or own[2] for own in map(ABOVE.match, above) if own and own.lastindex]
    is_csv = bool(named) or ".csv" in (suffix.lower() for suffix in path.suffixes)
    delimiter = (
        "\t" if not is_csv else SEPARATORS.get(named[0].strip().lower(), named[0][:1]) if named else _delimiter(begin)
    )
    written = map("{}\n".format, chain(begin, text))
    quoting: Any = csv.QUOTE_MINIMAL if is_csv else csv.QUOTE_NONE
    reader = csv.reader(written, delimiter=delimiter, quoting=quoting, strict=is_csv)
    width = 0
    try:
        for row in reader:
            if not any(map(str.strip, row)):
                continue
            width, number = width or len(row), len(above) + reader.line_num
            if is_csv and len(row) != width:
                raise ValueError(
                    f"{path}, line {number} has {len(row)} cells, the first {width}: a sentence that holds "
                    f"{delimiter!r} must stand in quotes."
                )
            yield number, row
    except csv.Error as error:
        raise ValueError(f"{path}, line {len(above) + reader.line_num}: {error}.") from error


def _delimiter(begin):
    """The one at which most of the lines fall into as many cells as the first."""

    def alike(delimiter):
        widths: list[int] = []
        reader = csv.reader(begin, delimiter=delimiter, strict=True)
        with suppress(csv.Error):  # quotes in the middle of a cell
            widths.extend(len(row) for row in reader if row)
        return sum(width == widths[0] > 1 for width in widths)

    return max("\t;,", key=alike)


def _pair(place, row, places):
    if len(row) <= max(places):
        if len(row) == 1:
            raise ValueError(
                f"{place}: {row[0][:40]!r} has no tab; write: source, tab, target. Commas are read where the name ends "
                "in .csv; two files, a line of one for a line of the other, as load([source_file, target_file]); and "
                "what else pandas reads, such as a spreadsheet or JSON, as load(frame)."
            )
        raise ValueError(f"{place} has {len(row)} cells, but there is to be a column {max(places)}, counted from 0.")
    source, target = (row[k].strip() for k in places)
    if "\n" in source + target:
        source, target = (re.sub(r"\s*\n\s*", " ", side) for side in (source, target))
    return source, target


def _refuse_ids_and_headers(shown, header, rows):
    first, others = (None, rows) if header else (rows[0], rows[1:])
    width = min(map(len, rows))
    if width < 2:
        return
    cells = {k: [row[k].strip() for row in others] for k in range(width)}

    def name(*places):
        names = header or (first if _is_header(first, others) else None)
        return tuple(names[k].strip() if names else k for k in places)

    odd = {k: found for k, own in cells.items() if (found := _no_sentences(own))}
    if 0 in odd or 1 in odd:
        worst, would_do = min(odd), [k for k in cells if k not in odd][:2]
        way_out = f"name the two columns of sentences: columns={name(*would_do)}"
        if len(would_do) < 2:
            way_out = f"if they are the sentences, say so: columns={name(0, 1)}"
        raise ValueError(f"{shown}: column {name(worst)[0]!r} {odd[worst]}; {way_out}.")
    if first and _is_header(first, others):
        raise ValueError(
            f"{shown}, line 1: {first[0].strip()!r} and {first[1].strip()!r} look like a header, which is no pair. "
            f"columns={name(0, 1)} reads them as one; columns=(0, 1) takes every line for a pair."
        )


def _no_sentences(cells):
    """Why the cells of a column are no sentences, or None."""
    if len(cells) < FEWEST_PAIRS - 1:
        return None
    for kind, pattern in IDS.items():
        if sum(re.fullmatch(pattern, cell) is not None for cell in cells) > len(cells) / 2:
            return f"holds {kind} such as {cells[0]!r}, which look like ids and not like sentences"
    if (own := len(set(cells))) <= 1 + len(cells) // TIMES:
        return f"holds {cells[0]!r} " + ("in every line" if own == 1 else "and the like again and again, as marks are")
    return None


def _is_header(first, others):
    if len(first) < 2:
        return False
    if all(set(re.findall(r"\w+", cell.casefold())) <= HEADINGS for cell in first[:2]):
        return True

    def are_words(row):
        return all(re.fullmatch(r"[\w-]+", cell.strip()) for cell in row[:2])

    return are_words(first) and sum(map(are_words, others)) < len(others) / 10
