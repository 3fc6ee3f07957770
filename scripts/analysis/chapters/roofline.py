"""From bound by memory to bound by arithmetic: a family of workloads under the two roofs.

A processor can do no more arithmetic than its units allow, and no more than the bytes that its
memory brings allow: the lower of both is its roof (Williams, Waterman and Patterson, Roofline, CACM
52, 2009). Across stand the floating-point operations for each byte moved.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import altair as alt

from analysis.drawing import figure
from analysis.drawing.charts import short, tooltips
from analysis.drawing.figure import Figure, Row, curves
from analysis.drawing.looks import Series, looks
from analysis.measured.costs import title_of
from analysis.measured.curves import Group, Point
from analysis.measured.groups import Family
from analysis.words import format_size, listing, percent, ratio, significant

PHYSICS = (
    "On the slope each byte brings too little work, so the rate is the memory's times the work for "
    "each byte; on the flat part the arithmetic units are busy and the memory waits. A GPU leads "
    "by the ratio of the memories on the left and by that of the arithmetic units on the right. "
    "(Lines without points: the roofs, from {memory} and {arithmetic}; single points: workloads "
    "outside of the family.)"
)
CPU = "best CPU"


@dataclass(frozen=True)
class Roof:
    """What bounds a processor: GB/s of its memory and GFLOP/s of its units, where known."""

    bandwidth: float | None
    arithmetic: float | None

    @property
    def ridge(self) -> float | None:
        """From so many operations a byte on arithmetic is the limit."""
        return self.arithmetic / self.bandwidth if self.bandwidth and self.arithmetic else None

    def at(self, intensity: float) -> float | None:
        """GFLOP/s at most."""
        bounds = [self.bandwidth * intensity if self.bandwidth else None, self.arithmetic]
        return min((b for b in bounds if b), default=None)


def roofline(family: Family, groups: list[Group], machine: str, number: int) -> Figure | None:
    """Rates of the family's members, and of `groups` of the same type and caches."""
    others = [g for g in groups if g.like(family.members[0])]
    size = _size(family)
    forms = [CPU, *[f"GPU {scope}" for scope in family.run.vocabulary.scopes]]
    points = {
        form: {g.workload: p for g in [*family.members, *others] if (p := _best(g, form, size))}
        for form in forms
    }
    points = {form: found for form, found in points.items() if found}
    members = {g.workload: g for g in family.members}
    if not any(found.keys() & members.keys() for found in points.values()):
        return None
    on_cpu, on_gpu = _cpu_roof(family, others, size), _gpu_roof(family, points)
    roofs = {form: on_cpu if form == CPU else on_gpu for form in points}
    series = looks(list(points))
    rows: list[Row] = [
        _row(form, name, p, roofs[form]) for form, found in points.items()
        for name, p in sorted(found.items(), key=lambda item: _intensity(item[1]))
    ]  # fmt: skip
    low, high = min(r["x"] for r in rows), max(r["x"] for r in rows)
    slopes = _slopes(roofs, low / 1.2, high * 1.2)
    x, y = _axes(rows, slopes)
    tooltip = tooltips({"s": "by", "k": "workload", "f": "flops a byte", "v": "rate",
                        "i": "95 % interval", "p": "of the roof", "g": "throughput",
                        "h": "fastest"})  # fmt: skip
    layers = [
        *_roof_lines(slopes, series, x, y),
        *curves([r for r in rows if r["k"] in members], series, x, y, tooltip),
        alt.Chart(figure.data([r for r in rows if r["k"] not in members]))
        .mark_point(clip=True, size=70, strokeWidth=2)
        .encode(x=x, y=y, color=figure.colour(series), shape=figure.shape(series),
                opacity=figure.opacity(1, 0.12), tooltip=tooltip),
    ]  # fmt: skip
    caches = family.members[0].caches
    where = f", {format_size(size)} elements" if size else ""
    return Figure(
        f"roofline-{number}",
        title_of(f"Roofline: {family.name}, {family.type}{caches}{where}", machine),
        alt.layer(*layers),
        " ".join(_says(points, roofs, members)),
        PHYSICS.format(
            memory=_memories(on_cpu, on_gpu),
            arithmetic="a loop without memory on the CPU and the GPU's attributes",
        ),
        series,
        ["by", "workload", "flops a byte", "GFLOP/s", "95 % interval", "of the roof", "GB/s",
         "fastest"],
        [[r[field] for field in "skfvipgh"] for r in rows],
    )  # fmt: skip


