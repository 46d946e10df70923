import bz2
import gzip
import lzma
import zipfile
from functools import partial

import numpy as np
import pandas
import pytest

from keras_rnn_basics.datasets import hours, read_series, ticks, weather
from keras_rnn_basics.datasets.tables import source

DAYS = "date,a,b\n" + "".join(f"2020-01-{k:02},{k}.5,{2 * k}\n" for k in range(1, 21))


def put(tmp_path, text, name="days.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def column(name, fields, header="date", sep=","):
    """A table of days with these fields."""
    return f"{header}{sep}{name}\n" + "".join(f"2020-01-{k + 1:02}{sep}{own}\n" for k, own in enumerate(fields))


def zipped(text):
    import io

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("__MACOSX/._days.csv", b"\x00")
        archive.writestr("days.csv", text)
    return file.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        gzip.compress(DAYS.encode()),
        bz2.compress(DAYS.encode()),
        lzma.compress(DAYS.encode()),
        zipped(DAYS),
        DAYS.replace("\n", "\r"),
        DAYS.replace("\n", "\r\n"),
        b"\xef\xbb\xbf" + DAYS.encode(),
        DAYS.replace(",", "\t"),
        DAYS.replace(",", "|"),
        DAYS.replace(",", ";").replace(".5", ",5"),
        DAYS.replace(",", ", "),
        DAYS.replace("\n", ",\n").replace("b,", "b", 1),
        "# of the station on the hill, and\n# a second line\n" + DAYS,
    ],
    ids=[
        "gz",
        "bz2",
        "xz",
        "zip",
        "cr",
        "crlf",
        "bom",
        "tabs",
        "bars",
        "semicolons",
        "blanks",
        "commas_at_the_end",
        "comments",
    ],
)
def test_a_table_is_read_however_it_is_packed_and_parted(tmp_path, text):
    days = weather.load(put(tmp_path, text))
    np.testing.assert_array_equal(days.column("a"), np.arange(1, 21) + 0.5)
    np.testing.assert_array_equal(days.column("b"), 2 * np.arange(1, 21))
    assert days.times[-1] == np.datetime64("2020-01-20")


def test_a_frame_gives_what_its_file_does(tmp_path):
    path = put(tmp_path, DAYS)
    frames = [
        pandas.read_csv(path),
        pandas.read_csv(path, dtype=object),
        pandas.read_csv(path, index_col=0),
        pandas.read_csv(path, index_col=0, parse_dates=True),
        pandas.read_csv(path, index_col=0, parse_dates=True).tz_localize("Asia/Tokyo"),
        pandas.read_csv(path, index_col=0, parse_dates=True).to_period("D"),
        pandas.concat([pandas.read_csv(path)] * 2).iloc[20:],
        pandas.read_csv(path).convert_dtypes(),
    ]
    for frame in frames:
        days = weather.load(frame)
        np.testing.assert_array_equal(days.values, weather.load(path).values)
        np.testing.assert_array_equal(days.times, weather.load(path).times)
        assert (days.names, days.source) == (("a", "b"), "the frame")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (column("a", ["1.011,5", "0,5", "999"], sep=";"), [1011.5, 0.5, 999]),
        (column("a", ['"1,013"', '"12,345,678.5"', "7"]), [1013, 12345678.5, 7]),
        (column("a", ["$5.50", "-$1", "+2"]), [5.5, -1, 2]),
        (column("a", [" 7", "1e2", "+.5"]), [7, 100, 0.5]),
        (column("a", ["True", "False", "True"]), [1, 0, 1]),
        (column("a", ["99", "98", "99"]), [99, 98, 99]),
    ],
)
def test_numbers_are_read_as_they_are_meant(tmp_path, text, expected):
    np.testing.assert_array_equal(weather.load(put(tmp_path, text)).column("a"), np.float32(expected))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (DAYS.encode("utf-16"), "encoding='utf-16'"),
        ("date,°C\n2020-01-01,5\n".encode("cp1252"), "byte 0xb0.*encoding='cp1252'"),
        (DAYS.replace(",", " "), "no commas, semicolons, tabs or bars part the fields"),
        (column("a", ["1,013", "1,014"], sep=";"), r"'1,013' may be 1.013 or 1013.*decimal=','"),
        (column("a", ["5", "T", "6"]), r"line 3, column 'a': 'T' is not a finite number; .*missing=\['T'\]"),
        (column("a", ["5", "-9999", "6"]), r"line 3, column 'a': -9999 looks like the mark .* missing=\[-9999\]"),
        (column("a", ["5", "999.9", "6", "999.9", "-999", "-999"]), r"missing=\[-999\]|missing=\[999.9\]"),
        (column("a", ["5", *["1.5"] * 3, *range(200, 212)], header="date") + "", None),
        (column("a", ["inf", "5"]), "line 2, column 'a': 'inf' is not a finite number"),
        (column("a", ["1e-46", "5"]), "line 2, column 'a': '1e-46' is not a finite number that float32 can hold"),
        (column("a", ['"5', "6"]), "is not a csv file"),
        (DAYS + "Total,5,5\n", "line 22, column 'date': 'Total' is not a date"),
        (DAYS + DAYS, "line 22, column 'date': 'date' is not a date"),
        ("date,a,\n2020-01-01,1,2\n", "line 1: column 3 has no name.*columns="),
        ("date,a\n2020-01-01,\x005\n", "zero bytes"),
        ("date,a\n2020-01-01," + "1" * 2_000_000, "a line of it is longer than 1,048,576 bytes"),
        ("2020-01-01,5\n2020-01-02,6\n", "line 1: there is no header"),
    ],
)
def test_what_is_no_such_table_says_what_would_do(tmp_path, text, message):
    path = put(tmp_path, text)
    if message is None:
        assert len(weather.load(path)) == 16
        return
    with pytest.raises(ValueError, match=message) as error:
        weather.load(path)
    assert str(path) in str(error.value)


