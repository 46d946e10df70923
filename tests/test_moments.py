import numpy as np
import pandas
import pytest

from keras_rnn_basics.datasets import hours, read_series, weather


def frame(times, name="time"):
    return pandas.DataFrame({name: times, "a": range(len(times))})


@pytest.mark.parametrize(
    "written",
    [
        ["2020-01-31", "2020-02-01"],
        ["2020/1/31", "2020/2/1"],
        ["20200131", "20200201"],
        [20200131, 20200201],
        ["31/01/2020", "01/02/2020"],
        ["01/31/2020", "02/01/2020"],
        ["1580428800", "1580515200"],
        ["2020-01-31 00:00:00+09:00", "2020-02-01 00:00:00+09:00"],
        ["2020-01-31 00:00:00-05:00", "2020-02-01 00:00:00-05:00"],
    ],
)
def test_days_keep_their_local_date(written):
    days = weather.load(frame(written))
    assert days.times.astype(str).tolist() == ["2020-01-31", "2020-02-01"]
    assert days.times.dtype == "datetime64[D]"


def test_days_of_a_zone_may_be_written_in_utc():
    written = ["2020-01-31T15:00Z", "2020-02-01T15:00Z"]
    assert weather.load(frame(written), time_zone="Asia/Tokyo").times.astype(str).tolist() == [
        "2020-02-01",
        "2020-02-02",
    ]
    with pytest.raises(ValueError, match="'2020-01-31T15:00Z' is not a date, as it has a time of day"):
        weather.load(frame(written))


@pytest.mark.parametrize(
    "written",
    [
        ["2020-01-31T23:00Z", "2020-02-01T00:00Z"],
        ["2020-01-31 23:00", "2020-02-01 00:00"],
        ["2020-01-31T23", "2020-02-01T00"],
        ["2020-02-01T01:00+02:00", "2020-02-01T02:00+02:00"],
        ["2020-01-31 23:00:00 UTC", "2020-02-01 00:00:00 UTC"],
        ["2020013123", "2020020100"],
        ["202001312300", "202002010000"],
        ["20200131230000", "20200201000000"],
        ["1580511600", "1580515200"],
        ["1580511600.000", "1580515200.000"],
        [1580511600000, 1580515200000],
        [1580511600000000, 1580515200000000],
        [1580511600000000000, 1580515200000000000],
        pandas.to_datetime(["2020-02-01 00:00", "2020-02-01 01:00"]).tz_localize("Europe/Berlin"),
    ],
)
def test_hours_become_utc(written):
    series = hours.load(frame(written))
    np.testing.assert_array_equal(series.times, np.array(["2020-01-31T23:00", "2020-02-01T00:00"], "datetime64[s]"))


def test_hours_keep_their_local_weekday_and_clock():
    written = [f"2020-03-{29 + (k + 20) // 24}T{(k + 20) % 24:02}:00-05:00" for k in range(6)]  # a Sunday evening
    series = hours.with_calendar(hours.load(frame(written)))
    assert series.times[0] == np.datetime64("2020-03-30T01:00")
    assert series.column("weekday=Sun").tolist() == [1, 1, 1, 1, 0, 0]
    assert series.column("weekday=Mon").tolist() == [0, 0, 0, 0, 1, 1]
    np.testing.assert_allclose(series.column("hour_cos")[4], 1)
    berlin = hours.load(frame(["2020-03-29T00:00Z", "2020-03-29T01:00Z"]), time_zone="Europe/Berlin")
    assert (berlin.offsets / np.timedelta64(1, "h")).tolist() == [1, 2]
    assert berlin.local_times.astype(str).tolist() == ["2020-03-29T01:00:00", "2020-03-29T03:00:00"]


def test_years_months_days_and_hours_may_be_columns_of_their_own():
    data = pandas.DataFrame({"year": [2020] * 3, "month": [2] * 3, "day": [9] * 3, "hour": [9, 10, 11], "a": [1, 2, 3]})
    series = hours.load(data, time=["year", "month", "day", "hour"])
    assert series.times.astype(str).tolist() == [f"2020-02-09T{hour:02}:00:00" for hour in (9, 10, 11)]
    days = weather.load(data.iloc[:1], time=["year", "month", "day"], columns=["a"])
    assert days.times.astype(str).tolist() == ["2020-02-09"]


@pytest.mark.parametrize(
    "written",
    [
        ["2020-01-01 23:00", "2020-01-01 24:00", "2020-01-02 01:00"],
        ["2020010123", "2020010124", "2020010201"],
        ["31/01/2020 23:00", "31/01/2020 24:00", "01/02/2020 01:00"],
    ],
)
def test_24_00_is_the_beginning_of_the_next_day(written):
    series = hours.load(frame(written))
    np.testing.assert_array_equal(np.diff(series.times), np.timedelta64(1, "h"))
    assert series.times[1] == series.times[1].astype("datetime64[D]")
    assert series.repairs == (f"{written[1]!r} was read as 00:00 of the next day",)


