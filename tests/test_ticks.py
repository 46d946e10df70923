import dataclasses
import gzip
import re
import tracemalloc

import numpy as np
import pytest

from keras_rnn_basics.datasets import ticks, trades, walk_forward

HEADER = "Date,Open,High,Low,Close,Volume"


def write(tmp_path, *rows, header=HEADER, name="bars.csv"):
    path = tmp_path / name
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def write_trades(tmp_path, moments, prices, sizes, name="trades.csv"):
    rows = [f"{size},{moment},{price:.4f},x" for moment, price, size in zip(moments, prices, sizes)]
    return write(tmp_path, *rows, header="Size,time, Price,venue", name=name)


@pytest.fixture
def some_trades(rng):
    """1,000 trades within an hour; several share a moment."""
    moments = np.datetime64("2020-01-02T14:30:00.000") + np.sort(rng.integers(3_600_000, size=1000))
    return moments, 100 * np.exp(np.cumsum(rng.normal(size=1000) * 1e-3)).round(4), rng.integers(1, 500, size=1000)


def test_ibm_is_whole():
    days = ticks.load()
    assert days.repairs == ()
    assert "daily bars (not ticks)" in days.source
    o, h, low, c, _ = days.values.T
    assert (h >= np.maximum(o, c)).all()
    assert (low <= np.minimum(o, c)).all()
    assert not days.regular
    # The market was shut from 10 to 17 September 2001.
    assert np.diff(days.times).max() == np.timedelta64(7, "D")


def test_your_own_bars_are_read_whatever_case_and_order_their_columns_have(tmp_path):
    path = write(tmp_path, "5,2020-01-02,1.5,2,1,1.75,9", header="volume,date,Open ($),HIGH,low,close_euro,dividend")
    bars = ticks.load(path)
    np.testing.assert_array_equal(bars.values, [[1.5, 2, 1, 1.75, 5]])
    minutes = write(tmp_path, "2020-01-02T14:30+01:00,1,2,1,2,5", "2020-01-02T13:31Z,2,2,1,2,5")
    assert ticks.load(minutes, time="Date").times.astype(str).tolist() == [
        "2020-01-02T13:30:00",
        "2020-01-02T13:31:00",
    ]


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        ((), "", "is empty: its first line must name the columns"),
        ((), HEADER, "has no rows under its header"),
        (("2020-01-01,1,2,1,2",), "Date,Open,High,Low,Volume", "there must be one column 'close', or one that begins"),
        (
            ("2020-01-01,1,2,1,2,3,4",),
            "Date,Open,High,Low,Close,Volume a,Volume b",
            "there must be one column 'volume'",
        ),
        (("2020-01-01,1,2,1,2,3,4",), HEADER + ",VOLUME", "there are several columns 'volume'"),
        (("2020-01-01,1,2,1,2,3", "2020-01-02,1,2,1,2,3,4"), HEADER, "line 3: 7 fields, but line 1 names 6"),
        (("2020-01-01,1,2,one,2,3",), HEADER, "line 2, column 'Low': 'one' is not a finite number"),
        (("2020-01-01,1,2,nan,2,3",), HEADER, r"there is no number in the columns \['Low'\]"),
        (("yesterday,1,2,1,2,3",), HEADER, "line 2, column 'Date': 'yesterday' is not a time"),
    ],
)
def test_files_that_are_no_bars_are_errors(tmp_path, rows, header, message):
    with pytest.raises(ValueError, match=message):
        ticks.load(write(tmp_path, *rows, header=header), time="Date", repair=True)


FAULTY = [
    (("01,9,9,9,9,5", "02,0,9,9,9,5"), "2020-01-02: .* holds a price that is not positive", "gaps", [9]),
    (("01,9,9,9,9,5", "02,9,9,-1,9,5"), "not positive", "gaps", [9]),
    (("01,9,9,9,9,5", "02,,,,,"), "line 3, column 'Open': the number is missing", "gaps", [9]),
    (("02,9,9,9,9,5", "01,8,8,8,8,5"), "line 3, column 'Date': 2020-01-01.* comes after", "order", [8, 9]),
    (("01,9,9,9,9,5", "01,9,9,9,9,5"), "is also in line 2", "duplicates", [9]),
    (("01,8,9,8,9,5", "02,9,8.5,8,8.5,5"), "the open or close lies outside low and high", "outliers", [9, 8.5]),
]


