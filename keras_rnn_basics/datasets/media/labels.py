"""What the labels of the user's own data may be called: folders that are no labels, and labels that are almost one."""

import re
from collections.abc import Iterable
from pathlib import Path

PARTS = re.compile(
    r"(train|test|val|valid|validation|dev|eval|evaluation)(ing)?|(fold|split|part)[ _-]?\d+", re.IGNORECASE
)


def refuse_parts(path: Path, names: Iterable[str]) -> None:
    """A ValueError where the folders that are to be labels are the parts of a split."""
    parts = [name for name in names if PARTS.fullmatch(name)]
    if len(parts) > 1 or (parts and parts == list(names)):
        raise ValueError(
            f"{path} holds the folders {', '.join(parts)}, which are parts of a split and no labels. The split is made "
            f"here: name one of them, such as {path / parts[0]}, or put their labels' folders together."
        )


def twins(names: Iterable[str]) -> list[str]:
    """A sentence for labels that differ by capitals and spaces alone.

    >>> twins(["cup", "Cup", "tea"])
    ["The labels 'cup' and 'Cup' differ by capitals or spaces alone: they are taken for two."]
    """
    seen: dict[str, str] = {}
    return [
        f"The labels {other!r} and {name!r} differ by capitals or spaces alone: they are taken for two."
        for name in names
        if (other := seen.setdefault("".join(name.casefold().split()), name)) != name
    ]


def counted(names: list[str], shown: int = 3) -> str:
    """The first of them, and how many more there are.

    >>> counted(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
