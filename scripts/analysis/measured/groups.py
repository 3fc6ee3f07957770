"""Groups of a run: one workload and type each, those that move data and those of costs."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from analysis.measured.curves import Group, place
from analysis.reading.run import Run

# What one of `elements` is in a workload that moves no data: its results are times a unit.
UNITS = {"count": "increment", "create": "worker", "switch": "round trip", "wait": "task"}


def groups(run: Run, most: int = 12) -> tuple[list[Group], int]:
    """The groups that move data and have the most configurations, in the file's order.

    And how many more there are. Those of costs are in cost_groups().
    """
    found = _kinds(run)
    found = [(names, rows) for names, rows, costs in found if not costs]
    kept = sorted(found, key=lambda f: -f[1])[:most]
    return [_group(run, names) for names in sorted((n for n, _ in kept), key=_group_order)], len(
        found
    ) - len(kept)


def cost_groups(run: Run, most: int = 12) -> list[Group]:
    """The groups of workloads that move no data: what they cost is a time for each unit."""
    found = [names for names, _, costs in _kinds(run) if costs]
    known = list(UNITS)
    return [_group(run, n) for n in sorted(found, key=lambda n: (place(known, n[0]), n))[:most]]


def _group(run: Run, names: tuple[str, str]) -> Group:
    table, (workload, element) = run.configurations, names
    return Group(
        run,
        workload,
        element,
        table.filter((pl.col("workload") == workload) & (pl.col("type") == element)),
    )


def _kinds(run: Run) -> list[tuple[tuple[str, str], int, bool]]:
    """Workload and type, the number of configurations, and whether it moves no data."""
    table = run.configurations
    if table.height == 0:
        return []
    size = pl.col("bytes").filter(pl.col("elements") > 0).fill_nan(None).drop_nulls()
    found = table.group_by("workload", "type", maintain_order=True).agg(
        pl.len(), size.len().alias("told"), (size > 0).any().alias("moves")
    )
    return [
        (
            (row["workload"], row["type"]),
            row["len"],
            not row["moves"]
            and (row["told"] > 0 or row["type"] == "none" or row["workload"] in UNITS),
        )
        for row in found.iter_rows(named=True)
    ]


def _group_order(names: Iterable[str]) -> tuple:
    workload, element = names
    return (place(["f32", "f64", "i32", "i64"], element), workload, element)
