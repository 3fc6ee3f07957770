"""Several machines as one table: what each reaches, the best and the worst marked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import altair as alt

from analysis.chapters import count, create, switch
from analysis.chapters.answer import answer_of
from analysis.chapters.costs import Measured
from analysis.chapters.machines import CACHE, MEMORY, SMALLEST, places
from analysis.chapters.prices import Price, rate_for
from analysis.drawing import figure
from analysis.drawing.charts import (
    RATE_HEADER,
    RATE_TOOLTIP,
    curve_rows,
    rate_axis,
    rate_cells,
    size_axis,
    tooltips,
)
from analysis.drawing.figure import Figure, Row, curves, note_on
from analysis.drawing.looks import Series, plain_looks
from analysis.drawing.markup import Child, Html, el, table
from analysis.measured.costs import Cost, cores_of, costs, full, largest, unit
from analysis.measured.curves import Curve, Group, Point
from analysis.statistics.crossover import Crossover
from analysis.words import duration, format_size, percent, significant

BEST, WORST = "▲", "▼"
# Pixels of a bar chart's axis on a phone, and of a character behind a bar.
NARROW, CHARACTER = 200, 6
WORDS = {MEMORY: "from memory", CACHE: "in cache", SMALLEST: "at the smallest size"}
# A common size is one from memory if it is so large a part of what the machines measured.
FAR = 0.2
CAPTION = (
    f"Machine against machine ({BEST} best, {WORST} worst of those that have one; rates at the "
    "sizes that all of them measured)"
)


@dataclass
class Line:
    """One property of all machines; bars show those that have a name for one: more is better.

    `how` stands below a value.
    """

    what: str
    values: list[float | None]
    shown: list[str]
    more: bool = True
    bar: str = ""
    how: list[str] = field(default_factory=list)

    def cells(self) -> list[Child]:
        """The texts, the best and the worst marked where they differ as shown."""
        known = [v for v in self.values if v is not None]
        low, high = min(known, default=0.0), max(known, default=0.0)
        best, worst = (high, low) if self.more else (low, high)
        same = len({s for s, v in zip(self.shown, self.values, strict=True) if v is not None}) < 2

        def cell(value: float | None, text: str, how: str) -> Child:
            below = el("span", how, class_="how") if how else None
            if value is None or same or value not in (best, worst):
                return [text, below]
            mark = BEST if value == best else WORST
            kind = "best" if mark == BEST else "worst"
            return [el("span", f"{mark} {text}", class_=kind), below]

        hows = self.how or [""] * len(self.values)
        return [cell(*parts) for parts in zip(self.values, self.shown, hows, strict=True)]


def lines(groups: list[Group | None], prices: list[Price]) -> list[Line]:
    """What one workload and type comes to on each machine; None where it was not measured."""
    cpu = [g.best_cpu() if g else None for g in groups]
    one = [g.one_worker() if g else None for g in groups]
    gpu = [g.best_gpu("resident") if g else None for g in groups]
    kernel = [g.best_gpu("kernel") if g else None for g in groups]
    offload = [g.best_gpu("offload") if g else None for g in groups]
    found: list[Line] = []
    found += _rates("CPU", groups, cpu, prices)
    found += _rates("one core", groups, one, [], (MEMORY,))
    found += _rates("GPU", groups, gpu, prices)
    found += _rates("GPU with copies", groups, offload, [], (MEMORY,))
    found += _shares(groups, kernel, gpu)
    answers = [answer_of(g) if g else None for g in groups]

    def add(what: str, values: Iterable[float | None], shown: Callable[[float], str],
            more: bool = True) -> None:  # fmt: skip
        told = list(values)
        texts = ["-" if v is None else shown(v) for v in told]
        found.append(Line(what, told, texts, more))

    add("CPU over one worker", (a.cpu_speed_up.value if a and a.cpu_speed_up else None
                              for a in answers), _times)  # fmt: skip
    add("GPU over CPU", (a.gpu_ratio.value if a and a.gpu_ratio else None for a in answers), _times)
    crossings = (
        ("cores pay from", [a.parallel_from if a else None for a in answers]),
        ("GPU pays from", [a.resident_from if a else None for a in answers]),
        ("GPU with copies pays from", [a.offload_from if a else None for a in answers]),
    )
    for what, points in crossings:
        sizes = [p.point.size if p and not p.point.wide else None for p in points]
        texts = [_from(p.point) if p else "-" for p in points]
        found.append(Line(f"{what}, elements", sizes, texts, more=False))
    return [line for line in found if any(text != "-" for text in line.shown)]


def _from(point: Crossover) -> str:
    if point.kind == "never":
        return "nowhere"
    if point.wide:
        return " to ".join(format_size(n) for n in point.between)
    return point.text


def _times(value: float) -> str:
    return f"{significant(value)}×"


def _rates(
    hardware: str,
    groups: list[Group | None],
    found: list[Curve | None],
    prices: list[Price],
    wanted: tuple[str, ...] = (MEMORY, CACHE, SMALLEST),
) -> list[Line]:
    kind = "CPU" if hardware in ("CPU", "one core") else "GPU"
    pairs = [(g, c) for g, c in zip(groups, found, strict=True) if g and c]
    sizes = places(pairs, kind)
    result: list[Line] = []
    for place in wanted:
        elements = sizes.get(place, 0)
        if place == MEMORY and elements < FAR * min((c.last.elements for _, c in pairs), default=0):
            # Machines that have no such size in common are each at their own.
            both = zip(groups, found, strict=True)
            points = [g.at_quoted(c) if g and c else None for g, c in both]
            at = "each its largest size"
        elif elements:
            points = [curve.at(elements) if curve else None for curve in found]
            at = format_size(elements)
        else:
            continue
        result.append(_line(f"{hardware} {WORDS[place]}", at, points, place == SMALLEST))
        if prices and place == MEMORY:
            result += _priced(hardware, groups, points, prices)
    return result


def _line(what: str, at: str, points: list[Point | None], timed: bool) -> Line:
    if timed:
        times = [p.time.value if p else None for p in points]
        return Line(f"{what}, {at}", times, [duration(t) if t else "-" for t in times], more=False)
    rates = [p.rate.value if p else None for p in points]
    shown = [f"{significant(r)} GB/s" if r else "-" for r in rates]
    return Line(
        f"{what}, {at}", rates, shown, bar=what.replace("with copies from memory", "with copies")
    )


def _priced(
    hardware: str, groups: list[Group | None], points: list[Point | None], prices: list[Price]
) -> list[Line]:
    told = [
        rate_for(g.run, hardware, p.rate.value, prices) if g and p else None
        for g, p in zip(groups, points, strict=True)
    ]
    return [
        Line(
            f"{hardware}, {unit}",
            [t[0] if t and t[1] == unit else None for t in told],
            [significant(t[0]) if t and t[1] == unit else "-" for t in told],
        )
        for unit in dict.fromkeys(t[1] for t in told if t)
    ]


def _shares(
    groups: list[Group | None], kernel: list[Curve | None], resident: list[Curve | None]
) -> list[Line]:
    """What part of the GPU memory's theoretical rate is reached, by the device's clock or else."""
    values: list[float | None] = []
    for group, *found in zip(groups, kernel, resident, strict=True):
        curve = next((c for c in found if c), None)
        point = group.at_quoted(curve) if group and curve else None
        peak = group.run.about.gpu_peak(point.device) if group and point else None
        values.append(point.rate.value / peak if point and peak else None)
    shown = ["-" if v is None else percent(v) for v in values]
    return [Line("GPU, share of its memory's peak", values, shown)]


def cost_lines(machines: list[Measured]) -> list[Line]:
    """What the quickest variant that loses nothing needs for a unit of each cost, on the CPU."""
    found = []
    for workload in (count.WORKLOAD, create.WORKLOAD, switch.WORKLOAD):
        quickest: list[Cost | None] = []
        for machine in machines:
            known = [
                cost
                for group in machine.of(workload)
                for cost in full(largest(costs(group)), cores_of(group))
                if not cost.on_gpu and not cost.lost
            ]
            quickest.append(min(known, key=lambda c: c.each.value, default=None))
        if not any(quickest):
            continue
        of = unit(next(g for m in machines for g in m.of(workload)))
        shown = [duration(c.each.value) if c else "-" for c in quickest]
        names = [c.name if c else "" for c in quickest]
        values = [c.each.value if c else None for c in quickest]
        found.append(Line(f"one {of}, the quickest", values, shown, more=False, how=names))
    return found


def merged(titles: dict[str, list[Line]], names: list[str]) -> Html:
    """All of them, machines as columns."""
    rows: list[list[Child]] = []
    for title, found in titles.items():
        rows.append([el("b", title), *[""] * len(names)])
        rows += [[line.what, *line.cells()] for line in found]
    return table(["", *names], rows, numeric=range(1, len(names) + 1), caption=CAPTION)


def bars(title: str, found: list[Line], names: list[str], number: int) -> Figure | None:
    """Each rate as a share of the best machine's, linear, from zero."""
    rows: list[Row] = []
    for line in found:
        best = max((v for v in line.values if v is not None), default=0)
        if not line.bar or sum(v is not None for v in line.values) < 2:
            continue
        rows += [
            {"k": line.bar, "s": name, "y": value / best, "g": text, "p": percent(value / best)}
            for name, value, text in zip(names, line.values, line.shown, strict=True)
            if value is not None
        ]
    if not rows:
        return None
    series = plain_looks(names)
    order = list(dict.fromkeys(r["k"] for r in rows))
    base = alt.Chart(figure.data(rows)).encode(
        y=alt.Y("k:N", sort=order, title=None, axis=alt.Axis(labelLimit=150)),
        yOffset=alt.YOffset("s:N", sort=names),
    )
    behind = CHARACTER * max(len(r["g"]) for r in rows) + 8
    x = alt.X(
        "y:Q",
        title="share of the best; more is better",
        scale=alt.Scale(domain=[0, max(1.3, NARROW / max(NARROW - behind, NARROW / 3))]),
        axis=alt.Axis(format="%", values=[0, 0.25, 0.5, 0.75, 1]),
    )
    tooltip = tooltips({"k": "what", "s": "machine", "g": "rate", "p": "of the best"})
    drawn = base.mark_bar(clip=True).encode(
        x=x, color=figure.colour(series), opacity=figure.opacity(1, 0.15), tooltip=tooltip
    )
    text = base.mark_text(align="left", dx=4, fontSize=11).encode(
        x=x, text="g:N", opacity=figure.opacity(1, 0.15)
    )
    first = [r for r in rows if r["k"] == order[0]]
    top, low = (choose(first, key=lambda r: r["y"]) for choose in (max, min))
    return Figure(
        f"machines-{number}",
        f"{title}: machine against machine",
        alt.layer(drawn, text),
        f"{order[0]}: {top['s']} leads with {top['g']}, {significant(top['y'] / low['y'])}× what "
        f"{low['s']} moves.",
        "From memory a machine is as fast as its channels, in cache as its cores, with copies as "
        "its link: which machine leads may change with the size.",
        series,
        ["what", "machine", "rate", "of the best"],
        [[r["k"], r["s"], r["g"], r["p"]] for r in rows],
        zooms=False,
        height=50 + (14 * len(names) + 10) * len(order),
    )


def overlaid(
    title: str,
    hardware: str,
    found: list[Curve | None],
    names: list[str],
    number: int,
    element_bytes: int,
) -> Figure | None:
    """Every machine's fastest at each size, over each other."""
    pairs = [(name, curve) for name, curve in zip(names, found, strict=True) if curve]
    if len(pairs) < 2:
        return None
    looks = {s.name: s for s in plain_looks(names)}
    series: list[Series] = [looks[name] for name, _ in pairs]
    rows = [row for name, curve in pairs for row in curve_rows(curve, name)]
    x = size_axis(sorted({r["x"] for r in rows}), element_bytes)
    layers = curves(rows, series, x, rate_axis(rows), RATE_TOOLTIP)
    top = max(rows, key=lambda r: r["y"])
    return Figure(
        f"overlaid-{hardware.lower()}-{number}",
        f"{title}: the fastest of each {hardware}",
        alt.layer(*layers),
        f"{top['s']} reaches the most, {top['v']} at {top['n']} elements.",
        "Where one curve leaves another, the larger cache, the quicker start or the wider memory "
        "shows." + note_on(rows),
        series,
        RATE_HEADER,
        rate_cells(rows),
    )
