"""What workers cost, and from which work size they pay: the workload `create`."""

from __future__ import annotations

import altair as alt

from analysis.drawing import figure
from analysis.drawing.charts import (
    bars_height,
    log_bars,
    short,
    size_axis,
    time_axis,
    tooltips,
    worker_axis,
)
from analysis.drawing.figure import Figure, Row, curves
from analysis.drawing.looks import looks, plain_looks
from analysis.drawing.markup import Child, Html, table
from analysis.measured.costs import (
    Cost,
    columns,
    cores_of,
    cost_row,
    costs,
    full,
    largest,
    pays_from,
    split_by_model,
    title_of,
)
from analysis.measured.curves import Curve, Group
from analysis.words import data_size, duration, listing, significant

WORKLOAD = "create"
PHYSICS = (
    "A pool's workers exist already: telling them costs a cache line each way. A thread costs a "
    "system call, a stack and a first turn on a core; a forked process copies page tables as "
    "well, and one that runs a program loads it."
)
GPU_PHYSICS = (
    " A GPU's launch costs what the driver and the way to the device take and back, hardly more "
    "for many blocks than for one."
)
# 1: the process that made others held a CUDA context.
CONTEXT = "cuda_context"
FORKED = "fork"
# Of a child that writes to what it got from its parent: how many bytes.
COPIED = "worker_copied_bytes"
RESIDENT, RESERVED = "worker_resident_bytes", "worker_reserved_bytes"
PAYS_PHYSICS = (
    "Work that one core does in less time than the workers need to start cannot gain from them, "
    "however many there are; several times that size is needed before the price is small."
)


def chapter(
    group: Group, serials: list[Curve], names: list[str], machine: str, number: int
) -> list[Figure | tuple[Figure, ...] | Html]:
    """The figures of `create`; `serials` are curves of one core's work, called `names`."""
    found = largest(c for c in costs(group) if c.workers > 0)
    if not found:
        return []
    chosen = sorted(full(found, cores_of(group)), key=lambda c: c.each.value)
    # What an idle worker keeps, in bytes.
    kept = next((c.name for c in columns(group, found) if c.unit in ("bytes", "B")), "")
    pair = [
        _pays(chosen, serials, names, machine, number),
        _memory(found, kept, machine, number),
    ]
    drawn = tuple(f for f in pair if f)
    parts: list[Figure | tuple[Figure, ...] | Html] = [
        *_time(group, found, chosen, machine, number)
    ]
    if drawn:
        parts.append(drawn)
    return [*parts, _table(chosen, kept, serials, names, machine)]


def _time(
    group: Group, found: list[Cost], chosen: list[Cost], machine: str, number: int
) -> list[Figure]:
    lots: list[list[Cost]] = []
    for device in dict.fromkeys(c.device for c in found):
        mine = [c for c in found if c.device == device]
        # A GPU's multiprocessors belong on no axis of workers, and one count makes no curve.
        if mine[0].on_gpu and len({c.workers for c in mine}) == 1 and len(mine) < len(found):
            continue
        names = split_by_model(list(dict.fromkeys((c.model, c.name) for c in mine)))
        lots += [[c for c in mine if c.name in lot] for lot in names]
    drawn = {c.device for lot in lots for c in lot}
    aside = [c for c in chosen if c.device not in drawn]
    return [
        _time_lines(
            group,
            lot,
            [c for c in chosen if c in lot] + (aside if i == 0 else []),
            machine,
            f"{number}" if i == 0 else f"{number}-{i}",
        )
        for i, lot in enumerate(lots)
    ]


def _time_lines(
    group: Group, found: list[Cost], told: list[Cost], machine: str, number: str
) -> Figure:
    rows = [{**cost_row(c), "b": duration(c.whole.value)} for c in found]
    series = plain_looks(list(dict.fromkeys(c.name for c in found)))
    x = worker_axis(
        [c.workers for c in found],
        "multiprocessors, a block on each" if found[0].on_gpu else "workers made at once",
    )
    tooltip = tooltips(
        {"s": "made by", "w": "how many", "v": "each", "i": "95 % interval", "b": "all"}
    )
    layers = curves(rows, series, x, time_axis(rows, "time of a worker"), tooltip)
    return Figure(
        f"create-{number}",
        title_of("Time of making a worker and waiting for its end", machine),
        alt.layer(*layers),
        _says(told, _unrecorded(group, told)),
        PHYSICS + (GPU_PHYSICS if any(c.on_gpu for c in told) else ""),
        series,
        ["made by", "how many", "each", "95 % interval", "all"],
        [[r["s"], r["w"], r["v"], r["i"], r["b"]] for r in rows],
    )


