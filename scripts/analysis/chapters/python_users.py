"""What a Python user would otherwise pick: plain Python and NumPy beside one core and the best."""

from __future__ import annotations

import altair as alt

from analysis.drawing import figure
from analysis.drawing.charts import (
    RATE_HEADER,
    RATE_TOOLTIP,
    bars_height,
    log_bars,
    log_domain,
    rate_axis,
    rate_cells,
    rate_row,
    short,
    size_axis,
    time_row,
    tooltips,
    worker_axis,
)
from analysis.drawing.figure import Figure, Row, curves
from analysis.drawing.looks import looks, plain_looks
from analysis.measured.costs import (
    TOOLTIP,
    Cost,
    columns,
    cores_of,
    cost_row,
    costs,
    full,
    largest,
    title_of,
)
from analysis.measured.curves import Curve, Group, Point
from analysis.statistics.stats import Estimate
from analysis.words import duration, format_size, listing, plural, significant

MODELS = ["python", "numpy"]
SERIAL = "python/serial"
ONE_CORE, BEST = "one core, C++", "best CPU, C++"
PHYSICS = (
    "Plain Python looks up the type of every number it touches; its threads take turns at one "
    "interpreter, its processes do not. NumPy does the same loop in C, "
    "on one core. Where memory is the limit, that is nearly as good as it gets on one core."
)
COUNT_PHYSICS = (
    "A step of plain Python is dozens of instructions, so a lock is a smaller part of it than in "
    "C++; threads still take turns, at the lock and at the interpreter."
)

# What a task of `wait` sleeps or computes.
TASK_NS = 1e6
SLEEPS, COMPUTES = "-block", "-compute"
WAIT_PHYSICS = (
    "CPython's global interpreter lock (GIL) lets one thread of a process run Python at a time. "
    "A thread that waits lets go of it: waiting for many things at a time takes threads, or an "
    "event loop, which waits for all of them on one thread. What computes in Python gains nothing "
    "by threads: it takes processes, each of which has a GIL of its own, or a Python without one."
)
SERVING_PHYSICS = (
    "A server with one thread does nothing else while a slow request waits, for a database or "
    "another server: whoever asked meanwhile waits as well. With a thread for each connection "
    "the others are served: a thread that waits has let go of the GIL."
)
THREADED = "-threaded"
CARRIED = "python/processes-"
MANAGER = f"{CARRIED}manager"
CARRIED_PHYSICS = (
    "Shared memory is read where it lies; a pipe and a queue carry a slice in one message. A "
    "manager keeps the list in a process of its own: each read and each write of an element is a "
    "message there and one back."
)


def is_baseline(models: set[str]) -> bool:
    """Whether a run of these models is one of scripts/python-baseline."""
    return bool(models) and models <= set(MODELS)


def rates(group: Group, compiled: Group | None, machine: str, number: int) -> Figure | None:
    """Rate against size; `compiled` is the same workload and type as build/crossover measured it.

    None where `group` has nothing of Python's.
    """
    # A manager's few elements would be all that the others are compared at.
    ways = {name: points for name, points in _ways(group).items() if name != MANAGER}
    if not ways:
        return None
    compared: dict[str, list[Point]] = {}
    for name, curve in _compiled(compiled):
        reach = max(p.elements for points in ways.values() for p in points)
        compared[name] = [p for p in curve.points if p.elements <= reach] or curve.points[:1]
    shown = {**ways, **compared}
    series = plain_looks(list(shown))
    rows = [rate_row(p, name) for name, points in shown.items() for p in points]
    x = size_axis(sorted({r["x"] for r in rows}), group.element_bytes)
    layers = curves(rows, series, x, rate_axis(rows), RATE_TOOLTIP)
    return Figure(
        f"python-{number}",
        title_of(f"Python: {group.title}", machine),
        alt.layer(*layers),
        _says(ways, compared),
        PHYSICS,
        series,
        RATE_HEADER,
        rate_cells(rows),
    )


def _ways(group: Group) -> dict[str, list[Point]]:
    """Each variant's fastest worker count at each size."""
    t = group.table
    mine = t.filter(t["model"].is_in(MODELS) & (t["elements"] > 0))
    found: dict[str, list[Point]] = {}
    for p in group.best_by(mine, "model", "variant", "elements"):
        found.setdefault(f"{p.model}/{p.variant}", []).append(p)
    order = sorted(found, key=lambda n: (n != SERIAL, MODELS.index(n.split("/")[0]), n))
    return {name: found[name] for name in order}


