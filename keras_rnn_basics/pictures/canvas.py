"""Boxes, arrows and labels on a light card: a drawing is put together first, and shown on an axes at the end.

Lengths are points of 1/72 inch at a drawing's natural size, and y goes up. Labels grow and shrink with the drawing:
what does not overlap at one size overlaps at none.
"""

import textwrap
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from matplotlib.cbook import is_math_text
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse, FancyBboxPatch, Polygon
from matplotlib.text import Text
from matplotlib.textpath import text_to_path

# Blue, vermilion, green and purple, after Okabe and Ito (jfly.uni-koeln.de/color), moved until each carries white
# letters and they are told apart without any one kind of cone; then a light shade of three, for dark letters.
INPUT, RECURRENT, OUTPUT, ERROR = "#1358bf", "#c74900", "#00804d", "#a6428a"
X, Y, COST = "#dee8f6", "#dbede6", "#f3e5ef"
INK, FAINT, CARD, STATE = "#22252a", "#62676e", "#fcfcfa", "#f0eeea"
PAPER = "#fefefe"  # of boxes; letters on a colour are pure white, so that a dark variant can tell the two apart
TEXT, NOTE, SMALL, SYMBOL, MATHS = 10.0, 8.5, 7.5, 13.0, "stix"
BEHIND, LINES, DOTS, BOXES, LABELS = 1, 2, 2.5, 3, 4


@lru_cache(maxsize=4096)
def text_size(text: str, size: float = TEXT, weight: str = "normal") -> tuple[float, float]:
    """-> its width and height in points; lines are separated by newlines."""
    font, lines = FontProperties(size=size, weight=weight, math_fontfamily=MATHS), text.split("\n")
    widths = [text_to_path.get_text_width_height_descent(line, font, bool(is_math_text(line)))[0] for line in lines]
    return float(max(widths)), 1.3 * size * len(lines)


def plain(name: Any, width: int = 34) -> str:
    """A name that somebody else chose, as a label: its dollars are no maths, and a long one takes several lines."""
    return "\n".join(textwrap.wrap(str(name), width)).replace("$", r"\$")


class Label(Text):
    """Text as large as the drawing makes it: its `natural_size` is in the units of its axes."""

    axes: Any
    natural_size: float

    def draw(self, renderer):
        self._fit()
        super().draw(renderer)

    def get_window_extent(self, renderer=None, dpi=None):
        self._fit()
        return super().get_window_extent(renderer, dpi)

    def _fit(self):
        (_, low), (_, high) = self.axes.transData.transform([(0, 0), (0, self.natural_size)])
        # Rounded, for matplotlib keeps a formula that it has set once, at its very size.
        figure: Any = self.get_figure(root=True)
        points = max(round(abs(high - low) * 72 / figure.dpi, 3), 0.01)
        if points != self.get_fontsize():
            self.set_fontsize(points)


class Place(NamedTuple):
    """A box or a point: its middle, half its width and height, and what leaves it (see `Measured`), on which colour."""

    x: float
    y: float
    w: float = 0.0
    h: float = 0.0
    colour: str = INK
    flow: tuple | None = None


