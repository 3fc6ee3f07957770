"""Curves: a model's best time at each size, chosen and estimated on different rounds."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from analysis.plural import plural
from analysis.reading.run import WARM, Run
from analysis.reading.vocabulary import place
from analysis.statistics import estimates, stats
from analysis.statistics.crossover import CrossoverInterval
from analysis.statistics.stats import Estimate, Floats


@dataclass(frozen=True)
class Point:
    """The fastest configuration of a curve at one size. `time` is in ns.

    `series` are the times by the rounds of its group that `time` comes from, where several
    configurations competed: each round's that of the configuration that the other rounds chose.
    """

    elements: int
    bytes: float
    model: str
    variant: str
    workers: int
    device: str
    time: Estimate
    config: int
    flops: float = 0.0  # of one operation; 0 where nobody told
    series: Floats | None = field(default=None, compare=False, repr=False)

    @property
    def rate(self) -> Estimate:
        """Throughput in GB/s."""
        return self.time.inverse(self.bytes)

    @property
    def gflops(self) -> Estimate:
        """Arithmetic rate in GFLOP/s."""
        return self.time.inverse(self.flops)

    @property
    def form(self) -> str:
        """`openmp/static`."""
        return f"{self.model}/{self.variant}"

    @property
    def how(self) -> str:
        """`openmp/static, 8 workers`."""
        return f"{self.form}, {plural(self.workers, 'worker' if self.device == 'cpu' else 'SM')}"


@dataclass
class Curve:
    """The fastest of some configurations at each size, ascending."""

    name: str
    scope: str
    points: list[Point]
    forms: dict[int, list[int]] = field(default_factory=dict)  # in Group.measured, by size
    widenings: list[float] = field(default_factory=list)  # of each point
    unmeasured: frozenset[int] = frozenset()  # sizes that were planned and left out

    @cached_property
    def resampled(self) -> Floats | None:
        """Resampled medians, shaped (resamples, points), as far apart as the points' intervals."""
        series = [p.series for p in self.points if p.series is not None]
        if len(series) < len(self.points):
            return None
        return widened_medians(np.stack(series), self.widenings)

    @property
    def last(self) -> Point:
        """The point of the largest size."""
        return self.points[-1]

    def at(self, elements: int) -> Point | None:
        """The point of that size, if there is one."""
        return next((p for p in self.points if p.elements == elements), None)

    def drawn(self, most: int = 150) -> list[Point]:
        """Its points, thinned evenly to about `most` where a chart could not show them all."""
        step = -(-len(self.points) // most)
        return [p for i, p in enumerate(self.points) if i % step == 0 or p is self.last]

    @property
    def times(self) -> dict[int, float]:
        """Median times in ns by size."""
        return {p.elements: p.time.value for p in self.points}


@dataclass(eq=False)
class Group:
    """All configurations of one workload and type in one run, in one state of the caches."""

    run: Run
    workload: str
    type: str
    cache: str
    table: pl.DataFrame
    _curves: dict[str, Curve | None] = field(default_factory=dict)
    _crossovers: dict[tuple[str, str], CrossoverInterval] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """`reduce, f32`; caches that were not warm are named."""
        return f"{self.workload}, {self.type}{self.caches}"

    @property
    def caches(self) -> str:
        """Nothing for warm caches, and `, cold caches` for cold ones."""
        return "" if self.cache == WARM else f", {self.cache} caches"

    def like(self, other: Group) -> bool:
        """Whether both are of one type and one state of the caches."""
        return (self.type, self.cache) == (other.type, other.cache)

    @property
    def quoted(self) -> int:
        """The size at which rates are quoted, chosen before anything was measured; 0: none was."""
        return self.run.plan.quoted.get((self.workload, self.type, self.cache), 0)

    def at_quoted(self, curve: Curve) -> Point:
        """A curve's point at the size that is quoted, or else at its largest."""
        return (curve.at(self.quoted) if self.quoted else None) or curve.last

    @property
    def element_bytes(self) -> int:
        """Bytes of one element."""
        return type_bytes(self.type)

    @cached_property
    def models(self) -> list[tuple[str, str, bool]]:
        """(model, scope, on a GPU), CPU models first."""
        found = {
            (m, s, d != "cpu")
            for m, s, d in self.table.select("model", "scope", "device").iter_rows()
        }
        known = self.run.vocabulary
        return sorted(
            found,
            key=lambda f: (f[2], place(known.models, f[0]), f[0], place(known.scopes, f[1]), f[1]),
        )

    @property
    def cpu_models(self) -> list[str]:
        """Models on the CPU, `serial` first."""
        return [model for model, scope, gpu in self.models if not gpu and scope == "resident"]

    def curve(self, model: str, scope: str) -> Curve | None:
        """One model's curve at one scope."""
        gpu = any(m == model and s == scope and on_gpu for m, s, on_gpu in self.models)
        name = f"{model} {scope}" if gpu else model
        return self._cached(name, scope, lambda t: (t["model"] == model) & (t["scope"] == scope))

    def best_cpu(self) -> Curve | None:
        """The fastest CPU configuration at each size, whatever its model."""
        return self._cached(
            "best CPU", "resident", lambda t: (t["device"] == "cpu") & (t["scope"] == "resident")
        )

    def best_parallel(self) -> Curve | None:
        """The fastest CPU configuration on more than one worker at each size."""
        return self._cached(
            "parallel CPU",
            "resident",
            lambda t: (t["device"] == "cpu") & (t["scope"] == "resident") & (t["workers"] > 1),
        )

    def best_gpu(self, scope: str) -> Curve | None:
        """The fastest GPU configuration at each size."""
        return self._cached(
            f"GPU {scope}", scope, lambda t: (t["device"] != "cpu") & (t["scope"] == scope)
        )

    def one_worker(self) -> Curve | None:
        """The fastest CPU configuration on a single worker at each size, whatever its model."""
        return self._cached(
            "one worker",
            "resident",
            lambda t: (t["device"] == "cpu") & (t["scope"] == "resident") & (t["workers"] == 1),
        )

    def _cached(
        self, name: str, scope: str, choose: Callable[[pl.DataFrame], pl.Series]
    ) -> Curve | None:
        if name not in self._curves:
            self._curves[name] = self._curve(name, scope, choose)
        return self._curves[name]

    def _curve(
        self, name: str, scope: str, choose: Callable[[pl.DataFrame], pl.Series]
    ) -> Curve | None:
        chosen = self.table.filter(choose(self.table) & (self.table["elements"] > 0))
        if chosen.height == 0:
            return None
        points = self.best_by(chosen, "elements")
        forms: dict[int, list[int]] = {}
        for elements, config in chosen.select("elements", "config").iter_rows():
            forms.setdefault(elements, []).append(self._places[config])
        widenings = [self.widening(p) for p in points]
        left = self.left.filter(choose(self.left)).get_column("elements")
        return Curve(name, scope, points, forms, widenings, frozenset(left) - forms.keys())

    def widening(self, point: Point) -> float:
        """By how much the interval of a point's time is drawn apart."""
        correlation = self.run.correlation(point.model)
        return estimates.widening_for(correlation, point.time.samples)

    @cached_property
    def left(self) -> pl.DataFrame:
        """What of this group was left out, one row each size and worker count."""
        mine = [pl.col(name) == getattr(self, name) for name in ("workload", "type", "cache")]
        return self.run.plan.table().filter(mine)

    @cached_property
    def _places(self) -> dict[int, int]:
        """Rows of `table` and of `measured` by configuration."""
        return {int(c): i for i, c in enumerate(self.table.get_column("config"))}

    @cached_property
    def measured(self) -> estimates.Measured:
        """All times of the group, its configurations in the order of `table`."""
        return estimates.Measured(*self.run.times(self.table.get_column("config").to_list()))

    def best_by(self, rows: pl.DataFrame, *columns: str) -> list[Point]:
        """The best of `rows`, which are of `table`, for each of their values in `columns`."""
        found = rows.group_by(columns).agg(pl.col("config").sort()).sort(columns)
        return [p for configs in found.get_column("config") if (p := self._best(configs.to_list()))]

    def _best(self, configs: list[int]) -> Point | None:
        best = self.measured.best_of([self._places[c] for c in configs])
        if best is None:
            return None
        row = self.table.row(best.form, named=True)
        return point_of(row, best.series, self.run.correlation(row["model"]))

    def series(self, p: Point) -> Floats:
        """A point's times by round, NaN for none."""
        return self.measured.times[self._places[p.config]] if p.series is None else p.series

    def crossover(self, a: Curve, b: Curve) -> CrossoverInterval:
        """The size from which `a` beats `b`, curves of this group, with its interval."""
        key = (a.name, b.name)
        if key not in self._crossovers:
            self._crossovers[key] = self._crossover(a, b)
        return self._crossovers[key]

    def _crossover(self, a: Curve, b: Curve) -> CrossoverInterval:
        return self.measured.crossing(a.forms, b.forms, self.run.correlation(a.last.model))

    def speed_up(self, fast: Point, slow: Point) -> Estimate:
        """How many times faster `fast` is than `slow`, paired by round."""
        if fast.config == slow.config:
            return Estimate(1.0, 1.0, 1.0, fast.time.samples)
        correlation = self.run.correlation(fast.model, slow.model)
        paired = estimates.ratio(self.series(slow), self.series(fast), correlation)
        if paired.samples == 0:
            return Estimate(slow.time.value / fast.time.value, None, None, 0)
        return paired


def widened_medians(series: Floats, widenings: list[float]) -> Floats | None:
    """Resampled medians of each row of `series`, as far apart as intervals with `widenings`."""
    drawn = stats.resampled_medians(series)
    if drawn is None:
        return None
    middle = stats.medians(series)
    wide: Floats = middle * (drawn / middle) ** np.array(widenings)
    return wide


def point_of(row: dict[str, Any], series: Floats | None = None, correlation: float = 0.0) -> Point:
    """A point of one row of Run.configurations; its time is that of `series`, where given."""
    time = Estimate(row["median"], row["low"], row["high"], row["n"])
    if series is not None:
        time = estimates.median(series, correlation)
    size = row["bytes"] or row["elements"] * type_bytes(row["type"])
    return Point(
        row["elements"],
        float(size),
        row["model"],
        row["variant"],
        row["workers"],
        row["device"],
        time,
        row["config"],
        row["flops"] or 0.0,
        series,
    )


def type_bytes(name: str) -> int:
    """The bytes of an element: a type's name ends in its bits. Of any other name 4."""
    bits = re.search(r"\d{1,3}$", name)
    return max(1, int(bits[0]) // 8) if bits else 4
