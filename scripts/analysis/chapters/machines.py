"""Several runs side by side: rates, times where they say different things, and what differs."""

from __future__ import annotations

import altair as alt

from analysis.chapters.provenance import FIELDS, differences, value_of
from analysis.drawing import figure
from analysis.drawing.charts import tooltips
from analysis.drawing.figure import Figure, Row, picked
from analysis.drawing.looks import plain_looks
from analysis.drawing.markup import Child, Html, el, table
from analysis.measured.curves import Curve, Group, Point
from analysis.reading.run import Run
from analysis.reading.state import in_words
from analysis.statistics import stats
from analysis.words import duration, format_size, ratio, significant

# Data of at most this part of a cache is surely in it.
IN_CACHE = 0.5


def _curves(group: Group) -> dict[str, Curve]:
    found = [group.curve(m, s) for m, s, _ in group.models if s != "kernel"]
    return {c.name: c for c in found if c}


def side_by_side(groups: list[Group], number: int) -> Figure | None:
    """Bars of every machine's best rate of each model."""
    if len(groups) < 2:
        return None
    names = [g.run.name for g in groups]
    series = plain_looks(names)
    order: list[str] = []
    rows: list[Row] = []
    for group in groups:
        for name, curve in _curves(group).items():
            if name not in order:
                order.append(name)
            p = group.at_quoted(curve)
            rate = p.rate
            low, high = rate.low or rate.value, rate.high or rate.value
            rows.append(
                {
                    "m": name,
                    "s": group.run.name,
                    "y": rate.value,
                    "lo": low,
                    "hi": high,
                    "n": format_size(p.elements),
                    "h": p.how,
                    "v": f"{significant(rate.value)} GB/s",
                    "i": f"{significant(low)} to {significant(high)}"
                    if rate.certain
                    else "too few rounds",
                }
            )
    floor = min(r["lo"] for r in rows) / 2
    for r in rows:
        r["z"] = floor
    tooltip = tooltips(
        {
            "s": "machine",
            "m": "series",
            "n": "elements",
            "h": "fastest",
            "v": "throughput",
            "i": "95 % interval",
        }
    )
    base = alt.Chart(figure.data(rows)).encode(
        y=alt.Y("m:N", sort=order, title=None, axis=alt.Axis(labelLimit=130)),
        yOffset=alt.YOffset("s:N", sort=names),
    )
    size = "size that is quoted" if any(g.quoted for g in groups) else "largest size"
    top = max(r["hi"] for r in rows)
    scale = alt.Scale(type="log", domain=[floor, top * 1.3], nice=False)
    x = alt.X("y:Q", scale=scale, title=f"GB/s at the {size}", axis=figure.rate_axis(floor, top))
    bars = base.mark_bar(clip=True).encode(
        x=x, x2="z:Q", color=figure.colour(series), opacity=figure.opacity(1, 0.15), tooltip=tooltip
    )
    errors = base.mark_rule(color="#1c2128").encode(
        x=figure.lower(x), x2="hi:Q", opacity=figure.opacity(1, 0)
    )
    best = max(rows, key=lambda r: r["y"])
    title = groups[0].title
    return Figure(
        f"machines-{number}",
        f"Machines side by side: {title}",
        alt.layer(bars, errors).add_params(picked()),
        f"The highest rate is {best['v']}, by {best['m']} on {best['s']}.",
        f"At the {size} rates are those of the memories and links: what differs between "
        "machines is their number of channels and the width of the GPU's memory.",
        series,
        ["series", "machine", "elements", "fastest", "GB/s", "95 % interval"],
        [[r["m"], r["s"], r["n"], r["h"], r["v"], r["i"]] for r in rows],
        zooms=False,
        height=60 + 16 * len(order) * len(names) + 8 * len(order),
    )


