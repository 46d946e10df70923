import gzip

import keras
import numpy as np
import pytest

from keras_rnn_basics.datasets import Series, split_blocks, split_windows, walk_forward, weather

HEADER = "date,temp_celsius,wind_m_per_s"


def write(tmp_path, *rows, header=HEADER):
    path = tmp_path / "days.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def days_from(n, start="2020-01-01"):
    times = np.datetime64(start) + np.arange(n)
    return Series(times, np.arange(2 * n, dtype="float32").reshape(n, 2), ("a", "b"), "a test")


def test_seattle_is_whole():
    days = weather.load()
    assert (days.times[0], days.times[-1]) == (np.datetime64("2012-01-01"), np.datetime64("2015-12-31"))
    assert (np.diff(days.times) == np.timedelta64(1, "D")).all()
    assert np.isfinite(days.values).all()
    assert days.repairs == ()
    assert "NOAA" in days.source
    assert (days.column("temp_max_celsius") >= days.column("temp_min_celsius")).all()


def test_columns_are_chosen_by_name():
    days = days_from(3).only(["b"])
    assert days.names == ("b",)
    np.testing.assert_array_equal(days.values[:, 0], [1, 3, 5])
    with pytest.raises(ValueError, match="There is no column 'c'"):
        days.only(["c"])


@pytest.mark.parametrize("zipped", [False, True])
def test_your_own_csv_is_read_by_path(tmp_path, zipped):
    path = write(tmp_path, "2020-01-01,1.5,2", "2020/01/02,-3,0")
    if zipped:
        path = tmp_path / "days.csv.gz"
        path.write_bytes(gzip.compress((tmp_path / "days.csv").read_bytes()))
    days = weather.load(path)
    assert days.names == ("temp_celsius", "wind_m_per_s")
    np.testing.assert_array_equal(days.values, [[1.5, 2], [-3, 0]])
    assert days.source == str(path)


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        ((), "", "is empty: its first line must name the columns"),
        ((), HEADER, "has no rows under its header"),
        (("2020-01-01,1,2",), "day,temp,wind", r"line 1: no column of the times was found; the columns are \['day'"),
        (("2020-01-01,1,2",), "date,temp,temp", "line 1: there are several columns 'temp'"),
        (("2020-01-01",), "date", "line 1: there are no columns of numbers"),
        (("2020-01-01,1",), HEADER, "line 2, column 'wind_m_per_s'|there is no number in the columns"),
        (("2020-01-01,1,2", "2020-01-02,1,2,3"), HEADER, "line 3: 4 fields, but line 1 names 3 columns"),
        (("2020-01-01,1,2,3",), HEADER, "the rows have more fields than line 1 names columns, 3"),
        (("2020-01-01,1,2", "2020-13-01,1,2"), HEADER, "line 3, column 'date': '2020-13-01' is not a date"),
        (("first,1,2",), HEADER, "line 2, column 'date': 'first' is not a date"),
        (("2020,1,2",), HEADER, "line 2, column 'date': '2020' is not a date"),
        (("2020-01-01 12:00,1,2",), HEADER, "column 'date': '2020-01-01 12:00' is not a date"),
        (("2020-01-01,1e39,2",), HEADER, r"column 'temp_celsius': '1e\+39' is not a finite number"),
        (("2020-01-01,1_0,2",), HEADER, "column 'temp_celsius': '1_0' is not a finite number"),
        (("2020-01-01,1,2",), "date,temp,", "line 1: column 3 has no name"),
        ((",1,2",), HEADER, "line 2, column 'date': '' is not a date"),
        (("2020-01-01,warm,2",), HEADER, "line 2, column 'temp_celsius': 'warm' is not a finite number"),
        (("2020-01-01,1,inf",), HEADER, "line 2, column 'wind_m_per_s': 'inf' is not a finite number"),
        (
            ("2020-01-01,1,2", "2020-01-01,1,3"),
            HEADER,
            "line 3, column 'date': 2020-01-01 is also in line 2, with other numbers",
        ),
        (
            ("2020-01-01,1,2", "2023-01-01,1,3"),
            HEADER,
            r"line 3, .* from 2020-01-01 to 2023-01-01 more days are missing \(1,095\) than the file has rows \(2\)",
        ),
        (("2020-01-01,,2", "2020-01-02,1,2"), HEADER, "line 2, column 'temp_celsius': the first number is missing"),
    ],
)
def test_what_cannot_be_mended_is_an_error_that_names_file_line_and_column(tmp_path, rows, header, message):
    path = write(tmp_path, *rows, header=header)
    with pytest.raises(ValueError, match=message) as error:
        weather.load(path, repair=True)
    assert str(path) in str(error.value)