def _unrecorded(group: Group, told: list[Cost]) -> list[str]:
    """What was forked beside GPUs in a run that did not yet record whether they were open."""
    used = group.run.configurations.get_column("device")
    if CONTEXT in group.run.samples.columns or (used == "cpu").all():
        return []
    return [c.name for c in told if c.variant == FORKED]


def _says(told: list[Cost], unrecorded: list[str]) -> str:
    parts = []
    if made := [c for c in told if not c.on_gpu and COPIED not in c.more]:
        quick, dear = made[0], made[-1]
        text = f"A worker costs {duration(quick.each.value)} by {quick.name} ({quick.on} at once)"
        if dear is not quick:
            text += f" and {duration(dear.each.value)} by {dear.name} ({dear.on})"
            if dear.workers == quick.workers:
                text += f", {significant(dear.each.value / quick.each.value)}× as much"
        parts.append(text + ".")
    parts += [
        f"A launch on {c.on} and the wait for its end take {duration(c.whole.value)} ({c.name})."
        for c in told
        if c.on_gpu
    ]
    plain = {c.workers: c for c in told if c.name == f"processes/{FORKED}"}
    for c in told:
        if c.more.get(COPIED, 0) > 0 and c.workers in plain:
            longer = c.each.value - plain[c.workers].each.value
            mebibytes = c.more[COPIED] / 2**20
            parts.append(
                f"A child by {c.name} writes to {data_size(c.more[COPIED])} of what it got from "
                f"its parent, which is copied only then: {duration(longer / mebibytes)} more for "
                f"each MiB, {c.on} at once."
            )
    if beside := [c.name for c in told if c.more.get(CONTEXT, 0) > 0]:
        parts.append(
            f"{listing(beside)} made processes from one that held a CUDA context, which makes "
            "each fork dearer: a run of CPU models alone tells what they cost without."
        )
    if unrecorded:
        parts.append(
            "This run used a GPU and did not record whether it was open to "
            f"{listing(unrecorded)}, which makes each fork dearer: a run of CPU models alone tells "
            "what it costs without."
        )
    return " ".join(parts)


def _pays(
    chosen: list[Cost], serials: list[Curve], names: list[str], machine: str, number: int
) -> Figure | None:
    rows: list[Row] = []
    chosen = sorted(chosen, key=lambda c: c.whole.value)
    for curve, name in zip(serials, names, strict=True):
        for c in chosen:
            at = pays_from(c.whole.value, curve)
            if at.size is None:
                continue
            sure = [pays_from(v, curve) for v in (c.whole.low, c.whole.high) if v]
            ends = [end for e in (at, *sure) if e.size for end in e.ends]
            rows.append(
                {
                    "k": c.name,
                    "x": short(at.size),
                    "lo": short(min(ends)),
                    "hi": short(max(ends)),
                    "wide": at.wide,
                    "s": name,
                    "w": c.on,
                    "v": at.text,
                    "c": duration(c.whole.value),
                }
            )
    if not rows:
        return None
    series = plain_looks(list(dict.fromkeys(r["s"] for r in rows)))
    order = [c.name for c in chosen if any(r["k"] == c.name for r in rows)]
    x = size_axis([round(r[e]) or 1 for r in rows for e in ("lo", "hi")])
    base = alt.Chart(figure.data(rows)).encode(
        y=alt.Y("k:N", sort=order, title=None, axis=alt.Axis(labelLimit=170, grid=True)),
        color=figure.colour(series),
        opacity=figure.opacity(1, 0.1),
    )
    low = x.copy(deep=False)
    low.shorthand = "lo:Q"
    tooltip = tooltips(
        {"k": "workers", "w": "how many", "s": "work", "v": "equal at", "c": "their cost"}
    )
    layers = [
        base.mark_rule(strokeWidth=2).encode(x=low, x2="hi:Q", tooltip=tooltip),
        base.mark_point(filled=True, size=90)
        .transform_filter("!datum.wide")
        .encode(x=x, shape=figure.shape(series), tooltip=tooltip),
    ]
    dearest = next(c for c in reversed(chosen) if c.name in order)
    told = [f"{r['v']} elements of {r['s']}" for r in rows if r["k"] == dearest.name]
    return Figure(
        f"pays-{number}",
        title_of("From which work size workers can pay", machine),
        alt.layer(*layers),
        f"Making {dearest.on} by {dearest.name} takes as long as one core works on "
        f"{listing(told)}; smaller work cannot pay for them.",
        PAYS_PHYSICS,
        series,
        ["workers", "how many", "work", "equal at", "their cost"],
        [[r["k"], r["w"], r["s"], r["v"], r["c"]] for r in rows],
        zooms=False,
        height=70 + 26 * len(order),
    )