def test_what_marks_a_missing_number_can_be_named(tmp_path):
    path = put(tmp_path, column("a", ["5", "T", "-999", "-", "N/A", "6"]))
    days = weather.load(path, missing=["T", -999], repair="gaps")
    np.testing.assert_array_equal(days.values[:, 0], [5, 5, 5, 5, 5, 6])
    np.testing.assert_array_equal(days.filled[:, 0], [False, True, True, True, True, False])
    far = put(tmp_path, column("a", ["5", "-9999", "-9999"]))
    assert weather.load(far, missing=None).values.min() == -9999


def test_nothing_is_unpacked_without_a_bound(tmp_path):
    rows = "time,price,size\n" + "2020-01-01T00:00,1,1\n" * 10_000
    for pack, name in ((gzip.compress, "a.csv.gz"), (lzma.compress, "a.csv.xz"), (bytes, "a.csv")):
        path = put(tmp_path, pack(rows.encode()), name)
        for load in (hours.load, partial(read_series, step="1h"), partial(ticks.load, bars="tick", size=5000)):
            with pytest.raises(ValueError, match=r"holds more than 50,000 bytes.*give a larger max_bytes"):
                load(path, max_bytes=50_000)
        assert len(ticks.load(path, "tick", 5000, max_bytes=len(rows))) == 2


def test_a_file_of_more_rows_than_memory_holds_is_refused_while_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "MOST_ROWS", 10)
    path = put(tmp_path, DAYS)
    with pytest.raises(ValueError, match="holds more than 10 rows"):
        weather.load(path)
    assert len(weather.load(pandas.read_csv(path))) == 20


def test_rows_of_one_station_are_taken_and_those_of_two_refused(tmp_path):
    rows = "".join(f"2020-01-{k:02},{own},{k}{own}\n" for own in ("5", "7") for k in range(1, 9))
    path = put(tmp_path, "date,Station,a\n" + rows)
    with pytest.raises(ValueError, match=r"column 'Station' tells 2 series apart.*only=\{'Station': '5'\}"):
        weather.load(path, repair=True)
    assert weather.load(path, only={"Station": 7}).names == ("a",)
    with pytest.raises(ValueError, match="column 'Station': no row has '6'"):
        weather.load(path, only={"Station": 6})
    path = put(tmp_path, "date,where,a\n" + rows)
    with pytest.raises(ValueError, match=r"line 10, .* is also in line 2, with other numbers.*only="):
        weather.load(path, columns=["a"], repair=True)


def test_words_are_remembered(tmp_path):
    first = weather.load(put(tmp_path, column("sky", ["sun", "rain", "sun"])), categories=["sky"])
    assert (first.names, first.categories) == (("sky=rain", "sky=sun"), {"sky": ("rain", "sun")})
    later = weather.load(put(tmp_path, column("sky", ["sun", "sun"])), categories=first.categories)
    assert later.names == first.names
    np.testing.assert_array_equal(later.values, [[0, 1], [0, 1]])
    with pytest.raises(ValueError, match=r"line 3, column 'sky': 'snow' is none of the words \['rain', 'sun'\]"):
        weather.load(put(tmp_path, column("sky", ["sun", "snow"])), categories=first.categories)
    with pytest.raises(ValueError, match="line 3, column 'sky=rain': the number is missing"):
        weather.load(put(tmp_path, column("sky", ["sun", ""])), categories=first.categories)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": np.zeros((3, 2))}, "data must be a path or a pandas.DataFrame, got ndarray"),
        ({"data": pandas.DataFrame({"date": [], "a": []})}, "the frame has no rows"),
        ({"data": pandas.DataFrame([["2020-01-01", 1, 2]], columns=["date", "a", "a"])}, "several columns 'a'"),
        ({"data": pandas.DataFrame({"date": ["2020-01-01"], "a": ["x"]})}, "the frame, row 0, column 'a': 'x' is not"),
        ({"step": 10}, "step must be a length of time such as '10min'"),
        ({"step": "-1h"}, "step must be a length of time"),
        ({"repair": "all"}, "repair must be True, False or of .*, got 'all'"),
        ({"columns": "a"}, r"columns must be a list of names, such as \['a'\]"),
        ({"columns": ["c"]}, "there is no column 'c'"),
        ({"time": "when"}, "there is no column 'when'"),
        ({"time_zone": "Mars"}, "time_zone must be one such as 'Europe/Berlin'"),
        ({"date_format": "%Q"}, "date_format='%Q' cannot be used"),
        ({"date_format": "%d.%m.%Y"}, "'2020-01-01' does not fit date_format"),
    ],
)
def test_wrong_arguments_say_what_would_do(arguments, message):
    data = pandas.DataFrame({"date": ["2020-01-01", "2020-01-02"], "a": [1, 2]})
    with pytest.raises(ValueError, match=message):
        read_series(**{"data": data, "step": "1D", **arguments})


