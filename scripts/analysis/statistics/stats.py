"""Medians, ratios and their intervals.

Times on a shared machine are skewed and heavy-tailed, so everything here rests on ranks: the
interval of a median is bounded by two of the ordered samples, whose ranks follow from the binomial
distribution alone (the interval of the sign test). It holds for any continuous distribution, covers
at least 95 %, and needs at least six samples, below which not even the extremes do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats as scipy_stats

LEVEL = 0.95
FEWEST_ROUNDS = 6
RESAMPLES = 999
# Up to so many rounds, and so many values in all, resampling draws whole rounds, which keeps what
# the samples of a round share. Beyond, each median is drawn from its own known sampling
# distribution: cheaper, and wider where much is shared.
LONGEST_RESAMPLED = 128
MOST_RESAMPLED = 30_000_000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval; `low` and `high` are None with fewer than six samples."""

    value: float
    low: float | None
    high: float | None
    samples: int

    @property
    def certain(self) -> bool:
        """Whether there is an interval at all."""
        return self.low is not None and self.high is not None

    def scaled(self, factor: float) -> Estimate:
        """The estimate in another unit; `factor` is positive."""
        if self.low is None or self.high is None:
            return Estimate(self.value * factor, None, None, self.samples)
        return Estimate(self.value * factor, self.low * factor, self.high * factor, self.samples)

    def inverse(self, numerator: float = 1.0) -> Estimate:
        """`numerator` over the estimate, as a rate is bytes over time."""
        if self.low is None or self.high is None:
            return Estimate(numerator / self.value, None, None, self.samples)
        return Estimate(
            numerator / self.value, numerator / self.high, numerator / self.low, self.samples
        )

    def widened(self, factor: float) -> Estimate:
        """With an interval drawn apart by `factor` >= 1, by its logarithms."""
        if self.low is None or self.high is None or factor <= 1:
            return self
        low, high = (
            float(drawn_apart(self.value, bound, factor)) for bound in (self.low, self.high)
        )
        return Estimate(self.value, low, high, self.samples)


def drawn_apart(value: ArrayLike, bound: ArrayLike, factor: ArrayLike) -> Floats:
    """The bounds of intervals of times or ratios, `factor` times as far away by the logarithm."""
    value, bound, factor = (np.asarray(part, dtype=np.float64) for part in (value, bound, factor))
    apart: Floats = value * (bound / value) ** factor
    return apart


@lru_cache(maxsize=4096)
def median_ranks(samples: int, level: float = LEVEL) -> tuple[int, int] | None:
    """Zero-based ranks of the ordered samples that bound the median; None for too few samples.

    The count of samples below the median is Binomial(n, 1/2), so the interval from the k-th
    smallest to the k-th largest covers it with probability 1 - 2 P(count < k) (David and Nagaraja,
    Order Statistics, 7.1). The narrowest such interval with at least `level` is taken.
    """
    tail = (1 - level) / 2
    k = int(scipy_stats.binom.ppf(tail, samples, 0.5))
    while k > 0 and scipy_stats.binom.cdf(k - 1, samples, 0.5) > tail:
        k -= 1
    return (k - 1, samples - k) if k > 0 else None


def median(values: ArrayLike) -> Estimate:
    """The median of `values`, NaN left out, with its order-statistic interval."""
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    ordered = ordered[~np.isnan(ordered)]
    if len(ordered) == 0:
        return Estimate(float("nan"), None, None, 0)
    value = float(np.median(ordered))
    ranks = median_ranks(len(ordered))
    if ranks is None:
        return Estimate(value, None, None, len(ordered))
    low, high = float(ordered[ranks[0]]), float(ordered[ranks[1]])
    return Estimate(value, low, high, len(ordered))


def medians(times: Floats) -> Floats:
    """The median of each row, NaN left out; NaN of a row without any value."""
    rows, columns = times.shape
    if columns == 0:
        return np.full(rows, np.nan)
    ordered = np.sort(times, axis=1)
    count = (~np.isnan(times)).sum(axis=1)
    lower, upper = np.maximum(count - 1, 0) // 2, np.minimum(count // 2, columns - 1)
    each = np.arange(rows)
    middle: Floats = (ordered[each, lower] + ordered[each, upper]) / 2
    return middle