class Drawing:
    """What is to be drawn; where `measured` is given (see `Measured`), with the errors on their way back."""

    def __init__(self, measured: Any = None) -> None:
        self.artists: list[Any] = []
        self.corners: list[Any] = []
        self.measured = measured

    @property
    def bounds(self):
        """-> left, bottom, right, top."""
        return (*np.min(self.corners, axis=0), *np.max(self.corners, axis=0))

    def box(self, x, y, width, height, text="", fill=STATE, edge=INK, colour=INK, size=TEXT, round=5.0, **look):
        """A box around (x, y) with its text; an oval where `round` is half its height."""
        look = {"facecolor": fill, "edgecolor": edge, "linewidth": 1.1, "zorder": BOXES, **look}
        left, bottom, rounded = x - width / 2, y - height / 2, f"round,pad=0,rounding_size={round}"
        if round == height / 2:
            self.artists.append(Ellipse((x, y), width, height, **look))
        else:
            self.artists.append(FancyBboxPatch((left, bottom), width, height, rounded, **look))
        self.corners += [(left, bottom), (left + width, bottom + height)]
        self.text(x, y, text, size, colour)
        return Place(x, y, width / 2, height / 2)

    def text(self, x, y, text, size=TEXT, colour=INK, ha="center", weight="normal"):
        """A text whose middle is at the height of y; each of its lines is a label of its own."""
        lines = text.split("\n") if text else []
        for row, line in enumerate(lines):
            width, height = text_size(line, size, weight)
            middle = y - (row - 0.5 * (len(lines) - 1)) * height
            # By the baseline: the middle of a text depends on which letters it is made of.
            look: Any = {"color": colour, "ha": ha, "va": "baseline", "fontweight": weight, "math_fontfamily": MATHS}
            self.artists.append(Label(x, middle - 0.36 * size, line, fontsize=size, zorder=LABELS, **look))
            self.artists[-1].natural_size = size
            left = x - {"left": 0.0, "center": 0.5, "right": 1.0}[ha] * width
            self.corners += [(left, middle - height / 2), (left + width, middle + height / 2)]

    def line(self, points, colour=INK, width=1.3, head=False, zorder=BEHIND, **look):
        """A line through points (N, 2), with a head at its end if it is an arrow."""
        points = np.array(points, dtype=float)
        self.corners += list(points)
        if head:
            along = (points[-1] - points[-2]) / np.hypot(*(points[-1] - points[-2]))
            across = (2.4 + 0.8 * width) * np.array([-along[1], along[0]])
            tip, points[-1] = points[-1].copy(), points[-1] - (6.5 + 1.3 * width) * along
            corners = [tip, points[-1] + across, points[-1] - across]
            self.artists.append(Polygon(corners, closed=True, facecolor=colour, edgecolor="none", zorder=zorder))
        look |= {"color": colour, "linewidth": width, "solid_capstyle": "butt", "zorder": zorder}
        self.artists.append(Line2D(*points.T, **look))

    def way(self, points, colour=INK, gid="arrow", flow=None, number_x=None):
        """An arrow, and beside it the error on its way back, as wide as the gradient of what flows along it is long."""
        self.line(points, colour, head=True, zorder=LINES, gid=gid)
        if self.measured is None or flow is None:
            return
        points = np.array(points[::-1], dtype=float)
        beside = points.copy()
        for end, upright in enumerate(np.isclose(points[1:, 0], points[:-1, 0])):
            axis, by = (0, 7) if upright else (1, -7)
            beside[end : end + 2, axis] = points[end : end + 2, axis] + by
        length, largest = self.measured.flows.get(flow), max(self.measured.flows.values(), default=0)
        width = 0.6 + 4.4 * length / largest if length is not None and largest else 1.3
        self.line(beside, ERROR, width, head=True, zorder=LINES, gid="error-" + "-".join(map(str, flow)))
        if length is not None and "recurrent" in flow:
            along = beside[-1] - beside[0]
            x, y = beside[0] + min(0.5, 26 / np.hypot(*along)) * along
            self.text(x if number_x is None else number_x, y - 10, f"{length:.2g}", SMALL, ERROR)

    def link(self, a, b, colour=INK, gid="arrow", bend=None, text="", at=0.5):
        """An arrow from place to place, sideways or upwards; to another column by way of the height `bend`, or without
        one into its side. Its text stands at this part of its way."""
        side = 1 if b.x > a.x else -1
        if abs(a.y - b.y) < max(a.h, b.h):
            y, begin, end = min(a, b, key=lambda place: place.h).y, a.x + side * a.w, b.x - side * b.w
            points = [(begin, y), (end, y)]
            self.text(begin + at * (end - begin) - 3, y + 9, text, NOTE - 0.5, FAINT)
        else:
            begin, end = a.y + a.h, b.y - b.h
            bent, last = [(a.x, bend), (b.x, bend)], (b.x, end)
            if bend is None:
                bent, last = [(a.x, b.y)], (b.x - side * b.w, b.y)
            points = [(a.x, begin), (b.x, end)] if a.x == b.x else [(a.x, begin), *bent, last]
            self.text(b.x + 6, begin + at * (end - begin) - 2, text, NOTE - 0.5, FAINT, ha="left")
        self.way(points, colour, gid, a.flow)

    def title(self, text, below, formula=""):
        """Above all that is drawn so far: a name, a formula and a line about it."""
        left, _, _, top = self.bounds
        lines = (below, NOTE, FAINT, "normal"), (formula, TEXT + 1, INK, "normal"), (text, TEXT + 2.5, INK, "bold")
        for line, size, colour, weight in (one for one in lines if one[0]):
            height = text_size(line, size, weight)[1]
            top += height + 4
            self.text(left, top + 12 - 0.5 * height, line, size, colour, "left", weight)

    def caption(self, text):
        left, bottom, _, _ = self.bounds
        self.text(left, bottom - 12 - 0.5 * text_size(text, NOTE - 0.5)[1], text, NOTE - 0.5, FAINT, "left")

    def show(self, ax=None):
        """Draws on the axes, whose whole place becomes a light card; `None` makes a figure of the natural size."""
        left, bottom, right, top = np.array(self.bounds) + 14 * np.array([-1, -1, 1, 1])
        size = right - left, top - bottom
        if ax is None:
            import matplotlib.pyplot as plt

            ax = plt.figure(figsize=np.divide(size, 72), facecolor=CARD).add_axes((0, 0, 1, 1))
        ax.set_axis_off()
        ax.set(xlim=(left, right), ylim=(bottom, top))
        ax.set_aspect("equal", adjustable="box")
        card = FancyBboxPatch((left, bottom), *size, "square,pad=0", facecolor=CARD, edgecolor="none", zorder=0)
        for artist in [card, *self.artists]:
            ax.add_artist(artist)
        return ax
