"""Writes examples/README.md, the gallery, from what the examples left in runs/: no number in it is typed by hand.

make examples                 # runs them all, then this
python examples/gallery.py    # from the runs that are there
"""

import json
import shutil
from pathlib import Path

EXAMPLES = (
    "weather",
    "weather_hours",
    "stock_ticks",
    "one_to_one",
    "voices",
    "frames",
    "sentences",
    "translation",
)
HERE = Path(__file__).parent
HEAD = """# Gallery

Written by `python examples/gallery.py` from what the examples left in `runs/`; `make examples` runs them all, one after
the other. Scores are on data that nothing was trained on or chosen by; in brackets stands the 95 % interval of the
difference, by block bootstrap.
"""


def main(runs="runs", folder=HERE):
    runs, folder = Path(runs), Path(folder)
    told = {name: runs / name / "report.json" for name in EXAMPLES}
    missing = [name for name, path in told.items() if not path.exists()]
    if missing:
        raise SystemExit(f"{runs} holds no report of {', '.join(missing)}: run these examples first, or make examples.")
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    parts = [HEAD]
    for name, path in told.items():
        shutil.copyfile(runs / name / "picture.png", pictures / f"{name}.png")
        parts.append(section(name, json.loads(path.read_text(encoding="utf-8"))))
    (folder / "README.md").write_text("\n".join(parts), encoding="utf-8")
    print(f"{folder / 'README.md'}: {len(told)} examples")


def section(name, report):
    own, *_ = report["scores"]
    unit = f" {report['unit']}" if report["unit"] else ""
    task = report["task"]
    lines = [
        f"## {name}",
        "",
        f"{task[0].upper()}{task[1:]}.",
        "",
        f"    {report['command']}",
        "",
        f"| | {report['measure']} | {own} minus it | |",
        "|---|---|---|---|",
    ]
    for model, score in report["scores"].items():
        row = f"| {model} | {score:.3f}{unit} |"
        if model in report["minus"]:
            minus = report["minus"][model]
            row += f" {minus['mean']:.3f} [{minus['low']:.3f}, {minus['high']:.3f}] | {minus['verdict']} |"
        else:
            row = row.replace(model, f"**{model}**", 1) + " | |"
        lines.append(row)
    lines.append("")
    seeds = list(report["seeds"].values())
    if seeds:
        mean = sum(seeds) / len(seeds)
        spread = (sum((score - mean) ** 2 for score in seeds) / max(1, len(seeds) - 1)) ** 0.5
        alone = f"{mean:.3f} ± {spread:.3f}" if len(seeds) > 1 else f"{mean:.3f}"
        lines += [f"One network alone, seeds {', '.join(report['seeds'])}: {alone}.", ""]
    if report["further"]:
        lines += ["; ".join(f"{name}: {score:.3f}" for name, score in flat(report["further"])) + ".", ""]
    versions = ", ".join(f"{package} {version}" for package, version in report["versions"].items())
    lines += [f"{report['seconds']:.0f} s on {report['cores']} cores; {versions}.", ""]
    lines += [f"![{name}](pictures/{name}.png)", ""]
    return "\n".join(lines)


def flat(scores, before=""):
    """Scores by name, of the names of scores within scores."""
    for name, score in scores.items():
        if isinstance(score, dict):
            yield from flat(score, f"{before}{name}, ")
        else:
            yield f"{before}{name}", score


if __name__ == "__main__":
    main()
