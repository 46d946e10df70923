"""Small imitations of the files that people have: each loads right, or is refused with the way out."""

from pathlib import Path

import numpy as np
import pandas
import pytest

from keras_rnn_basics.datasets import hours, read_series, split_windows, ticks, weather

CASES = Path(__file__).parent / "cases"


def refused(load, name, *expected, **arguments):
    """An error that names the file and all that is expected."""
    with pytest.raises(ValueError, match=name.replace(".", r"\.")) as error:
        load(CASES / name, **arguments)
    for part in expected:
        assert part in str(error.value)


def first(series, name):
    return series.column(name)[0]


def test_a_station_with_text_columns_gives_those_that_were_asked_for():
    days = weather.load(CASES / "ghcn.csv", time="DATE", columns=["TMAX", "TMIN"], repair="gaps")
    assert days.times[0] == np.datetime64("2020-01-01")
    assert days.values[0].tolist() == [1037, 16]
    assert len(days) == 44
    refused(weather.load, "ghcn.csv", "'SNOW'", "no number", columns=["TMAX", "SNOW"])


def test_codes_for_missing_numbers_are_no_measurements():
    refused(weather.load, "gsod_min.csv", "'SLP'", "9999.9", "missing=", columns=["TEMP", "SLP"])
    refused(weather.load, "gsod_min.csv", "'SLP': the first number is missing", columns=["SLP"], missing=[9999.9])
    days = weather.load(CASES / "gsod_min.csv", columns=["SLP"], missing=[9999.9], repair=True)
    assert "line 2, column 'SLP': the first number is missing: the rows before line 3 are dropped" in days.repairs
    assert len(days) == 43
    frame = pandas.read_csv(CASES / "gsod_min.csv").iloc[1:]
    days = weather.load(frame, columns=["SLP"], missing=[9999.9], repair="gaps")
    gone = (frame["SLP"] == 9999.9).to_numpy()
    assert gone.any()
    np.testing.assert_array_equal(days.filled[:, 0], gone)
    assert days.values.max() < 1100
    assert f"as in {gone.sum() - 1} further rows" in days.repairs[-1]


def test_dates_may_be_eight_digits():
    days = weather.load(CASES / "dwd_days.csv", time="MESS_DATUM", columns=["TMK"], repair="gaps")
    np.testing.assert_allclose(days.column("TMK")[:2], [0.1, 1.1], rtol=1e-6)
    assert days.times[:2].astype(str).tolist() == ["2020-01-01", "2020-01-02"]
    refused(weather.load, "dwd_days.csv", "'FX'", "-999", "missing=", time="MESS_DATUM", columns=["TMK", "FX"])


def test_hours_may_be_ten_digits():
    series = hours.load(CASES / "dwd_hours.csv", time="MESS_DATUM")
    assert (series.times[0], first(series, "TT_TU")) == (np.datetime64("2020-01-01T00"), 0.5)
    assert len(series) == 24


def test_units_in_the_names_of_columns_stay():
    days = weather.load(CASES / "open_meteo_days.csv", time="time")
    assert first(days, "temperature_2m_max (°C)") == 0.5


def test_lines_above_the_header_are_told():
    series = hours.load(CASES / "open_meteo_hours.csv")
    assert (series.times[0], first(series, series.names[0])) == (np.datetime64("2022-03-26T00"), np.float32(5.1))
    assert "above the header, which is line 4," in series.repairs[0]
    refused(
        hours.load,
        "open_meteo_hours.csv",
        "2022-03-27T02:00",
        "does not exist in Europe/Berlin",
        time_zone="Europe/Berlin",
    )


def test_columns_without_any_number_are_named():
    refused(weather.load, "meteostat.csv", "['snow', 'wdir', 'wpgt', 'tsun']", "columns=")
    days = weather.load(CASES / "meteostat.csv", columns=["tavg", "pres"])
    np.testing.assert_allclose(days.values[0], [0.1, 1012], rtol=1e-6)


def test_any_step_is_read_with_a_format_of_its_times():
    series = read_series(CASES / "ten_minutes.csv", np.timedelta64(10, "m"), date_format="%d.%m.%Y %H:%M:%S")
    assert (series.times[0], first(series, "T (degC)")) == (np.datetime64("2009-01-01T00:10"), np.float32(-8.02))
    refused(
        hours.load, "ten_minutes.csv", "10 minutes apart", "read_series", date_format="%d.%m.%Y %H:%M:%S", repair=True
    )


