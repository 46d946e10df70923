"""How steps, weights and states are written: in formulas, and in the names by which a drawing's parts are found."""

from dataclasses import dataclass

from keras_rnn_basics.pictures.anatomy import Part

ALL_STEPS = 5
FORWARD, BACKWARD = "→", "←"
GREEK = (
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "eta",
    "theta",
    "kappa",
    "lambda",
    "mu",
    "rho",
    "sigma",
    "tau",
    "phi",
)
ARROWS = {FORWARD: r"\rightarrow", BACKWARD: r"\leftarrow"}


@dataclass(frozen=True)
class Step:
    """A column: its label in a formula, and its t, from 1, if that is known. A gap stands for steps left out."""

    label: str
    t: int | None = None
    gap: bool = False

    def answer(self, late: int) -> str:
        """Which answer comes at this step, k steps late: "" at the first k."""
        if not late or self.gap:
            return self.label
        if self.t is None:
            return f"{self.label}-{late}"
        return str(self.t - late) if self.t > late else ""


def columns(T: int | None, symbol: str) -> list[Step]:
    """All of a few steps; of many, the first two and the last two, with a gap between them.

    >>> [step.label for step in columns(3, "T_x")], [step.label for step in columns(50, "T_x")]
    (['1', '2', '3'], ['1', '2', '', '49', '50'])
    """
    if T is None:
        return [Step("1", 1), Step("2", 2), Step("", gap=True), Step(symbol)]
    if T <= ALL_STEPS:
        return [Step(str(t), t) for t in range(1, T + 1)]
    return [Step("1", 1), Step("2", 2), Step("", gap=True), *(Step(str(t), t) for t in (T - 1, T))]


def symbol(name: str, part: Part, direction: str) -> str:
    """The formula of a weight, with whose it is, the number of its layer and its direction where there are several."""
    return letters(name) + _above(part, direction, part.owner and rf"\mathrm{{{part.owner}}}")


def letters(name: str) -> str:
    """A weight's name as a formula.

    >>> print(letters("W_ax"), letters("gamma"), letters("recurrent_kernel"))
    W_{ax} \\gamma \\mathrm{recurrent\\_kernel}
    """
    head, _, below = ("".join(c if c.isalnum() else "_" for c in part) for part in name.partition("_"))
    if len(head) > 1 and head not in GREEK:
        return rf"\mathrm{{{name}}}".replace("_", r"\_")
    below = below.replace("_", r"\_")
    return (f"\\{head}" if head in GREEK else head) + (f"_{{{below}}}" if below else "")


def state(part: Part, direction: str, t: str) -> str:
    """The formula of a_t; nothing for steps that are left out."""
    return f"a_{{{t}}}{_above(part, direction)}" if t else ""


def _above(part, direction, owner=""):
    above = owner + (f"[{part.number}]" if part.number else "")
    above += ARROWS[direction] if len(part.cells) == 2 else ""
    return f"^{{{above}}}" if above else ""


def key(name: str, part: Part, direction: str) -> str:
    """What tells a weight from every other of the chain."""
    return f"{name}-{part.name}" + (f"-{direction}" if len(part.cells) == 2 else "")
