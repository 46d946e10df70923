"""Further columns of days and hours of weather: season, time of day, changes, wind, the height of the sun."""

from collections.abc import Sequence

import numpy as np

from keras_rnn_basics import checks
from keras_rnn_basics.datasets import Series


def with_season(days: Series) -> Series:
    """The days with two further columns, the sine and cosine of the day of the year: 31 December is near 1 January.

    >>> from keras_rnn_basics.datasets import weather
    >>> with_season(weather.load()).names[-2:]
    ('season_sin', 'season_cos')
    """
    angle = 2 * np.pi * day_of_year(days.times) / 365.25
    return days.with_columns(("season_sin", "season_cos"), np.stack([np.sin(angle), np.cos(angle)], axis=1))


def day_of_year(dates: np.ndarray) -> np.ndarray:
    """(N,) datetime64 -> (N,) integers: 1 is 1 January.

    >>> day_of_year(np.array(["2015-01-01", "2015-12-31"], dtype="datetime64[D]"))
    array([  1, 365])
    """
    return (dates.astype("datetime64[D]") - dates.astype("datetime64[Y]").astype("datetime64[D]")).astype(int) + 1


def with_clock(hours: Series) -> Series:
    """The hours with two further columns, sine and cosine of the time of day in UTC: 23:00 is near 01:00.

    >>> from keras_rnn_basics.datasets import hours
    >>> with_clock(hours.load()).names[-2:]
    ('day_sin', 'day_cos')
    """
    angle = 2 * np.pi * time_of_day(hours.times)
    return hours.with_columns(("day_sin", "day_cos"), np.stack([np.sin(angle), np.cos(angle)], axis=1))


def time_of_day(times: np.ndarray) -> np.ndarray:
    """datetime64 -> a number from 0, at midnight, to 1, at the next midnight.

    >>> time_of_day(np.array(["2013-07-01T06:00"], dtype="datetime64[s]"))
    array([0.25])
    """
    return (times - times.astype("datetime64[D]")) / np.timedelta64(1, "D")


def with_changes(hours: Series, names: Sequence[str], ago: int = 24) -> Series:
    """The hours with a further column for each name: its value minus its value `ago` hours before.

    The first `ago` hours are left out, since they have no such earlier value.

    Raises:
        ValueError: for an unknown column, or if there are not more than `ago` hours.

    >>> from keras_rnn_basics.datasets import hours
    >>> with_changes(hours.load(), ["temp_celsius"]).names[-1]
    'temp_celsius_change_24h'
    """
    checks.integer("ago", ago, 1, len(hours) - 1)
    columns, filled = hours.only(names).values, np.stack([hours.was_filled(name) for name in names], axis=1)
    new = [f"{name}_change_{ago}h" for name in names]
    later = hours.rows(ago, len(hours))
    return later.with_columns(new, columns[ago:] - columns[:-ago], filled[ago:] | filled[:-ago])


def with_wind(hours: Series, direction: str = "wind_direction_degrees", speed: str = "wind_m_per_s") -> Series:
    """The hours with two further columns, the wind from the east and from the north: 359 degrees is near 1 degree.

    >>> from keras_rnn_basics.datasets import hours
    >>> with_wind(hours.load()).names[-2:]
    ('wind_from_east_m_per_s', 'wind_from_north_m_per_s')
    """
    angle, strength = np.deg2rad(hours.column(direction)), hours.column(speed)
    columns = np.stack([strength * np.sin(angle), strength * np.cos(angle)], axis=1)
    filled = np.stack([hours.was_filled(direction, speed)] * 2, axis=1)
    return hours.with_columns(("wind_from_east_m_per_s", "wind_from_north_m_per_s"), columns, filled)


def with_sun(hours: Series, latitude: float, longitude: float, horizon: int) -> Series:
    """The hours with two further columns, `sun_height` now and `horizon` hours later, which is known in advance.

    Args:
        latitude, longitude: of the place, in degrees; north and east are positive. New York: 40.64, -73.78.
        horizon: hours.

    Raises:
        ValueError: for a latitude or longitude out of range, or a `horizon` that is not a positive integer.

    >>> from keras_rnn_basics.datasets import hours
    >>> with_sun(hours.load(), 40.64, -73.78, horizon=6).names[-2:]
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
