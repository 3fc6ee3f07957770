"""Curves: a model's best time at each size, with what resampling says about it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from analysis.reading.run import WARM, Run
from analysis.reading.vocabulary import place
from analysis.statistics import crossover, stats
from analysis.statistics.crossover import CrossoverInterval
from analysis.statistics.stats import Estimate, Floats

# Configurations that can be the fastest at a size are few; the rest take no part in resampling.
MOST_CANDIDATES = 6


@dataclass(frozen=True)
class Point:
    """The fastest configuration of a curve at one size. `time` is in ns."""

    elements: int
    bytes: float
    model: str
    variant: str
    workers: int
    device: str
    time: Estimate
    config: int
    flops: float = 0.0  # of one operation; 0 where nobody told

    @property
    def rate(self) -> Estimate:
        """Throughput in GB/s."""
        return self.time.inverse(self.bytes)

    @property
    def gflops(self) -> Estimate:
        """Arithmetic rate in GFLOP/s."""
        return self.time.inverse(self.flops)

    @property
    def how(self) -> str:
        """`openmp/static, 8 workers`."""
        unit = "worker" if self.device == "cpu" else "SM"
        plural = "" if self.workers == 1 else "s"
        return f"{self.model}/{self.variant}, {self.workers} {unit}{plural}"


@dataclass
class Curve:
    """The fastest of some configurations at each size, ascending."""

    name: str
    scope: str
    points: list[Point]
    resampled: Floats | None

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

    def serial(self) -> Curve | None:
        """One core: the model `serial`, or else the best on a single worker."""
        if "serial" in self.cpu_models:
            return self.curve("serial", "resident")
        return self._cached(
            "one core",
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
        best = chosen.sort("elements", "median").unique("elements", keep="first").sort("elements")
        points = [point_of(row) for row in best.iter_rows(named=True)]
        members = self.candidates.filter(
            pl.col("config").is_in(chosen.get_column("config").implode())
        )
        return Curve(name, scope, points, self._smallest(points, members))

    def _smallest(self, points: list[Point], members: pl.DataFrame) -> Floats | None:
        if self.resampled is None:
            return None
        places = {int(c): i for i, c in enumerate(self.candidates.get_column("config"))}
        at_size: dict[int, set[int]] = {p.elements: {places[p.config]} for p in points}
        for elements, config in members.select("elements", "config").iter_rows():
            at_size[elements].add(places[int(config)])
        columns = [self.resampled[:, sorted(at_size[p.elements])].min(axis=1) for p in points]
        return np.stack(columns, axis=1)

    @cached_property
    def candidates(self) -> pl.DataFrame:
        """Configurations that may be the fastest of their model, scope and size."""
        place = ["model", "scope", "elements", "device", "parallel"]
        return (
            self.table.filter(pl.col("elements") > 0)
            .with_columns((pl.col("workers") > 1).alias("parallel"))
            .sort([*place, "median"])
            .with_columns(
                pl.int_range(pl.len()).over(place).alias("rank"),
                (pl.col("high").fill_null(pl.col("median") * 1.5).first().over(place)).alias("cut"),
            )
            .filter(
                (pl.col("rank") < MOST_CANDIDATES)
                & (pl.col("low").fill_null(pl.col("median")) <= pl.col("cut"))
            )
        )

    @cached_property
    def resampled(self) -> Floats | None:
        """Resampled medians of the candidates, in their order; None with too few rounds."""
        _, times = self.run.times(self.candidates.get_column("config").to_list())
        return stats.resampled_medians(times)

    def crossover(self, a: Curve, b: Curve) -> CrossoverInterval:
        """The size from which `a` beats `b`, curves of this group, with its interval."""
        key = (a.name, b.name)
        if key not in self._crossovers:
            self._crossovers[key] = self._crossover(a, b)
        return self._crossovers[key]

    def _crossover(self, a: Curve, b: Curve) -> CrossoverInterval:
        sizes = sorted(n for n in a.times.keys() & b.times.keys() if n > 0)
        leads = [float(np.log(b.times[n] / a.times[n])) for n in sizes]
        resampled = None
        if a.resampled is not None and b.resampled is not None and sizes:
            common = set(sizes)
            in_a = [i for i, p in enumerate(a.points) if p.elements in common]
            in_b = [i for i, p in enumerate(b.points) if p.elements in common]
            resampled = np.log(b.resampled[:, in_b]) - np.log(a.resampled[:, in_a])
            resampled = resampled[np.isfinite(resampled).all(axis=1)]
        return crossover.with_interval(sizes, leads, resampled)

    def speed_up(self, fast: Point, slow: Point) -> Estimate:
        """How many times faster `fast` is than `slow`, paired by round."""
        if fast.config == slow.config:
            return Estimate(1.0, 1.0, 1.0, fast.time.samples)
        _, times = self.run.times([slow.config, fast.config])
        paired = stats.paired_ratio(times[0], times[1])
        if paired.samples == 0:
            return Estimate(slow.time.value / fast.time.value, None, None, 0)
        return paired


def point_of(row: dict[str, Any]) -> Point:
    """A point of one row of Run.configurations."""
    time = Estimate(row["median"], row["low"], row["high"], row["n"])
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
    )


def type_bytes(name: str) -> int:
    """The bytes of an element: a type's name ends in its bits. Of any other name 4."""
    bits = re.search(r"\d{1,3}$", name)
    return max(1, int(bits[0]) // 8) if bits else 4
