"""A fleet on the page: which nodes fall behind the others of their kind, and what differs."""

from __future__ import annotations

import altair as alt

from analysis.drawing import figure
from analysis.drawing.charts import bars_height, short, tooltips
from analysis.drawing.figure import Figure, Row
from analysis.drawing.looks import plain_looks
from analysis.drawing.markup import Child, Html, el, table
from analysis.fleet.behind import FEWEST, Fleet, Standing
from analysis.fleet.nodes import Node
from analysis.fleet.words import difference, problems, verdict
from analysis.words import percent, plural, significant

# A table of more can't be read, nor a chart of more dots of a workload be seen.
MOST_ROWS = 60
MOST_DOTS = 200
BEHIND, LEVEL = "falls behind", "with the others"


def of_fleet(fleet: Fleet) -> list[Html | Figure]:
    """Who falls behind, how all lie, and what is missing; nothing of fewer than three nodes."""
    if len(fleet.nodes) < FEWEST or not fleet.standings:
        return []
    found: list[Html | Figure] = [el("p", f"Of {len(fleet.nodes)} nodes {verdict(fleet)}.")]
    if fleet.behind:
        found.append(_behind(fleet))
    found.append(_dots(fleet))
    if told := problems(fleet):
        found.append(el("ul", [el("li", text) for text in told], class_="note"))
    return found


def differences(fleet: Fleet) -> Html | None:
    """What differs between more nodes than a table has columns for."""
    if not fleet.differences:
        return None
    lines = [el("li", difference(what, have)) for what, have in fleet.differences]
    return el("div", el("p", "What differs between the nodes:"), el("ul", lines))


def _behind(fleet: Fleet) -> Html:
    rows: list[list[Child]] = [
        [
            s.node.name,
            s.what,
            f"{significant(s.ratio)}×",
            f"{significant(s.low)} to {significant(s.high)}",
            f"{s.slower} of {plural(s.of, 'configuration')}",
            f"{significant(s.worst_ratio)}× at {s.worst}",
        ]
        for s in fleet.behind[:MOST_ROWS]
    ]
    caption = "Nodes that fall behind the others"
    if len(fleet.behind) > MOST_ROWS:
        caption += f": the slowest {MOST_ROWS} of {len(fleet.behind)}"
    slower = f"slower by {fleet.least}"
    header = ["node", "workload", "time over the others'", "95 %, all together", slower, "most"]
    return table(header, rows, numeric=[2], caption=caption)


def _dots(fleet: Fleet) -> Figure:
    """A dot for each node and workload."""
    slow: list[Row] = []
    others: list[Row] = []
    for what in dict.fromkeys(s.what for s in fleet.standings):
        of = [s for s in fleet.standings if s.what == what]  # by their ratio
        slow += [_row(s, BEHIND) for s in of if s.behind(fleet.threshold)]
        level = [s for s in of if not s.behind(fleet.threshold)]
        others += [_row(s, LEVEL) for s in level[:: max(1, -(-len(level) // MOST_DOTS))]]
    rows = [*slow, *others]
    left = len(fleet.standings) - len(rows)
    looks = plain_looks([LEVEL, BEHIND])
    low, high = min(r["x"] for r in rows), max(r["x"] for r in rows)
    x = alt.X(
        "x:Q",
        title="time over the median of the others",
        scale=alt.Scale(type="log", nice=False, domain=[low / 1.02, high * 1.02]),
        axis=alt.Axis(format="~g", values=_ticks(low, high)),
    )
    order = list(dict.fromkeys(s.what for s in fleet.standings))
    base = alt.Chart(figure.data(rows)).encode(
        x=x, y=alt.Y("k:N", sort=order, title=None, axis=alt.Axis(labelLimit=185))
    )
    dots = base.mark_point(filled=True, size=45).encode(
        color=figure.colour(looks),
        shape=alt.Shape("s:N", scale=alt.Scale(domain=[s.name for s in looks],
                                               range=[s.shape for s in looks]), legend=None),
        opacity=figure.opacity(0.75, 0.15),
        tooltip=tooltips({"n": "node", "k": "workload", "v": "time over the others'",
                          "i": "95 % interval, all together"}),
    )  # fmt: skip
    spread = ", ".join(f"{what} {percent(s)}" for what, s in fleet.scatter.items())
    return Figure(
        "fleet",
        "Each node beside the others",
        dots,
        f"Like nodes lie apart by (one standard deviation): {spread}."
        + (f" {plural(left, 'dot')} between others not drawn." if left else ""),
        "Nodes of one kind should do alike. One that is slow at everything is throttled or shared; "
        "slow only from memory, it lacks memory channels or huge pages; slow only with all "
        "workers, it lacks CPUs or power.",
        looks,
        ["node", "workload", "time over the others'", "95 % interval, all together"],
        [[r["n"], r["k"], r["v"], r["i"]] for r in rows],
        zooms=False,
        height=bars_height(len(order)),
    )


def _row(s: Standing, series: str) -> Row:
    return {
        "x": short(s.ratio),
        "k": s.what,
        "s": series,
        "n": s.node.name,
        "v": f"{significant(s.ratio)}×",
        "i": f"{significant(s.low)} to {significant(s.high)}",
    }


def _ticks(low: float, high: float) -> list[float]:
    """Marks at round ratios, 1 among them."""
    for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0):
        first, last = round((low - 1) / step), round((high - 1) / step)
        if last - first <= 8:
            return [round(1 + k * step, 2) for k in range(first, last + 1) if 1 + k * step > 0]
    return [1.0, 10.0, 100.0]


def shown(fleet: Fleet, most: int) -> list[Node]:
    """At most `most` of the nodes: the first and the slowest."""
    slowest = dict.fromkeys(s.node.name for s in fleet.standings)
    names = dict.fromkeys([*(n.name for n in fleet.nodes[:1]), *slowest])
    names |= dict.fromkeys(n.name for n in fleet.nodes)
    kept = list(names)[:most]
    return [node for node in fleet.nodes if node.name in kept]