def times_apart(groups: list[Group]) -> Html | None:
    """Each machine's best time where sizes say different things, on CPUs and on GPUs.

    At the smallest size a caller waits for workers to start, in cache for cores, and from memory
    for its channels: no mean over these says anything of a machine.
    """
    rows: list[list[Child]] = []
    for hardware in ("CPU", "GPU"):
        curves = [g.best_cpu() if hardware == "CPU" else g.best_gpu("resident") for g in groups]
        for place, elements in _places(groups, curves, hardware).items():
            points = [curve.at(elements) if curve else None for curve in curves]
            first = next(point for point in points if point)
            cells = [_time(point, None if point is first else first) for point in points]
            rows.append([f"{hardware}, {place}: {format_size(elements)}", *cells])
    if not rows:
        return None
    header = ["fastest of each machine", *[g.run.name for g in groups]]
    caption = f"{groups[0].title}: times and rates over the first machine [95 % interval]"
    return table(header, rows, caption=caption)


def _places(groups: list[Group], curves: list[Curve | None], hardware: str) -> dict[str, int]:
    """The sizes at which machines are compared, of those that all with such hardware have."""
    have = [(g, c) for g, c in zip(groups, curves, strict=True) if c]
    if len(have) < 2:
        return {}
    common = sorted(set.intersection(*({p.elements for p in c.points} for _, c in have)))
    if not common:
        return {}
    quoted = [g.quoted for g, _ in have if g.quoted in common]
    found = {"memory size": quoted[0] if quoted else common[-1]}
    caches = [
        # One core's second level: it holds the data of any number of workers.
        dict(g.run.about.caches).get("L2")
        if hardware == "CPU"
        else min((size for _, size in g.run.about.gpu_caches), default=None)
        for g, _ in have
    ]
    if all(caches):
        most = IN_CACHE * min(size for size in caches if size)
        first = {p.elements: p.bytes for _, c in have for p in c.points}
        fitting = [n for n in common[1:] if first[n] <= most]
        if fitting:
            found["in cache"] = fitting[-1]
    found["smallest size"] = common[0]
    return {place: n for place, n in found.items() if list(found.values()).count(n) == 1}


def _time(point: Point | None, first: Point | None) -> str:
    if point is None:
        return "-"
    time = point.time
    told = duration(time.value)
    if time.low is not None and time.high is not None:
        told += f" [{duration(time.low)} to {duration(time.high)}]"
    told += f", {point.how}"
    if first is not None:
        told += f": {ratio(stats.independent_ratio(first.time, time))}"
    return told


def what_differs(runs: list[Run]) -> Html:
    """What differs between the runs besides their results, and a warning where it is software."""
    found = differences(runs)
    software = [d.what for d in found if d.kind == "software" and any(d.values)]
    warning = None
    if software:
        warning = el(
            "p",
            "Not only the hardware differs: ",
            ", ".join(software),
            ". A ratio above may be theirs.",
            class_="note",
        )
    rows: list[list[Child]] = [[d.what, *[v or "not recorded" for v in d.values]] for d in found]
    if not rows:
        return el("p", "The runs' descriptions do not differ.")
    return el(
        "div",
        warning,
        table(["", *[r.name for r in runs]], rows, caption="What differs between the runs"),
    )


def _flat(value: object) -> str:
    """`f32 60,000, f64 30,000` of an object, and anything else as it is."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_flat(v)}" for key, v in value.items())[:200]
    return f"{value:,.6g}" if isinstance(value, float) else str(value)[:200]


def description(run: Run) -> Html:
    """Everything recorded about one machine."""
    rows: list[list[Child]] = [
        [what, value] for what, path, _ in FIELDS if (value := value_of(run.about, path))
    ]
    rows += [[f"{what}, start and end", seen] for what, seen in in_words(run.about)]
    for gpu in run.about.gpus:
        for key, value in gpu.items():
            if value is not None and key not in ("device", "driver"):
                rows.append([f"{gpu.get('device', 'GPU')} {key.replace('_', ' ')}", _flat(value)])
    if not rows:
        return el("p", run.about.problem or "Nothing is recorded about this machine.")
    return table(["property", "value"], rows, caption=f"The machine of {run.name}")
