"""The times of a table: days keep their local date, hours become UTC and remember how far their clock was ahead."""

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from keras_rnn_basics.datasets.tables.columns import clocks_beside
from keras_rnn_basics.datasets.tables.edges import LONGEST_FOOTER
from keras_rnn_basics.datasets.tables.table import Table
from keras_rnn_basics.datasets.tables.written import OFFSET, tell_midnight, texts_of

DAY, HOUR = np.timedelta64(1, "D"), np.timedelta64(1, "h")
CLOCK = r"([T ]\d\d(:\d\d(:\d\d(\.\d{1,9})?)?)?)"
ISO = rf"\d{{4}}([-/])\d\d\1\d\d({CLOCK}( ?(Z|UTC|[+-]\d\d(:?\d\d)?))?)?"
# 2020/1/2 9:30; and years, months, days and hours in columns of their own.
SHORT = re.compile(r"(\d{4})[-/. ](\d{1,2})[-/. ](\d{1,2})(?:([T ])(\d{1,2})(?=:|$))?(?!\d)")
DAY_OR_MONTH_FIRST = r"(\d{1,2})([./-])(\d{1,2})\2\d{4}( \d{1,2}:\d\d(:\d\d(\.\d+)?)?)?"
DIGITS = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
MOST_READ = 0.9
IN_UTC = r"(utc|gmt|zulu)(?! ?[+-]?\d)"
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
    if date_format is not None and (not isinstance(date_format, str) or "%Z" in date_format):
        raise ValueError(
            f"date_format must be text without %Z, as names of zones have several meanings, got {date_format!r}. Write "
            "such a name as it is, '%d.%m.%Y %H:%M CET', and give time_zone='Europe/Berlin'."
        )
    local, utc = _Reader(table, step, date_format).read()
    name, dates = table.time[-1], step is not None and not step % DAY
    in_utc = re.search(IN_UTC, name.lower())
    if time_zone not in (None, "UTC", "GMT", "Etc/UTC") and utc is None and in_utc:
        table.notes.append(f"column {name!r} was read as times of {time_zone}; if they are UTC, give time_zone='UTC'")
    clocks = [] if dates else clocks_beside(table.header, table.time)
    if clocks and _at_midnight(local) and not local.is_unique:
        table.refuse(name, np.arange(len(local)) == 0, f"has no time of day. Give time={[*table.time, clocks[0]]}")
    days = dates or (step is None and _at_midnight(local))
    if time_zone is not None and utc is not None:
        local = utc.dt.tz_localize("UTC").dt.tz_convert(time_zone).dt.tz_localize(None)
        days = dates or (step is None and _at_midnight(local))
    elif time_zone is not None and not days:
        utc = _utc_of(table, local, time_zone)
    clock = local.to_numpy("datetime64[ns]")
    if days:
        table.refuse(
            name,
            local != local.dt.normalize(),
            "is not a date, as it has a time of day. If it is midnight somewhere, give its time_zone=; else hand over "
            f"a frame of dates: frame[{name!r}] = pandas.to_datetime(frame[{name!r}]).dt.normalize()",
        )
        return clock, None
    if utc is None:
        return clock, None
    moments = utc.to_numpy("datetime64[ns]")
    return moments, clock - moments


