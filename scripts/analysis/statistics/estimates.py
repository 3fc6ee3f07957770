"""Estimates from rounds that also chose what they estimate, and from rounds that are alike.

The harness's closing summary does the same (`common/harness/answers.hpp`, `statistics.hpp`).

**The choice of the best form.** The fastest of many forms is partly the luckiest: of fifty equal
ones, after ten rounds with 2 % noise, the best median is 1.7 % too good and its interval covers the
truth in 88 %. So the best form is chosen on one half of the rounds (the earlier, the later ones)
and its times are taken from the other, both ways round. Who wins by luck on one half is not
favoured on the other, and every round is used once. A form with fewer than half as many rounds as
the fastest that has enough for an interval was given up early and takes no part (not as whoever has
the most: what is precise needs few). The halves are cut in the middle of the rounds that
all the forms have. Forms that were measured at different times, with less than three quarters of
their rounds in common, would have no share of one half: even and odd rounds are their halves.

**A crossover** is chosen just so: between which two sizes it lies and which forms meet there is
said by one half of each size's rounds, and each of the other gives one crossing, where the straight
lines between the times of that round meet. What disturbs a whole round disturbs both curves and
cancels. Their median has the usual interval by order statistics (Conover, Practical Nonparametric
Statistics, 3.2).

**Rounds that are alike.** Where neighbouring rounds correlate by r, n of them tell as much as
m = n (1 - r) / (1 + r) independent ones (Priestley, Spectral Analysis and Time Series, 5.3), and
scatter less than they should by 1 - 1 / m; a 95 % interval of a median at r = 0.7 covers 72 %. So
it is drawn apart by the root of (n - 1) / (m - 1). One series is too short to tell r, so it is
the mean over a model's configurations, each corrected for the bias of short series (Kendall,
Biometrika 41, 1954: (1 + 3 r) / n is missing). Below 0.3, which a few independent rounds show as
well, nothing is widened.

**What is left.** Where rounds are alike the halves are not independent, because they touch: the
best of many stays a little too good (simulated, r = 0.7, the best of twenty, 2 % noise, twenty
rounds: 0.4 %; even and odd rounds as halves would leave 1.7 %). What drifts over a run is part of
what is estimated, as with any halves; ratios are taken within rounds, where it cancels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.statistics import stats
from analysis.statistics.crossover import CrossoverInterval, last_lost, of_leads
from analysis.statistics.stats import FEWEST_ROUNDS, Estimate, Floats

# Correlations up to this one widen nothing.
LEAST_CORRELATION = 0.3
# So few independent rounds are the fewest that rounds are taken to be worth.
LEAST_WORTH = 1.5


@dataclass(frozen=True)
class Half:
    """Half of the rounds: the earlier ones, up to `cut`, or the later; else the even or the odd."""

    cut: int | None
    second: bool

    def of(self, rounds: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of `rounds` are in it."""
        in_second = rounds % 2 == 1 if self.cut is None else rounds > self.cut
        among: NDArray[np.bool_] = in_second == self.second
        return among


@dataclass(frozen=True)
class Best:
    """The fastest of some forms, a row, and its times by round, NaN where it has none.

    Each round's time is that of the form that the other half of the rounds chose.
    """

    form: int
    series: Floats


