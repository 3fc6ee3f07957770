"""What charts have in common: axes, rows of a rate or a time, and horizontal bars."""

from __future__ import annotations

import math

import altair as alt

from analysis.drawing import figure
from analysis.drawing.figure import Row, Specified
from analysis.drawing.looks import Series
from analysis.drawing.markup import Child
from analysis.measured.curves import Curve, Point
from analysis.statistics.stats import Estimate
from analysis.words import duration, format_size, significant


def size_axis(sizes: list[int], element_bytes: int = 0, memory: str = "") -> alt.X:
    """A logarithmic axis of sizes with binary labels.

    Below each the bytes of an array of so many elements, where one element's are given. Or sizes
    are bytes themselves, of what `memory` says.
    """
    low, high = math.log2(min(sizes)), math.log2(max(sizes))
    step = max(1, math.ceil((high - low) / 8))
    start = math.ceil(low / step) * step
    values = [2**e for e in range(start, math.floor(high) + 1, step)] or [min(sizes)]
    label, title = figure.binary_label(unit="B" if memory else ""), memory or "elements"
    if element_bytes:
        label = f"[{label}, {figure.binary_label(element_bytes, 'B')}]"
        title = "elements, and the bytes of one array"
    return alt.X(
        "x:Q",
        scale=alt.Scale(
            type="log", base=2, domain=[min(sizes) * 0.9, max(sizes) * 1.15], nice=False
        ),
        axis=alt.Axis(values=values, labelExpr=label, title=title, format="~g"),
    )


def worker_axis(workers: list[int], title: str) -> alt.X:
    """A logarithmic axis with a mark at each worker count."""
    values = sorted(set(workers))
    return alt.X(
        "x:Q",
        title=title,
        scale=alt.Scale(
            type="log", base=2, nice=False, domain=[values[0] * 0.93, values[-1] * 1.08]
        ),
        axis=alt.Axis(values=values, format="d"),
    )


def log_domain(values: list[float]) -> list[float]:
    """The ends of a logarithmic axis around `values` > 0, also around a single one."""
    return [min(values) / 1.1, max(values) * 1.1]


def rate_axis(rows: list[Row], room: float = 1.0) -> alt.Y:
    """A logarithmic axis of GB/s for the rows' intervals, `room` times as high above them."""
    low, high = min(r["lo"] for r in rows), max(r["hi"] for r in rows)
    scale = alt.Scale(type="log", nice=False, domain=[low / 1.2, high * 1.2 * room])
    axis = figure.rate_axis(low / 1.2, high * min(room, 2))
    return alt.Y("y:Q", title="GB/s", axis=axis, scale=scale)


def time_axis(rows: list[Row], title: str) -> alt.Y:
    """A logarithmic axis of nanoseconds, labelled in the unit that fits."""
    low, high = min(r["lo"] for r in rows) / 1.3, max(r["hi"] for r in rows) * 1.3
    return alt.Y(
        "y:Q",
        title=title,
        scale=alt.Scale(type="log", nice=False, domain=[low, high]),
        axis=alt.Axis(values=figure.log_ticks(low, high), labelExpr=figure.TIME_LABEL),
    )


RATE_TOOLTIP = [
    alt.Tooltip("s:N", title="series"),
    alt.Tooltip("h:N", title="fastest"),
    alt.Tooltip("n:N", title="elements"),
    alt.Tooltip("v:N", title="throughput"),
    alt.Tooltip("i:N", title="95 % interval"),
    alt.Tooltip("t:N", title="time"),
    alt.Tooltip("r:Q", title="rounds"),
]
RATE_HEADER = ["series", "elements", "fastest", "GB/s", "95 % interval", "time", "rounds"]


def rate_row(p: Point, series: str) -> Row:
    """A point's rate against its size, for RATE_TOOLTIP."""
    rate = p.rate
    low, high = rate.low or rate.value, rate.high or rate.value
    return {
        "x": p.elements,
        "y": short(rate.value),
        "lo": short(low),
        "hi": short(high),
        "s": series,
        "n": format_size(p.elements),
        "h": p.how,
        "v": f"{significant(rate.value)} GB/s",
        "i": f"{significant(low)} to {significant(high)}" if rate.certain else "too few rounds",
        "t": duration(p.time.value),
        "r": rate.samples,
    }


