"""Files with random faults: each loads, with finite numbers at rising times, or is an error of ours, soon."""

import random
import time
from pathlib import Path

import numpy as np
import pytest
from everyday import cases

from keras_rnn_basics.datasets import hours, read_series, ticks, weather

CASES = Path(__file__).parent / "cases"
LOADERS = {
    "weather": [
        ("ghcn.csv", weather.load, {"columns": ["TMAX", "TMIN"]}),
        ("semicolons_decimal_commas.csv", weather.load, {}),
        ("thousands.csv", weather.load, {}),
        ("index_column.csv", weather.load, {}),
        ("day_first.csv", weather.load, {"date_format": "%d/%m/%Y"}),
        ("meteostat.csv", weather.load, {"columns": ["tavg", "pres"]}),
    ],
    "hours": [
        ("load_with_weekday.csv", hours.load, {"categories": ["weekday"]}),
        ("local_time_autumn.csv", hours.load, {"time_zone": "Europe/Berlin"}),
        ("open_meteo_hours.csv", hours.load, {}),
        ("ten_minutes.csv", read_series, {"step": "10min", "date_format": "%d.%m.%Y %H:%M:%S"}),
    ],
    "bars": [
        ("yahoo_null_row.csv", ticks.load, {}),
        ("bars_with_zone.csv", ticks.load, {}),
        ("dollars_newest_first.csv", ticks.load, {}),
        ("date_and_time_columns.csv", ticks.load, {"time": ["Date", "Time"]}),
        ("two_tickers.csv", ticks.load, {"only": {"Name": "BBB"}}),
    ],
    "trades": [
        ("trades_epoch_ms.csv", ticks.load, {"bars": "volume", "size": 20, "columns": {"size": "qty"}}),
        ("trades_huge.csv", ticks.load, {"bars": "tick", "size": 2}),
    ],
}
PIECES = [
    b"",
    b",",
    b";",
    b"\t",
    b'"',
    b"\n",
    b"\r",
    b"\x00",
    b"\xff",
    b"0",
    b"9" * 30,
    b"-",
    b"1e400",
    b"nan",
    b"inf",
    b"null",
]
PIECES += [
    b"9999-12-31",
    b"0001-01-01",
    b"+14:00",
    b"T",
    b"\xe2\x88\x925",
    b"1_0",
    b"0x1F",
    b"$",
    b"%",
    b"date",
    b"time",
    b".",
    b" ",
]


def mutated(data, rng):
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 5])):
        begin = rng.randrange(len(data) + 1)
        end = begin + rng.choice([0, 0, 1, 1, 3, 30])
        match rng.randrange(4):
            case 0:
                data[begin:end] = rng.choice(PIECES)
            case 1:
                data[begin:begin] = data[end : end + rng.choice([5, 50])]
            case 2:
                del data[begin:end]
            case 3:
                lines = bytes(data).split(b"\n")
                i, k = rng.randrange(len(lines)), rng.randrange(len(lines))
                lines[i], lines[k] = lines[k], rng.choice([lines[i], lines[k], b""])
                data = bytearray(b"\n".join(lines))
    return bytes(data)


def case(rng, loader, path):
    """-> a call that loads a file with faults."""
    name, load, arguments = rng.choice(LOADERS[loader])
    path.write_bytes(mutated((CASES / name).read_bytes(), rng))
    repair = rng.choice([False, True, True, ("gaps", "order", "duplicates", "outliers", "splits")])
    return lambda: load(path, repair=repair, **arguments)


def outcome(call):
    try:
        return call(), ""
    except ValueError as error:
        return None, str(error)


@pytest.mark.parametrize("count", cases([60, 200], [60]))
@pytest.mark.parametrize("loader", LOADERS)
def test_a_faulty_file_loads_or_is_an_error_that_names_it(tmp_path, loader, count):
    rng, path, loaded = random.Random(loader), tmp_path / "table.csv", 0
    for number in range(count):
        call, began = case(rng, loader, path), time.process_time()
        series, error = outcome(call)
        assert time.process_time() - began < 5, number
        if series is None:
            assert str(path) in error, (number, error)
        else:
            loaded += 1
            assert np.isfinite(series.values).all(), number
            assert (np.diff(series.times).astype(int) >= 0).all(), number
            assert series.values.shape == (len(series.times), len(series.names)), number
    assert loaded >= count / 10
