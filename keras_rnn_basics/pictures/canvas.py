"""Boxes, arrows and labels on a light card; a drawing is put together first and shown on an axes at the end.

Lengths are points of 1/72 inch at a drawing's natural size. Labels grow and shrink with the drawing they are part of:
what does not overlap at one size overlaps at none.
"""

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from matplotlib.cbook import is_math_text
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyBboxPatch, Polygon
from matplotlib.text import Text
from matplotlib.textpath import text_to_path

# Blue, vermilion, green and purple, after Okabe and Ito (jfly.uni-koeln.de/color), moved until each carries white
# letters and they are told apart without any one kind of cone.
INPUT, RECURRENT, OUTPUT, ERROR = "#1358bf", "#c74900", "#00804d", "#a6428a"
INK, FAINT, CARD, STATE = "#22252a", "#62676e", "#fcfcfa", "#f0eeea"
COLOURS = {"project": INPUT, "advance": RECURRENT, "call": RECURRENT, "readout": OUTPUT}

TEXT = 10.0
SMALL = 8.0
SYMBOL = 13.0
LINE_HEIGHT = 1.3
MARGIN = 14.0
MATHS = "stix"

BEHIND, LINES, BOXES, LABELS = 1, 2, 3, 4


def tint(colour: str) -> tuple[float, ...]:
    """A light shade of a colour, for a box that dark letters stand in."""
    red_green_blue = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return tuple(0.14 * red_green_blue + 0.86)


@lru_cache(maxsize=4096)
def text_size(text: str, size: float = TEXT, weight: str = "normal") -> tuple[float, float]:
    """-> its width and height in points; lines are separated by newlines."""
    font = FontProperties(size=size, weight=weight, math_fontfamily=MATHS)
    lines = text.split("\n")
    widths = [text_to_path.get_text_width_height_descent(line, font, bool(is_math_text(line)))[0] for line in lines]
    return float(max(widths)), LINE_HEIGHT * size * len(lines)


def plain(name: Any, width: int = 34) -> str:
    """A name that somebody else chose, as a label: its dollars are no maths, and a long one takes several lines."""
    name = str(name)
    pieces, rest = [], name
    while len(rest) > width:
        breaks = [i + 1 for i, letter in enumerate(rest[:width]) if letter in " _-/.:,"]
        cut = breaks[-1] if breaks and breaks[-1] > width // 2 else width
        pieces.append(rest[:cut].rstrip(" "))
        rest = rest[cut:]
    return "\n".join([*pieces, rest]).replace("$", r"\$")


@dataclass(frozen=True)
class _Box:
    left: float
    bottom: float
    width: float
    height: float
    fill: Any
    edge: Any
    style: str
    gid: str | None
    round: float
    zorder: float

    def moved(self, dx, dy):
        return replace(self, left=self.left + dx, bottom=self.bottom + dy)

    @property
    def corners(self):
        return np.array([[self.left, self.bottom], [self.left + self.width, self.bottom + self.height]])

    def show(self, ax):
        patch: Circle | FancyBboxPatch
        look = {"facecolor": self.fill, "edgecolor": self.edge, "linewidth": 1.1, "linestyle": self.style}
        look |= {"zorder": self.zorder, "gid": self.gid}
        if self.width == self.height <= 2 * self.round:
            centre = (self.left + 0.5 * self.width, self.bottom + 0.5 * self.height)
            patch = Circle(centre, 0.5 * self.width, **look)
        else:
            boxstyle = f"round,pad=0,rounding_size={min(self.round, 0.5 * self.width, 0.5 * self.height)}"
            patch = FancyBboxPatch((self.left, self.bottom), self.width, self.height, boxstyle, **look)
        ax.add_artist(patch)


@dataclass(frozen=True)
class Stroke:
    """A line through points (N, 2), with a head at its end if it is an arrow; `flow` says what goes along it."""

    points: np.ndarray
    colour: Any
    width: float
    style: Any
    head: bool
    gid: str | None
    flow: Any
    zorder: float

    def moved(self, dx, dy):
        return replace(self, points=self.points + np.array([dx, dy]))

    @property
    def corners(self):
        return self.points

    def show(self, ax):
        points = self.points
        if self.head:
            along = points[-1] - points[-2]
            along = along / np.hypot(*along)
            across = np.array([-along[1], along[0]])
            length = 6.5 + 1.3 * self.width
            half = 2.4 + 0.8 * self.width
            neck = points[-1] - length * along
            head = np.array([points[-1], neck + half * across, neck - half * across])
            ax.add_artist(Polygon(head, closed=True, facecolor=self.colour, edgecolor="none", zorder=self.zorder))
            points = np.vstack([points[:-1], neck + 0.2 * length * along])
        line = Line2D(
            *points.T,
            color=self.colour,
            linewidth=self.width,
            linestyle=self.style,
            solid_capstyle="butt",
            zorder=self.zorder,
            gid=self.gid,
        )
        ax.add_artist(line)


