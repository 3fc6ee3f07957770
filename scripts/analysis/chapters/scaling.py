"""Speed-up and parallel efficiency against workers, with the laws fitted to them."""

from __future__ import annotations

import altair as alt
import numpy as np

from analysis.chapters.laws import fit_table
from analysis.drawing import figure
from analysis.drawing.charts import log_domain, worker_axis
from analysis.drawing.figure import Figure, Row, broken, curves, marks, note_on
from analysis.drawing.looks import Series, looks
from analysis.drawing.markup import Html
from analysis.measured.curves import Group
from analysis.measured.sweeps import Sweep, sizes_shown, sweep
from analysis.words import duration, format_size, listing, percent, plural, significant

PHYSICS = (
    "In caches work scales with cores, as each brings its own; from main memory it stops at the "
    "bandwidth that a few cores exhaust; and small work stops at the price of telling the workers."
)
EFFICIENCY_PHYSICS = (
    "Efficiency is the speed-up for each worker. It falls as soon as workers wait: for memory, for "
    "each other, or for the last one to finish."
)
# Less above the ideal than this is not worth a sentence.
ABOVE = 1.05
TOOLTIP = [
    alt.Tooltip("s:N", title="model"),
    alt.Tooltip("x:Q", title="workers"),
    alt.Tooltip("v:N", title="value"),
    alt.Tooltip("i:N", title="95 % interval"),
    alt.Tooltip("h:N", title="fastest"),
    alt.Tooltip("t:N", title="time"),
]


def _rows(sweeps: list[Sweep], efficiency: bool) -> list[Row]:
    found: list[Row] = []
    for s in sweeps:
        rows: list[Row] = []
        told = s.efficiencies if efficiency else s.speed_ups
        for point, e in zip(s.points, told, strict=True):
            low, high = e.low or e.value, e.high or e.value
            shown = percent if efficiency else lambda v: f"{significant(v)}×"
            rows.append(
                {
                    "x": point.workers,
                    "y": round(e.value, 5),
                    "lo": round(low, 5),
                    "hi": round(high, 5),
                    "s": s.model,
                    "h": point.how,
                    "v": shown(e.value),
                    "i": f"{shown(low)} to {shown(high)}" if e.certain else "too few rounds",
                    "t": duration(point.time.value),
                }
            )
        found += broken(rows, s.unmeasured)
    return found


def figures(group: Group, machine: str, number: int, most: int) -> list[tuple[Figure, ...] | Html]:
    """For each of at most `most` sizes: speed-up, efficiency and the table of fits."""
    cores = group.run.about.number("machine.cpu.cores")
    result: list[tuple[Figure, ...] | Html] = []
    for i, elements in enumerate(sizes_shown(group)[:most]):
        sweeps = [s for m in group.cpu_models if (s := sweep(group, m, elements, gpu=False))]
        if not sweeps:
            continue
        where = f"{group.title}, {format_size(elements)} elements" + (
            f", {machine}" if machine else ""
        )
        series = looks([s.model for s in sweeps])
        names = f"{number}-{i}"
        result += [
            (
                _speed_up(sweeps, series, cores, where, f"speed-up-{names}"),
                _efficiency(sweeps, series, cores, where, f"efficiency-{names}"),
            ),
            fit_table(sweeps, cores, where),
        ]
    return result


def _boundaries(sweeps: list[Sweep], cores: float | None) -> list[Row]:
    most = max(w for s in sweeps for w in s.workers)
    if cores is None or not cores < most:
        return []
    smt = sweeps[0].group.run.about.smt or 1
    return [{"x": cores * 1.01, "t": "SMT →" if smt > 1 else "more workers than cores →", "row": 0}]


def _speed_up(
    sweeps: list[Sweep], series: list[Series], cores: float | None, where: str, name: str
) -> Figure:
    rows = _rows(sweeps, efficiency=False)
    workers = sorted({r["x"] for r in rows})
    x = worker_axis(workers, "workers")
    ends = [float(w) for w in workers]
    reached = ends + [r[bound] for r in rows for bound in ("y", "lo", "hi") if r[bound] > 0]
    y = alt.Y(
        "y:Q",
        scale=alt.Scale(type="log", base=2, nice=False, domain=log_domain(reached)),
        title="speed-up over the best single worker",
        axis=alt.Axis(format="~g", values=[2.0**e for e in range(-6, 12)]),
    )
    ideal = alt.Chart(figure.data([{"x": w, "y": w} for w in (workers[0], workers[-1])]))
    layers: list[alt.Chart] = [
        ideal.mark_line(strokeDash=[4, 4], color=figure.GREY, clip=True).encode(x=x, y=y),
        *curves(rows, series, x, y, TOOLTIP),
    ]
    law = [
        {"x": w, "y": round(s.baseline.time.value / t, 5), "s": s.model}
        for s in sweeps
        for fit, used in [s.fitted(int(cores) if cores else None)[1:]]
        if fit.supported
        for w, t in zip(used, fit.fitted, strict=True)
    ]
    if law:
        drawn = alt.Chart(figure.data(law))
        layers.append(
            drawn.mark_line(strokeWidth=1, strokeDash=[1, 3], clip=True).encode(
                x=x, y=y, color=figure.colour(series), opacity=figure.opacity(0.9, 0.05)
            )
        )
    lines = _boundaries(sweeps, cores)
    if lines:
        layers = [*marks(lines, x), *layers]
    return Figure(
        name,
        f"Speed-up: {where}",
        alt.layer(*layers),
        _says(sweeps, cores),
        PHYSICS
        + " (Dashed: ideal; dotted: the Universal Scalability Law, where it fits.)"
        + note_on(rows),
        series,
        ["model", "workers", "speed-up", "95 % interval", "fastest", "time"],
        [[r["s"], str(r["x"]), r["v"], r["i"], r["h"], r["t"]] for r in rows],
    )


