"""The nodes of a fleet: of each run as little as comparing them needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from analysis.chapters.provenance import FIELDS, value_of
from analysis.errors import BadInput, refused
from analysis.reading.read import OURS, read_runs
from analysis.reading.run import KEY, Run


@dataclass(frozen=True)
class Node:
    """One machine of a fleet: what its runs measured and what they say of it.

    `times` has a row a configuration: the columns KEY, `kind` (the model of the processor or of
    the GPUs that it ran on, which like nodes share) and `log_ns`, the logarithm of the median time.
    """

    name: str
    paths: tuple[Path, ...]
    times: pl.DataFrame
    facts: dict[str, str]
    ended: str = "complete"  # how its run ended, where it did not end whole
    wrong: int = 0  # samples whose result was not right
    run_ids: tuple[str, ...] = field(default=())

    def and_another(self, other: Node) -> Node:
        """Both as one, of one machine."""
        return Node(
            self.name,
            self.paths + other.paths,
            pl.concat([self.times, other.times]).group_by(*KEY, "kind").agg(_MEAN),
            self.facts,
            self.ended if other.ended == "complete" else other.ended,
            self.wrong + other.wrong,
            self.run_ids + other.run_ids,
        )


_MEAN = pl.col("log_ns").mean()


def files_in(paths: list[Path]) -> list[Path]:
    """The files, and of each folder the CSVs in it, by their names.

    Raises BadInput for a folder without any.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        try:
            inside = sorted(p for p in path.iterdir() if p.suffix == ".csv" and p.is_file())
        except OSError as error:
            raise refused("cannot read", path, error) from error
        if not inside:
            raise BadInput(f"{path} has no .csv file in it; give {OURS}, or a folder of them")
        found += inside
    return found


def read_nodes(paths: list[Path]) -> list[Node]:
    """The machines that the files are of, in the order of their first; runs of one are one.

    One file after the other, so that a thousand need no more memory than their medians.
    """
    return nodes_of(run for path in paths for run in read_runs([path], by_node=True))


def nodes_of(runs: Iterator[Run] | list[Run]) -> list[Node]:
    """The machines of these runs."""
    found: dict[tuple[str, ...], Node] = {}
    for run in runs:
        node = _node(run)
        # Not what a lost GPU or a quota changes.
        machine = (run.node or run.label, run.about.text("machine.cpu.model"))
        before = found.get(machine)
        if before is None:
            found[machine] = node
        elif not set(node.run_ids) & set(before.run_ids):
            found[machine] = before.and_another(node)
    return list(found.values())


def _node(run: Run) -> Node:
    times = (
        run.samples.group_by(KEY)
        .agg(pl.col("time_ns").median().log().alias("log_ns"))
        .with_columns(pl.col(name).cast(pl.String) for name in KEY if name not in _COUNTS)
        .with_columns(pl.col("device").fill_null("cpu"))
    )
    devices = times.get_column("device").unique().to_list()
    kinds = pl.DataFrame(
        {"device": devices, "kind": [_kind(run, device) for device in devices]},
        schema={"device": pl.String, "kind": pl.String},
    )
    return Node(
        run.label,
        (run.path,),
        times.join(kinds, on="device").select(*KEY, "kind", "log_ns"),
        {what: value_of(run.about, path) for what, path, _ in FIELDS},
        run.status,
        run.left_out.failed,
        (run.run_id,),
    )


_COUNTS = ("elements", "workers")


def _kind(run: Run, device: str) -> str:
    if device == "cpu":
        return run.about.text("machine.cpu.model") or "unknown CPU"
    names = {str(gpu.get("device")): str(gpu.get("name")) for gpu in run.about.gpus}
    return " + ".join(names.get(part, "unknown GPU") for part in device.split("+"))
