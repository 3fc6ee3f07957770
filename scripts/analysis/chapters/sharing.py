"""Threads against processes against messages, at equal work on equally many workers."""

from __future__ import annotations

import altair as alt
import polars as pl

from analysis.drawing.charts import (
    RATE_HEADER,
    RATE_TOOLTIP,
    rate_axis,
    rate_cells,
    rate_row,
    size_axis,
)
from analysis.drawing.figure import Figure, Row, broken, curves, note_on
from analysis.drawing.looks import plain_looks
from analysis.drawing.markup import Child, Html, table
from analysis.measured.costs import cores_of, title_of
from analysis.measured.curves import Group, Point, point_of
from analysis.reading.vocabulary import place
from analysis.words import duration, format_size, listing, plural, ratio, significant

MODELS = ["processes", "mpi"]
THREADS = "threads"
# Variants that send the data itself, into the kernel and out of it.
MESSAGES = ["queue", "pipe", "socket", "file", "scatter-gather"]
MADE_ANEW = "spawn"
PHYSICS = "Processes that share memory work on it as threads do; only telling them differs."
RANKS_PHYSICS = " So do MPI ranks, which have their slices already and send no data."
MESSAGES_PHYSICS = (
    " Messages copy every byte twice, into the kernel and out of it, there and back, at a few GB/s "
    "a core: that is the limit wherever the work itself is as cheap as here."
)
ANEW_PHYSICS = " Processes that are made for each operation pay for that first."


def chapter(group: Group, machine: str, number: int) -> list[Figure | Html]:
    """Rate against size of each way to share, and what each costs at both ends."""
    workers, ways = _ways(group)
    if not any(name.split("/")[0] in MODELS for name in ways):
        return []
    series = plain_looks(list(ways))
    left = group.left.filter(pl.col("workers") == workers)
    rows: list[Row] = []
    for name, points in ways.items():
        mine = left.filter(pl.col("model") + "/" + pl.col("variant") == name)
        own = [rate_row(p, name) for p in _drawn(points)]
        rows += broken(own, set(mine.get_column("elements")) - {p.elements for p in points})
    x = size_axis(sorted({r["x"] for r in rows}), group.element_bytes)
    layers = curves(rows, series, x, rate_axis(rows), RATE_TOOLTIP)
    where = title_of(f"{group.title}, {plural(workers, 'worker')}", machine)
    made = Figure(
        f"sharing-{number}",
        f"{title([group])}: {where}",
        alt.layer(*layers),
        _says(group, ways, workers),
        _why(list(ways)) + note_on(rows),
        series,
        RATE_HEADER,
        rate_cells(rows),
    )
    return [made, _table(group, ways, where)]


def sends(group: Group) -> bool:
    """Whether any way that was measured sends its data in messages."""
    return any(name.split("/", 1)[1] in MESSAGES for name in _ways(group)[1])


def title(groups: list[Group]) -> str:
    """What is compared in these: messages only where some were sent."""
    ways = {name for group in groups for name in _ways(group)[1]}
    named = ["Threads"]
    named += ["processes"] if any(n.startswith("processes/") for n in ways) else []
    named += ["MPI ranks"] if "mpi/slices" in ways else []
    named += ["messages"] if any(n.split("/", 1)[1] in MESSAGES for n in ways) else []
    return listing(named)


def _why(ways: list[str]) -> str:
    variants = [name.split("/", 1)[1] for name in ways]
    return (
        PHYSICS
        + (RANKS_PHYSICS if "mpi/slices" in ways else "")
        + (MESSAGES_PHYSICS if any(v in MESSAGES for v in variants) else "")
        + (ANEW_PHYSICS if MADE_ANEW in variants else "")
    )