def _efficiency(
    sweeps: list[Sweep], series: list[Series], cores: float | None, where: str, name: str
) -> Figure:
    rows = _rows(sweeps, efficiency=True)
    x = worker_axis([r["x"] for r in rows], "workers")
    top = max(1.05, max(r["hi"] for r in rows) * 1.03)
    y = alt.Y(
        "y:Q",
        scale=alt.Scale(domain=[0, top]),
        title="parallel efficiency",
        axis=alt.Axis(format="%"),
    )
    full = alt.Chart(figure.data([{"y": 1}])).mark_rule(strokeDash=[4, 4], color=figure.GREY)
    layers: list[alt.Chart] = [full.encode(y=y), *curves(rows, series, x, y, TOOLTIP)]
    lines = _boundaries(sweeps, cores)
    if lines:
        layers = [*marks(lines, x), *layers]
    return Figure(
        name,
        f"Parallel efficiency: {where}",
        alt.layer(*layers),
        _says_useful(sweeps),
        EFFICIENCY_PHYSICS + _above_the_ideal(sweeps) + note_on(rows),
        series,
        ["model", "workers", "efficiency", "95 % interval", "fastest", "time"],
        [[r["s"], str(r["x"]), r["v"], r["i"], r["h"], r["t"]] for r in rows],
    )


def _says_useful(sweeps: list[Sweep]) -> str:
    """Up to how many workers each model makes at least half of the ideal of them."""
    most = max(w for s in sweeps for w in s.workers)
    models: dict[str, list[str]] = {}
    for s in sweeps:
        useful = [w for w, e in zip(s.workers, s.efficiencies, strict=True) if e.value >= 0.5]
        last = max(useful, default=0)
        more = [w for w in s.workers if w > last]
        where = f"on up to {plural(last, 'worker')}" if useful else "on no number of workers"
        if useful and more:
            where += f" (not on {more[0]})"
        elif last < most:
            where += " (more were not measured)" if useful else ""
        models.setdefault(where, []).append(s.model)
    told = [f"{where} by {listing(names)}" for where, names in models.items()]
    return f"At least half of the ideal is reached {'; '.join(told)}."


def _above_the_ideal(sweeps: list[Sweep]) -> str:
    """What explains speed-ups beyond the number of workers, where caches do."""
    above = [
        point
        for s in sweeps
        for point, e in zip(s.points, s.efficiencies, strict=True)
        if (e.low or e.value) > ABOVE and point.workers > s.baseline.workers
    ]
    if not above:
        return ""
    group = sweeps[0].group
    whole = above[0].elements * group.element_bytes
    fitting = [
        all(whole / point.workers <= size < whole for point in above)
        for size in group.run.about.private_caches
    ]
    if any(fitting):
        return (
            " Above 100 % a worker's share of the data fits its core's own cache, which all of "
            "it did not."
        )
    return (
        " Above 100 % no cache of a core's own explains it: the shares fit none that all of the "
        "data did not."
    )


def _says(sweeps: list[Sweep], cores: float | None) -> str:
    counts = {w for s in sweeps for w in s.workers} | {w for s in sweeps for w in s.unmeasured}
    parts = []
    for s in sweeps:
        e, p = max(zip(s.speed_ups, s.points, strict=True), key=lambda b: b[0].value)
        verb = "peaks at" if p.workers < s.workers[-1] else "reaches"
        text = f"{s.model} {verb} {significant(e.value)}× on {plural(p.workers, 'worker')}"
        if missing := sorted(w for w in counts - set(s.workers) if w > p.workers):
            text += f" ({listing([str(w) for w in missing])} not measured)"
        parts.append(text)
    text = f"Over the best single worker ({sweeps[0].baseline.form}), {listing(parts)}."
    if cores:
        gains = [
            at_most / at_cores
            for s in sweeps
            if (
                at_cores := max(
                    (
                        e.value
                        for e, p in zip(s.speed_ups, s.points, strict=True)
                        if p.workers <= cores
                    ),
                    default=0.0,
                )
            )
            and (
                at_most := max(
                    (
                        e.value
                        for e, p in zip(s.speed_ups, s.points, strict=True)
                        if p.workers > cores
                    ),
                    default=0.0,
                )
            )
        ]
        if gains:
            gain = float(np.median(gains)) - 1
            if gain >= 0.03:
                text += f" Workers beyond the physical cores add {percent(gain)}."
            else:
                text += " Workers beyond the physical cores add nothing."
    return text
