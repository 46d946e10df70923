"""What the loaders of texts, pairs and frames give: the parts of a data set, and where they come from."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Part = TypeVar("Part")
TOLD = 10


@dataclass(frozen=True)
class Parts(Generic[Part]):
    """Data for training, validation and testing.

    Attributes:
        train, validation, test: what the loader says; nothing is in two of them.
        names: of the files, the languages or the labels.
        source: the origin of the data, and how they are split.
        notes: what was cut, passed over or looks odd, a sentence each.
    """

    train: Part
    validation: Part
    test: Part
    names: tuple[str, ...]
    source: str
    notes: tuple[str, ...] = ()


def tell(notes: Sequence[str]) -> None:
    """Warns the caller of a loader of what it cut or passed over; of many notes, it tells the first."""
    more = [f"... and {len(notes) - TOLD} more: see .notes"] if len(notes) > TOLD else []
    if notes:
        warnings.warn("\n".join([*notes[:TOLD], *more]), stacklevel=3)
