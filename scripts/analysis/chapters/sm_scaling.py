"""SM scaling: the GPU's counterpart of the thread sweep."""

from __future__ import annotations

import altair as alt
import polars as pl

from analysis.chapters.laws import fit_table
from analysis.chapters.scaling import TOOLTIP
from analysis.drawing import figure
from analysis.drawing.charts import rate_axis, rate_row, worker_axis
from analysis.drawing.figure import Figure, Row, curves, picked
from analysis.drawing.looks import plain_looks
from analysis.drawing.markup import Html
from analysis.measured.curves import Group
from analysis.measured.sweeps import sweep
from analysis.words import format_size

PHYSICS = (
    "Each multiprocessor keeps a limited number of bytes in flight, so the rate grows with their "
    "number until the memory is saturated, usually before all of them work."
)


def multiprocessors(group: Group, machine: str, number: int) -> tuple[Figure, Html] | None:
    """The GPU's counterpart: rate against multiprocessors at the largest size swept."""
    t = group.table
    gpu = t.filter((t["device"] != "cpu") & (t["scope"] == "resident") & (t["elements"] > 0))
    swept = (
        gpu.group_by("elements", "model")
        .agg(pl.col("workers").n_unique())
        .filter(pl.col("workers") > 1)
        .sort(["elements", "model"])
    )
    if swept.height == 0:
        return None
    elements = int(swept.get_column("elements")[-1])
    models = swept.filter(pl.col("elements") == elements).get_column("model").to_list()
    sweeps = [s for m in models if (s := sweep(group, m, elements, gpu=True))]
    if not sweeps:
        return None
    rows: list[Row] = [
        {**rate_row(p, f"{s.model}/{p.variant}"), "x": p.workers} for s in sweeps for p in s.points
    ]
    series = plain_looks(sorted({r["s"] for r in rows}))
    x = worker_axis([r["x"] for r in rows], "multiprocessors")
    y = rate_axis(rows)
    layers = curves(rows, series, x, y, TOOLTIP)
    first = min(rows, key=lambda r: r["x"])
    last = max(rows, key=lambda r: r["x"])
    ideal = [
        {"x": w, "y": first["y"] * w / first["x"]}
        for w in (first["x"], last["x"])
        if first["y"] * w / first["x"]
    ]
    line = alt.Chart(figure.data(ideal)).mark_line(strokeDash=[4, 4], color=figure.GREY, clip=True)
    layers = [*layers, line.encode(x=x, y=y)]
    top = max(rows, key=lambda r: r["y"])
    enough = min((r for r in rows if r["y"] >= 0.95 * top["y"]), key=lambda r: r["x"])
    where = f"{group.title}, {format_size(elements)} elements" + (f", {machine}" if machine else "")
    made = Figure(
        f"sms-{number}",
        f"SM scaling: {where}",
        alt.layer(*layers).add_params(picked()),
        f"{enough['x']} of {last['x']} multiprocessors reach 95 % of the highest rate, "
        f"{top['v']}; one of them moves {first['v']}.",
        PHYSICS,
        series,
        ["variant", "SMs", "rate", "95 % interval", "fastest", "time"],
        [[r["s"], str(r["x"]), r["v"], r["i"], r["h"], r["t"]] for r in rows],
    )
    return made, fit_table(sweeps, None, where, "all multiprocessors")
