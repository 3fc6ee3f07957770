"""The GPU's ladder of variants, and its transfers."""

from __future__ import annotations

import altair as alt
import polars as pl

from analysis.drawing import figure
from analysis.drawing.charts import (
    RATE_HEADER,
    RATE_TOOLTIP,
    rate_axis,
    rate_cells,
    rate_row,
    size_axis,
    tooltips,
)
from analysis.drawing.figure import Figure, Row, broken, curves, note_on
from analysis.drawing.looks import plain_looks
from analysis.measured.costs import title_of
from analysis.measured.curves import Group, Point
from analysis.words import duration, format_size, listing, percent, significant

LADDER_PHYSICS = (
    "Each step removes one thing that keeps the memory from being busy: scattered or narrow "
    "accesses, too few bytes in flight, contended atomics, a second launch. What then still keeps "
    "it from its peak is the memory itself."
)
ONE_STEP = (
    "One step of the ladder was measured here, beside the libraries. All of its steps, each of "
    "which removes one thing that keeps the memory from being busy, are measured with --variants "
    "all."
)


LINK = (
    " (Dashed: what the link can move in theory, both ways at once, counted so; the headers of its "
    "packets take a tenth or so.)"
)


def ladders(group: Group, machine: str, number: int) -> list[Figure]:
    """The ladder of each GPU of the run."""
    devices = sorted(set(group.table.get_column("device").to_list()) - {"cpu"})
    found = [
        _ladder(group, device, title_of(f", {device}" if len(devices) > 1 else "", machine), name)
        for i, device in enumerate(devices)
        for name in [f"{number}-{i}" if i else f"{number}"]
    ]
    return [f for f in found if f]


def _at_largest(group: Group, device: str, scope: str) -> tuple[int, list[Point]]:
    """The largest size at which most variants ran, and each variant's best point there.

    The size that is quoted instead, where as many ran there.
    """
    t = group.table
    rows = t.filter((t["device"] == device) & (t["scope"] == scope) & (t["elements"] > 0))
    if rows.height == 0:
        return 0, []
    counted = rows.group_by("elements").agg(pl.struct("model", "variant").n_unique().alias("v"))
    most = counted.filter(pl.col("v") == pl.col("v").max()).get_column("elements").to_list()
    elements = group.quoted if group.quoted in most else max(most)
    return elements, group.best_by(rows.filter(pl.col("elements") == elements), "model", "variant")


def _ladder(group: Group, device: str, where: str, name: str) -> Figure | None:
    """Each variant's rate as a fraction of the limit and of the library."""
    scope = "kernel"
    elements, points = _at_largest(group, device, scope)
    if len(points) < 2:
        scope = "resident"
        elements, points = _at_largest(group, device, scope)
    if len(points) < 2:
        return None
    known = group.run.vocabulary
    points.sort(key=lambda p: (p.model, known.place(p.model, group.workload, p.variant), p.variant))
    roles = [known.role(p.model, group.workload, p.variant) for p in points]
    several = len({p.model for p in points}) > 1
    peak = group.run.about.gpu_peak(device)
    fastest = max(points, key=lambda p: p.rate.value)
    limit = peak or fastest.rate.value
    limit_name = "theoretical peak" if peak else "fastest measured"
    libraries = [p for p, role in zip(points, roles, strict=True) if role == "library"]
    library = max(libraries, key=lambda p: p.rate.value) if libraries else None
    own = [p for p in points if p not in libraries]
    rows: list[Row] = []
    for p, role in zip(points, roles, strict=True):
        rate = p.rate
        low, high = rate.low or rate.value, rate.high or rate.value
        against = group.speed_up(p, library).value if library else None
        rows.append(
            {
                "v": f"{p.model}/{p.variant}" if several else p.variant,
                "y": rate.value / limit,
                "lo": low / limit,
                "hi": high / limit,
                "s": role,
                "g": f"{significant(rate.value)} GB/s",
                "p": percent(rate.value / limit),
                "i": f"{significant(low)} to {significant(high)} GB/s"
                if rate.certain
                else "too few rounds",
                "l": percent(against) if against else "-",
                "m": percent(rate.value / fastest.rate.value),
                "t": duration(p.time.value),
            }
        )
    series = plain_looks(list(dict.fromkeys(roles)))
    order = [r["v"] for r in rows]
    top = max(1.0, max(r["hi"] for r in rows))
    x = alt.X(
        "y:Q",
        title=f"share of the {limit_name}, {significant(limit)} GB/s",
        scale=alt.Scale(domain=[0, top * 1.06]),
        axis=alt.Axis(format="%", values=[i / 5 for i in range(6)]),
    )
    y = alt.Y("v:N", sort=order, title=None, axis=alt.Axis(labelLimit=140))
    tooltip = tooltips(
        {
            "v": "variant",
            "g": "rate",
            "i": "95 % interval",
            "p": limit_name,
            "l": "of the library",
            "t": "time",
        }
    )
    base = alt.Chart(figure.data(rows)).encode(y=y)
    bars = base.mark_bar().encode(
        x=x, color=figure.colour(series), tooltip=tooltip, opacity=figure.opacity(1, 0.15)
    )
    errors = base.mark_rule(strokeWidth=2, color="#1c2128").encode(x=figure.lower(x), x2="hi:Q")
    text = base.mark_text(align="left", dx=7).encode(x=x.copy(), text="p:N")
    best_own = max(own, key=lambda p: p.rate.value) if own else fastest
    says = f"At {format_size(elements)} elements {fastest.variant} is the fastest: "
    if fastest is not best_own:
        says += f"{_reached(fastest, peak)}. The fastest step is {best_own.variant}: "
    says += _reached(best_own, peak)
    if library and own:
        says += f", {significant(group.speed_up(best_own, library).value)}× {library.variant}"
    slowest = min(own or points, key=lambda p: p.rate.value)
    if slowest not in (best_own, fastest):
        says += f". The slowest is {slowest.variant}: {_reached(slowest, peak)}"
    return Figure(
        f"ladder-{name}",
        f"The ladder: {group.title}, {scope}{where}",
        alt.layer(bars, errors, text),
        says + ".",
        LADDER_PHYSICS if len(own) > 1 else ONE_STEP,
        series,
        [
            "variant",
            "rate",
            "95 % interval",
            f"of the {limit_name}",
            "of the library",
            "of the fastest",
            "time",
        ],
        [[r["v"], r["g"], r["i"], r["p"], r["l"], r["m"], r["t"]] for r in rows],
        zooms=False,
        height=60 + 22 * len(rows),
    )