class _Reader:
    def __init__(self, table, step, date_format):
        self.table, self.step, self.date_format = table, step, date_format
        self.name = table.time[-1]

    def read(self):
        """-> the times as they are written and, where they tell it, in UTC; two pandas.Series without a zone."""
        import pandas

        columns = [self.table.frame[name] for name in self.table.time]
        if len(columns) == 1 and pandas.api.types.is_datetime64_any_dtype(columns[0]) and not columns[0].isna().any():
            if columns[0].dt.tz is None:
                return columns[0], None
            return columns[0].dt.tz_localize(None), columns[0].dt.tz_convert("UTC").dt.tz_localize(None)
        text, late = texts_of(self.table, columns, self.date_format)
        self._refuse_no_time(text.isna())
        local, utc = self._text(text)
        known = local if utc is None else utc
        self._refuse_no_time(local.isna() | known.isna())
        if late.any():
            local = local.mask(late, local + DAY)
            utc = None if utc is None else utc.mask(late, utc + DAY)
        own = known.to_numpy("datetime64[us]")
        self.refuse((own < FIRST) | (own >= LAST), "is not a moment of the years 1700 to 2250")
        return local, utc

    def _text(self, text):
        import pandas

        if self.date_format is not None:
            return self._by_format(text)
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
        if not text.str.contains(r"(?:Z|[+-]\d\d:?(?:\d\d)?)$").any():
            return local, None
        return local + self._ahead(text), local

    def _by_format(self, text):
        import pandas

        form, aware = self.date_format, "%z" in self.date_format
        try:
            read = pandas.to_datetime(text, format=form, errors="coerce", utc=aware)
        except ValueError as error:
            raise ValueError(f"date_format={form!r} cannot be used: {error}.") from None
        self.refuse(read.isna(), f"does not fit date_format={form!r}")
        if (read.dt.year == 1900).all() and "1900" not in text.iloc[0]:
            self.refuse(
                read.notna(), f"has no year. If the date is a column of its own, give time=['date', {self.name!r}]"
            )
        if not aware:
            return read, None
        utc = read.dt.tz_localize(None)
        return utc + self._ahead(text), utc

    def _digits(self, text):
        """20200101, 2020010100, ..., or else seconds, or parts of them, since 1970."""
        import pandas

        if text.str.fullmatch(r"\d+").all() and text.str.len().nunique() == 1 and len(text.iloc[0]) in DIGITS:
            late = text.str[8:10] == "24"
            hours = text.where(~late, text.str[:8] + "00" + text.str[10:])
            read = pandas.to_datetime(hours, format=DIGITS[len(text.iloc[0])], errors="coerce")
            read = read.where(~late, read + DAY)
            if read.notna().mean() > MOST_READ:
                self._refuse_no_time(read.isna())
            # Ten digits of an hour before 1900 are seconds of our days.
            if not read.isna().any() and read.dt.year.between(1700 if len(text.iloc[0]) == 8 else 1900, 2250).all():
                if late.any():
                    tell_midnight(self.table, text[late])
                if self.step is not None and self.step % DAY:
                    self._refuse_no_time(text.str.len() == 8)
                return read, None
        count = text.astype("float64")
        unit = next((unit for unit, below in EPOCHS.items() if count.iloc[0] < below), "ns")
        least = {"s": 1e8, "ms": 9e11, "us": 9e14, "ns": 9e17}[unit]  # 12 digits are rather a date of two-digit years
        self._refuse_no_time((count < least) | (count >= EPOCHS[unit]) | (count > 9e18))
        if text.str.contains(".", regex=False).any():
            micros = count * {"s": 1e6, "ms": 1e3, "us": 1, "ns": 1e-3}[unit]
            read = pandas.to_datetime(micros.round().astype("int64"), unit="us")
        else:
            read = pandas.to_datetime(text.astype("int64"), unit=unit)
        self._refuse_no_time(read > pandas.Timestamp.now() + pandas.Timedelta(days=400))
        return read, read

    def _day_or_month_first(self, text, first, sign, second, clock, _, fraction):
        import pandas

        end = f"{sign}%Y" + (
            "" if clock is None else " %H:%M" + ":%S" * (clock.count(":") - 1) + ".%f" * bool(fraction)
        )
        ways = {"day": f"%d{sign}%m{end}", "month": f"%m{sign}%d{end}"}
        if int(first) > 12 or int(second) > 12:
            return ways["day" if int(first) > 12 else "month"]
        fits = [way for way in ways.values() if pandas.to_datetime(text, format=way, errors="coerce").notna().all()]
        self.refuse(
            np.arange(len(text)) == 0,
            f"may begin with day or month. Give date_format={' or '.join(map(repr, fits or ways.values()))}",
        )

    def _ahead(self, text):
        """How far the clocks are ahead of UTC, which each row must say, if one does."""
        import pandas

        sign, hour, minute = (column for _, column in text.str.extract(OFFSET).items())
        silent = hour.isna() & ~text.str.contains("Z|UTC|GMT")
        if not re.search(IN_UTC, self.name.lower()):
            self.refuse(silent, "does not say how far its clock is from UTC, as other rows do")
        minutes = 60 * pandas.to_numeric(hour).fillna(0) + pandas.to_numeric(minute).fillna(0)
        return pandas.to_timedelta(minutes.where(sign != "-", -minutes), unit="min")

    def refuse(self, wrong, what):
        self.table.refuse(self.name, wrong, what)

    def _refuse_no_time(self, wrong):
        wrong, days = np.asarray(wrong, bool), self.step is not None and not self.step % DAY
        if not wrong.any():
            return
        example = "a date such as 2015-12-31" if days else "a time such as 2015-12-31T06:00Z"
        below, own = int(wrong[::-1].cumprod().sum()), f"frame[{self.name!r}]"
        advice = (
            "say how it is written by date_format=, such as '%d.%m.%Y %H:%M', or hand over a frame whose times pandas "
            f"has read: {own} = pandas.to_datetime({own}, ...)"
        )
        if self.table.frame[self.name].astype("str").str.fullmatch(r"[2-6]\d{4}(\.\d*)?").all():
            advice = (
                f"if it counts days as Excel does, {own} = pandas.to_datetime({own}, unit='D', origin='1899-12-30')"
            )
        elif below == wrong.sum() <= min(LONGEST_FOOTER, len(wrong) // 4):
            rows = f"frame[:-{below + self.table.below}]"
            advice = f"if the table ends above it, read it by frame = pandas.read_csv(...), and hand over {rows}"
        self.refuse(wrong, f"is not {example}; {advice}")


def _padded(text):
    def pad(found):
        year, month, day, between, hour = found.groups()
        return f"{year}-{month:0>2}-{day:0>2}" + (f"{between}{hour:0>2}" if hour else "")

    return SHORT.sub(pad, text, count=1)


def _at_midnight(local):
    return bool((local == local.dt.normalize()).all())


def ahead_of_utc(times: np.ndarray, time_zone: str) -> np.ndarray:
    """(N,) datetime64 in UTC -> (N,) timedelta64, how far the clocks of a zone are ahead."""
    import pandas

    local = pandas.DatetimeIndex(times).tz_localize("UTC").tz_convert(time_zone).tz_localize(None)
    return local.to_numpy(times.dtype) - times


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
