import pytest


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    """The pages write files as their reader would."""
    monkeypatch.chdir(tmp_path)
