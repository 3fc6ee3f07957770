"""How sure we are: rounds, intervals, what was noisy or failed, and what disturbs the machine."""

from __future__ import annotations

from collections.abc import Callable

import altair as alt
import numpy as np
import polars as pl

from analysis.commands import program
from analysis.drawing import figure
from analysis.drawing.charts import (
    log_domain,
    size_axis,
    tooltips,
)
from analysis.drawing.figure import Figure, Row, zoom
from analysis.drawing.looks import looks
from analysis.drawing.markup import Child, Html, el, table
from analysis.reading.plan import LeftBehind
from analysis.reading.run import WARM, Run
from analysis.statistics.estimates import LEAST_CORRELATION
from analysis.statistics.stats import Floats
from analysis.words import format_size, listing, percent, plural

MOST_POINTS = 3000
# A longer table is folded.
MOST_OPEN = 12


def counts(runs: list[Run]) -> Html:
    """What each file held and what of it is in the charts."""
    rows: list[list[Child]] = []
    for run in runs:
        c = run.configurations
        widths = _widths(run)
        noisy = int(c.get_column("noisy").sum()) if c.height else 0
        rows.append(
            [
                run.name,
                _status(run),
                f"{run.rows:,}",
                f"{run.samples.height:,}",
                f"{c.height:,}",
                _rounds(run),
                percent(float(np.median(widths))) if len(widths) else "too few rounds",
                percent(float(np.quantile(widths, 0.95))) if len(widths) else "-",
                f"{noisy:,}",
                f"{run.left_out.failed:,}",
                f"{run.left_out.skipped:,}",
            ]
        )
    header = [
        "run",
        "status",
        "rows",
        "samples used",
        "configurations",
        "rounds",
        "± of medians, typical",
        "± at worst, 95th pct.",
        "noisy",
        "failed",
        "skipped",
    ]
    return table(header, rows, numeric=range(2, 11), caption="What was read")


def _status(run: Run) -> str:
    """`complete` says no more than that the run ended by itself: here is why it did."""
    reason = run.about.text("end_reason")
    return f"ended: {reason}" if run.status == "complete" and reason else run.status


def _rounds(run: Run) -> str:
    found = run.configurations.get_column("n").to_list() or [0]
    few, many = min(found), max(found)
    return str(many) if few == many else f"{few} to {many}"


def _widths(run: Run) -> Floats:
    c = run.configurations.drop_nulls(["low", "high"])
    return ((c.get_column("high") - c.get_column("low")) / 2 / c.get_column("median")).to_numpy()


def left_out(runs: list[Run]) -> list[Html]:
    """Sentences about every row that is in no chart, and about the files."""
    found: list[Html] = []
    for run in runs:
        items = [f"{plural(count, 'row')} {why}" for count, why in run.left_out.reasons()]
        if run.left_out.pilot:
            items.append(
                f"{plural(run.left_out.pilot, 'sample')} of the pilot round, which chose what was "
                "measured further"
            )
        unknown = run.left_out.unknown_columns
        if unknown:
            shown = ", ".join(unknown[:8]) + (", …" if len(unknown) > 8 else "")
            items.append(f"{plural(len(unknown), 'column')} not known here: {shown}")
        items += run.notices
        if items:
            found.append(
                el(
                    "div",
                    el("b", f"{run.name}: left out or unusual"),
                    el("ul", [el("li", item) for item in items]),
                    class_="note",
                )
            )
    return found


def never_measured(run: Run) -> Html:
    """How much the run left out, and how to go on."""
    plan = run.plan
    path = max(run.files, key=lambda part: part.plan.left_out).path
    of = f" (of {listing(plan.models)})" if plan.models else ""
    return el(
        "p",
        f"{run.name}: {plan.left_out:,} of {plural(plan.configurations, 'configuration')}{of} were "
        "left out for want of time. To go on: ",
        el("code", f"{program()} --resume {path.name} --budget SECONDS"),
        class_="note",
    )


