"""How long a load waits: the workload `chase`, against the memory that it goes through."""

from __future__ import annotations

from functools import partial

import altair as alt

from analysis.drawing.charts import size_axis, time_axis, time_row, tooltips, with_capacities
from analysis.drawing.figure import Figure, Row, curves
from analysis.drawing.looks import plain_looks
from analysis.measured.costs import Cost, costs, drawn, title_of
from analysis.measured.curves import Group
from analysis.words import data_size, duration, listing

WORKLOAD = "chase"
PHYSICS = (
    "Each load takes its address from the one before, at random, so nothing can be fetched ahead: "
    "its time is the latency of the cache that holds the data, or of memory. On small pages a load "
    "far off waits for the page tables as well. Bandwidth hides this by having many loads under "
    "way; a list, a tree or a hash table cannot. (Vertical lines: the capacity of one cache of "
    "each level, as the system reports it; a virtual machine may have a part of it.)"
)


def chapter(group: Group, machine: str, number: int) -> Figure | None:
    """Time of a load against the memory that it goes through; None where nothing is known."""
    each = group.run.vocabulary.workload(group.workload).unit_bytes
    ways: dict[str, list[Cost]] = {}
    for cost in costs(group):
        ways.setdefault(cost.name, []).append(cost)
    if not ways or not each:
        return None
    rows: list[Row] = [
        row
        for name, found in ways.items()
        for row in drawn(group, found, partial(_row, name, each))
    ]
    series = plain_looks(list(ways))
    sizes = sorted({r["x"] for r in rows})
    x = size_axis(sizes, memory="memory that the loads go through")
    y = time_axis(rows, "time of a load")
    capacities = group.run.about.caches
    layers = curves(
        rows,
        series,
        x,
        y,
        tooltips({"s": "by", "b": "memory", "v": "a load", "i": "95 % interval"}),
    )
    layers = with_capacities(layers, x, sizes, capacities)
    told = [f"by {name} {_says(found, each, capacities)}" for name, found in ways.items()]
    return Figure(
        f"{WORKLOAD}-{number}",
        title_of("Time of a load that waits for the one before", machine),
        alt.layer(*layers),
        f"A load takes {'; '.join(told)}.",
        PHYSICS,
        series,
        ["by", "memory", "a load", "95 % interval"],
        [[r["s"], r["b"], r["v"], r["i"]] for r in rows],
    )


def _row(name: str, each: int, c: Cost) -> Row:
    size = c.elements * each
    return time_row(size, c.each, name, b=data_size(size))


def _says(found: list[Cost], each: int, capacities: list[tuple[str, float]]) -> str:
    """For each cache at the largest size that fits it well, and at the largest of all."""
    told: list[str] = []
    least = 0.0
    for name, capacity in capacities:
        within = [c for c in found if least < c.elements * each <= capacity / 2]
        if within:
            c = max(within, key=lambda c: c.elements)
            held = f"{name} is {data_size(capacity)}"
            told.append(f"{duration(c.each.value)} at {data_size(c.elements * each)} ({held})")
        least = 2 * capacity
    last = max(found, key=lambda c: c.elements)
    at = data_size(last.elements * each)
    if not any(f" at {at} " in text for text in told):
        told.append(f"{duration(last.each.value)} at {at}")
    return listing(told)
