"""Files with random faults: each loads, with finite numbers at rising times, or is an error of ours, soon."""

import random
import time
from pathlib import Path

import numpy as np
import pytest

from keras_rnn_basics.datasets import hours, read_series, ticks, weather

CASES = sorted((Path(__file__).parent / "cases").glob("*.csv"))
LOADERS = {
    "weather": lambda path, repair: weather.load(path, repair=repair),
    "hours": lambda path, repair: hours.load(path, repair=repair),
    "ticks": lambda path, repair: ticks.load(path, repair=repair),
    "trades": lambda path, repair: ticks.load(path, "volume", 20, repair=repair),
    "rows": lambda path, repair: read_series(path, None, repair=repair),
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


def mutated(rng):
    data = bytearray(rng.choice(CASES).read_bytes())
    for _ in range(rng.choice([1, 1, 2, 5, 20])):
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


@pytest.mark.parametrize("loader", LOADERS)
def test_a_faulty_file_loads_or_is_an_error_that_names_it(tmp_path, loader, count=40):
    rng, path = random.Random(loader), tmp_path / "table.csv"
    for number in range(count):
        path.write_bytes(mutated(rng))
        repair = rng.choice([False, True, ("gaps", "order", "duplicates", "outliers", "splits")])
        began = time.process_time()
        try:
            series = LOADERS[loader](path, repair)
        except ValueError as error:
            assert str(path) in str(error), (number, error)
        else:
            assert np.isfinite(series.values).all(), number
            assert (np.diff(series.times).astype(int) >= 0).all(), number
            assert series.values.shape == (len(series.times), len(series.names)), number
        assert time.process_time() - began < 5, number
