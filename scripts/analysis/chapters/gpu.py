"""The GPU's ladder of variants, its transfers, and the energy of each gigabyte."""

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
)
from analysis.drawing.figure import Figure, curves, picked
from analysis.drawing.looks import plain_looks
from analysis.measured.curves import Group, Point, point_of
from analysis.words import duration, format_size, percent, significant

STEPS = {
    "double": ["naive", "grid-stride", "vector", "unrolled", "bulk"],
    "reduce": ["atomic", "shared", "shuffle", "vector", "single-pass"],
}
LIBRARIES = ["cub", "cublas", "thrust"]
TRANSFERS = ["pageable", "pinned", "overlapped"]


def _at_largest(group: Group, scope: str) -> tuple[int, list[Point]]:
    """The largest size at which most variants ran, and each variant's best point there."""
    t = group.table
    rows = t.filter((t["device"] != "cpu") & (t["scope"] == scope) & (t["elements"] > 0))
    if rows.height == 0:
        return 0, []
    counted = rows.group_by("elements").agg(pl.col("variant").n_unique().alias("v"))
    elements = int(counted.sort(["v", "elements"], descending=True).get_column("elements")[0])
    best = rows.filter(pl.col("elements") == elements).sort("median")
    best = best.unique("variant", keep="first", maintain_order=True)
    return elements, [point_of(row) for row in best.iter_rows(named=True)]


