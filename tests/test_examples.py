"""The examples run from another working directory, on little data, and a second time over what they left.

They run in the process of the tests, which has imported TensorFlow already; `weather.py` also as its reader runs it, in
a process of its own. Every day the shortest, `one_to_one.py`, trains; the others train in `make test-all`.
"""

import json
import os
import runpy
import subprocess
import sys
import traceback
import warnings
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from subprocess import CompletedProcess
from unittest import mock

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest

import keras_rnn_basics as krb

ROOT = Path(__file__).parent.parent


def run(example, *arguments, cwd):
    """What `python examples/<example> <arguments>` does in the folder cwd, without a process of its own."""
    path = str(ROOT / "examples" / example)
    with (
        redirect_stdout(StringIO()) as stdout,
        redirect_stderr(StringIO()) as stderr,
        chdir(cwd),
        mock.patch.object(sys, "argv", [path, *arguments]),
        mock.patch.object(sys, "path", [str(ROOT / "examples"), *sys.path]),
        warnings.catch_warnings(record=True, action="default"),
    ):
        try:
            runpy.run_path(path, run_name="__main__")
            code = 0
        except Exception:
            traceback.print_exc()
            code = 1
        finally:
            plt.close("all")
    return CompletedProcess([path, *arguments], code, stdout.getvalue(), stderr.getvalue())


def run_as_its_reader(example, *arguments, cwd):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, str(ROOT / "examples" / example), *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def csv(tmp_path):
    """A year and a half of a made-up climate, a day missing."""
    rng = np.random.default_rng(0)
    dates = np.datetime64("2020-01-01") + np.arange(560)
    temp = 15 - 10 * np.cos(2 * np.pi * np.arange(560) / 365) + rng.normal(size=560)
    rows = [f"{date},{value:.1f}" for date, value in zip(dates, temp)]
    path = tmp_path / "days.csv"
    path.write_text("\n".join(["date,temp", *rows[:100], *rows[101:]]) + "\n")
    return path


