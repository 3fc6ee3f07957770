"""Several runs side by side: ratios, their geometric mean, and what else differs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import altair as alt
import numpy as np

from analysis.chapters.provenance import FIELDS, differences, value_of
from analysis.drawing import figure
from analysis.drawing.charts import tooltips
from analysis.drawing.figure import Figure, Row, picked
from analysis.drawing.looks import plain_looks
from analysis.drawing.markup import Child, Html, el, table
from analysis.measured.curves import Curve, Group
from analysis.reading.run import Run
from analysis.statistics import stats
from analysis.words import format_size, plural, significant


@dataclass(frozen=True)
class Pairing:
    """One curve on a machine against the same on the first, at their common sizes."""

    run: Run
    series: str
    sizes: list[int]
    ratio: float
    low: float | None
    high: float | None


def _curves(group: Group) -> dict[str, Curve]:
    found = [group.curve(m, s) for m, s, _ in group.models if s != "kernel"]
    return {c.name: c for c in found if c}


def pair(a: Curve, b: Curve, run: Run) -> Pairing | None:
    """The geometric mean over common sizes of a's rate over b's."""
    sizes = sorted(a.times.keys() & b.times.keys())
    if not sizes:
        return None
    logs = [math.log(b.times[n] / a.times[n]) for n in sizes]
    value = math.exp(sum(logs) / len(logs))
    low = high = None
    if a.resampled is not None and b.resampled is not None:
        common = set(sizes)
        in_a = [i for i, p in enumerate(a.points) if p.elements in common]
        in_b = [i for i, p in enumerate(b.points) if p.elements in common]
        # Two runs share no round, so the resamples of one are put beside those of the other anew.
        order = np.random.default_rng(0).permutation(len(b.resampled))
        drawn = (np.log(b.resampled[order][:, in_b]) - np.log(a.resampled[:, in_a])).mean(axis=1)
        bounds = stats.interval_of(np.exp(drawn))
        if bounds:
            low, high = bounds
    return Pairing(run, a.name, sizes, value, low, high)


def side_by_side(groups: list[Group], number: int) -> tuple[Figure, Figure | None] | None:
    """Bars of every machine's best rate of each model, and ratios over the first machine."""
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
    bar = Figure(
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
    return bar, _ratios(groups, title, number)


def _ratios(groups: list[Group], title: str, number: int) -> Figure | None:
    first = groups[0]
    base_curves = _curves(first)
    pairs = [
        p
        for group in groups[1:]
        for name, curve in _curves(group).items()
        if name in base_curves and (p := pair(curve, base_curves[name], group.run))
    ]
    if not pairs:
        return None
    series = plain_looks([g.run.name for g in groups])[1:]
    rows: list[Row] = [
        {
            "m": p.series,
            "s": p.run.name,
            "y": p.ratio,
            "lo": p.low or p.ratio,
            "hi": p.high or p.ratio,
            "v": f"{significant(p.ratio)}×",
            "k": plural(len(p.sizes), "size"),
            "i": f"{significant(p.low)} to {significant(p.high)}"
            if p.low and p.high
            else "too few rounds",
        }
        for p in pairs
    ]
    tooltip = tooltips(
        {"s": "machine", "m": "series", "v": "geometric mean", "i": "95 % interval", "k": "over"}
    )
    order = list(dict.fromkeys(r["m"] for r in rows))
    base = alt.Chart(figure.data(rows)).encode(
        y=alt.Y("m:N", sort=order, title=None, axis=alt.Axis(labelLimit=130)),
        yOffset=alt.YOffset("s:N", sort=[s.name for s in series]),
        color=figure.colour(series),
        opacity=figure.opacity(1, 0.1),
    )
    low, high = min(1.0, *(r["lo"] for r in rows)), max(1.0, *(r["hi"] for r in rows))
    x = alt.X(
        "y:Q",
        scale=alt.Scale(type="log", base=2, nice=False, domain=[low / 1.15, high * 1.15]),
        title=f"throughput over {first.run.name}",
        axis=alt.Axis(format="~g", values=figure.log_ticks(low / 1.15, high * 1.15)),
    )
    one = alt.Chart(figure.data([{"y": 1}])).mark_rule(strokeDash=[4, 4], color=figure.GREY)
    layers = [
        one.encode(x=x),
        base.mark_rule(strokeWidth=2).encode(x=figure.lower(x), x2="hi:Q"),
        base.mark_point(filled=True, size=90).encode(
            x=x, shape=figure.shape(series), tooltip=tooltip
        ),
    ]
    parts = []
    for group in groups[1:]:
        mine = [p.ratio for p in pairs if p.run is group.run]
        if mine:
            parts.append(f"{group.run.name} {significant(stats.geometric_mean(mine))}×")
    return Figure(
        f"ratios-{number}",
        f"Ratio to {first.run.name}: {title}",
        alt.layer(*layers).add_params(picked()),
        f"Geometric mean of the throughput over {first.run.name}, of all common models and sizes: "
        f"{', '.join(parts)}.",
        "A geometric mean of ratios weighs halving and doubling alike and does not depend on which "
        "machine is the base; it hides at which sizes a machine wins, which the curves show.",
        series,
        ["series", "machine", "geometric mean", "95 % interval", "over"],
        [[r["m"], r["s"], r["v"], r["i"], r["k"]] for r in rows],
        zooms=False,
        height=60 + 18 * len(order) * max(1, len(series)) + 10 * len(order),
    )


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
    for gpu in run.about.gpus:
        for key, value in gpu.items():
            if value is not None and key not in ("device", "driver"):
                rows.append([f"{gpu.get('device', 'GPU')} {key.replace('_', ' ')}", _flat(value)])
    if not rows:
        return el("p", run.about.problem or "Nothing is recorded about this machine.")
    return table(["property", "value"], rows, caption=f"The machine of {run.name}")