@dataclass
class Measured:
    """Times in ns of some configurations, shaped (configurations, rounds), NaN for none."""

    rounds: NDArray[np.int64]
    times: Floats
    _medians: dict[Half | None, Floats] = field(default_factory=dict)

    def halves(self, forms: NDArray[np.int64]) -> tuple[Half, Half]:
        """The two halves of the rounds of some forms that were measured."""
        known = np.isfinite(self.times[forms])
        common = np.sort(self.rounds[known.all(axis=0)])
        cut = None
        if 4 * len(common) >= 3 * known.sum(axis=1).max():
            cut = int(common[(len(common) - 1) // 2])
        return Half(cut, second=False), Half(cut, second=True)

    def medians(self, half: Half | None) -> Floats:
        """Of one half of the rounds or of all; of all as well where the half has none."""
        if half not in self._medians:
            if half is None:
                self._medians[half] = stats.medians(self.times)
            else:
                some = stats.medians(self.times[:, half.of(self.rounds)])
                self._medians[half] = np.where(np.isnan(some), self.medians(None), some)
        return self._medians[half]

    def in_play(self, forms: Sequence[int]) -> NDArray[np.int64]:
        """Those of `forms` that were measured and not given up early."""
        rows = np.asarray(forms, dtype=np.int64)
        count = (~np.isnan(self.times[rows])).sum(axis=1)
        wanted = count.max(initial=0)
        if wanted >= FEWEST_ROUNDS:
            enough = count >= FEWEST_ROUNDS
            wanted = count[enough][np.argmin(self.medians(None)[rows[enough]])]
        played: NDArray[np.int64] = rows[(count > 0) & (2 * count >= wanted)]
        return played

    def fastest(self, forms: NDArray[np.int64], half: Half | None) -> int:
        """The fastest of `forms` in one half of the rounds or in all."""
        return int(forms[np.argmin(self.medians(half)[forms])])

    def best_of(self, forms: Sequence[int]) -> Best | None:
        """The best form over all rounds, with times that did not choose it."""
        known = self.in_play(forms)
        if len(known) == 0:
            return None
        halves = self.halves(known)
        by_first, by_second = (self.times[self.fastest(known, half)] for half in halves)
        series = np.where(halves[0].of(self.rounds), by_second, by_first)
        return Best(self.fastest(known, None), series)

    def crossing(
        self, a: Mapping[int, Sequence[int]], b: Mapping[int, Sequence[int]], correlation: float
    ) -> CrossoverInterval:
        """The size from which the best of `a` beats the best of `b`; both map sizes to forms."""
        sizes, leads, _ = self._duels(a, b, None)
        if not sizes:
            # Two runs of one machine may have measured a side each: then medians must do.
            sizes, leads, _ = self._duels(a, b, None, apart=True)
        point = of_leads(sizes, leads)
        if point.kind != "crossover":
            return CrossoverInterval(point)
        found = [crossing for half in (0, 1) for crossing in self._crossings(a, b, half).tolist()]
        if not found:
            return CrossoverInterval(point)
        estimate = median(found, correlation)
        middle = replace(point, size=estimate.value)
        return CrossoverInterval(middle, estimate.low, estimate.high, estimate.samples)

    def _duels(
        self,
        a: Mapping[int, Sequence[int]],
        b: Mapping[int, Sequence[int]],
        half: int | None,
        apart: bool = False,
    ) -> tuple[list[int], list[float], list[tuple[int, int, tuple[Half, Half]]]]:
        """At each common size the lead of a over b in ns, and who was compared in which halves.

        By one half of each size's own rounds, the first (0) or the second (1), or by all: sizes
        are opened one after the other. `apart`: also those that share no round.
        """
        known = np.isfinite(self.times)
        forms = [form for side in (a, b) for some in side.values() for form in some]
        most = int(known[forms].sum(axis=1).max()) if forms else 0
        # A size that was given up after a round or two decides nothing, nor does one at which the
        # two were measured in different rounds.
        enough = min(FEWEST_ROUNDS, (most + 1) // 2)
        sizes, leads, compared = [], [], []
        for size in sorted(n for n in a.keys() & b.keys() if n > 0):
            one, other = self.in_play(a[size]), self.in_play(b[size])
            if len(one) == 0 or len(other) == 0:
                continue
            halves = self.halves(np.concatenate([one, other]))
            rounds = None if half is None else halves[half]
            pair = self.fastest(one, rounds), self.fastest(other, rounds)
            if not apart and (known[pair[0]] & known[pair[1]]).sum() < enough:
                continue
            time = self.medians(rounds)
            sizes.append(size)
            leads.append(float(time[pair[1]] - time[pair[0]]))
            compared.append((*pair, halves))
        return sizes, leads, compared

    def _crossings(
        self, a: Mapping[int, Sequence[int]], b: Mapping[int, Sequence[int]], half: int
    ) -> Floats:
        """The crossing in each round of `half`, by sizes and forms that the other half chose."""
        sizes, leads, compared = self._duels(a, b, 1 - half)
        i = last_lost(leads)
        if i is None:
            return np.array([])
        below, above = (
            (self.times[other] - self.times[one])[halves[half].of(self.rounds)]
            for one, other, halves in compared[i : i + 2]
        )
        # Leads are taken within rounds; which round's meet at the two sizes does not matter, and a
        # size that was opened late has later ones.
        below, above = below[np.isfinite(below)], above[np.isfinite(above)]
        n = min(len(below), len(above))
        return meetings(sizes[i], sizes[i + 1], below[:n], above[:n])


def meetings(size: float, next_size: float, below: Floats, above: Floats) -> Floats:
    """Where straight lines meet that are `below` apart at `size` and `above` at `next_size`.

    Noise may put a meeting outside of the two sizes; far outside says no more than outside.
    """
    rise = above - below
    with np.errstate(all="ignore"):
        share = np.where(rise > 0, -below / rise, np.where(below < 0, 2.0, -1.0))
    return np.maximum(size + (next_size - size) * np.clip(share, -1, 2), size / 4)


def neighbour_correlations(times: Floats, counts: NDArray[np.int64]) -> Floats:
    """How alike neighbouring rounds are: of each series the correlation one round apart.

    `times` are those of all series one after the other, each in order of rounds, and `counts` how
    many each has. Of the times' logarithms, and corrected for the bias of short series; 0 for a
    series of fewer than six, or of one value.
    """
    if len(counts) == 0:
        return np.array([])
    logs = np.log(times)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    apart = logs - np.repeat(np.add.reduceat(logs, starts) / counts, counts)
    products = np.zeros(len(apart))
    products[1:] = apart[1:] * apart[:-1]
    products[starts] = 0
    square = np.add.reduceat(apart**2, starts)
    some = (square > 0) & (counts >= FEWEST_ROUNDS)
    found = np.zeros(len(counts))
    found[some] = np.add.reduceat(products, starts)[some] / square[some]
    return np.where(some, (counts * found + 1) / (np.maximum(counts, FEWEST_ROUNDS) - 3), 0.0)


def widening_for(correlation: float, rounds: int) -> float:
    """By how much an interval grows where neighbours among its `rounds` correlate by so much."""
    if rounds < 2 or not correlation > LEAST_CORRELATION:
        return 1.0
    worth = rounds * (1 - correlation) / (1 + correlation)
    return math.sqrt((rounds - 1) / (max(worth, LEAST_WORTH) - 1))


def median(values: ArrayLike, correlation: float) -> Estimate:
    """The median of rounds that correlate with their neighbours, NaN left out."""
    plain = stats.median(values)
    return plain.widened(widening_for(correlation, plain.samples))


def ratio(slow: Floats, fast: Floats, correlation: float) -> Estimate:
    """The median over rounds of slow / fast, which hold the same rounds in the same order."""
    plain = stats.paired_ratio(slow, fast)
    return plain.widened(widening_for(correlation, plain.samples))
