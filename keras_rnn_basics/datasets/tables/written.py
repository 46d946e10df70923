"""How the times of a table are written: one text a row, of one form."""

import re
from functools import reduce
from typing import Any

import numpy as np

from keras_rnn_basics.datasets.tables.edges import without_edges
from keras_rnn_basics.datasets.tables.table import Table

# +01:00, +0100 and +01 behind a clock, as in "06:00 GMT+0100 (CET)" and "00:00:00 +0000 2020".
OFFSET = r"(?:[T ]\d{2,6}|:\d\d(?:[.,]\d+)?|h\d\d)(?: [AP]M)? ?(?:GMT|UTC)?([+-])(\d\d)(?::?(\d\d))?(?![\d:])"
LARGEST_OFFSET = 14 * 60
# 00:00 - 01:00, or two moments with a bar between them.
SPAN = r"(.*\dZ?) ?(?: - | ?[\u2013\u2014] ?| to |/(?=\d{4}-)|-(?=\d\d?:\d\d$))(.*\d.*)"
BARE = r"\d{4}([-/.])\d\d?\1\d\d?|\d\d?([-/.])\d\d?\2\d{4}|\d{8}"
CLOCK = r"(\d\d?):(\d\d)"
# The end of a day, which other clocks call 00:00 of the next one.
MIDNIGHT = r"((?:\d+[-/. ]){2}\d+[T ])24(?=(?::?00)*(?:\.0+)?(?:$| ?[Z+-]| ?UTC))"


def texts_of(table: Table, columns: list[Any], date_format: str | None) -> tuple[Any, Any]:
    """-> the times, a pandas.Series of text, and where they are 00:00 of the next day.

    A span of time is its beginning; what has no clock among times that have one is midnight, if no other says so.

    Args:
        columns: those of the times.
        date_format: how they are written, if the user says it: then digits stay as they are.
    """
    dates = len(columns) > 1  # beside columns of clocks
    columns = [own.dt.strftime("%Y-%m-%d") if dates and hasattr(own, "dt") else own.astype("str") for own in columns]
    columns = [own.str.strip() for own in columns]
    kept = without_edges(table, columns[0], date_format)
    columns = [own[kept] for own in columns]
    text = _joined_by(" ", columns) if date_format else _joined(table, columns)
    if re.fullmatch(SPAN, str(text.iloc[0])) and not re.search(" [-\u2013\u2014] | to ", date_format or ""):
        text = _begins(table, text)
    # The expressions are slow, and most rows need none.
    plain = text.fillna("").to_numpy(object)
    if not any(len(own) <= 10 or " 24" in own or "T24" in own for own in plain):
        return text, np.zeros(len(text), bool)
    return _of_midnight(table, _with_clocks(text), date_format)


def tell_midnight(table: Table, late: Any) -> None:
    """Notes that times such as 24:00 are of the next day."""
    table.notes.append(f"{late.iloc[0]!r} was read as 00:00 of the next day")


def _joined_by(sign, columns):
    return reduce(lambda left, right: left + sign + right, columns)


def _joined(table, columns):
    """Years, months, days, hours, minutes and seconds of columns of their own; or dates, and what follows them."""
    text, *further = columns
    if re.match(r"\d{8} \d", str(text.iloc[0])):
        text, further = text.str[:8], [text.str[9:], *further]
    if not further:
        return text
    if not re.fullmatch(BARE, str(text.iloc[0])):
        day, clock = _joined_by(" ", [text, *further[:2]]), further[2:]
    else:  # 20200101 and 100, which is 01:00
        day, clock = text.str.replace(r"^(\d{4})(\d\d)(\d\d)$", r"\1-\2-\3", regex=True), further
    if not clock:
        return day
    if len(clock) == 1:
        return day + " " + _clock(table, table.time[-1], clock[0])
    return day + " " + _joined_by(":", [own.str.zfill(2) for own in clock])


def _clock(table, name, text):
    """Digits of the time of day with colons between them, as wide as the widest: 5, 1300 -> 00:05, 13:00."""
    if not text.str.fullmatch(r"\d{1,6}").all():
        return text
    if re.search("sec|sod", name.lower()):
        date = f"frame[{table.time[0]!r}]"
        own = f"{date} = pandas.to_datetime({date}) + pandas.to_timedelta(frame[{name!r}], unit='s')"
        raise table.error(0, name, f"{text.iloc[0]!r} seems to count seconds. Hand over a frame: {own}")
    width = -(-int(text.str.len().max()) // 2) * 2
    clock = text.str.zfill(width).str.replace(r"\d\d(?=\d)", r"\g<0>:", regex=True)
    if width > 2:
        return clock
    table.notes.append(f"column {name!r}: {text.iloc[0]!r} was read as the hour {clock.iloc[0]}:00")
    return clock + ":00"


def _begins(table, text):
    """The beginnings of spans of time."""
    both = text.str.extract(SPAN)
    first, last = str(both[0].iloc[0]), str(both[1].iloc[0])
    if both[1].isna().any():
        return text
    if re.fullmatch(BARE, first) and re.match(r"\d\d?:\d\d", last):  # a date - a clock
        return both[0] + " " + both[1]
    if text.str.contains(r"-\d\d?:\d\d$").all():
        begins, ends = (60 * own[0].astype(float) + own[1].astype(float) for own in map(_clocks, (both[0], both[1])))
        alike = ((ends - begins) % (24 * 60)).nunique() == 1
        # Of 09:00-10:00 the second clock may be an offset from UTC.
        if not (ends > LARGEST_OFFSET).any() and (ends % 15 == 0).all() and not (alike and ends.nunique() > 1):
            return text
    table.notes.append(f"{text.iloc[0]!r} is a span of time: such rows stand at its beginning")
    return both[0]


def _clocks(text):
    return text.str.extract(CLOCK + "$")


def _with_clocks(text):
    """Dates without a clock, as R and Excel write midnight, among times of which none is written 00:00."""
    bare = text.str.fullmatch(r"[\d./-]{8,10}").fillna(False)
    clocks = text[~bare].str.extract(r"[ T](\d\d?:\d\d)(:\d\d)?")
    explicit = clocks[0].isin(["00:00", "0:00"]) & (clocks[1].fillna(":00") == ":00")
    days = text.str.replace(r"[ T].*", "", regex=True)
    amid = bare & (days == days.shift()) & (days == days.shift(-1))  # a clock that was lost
    if not bare.any() or not len(clocks) or clocks[0].isna().any() or explicit.any() or amid.any():
        return text
    return text.mask(bare, text + " 00:00" + ":00" * int(clocks[1].notna().all()))


def _of_midnight(table, text, date_format):
    pattern = MIDNIGHT
    if date_format is not None:
        before, hour, _ = date_format.partition("%H")
        if not hour or (before and before[-1] not in " T"):
            return text, np.zeros(len(text), bool)
        tokens = len(re.findall("[ T]", before))
        pattern = rf"^((?:[^ T]+[ T]){{{tokens}}})24(?=(?::?00)*(?:\.0+)?(?:$|[ Z+-]))"
    late = text.str.match(pattern).fillna(False)
    if late.any():
        tell_midnight(table, text[late])
        text = text.str.replace(pattern, r"\g<1>00", regex=True)
    return text, late.to_numpy(bool)
