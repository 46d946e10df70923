"""The examples run from another working directory, on little data, and a second time over what they left."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import keras_rnn_basics as krb

ROOT = Path(__file__).parent.parent


def run(example, *arguments, cwd):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, str(ROOT / "examples" / example), *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def csv(tmp_path):
    """Two years of a made-up climate, a day missing."""
    rng = np.random.default_rng(0)
    dates = np.datetime64("2020-01-01") + np.arange(800)
    temp = 15 - 10 * np.cos(2 * np.pi * np.arange(800) / 365) + rng.normal(size=800)
    rows = [f"{date},{value:.1f}" for date, value in zip(dates, temp)]
    path = tmp_path / "days.csv"
    path.write_text("\n".join(["date,temp", *rows[:100], *rows[101:]]) + "\n")
    return path


def test_weather_trains_scores_draws_exports_and_forecasts_from_your_own_csv(csv, tmp_path):
    faulty = run("weather.py", "--csv", str(csv), "--target", "temp", cwd=tmp_path)
    assert faulty.returncode != 0
    assert "line 102, column 'date': 1 day is missing before 2020-04-11" in faulty.stderr
    for _ in range(2):
        done = run("weather.py", "--csv", str(csv), "--target", "temp", "--repair", "--seeds", "1", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "Repaired: line 102, column 'date': 1 day is missing" in done.stdout
        for name in ("RNN", "persistence", "climatology", "ridge"):
            assert f"\n{name} " in done.stdout
    loaded = krb.load_saved_model(tmp_path / "saved_models/weather")
    assert loaded.endpoints == ["serve", "step"]
    assert set(loaded.description["scores"]) == {"RNN", "persistence", "climatology", "ridge"}
    assert {path.name for path in (tmp_path / "runs/weather").glob("*.png")} == {"forecast.png", "per_step_loss.png"}
