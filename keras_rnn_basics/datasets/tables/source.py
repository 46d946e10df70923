"""A file or a pandas.DataFrame whose rows are read as a `Table`, whole or a piece at a time."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import chain, pairwise, takewhile
from pathlib import Path
from typing import Any

import numpy as np

from keras_rnn_basics import checks
from keras_rnn_basics.datasets.bounded import MAX_BYTES
from keras_rnn_basics.datasets.tables.columns import (
    SOMETIMES,
    TELLING,
    TIMES,
    find_column,
    find_time,
    letters,
    signless,
)
from keras_rnn_basics.datasets.tables.files import COLUMNAR, EXCEL, frames_of, spreadsheet, thousands_in
from keras_rnn_basics.datasets.tables.layout import Layout, layout_of
from keras_rnn_basics.datasets.tables.table import FRAME, Table

CHUNK = 1 << 17
# The text of so many times takes about a gigabyte.
MOST_ROWS = 10_000_000


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
        header = self.layout.header
        end = len(header) - len([*takewhile(lambda name: name == "", header[:0:-1])])
        # Those at the end without a name, which separators at the ends of lines make.
        self.layout.header = [*header[:end], *(f" {k + 1}" for k in range(end, len(header)))]
        if self.layout.frame is not None:
            self.layout.frame.columns = self.layout.header
        self.header, self.asked = self.layout.header, time
        # Those whose name says that they tell several stations or tickers apart.
        self.tellers = [name for name in self.header if re.fullmatch(TELLING, signless(name))]

    def find(self, name: str) -> str:
        """The column of this name, as the table writes it: in capital letters or not."""
        return find_column(self.place, self.header, name)

    def find_only(self, only: Mapping[str, Any] | None) -> dict[str, Any]:
        """`only`, its columns as the table writes them."""
        if not isinstance(only, Mapping | None):
            raise ValueError(f"only must be such as {{'station': 'its name'}}, got {only!r}.")
        return {self.find(name): own for name, own in (only or {}).items()}

    def read(self, *arguments: Any) -> Table:
        """All that `chunks` gives, in one."""
        import pandas

        rows, tables = 0, []
        for table in self.chunks(*arguments, size=CHUNK):
            rows += len(table.frame)
            if rows > MOST_ROWS and self.layout.frame is None:
                raise ValueError(
                    f"{self.place} holds more than {MOST_ROWS:,} rows. If that is meant, hand over a frame of what you "
                    "need: frame = pandas.read_csv(..., usecols=[...]), and load(frame)."
                )
            tables.append(table)
        if len(tables) > 1:
            tables[0].last = True
            tables[0].frame = pandas.concat(_alike([table.frame for table in tables], self.layout.decimal))
        return tables[0]

    def chunks(
        self,
        columns: Sequence[str] | None = None,
        words: Sequence[str] = (),
        only: Mapping[str, Any] | None = None,
        missing: Sequence[Any] = (),
        *,
        size: int,
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
        tail = [name for name in header if name.startswith(" ")] if columns is None else []
        names = [name for name in names if name not in tail]
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
        choice = _Choice(self.place, only, tellers, found)

        def pieces():
            for frame in frames:
                if tail and frame[tail].notna().any(axis=None):
                    what = f"column{tail[0]} has no name; the columns are {header}"
                    raise ValueError(f"{where}: {what}. Name those to read: columns=[...].")
                if unnamed and not (pandas.to_numeric(frame[""], errors="coerce").diff().iloc[1:] == 1).all():
                    raise ValueError(f"{where}: column 1 has no name; the columns are {header}.")
                if len(frame := choice.of(frame)):
                    yield frame[names]

        thousands = cache(partial(thousands_in, Path(self.place), layout)) if layout.by_thousands else None
        known: dict[str, Any] = {"sure": layout.sure, "by_thousands": layout.by_thousands, "thousands": thousands}
        table, first = Table(self.place, None, found, layout.decimal, header=header, **known), True
        for frame, following in pairwise(chain(pieces(), [None])):
            yield replace(table, frame=frame, notes=layout.notes, first=first, last=following is None)
            layout.notes, first = [], False
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

    def __init__(self, place, only, tellers, time):
        self.place, self.tellers, self.time, self.rows = place, tellers, time, 0
        self.only = {name: {str(own), f"{own:g}" if isinstance(own, float) else str(own)} for name, own in only.items()}
        # How often each word of a column stands in it, in their order.
        self.seen: dict[str, Counter[str]] = {name: Counter() for name in (*only, *tellers)}

    def of(self, frame):
        for name, seen in self.seen.items():
            own = frame[name].astype("str").str.strip()
            if len(seen) < CHUNK:  # so many words cannot be series
                seen.update(own[frame[name].notna()].value_counts(sort=False).to_dict())
            if name in self.only:
                frame = frame[own.isin(self.only[name])]
        self.rows += len(frame)
        for name in self.tellers:
            words = [word for word, times in self.seen[name].items() if times > 1]
            if 1 < len(words) <= self.rows / 2 and self._are_series(name, words, frame):
                raise ValueError(
                    f"{self.place}, column {name!r} tells {len(words)} series apart, {words[:4]}. Take one of them: "
                    f"only={{{name!r}: {words[0]!r}}}. (If it is a feature of one series, name it in columns or "
                    "categories.)"
                )
        return frame

    def _are_series(self, name, words, frame):
        if any(re.fullmatch(r"[+-]?\d*[.,]\d*[1-9]\d*", word) for word in words):
            return False  # measurements
        return not re.fullmatch(SOMETIMES, signless(name)) or frame.duplicated(self.time).any()

    def refuse_none(self):
        if not self.rows:
            name = next((own for own in self.only if not self.only[own] & {*self.seen[own]}), [*self.only][-1])
            what = f"no row has {min(self.only[name])!r}, but {sorted(self.seen[name])[:5]}"
            raise ValueError(f"{self.place}, column {name!r}: {what}.")


def marks_of(missing: Sequence[Any] | None) -> tuple[Any, ...]:
    """The marks of missing numbers; `None`: there are none."""
    if missing is None:
        return ()
    if isinstance(missing, (str, Mapping)) or not isinstance(missing, Iterable):
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
        twice = [own for own in (name, *frame.index.names) if own in frame.columns]
        frame = frame.drop(columns=twice) if times and frame.index.nlevels == 1 else frame
        if not times and twice:
            frame = frame.reset_index(drop=True)
        else:
            frame = frame.reset_index(names=name) if frame.index.nlevels == 1 else frame.reset_index()
            frame.attrs = {"index_of_times": name if times else None}
    frame = frame.reset_index(drop=True)
    # What pandas calls "Unnamed: 0" has no name in its file.
    frame.columns = ["" if re.match(r"Unnamed: \d", str(name)) else str(name).strip() for name in frame.columns]
    return frame