def _size(family: Family) -> int:
    """The size that is quoted, or else the largest, that every curve of the family has; or 0."""
    found = [
        {p.elements for p in curve.points}
        for group in family.members
        for curve in (group.best_cpu(), group.best_gpu("kernel"), group.best_gpu("resident"))
        if curve
    ]
    common = set.intersection(*found) if found else set()
    quoted = {n for group in family.members if (n := group.quoted)}
    return max(common & quoted, default=0) or max(common, default=0)


def _best(group: Group, form: str, size: int) -> Point | None:
    curve = group.best_cpu() if form == CPU else group.best_gpu(form.removeprefix("GPU "))
    point = (curve.at(size) or curve.last) if curve else None
    return point if point and point.flops > 0 else None


def _intensity(p: Point) -> float:
    return p.flops / p.bytes


def _cpu_roof(family: Family, others: list[Group], size: int) -> Roof:
    """The memory's rate is the highest of other maps: the family's own would be its own limit."""
    known = family.run.vocabulary
    maps = [g for g in others if known.workload(g.workload).pattern.startswith("map")]
    found = [c for g in maps if (c := g.best_cpu())]
    rates = [(c.at(size) or c.last).rate.value for c in found]
    return Roof(max(rates, default=None), family.run.about.cpu_peak_gflops(family.type))


def _gpu_roof(family: Family, points: dict[str, dict[str, Point]]) -> Roof:
    """Of several GPUs that of the best, whose points are shown."""
    about = family.run.about
    devices = {p.device for form in points if form != CPU for p in points[form].values()}
    memories = [peak for d in devices if (peak := about.gpu_peak(d))]
    units = [peak for d in devices if (peak := about.gpu_peak_gflops(d, family.type))]
    return Roof(max(memories, default=None), max(units, default=None))


def _memories(on_cpu: Roof, on_gpu: Roof) -> str:
    named = ["the CPU's highest rate of another map in this run"] if on_cpu.bandwidth else []
    named += ["the GPU memory's theoretical rate"] if on_gpu.bandwidth else []
    return listing(named) or "no rate of a memory that is known"


def _row(form: str, workload: str, p: Point, roof: Roof) -> Row:
    rate, limit = p.gflops, roof.at(_intensity(p))
    low, high = rate.low or rate.value, rate.high or rate.value
    return {
        "x": short(_intensity(p)),
        "y": short(rate.value),
        "lo": short(low),
        "hi": short(high),
        "s": form,
        "k": workload,
        "f": significant(_intensity(p)),
        "v": f"{significant(rate.value)} GFLOP/s",
        "i": f"{significant(low)} to {significant(high)}" if rate.certain else "too few rounds",
        "p": percent(rate.value / limit) if limit else "-",
        "g": f"{significant(p.rate.value)} GB/s",
        "h": p.how,
    }


