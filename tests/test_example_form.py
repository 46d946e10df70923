"""What a reader may count on in every example, found in its source without running it."""

import ast
import importlib.util
import runpy
import subprocess
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from keras_rnn_basics.datasets import hours, ticks

FOLDER = Path(__file__).parent.parent / "examples"
EXAMPLES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in ("common", "gallery", "serve"))


@pytest.fixture(params=EXAMPLES)
def tree(request):
    return ast.parse((FOLDER / f"{request.param}.py").read_text("utf-8"))


def functions(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def test_main_fits_on_a_page_and_no_function_or_class_stands_inside_a_function(tree):
    [main] = [function for function in functions(tree) if function.name == "main"]
    assert main.end_lineno - main.lineno < 60
    assert {function.name for function in functions(tree)} == {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef)
    }
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]


def test_the_command_line_has_one_option_for_each_argument_of_main(tree):
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    [shared] = [call for call in calls if getattr(call.func, "id", "") == "options"]
    own = [call.args[0].value for call in calls if getattr(call.func, "attr", "") == "add_argument"]
    given = [argument.value for argument in shared.args[1:]] + [
        name.removeprefix("--").replace("-", "_") for name in own
    ]
    [main] = [function for function in functions(tree) if function.name == "main"]
    # A strategy is no text: it is given by the program that runs `main` on several machines.
    arguments = [argument.arg for argument in main.args.args if argument.arg != "strategy"]
    assert sorted([*given, "device", "precision"]) == sorted(arguments)
    # The options of a table are those of its loader, to which main hands them on.
    assert [keyword.arg for keyword in shared.keywords] == ([] if main.args.kwarg is None else [main.args.kwarg.arg])


@pytest.fixture(scope="module")
def common():
    spec = importlib.util.spec_from_file_location("common", FOLDER / "common.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_start_without_messages_hides_no_error_even_if_it_is_aborted():
    lines = "WARNING: All log messages before absl::InitializeLog() is called\nI0000 00:00:1 a.cc:1] ready\n"
    lines += "E0000 00:00:1 b.cc:52] failed call to cuInit: no driver\nF0000 00:00:1 c.cc:2] needs AVX\n"
    program = "import os, sys; sys.modules['tensorflow'] = None; import common\n"  # as if it were there already
    program += f"with common.without_messages_of_the_start(): os.write(2, {lines.encode()}); os.abort()"
    done = subprocess.run([sys.executable, "-c", program], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert done.stderr == "F0000 00:00:1 c.cc:2] needs AVX\n"


def test_what_is_not_given_is_left_to_the_defaults_of_main(common):
    parser = common.options("An example.", "seeds", "units", "seed")
    assert vars(parser.parse_args([])) == {}
    given = ["--seeds", "2", "--device", "cpu", "--precision", "mixed_bfloat16"]
    assert vars(parser.parse_args(given)) == {"seeds": 2, "device": "cpu", "precision": "mixed_bfloat16"}
    with pytest.raises(SystemExit):
        parser.parse_args(["--device", "toaster"])


TABLE = """ticker;day;hour;open;high;low;close;adjusted;word
AAA;01.02.2020;00:00;1;2;1;2;-999;so
AAA;01.02.2020;02:00;1;2;1;M;1.5;not
BBB;01.02.2020;02:00;1;2;1;2;5;so"""


def test_every_argument_of_a_loader_of_tables_can_be_given_on_the_command_line(common, tmp_path, capsys):
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    how = ["--csv", str(path), "--time", "day", "hour", "--date-format", "%d.%m.%Y %H:%M", "--only", "ticker=AAA"]
    parser = common.options("An example.", table=hours.load)
    words = ["--columns", "open", "close", "--categories", "word", "--missing", "-999", "M", "--repair", "gaps"]
    given = vars(parser.parse_args([*how, *words, "--time-zone", "Europe/Berlin"]))
    series = common.read_table(hours.load, **given)
    assert series.names == ("open", "close", "word=not", "word=so")
    np.testing.assert_array_equal(series.values, [[1, 2, 0, 1], [1, 2, 0, 1], [1, 2, 1, 0]])
    assert series.times[0] == np.datetime64("2020-01-31T23:00")
    told = capsys.readouterr().out.splitlines()
    assert len(told) == len(series.repairs) == 2
    assert told[0].startswith("Read: line 3, column 'hour': 1 hour is missing before 2020-02-01T01:00")

    given = vars(parser.parse_args([*how, "--columns", "adjusted", "--missing", "None", "--repair"]))
    assert common.read_table(hours.load, **given).values[0] == -999  # all numbers are measurements

    parser = common.options("An example.", table=ticks.load)
    given = vars(parser.parse_args([*how, "--columns", "close=adjusted", "--missing", "-999", "--repair"]))
    np.testing.assert_array_equal(common.read_table(ticks.load, **given).column("close"), [1.5])
    with pytest.raises(SystemExit):
        parser.parse_args(["--categories", "word"])


@pytest.mark.parametrize(("given", "meant"), [(["--repair"], True), (["--repair", "gaps,order"], ["gaps", "order"])])
def test_repairs_may_be_named(common, given, meant):
    assert vars(common.options("An example.", table=hours.load).parse_args(given)) == {"repair": meant}


def test_the_skill_at_a_direction_is_that_of_paired_differences():
    with mock.patch.object(sys, "path", [str(FOLDER), *sys.path]):
        skill = runpy.run_path(str(FOLDER / "stock_ticks.py"))["skill"]
    # Right in 549 of 1,000 bars and in 526: by itself the first has an interval above 52.0, but the two seldom agree.
    rng = np.random.default_rng(0)
    own, usual = (rng.permutation(np.arange(1000) < right) for right in (549, 526))
    assert "right in 54.9%, the usual direction in 52.6%, a difference of 2.3 points [-" in skill(own, usual)
    assert "no skill" in skill(own, usual)
    assert "some skill" in skill(np.ones(1000), usual)
