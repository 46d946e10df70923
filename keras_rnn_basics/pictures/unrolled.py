"""The engine of all pictures over time: columns are steps, rows are layers, from the inputs up to the answers."""

from itertools import pairwise
from typing import Any, NamedTuple

from keras_rnn_basics.pictures import canvas
from keras_rnn_basics.pictures.anatomy import Chain, kind_of, shape_text
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
    Place,
    number,
    plain,
    text_size,
    tint,
)
from keras_rnn_basics.pictures.parts import functions, letters, sizes, weights_by_part

HEIGHT, GAP, DASHED = 26.0, 50.0, (0, (2.5, 2))
COLOURS = {"project": INPUT, "begin": RECURRENT, "advance": RECURRENT, "call": RECURRENT, "readout": OUTPUT}
ARROWS = {"→": r"\rightarrow", "←": r"\leftarrow"}


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
    if T is not None and T <= 5:
        return [Step(str(t), t) for t in range(1, T + 1)]
    last = [Step(symbol)] if T is None else [Step(str(t), t) for t in (T - 1, T)]
    return [Step("1", 1), Step("2", 2), Step("", gap=True), *last]


def indexed(symbol: str, below: str = "", above: str = "") -> str:
    """`indexed("a", "t", "[1]")` is a with t below and [1] above, as a formula."""
    return f"${symbol}{below and f'_{{{below}}}'}{above and f'^{{{above}}}'}$"


