"""What a run meant to measure: the sizes that rates are quoted at, and what it left out.

Not every configuration has the same number of rounds. The harness's first round is a pilot: it
chooses what is measured further, so it favours who was lucky in it. The runs before that have no
plan in their JSON: all of their rounds count, and nothing was left out. Nothing here trusts the
plan's shape.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from analysis.statistics.stats import FEWEST_ROUNDS

LEFT_KEY = ["workload", "type", "model", "variant", "scope", "cache", "device"]


@dataclass(frozen=True)
class LeftBehind:
    """Configurations that were never measured, by what they have in common."""

    workload: str
    type: str
    model: str
    variant: str
    scope: str
    cache: str
    device: str
    sizes: tuple[tuple[int, int], ...]  # elements and workers of each


@dataclass(frozen=True)
class Plan:
    """`quoted` maps workload, type and cache to the size chosen before anything was measured.

    Of `configurations` `left_out` were never measured; `of` says which.
    """

    pilot_rounds: int = 0
    quoted: dict[tuple[str, str, str], int] = field(default_factory=dict)
    configurations: int = 0
    left_out: int = 0
    of: tuple[LeftBehind, ...] = ()

    @property
    def models(self) -> list[str]:
        """Models of which something was left out."""
        return sorted({group.model for group in self.of})

    def table(self) -> pl.DataFrame:
        """One row each size and worker count that was left out."""
        rows = [
            (*(getattr(group, name) for name in LEFT_KEY), elements, workers)
            for group in self.of
            for elements, workers in group.sizes
        ]
        schema = {name: pl.String for name in LEFT_KEY}
        return pl.DataFrame(
            rows, {**schema, "elements": pl.Int64, "workers": pl.Int64}, orient="row"
        )


def plan_of(description: dict[str, Any]) -> Plan:
    """The plan that a run's JSON tells; an empty one where it tells none."""
    told = description.get("plan")
    if not isinstance(told, dict):
        return Plan()
    left = told.get("left_out")
    left = left if isinstance(left, dict) else {}
    groups = left.get("of")
    quoted = told.get("quoted")
    return Plan(
        _count(told.get("pilot_rounds")),
        {
            (str(q.get("workload")), str(q.get("type")), str(q.get("cache"))): size
            for q in (quoted if isinstance(quoted, list) else [])
            if isinstance(q, dict) and (size := _count(q.get("elements")))
        },
        _count(told.get("configurations")),
        _count(left.get("configurations")),
        tuple(_groups(groups if isinstance(groups, dict) else {})),
    )


def _groups(told: dict[str, Any]) -> list[LeftBehind]:
    found = []
    for name, by_elements in told.items():
        parts = name.split("/")
        if len(parts) == len(LEFT_KEY) and isinstance(by_elements, dict):
            workload, kind, model, variant, scope, cache, device = parts
            sizes = tuple(_sizes(by_elements))
            found.append(LeftBehind(workload, kind, model, variant, scope, cache, device, sizes))
    return found


def _sizes(told: dict[str, Any]) -> list[tuple[int, int]]:
    if "elements" in told:
        # As runs before told it: all of these on all of those, some of which were measured.
        workers = told.get("workers")
        told = {str(n): workers for n in _counts(told["elements"])}
    return [
        (int(elements), count)
        for elements, workers in told.items()
        if elements.isascii() and elements.isdigit() and len(elements) < 19
        for count in _counts(workers)
    ]


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return value if 0 <= value < 2**62 else 0


def _counts(value: object) -> tuple[int, ...]:
    return tuple(_count(v) for v in value) if isinstance(value, list) else ()


def without_pilot(samples: pl.DataFrame, pilot_rounds: int) -> pl.DataFrame:
    """The samples that count: a configuration's pilot rounds do not, once it has enough others.

    A few rounds with the pilot among them say more than fewer without it.
    """
    if pilot_rounds == 0 or samples.height == 0:
        return samples
    after = pl.col("round") >= pilot_rounds
    return samples.filter(after | (after.sum().over("config") < FEWEST_ROUNDS))