def test_decimal_commas_are_read():
    days = weather.load(CASES / "semicolons_decimal_commas.csv")
    np.testing.assert_allclose(days.values[0], [0.5, 0.2], rtol=1e-6)


def test_a_date_that_can_be_read_in_two_ways_is_refused():
    refused(weather.load, "day_first.csv", "line 2", "'01/02/2020'", "date_format='%d/%m/%Y'")
    days = weather.load(CASES / "day_first.csv", date_format="%d/%m/%Y")
    assert days.times[:2].astype(str).tolist() == ["2020-02-01", "2020-02-02"]


def test_another_encoding_is_named():
    refused(weather.load, "windows_1252.csv", "encoding='cp1252'", "pandas.read_csv")
    days = weather.load(pandas.read_csv(CASES / "windows_1252.csv", encoding="cp1252"))
    assert first(days, "temp (°C)") == 0.5


def test_commas_between_thousands_are_no_decimals_and_told():
    days = weather.load(CASES / "thousands.csv")
    assert first(days, "press") == 1013
    assert any("'1,013' was read as 1013" in sentence for sentence in days.repairs)


def test_the_numbers_of_the_rows_are_no_measurement():
    days = weather.load(CASES / "index_column.csv")
    assert days.names == ("temp",)
    assert first(days, "temp") == 0.5
    assert "the first column, without a name" in days.repairs[0]


@pytest.mark.parametrize(("name", "offset"), [("autumn", 2), ("spring", 1)])
def test_a_changed_clock_needs_its_time_zone(name, offset):
    name = f"local_time_{name}.csv"
    refused(hours.load, name, "time_zone=")
    series = hours.load(CASES / name, time_zone="Europe/Berlin")
    assert len(series) == 36
    assert (np.diff(series.times) == np.timedelta64(1, "h")).all()
    np.testing.assert_array_equal(series.values[:, 0], np.arange(36))
    assert series.offsets[0] == np.timedelta64(offset, "h")
    assert series.offsets[-1] == np.timedelta64(3 - offset, "h")


def test_words_become_columns_when_they_are_named():
    refused(hours.load, "load_with_weekday.csv", "'weekday'", "categories=['weekday']")
    series = hours.load(CASES / "load_with_weekday.csv", categories=["weekday"])
    flags = [series.column(name) for name in series.names if name.startswith("weekday=")]
    assert len(flags) == 7
    np.testing.assert_array_equal(np.sum(flags, axis=0), 1)
    mondays = (series.times.astype("datetime64[D]").astype(int) + 3) % 7 == 0
    np.testing.assert_array_equal(series.column("weekday=Mon") == 1, mondays)
    split = split_windows(series, "2021-03-12", "2021-03-18", lookback=24, targets=["load_mw"])
    assert split.constant == ("holiday",)
    with pytest.warns(UserWarning, match="holiday"):
        scaled = split.normalization()
    assert np.abs(np.asarray(scaled(series.values))).max() < 10


def test_snow_after_a_summer_of_training_stays_of_ordinary_size():
    days = weather.load(CASES / "snow_only_late.csv")
    split = split_windows(days, days.times[125], days.times[187], lookback=7)
    assert split.constant == ("snow_cm",)
    assert split.test.x[..., days.index("snow_cm")].max() > 0
    with pytest.warns(UserWarning, match="snow_cm"):
        scaled = np.asarray(split.normalization()(split.test.x))
    assert np.abs(scaled).max() < 10
    np.testing.assert_array_equal(scaled[..., days.index("snow_cm")], 0)


def test_a_row_of_null_is_dropped_and_brings_no_return():
    refused(ticks.load, "yahoo_null_row.csv", "repair='gaps'")
    days = ticks.load(CASES / "yahoo_null_row.csv", repair=True)
    assert len(days) == 58
    assert np.datetime64("2023-03-13") not in days.times
    assert "dropped" in days.repairs[0]
    assert not (ticks.returns(days).column("log_return") == 0).any()