def _ways(group: Group) -> tuple[int, dict[str, list[Point]]]:
    """Points by size of each way, all on as many workers: the most that have a core each."""
    t = group.table
    mine = t.filter(
        (t["model"].is_in(MODELS) | (t["model"] + "/" + t["variant"] == _threads(group)))
        & (t["scope"] == "resident")
        & (t["device"] == "cpu")
        & (t["elements"] > 0)
        & (t["workers"] > 0)
    )
    counts = mine.filter(mine["model"].is_in(MODELS)).get_column("workers").unique().to_list()
    if not counts:
        return 0, {}
    cores = cores_of(group)
    fitting = [w for w in counts if cores is None or w <= cores] or [min(counts)]
    workers = max(fitting)
    best = mine.filter(mine["workers"] == workers).sort("median")
    best = best.unique(["model", "variant", "elements"], keep="first").sort("elements")
    ways: dict[str, list[Point]] = {}
    for row in best.filter(pl.col("median").is_not_null()).iter_rows(named=True):
        ways.setdefault(f"{row['model']}/{row['variant']}", []).append(point_of(row))
    known = group.run.vocabulary

    def order(name: str) -> tuple[int, int]:
        model, variant = name.split("/", 1)
        return place(known.models, model), known.place(model, group.workload, variant)

    return workers, {name: ways[name] for name in sorted(ways, key=order)}


def _threads(group: Group) -> str:
    """What processes and messages are held against: the best that threads do."""
    ladder = group.run.vocabulary.ladder(THREADS, group.workload)
    return f"{THREADS}/{next((v.name for v in ladder if v.role == 'best'), '')}"


def _drawn(points: list[Point], most: int = 150) -> list[Point]:
    step = -(-len(points) // most)
    return [p for i, p in enumerate(points) if i % step == 0 or p is points[-1]]


def _says(group: Group, ways: dict[str, list[Point]], workers: int) -> str:
    threads = _threads(group)
    sizes = [{p.elements for p in points} for points in ways.values()]
    common = set.intersection(*sizes) or set.union(*sizes)
    large, small = max(common), min(common)

    def at(elements: int) -> list[tuple[str, Point]]:
        found = [(n, p) for n, points in ways.items() for p in points if p.elements == elements]
        return sorted(found, key=lambda f: f[1].time.value)

    top, quick = at(large), at(small)
    text = (
        f"On {plural(workers, 'worker')} at {format_size(large)} elements {top[0][0]} moves most, "
        f"{significant(top[0][1].rate.value)} GB/s"
    )
    base = next((p for n, p in top if n == threads), None)
    if base:
        told = [
            f"{n} reaches {significant(group.speed_up(p, base).value)}× of {threads}"
            for n, p in (top[0], top[-1])
            if n != threads
        ]
        if told:
            text += f"; {listing(list(dict.fromkeys(told)))}"
    text += f". At {format_size(small)} elements an operation takes "
    ends = list(dict.fromkeys([quick[0], quick[-1]]))
    return text + listing([f"{duration(p.time.value)} by {n}" for n, p in ends]) + "."


def _table(group: Group, ways: dict[str, list[Point]], where: str) -> Html:
    threads = _threads(group)
    theirs = {p.elements: p for p in ways.get(threads, [])}
    rows: list[list[Child]] = []
    for name, points in ways.items():
        first, last = points[0], points[-1]
        base = theirs.get(last.elements)
        start = theirs.get(first.elements)
        # What the messages add: the time of a byte beyond that of threads on the same work.
        copying = (last.time.value - base.time.value) / last.bytes if base else 0.0
        share = group.speed_up(last, base) if base else None
        clear = share is not None and (share.high or share.value) < 0.95
        rows.append(
            [
                name,
                f"{duration(first.time.value)} ({format_size(first.elements)})",
                f"{significant(first.time.value / start.time.value)}×" if start else "-",
                f"{significant(last.rate.value)} GB/s ({format_size(last.elements)})",
                ratio(share) if share else "-",
                f"{significant(copying * 1024)} ns" if clear else "-",
            ]
        )
    return table(
        ["way", "smallest: time", f"over {threads}", "largest: rate", f"of {threads}",
         "price of 1 KiB"],
        rows,
        numeric=range(1, 6),
        caption=f"The smallest and the largest size: {where}",
    )  # fmt: skip