def never_measured_by_model(runs: list[Run]) -> Html | None:
    """What was left out, model by model; of a fleet's nodes once."""
    rows: list[list[Child]] = []
    for run in {run.run_id: run for run in reversed(runs)}.values():
        found: dict[tuple[str, ...], list[LeftBehind]] = {}
        for group in run.plan.of:
            clock = "" if group.scope == "resident" else f", {group.scope}"
            caches = "" if group.cache == WARM else f", {group.cache} caches"
            device = "" if group.device == "cpu" else f", {group.device}"
            kind = "" if group.type == "none" else f" {group.type}"
            what = f"{group.workload}{kind}{clock}{caches}{device}"
            found.setdefault((group.model, what), []).append(group)
        for (model, what), groups in sorted(found.items()):
            sizes = sorted({n for group in groups for n, _ in group.sizes})
            workers = sorted({w for group in groups for _, w in group.sizes})
            variants = listing(list(dict.fromkeys(group.variant for group in groups)))
            rows.append([run.name, model, what, variants, _span(sizes, format_size),
                         _span(workers, str)])  # fmt: skip
    if not rows:
        return None
    header = ["run", "model", "of", "variants", "sizes", "workers"]
    caption = "Left out for want of time, some or all of these sizes on these workers"
    made = table(header, rows, caption=caption)
    if len(rows) <= MOST_OPEN:
        return made
    return el("details", el("summary", f"{caption} ({plural(len(rows), 'row')})"), made)


def _span(values: list[int], shown: Callable[[int], str]) -> str:
    """`1 and 2`, `1.00 Ki to 32.0 Mi (16)`."""
    if len(values) <= 3:
        return listing([shown(value) for value in values]) or "-"
    return f"{shown(values[0])} to {shown(values[-1])} ({len(values)})"


def alike(runs: list[Run]) -> list[Html]:
    """A sentence about each run whose neighbouring rounds are alike."""
    found = []
    for run in runs:
        wide = [f"{m} ({r:.2f})" for m, r in run.correlations.items() if r > LEAST_CORRELATION]
        if wide:
            text = "neighbouring rounds correlate, which widens the intervals of"
            found.append(el("p", f"{run.name}: {text} {listing(wide)}.", class_="note"))
    return found


def reasons(runs: list[Run], most: int = 12) -> Html | None:
    """Why samples were noisy, skipped or failed, the most frequent first."""
    rows: list[list[Child]] = []
    total = 0
    for run in runs:
        grouped = (
            run.troubles.with_columns(pl.col("kind", "note", "model").cast(pl.String))
            # How much it was is not part of a reason.
            .with_columns(pl.col("note").str.replace_all(r"\d[\d.,]*", "…"))
            .group_by("kind", "note")
            .agg(pl.col("rows").sum(), pl.col("model").drop_nulls().unique().sort())
            .sort(["rows", "kind", "note"], descending=[True, False, False])
        )
        total += grouped.height
        for kind, note, count, names in grouped.head(most).iter_rows():
            shown = ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
            rows.append([kind, run.name, shown or "-", note or "no reason given", f"{count:,}"])
    if not rows:
        return None
    caption = "Samples that were noisy, skipped or failed, and why"
    if total > len(rows):
        caption += f" (the {len(rows)} most frequent of {total} reasons)"
    return table(["status", "run", "models", "reason", "rows"], rows, numeric=[4], caption=caption)


