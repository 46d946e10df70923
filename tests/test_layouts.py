"""Files as other vendors write them, made up here: each loads right, or is refused with the way out."""

import numpy as np
import pandas
import pytest

from keras_rnn_basics.datasets import dates, hours, read_series, sentences, ticks, weather

DAYS = pandas.date_range("2020-01-01", periods=40)
BARS = [(100 + k % 7, 101.5 + k % 7, 99.5 + k % 7, 101 + k % 7, 2_000_000 + 1000 * k) for k in range(40)]
CELSIUS = [k % 11 - 3.5 for k in range(60)]


def put(tmp_path, header, rows, name="table.csv"):
    path = tmp_path / name
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def refused(load, path, *expected, **arguments):
    with pytest.raises(ValueError, match=path.name) as error:
        load(path, **arguments)
    for part in expected:
        assert part in str(error.value)


def assert_the_bars(bars):
    np.testing.assert_array_equal(bars.times, DAYS.to_numpy("datetime64[D]"))
    np.testing.assert_allclose(bars.values, np.array(BARS), rtol=1e-6)


def test_investing_com_writes_volumes_in_millions_and_the_close_as_a_price(tmp_path):
    rows = [
        f'"{day:%m/%d/%Y}","{c}","{o}","{h}","{low}","{v / 1e6:.3f}M","0.45%"'
        for day, (o, h, low, c, v) in zip(DAYS[::-1], BARS[::-1])
    ]
    path = put(tmp_path, '\ufeff"Date","Price","Open","High","Low","Vol.","Change %"', rows)
    refused(ticks.load, path, "columns={'close': '...'}", repair=True)
    bars = ticks.load(path, columns={"close": "Price"}, date_format="%m/%d/%Y", repair=True)
    assert_the_bars(bars)
    assert "column 'Vol.': '2.039M' was read as 2039000" in bars.repairs


def test_bloomberg_writes_lines_of_commas_above_the_header(tmp_path):
    above = ["Security,AAPL US Equity,,,,", "Start Date,1/1/2020,,,,", ",,,,,"]
    rows = [f"{day:%m/%d/%Y},{','.join(map(str, own))}" for day, own in zip(DAYS, BARS)]
    rows[7] = rows[7].replace("2007000", "#N/A N/A")
    path = put(tmp_path, above[0], [*above[1:], "Date,PX_OPEN,PX_HIGH,PX_LOW,PX_LAST,PX_VOLUME", *rows])
    names = {name: f"PX_{name.upper()}" for name in ("open", "high", "low", "volume")} | {"close": "PX_LAST"}
    refused(ticks.load, path, "columns={'open': '...'}")
    bars = ticks.load(path, columns=names, date_format="%m/%d/%Y", repair=True)
    assert len(bars) == 39
    assert DAYS[7] not in bars.times
    assert bars.repairs[0] == "what stands above the header, which is line 4, was passed over"


def test_yahoo_writes_dividends_into_rows_of_their_own(tmp_path):
    rows = [f"{day:%b %d, %Y}\t" + "\t".join(map(str, own)) for day, own in zip(DAYS, BARS)]
    path = put(
        tmp_path, "Date\tOpen\tHigh\tLow\tClose\tVolume", [*rows[:9], f"{DAYS[9]:%b %d, %Y}\t0.23 Dividend", *rows[9:]]
    )
    refused(ticks.load, path, "line 2, column 'Date'", "date_format=")
    refused(ticks.load, path, "line 11, column 'Open'", "missing=['0.23 Dividend']", date_format="%b %d, %Y")
    assert_the_bars(ticks.load(path, date_format="%b %d, %Y", missing=["0.23 Dividend"], repair="gaps"))


@pytest.mark.parametrize(
    ("header", "how", "arguments"),
    [
        ("<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>", "%Y%m%d,000000", {"time": ["<DATE>", "<TIME>"]}),
        ("<DATE>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>", "%Y.%m.%d", {}),
        ("date,open,high,low,close,Volume BTC,Volume USD", "%Y-%m-%d 00:00:00", {"columns": {"volume": "Volume BTC"}}),
    ],
    ids=["stooq", "metatrader", "cryptodatadownload"],
)
def test_bars_of_brokers_are_read(tmp_path, header, how, arguments):
    rows = [f"{day:{how}},{','.join(map(str, own))},1" for day, own in zip(DAYS, BARS)]
    rows = rows if "USD" in header else [row[:-2] for row in rows]
    assert_the_bars(ticks.load(put(tmp_path, header, rows), **arguments))


