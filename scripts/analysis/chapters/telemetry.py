"""What the devices told of themselves: a chart for each column of telemetry."""

from __future__ import annotations

import altair as alt
import polars as pl

from analysis.drawing import figure
from analysis.drawing.charts import short, size_axis, tooltips
from analysis.drawing.figure import Figure, Row, broken, curves, note_on
from analysis.drawing.looks import plain_looks
from analysis.measured.costs import title_of
from analysis.reading.run import Run
from analysis.reading.vocabulary import Column
from analysis.words import format_size, significant

PHYSICS = (
    "Clocks rise with the load and fall with heat and at the power limit; power is highest where "
    "arithmetic and memory are both busy. What a sensor averages over a second says little about "
    "a sample that is shorter."
)
ENERGY_PHYSICS = (
    "A device draws much of its power whether it moves data or waits, so what is faster is usually "
    "also cheaper; copies over the link keep the GPU waiting at full clock. A counter that is "
    "renewed less often than a sample lasts makes single samples jump."
)
JOULES = "J"


def charts(run: Run, machine: str, number: int) -> list[Figure]:
    """A chart for each column of telemetry that the run's samples tell."""
    found = []
    for column in run.vocabulary.group("telemetry"):
        if column.name not in run.samples.columns:
            continue
        told = _told(run, column)
        if told.height:
            name = f"telemetry-{column.name}-{number}"
            found.append(_chart(column, told, run.plan.table(), machine, name))
    return found


def _told(run: Run, column: Column) -> pl.DataFrame:
    """The column `y` by size, device and scope: its median, and the quarters beside it."""
    value = pl.col(column.name).cast(pl.Float64)
    if column.unit == JOULES:
        # Energy is of the whole sample: only what each gigabyte needed can be compared.
        value = value / (pl.col("bytes") * pl.col("iterations") / 1e9)
    by = ["elements", "device", "scope"]
    return (
        run.samples.lazy()
        .filter(pl.col("elements") > 0)
        .with_columns(value.alias("y"), pl.col("device", "scope").cast(pl.String))
        .filter(pl.col("y").is_finite())
        .group_by(by)
        .agg(
            pl.col("y").median(),
            pl.col("y").quantile(0.25).alias("lo"),
            pl.col("y").quantile(0.75).alias("hi"),
            pl.len().alias("n"),
        )
        .sort("device", "scope", "elements")
        .collect()
    )


def _chart(
    column: Column, told: pl.DataFrame, left: pl.DataFrame, machine: str, name: str
) -> Figure:
    unit = "J/GB" if column.unit == JOULES else column.unit

    def shown(value: float) -> str:
        return f"{significant(value)} {unit}".rstrip()

    rows: list[Row] = [
        {
            "x": r["elements"],
            "y": short(r["y"]),
            "lo": short(r["lo"]),
            "hi": short(r["hi"]),
            "s": f"{r['device']} {r['scope']}",
            "n": format_size(r["elements"]),
            "v": shown(r["y"]),
            "i": f"{significant(r['lo'])} to {significant(r['hi'])}",
            "r": r["n"],
        }
        for r in told.iter_rows(named=True)
    ]
    series = plain_looks(list(dict.fromkeys(r["s"] for r in rows)))
    on = left.get_column("device") + " " + left.get_column("scope")
    rows = [
        row
        for s in series
        for mine in [[r for r in rows if r["s"] == s.name]]
        for row in broken(
            mine,
            set(left.filter(on == s.name).get_column("elements")) - {r["x"] for r in mine},
        )
    ]
    y = _axis(rows, f"{column.label}, {unit}".rstrip(", "))
    tooltip = {"s": "on", "n": "elements", "v": column.label, "i": "half of the samples"}
    layers = curves(rows, series, size_axis(sorted({r["x"] for r in rows})), y, tooltips(tooltip))
    least, most = min(rows, key=lambda r: r["y"]), max(rows, key=lambda r: r["y"])
    says = f"{most['v']} at every size."
    if least["y"] != most["y"]:
        says = (
            f"From {least['v']} ({least['s']}, {least['n']} elements) to {most['v']} "
            f"({most['s']}, {most['n']} elements)."
        )
    meaning = f"{column.meaning[:1].upper()}{column.meaning[1:]}".rstrip(".")
    return Figure(
        name,
        title_of(meaning or column.label, machine),
        alt.layer(*layers),
        f"{column.label}: {says} (Band: half of the samples.)",
        (ENERGY_PHYSICS if column.unit == JOULES else PHYSICS) + note_on(rows),
        series,
        ["on", "elements", column.label, "half of the samples", "samples"],
        [[r["s"], r["n"], r["v"], r["i"], str(r["r"])] for r in rows],
    )


def _axis(rows: list[Row], title: str) -> alt.Y:
    """Around what was told; logarithmic where that spans a factor of twenty."""
    low, high = min(r["lo"] for r in rows), max(r["hi"] for r in rows)
    if 0 < 20 * low < high:
        scale = alt.Scale(type="log", nice=False, domain=[low / 1.3, high * 1.3])
        axis = figure.rate_axis(low / 1.3, high * 1.3)
        return alt.Y("y:Q", title=title, scale=scale, axis=axis)
    room = (high - low) * 0.08 or abs(high) * 0.05 or 1
    scale = alt.Scale(domain=[max(0.0, low - room) if low >= 0 else low - room, high + room])
    return alt.Y("y:Q", title=title, scale=scale, axis=alt.Axis(format=",~r"))
