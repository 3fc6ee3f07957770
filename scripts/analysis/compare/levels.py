"""What one run says of each configuration, and what one pair of runs can say of their scatter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.compare.grouping import Groups
from analysis.statistics import estimates, stats
from analysis.statistics.components import (
    LEAST_VARIANCE,
    Covariance,
    moderated,
)
from analysis.statistics.stats import Floats

TRIMMED = 0.2
UNSEEN_SCATTER = 0.002
# The median of the square of a standard normal deviate.
MEDIAN_SQUARE = 0.4549


@dataclass(frozen=True)
class Levels:
    """One run: of each configuration the logarithm of its time, and the square of its error.

    `common` is the error that all of them share, as a standard deviation: it is known from how much
    whole rounds differ.
    """

    value: Floats
    error: Floats
    common: float
    rounds: int


def levels_of(times: Floats) -> Levels:
    """From times in ns shaped (configurations, rounds), NaN where there is no sample.

    Each round's common factor (the median over configurations of how much longer they took than
    usual) is divided out, so that what disturbs whole rounds does not spread the samples. The
    level is the mean of the logarithms without the smallest and the largest fifth.
    """
    logs = np.log(times)
    apart = logs - stats.medians(logs)[:, None]
    factor = stats.medians(apart.T)
    factor -= np.nanmean(factor)
    value, error = _trimmed(logs - factor)
    rounds = len(factor)
    common = 0.0
    if rounds > 2:
        r = float(estimates.neighbour_correlations(np.exp(factor), np.array([rounds]))[0])
        common = float(factor.std(ddof=1) / np.sqrt(rounds)) * estimates.widening_for(r, rounds)
    return Levels(value, error, common, rounds)


def _trimmed(logs: Floats) -> tuple[Floats, Floats]:
    """Trimmed means over the last axis, and their squared standard errors (Yuen, 1974)."""
    ordered = np.sort(logs, axis=1)
    n = (~np.isnan(logs)).sum(axis=1)
    cut = (TRIMMED * n).astype(np.int64)
    place = np.arange(logs.shape[1])[None, :]
    kept = (place >= cut[:, None]) & (place < (n - cut)[:, None])
    count = n - 2 * cut
    value = np.where(kept, ordered, 0).sum(axis=1) / count
    each = np.arange(len(logs))
    low, high = ordered[each, cut], ordered[each, n - cut - 1]
    winsorised = np.clip(logs, low[:, None], high[:, None])
    square = np.nansum((winsorised - np.nanmean(winsorised, axis=1)[:, None]) ** 2, axis=1)
    error = square / np.maximum(count * (count - 1), 1)
    # A few samples may lie close by chance: theirs scatter like those of the others at the least.
    many = n >= stats.FEWEST_ROUNDS
    if many.any():
        usual = float(np.median((error * n)[many]))
        error = np.where(many, error, np.maximum(error, usual / n))
    return value, np.maximum(error, LEAST_VARIANCE)


def of_one_pair(groups: Groups, base: Levels, new: Levels) -> Covariance:
    """The covariance of a run where no side has a second one.

    How configurations scatter is seen where neighbours on a curve, which any likely effect touches
    alike, changed by different amounts; how much all vary together, from round to round. What else
    groups have in common in a run cannot be seen: it is taken to be UNSEEN_SCATTER.
    """
    count = len(base.value)
    rounds = (base.error + new.error) / 2
    own = moderated(rounds, np.full(count, float(base.rounds + new.rounds - 2)), rounds)
    if len(groups.pairs):
        change = new.value - base.value
        steps = (change[groups.pairs[:, 0]] - change[groups.pairs[:, 1]]) ** 2
        # Two configurations, each on two runs: four variances in a step's square.
        curve = groups.curves[groups.pairs[:, 0]]
        ids, amount = np.unique(curve, return_counts=True)
        square = np.array([np.median(steps[curve == i]) for i in ids]) / (4 * MEDIAN_SQUARE)
        by_curve = moderated(square, np.maximum(amount * 0.4, 1.0), np.zeros(len(ids)))
        known = dict(zip(ids.tolist(), range(len(ids)), strict=True))
        place = np.array([known.get(i, -1) for i in groups.curves.tolist()])
        common = float(np.median(by_curve.variances))
        seen = np.where(place >= 0, by_curve.variances[place], common)
        degrees = np.where(place >= 0, by_curve.degrees[place], by_curve.degrees.min())
        own.variances[:] = np.maximum(own.variances, seen)
        own.degrees[:] = degrees
    components = np.full(len(groups.kinds), UNSEEN_SCATTER**2)
    degrees = np.full(len(groups.kinds), 30.0)
    components[0] += (base.common**2 + new.common**2) / 2
    degrees[0] = max(base.rounds + new.rounds - 2, 1)
    return Covariance(own, groups.members, groups.kind, components, degrees)