@dataclass(frozen=True)
class _Words:
    x: float
    y: float
    text: str
    size: float
    colour: Any
    ha: str
    weight: str

    def moved(self, dx, dy):
        return replace(self, x=self.x + dx, y=self.y + dy)

    @property
    def corners(self):
        width, height = text_size(self.text, self.size, self.weight)
        left = self.x - {"left": 0.0, "center": 0.5, "right": 1.0}[self.ha] * width
        return np.array([[left, self.y - height / 2], [left + width, self.y + height / 2]])

    def show(self, ax):
        # By the baseline: the middle of a text depends on which letters it is made of.
        label = Label(
            self.x,
            self.y - 0.36 * self.size,
            self.text,
            color=self.colour,
            horizontalalignment=self.ha,
            verticalalignment="baseline",
            fontweight=self.weight,
            math_fontfamily=MATHS,
            fontsize=self.size,
            zorder=LABELS,
        )
        ax.add_artist(label)


class Label(Text):
    """Text as large as the drawing makes it: its size is in the units of its axes."""

    def __init__(self, *args, fontsize, **kwargs):
        super().__init__(*args, fontsize=fontsize, **kwargs)
        self.natural_size = fontsize

    def _fit(self):
        if self.axes is not None:
            (_, low), (_, high) = self.axes.transData.transform([(0, 0), (0, 1)])
            figure: Any = self.get_figure(root=True)
            scale = abs(high - low) * 72 / figure.dpi
            # Rounded, for matplotlib keeps a formula that it has set once, at its very size.
            points = max(round(self.natural_size * scale, 3), 0.01)
            if points != self.get_fontsize():
                self.set_fontsize(points)

    def draw(self, renderer):
        self._fit()
        super().draw(renderer)

    def get_window_extent(self, renderer=None, dpi=None):
        self._fit()
        return super().get_window_extent(renderer, dpi)


@dataclass
class Drawing:
    """What is to be drawn, in points; y goes up."""

    items: list[Any] = field(default_factory=list)

    def box(self, x, y, width, height, text="", fill: Any = STATE, edge=INK, colour=INK, size=TEXT, gid=None, **style):
        """A box around (x, y) with its text."""
        self.items.append(
            _Box(
                x - width / 2,
                y - height / 2,
                width,
                height,
                fill,
                edge,
                style.get("style", "-"),
                gid,
                style.get("round", 5.0),
                style.get("zorder", BOXES),
            )
        )
        if text:
            self.text(x, y, text, size, colour)

    def text(self, x, y, text, size=TEXT, colour=INK, ha="center", weight="normal"):
        """A text whose middle is at the height of y; each of its lines is a label of its own."""
        lines = text.split("\n")
        for number, line in enumerate(lines):
            below = (number - 0.5 * (len(lines) - 1)) * LINE_HEIGHT * size
            self.items.append(_Words(x, y - below, line, size, colour, ha, weight))

    def line(self, points, colour=INK, width=1.1, style: Any = "-", head=False, gid=None, flow=None, zorder=LINES):
        self.items.append(Stroke(np.array(points, dtype=float), colour, width, style, head, gid, flow, zorder))

    def arrow(self, points, colour=INK, width=1.1, **further):
        self.line(points, colour, width, head=True, **further)

    def dot(self, x, y, colour, gid=None):
        self.box(x, y, 5.2, 5.2, fill=colour, edge="none", gid=gid, zorder=LINES + 0.5)

    def add(self, other, dx=0.0, dy=0.0):
        self.items += [item.moved(dx, dy) for item in other.items]

    @property
    def strokes(self):
        return [item for item in self.items if isinstance(item, Stroke)]

    @property
    def bounds(self):
        """-> left, bottom, right, top."""
        corners = np.concatenate([item.corners for item in self.items])
        return (*corners.min(axis=0), *corners.max(axis=0))

    def title(self, text, below, formula=""):
        """Above all that is drawn so far: a name, a formula and a line about it."""
        left, _, _, top = self.bounds
        top += 12
        lines = (
            (below, SMALL + 0.5, FAINT, "normal"),
            (formula, TEXT + 1, INK, "normal"),
            (text, TEXT + 2.5, INK, "bold"),
        )
        for line, size, colour, weight in lines:
            if line:
                height = text_size(line, size, weight)[1]
                top += 0.5 * height + 4
                self.text(left, top, line, size, colour, ha="left", weight=weight)
                top += 0.5 * height

    def caption(self, text):
        left, bottom, _, _ = self.bounds
        self.text(left, bottom - 12 - 0.5 * text_size(text, SMALL)[1], text, SMALL, FAINT, ha="left")

    def show(self, ax=None):
        """Draws on the axes, whose whole place becomes a light card; `None` makes a figure of the natural size."""
        left, bottom, right, top = np.array(self.bounds) + MARGIN * np.array([-1, -1, 1, 1])
        if ax is None:
            import matplotlib.pyplot as plt

            figure = plt.figure(figsize=((right - left) / 72, (top - bottom) / 72), facecolor=CARD)
            ax = figure.add_axes((0, 0, 1, 1))
        ax.set_axis_off()
        ax.set_xlim(left, right)
        ax.set_ylim(bottom, top)
        ax.set_aspect("equal", adjustable="box")
        card = _Box(left, bottom, right - left, top - bottom, CARD, "none", "-", "card", 0.0, 0)
        for item in [card, *self.items]:
            item.show(ax)
        return ax
