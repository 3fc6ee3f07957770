"""Runs of one machine as one: their samples together, each run's rounds behind those before."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from operator import add

import polars as pl

from analysis.reading.plan import Plan
from analysis.reading.run import Run
from analysis.reading.samples import numbered
from analysis.words import plural

GIB = 1 << 30
HARDWARE = ["machine.cpu.model", "machine.cpu.sockets", "machine.cpu.cores", "machine.cpu.threads"]
# What one configuration means something else under.
MEANING = ["options.scaling", "topology.pin"]
BUILD = [f"project.{name}" for name in ("commit", "compiler", "compiler_version", "flags")]


def joined(runs: list[Run]) -> list[Run]:
    """The runs, those of one machine as one, in the order of their first."""
    found: dict[object, list[Run]] = {}
    for place, run in enumerate(runs):
        found.setdefault(_machine(run) or place, []).append(run)
    return [parts[0] if len(parts) == 1 else _join(parts) for parts in found.values()]


def called(runs: list[Run], label: str) -> list[Run]:
    """The same runs under one label: of one machine, whatever each calls it."""
    for run in runs:
        run.label = run.name = " ".join(label.split())[:80] or "unnamed"
    return runs


def _machine(run: Run) -> tuple[object, ...] | None:
    """What runs of one machine have in common; None where the run does not tell its machine.

    Equal hardware alone is not one machine: a cluster is full of it. So the label counts too.
    """
    about = run.about
    if run.node or not about.text("machine.cpu.model"):
        return None
    gpus = tuple(str(gpu.get("name")) for gpu in about.gpus)
    memory = round((about.number("machine.memory_bytes") or 0) / GIB)
    return (run.label, *(about.text(p) for p in [*HARDWARE, *MEANING]), memory, gpus)


def _join(parts: list[Run]) -> Run:
    main = max(parts, key=lambda run: run.configurations.height)
    samples, replaced = _together(parts)
    notices = [f"{run.path.name}: {notice}" for run in parts for notice in run.notices]
    if replaced:
        notices.append(
            f"{plural(replaced, 'sample')} of configurations that a later build measured again are "
            "not in the charts"
        )
    run = Run(
        path=main.path,
        run_id=main.run_id,
        label=main.label,
        about=main.about,
        vocabulary=max((run.vocabulary for run in parts), key=lambda v: len(v.workloads)),
        samples=samples,
        troubles=pl.concat([run.troubles for run in parts], how="vertical_relaxed"),
        left_out=reduce(add, (run.left_out for run in parts)),
        rows=sum(run.rows for run in parts),
        notices=notices,
        parts=parts,
    )
    run.plan = _plan(parts, run)
    return run


def _together(parts: list[Run]) -> tuple[pl.DataFrame, int]:
    """The samples of all, and how many are not among them.

    What several builds measured is taken from the latest: they are different programs.
    """
    builds = list(dict.fromkeys(_build(run) for run in sorted(parts, key=_started)))
    tables, before = [], 0
    for run in parts:
        of = run.samples
        tables.append(
            of.drop("config").with_columns(
                pl.col("round") + before, pl.lit(builds.index(_build(run))).alias("build")
            )
        )
        before += 1 + max(of.get_column("round").to_list(), default=0)
    whole = pl.concat(tables, how="diagonal_relaxed")
    key = [name for name in parts[0].key if name in whole.columns]
    whole = numbered(whole, key)
    latest = whole.filter(pl.col("build") == pl.col("build").max().over("config")).drop("build")
    replaced = whole.height - latest.height
    # Numbers without gaps: readers take them for places.
    return numbered(latest.drop("config"), key), replaced


def _build(run: Run) -> tuple[str, ...]:
    return tuple(run.about.text(path) for path in BUILD)


def _started(run: Run) -> str:
    return run.about.text("started")


def _plan(parts: list[Run], run: Run) -> Plan:
    """What one run left out and another measured is not left out."""
    columns = ["workload", "type", "model", "variant", "scope", "cache", "device"]
    measured = set(run.configurations.select(*columns, "elements", "workers").iter_rows())
    of = [
        replace(group, sizes=sizes)
        for part in parts
        for group in part.plan.of
        if (
            sizes := tuple(
                size
                for size in group.sizes
                if (*(getattr(group, name) for name in columns), *size) not in measured
            )
        )
    ]
    left = sum(len(group.sizes) for group in of)
    quoted = {key: n for part in reversed(parts) for key, n in part.plan.quoted.items()}
    pilot = max(part.plan.pilot_rounds for part in parts)
    return Plan(pilot, quoted, left + run.configurations.height, left, tuple(of))
