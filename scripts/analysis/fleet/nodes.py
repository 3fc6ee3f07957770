"""The nodes of a fleet: of each run as little as comparing them needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from analysis.chapters.costs import of_python
from analysis.chapters.provenance import FIELDS, value_of
from analysis.errors import BadInput, Refused, refused
from analysis.reading.joined import MEANING
from analysis.reading.read import read_runs
from analysis.reading.run import KEY, Run

_COUNTS = ("elements", "workers")


@dataclass(frozen=True, eq=False)
class Node:
    """One machine of a fleet: what its runs measured and what the latest says of it.

    `times` has a row a configuration: the columns KEY, `kind` and `log_ns`, the mean over its runs
    of the logarithm of the median time. `kind` is the processor or the GPUs that it ran on, and
    what a configuration means something else under; `processor` that of the CPU.
    """

    name: str
    processor: str
    paths: tuple[Path, ...]
    times: pl.DataFrame
    facts: dict[str, str] = field(default_factory=dict)
    ended: str = "complete"
    wrong: int = 0  # samples whose result was not right
    baselines: tuple[Path, ...] = ()  # of Python, on the same machine


@dataclass(frozen=True)
class File:
    """One file to read: named by the user, or found in a folder."""

    path: Path
    named: bool


@dataclass(frozen=True)
class _Part:
    """A run of a node."""

    run_id: str
    started: str
    path: Path
    times: pl.DataFrame
    facts: dict[str, str]
    ended: str
    wrong: int


def read_each(files: list[File], unread: list[str]) -> Iterator[Run]:
    """The runs of the files, one after the other.

    What is wrong with a file of a folder is told in `unread`; one that is named raises BadInput.
    """
    for file in files:
        try:
            runs = read_runs([file.path], by_node=True)
        except (BadInput, Refused) as error:
            if file.named:
                raise
            unread.append(str(error))
        else:
            yield from runs


def files_of(paths: list[Path]) -> list[File]:
    """The files themselves, and of each folder the CSVs in it, by their names."""
    files = []
    for path in paths:
        try:
            if not path.is_dir():
                files.append(File(path, named=True))
                continue
            found = sorted(p for p in path.iterdir() if p.suffix == ".csv" and p.is_file())
        except OSError as error:
            raise refused("cannot read", path, error) from error
        if not found:
            raise BadInput(f"{path} has no .csv file in it; give runs, or a folder of them")
        files += [File(file, named=False) for file in found]
    return files


def nodes_of(runs: Iterable[Run]) -> list[Node]:
    """The machines of these runs, in the order of their first; Python baselines are none.

    Of the runs only their medians are kept, so that a thousand files fit in memory.
    """
    found: dict[tuple[str, str], list[_Part]] = {}
    baselines: dict[str, list[Path]] = {}
    for run in runs:
        if of_python(run):
            baselines.setdefault(run.label, []).append(run.path)
        else:
            parts = found.setdefault((run.label, _processor(run)), [])
            if not run.run_id or all(part.run_id != run.run_id for part in parts):
                parts.append(_part(run))
    return [
        _node(name, processor, parts, tuple(baselines.get(name, ())))
        for (name, processor), parts in found.items()
    ]


def _node(name: str, processor: str, parts: list[_Part], baselines: tuple[Path, ...]) -> Node:
    latest = max(parts, key=lambda part: part.started)
    times = pl.concat([part.times for part in parts])
    return Node(
        name,
        processor,
        tuple(part.path for part in parts),
        times.group_by(*KEY, "kind", maintain_order=True).agg(pl.col("log_ns").mean()),
        latest.facts,
        latest.ended,
        sum(part.wrong for part in parts),
        baselines,
    )


def _part(run: Run) -> _Part:
    times = (
        run.samples.group_by(KEY, maintain_order=True)
        .agg(pl.col("time_ns").median().log().alias("log_ns"))
        .with_columns(pl.col(name).cast(pl.String) for name in KEY if name not in _COUNTS)
        .with_columns(pl.col("device").fill_null("cpu"))
    )
    devices = times.get_column("device").unique().to_list()
    kinds = pl.DataFrame(
        {"device": devices, "kind": [_kind(run, device) for device in devices]},
        schema={"device": pl.String, "kind": pl.String},
    )
    return _Part(
        run.run_id,
        run.about.text("started"),
        run.path,
        times.join(kinds, on="device", maintain_order="left").select(*KEY, "kind", "log_ns"),
        {what: value_of(run.about, path) for what, path, _ in FIELDS},
        run.status,
        run.left_out.failed,
    )


def _processor(run: Run) -> str:
    """What like nodes share, a quota or a lost GPU or not: hypervisors give models no names."""
    model = run.about.text("machine.cpu.model") or "unknown CPU"
    counts = [run.about.text(f"machine.cpu.{name}") or "?" for name in ("sockets", "cores")]
    threads = run.about.text("machine.cpu.threads") or "?"
    return f"{model}, {counts[0]} x {counts[1]} cores, {threads} threads"


def _kind(run: Run, device: str) -> str:
    meaning = [text for path in MEANING if (text := run.about.text(path))]
    if device == "cpu":
        return ", ".join([_processor(run), *meaning])
    names = {str(gpu.get("device")): str(gpu.get("name")) for gpu in run.about.gpus}
    return " + ".join(names.get(part, "unknown GPU") for part in device.split("+"))