def test_volatility_is_no_volume(tmp_path):
    rows = [f"{day:%Y-%m-%d},{','.join(map(str, own))}" for day, own in zip(DAYS, BARS)]
    bars = ticks.load(put(tmp_path, "date,open,high,low,close,volatility", rows))
    assert bars.names == ("open", "high", "low", "close")


def test_a_number_below_zero_that_repeats_alone_is_a_code(tmp_path):
    # UCI's air quality: -200 is missing, and the sensor's own numbers go so far that it is not far from them.
    numbers = [-200 if k in (7, 8, 9) else 150 + 20 * k for k in range(60)]
    moments = pandas.date_range("2004-03-10 18:00", periods=60, freq="h")
    rows = [
        f"{moment:%d/%m/%Y;%H.%M.%S};{own};{own / 10:.1f}".replace(",", ".") for moment, own in zip(moments, numbers)
    ]
    rows = [row[: row.rindex(".")] + "," + row[row.rindex(".") + 1 :] for row in rows]
    path = put(tmp_path, "Date;Time;NMHC(GT);T", rows)
    how = {"time": ["Date", "Time"], "date_format": "%d/%m/%Y %H.%M.%S", "columns": ["NMHC(GT)"]}
    refused(hours.load, path, "line 9, column 'NMHC(GT)': -200 looks like the mark", "missing=[-200]", **how)
    assert hours.load(path, missing=[-200], repair="gaps", **how).values.min() == 150
    # What is measured below zero is no code.
    cold = [f"{day:%Y-%m-%d},{-120 if k % 3 else -100 - k}" for k, day in enumerate(DAYS)]
    assert weather.load(put(tmp_path, "date,depth", cold)).values.min() == -139


@pytest.mark.parametrize(
    ("written", "sep", "number"),
    [
        ("\u22120.5", ",", -0.5),
        ("55%", ",", 55),
        ("51\u202f100,5", ";", 51100.5),
        ("51'100.5", ";", 51100.5),
        ("1.5K", ",", 1500),
    ],
)
def test_numbers_are_read_as_people_write_them_and_told(tmp_path, written, sep, number):
    rows = [f"{day:%Y-%m-%d}{sep}{written}" for day in DAYS]
    days = weather.load(put(tmp_path, f"date{sep}a", rows))
    assert (days.values == np.float32(number)).all()
    assert f"column 'a': {written!r} was read as {number:.15g}" in days.repairs


def test_a_letter_behind_some_numbers_is_a_flag_and_no_unit(tmp_path):
    rows = [f"{day:%Y-%m-%d},{'0.12B' if k == 5 else '0.12'}" for k, day in enumerate(DAYS)]
    refused(weather.load, put(tmp_path, "DATE,PRCP", rows), "line 7, column 'PRCP': '0.12B' is not a finite number")


def test_a_header_is_guessed_below_lines_of_words_and_missed_where_there_is_none(tmp_path):
    rows = [f"{day.year},{day.month},{day.day},{own}" for day, own in zip(DAYS, CELSIUS)]
    path = put(tmp_path, "-BEGIN HEADER-\nNASA/POWER Daily Data\n-END HEADER-\nYEAR,MO,DY,T2M", rows)
    refused(weather.load, path, "line 4", "['YEAR', 'MO', 'DY', 'T2M']", "time=")
    assert weather.load(path, time=["YEAR", "MO", "DY"]).names == ("T2M",)
    long = [f"USW00094728,{day:%Y%m%d},TMAX,{own:g},,,Z," for day, own in zip(DAYS, CELSIUS)]
    refused(weather.load, put(tmp_path, long[0], long[1:]), "there is no header", "header=None, names=")
    gauges = [f"{day:%Y-%m-%d},{own},{own}" for day, own in zip(DAYS, CELSIUS)]
    assert weather.load(put(tmp_path, "date,20123456,1646500", gauges)).names == ("20123456", "1646500")
    knmi = [f"260,{day:%Y%m%d},{own:g}" for day, own in zip(DAYS, CELSIUS)]
    path = put(tmp_path, "# from the institute\n# STN,YYYYMMDD,TG\n#", knmi)
    np.testing.assert_allclose(weather.load(path, time="YYYYMMDD", columns=["TG"]).values[:, 0], CELSIUS[:40])
    path = put(tmp_path, '[{"date": "2020-01-01", "a": 1}]', [], "table.json")
    refused(weather.load, path, "is JSON", "pandas.read_json")


