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


def test_one_odd_run_of_three_is_never_enough() -> None:
    within = components.scaled([np.zeros(60)] * 3)
    odd = components.scaled([np.zeros(60), np.zeros(60), np.log(3) * MEMBERS[1]])
    rng = np.random.default_rng(6)
    both = np.concatenate([within, odd]) + rng.normal(0, 0.01, (4, 60))
    covariance = components.repeated(both, MEMBERS, KIND, np.full(2, 0.002), np.full(60, 1e-9))
    levels = np.log(3) / 3 * MEMBERS[1] + rng.normal(0, 0.01, 60)
    assert Search(levels, covariance, both, (3, 3)).run() == []