def _compiled(group: Group | None) -> list[tuple[str, Curve]]:
    if group is None:
        return []
    serial = group.curve("serial", "resident") if "serial" in group.cpu_models else None
    best = group.best_cpu() if set(group.cpu_models) - set(MODELS) else None
    return [(n, c) for n, c in ((ONE_CORE, serial), (BEST, best)) if c]


def _says(ways: dict[str, list[Point]], compared: dict[str, list[Point]]) -> str:
    everything = {**ways, **compared}
    base_name = SERIAL if SERIAL in ways else next(iter(ways))
    sizes = {p.elements for p in ways[base_name]}
    # The size that most of the others have too, the largest of them.
    size = max(sizes, key=lambda n: (sum(_at(p, n) is not None for p in everything.values()), n))
    base = _at(ways[base_name], size)
    assert base is not None
    told = [
        f"{name} is {significant(base.time.value / p.time.value)}× as fast"
        for name, points in everything.items()
        if name != base_name and (p := _at(points, size))
    ]
    text = f"At {format_size(size)} elements {base_name} moves {significant(base.rate.value)} GB/s"
    return text + (f"; {listing(told)}." if told else ".")


def _at(points: list[Point], elements: int) -> Point | None:
    return next((p for p in points if p.elements == elements), None)


def counting(group: Group, compiled: Group | None, machine: str, number: int) -> Figure | None:
    """Time of an increment in Python, beside that of one core and of several in C++."""
    mine = full([c for c in largest(costs(group)) if c.model in MODELS], cores_of(group))
    if not mine:
        return None
    shown = sorted([*mine, *_beside(compiled)], key=lambda c: c.each.value)
    rows = [{**cost_row(c), "s": c.model, "g": cost_row(c)["v"]} for c in shown]
    series = looks(list(dict.fromkeys(c.model for c in shown)))
    base = next((c for c in mine if c.name == SERIAL), mine[0])
    told = [
        f"{c.name} needs {duration(c.each.value)} ({significant(c.each.value / base.each.value)}×)"
        for c in shown
        if c is not base
    ]
    says = f"An increment takes {base.name} {duration(base.each.value)}"
    return Figure(
        f"python-count-{number}",
        title_of("Python: time of an increment", machine),
        log_bars(
            rows,
            series,
            "time of an increment",
            tooltips({**TOOLTIP, "k": "variant"}),
            figure.TIME_LABEL,
        ),
        says + (f"; {listing(told)}." if told else "."),
        COUNT_PHYSICS,
        series,
        ["variant", "on", "time of an increment", "95 % interval"],
        [[r["k"], r["w"], r["v"], r["i"]] for r in rows],
        zooms=False,
        height=bars_height(len(rows)),
    )


def _beside(compiled: Group | None) -> list[Cost]:
    """Of C++ the serial count, and of several workers that lose nothing the quickest and the
    slowest."""
    if compiled is None:
        return []
    found = full(largest(costs(compiled)), cores_of(compiled))
    own = [c for c in found if c.model not in MODELS and c.device == "cpu" and c.lost == 0]
    serial = [c for c in own if c.model == "serial"]
    shared = sorted((c for c in own if c.workers > 1), key=lambda c: c.each.value)
    return [*serial, *shared[:1], *shared[1:][-1:]]


def waiting(group: Group, machine: str, number: int) -> Figure | None:
    """Tasks under way at a time against workers: those that sleep and those that compute."""
    mine = [c for c in largest(costs(group)) if c.model in MODELS and c.workers > 0]
    found = [c for c in mine if not columns(group, [c])]
    if not found:
        return None
    rows = [_under_way(c) for c in found]
    series = plain_looks(list(dict.fromkeys(r["s"] for r in rows)))
    ends = [r[b] for r in rows for b in ("lo", "hi")]
    x = worker_axis([r["x"] for r in rows], "workers")
    y = alt.Y(
        "y:Q",
        title="tasks under way at a time",
        scale=alt.Scale(type="log", base=2, nice=False, domain=log_domain(ends)),
        axis=alt.Axis(format="~g", values=[2.0**e for e in range(-6, 16)]),
    )
    tooltip = tooltips({"s": "tasks", "x": "workers", "v": "under way", "i": "95 % interval"})
    most = max(r["x"] for r in rows)
    at = {r["s"]: r["v"] for r in rows if r["x"] == most}
    told = [
        f"{who} {at[sleeping]} and {at[who + COMPUTES]}"
        for sleeping in at
        if (who := sleeping.removesuffix(SLEEPS)) + COMPUTES in at
    ]
    return Figure(
        f"python-wait-{number}",
        title_of("Python: tasks under way at a time", machine),
        alt.layer(*curves(rows, series, x, y, tooltip)),
        f"Of tasks that sleep and of tasks that compute for {duration(TASK_NS)}, "
        f"{plural(most, 'worker')} have under way: {'; '.join(told)}."
        if told
        else "",
        WAIT_PHYSICS,
        series,
        ["tasks", "workers", "under way", "95 % interval"],
        [[r["s"], str(r["x"]), r["v"], r["i"]] for r in rows],
    )


