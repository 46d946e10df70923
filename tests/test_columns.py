import sys
from pathlib import Path

import numpy as np
import pytest

from keras_rnn_basics.datasets import hours, weather

sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))

from data import columns


def write(tmp_path, *rows, header):
    path = tmp_path / "hours.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def jfk():
    return hours.load()


def test_the_season_is_a_point_on_a_circle():
    days = columns.with_season(weather.load())
    sin, cos = days.column("season_sin"), days.column("season_cos")
    np.testing.assert_allclose(sin**2 + cos**2, 1, atol=1e-5)
    midsummer = np.argmin(cos[:366])
    assert days.times[midsummer].astype(str)[:7] in ("2012-06", "2012-07")


def test_the_clock_closes_on_itself(jfk):
    year = columns.with_clock(jfk)
    day = year.values[:, -2:]
    np.testing.assert_allclose((day**2).sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(day[:100], day[24:124], atol=1e-6)
    midnight, six = (np.argmax(year.times.astype("datetime64[h]").astype(int) % 24 == hour) for hour in (0, 6))
    np.testing.assert_allclose([day[midnight], day[six]], [[0, 1], [1, 0]], atol=1e-6)


def test_the_wind_has_its_strength_and_comes_from_where_it_does(tmp_path):
    rows = ["2020-01-01T00:00Z,90,3", "2020-01-01T01:00Z,360,2", "2020-01-01T02:00Z,225,1"]
    year = hours.load(write(tmp_path, *rows, header="time_utc,wind_direction_degrees,wind_m_per_s"))
    components = columns.with_wind(year).values[:, 2:]
    np.testing.assert_allclose(components, [[3, 0], [0, 2], [-(0.5**0.5), -(0.5**0.5)]], atol=1e-6)


def test_the_sun_rises_sets_and_culminates_when_the_almanac_says():
    def moments(*texts):
        return np.array(texts, dtype="datetime64[s]")

    # New York, 2013-06-21: sunrise 09:25, sunset 00:31 (UTC), by the almanac; at noon 90 - 40.64 + 23.44 degrees.
    height = columns.sun_height(
        moments("2013-06-21T09:10", "2013-06-21T09:50", "2013-06-22T00:05", "2013-06-22T00:50"), 40.64, -73.78
    )
    assert (height > 0).tolist() == [False, True, True, False]
    noon = columns.sun_height(moments("2013-06-21T16:57", "2013-12-21T16:53"), 40.64, -73.78)
    np.testing.assert_allclose(noon, np.sin(np.deg2rad([90 - 40.64 + 23.44, 90 - 40.64 - 23.44])), atol=2e-3)
    # Overhead at the equator when day and night are equal; the midnight sun and the polar night.
    np.testing.assert_allclose(columns.sun_height(moments("2013-03-21T12:00"), 0, 0), 1, atol=1e-3)
    assert columns.sun_height(moments("2013-06-21T00:00", "2013-12-21T12:00"), 80, 0).tolist()[0] > 0.2
    assert columns.sun_height(moments("2013-12-21T12:00"), 80, 0) == 0


def test_the_sun_of_later_is_known_now(jfk):
    year = columns.with_sun(jfk, 40.64, -73.78, horizon=6)
    now, later = year.column("sun"), year.column("sun_in_6h")
    np.testing.assert_array_equal(later[:-6], now[6:])
    assert later[-1] == np.float32(columns.sun_height(year.times[-1:] + np.timedelta64(6, "h"), 40.64, -73.78)[0])


def test_places_that_are_none_are_errors(jfk):
    with pytest.raises(ValueError, match="latitude must lie between -90 and 90 degrees, got -100"):
        columns.with_sun(jfk, -100, 0, 6)
    with pytest.raises(ValueError, match="longitude must lie between -180 and 180 degrees, got nan"):
        columns.with_sun(jfk, 0, float("nan"), 6)
    for horizon in (0, -6, True, 1.5):
        with pytest.raises(ValueError, match="horizon must be a positive integer"):
            columns.with_sun(jfk, 0, 0, horizon)


def test_changes_look_a_day_back_and_no_further(tmp_path):
    rows = [f"2020-01-{1 + t // 24:02}T{t % 24:02}:00Z,{t**2},7" for t in range(60)]
    year = hours.load(write(tmp_path, *rows, header="time_utc,temp,wind"))
    changed = columns.with_changes(year, ["wind", "temp"])
    assert changed.names == ("temp", "wind", "wind_change_24h", "temp_change_24h")
    assert changed.times[0] == year.times[24]
    t = np.arange(24, 60)
    np.testing.assert_allclose(changed.values, np.stack([t**2, 0 * t + 7, 0 * t, t**2 - (t - 24) ** 2], axis=1))
    assert columns.with_changes(year, ["temp"], ago=59).values.tolist() == [[59**2, 7, 59**2]]


def test_changes_over_no_time_or_too_much_are_errors(jfk):
    for ago in (0, -24, 1.5, True, len(jfk)):
        with pytest.raises(ValueError, match="ago must be an integer from 1 to 8729"):
            columns.with_changes(jfk, ["temp_celsius"], ago)
    with pytest.raises(ValueError, match="'temp'"):
        columns.with_changes(jfk, ["temp"])
