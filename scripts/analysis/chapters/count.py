"""What synchronising costs and what racing loses: the workload `count`."""

from __future__ import annotations

import altair as alt

from analysis.drawing import figure
from analysis.drawing.charts import bars_height, log_bars, time_axis, tooltips, worker_axis
from analysis.drawing.figure import Figure, Row, curves
from analysis.drawing.looks import looks, plain_looks
from analysis.measured.costs import (
    TOOLTIP,
    Cost,
    cores_of,
    cost_row,
    costs,
    full,
    largest,
    split_by_model,
    title_of,
)
from analysis.measured.curves import Group
from analysis.words import duration, listing, percent, significant

WORKLOAD = "count"
PHYSICS = (
    "A core adds to its own cache line in a nanosecond or less; a line that another core wrote has "
    "to travel first, and a lock travels twice for each step. Private counters travel once, at the "
    "end."
)
GPU_PHYSICS = (
    "On a GPU thousands of threads add at once, and those that meet at one address are served one "
    "after the other where it lies in the second-level cache: one addition for a warp or a block "
    "is what helps. A caller waits for the launch as well, which the device's clock (kernel) "
    "leaves out."
)
# False sharing that costs less than this much more than counters apart does not show.
HARMLESS = 1.5
RACING = (
    "Unsynchronised workers read the same old value and both write it back plus one: one of the "
    "two steps is gone. How often depends on who runs when, so it is never a number to rely on."
)


def chapter(group: Group, machine: str, number: int) -> list[Figure | tuple[Figure, ...]]:
    """The figures of one run's `count`."""
    found = [c for c in largest(costs(group)) if c.workers > 0]
    if not found:
        return []
    parts: list[Figure | tuple[Figure, ...]] = [_bars(group, found, machine, number)]
    pair = (*_against_workers(found, machine, number), _lost(found, machine, number))
    kept = tuple(f for f in pair if f)
    return [*parts, kept] if kept else parts


def _bars(group: Group, found: list[Cost], machine: str, number: int) -> Figure:
    shown = sorted(full(found, cores_of(group)), key=lambda c: c.each.value)
    rows: list[Row] = []
    for c in shown:
        row = cost_row(c)
        row["s"] = c.series
        row["g"] = row["v"] + (f", loses {_lost_share(c)}" if c.lost > 0 else "")
        row["l"] = _lost_share(c) if c.lost > 0 else "none"
        if len(shown) != len({x.name for x in shown}):
            row["k"] = f"{c.name} ({c.device})"
        rows.append(row)
    series = looks(list(dict.fromkeys(c.series for c in shown)))
    return Figure(
        f"count-{number}",
        title_of("Time of an increment", machine),
        log_bars(
            rows,
            series,
            "time of an increment",
            tooltips({"k": "variant", **TOOLTIP, "l": "lost"}),
            figure.TIME_LABEL,
        ),
        _says(shown),
        _why(shown),
        series,
        ["variant", "on", "time of an increment", "95 % interval", "lost"],
        [[r["k"], r["w"], r["v"], r["i"], r["l"]] for r in rows],
        zooms=False,
        height=bars_height(len(rows)),
    )


def _lost_share(cost: Cost) -> str:
    """As percent(), but 100 % would say that nothing was left."""
    if cost.lost < 0.9945:
        return percent(cost.lost)
    return f"{min(cost.lost, 0.9999) * 100:.2f} %"


def _why(shown: list[Cost]) -> str:
    parts = [PHYSICS]
    slots = {c.variant: c for c in shown if c.model == "threads" and c.workers > 1}
    if {"false-sharing", "padded"} <= set(slots):
        together, apart = slots["false-sharing"], slots["padded"]
        ratio = together.each.value / apart.each.value
        if ratio >= HARMLESS:
            parts.append(
                "Counters of different workers on one line travel as if they were shared: "
                f"{together.name} takes {significant(ratio)}× as long as {apart.name}."
            )
        else:
            parts.append(
                "Counters of different workers on one line need not travel for each step: a core "
                "reads back what its store buffer still holds and writes many increments whenever "
                f"the line comes by, so {together.name} takes {significant(ratio)}× as long as "
                f"{apart.name}."
            )
    if any(c.on_gpu for c in shown):
        parts.append(GPU_PHYSICS)
    return " ".join(parts)