@pytest.mark.parametrize(("rows", "message", "repair", "closes"), FAULTY)
def test_faulty_prices_are_an_error_or_a_reported_repair(tmp_path, rows, message, repair, closes):
    path = write(tmp_path, *(f"2020-01-{row}" for row in rows))
    others = [kind for kind in ("gaps", "order", "duplicates", "outliers", "splits") if kind != repair]
    with pytest.raises(ValueError, match=f"{message}.*With .*repair={repair!r}"):
        ticks.load(path, repair=others)
    bars = ticks.load(path, repair=repair)
    np.testing.assert_allclose(bars.column("close"), closes)
    assert len(bars.repairs) == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (("01,9,9,9,9,5", "20,8,8,8,8,5"), "2020-01-20: no bar since 2020-01-01"),
        (("01,90,90,90,90,5", "02,46,46,46,46,5"), "from 90 at the close to 46 at the open, .* a split by 2"),
        (("01,9,9,9,9,5", "02,0.1,2,0.1,2,5"), "a jump that no usual split explains"),
        (("01,100,100,100,100,5", "02,70,70,70,70,5"), "a jump that no usual split explains"),
        (("01,100,100,100,100,5", "02,138,138,138,138,5"), "a jump that no usual split explains"),
    ],
)
@pytest.mark.parametrize("repair", [False, True])
def test_gaps_and_jumps_are_told_and_kept(tmp_path, rows, message, repair):
    bars = ticks.load(write(tmp_path, *(f"2020-01-{row}" for row in rows)), repair=repair)
    np.testing.assert_allclose(bars.values, [[float(own) for own in row.split(",")[1:]] for row in rows])
    [sentence] = bars.repairs
    assert re.search(message, sentence)


def test_splits_are_mended_when_that_is_asked(tmp_path):
    path = write(tmp_path, "2020-01-01,90,90,90,90,5", "2020-01-02,46,46,46,46,5", "2020-01-03,92,92,92,92,5")
    bars = ticks.load(path, repair="splits")
    np.testing.assert_allclose(bars.column("close"), [90, 92, 92])
    np.testing.assert_allclose(bars.column("volume"), [5, 2.5, 5])
    assert len(bars.repairs) == 2


def test_bars_without_a_trade_are_dropped_and_told(tmp_path):
    rows = ["2020-01-01,8,9,8,9,5", "2020-01-02,9,9,9,9,0", "2020-01-03,9,9,9,9,5"]
    bars = ticks.load(write(tmp_path, *rows))
    assert bars.times.astype(str).tolist() == ["2020-01-01", "2020-01-03"]
    assert "2020-01-02" in bars.repairs[0]


def test_returns_of_filled_bars_are_filled_too():
    bars = ticks.load().rows(0, 40)
    filled = np.zeros(bars.values.shape, dtype=bool)
    filled[7] = True
    derived = ticks.returns(dataclasses.replace(bars, filled=filled))
    assert derived.times[6] == bars.times[7]
    assert np.flatnonzero(derived.was_filled("log_return")).tolist() == [6, 7]
    assert np.flatnonzero(derived.was_filled("log_range")).tolist() == [6]
    # Its own volume, and the mean of the 22 bars before.
    assert np.flatnonzero(derived.was_filled("log_volume")).tolist() == list(range(6, 29))


def test_bars_need_no_volume_and_take_names(tmp_path):
    path = write(tmp_path, "2020-01-01,8,9,8,9,7", "2020-01-02,8,9,8,9,6", header="date,open,high,low,close,adjusted")
    assert ticks.load(path).names == ("open", "high", "low", "close")
    assert ticks.returns(ticks.load(path)).names == ("log_range", "log_return", "overnight")
    np.testing.assert_array_equal(ticks.load(path, columns={"volume": "adjusted"}).column("volume"), [7, 6])
    with pytest.raises(ValueError, match=r"columns names .*, got 'last'"):
        ticks.load(path, columns={"last": "adjusted"})


def test_further_columns_are_passed_over_and_the_exact_name_counts(tmp_path):
    header = "symbol,Date,Open,High,Low,Close,Adj Close,close_time,Volume,Volume USD"
    bars = ticks.load(write(tmp_path, "IBM,2020-01-02,1,2,1,1.5,null,noon,7,x", header=header))
    np.testing.assert_array_equal(bars.values, [[1, 2, 1, 1.5, 7]])


