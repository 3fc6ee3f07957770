"""Groups of a run: one workload and type each, those on arrays and those of costs."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from analysis.measured.curves import Group
from analysis.reading.run import WARM, Run
from analysis.reading.vocabulary import place


@dataclass(frozen=True)
class Kind:
    """A workload and type in one state of the caches, and how much of it was measured."""

    workload: str
    type: str
    cache: str
    configurations: int
    costs: bool  # is not on arrays


@dataclass(frozen=True)
class Family:
    """The groups of workloads that differ by one number, ascending by it."""

    run: Run
    name: str
    type: str
    cache: str
    members: list[Group]


def groups(run: Run, most: int = 12) -> tuple[list[Group], int]:
    """The groups on arrays that have the most configurations, in the vocabulary's order.

    And how many more there are. Those of costs are in cost_groups(), those of families in
    families().
    """
    found = [
        k for k in _kinds(run) if not k.costs and not run.vocabulary.workload(k.workload).family
    ]
    kept = sorted(found, key=lambda k: -k.configurations)[:most]
    kept.sort(key=lambda k: _order(run, k))
    return [_group(run, k) for k in kept], len(found) - len(kept)


def cost_groups(run: Run, most: int = 12) -> list[Group]:
    """The groups of workloads that are not on arrays: what they cost is a time for each unit."""
    found = sorted((k for k in _kinds(run) if k.costs), key=lambda k: _order(run, k))
    return [_group(run, k) for k in found[:most]]


def families(run: Run) -> list[Family]:
    """The families, each with one type and one state of the caches."""
    found: dict[tuple[str, str, str], list[Kind]] = {}
    for kind in sorted(_kinds(run), key=lambda k: _order(run, k)):
        if name := run.vocabulary.workload(kind.workload).family:
            found.setdefault((name, kind.type, kind.cache), []).append(kind)
    return [
        Family(run, *key, [_group(run, k) for k in sorted(kinds, key=lambda k: _parameter(run, k))])
        for key, kinds in found.items()
    ]


def _parameter(run: Run, kind: Kind) -> float:
    return run.vocabulary.workload(kind.workload).parameter


def _group(run: Run, kind: Kind) -> Group:
    mine = [pl.col(name) == getattr(kind, name) for name in ("workload", "type", "cache")]
    return Group(run, kind.workload, kind.type, kind.cache, run.configurations.filter(mine))


def _kinds(run: Run) -> list[Kind]:
    table = run.configurations
    if table.height == 0:
        return []
    size = pl.col("bytes").filter(pl.col("elements") > 0).fill_nan(None).drop_nulls()
    found = table.group_by("workload", "type", "cache", maintain_order=True).agg(
        pl.len(), size.len().alias("told"), (size > 0).any().alias("moves")
    )
    return [
        Kind(
            row["workload"],
            row["type"],
            row["cache"],
            row["len"],
            run.vocabulary.workload(row["workload"]).kind == "cost"
            or (not row["moves"] and (row["told"] > 0 or row["type"] == "none")),
        )
        for row in found.iter_rows(named=True)
    ]


def _order(run: Run, kind: Kind) -> tuple[int, int, str, str, bool, str]:
    """By type, then workload; warm caches first."""
    known = run.vocabulary
    return (
        place(known.types, kind.type),
        place(list(known.workloads), kind.workload),
        kind.type,
        kind.workload,
        kind.cache != WARM,
        kind.cache,
    )
