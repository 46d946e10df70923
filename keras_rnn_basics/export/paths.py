"""Where an export may write a file: at a path with the right suffix, where nothing stands that it must not replace."""

import os
from collections.abc import Iterable
from pathlib import Path


def with_suffix(path: str | os.PathLike, suffix: str) -> Path:
    """The path; a ValueError if it does not end with the suffix."""
    path = Path(path)
    if path.suffix != suffix:
        raise ValueError(f"path must end with {suffix}, got {str(path)!r}.")
    return path


def insist_on_free(paths: Iterable[Path], overwrite: bool) -> None:
    """A FileExistsError if files are there and are not to be replaced, or if a folder is there, which never is."""
    there = [path for path in paths if path.exists()]
    folders = [str(path) for path in there if path.is_dir()]
    if folders:
        raise FileExistsError(f"{', '.join(folders)} is a folder; it is left unchanged. Choose another path.")
    if there and not overwrite:
        names = ", ".join(map(str, there))
        raise FileExistsError(f"{names} exists already; overwrite=True replaces it.")
