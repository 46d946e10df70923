"""Known numbers, written in a random dialect of csv, come back as they were, or the file is refused by name.

A dialect is a separator, a sign of decimals and of thousands, quotes, a form of the times, marks of missing numbers,
what stands above and below the table, units under its header, and the size of the pieces in which it is read.
"""

from random import Random

import numpy as np
import pandas
import pytest

from keras_rnn_basics.datasets import read_series
from keras_rnn_basics.datasets.tables import source

NAMES = ["a", "temp", "Wind (m/s)", "Temp, °C", "price", "humidity %", "x_1", "Regen", "sensor_a", "pressure hPa"]
ABOVE = [
    *("Station report", "# made by x", "Station: Ulm; 48,4 N", "created, 2020-01-01 10:00", "Lat,48.4", "Lon;9.9", ""),
    *(
        "Unit\tdegC",
        "Elevation 512 m",
        "Source: https://x.org/a?b=1,2",
        '"quoted, title"',
        "Date: 2020-01-05",
        ",,,",
        ";;",
    ),
]
BELOW = ["Source: DWD", "(c) NOAA 2020", "", "Total rows: 10", "# end"]
REMARKS = ["clear", "rain, heavy", "a;b", "x|y", "NW", "", "None", 'a "q"', "2,5 bft"]
# The form of the date, and of a time that has minutes; %S is added where the step asks for it.
FORMS = {
    "iso": ("%Y-%m-%d", "%Y-%m-%d %H:%M"),
    "T": ("%Y-%m-%d", "%Y-%m-%dT%H:%M"),
    "Z": ("%Y-%m-%d", "%Y-%m-%dT%H:%MZ"),
    "+01:00": ("%Y-%m-%d", "%Y-%m-%d %H:%M+01:00"),
    "-0930": ("%Y-%m-%d", "%Y-%m-%dT%H:%M-0930"),
    "+05": ("%Y-%m-%d", "%Y-%m-%d %H:%M+05"),
    "digits": ("%Y%m%d", "%Y%m%d%H%M"),
    "points": ("%Y.%m.%d", "%Y.%m.%d %H:%M"),
    "day first": ("%d.%m.%Y", "%d.%m.%Y %H:%M"),
    "month first": ("%m/%d/%Y", "%m/%d/%Y %H:%M"),
    "month by name": ("%d-%b-%Y", "%d-%b-%Y %H:%M"),
}
NEED_FORMAT = ("day first", "month first", "month by name")
OTHERS = ("epoch", "epoch ms", "two columns", "two columns of digits", "span", "24:00", "midnight without a clock")
MARKS = ["", "NA", "NaN", "-", "null", "-9999", "M", "*", "---", "N/A", "-999.0"]


def write_number(value, decimal, thousands, places):
    whole, _, rest = f"{abs(value):.{places}f}".partition(".")
    if thousands:
        whole = f"{int(whole):,}".replace(",", thousands)
    return "-" * bool(value < 0) + whole + (decimal + rest if rest else "")


def written_times(r, times, step):
    """-> the fields of each time, the names of their columns, the arguments that say how they are written, and UTC."""
    kind, daily = r.choice([*FORMS, *OTHERS]), step == "1D"
    name, arguments, utc = r.choice(["date", "time", "Date", "timestamp", "DATE"]), {}, times
    if kind in FORMS:
        form = FORMS[kind][not daily].replace("%M", "%M:%S" if step is None and kind != "digits" else "%M")
        form = form.replace("%M", "%M%S") if step is None and kind == "digits" else form
        if kind in NEED_FORMAT:
            arguments["date_format"] = form
        if kind[0] in "+-" and not daily:
            minutes = {"+01:00": 60, "-0930": -570, "+05": 300}[kind]
            utc = times - pandas.Timedelta(minutes=minutes)
        return [[f"{time:{form}}"] for time in times], [name], arguments, utc
    seconds = "" if step else ":%S"
    clock = "%H:%M" + seconds
    if kind.startswith("epoch"):
        fields = [[str(int(time.timestamp()) * (1000 if "ms" in kind else 1))] for time in times]
    elif kind.startswith("two columns"):
        name, arguments = "Date Time", {"time": ["Date", "Time"]}
        digits = "digits" in kind
        form = ("%Y%m%d", clock.replace(":", "")) if digits else ("%Y-%m-%d", clock)
        fields = [[f"{time:{form[0]}}", f"{time:{form[1]}}"] for time in times]
        fields = [[date, str(int(own)) if digits else own] for date, own in fields]
    elif kind == "span":
        ends = times + pandas.Timedelta(step or "1h")
        fields = [[f"{time:%Y-%m-%d %H:%M:%S} - {end:%Y-%m-%d %H:%M:%S}"] for time, end in zip(times, ends)]
    else:
        fields = [[f"{time:%Y-%m-%d}" if daily else f"{time:%Y-%m-%d {clock}}"] for time in times]
        for own, time in zip(fields, times):
            if not daily and time == time.normalize():
                day = time - pandas.Timedelta("1D") if kind == "24:00" else time
                own[0] = f"{day:%Y-%m-%d}" + (" 24:00" + ":00" * (step is None)) * (kind == "24:00")
    return fields, name.split(" ") if " " in name else [name], arguments, utc