def test_bars_within_a_second_keep_their_moments(tmp_path):
    rows = [f"2020-01-02T14:30:00.{k}00,{price},{price},{price},{price},5" for k, price in enumerate(range(100, 110))]
    bars = ticks.load(write(tmp_path, *rows))
    np.testing.assert_array_equal(bars.column("close"), np.arange(100, 110))
    assert (np.diff(bars.times) == np.timedelta64(100, "ms")).all()
    [split] = walk_forward(bars, [bars.times[6]], 2, lookback=2)
    assert (len(split.train), len(split.test)) == (2, 4)


def test_a_file_of_no_good_bar_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="holds no bar with positive prices"):
        ticks.load(write(tmp_path, "2020-01-02,0,0,0,0,5"), repair=True)


def test_a_split_repaired_leaves_returns_without_a_jump(tmp_path):
    path = write(tmp_path, "2020-01-01,80,90,80,88,50", "2020-01-02,44,45,43,44,120")
    bars = ticks.returns(ticks.load(path, time="Date", repair="splits"))
    np.testing.assert_allclose(bars.column("log_return"), [0], atol=1e-6)
    np.testing.assert_allclose(bars.column("log_volume"), [np.log(120 / 100)], rtol=1e-5)


def test_returns_and_ranges_are_those_of_their_definition():
    days = ticks.load()
    o, h, low, c, v = days.values[:40].T.astype("float64")
    bars = ticks.returns(days.rows(0, 40))
    np.testing.assert_allclose(bars.column("log_return"), np.log(c[1:] / c[:-1]), atol=1e-6)
    np.testing.assert_allclose(bars.column("overnight"), np.log(o[1:] / c[:-1]), atol=1e-6)
    np.testing.assert_allclose(bars.column("log_range"), np.log(np.log(h / low))[1:], rtol=1e-5)
    np.testing.assert_allclose(bars.column("log_volume")[38], np.log(v[39]) - np.log(v[17:39]).mean(), rtol=1e-4)


def test_no_feature_knows_the_future(rng):
    days = ticks.load().rows(0, 300)
    before = ticks.returns(days).values
    for t in (1, 30, 150, 298):
        values = days.values.copy()
        values[t + 1 :] *= rng.uniform(0.5, 2, size=values[t + 1 :].shape)
        values[t + 1 :, 1], values[t + 1 :, 2] = values[t + 1 :, :4].max(1), values[t + 1 :, :4].min(1)
        changed = ticks.returns(type(days)(days.times, values, days.names, "", regular=False)).values
        np.testing.assert_array_equal(changed[:t], before[:t])
        assert (changed[t:] != before[t:]).any()


def slow_bars(moments, prices, sizes, kind, size):
    """Trade by trade, a list a bar."""
    bars = []
    for moment, price, number in zip(moments, prices, sizes):
        span = (moment - np.datetime64(0, "s")) // np.timedelta64(int(size * 1000), "ms")
        so_far = bars[-1] if bars else []
        full = {
            "tick": len(so_far) == size,
            "volume": sum(own[2] for own in so_far) >= size,
            "time": bool(so_far) and so_far[0][3] != span,
        }
        if not bars or full[kind]:
            bars.append([])
        bars[-1].append((moment, price, number, span))
    rows = []
    for bar in bars:
        _, own, numbers, _ = zip(*bar)
        rows.append((own[0], max(own), min(own), own[-1], sum(numbers), len(own)))
    return [bar[-1][0] for bar in bars], rows


@pytest.mark.parametrize(("kind", "size"), [("time", 60), ("time", 0.5), ("tick", 7), ("tick", 5000), ("volume", 3000)])
@pytest.mark.parametrize("chunk", [7, 999, 1 << 16])
def test_bars_are_those_of_a_slow_loop_however_the_file_is_cut(tmp_path, some_trades, kind, size, chunk, monkeypatch):
    monkeypatch.setattr(trades, "CHUNK", chunk)
    bars = ticks.load(write_trades(tmp_path, *some_trades), bars=kind, size=size)
    times, rows = slow_bars(*some_trades, kind, size)
    np.testing.assert_array_equal(bars.times, np.array(times))
    np.testing.assert_allclose(bars.values, rows, rtol=1e-6)
    assert bars.names == ("open", "high", "low", "close", "volume", "trades")