def ladder(group: Group, machine: str, number: int) -> Figure | None:
    """Each variant's rate as a fraction of the limit and of the library."""
    elements, points = _at_largest(group, "kernel")
    scope = "kernel"
    if len(points) < 2:
        elements, points = _at_largest(group, "resident")
        scope = "resident"
    if len(points) < 2:
        return None
    known = [*STEPS.get(group.workload, []), *LIBRARIES]
    points.sort(
        key=lambda p: (known.index(p.variant) if p.variant in known else len(known) - 4, p.variant)
    )
    peak = group.run.about.gpu_peak(points[0].device)
    fastest = max(points, key=lambda p: p.rate.value)
    limit = peak or fastest.rate.value
    limit_name = "theoretical peak" if peak else "fastest measured"
    libraries = [p for p in points if p.variant in LIBRARIES]
    library = max(libraries, key=lambda p: p.rate.value) if libraries else None
    own = [p for p in points if p.variant not in LIBRARIES]
    rows = []
    for p in points:
        rate = p.rate
        low, high = rate.low or rate.value, rate.high or rate.value
        against = group.speed_up(p, library).value if library else None
        rows.append(
            {
                "v": p.variant,
                "y": rate.value / limit,
                "lo": low / limit,
                "hi": high / limit,
                "s": "library" if p.variant in LIBRARIES else "step",
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
    series = plain_looks(["step", "library"])
    order = [r["v"] for r in rows]
    top = max(1.0, max(r["hi"] for r in rows))
    x = alt.X(
        "y:Q",
        title=f"share of the {limit_name}, {significant(limit)} GB/s",
        scale=alt.Scale(domain=[0, top * 1.06]),
        axis=alt.Axis(format="%", values=[i / 5 for i in range(6)]),
    )
    y = alt.Y("v:N", sort=order, title=None, axis=alt.Axis(labelLimit=140))
    tooltip = [
        alt.Tooltip(f"{key}:N", title=title)
        for key, title in (
            ("v", "variant"),
            ("g", "rate"),
            ("i", "95 % interval"),
            ("p", limit_name),
            ("l", "of the library"),
            ("t", "time"),
        )
    ]
    base = alt.Chart(figure.data(rows)).encode(y=y)
    bars = base.mark_bar().encode(
        x=x, color=figure.colour(series), tooltip=tooltip, opacity=figure.opacity(1, 0.15)
    )
    errors = base.mark_rule(strokeWidth=2, color="#1c2128").encode(x=figure.lower(x), x2="hi:Q")
    text = base.mark_text(align="left", dx=7).encode(x=x.copy(), text="p:N")
    best_own = max(own, key=lambda p: p.rate.value) if own else fastest
    says = (
        f"At {format_size(elements)} elements {best_own.variant} reaches "
        f"{significant(best_own.rate.value)} GB/s, "
        f"{percent(best_own.rate.value / limit)} of the {limit_name}"
    )
    if library and own:
        e = group.speed_up(best_own, library)
        says += f" and {significant(e.value)}× {library.variant}"
    slowest = min(own or points, key=lambda p: p.rate.value)
    says += f"; {slowest.variant} reaches {percent(slowest.rate.value / limit)}."
    return Figure(
        f"ladder-{number}",
        f"The ladder: {group.title}, {scope}" + (f", {machine}" if machine else ""),
        alt.layer(bars, errors, text).add_params(picked()),
        says,
        "Each step removes one thing that keeps the memory from being busy: scattered or narrow "
        "accesses, too few bytes in flight, contended atomics, a second launch. The last steps are "
        "small because the memory itself is the limit.",
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
        height=60 + 30 * len(rows),
    )


def transfers(group: Group, machine: str, number: int) -> Figure | None:
    """Throughput of `offload` by variant."""
    t = group.table
    mine = t.filter((t["device"] != "cpu") & (t["scope"] == "offload") & (t["elements"] > 0))
    best = mine.sort("median").unique(["variant", "elements"], keep="first")
    best = best.sort(["variant", "elements"])
    if best.height < 2:
        return None
    sizes = best.get_column("elements").unique().sort()
    best = best.filter(
        pl.col("elements").is_in(sizes.gather_every(-(-sizes.len() // 150)).implode())
    )
    names = sorted(
        set(best.get_column("variant").to_list()),
        key=lambda v: (TRANSFERS.index(v) if v in TRANSFERS else 9, v),
    )
    series = plain_looks(names)
    points = [point_of(row) for row in best.iter_rows(named=True)]
    rows = [rate_row(p, p.variant) for p in points]
    x = size_axis(sorted({r["x"] for r in rows}))
    layers = curves(rows, series, x, rate_axis(rows), RATE_TOOLTIP)
    largest = max(r["x"] for r in rows)
    at = sorted((r for r in rows if r["x"] == largest), key=lambda r: -r["y"])
    says = f"At {format_size(largest)} elements {at[0]['s']} moves {at[0]['v']}"
    if len(at) > 1:
        says += f", {significant(at[0]['y'] / at[-1]['y'])}× what {at[-1]['s']} does"
    return Figure(
        f"transfers-{number}",
        f"Transfers: {group.title}, offload" + (f", {machine}" if machine else ""),
        alt.layer(*layers).add_params(picked()),
        says + ".",
        "Pageable memory is copied once more by the driver; pinned memory goes straight over the "
        "link; overlapping uses both directions and hides the work behind the copies. The link, "
        "not the GPU, is the limit. Rates count the operation's bytes, not those on the link.",
        series,
        RATE_HEADER,
        rate_cells(rows),
    )


def energy(group: Group, machine: str, number: int) -> Figure | None:
    """Joules for each gigabyte, where the run recorded the energy of its samples."""
    samples = group.run.samples
    if "energy_j" not in samples.columns:
        return None
    used = samples.filter(
        (pl.col("workload").cast(pl.String) == group.workload)
        & (pl.col("type").cast(pl.String) == group.type)
        & (pl.col("energy_j") > 0)
        & (pl.col("iterations") > 0)
        & (pl.col("bytes") > 0)
        & (pl.col("elements") > 0)
    )
    if used.height == 0:
        return None
    largest = used.get_column("elements").max()
    each = (
        used.filter(pl.col("elements") == largest)
        .group_by("model", "variant", "scope")
        .agg(
            (pl.col("energy_j") / (pl.col("bytes") * pl.col("iterations") / 1e9))
            .median()
            .alias("j")
        )
        .with_columns(pl.col("model", "variant", "scope").cast(pl.String))
        .sort("j")
    )
    rows = [
        {"v": f"{m}/{v} {s}", "y": j, "s": s, "j": f"{significant(j)} J/GB"}
        for m, v, s, j in each.iter_rows()
    ]
    series = plain_looks(sorted({r["s"] for r in rows}))
    base = alt.Chart(figure.data(rows)).encode(
        y=alt.Y("v:N", sort=[r["v"] for r in rows], title=None, axis=alt.Axis(labelLimit=220))
    )
    top = max(r["y"] for r in rows)
    x = alt.X("y:Q", title="joules for each gigabyte", scale=alt.Scale(domain=[0, top * 1.2]))
    bars = base.mark_bar().encode(
        x=x,
        color=figure.colour(series),
        opacity=figure.opacity(1, 0.15),
        tooltip=[alt.Tooltip("v:N", title="variant"), alt.Tooltip("j:N", title="energy")],
    )
    text = base.mark_text(align="left", dx=5).encode(x=x, text="j:N")
    return Figure(
        f"energy-{number}",
        f"Energy: {group.title}" + (f", {machine}" if machine else ""),
        alt.layer(bars, text).add_params(picked()),
        f"At {format_size(largest)} elements {rows[0]['v']} needs least, {rows[0]['j']}; "
        f"{rows[-1]['v']} needs most, {rows[-1]['j']}.",
        "A device draws much of its power whether it moves data or waits, so what is faster is "
        "usually also cheaper; copies over the link keep the GPU waiting at full clock.",
        series,
        ["variant", "energy"],
        [[r["v"], r["j"]] for r in rows],
        zooms=False,
        height=50 + 26 * len(rows),
    )