def widths_figure(run: Run, machine: str, number: int) -> Figure | None:
    """Half-widths of all intervals against size: which results are known how well."""
    c = run.configurations.drop_nulls(["low", "high"]).filter(pl.col("elements") > 0)
    if c.height == 0:
        return None
    c = c.with_columns(((pl.col("high") - pl.col("low")) / 2 / pl.col("median")).alias("w"))
    all_of_them = c.height
    if c.height > MOST_POINTS:
        c = c.sort("w", descending=True).gather_every(-(-c.height // MOST_POINTS))
    gpu = pl.col("device") != "cpu"
    c = c.with_columns(
        pl.when(gpu)
        .then(pl.col("model") + " " + pl.col("scope"))
        .otherwise(pl.col("model"))
        .alias("s")
    )
    rows: list[Row] = [
        {
            "x": r["elements"],
            "y": max(r["w"], 1e-6),
            "s": r["s"],
            "h": f"{r['model']}/{r['variant']} {r['scope']}, "
            + plural(r["workers"], "worker" if r["device"] == "cpu" else "SM"),
            "n": format_size(r["elements"]),
            "v": f"{r['w'] * 100:.2g} %" if r["w"] < 0.995 else percent(r["w"]),
            "r": r["n"],
        }
        for r in c.iter_rows(named=True)
    ]
    series = looks(sorted({r["s"] for r in rows}))
    tooltip = tooltips({"h": "configuration", "n": "elements", "v": "half-width", "r": "rounds"})
    x = size_axis(sorted({r["x"] for r in rows}))
    asked = run.about.number("options.precision")
    ends = log_domain([r["y"] for r in rows] + ([asked / 100] if asked else []))
    y = alt.Y(
        "y:Q",
        scale=alt.Scale(type="log", nice=False, domain=ends),
        title="half-width of the interval",
        axis=alt.Axis(format="~%", values=figure.log_ticks(*ends)),
    )
    points = (
        alt.Chart(figure.data(rows))
        .mark_point(clip=True, filled=True, size=35)
        .encode(
            x=x,
            y=y,
            color=figure.colour(series),
            shape=figure.shape(series),
            opacity=figure.opacity(0.65, 0.04),
            tooltip=tooltip,
        )
    )
    layers = []
    if asked:
        rule = alt.Chart(figure.data([{"y": asked / 100}]))
        layers.append(rule.mark_rule(strokeDash=[4, 4], color=figure.GREY, clip=True).encode(y=y))
    points = points.add_params(zoom(["x", "y"]))
    worst = max(rows, key=lambda r: r["y"])
    elements = "1 element" if worst["n"] == "1" else f"{worst['n']} elements"
    says = f"Least certain is {worst['h']} at {elements}: ±{worst['v']}."
    without = run.configurations.height - run.configurations.drop_nulls(["low", "high"]).height
    if without:
        says += f" {plural(without, 'configuration')} had too few rounds for an interval."
    if asked:
        within = sum(r["y"] <= asked / 100 for r in rows) / len(rows)
        says = (
            f"{percent(within)} of the medians are within the precision of {asked:g} % "
            f"that was asked for. {says}"
        )
    if len(rows) < all_of_them:
        says += f" {len(rows):,} of {all_of_them:,} configurations are drawn."
    worst_first = sorted(rows, key=lambda r: -r["y"])[:50]
    return Figure(
        f"certainty-{number}",
        "Certainty of each median" + (f": {machine}" if machine else ""),
        alt.layer(points, *layers),
        says,
        "Short operations are disturbed by interrupts and by workers that wake late, long ones by "
        "neighbours on the memory; both shrink with the square root of the rounds.",
        series,
        ["configuration", "elements", "half-width", "rounds"],
        [[r["h"], r["n"], r["v"], str(r["r"])] for r in worst_first],
    )


def _shared(run: Run) -> bool:
    told = run.about.text("machine.virtualisation").lower()
    return told not in ("", "none", "no", "physical", "bare metal")


def _noted(run: Run, *words: str) -> int:
    notes = run.troubles.with_columns(pl.col("note").cast(pl.String).str.to_lowercase())
    pattern = "|".join(words)
    return int(notes.filter(pl.col("note").str.contains(pattern)).get_column("rows").sum())


# What disturbs, how it is recognised, and what to do about it.
DISTURBANCES: list[tuple[str, Callable[[Run], bool], str]] = [
    (
        "The frequency governor is not performance: clocks follow the load.",
        lambda r: r.about.text("machine.governor") not in ("", "performance", "unknown", "none"),
        "Set it for the run: cpupower frequency-set -g performance.",
    ),
    (
        "SMT is on: workers may share a core.",
        lambda r: (r.about.smt or 1) > 1,
        "Keep --pin cores, and read worker counts beyond the physical cores as SMT.",
    ),
    (
        "A virtual machine: caches and clocks as reported may not be the host's, and neighbours "
        "cannot be seen.",
        _shared,
        "Repeat at another hour and compare; use a dedicated host for numbers that matter.",
    ),
    (
        "Steal time: the hypervisor gave the CPU to somebody else.",
        lambda r: _noted(r, "steal") > 0,
        "Use more --rounds, or a host without neighbours.",
    ),
    (
        "The GPU or CPU throttled its clock.",
        lambda r: _noted(r, "throttl") > 0,
        "Look at temperature and power limit; let it cool, or accept the lower clock as the truth.",
    ),
    (
        "A CPU quota limits this process.",
        lambda r: r.about.number("machine.cpu_quota") is not None,
        "Give the container whole CPUs, pinned, if the machine's own speed is the question.",
    ),
    (
        "Results failed verification: these models compute something wrong.",
        lambda r: r.left_out.failed > 0,
        "Do not trust the model until it is mended; its failed samples are in no chart.",
    ),
    (
        "Fewer than six rounds: no interval can be given.",
        lambda r: 0 < r.rounds < 6,
        "Run again with --rounds 15 or more, or --resume this run.",
    ),
    (
        "The run did not finish.",
        lambda r: r.status in ("interrupted", "running", "failed"),
        f"Go on with {program()} --resume and this file.",
    ),
]


def disturbances(runs: list[Run]) -> Html:
    """What in each machine's state disturbs, with what to do about it."""
    rows: list[list[Child]] = []
    for what, applies, remedy in DISTURBANCES:
        names = [run.name for run in runs if applies(run)]
        if names:
            rows.append([what, ", ".join(names), remedy])
    if not rows:
        return el("p", "Nothing in the recorded state of the machine is known to disturb.")
    return table(["what may disturb", "where", "what to do"], rows, caption="The machine's state")
