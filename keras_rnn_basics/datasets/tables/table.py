"""A table from a file or from a pandas.DataFrame: its columns by name, and the line that each row stands in."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import dropwhile
from pathlib import Path
from typing import Any

import numpy as np

from keras_rnn_basics import checks
from keras_rnn_basics.datasets.bounded import MAX_BYTES
from keras_rnn_basics.datasets.tables.files import (
    BETWEEN_THOUSANDS,
    COLUMNAR,
    EXCEL,
    GROUPS,
    MISSING,
    NUMBER,
    Layout,
    frames_of,
    layout_of,
    spreadsheet,
)

# What the columns of times are called, beside signs and digits: "Date", "time_utc", "Open time".
TIMES = r"(utc|gmt|local|open)?(date|time|datetime|timestamp)(utc|gmt|local|lst)?"
# Where no column is called so: these, the only one that ends so, and others' words for it.
ALSO_TIMES = r"\w*(date|time|timestamp|timeutc|dateutc)|datum|zeit|fecha|valid|createdat|lastchanged|ds|mtu\w*"
# Columns that belong together, and those that only tell the time of day.
TOGETHER = ("y(ea)?r|anno", "mo|mon|month", "d|dy|day|dom", "h|hr|hh|hour|hourending", "mi|min|mn|minute|minutes")
CLOCKS = r"clock|hour|hr|time|uhrzeit|zeit|anfang|heure|hora|hourending|timeofday|hhmm(ss)?"
# What columns are called that tell several stations or tickers apart: "station_id", "Site Name".
TELLING = (
    "(ticker|symbol|instrument|isin|security|(currency)?pair|coin|asset|station|stn|site|sensor|device|meter|entity|"
    "location|city|region|country|building|household|name|host|field|parameter|variable|channel|topic)"
    "(s|s?id|name|code|no|number|key)?"
)
UNITS = {"K": 1e3, "M": 1e6, "B": 1e9, "%": 1}  # 2.5M trades
UNIT = r"(?<=\d) ?([^\d\s.,+-]\D{0,11})$"  # 20.5 °C, if all end so: else it may be a flag
QUANTITY = r"\W*\d[\d.,'\s]*\D{0,12}"
CHUNK = 1 << 17
# The text of so many times takes about a gigabyte.
MOST_ROWS = 10_000_000
FRAME = "the frame"


@dataclass
class Table:
    """The rows of a file or frame.

    Attributes:
        place: the file, or "the frame".
        frame: a pandas.DataFrame; its index are the lines of the file, or the numbers of the frame's rows.
        time: the columns of the times.
        notes: what was decided in reading, a sentence each.
        sure: whether `decimal` is known to be the sign of decimals.
        header: all columns of the file or frame.
        below: how many rows below the table were passed over.
    """

    place: str
    frame: Any
    time: list[str]
    decimal: str = "."
    notes: list[str] = field(default_factory=list)
    sure: bool = True
    header: Sequence[str] = ()
    below: int = 0

    def row(self, number: int) -> str:
        """How a row is called: "line 3"."""
        return f"{'row' if self.place == FRAME else 'line'} {self.frame.index[number]}"

    def error(self, number: int, column: str, what: str) -> ValueError:
        """The error of a field, by the number of its row and its column."""
        return ValueError(f"{self.place}, {self.row(number)}, column {column!r}: {what}")

    def refuse(self, column: str, wrong: Any, what: str) -> None:
        """An error that shows the first field that is wrong, if any is."""
        wrong = np.asarray(wrong, bool)
        if wrong.any():
            own = self.frame[column].iloc[number := int(np.argmax(wrong))]
            raise self.error(number, column, f"{str(own) if own == own else ''!r} {what}.")

    def numbers(self, name: str, missing: Sequence[Any] = ()) -> np.ndarray:
        """-> (N,) float64: the numbers of a column; those that are missing are NaN.

        Raises:
            ValueError: for text, a column without any number, and a number that float32 does not hold.
        """
        import pandas

        column = self.frame[name]
        if pandas.api.types.is_numeric_dtype(column):
            values = column.to_numpy("float64", na_value=np.nan)
        else:
            values = self._numbers_of_text(name, column.astype("str").str.strip(), missing)
        codes = [float(code) for code in missing if re.fullmatch(NUMBER, str(code))]
        values = np.where(np.isclose(values[:, None], codes, rtol=1e-6, atol=0).any(axis=1), np.nan, values)
        sizes, limits = np.abs(values), np.finfo("float32")
        wrong = (sizes > limits.max) | ((sizes < limits.tiny) & (sizes > 0))
        self.refuse(name, wrong, "is not a finite number that float32 can hold")
        return values

    def _numbers_of_text(self, name, text, missing):
        import pandas

        text = text.mask(text.isin([*MISSING, *map(str, missing)]))
        values = pandas.to_numeric(text.str.replace(",", ".") if self.decimal == "," else text, errors="coerce")
        odd = (values.isna() | text.str.contains("_")) & text.notna()
        if self.decimal == ",":  # 1.013 is no number there: it may be 1013
            odd |= text.str.contains(".", regex=False, na=False)
        if odd.any():
            plain = text[odd].str.replace("\u2212", "-").str.replace(r"^([+-]?)[$€£¥] ?", r"\1", regex=True)
            plain, unit = plain.str.replace(BETWEEN_THOUSANDS, "", regex=True), 1
            units = plain.str.extract(UNIT)[0]
            if len(plain) == text.notna().sum() and ((many := units.isin(UNITS).all()) or units.nunique(False) == 1):
                unit, plain = units.map(UNITS) if many else 1, plain.str.replace(UNIT, "", regex=True)
            grouped = plain.str.fullmatch(GROUPS[self.decimal])
            if not self.sure and grouped.any() and plain[grouped].str.fullmatch(r"[^,]+,[^,]+").all():
                own = plain[grouped].iloc[0]
                raise ValueError(
                    f"{self.place}, column {name!r}: {own!r} may be {own.replace(',', '.')} or {own.replace(',', '')}. "
                    "Hand over a frame, read by pandas.read_csv(..., decimal=',') or thousands=','."
                )
            plain = plain.mask(grouped, plain.str.replace(",."[self.decimal == ","], "", regex=False))
            plain = plain.str.replace(",", ".") if self.decimal == "," else plain
            good = grouped | plain.str.fullmatch(NUMBER)
            if not good.all():
                bad = good[~good].index[0]
                self._refuse_text(name, text, text[odd][~good], int(self.frame.index.get_loc(bad)))
            values[odd] = pandas.to_numeric(plain) * unit
            self.notes.append(f"column {name!r}: {text[odd].iloc[0]!r} was read as {float(values[odd].iloc[0]):.15g}")
        return values.to_numpy("float64")

    def _refuse_text(self, name, text, bad, number):
        seen, own = ", ".join(map(repr, bad.unique()[:4])), f"frame[{name!r}]"
        advice = f"where it marks a missing number, give missing=[{seen}]; else correct it in a frame"
        if bad.str.fullmatch(r"[+-]?0\d+,\d+").all():
            advice = f"it holds several: hand over a frame, {own} = {own}.str.split(',').str[0]"
        elif bad.str.fullmatch(r"[+-]?\d+,\d+").all():
            of_decimals = "read by pandas.read_csv(..., decimal=',')"
            if self.place == FRAME:
                of_decimals = f"{own} = {own}.astype(str).str.replace(',', '.')"
            advice = f"where its comma is that of decimals, hand over a frame, {of_decimals}"
        elif len(bad) > text.notna().sum() / 2:
            advice = (
                "leave the column out by columns=[...], or, where the loader takes categories, make its words columns "
                f"by categories=[{name!r}]"
            )
        raise self.error(number, name, f"{bad.iloc[0]!r} is not a finite number; {advice}.")

    def holds_words(self, name: str) -> bool:
        """Whether most of what stands in a column is no number, nor one with a unit."""
        import pandas

        column = self.frame[name].dropna()
        if pandas.api.types.is_numeric_dtype(column) or not len(column):
            return False
        return bool((~column.astype("str").str.strip().str.fullmatch(QUANTITY)).mean() > 0.5)


class Source:
    """A file or frame whose rows are not read yet; `header` are the names of its columns.

    Args:
        data, time, max_bytes: as in `read_series`.
    """

    def __init__(self, data: Any, time: str | Sequence[str] | None, max_bytes: int = MAX_BYTES) -> None:
        if not isinstance(time, str | None) and isinstance(time, Iterable):
            time = [*time]
        listed = isinstance(time, list) and time and all(isinstance(own, str) for own in time)
        if not (isinstance(time, str | None) or listed):
            raise ValueError(f"time must name a column, or be a list of columns, got {time!r}.")
        checks.positive_integer("max_bytes", max_bytes)
        self.place, self.layout = _layout(data, time, max_bytes)
        self.header, self.asked = self.layout.header, time
        # Those whose name says that they tell several stations or tickers apart.
        self.tellers = [name for name in self.header if re.fullmatch(TELLING, letters(name))]

    def find(self, name: str) -> str:
        """The column of this name, as the table writes it: in capital letters or not."""
        return find_column(self.place, self.header, name)

    def read(self, *arguments: Any) -> Table:
        """All that `chunks` gives, in one."""
        import pandas

        rows, tables = 0, []
        for table in self.chunks(*arguments):
            rows += len(table.frame)
            if rows > MOST_ROWS and self.layout.frame is None:
                raise ValueError(
                    f"{self.place} holds more than {MOST_ROWS:,} rows. If that is meant, hand over a frame of what you "
                    "need: frame = pandas.read_csv(..., usecols=[...]), and load(frame)."
                )
            tables.append(table)
        if len(tables) > 1:
            tables[0].frame = pandas.concat(_alike([table.frame for table in tables], self.layout.decimal))
        return tables[0]

    def chunks(
        self,
        columns: Sequence[str] | None = None,
        words: Sequence[str] = (),
        only: Mapping[str, Any] | None = None,
        missing: Sequence[Any] = (),
        size: int = CHUNK,
    ) -> Iterator[Table]:
        """Reads columns, `size` rows at a time, of which those with the values of `only` are kept.

        Args:
            columns, only, missing: as in `read_series`.
            words: further columns, which stay text.

        Raises:
            ValueError: as `read_series`; where `tellers` tell several series apart, and `only` takes none of them.
        """
        import pandas

        layout, header, only = self.layout, self.header, dict(only or {})
        where = f"{self.place}, line {layout.above + 1}" if layout.sep else self.place
        found = find_time(where, header, self.asked, layout.frame)
        names = [name for name in header if name not in found] if columns is None else list(columns)
        unnamed = columns is None and header[0] == "" and found != [""]
        tail = len(header) - len([*dropwhile(lambda name: name == "", header[::-1])]) if columns is None else 0
        names = names[: len(names) - tail]
        if unnamed:  # the numbers of the rows, or an error
            names.remove("")
            layout.notes.append("the first column, without a name, holds the numbers of the rows: it was passed over")
        tellers = [name for name in self.tellers if name not in (*found, *words, *only, *(columns or ()))]
        text = [*found, *words, *only, *tellers]
        names = list(dict.fromkeys([*names, *text]))
        for name in names:
            if name == "" and found != [""]:
                what = f"column {header.index('') + 1} has no name; the columns are {header}"
                raise ValueError(f"{where}: {what}. Name those to read: columns=[...].")
            find_column(where, header, name)
        if len(names) == len(found):
            raise ValueError(f"{where}: there are no columns of numbers beside {found}.")
        if layout.frame is None:
            stay, of_words = ([header.index(name) for name in own] for own in (text, (*words, *only, *tellers)))
            frames = frames_of(Path(self.place), layout, stay, of_words, missing, size)
        elif not len(layout.frame):
            raise ValueError(f"{self.place} has no rows.")
        else:
            frames = (layout.frame.iloc[begin : begin + size] for begin in range(0, len(layout.frame), size))
        choice = _Choice(self.place, only, tellers)
        for frame in frames:
            if tail and frame.iloc[:, -tail:].notna().any(axis=None):
                what = f"column {len(header) - tail + 1} has no name; the columns are {header}"
                raise ValueError(f"{where}: {what}. Name those to read: columns=[...].")
            if unnamed and not (pandas.to_numeric(frame[""], errors="coerce").diff().iloc[1:] == 1).all():
                raise ValueError(f"{where}: column 1 has no name; the columns are {header}.")
            if len(frame := choice.of(frame)):
                yield Table(self.place, frame[names], found, layout.decimal, layout.notes, layout.sure, header)
                layout.notes = []
        choice.refuse_none()


def _alike(frames, decimal):
    """Frames whose columns have one kind each: numbers are text again where other frames have text."""
    import pandas

    for name in frames[0].columns:
        numeric = [pandas.api.types.is_numeric_dtype(frame[name]) for frame in frames]
        if len({*numeric}) > 1:
            for k in np.flatnonzero(numeric):
                text = frames[k][name].astype("str").str.replace(".", decimal, regex=False)
                frames[k] = frames[k].assign(**{name: text.mask(frames[k][name].isna())})
    return frames


class _Choice:
    """The rows of one series: those with the values of `only`; where `tellers` tell several apart, an error."""

    def __init__(self, place, only, tellers):
        self.place, self.only, self.tellers, self.rows = place, only, tellers, 0
        # The words of each column, in their order.
        self.seen: dict[str, dict[str, None]] = {name: {} for name in (*only, *tellers)}

    def of(self, frame):
        for name, seen in self.seen.items():
            own = frame[name].astype("str").str.strip()
            if len(seen) < CHUNK:  # so many words cannot be series
                seen.update(dict.fromkeys(own[frame[name].notna()].unique()))
            if name in self.only:
                frame = frame[own == str(self.only[name])]
        self.rows += len(frame)
        for name in self.tellers:
            if 1 < len(words := [*self.seen[name]]) <= self.rows / 2:
                raise ValueError(
                    f"{self.place}, column {name!r} tells {len(words)} series apart, {words[:4]}. Take one of them: "
                    f"only={{{name!r}: {words[0]!r}}}."
                )
        return frame

    def refuse_none(self):
        if not self.rows:
            name = next((own for own in self.only if str(self.only[own]) not in self.seen[own]), [*self.only][-1])
            what = f"no row has {self.only[name]!r}, but {sorted(self.seen[name])[:5]}"
            raise ValueError(f"{self.place}, column {name!r}: {what}.")


def _listed(header, most=30):
    more = f" and {len(header) - most} more" if len(header) > most else ""
    return f"{list(header[:most])}{more}"


def letters(name: Any) -> str:
    """A name without capital letters, signs and digits."""
    return re.sub("[^a-z]", "", str(name).lower())


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
    return [name for name in header if name not in time and re.fullmatch(CLOCKS, letters(name))]


def marks_of(missing: Sequence[Any] | None) -> tuple[Any, ...]:
    """The marks of missing numbers; `None`: there are none."""
    if missing is None:
        return ()
    if isinstance(missing, str) or not isinstance(missing, Iterable):
        raise ValueError(f"missing must be a list, such as [{missing!r}], or None, got {missing!r}.")
    return tuple(missing)


def _layout(data, time, max_bytes):
    if hasattr(data, "iloc") and hasattr(data, "columns"):
        frame = _flat(data, time)
        return FRAME, Layout(list(frame.columns), frame=frame)
    if not isinstance(data, (str, Path)):
        raise ValueError(f"data must be a path or a pandas.DataFrame, got {type(data).__name__}.")
    path = Path(data)
    if not path.exists():
        is_address = re.match(r"\w+://", str(data)) is not None
        raise FileNotFoundError(
            f"There is no file {data}." + f" Fetch it: frame = pandas.read_csv({data!r}), and load(frame)." * is_address
        )
    if path.suffix.lower() in (*EXCEL, *COLUMNAR):
        return FRAME, _layout(spreadsheet(path, max_bytes), time, max_bytes)[1]

    def is_header(row):
        try:
            # Above a header stand rows of nothing but commas, or "Date: 2020-01-05".
            return bool(row) and bool(row[0] or row.count("") == 1) and bool(find_time("", row, time, sure=True))
        except ValueError:
            return False

    return str(path), layout_of(path, is_header, max_bytes)


def _flat(data, time):
    """A copy whose columns have one name each, and whose index is a column where it is more than numbers."""
    import pandas

    frame = data.copy(deep=False)
    while frame.columns.nlevels > 1:
        # The level with the most names are the columns; any other must have one name.
        names = [frame.columns.get_level_values(level).unique() for level in range(frame.columns.nlevels)]
        level = min(range(len(names)), key=lambda level: len(names[level]))
        if len(names[level]) > 1:
            raise ValueError(
                f"The frame's columns have several levels, one of them with {list(names[level])[:4]}: hand over the "
                f"columns of one, frame.xs({names[level][0]!r}, axis=1, level={level})."
            )
        frame.columns = frame.columns.droplevel(level)
    times = isinstance(frame.index, (pandas.DatetimeIndex, pandas.PeriodIndex))
    if isinstance(frame.index, pandas.PeriodIndex):
        frame.index = frame.index.to_timestamp()
    asked = {time} if isinstance(time, str) else {*(time or ())}
    named = any(own in asked or re.fullmatch(TIMES, letters(own or "")) for own in frame.index.names)
    if times or named or not pandas.api.types.is_integer_dtype(frame.index):
        name = frame.index.name or "time"
        frame = frame.reset_index(names=name) if frame.index.nlevels == 1 else frame.reset_index()
        frame.attrs = {"index_of_times": name if times else None}
    frame = frame.reset_index(drop=True)
    # What pandas calls "Unnamed: 0" has no name in its file.
    frame.columns = ["" if re.match(r"Unnamed: \d", str(name)) else str(name).strip() for name in frame.columns]
    return frame