def paired_ratio(a: ArrayLike, b: ArrayLike) -> Estimate:
    """The median over rounds of a/b, where `a` and `b` hold the same rounds in the same order.

    What disturbs a whole round disturbs both and cancels. Rounds that either lacks (NaN) are left
    out.
    """
    logs = np.log(np.asarray(a, dtype=np.float64)) - np.log(np.asarray(b, dtype=np.float64))
    estimate = median(logs)
    if estimate.low is None or estimate.high is None:
        return Estimate(float(np.exp(estimate.value)), None, None, estimate.samples)
    value, low, high = np.exp([estimate.value, estimate.low, estimate.high])
    return Estimate(float(value), float(low), float(high), estimate.samples)


def resampled_medians(times: Floats, seed: int = 0, resamples: int = RESAMPLES) -> Floats | None:
    """Medians of resampled rounds, shaped (resamples, configurations); None for too few rounds.

    `times` is shaped (configurations, rounds), NaN where a configuration has no sample. A resample
    draws whole rounds with replacement, the same for every configuration (Efron and Tibshirani, An
    Introduction to the Bootstrap, 8.3). A row is NaN where a resample drew no sample of a
    configuration, and a column where the configuration has too few rounds.
    """
    configurations, rounds = times.shape
    if configurations == 0 or rounds == 0:
        return None
    enough = (~np.isnan(times)).sum(axis=1) >= FEWEST_ROUNDS
    if not enough.any():
        return None
    if not enough.all():
        result = np.full((resamples, configurations), np.nan)
        some = resampled_medians(times[enough], seed, resamples)
        if some is not None:
            result[:, enough] = some
        return result
    rng = np.random.default_rng(seed)
    if rounds > LONGEST_RESAMPLED or times.size * resamples > MOST_RESAMPLED:
        return _drawn_medians(times, rng, resamples)
    result = np.empty((resamples, configurations))
    holes = bool(np.isnan(times).any())
    for begin in range(0, resamples, 100):
        end = min(begin + 100, resamples)
        drawn = times[:, rng.integers(0, rounds, (end - begin, rounds))]
        if holes:
            middle = medians(drawn.reshape(-1, rounds)).reshape(configurations, end - begin)
        else:
            middle = np.median(drawn, axis=2)
        result[begin:end] = middle.T
    return result


def _drawn_medians(times: Floats, rng: np.random.Generator, resamples: int) -> Floats:
    """The median of n samples has the rank n*U with U from Beta((n+1)/2, (n+1)/2)."""
    result = np.empty((resamples, len(times)))
    for i, row in enumerate(times):
        ordered = np.sort(row[~np.isnan(row)])
        n = len(ordered)
        drawn = rng.beta((n + 1) / 2, (n + 1) / 2, resamples)
        result[:, i] = ordered[np.minimum((drawn * n).astype(np.int64), n - 1)]
    return result


def interval_of(resampled: ArrayLike) -> tuple[float, float] | None:
    """The 95 % percentile interval of resampled values, NaN left out; None if nothing is left."""
    values = np.asarray(resampled, dtype=np.float64)
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return None
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def independent_ratio(a: Estimate, b: Estimate) -> Estimate:
    """a / b of two runs that share no round.

    The distances of the bounds, as logarithms, add up like errors do (the method of variance
    estimates recovery: Zou and Donner, Statistics in Medicine 27, 2008).
    """
    value, samples = a.value / b.value, min(a.samples, b.samples)
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return Estimate(value, None, None, samples)
    down = np.hypot(np.log(a.value / a.low), np.log(b.high / b.value))
    up = np.hypot(np.log(a.high / a.value), np.log(b.value / b.low))
    return Estimate(value, float(value * np.exp(-down)), float(value * np.exp(up)), samples)
