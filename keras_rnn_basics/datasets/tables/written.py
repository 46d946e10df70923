"""How the times of a table are written: one text a row, of one form; rows of units and footers are no rows."""

import re
from typing import Any

import numpy as np

from keras_rnn_basics.datasets.tables.table import Table

LONGEST_HEAD, LONGEST_FOOTER, MOST_OFFSETS = 3, 50, 3
# +01:00, +0100 and +01 behind a clock, as in "06:00 GMT+0100 (CET)" and "00:00:00 +0000 2020".
OFFSET = r"(?:T\d\d|:\d\d(?:[.,]\d+)?)(?: [AP]M)? ?(?:GMT|UTC)?([+-])(\d\d)(?::?(\d\d))?(?![\d:])"
# 00:00 - 01:00, or two moments with a bar between them.
SPAN = r"(.*\dZ?) ?(?: [-\u2013\u2014] | to |/(?=\d{4}-)|-(?=\d\d?:\d\d$))(.*\d.*)"
# The end of a day, which other clocks call 00:00 of the next one.
MIDNIGHT = r"((?:\d+[-/. ]){2}\d+[T ])24(?=(?::?00)*(?:\.0+)?(?:$| ?[Z+-]| ?UTC))"


def texts_of(table: Table, columns: list[Any], has_format: bool) -> tuple[Any, Any]:
    """-> the times, a pandas.Series of text, and where they are 00:00 of the next day.

    The first rows that hold no number (units), and the last that hold a text alone (a footer), are taken off the table.
    A span of time is its beginning; what has no clock among times that have one is midnight.

    Args:
        columns: those of the times.
        has_format: whether the user says how they are written: then digits stay as they are.
    """
    import pandas

    dates = len(columns) > 1  # beside columns of clocks
    columns = [own.dt.strftime("%Y-%m-%d") if dates and hasattr(own, "dt") else own.astype("str") for own in columns]
    text, *further = (own.str.strip() for own in columns)
    kept = _rows(table, text)
    text, further = text[kept], [own[kept] for own in further]
    if not has_format and re.match(r"\d{8} \d", str(text.iloc[0])):
        text, further = text.str[:8], [text.str[9:], *further]
    if not has_format and len(further) == 1:  # 20200101 and 100, which is 01:00
        text = text.str.replace(r"^(\d{4})(\d\d)(\d\d)$", r"\1-\2-\3", regex=True)
        further = [_clock(further[0])]
    for k, own in enumerate(further):  # of a month, a day, an hour, a minute, a second
        text = text + (":" + own.str.zfill(2) if k > 2 and not has_format else " " + own)
    if re.fullmatch(SPAN, str(text.iloc[0])):
        text = _begins(table, text)
    late = pandas.Series(False, text.index)
    # The expressions are slow, and most rows need none.
    odd = np.fromiter(
        (len(own) <= 10 or "24" in own[6:14] for own in text.fillna("").to_numpy(object)), bool, len(text)
    )
    if not odd.any():
        return text, late
    bare = odd & text.str.fullmatch(r"[\d./-]{8,10}").fillna(False)
    clocks = text[~bare].str.extract(r"[ T](\d\d?:\d\d)(:\d\d)?")
    if bare.any() and len(clocks) and clocks[0].notna().all():
        text = text.mask(bare, text + " 00:00" + ":00" * int(clocks[1].notna().all()))
    late = text.str.match(MIDNIGHT).fillna(False)
    if late.any():
        tell_midnight(table, text[late])
        text = text.str.replace(MIDNIGHT, r"\g<1>00", regex=True)
    return text, late


def tell_midnight(table: Table, late: Any) -> None:
    """Notes that times such as 24:00 are of the next day."""
    table.notes.append(f"{late.iloc[0]!r} was read as 00:00 of the next day")


def _rows(table, text):
    """Which rows are rows; the table loses the others."""
    frame, others = table.frame, table.frame.drop(columns=[*table.time])
    start, stop = 0, len(text)
    if not len(others.columns):
        return slice(start, stop)

    def shape(row):
        return re.sub(r"\d+", "9", str(text.iloc[row]))

    head = [any(re.match(r"\W*\d", str(own)) for own in row) for row in others[: LONGEST_HEAD + 1].to_numpy()]
    if any(head) and (begin := head.index(True)) and shape(begin) not in map(shape, range(begin)):
        start = begin
        shown = [str(own) for own in frame.iloc[0] if own == own]
        table.notes.append(f"{table.row(0)}: {shown[:4]}, above the numbers, was passed over")
    empty = others[start + 1 :][-LONGEST_FOOTER:].isna().all(axis=1)
    while len(empty) and empty.iloc[stop - len(text) - 1] and shape(stop - 1) != shape(start):
        stop -= 1
        if len(text) - stop == len(empty):
            break
    if stop < len(text):
        table.notes.append(f"{table.row(stop)}: {text.iloc[stop]!r}, below the table, was passed over")
    table.below, table.frame = len(text) - stop, frame[start:stop]
    return slice(start, stop)


def _begins(table, text):
    """The beginnings of spans of time."""
    ends = text.str.extract(SPAN)[1]
    # Of 09:00-10:00 the second clock may be an offset; but no table has many of these.
    offsets = text.str.extract(OFFSET)[0].notna()
    if ends.isna().any() or (offsets.all() and ends.nunique() <= MOST_OFFSETS):
        return text
    table.notes.append(f"{text.iloc[0]!r} is a span of time: such rows stand at its beginning")
    return text.str.replace(SPAN, r"\1", regex=True)


def _clock(text):
    """Digits of the time of day with colons between them, as wide as the widest: 5, 1300 -> 00:05, 13:00."""
    if not text.str.fullmatch(r"\d{1,6}").all():
        return text
    width = -(-int(text.str.len().max()) // 2) * 2
    clock = text.str.zfill(width).str.replace(r"\d\d(?=\d)", r"\g<0>:", regex=True)
    return clock + ":00" * (width == 2)
