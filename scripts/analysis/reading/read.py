"""Reading runs: CSV files of any size, of any origin, in any state.

A file is one of ours when its header has the columns below. Whatever else may be wrong with it is
counted, per run, and shown: nothing is dropped in silence.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from analysis.errors import BadInput, refused
from analysis.reading import machine
from analysis.reading.mending import readable
from analysis.reading.run import EXTRAS, KEY, TELEMETRY, LeftOut, Run

KNOWN_SCHEMA = "1"
NUMBERS = ["elements", "bytes", "workers", "round", "iterations", "time_ns", "error"]
NAMES = ["run", "label", "workload", "type", "model", "variant", "scope", "device", "status"]
REQUIRED = [*KEY[:7], "round", "time_ns", "status"]
COLUMNS = [
    *["schema", "run", "label", "time", "workload", "type", "elements", "bytes", "model"],
    *["variant", "scope", "workers", "device", "round", "iterations", "time_ns", "gb_per_s"],
    *["error", "status", "note"],
]
# How much of a note is kept: the reason, not an essay that someone put there.
NOTE_LENGTH = 200
OURS = "a result of build/crossover, whose first line begins schema,run,label"


def read_runs(paths: list[Path], by_node: bool = False) -> list[Run]:
    """Every run in the files, in the order given; a file with several runs gives several.

    A fleet's run is one, whose configurations differ by their node too, or one for each node.

    Raises BadInput for a file that is not ours and Refused for one that cannot be read.
    """
    runs: list[Run] = []
    for path in paths:
        before = {run.run_id: run for run in reversed(runs) if run.run_id}
        for run in _read_file(path, by_node):
            if run.run_id not in before:
                runs.append(run)
                continue
            first = before[run.run_id]
            first.notices.append(
                f"{path.name} holds the same run as {first.path.name} and was left out"
            )
    return runs


@dataclass
class Header:
    """What the first line of a file says, and how to read the rest."""

    columns: list[str]
    unknown: list[str] = field(default_factory=list)
    carriage_returns: bool = False


def read_header(path: Path) -> Header:
    """Reads the first line and raises BadInput, saying why, unless the file is one of ours."""
    try:
        with path.open("rb") as file:
            start = file.read(1 << 16)
    except OSError as error:
        raise refused("cannot read", path, error) from error
    if not start.strip():
        raise BadInput(f"{path} is empty; give {OURS}")
    if b"\0" in start[:1024] or start.startswith((b"\x1f\x8b", b"PK")):
        raise BadInput(f"{path} is not a text file in UTF-8; give {OURS}")
    text = start.decode("utf-8-sig", errors="replace")
    old_mac = "\r" in text and "\n" not in text
    line = text.replace("\r", "\n").lstrip("\n").split("\n", 1)[0]
    columns = next(csv.reader([line]), [])
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        separator = next((s for s in ";\t" if s in line and f"workload{s}" in line), None)
        if separator:
            kind = "semicolons" if separator == ";" else "tabs"
            raise BadInput(f"{path} separates its columns by {kind}; save it with commas")
        raise BadInput(
            f"{path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; give {OURS}"
        )
    repeated = sorted({name for name in columns if columns.count(name) > 1})
    if repeated:
        raise BadInput(f"{path} has the column {repeated[0]} twice; give {OURS}")
    known = {*COLUMNS, *TELEMETRY, *EXTRAS, "node"}
    return Header(columns, [name for name in columns if name not in known], old_mac)


def _read_file(path: Path, by_node: bool) -> list[Run]:
    header = read_header(path)
    description = machine.beside(path)
    try:
        with readable(path, len(header.columns), header.carriage_returns) as source:
            table = _load(source, header)
    except pl.exceptions.PolarsError as error:
        reason = str(error).strip().splitlines()[0][:200]
        raise BadInput(f"{path} cannot be read as CSV: {reason}") from error
    except OSError as error:
        raise refused("cannot read", path, error) from error
    if table.height == 0:
        raise BadInput(f"{path} has a header but no rows: the run ended before its first sample")
    runs = []
    for part in _by_run(table):
        run_id = part.get_column("run").head(1).to_list()[0]
        about = description
        if about.text("run") not in ("", run_id):
            about = machine.Machine(
                problem=f"{path.with_suffix('.json').name} describes another run"
            )
        nodes = _by_node(part) if by_node else {}
        if not nodes:
            runs.append(_to_run(path, part, header, about))
        for node, of_node in nodes.items():
            run = _to_run(path, of_node, header, about.of_node(node))
            run.node = node
            # Without a label a fleet has the name of its first node's machine.
            run.label = run.name = node if run.label in nodes else f"{run.label}, {node}"
            runs.append(run)
    return runs


def _by_node(table: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The rows of each node of a fleet; none where there is no fleet."""
    if "node" not in table.columns or table.get_column("node").null_count() == table.height:
        return {}
    # A row too damaged to say whose it is counts with the first.
    first = table.get_column("node").drop_nulls().cast(pl.String)[0]
    whole = table.with_columns(pl.col("node").cast(pl.String).fill_null(first))
    parts = whole.partition_by("node", maintain_order=True)
    return {part.get_column("node")[0]: part.drop("node") for part in parts}


