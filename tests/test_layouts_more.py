"""Further layouts of real sources, a table of them: what each gives, or the words of the error that refuses it."""

import gzip
import io

import numpy as np
import pandas
import pytest

from keras_rnn_basics.datasets import hours, read_series, ticks, weather

DAYS = pandas.date_range("2020-01-13", periods=40)
HOURS = pandas.date_range("2020-01-13", periods=40, freq="h")
WEEK, LATE = DAYS[:7], pandas.date_range("2020-01-13", periods=160)
EIGHTS, HOUR = DAYS.repeat(3)[:40], pandas.Timedelta("1h")


def table(header, row, index=DAYS, below=()):
    """The text of a file: a row for each time d, with its number k."""
    return "\n".join([*header, *(row(d, k) for k, d in enumerate(index)), *below]) + "\n"


def read(load, **arguments):
    return lambda path: load(path, **arguments)


# name: (text, how it is read, the first time, the column that must be 0.5, 1.5, 2.5 ...)
RIGHT = {
    "PostgreSQL's offsets": (
        table(["time,a"], lambda d, k: f"{d:%Y-%m-%d %H:%M:%S}+01,{k}.5", HOURS), read(hours.load), "2020-01-12T23", 0
    ),
    "an offset in the middle": (
        table(["created_at,a"], lambda d, k: f"{d:%a %b %d %H:%M:%S} -0030 {d:%Y},{k}.5", HOURS),
        read(hours.load, date_format="%a %b %d %H:%M:%S %z %Y"), "2020-01-13T00:30", 0,
    ),
    "midnight without a clock": (
        table(["time,a"], lambda d, k: f"{d:%Y-%m-%d %H:%M:%S},{k}.5".replace(" 00:00:00", ""), HOURS),
        read(hours.load), "2020-01-13", 0,
    ),
    "midnight without a clock, day first": (
        table(["time,a"], lambda d, k: f"{d:%d.%m.%Y %H:%M},{k}.5".replace(" 00:00", ""), HOURS),
        read(hours.load, date_format="%d.%m.%Y %H:%M"), "2020-01-13", 0,
    ),
    "units under the header": (
        table(["time,a,b", ",degC,m/s"], lambda d, k: f"{d:%Y-%m-%d},{k}.5,1"), read(weather.load), "2020-01-13", 0
    ),
    "two rows of units (TOA5)": (
        table(
            ['"TOA5","CR1000"', '"TIMESTAMP","RECORD","AirT_Avg"', '"TS","RN","Deg C"', '"","","Avg"'],
            lambda d, k: f'"{d:%Y-%m-%d %H:%M:%S}",{k},{k}.5', HOURS,
        ),
        read(hours.load), "2020-01-13", 1,
    ),
    "units in the cells": (
        table(["time,a"], lambda d, k: f"{d:%Y-%m-%d},{k}.5 °C"), read(weather.load), "2020-01-13", 0
    ),
    "Indian groups": (
        table(["date,a"], lambda d, k: f'{d:%Y-%m-%d},"12,34,{k:03}.50"'), read(weather.load), "2020-01-13", None
    ),
    "Excel's line of the separator": (
        table(["sep=;", "date;a"], lambda d, k: f"{d:%Y-%m-%d};{k},5"), read(weather.load), "2020-01-13", 0
    ),
    "commas in the names of a semicolon file": (
        table(["Date;Temp, °C;Druck, hPa"], lambda d, k: f"{d:%Y-%m-%d};{k},5;1,0"), read(weather.load), "2020-01-13", 0
    ),
    "remarks with commas in a tab file": (
        table(["date\tv\tremark"], lambda d, k: f"{d:%Y-%m-%d}\t{k}.5\ta, b, c, d"),
        read(weather.load, columns=["v"]), "2020-01-13", 0,
    ),
    "a preamble that begins with Date": (
        table(["Logger 17", "Date: 2020-01-05", "", "time,a"], lambda d, k: f"{d:%Y-%m-%d},{k}.5"),
        read(weather.load), "2020-01-13", 0,
    ),
    "separators at the end of each line": (
        table(["date;a;;"], lambda d, k: f"{d:%Y-%m-%d};{k}.5;;"), read(weather.load), "2020-01-13", 0
    ),
    "years to minutes in columns": (
        table(["Year,Month,Day,Hour,Minute,a"], lambda d, k: f"{d.year},{d.month},{d.day},{d.hour},{30},{k}.5", HOURS),
        read(hours.load, time=["Year", "Month", "Day", "Hour", "Minute"]), "2020-01-13T00:30", 0,
    ),
    "a date, and hours 1 to 24": (
        table(["Date,HE,a"], lambda d, k: f"{d:%m/%d/%Y},{d.hour + 1},{k}.5", HOURS),
        read(hours.load, time=["Date", "HE"]), "2020-01-13T01", 0,
    ),
    "a first number that is missing": (
        table(["date,a,b", "2020-01-12,,1"], lambda d, k: f"{d:%Y-%m-%d},{k}.5,1"),
        read(weather.load, repair="gaps"), "2020-01-13", 0,
    ),
    "spans of a few kinds": (
        table(["time,a"], lambda d, k: f"{d:%Y-%m-%d} {6 + 4 * (k % 3):02}:00-{10 + 4 * (k % 3)}:00,{k}.5", EIGHTS),
        read(read_series, step=None), "2020-01-13T06:00", 0,
    ),
    "a date - a clock": (
        table(["time,a"], lambda d, k: f"{d:%Y-%m-%d - %H:%M},{k}.5", HOURS), read(hours.load), "2020-01-13", 0
    ),
    "an offset behind digits": (
        table(["time,a"], lambda d, k: f"{d:%Y%m%dT%H%M}-0100,{k}.5", HOURS),
        read(hours.load, date_format="%Y%m%dT%H%M%z"), "2020-01-13T01", 0,
    ),
    "a ship's offsets": (
        table(["time,a"], lambda d, k: f"{d - (k // 8) * HOUR:%Y-%m-%dT%H:%M}-0{k // 8}:00,{k}.5", HOURS),
        read(hours.load), "2020-01-13", 0,
    ),
    "fields that are numbered": (
        table(["time,field1,field2"], lambda d, k: f"{d:%Y-%m-%d},{k}.5,{20 + k % 4}.5"),
        read(weather.load), "2020-01-13", 0,
    ),
    "a list in a further column": (
        table(["time,a,tags"], lambda d, k: f'{d:%Y-%m-%d},{k}.500,"61,80"'),
        read(weather.load, columns=["a"]), "2020-01-13", 0,
    ),
    "a region of each day": (
        table(["time,a,region"], lambda d, k: f"{d:%Y-%m-%d},{k}.5,{k % 7}"), read(weather.load), "2020-01-13", 0
    ),
    "a word None that is no mark": (
        table(["date,a,kind"], lambda d, k: f"{d:%Y-%m-%d},{k}.5,{'None' if k else 'rain'}"),
        read(weather.load, categories=["kind"]), "2020-01-13", 0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_a_layout_is_read_for_what_it_is(tmp_path, name):
    text, load, first, column = RIGHT[name]
    (tmp_path / "table.csv").write_text(text, encoding="utf-8")
    series = load(tmp_path / "table.csv")
    assert len(series) == 40
    assert series.times[0] == np.datetime64(first)
    expected = np.arange(40) + (0.5 if column is not None else 1_234_000.5)
    np.testing.assert_allclose(series.values[:, column or 0], expected, rtol=1e-6)


# name: (text, how it is read, words of the error)
REFUSED = {
    "German thousands, some of them": (
        table(["Datum;MWh"], lambda d, k: f"{d:%d.%m.%Y};{'980' if k < 3 else f'1.{k:03}'}"),
        read(weather.load, time="Datum", date_format="%d.%m.%Y"),
        ["'1.003' may be 1003 or less", "thousands='.'", "dtype={'Datum': 'str'}"],
    ),
    "a decimal comma that shows late": (
        table(["Datum;kWh"], lambda d, k: f"{d:%Y-%m-%d};{0 if k < 120 else f'132,{k:03}'}", LATE),
        read(weather.load, time="Datum"),
        ["'132,120' may be 132.120 or 132120", "decimal=','"],
    ),
    "German thousands that begin late": (
        table(["Datum;MWh"], lambda d, k: f"{d:%Y-%m-%d};{880 + k if k < 120 else f'1.{k:03}'}", LATE),
        read(weather.load, time="Datum"), ["'1.120' may be 1120 or less", "thousands='.'"],
    ),
    "offsets of some rows": (
        table(["time,a"], lambda d, k: f"{d:%Y-%m-%d %H:%M}{'+01:00' * (k > 30)},{k}", HOURS),
        read(hours.load, time_zone="Europe/Berlin"), ["line 2", "does not say how far its clock is from UTC"],
    ),
    "years of two digits": (
        table(["time,a"], lambda d, k: f"{d:%y%m%d%H%M%S},{k}", HOURS),
        read(hours.load), ["'200113000000' is not a time"],
    ),
    "one impossible stamp": (
        table(["time,a"], lambda d, k: f"{'202002300000' if k == 20 else f'{d:%Y%m%d%H%M}'},{k}", HOURS),
        read(hours.load), ["line 22", "'202002300000' is not a time"],
    ),
    "kelvin or thousands": (
        table(["time,a"], lambda d, k: f"{d:%Y-%m-%d},{290 + k}.5 K"),
        read(weather.load), ["a unit, a factor or a sign"],
    ),
    "a last day that was not measured": (
        table(["date,a"], lambda d, k: f"{d:%d-%b-%Y},{k if k < 39 else ''}"),
        read(weather.load, date_format="%d-%b-%Y"), ["line 41, column 'a': the number is missing"],
    ),
    "seconds of the day": (
        table(["date,sec,price,size"], lambda d, k: f"{d:%Y-%m-%d},{34200 + k},1,1", [HOURS[0]] * 20),
        read(ticks.load, bars="tick", size=5, time=["date", "sec"]), ["count seconds", "unit='s'"],
    ),
    "no header, a month by its name": (
        table([], lambda d, k: f'"{d:%b %d, %Y}",{k}.5,1'), read(weather.load), ["there is no header"]
    ),
    "no header, dates of the month first": (
        table([], lambda d, k: f"{d:%m/%d/%Y},{k}.5"), read(weather.load), ["there is no header", "header=None"]
    ),
    "no header, a date and a clock in one": (
        table([], lambda d, k: f"{d:%Y%m%d %H%M%S};1.5;{k}.5", HOURS), read(hours.load), ["there is no header"]
    ),
    "a number and a flag in a cell": (
        table(["DATE,TMP"], lambda d, k: f'{d:%Y-%m-%dT%H:%M:%S},"+{k:04},1"', HOURS),
        read(hours.load), ["'+0000,1'", "it holds several", "frame['TMP'].str.split(',').str[0]"],
    ),
    "names of zones": (
        table(["time,a"], lambda d, k: f"{d:%Y-%m-%d %H:%M} CET,{k}", HOURS),
        read(hours.load, date_format="%Y-%m-%d %H:%M %Z"), ["must be text without %Z", "time_zone="],
    ),
    "a clock without a date": (
        table(["Time,a"], lambda d, k: f"{d:%I:%M %p},{k}", HOURS[:24]), read(hours.load, date_format="%I:%M %p"),
        ["'12:00 AM' has no year", "time=['date', 'Time']"],
    ),
    "days that Excel counts": (
        table(["Date,a"], lambda d, k: f"{43843 + k},{k}"), read(weather.load), ["unit='D', origin='1899-12-30'"]
    ),
    "the clock in a further column": (
        table(["Date,Clock,price,size"], lambda d, k: f"{d:%m/%d/%Y},{d:%H:%M:%S},{k + 1},1", HOURS[:20]),
        read(ticks.load, bars="tick", size=10), ["has no time of day", "time=['Date', 'Clock']"],
    ),
    "sells with a minus": (
        table(["time,price,amount"], lambda d, k: f"{d:%Y-%m-%dT%H:%M},{k + 1},{(-1) ** k}", HOURS),
        read(ticks.load, bars="tick", size=10, columns={"size": "amount"}, repair=True),
        ["'amount': -1 is negative, as in 19 further rows", "frame['amount'].abs()"],
    ),
    "the newest trade first": (
        table(["time,price,size"], lambda d, k: f"{d:%Y-%m-%dT%H:%M},{k + 1},1", HOURS[::-1]),
        read(ticks.load, bars="tick", size=10, repair=True), ["frame[::-1]"],
    ),
    "several columns of words": (
        table(["date,a,sky,wind"], lambda d, k: f"{d:%Y-%m-%d},{k},clear,NW"), read(weather.load),
        ["the columns ['sky', 'wind'] hold no numbers", "columns=['a']", "categories="],
    ),
    "days at noon": (
        table(["time,a"], lambda d, k: f"{d:%Y-%m-%d} 12:00,{k}"), read(weather.load), ["time_zone=", ".dt.normalize()"]
    ),
    "years, months and days in columns": (
        table(["YEAR,MO,DY,a"], lambda d, k: f"{d.year},{d.month},{d.day},{k}"), read(weather.load),
        ["Give time=['YEAR', 'MO', 'DY']"],
    ),
    "a header that is one name short, as R writes it": (
        table(['"date","a"'], lambda d, k: f'"{k}",{d:%Y-%m-%d},{k}'), read(weather.load),
        ["more fields than line 1 names", "pandas.read_csv("],
    ),
    "an address": ("", lambda path: weather.load("https://example.org/a.csv"), ["pandas.read_csv('https://example.org"]),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_layout_is_refused_with_the_way_out(tmp_path, name):
    text, load, words = REFUSED[name]
    (tmp_path / "table.csv").write_text(text, encoding="utf-8")
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        load(tmp_path / "table.csv")
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("mark", "others", "times"),
    [
        *((mark, range(30), 2) for mark in (8888, 2147483647, -2147483648, 6553.5, -9)),
        (999, range(180, 210), 1),
        (-99, range(-42, 36), 1),
    ],
)
def test_what_other_sources_write_for_missing_is_no_measurement(mark, others, times):
    values = [*others, *[mark] * times]
    frame = pandas.DataFrame({"date": pandas.date_range("2020-01-01", periods=len(values)), "a": values})
    with pytest.raises(ValueError, match=rf"missing=\[{mark}\]"):
        weather.load(frame)
    assert weather.load(frame, missing=[mark], repair="gaps").filled.sum() == times
    assert weather.load(frame, missing=None).values[-1] == np.float32(mark)


def test_thousands_in_a_later_piece_of_a_german_file_leave_the_earlier_numbers_alone(tmp_path):
    times = pandas.date_range("2020-01-01", periods=140_000, freq="15min")
    rows = [f"{time:%Y-%m-%d %H:%M};{k % 9},125" for k, time in enumerate(times)]
    rows[139_990] = rows[139_990][:17] + "1.234,5"
    path = tmp_path / "big.csv.gz"
    path.write_bytes(gzip.compress("\n".join(["time;kwh", *rows]).encode(), 1))
    series = read_series(path, "15min")
    expected = np.arange(140_000) % 9 + 0.125
    expected[139_990] = 1234.5
    np.testing.assert_array_equal(series.values[:, 0], expected.astype("float32"))


@pytest.mark.extra
def test_a_workbook_of_two_sheets_is_asked_about(tmp_path):
    pytest.importorskip("openpyxl", reason="openpyxl is not installed; `make test-all` installs it")
    frame = pandas.DataFrame({"date": WEEK, "a": range(7)})
    with pandas.ExcelWriter(tmp_path / "two.xlsx") as book:
        frame.to_excel(book, sheet_name="2019", index=False)
        frame.to_excel(book, sheet_name="2020", index=False)
    with pytest.raises(ValueError, match=r"has the sheets \['2019', '2020'\].*sheet_name='2019'"):
        weather.load(tmp_path / "two.xlsx")


@pytest.mark.parametrize(("content", "words"), [("<html><table>", "read_html"), ("date\ta\n2020-01-01\t1\n", "sep=")])
def test_what_is_only_called_excel_is_said_to_be_so(tmp_path, content, words):
    (tmp_path / "report.xls").write_text(content)
    with pytest.raises(ValueError, match=rf"is no excel file, only named so: .*{words}"):
        weather.load(tmp_path / "report.xls")


def test_bars_without_any_volume_are_bars_and_derived_columns_are_no_volume(tmp_path):
    text = table(
        ["Date,Open,High,Low,Close,Vol.,Volume Change %"], lambda d, k: f"{d:%Y-%m-%d},{k + 1},{k + 2},1,{k + 1},,0.7"
    )
    (tmp_path / "bars.csv").write_text(text)
    bars = ticks.load(tmp_path / "bars.csv")
    assert bars.names == ("open", "high", "low", "close")
    assert bars.repairs[0] == "column 'Vol.', of the volume, holds no number"


def test_a_counter_that_float32_cannot_follow_is_told():
    frame = pandas.DataFrame({"time": HOURS, "wh": 123_456_789 + np.arange(40)})
    assert any("changes by less than float32 keeps of 123456828" in note for note in hours.load(frame).repairs)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"missing": "9999"}, r"missing must be a list, such as \['9999'\]"),
        ({"missing": -999}, "missing must be a list"),
        ({"time": 5}, "time must name a column"),
        ({"time": []}, "time must name a column"),
        ({"columns": 5}, "columns must be a list"),
        ({"categories": "a"}, "categories must be a list"),
        ({"only": "a"}, "only must be such as"),
        ({"repair": 5}, "repair must be"),
        ({"date_format": 5}, "date_format must be text"),
        ({"max_bytes": "1GB"}, "max_bytes must be"),
    ],
)
def test_arguments_of_another_kind_are_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        weather.load(pandas.DataFrame({"date": WEEK.astype("str"), "a": range(7)}), **arguments)


def test_the_lines_of_pandas_undo_quotes_around_whole_lines(tmp_path):
    rows = [f'"{day:%Y-%m-%d},""a, b"",{k}.5"' for k, day in enumerate(DAYS)]
    (tmp_path / "table.csv").write_text("\n".join(['"date,""area"",value"', *rows]))
    with pytest.raises(ValueError, match="each line stands in quotes as a whole") as error:
        weather.load(tmp_path / "table.csv")
    lines, frame = str(error.value).split("Undo them: ")[1].removesuffix(", and load(frame).").split("; ")
    scope = {"pandas": pandas, "io": io}
    exec(lines, scope)
    exec(frame, scope)
    days = weather.load(scope["frame"], columns=["value"])
    np.testing.assert_array_equal(days.values[:, 0], np.arange(40) + 0.5)


def test_trades_of_something_else_than_columns_and_words_are_named_too():
    trades = pandas.DataFrame({"time": HOURS, "price": 1.0, "size": 1.0})
    with pytest.raises(ValueError, match="only must be such as"):
        ticks.load(trades, "tick", 5, only="a")
