"""How long single units of a cost took, a round trip or a task: what its mean hides."""

from __future__ import annotations

import re
from collections.abc import Callable
from statistics import median

import altair as alt

from analysis.drawing import figure
from analysis.drawing.charts import short, tooltips
from analysis.drawing.figure import Figure, Row, Specified
from analysis.drawing.looks import Series, plain_looks
from analysis.measured.costs import Cost, columns, title_of, unit
from analysis.measured.curves import Group
from analysis.words import duration, listing, significant

# Of the group's columns those that are times of single units; the others say how they were timed.
SINGLE = "op "
MEAN = "mean"
PHYSICS = (
    "What makes a few so much longer than the others is rarely their own work: somebody else's "
    "turn on the core, an interrupt, a core that had fallen asleep, a hypervisor that took the "
    "CPU away. Who needs many of them before going on waits for the slowest."
)


def chapter(
    group: Group,
    found: list[Cost],
    name: Callable[[Cost], str],
    mean: Callable[[Cost], float],
    machine: str,
    number: int,
) -> Figure | None:
    """The figure of the percentiles of `found`, in its order; nothing where none tells them.

    `mean` is what a single unit takes by the sample's clock, in ns.
    """
    told = [c for c in columns(group, found, "tail") if c.unit == "ns"]
    single = {
        c.name: re.sub(r"^p(\d\d)(\d+)$", r"p\1.\2", c.label.removeprefix(SINGLE))
        for c in told if c.label.startswith(SINGLE)
    }  # fmt: skip
    shown = [c for c in found if any(c.more.get(field, 0) > 0 for field in single)]
    if not shown:
        return None
    rows: list[Row] = []
    for c in shown:
        times = {MEAN: mean(c), **{label: c.more.get(f, 0) for f, label in single.items()}}
        rows += [
            {"k": name(c), "s": label, "y": short(time), "v": duration(time)}
            for label, time in times.items()
            if time > 0
        ]
    series = plain_looks([MEAN, *single.values()])
    texts = {(r["k"], r["s"]): r["v"] for r in rows}
    says = f"A {unit(group)} by {name(shown[0])} takes " + listing(
        [f"{r['v']} ({r['s']})" for r in rows if r["k"] == name(shown[0])]
    )
    # Without the last, the maximum, which is one unit's.
    percentiles = [*single][:-1]
    ratios = [
        (c.more[percentiles[-1]] / c.more[percentiles[0]], c)
        for c in shown
        if len(percentiles) > 1 and all(c.more.get(percentiles[i], 0) > 0 for i in (0, -1))
    ]
    if ratios:
        ratio, worst = max(ratios, key=lambda pair: pair[0])
        says += (
            f"; the longest tail is that of {name(worst)}, "
            f"whose {single[percentiles[-1]]} is {significant(ratio)}× its {single[percentiles[0]]}"
        )
    for column in told:
        if column.name not in single:
            value = median(c.more[column.name] for c in found if column.name in c.more)
            says += f". {column.meaning[:1].upper()}{column.meaning[1:]}: {duration(value)}"
    names = list(dict.fromkeys(r["k"] for r in rows))
    return Figure(
        f"{group.workload}-tail-{number}",
        title_of(f"Single {unit(group)}s: the tail behind the mean", machine),
        _chart(rows, names, series),
        f"{says}.",
        PHYSICS,
        series,
        ["of", *[s.name for s in series]],
        [[k, *[texts.get((k, s.name), "-") for s in series]] for k in names],
        zooms=False,
        height=70 + 26 * len(names),
    )


def _chart(rows: list[Row], names: list[str], series: list[Series]) -> Specified:
    ends = [min(r["y"] for r in rows) / 1.3, max(r["y"] for r in rows) * 1.3]
    x = alt.X(
        "y:Q",
        title="time",
        scale=alt.Scale(type="log", nice=False, domain=ends),
        axis=alt.Axis(values=figure.log_ticks(*ends), labelExpr=figure.TIME_LABEL),
    )
    chart = alt.Chart(figure.data(rows)).encode(
        y=alt.Y("k:N", sort=names, title=None, axis=alt.Axis(labelLimit=240, grid=True))
    )
    spans = [
        {"k": k, "y": min(times), "hi": max(times)}
        for k in names
        if (times := [r["y"] for r in rows if r["k"] == k])
    ]
    rules = chart.mark_rule(color=figure.GREY).encode(x=x, x2="hi:Q")
    rules.data = figure.data(spans)
    points = chart.mark_point(filled=True, size=80).encode(
        x=x,
        color=figure.colour(series),
        shape=figure.shape(series),
        opacity=figure.opacity(1, 0.1),
        tooltip=tooltips({"k": "of", "s": "percentile", "v": "time"}),
    )
    return alt.layer(rules, points)
