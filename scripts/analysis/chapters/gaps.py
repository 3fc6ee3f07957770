"""What a run did not measure, where its file tells no plan: runs of before there was one."""

from __future__ import annotations

import polars as pl

from analysis.drawing.markup import Html, el
from analysis.reading.run import Run
from analysis.words import plural

# What the harness says of a run that ended before its plan did.
OUT_OF_TIME = "time budget"


def unplanned_gaps(run: Run) -> Html | None:
    """How many sizes and workers have no sample where a run that told no plan ran out of time."""
    if run.plan.configurations or OUT_OF_TIME not in run.about.text("end_reason"):
        return None
    form = ["workload", "type", "model", "variant", "scope", "device", "cache"]
    found = (
        run.configurations.filter((pl.col("elements") > 0) & (pl.col("bytes") > 0))
        .group_by(form)
        .agg(
            pl.len(),
            (pl.col("elements").n_unique() * pl.col("workers").n_unique()).alias("grid"),
        )
    )
    gaps = int((found.get_column("grid") - found.get_column("len")).sum())
    if gaps <= 0:
        return None
    return el(
        "p",
        f"{run.name} ran out of its time budget. At least "
        f"{plural(gaps, 'configuration')} were never measured: sizes and workers between those "
        "that were. What else it planned, its file does not tell.",
        class_="note",
    )