def _alike(rows: list[Row], row: Row) -> str:
    return listing([r["k"] for r in rows if r["g"] == row["g"]])


def _memory(found: list[Cost], kept: str, machine: str, number: int) -> Figure | None:
    told = [c for c in found if c.more.get(kept, 0) > 0]
    most: dict[str, Cost] = {}
    for c in told:
        if c.name not in most or c.workers > most[c.name].workers:
            most[c.name] = c
    rows: list[Row] = [
        {
            "k": c.name,
            "y": c.more[kept],
            "lo": c.more[kept],
            "hi": c.more[kept],
            "s": c.model,
            "g": data_size(c.more[kept]),
            "w": c.on,
        }
        for c in sorted(most.values(), key=lambda c: c.more[kept])
    ]
    if not rows:
        return None
    more = {
        header: column
        for header, column in (("with shared pages", RESIDENT), ("addresses", RESERVED))
        if any(c.more.get(column, 0) > 0 for c in told)
    }
    series = looks(list(dict.fromkeys(r["s"] for r in rows)))
    says = f"An idle worker keeps {rows[0]['g']} ({_alike(rows, rows[0])})"
    if rows[-1]["g"] != rows[0]["g"]:
        says += f" to {rows[-1]['g']} ({_alike(rows, rows[-1])})"
    return Figure(
        f"memory-{number}",
        title_of("Memory of an idle worker", machine),
        log_bars(
            rows,
            series,
            "proportional set size of a worker",
            tooltips({"k": "made by", "g": "memory", "w": "with"}),
            figure.binary_label(unit="B"),
            base=2,
            values=[4.0**e for e in range(4, 18) if 4.0**e <= 4 * rows[-1]["y"]],
        ),
        says + "." + _addresses([*most.values()]),
        "A thread shares all but its stack and the kernel's account of it; a process has tables "
        "and written pages of its own. Pages that several share are counted in parts.",
        series,
        ["made by", "memory", *more.keys(), "with"],
        [[r["k"], r["g"], *[_size(most[r["k"]], c) for c in more.values()], r["w"]] for r in rows],
        zooms=False,
        height=bars_height(len(rows)),
    )


def _size(cost: Cost, column: str) -> str:
    return data_size(cost.more[column]) if cost.more.get(column, 0) > 0 else "-"


def _addresses(made: list[Cost]) -> str:
    """What a thread and a process have besides: addresses without memory, memory that is shared."""
    says = ""
    for c in made:
        if c.name == "threads/spawn" and c.more.get(RESERVED, 0) > 0:
            says += (
                f" A thread by {c.name} has {_size(c, RESERVED)} of addresses, most of them for a "
                f"stack, and {_size(c, RESIDENT)} of memory behind them."
            )
        if c.name == f"processes/{FORKED}" and c.more.get(RESIDENT, 0) > 0:
            says += (
                f" A process by {c.name} has {_size(c, RESIDENT)} in memory, nearly all of which "
                "its parent has as well."
            )
    return says


def _table(
    chosen: list[Cost], kept: str, serials: list[Curve], names: list[str], machine: str
) -> Html:
    rows: list[list[Child]] = [
        [
            c.name,
            c.on,
            duration(c.each.value),
            duration(c.whole.value),
            data_size(c.more[kept]) if c.more.get(kept, 0) > 0 else "-",
            *[pays_from(c.whole.value, curve).text for curve in serials],
        ]
        for c in chosen
    ]
    return table(
        ["made by", "how many", "each", "all", "memory of one", *[f"equal: {n}" for n in names]],
        rows,
        numeric=range(2, 5 + len(names)),
        caption=title_of("Workers: what they cost, and the work of one core that takes as long",
                         machine),
    )  # fmt: skip