def test_three_digits_behind_a_point_are_told_where_they_may_be_thousands(tmp_path):
    rows = [f"{day:%d.%m.%Y};1.{100 + k}" for k, day in enumerate(DAYS)]
    days = weather.load(put(tmp_path, "Datum;Last", rows), time="Datum", date_format="%d.%m.%Y")
    assert days.values[0, 0] == np.float32(1.1)
    assert days.repairs[0].startswith("'1.100' was read as 1.1; if it is 1100, hand over a frame: ")
    assert "sep=';', thousands='.'" in days.repairs[0]


@pytest.mark.parametrize(
    ("encoding", "sep", "how"),
    [
        ("cp1252", ";", "encoding='cp1252', sep=';', decimal=','"),
        ("utf-16", "\t", "encoding='utf-16', sep='\\t', decimal=','"),
        ("cp1252", ",", "encoding='cp1252'"),
    ],
)
def test_the_two_lines_of_pandas_for_another_encoding_do_read_it(tmp_path, encoding, sep, how):
    number = "1.5" if sep == "," else "1,5"
    text = f"Datum{sep}Höhe\r\n" + "".join(f"{day:%Y-%m-%d}{sep}{number}\r\n" for day in DAYS)
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode(encoding))
    refused(weather.load, path, f"pandas.read_csv({str(path)!r}, {how})", time="Datum")
    frame = eval(f"pandas.read_csv({str(path)!r}, {how})")
    np.testing.assert_array_equal(weather.load(frame, time="Datum").column("Höhe"), 1.5)


def test_the_numbers_of_rows_are_told(tmp_path):
    rows = [f"{k + 1},{day:%Y-%m-%d},{own}" for k, (day, own) in enumerate(zip(DAYS, CELSIUS))]
    days = weather.load(put(tmp_path, "No,date,a", rows))
    assert days.repairs == ("column 'No' counts the rows; if it measures nothing, leave it out by columns=[...]",)


def test_months_are_read_by_their_format(tmp_path):
    rows = [f"{month:%Y-%m},{own}" for month, own in zip(pandas.date_range("2000-01", periods=24, freq="MS"), CELSIUS)]
    path = put(tmp_path, "month,sunspots", rows)
    months = read_series(path, None, time="month", date_format="%Y-%m")
    assert months.times[1].astype(str) == "2000-02-01"


ENGLISH, FRENCH = ([f"{word} {k} {word}." for k in range(20)] for word in ("one", "un"))


@pytest.mark.parametrize(
    ("header", "first", "message"),
    [
        ("", "https://example.org/{}\t", r"'https://example\.org/1' and|such as 'https://example\.org/1'"),
        ("", "{:032x}\t", "which look like ids"),
        ("English words/sentences\tFrench words/sentences\n", "", "look like a header"),
    ],
    ids=["addresses", "uuids", "kaggle"],
)
def test_ids_and_headers_of_pairs_are_no_sentences(tmp_path, header, first, message):
    rows = [f"{first.format(k)}{own}\t{other}" for k, (own, other) in enumerate(zip(ENGLISH, FRENCH))]
    path = put(tmp_path, header + rows[0], rows[1:], "pairs.tsv")
    with pytest.raises(ValueError, match=message) as error:
        dates.load(path)
    assert "columns=" in str(error.value)


def test_a_page_of_html_is_told(tmp_path):
    path = put(tmp_path, "<!DOCTYPE html>\n<html><body>", [f"<p>{own}</p>" for own in ENGLISH], "page.txt")
    with pytest.warns(UserWarning, match=r"page\.txt is HTML, XML, RTF or JSON: its marks are read as text"):
        sentences.load(path)