MENDABLE = [
    (
        ("2020-01-02,3,4", "2020-01-01,1,2"),
        "line 3, column 'date': 2020-01-01 comes after 2020-01-02",
        [[1, 2], [3, 4]],
    ),
    (
        ("2020-01-01,1,2", "2020-01-01,1,2", "2020-01-02,3,4"),
        "line 3, column 'date': 2020-01-01 is also in line 2",
        [[1, 2], [3, 4]],
    ),
    (
        ("2020-01-01,1,2", "2020-01-04,3,4"),
        "line 3, column 'date': 2 days are missing before 2020-01-04",
        [[1, 2], [1, 2], [1, 2], [3, 4]],
    ),
    (
        ("2020-01-01,1,2", "2020-01-02,,4", "2020-01-03,nan,6"),
        "line 3, column 'temp_celsius': the number is missing",
        [[1, 2], [1, 4], [1, 6]],
    ),
]


@pytest.mark.parametrize(("rows", "message", "values"), MENDABLE)
def test_what_can_be_mended_is_an_error_or_a_reported_repair(tmp_path, rows, message, values):
    path = write(tmp_path, *rows)
    with pytest.raises(ValueError, match=message + r".*repair=True"):
        weather.load(path)
    days = weather.load(path, repair=True)
    np.testing.assert_array_equal(days.values, values)
    assert days.repairs[0].startswith(message)
    assert (np.diff(days.times) == np.timedelta64(1, "D")).all()


def test_a_repair_never_looks_ahead(tmp_path):
    rows = ["2020-01-01,1,2", "2020-01-02,,4", "2020-01-05,9,9"]
    before = weather.load(write(tmp_path, *rows), repair=True).values[:4]
    rows[2] = "2020-01-05,-50,70"
    np.testing.assert_array_equal(weather.load(write(tmp_path, *rows), repair=True).values[:4], before)


def test_what_a_repair_filled_in_is_not_measured(tmp_path):
    rows = [f"2020-01-{day:02},{day},{'NA' if day == 12 else day}" for day in range(1, 31) if day not in (15, 16)]
    days = weather.load(write(tmp_path, *rows), repair=True).only(["wind_m_per_s", "temp_celsius"])
    split = split_windows(days, "2020-01-10", "2020-01-20", lookback=2, horizon=2)
    assert split.train.measured.all()
    assert split.test.measured.all()
    unmeasured = split.validation.times[~split.validation.measured.all(axis=2)]
    assert set(unmeasured.astype(str)) == {"2020-01-12", "2020-01-15", "2020-01-16"}
    # Windows of two days; next_y are the second of them and the day after. The wind of the 12th was filled in.
    nexts = split.validation.next_measured
    assert nexts.shape == split.validation.next_y.shape
    assert nexts[:3, :, 0].tolist() == [[True, False], [False, True], [True, True]]
    wind, temp = (split.validation.times[~split.validation.measured[..., k]] for k in (0, 1))
    assert set(wind.astype(str)) - set(temp.astype(str)) == {"2020-01-12"}
    blocks = split_blocks(days, 10, ["train", "validation", "test"], lookback=2, horizon=2)
    again = blocks.validation.times[~blocks.validation.measured.all(axis=2)]
    assert set(again.astype(str)) == {"2020-01-15", "2020-01-16"}  # the first answers of a block are for its third day


def test_every_repair_is_reported(tmp_path):
    path = write(tmp_path, "2020-01-01,1,2", "2020-01-04,,7")
    whats = [sentence.split(":")[1] for sentence in weather.load(path, repair=True).repairs]
    assert whats == [" 2 days are missing before 2020-01-04", " the number is missing"]


def test_missing_and_foreign_files_are_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no file"):
        weather.load(tmp_path / "nowhere.csv")
    binary = tmp_path / "picture.csv"
    binary.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\xff\xfe")
    with pytest.raises(ValueError, match="is not a csv file in UTF-8"):
        weather.load(binary)
    broken = tmp_path / "days.csv.gz"
    whole = gzip.compress(b"date,a\n2020-01-01,1\n" * 50)
    for bytes_ in (whole[:30], whole[:12] + b"\xff" * 8 + whole[20:]):
        broken.write_bytes(bytes_)
        with pytest.raises(ValueError, match=r"days\.csv\.gz is a broken gzip file"):
            weather.load(broken)
    with pytest.raises(ValueError, match="is a folder"):
        weather.load(tmp_path)


