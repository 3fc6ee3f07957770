"""Warm against cold caches: from which size results are the memory's and no longer a cache's."""

from __future__ import annotations

import altair as alt

from analysis.drawing.charts import (
    RATE_HEADER,
    RATE_TOOLTIP,
    curve_rows,
    rate_axis,
    rate_cells,
    size_axis,
    with_capacities,
)
from analysis.drawing.figure import Figure, Row, curves, note_on
from analysis.drawing.looks import Series, looks
from analysis.measured.costs import title_of
from analysis.measured.curves import Curve, Group
from analysis.words import format_size, listing, significant

PHYSICS = (
    "Warm, an operation finds in the caches what the one before left there; cold, everything comes "
    "from memory. A program that touches its data once sees the cold curve, one that works on the "
    "same data again and again the warm one. Where the two meet, the data no longer fit. (Dashed "
    "curves: cold; vertical lines: the capacity of one cache of each level.)"
)


def pairs(groups: list[Group]) -> list[tuple[Group, Group]]:
    """Groups of one workload and type in two states of the caches: the warm one and the other."""
    return [
        (warm, other)
        for warm in groups
        for other in groups
        if (warm.workload, warm.type) == (other.workload, other.type)
        and groups.index(warm) < groups.index(other)
    ]


def warm_and_cold(warm: Group, cold: Group, machine: str, number: int) -> Figure | None:
    """The best CPU's curve and each scope's of the GPU, in both states."""
    both = [
        (a, b)
        for a, b in zip(_curves(warm), _curves(cold), strict=True)
        if a is not None and b is not None
    ]
    if not both:
        return None
    series = [
        Series(f"{s.name}, {group.cache}", s.colour, dash, s.shape)
        for s in looks([a.name for a, _ in both])
        for group, dash in ((warm, []), (cold, [6, 3]))
    ]
    rows: list[Row] = [
        row
        for pair in both
        for curve, group in zip(pair, (warm, cold), strict=True)
        for row in curve_rows(curve, f"{curve.name}, {group.cache}")
    ]
    sizes = sorted({r["x"] for r in rows})
    x = size_axis(sizes, warm.element_bytes)
    # Room above the curves for the names of the vertical lines.
    room = (max(r["hi"] for r in rows) / min(r["lo"] for r in rows)) ** 0.2
    layers = curves(rows, series, x, rate_axis(rows, room), RATE_TOOLTIP)
    about = warm.run.about
    capacities = about.caches if warm.best_cpu() else []
    capacities += about.gpu_caches if len(both) > 1 or not capacities else []
    elements = [(name, size / warm.element_bytes) for name, size in capacities]
    layers = with_capacities(layers, x, sizes, elements)
    return Figure(
        f"cache-{number}",
        title_of(f"{warm.workload}, {warm.type}: {warm.cache} and {cold.cache} caches", machine),
        alt.layer(*layers),
        " ".join(_says(a, b) for a, b in both),
        PHYSICS + note_on(rows),
        series,
        RATE_HEADER,
        rate_cells(rows),
    )


def _curves(group: Group) -> list[Curve | None]:
    return [group.best_cpu(), *[group.best_gpu(scope) for scope in group.run.vocabulary.scopes]]


def _says(warm: Curve, cold: Curve) -> str:
    """At which sizes the warm result is a cache's: there no interval can explain its lead."""
    name = f"{warm.name[0].upper()}{warm.name[1:]}"
    common = [(p, q) for p in warm.points if (q := cold.at(p.elements))]
    sure = [(p, q) for p, q in common if p.time.certain and q.time.certain]
    if not sure:
        return f"{name}: too few rounds to tell cache results from others."
    cached = [p.time.high < q.time.low for p, q in sure if p.time.high and q.time.low]
    if not any(cached):
        return f"{name}: warm is faster than cold at no size by more than the intervals."
    spans: list[list[int]] = []
    for (p, _), is_cached, before in zip(sure, cached, [False, *cached], strict=False):
        if is_cached and before:
            spans[-1].append(p.elements)
        elif is_cached:
            spans.append([p.elements])
    told = [
        format_size(s[0]) if len(s) == 1 else f"{format_size(s[0])} to {format_size(s[-1])}"
        for s in spans
    ]
    ratio, at = max((q.time.value / p.time.value, p.elements) for p, q in sure)
    return (
        f"{name}: warm results at {listing(told)} elements are cache results, up to "
        f"{significant(ratio)}× as fast as cold ones (at {format_size(at)})."
    )
