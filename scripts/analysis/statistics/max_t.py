"""Tests of many paired differences at once, with the error of all of them held at 5 %.

**The statistic** must not be ruled by the one sample that a neighbour doubled, so it is the 15 %
trimmed mean of d over its standard error from the winsorised variance (Yuen, Biometrika 61, 1974).
With few rounds each variance is poorly known; it is therefore drawn towards the median variance of
all configurations, which counts like PRIOR_DEGREES further degrees of freedom (Smyth, Statistical
Applications in Genetics 3, 2004).

**The correction.** If the runs were of the same thing, each round's pair could as well have been
swapped. Swapping the residuals (d less its trimmed mean, so that real changes do not blur the
picture) of whole rounds, all configurations of a round together, gives the distribution of the
*largest* statistic over all configurations, whatever the shape of the noise and however much of it
configurations share (single-step max-T; Westfall and Young, Resampling-Based Multiple Testing,
1993; for residuals with random signs Chernozhukov, Chetverikov and Kato, Annals of Statistics 41,
2013). A difference counts if its statistic is beyond the 95th percentile of those largest ones.
That holds the error for whole runs, as the simulations in comparing_test.py check.

**Between runs.** Memory lands elsewhere in every process and no round of the same run shows it. If
the ratios scatter over the configurations more than their own standard errors explain, the excess
is added to every standard error. It is estimated by the shortest half of the ratios, which a
shift of all does not inflate and a small minority of changed configurations inflates little.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from scipy import stats as scipy_stats

from analysis.statistics.stats import FEWEST_ROUNDS, LEVEL, Floats

SWAPS = 1999
# Of very many configurations fewer swaps are drawn; 199 still place the 95th percentile.
FEWEST_SWAPS = 199
MOST_SWAPPED = 400_000_000
PRIOR_DEGREES = 8.0
TRIMMED = 0.15
MOST_PAIRS = 64
# Fewer configurations than this say nothing reliable about how runs scatter.
FEWEST_FOR_SCATTER = 20
CERTAIN_OF_SCATTER = 100


def blocks(logs: Floats) -> Floats:
    """At most MOST_PAIRS columns: of longer runs the medians of as many runs of rounds."""
    rounds = logs.shape[1]
    if rounds <= MOST_PAIRS:
        return logs
    edges = np.linspace(0, rounds, MOST_PAIRS + 1).astype(int)
    parts = [logs[:, a:b] for a, b in itertools.pairwise(edges)]
    with np.errstate(all="ignore"):
        return np.stack([_nan_median(part) for part in parts], axis=1)


def _nan_median(part: Floats) -> Floats:
    empty = np.isnan(part).all(axis=1)
    result = np.full(len(part), np.nan)
    result[~empty] = np.nanmedian(part[~empty], axis=1)
    return result


@dataclass(frozen=True)
class Tests:
    """Per configuration the trimmed mean of d, its interval, the corrected p, and the pairs."""

    center: Floats
    low: Floats
    high: Floats
    p: Floats
    pairs: Floats
    scatter: float

    def rows(self) -> list[tuple[float, float, float, float, int]]:
        """(center, low, high, p, pairs) of each configuration."""
        columns = (self.center, self.low, self.high, self.p, self.pairs.astype(int))
        return list(zip(*(c.tolist() for c in columns), strict=True))


def tests(logs: Floats, seed: int = 0, swaps: int = SWAPS) -> Tests:
    """Tests all; `logs` is shaped (configurations, pairs), NaN for a missing pair."""
    configurations, rounds = logs.shape
    nothing = np.full(configurations, np.nan)
    pairs = (~np.isnan(logs)).sum(axis=1).astype(np.float64)
    center, low, high, p = (nothing.copy() for _ in range(4))
    few = (pairs > 0) & (pairs < FEWEST_ROUNDS)
    center[few] = _nan_median(logs[few]) if few.any() else center[few]
    # Configurations with the same number of pairs share their ranks, so they are done together.
    groups = [np.flatnonzero(pairs == n) for n in np.unique(pairs) if n >= FEWEST_ROUNDS]
    if not groups:
        return Tests(center, low, high, p, pairs, 0.0)
    observed = [_trimmed(logs[g][None])[:2] for g in groups]
    prior = float(np.median(np.concatenate([v[0] for _, v in observed])))
    errors = {}
    for group, (mean, variance) in zip(groups, observed, strict=True):
        center[group] = mean[0]
        errors[group[0]] = variance[0]
    squared = np.concatenate([errors[g[0]] for g in groups])
    scatter = between_runs(np.concatenate([center[g] for g in groups]), squared)
    statistic = nothing.copy()
    for group in groups:
        n = int(pairs[group[0]])
        kept = n - 2 * int(TRIMMED * n)
        own = errors[group[0]]
        half = scipy_stats.t.ppf((1 + LEVEL) / 2, kept - 1) * np.sqrt(own + scatter**2)
        low[group], high[group] = center[group] - half, center[group] + half
        error = np.sqrt(_moderated(own, prior, kept) + scatter**2)
        with np.errstate(all="ignore"):
            statistic[group] = np.nan_to_num(np.abs(center[group]) / error, posinf=1e300)
    largest = _largest_of_swaps(logs - center[:, None], groups, rounds, seed, swaps)
    tested = np.concatenate(groups)
    reached = np.searchsorted(np.sort(largest), statistic[tested] * (1 - 1e-12), side="left")
    p[tested] = (1 + len(largest) - reached) / (1 + len(largest))
    return Tests(center, low, high, p, pairs, scatter)


def _moderated(variance: Floats, prior: float, kept: int) -> Floats:
    own = kept - 1
    return (PRIOR_DEGREES * prior + own * variance) / (PRIOR_DEGREES + own)


def _trimmed(logs: Floats) -> tuple[Floats, Floats]:
    """Trimmed means and their squared standard errors over the last axis; NaN sorts to its end."""
    n = int((~np.isnan(logs[0, 0])).sum())
    ordered = np.sort(logs, axis=-1)[..., :n]
    g = int(TRIMMED * n)
    kept = n - 2 * g
    mean = ordered[..., g : n - g].mean(axis=-1)
    if g:
        ordered[..., :g] = ordered[..., g : g + 1]
        ordered[..., n - g :] = ordered[..., n - g - 1 : n - g]
    variance = ordered.var(axis=-1, ddof=1) * (n - 1) / (kept * (kept - 1))
    return mean, variance


def _largest_of_swaps(
    logs: Floats, groups: list[np.ndarray], rounds: int, seed: int, swaps: int
) -> Floats:
    rng = np.random.default_rng(seed)
    swaps = min(swaps, max(FEWEST_SWAPS, MOST_SWAPPED // max(1, logs.size)))
    if 2**rounds <= swaps + 1:
        # Few rounds: every pattern but the one observed, which is counted by the caller.
        patterns = np.arange(1, 2**rounds)[:, None] >> np.arange(rounds) & 1
        signs = 1.0 - 2.0 * patterns
    else:
        signs = rng.choice([-1.0, 1.0], size=(swaps, rounds))
    largest = np.zeros(len(signs))
    size = max(1, 4_000_000 // max(1, logs.size))
    for begin in range(0, len(signs), size):
        part = signs[begin : begin + size]
        results = [_trimmed(part[:, None, :] * logs[g][None]) for g in groups]
        prior = np.median(np.concatenate([v for _, v in results], axis=1), axis=1, keepdims=True)
        for group, (mean, variance) in zip(groups, results, strict=True):
            n = int((~np.isnan(logs[group[0]])).sum())
            own = n - 2 * int(TRIMMED * n) - 1
            error = np.sqrt((PRIOR_DEGREES * prior + own * variance) / (PRIOR_DEGREES + own))
            with np.errstate(all="ignore"):
                # Residuals have lost one of n degrees of freedom to their mean.
                ratio = np.nan_to_num(np.abs(mean) * math.sqrt(n / (n - 1)) / error, posinf=1e300)
            here = largest[begin : begin + size]
            np.maximum(here, ratio.max(axis=1), out=here)
    return largest


def between_runs(center: Floats, squared_errors: Floats) -> float:
    """Standard deviation of the ratios' logarithm beyond what their own errors explain.

    Half of a normal sample lies within 0.6745 standard deviations of its middle, so the shortest
    interval that holds half of the centres is 1.349 standard deviations long (Rousseeuw and Leroy,
    Robust Regression and Outlier Detection, 4.2).
    """
    n = len(center)
    if n < FEWEST_FOR_SCATTER:
        return 0.0
    ordered = np.sort(center)
    half = (n + 1) // 2
    shortest = float((ordered[half:] - ordered[: n - half]).min())
    explained = float(np.median(squared_errors))
    found = (shortest / 1.349) ** 2
    # A length within its own uncertainty, about 1/sqrt(n), is no sign of a scatter; where that
    # uncertainty is large, a scatter is assumed rather than missed.
    margin = (1 + 2 / math.sqrt(n)) ** 2 if n >= CERTAIN_OF_SCATTER else 1.0
    return math.sqrt(found - explained) if found > explained * margin else 0.0
