"""How results differ from one run of a program to the next, in all and group by group.

**The model.** A run's level of a configuration (the logarithm of its time) is its true one, plus
what this run has in common for all configurations, for each workload, model, size and so on, plus
the configuration's own: where its memory and code came to lie. Every kind of group has one standard
deviation from run to run, every configuration one of its own. Together they are the covariance
V = diag(v) + Z' G Z of a run's levels; `Z` has a row a group, 1 for its members (a linear mixed
model: Searle, Casella and McCulloch, Variance Components, 1992).

**What it is estimated from**: how runs of the *same* side differ, so that no difference between the
sides, however large and wherever, can pass for scatter. Restricted maximum likelihood by MacKay's
fixed point (Neural Computation 4, 1992), in which a variance is what its effects show over the
effects that the data determine. A handful of runs says little of a component of which there is one
a run, so each starts from LEAST_SCATTER, which counts like one more run.

The configurations' own variances, of a few degrees of freedom each, are drawn towards what is
common to all, by as much as their spread says (Smyth, Statistical Applications in Genetics 3,
2004).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import special

from analysis.statistics.stats import Floats

# What groups of configurations differ by between runs of one program at the least.
LEAST_SCATTER = 0.001
PRIOR_RUNS = 1.0
MOST_PRIOR_DEGREES = 200.0
MOST_STEPS = 30
SETTLED = 0.01
LEAST_VARIANCE = 1e-14


@dataclass(frozen=True)
class Moderated:
    """Variances drawn towards each other, and the degrees of freedom of each and of all."""

    variances: Floats
    degrees: Floats

    @property
    def expected(self) -> Floats:
        """What the variances are expected to be: more than the likeliest values, which weigh."""
        degrees = np.maximum(self.degrees, 3.0)
        expected: Floats = self.variances * degrees / (degrees - 2)
        return expected


@dataclass
class Covariance:
    """V of one run's levels. `kind` says of what kind each group is, `degrees` belong to kinds."""

    own: Moderated
    members: Floats
    kind: NDArray[np.int64]
    components: Floats
    degrees: Floats

    @cached_property
    def _weighted(self) -> Floats:
        weighted: Floats = self.members / self.own.variances
        return weighted

    @cached_property
    def inner(self) -> Floats:
        """The inverse of G^-1 + Z R^-1 Z' (Henderson's equations)."""
        matrix = self._weighted @ self.members.T
        matrix[np.diag_indices_from(matrix)] += 1 / self.components[self.kind]
        return np.asarray(np.linalg.inv(matrix), dtype=np.float64)

    def solve(self, columns: Floats) -> Floats:
        """V^-1 times the columns."""
        solved: Floats = columns / self.own.variances[:, None] - self._weighted.T @ (
            self.inner @ (self._weighted @ columns)
        )
        return solved

    @cached_property
    def inverse_diagonal(self) -> Floats:
        """The diagonal of V^-1."""
        part = (self._weighted * (self.inner @ self._weighted)).sum(axis=0)
        diagonal: Floats = 1 / self.own.variances - part
        return diagonal

    @cached_property
    def diagonal(self) -> Floats:
        """The diagonal of V."""
        diagonal: Floats = self.own.variances + self.components[self.kind] @ self.members
        return diagonal


def moderated(squares: Floats, degrees: Floats, least: Floats) -> Moderated:
    """Variances `squares` of so many `degrees` of freedom each, drawn towards each other.

    None ends below its `least`.
    """
    squares = np.maximum(squares, LEAST_VARIANCE)
    half = degrees / 2
    logs = np.log(squares) - special.digamma(half) + np.log(half)
    # Of equal variances logarithms would spread by the trigamma function; what is beyond is theirs.
    spread = logs.var(ddof=1) if len(logs) > 1 else 0.0
    excess = float(spread - special.polygamma(1, half).mean())
    prior = MOST_PRIOR_DEGREES
    if excess > 0:
        prior = min(prior, 2 * _inverse_trigamma(excess))
    common = np.exp(logs.mean() + special.digamma(prior / 2) - np.log(prior / 2))
    variances = (prior * common + degrees * squares) / (prior + degrees)
    return Moderated(np.maximum(variances, least), prior + degrees)


def _inverse_trigamma(value: float) -> float:
    """Newton's method from Smyth's appendix."""
    y = 0.5 + 1 / value
    for _ in range(20):
        first, second = special.polygamma(1, y), special.polygamma(2, y)
        step = first * (1 - first / value) / second
        y += step
        if -step / y < 1e-8:
            break
    return float(y)


def repeated(
    within: Floats,
    members: Floats,
    kind: NDArray[np.int64],
    least: Floats,
    errors: Floats,
) -> Covariance:
    """V from differences within sides, as scaled() makes them: (differences, configurations).

    `least` is the standard deviation that is expected of each kind at the least, `errors` the
    variance of each configuration that its rounds explain: a neighbour who woke up in three rounds
    of one run is seen there, and seldom in how runs differ.
    """
    runs, kinds = len(within), int(kind.max()) + 1
    shown = (((within @ members.T) / members.sum(axis=1)) ** 2).mean(axis=0)
    count = np.bincount(kind, minlength=kinds)
    components: Floats = np.asarray(np.bincount(kind, shown, kinds) / count + least**2)
    own = moderated((within**2).mean(axis=0), np.full(within.shape[1], float(runs)), errors)
    found = Covariance(own, members, kind, components, runs * count.astype(np.float64) + PRIOR_RUNS)
    for _ in range(MOST_STEPS):
        effects = found.inner @ (found._weighted @ within.T)
        known = 1 - np.diag(found.inner) / found.components[kind]
        effect_squares = (effects**2).sum(axis=1)
        degrees = np.asarray(runs * np.bincount(kind, known, kinds), dtype=np.float64)
        components = (np.bincount(kind, effect_squares, kinds) + PRIOR_RUNS * least**2) / (
            degrees + PRIOR_RUNS
        )
        leverage = (members * (found.inner @ members)).sum(axis=0) / found.own.variances
        left = np.maximum(runs * (1 - leverage), 0.2 * runs)
        rest = ((within - effects.T @ members) ** 2).sum(axis=0)
        own = moderated(rest / left, left, errors)
        moved = np.abs(np.log(components / found.components)).max()
        found = Covariance(own, members, kind, components, degrees + PRIOR_RUNS)
        if moved < SETTLED:
            break
    return found


def scaled(side: list[Floats]) -> Floats:
    """Differences within a side of n runs, n - 1 of them, each with the covariance of one run.

    Helmert's contrasts: each run against the mean of those before.
    """
    rows = [
        np.sqrt(n / (n + 1)) * (side[n] - np.mean(side[:n], axis=0)) for n in range(1, len(side))
    ]
    width = len(side[0]) if side else 0
    return np.array(rows).reshape(len(rows), width)
