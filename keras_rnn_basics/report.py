"""The result of an example: its score next to its baselines, as a table to read and as a file for the gallery."""

import json
import os
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_rnn_basics.atomic import atomic
from keras_rnn_basics.baselines import difference
from keras_rnn_basics.export import LoadedModel, export_saved_model, load_saved_model
from keras_rnn_basics.page import write_page

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Report:
    """The score of a model and the scores of its baselines, on the same unseen examples.

    Printing it gives one table: each mean, and the model's mean minus the baseline's mean with the 95 % interval of
    `baselines.difference`.

    Args:
        task: one sentence: the question, the inputs, and the unseen data on which it is scored.
        measure: the name of the score, such as "mean absolute error".
        unit: the unit of the values.
        values: (N,), the model's error or score in each example, in time order if there is one.
        baselines: a dict from the name of a baseline to its (N,) values.
        seeds: a dict from the seed of each network to its own mean, if there were several networks.
        name: the name of the model.
        higher_is_better: True for scores, False for errors.
        block: the number of neighbouring examples that depend on each other.

    Raises:
        ValueError: for values that are not all (N,), or a baseline with the name of the model.

    >>> print(Report("", "mean absolute error", "°C", np.full(60, 1.0), {"persistence": np.full(60, 3.0)}))
                     mean absolute error   RNN minus it   95 % interval
    RNN                         1.000 °C
    persistence                 3.000 °C         -2.000   [-2.000, -2.000]   RNN is better
    """

    task: str
    measure: str
    unit: str
    values: np.ndarray
    baselines: Mapping[str, np.ndarray]
    seeds: Mapping[int, float] = field(default_factory=dict)
    name: str = "RNN"
    higher_is_better: bool = False
    block: int = 14

    def __post_init__(self):
        if self.name in self.baselines:
            raise ValueError(f"A baseline must not be called {self.name!r}, which is the name of the model.")
        for name, values in {self.name: self.values, **self.baselines}.items():
            if np.ndim(values) != 1 or np.shape(values) != np.shape(self.values):
                raise ValueError(
                    f"values must be (N,) for the same N examples: {self.name} has {np.shape(self.values)}, "
                    f"{name} {np.shape(values)}."
                )

    def scores(self) -> dict[str, float]:
        """The mean of the model and of each baseline."""
        return {name: float(np.mean(values)) for name, values in {self.name: self.values, **self.baselines}.items()}

    def compared(self) -> dict[str, dict[str, Any]]:
        """From a baseline's name to the model's mean minus the baseline's, the ends of the interval, and the winner."""
        return self._compared

    @cached_property
    def _compared(self):
        # The bootstrap is drawn only once for the table and the file.
        answer = {}
        for name, values in self.baselines.items():
            mean, low, high = difference(self.values, values, self.block)
            won, lost = (low > 0, high < 0) if self.higher_is_better else (high < 0, low > 0)
            verdict = f"{self.name} is better" if won else f"{self.name} loses to {name}" if lost else ""
            answer[name] = {"mean": mean, "low": low, "high": high, "verdict": verdict or "no clear difference"}
        return answer

    def __str__(self) -> str:
        wide = max(15, *(len(name) + 1 for name in (self.name, *self.baselines)))
        column = max(len(self.measure), 12)
        lines = [f"{'':<{wide}}  {self.measure:>{column}}   {self.name} minus it   95 % interval"]
        scores, compared = self.scores(), self.compared()
        for name, score in scores.items():
            line = f"{name:<{wide}}  {f'{score:.3f} {self.unit}':>{column}}"
            if name in compared:
                own = compared[name]
                mean = f"{own['mean']:.3f}".rjust(len(f"{self.name} minus it"))
                line += f"   {mean}   [{own['low']:.3f}, {own['high']:.3f}]   {own['verdict']}"
            lines.append(line)
        if self.seeds:
            means = np.array(list(self.seeds.values()))
            spread = f" ± {means.std(ddof=1):.3f}" if len(means) > 1 else ""
            lines.append(f"One network alone, seeds {', '.join(map(str, self.seeds))}: {means.mean():.3f}{spread}.")
        return "\n".join(lines)


def publish(
    name: str,
    model: keras.Model,
    report: Report,
    figure: "Figure",
    began: float,
    further: Mapping[str, Any] | None = None,
    names: Mapping[str, Sequence[str]] | None = None,
    page: tuple[Any, Any] | None = None,
) -> LoadedModel:
    """Prints the report, saves the picture, exports the model, loads it back, and writes a file for the gallery.

    Writes `runs/<name>/picture.png`, `saved_models/<name>` and `runs/<name>/report.json`; with `page` also
    `runs/<name>/page.html`, or says why the model cannot be shown in a page.

    Args:
        name: the name of the example.
        model: the model to export.
        report: the scores of the model.
        figure: the matplotlib figure to save.
        began: the value of `time.monotonic()` when the example began.
        further: other scores, which are kept next to those of the report.
        names: as in `export_saved_model`.
        page: x and y of the sequences in the page, as in `write_page`; y may be `None`.

    Returns:
        The exported model, loaded back.
    """
    print(f"\n{report}\n")
    folder = Path("runs") / name
    scores = {**report.scores(), **(further or {})}
    path = export_saved_model(model, Path("saved_models") / name, scores, overwrite=True, names=names)
    loaded = load_saved_model(path)
    picture = folder / "picture.png"
    with atomic(picture) as half:
        figure.savefig(half, dpi=120)  # after the export: savefig fails on words with $, which it reads as math
    seconds = time.monotonic() - began
    told = {
        "task": report.task,
        "command": shlex.join(["python", f"examples/{Path(sys.argv[0]).name}", *sys.argv[1:]]),
        "measure": report.measure,
        "unit": report.unit,
        "higher_is_better": report.higher_is_better,
        "scores": report.scores(),
        "minus": report.compared(),
        "seeds": dict(report.seeds),
        "further": dict(further or {}),
        "seconds": seconds,
        "cores": os.cpu_count(),
        "versions": loaded.description["versions"],
    }
    with atomic(folder / "report.json") as half:
        half.write_text(json.dumps(told, indent=2, ensure_ascii=False, default=float) + "\n", "utf-8")
    print(f"Picture: {picture}")
    print(f"Exported and loaded back: {path}, endpoints {loaded.endpoints}")
    if page is not None:
        print(_page(model, *page, folder / "page.html", names))
    print(f"{seconds:.0f} s")
    return loaded


def _page(model, x, y, path, names):
    """Writes the page; a line about it."""
    try:
        return f"The network at work, to open in a browser: {write_page(model, x, path, y, names)}"
    except ValueError as error:
        return f"No page shows this model: {error}"
