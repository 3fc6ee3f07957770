"""What handing over costs: the workload `switch`."""

from __future__ import annotations

import re

from analysis.chapters import tail
from analysis.drawing import figure
from analysis.drawing.charts import bars_height, log_bars, tooltips
from analysis.drawing.figure import Figure, Row
from analysis.drawing.looks import plain_looks
from analysis.measured.costs import TOOLTIP, Cost, columns, cost_row, costs, largest, title_of, unit
from analysis.measured.curves import Group
from analysis.words import plural, significant

WORKLOAD = "switch"
PHYSICS = (
    "On one core the token's holder must leave it to the other: two context switches a round "
    "trip. On two cores nobody leaves, but a sleeper has to be woken by an interrupt to its "
    "core, which is dearer unless it was still looking."
)


def chapter(group: Group, machine: str, number: int) -> list[Figure]:
    """The figures of `switch`: the time of a round trip, and of single ones."""
    found = sorted(largest(costs(group)), key=lambda c: c.each.value)
    if not found:
        return []
    figures = [
        _times(group, found, machine, number),
        tail.chapter(group, found, lambda c: c.name, lambda c: c.each.value, machine, number),
    ]
    return [f for f in figures if f]


def _times(group: Group, found: list[Cost], machine: str, number: int) -> Figure:
    counted = columns(group, found)
    rows: list[Row] = []
    for c in found:
        placed = re.search(r"-(\d+)-cores?$", c.variant)
        row = cost_row(c)
        row |= {
            "k": f"{c.model}/{c.variant[: placed.start()]}" if placed else c.name,
            "s": plural(int(placed[1]), "core") if placed else "anywhere",
            "g": row["v"],
        }
        # The counts are of one operation, which is `elements` round trips.
        row |= {
            f"c{i}": significant(c.more[column.name] / c.elements) if column.name in c.more else "-"
            for i, column in enumerate(counted)
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
    names = {f"c{i}": column.label for i, column in enumerate(counted)}
    each = {field: f"{name} each" for field, name in names.items()}
    return Figure(
        f"switch-{number}",
        title_of(f"Time of a {unit(group)}", machine),
        log_bars(
            rows,
            series,
            "time of a round trip",
            tooltips({**TOOLTIP, "s": "on", "k": "between", **each}),
            figure.TIME_LABEL,
            paired=True,
        ),
        says + ".",
        PHYSICS,
        series,
        ["between", "on", "round trip", "95 % interval", *names.values()],
        [[r["k"], r["s"], r["v"], r["i"], *[r[field] for field in names]] for r in rows],
        zooms=False,
        height=bars_height(rows),
    )
