"""The engine of all pictures over time: columns are steps, rows are layers, from the inputs up to the answers."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from keras_rnn_basics.architectures.anatomy import Chain, kind_of, shape_text
from keras_rnn_basics.pictures import canvas
from keras_rnn_basics.pictures.canvas import (
    FAINT,
    INK,
    INPUT,
    NOTE,
    PAPER,
    SMALL,
    STATE,
    SYMBOL,
    Place,
    plain,
    text_size,
)
from keras_rnn_basics.pictures.cell import COLOURS, functions, letters, sizes, weights_by_part

HEIGHT, GAP, DASHED = 26.0, 50.0, (0, (2.5, 2))


class Step(NamedTuple):
    """A column: its label in a formula, and its t, from 1, if that is known. A gap stands for steps left out."""

    label: str
    t: int | None = None
    gap: bool = False

    def minus(self, k: int) -> str:
        """The label of the step k steps before."""
        return self.label if not (k and self.label) else f"{self.label}-{k}" if self.t is None else str(self.t - k)


def columns(T: int | None, symbol: str = "T_x") -> list[Step]:
    """All of up to five steps; of more, the first two and the last two, with a gap between them.

    >>> [step.label for step in columns(3)], [step.label for step in columns(50)]
    (['1', '2', '3'], ['1', '2', '', '49', '50'])
    """
    if T is None:
        return [*columns(2), Step("", gap=True), Step(symbol)]
    steps = [Step(str(t), t) for t in range(1, T + 1)]
    return steps if T <= 5 else [*steps[:2], Step("", gap=True), *steps[-2:]]


def indexed(symbol: str, below: str = "", above: str = "") -> str:
    """`indexed("a", "t", "[1]")` is a with t below and [1] above, as a formula."""
    return f"${symbol}{below and f'_{{{below}}}'}{above and f'^{{{above}}}'}$"


@dataclass
class Unrolled:
    """Draws a chain over time, with its inputs at the height of 0."""

    d: canvas.Drawing
    chain: Chain
    steps: list[Step]
    begin: float = 0.0  # the chain is drawn right of it
    weights: bool = True  # with a_0, and each weight as one box with a line to all the places that use it
    fed_back: bool = False  # an answer becomes the next input
    encoder: Any = None  # what this decoder begins with

    def __post_init__(self):
        self.gap, parts = GAP if self.weights else 0.5 * GAP, self.chain.parts
        self.chips: dict[tuple, list] = {}
        self.symbols: dict[tuple, str] = {}
        for part, way, layer in self.chain.ways:
            above = part.number + ({"→": r"\rightarrow", "←": r"\leftarrow"}[way] if len(part.layers) == 2 else "")
            labels = ["0", *(step.label for step in self.steps)]
            self.symbols |= {(part.name, way, label): indexed("a", label, above) for label in labels}
            for acts, named in weights_by_part(layer.cell).items() if self.weights else ():
                drawn = {name for (*of, _), own in self.chips.items() if of == [part.name, way] for name, *_ in own}
                chips = [self.chip((part.name, way, name), w, above, name in drawn) for name, w in named.items()]
                self.chips[part.name, way, acts] = chips
        self.left = self.begin + max((sum(width + 5 for *_, width in own) for own in self.chips.values()), default=0)
        self.late, self.several = parts[-1].late, parts[-1].every_step and len(self.steps) > 1
        labels = [label for i, step in enumerate(self.steps) for label in (self.input(i), self.answer(step))]
        self.width = max(36.0, *(text_size(label, SYMBOL)[0] + 12 for label in (*labels, *self.symbols.values())))
        self.shift = 0.5 * (self.width + 12) * any(len(part.layers) == 2 for part in parts)
        self.half = 0.5 * self.width + self.shift
        self.centres = [self.left + (14 + self.width + self.gap) * self.weights + self.half]
        for before, step in pairwise(self.steps):
            # Where steps are left out the dots need less room than a cell.
            narrow = (self.half - 12) * (before.gap + step.gap)
            self.centres.append(self.centres[-1] + 2 * self.half + self.gap - narrow)
        self.ends, self.tops, self.notes, self.y = {}, [], [(0.0, self.chain.x_shape)], 0.5 * HEIGHT
        places = self.inputs()
        for part in parts:
            row = self.recurrent if part.layers else self.luong_attention if part.reads else self.time_distributed
            places = row(part, places)
        self.answers = self.outputs(places) if self.chain.answers else {}
        # Beside the rows, right of everything that is in them.
        x = self.centres[-1] + self.half + (self.width + GAP) * (self.weights and self.shift > 0) + 14
        for y, note in self.notes:
            self.d.text(x, y, note, NOTE, FAINT, ha="left")

    def chip(self, key, weight, above, again):
        """-> a weight's name, whether it has its box already, its text, its gradient, and the width of it all."""
        above, gradient = (rf"\mathrm{{{self.chain.owner}}}" if self.chain.owner else "") + above, ""
        text = f"{indexed(letters(key[-1]), above=above)} {shape_text(weight.shape)}"
        if self.d.measured is not None and self.d.measured.weights and not again:
            gradient = f"gradient {self.d.measured.weights[key]:.2g}"
        return key[-1], again, text, gradient, max(text_size(text)[0] + 12, text_size(gradient, SMALL)[0])

    def input(self, i):
        if self.chain.owner == "dec":
            return indexed(r"\hat{y}" if self.fed_back else "y", self.steps[i].minus(1)) if i else "start"
        label, opposite = self.steps[i].label, self.steps[-1 - i]
        if self.chain.backwards:
            label = self.steps[-1].minus(1) if opposite.gap else opposite.label
        return indexed("x", label if len(self.steps) > 1 else "")

    def answer(self, step):
        return indexed(r"\hat{y}", step.minus(self.late) if self.several else "")

    def box(self, x, y, label, fill, edge, **look):
        size = SYMBOL if "$" in label else canvas.TEXT
        return self.d.box(x, y, self.width, HEIGHT, label, fill, edge, size=size, **look)

    def dots(self, y):
        for step, x in zip(self.steps, self.centres):
            self.d.text(x, y, r"$\cdots$" if step.gap else "", SYMBOL)

    def row(self, places, rise, label, name, fill, edge, flow):
        """A box above each of these places."""
        self.y, up = self.y + rise + HEIGHT, {}
        for i, place in places.items():
            step = self.steps[i]
            box = self.box(place.x, self.y - 0.5 * HEIGHT, label(step), fill, edge, gid=f"{name}-{step.label}")
            self.d.link(place, box, place.colour, f"arrow-{name}-{step.label}")
            up[i] = box._replace(flow=(*flow, step.t))
        if len(places) > 1:
            self.dots(self.y - 0.5 * HEIGHT)
        return up

    def out(self, part, i, y, h):
        return Place(self.centres[i], y, 0, h, INK, (part.name, "", "out", self.steps[i].t))

    # The rows, from below: places in their columns -> places above them.

    def inputs(self):
        places = {i: Place(x, 0, colour=FAINT) for i, x in enumerate(self.centres) if not self.steps[i].gap}
        for i in list(places)[: 1 if self.fed_back else None]:
            label = self.input(i)
            gid = label if label == "start" else f"x-{self.steps[i].label}"
            places[i] = self.box(self.centres[i], 0, label, canvas.X, INPUT, gid=gid)
        if not self.fed_back:
            self.dots(0)
        return places

    def time_distributed(self, part, places):
        """One bar under all columns: the same layer does the same to every step."""
        name, what = plain(part.name), f"{plain(kind_of(part.node), 60)}, {part.shapes}"
        text = f"{name}: {what}" if len(name) + len(what) < 44 and "\n" not in name else f"{name}:\n{what}"
        (width, height), xs = text_size(text, NOTE), [self.centres[i] for i in places]
        height, width = max(20.0, height + 9), max(max(xs) - min(xs) + self.width, width + 16)
        given: dict[int, Place] = {}
        x, y, self.y = 0.5 * (min(xs) + max(xs)), self.y + 16 + 0.5 * height, self.y + 16 + height
        self.d.box(x, y, width, height, text, PAPER, FAINT, size=NOTE, gid=f"bar-{part.name}")
        for i, place in places.items():
            out = self.out(part, i, y, 0.5 * height)
            self.d.link(place, out, place.colour, f"arrow-{part.name}-{self.steps[i].label}")
            given |= {i: out} if (self.steps[i].t or part.late + 1) > part.late else {}
        if not given:
            raise ValueError(f"{part.name} leaves out the first {part.late} steps: draw more of them.")
        return given

    def luong_attention(self, part, places):
        flow = (part.name, "", "out")
        up = self.row(places, 56, lambda step: indexed(r"\tilde{a}", step.label), "look", STATE, INK, flow)
        for a, look in ((a, look) for a in (self.encoder.tops if self.encoder else ()) for look in up.values()):
            self.d.line([(a.x, a.y + a.h), (look.x, look.y - look.h)], FAINT, 0.8, gid="attention")
        read = "every $a_t$ of the encoder" if self.encoder else plain(part.reads)
        self.notes.append((self.y - 0.5 * HEIGHT, f"{plain(part.name)}\n{plain(kind_of(part.node))}, reads {read}"))
        return up

    def recurrent(self, part, places):
        two = len(part.layers) == 2
        ways = {way: self.shift * sign * two for way, sign, _ in zip("→←", (-1, 1), part.layers)}
        sides: dict[str, dict] = {}
        bend, low, self.y = self.y + 8, self.y + 20 + 4 * two, self.y + 4 * two
        for way, shift in ways.items():
            self.rail(part, way, "project", [place.x + shift for place in places.values()])
        self.y = max(self.y, low) + 16
        for way, shift in ways.items():
            self.y += 9 * bool(sides)
            sides[way] = self.states(part, way, shift, places, bend)
        if part.layers[0] is not None:
            cell, n_a = part.layers[0].cell, [", ".join(map(str, sizes(layer.cell))) for layer in part.layers]
            said = "\n".join(map(plain, functions(cell).values() or [type(cell).__name__]))
            self.notes.append((self.ends[part.name].y - 23, f"{plain(part.name)}\n$n_a$ = {' + '.join(n_a)}, {said}"))
        for way, side in sides.items():
            if self.rail(part, way, "readout", [place.x for place in side.values()]):
                sides[way] = {i: place._replace(colour=COLOURS["readout"]) for i, place in side.items()}
        self.y, self.tops = self.y + 12 * self.weights, list(sides["→"].values())
        return self.merged(part, sides) if two else sides["→"]

    def rail(self, part, way, acts, uses, rise=24.0, down_to=None):
        """One box for each weight that acts in a part of the step, and a line to all the places that use it."""
        chips, x, key, colour = self.chips.get((part.name, way, acts)), self.left, part.key(way), COLOURS[acts]
        if not chips:
            return False
        self.y += rise + (10 if chips[0][3] and rise > 20 else 0)
        line, dot = {"linestyle": DASHED, "width": 0.9}, {"round": 2.6, "zorder": canvas.DOTS, "edge": "none"}
        self.d.line([(x, self.y), (max(uses), self.y)], colour, gid=f"rail-{acts}-{key}", **line)
        for name, again, text, gradient, width in reversed(chips):
            middle, x = x - 0.5 * width, x - width - 5
            # A weight that acts in several parts has one box; where it acts again, its name stands in a frame.
            (fill, ink), gid = (PAPER, colour) if again else (colour, "white"), "again" if again else "weight"
            self.d.box(middle, self.y, width, 20, text, fill, colour, ink, gid=f"{gid}-{name}-{key}")
            self.d.text(middle, self.y - 16, gradient, SMALL, canvas.ERROR)
        for x, y in ((use, down_to or self.y) for use in uses):
            self.d.line([(x, self.y), (x, y)], colour, **line)
            self.d.box(x, y, 5.2, 5.2, fill=colour, gid=f"use-{acts}-{key}", **dot)
        return True

    def states(self, part, way, shift, places, bend):
        """The cells of one direction, with the line from each to the next; -> where their states leave upwards."""
        sign, y, key, up, uses = 1 if way == "→" else -1, self.y + 0.5 * HEIGHT, part.key(way), {}, []
        first: Any = None
        before: Any = None
        if self.weights:
            beside, look = 0.5 * self.width + self.gap + self.half, {"linestyle": "--", "gid": f"begin-a-{key}"}
            x = self.centres[0 if sign > 0 else -1] - sign * beside
            first = self.box(x, y, self.symbols[part.name, way, "0"], canvas.CARD, FAINT, **look)
        last = first
        for i in range(len(self.steps))[::sign]:
            step, x, place = self.steps[i], self.centres[i], Place(self.centres[i], y, 10, HEIGHT)
            if not step.gap:
                label, gid = self.symbols[part.name, way, step.label], f"cell-a-{key}-{step.label}"
                place = self.box(x + shift, y, label, STATE, INK, gid=gid)
                self.d.link(places[i], place, INPUT, f"arrow-project-{key}-{step.label}", bend)
                up[i] = place._replace(flow=(part.name, way, "up", step.t))
            if last:
                into = before and (before.t and before.t + sign if step.gap else step.t)
                last = last._replace(flow=before and (part.name, way, "recurrent", into))
                self.d.link(last, place, COLOURS["advance"], f"arrow-advance-{key}-{step.label or 'gap'}")
                uses.append(x - sign * ((12 if step.gap else self.half) + 0.5 * self.gap))
            first, last, before = first or place, place, step
        self.dots(y)
        self.ends[part.name], self.y = last, y + 0.5 * HEIGHT
        if self.encoder and part.begins_with:
            end, begin = self.encoder.ends[part.begins_with], (first.x - first.w, y)
            bent = [(0.5 * (end.x + first.x), end.y), (0.5 * (end.x + first.x), y)] if end.y != y else []
            gid, flow = f"hand-over-{part.begins_with}", (part.name, way, "recurrent", 1)
            self.d.way([(end.x + end.w, end.y), *bent, begin], COLOURS["advance"], gid, flow, self.begin - 22)
        for acts in ("advance", "call"):
            self.rail(part, way, acts, uses, 15.0, y)
        if not part.begins_with:
            self.rail(part, way, "begin", [first.x], 23.0, y + 0.5 * HEIGHT)
        return up if part.every_step else {i: up[i] for i in [max(up) if sign > 0 else min(up)]}

    def merged(self, part, sides):
        """What becomes of the answers from both ends."""
        sign, given = {"sum": "+", "mul": "×", "ave": "mean"}.get(part.node.operation.merge_mode, "[ ; ]"), {}
        self.y += 22 if part.every_step else 34
        for i, forward in sides["→"].items():
            # The cell that reads from the end may answer at the first step alone: its answer travels to the last one.
            backward, x, y = sides["←"][i if part.every_step else min(sides["←"])], self.centres[i], self.y - 10
            look = {"fill": PAPER, "round": 10, "gid": f"merge-{part.name}"}
            box = self.d.box(x, y, 20 if sign in "+×" else 32, 20, sign, **look)
            self.d.link(forward, box, forward.colour, f"merge-{part.name}-→", y - 20 if backward.x < x else None)
            self.d.link(backward, box, backward.colour, f"merge-{part.name}-←")
            given[i] = self.out(part, i, y, 10)
        return given

    def outputs(self, places):
        up = self.row(places, 16, self.answer, "y", canvas.Y, canvas.OUTPUT, ("", "", "answer"))
        y = self.y - 0.5 * HEIGHT
        self.notes.append((y, self.chain.y_shape))
        for (step, x), (then, to) in pairwise(zip(self.steps, self.centres)) if self.fed_back else ():
            # ŷ_t becomes x_{t+1}: down between the columns, behind everything.
            half, next_half = (12 if one.gap else 0.5 * self.width for one in (step, then))
            lane, gid = to - next_half - min(14, 0.5 * self.gap), f"fed-back-{then.label or 'gap'}"
            points = [(x + half, y), (lane, y), (lane, 0), (to - next_half * then.gap, 0)]
            self.d.line(points, FAINT, 1.0, linestyle=(0, (4, 2)), gid=gid)
        return up