def test_windows_hold_the_past_and_what_followed_it():
    split = split_windows(days_from(40), "2020-01-21", "2020-01-31", lookback=3, horizon=2, targets=["b"])
    x, y = split.train.x, split.train.y
    assert (x.shape, y.shape) == ((16, 3, 2), (16, 2, 1))
    np.testing.assert_array_equal(x[5, :, 0], [10, 12, 14])  # column a on days 5, 6, 7
    np.testing.assert_array_equal(y[5, :, 0], [17, 19])  # column b on days 8, 9
    np.testing.assert_array_equal(split.train.past_y[5, :, 0], [11, 13, 15])
    np.testing.assert_array_equal(split.train.next_y[5, :, 0], [13, 15, 17])
    assert split.train.times[5, 0] == np.datetime64("2020-01-09")


@pytest.mark.parametrize("lookback", [1, 3, 9])
@pytest.mark.parametrize("horizon", [1, 2])
def test_no_window_crosses_a_split(lookback, horizon):
    days = days_from(40)
    split = split_windows(days, "2020-01-12", "2020-01-25", lookback, horizon, targets=["a"])
    bounds = [("2020-01-01", "2020-01-12"), ("2020-01-12", "2020-01-25"), ("2020-01-25", "2020-02-10")]
    for windows, (start, end) in zip((split.train, split.validation, split.test), bounds):
        # Column a counts 0, 2, 4, ...: each value names its day.
        first, last = days.times[int(windows.x[..., 0].min() / 2)], days.times[int(windows.y.max() / 2)]
        assert np.datetime64(start) == first
        assert last == np.datetime64(end) - 1
        assert len(windows) == (np.datetime64(end) - np.datetime64(start)).astype(int) - lookback - horizon + 1


def test_statistics_are_of_the_training_part_alone():
    days = days_from(40)
    split = split_windows(days, "2020-01-21", "2020-01-31", lookback=3)
    np.testing.assert_allclose(split.mean, days.values[:20].mean(axis=0))
    np.testing.assert_allclose(split.std, days.values[:20].std(axis=0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lookback": 0}, "lookback must be a positive integer, got 0"),
        ({"lookback": 3, "horizon": 1.0}, "horizon must be a positive integer"),
        ({"lookback": 3, "validation_from": None}, "validation_from must be a moment"),
        ({"lookback": 3, "test_from": "NaT"}, "test_from must be a moment"),
        ({"lookback": 3, "targets": "a"}, r"targets must be a list of columns, such as \['a'\]"),
        ({"lookback": 3, "targets": ["c"]}, r"no column 'c'; the columns are \['a', 'b'\]"),
        ({"lookback": 10}, "The validation part has 10 steps, but one window takes 10"),
        ({"lookback": 3, "validation_from": "2020-02-01"}, "must lie before test_from"),
    ],
)
def test_bad_windows_say_what_would_do(arguments, message):
    with pytest.raises(ValueError, match=message):
        split_windows(days_from(40), **{"validation_from": "2020-01-21", "test_from": "2020-01-31", **arguments})


def test_steps_of_unequal_length_are_an_error():
    days = days_from(40)
    holed = Series(np.delete(days.times, 5), np.delete(days.values, 5, axis=0), days.names, "a test")
    with pytest.raises(ValueError, match="must be equally long"):
        split_windows(holed, "2020-01-21", "2020-01-31", lookback=3)


def test_x_may_reach_back_into_the_part_before_but_y_may_not():
    days, cut = days_from(40), ("2020-01-21", "2020-01-31")
    split = split_windows(days, *cut, lookback=3, horizon=2, targets=["a"], reach_back=True)
    for windows, start, end in ((split.train, 0, 20), (split.validation, 20, 30), (split.test, 30, 40)):
        first = start + 3 if start == 0 else start
        np.testing.assert_array_equal(windows.y[:, 0, 0], 2 * np.arange(first, end - 1))
        assert windows.y.max() == 2 * (end - 1)
        np.testing.assert_array_equal(windows.x[:, -1, 0], windows.y[:, 0, 0] - 2)


def test_walking_forward_every_step_is_forecast_once_from_what_came_before():
    days = days_from(60)
    origins = ["2020-01-21", "2020-02-05", "2020-02-20"]
    splits = walk_forward(days, origins, validation_steps=8, lookback=3, targets=["a"])
    answered = np.concatenate([split.test.times[:, 0] for split in splits])
    np.testing.assert_array_equal(answered, days.times[20:])
    for split, origin in zip(splits, origins):
        assert split.train.times.max() < split.validation.times.min() < np.datetime64(origin)
        assert len(split.validation) == 8
        assert split.test.times.min() == np.datetime64(origin)


@pytest.mark.parametrize("origins", [[], ["2020-02-05", "2020-01-21"], ["2020-02-05", "2020-02-05"]])
def test_origins_must_rise(origins):
    with pytest.raises(ValueError, match="origins must be rising moments, at least one, got"):
        walk_forward(days_from(60), origins, validation_steps=8, lookback=3)


