"""Variance components from planted runs, and the pieces against dense algebra."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics import components
from analysis.statistics.components import Covariance, Moderated
from analysis.statistics.effects import Search

MEMBERS = np.array([[1.0] * 60, *np.kron(np.eye(6), np.ones(10))])
KIND = np.array([0, 1, 1, 1, 1, 1, 1])


def dense(covariance: Covariance) -> np.ndarray:
    scaled = covariance.members * covariance.components[covariance.kind][:, None]
    return np.diag(covariance.own.variances) + covariance.members.T @ scaled


def planted(rng: np.random.Generator) -> Covariance:
    own = Moderated(rng.uniform(0.5, 2, 60), np.full(60, 9.0))
    return Covariance(own, MEMBERS, KIND, np.array([0.3, 0.7]), np.array([4.0, 20.0]))


def test_solving_against_dense_algebra() -> None:
    rng = np.random.default_rng(1)
    covariance = planted(rng)
    full = dense(covariance)
    columns = rng.normal(size=(60, 3))
    assert np.allclose(covariance.solve(columns), np.linalg.solve(full, columns))
    assert np.allclose(covariance.inverse_diagonal, np.diag(np.linalg.inv(full)))


def test_shifts_are_those_of_generalised_least_squares() -> None:
    rng = np.random.default_rng(2)
    covariance = planted(rng)
    levels = rng.normal(size=60)
    search = Search(levels, covariance, np.zeros((0, 60)), (3, 3))
    group = search.scores([(True, 4)])[0]
    full = np.linalg.inv(dense(covariance))
    design = np.stack([np.arange(60) == 4, MEMBERS[2]], axis=1).astype(float)
    inverse = np.linalg.inv(design.T @ full @ design)
    assert group.shift[2] == pytest.approx((inverse @ design.T @ full @ levels)[1])


def test_components_are_found() -> None:
    rng = np.random.default_rng(3)
    within = rng.normal(0, 0.02, (40, 60)) + rng.normal(0, 0.05, (40, 6)) @ MEMBERS[1:]
    found = components.repeated(within, MEMBERS, KIND, np.full(2, 0.002), np.full(60, 1e-9))
    assert np.sqrt(found.components[1]) == pytest.approx(0.05, rel=0.15)
    assert np.sqrt(found.components[0]) < 0.015
    assert np.sqrt(np.median(found.own.variances)) == pytest.approx(0.02, rel=0.1)


def test_differences_within_a_side_have_the_covariance_of_one_run() -> None:
    rng = np.random.default_rng(4)
    side = list(rng.normal(0, 1, (4, 20_000)))
    within = components.scaled(side)
    assert within.shape == (3, 20_000)
    assert np.allclose(np.cov(within), np.eye(3), atol=0.03)
    assert np.allclose(components.scaled([s + 7 for s in side]), within)


def test_equal_variances_are_drawn_together_and_others_are_not() -> None:
    rng = np.random.default_rng(5)
    degrees = np.full(500, 4.0)
    chance = rng.chisquare(4, 500) / 4
    equal = components.moderated(chance, degrees, np.zeros(500))
    assert equal.variances.std() < 0.1
    assert equal.variances.mean() == pytest.approx(1, abs=0.1)
    apart = components.moderated(chance * np.exp(rng.normal(0, 2, 500)), degrees, np.zeros(500))
    assert apart.degrees[0] < 8
    assert (components.moderated(chance, degrees, np.full(500, 3.0)).variances >= 3).all()


@pytest.mark.parametrize("runs", [2, 3])
def test_a_group_that_repeats_badly_is_not_judged_by_its_kind(runs: int) -> None:
    """One group of twenty varies by 10 % from run to run, all others by nothing."""
    members = np.array([[1.0] * 200, *np.kron(np.eye(20), np.ones(10))])
    kind = np.array([0] + [1] * 20)
    rng = np.random.default_rng(6)
    found = 0
    for _ in range(30):
        sides = rng.normal(0, 0.01, (2, runs, 200)) + rng.normal(0, 0.1, (2, runs, 1)) * members[1]
        within = np.concatenate([components.scaled(list(side)) for side in sides])
        least = np.full(2, components.LEAST_SCATTER)
        covariance = components.repeated(within, members, kind, least, np.full(200, 1e-9))
        levels = sides[1].mean(axis=0) - sides[0].mean(axis=0)
        found += any(
            abs(e.shift) > 0.02 for e in Search(levels, covariance, within, (runs, runs)).run()
        )
    # By the kind's variance alone it is about 14.
    assert found <= 3
