"""Sweeps: one model on several worker counts at one size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from analysis.measured.curves import Group, Point, widened_medians
from analysis.statistics import fits
from analysis.statistics.fits import Fit
from analysis.statistics.stats import Estimate, Floats


@dataclass
class Sweep:
    """One model on several worker counts at one size, each with its best variant."""

    group: Group
    model: str
    elements: int
    points: list[Point]
    baseline: Point
    speed_ups: list[Estimate]
    resampled: Floats | None
    unmeasured: frozenset[int] = frozenset()  # worker counts that were planned and left out

    @property
    def workers(self) -> list[int]:
        """Ascending worker counts."""
        return [p.workers for p in self.points]

    @property
    def efficiencies(self) -> list[Estimate]:
        """The speed-up for each worker."""
        return [
            e.scaled(self.baseline.workers / p.workers)
            for p, e in zip(self.points, self.speed_ups, strict=True)
        ]

    def fitted(self, most: int | None) -> tuple[Fit, Fit, list[int]]:
        """Amdahl's and the universal law, up to `most` workers, and the workers used."""
        keep = [i for i, p in enumerate(self.points) if most is None or p.workers <= most]
        workers = [self.points[i].workers for i in keep]
        times = [self.points[i].time.value for i in keep]
        drawn = self.resampled[:, keep] if self.resampled is not None else None
        samples = min((self.points[i].time.samples for i in keep), default=0)
        return (
            fits.amdahl(workers, times, drawn, samples),
            fits.usl(workers, times, drawn, samples),
            workers,
        )


def sweep(
    group: Group, model: str, elements: int, gpu: bool, scope: str = "resident"
) -> Sweep | None:
    """The sweep of `model` at `elements` over the best single worker; None below two counts."""
    t = group.table
    rows = t.filter(
        (t["model"] == model)
        & (t["elements"] == elements)
        & (t["scope"] == scope)
        & ((t["device"] != "cpu") == gpu)
    )
    if gpu:
        # One variant for all counts: another kernel at another count would be another curve.
        counted = rows.group_by("variant").agg(pl.len(), pl.col("median").min())
        counted = counted.sort(["len", "median"], descending=[True, False])
        if counted.height:
            rows = rows.filter(pl.col("variant") == counted.get_column("variant")[0])
    points = group.best_by(rows, "workers")
    if len(points) < 2:
        return None
    one = group.one_worker()
    baseline = (one.at(elements) if one and not gpu else None) or points[0]
    return Sweep(
        group,
        model,
        elements,
        points,
        baseline,
        [group.speed_up(p, baseline) for p in points],
        widened_medians(
            np.stack([group.series(p) for p in points]),
            [group.widening(p) for p in points],
        ),
        _left_out(group, model, elements, gpu, scope) - {p.workers for p in points},
    )


def _left_out(group: Group, model: str, elements: int, gpu: bool, scope: str) -> frozenset[int]:
    rows = group.left.filter(
        (pl.col("model") == model)
        & (pl.col("elements") == elements)
        & (pl.col("scope") == scope)
        & ((pl.col("device") != "cpu") == gpu)
    )
    return frozenset(rows.get_column("workers"))


def sizes_shown(group: Group) -> list[int]:
    """The quoted or else largest size with a sweep, and the one of the greatest speed-up."""
    t = group.table
    cpu = t.filter((t["device"] == "cpu") & (t["elements"] > 0))
    counted = (
        cpu.group_by("elements").agg(pl.col("workers").n_unique()).filter(pl.col("workers") > 1)
    )
    sizes = sorted(counted.get_column("elements").to_list())
    if not sizes:
        return []
    one, best = group.one_worker(), group.best_cpu()
    main = group.quoted if group.quoted in sizes else sizes[-1]
    if one is None or best is None:
        return [main]
    gains = {n: one.times[n] / best.times[n] for n in sizes if n in one.times and n in best.times}
    top = max(gains, key=lambda n: gains[n]) if gains else main
    return [main] if top == main else [main, top]
