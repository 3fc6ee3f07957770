"""Throughput against size, log-log, with caches, bands and crossovers."""

from __future__ import annotations

import math

import altair as alt

from analysis.chapters.answer import starts
from analysis.drawing import figure
from analysis.drawing.charts import (
    RATE_HEADER,
    RATE_TOOLTIP,
    curve_rows,
    rate_axis,
    rate_cells,
    size_axis,
)
from analysis.drawing.figure import Figure, Row, curves, marks, note_on
from analysis.drawing.looks import looks
from analysis.drawing.markup import Child
from analysis.measured.curves import Curve, Group
from analysis.statistics.crossover import Crossover, CrossoverInterval
from analysis.words import format_size, listing, plural, significant

PHYSICS = (
    "A curve rises while the fixed price of one operation (dispatch, launch, synchronisation) is "
    "shared by more elements, and is flat where bytes per second limit it."
)
CPU_PHYSICS = " A CPU's steps down are caches that no longer hold the data."
GPU_PHYSICS = " A GPU needs many more bytes in flight before it is full."


def shown_curves(group: Group) -> list[Curve]:
    """The curves of all models at the scopes a caller sees."""
    found = [
        group.curve(model, scope)
        for model, scope, gpu in group.models
        if scope in ("resident", "offload") or not gpu
    ]
    return [c for c in found if c]


def marked(group: Group) -> list[tuple[str, CrossoverInterval]]:
    """The crossovers worth a mark: several cores over one, GPU over CPU both ways."""
    cpu, one, parallel = group.best_cpu(), group.one_worker(), group.best_parallel()
    found = []
    for name, a, b in (
        ("cores", parallel, one),
        ("GPU resident", group.best_gpu("resident"), cpu),
        ("GPU offload", group.best_gpu("offload"), cpu),
    ):
        if a and b:
            found.append((name, group.crossover(a, b)))
    return found


def throughput(group: Group, machine: str, number: int) -> Figure | None:
    """The figure for one workload and type on one machine."""
    shown = shown_curves(group)
    if not shown:
        return None
    series = looks([c.name for c in shown])
    rows = [row for curve in shown for row in curve_rows(curve, curve.name)]
    sizes = sorted({r["x"] for r in rows})
    x = size_axis(sizes, group.element_bytes)
    peaks = _peaks(group)
    low, high = min(r["lo"] for r in rows), max([r["hi"] for r in rows] + [p["y"] for p in peaks])
    # Room above the curves for the names of the vertical lines.
    y = rate_axis([{"lo": low, "hi": high}], room=(high / low) ** 0.28)
    layers = curves(rows, series, x, y, RATE_TOOLTIP)
    lines = [
        {"x": size / group.element_bytes, "t": name, "row": 0}
        for name, size in group.run.about.caches
    ]
    crossovers = marked(group)
    for i, (name, c) in enumerate(crossovers):
        lines += _crossover_lines(name, c.point, 1 + i)
    lines = [line for line in lines if sizes[0] <= line["x"] <= sizes[-1]]
    if lines:
        layers = [*marks(lines, x, math.sqrt(sizes[0] * sizes[-1])), *layers]
    if peaks:
        layers = [*figure.limits(peaks, y), *layers]
    chart = alt.layer(*layers)
    return Figure(
        id=f"throughput-{number}",
        title=f"{group.title}: throughput against size" + (f" on {machine}" if machine else ""),
        chart=chart,
        says=_says(group, shown, crossovers),
        physics=_why(group) + _dashed(lines, peaks) + note_on(rows),
        series=series,
        header=RATE_HEADER,
        rows=rate_cells(rows),
    )


def _why(group: Group) -> str:
    devices = set(group.table.get_column("device"))
    return (
        PHYSICS
        + (CPU_PHYSICS if "cpu" in devices else "")
        + (GPU_PHYSICS if devices - {"cpu"} else "")
    )


def _dashed(lines: list[Row], peaks: list[Row]) -> str:
    found = ["the capacity of one cache of each level"] if any(r["row"] == 0 for r in lines) else []
    found += ["crossovers"] if any(r["row"] > 0 for r in lines) else []
    found += ["the theoretical rate of a GPU's memory"] if peaks else []
    return f" (Dashed: {listing(found)}.)" if found else ""


def _crossover_lines(name: str, point: Crossover, row: int) -> list[Row]:
    """A line at the crossover, or at both sizes around it where only those are known."""
    if point.size is None:
        return []
    if not point.wide:
        return [{"x": point.size, "t": f"{name} ≥ {format_size(point.size)}", "row": row}]
    below, above = point.between
    text = f"{name} ≥ {format_size(below)} to {format_size(above)}"
    return [{"x": below, "t": "", "row": row}, {"x": above, "t": text, "row": row}]


def _peaks(group: Group) -> list[Row]:
    """What each GPU's memory can move in theory; equal GPUs share a line."""
    found: dict[float, list[str]] = {}
    for device in sorted(set(group.table.get_column("device").to_list())):
        if peak := group.run.about.gpu_peak(device):
            found.setdefault(peak, []).append(device)
    return [
        {"y": peak, "t": f"{listing(devices)}: {significant(peak)} GB/s in theory"}
        for peak, devices in sorted(found.items(), reverse=True)
    ]


def _says(
    group: Group, shown: list[Curve], crossovers: list[tuple[str, CrossoverInterval]]
) -> Child:
    peaks = [(max(c.points, key=lambda p: p.rate.value), c) for c in shown]
    best, curve = max(peaks, key=lambda pair: pair[0].rate.value)
    last = max(shown, key=lambda c: (c.last.elements, c.last.rate.value))
    text = (
        f"The highest rate is {significant(best.rate.value)} GB/s, by {curve.name} at "
        f"{format_size(best.elements)} elements"
    )
    if (last.name, last.last.elements) != (curve.name, best.elements):
        text += (
            f"; at the largest size, {format_size(last.last.elements)}, {last.name} leads with "
            f"{significant(last.last.rate.value)} GB/s"
        )
    thinned = max(len(c.points) for c in shown)
    drawn = max(len(c.drawn()) for c in shown)
    if drawn < thinned:
        text += f" ({drawn} of {plural(thinned, 'size')} are drawn)"
    names = {
        "cores": "several cores beat one",
        "GPU resident": "the GPU beats the CPU in place",
        "GPU offload": "the GPU beats the CPU with copies",
    }
    largest = max(c.last.elements for c in shown)
    found = [f"{names[name]} {starts(c, largest)}" for name, c in crossovers]
    return text + ". " + (f"{listing(found)[0].upper()}{listing(found)[1:]}." if found else "")
