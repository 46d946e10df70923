import bz2
import gzip
import lzma
import tracemalloc
import zipfile

import numpy as np
import pandas
import pytest

from keras_rnn_basics.datasets.bounded import read_array, unpacked

CONTENT = "".join(f"{k},{k * k}\n" for k in range(5000)).encode()


def packed(folder, kind, content=CONTENT):
    path = folder / f"table.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("table.csv", content)
            file.writestr("__MACOSX/._table.csv", "what a Mac adds")
    else:
        pack = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "csv": bytes}[kind]
        path.write_bytes(pack(content))
    return path


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zip", "csv"])
def test_whatever_a_file_is_packed_with_its_bytes_come_out(tmp_path, kind):
    path = packed(tmp_path, kind).rename(tmp_path / "no_suffix")
    with unpacked(path) as file:
        assert file.read() == CONTENT
        file.seek(10)
        assert file.read(20) == CONTENT[10:30]
    with unpacked(path) as file:
        np.testing.assert_array_equal(pandas.read_csv(file, header=None)[1], np.arange(5000) ** 2)


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zip"])
def test_reading_stops_where_max_bytes_have_come_out(tmp_path, kind):
    path = packed(tmp_path, kind, bytes(50_000_000))
    assert path.stat().st_size < 100_000
    tracemalloc.start()
    with unpacked(path, max_bytes=1_000_000) as file, pytest.raises(ValueError, match="more than 1,000,000 bytes"):
        sum(map(len, iter(lambda: file.read(10_000), b"")))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12_000_000  # xz holds a dictionary of 8 MiB
    with unpacked(path, max_bytes=50_000_000) as file:
        assert sum(map(len, iter(lambda: file.read(1 << 20), b""))) == 50_000_000


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zip"])
def test_a_broken_file_is_named(tmp_path, kind):
    content = packed(tmp_path, kind, np.random.default_rng(0).bytes(10_000)).read_bytes()
    for broken in (content[:-20], content[:3000] + bytes(100) + content[3100:]):
        (tmp_path / "broken").write_bytes(broken)
        with pytest.raises(ValueError, match=r"broken is a (broken )?(gzip|bz2|xz|zip) file"):
            unpacked(tmp_path / "broken").read()


def test_a_zip_of_several_files_is_refused_with_their_names(tmp_path):
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as file:
        file.writestr("a.csv", "1")
        file.writestr("b.csv", "2")
    with pytest.raises(ValueError, match=r"two\.zip is a zip of 2 files \(a\.csv, b\.csv\); unpack it, and name one"):
        unpacked(tmp_path / "two.zip")


def test_paths_that_are_no_file_say_so(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no file .*gone"):
        unpacked(tmp_path / "gone")
    with pytest.raises(ValueError, match="is a folder; name a file in it"):
        unpacked(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"There is no file .*gone"):
        read_array(tmp_path / "gone")


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_come_as_numpy_wrote_them(tmp_path, order):
    x = np.asarray(np.random.default_rng(0).normal(size=(3, 4, 5)), order=order)
    np.save(tmp_path / "x.npy", x)
    np.savez_compressed(tmp_path / "x.npz", x=x, words=np.array(["a", "bc"]), empty=np.zeros((0, 2)))
    np.testing.assert_array_equal(read_array(tmp_path / "x.npy"), x)
    np.testing.assert_array_equal(read_array(tmp_path / "x.npz", "x"), x)
    assert read_array(tmp_path / "x.npz", "words").tolist() == ["a", "bc"]
    assert read_array(tmp_path / "x.npz", "empty").shape == (0, 2)


def test_a_header_that_promises_more_than_there_is_takes_no_memory(tmp_path):
    with (tmp_path / "x.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10)})
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"x\.npy cannot be read, the file is broken"):
        read_array(tmp_path / "x.npy")
    with pytest.raises(ValueError, match=r"x\.npy takes 80,000,000 bytes of memory, more than the 1,000 of max_bytes"):
        read_array(tmp_path / "x.npy", max_bytes=1000)
    assert tracemalloc.get_traced_memory()[1] < 3_000_000
    tracemalloc.stop()