def curve_rows(curve: Curve, series: str) -> list[Row]:
    """A curve's rates, in parts where sizes between were left out."""
    return figure.broken([rate_row(p, series) for p in curve.drawn()], curve.unmeasured)


def rate_cells(rows: list[Row]) -> list[list[Child]]:
    """The table under a chart of rate_row's rows, for RATE_HEADER."""
    return [[r["s"], r["n"], r["h"], r["v"], r["i"], r["t"], str(r["r"])] for r in rows]


def time_row(x: float, time: Estimate, series: str, **more: object) -> Row:
    """A time in ns against `x`."""
    low, high = time.low or time.value, time.high or time.value
    return {
        "x": x,
        "y": short(time.value),
        "lo": short(low),
        "hi": short(high),
        "s": series,
        "v": duration(time.value),
        "i": f"{duration(low)} to {duration(high)}" if time.certain else "too few rounds",
        **more,
    }


def short(value: float) -> float:
    """As many digits as a chart can show: pages stay small."""
    return float(f"{value:.5g}")


def with_capacities(
    layers: list[alt.Chart], x: alt.X, sizes: list[int], capacities: list[tuple[str, float]]
) -> list[alt.Chart]:
    """The layers, and a line at each capacity, in the unit of `sizes`, that lies among these."""
    low, high = min(sizes), max(sizes)
    lines = [
        {"x": size, "t": name, "row": i % 3}
        for i, (name, size) in enumerate(capacities)
        if low <= size <= high
    ]
    return [*figure.marks(lines, x, math.sqrt(low * high)), *layers] if lines else layers


def tooltips(names: dict[str, str]) -> list[alt.Tooltip]:
    """A tooltip line for each field, with its title."""
    return [alt.Tooltip(f"{field}:N", title=title) for field, title in names.items()]


def log_bars(
    rows: list[Row],
    series: list[Series],
    title: str,
    tooltip: list[alt.Tooltip],
    label: str | None = None,
    base: int = 10,
    values: list[float] | None = None,
    paired: bool = False,
) -> Specified:
    """Horizontal bars on a logarithmic axis, in the rows' order: fields k, y, lo, hi, s, g.

    `g` stands behind the bar; `label` is the axis's labelExpr. `paired`: the series of one k stand
    under each other.
    """
    low, high = min(r["lo"] for r in rows), max(r["hi"] for r in rows)
    floor = low / max(2.0, (high / low) ** 0.12)
    # Room for the texts behind the bars.
    longest = max(len(r["g"]) for r in rows)
    room = 0.45 if longest < 10 else 0.75 if longest < 20 else 0.85
    top = high * max(4.0, (high / floor) ** room)
    rows = [{**r, "z": floor} for r in rows]
    order = list(dict.fromkeys(r["k"] for r in rows))
    axis = alt.Axis(values=values or figure.log_ticks(floor, high))
    if label:
        axis.labelExpr = label
    x = alt.X(
        "y:Q",
        title=title,
        scale=alt.Scale(type="log", base=base, nice=False, domain=[floor, top]),
        axis=axis,
    )
    chart = alt.Chart(figure.data(rows)).encode(
        y=alt.Y("k:N", sort=order, title=None, axis=alt.Axis(labelLimit=185))
    )
    if paired:
        chart = chart.encode(yOffset=alt.YOffset("s:N", sort=[s.name for s in series]))
    bars = chart.mark_bar(clip=True).encode(
        x=x, x2="z:Q", color=figure.colour(series), opacity=figure.opacity(1, 0.15), tooltip=tooltip
    )
    errors = chart.mark_rule(strokeWidth=2, color=figure.ERROR).encode(
        x=figure.lower(x), x2="hi:Q", opacity=figure.opacity(1, 0)
    )
    text = chart.mark_text(align="left", dx=5).encode(
        x=figure.upper(x), text="g:N", opacity=figure.opacity(1, 0.15)
    )
    return alt.layer(bars, errors, text)


def bars_height(bars: int) -> int:
    """The height of a figure of so many bars, or lines of dots."""
    return 60 + 17 * bars
