"""Intervals against SciPy, against known answers, and their coverage by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from analysis.planted.runs import factors
from analysis.statistics import stats


@pytest.mark.parametrize(
    ("samples", "ranks"), [(5, None), (6, (0, 5)), (9, (1, 7)), (15, (3, 11)), (100, (39, 60))]
)
def test_ranks_of_the_tables(samples: int, ranks: tuple[int, int] | None) -> None:
    # Conover, Practical Nonparametric Statistics, table A3.
    assert stats.median_ranks(samples) == ranks


@pytest.mark.parametrize("samples", [6, 7, 15, 16, 40, 101])
def test_interval_against_scipy(samples: int) -> None:
    values = np.random.default_rng(samples).lognormal(size=samples)
    estimate = stats.median(values)
    # SciPy inverts the binomial test of the same quantile; its one-sided levels are 97.5 % each.
    expected = scipy_stats.quantile_test(values, q=np.median(values), p=0.5).confidence_interval(
        0.95
    )
    assert estimate.value == np.median(values)
    assert (estimate.low, estimate.high) == (expected.low, expected.high)


def test_few_samples_have_no_interval() -> None:
    assert stats.median([3.0, 1.0, 2.0]) == stats.Estimate(2.0, None, None, 3)
    assert math.isnan(stats.median([]).value)
    assert stats.median([1.0, float("nan"), 3.0]).samples == 2


def test_every_rank_interval_covers() -> None:
    for n in range(6, 200):
        ranks = stats.median_ranks(n)
        assert ranks is not None
        low, high = ranks
        # P(low-th smallest <= median <= high-th smallest), zero-based.
        covered = scipy_stats.binom.cdf(high, n, 0.5) - scipy_stats.binom.cdf(low, n, 0.5)
        assert covered >= 0.95
        assert low + high == n - 1


@pytest.mark.parametrize("tails", ["normal", "heavy", "spikes"])
@pytest.mark.parametrize("rounds", [6, 15, 40])
def test_coverage_of_medians_and_ratios(tails: str, rounds: int) -> None:
    rng = np.random.default_rng(rounds)
    truth = float(np.median(factors(rng, (400_000,), 0.02, tails)))
    trials, medians, ratios = 800, 0, 0
    for _ in range(trials):
        shared = np.exp(rng.normal(0, 0.05, rounds))
        a = factors(rng, (rounds,), 0.02, tails)
        b = 1.3 * factors(rng, (rounds,), 0.02, tails)
        m = stats.median(a)
        medians += m.low <= truth <= m.high
        r = stats.paired_ratio(b * shared, a * shared)
        ratios += r.low <= 1.3 <= r.high
    # At least 95 %, less three standard errors of the simulation.
    floor = 0.95 - 3 * math.sqrt(0.95 * 0.05 / trials)
    assert medians / trials > floor
    assert ratios / trials > floor


def test_pairing_removes_what_a_round_shares() -> None:
    rng = np.random.default_rng(1)
    shared = np.exp(rng.normal(0, 0.5, 15))
    a, b = shared * factors(rng, (15,), 0.001), 2 * shared * factors(rng, (15,), 0.001)
    paired = stats.paired_ratio(b, a)
    assert paired.high / paired.low < 1.01
    unpaired = stats.median(a)
    assert unpaired.high / unpaired.low > 1.2


def test_resampling_draws_whole_rounds() -> None:
    times = np.arange(1.0, 16.0)[None, :].repeat(2, axis=0) * [[1.0], [7.0]]
    drawn = stats.resampled_medians(times)
    assert drawn.shape == (stats.RESAMPLES, 2)
    assert np.allclose(drawn[:, 1], 7 * drawn[:, 0])
    spread = drawn[:, 0].std()
    assert 1.0 < spread < 3.0
    assert stats.resampled_medians(times[:, :5]) is None


def test_long_runs_draw_medians_from_their_distribution() -> None:
    rng = np.random.default_rng(2)
    times = rng.lognormal(0, 0.1, (1, 400))
    drawn = stats.resampled_medians(times)[:, 0]
    slow = np.median(times[0][rng.integers(0, 400, (2000, 400))], axis=1)
    assert drawn.std() == pytest.approx(slow.std(), rel=0.15)
    assert drawn.mean() == pytest.approx(slow.mean(), rel=0.002)


def test_each_configuration_needs_its_own_rounds_to_be_resampled() -> None:
    times = np.arange(1.0, 31.0).reshape(2, 15)
    times[0, 5:] = np.nan
    drawn = stats.resampled_medians(times)
    assert np.isnan(drawn[:, 0]).all()
    assert np.isfinite(drawn[:, 1]).all()


def test_coverage_of_ratios_of_two_runs() -> None:
    rng = np.random.default_rng(3)
    trials, hits = 800, 0
    for _ in range(trials):
        a, b = (stats.median(scale * factors(rng, (12,), 0.02)) for scale in (3.0, 2.0))
        found = stats.independent_ratio(a, b)
        hits += found.low <= 1.5 <= found.high
    # Twelve rounds' medians have intervals of 96.1 %; three standard errors of the simulation.
    assert 0.93 < hits / trials < 0.99


def test_a_ratio_of_few_rounds_has_no_interval() -> None:
    few, many = stats.median([1.0, 2.0]), stats.median(np.arange(1.0, 20.0))
    assert not stats.independent_ratio(few, many).certain
    assert not stats.independent_ratio(many, few).certain
