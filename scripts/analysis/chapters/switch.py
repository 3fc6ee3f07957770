"""What handing over costs: the workload `switch`."""

from __future__ import annotations

import re
from statistics import median

from analysis.chapters import tail
from analysis.drawing import figure
from analysis.drawing.charts import bars_height, log_bars, tooltips
from analysis.drawing.figure import Figure, Row
from analysis.drawing.looks import plain_looks
from analysis.measured.costs import TOOLTIP, Cost, columns, cost_row, costs, largest, title_of, unit
from analysis.measured.curves import Group
from analysis.words import plural, significant

WORKLOAD = "switch"
SWITCHES = ["voluntary_switches", "involuntary_switches"]
ONE_CORE, TWO_CORES = "1 core", "2 cores"
# So many switches in a round trip are as good as none.
FEW_SWITCHES = 0.5


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


def _place(cost: Cost) -> str:
    placed = re.search(r"-(\d+)-cores?$", cost.variant)
    return plural(int(placed[1]), "core") if placed else "anywhere"


def _switches(found: list[Cost], place: str) -> float | None:
    """Context switches of both workers in a round trip: the median of those placed so."""
    told = [
        sum(c.more[name] for name in SWITCHES) / c.elements
        for c in found
        if _place(c) == place and all(name in c.more for name in SWITCHES)
    ]
    return median(told) if told else None


def _why(found: list[Cost]) -> str:
    one, two = _switches(found, ONE_CORE), _switches(found, TWO_CORES)
    text = "On one core the token's holder must leave it to the other"
    text += f": {significant(one)} context switches a round trip." if one is not None else "."
    if two is not None and two < FEW_SWITCHES:
        return f"{text} On two cores hardly anybody leaves ({significant(two)} switches)."
    told = f" ({significant(two)} switches)" if two is not None else ""
    return (
        f"{text} On two cores who waits leaves as well{told} and has to be woken by an interrupt "
        "to its core, which is dearer unless it was still looking."
    )


def _times(group: Group, found: list[Cost], machine: str, number: int) -> Figure:
    counted = columns(group, found)
    rows: list[Row] = []
    for c in found:
        row = cost_row(c)
        row |= {
            "k": re.sub(r"-\d+-cores?$", "", c.name),
            "s": _place(c),
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
        says += f" to {last['v']} by {last['k']} ({last['s']})"
    pairs = sorted(
        (b["y"] / a["y"], a["k"])
        for a in rows
        for b in rows
        if a["s"] == ONE_CORE and b["s"] == TWO_CORES and a["k"] == b["k"]
    )
    if pairs:
        told = [
            f"{significant(ratio)}× ({between})"
            for ratio, between in pairs[:: max(1, len(pairs) - 1)]
        ]
        says += f"; on two cores it takes {' to '.join(told)} as long as on one"
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
        _why(found),
        series,
        ["between", "on", "round trip", "95 % interval", *names.values()],
        [[r["k"], r["s"], r["v"], r["i"], *[r[field] for field in names]] for r in rows],
        zooms=False,
        height=bars_height(len(rows)),
    )