class Unrolled:
    """Draws a chain over these steps, right of `left`, with its inputs at the height of 0.

    Args:
        d: what it draws on.
        chain: what is drawn.
        steps: the columns.
        left: where it begins.
        weights: draw a_0, and each weight as one box with a line to all the places that use it.
        fed_back: an answer becomes the next input.
        encoder: what this decoder begins with.
    """

    def __init__(self, d: Any, chain: Chain, steps: list, left=0.0, weights=True, fed_back=False, encoder=None) -> None:
        self.d, self.chain, self.steps, self.weights, self.fed_back, self.encoder = (
            d,
            chain,
            steps,
            weights,
            fed_back,
            encoder,
        )
        self.gap, self.begin, self.chips = GAP if weights else 0.5 * GAP, left, {}
        labels = [label for i, step in enumerate(steps) for label in (self.input(i), self.answer(step))]
        for part in chain.recurrent:
            for way, layer in zip("→←", part.layers):
                labels += [self.state(part, way, step.label) for step in steps]
                for acts, named in weights_by_part(layer.cell).items() if weights else ():
                    self.chips[part.name, way, acts] = [self.chip(part, way, *weight) for weight in named.items()]
        self.left = left + max((sum(width + 5 for *_, width in chips) for chips in self.chips.values()), default=0)
        self.width = max(36.0, *(text_size(label, SYMBOL)[0] + 12 for label in labels))
        self.shift = 0.5 * (self.width + 12) if any(len(part.layers) == 2 for part in chain.recurrent) else 0.0
        self.half = 0.5 * self.width + self.shift
        self.centres = [self.left + (14 + self.width + self.gap) * weights + self.half]
        for before, step in pairwise(steps):
            # Where steps are left out the dots need less room than a cell.
            narrow = (self.half - 12) * (before.gap + step.gap)
            self.centres.append(self.centres[-1] + 2 * self.half + self.gap - narrow)
        self.columns = [(i, step, x) for i, (step, x) in enumerate(zip(steps, self.centres)) if not step.gap]
        self.right = self.centres[-1] + self.half
        self.ends, self.tops, self.notes, self.y = {}, [], [(0.0, chain.x_shape)], 0.5 * HEIGHT
        places = self.inputs()
        for part in chain.parts:
            row = self.recurrent if part.layers else self.luong_attention if part.reads else self.time_distributed
            places = row(part, places)
        self.answers = self.outputs(places) if chain.answers else {}
        # Beside the rows, right of everything that is in them.
        x = self.right + (self.width + GAP if weights and self.shift else 0) + 14
        for y, note in self.notes:
            d.text(x, y, note, SMALL + 0.5, FAINT, ha="left")

    # What stands in the boxes.

    def input(self, i):
        if self.chain.owner == "dec":
            return indexed(r"\hat{y}" if self.fed_back else "y", self.steps[i].minus(1)) if i else "start"
        label, opposite = self.steps[i].label, self.steps[-1 - i]
        if self.chain.backwards:
            label = self.steps[-1].minus(1) if opposite.gap else opposite.label
        return indexed("x", label if len(self.steps) > 1 else "")

    def answer(self, step):
        several = self.chain.every_step and len(self.steps) > 1
        return indexed(r"\hat{y}", step.minus(self.chain.parts[-1].late) if several else "")

    def state(self, part, way, t):
        return indexed("a", t, self.above(part, way))

    def above(self, part, way):
        return part.number + (ARROWS[way] if len(part.layers) == 2 else "")

    def chip(self, part, way, name, weight):
        """-> a weight's name, its formula with its shape, the gradient that arrives at it, and its box's width."""
        owner = rf"\mathrm{{{self.chain.owner}}}" if self.chain.owner else ""
        text, gradient = f"{indexed(letters(name), above=owner + self.above(part, way))} {shape_text(weight.shape)}", ""
        if self.d.measured is not None and self.d.measured.weights:
            gradient = f"gradient {number(self.d.measured.weights[part.name, way, name])}"
        return name, text, gradient, max(text_size(text)[0] + 12, text_size(gradient, 7.5)[0])

    # The rows, from below.

    def box(self, x, y, label, fill, edge, **look):
        return self.d.box(x, y, self.width, HEIGHT, label, fill, edge, size=SYMBOL if "$" in label else TEXT, **look)

    def dots(self, y):
        for step, x in zip(self.steps, self.centres):
            if step.gap:
                self.d.text(x, y, r"$\cdots$", SYMBOL)

    def out(self, part, i, y, h):
        return Place(self.centres[i], y, 0, h, INK, (part.name, "", "out", self.steps[i].t))

    def inputs(self):
        places = {i: Place(x, 0, colour=FAINT) for i, _, x in self.columns}
        for i, step, x in self.columns[: 1 if self.fed_back else None]:
            gid = f"x-{step.label}" if self.input(i) != "start" else "start"
            places[i] = self.box(x, 0, self.input(i), tint(INPUT), INPUT, gid=gid)
        if not self.fed_back:
            self.dots(0)
        return places

    def time_distributed(self, part, places):
        """One bar under all columns: the same layer does the same to every step."""
        name, what = plain(part.name), f"{plain(kind_of(part.node), 60)}, {part.shapes}"
        text = f"{name}: {what}" if len(name) + len(what) < 44 and "\n" not in name else f"{name}:\n{what}"
        width, height = text_size(text, SMALL + 0.5)
        xs, height = [self.centres[i] for i in places], max(20.0, height + 9)
        y, width = self.y + 16 + 0.5 * height, max(max(xs) - min(xs) + self.width, width + 16)
        x, self.y = 0.5 * (min(xs) + max(xs)), y + 0.5 * height
        self.d.box(x, y, width, height, text, "white", FAINT, size=SMALL + 0.5, gid=f"bar-{part.name}")
        given = {i: self.out(part, i, y, 0.5 * height) for i in places}
        for i, place in places.items():
            self.d.link(place, given[i], place.colour, f"arrow-{part.name}-{self.steps[i].label}")
        given = {i: place for i, place in given.items() if (self.steps[i].t or part.late + 1) > part.late}
        if not given:
            raise ValueError(f"{part.name} leaves out the first {part.late} steps: draw more of them.")
        return given

    def luong_attention(self, part, places):
        y, given = self.y + 56 + 0.5 * HEIGHT, {}
        for i, place in places.items():
            label = self.steps[i].label
            box = self.box(place.x, y, indexed(r"\tilde{a}", label), STATE, INK, gid=f"look-{label}")
            self.d.link(place, box, place.colour, f"arrow-{part.name}-{label}")
            given[i] = self.out(part, i, y, box.h)
            for a in self.encoder.tops if self.encoder else ():
                self.d.line([(a.x, a.y + a.h), (box.x, y - box.h)], FAINT, 0.8, gid="attention")
        self.dots(y)
        read = "every $a_t$ of the encoder" if self.encoder else plain(" and ".join(part.reads))
        self.notes.append((y, f"{plain(part.name)}\n{plain(kind_of(part.node))}, reads {read}"))
        self.y = y + 0.5 * HEIGHT
        return given

    def recurrent(self, part, places):
        ways = [(way, self.shift * sign * (len(part.layers) - 1)) for way, sign, _ in zip("→←", (-1, 1), part.layers)]
        bend, self.y, low = self.y + 8, self.y + 4 * len(ways) - 4, self.y + 20
        for way, shift in ways:
            self.rail(part, way, "project", [place.x + shift for place in places.values()])
        self.y, sides = max(self.y, low) + 16, {}
        for way, shift in ways:
            self.y += 9 * bool(sides)
            sides[way] = self.states(part, way, shift, places, bend)
        for way, side in sides.items():
            if self.rail(part, way, "readout", [place.x for place in side.values()]):
                sides[way] = {i: place._replace(colour=OUTPUT) for i, place in side.items()}
        self.y, self.tops = self.y + 12 * self.weights, list(sides["→"].values())
        return self.merged(part, sides) if len(ways) == 2 else sides["→"]

    def rail(self, part, way, acts, uses, rise=22.0, down_to=None):
        """One box for each weight that acts in a part of the step, and a line to all the places that use it."""
        chips, x, key, colour = self.chips.get((part.name, way, acts)), self.left, _key(part, way), COLOURS[acts]
        if not chips:
            return False
        self.y += rise + (10 if chips[0][2] and rise > 20 else 0)
        self.d.line([(x, self.y), (max(uses), self.y)], colour, 0.9, linestyle=DASHED, gid=f"rail-{acts}-{key}")
        for name, text, gradient, width in reversed(chips):
            box = self.d.box(
                x - 0.5 * width, self.y, width, 20, text, colour, colour, "white", gid=f"weight-{name}-{key}"
            )
            self.d.text(box.x, self.y - 16, gradient, 7.5, canvas.ERROR)
            x -= width + 5
        for x in uses:
            if down_to:
                self.d.line([(x, self.y), (x, down_to)], colour, 0.9, linestyle=DASHED)
            look = {"edge": "none", "round": 2.6, "zorder": canvas.DOTS, "gid": f"use-{acts}-{key}"}
            self.d.box(x, down_to or self.y, 5.2, 5.2, fill=colour, **look)
        return True

    def states(self, part, way, shift, places, bend):
        """The cells of one direction, with the line from each to the next; -> where their states leave upwards."""
        sign, y, key, up, uses = 1 if way == "→" else -1, self.y + 0.5 * HEIGHT, _key(part, way), {}, []
        last = Place(self.left + 14 + 0.5 * self.width if sign > 0 else self.right + self.gap + 0.5 * self.width, y)
        if self.weights:
            last = self.box(
                last.x, y, self.state(part, way, "0"), canvas.CARD, FAINT, linestyle="--", gid=f"begin-a-{key}"
            )
        first, begun, before = last, self.weights, None
        for i, (step, x) in list(enumerate(zip(self.steps, self.centres)))[::sign]:
            place = Place(x, y, 10, HEIGHT)
            if not step.gap:
                place = self.box(
                    x + shift, y, self.state(part, way, step.label), STATE, INK, gid=f"cell-a-{key}-{step.label}"
                )
                self.d.link(places[i], place, INPUT, f"arrow-project-{key}-{step.label}", bend)
                up[i] = place._replace(flow=(part.name, way, "up", step.t))
            first = first if begun else place
            if begun:
                into = before and (before.t and before.t + sign if step.gap else step.t)
                last = last._replace(flow=before and (part.name, way, "recurrent", into))
                self.d.link(last, place, RECURRENT, f"arrow-advance-{key}-{step.label or 'gap'}")
                uses.append(x - sign * ((12 if step.gap else self.half) + 0.5 * self.gap))
            last, before, begun = place, step, True
        self.dots(y)
        self.ends[part.name], self.y = last, y + 0.5 * HEIGHT
        if self.encoder and part.begins_with:
            end, into = self.encoder.ends[part.begins_with], (first.x - first.w, y)
            level = 0.5 * (end.x + first.x)
            bent = [] if end.y == y else [(level, end.y), (level, y)]
            gid, flow = f"hand-over-{part.begins_with}", (part.name, way, "recurrent", 1)
            self.d.way([(end.x + end.w, end.y), *bent, into], RECURRENT, gid, flow, self.begin - 22)
        for acts in ("advance", "call"):
            self.rail(part, way, acts, uses, 15.0, y)
        if not part.begins_with:
            self.rail(part, way, "begin", [first.x], 23.0, y + 0.5 * HEIGHT)
        if part.layers[-1] is not None and way == "→←"[len(part.layers) - 1]:
            self.notes.append((y - 23, self.note(part)))
        kept = list(up) if part.every_step else [max(up) if sign > 0 else min(up)]
        return {i: up[i] for i in kept}

    def note(self, part):
        cell = part.layers[0].cell
        n_a = " + ".join(", ".join(map(str, sizes(layer.cell))) for layer in part.layers)
        said = [plain(text) for text in functions(cell).values()] or [plain(type(cell).__name__)]
        return "\n".join([plain(part.name), f"$n_a$ = {n_a}, {said[0]}", *said[1:]])

    def merged(self, part, sides):
        """What becomes of the answers from both ends."""
        sign, given = {"sum": "+", "mul": "×", "ave": "mean"}.get(part.node.operation.merge_mode, "[ ; ]"), {}
        self.y += 12 if part.every_step else 24
        for i, forward in sides["→"].items():
            # The cell that reads from the end may answer at the first step alone: its answer travels to the last one.
            backward, width = sides["←"][i if part.every_step else min(sides["←"])], 20 if sign in "+×" else 32
            box = self.d.box(self.centres[i], self.y, width, 20, sign, "white", INK, round=10, gid=f"merge-{part.name}")
            bend = self.y - 20 if backward.x < box.x else None
            self.d.link(forward, box, forward.colour, f"merge-{part.name}-→", bend)
            self.d.link(backward, box, backward.colour, f"merge-{part.name}-←")
            given[i] = self.out(part, i, self.y, 10)
        self.y += 10
        return given

    def outputs(self, places):
        """The answers; -> where each leaves upwards."""
        y, answers = self.y + 16 + 0.5 * HEIGHT, {}
        for i, place in places.items():
            step = self.steps[i]
            box = self.box(place.x, y, self.answer(step), tint(OUTPUT), OUTPUT, gid=f"y-{step.label}")
            self.d.link(place, box, place.colour, f"arrow-y-{step.label}")
            answers[i] = box._replace(flow=("", "", "answer", step.t))
        if self.chain.every_step:
            self.dots(y)
        self.notes.append((y, self.chain.y_shape))
        for (step, x), (then, next_x) in pairwise(zip(self.steps, self.centres)) if self.fed_back else ():
            # ŷ_t becomes x_{t+1}: down between the columns, behind everything.
            half, next_half = (12 if one.gap else 0.5 * self.width for one in (step, then))
            lane, gid = next_x - next_half - min(14, 0.5 * self.gap), f"fed-back-{then.label or 'gap'}"
            points = [(x + half, y), (lane, y), (lane, 0), (next_x - next_half * then.gap, 0)]
            self.d.line(points, FAINT, 1.0, linestyle=(0, (4, 2)), gid=gid)
        return answers


def _key(part, way):
    """What tells a row of cells from every other."""
    return part.name + (f"-{way}" if len(part.layers) == 2 else "")