def test_what_stands_below_a_table_is_passed_over_or_refused_with_the_way_out(tmp_path):
    rows = [f"{day:%Y-%m-%d},{k},{2 * k}" for k, day in enumerate(DAYS)]
    path = put(tmp_path, "date,a,b", [*rows, "", "Source: NOAA 2020", "(c) somebody"])
    days = weather.load(path)
    np.testing.assert_array_equal(days.values[:, 1], 2.0 * np.arange(40))
    assert days.repairs == ("line 43: 'Source: NOAA 2020', below the table, was passed over",)
    path = put(tmp_path, "date,a,b", [*rows, "Total,780,1560", "", "(c) somebody"])
    refused(weather.load, path, "line 42, column 'date': 'Total' is not a date", "hand over frame[:-2]")
    assert len(weather.load(pandas.read_csv(path)[:-2])) == 40
    path = put(tmp_path, "date,a,b", [*rows, "2020-02-10,,"])  # a day without measurements, no footer
    refused(weather.load, path, "line 42, column 'a': the number is missing")


def test_entso_e_writes_hours_from_to_in_local_time(tmp_path):
    hours_of = pandas.date_range("2020-03-28", periods=60, freq="h", tz="Europe/Brussels")
    rows = [
        f'"{begin:%d.%m.%Y %H:%M} - {begin + pandas.Timedelta("1h"):%d.%m.%Y %H:%M}","{k}.25","EUR",""'
        for k, begin in enumerate(hours_of)
    ]
    path = put(tmp_path, '"MTU (CET/CEST)","Day-ahead Price [EUR/MWh]","Currency","BZN|DE-LU"', rows)
    refused(
        hours.load,
        path,
        "column 'Currency': 'EUR' is not a finite number",
        "columns=[...]",
        time_zone="Europe/Brussels",
    )
    arguments = {"columns": ["Day-ahead Price [EUR/MWh]"], "time_zone": "Europe/Brussels"}
    series = hours.load(path, **arguments)
    np.testing.assert_array_equal(series.times, hours_of.tz_convert("UTC").tz_localize(None).to_numpy("datetime64[s]"))
    np.testing.assert_array_equal(series.values[:, 0], np.arange(60) + 0.25)


def test_a_comma_file_with_quoted_decimal_commas_is_read_with_them(tmp_path):
    rows = [f'"{day:%d.%m.%Y}","112,{550 + k}","0,12%"' for k, day in enumerate(DAYS[12:])]  # investing.com in German
    days = weather.load(put(tmp_path, '"Datum","Zuletzt","+/- %"', rows), time="Datum", date_format="%d.%m.%Y")
    np.testing.assert_allclose(days.values, [[112.55 + k / 1000, 0.12] for k in range(28)], rtol=1e-6)
    assert days.repairs[0] == "column '+/- %': '0,12%' was read as 0.12"


def test_trades_tell_how_their_numbers_were_read(tmp_path):
    rows = [f'2020-01-01T00:00:{k:02},"1,1{k:02}.5",1' for k in range(40)]
    bars = ticks.load(put(tmp_path, "Trades of a day", ["time,price,size", *rows]), "tick", 10)
    np.testing.assert_allclose(bars.values[:, 0], [1100.5, 1110.5, 1120.5, 1130.5])
    assert bars.repairs == (
        "what stands above the header, which is line 2, was passed over",
        "column 'price': '1,100.5' was read as 1100.5",
    )


def test_seconds_since_1970_that_could_be_hours_of_the_18th_century_are_seconds():
    moments = 1705101200 + np.arange(20)  # 1705-10-12 00h .. 19h, or 2024-01-12
    series = read_series(pandas.DataFrame({"time": moments, "a": 1.0 * np.arange(20)}), "1s")
    np.testing.assert_array_equal(series.times, moments.astype("datetime64[s]"))


@pytest.mark.parametrize("name", ["sensor_id", "Site Name", "pair", "entity_id", "StationCode"])
def test_columns_of_many_names_tell_several_series_apart(tmp_path, name):
    rows = [f"2020-01-01T{k // 2:02}:{30 * (k % 2)},{'ab'[k % 2]},{k}.5" for k in range(20)]
    path = put(tmp_path, f"time,{name},value", rows)
    refused(
        read_series, path, f"column {name!r} tells 2 series apart, ['a', 'b']", f"only={{{name!r}: 'a'}}", step="1h"
    )
    series = read_series(path, "1h", only={name: "b"})
    np.testing.assert_array_equal(series.values[:, 0], 1.5 + 2 * np.arange(10))
