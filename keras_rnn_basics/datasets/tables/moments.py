"""The times of a table: days keep their local date, hours become UTC and remember how far their clock was ahead."""

import re
from functools import partial
from itertools import takewhile
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from keras_rnn_basics.datasets.tables.table import Table

DAY, HOUR = np.timedelta64(1, "D"), np.timedelta64(1, "h")
CLOCK = r"([T ]\d\d(:\d\d(:\d\d(\.\d{1,9})?)?)?)"
ISO = rf"\d{{4}}([-/])\d\d\1\d\d({CLOCK}( ?(Z|UTC|[+-]\d\d:?\d\d))?)?"
# 2020/1/2 9:30; and years, months, days and hours in columns of their own.
SHORT = re.compile(r"(\d{4})[-/. ](\d{1,2})[-/. ](\d{1,2})(?:([T ])(\d{1,2})(?=:|$))?(?!\d)")
DAY_OR_MONTH_FIRST = r"(\d{1,2})([./-])(\d{1,2})\2\d{4}( \d{1,2}:\d\d(:\d\d)?)?"
OFFSET = r" ?[+-]\d\d:?\d\d$"
# 00:00 - 01:00, or two moments with a bar between them: such a row stands at the beginning of its span.
SPAN = r"(.*\dZ?) ?(?: [-\u2013\u2014] | to |/(?=\d{4}-)|-(?=\d\d?:\d\d$))(.*\d.*)"
MOST_OFFSETS, LONGEST_FOOTER = 3, 50
# The end of a day, which other clocks call 00:00 of the next one.
MIDNIGHT = r"((?:\d+[-/. ]){2}\d+[T ])24(?=(?::00)*(?:\.0+)?(?:$|Z| ?UTC|" + OFFSET + "))"
DIGITS = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
EPOCHS = {"s": 1e11, "ms": 1e14, "us": 1e17, "ns": 1e20}
FIRST, LAST = np.datetime64("1700-01-01", "s"), np.datetime64("2250-01-01", "s")


def read_moments(
    table: Table, step: np.timedelta64 | None, date_format: str | None = None, time_zone: str | None = None
) -> tuple[np.ndarray, np.ndarray | None]:
    """-> (N,) datetime64[ns], and (N,) timedelta64[ns], what the local clock was ahead of UTC, if the table says it.

    Days are the local dates, and so are rows at unequal steps (`None`) that all begin at midnight. Other times become
    UTC, if they name their distance from it or there is a `time_zone`; else they stay as they are.

    Raises:
        ValueError: for what is no time, a date that can be read in two ways, and a local time that does not exist or
            stands once where the clock shows it twice. Names the row and the column.
    """
    if time_zone is not None:
        try:
            ZoneInfo(time_zone)
        except (ValueError, TypeError, OSError, ZoneInfoNotFoundError):
            raise ValueError(f"time_zone must be one such as 'Europe/Berlin' or 'UTC', got {time_zone!r}.") from None
    local, utc = _Reader(table, step, date_format).read()
    dates = step is not None and not step % DAY
    days = dates or (step is None and (local == local.dt.normalize()).all())
    if time_zone is not None and utc is not None:
        local = utc.dt.tz_localize("UTC").dt.tz_convert(time_zone).dt.tz_localize(None)
        days = dates or (step is None and (local == local.dt.normalize()).all())
    elif time_zone is not None and not days:
        utc = _utc_of(table, local, time_zone)
    clock = local.to_numpy("datetime64[ns]")
    if days:
        table.refuse(table.time[-1], local != local.dt.normalize(), "is not a date, as it has a time of day")
        return clock, None
    if utc is None:
        return clock, None
    moments = utc.to_numpy("datetime64[ns]")
    return moments, clock - moments