def _says(shown: list[Cost]) -> str:
    exact = [c for c in shown if c.lost == 0]
    shared = [c for c in exact if c.workers > 1 and c.scope == "resident"]
    alone = next((c for c in shown if c.model == "serial"), None)
    parts = []
    if alone:
        parts.append(f"One worker alone adds 1 in {duration(alone.each.value)} ({alone.name}).")
    if shared:
        quick, slow = shared[0], shared[-1]
        text = (
            f"Of several workers that lose nothing, {quick.name} is the quickest "
            f"({duration(quick.each.value)} on {quick.on})"
        )
        if slow is not quick:
            ratio = significant(slow.each.value / quick.each.value)
            text += f" and {slow.name} the slowest ({duration(slow.each.value)}, {ratio}×)"
        parts.append(text + ".")
    kernels = [c for c in exact if c.scope == "kernel"]
    if kernels:
        told = [f"{duration(c.each.value)} by {c.model}/{c.variant}" for c in kernels]
        parts.append(
            f"By a GPU's own clock, without the launch, an increment takes {listing(told)}."
        )
    losing = [c for c in shown if c.lost > 0 and c.scope == "resident"]
    if losing:
        told = [f"{c.name} loses {_lost_share(c)} on {c.on}" for c in losing]
        parts.append(f"Racing is no way out: {listing(told)}.")
    return " ".join(parts) or f"An increment takes {duration(shown[0].each.value)}."


def _against_workers(found: list[Cost], machine: str, number: int) -> list[Figure]:
    lots = []
    for device in dict.fromkeys(c.device for c in found):
        swept = [c for c in found if c.device == device]
        names = split_by_model(list(dict.fromkeys((c.model, c.name) for c in swept)))
        lots += [[c for c in swept if c.name in lot] for lot in names]
    lots = [lot for lot in lots if len({c.workers for c in lot}) > 1]  # one alone is no curve
    return [_lines(lot, machine, f"{number}-{i}") for i, lot in enumerate(lots)]


def _lines(found: list[Cost], machine: str, number: str) -> Figure:
    rows = [cost_row(c) for c in found]
    series = plain_looks(list(dict.fromkeys(c.name for c in found)))
    kind = "multiprocessors" if found[0].on_gpu else "workers"
    x = worker_axis([c.workers for c in found], kind)
    layers = curves(rows, series, x, time_axis(rows, "time of an increment"), tooltips(TOOLTIP))
    models = list(dict.fromkeys(c.model for c in found))
    growths = []
    for s in series:
        mine = sorted((c for c in found if c.name == s.name), key=lambda c: c.workers)
        if len(mine) > 1:
            growths.append((mine[-1].each.value / mine[0].each.value, mine[0], mine[-1]))
    says = "Each was measured on one worker count alone."
    if growths:
        ratio, first, last = max(growths, key=lambda g: g[0])
        least = min(growths, key=lambda g: g[0])
        says = (
            f"From {first.workers} to {last.on} an increment of {last.name} takes "
            f"{significant(ratio)}× as long"
        )
        if least[1].name != first.name:
            says += f", one of {least[1].name} {significant(least[0])}×"
        says += "."
    return Figure(
        f"count-workers-{number}",
        title_of(f"Time of an increment against {kind}: {listing(models)}", machine),
        alt.layer(*layers),
        says,
        "Were the work divided without a price, twice the workers would halve the time of an "
        "increment. Where they take turns at one line it stays or grows instead.",
        series,
        ["variant", "on", "time of an increment", "95 % interval"],
        [[r["s"], r["w"], r["v"], r["i"]] for r in rows],
    )


def _lost(found: list[Cost], machine: str, number: int) -> Figure | None:
    losing = {c.name for c in found if c.lost > 0 and not c.on_gpu}
    rows: list[Row] = [
        {
            "x": c.workers,
            "y": round(c.lost, 5),
            "lo": round(c.lost, 5),
            "hi": round(c.lost, 5),
            "s": c.name,
            "w": c.on,
            "v": percent(c.lost),
        }
        for c in found
        if c.name in losing and not c.on_gpu
    ]
    if not rows:
        return None
    series = plain_looks(sorted(losing))
    x = worker_axis([r["x"] for r in rows], "workers")
    y = alt.Y(
        "y:Q", title="increments lost", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%")
    )
    layers = curves(rows, series, x, y, tooltips({"s": "variant", "w": "on", "v": "lost"}))
    worst = max(rows, key=lambda r: r["y"])
    return Figure(
        f"lost-{number}",
        title_of("What racing loses", machine),
        alt.layer(*layers),
        f"{worst['s']} loses up to {worst['v']} of the increments, on {worst['w']}.",
        RACING,
        series,
        ["variant", "on", "lost (median)"],
        [[r["s"], r["w"], r["v"]] for r in rows],
    )
