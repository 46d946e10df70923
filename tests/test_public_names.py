"""What the package and its rooms hand on: to a reader at the prompt, to an editor, and to a type checker."""

import ast
import importlib
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import keras_rnn_basics as krb

PACKAGE = Path(krb.__file__).parent
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))


def test_dir_shows_every_public_name_the_pictures_too():
    assert set(krb.__all__) <= set(dir(krb))
    assert dir(krb) == sorted(set(dir(krb)))
    assert {"plot_unrolled", "gradient_flow", "BasicRNN", "__doc__", "__version__"} <= set(dir(krb))


def test_every_picture_is_a_public_name_of_the_package():
    from keras_rnn_basics import pictures

    drawn = {name for name in krb.__all__ if name.startswith("plot_")} | {"gradient_flow"}
    assert drawn == set(pictures.__all__)
    assert all(getattr(krb, name) is getattr(pictures, name) for name in drawn)


def test_a_type_checker_reads_the_same_pictures_as_python_gives():
    from keras_rnn_basics import pictures

    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    [branch] = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    [imported] = branch.body
    assert isinstance(imported, ast.ImportFrom)
    assert imported.module == "keras_rnn_basics.pictures"
    assert [alias.name for alias in imported.names] == sorted(pictures.__all__)


EXTRA = {"babel", "matplotlib", "pandas", "scipy", "sklearn", "soundfile"}


def test_no_module_but_the_pictures_imports_at_its_top_what_comes_with_the_extra_examples():
    for path in PACKAGE.rglob("*.py"):
        if path.parent.name != "pictures":
            top = ast.parse(path.read_text(encoding="utf-8")).body
            named = [alias.name for node in top if isinstance(node, ast.Import) for alias in node.names]
            for node in (node for node in top if isinstance(node, ast.ImportFrom)):
                named += [f"{node.module}.{alias.name}" for alias in node.names]
            assert not EXTRA & {name.split(".")[0] for name in named}, path
            assert not [name for name in named if name.startswith("keras_rnn_basics.pictures")], path


@pytest.mark.long  # every day the one above reads it off the files
def test_dir_and_the_data_sets_import_no_pictures_and_nothing_of_the_extra_examples():
    asked = (
        "import sys, keras\n"  # which takes up what it finds of them
        "before = set(sys.modules)\n"
        "import keras_rnn_basics as krb, keras_rnn_basics.datasets\n"
        "extra = {'babel', 'matplotlib', 'pandas', 'scipy.signal', 'sklearn', 'sklearn.datasets', 'soundfile'}\n"
        "print('plot_cell' in dir(krb), 'keras_rnn_basics.pictures' in sys.modules)\n"
        "print(extra & (set(sys.modules) - before), 'babel' in sys.modules, 'sklearn.datasets' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["True False", "set() False False"]


def test_a_name_that_is_none_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'plot_nothing'"):
        _ = krb.plot_nothing


def test_the_version_is_that_of_the_installed_package():
    assert krb.__version__ == version("keras_rnn_basics")


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_hands_on_what_it_lists_and_no_more(room):
    module = importlib.import_module(f"keras_rnn_basics.{room}")
    assert len(module.__all__) == len(set(module.__all__))
    assert all(hasattr(module, name) for name in module.__all__)
    if room not in ("check_cell", "recurrence"):  # these have code of their own in __init__
        tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
        imported = [alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names]
        assert set(imported) == set(module.__all__)
