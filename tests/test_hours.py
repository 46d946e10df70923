import numpy as np
import pytest

from keras_rnn_basics.datasets import hours

HEADER = "time_utc,temp_celsius"


def write(tmp_path, *rows, header=HEADER):
    path = tmp_path / "hours.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def jfk():
    """The year that the package ships, read once; nobody changes it."""
    year = hours.load()
    for values in (year.values, year.times):
        values.flags.writeable = False
    return year


def test_jfk_is_a_year_of_hours_without_a_gap_and_says_what_was_missing(jfk):
    assert (np.diff(jfk.times) == np.timedelta64(1, "h")).all()
    assert np.isfinite(jfk.values).all()
    assert any("24 hours are missing in" in sentence for sentence in jfk.repairs)
    assert any("'pressure_hpa': the number is missing, as in 830 further rows" in sentence for sentence in jfk.repairs)
    assert len(jfk.repairs) <= 1 + len(jfk.names)
    # The hottest month of New York is July, its coldest January or February.
    months = jfk.times.astype("datetime64[M]").astype(int) % 12
    means = [jfk.column("temp_celsius")[months == month].mean() for month in range(12)]
    assert np.argmax(means) == 6
    assert np.argmin(means) in (0, 1)


def test_hours_become_utc_where_they_name_their_distance(tmp_path):
    year = hours.load(write(tmp_path, "2020-03-01T00:00-05:00,1", "2020-03-01T06:00Z,2", "2020-03-01 07:00,3"))
    assert year.times.astype(str).tolist() == [f"2020-03-01T0{hour}:00:00" for hour in (5, 6, 7)]


def test_faulty_hours_are_errors_or_reported_repairs(tmp_path):
    path = write(tmp_path, "2020-01-01T00:00Z,1", "2020-01-01T03:00Z,NA", "2020-01-01T04:00Z,3")
    with pytest.raises(ValueError, match="line 3, column 'time_utc': 2 hours are missing before 2020-01-01T03"):
        hours.load(path)
    year = hours.load(path, repair=True)
    np.testing.assert_array_equal(year.values[:, 0], [1, 1, 1, 1, 3])
    assert len(year.repairs) == 2
    path = write(tmp_path, "2020-01-01T00:51Z,1", "2020-01-01T01:20Z,2")
    with pytest.raises(ValueError, match=r"line 3, .* lies 1740 seconds after .*, which is not a whole hour"):
        hours.load(path, repair=True)
    for field in ("2020-01-01", "20200101T0000", "noon", "2020-01-01T25:00"):
        with pytest.raises(ValueError, match=r"line 2, column 'time_utc': .* is not a time such as"):
            hours.load(write(tmp_path, f"{field},1"))
    with pytest.raises(ValueError, match="there is no column 'time_utc'"):
        hours.load(write(tmp_path, "1,2", header="date,temp"), time="time_utc")


def test_the_clock_closes_on_itself(jfk):
    year = hours.with_clock(jfk)
    day = year.values[:, -2:]
    np.testing.assert_allclose((day**2).sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(day[:100], day[24:124], atol=1e-6)
    midnight, six = (np.argmax(year.times.astype("datetime64[h]").astype(int) % 24 == hour) for hour in (0, 6))
    np.testing.assert_allclose([day[midnight], day[six]], [[0, 1], [1, 0]], atol=1e-6)


def test_the_wind_has_its_strength_and_comes_from_where_it_does(tmp_path):
    rows = ["2020-01-01T00:00Z,90,3", "2020-01-01T01:00Z,360,2", "2020-01-01T02:00Z,225,1"]
    year = hours.load(write(tmp_path, *rows, header="time_utc,wind_direction_degrees,wind_m_per_s"))
    components = hours.with_wind(year).values[:, 2:]
    np.testing.assert_allclose(components, [[3, 0], [0, 2], [-(0.5**0.5), -(0.5**0.5)]], atol=1e-6)


def test_the_sun_rises_sets_and_culminates_when_the_almanac_says():
    def moments(*texts):
        return np.array(texts, dtype="datetime64[s]")

    # New York, 2013-06-21: sunrise 09:25, sunset 00:31 (UTC), by the almanac; at noon 90 - 40.64 + 23.44 degrees.
    height = hours.sun_height(
        moments("2013-06-21T09:10", "2013-06-21T09:50", "2013-06-22T00:05", "2013-06-22T00:50"), 40.64, -73.78
    )
    assert (height > 0).tolist() == [False, True, True, False]
    noon = hours.sun_height(moments("2013-06-21T16:57", "2013-12-21T16:53"), 40.64, -73.78)
    np.testing.assert_allclose(noon, np.sin(np.deg2rad([90 - 40.64 + 23.44, 90 - 40.64 - 23.44])), atol=2e-3)
    # Overhead at the equator when day and night are equal; the midnight sun and the polar night.
    np.testing.assert_allclose(hours.sun_height(moments("2013-03-21T12:00"), 0, 0), 1, atol=1e-3)
    assert hours.sun_height(moments("2013-06-21T00:00", "2013-12-21T12:00"), 80, 0).tolist()[0] > 0.2
    assert hours.sun_height(moments("2013-12-21T12:00"), 80, 0) == 0


def test_the_sun_of_later_is_known_now(jfk):
    year = hours.with_sun(jfk, 40.64, -73.78, horizon=6)
    now, later = year.column("sun"), year.column("sun_in_6h")
    np.testing.assert_array_equal(later[:-6], now[6:])
    assert later[-1] == np.float32(hours.sun_height(year.times[-1:] + np.timedelta64(6, "h"), 40.64, -73.78)[0])


def test_places_that_are_none_are_errors(jfk):
    with pytest.raises(ValueError, match="latitude must lie between -90 and 90 degrees, got -100"):
        hours.with_sun(jfk, -100, 0, 6)
    with pytest.raises(ValueError, match="longitude must lie between -180 and 180 degrees, got nan"):
        hours.with_sun(jfk, 0, float("nan"), 6)
    for horizon in (0, -6, True, 1.5):
        with pytest.raises(ValueError, match="horizon must be a positive integer"):
            hours.with_sun(jfk, 0, 0, horizon)


def test_changes_look_a_day_back_and_no_further(tmp_path):
    rows = [f"2020-01-{1 + t // 24:02}T{t % 24:02}:00Z,{t**2},7" for t in range(60)]
    year = hours.load(write(tmp_path, *rows, header="time_utc,temp,wind"))
    changed = hours.with_changes(year, ["wind", "temp"])
    assert changed.names == ("temp", "wind", "wind_change_24h", "temp_change_24h")
    assert changed.times[0] == year.times[24]
    t = np.arange(24, 60)
    np.testing.assert_allclose(changed.values, np.stack([t**2, 0 * t + 7, 0 * t, t**2 - (t - 24) ** 2], axis=1))
    assert hours.with_changes(year, ["temp"], ago=59).values.tolist() == [[59**2, 7, 59**2]]


def test_changes_over_no_time_or_too_much_are_errors(jfk):
    for ago in (0, -24, 1.5, True, len(jfk)):
        with pytest.raises(ValueError, match="ago must be an integer from 1 to 8729"):
            hours.with_changes(jfk, ["temp_celsius"], ago)
    with pytest.raises(ValueError, match="'temp'"):
        hours.with_changes(jfk, ["temp"])
