import pytest

# The scripts that build the pages; `conf.py` needs sphinx, which the tests do not.
collect_ignore_glob = ["*.py"]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    """The pages write files as their reader would."""
    monkeypatch.chdir(tmp_path)
