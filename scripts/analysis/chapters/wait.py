"""How waiting differs from computing: the workload `wait`."""

from __future__ import annotations

import altair as alt

from analysis.chapters import tail
from analysis.drawing import figure
from analysis.drawing.charts import log_domain, short, time_axis, time_row, tooltips, worker_axis
from analysis.drawing.figure import Figure, Row, curves, marks
from analysis.drawing.looks import plain_looks
from analysis.measured.costs import Cost, columns, cores_of, costs, largest, title_of
from analysis.measured.curves import Group
from analysis.statistics.stats import Estimate
from analysis.words import duration, listing, percent, plural, significant

WORKLOAD = "wait"
# What a task waits or computes.
TASK_NS = 1e6
TASKS = ["block", "compute"]
MIXED = "mixed"
SERVERS = {
    "server": ": a server with a pool of threads",
    "server-per-connection": ": a server with a thread a connection",
}
TO = {"server": " to a pool", "server-per-connection": " to a thread of its connection"}
PHYSICS = (
    "A worker that waits for a disk, a network or a timer needs no core: as many tasks are under "
    "way as there are workers. A worker that computes needs one, so computing ends at the cores."
)
MIXED_PHYSICS = (
    "A fast request behind a slow one waits for all of it; with more workers another takes it at "
    "once, until all of them are busy with slow ones. A high percentile sees that long before the "
    "median does."
)

SERVER_PHYSICS = (
    "A slow request waits, as for a disk or another server, and needs no core meanwhile. With one "
    "thread nobody else is served until it is done; with more, others are, however few the cores."
)


def chapter(group: Group, machine: str, number: int) -> list[Figure | tuple[Figure, ...]]:
    """The figures of one run's `wait`."""
    found = [c for c in largest(costs(group)) if c.workers > 0]
    pairs = [
        (
            _progress(group, [c for c in found if c.variant in TASKS], machine, number),
            _fast(group, [c for c in found if c.variant == MIXED], machine, number),
        ),
        tuple(
            _fast(group, [c for c in found if c.variant == variant], machine, number)
            for variant in SERVERS
        ),
    ]
    drawn = [kept for pair in pairs if (kept := tuple(f for f in pair if f))]
    several = len({c.model for c in found}) > 1

    def name(cost: Cost) -> str:
        return f"{cost.name if several else cost.variant} on {cost.on}"

    def mean(cost: Cost) -> float:
        # As many are under way at a time as there are workers. Requests come as they come.
        return cost.each.value * cost.workers if cost.variant in TASKS else 0.0

    single = tail.chapter(group, found, name, mean, machine, number)
    return [*drawn, *([single] if single else [])]


def _under_way(cost: Cost) -> Estimate:
    """How many tasks of TASK_NS were under way at a time, on average."""
    return cost.each.inverse(TASK_NS)