def _axes(rows: list[Row], slopes: list[Row]) -> tuple[alt.X, alt.Y]:
    across = [r["x"] for r in slopes + rows]
    up = [r["hi"] for r in rows] + [r["lo"] for r in rows] + [r["y"] for r in slopes]
    first, last = math.ceil(math.log2(min(across))), math.floor(math.log2(max(across)))
    step = max(1, (last - first) // 6)
    x = alt.X(
        "x:Q",
        title="floating-point operations for each byte moved",
        scale=alt.Scale(type="log", base=2, nice=False, domain=[min(across), max(across)]),
        axis=alt.Axis(format="~g", values=[2.0**e for e in range(first, last + 1, step)]),
    )
    low, high = min(up) / 1.3, max(up) * 1.6
    y = alt.Y(
        "y:Q",
        title="GFLOP/s",
        scale=alt.Scale(type="log", nice=False, domain=[low, high]),
        axis=figure.rate_axis(low, high),
    )
    return x, y


def _slopes(roofs: dict[str, Roof], low: float, high: float) -> list[Row]:
    """The corners of each processor's roof; equal roofs once, under their first form."""
    forms: dict[Roof, str] = {}
    for form, roof in roofs.items():
        forms.setdefault(roof, form)
    rows: list[Row] = []
    for roof, form in forms.items():
        corners = [low, *([roof.ridge] if roof.ridge and low < roof.ridge < high else []), high]
        rows += [
            {"x": short(x), "y": short(limit), "s": form} for x in corners if (limit := roof.at(x))
        ]
    return rows


def _roof_lines(slopes: list[Row], series: list[Series], x: alt.X, y: alt.Y) -> list[alt.Chart]:
    if not slopes:
        return []
    line = alt.Chart(figure.data(slopes)).mark_line(clip=True, strokeWidth=5)
    return [line.encode(x=x, y=y, color=figure.colour(series), opacity=figure.opacity(0.3, 0.05))]


def _says(
    points: dict[str, dict[str, Point]], roofs: dict[str, Roof], members: dict[str, Group]
) -> list[str]:
    def top(form: str) -> tuple[str, Point]:
        return max(points[form].items(), key=lambda item: item[1].gflops.value)

    parts: list[str] = []
    on_gpu = max((f for f in points if f != CPU), key=lambda f: top(f)[1].gflops.value, default="")
    for form in (CPU, on_gpu):
        if form not in points:
            continue
        name, best = top(form)
        text = f"The {form} reaches {significant(best.gflops.value)} GFLOP/s ({name}, {best.how})"
        if arithmetic := roofs[form].arithmetic:
            share = percent(best.gflops.value / arithmetic)
            text += f", {share} of the arithmetic roof of {significant(arithmetic)}"
        parts.append(text + ".")
    if CPU in points:
        for form in points:
            parts += _against_cpu(form, points, roofs, members)
    return parts


def _against_cpu(
    form: str,
    points: dict[str, dict[str, Point]],
    roofs: dict[str, Roof],
    members: dict[str, Group],
) -> list[str]:
    """How far the GPU is ahead at both ends of the family, and where that changes."""
    cpu, gpu = points[CPU], points[form]
    common = sorted((n for n in members if n in cpu and n in gpu), key=lambda n: _intensity(cpu[n]))
    # By the device's clock nobody waits for a launch: not what a CPU's caller sees.
    if len(common) < 2 or form in (CPU, "GPU kernel"):
        return []
    leads = [members[n].speed_up(gpu[n], cpu[n]) for n in common]
    ends = [f"{significant(_intensity(cpu[n]))} flops a byte" for n in (common[0], common[-1])]
    told = [
        f"{ratio(lead)} as fast as the CPU at {end}"
        for lead, end in zip(leads[:: len(leads) - 1], ends, strict=True)
    ]
    text = f"The {form} is {listing(told)}"
    bends = [
        f"{significant(ridge)} ({name})"
        for name, key in (("the CPU's roof", CPU), ("the GPU's", form))
        if (ridge := roofs[key].ridge)
    ]
    if bends and form != "GPU offload":
        text += f"; that changes where the roofs bend, at {listing(bends)} flops a byte"
    ahead = [lead.value > 1 for lead in leads]
    for name, before, after in zip(common[1:], ahead, ahead[1:], strict=False):
        if before != after:
            what = "passes" if after else "falls behind"
            text += (
                f"; it {what} the CPU by {significant(_intensity(cpu[name]))} flops a byte ({name})"
            )
    return [text + "."]