def _reached(p: Point, peak: float | None) -> str:
    """`3,030 GB/s, 90 % of the theoretical peak`."""
    share = f", {percent(p.rate.value / peak)} of the theoretical peak" if peak else ""
    return f"{significant(p.rate.value)} GB/s{share}"


def _links(group: Group, devices: list[str]) -> list[Row]:
    """The rates at which each GPU's link would be full, the highest first.

    The way that more bytes take is the limit: of a map that reads two arrays and writes one, both
    copies to the GPU.
    """
    workload = group.run.vocabulary.workload(group.workload)
    written = 1 if workload.pattern.startswith("map") else 0
    one_way = max(workload.passes - written, written)
    if not one_way:
        return []
    return link_limits(group, devices, workload.passes / one_way)


def link_limits(group: Group, devices: list[str], ways: float = 1) -> list[Row]:
    """`ways` times what each GPU's link moves one way in theory, the highest first."""
    found: dict[float, list[str]] = {}
    for device in devices:
        if link := group.run.about.gpu_link(device):
            found.setdefault(link * ways, []).append(device)
    return [
        {"y": rate, "t": f"the link of {listing(names)}: {significant(rate)} GB/s in theory"}
        for rate, names in sorted(found.items(), reverse=True)
    ]


def transfers(group: Group, machine: str, number: int) -> Figure | None:
    """Throughput of `offload` by variant."""
    t = group.table
    mine = t.filter((t["device"] != "cpu") & (t["scope"] == "offload") & (t["elements"] > 0))
    sizes = mine.get_column("elements").unique().sort()
    shown = mine.filter(
        pl.col("elements").is_in(sizes.gather_every(-(-max(1, sizes.len()) // 150)).implode())
    )
    points = group.best_by(shown, "variant", "elements")
    if len(points) < 2:
        return None
    known = group.run.vocabulary
    names = sorted(
        {(p.model, p.variant) for p in points},
        key=lambda n: (known.place(n[0], group.workload, n[1]), n),
    )
    series = plain_looks(list(dict.fromkeys(variant for _, variant in names)))
    left = group.left.filter((pl.col("device") != "cpu") & (pl.col("scope") == "offload"))
    rows: list[Row] = []
    for variant in dict.fromkeys(p.variant for p in points):
        own = [rate_row(p, variant) for p in points if p.variant == variant]
        here = set(left.filter(pl.col("variant") == variant).get_column("elements"))
        rows += broken(own, here - {r["x"] for r in own})
    x = size_axis(sorted({r["x"] for r in rows}), group.element_bytes)
    limits = _links(group, sorted(set(mine.get_column("device"))))
    ends = [{"lo": r["y"], "hi": r["y"]} for r in limits]
    y = rate_axis([*rows, *ends])
    layers = [*figure.limits(limits, y), *curves(rows, series, x, y, RATE_TOOLTIP)]
    largest = max(r["x"] for r in rows)
    at = sorted((r for r in rows if r["x"] == largest), key=lambda r: -r["y"])
    says = f"At {format_size(largest)} elements {at[0]['s']} moves {at[0]['v']}"
    if len(at) > 1:
        says += f", {significant(at[0]['y'] / at[-1]['y'])}× what {at[-1]['s']} does"
    return Figure(
        f"transfers-{number}",
        f"Transfers: {group.title}, offload" + (f", {machine}" if machine else ""),
        alt.layer(*layers),
        says + ".",
        "Pageable memory is copied once more by the driver; pinned memory goes straight over the "
        "link; overlapping uses both directions and hides the work behind the copies. The link, "
        "not the GPU, is the limit. Rates count the operation's bytes, not those on the link."
        + (LINK if limits else "")
        + note_on(rows),
        series,
        RATE_HEADER,
        rate_cells(rows),
    )