def test_statistics_of_many_large_numbers_are_not_rounded_away(rng):
    values = rng.normal(1013, 8, size=(200_000, 2)).astype("float32")
    series = Series(np.datetime64("2000-01-01T00") + np.arange(200_000), values, ("a", "b"), "a test")
    split = split_windows(series, "2022-06-01", "2022-08-01", lookback=2)
    train = split.parts[0].values.astype("float64")
    np.testing.assert_allclose(split.std, train.std(axis=0), rtol=1e-5)
    np.testing.assert_allclose(split.mean, train.mean(axis=0), rtol=1e-6)


def test_trading_days_need_no_equal_steps():
    days = days_from(40)
    holed = Series(np.delete(days.times, 5), np.delete(days.values, 5, axis=0), days.names, "a test", regular=False)
    assert len(split_windows(holed, "2020-01-21", "2020-01-31", lookback=3).train) == 16


def test_no_window_leaves_its_block():
    days = days_from(100)
    split = split_blocks(days, 10, ["train", "train", "validation", "test"], lookback=3, horizon=2, targets=["a"])
    blocks = {"train": {0, 1, 4, 5, 8, 9}, "validation": {2, 6}, "test": {3, 7}}
    for key, own in blocks.items():
        windows = getattr(split, key)
        first, last = windows.x[:, 0, 0] / 2 // 10, windows.y[:, -1, 0] / 2 // 10
        np.testing.assert_array_equal(first, last)
        assert set(first.astype(int)) == own
        assert len(windows) == len(own) * 6
    np.testing.assert_allclose(split.mean, days.values[[t for t in range(100) if t // 10 in blocks["train"]]].mean(0))


def test_blocks_apart_leave_out_their_beginning():
    days = days_from(100)
    split = split_blocks(days, 10, ["train", "validation", "test"], lookback=3, targets=["a"], gap=4)
    for windows in (split.train, split.validation, split.test):
        assert (windows.x[:, 0, 0] / 2 % 10).min() == 4
        assert (windows.y[:, -1, 0] / 2 % 10).max() == 9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gap": 10}, "gap must be an integer from 0 to less than block, 10, got 10"),
        ({"gap": -1}, "gap must be an integer"),
        ({"gap": 6}, "The training part has 4 steps"),
        ({"kinds": ["train", "test"]}, r"kinds must be a list of train, validation, test, each at least once"),
        ({"kinds": ["train", "validation", "test", "spare"]}, "kinds must be a list"),
        ({"block": 0}, "block must be a positive integer"),
        ({"block": 4}, "The training part has 4 steps, but one window takes 3"),
        ({"block": 20}, "The test part has 0 steps"),
    ],
)
def test_bad_blocks_say_what_would_do(arguments, message):
    good = {"block": 10, "kinds": ["train", "validation", "test"], "lookback": 3, "horizon": 2}
    with pytest.raises(ValueError, match=message):
        split_blocks(days_from(40), **{**good, **arguments})


def test_normalization_is_that_of_the_training_part_and_survives_saving(tmp_path):
    days = days_from(40).with_columns(["snow"], np.where(np.arange(40) < 30, 0, 5)[:, None])
    split = split_windows(days, "2020-01-21", "2020-01-31", lookback=3, targets=["b"])
    with pytest.warns(UserWarning, match=r"Constant in the training part, so 0 for the network: \['snow'\]"):
        layer = split.normalization()
    model = keras.Sequential([keras.Input((3, 3)), layer])
    model.save(tmp_path / "model.keras")
    for own in (model, keras.models.load_model(tmp_path / "model.keras")):
        scaled = np.asarray(own(split.test.x))
        expected = (split.test.x[..., :2] - split.mean[:2]) / split.std[:2]
        np.testing.assert_allclose(scaled[..., :2], expected, rtol=1e-5)
        np.testing.assert_array_equal(scaled[..., 2], 0)


def test_scaled_targets_come_back_in_their_units():
    split = split_windows(days_from(40), "2020-01-21", "2020-01-31", lookback=3, horizon=2, targets=["b"])
    scaled = split.scale_targets(split.test.y)
    train = split.parts[0].column("b")
    np.testing.assert_allclose(scaled, (split.test.y - train.mean()) / train.std(), rtol=1e-5)
    np.testing.assert_allclose(split.target_units()(scaled), split.test.y, rtol=1e-5)
    still = Series(days_from(40).times, np.ones((40, 1), "float32"), ("a",), "a test")
    with pytest.raises(ValueError, match=r"The targets \['a'\] are constant in the training part"):
        split_windows(still, "2020-01-21", "2020-01-31", lookback=3).scale_targets(split.test.y)