def draw(seed, path):
    """Writes a file; -> how it is read, the size of the pieces, and the times, names, numbers and holes in it."""
    r, rng = Random(seed), np.random.default_rng(seed)
    step, N = r.choice(["1D", "1h", "15min", "6h", None]), r.choice([3, 12, 30, 60, 130, 250])
    start = pandas.Timestamp("2019-12-28") + pandas.Timedelta(days=r.randrange(700))
    gaps = pandas.to_timedelta(np.cumsum(rng.integers(60, 90_000, N)), unit="s")
    times = pandas.date_range(start, periods=N, freq=step) if step else start + gaps
    names = r.sample(NAMES, r.randint(1, 4))
    decimal = r.choice(".,")
    sep = r.choice(",;\t|" if decimal == "." else ";;\t|,")
    thousands = r.choice([None, None, None, ",."[decimal == ","], "'", " ", "\u202f"])
    if sep == "," and thousands == ".":  # 230.942 in a comma file is taken for decimals
        thousands = None
    quotes = r.choice(["needed", "all", "rest"])
    values, places = [], []
    for _ in names:
        # "6,758" in a comma file is taken for thousands, and told.
        places.append(r.choice([0, 1, 2, 4] if sep == decimal else [0, 1, 2, 3, 4]))
        low, high = r.choice([(0, 9), (-20, 35), (1000, 2e6), (-1, 1), (500, 5000)])
        values.append(np.round(rng.uniform(low, high, N), places[-1]) + 0.0)
    values, holes, mark = np.stack(values, axis=1), np.zeros((N, len(names)), bool), r.choice(MARKS)
    if r.random() < 0.5:
        holes = rng.random(holes.shape) < r.choice([0.03, 0.2])
        holes[0], holes[:, (~holes).sum(axis=0) < 2] = False, False
    fields, times_names, arguments, utc = written_times(r, times, step)
    remarks = r.random() < 0.3

    def row(k):
        own = [mark if hole else write_number(*what) for hole, *what in zip(holes[k], values[k], *signs, places)]
        return [*fields[k], *own, *([r.choice(REMARKS)] if remarks else [])]

    signs = [decimal] * len(names), [thousands] * len(names)
    rows = [[*times_names, *names, *(["remark"] if remarks else [])]]
    if r.random() < 0.2:
        units = [r.choice(["degC", "m/s", "-", "mm", "%", ""]) for _ in names]
        rows.append([r.choice(["", "UTC"]), *[""] * (len(times_names) - 1), *units, *([""] if remarks else [])])
    rows += [row(k) for k in range(N)]

    def quoted(field):
        needed = sep in field or '"' in field
        return '"' + field.replace('"', '""') + '"' if needed or quotes == "all" else field

    lines = [sep.join(map(quoted, own)) for own in rows]
    lines = [*r.sample(ABOVE, r.choice([0, 0, 0, 1, 2, 3])), *lines]
    if r.random() < 0.5:
        lines += [*[""] * r.choice([0, 1]), r.choice(BELOW)]
    if r.random() < 0.1:
        lines = [line + sep if line else line for line in lines]
    text = (end := r.choice(["\n", "\r\n"])).join(lines) + end
    path.write_bytes(text.encode(r.choice(["utf-8", "utf-8-sig"])))
    if holes.any() and mark in ("M", "*", "---", "-9999", "-999.0"):
        arguments["missing"] = [float(mark) if mark[1:2].isdigit() else mark]
    if remarks or r.random() < 0.3:
        arguments["columns"] = names
    return {"step": step, "repair": "gaps", **arguments}, r.choice([7, 16, 50, 1 << 17]), utc, names, values, holes


def differs(series, step, utc, names, values, holes):
    """What came back otherwise than it was written."""
    kept = np.ones(len(utc), bool) if step else ~holes.any(axis=1)
    if len(series) != kept.sum():
        return f"{len(series)} rows for {kept.sum()}"
    if (series.times != utc[kept].to_numpy()).any():
        return f"the times {series.times[:3]} for {utc[kept][:3]}"
    came = np.stack([series.column(name) for name in names], axis=1)
    wrong = ~holes[kept] & ~np.isclose(came, values[kept], rtol=1e-5, atol=1e-6)
    if wrong.any():
        return f"{came[wrong][0]} for {values[kept][wrong][0]}"
    filled = np.zeros(came.shape, bool) if series.filled is None else series.filled[:, [*map(series.index, names)]]
    return "other numbers filled in" if step and (filled != holes[kept]).any() else None


@pytest.mark.parametrize(
    "seeds", [range(120), pytest.param(range(120, 2000), marks=pytest.mark.long)], ids=["120", "1,880"]
)
def test_numbers_come_back_from_any_dialect_or_are_refused(tmp_path, monkeypatch, seeds):
    path, refused = tmp_path / "table.csv", []
    for seed in seeds:
        arguments, size, *expected = draw(seed, path)
        monkeypatch.setattr(source, "CHUNK", size)
        try:
            series = read_series(path, **arguments)
        except ValueError as error:
            refused.append(str(error))
            continue
        if not any("; if it is " in note for note in series.repairs):  # 3.754 may be thousands, which is told
            assert (what := differs(series, arguments["step"], *expected)) is None, (seed, arguments, what)
    assert all(str(path) in error for error in refused)
    assert len(refused) < 0.1 * len(seeds)