@pytest.mark.parametrize("chunk", [7, 100, 1 << 16])
def test_sizes_that_are_no_whole_numbers_fill_a_bar_as_they_add_up(tmp_path, chunk, monkeypatch):
    monkeypatch.setattr(trades, "CHUNK", chunk)
    moments = np.datetime64("2020-01-02T00:00:00") + np.arange(3000)
    path = tmp_path / "trades.csv"
    path.write_text("\n".join(["time,price,size", *(f"{moment},1,0.1" for moment in moments)]) + "\n")
    bars = ticks.load(path, "volume", 0.3)
    np.testing.assert_array_equal(bars.column("trades"), np.full(1000, 3))


@pytest.mark.long
def test_trades_are_read_in_the_memory_of_their_bars(tmp_path, monkeypatch):
    monkeypatch.setattr(trades, "CHUNK", 1000)

    def peak(count):
        moments = np.datetime64("2020-01-02T00:00:00.000") + np.arange(count)
        path = write_trades(tmp_path, moments, np.ones(count), np.ones(count), f"{count}.csv")
        ticks.load(path, "tick", 10)  # what the first call alone takes
        tracemalloc.start()
        ticks.load(path, "tick", count // 10)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(60_000) < 1.2 * peak(20_000)


def test_zipped_trades_and_blank_lines_are_read(tmp_path, some_trades):
    path = write_trades(tmp_path, *some_trades)
    zipped = tmp_path / "trades.csv.gz"
    zipped.write_bytes(gzip.compress(path.read_bytes().replace(b"x\n", b"x\n\n") + b"\n"))
    one, two = (ticks.load(own, "tick", 10) for own in (path, zipped))
    np.testing.assert_array_equal(one.values, two.values)


@pytest.mark.parametrize(
    ("faulty", "message"),
    [
        ("5,2020-01-02T14:00:00,1,x", "line 5, column 'time': earlier than a trade before it"),
        ("5,2020-01-02T15:00:00,0,x", "line 5, column 'price': not a positive number"),
        ("5,2020-01-02T15:00:00,nan,x", "line 5, column 'price': not a positive number"),
        ("5,2020-01-02T15:00:00,,x", "line 5, column 'price': not a positive number"),
        ("-5,2020-01-02T15:00:00,1,x", "line 5, column 'size': not a positive number"),
    ],
)
def test_faulty_trades_are_an_error_or_left_out_and_counted(tmp_path, faulty, message, monkeypatch):
    good = [f"5,2020-01-02T14:3{minute}:00,{minute + 1},x" for minute in range(5)]
    rows = [*good[:3], faulty, faulty, *good[3:]]
    path = write(tmp_path, *rows, header="size,time,price,venue")
    for chunk in (1, 4, 100):
        monkeypatch.setattr(trades, "CHUNK", chunk)
        with pytest.raises(ValueError, match=message):
            ticks.load(path, "tick", 1)
        bars = ticks.load(path, "tick", 1, repair=True)
        np.testing.assert_array_equal(bars.column("close"), [1, 2, 3, 4, 5])
        assert bars.repairs == (f"{message}: 2 such trades are left out",)


def test_a_time_far_too_late_does_not_leave_out_the_rest(tmp_path, some_trades):
    moments = some_trades[0].copy()
    moments[5] = np.datetime64("2099-01-02")
    path = write_trades(tmp_path, moments, *some_trades[1:])
    with pytest.raises(ValueError, match=r"line 7, column 'time': 2099-01-02.* lies after more than 20 trades"):
        ticks.load(path, "tick", 10, repair=True)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("5,1600-01-02T14:30:00,1,x", "'1600-01-02T14:30:00' is not a moment of the years 1700 to 2250"),
        ("5,2020-01-02T14:30:00,1_0,x", "'1_0' is not a finite number"),
        ("5,2020-01-02T14:30:00,cheap,x", "line 2, column 'price': 'cheap' is not a finite number"),
        ("5,now,1,x", "'now' is not a time such as"),
        ("5,2020-01-02,1,x", "'2020-01-02' is not a time such as"),
        ("5,9999-12-31T23:00-05:00,1,x", "'9999-12-31T23:00-05:00' is not a moment of the years"),
        ("5,2020-01-02T14:30:00,1e39,x", r"'1e\+39' is not a finite number that float32 can hold"),
        ("5,2020-01-02T14:30:00,1,x,y", "the rows have more fields than line 1 names columns, 4"),
    ],
)
def test_trades_that_cannot_be_read_are_errors(tmp_path, row, message):
    with pytest.raises(ValueError, match=message):
        ticks.load(write(tmp_path, row, header="size,time,price,venue"), "tick", 1, repair=True)