@pytest.mark.long  # two networks
@pytest.mark.parametrize("how", [run, run_as_its_reader])
def test_weather_trains_scores_draws_exports_and_forecasts_from_your_own_csv(csv, tmp_path, how):
    faulty = run("weather.py", "--csv", str(csv), "--target", "temp", cwd=tmp_path)
    assert faulty.returncode != 0
    assert "line 102, column 'date': 1 day is missing before 2020-04-11" in faulty.stderr
    arguments = ["--csv", str(csv), "--target", "temp", "--repair", "--seeds", "1"]
    done = how("weather.py", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # TensorFlow's start is silent
    assert "Read: line 102, column 'date': 1 day is missing" in done.stdout
    for name in ("RNN", "persistence", "climatology", "ridge"):
        assert f"\n{name} " in done.stdout
    loaded = krb.load_saved_model(tmp_path / "saved_models/weather")
    assert loaded.endpoints == ["serve", "step"]
    assert set(loaded.description["scores"]) == {"RNN", "persistence", "climatology", "ridge"}
    assert (tmp_path / "runs/weather/picture.png").exists()
    assert (tmp_path / "runs/weather/page.html").exists(), done.stdout
    told = json.loads((tmp_path / "runs/weather/report.json").read_text("utf-8"))
    assert told["scores"] == loaded.description["scores"]


SHORT = {
    "ghcn.csv": ["--time", "DATE", "--columns", "TMAX", "TMIN", "--repair", "gaps", "--target", "TMAX"],
    "dwd_days.csv": ["--time", "MESS_DATUM", "--columns", "TMK", "--repair", "--target", "TMK"],
    "meteostat.csv": ["--columns", "tavg", "pres"],
    "open_meteo_days.csv": ["--target", "temperature_2m_max (°C)"],
    "semicolons_decimal_commas.csv": ["--target", "temp"],
    "day_first.csv": ["--date-format", "%d/%m/%Y", "--target", "temp"],
    "index_column.csv": ["--target", "temp"],
    "snow_only_late.csv": ["--target", "temp_celsius"],
}


# Each trains two networks. The same files are read every day in test_cases_tables.py.
@pytest.mark.long
@pytest.mark.parametrize("name", SHORT)
def test_weather_reads_daily_files_of_many_layouts_and_short_ones_too(name, tmp_path):
    done = run("weather.py", "--csv", str(ROOT / "tests/cases" / name), *SHORT[name], "--seeds", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "\nRNN " in done.stdout
    assert "\nridge " in done.stdout
    assert (tmp_path / "saved_models/weather").exists()


@pytest.mark.long
def test_sentences_trains_scores_writes_and_exports_from_your_own_text(tmp_path):
    rng = np.random.default_rng(0)
    words = ["sun", "moon", "rain", "wind"]
    lines = [" ".join(rng.choice(words, 6)) + "." for _ in range(3000)]
    (tmp_path / "own.txt").write_text("\n".join(lines))
    (tmp_path / "latin.txt").write_bytes(b"a" * 200 + b"\xe9")
    faulty = run("sentences.py", "--text", "latin.txt", cwd=tmp_path)
    assert faulty.returncode != 0
    assert "latin.txt is not UTF-8 text: line 1, byte 200 is 0xe9" in faulty.stderr
    for _ in range(2):
        arguments = ["--text", "own.txt", "--minutes", "0.06", "--units", "32", "--prompt", "sun moon"]
        done = run("sentences.py", *arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        for name in ("RNN", "unigram", "Kneser-Ney 5", "Kneser-Ney 7"):
            assert f"\n{name} " in done.stdout
        assert "RNN is better" in done.stdout  # than the unigram, for certain
        assert "From the same seed the export writes the same text." in done.stdout
    assert (tmp_path / "runs/sentences/page.html").exists(), done.stdout
    loaded = krb.load_saved_model(tmp_path / "saved_models/sentences")
    assert loaded.endpoints == ["serve", "step", "generate"]
    scores = loaded.description["scores"]
    assert scores["RNN"] < scores["unigram"]
    assert keras.models.load_model(tmp_path / "runs/sentences/writer.keras").generate("sun", 5).startswith("sun")


@pytest.mark.long
def test_translation_trains_scores_draws_and_exports_from_your_own_pairs(tmp_path):
    words = {"one": "un", "two": "deux", "three": "trois", "four": "quatre"}
    rng = np.random.default_rng(0)
    sentences = [" ".join(rng.choice(list(words), 3)) for _ in range(300)]
    pairs = [f"{own}\t{' '.join(words[word] for word in own.split())}\tignored" for own in sentences]
    (tmp_path / "pairs.tsv").write_text("\n".join(pairs))
    (tmp_path / "faulty.tsv").write_text("\n".join([*pairs[:20], "no tab", *pairs[20:]]))
    faulty = run("translation.py", "--pairs", "faulty.tsv", cwd=tmp_path)
    assert faulty.returncode != 0
    assert "faulty.tsv, line 21" in faulty.stderr
    arguments = ["--pairs", "pairs.tsv", "--minutes", "0.03", "--units", "8", "--num-beams", "2"]
    done = run("translation.py", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("with attention", "without"):
        assert f"\n{name} " in done.stdout
    loaded = krb.load_saved_model(tmp_path / "saved_models/translation")
    assert loaded.endpoints == ["serve", "step", "encode", "translate"]
    both = [f"{measure}{name}" for measure in ("", "BLEU ", "chrF ") for name in ("with attention", "without")]
    assert sorted(loaded.description["scores"]) == sorted(both)
    assert (tmp_path / "runs/translation/picture.png").exists()
    assert (tmp_path / "runs/translation/page.html").exists(), done.stdout


TICKS = ["--bars", "tick", "--size", "20", "--seeds", "1"]


@pytest.fixture
def trades(tmp_path):
    """The rows of a made-up market, in trades.csv."""
    rng = np.random.default_rng(0)
    moments = np.datetime64("2020-01-02T00:00:00") + np.arange(9000)
    volatility = np.exp(np.repeat(np.cumsum(rng.normal(size=450) * 0.2), 20) / 3 - 7)
    prices = 100 * np.exp(np.cumsum(volatility * rng.normal(size=9000)))
    rows = [f"{moment},{price:.4f},5" for moment, price in zip(moments, prices)]
    (tmp_path / "trades.csv").write_text("\n".join(["time,price,size", *rows]) + "\n")
    return rows


def test_stock_ticks_says_what_is_wrong_with_your_own_trades(trades, tmp_path):
    (tmp_path / "faulty.csv").write_text("\n".join(["time,price,size", *trades[:50], "late,1,1"]) + "\n")
    faulty = run("stock_ticks.py", "--csv", "faulty.csv", *TICKS, cwd=tmp_path)
    assert faulty.returncode != 0
    assert "faulty.csv, line 52, column 'time': 'late' is not a time" in faulty.stderr
    (tmp_path / "few.csv").write_text("\n".join(["time,price,size", *trades[:200]]) + "\n")
    few = run("stock_ticks.py", "--csv", "few.csv", *TICKS, cwd=tmp_path)
    assert "ValueError: few.csv" in few.stderr
    assert "10 bars; four origins and what comes before take 250" in few.stderr


@pytest.mark.long  # five networks
@pytest.mark.usefixtures("trades")
def test_stock_ticks_scores_walking_forward_and_exports_from_your_own_trades(tmp_path):
    done = run("stock_ticks.py", "--csv", "trades.csv", *TICKS, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("RNN", "constant", "EWMA 0.94 of r²", "EWMA, tuned", "HAR"):
        assert f"\n{name} " in done.stdout
    assert "Direction of the next bar: right in " in done.stdout
    loaded = krb.load_saved_model(tmp_path / "saved_models/stock_ticks")
    assert loaded.serve(np.zeros((2, 60, 4), "float32")).shape == (2, 1)
    assert (tmp_path / "runs/stock_ticks/picture.png").exists()
    assert (tmp_path / "runs/stock_ticks/page.html").exists(), done.stdout


def test_one_to_one_reads_digits_and_exports_what_reads_them(tmp_path):
    done = run("one_to_one.py", "--epochs", "2", "--seed", "3", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("network", "logistic regression"):
        assert f"\n{name} " in done.stdout
    loaded = krb.load_saved_model(tmp_path / "saved_models/one_to_one")
    assert loaded.serve(np.zeros((2, 8, 8), "float32")).shape == (2, 10)
    assert loaded.description["scores"]["network"] > 50


@pytest.fixture
def hours_csv(tmp_path):
    """A made-up month of hours, one missing."""
    rng = np.random.default_rng(0)
    times = np.datetime64("2020-01-01T00") + np.arange(800)
    temp = 15 - 5 * np.cos(2 * np.pi * np.arange(800) / 24) + rng.normal(size=800)
    rows = [f"{time}:00Z,{value:.2f}" for time, value in zip(times, temp)]
    (tmp_path / "hours.csv").write_text("\n".join(["time_utc,temp_celsius", *rows[:700], *rows[701:]]) + "\n")


@pytest.mark.usefixtures("hours_csv")
def test_weather_hours_says_what_is_wrong_with_your_own_csv(tmp_path):
    faulty = run("weather_hours.py", "--csv", "hours.csv", cwd=tmp_path)
    assert faulty.returncode != 0
    assert "line 702, column 'time_utc': 1 hour is missing" in faulty.stderr
    nowhere = run("weather_hours.py", "--csv", "hours.csv", "--repair", "--place", "488.5", "2.35", cwd=tmp_path)
    assert nowhere.returncode != 0
    assert "latitude must lie between -90 and 90 degrees, got 488.5" in nowhere.stderr


@pytest.mark.long  # eight networks
@pytest.mark.usefixtures("hours_csv")
def test_weather_hours_forecasts_six_hours_and_a_day_from_your_own_csv(tmp_path):
    settings = ("--seeds", "1", "--block-days", "8", "--place", "48.85", "2.35")
    done = run("weather_hours.py", "--csv", "hours.csv", "--repair", *settings, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("RNN", "encoder-decoder", "persistence", "yesterday", "ridge", "boosting"):
        assert f"\n{name} " in done.stdout
    loaded = krb.load_saved_model(tmp_path / "saved_models/weather_hours")
    assert loaded.serve(np.zeros((2, 72, 6), "float32")).shape == (2, 72, 1)
    assert loaded.description["scores"]["RNN"] < loaded.description["scores"]["persistence"]
    day = krb.load_saved_model(tmp_path / "saved_models/weather_day")
    assert day.serve(np.zeros((2, 72, 6), "float32"), np.zeros((2, 24, 3), "float32")).shape == (2, 24, 1)


@pytest.mark.long
def test_voices_trains_scores_draws_and_exports_from_your_own_clips(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    rng = np.random.default_rng(0)
    seconds = np.arange(2400) / 8000
    rows, folder = ["path\tclient_id\tpitch"], tmp_path / "clips"
    folder.mkdir()
    for label, f0_hz in (("high", 300), ("low", 120)):
        for speaker in range(4):
            for take in range(3):
                wave = 0.3 * np.sin(2 * np.pi * (f0_hz + 5 * speaker) * seconds) + 0.01 * rng.normal(size=2400)
                rows.append(f"{len(rows)}.wav\t{label} {speaker}\t{label}")
                soundfile.write(folder / f"{len(rows) - 1}.wav", wave[: 2400 - 200 * take], 8000)
    (tmp_path / "validated.tsv").write_text("\n".join(rows))
    table = ["--labels", "validated.tsv", "--columns", "path", "pitch", "--speaker", "client_id"]
    quick = ["--folds", "2", "--epochs", "2", "--units", "8"]
    done = run("voices.py", "--folder", "clips", *table, *quick, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("RNN", "F0 threshold", "logistic, F0 and the mean frame"):
        assert f"\n{name} " in done.stdout
    assert (tmp_path / "runs/voices/picture.png").exists()
    assert (tmp_path / "runs/voices/page.html").exists(), done.stdout
    loaded = krb.load_saved_model(tmp_path / "saved_models/voices")
    assert loaded.endpoints == ["serve"]
    assert loaded.description["scores"]["F0 threshold"] == 100.0  # sines of 120 and of 300 Hz
    wave = 0.3 * np.sin(2 * np.pi * np.outer([125, 310], np.arange(3000)) / 10_000).astype("float32")
    answers = [loaded.serve(np.pad(wave, [(0, 0), (0, silence)])).numpy() for silence in (1000, 2000)]
    np.testing.assert_allclose(answers[0].sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(*answers, atol=1e-5)  # silence behind a clip changes nothing


@pytest.mark.long  # three networks
def test_frames_trains_scores_draws_and_exports_from_your_own_sequences(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.cumsum(rng.random((24, 6)) < 0.3, axis=1) % 2
    own = rng.random((24, 6, 8, 6))
    own[:, :, :4] += labels[..., None, None]  # the upper half is bright, or it is not
    longer = {"frames": np.concatenate([own, own], axis=1), "labels": np.concatenate([labels, labels], axis=1)}
    np.savez(tmp_path / "own.npz", **longer)
    quick = ["--length", "6", "--minutes", "0.02", "--further-minutes", "0.02", "--units", "8"]
    done = run("frames.py", "--path", "own.npz", *quick, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("RNN", "per frame", "Bayes filter"):
        assert f"\n{name} " in done.stdout
    loaded = krb.load_saved_model(tmp_path / "saved_models/frames")
    assert loaded.endpoints == ["serve", "step"]
    assert set(loaded.description["scores"]) == {"RNN", "per frame", "Bayes filter"}
    states, live = [np.zeros((24, 8), "float32")] * 2, []
    for x_t in np.moveaxis(own.astype("float32"), 1, 0):
        y_t, *states = loaded.step(x_t, *states)
        live.append(y_t)
    np.testing.assert_allclose(np.stack(live, axis=1), loaded.serve(own.astype("float32")), atol=1e-4)
    assert (tmp_path / "runs/frames/picture.png").exists()
    assert (tmp_path / "runs/frames/page.html").exists(), done.stdout
