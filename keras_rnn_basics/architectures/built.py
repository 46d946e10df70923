"""The description that a builder adds to its model, for drawing, stepping and exporting it."""

from typing import NamedTuple

KINDS = ("one_to_one", "one_to_many", "many_to_one", "many_to_many", "encoder_decoder")


class Architecture(NamedTuple):
    """The class attribute `architecture` of a builder's model; it stays through saving, loading and cloning.

    Attributes:
        kind: one of `KINDS`, as which it is drawn.
        encoder, decoder: the names of the nested models that read and write, if the network consists of two.
    """

    kind: str
    encoder: str | None = None
    decoder: str | None = None
