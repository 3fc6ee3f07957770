"""Weak scaling: time at a constant number of elements for each worker."""

from __future__ import annotations

import altair as alt
import polars as pl

from analysis.chapters.scaling import TOOLTIP
from analysis.drawing.charts import worker_axis
from analysis.drawing.figure import Figure, Row, curves
from analysis.drawing.looks import looks
from analysis.measured.curves import Group
from analysis.words import duration, format_size, listing, percent, plural


def weak(group: Group, machine: str, number: int) -> Figure | None:
    """Time at a constant number of elements a worker, where the data has at least three."""
    t = group.table
    rows: list[Row] = []
    shares: dict[str, int] = {}
    for model in group.cpu_models:
        mine = t.filter(
            (t["model"] == model)
            & (t["scope"] == "resident")
            & (t["device"] == "cpu")
            & (t["elements"] > 0)
        )
        even = mine.filter(pl.col("elements") % pl.col("workers") == 0).with_columns(
            (pl.col("elements") // pl.col("workers")).alias("share")
        )
        counts = (
            even.group_by("share")
            .agg(pl.col("workers").n_unique())
            .filter(pl.col("workers") >= 3)
            .sort(["workers", "share"], descending=True)
        )
        if counts.height == 0:
            continue
        share = int(counts.get_column("share")[0])
        shares[model] = share
        points = group.best_by(even.filter(pl.col("share") == share), "workers")
        for p in points:
            e = group.speed_up(p, points[0])
            low, high = e.low or e.value, e.high or e.value
            rows.append(
                {
                    "x": p.workers,
                    "y": round(e.value, 5),
                    "lo": round(low, 5),
                    "hi": round(high, 5),
                    "s": model,
                    "h": p.how,
                    "v": percent(e.value),
                    "i": f"{percent(low)} to {percent(high)}" if e.certain else "too few rounds",
                    "t": duration(p.time.value),
                }
            )
    if not rows:
        return None
    series = looks(list(shares))
    x = worker_axis([r["x"] for r in rows], "workers")
    top = max(1.05, max(r["hi"] for r in rows) * 1.03)
    y = alt.Y(
        "y:Q",
        scale=alt.Scale(domain=[0, top]),
        title="weak-scaling efficiency",
        axis=alt.Axis(format="%"),
    )
    layers = curves(rows, series, x, y, TOOLTIP)
    each = (
        format_size(next(iter(shares.values())))
        if len(set(shares.values())) == 1
        else listing([f"{format_size(n)} ({m})" for m, n in shares.items()])
    )
    last = {m: next(r for r in reversed(rows) if r["s"] == m) for m in shares}
    parts = [f"{m} keeps {r['v']} on {plural(r['x'], 'worker')}" for m, r in last.items()]
    return Figure(
        f"weak-{number}",
        f"Weak scaling: {group.title}" + (f", {machine}" if machine else ""),
        alt.layer(*layers),
        f"With a constant {each} elements for each worker, {listing(parts)}.",
        "Each worker has the same work however many there are, so the time should stay; what it "
        "grows by is what workers share: memory bandwidth, the last cache, and dispatch.",
        series,
        ["model", "workers", "efficiency", "95 % interval", "fastest", "time"],
        [[r["s"], str(r["x"]), r["v"], r["i"], r["h"], r["t"]] for r in rows],
    )
