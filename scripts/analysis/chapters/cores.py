"""How far apart cores are: the workload `core-to-core`, a matrix of all pairs."""

from __future__ import annotations

import re
from statistics import median

import altair as alt

from analysis.drawing import figure
from analysis.drawing.charts import short, tooltips
from analysis.drawing.figure import Figure, Row
from analysis.measured.costs import Cost, costs, title_of
from analysis.measured.curves import Group
from analysis.words import duration, plural

WORKLOAD = "core-to-core"
PAIR = re.compile(r"(\d{1,6})-(\d{1,6})", re.ASCII)
CELL = 22  # a row's height
# Of more CPUs the numbers in the cells would be too small to read.
MOST_NUMBERS = 24
DARK = 0.6  # cells with so much of the longest time are dark
PHYSICS = (
    "A cache line that another core has written comes from that core's cache, not from memory. How "
    "long that takes depends on what lies between: cores with a cache in common are near, those on "
    "other dies, sockets and NUMA nodes far. Locks, counters and barriers wait for it each time "
    "they change hands. (The darker, the longer.)"
)


def chapter(group: Group, machine: str, number: int) -> Figure | None:
    """The time of a round trip between each two CPUs; None where no pair was measured."""
    pairs = {
        (int(a), int(b)): cost
        for cost in costs(group)
        if (m := PAIR.fullmatch(cost.variant))
        for a, b in [m.groups()]
    }
    if not pairs:
        return None
    rows: list[Row] = [
        {
            "x": x,
            "y": y,
            "t": short(cost.each.value),
            "p": f"CPUs {a} and {b}",
            "v": duration(cost.each.value),
            "i": _interval(cost),
        }
        for (a, b), cost in sorted(pairs.items())
        for x, y in ((a, b), (b, a))
    ]
    cpus = sorted({cpu for pair in pairs for cpu in pair})
    axis = alt.Axis(labelOverlap=True, labelAngle=0, title="CPU")
    base = alt.Chart(figure.data(rows)).encode(
        x=alt.X("x:O", sort=cpus, axis=axis), y=alt.Y("y:O", sort=cpus, axis=axis)
    )
    cells = base.mark_rect(stroke="white", strokeWidth=1).encode(
        color=alt.Color(
            "t:Q", scale=alt.Scale(scheme="blues", type="log", domain=_ends(rows)), legend=None
        ),
        tooltip=tooltips({"p": "between", "v": "there and back", "i": "95 % interval"}),
    )
    numbers = base.mark_text(fontSize=10, strokeWidth=0).encode(
        text=alt.Text("t:Q", format=".0f"),
        color=alt.condition(f"datum.t > {DARK} * {max(r['t'] for r in rows)}", alt.value("white"),
                            alt.value("black")),
    )  # fmt: skip
    chart = alt.layer(cells, numbers) if len(cpus) <= MOST_NUMBERS else cells
    return Figure(
        f"{WORKLOAD}-{number}",
        title_of("Time of a cache line to another core and back", machine),
        chart,
        _says(pairs, group.left.height),
        PHYSICS,
        [],
        ["between", "there and back", "95 % interval"],
        [[r["p"], r["v"], r["i"]] for r in rows[::2]],
        zooms=False,
        height=60 + CELL * len(cpus),
    )


def _ends(rows: list[Row]) -> list[float]:
    """Of the colours: white is half of the shortest time."""
    return [min(r["t"] for r in rows) / 2, max(r["t"] for r in rows)]


def _interval(cost: Cost) -> str:
    low, high = cost.each.low, cost.each.high
    if low is None or high is None:
        return "too few rounds"
    return f"{duration(low)} to {duration(high)}"


def _says(pairs: dict[tuple[int, int], Cost], left: int) -> str:
    def told(pair: tuple[int, int]) -> str:
        return f"{duration(pairs[pair].each.value)} between CPUs {pair[0]} and {pair[1]}"

    ordered = sorted(pairs, key=lambda pair: pairs[pair].each.value)
    says = f"A cache line goes to another core and back in {told(ordered[0])}"
    if len(ordered) > 1:
        middle = median(cost.each.value for cost in pairs.values())
        says += (
            f" to {told(ordered[-1])}; the median of {plural(len(pairs), 'pair')} is "
            f"{duration(middle)}"
        )
    if left:
        says += f". For want of time {plural(left, 'pair')} of {len(pairs) + left} were left out"
    return f"{says}."