def test_bars_are_known_by_the_letters_of_their_names(tmp_path):
    for header in (
        "<DATE>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>",
        "timestamp,1. open,2. high,3. low,4. close,5. volume",
        "Open time,Open,High,Low,Close/Last,Volume (m)",
        "Date,Open Price,High,Low,Close*,Volume",
    ):
        bars = ticks.load(write(tmp_path, "20200102,1,2,1,2,5", header=header))
        np.testing.assert_array_equal(bars.values, [[1, 2, 1, 2, 5]])


def test_trades_whose_columns_have_other_names_say_how_to_name_them(tmp_path):
    path = write(tmp_path, "2020-01-02T14:30:00,1,2", header="time,price,amount")
    with pytest.raises(ValueError, match=r"no column 'size'; the columns are .* columns=\{'price'"):
        ticks.load(path, "tick", 1)
    assert ticks.load(path, "tick", 1, columns={"size": "amount"}).column("volume") == [2]


@pytest.mark.parametrize(
    "field",
    ["2020-01-02T15:30:00.5+01:00", "2020-01-02 14:30:00.5Z", "1577975400.5", "1577975400500", "1577975400500000"],
)
def test_trades_may_be_timed_in_any_zone_and_since_1970(tmp_path, field):
    bars = ticks.load(write(tmp_path, f"5,{field},1", f"5,{field},2", header="size,time,price"), "tick", 1)
    assert (bars.times == np.datetime64("2020-01-02T14:30:00.500")).all()


def test_small_trades_after_a_huge_one_fill_their_bars(tmp_path):
    sizes = [1e18, *[1] * 40]
    rows = [f"{size},2020-01-02T14:30:{t:02},1" for t, size in enumerate(sizes)]
    bars = ticks.load(write(tmp_path, *rows, header="size,time,price"), "volume", 20)
    np.testing.assert_array_equal(bars.column("trades"), [1, 20, 20])


def test_wrong_arguments_and_files_say_what_would_do(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no file"):
        ticks.load(tmp_path / "nowhere.csv")
    with pytest.raises(FileNotFoundError, match="There is no file"):
        ticks.load(tmp_path / "nowhere.csv", "tick", 1)
    with pytest.raises(ValueError, match="is a folder"):
        ticks.load(tmp_path, "tick", 1)
    with pytest.raises(ValueError, match="made of trades: give their file"):
        ticks.load(bars="tick", size=5)
    with pytest.raises(ValueError, match="size belongs to bars"):
        ticks.load(size=5)
    path = write(tmp_path, header="size,time,price")
    for bars, size, message in (
        ("second", 1, "bars must be one of"),
        ("tick", None, "size must be a positive number"),
        ("tick", 1.5, "a whole number of trades"),
        ("tick", 1e30, "a whole number of trades in a bar, up to 1,000,000,000"),
        ("time", 1e-10, "size must be from 1e-9 to 1,000,000,000 seconds"),
        ("time", 1e30, "size must be from 1e-9 to 1,000,000,000 seconds"),
        ("volume", 0, "size must be a positive number"),
        ("tick", 1, "has no rows under its header"),
    ):
        with pytest.raises(ValueError, match=message):
            ticks.load(path, bars, size)
    with pytest.raises(ValueError, match="line 1: no column of the times was found"):
        ticks.load(write(tmp_path, "1,2", header="size,price"), "tick", 1)
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\xff\xfe")
    with pytest.raises(ValueError, match="is not a csv file in UTF-8"):
        ticks.load(tmp_path / "picture.csv", "tick", 1)


def test_trades_of_two_tickers_are_told_apart_wherever_the_file_is_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(trades, "CHUNK", 4)  # the first eight rows hold the one, the others the other
    rows = [f"{name},2020-01-02T14:30:{t:02},1,2" for name, t in zip("A" * 8 + "B" * 8, range(16))]
    path = write(tmp_path, *rows, header="ticker,time,price,size")
    with pytest.raises(ValueError, match=r"column 'ticker' tells 2 series apart, \['A', 'B'\]"):
        ticks.load(path, "tick", 1)
    assert ticks.load(path, "tick", 1, only={"ticker": "B"}).times[0] == np.datetime64("2020-01-02T14:30:08")
    with pytest.raises(ValueError, match=r"column 'ticker': no row has 'C', but \['A', 'B'\]"):
        ticks.load(path, "tick", 1, only={"ticker": "C"})