def test_rows_at_another_step_are_no_gaps(tmp_path):
    rows = "time,a\n" + "".join(f"2020-01-{1 + k // 8:02}T{3 * k % 24:02}:00Z,{k}\n" for k in range(60))
    path = put(tmp_path, rows)
    with pytest.raises(ValueError, match=r"most rows lie 3 hours apart, not 1 hour. read_series"):
        hours.load(path, repair=True)
    assert len(read_series(path, "3h")) == 60
    weeks = read_series(put(tmp_path, "date,a\n2020-01-01,1\n2020-01-08,2\n"), "7D")
    assert weeks.times.astype(str).tolist() == ["2020-01-01", "2020-01-08"]


def test_a_frame_of_one_ticker_may_have_columns_of_two_levels():
    fields, days = ["Open", "High", "Low", "Close", "Volume"], pandas.date_range("2020-01-01", periods=2, name="Date")
    for levels in ([["AAA"], fields], [fields, ["AAA"]]):
        frame = pandas.DataFrame([[1, 2, 1, 2, 5]] * 2, index=days, columns=pandas.MultiIndex.from_product(levels))
        np.testing.assert_array_equal(ticks.load(frame).values, [[1, 2, 1, 2, 5]] * 2)
        other = frame.rename(columns={"AAA": "BBB"})
        with pytest.raises(ValueError, match=r"\['AAA', 'BBB'\]: .*frame.xs\('AAA', axis=1, level="):
            ticks.load(pandas.concat([frame, other], axis=1))


def test_an_outlier_is_found_by_what_came_before_it(tmp_path):
    numbers = [k % 5 for k in range(40)]
    numbers[30] = 850
    path = put(
        tmp_path, "date,a\n" + "".join(f"{np.datetime64('2020-01-01') + k},{own}\n" for k, own in enumerate(numbers))
    )
    np.testing.assert_array_equal(weather.load(path).column("a"), numbers)
    days = weather.load(path, repair=["outliers", "gaps"])
    assert np.flatnonzero(days.filled[:, 0]).tolist() == [30]
    assert days.values[30, 0] == numbers[29]
    assert days.repairs[0].startswith("line 32, column 'a': 850 is far from those before")
    backwards = pandas.read_csv(path).iloc[::-1]
    again = weather.load(backwards, repair=["order", "outliers", "gaps"])
    np.testing.assert_array_equal(again.values, days.values)
    assert again.repairs[1].startswith("row 9, column 'a': 850 is far from those before")


def test_an_index_without_a_name_is_the_times_or_the_numbers_of_the_rows(tmp_path):
    frame = pandas.DataFrame({"a": [1.0, 2, 3]}, index=pandas.date_range("2020-01-01", periods=3))
    frame.to_csv(tmp_path / "days.csv")
    for data in (tmp_path / "days.csv", pandas.read_csv(tmp_path / "days.csv")):
        days = weather.load(data)
        assert (days.names, days.times[2]) == (("a",), np.datetime64("2020-01-03"))
    numbered = frame.reset_index(names="date")
    numbered.to_csv(tmp_path / "days.csv")
    for data in (tmp_path / "days.csv", pandas.read_csv(tmp_path / "days.csv")):
        assert weather.load(data).names == ("a",)
        assert "holds the numbers of the rows" in weather.load(data).repairs[0]
    numbered.set_index(pandas.Index([7.0, 9, 8])).to_csv(tmp_path / "days.csv")
    with pytest.raises(ValueError, match="line 1: column 1 has no name"):
        weather.load(tmp_path / "days.csv")


def test_a_header_is_found_below_other_lines_but_not_among_rows(tmp_path):
    path = put(tmp_path, "station,5\nhill,7\n\nwhen,a,b\n2020-01-01,1,2\n2020-01-02,3,4\n")
    assert weather.load(path, time="when").names == ("a", "b")
    path = put(tmp_path, "when,a\n2020-01-01,1\n2020-01-02,time\n2020-01-03,3\n")
    with pytest.raises(ValueError, match=r"line 1: no column of the times was found; the columns are \['when', 'a'\]"):
        weather.load(path)
