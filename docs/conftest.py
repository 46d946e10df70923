from pathlib import Path

import pytest

# The scripts that build the pages; `conf.py` needs sphinx, which the tests do not.
collect_ignore_glob = ["*.py"]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    """The pages write files as their reader would."""
    monkeypatch.chdir(tmp_path)


# Pages that train or export for long: `make test` leaves them to `make test-all`. What they use has tests of its own
# every day.
LONG = {
    "4_cost.md",
    "gpu.md",
    "large_data.md",
    "does_not_learn.md",
    "classify_text.md",
    "label_words.md",
    "overview.md",
    "export.md",
    "own_cell.md",
    "own_csv.md",
    "own_text.md",
    "own_architecture.md",
    "serve.md",
    "watch.md",
}


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.name in LONG and item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.long)