def serving(group: Group, machine: str, number: int) -> Figure | None:
    """What fast requests wait for behind slow ones, by each web server."""
    told = [q for q in columns(group, costs(group)) if q.unit == "ns"]
    most = {
        c.name: c
        for c in sorted(largest(costs(group)), key=lambda c: c.workers)
        if c.model in MODELS and told and all(c.more.get(q.name, 0) > 0 for q in told)
    }
    if not most:
        return None
    found = sorted(most.values(), key=lambda c: (c.workers, c.name))
    times = {c.name: {q.label: c.more[q.name] for q in told} for c in found}
    rows = [
        time_row(c.workers, Estimate(time, None, None, c.each.samples), label, k=c.name, w=c.on)
        for c in found
        for label, time in times[c.name].items()
    ]
    rows = [{**r, "g": r["v"]} for r in rows]
    series = plain_looks([q.label for q in told])
    says = "; ".join(
        " and ".join(f"{duration(t)} ({q})" for q, t in each.items()) + f" by {name}"
        for name, each in times.items()
    )
    last = told[-1].label
    apart = [
        f"of {name} is {significant(each[last] / many[last])}× that of {name}{THREADED}"
        for name, each in times.items()
        if (many := times.get(name + THREADED))
    ]
    if apart:
        says += f". The {last} {listing(apart)}"
    return Figure(
        f"python-serving-{number}",
        title_of("Python: fast requests behind slow ones", machine),
        log_bars(
            rows,
            series,
            "time of a fast request",
            tooltips({"k": "server", "w": "on", "s": "of the fast requests", "v": "time"}),
            figure.TIME_LABEL,
            paired=True,
        ),
        f"A fast request takes {says}.",
        SERVING_PHYSICS,
        series,
        ["server", "on", "of the fast requests", "time"],
        [[r["k"], r["w"], r["s"], r["v"]] for r in rows],
        zooms=False,
        height=bars_height(len(rows)),
    )


def _under_way(cost: Cost) -> Row:
    e = cost.each.inverse(TASK_NS)
    low, high = e.low or e.value, e.high or e.value
    return {
        "x": cost.workers,
        "y": short(e.value),
        "lo": short(low),
        "hi": short(high),
        "s": cost.variant,
        "v": significant(e.value),
        "i": f"{significant(low)} to {significant(high)}" if e.certain else "too few rounds",
    }


def carrying(group: Group, machine: str, number: int) -> Figure | None:
    """Time of an element by how processes come to it, at the largest size of a manager's list."""
    ways = {n: points for n, points in _ways(group).items() if n.startswith(CARRIED)}
    if MANAGER not in ways:
        return None
    size = ways[MANAGER][-1].elements
    found = [(n, p) for n, points in ways.items() if (p := _at(points, size))]
    found.sort(key=lambda pair: pair[1].time.value)
    rows = [time_row(p.workers, p.time.scaled(1 / size), n, k=n, w=p.how) for n, p in found]
    rows = [{**r, "g": r["v"]} for r in rows]
    base, *others = rows
    told = [f"{r['k']} needs {r['v']} ({significant(r['y'] / base['y'])}×)" for r in others]
    series = plain_looks([r["k"] for r in rows])
    return Figure(
        f"python-carrying-{number}",
        title_of(f"Python: time of an element, by how processes share it: {group.title}", machine),
        log_bars(
            rows,
            series,
            "time of an element",
            tooltips({"k": "variant", "w": "fastest", "v": "time", "i": "95 % interval"}),
            figure.TIME_LABEL,
        ),
        f"Of {format_size(size)} elements each takes {base['k']} {base['v']}"
        + (f"; {listing(told)}." if told else "."),
        CARRIED_PHYSICS,
        series,
        ["variant", "fastest", "time of an element", "95 % interval"],
        [[r["k"], r["w"], r["v"], r["i"]] for r in rows],
        zooms=False,
        height=bars_height(len(rows)),
    )
