"""What a reader may count on in every example, found in its source without running it."""

import ast
import importlib.util
from pathlib import Path

import pytest

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
    assert sorted([*given, "device", "precision"]) == sorted(argument.arg for argument in main.args.args)


def test_what_is_not_given_is_left_to_the_defaults_of_main():
    spec = importlib.util.spec_from_file_location("common", FOLDER / "common.py")
    common = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(common)
    parser = common.options("An example.", "repair", "seeds", "units", "seed")
    assert vars(parser.parse_args([])) == {}
    given = ["--repair", "--seeds", "2", "--device", "cpu", "--precision", "mixed_bfloat16"]
    assert vars(parser.parse_args(given)) == {
        "repair": True,
        "seeds": 2,
        "device": "cpu",
        "precision": "mixed_bfloat16",
    }
    with pytest.raises(SystemExit):
        parser.parse_args(["--device", "toaster"])
