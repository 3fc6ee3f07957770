"""Sweeps: one model on several worker counts at one size."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from analysis.measured.curves import Group, Point, point_of
from analysis.statistics import fits, stats
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

    @property
    def workers(self) -> list[int]:
        """Ascending worker counts."""
        return [p.workers for p in self.points]

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


def sweep(group: Group, model: str, elements: int, gpu: bool) -> Sweep | None:
    """The sweep of `model` at `elements`, over one core; None below two worker counts."""
    t = group.table
    rows = t.filter(
        (t["model"] == model)
        & (t["elements"] == elements)
        & (t["scope"] == "resident")
        & ((t["device"] != "cpu") == gpu)
    )
    if gpu:
        # One variant for all counts: another kernel at another count would be another curve.
        counted = rows.group_by("variant").agg(pl.len(), pl.col("median").min())
        counted = counted.sort(["len", "median"], descending=[True, False])
        if counted.height:
            rows = rows.filter(pl.col("variant") == counted.get_column("variant")[0])
    best = rows.sort("median").unique("workers", keep="first").sort("workers")
    points = [point_of(row) for row in best.iter_rows(named=True)]
    if len(points) < 2:
        return None
    serial = group.serial()
    baseline = (serial.at(elements) if serial and not gpu else None) or points[0]
    _, times = group.run.times([p.config for p in points])
    return Sweep(
        group,
        model,
        elements,
        points,
        baseline,
        [group.speed_up(p, baseline) for p in points],
        stats.resampled_medians(times),
    )


def sizes_shown(group: Group) -> list[int]:
    """The largest size with a sweep, and the one where the speed-up is greatest."""
    t = group.table
    cpu = t.filter((t["device"] == "cpu") & (t["elements"] > 0))
    counted = (
        cpu.group_by("elements").agg(pl.col("workers").n_unique()).filter(pl.col("workers") > 1)
    )
    sizes = sorted(counted.get_column("elements").to_list())
    if not sizes:
        return []
    serial, best = group.serial(), group.best_cpu()
    if serial is None or best is None:
        return [sizes[-1]]
    gains = {
        n: serial.times[n] / best.times[n] for n in sizes if n in serial.times and n in best.times
    }
    top = max(gains, key=lambda n: gains[n]) if gains else sizes[-1]
    return [sizes[-1]] if top == sizes[-1] else [sizes[-1], top]
