"""Where the story of a Project Gutenberg file begins and ends: in front of it stands a header, behind it a licence."""

import re
from pathlib import Path

from keras_rnn_basics.datasets.bounded import unpacked

MARKS = re.compile(
    rb"(?P<start>\*\*\* ?START OF (?:TH(?:E|IS) )?PROJECT GUTENBERG[^*]{0,300}\*\*\*\s*)"
    rb"|(?P<small_print>\*END ?\*? ?THE SMALL PRINT![^\r\n]*\s*)"  # ends the header in files of before 2003
    rb"|(?P<stop>\*\*\* ?END OF (?:TH(?:E|IS) )?PROJECT GUTENBERG)"
    # At the beginning of a line: Ende dieses Projekt Gutenberg Etextes, Fin du Projet Gutenberg, Fin del Proyecto ...
    rb"|(?P<end>(?<![^\r\n])(?:End of (?:the |this )?|Ende d(?:ies)?es |Fin d(?:e ce|u|el) )Pro[jy]\w+ Gutenberg)",
    re.IGNORECASE,
)
WORDS = (b"GUTENBERG", b"Gutenberg", b"SMALL PRINT!")  # one of which every mark holds
PIECE, LONGEST_MARK = 1 << 20, 1 << 10


def story(path: Path, max_bytes: int) -> tuple[int, int, int]:
    """-> the bytes at which the story begins and ends, 0 and the file's size where it has no such marks, and the size.

    Raises:
        ValueError: for a file with several books, and as `bounded.unpacked` does.
    """
    found: dict[str, dict[int, int]] = {kind: {} for kind in MARKS.groupindex}
    size, kept = 0, b""
    with unpacked(path, max_bytes) as file:
        while piece := file.read(PIECE):
            seen, offset = kept + piece, size - len(kept)
            if any(word in seen for word in WORDS):
                for own in MARKS.finditer(seen):
                    found[str(own.lastgroup)][offset + own.start()] = offset + own.end()
            size, kept = size + len(piece), seen[-LONGEST_MARK:]
    starts = found["start"], found["small_print"]
    if books := next((own for own in starts if len(own) > 1), None):
        raise ValueError(
            f"{path} holds {len(books)} books of Project Gutenberg, the second from byte {sorted(books)[1]} on; "
            "make a file of each, so that no header or licence is read as text."
        )
    start = max((end for own in starts for end in own.values()), default=0)
    # Where no header says that it is a book of theirs, words without stars are not enough.
    stops = found["stop"] | (found["end"] if start else {})
    return start, min((stop for stop in stops if stop > start), default=size), size
