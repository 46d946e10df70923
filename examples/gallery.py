"""Writes the gallery, examples/README.md, and the README's table from what the examples left in runs/.

No number in them is typed by hand.

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
BEGIN, END = "<!-- by examples/gallery.py -->", "<!-- to here -->"
HEAD = """# Gallery

Written by `python examples/gallery.py` from what the examples left in `runs/`; `make examples` runs them all, one after
the other. Scores are on data that nothing was trained on; in brackets stands the 95 % interval of the
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
    reports = {name: json.loads(path.read_text(encoding="utf-8")) for name, path in told.items()}
    for name in reports:
        shutil.copyfile(runs / name / "picture.png", pictures / f"{name}.png")
    parts = [HEAD, *(section(name, report) for name, report in reports.items())]
    (folder / "README.md").write_text("\n".join(parts), encoding="utf-8")
    readme = folder.parent / "README.md"
    text = readme.read_text(encoding="utf-8")
    if not 0 <= text.find(BEGIN) < text.find(END):
        raise SystemExit(f"{readme} must hold the lines {BEGIN} and, below it, {END}: the table goes between them.")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    readme.write_text(f"{before}{BEGIN}\n\n{table(reports)}\n\n{END}{after}", encoding="utf-8")
    print(f"{folder / 'README.md'}: {len(told)} examples")


def table(reports):
    """A row an example."""
    lines = ["| command | task | score | beside | seconds |", "|---|---|---|---|---|"]
    for report in reports.values():
        (_, own), *others = report["scores"].items()
        unit, minus = f" {report['unit']}" if report["unit"] else "", report["minus"]
        beside = [f"{name} {score:.3f}{verdict(minus[name])}" for name, score in others]
        cells = [
            f"`{report['command']}`",
            report["task"].rstrip("."),
            f"{report['measure']} **{own:.3f}**{unit}",
            ", ".join(beside),
            f"{report['seconds']:.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def verdict(minus):
    """Nothing where the model is clearly better."""
    if "loses" in minus["verdict"]:
        return " (better)"
    return " (no clear difference)" if "no clear" in minus["verdict"] else ""


def section(name, report):
    own, *_ = report["scores"]
    unit = f" {report['unit']}" if report["unit"] else ""
    task = report["task"]
    lines = [
        f"## {name}",
        "",
        f"{task[0].upper()}{task[1:].rstrip('.')}.",
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
    lines += further(report["further"])
    versions = ", ".join(f"{package} {version}" for package, version in report["versions"].items())
    lines += [f"{report['seconds']:.0f} s on {report['cores']} cores; {versions}.", ""]
    lines += [f"![{name}](pictures/{name}.png)", ""]
    return "\n".join(lines)


def further(scores):
    """Single scores in a line; groups of scores, each of the same models, as the rows of a table."""
    single = {name: score for name, score in scores.items() if not isinstance(score, dict)}
    lines = ["; ".join(f"{name}: {score:.3f}" for name, score in single.items()) + ".", ""] if single else []
    rows = dict(groups(scores))
    if rows:
        models = list(next(iter(rows.values())))
        lines += [f"| | {' | '.join(models)} |", "|---" * (1 + len(models)) + "|"]
        lines += [f"| {name} | {' | '.join(f'{row[model]:.3f}' for model in models)} |" for name, row in rows.items()]
        lines.append("")
    return lines


def groups(scores, path=()):
    """The innermost dictionaries, by the names on the way to them."""
    for name, inner in scores.items():
        if isinstance(inner, dict):
            if any(isinstance(value, dict) for value in inner.values()):
                yield from groups(inner, (*path, name))
            else:
                yield ", ".join((*path, name)), inner


if __name__ == "__main__":
    main()
