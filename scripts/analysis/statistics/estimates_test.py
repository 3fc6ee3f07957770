"""Choices that do not flatter, and intervals that hold what they say: by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import signal

from analysis.planted.runs import factors
from analysis.statistics import crossover, estimates, stats
from analysis.statistics.estimates import Measured
from analysis.statistics.stats import Floats

NAN = math.nan


def alike(rng: np.random.Generator, shape: tuple[int, ...], r: float, noise: float) -> Floats:
    """Times around 1 whose logarithms correlate by `r` from one round to the next."""
    fresh = rng.standard_normal((*shape[:-1], shape[-1] + 50)) * math.sqrt(1 - r * r)
    # SciPy's own filter makes the series: x[i] = r x[i-1] + fresh[i], less its beginning.
    return np.exp(noise * signal.lfilter([1], [1, -r], fresh, axis=-1)[..., 50:])


def floor(trials: int, least: float = 0.95) -> float:
    """At least so much, less three standard errors of the simulation."""
    return least - 3 * math.sqrt(least * (1 - least) / trials)


def holds(estimate: stats.Estimate | crossover.CrossoverInterval, truth: float) -> bool:
    return estimate.low is not None and estimate.low <= truth <= estimate.high


def test_medians_against_numpy() -> None:
    rng = np.random.default_rng(1)
    for rounds in (1, 2, 5, 8):
        times = rng.lognormal(size=(30, rounds))
        times[rng.random(times.shape) < 0.2] = NAN
        times[0] = 1.0
        some = ~np.isnan(times).all(axis=1)
        expected = np.nanmedian(times[some], axis=1)
        assert stats.medians(times)[some] == pytest.approx(expected)
        assert np.isnan(stats.medians(times)[~some]).all()
    assert np.isnan(stats.medians(np.empty((2, 0)))).all()


def test_the_best_form_takes_its_times_from_the_rounds_that_did_not_choose_it() -> None:
    # The first form wins the earlier rounds, the second the later ones, and the third none.
    times = np.array([[1.0, 2, 3, 9, 9, 9], [8, 8, 8, 4, 5, 6], [9, 9, 9, 9, 9, 9]])
    best = Measured(np.arange(6), times).best_of([0, 1, 2])
    assert best.form == 0
    assert best.series.tolist() == [8, 8, 8, 9, 9, 9]


def test_halves_are_cut_in_the_middle_of_the_rounds_that_all_have() -> None:
    times = np.full((3, 9), 5.0)
    times[1, :2] = NAN  # opened late
    times[2, :4] = NAN  # too late: five of nine rounds are in common
    rounds = np.arange(1, 10)

    def first(*forms: int) -> list[int]:
        halves = Measured(rounds, times).halves(np.array(forms))
        assert (halves[0].of(rounds) != halves[1].of(rounds)).all()
        return rounds[halves[0].of(rounds)].tolist()

    assert first(0) == [1, 2, 3, 4, 5]
    assert first(0, 1) == [1, 2, 3, 4, 5, 6]
    assert first(0, 1, 2) == [2, 4, 6, 8], "even and odd"
    assert first(2) == [1, 2, 3, 4, 5, 6, 7]


def test_a_form_that_was_given_up_early_takes_no_part() -> None:
    times = np.array([[5.0] * 8, [1, NAN, 1, NAN, NAN, NAN, NAN, NAN], [NAN] * 8])
    measured = Measured(np.arange(8), times)
    assert measured.in_play([0, 1, 2]).tolist() == [0]
    assert measured.best_of([0, 1, 2]).form == 0
    assert measured.best_of([2]) is None
    # Who is precise needs few rounds, and is not given up beside a slow one that needs many.
    times = np.full((3, 20), 9.0)
    times[0, :7] = 5.0
    times[0, 7:] = NAN
    times[1, 3:] = NAN  # given up
    measured = Measured(np.arange(20), times)
    assert measured.in_play([0, 1, 2]).tolist() == [0, 2]
    assert measured.best_of([0, 1, 2]).form == 0
    # One round is all that there is of anything: the half without any is chosen by the other.
    alone = Measured(np.array([0]), np.array([[3.0], [2.0]]))
    assert alone.best_of([0, 1]).series.tolist() == [2.0]


@pytest.mark.parametrize("rounds", [6, 10, 21])
def test_the_best_of_fifty_is_not_flattered(rounds: int) -> None:
    rng = np.random.default_rng(rounds)
    trials, inside = 600, 0
    naive, ours = [], []
    for _ in range(trials):
        times = factors(rng, (50, rounds), 0.02)
        estimate = stats.median(Measured(np.arange(rounds), times).best_of(range(50)).series)
        naive.append(np.median(times, axis=1).min())
        ours.append(estimate.value)
        inside += holds(estimate, 1.0)
    assert np.mean(naive) < 0.99
    assert np.mean(ours) == pytest.approx(1, abs=0.002)
    assert inside / trials > floor(trials)


def test_the_best_of_twenty_is_hardly_flattered_where_rounds_are_alike() -> None:
    rng = np.random.default_rng(8)
    found = [
        stats.median(
            Measured(np.arange(20), alike(rng, (20, 20), 0.7, 0.02)).best_of(range(20)).series
        ).value
        for _ in range(600)
    ]
    # With even and odd rounds as halves it would be 1.7 % too good.
    assert -0.006 < np.mean(np.log(found)) < 0


def test_correlations_against_the_definition() -> None:
    rng = np.random.default_rng(2)
    series = [alike(rng, (n,), 0.5, 0.1) for n in (6, 7, 40, 5, 1, 12)]
    found = estimates.neighbour_correlations(
        np.concatenate(series), np.array([len(s) for s in series])
    )
    for one, r in zip(series, found, strict=True):
        apart, n = np.log(one) - np.log(one).mean(), len(one)
        # SciPy's correlation of the series with itself, at no lag and at one.
        lags = signal.correlate(apart, apart)
        plain = lags[n] / lags[n - 1] if n >= 6 else 0
        assert r == pytest.approx((n * plain + 1) / (n - 3) if n >= 6 else 0)
    assert estimates.neighbour_correlations(np.full(8, 2.0), np.array([8])).tolist() == [0.0]
    assert estimates.neighbour_correlations(np.array([]), np.array([], dtype=int)).tolist() == []


@pytest.mark.parametrize("r", [0.0, 0.4, 0.7])
def test_short_series_tell_the_correlation_together(r: float) -> None:
    rng = np.random.default_rng(3)
    for rounds, error in ((12, 0.17), (40, 0.04)):
        times = alike(rng, (4000, rounds), r, 0.02)
        found = estimates.neighbour_correlations(times.ravel(), np.full(4000, rounds)).mean()
        assert found == pytest.approx(r, abs=error)
        # Without the correction far less of it would be seen.
        plain = (found - 1 / rounds) / (1 + 3 / rounds)
        assert abs(plain - r) > 1.5 * abs(found - r)


def test_widening_of_known_correlations() -> None:
    assert [estimates.widening_for(r, 20) for r in (-0.5, 0.0, 0.3, NAN)] == [1, 1, 1, 1]
    # One round has no interval to widen, nor to make one of.
    assert estimates.widening_for(0.7, 1) == 1
    # 20 rounds at 0.7 are worth 20 * 0.3 / 1.7 = 3.53.
    assert estimates.widening_for(0.7, 20) == pytest.approx(math.sqrt(19 / 2.5294), rel=1e-3)
    assert estimates.widening_for(0.99, 20) == pytest.approx(math.sqrt(19 / 0.5))
    # As much as it says: 60 rounds at 0.6 scatter like 15 independent ones.
    rng = np.random.default_rng(4)
    means = [np.log(alike(rng, (3000, 60), r, 1.0)).mean(axis=1).std() for r in (0.0, 0.6)]
    assert means[1] / means[0] == pytest.approx(estimates.widening_for(0.6, 60), rel=0.08)


def test_an_interval_of_a_time_stays_above_zero() -> None:
    wide = stats.Estimate(10.0, 5.0, 20.0, 8).widened(4.0)
    assert (wide.low, wide.high) == (0.625, 160.0)
    assert stats.Estimate(10.0, 9.0, 12.0, 8).widened(1.0).low == 9.0
    assert stats.Estimate(10.0, None, None, 3).widened(2.0).low is None


@pytest.mark.parametrize("rounds", [6, 10, 20])
@pytest.mark.parametrize("kind", ["independent", "drifting"])
def test_coverage_of_the_best_of_several(kind: str, rounds: int) -> None:
    rng = np.random.default_rng(rounds)
    forms, trials, inside = 20, 400, 0
    for _ in range(trials):
        times = factors(rng, (forms, rounds), 0.02)
        if kind == "drifting":
            times *= np.exp(rng.normal(0, 0.01, rounds))
        each = estimates.neighbour_correlations(times.ravel(), np.full(forms, rounds))
        series = Measured(np.arange(rounds), times).best_of(range(forms)).series
        inside += holds(estimates.median(series, each.mean()), 1.0)
    assert inside / trials > floor(trials)


@pytest.mark.parametrize(
    ("rounds", "least", "plain"), [(6, 0.93, 0.78), (10, 0.93, 0.82), (20, 0.93, 0.78)]
)
def test_coverage_where_rounds_are_alike(rounds: int, least: float, plain: float) -> None:
    rng = np.random.default_rng(rounds)
    trials, wide, narrow = 800, 0, 0
    for _ in range(trials):
        # The correlation is a model's, from all of its configurations.
        times = alike(rng, (40, rounds), 0.7, 0.02)
        each = estimates.neighbour_correlations(times.ravel(), np.full(40, rounds))
        wide += holds(estimates.median(times[0], each.mean()), 1.0)
        narrow += holds(stats.median(times[0]), 1.0)
    assert wide / trials > floor(trials, least)
    assert narrow / trials < plain


@pytest.mark.parametrize("forms", [1, 8])
@pytest.mark.parametrize("kind", ["independent", "drifting", "heavy"])
def test_coverage_of_crossovers(kind: str, forms: int) -> None:
    rng = np.random.default_rng(forms)
    sizes = [4**k for k in range(5, 12)]
    fast, slow = [5000 + n / 500 for n in sizes], [100 + n / 10 for n in sizes]
    truth = (5000 - 100) / (1 / 10 - 1 / 500)
    true = np.repeat([*fast, *slow], forms)[:, None]
    a = {n: range(i * forms, (i + 1) * forms) for i, n in enumerate(sizes)}
    b = {n: range((i + len(sizes)) * forms, (i + len(sizes) + 1) * forms)
         for i, n in enumerate(sizes)}  # fmt: skip
    inside, found = 0, []
    trials = 400
    for _ in range(trials):
        times = true * factors(rng, (len(true), 15), 0.03, kind if kind == "heavy" else "normal")
        if kind == "drifting":
            times *= np.exp(rng.normal(0, 0.1, 15))
        answer = Measured(np.arange(15), times).crossing(a, b, 1.0)
        inside += holds(answer, truth)
        found.append(answer.point.size)
    assert inside / trials > floor(trials)
    assert np.median(found) == pytest.approx(truth, rel=0.004)


def test_crossings_that_the_halves_do_not_agree_on() -> None:
    # One curve leads in the earlier rounds at the smaller size, and everywhere at the larger.
    times = np.repeat([[10.0, 10], [10, 10], [12, 6], [20, 20]], 4, axis=1)
    measured = Measured(np.arange(8), times)
    answer = measured.crossing({1024: [0], 4096: [1]}, {1024: [2], 4096: [3]}, 1.0)
    # The median of b at 1024 is 9: behind there, ahead at 4096.
    assert answer.point.kind == "crossover"
    # Only the later half sees a crossing; it is estimated in the earlier one, where b starts at 12.
    assert answer.rounds == 4
    assert answer.low is None
    assert answer.point.size == pytest.approx(1024 - 3072 * 2 / 8)
    never = measured.crossing({1024: [2], 4096: [3]}, {1024: [0], 4096: [1]}, 1.0)
    assert never.point.kind == "not monotonic"
    assert measured.crossing({1024: [0]}, {4096: [3]}, 1.0).point.kind == "no common sizes"


def test_sides_that_share_no_round_are_compared_by_their_medians() -> None:
    nan = np.nan
    times = np.array([[10.0, nan, nan], [20, nan, nan], [nan, 6, 6], [nan, 40, 44]])
    measured = Measured(np.arange(3), times)
    answer = measured.crossing({1024: [0], 4096: [1]}, {1024: [2], 4096: [3]}, 1.0)
    assert answer.point.kind == "crossover"
    assert answer.point.size == pytest.approx(1024 + 3072 * 4 / 26)
    assert answer.low is None


def test_a_size_that_was_opened_late_has_halves_of_its_own() -> None:
    times = np.repeat([[10.0], [10], [5], [15]], 16, axis=1)
    times[[0, 2], 8:] = NAN
    times[[1, 3], :8] = NAN
    answer = Measured(np.arange(16), times).crossing(
        {1024: [0], 4096: [1]}, {1024: [2], 4096: [3]}, 0.0
    )
    assert answer.rounds == 8
    assert (answer.low, answer.high) == (2560, 2560)


def test_meetings_far_outside_say_no_more_than_outside() -> None:
    below, above = np.array([-1.0, -1, -1, 1, 5]), np.array([1.0, -0.9, -2, 0.5, 6])
    found = estimates.meetings(1024, 4096, below, above)
    assert found.tolist() == [2560, 7168, 7168, 256, 256]


@pytest.mark.parametrize("case", ["clean, between two sizes", "led, lost, led again"])
def test_one_round_gives_the_crossover_of_its_times(case: str) -> None:
    curves: dict[str, tuple[dict[int, float], dict[int, float]]] = {
        "clean, between two sizes": (
            {256: 900, 1024: 950, 4096: 1100}, {256: 80, 1024: 320, 4096: 1280}
        ),
        "led, lost, led again": (
            {1024: 10, 2048: 20, 4096: 50, 8192: 60}, {1024: 12, 2048: 26, 4096: 40, 8192: 120}
        ),
    }  # fmt: skip
    a, b = curves[case]
    times = np.array([*a.values(), *b.values()], dtype=float)[:, None]
    forms = ({n: [i] for i, n in enumerate(a)}, {n: [i + len(a)] for i, n in enumerate(b)})
    answer = Measured(np.array([0]), times).crossing(*forms, 1.0)
    assert answer.point == crossover.find(a, b)
    assert answer.low is None
