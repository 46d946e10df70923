"""Any cell as the parts of its step: which weights act in each, what comes in and what goes out, with all shapes."""

from typing import Any

from keras_rnn_basics.pictures.anatomy import shape_text
from keras_rnn_basics.pictures.canvas import (
    FAINT,
    INK,
    INPUT,
    OUTPUT,
    RECURRENT,
    SMALL,
    STATE,
    SYMBOL,
    TEXT,
    Drawing,
    text_size,
    tint,
)
from keras_rnn_basics.pictures.notation import letters
from keras_rnn_basics.pictures.parts import answer_size, n_x, n_z, sizes, weights_by_part

COLOURS = {"project": INPUT, "advance": RECURRENT, "readout": OUTPUT, "call": RECURRENT}
LIFT, HEAD, CHIP, LEVEL = 42.0, 24.0, 26.0, 38.0  # heights: an arrow's, a part's name, a weight, a state


def draw_parts(cell: Any) -> Drawing:
    """x_t → project → advance → readout → ŷ_t from below, and a_{t-1} → advance → a_t; or all of it in one `call`."""
    d, by_part = Drawing(), weights_by_part(cell)
    states = [shape_text((None, n)) for n in sizes(cell)]
    several = len(states) > 1
    arriving = {"project": shape_text((None, n_x(cell)))}
    if "call" in by_part:
        arriving = {"call": arriving["project"]}
    else:
        arriving |= {"advance": f"$z_t$ {shape_text((None, n_z(cell)))}", "readout": "\n".join(dict.fromkeys(states))}
    chips = {
        part: [(name, f"${letters(name)}$ {shape_text(w.shape)}") for name, w in named.items()]
        for part, named in by_part.items()
    }
    width = max([70.0, *(text_size(text)[0] for named in chips.values() for _, text in named)]) + 28
    inside = 0.5 * width + 16
    end = inside + max(text_size(shape, SMALL)[0] for shape in states) + 22
    value(d, 0, 0, "$x_t$", INPUT, tint(INPUT))
    top = first = 14.0
    for part, shape in arriving.items():
        loops, colour = part in ("advance", "call"), COLOURS[part]
        height = max(HEAD + CHIP * max(len(chips[part]), 0.7), LEVEL * len(states) * loops) + 4
        bottom, below = top + LIFT + (10 if top == first else 0), top
        top, middle = bottom + height, bottom + 0.5 * height
        up(d, 0, below, bottom, shape, colour, named_to=bottom - 12 if below == first else None)
        d.box(0, middle, width, height, "", "white", colour, gid=f"part-{part}")
        d.text(0, top - 13, part, TEXT, colour, weight="bold")
        for number, (name, text) in enumerate(chips[part]):
            d.box(
                0,
                top - HEAD - CHIP * (number + 0.5),
                width - 14,
                22,
                text,
                colour,
                colour,
                "white",
                gid=f"weight-{name}",
            )
        if not chips[part]:
            d.text(0, top - HEAD - 8, "no weights", SMALL, FAINT)
        for number, shape in enumerate(states if loops else ()):
            y, above = middle - LEVEL * (number - 0.5 * (len(states) - 1)), f"^{{({number + 1})}}" if several else ""
            across(d, -end, -0.5 * width, y, shape, RECURRENT, named_to=-inside)
            across(d, 0.5 * width, end, y, shape, INK, named_from=inside)
            value(d, -end - 22, y, f"$a_{{t-1}}{above}$", RECURRENT, STATE)
            value(d, end + 22, y, f"$a_t{above}$", INK, STATE)
    up(d, 0, top, top + LIFT + 10, shape_text((None, answer_size(cell))), INK, named_from=top + 12)
    value(d, 0, top + LIFT + 24, r"$\hat{y}_t$", OUTPUT, tint(OUTPUT))
    low, high = first + LIFT - 4, top + 14
    d.box(0, 0.5 * (low + high), 2 * inside, high - low, **CELL)
    return d


CELL = {"fill": "#f5f4f0", "edge": FAINT, "gid": "cell", "zorder": 0.5, "round": 14.0}


def value(d, x, y, text, edge, fill):
    d.box(x, y, 44, 28, text, fill, edge, size=SYMBOL, gid=f"value-{text.strip('$')}")


def across(d, left, right, y, shape, colour, gid="arrow", named_from=None, named_to=None):
    """An arrow to the right under its shape, which stands over the stretch that is named."""
    d.arrow([(left, y), (right, y)], colour, 1.3, gid=gid)
    begin, end = left if named_from is None else named_from, right if named_to is None else named_to
    d.text(0.5 * (begin + end) - (0 if named_to else 3), y + 9, shape, SMALL, FAINT)


def up(d, x, low, high, shape, colour, named_from=None, named_to=None):
    d.arrow([(x, low), (x, high)], colour, 1.3, gid="arrow")
    begin, end = low if named_from is None else named_from, high if named_to is None else named_to
    d.text(x + 6, 0.5 * (begin + end) - 2, shape, SMALL, FAINT, ha="left")
