import importlib.util
import json
import re
import shutil
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

import keras_rnn_basics as krb

ROOT = Path(__file__).parent.parent


def verdicts(report):
    return [own["verdict"] for own in report.compared().values()]


def test_the_table_says_who_wins(rng):
    own = rng.random(200)
    rivals = {"worse": own + 1, "better": own - 0.2, "level": own[::-1]}
    report = krb.Report("", "mean absolute error", "°C", own, rivals)
    lines = str(report).splitlines()
    assert verdicts(report) == ["RNN is better", "RNN loses to better", "no clear difference"]
    for line, verdict in zip(lines[2:], verdicts(report)):
        assert line.endswith(f"]   {verdict}")
    assert f"{own.mean():.3f} °C" in lines[1]


def test_of_scores_the_higher_is_better(rng):
    own = rng.random(200)
    rivals = {"higher": own + 1, "lower": own - 0.2, "level": own[::-1]}
    report = krb.Report("", "right", "%", own, rivals, higher_is_better=True)
    assert verdicts(report) == ["RNN loses to higher", "RNN is better", "no clear difference"]


def test_the_spread_over_seeds_is_that_of_their_means():
    report = krb.Report("", "error", "°C", np.ones(60), {}, seeds={4: 1.0, 5: 2.0, 6: 3.0})
    assert str(report).splitlines()[-1] == "One network alone, seeds 4, 5, 6: 2.000 ± 1.000."


def test_other_examples_are_not_compared():
    with pytest.raises(ValueError, match=r"for the same N examples: RNN has \(60,\), ridge \(59,\)"):
        krb.Report("", "error", "°C", np.ones(60), {"ridge": np.ones(59)})
    with pytest.raises(ValueError, match=r"RNN has \(60, 1\)"):
        krb.Report("", "error", "°C", np.ones((60, 1)), {})


def test_a_baseline_has_a_name_of_its_own():
    with pytest.raises(ValueError, match="must not be called 'RNN'"):
        krb.Report("", "error", "°C", np.ones(60), {"RNN": np.ones(60)})