def _progress(group: Group, found: list[Cost], machine: str, number: int) -> Figure | None:
    if not found:
        return None
    several = len({c.model for c in found}) > 1
    rows: list[Row] = []
    for c in found:
        e = _under_way(c)
        low, high = e.low or e.value, e.high or e.value
        rows.append(
            {
                "x": c.workers,
                "y": short(e.value),
                "lo": short(low),
                "hi": short(high),
                "s": c.name if several else c.variant,
                "v": significant(e.value),
                "p": percent(e.value / c.workers),
                "i": f"{significant(low)} to {significant(high)}"
                if e.certain
                else "too few rounds",
                "t": duration(c.each.value),
            }
        )
    series = plain_looks(list(dict.fromkeys(r["s"] for r in rows)))
    workers = sorted({r["x"] for r in rows})
    x = worker_axis(workers, "workers")
    reached = [float(w) for w in workers] + [r[b] for r in rows for b in ("y", "lo", "hi")]
    y = alt.Y(
        "y:Q",
        title="tasks under way at a time",
        scale=alt.Scale(type="log", base=2, nice=False, domain=log_domain(reached)),
        axis=alt.Axis(format="~g", values=[2.0**e for e in range(-6, 16)]),
    )
    ideal = alt.Chart(figure.data([{"x": w, "y": w} for w in (workers[0], workers[-1])]))
    tooltip = tooltips(
        {"s": "tasks", "x": "workers", "v": "under way", "p": "of the ideal",
         "i": "95 % interval", "t": "time of a task"}
    )  # fmt: skip
    layers = [
        ideal.mark_line(strokeDash=[4, 4], color=figure.GREY, clip=True).encode(x=x, y=y),
        *curves(rows, series, x, y, tooltip),
    ]
    cores = cores_of(group)
    if cores is not None and workers[0] <= cores < workers[-1]:
        layers = [*marks([{"x": cores, "t": plural(int(cores), "core"), "row": 0}], x), *layers]
    parts = []
    for s in series:
        mine = [r for r in rows if r["s"] == s.name]
        last, best = max(mine, key=lambda r: r["x"]), max(mine, key=lambda r: r["y"])
        on = plural(last["x"], "worker")
        text = f"{s.name} reaches {last['v']} on {on}, {last['p']} of the ideal"
        if best["y"] > last["y"] * 1.05:
            text += f" (at best {best['v']}, on {best['x']})"
        parts.append(text)
    return Figure(
        f"wait-{number}",
        title_of("Tasks under way at a time", machine),
        alt.layer(*layers),
        f"Of tasks of {duration(TASK_NS)}, {listing(parts)}.",
        PHYSICS + " (Dashed: as many as there are workers.)",
        series,
        ["tasks", "workers", "under way", "of the ideal", "95 % interval", "time of a task"],
        [[r["s"], str(r["x"]), r["v"], r["p"], r["i"], r["t"]] for r in rows],
    )


def _fast(group: Group, mine: list[Cost], machine: str, number: int) -> Figure | None:
    """How long fast requests took beside slow ones, by one variant of any model."""
    several = len({c.model for c in mine}) > 1
    rows: list[Row] = []
    for column in columns(group, mine):
        for c in mine:
            if c.more.get(column.name, 0) > 0:
                time = Estimate(c.more[column.name], None, None, c.each.samples)
                label = f"{c.model}, {column.label}" if several else column.label
                rows.append(time_row(c.workers, time, label, q=column.label))
    if not rows:
        return None
    variant = mine[0].variant
    series = plain_looks(list(dict.fromkeys(r["s"] for r in rows)))
    x = worker_axis([r["x"] for r in rows], "workers")
    layers = curves(
        rows,
        series,
        x,
        time_axis(rows, "time of a fast request"),
        tooltips({"s": "of the fast requests", "x": "workers", "v": "time"}),
    )
    told = []
    few, many = min(r["x"] for r in rows), max(r["x"] for r in rows)
    for count in dict.fromkeys([few, many]):
        at = {r["q"]: r["v"] for r in rows if r["x"] == count}
        values = listing([f"{value} ({q})" for q, value in at.items()])
        told.append(f"{values} on {plural(count, 'worker')}")
    says = ""
    for column in dict.fromkeys(r["q"] for r in rows):
        best = min((r for r in rows if r["q"] == column), key=lambda r: r["y"])
        if few != many:
            told.append(f"the lowest {column} is {best['v']}, on {plural(best['x'], 'worker')}")
        if variant in SERVERS and few == 1 < best["x"]:
            one = next(r for r in rows if r["q"] == column and r["x"] == few)
            says = (
                f" With one thread the {column} is {significant(one['y'] / best['y'])}× as long as "
                f"with {best['x']}."
            )
    return Figure(
        f"{variant}-{number}",
        title_of(f"Fast requests beside slow ones{SERVERS.get(variant, '')}", machine),
        alt.layer(*layers),
        f"A fast request{TO.get(variant, '')} takes {'; '.join(told)}.{says}",
        SERVER_PHYSICS if variant in SERVERS else MIXED_PHYSICS,
        series,
        ["of the fast requests", "workers", "time"],
        [[r["s"], str(r["x"]), r["v"]] for r in rows],
    )