def _by_run(table: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The rows of each run; a row too damaged to say whose it is goes to the first.

    One after the other, so that a large file is not in memory three times.
    """
    told = table.select("run", "status").unique(maintain_order=True).cast(pl.String)
    whole = told.filter(pl.col("status").is_in(["ok", "noisy", "skipped", "failed"]))
    known = whole.get_column("run").unique(maintain_order=True).to_list() or [None]
    first, *others = known
    if told.get_column("run").unique().to_list() == [first]:
        yield table
        return
    others = [name for name in others if name is not None]
    of_others = pl.col("run").is_in(others).fill_null(False)
    name = pl.lit(first, dtype=pl.String).cast(pl.Categorical).alias("run")
    yield table.filter(~of_others).with_columns(name)
    for other in others:
        yield table.filter(pl.col("run") == other)


def _load(path: Path, header: Header) -> pl.DataFrame:
    """All rows with the columns that matter, names as categories; blank lines are gone."""
    present = set(header.columns)
    telemetry = [name for name in TELEMETRY if name in present and name != "throttle"]
    telemetry += [name for name in EXTRAS if name in present and name not in NUMBERS]
    numbers = [name for name in NUMBERS if name in present]
    names = [name for name in NAMES if name in present]
    note = pl.col("note") if "note" in present else pl.lit(None, dtype=pl.String)
    optional = [
        pl.lit(None, dtype=pl.Categorical).alias(name) for name in NAMES if name not in present
    ]
    device = [*names, *([] if "node" not in present else ["node"])]
    lazy = (
        pl.scan_csv(
            path,
            infer_schema=False,
            encoding="utf8-lossy",
            truncate_ragged_lines=True,
            ignore_errors=True,
            schema_overrides={
                **{name: pl.Float64 for name in [*numbers, *telemetry]},
                **{name: pl.Categorical for name in device},
            },
        )
        .filter(~pl.all_horizontal(pl.all().is_null()))
        .select(
            *device,
            *optional,
            *[pl.col(name) for name in numbers],
            *[
                pl.lit(None, dtype=pl.Float64).alias(name)
                for name in NUMBERS
                if name not in present
            ],
            *[pl.col(name).cast(pl.Float32) for name in telemetry],
            (pl.col("schema") if "schema" in present else pl.lit(None))
            .cast(pl.Categorical)
            .alias("schema"),
            (pl.col("throttle") if "throttle" in present else pl.lit(None))
            .cast(pl.Categorical)
            .alias("throttle"),
            # Only what is not `ok` carries a reason.
            pl.when(pl.col("status") != "ok")
            .then(note.str.slice(0, NOTE_LENGTH))
            .otherwise(None)
            .cast(pl.Categorical)
            .alias("note"),
        )
    )
    return lazy.collect(engine="streaming")


def _to_run(path: Path, table: pl.DataFrame, header: Header, about: machine.Machine) -> Run:
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
        & (pl.col("time_ns") > 0)
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
    samples, duplicates = _samples(table, key)
    troubles = (
        table.lazy()
        .filter(pl.col("kind").is_in(["noisy", "skipped", "failed"]))
        .group_by("workload", "type", "model", "variant", "scope", "kind", "note")
        .agg(pl.len().alias("rows"))
        .sort("rows", descending=True)
        .collect(engine="streaming")
    )
    left_out = LeftOut(
        failed=counts.get("failed", 0),
        skipped=counts.get("skipped", 0),
        incomplete=counts.get("incomplete", 0),
        unknown_status=counts.get("unknown status", 0),
        duplicates=duplicates,
        unknown_columns=header.unknown,
    )
    schemas = sorted({str(s) for s in table.get_column("schema").unique() if s is not None})
    head = table.select("run", "label").head(1).to_dicts()[0]
    run = Run(
        path=path,
        run_id=head["run"] or "",
        label=head["label"] or about.text("label") or path.stem,
        about=about,
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
            pl.exclude("run", "label", "schema", "kind", "note", "elements", "workers", "round"),
            pl.col("elements", "workers").cast(pl.Int64),
            pl.col("round").cast(pl.Int32),
        )
        # What cannot be a size is as good as no size.
        .with_columns(pl.when(pl.col("bytes").is_finite() & (pl.col("bytes") >= 0)).then("bytes"))
        .collect(engine="streaming")
    )
    # Numbers, because ten million keys of eight columns each would have to be compared otherwise.
    keys = measured.lazy().select(key)
    numbers = keys.unique(maintain_order=True).with_row_index("config")
    config = (
        keys.join(numbers, on=key, how="left", nulls_equal=True, maintain_order="left")
        .select("config")
        .collect(engine="streaming")
    )
    measured = measured.hstack(config)
    sample = pl.col("config").cast(pl.Int64) * 2**32 + pl.col("round")
    first = measured.select(sample.is_first_distinct()).to_series()
    repeated = measured.height - int(first.sum())
    return (measured.filter(first) if repeated else measured), repeated
