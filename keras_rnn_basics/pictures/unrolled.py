"""A chain of layers unrolled in time: columns are steps, rows are layers, and each weight is one box with a line to all
the places that use it."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from keras_rnn_basics.pictures.anatomy import Chain, EachStep, Recurrent, function_name, shape_text
from keras_rnn_basics.pictures.canvas import (
    BEHIND,
    CARD,
    COLOURS,
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
    plain,
    text_size,
    tint,
)
from keras_rnn_basics.pictures.notation import BACKWARD, FORWARD, Step, key, state, symbol

CELL_HEIGHT = 26.0
GAP = 50.0
DASHED = (0, (2.5, 2))


@dataclass(frozen=True)
class Port:
    """Where a value leaves the last row of its column, the colour of the line it leaves on, and what flows there."""

    x: float
    y: float
    colour: Any = INK
    flow: Any = None


@dataclass
class Unrolled:
    """A drawn chain, and where its parts are."""

    drawing: Drawing
    steps: list[Step]
    centres: list[float]
    answers: dict[int, Port] = field(default_factory=dict)  # column -> the top of ŷ_t
    states: list[tuple[float, float]] = field(default_factory=list)  # where a layer's a_0 enters, in their order
    ends: list[tuple[float, float]] = field(default_factory=list)  # where a layer's last a leaves
    tops: dict[int, tuple[float, float]] = field(default_factory=dict)  # column -> the top of the last cell
    look_backs: list[tuple[float, float]] = field(default_factory=list)
    half: float = 0.0


def unroll(chain: Chain, steps: list[Step], x: str = "x", fed_back: bool = False, shifted: bool = False) -> Unrolled:
    """Draws a chain over these steps, with x_1 in the first column at (0, 0).

    Args:
        chain: what is drawn.
        steps: the columns.
        x: the letter of the input.
        fed_back: draw how an answer becomes the next input.
        shifted: the inputs are a start and then x_1 .. x_{T-1}, as a decoder's.
    """
    return _Unrolling(chain, steps, x, shifted).draw(fed_back)


class _Unrolling:
    def __init__(self, chain, steps, x, shifted):
        self.chain, self.steps, self.x, self.shifted = chain, steps, x, shifted
        self.d = Drawing()
        inputs = [self.input_label(i) for i in range(len(steps))]
        labels = [state(part, direction, step.label) for part, direction, _ in self.cells() for step in steps]
        widest = max(text_size(f"${label}$" if label else "", SYMBOL)[0] for label in [*labels, r"\hat{y}_{10}"])
        widest = max(widest, *(text_size(label, SYMBOL)[0] for label in inputs))
        self.width = max(36.0, widest + 12)
        two = any(len(part.cells) == 2 for part in chain.recurrent)
        self.shift = 0.5 * (self.width + 12) if two else 0.0
        self.half = 0.5 * self.width + self.shift
        pitch = 2 * self.half + GAP
        self.centres = [0.0]
        for before, step in pairwise(steps):
            # Where steps are left out the dots need less room than a cell.
            narrow = 0.5 * (2 * self.half - 24) * (before.gap + step.gap)
            self.centres.append(self.centres[-1] + pitch - narrow)
        self.right = self.centres[-1] + self.half
        weights = [f"{formula} {shape_text(w.shape)}" for formula, w in self.weights()]
        self.weight_width = max(text_size(text, TEXT)[0] for text in weights) + 14
        self.left = self.centres[0] - self.half - GAP - self.width
        self.y = 0.0
        self.notes = []

    def cells(self):
        for part in self.chain.recurrent:
            for direction, cell in zip((FORWARD, BACKWARD), part.cells):
                yield part, direction, cell

    def weights(self):
        for part, direction, cell in self.cells():
            for name in ("W_ax", "W_aa", "W_ya"):
                if getattr(cell, name, None) is not None:
                    yield f"${symbol(name, part, direction)}$", getattr(cell, name)

    def at(self):
        return [(i, step, x) for i, (step, x) in enumerate(zip(self.steps, self.centres)) if not step.gap]

    def input_label(self, i):
        step = self.steps[i]
        if step.gap:
            return ""
        if self.shifted:
            before = f"{step.label}-1" if step.t is None else step.t - 1
            return "start" if i == 0 else f"${self.x}_{{{before}}}$"
        if self.only_one:
            return f"${self.x}$"
        label = step.label
        if self.chain.backwards:
            opposite = self.steps[-1 - i]
            label = f"{self.steps[-1].label}-1" if opposite.gap else opposite.label
        return f"${self.x}_{{{label}}}$"

    @property
    def only_one(self):
        return len(self.steps) == 1

    def draw(self, fed_back):
        result = Unrolled(self.d, self.steps, self.centres, half=self.half)
        ports = self.inputs()
        for part in self.chain.parts:
            if isinstance(part, Recurrent):
                ports = self.recurrent(part, ports, result)
            elif part.looks_back:
                ports = self.look_back(part, ports, result)
            else:
                ports = self.each_step(part, ports)
        if self.chain.answers:
            self.outputs(ports, result)
            if fed_back:
                self.feed_back(result)
        # Beside the rows, right of everything that is in them.
        right = self.right + (self.width + GAP if any(part.merge for part in self.chain.recurrent) else 0)
        for y, note in self.notes:
            self.d.text(right + 14, y, note, SMALL + 0.5, FAINT, ha="left")
        return result

    def inputs(self):
        ports = {}
        for i, step, x in self.at():
            label = self.input_label(i)
            size = SYMBOL if label.startswith("$") else TEXT
            gid = f"x-{step.label}"
            self.d.box(x, 0, self.width, CELL_HEIGHT, label, tint(INPUT), INPUT, size=size, gid=gid)
            ports[i] = Port(x, 0.5 * CELL_HEIGHT)
        for step, x in zip(self.steps, self.centres):
            if step.gap:
                self.d.text(x, 0, r"$\cdots$", SYMBOL)
        self.notes.append((0.0, shape_text(self.chain.x_shape)))
        self.y = 0.5 * CELL_HEIGHT
        return ports

    def rail(self, part, direction, name, weight, uses):
        """The one box of a weight, at the left, and a line from it along which its uses are marked."""
        colour, gid = COLOURS[name], key(name, part, direction)
        text = f"${symbol(name, part, direction)}$ {shape_text(weight.shape)}"
        x = self.left - 14 - self.weight_width / 2
        self.d.box(x, self.y, self.weight_width, 20, text, colour, colour, "white", TEXT, gid=f"weight-{gid}")
        ends = [(self.left - 14, self.y), (max(uses), self.y)]
        self.d.line(ends, colour, 0.9, DASHED, gid=f"rail-{gid}", zorder=BEHIND)
        return [(x, self.y, colour, f"use-{gid}") for x in uses]

    def rise(self, port, x, top, colour, gid):
        """An arrow from a port up to a box above, by way of a corner where that stands elsewhere."""
        points = [(port.x, port.y), (x, top)]
        if x != port.x:
            fork = port.y + 8
            points = [(port.x, port.y), (port.x, fork), (x, fork), (x, top)]
        self.d.arrow(points, colour, 1.3, gid=gid, flow=port.flow)

    def recurrent(self, part, ports, result):
        two = len(part.cells) == 2
        self.y += 26 if two else 20
        for direction, cell in zip((FORWARD, BACKWARD), part.cells):
            shift = self.offset(part, direction)
            uses = [ports[i].x + shift for i, _, _ in self.at()]
            for use in self.rail(part, direction, "W_ax", cell.W_ax, uses):
                self.d.dot(*use)
            self.y += 23
        self.y -= 7
        sides = {}
        for direction, cell in zip((FORWARD, BACKWARD), part.cells):
            sides[direction] = self.row(part, direction, cell, ports, result)
        n_a = part.cells[0].units if not two else " + ".join(str(cell.units) for cell in part.cells)
        note = f"{plain(part.name)}\n$n_a$ = {n_a}, g = {plain(function_name(part.cells[0].activation))}"
        self.notes.append((result.ends[-1][1] - 0.5 * CELL_HEIGHT - 10, note))
        for direction, cell in zip((FORWARD, BACKWARD), part.cells):
            if getattr(cell, "output_units", None) is not None:
                self.y += 24
                uses = [port.x for port in sides[direction].values()]
                for use in self.rail(part, direction, "W_ya", cell.W_ya, uses):
                    self.d.dot(*use)
                sides[direction] = {
                    i: Port(port.x, port.y, COLOURS["W_ya"], port.flow) for i, port in sides[direction].items()
                }
        self.y += 12
        result.tops = {i: (port.x, port.y) for i, port in sides[FORWARD].items()}
        if two:
            return self.merge(part, sides)
        h = function_name(part.cells[0].output_activation) if part.cells[0].output_units else "linear"
        if h != "linear":
            self.notes.append((self.y + 14, f"h = {plain(h)}"))
        return sides[FORWARD]

    def offset(self, part, direction):
        return 0.0 if len(part.cells) == 1 else self.shift * (-1 if direction == FORWARD else 1)

    def row(self, part, direction, cell, ports, result):
        """The cells of one direction, with the line from each to the next; -> where their states leave upwards."""
        shift, y = self.offset(part, direction), self.y + 0.5 * CELL_HEIGHT
        w, reading = 0.5 * self.width, direction == FORWARD
        for i, step, x in self.at():
            text = f"${state(part, direction, step.label if not self.only_one else '1')}$"
            gid = f"cell-{key('a', part, direction)}-{step.label}"
            self.d.box(x + shift, y, self.width, CELL_HEIGHT, text, STATE, INK, size=SYMBOL, gid=gid)
            use = f"arrow-{key('W_ax', part, direction)}-{step.label}"
            self.rise(ports[i], x + shift, y - 0.5 * CELL_HEIGHT, INPUT, use)
        # From left to right for the cell that reads from the beginning, the other way for the other.
        order = list(enumerate(zip(self.steps, self.centres)))
        order = order if reading else order[::-1]
        sign = 1 if reading else -1
        start = self.left + w if reading else self.right + GAP + w
        zero = f"${state(part, direction, '0')}$"
        begin = f"begin-{key('a', part, direction)}"
        self.d.box(start, y, self.width, CELL_HEIGHT, zero, CARD, FAINT, size=SYMBOL, style="--", gid=begin)
        result.states.append((start - sign * w, y))
        at, from_t, uses = start + sign * w, 0, []
        for i, (step, x) in order:
            half = 10 if step.gap else w
            centre = x if step.gap else x + shift
            if step.gap:
                self.d.text(x, y, r"$\cdots$", SYMBOL)
                into = None if from_t is None else from_t + sign if from_t else None
            else:
                into = step.t
            flow = None if at == start + sign * w else (self.chain.name, part.name, direction, "recurrent", into)
            gid = f"arrow-{key('W_aa', part, direction)}-{step.label or 'gap'}"
            end = centre - sign * half
            self.d.arrow([(at, y), (end, y)], RECURRENT, 1.3, gid=gid, flow=flow)
            uses.append(self.between(at, end, i, reading))
            at, from_t = centre + sign * half, step.t
        result.ends.append((at, y))
        self.y = y + 0.5 * CELL_HEIGHT + 15
        for x, top, colour, gid in self.rail(part, direction, "W_aa", cell.W_aa, uses):
            self.d.line([(x, top), (x, y)], colour, 0.9, DASHED, zorder=BEHIND)
            self.d.dot(x, y, colour, gid)
        if len(part.cells) == 2 and direction == FORWARD:
            self.y += 9
        flow = (self.chain.name, part.name, direction, "up")
        leaving = self.at() if part.every_step else [self.at()[-1 if reading else 0]]
        return {i: Port(x + shift, y + 0.5 * CELL_HEIGHT, INK, (*flow, step.t)) for i, step, x in leaving}

    def between(self, at, end, i, reading):
        """Where a weight meets the arrow between two cells: in the middle of the space between two columns."""
        if not self.shift:
            return 0.5 * (at + end) - 3
        column = self.centres[i]
        half = 12 if self.steps[i].gap else self.half
        return column - half - 0.5 * GAP if reading else column + half + 0.5 * GAP

    def merge(self, part, sides):
        sign = {"sum": "+", "mul": "×", "ave": "mean"}.get(part.merge, "[ ; ]")
        self.y += 12 if part.every_step else 24
        ports = {}
        for i, forward in sides[FORWARD].items():
            x, r = self.centres[i], 10 if sign in "+×" else 16
            backward = sides[BACKWARD][i if part.every_step else min(sides[BACKWARD])]
            left = [(forward.x, forward.y), (forward.x, self.y), (x - r, self.y)]
            right = [(backward.x, backward.y), (backward.x, self.y), (x + r, self.y)]
            if backward.x < x:
                # The cell that reads from the end answers at the first step: its answer travels to the last one.
                right[-1] = (x - r, self.y)
                left = [(forward.x, forward.y), (forward.x, self.y - 20), (x, self.y - 20), (x, self.y - 10)]
            self.d.arrow(left, forward.colour, 1.3, flow=forward.flow, gid=f"merge-{part.name}-{FORWARD}")
            self.d.arrow(right, backward.colour, 1.3, flow=backward.flow, gid=f"merge-{part.name}-{BACKWARD}")
            self.d.box(x, self.y, 2 * r, 20, sign, "white", INK, round=10, gid=f"merge-{part.name}")
            ports[i] = Port(x, self.y + 10, INK, (self.chain.name, part.name, "", "out", self.steps[i].t))
        self.y += 10
        return ports

    def each_step(self, part: EachStep, ports):
        """One bar under all columns: the same layer does the same to every step."""
        name, what = plain(part.name), f"{plain(part.kind, 60)}, {part.shapes}"
        text = f"{name}: {what}" if len(name) + len(what) < 44 and "\n" not in name else f"{name}:\n{what}"
        width, height = text_size(text, SMALL + 0.5)
        height = max(20.0, height + 9)
        xs = [self.centres[i] for i in ports]
        middle, span = 0.5 * (min(xs) + max(xs)), max(xs) - min(xs) + self.width
        bottom = self.y + 16
        for i, port in ports.items():
            gid = f"arrow-{part.name}-{self.steps[i].label}"
            self.d.arrow([(port.x, port.y), (port.x, bottom)], port.colour, 1.3, gid=gid, flow=port.flow)
        y = bottom + 0.5 * height
        self.d.box(middle, y, max(span, width + 16), height, text, "white", FAINT, INK, SMALL + 0.5, f"bar-{part.name}")
        self.y = y + 0.5 * height
        flows = {i: port.flow and (self.chain.name, part.name, "", "out", self.steps[i].t) for i, port in ports.items()}
        return {i: Port(self.centres[i], self.y, INK, flows[i]) for i in ports}

    def look_back(self, part, ports, result):
        self.y += 56
        flows = {}
        for i, port in ports.items():
            x, label = self.centres[i], self.steps[i].label
            gid, ends = f"arrow-{part.name}-{label}", [(port.x, port.y), (port.x, self.y)]
            self.d.arrow(ends, port.colour, 1.3, gid=gid, flow=port.flow)
            tilde = f"$\\tilde{{a}}_{{{label}}}$"
            self.d.box(x, self.y + 13, self.width, CELL_HEIGHT, tilde, size=SYMBOL, gid=f"look-{label}")
            result.look_backs.append((x, self.y))
            flows[i] = (self.chain.name, part.name, "", "out", self.steps[i].t)
        for step, x in zip(self.steps, self.centres):
            if step.gap:
                self.d.text(x, self.y + 13, r"$\cdots$", SYMBOL)
        self.notes.append((self.y + 13, f"{plain(part.name)}\nattention to every $a_t$"))
        self.y += CELL_HEIGHT
        return {i: Port(self.centres[i], self.y, INK, flows[i]) for i in ports}

    def outputs(self, ports, result):
        bottom = self.y + 16
        for i, port in ports.items():
            step = self.steps[i]
            label = rf"$\hat{{y}}_{{{step.label}}}$" if self.chain.every_step and not self.only_one else r"$\hat{y}$"
            gid = f"arrow-y-{step.label}"
            self.d.arrow([(port.x, port.y), (port.x, bottom)], port.colour, 1.3, gid=gid, flow=port.flow)
            y = bottom + 0.5 * CELL_HEIGHT
            x, gid = self.centres[i], f"y-{step.label}"
            self.d.box(x, y, self.width, CELL_HEIGHT, label, tint(OUTPUT), OUTPUT, size=SYMBOL, gid=gid)
            flow = (self.chain.name, "", "", "answer", step.t)
            result.answers[i] = Port(self.centres[i], y + 0.5 * CELL_HEIGHT, INK, flow)
        y = bottom + 0.5 * CELL_HEIGHT
        for step, x in zip(self.steps, self.centres):
            if step.gap and self.chain.every_step:
                self.d.text(x, y, r"$\cdots$", SYMBOL)
        self.notes.append((y, shape_text(self.chain.y_shape)))

    def feed_back(self, result):
        """ŷ_t becomes x_{t+1}: down between the columns, behind everything."""
        for i, (step, x) in enumerate(zip(self.steps, self.centres)):
            if i + 1 == len(self.steps):
                break
            following = self.steps[i + 1]
            half, next_half = (12 if s.gap else 0.5 * self.width for s in (step, following))
            top = max(port.y for port in result.answers.values()) - 0.5 * CELL_HEIGHT
            lane = self.centres[i + 1] - next_half - 14
            points = [(x + half, top), (lane, top), (lane, 0), (self.centres[i + 1] - next_half, 0)]
            gid = f"fed-back-{following.label or 'gap'}"
            self.d.arrow(points, FAINT, 1.0, style=(0, (4, 2)), gid=gid, zorder=BEHIND)
