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
