"""Where the story of a Project Gutenberg file begins and ends: in front of it stands a header, behind it a licence."""

import re
from pathlib import Path

from keras_rnn_basics.datasets.bounded import unpacked

# In files of before 2003 the header ends with the "small print".
STARTS = (
    re.compile(rb"\*\*\* ?START OF (?:TH(?:E|IS) )?PROJECT GUTENBERG[^*]{0,300}\*\*\*\s*", re.IGNORECASE),
    re.compile(rb"\*END ?\*? ?THE SMALL PRINT![^\r\n]*\s*"),
)
ENDS = (
    re.compile(rb"\*\*\* ?END OF (?:TH(?:E|IS) )?PROJECT GUTENBERG", re.IGNORECASE),
    # At the beginning of a line: Ende dieses Projekt Gutenberg Etextes, Fin du Projet Gutenberg, Fin del Proyecto ...
    re.compile(
        rb"(?<![^\r\n])(?:End of (?:the |this )?|Ende d(?:ies)?es |Fin d(?:e ce|u|el) )Pro[jy]\w+ Gutenberg",
        re.IGNORECASE,
    ),
)
WORDS = (b"GUTENBERG", b"Gutenberg", b"SMALL PRINT!")  # one of which every mark holds
PIECE, LONGEST_MARK = 1 << 20, 1 << 10


def story(path: Path, max_bytes: int) -> tuple[int, int, int]:
    """-> the bytes at which the story begins and ends, 0 and the file's size where it has no such marks, and the size.

    Raises:
        ValueError: for a file with several books, and as `bounded.unpacked` does.
    """
    starts: list[dict[int, int]] = [{} for _ in STARTS]
    ends: list[set[int]] = [set() for _ in ENDS]
    size, kept = 0, b""
    with unpacked(path, max_bytes) as file:
        while piece := file.read(PIECE):
            seen, offset = kept + piece, size - len(kept)
            if any(word in seen for word in WORDS):
                for mark, found in zip(STARTS, starts):
                    found.update((offset + own.start(), offset + own.end()) for own in mark.finditer(seen))
                for mark, places in zip(ENDS, ends):
                    places.update(offset + own.start() for own in mark.finditer(seen))
            size, kept = size + len(piece), seen[-LONGEST_MARK:]
    for found in starts:
        if len(found) > 1:
            raise ValueError(
                f"{path} holds {len(found)} books of Project Gutenberg, the second from byte {sorted(found)[1]} on; "
                "make a file of each, so that no header or licence is read as text."
            )
    start = max((end for found in starts for end in found.values()), default=0)
    # A text without a header may end with its licence; only then are the words without stars not enough.
    sure = ends[0] | ends[1] if start else ends[0]
    stop = min((end for end in sure if end > start), default=size)
    return start, stop, size
