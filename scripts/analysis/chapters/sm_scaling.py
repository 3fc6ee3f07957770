"""Few strong cores beside many simple multiprocessors: rate against how many of them work."""

from __future__ import annotations

import altair as alt
import polars as pl

from analysis.chapters.laws import fit_table
from analysis.drawing import figure
from analysis.drawing.charts import rate_axis, rate_row, tooltips, worker_axis
from analysis.drawing.figure import Figure, Row, curves
from analysis.drawing.looks import looks
from analysis.drawing.markup import Child, Html, el, table
from analysis.measured.curves import Group, Point
from analysis.measured.sweeps import Sweep, sweep
from analysis.words import format_size, significant

PHYSICS = (
    "A core keeps few bytes in flight but waits little for each; a multiprocessor keeps many in "
    "flight by switching between thousands of threads. Either grows with its number until the "
    "memory is saturated, usually before all of them work. (Dashed: as many times the rate of one.)"
)
CORES = "CPU cores"
TOOLTIP = tooltips(
    {"s": "by", "w": "how many", "v": "rate", "i": "95 % interval", "h": "fastest", "t": "time"}
)


def multiprocessors(group: Group, machine: str, number: int) -> tuple[Figure, Html] | None:
    """Rate against multiprocessors, and against cores at the same size."""
    elements, sweeps = _swept(group)
    if not sweeps:
        return None
    units: dict[str, list[Point]] = {}
    if cores := _cores(group, elements):
        units[CORES] = cores
    for s, scope in sweeps:
        units[f"{s.model} {scope}"] = s.points
    rows: list[Row] = [
        {**rate_row(p, name), "x": p.workers, "w": f"{p.workers:,}"}
        for name, points in units.items()
        for p in points
    ]
    series = looks(list(units))
    x = worker_axis([r["x"] for r in rows], "cores or multiprocessors")
    y = rate_axis(rows)
    most = max(r["hi"] for r in rows)
    ideal = [
        {"x": p.workers * n, "y": p.rate.value * n, "s": name}
        for name, points in units.items()
        for p in points[:1]
        for n in (1.0, min(points[-1].workers / p.workers, most / p.rate.value))
    ]
    line = alt.Chart(figure.data(ideal)).mark_line(strokeDash=[4, 4], color=figure.GREY, clip=True)
    layers = [line.encode(x=x, y=y, detail="s:N"), *curves(rows, series, x, y, TOOLTIP)]
    where = f"{group.title}, {format_size(elements)} elements" + (f", {machine}" if machine else "")
    made = Figure(
        f"sms-{number}",
        f"Cores and multiprocessors: {where}",
        alt.layer(*layers),
        _says(units),
        PHYSICS,
        series,
        ["by", "how many", "rate", "95 % interval", "fastest", "time"],
        [[r["s"], r["w"], r["v"], r["i"], r["h"], r["t"]] for r in rows],
    )
    laws = fit_table([s for s, _ in sweeps], None, where, "all multiprocessors")
    return made, el("div", one_and_all(units), laws)


def _swept(group: Group) -> tuple[int, list[tuple[Sweep, str]]]:
    """The largest size at which multiprocessors were swept, and its sweeps with their scopes."""
    t = group.table
    swept = (
        t.filter((t["device"] != "cpu") & (t["scope"] != "offload") & (t["elements"] > 0))
        .group_by("elements", "model", "scope")
        .agg(pl.col("workers").n_unique())
        .filter(pl.col("workers") > 1)
        .sort(["elements", "model", "scope"])
    )
    if swept.height == 0:
        return 0, []
    elements = int(swept.get_column("elements")[-1])
    here = swept.filter(pl.col("elements") == elements)
    return elements, [
        (s, scope)
        for model, scope in here.select("model", "scope").iter_rows()
        if (s := sweep(group, model, elements, gpu=True, scope=scope))
    ]


def _cores(group: Group, elements: int) -> list[Point]:
    """The fastest CPU configuration on each number of workers, up to the cores."""
    cores = group.run.about.number("machine.cpu.cores") or float("inf")
    t = group.table
    rows = t.filter(
        (t["device"] == "cpu")
        & (t["scope"] == "resident")
        & (t["elements"] == elements)
        & (t["workers"] <= cores)
    )
    return group.best_by(rows, "workers") if rows.height else []


def _says(units: dict[str, list[Point]]) -> str:
    name, points = max(units.items(), key=lambda u: max(p.rate.value for p in u[1]))
    top = max(p.rate.value for p in points)
    enough = next(p for p in points if p.rate.value >= 0.95 * top)
    kind = "cores" if name == CORES else "multiprocessors"
    text = (
        f"{enough.workers} of {points[-1].workers} {kind} reach 95 % of the highest rate, "
        f"{significant(top)} GB/s"
    )
    one = points[0]
    few = units.get(CORES, [one])[0]
    if one.workers == few.workers == 1 and one is not few:
        text += (
            f"; one multiprocessor moves {significant(one.rate.value)} GB/s, "
            f"{significant(one.rate.value / few.rate.value)}× what one core does "
            f"({significant(few.rate.value)})"
        )
    elif one.workers == 1:
        text += f"; one of them moves {significant(one.rate.value)} GB/s"
    return text + "."


def one_and_all(units: dict[str, list[Point]]) -> Html:
    """The rate of one and of all, and what each of all still moves."""
    rows: list[list[Child]] = []
    for name, points in units.items():
        first, last = points[0], points[-1]
        rows.append(
            [
                name,
                f"{first.workers}: {significant(first.rate.value)} GB/s",
                f"{last.workers}: {significant(last.rate.value)} GB/s",
                f"{significant(last.rate.value / first.rate.value)}×",
                f"{significant(last.rate.value / last.workers)} GB/s",
            ]
        )
    header = ["", "fewest", "all", "gain", "each of all"]
    return table(header, rows, numeric=[1, 2, 3, 4], caption="One beside all of them")