class _Reader:
    def __init__(self, table, step, date_format):
        self.table, self.step, self.date_format, self.passed_over = table, step, date_format, 0
        name = table.time[-1]
        self.refuse = lambda wrong, what: table.refuse(name, wrong, what)

    def read(self):
        """-> the times as they are written and, where they tell it, in UTC; two pandas.Series without a zone."""
        import pandas

        columns = [self.table.frame[name] for name in self.table.time]
        if len(columns) == 1 and pandas.api.types.is_datetime64_any_dtype(columns[0]):
            self._refuse_no_time(columns[0].isna())
            if columns[0].dt.tz is None:
                return columns[0], None
            return columns[0].dt.tz_localize(None), columns[0].dt.tz_convert("UTC").dt.tz_localize(None)
        columns = [own.dt.strftime("%Y-%m-%d") if hasattr(own, "dt") else own.astype("str") for own in columns]
        text, *further = (own.str.strip() for own in columns)
        if len(further) == 1:  # 20200101 and 100, which is 01:00
            text = text.str.replace(r"^(\d{4})(\d\d)(\d\d)$", r"\1-\2-\3", regex=True)
            further = [_clock(further[0])]
        for own in further:
            text = text + " " + own
        text = self._above_a_footer(text)
        self._refuse_no_time(text.isna())
        if re.fullmatch(SPAN, text.iloc[0]):
            text = self._begins(text)
        late = text.str.match(MIDNIGHT)
        if late.any():
            self._tell_midnight(text[late])
            text = text.str.replace(MIDNIGHT, r"\g<1>00", regex=True)
        local, utc = self._text(text)
        known = local if utc is None else utc
        self._refuse_no_time(local.isna() | known.isna())
        if late.any():
            local, utc = (None if own is None else own.where(~late, own + DAY) for own in (local, utc))
        own = known.to_numpy("datetime64[us]")
        self.refuse((own < FIRST) | (own >= LAST), "is not a moment of the years 1700 to 2250")
        return local, utc

    def _above_a_footer(self, text):
        """The text without the last rows where these hold a text alone, written otherwise; the table loses them too."""
        frame, shape = self.table.frame, partial(re.sub, r"\d+", "9")
        numbers = frame[1:][-LONGEST_FOOTER:].drop(columns=[*self.table.time])
        ends = zip(text[::-1], numbers[::-1].isna().all(axis=1)) if len(numbers.columns) else ()
        below = len([*takewhile(lambda row: row[1] and shape(str(row[0])) != shape(str(text.iloc[0])), ends)])
        above = len(text) - below
        if below:
            self.table.notes.append(f"{self.table.row(above)}: {text.iloc[above]!r}, below the table, was passed over")
        self.table.frame, self.passed_over = frame[:above], below
        return text[:above]

    def _begins(self, text):
        """The beginnings of spans of time."""
        ends = text.str.extract(SPAN)[1]
        # Of 09:00-10:00 the second clock may be an offset; but no table has many of these.
        if ends.isna().any() or (text.str.contains(OFFSET).all() and ends.nunique() <= MOST_OFFSETS):
            return text
        self.table.notes.append(f"{text.iloc[0]!r} is a span of time: such rows stand at its beginning")
        return text.str.replace(SPAN, r"\1", regex=True)

    def _tell_midnight(self, late):
        self.table.notes.append(f"{late.iloc[0]!r} was read as 00:00 of the next day")

    def _text(self, text):
        import pandas

        if self.date_format is not None:
            aware = "%z" in self.date_format
            try:
                read = pandas.to_datetime(text, format=self.date_format, errors="coerce", utc=aware)
            except ValueError as error:
                raise ValueError(f"date_format={self.date_format!r} cannot be used: {error}.") from None
            self.refuse(read.isna(), f"does not fit date_format={self.date_format!r}")
            if not aware:
                return read, None
            return self._with_offsets(text, read, self.date_format.replace("%z", "").strip())
        if text.str.fullmatch(r"\d{8,}(\.\d*)?").all():
            return self._digits(text)
        if found := re.fullmatch(DAY_OR_MONTH_FIRST, text.iloc[0]):
            format_ = self._day_or_month_first(text, *found.groups())
            return pandas.to_datetime(text, format=format_, errors="coerce"), None
        odd = ~text.str.fullmatch(ISO)
        if odd.any():
            text = text.where(~odd, text[odd].map(_padded))
            self._refuse_no_time(~text.str.fullmatch(ISO))
        if self.step is not None and self.step % DAY:
            self._refuse_no_time(text.str.len() <= 10)
        text = text.str.replace(" ?UTC$", "Z", regex=True)
        if not text.str.endswith("Z").any() and not (text.str.len() > 10).any():
            return pandas.to_datetime(text, format="ISO8601", errors="coerce"), None
        read = pandas.to_datetime(text, format="ISO8601", errors="coerce", utc=True)
        local = read.dt.tz_localize(None)
        if not text.str.contains(rf"Z$|{OFFSET}", regex=True).any():
            return local, None
        return self._with_offsets(text, read, "ISO8601")

    def _with_offsets(self, text, read, format_):
        import pandas

        bare = text.str.replace(OFFSET, "", regex=True).str.removesuffix("Z")
        return pandas.to_datetime(bare, format=format_, errors="coerce"), read.dt.tz_localize(None)

    def _digits(self, text):
        """20200101, 2020010100, ..., or else seconds, or parts of them, since 1970."""
        import pandas

        if text.str.fullmatch(r"\d+").all() and text.str.len().nunique() == 1 and len(text.iloc[0]) in DIGITS:
            late = text.str[8:10] == "24"
            text_of_day = text.where(~late, text.str[:8] + "00" + text.str[10:])
            read = pandas.to_datetime(text_of_day, format=DIGITS[len(text.iloc[0])], errors="coerce")
            read = read.where(~late, read + DAY)
            # Ten digits of an hour before 1900 are seconds of our days.
            if not read.isna().any() and read.dt.year.between(1700 if len(text.iloc[0]) == 8 else 1900, 2250).all():
                if late.any():
                    self._tell_midnight(text[late])
                if self.step is not None and self.step % DAY:
                    self._refuse_no_time(text.str.len() == 8)
                return read, None
        count = text.astype("float64")
        unit = next((unit for unit, below in EPOCHS.items() if count.iloc[0] < below), "ns")
        least = {"s": 1e8, "ms": 1e11, "us": 1e14, "ns": 1e17}[unit]
        self._refuse_no_time((count < least) | (count >= EPOCHS[unit]) | (count > 9e18))
        if text.str.contains(".", regex=False).any():
            micros = count * {"s": 1e6, "ms": 1e3, "us": 1, "ns": 1e-3}[unit]
            read = pandas.to_datetime(micros.round().astype("int64"), unit="us")
        else:
            read = pandas.to_datetime(text.astype("int64"), unit=unit)
        return read, read

    def _day_or_month_first(self, text, first, sign, second, clock, _):
        import pandas

        end = f"{sign}%Y" + ("" if clock is None else " %H:%M" + ":%S" * (clock.count(":") - 1))
        ways = {"day": f"%d{sign}%m{end}", "month": f"%m{sign}%d{end}"}
        if int(first) > 12 or int(second) > 12:
            return ways["day" if int(first) > 12 else "month"]
        fits = [way for way in ways.values() if pandas.to_datetime(text, format=way, errors="coerce").notna().all()]
        self.refuse(
            np.arange(len(text)) == 0,
            f"may begin with day or month. Give date_format={' or '.join(map(repr, fits or ways.values()))}",
        )

    def _refuse_no_time(self, wrong):
        example = (
            "a date such as 2015-12-31"
            if self.step is not None and not self.step % DAY
            else "a time such as 2015-12-31T06:00Z"
        )
        wrong, advice = np.asarray(wrong, bool), "say how it is written by date_format=, such as '%d.%m.%Y %H:%M'"
        below = int(wrong[::-1].cumprod().sum())
        if 0 < below == wrong.sum() <= min(LONGEST_FOOTER, len(wrong) - 1):
            rows = f"frame[:-{below + self.passed_over}]"
            advice = f"if the table ends above it, read it by frame = pandas.read_csv(...), and hand over {rows}"
        self.refuse(wrong, f"is not {example}; {advice}.")


