"""Latency and bandwidth of each model: the two numbers to compare models by."""

from __future__ import annotations

from collections.abc import Callable

import altair as alt

from analysis.drawing import figure
from analysis.drawing.charts import tooltips
from analysis.drawing.figure import Figure, Row, zoom
from analysis.drawing.looks import looks
from analysis.drawing.markup import Child
from analysis.measured.curves import Curve, Group
from analysis.statistics import fits
from analysis.statistics.fits import Fit
from analysis.statistics.stats import Estimate
from analysis.words import data_size, duration, format_size, percent, significant

PHYSICS = (
    "time = latency + bytes / bandwidth: the latency is what an operation on nothing would cost, "
    "the bandwidth what one on everything would reach, and their product, the half-performance "
    "length, the size at which half the bandwidth is reached. On a CPU, caches bend the line; then "
    "the two ends are given: the time at the smallest size and the rate at the largest."
)


def numbers(curve: Curve) -> tuple[Estimate, Estimate, Fit]:
    """Latency in ns and bandwidth in GB/s, from the line or else from its two ends."""
    data = [p.bytes for p in curve.points]
    times = [p.time for p in curve.points]
    fit = fits.latency_bandwidth(
        data, [t.value for t in times], curve.resampled, min(t.samples for t in times)
    )
    if fit.supported and fit.parameters["bandwidth"].value < float("inf"):
        return fit.parameters["latency"], fit.parameters["bandwidth"], fit
    return (*fits.two_ends(data, times), fit)


def latency(group: Group, machine: str, number: int) -> Figure | None:
    """Each model as one point: latency across, bandwidth up."""
    shown = [c for m, s, _ in group.models if (c := group.curve(m, s)) and len(c.points) >= 2]
    if not shown:
        return None
    series = looks([c.name for c in shown])
    rows: list[Row] = []
    table: list[list[Child]] = []
    for curve in shown:
        wait, rate, fit = numbers(curve)
        if not wait.value > 0:
            wait = Estimate(0.1, wait.low, wait.high, wait.samples)
        half = wait.value * rate.value
        rows.append(
            {
                "x": wait.value,
                "y": rate.value,
                "s": curve.name,
                "x0": max(wait.low or wait.value, 0.1),
                "x1": wait.high or wait.value,
                "lo": rate.low or rate.value,
                "hi": rate.high or rate.value,
                "l": _bounds(wait, duration),
                "b": _bounds(rate, lambda v: f"{significant(v)} GB/s"),
                "h": data_size(half),
                "f": "line" if fit.supported else "two ends",
            }
        )
        table.append(
            [
                curve.name,
                rows[-1]["l"],
                rows[-1]["b"],
                data_size(half),
                f"the line, within {percent(fit.misfit)}"
                if fit.supported
                else f"the two ends: {fit.refused}",
            ]
        )
    tooltip = tooltips(
        {
            "s": "series",
            "l": "latency",
            "b": "bandwidth",
            "h": "half-performance length",
            "f": "from",
        }
    )
    low, high = min(r["x0"] for r in rows), max(r["x1"] for r in rows)
    x = alt.X(
        "x:Q",
        title="latency",
        scale=alt.Scale(type="log", nice=False, domain=[low / 1.6, high * 1.6]),
        axis=alt.Axis(
            values=figure.log_ticks(low / 1.6, high * 1.6),
            labelExpr=figure.TIME_LABEL,
        ),
    )
    bottom, top = min(r["lo"] for r in rows), max(r["hi"] for r in rows)
    y = alt.Y(
        "y:Q",
        title="bandwidth, GB/s",
        scale=alt.Scale(type="log", nice=False, domain=[bottom / 1.6, top * 1.8]),
        axis=figure.rate_axis(bottom / 1.6, top * 1.8),
    )
    base = alt.Chart(figure.data(rows)).encode(color=figure.colour(series))
    across = base.mark_rule(clip=True).encode(x=x, x2="x1:Q", y=y, opacity=figure.opacity(1, 0.1))
    start = x.copy(deep=False)
    start.shorthand = "x0:Q"
    across = across.encode(x=start)
    up = base.mark_rule(clip=True).encode(
        x=x, y=figure.lower(y), y2="hi:Q", opacity=figure.opacity(1, 0.1)
    )
    points = base.mark_point(clip=True, filled=True, size=130).encode(
        x=x, y=y, shape=figure.shape(series), opacity=figure.opacity(1, 0.1), tooltip=tooltip
    )
    points = points.add_params(zoom(["x", "y"]))
    return Figure(
        f"latency-{number}",
        f"Latency and bandwidth: {group.title}" + (f", {machine}" if machine else ""),
        alt.layer(points, across, up),
        _says(shown),
        PHYSICS,
        series,
        ["series", "latency", "bandwidth", "half-performance length", "from"],
        table,
    )


def _says(shown: list[Curve]) -> str:
    """Who is quickest at the smallest size and moves most at the largest, as measured."""
    small, large = min(c.points[0].elements for c in shown), max(c.last.elements for c in shown)
    quick = min((p.time.value, c.name) for c in shown if (p := c.at(small)))
    rate, wide = max(((p.rate.value, c) for c in shown if (p := c.at(large))), key=lambda r: r[0])
    short = [p.elements for p in wide.points if p.rate.value < rate / 2]
    enough = min(p.elements for p in wide.points if p.elements > max(short, default=0))
    return (
        f"At {format_size(small)} elements {quick[1]} is quickest ({duration(quick[0])}); at "
        f"{format_size(large)} {wide.name} moves most ({significant(rate)} GB/s), and at least "
        f"half of that from {format_size(enough)} elements on."
    )


def _bounds(e: Estimate, shown: Callable[[float], str]) -> str:
    if e.low is None or e.high is None:
        return shown(e.value)
    return f"{shown(e.value)} [{shown(e.low)} to {shown(e.high)}]"
