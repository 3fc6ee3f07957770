"""Reading runs: CSV files of any size, of any origin, in any state.

A file is one of ours when its header has the columns below. Whatever else may be wrong with it is
counted, per run, and shown: nothing is dropped in silence.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from analysis.errors import BadInput, refused
from analysis.reading import machine
from analysis.reading.mending import readable
from analysis.reading.run import KEY, Run
from analysis.reading.samples import NAMES, NUMBERS, run_of
from analysis.reading.vocabulary import Vocabulary, vocabulary_of

REQUIRED = [*KEY[:7], "round", "time_ns", "status"]
# How much of a note is kept: the reason, not an essay that someone put there.
NOTE_LENGTH = 200
OURS = "a result of crossover, whose first line begins schema,run,label"


def read_runs(paths: list[Path], by_node: bool = False) -> list[Run]:
    """Every run in the files, in the order given; a file with several runs gives several.

    A fleet's run is one, whose configurations differ by their node too, or one for each node.

    Raises BadInput for a file that is not ours and Refused for one that cannot be read.
    """
    return once([run for path in paths for run in _read_file(path, by_node)])


def once(runs: list[Run]) -> list[Run]:
    """The runs without those that another file holds as well, of which the first has a notice."""
    kept: list[Run] = []
    first: dict[tuple[str, str], Run] = {}
    for run in runs:
        before = first.setdefault((run.run_id, run.node), run) if run.run_id else run
        if before is run:
            kept.append(run)
            continue
        notice = f"{run.path.name} holds the same run as {before.path.name} and was left out"
        if notice not in before.notices:
            before.notices.append(notice)
    return kept


@dataclass
class Header:
    """What the first line of a file says, and how to read the rest."""

    columns: list[str]
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
    return Header(columns, old_mac)


def _read_file(path: Path, by_node: bool) -> list[Run]:
    header = read_header(path)
    description = machine.beside(path)
    vocabulary = vocabulary_of(description.data)
    try:
        with readable(path, len(header.columns), header.carriage_returns) as source:
            table = _load(source, header, vocabulary)
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
            runs.append(run_of(path, part, header.columns, about, vocabulary))
        for node, of_node in nodes.items():
            run = run_of(path, of_node, header.columns, about.of_node(node), vocabulary)
            run.node = node
            # Without a label a fleet has the name of its first node's machine.
            run.label = run.name = node if run.label in nodes else f"{run.label}, {node}"
            runs.append(run)
    if all(run.rows == run.left_out.incomplete + run.left_out.unknown_status for run in runs):
        raise BadInput(f"{path} has no row that can be read; give {OURS}")
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


def _load(path: Path, header: Header, vocabulary: Vocabulary) -> pl.DataFrame:
    """All rows with the columns that matter, names as categories; blank lines are gone."""
    present = set(header.columns)
    groups = [vocabulary.group(name) for name in ("telemetry", "cost", "tail")]
    told = [c.name for group in groups for c in group]
    told = [name for name in told if name in present and name not in (*NUMBERS, *NAMES)]
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
                **{name: pl.Float64 for name in [*numbers, *told]},
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
            *[pl.col(name).cast(pl.Float32) for name in told],
            (pl.col("schema") if "schema" in present else pl.lit(None))
            .cast(pl.Categorical)
            .alias("schema"),
            # Only what is not `ok` carries a reason.
            pl.when(pl.col("status") != "ok")
            .then(note.str.slice(0, NOTE_LENGTH))
            .otherwise(None)
            .cast(pl.Categorical)
            .alias("note"),
        )
    )
    return lazy.collect(engine="streaming")