def test_what_is_published_can_be_read_back(tmp_path, monkeypatch, capsys, x):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["/somewhere/examples/mine.py", "--seeds", "2"])
    model = krb.build_many_to_one((3,), 4, 1)
    report = krb.Report("A task.", "error", "°C", np.ones(60), {"ridge": np.full(60, 3.0)}, seeds={0: 1.0})
    figure, _ = plt.subplots()
    for _ in range(2):  # a second run writes over the first
        loaded = krb.publish("mine", model, report, figure, time.monotonic() - 5, {"direction": 0.5})
    plt.close(figure)
    np.testing.assert_allclose(loaded.serve(x), model(x), rtol=1e-6)
    assert loaded.description["scores"] == {"RNN": 1.0, "ridge": 3.0, "direction": 0.5}
    told = json.loads((tmp_path / "runs/mine/report.json").read_text("utf-8"))
    assert told["command"] == "python examples/mine.py --seeds 2"
    assert told["scores"] == {"RNN": 1.0, "ridge": 3.0}
    assert told["minus"]["ridge"]["verdict"] == "RNN is better"
    assert (told["task"], told["seeds"], told["further"]) == ("A task.", {"0": 1.0}, {"direction": 0.5})
    assert 5 <= told["seconds"] < 60
    assert (tmp_path / "runs/mine/picture.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert str(report) in printed
    assert "saved_models/mine, endpoints ['serve', 'step']" in printed


def test_the_page_is_published_too_or_why_there_is_none(tmp_path, monkeypatch, capsys, x):
    monkeypatch.chdir(tmp_path)
    report = krb.Report("A task.", "error", "°C", np.ones(60), {})
    for model, page, printed in (
        (krb.build_many_to_one((3,), 4, 1), (x, np.ones((4, 1))), "in a browser: runs/mine/page.html"),
        (krb.build_many_to_one((3,), 4, 1), (x, ["no number"] * 4), "No page shows this model: y must be numbers"),
    ):
        figure, _ = plt.subplots()
        krb.publish("mine", model, report, figure, time.monotonic(), page=page)
        plt.close(figure)
        assert printed in capsys.readouterr().out
    assert (tmp_path / "runs/mine/page.html").read_text("utf-8").startswith("<!doctype html>")


@pytest.mark.long
def test_a_picture_that_cannot_be_drawn_does_not_cost_the_export(tmp_path, monkeypatch, x):
    monkeypatch.chdir(tmp_path)
    model = krb.build_many_to_one((3,), 4, 1)
    figure, ax = plt.subplots()
    ax.set_title("US$_$")  # no formula
    with pytest.raises(ValueError, match="ParseSyntaxException"):
        krb.publish("mine", model, krb.Report("A task.", "error", "°C", np.ones(60), {}), figure, time.monotonic())
    plt.close(figure)
    np.testing.assert_allclose(krb.load_saved_model("saved_models/mine").serve(x), model(x), rtol=1e-6)


def test_the_gallery_is_written_from_the_reports_alone(tmp_path, monkeypatch, rng):
    monkeypatch.chdir(tmp_path)
    spec = importlib.util.spec_from_file_location("gallery", ROOT / "examples/gallery.py")
    gallery = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(gallery)
    with pytest.raises(SystemExit, match="holds no report of weather, "):
        gallery.main(folder=tmp_path / "out")
    monkeypatch.setattr("sys.argv", ["examples/mine.py"])
    report = krb.Report("a task", "error", "°C", np.full(60, 1.25), {"ridge": np.full(60, 3.5)}, {0: 1.0, 1: 2.0})
    figure, _ = plt.subplots()
    model = krb.build_many_to_one((3,), 4, 1)
    krb.publish(
        "weather",
        model,
        report,
        figure,
        time.monotonic(),
        {"alone": 0.125, "a": {"b": {"own": 2.5, "its": 0.5}}, "c": {"own": 1.5, "its": 4.0}},
    )
    plt.close(figure)
    for name in gallery.EXAMPLES[1:]:
        shutil.copytree("runs/weather", f"runs/{name}")
    (tmp_path / "README.md").write_text("before\n<!-- by examples/gallery.py -->old<!-- to here -->\nafter\n")
    for _ in range(2):
        gallery.main(folder=tmp_path / "out")
    readme = (tmp_path / "README.md").read_text("utf-8")
    assert readme.startswith("before\n")
    assert readme.endswith("\nafter\n")
    assert "old" not in readme
    row = "| `python examples/mine.py` | a task | error **1.250** °C | ridge 3.500 | "
    assert readme.count(row) == len(gallery.EXAMPLES)
    text = (tmp_path / "out/README.md").read_text("utf-8")
    for name in gallery.EXAMPLES:
        assert f"\n## {name}\n" in text
        assert (tmp_path / f"out/pictures/{name}.png").exists()
    assert "| **RNN** | 1.250 °C | | |" in text
    assert "| ridge | 3.500 °C | -2.250 [-2.250, -2.250] | RNN is better |" in text
    assert "seeds 0, 1: 1.500 ± 0.707." in text
    assert "\nalone: 0.125.\n" in text
    assert "\n| | own | its |\n|---|---|---|\n| a, b | 2.500 | 0.500 |\n| c | 1.500 | 4.000 |\n" in text
    assert "    python examples/mine.py\n" in text
    for name, history in gallery.HISTORY.items():
        [section] = [part for part in text.split("\n## ") if part.startswith(f"{name}\n")]
        assert history in section


def test_make_examples_runs_what_the_gallery_shows():
    makefile, gallery = ((ROOT / name).read_text("utf-8") for name in ("Makefile", "examples/gallery.py"))
    run = re.search(r"for name in (.+); do", makefile)[1].split()
    shown = re.findall(r'^    "(\w+)",$', gallery, re.MULTILINE)
    assert run == shown
