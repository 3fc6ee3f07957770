"""What handing over costs: the workload `switch`, and any other that moves no data."""

from __future__ import annotations

import re

from analysis.drawing import figure
from analysis.drawing.charts import bars_height, log_bars, tooltips
from analysis.drawing.figure import Figure
from analysis.drawing.looks import plain_looks
from analysis.drawing.markup import Child, Html, table
from analysis.measured.costs import (
    TOOLTIP,
    cores_of,
    cost_row,
    costs,
    full,
    largest,
    title_of,
    unit,
)
from analysis.measured.curves import Group
from analysis.words import duration, plural, significant

PHYSICS = (
    "On one core the token's holder must leave it to the other: two context switches a round "
    "trip. On two cores nobody leaves, but a sleeper has to be woken by an interrupt to its "
    "core, which is dearer unless it was still looking."
)


def chapter(group: Group, machine: str, number: int) -> Figure | None:
    """The figure of `switch`: the time of a round trip."""
    found = sorted(largest(costs(group)), key=lambda c: c.each.value)
    if not found:
        return None
    rows = []
    for c in found:
        placed = re.search(r"-(\d+)-cores?$", c.variant)
        # The counts are of one operation, which is `elements` round trips.
        counts = [
            f"{significant(c.more[name] / c.elements)}" if name in c.more else "-"
            for name in ("voluntary_switches", "involuntary_switches")
        ]
        row = cost_row(c)
        row |= {
            "k": f"{c.model}/{c.variant[: placed.start()]}" if placed else c.name,
            "s": plural(int(placed[1]), "core") if placed else "anywhere",
            "g": row["v"],
            "a": counts[0],
            "b": counts[1],
        }
        rows.append(row)
    series = plain_looks(sorted({r["s"] for r in rows}))
    first, last = rows[0], rows[-1]
    says = f"Handing a token there and back takes {first['v']} by {first['k']} ({first['s']})"
    if last is not first:
        says += f" and {last['v']} by {last['k']} ({last['s']})"
    pairs = [
        (b["y"] / a["y"], a, b)
        for a in rows
        for b in rows
        if a["s"] == "1 core" and b["s"] == "2 cores" and a["k"] == b["k"]
    ]  # fmt: skip
    if pairs:
        ratio, one, _ = max(pairs, key=lambda p: max(p[0], 1 / p[0]))
        how = f"{significant(max(ratio, 1 / ratio))}× {'dearer' if ratio > 1 else 'cheaper'}"
        says += f"; on two cores {one['k']} is {how} than on one"
    header = ["between", "on", "round trip", "95 % interval", "voluntary switches", "involuntary"]
    return Figure(
        f"switch-{number}",
        title_of(f"Time of a {unit(group)}", machine),
        log_bars(
            rows,
            series,
            "time of a round trip",
            tooltips({**TOOLTIP, "s": "on", "k": "between", "a": "voluntary switches each",
                      "b": "involuntary switches each"}),
            figure.TIME_LABEL,
            paired=True,
        ),
        says + ".",
        PHYSICS,
        series,
        header,
        [[r["k"], r["s"], r["v"], r["i"], r["a"], r["b"]] for r in rows],
        zooms=False,
        height=bars_height(rows),
    )  # fmt: skip


def others(group: Group, machine: str) -> Html | None:
    """Any other workload that moves no data: its times for each unit, quickest first."""
    found = sorted(full(largest(costs(group)), cores_of(group)), key=lambda c: c.each.value)
    if not found:
        return None
    rows: list[list[Child]] = [
        [c.name, c.on, f"{c.elements:,}", duration(c.each.value), duration(c.whole.value)]
        for c in found[:40]
    ]
    return table(
        ["variant", "on", f"{unit(group)}s", f"time of one {unit(group)}", "time of all"],
        rows,
        numeric=[2, 3, 4],
        caption=title_of(f"{group.workload}: time for each {unit(group)}", machine),
    )
