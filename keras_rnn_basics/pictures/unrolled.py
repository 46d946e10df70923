"""A chain of layers unrolled in time: columns are steps, rows are layers, from the inputs up to the answers."""

from itertools import pairwise

from keras_rnn_basics.pictures.anatomy import Chain, shape_text
from keras_rnn_basics.pictures.canvas import (
    BEHIND,
    FAINT,
    INK,
    INPUT,
    OUTPUT,
    SMALL,
    SYMBOL,
    TEXT,
    Drawing,
    plain,
    text_size,
    tint,
)
from keras_rnn_basics.pictures.notation import BACKWARD, FORWARD, Step, state, symbol
from keras_rnn_basics.pictures.parts import PARTS, drawn_weights
from keras_rnn_basics.pictures.rows import CELL_HEIGHT, GAP, Port, Rows, Unrolled


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


class _Unrolling(Rows):
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
        self.drawn = {id(cell): drawn_weights(cell) for _, _, cell in self.cells()}
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
            for acts_in in PARTS:
                for name, weight in self.acting(cell, acts_in):
                    yield f"${symbol(name, part, direction)}$", weight

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

    def draw(self, fed_back):
        result = Unrolled(self.d, self.steps, self.centres, half=self.half, late=self.chain.late)
        ports = self.inputs()
        for part in self.chain.parts:
            if part.layers:
                ports = self.recurrent(part, ports, result)
            elif part.looks_back:
                ports = self.luong_attention(part, ports, result)
            else:
                ports = self.time_distributed(part, ports)
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

    def time_distributed(self, part, ports):
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
        given = {i: Port(self.centres[i], self.y, INK, flows[i]) for i in ports if self.steps[i].answer(part.late)}
        if not given:
            raise ValueError(f"{part.name} leaves out the first {part.late} steps: draw more of them.")
        return given

    def luong_attention(self, part, ports, result):
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
        encoders = "every $a_t$ of the encoder"
        read = encoders if self.chain.recurrent[0].owner else plain(" and ".join(part.looks_back))
        self.notes.append((self.y + 13, f"{plain(part.name)}\n{plain(part.kind)}, reads {read}"))
        self.y += CELL_HEIGHT
        return {i: Port(self.centres[i], self.y, INK, flows[i]) for i in ports}

    def outputs(self, ports, result):
        bottom = self.y + 16
        for i, port in ports.items():
            step = self.steps[i]
            several = self.chain.every_step and not self.only_one
            label = rf"$\hat{{y}}_{{{step.answer(self.chain.late)}}}$" if several else r"$\hat{y}$"
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
