"""The rows of a table: the numbers of its columns, and the line that each row stands in."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_rnn_basics.datasets.tables.files import MISSING
from keras_rnn_basics.datasets.tables.layout import BETWEEN_THOUSANDS, GROUPS, NUMBER

UNITS = {"K": 1e3, "M": 1e6, "B": 1e9, "%": 1}  # 2.5M trades
UNIT = r"(?<=\d)( ?[^\d\s.,+\-¼-¾²³¹]\D{0,11})$"  # 20.5 °C, if all end so: else it may be a flag
# Factors, or signs: 290.5 K are kelvin or thousands, 45.5 S is south.
NO_UNIT = r" ?(?:k|m|b|t|s|w|cr|dr|mi?o|mrd|bn|mln|mn|tsd|(?:m|b|tr)illions?|thousands?)(?:\W.*)?"
QUANTITY = r"\W*\d[\d.,'\s]*\D{0,12}"
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
        by_thousands: how pandas reads the file if points part thousands; empty where that cannot be.
        thousands: gives the first number of a column whose point may part thousands, if all of them may.
        first, last: whether no piece of the same table is before it, and none after it.
        below: how many rows below the table were passed over.
    """

    place: str
    frame: Any
    time: list[str]
    decimal: str = "."
    notes: list[str] = field(default_factory=list)
    sure: bool = True
    header: Sequence[str] = ()
    by_thousands: str = ""
    thousands: Callable[[str], str | None] | None = None
    first: bool = True
    last: bool = True
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
        first = column.iloc[column.notna().to_numpy().argmax()] if len(column) else None
        if pandas.api.types.is_numeric_dtype(column) or isinstance(first, bool):
            values = pandas.to_numeric(column, errors="coerce").to_numpy("float64", na_value=np.nan)
            if self.thousands is not None and _like_thousands(values):
                self._refuse_thousands(name, self.thousands(name))
        else:
            values = self._numbers_of_text(name, column.astype("str").str.strip(), missing)
        codes = np.array([float(code) for code in missing if re.fullmatch(NUMBER, str(code))], "float32")
        with np.errstate(over="ignore"):
            values = np.where(np.isin(values.astype("float32"), codes), np.nan, values)
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
            many = bool(units.isin(UNITS).all())
            one = units.nunique(False) == 1 and not re.fullmatch(NO_UNIT, str(units.iloc[0]), re.IGNORECASE)
            if len(plain) == text.notna().sum() and (many or one):
                unit, plain = units.map(UNITS) if many else 1, plain.str.replace(UNIT, "", regex=True)
                points = plain[plain.str.contains(".", regex=False)]
                if self.by_thousands and not (self.sure or many) and points.str.fullmatch(GROUPS[","]).all():
                    self._refuse_thousands(name, next(iter(points), None))
            grouped = plain.str.fullmatch(GROUPS[self.decimal])
            if not self.sure and grouped.any() and plain[grouped].str.fullmatch(r"[^,.]+,[^,.]+").all():
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

    def _refuse_thousands(self, name, own):
        if own is not None:
            raise ValueError(
                f"{self.place}, column {name!r}: {own!r} may be {own.replace('.', '')} or less. Tell pandas: "
                f"{self.by_thousands}."
            )

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
        elif bad.str.fullmatch(rf"(?i)\D*[\d.,]+{NO_UNIT}").all():
            advice = "whether its end is a unit, a factor or a sign is not known: hand over a frame of numbers"
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


def _like_thousands(values):
    """Whether whole numbers up to 999 stand beside others that have at most three decimals, and none is below 1."""
    values = np.abs(values[np.isfinite(values)])
    parts = values[values % 1 != 0]
    whole = values[values % 1 == 0]
    some = len(parts) and len(whole) and parts.min() > 1 and 100 <= whole.max() < 1000
    return bool(some and np.allclose(parts * 1000, np.round(parts * 1000), atol=1e-6))
