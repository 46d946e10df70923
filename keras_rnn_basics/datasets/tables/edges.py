"""What is no row at the edges of a table: units below its header, a footer below its end."""

import re
from contextlib import suppress
from typing import Any

from keras_rnn_basics.datasets.tables.table import Table

LONGEST_HEAD, LONGEST_FOOTER = 3, 50


def without_edges(table: Table, text: Any, date_format: str | None) -> slice:
    """Takes the first rows that hold neither a time nor a number off the table, and the last that hold but a text.

    Args:
        text: (N,), the times as they are written.

    Returns:
        The rows that stay.
    """
    frame, others = table.frame, table.frame.drop(columns=[*table.time])
    start, stop = 0, len(text)
    if not len(others.columns):
        return slice(start, stop)

    def is_time(row, first=0):
        return _shape(text.iloc[row]) == _shape(text.iloc[first]) or _is_time(text.iloc[row], date_format)

    if table.first:
        head = [any(re.match(r"\W*\d", str(own)) for own in row) for row in others[: LONGEST_HEAD + 1].to_numpy()]
        begin = head.index(True) if any(head) else 0
        if begin and not any(is_time(row, begin) for row in range(begin)):
            start = begin
            shown = [str(own) for own in frame.iloc[0] if own == own]
            table.notes.append(f"{table.row(0)}: {shown[:4]}, above the numbers, was passed over")
    if table.last:
        empty = others[start + 1 :][-LONGEST_FOOTER:].isna().all(axis=1)
        while len(text) - stop < len(empty) and empty.iloc[stop - len(text) - 1] and not is_time(stop - 1, start):
            stop -= 1
    if stop < len(text):
        own = text.iloc[stop]
        table.notes.append(f"{table.row(stop)}: {own if own == own else ''!r}, below the table, was passed over")
    table.below, table.frame = len(text) - stop, frame[start:stop]
    return slice(start, stop)


def _shape(own):
    return re.sub(r"\d+", "9", str(own))


def _is_time(own, date_format):
    import pandas

    if own != own:
        return False
    if date_format is not None and pandas.notna(pandas.to_datetime(own, format=date_format, errors="coerce", utc=True)):
        return True
    with suppress(ValueError, OverflowError):
        pandas.Timestamp(own)
        return True
    return bool(re.match(r"\d+[-/. :]\d+", own))