def _clock(text):
    """Digits of the time of day with colons between them, as wide as the widest: 5, 1300 -> 00:05, 13:00."""
    if not text.str.fullmatch(r"\d{1,6}").all():
        return text
    width = -(-int(text.str.len().max()) // 2) * 2
    return text.str.zfill(width).str.replace(r"\d\d(?=\d)", r"\g<0>:", regex=True)


def _padded(text):
    def pad(found):
        year, month, day, between, hour = found.groups()
        return f"{year}-{month:0>2}-{day:0>2}" + (f"{between}{hour:0>2}" if hour else "")

    return SHORT.sub(pad, text, count=1)


def _utc_of(table, local, time_zone):
    """Local times of a zone in UTC; those that the clock shows twice are told apart by the order of the rows."""
    name, times = table.time[-1], local.dt
    twice = times.tz_localize(time_zone, ambiguous="NaT", nonexistent="shift_forward").isna()
    exist = times.tz_localize(time_zone, ambiguous=np.zeros(len(local), bool), nonexistent="NaT")
    table.refuse(name, exist.isna(), f"does not exist in {time_zone}, whose clocks were put forward then")
    table.refuse(
        name,
        twice & ~local.duplicated(keep=False),
        f"stands once, but the clocks of {time_zone} showed it twice. Give times with their distance from UTC",
    )
    falling = len(local) > 1 and local.iloc[0] > local.iloc[-1]
    summer = ~local.duplicated(keep="last" if falling else "first")
    return times.tz_localize(time_zone, ambiguous=summer.to_numpy()).dt.tz_convert("UTC").dt.tz_localize(None)
