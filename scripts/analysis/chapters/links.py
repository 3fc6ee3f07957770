"""What it costs to move bytes from one memory to another: the workload `link`."""

from __future__ import annotations

import itertools
from functools import partial

import altair as alt

from analysis.chapters.gpu import link_limits
from analysis.drawing.charts import rate_axis, short, size_axis, tooltips
from analysis.drawing.figure import Figure, Row, curves, limits
from analysis.drawing.looks import plain_looks
from analysis.drawing.markup import Child, table
from analysis.measured.costs import Cost, costs, drawn, title_of
from analysis.measured.curves import Group
from analysis.page.page import Part
from analysis.statistics.stats import Estimate
from analysis.words import data_size, duration, significant

WORKLOAD = "link"
PHYSICS = (
    "A message or a copy takes a time that does not depend on its size, for calls, protocols and "
    "the way there, and a time for each of its bytes. Small ones are all latency; the size that "
    "reaches half of the highest rate says where that ends (Hockney's half-performance length). "
    "What goes both ways at once is counted in one direction."
)


def chapter(group: Group, machine: str, number: int) -> list[Part]:
    """Of each device, rates against the bytes that are moved; and a table. May be empty."""
    # One of each size, ascending: of several numbers of workers the last.
    found = {(c.device, c.name, c.elements): c for c in costs(group)}
    by_device: dict[str, dict[str, list[Cost]]] = {}
    for (device, name, _), c in sorted(found.items()):
        by_device.setdefault(device, {}).setdefault(name, []).append(c)
    if not by_device:
        return []
    charts = [
        _chart(group, ways, machine, f"{WORKLOAD}-{number}" + (f"-{n}" if n else ""))
        for n, ways in enumerate(by_device.values())
    ]
    return [*charts, _table(list(by_device.values()), machine)]


def _chart(group: Group, ways: dict[str, list[Cost]], machine: str, name: str) -> Figure:
    device = next(iter(ways.values()))[0].device
    rows: list[Row] = [
        row for way, found in ways.items() for row in drawn(group, found, partial(_row, way))
    ]
    series = plain_looks(list(ways))
    x = size_axis(sorted({r["x"] for r in rows}), memory="bytes moved at once")
    full = link_limits(group, [device])
    y = rate_axis([*rows, *({"lo": limit["y"], "hi": limit["y"]} for limit in full)])
    tooltip = tooltips({"s": "by", "b": "bytes", "v": "rate", "i": "95 % interval", "t": "time"})
    layers = curves(rows, series, x, y, tooltip)
    if full:
        layers = [*limits(full, y), *layers]
    told = [f"by {w} {_says(found)}" for w, found in ways.items() if found[0].scope == "resident"]
    on_gpu = "" if device == "cpu" else device
    return Figure(
        name,
        title_of(
            "Moving bytes from one memory to another", ", ".join(filter(None, (on_gpu, machine)))
        ),
        alt.layer(*layers),
        f"Bytes are moved{on_gpu and f' on {on_gpu}'} {'; '.join(told)}." if told else "",
        PHYSICS,
        series,
        ["by", "bytes", "rate", "95 % interval", "time"],
        [[r["s"], r["b"], r["v"], r["i"], r["t"]] for r in rows],
    )


def rate(c: Cost) -> Estimate:
    """In GB/s."""
    return c.whole.inverse(c.elements)


def half_size(found: list[Cost]) -> float:
    """The bytes that reach half of the highest rate; between sizes, times are straight lines."""
    half = max(rate(c).value for c in found) / 2
    if rate(found[0]).value >= half:
        return found[0].elements
    for before, c in itertools.pairwise(found):
        if rate(c).value >= half:
            each = (c.whole.value - before.whole.value) / (c.elements - before.elements)
            at = half * (before.whole.value - each * before.elements) / (1 - half * each)
            return min(max(at, before.elements), c.elements)
    raise AssertionError("the highest rate is more than its half")


def _row(name: str, c: Cost) -> Row:
    r = rate(c)
    low, high = r.low or r.value, r.high or r.value
    return {
        "x": c.elements,
        "y": short(r.value),
        "lo": short(low),
        "hi": short(high),
        "s": name,
        "b": data_size(c.elements),
        "v": f"{significant(r.value)} GB/s",
        "i": f"{significant(low)} to {significant(high)}" if r.certain else "too few rounds",
        "t": duration(c.whole.value),
    }


def _says(found: list[Cost]) -> str:
    fastest = max(found, key=lambda c: rate(c).value)
    first = found[0]
    return (
        f"in {duration(first.whole.value)} for {data_size(first.elements)} and at up to "
        f"{significant(rate(fastest).value)} GB/s at {data_size(fastest.elements)}, half of which "
        f"takes about {data_size(half_size(found))}"
    )


def _table(devices: list[dict[str, list[Cost]]], machine: str) -> Part:
    rows: list[list[Child]] = []
    for name, found in (way for ways in devices for way in ways.items()):
        fastest = max(found, key=lambda c: rate(c).value)
        first, last = found[0], found[-1]
        rows.append(
            [
                name,
                first.device,
                data_size(first.elements),
                duration(first.whole.value),
                data_size(last.elements),
                f"{significant(rate(last).value)} GB/s",
                f"{significant(rate(fastest).value)} GB/s at {data_size(fastest.elements)}",
                data_size(half_size(found)),
            ]
        )
    return table(
        ["by", "on", "fewest", "take", "most", "at", "highest rate", "half of it from"],
        rows,
        numeric=range(2, 8),
        caption=title_of("Links: the latency of few bytes, and the rate of many", machine),
    )
