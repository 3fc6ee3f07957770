"""Which groups of configurations and which single ones differ between two sides of runs.

**Selection.** The difference between the sides has the covariance of components.py, times
1/n + 1/m for n and m runs a side. Every group and every configuration is a candidate for a shift of
all its members. The candidate that explains most (the largest score of generalised least squares)
among those that count is called, and the search goes on with what its effect leaves unexplained. So
one called group explains its members, and an odd configuration explains itself and not its group.

**What counts.** Groups share one half of an error of 5 % and single configurations the other, each
by Bonferroni's bound. A score is judged by Student's t, with the degrees of freedom that the
components of its variance have together (Satterthwaite, Biometrics 2, 1946). A group that itself
repeats worse from run to run than its kind does is judged by the mean of both variances, with the
fewer degrees of freedom that its own has: one odd run of three is never enough.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats as scipy_stats

from analysis.statistics.components import Covariance
from analysis.statistics.stats import LEVEL, Floats

ERROR = 1 - LEVEL
MOST_CALLED = 40


@dataclass(frozen=True)
class Effect:
    """A called candidate: its place among the groups, or among the configurations.

    `shift` with its interval is the difference of logarithms beyond the other effects, `p` its own,
    uncorrected.
    """

    single: bool
    place: int
    shift: float
    low: float
    high: float
    p: float


@dataclass
class Scores:
    """Shifts of candidates with their standard errors and degrees of freedom."""

    shift: Floats
    error: Floats
    degrees: Floats

    @property
    def size(self) -> Floats:
        """Shifts in standard errors."""
        size: Floats = np.abs(self.shift) / self.error
        return size

    @property
    def p(self) -> Floats:
        """Two-sided error probabilities, each alone."""
        p: Floats = 2 * scipy_stats.t.sf(self.size, self.degrees)
        return p


class Search:
    """The difference `levels` of two sides, its covariance, and what was called so far."""

    def __init__(
        self, levels: Floats, covariance: Covariance, within: Floats, per_side: tuple[int, int]
    ) -> None:
        self.levels, self.covariance, self.within = levels, covariance, within
        self.scale = 1 / per_side[0] + 1 / per_side[1]
        members = covariance.members
        self._solved_levels = covariance.solve(levels[:, None])[:, 0]
        self._solved_members = covariance.solve(members.T)
        self._product = members @ self._solved_members
        self.called: list[tuple[bool, int]] = []

    def _columns(self, called: list[tuple[bool, int]]) -> Floats:
        members = self.covariance.members
        columns = np.zeros((len(self.levels), len(called)))
        for i, (single, place) in enumerate(called):
            if single:
                columns[place, i] = 1
            else:
                columns[:, i] = members[place]
        return columns

    def scores(self, called: list[tuple[bool, int]]) -> tuple[Scores, Scores]:
        """Of all groups and of all configurations, with what was called taken out."""
        cov, members = self.covariance, self.covariance.members
        product, diagonal = self._product, cov.inverse_diagonal
        levels, contrasts = self._solved_levels, self._solved_members
        if called:
            columns = self._columns(called)
            solved = cov.solve(columns)
            hat = np.linalg.inv(columns.T @ solved)
            levels = levels - solved @ (hat @ (columns.T @ levels))
            crossed = members @ solved
            contrasts = contrasts - solved @ (hat @ crossed.T)
            product = product - crossed @ hat @ crossed.T
            diagonal = diagonal - ((solved @ hat) * solved).sum(axis=1)
        free = np.diag(product) > 1e-6 * np.diag(self._product)
        weight = np.where(free, np.diag(product), np.inf)
        groups = self._judged((members @ levels) / weight, contrasts / weight, product / weight)
        free = diagonal > 1e-6 * cov.inverse_diagonal
        weight = np.where(free, diagonal, np.inf)
        variance = np.where(free, 1 / weight, 1.0)
        singles = Scores(levels / weight, np.sqrt(variance * self.scale), cov.own.degrees)
        return groups, singles

    def _judged(self, shift: Floats, contrasts: Floats, product: Floats) -> Scores:
        """Variances by the model, or by how each contrast itself repeats where that is worse.

        `contrasts` has a column a group, `product` how much of each group (row) is in each.
        """
        cov = self.covariance
        kinds = len(cov.components)
        share = np.array([(product[cov.kind == k] ** 2).sum(axis=0) for k in range(kinds)])
        parts = share * cov.components[:, None]
        own = contrasts**2 * cov.own.expected[:, None]
        variance = parts.sum(axis=0) + own.sum(axis=0)
        unsure = (parts**2 / cov.degrees[:, None]).sum(axis=0)
        unsure += (own**2 / cov.own.degrees[:, None]).sum(axis=0)
        if runs := len(self.within):
            itself = ((contrasts.T @ self.within.T) ** 2).mean(axis=1)
            worse = itself > variance
            variance = np.where(worse, (variance + itself) / 2, variance)
            unsure = np.where(worse, (unsure + itself**2 / runs) / 4, unsure)
        usable = unsure > 0
        degrees = variance**2 / np.where(usable, unsure, 1.0)
        error = np.sqrt(np.where(usable, variance, 1.0) * self.scale)
        return Scores(np.where(usable, shift, 0.0), error, np.where(usable, degrees, 1.0))

    def run(self) -> list[Effect]:
        """Calls candidates until none is left that counts; in the order of their calling."""
        while len(self.called) < MOST_CALLED:
            groups, singles = self.scores(self.called)
            found = [
                (float(scores.size[i]), single, i)
                for single, scores in ((False, groups), (True, singles))
                if (i := self._largest(scores)) is not None
            ]
            if not found:
                break
            _, single, place = max(found)
            self.called.append((single, place))
        return self.effects()

    def _largest(self, scores: Scores) -> int | None:
        counts = scores.p * len(scores.shift) <= ERROR / 2
        if not counts.any():
            return None
        return int(np.argmax(np.where(counts, scores.size, -1)))

    def effects(self) -> list[Effect]:
        """Each called candidate beside all the others; who does not count any more is dropped."""
        while True:
            found = []
            for i, (single, place) in enumerate(self.called):
                others = [*self.called[:i], *self.called[i + 1 :]]
                effect = self.intervals(others, single)[place]
                tests = len(self.levels) if single else len(self.covariance.members)
                found.append((effect.p * tests / (ERROR / 2), effect))
            worst = max(range(len(found)), key=lambda i: found[i][0], default=None)
            if worst is None or found[worst][0] <= 1:
                return [effect for _, effect in found]
            del self.called[worst]

    def intervals(self, beside: list[tuple[bool, int]], single: bool) -> list[Effect]:
        """The shift of each group, or each configuration, beside some that are called."""
        scores = self.scores(beside)[single]
        half = scipy_stats.t.ppf((1 + LEVEL) / 2, scores.degrees) * scores.error
        columns = (scores.shift, scores.shift - half, scores.shift + half, scores.p)
        return [
            Effect(single, place, *values)
            for place, values in enumerate(zip(*(c.tolist() for c in columns), strict=True))
        ]
