"""The rows of one recurrent layer: its states at every step, and each of its weights as one box with a line to all the
places that use it."""

from dataclasses import dataclass, field, replace
from typing import Any

from keras_rnn_basics.pictures.anatomy import function_name, shape_text
from keras_rnn_basics.pictures.canvas import (
    BEHIND,
    CARD,
    FAINT,
    INK,
    INPUT,
    OUTPUT,
    RECURRENT,
    STATE,
    SYMBOL,
    TEXT,
    Drawing,
    plain,
)
from keras_rnn_basics.pictures.notation import BACKWARD, FORWARD, Step, key, state, symbol
from keras_rnn_basics.pictures.parts import is_plain, sizes

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
    late: int = 0  # how many steps the answers come late


class Rows:
    """A drawing that grows upwards from row to row; `y` is the top of the last one.

    Whoever draws says where the columns are: the `centres` of steps, `left` and `right` of all cells, the `width` of a
    cell, the `shift` of a column's two cells from its centre, and which weights of a cell are `drawn`.
    """

    chain: Any
    d: Drawing
    steps: list[Step]
    centres: list[float]
    drawn: dict[int, Any]
    notes: list[Any]
    left: float
    right: float
    width: float
    weight_width: float
    shift: float
    half: float
    y: float

    def at(self):
        return [(i, step, x) for i, (step, x) in enumerate(zip(self.steps, self.centres)) if not step.gap]

    @property
    def only_one(self):
        return len(self.steps) == 1

    def acting(self, cell, part):
        """(name, weight) of those that act in a part of the step and get a box; what has only a call is all loop."""
        by_part = self.drawn[id(cell)]
        return [*by_part.get(part, {}).items(), *(by_part.get("call", {}).items() if part == "advance" else ())]

    def rail(self, part, direction, name, weight, colour, uses):
        """The one box of a weight, at the left, and a line from it along which its uses are marked."""
        gid = key(name, part, direction)
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
        lowest = self.y + 23
        for direction, cell in zip((FORWARD, BACKWARD), part.cells):
            shift = self.offset(part, direction)
            uses = [ports[i].x + shift for i, _, _ in self.at()]
            for name, weight in self.acting(cell, "project"):
                for use in self.rail(part, direction, name, weight, INPUT, uses):
                    self.d.dot(*use)
                self.y += 23
        self.y = max(self.y, lowest) - 7
        sides = {}
        for direction, cell in zip((FORWARD, BACKWARD), part.cells):
            sides[direction] = self.row(part, direction, cell, ports, result)
        first, n_a = part.cells[0], " + ".join(", ".join(map(str, sizes(cell))) for cell in part.cells)
        what = f"g = {plain(function_name(first.activation))}" if is_plain(first) else plain(type(first).__name__)
        self.notes.append((result.ends[-1][1] - 0.5 * CELL_HEIGHT - 10, f"{plain(part.name)}\n$n_a$ = {n_a}, {what}"))
        for direction, cell in zip((FORWARD, BACKWARD), part.cells):
            for name, weight in self.acting(cell, "readout"):
                self.y += 24
                for use in self.rail(
                    part, direction, name, weight, OUTPUT, [port.x for port in sides[direction].values()]
                ):
                    self.d.dot(*use)
                sides[direction] = {i: replace(port, colour=OUTPUT) for i, port in sides[direction].items()}
        self.y += 12
        result.tops = {i: (port.x, port.y) for i, port in sides[FORWARD].items()}
        if two:
            return self.merge(part, sides)
        h = function_name(first.output_activation) if is_plain(first) and first.output_units else "linear"
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
            use = f"arrow-{key('project', part, direction)}-{step.label}"
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
        at, uses = start + sign * w, []
        from_t: int | None = 0
        for i, (step, x) in order:
            half = 10 if step.gap else w
            centre = x if step.gap else x + shift
            if step.gap:
                self.d.text(x, y, r"$\cdots$", SYMBOL)
                into = None if from_t is None else from_t + sign if from_t else None
            else:
                into = step.t
            flow = None if at == start + sign * w else (self.chain.name, part.name, direction, "recurrent", into)
            gid = f"arrow-{key('advance', part, direction)}-{step.label or 'gap'}"
            end = centre - sign * half
            self.d.arrow([(at, y), (end, y)], RECURRENT, 1.3, gid=gid, flow=flow)
            uses.append(self.between(at, end, i, reading))
            at, from_t = centre + sign * half, step.t
        result.ends.append((at, y))
        self.y = y + 0.5 * CELL_HEIGHT + 15
        acting = self.acting(cell, "advance")
        beside = min(7.0, 28 / len(acting)) if acting else 0.0
        for number, (name, weight) in enumerate(acting):
            self.y += 23 if number else 0
            aside = (number - 0.5 * (len(acting) - 1)) * beside
            for x, top, colour, gid in self.rail(part, direction, name, weight, RECURRENT, [x + aside for x in uses]):
                self.d.line([(x, top), (x, y)], colour, 0.9, DASHED, zorder=BEHIND)
                self.d.dot(x, y, colour, gid)
        if len(part.cells) == 2 and direction == FORWARD:
            self.y += 9
        upwards = (self.chain.name, part.name, direction, "up")
        leaving = self.at() if part.every_step else [self.at()[-1 if reading else 0]]
        return {i: Port(x + shift, y + 0.5 * CELL_HEIGHT, INK, (*upwards, step.t)) for i, step, x in leaving}

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