def test_hours_from_1_to_24_end_at_their_number_and_the_24th_day_is_no_hour():
    rows = [(2020, 1, day, hour, 0.5) for day in (23, 24, 25) for hour in range(1, 25)]
    data = pandas.DataFrame(rows, columns=["year", "month", "day", "hour", "a"])
    series = hours.load(data, time=["year", "month", "day", "hour"])
    np.testing.assert_array_equal(
        series.times, np.datetime64("2020-01-23T01", "s") + np.arange(72) * np.timedelta64(1, "h")
    )
    days = weather.load(data[data.hour == 1], time=["year", "month", "day"], columns=["a"])
    assert days.times.astype(str).tolist() == ["2020-01-23", "2020-01-24", "2020-01-25"]


@pytest.mark.parametrize("date", ["20200105", "2020-01-05"])
@pytest.mark.parametrize(("unit", "digits"), [(1, 1), (1, 2), (100, 1), (100, 4), (10_000, 1), (10_000, 6)])
def test_digits_of_a_column_of_clocks_are_as_wide_as_the_widest(date, unit, digits):
    rows = [(date, f"{hour * unit:0{digits}}", hour) for hour in range(24)]
    series = hours.load(pandas.DataFrame(rows, columns=["date", "hour", "a"]), time=["date", "hour"])
    np.testing.assert_array_equal(
        series.times, np.datetime64("2020-01-05", "s") + np.arange(24) * np.timedelta64(1, "h")
    )


@pytest.mark.parametrize(
    "form",
    [
        "{0:%Y-%m-%d %H:%M} - {1:%Y-%m-%d %H:%M}",
        "{0:%Y-%m-%dT%H:%MZ}/{1:%Y-%m-%dT%H:%MZ}",
        "{0:%d.%m.%Y %H:%M} - {1:%d.%m.%Y %H:%M}",
        "{0:%Y-%m-%d %H:%M} to {1:%H:%M}",
        "{0:%Y-%m-%d %H:%M}-{1:%H:%M}",
    ],
)
def test_a_span_of_time_stands_at_its_beginning(form):
    begins = pandas.date_range("2020-01-13", periods=30, freq="h")
    written = [form.format(begin, begin + pandas.Timedelta("1h")) for begin in begins]
    series = hours.load(frame(written))
    np.testing.assert_array_equal(series.times, begins.to_numpy("datetime64[s]"))
    assert series.repairs == (f"{written[0]!r} is a span of time: such rows stand at its beginning",)


def test_an_offset_behind_the_clock_is_no_span():
    series = hours.load(frame(["2020-01-13 05:00-05:00", "2020-01-13 06:00-05:00"]))
    assert series.times.astype(str).tolist() == ["2020-01-13T10:00:00", "2020-01-13T11:00:00"]


@pytest.mark.parametrize("turn", [1, -1])
def test_the_hour_that_the_clock_shows_twice_is_told_apart_by_the_order(turn):
    written = ["2021-10-31 01:00", "2021-10-31 02:00", "2021-10-31 02:00", "2021-10-31 03:00"]
    series = hours.load(frame(written).iloc[::turn], time_zone="Europe/Berlin", repair="order")
    np.testing.assert_array_equal(np.diff(series.times), np.timedelta64(1, "h"))
    np.testing.assert_array_equal(series.values[:, 0], [0, 1, 2, 3])
    with pytest.raises(ValueError, match=r"row 1, .* stands once, but the clocks of Europe/Berlin showed it twice"):
        hours.load(frame(written[:2] + written[3:]), time_zone="Europe/Berlin")
    with pytest.raises(ValueError, match=r"row 2, .* is also in row 1, .* give time_zone="):
        hours.load(frame(written), repair=True)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (
            ["01/02/2020 00:00"],
            r"'01/02/2020 00:00' may begin with day or month. Give date_format='%d/%m/%Y %H:%M' or '%m/%d/%Y %H:%M'",
        ),
        (["2020-01-01 23:00", "2020-01-01 24:30"], "row 1, column 'time': '2020-01-01 24:30' is not a time"),
        (["2020-01-01"], "'2020-01-01' is not a time"),
        (["2020-02-30T00:00"], "'2020-02-30T00:00' is not a time"),
        (["Jan 5 2020 00:00"], "say how it is written by date_format="),
        ([12345678901], "'12345678901' is not a time|of the years 1700 to 2250"),
        (["2020-01-01T00:00", None], "row 1, column 'time': '' is not a time"),
        (["1580511600", "1580515200000"], "row 1, column 'time': '1580515200000' is not a time"),
    ],
)
def test_what_is_no_hour_is_an_error(written, message):
    with pytest.raises(ValueError, match=message):
        hours.load(frame(written))


def test_a_format_may_name_the_distance_from_utc():
    written = ["01.02.2020 00:00 +0100", "01.02.2020 01:00 +0100"]
    series = read_series(frame(written, "when"), "1h", time="when", date_format="%d.%m.%Y %H:%M %z")
    assert series.times[0] == np.datetime64("2020-01-31T23:00")
    assert series.local_times[0] == np.datetime64("2020-02-01T00:00")


def test_hours_that_were_missing_have_the_offset_of_their_own_time():
    written = pandas.date_range("2020-03-29 00:00", periods=8, freq="h", tz="UTC").delete(
        [1, 2, 3]
    )  # at 01:00 it changes
    series = hours.load(frame(written.strftime("%Y-%m-%dT%H:%MZ").tolist()), time_zone="Europe/Berlin", repair="gaps")
    np.testing.assert_array_equal(series.offsets / np.timedelta64(1, "h"), [1, 2, 2, 2, 2, 2, 2, 2])
