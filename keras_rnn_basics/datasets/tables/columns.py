"""What the columns of a table are called: those of the times, those that tell series apart, and any other."""

import re
from collections.abc import Sequence
from typing import Any

# What the columns of times are called, beside signs and digits: "Date", "time_utc", "Open time".
TIMES = r"(utc|gmt|local|open)?(date|time|datetime|timestamp)(utc|gmt|local|lst)?"
# Where no column is called so: the first, if it ends so, or the only one with another's word for it.
ENDS_SO = r"\w*(date|time|timestamp|timeutc|dateutc)"
ALSO_TIMES = r"datum|zeit|fecha|valid|createdat|lastchanged|settlementdate|ds|mtu\w*"
# Columns that belong together, and those that only tell the time of day.
TOGETHER = ("y(ea)?r|anno", "mo|mon|month", "d|dy|day|dom", "h|hr|hh|hour|hourending", "mi|min|mn|minute|minutes")
CLOCKS = "clock|hour|hr|time|uhr|zeit|stunde|anfang|heure|hora|hhmm"
# What columns are called that tell several stations or tickers apart: "station_id", "Site Name".
TELLING = (
    "(tickers?|symbol|instrument|isin|security|(currency)?pair|coin|asset|station|stn|site|sensor|device|meter|entity|"
    "location|city|region|country|building|household|name|host|field|parameter|variable|channel|topic)"
    "(s?id|name|code|no|number|key)?"
)
# Those that do so where a time comes twice, and else may be a feature of one series.
SOMETIMES = "(location|city|region|country|building|household|host|field|parameter|variable|channel|topic)\\w*"


def _listed(header, most=30):
    more = f" and {len(header) - most} more" if len(header) > most else ""
    return f"{list(header[:most])}{more}"


def letters(name: Any) -> str:
    """A name without capital letters, signs and digits."""
    return re.sub("[^a-z]", "", str(name).lower())


def signless(name: Any) -> str:
    """A name without capital letters and signs; it keeps its digits."""
    return re.sub("[^a-z0-9]", "", str(name).lower())


def find_column(place: str, header: Sequence[str], name: str) -> str:
    """The column of this name, as the table writes it: in capital letters or not."""
    alike = [own for own in header if own == name] or [own for own in header if own.lower() == str(name).lower()]
    if len(alike) != 1:
        found, advice = "is no column", ""
        if alike:
            found, advice = "are several columns", " Name others, columns=[...], or rename them in a frame."
        raise ValueError(f"{place}: there {found} {name!r}; the columns are {_listed(header)}.{advice}")
    return alike[0]


def find_time(
    place: str, header: Sequence[str], time: str | Sequence[str] | None, frame: Any = None, sure: bool = False
) -> list[str]:
    """The columns of the times: those named, else a frame's index of times, else the one called date, time or alike.

    Args:
        sure: whether the more remote names for times do not count.
    """
    if time is not None:
        return [find_column(place, header, name) for name in ([time] if isinstance(time, str) else time)]
    if frame is not None and frame.attrs.get("index_of_times"):
        return [frame.attrs["index_of_times"]]
    named = [name for name in header if re.fullmatch(TIMES, letters(name))]
    if not named and header[:1] == [""]:  # as pandas writes an index of times
        return [""]
    if not named and not sure:
        others = [name for name in header if re.fullmatch(ALSO_TIMES, letters(name))]
        named = others if len(others) == 1 else []
        if not named and header and re.fullmatch(ENDS_SO, letters(header[0])):
            named = [header[0]]
    if len(named) == 1:
        return named
    what = "no column of the times was found" if not named else f"the times may be in {named}"
    advice = f"time={named!r}, if they belong together, or the right one"
    if not named:
        advice = f"time={own}" if (own := _together(header)) else "time='the name of the column', or a list of columns"
    raise ValueError(f"{place}: {what}; the columns are {_listed(header)}. Give {advice}.")


def _together(header):
    """The columns of years, months, days and hours, if the first three are there."""
    found = [next((name for name in header if re.fullmatch(own, letters(name))), None) for own in TOGETHER]
    return [name for k, name in enumerate(found) if None not in found[: k + 1]] if None not in found[:3] else []


def clocks_beside(header: Sequence[str], time: Sequence[str]) -> list[str]:
    """The columns that seem to hold the time of day, beside those of the times."""
    return [name for name in header if name not in time and re.search(CLOCKS, letters(name))]