def test_three_header_lines_are_refused_with_two_lines_of_pandas():
    refused(ticks.load, "yfinance_three_headers.csv", "header=[0, 1], index_col=0, parse_dates=True")
    frame = pandas.read_csv(CASES / "yfinance_three_headers.csv", header=[0, 1], index_col=0, parse_dates=True)
    days = ticks.load(frame)
    assert (days.names, days.times[0]) == (("open", "high", "low", "close", "volume"), np.datetime64("2023-01-02"))
    np.testing.assert_allclose(days.values[0], [100.12580929, 100.52631253, 99.725306057, 100.12580929, 1e6], rtol=1e-6)


def test_daily_bars_with_a_zone_keep_their_date():
    days = ticks.load(CASES / "bars_with_zone.csv")
    assert days.times[:3].astype(str).tolist() == ["2023-01-02", "2023-01-03", "2023-01-04"]


def test_prices_with_a_dollar_sign_are_read_newest_first():
    refused(ticks.load, "dollars_newest_first.csv", "comes after", "repair='order'")
    days = ticks.load(CASES / "dollars_newest_first.csv", repair=True)
    assert days.times[-1] == np.datetime64("2024-02-23")
    assert days.column("close")[-1] == np.float32(89.81)
    assert any("'$89.81' was read as 89.81" in sentence for sentence in days.repairs)


def test_a_file_without_a_header_is_refused_with_two_lines_of_pandas():
    refused(ticks.load, "klines_no_header.csv", "there is no header", "header=None, names=")
    names = ["time", "open", "high", "low", "close", "volume", *"abcdef"]
    series = ticks.load(pandas.read_csv(CASES / "klines_no_header.csv", header=None, names=names))
    assert (series.times[0], first(series, "open")) == (np.datetime64("2024-01-01T00"), np.float32(100.13))
    assert series.times[1] == np.datetime64("2024-01-01T01")


def test_a_date_and_a_time_may_be_two_columns():
    refused(ticks.load, "date_and_time_columns.csv", "time=['Date', 'Time']")
    series = ticks.load(CASES / "date_and_time_columns.csv", time=["Date", "Time"])
    assert series.times[1] == np.datetime64("2024-01-01T01")


def test_two_tickers_are_refused_naming_their_column():
    refused(ticks.load, "two_tickers.csv", "'Name'", "only={'Name': 'AAA'}", repair=True)
    days = ticks.load(CASES / "two_tickers.csv", only={"Name": "BBB"})
    assert len(days) == 40


def test_a_price_is_not_the_volume():
    days = ticks.load(CASES / "vwap.csv")
    assert days.names == ("open", "high", "low", "close")
    assert "no column of the volume" in days.repairs[0]
    named = ticks.load(CASES / "vwap.csv", columns={"volume": "Shares"})
    assert first(named, "volume") == 1_000_000


def test_a_crash_is_told_and_not_mended_unasked():
    days = ticks.load(CASES / "crash_newest_first.csv", repair=True)
    frame = pandas.read_csv(CASES / "crash_newest_first.csv").iloc[::-1]
    np.testing.assert_allclose(days.values, frame[["Open", "High", "Low", "Close", "Volume"]], rtol=1e-6)
    assert any("from 20 at the close to 10.1 at the open" in sentence for sentence in days.repairs)


def test_trades_may_be_named_and_timed_in_milliseconds():
    names = {"price": "price", "size": "qty"}
    series = ticks.load(CASES / "trades_epoch_ms.csv", "tick", 1, columns=names)
    assert series.times[0] == np.datetime64("2024-01-01T00:00:02.603")
    assert first(series, "close") == np.float32(100.01)


def test_trades_without_a_header_are_refused_with_two_lines_of_pandas():
    refused(ticks.load, "trades_no_header.csv", "there is no header", "header=None, names=", bars="tick", size=1)
    frame = pandas.read_csv(CASES / "trades_no_header.csv", header=None, names=["time", "price", "size"])
    series = ticks.load(frame, "tick", 1)
    assert series.times[0] == np.datetime64("2024-01-01T00:00:02.603")


def test_volume_bars_of_huge_trades_end():
    bars = ticks.load(CASES / "trades_huge.csv", "volume", 20)
    np.testing.assert_allclose(bars.column("volume"), [1e18, 1])


@pytest.mark.parametrize("repair", [False, True])
def test_prices_beyond_float32_are_refused(repair):
    refused(ticks.load, "trades_overflow.csv", "line 2", "'1e+39'", bars="tick", size=1, repair=repair)
