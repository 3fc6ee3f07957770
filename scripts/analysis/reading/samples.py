"""A run from the rows of its file: what was measured, and what was left out and why."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from analysis.reading import machine
from analysis.reading.plan import plan_of, without_pilot
from analysis.reading.run import KEY, WARM, LeftOut, Run
from analysis.reading.vocabulary import Vocabulary

KNOWN_SCHEMA = "1"
# What the readers compute with, whatever the vocabulary says of it.
NUMBERS = ["elements", "bytes", "flops", "workers", "round", "iterations", "time_ns", "error"]
NAMES = [
    *["run", "label", "workload", "type", "model", "variant", "scope", "device", "cache"],
    "status",
]


def run_of(
    path: Path,
    table: pl.DataFrame,
    columns: list[str],
    about: machine.Machine,
    vocabulary: Vocabulary,
) -> Run:
    """The run of `table`, the rows of a file with `columns`."""
    rows = table.height
    key = [name for name in [*KEY, "node"] if name in table.columns]
    names = ["workload", "type", "model", "variant", "scope"]
    placed = pl.all_horizontal(
        *[pl.col(name).is_not_null() for name in names],
        *[(pl.col(n).is_finite() & (pl.col(n) >= 0)) for n in ("elements", "workers")],
        *[(pl.col(n) < 2.0**62) for n in ("elements", "workers")],
    ).fill_null(False)
    timed = (
        pl.col("time_ns").is_finite()
        # A thousandth of a nanosecond to ten days: more or less is no time of an operation.
        & pl.col("time_ns").is_between(1e-3, 1e15)
        & (pl.col("workers") >= 1)
        & pl.col("round").is_finite()
        & pl.col("round").is_between(0, 2**31)
    ).fill_null(False)
    status = pl.col("status")
    kind = (
        pl.when(~placed | status.is_null())
        .then(pl.lit("incomplete"))
        .when(status.is_in(["skipped", "failed"]))
        .then(status.cast(pl.String))
        .when(status.is_in(["ok", "noisy"]) & timed)
        .then(status.cast(pl.String))
        .when(status.is_in(["ok", "noisy"]))
        .then(pl.lit("incomplete"))
        .otherwise(pl.lit("unknown status"))
        .cast(pl.Categorical)
    )
    table = table.with_columns(kind.alias("kind"))
    counts = {str(k): int(n) for k, n in table.group_by("kind").len().iter_rows()}
    measured, duplicates = _samples(table, key)
    samples = without_pilot(measured, plan_of(about.data).pilot_rounds)
    troubles = (
        table.lazy()
        .filter(pl.col("kind").is_in(["noisy", "skipped", "failed"]))
        .group_by("workload", "type", "model", "variant", "scope", "kind", "note")
        .agg(pl.len().alias("rows"))
        .sort("rows", descending=True)
        .collect(engine="streaming")
    )
    known = {*vocabulary.columns, *NUMBERS, *NAMES, "node"}
    left_out = LeftOut(
        failed=counts.get("failed", 0),
        skipped=counts.get("skipped", 0),
        incomplete=counts.get("incomplete", 0),
        unknown_status=counts.get("unknown status", 0),
        duplicates=duplicates,
        pilot=measured.height - samples.height,
        unknown_columns=[name for name in columns if name not in known],
    )
    schemas = sorted({str(s) for s in table.get_column("schema").unique() if s is not None})
    head = table.select("run", "label").head(1).to_dicts()[0]
    run = Run(
        path=path,
        run_id=head["run"] or "",
        label=head["label"] or about.text("label") or path.stem,
        about=about,
        vocabulary=vocabulary,
        samples=samples,
        troubles=troubles,
        left_out=left_out,
        rows=rows,
    )
    if schemas != [KNOWN_SCHEMA]:
        run.notices.append(
            "No row names its schema, so its columns were read by their names"
            if not schemas
            else f"Schema {', '.join(schemas)[:60]} is not the one known here ({KNOWN_SCHEMA}), "
            "so its columns were read by their names"
        )
    if about.problem:
        run.notices.append(about.problem)
    return run


def _samples(table: pl.DataFrame, key: list[str]) -> tuple[pl.DataFrame, int]:
    """What was measured, each configuration with its number and each round once; and how many rows
    repeat a round that is there already."""
    measured = (
        table.lazy()
        .filter(pl.col("kind").is_in(["ok", "noisy"]))
        .select(
            pl.exclude(
                *["run", "label", "schema", "kind", "note", "elements", "workers", "round", "cache"]
            ),
            pl.col("cache").fill_null(WARM),
            pl.col("elements", "workers").cast(pl.Int64),
            pl.col("round").cast(pl.Int32),
        )
        # What cannot be a size is as good as no size.
        .with_columns(
            pl.when(pl.col(n).is_finite() & (pl.col(n) >= 0)).then(n) for n in ("bytes", "flops")
        )
        .collect(engine="streaming")
    )
    measured = numbered(measured, key)
    sample = pl.col("config").cast(pl.Int64) * 2**32 + pl.col("round")
    first = measured.select(sample.is_first_distinct()).to_series()
    repeated = measured.height - int(first.sum())
    return (measured.filter(first) if repeated else measured), repeated


def numbered(samples: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """With the number of each sample's configuration, by the columns `key`, in `config`."""
    # Numbers, because ten million keys of eight columns each would have to be compared otherwise.
    keys = samples.lazy().select(key)
    numbers = keys.unique(maintain_order=True).with_row_index("config")
    config = (
        keys.join(numbers, on=key, how="left", nulls_equal=True, maintain_order="left")
        .select("config")
        .collect(engine="streaming")
    )
    return samples.hstack(config)
