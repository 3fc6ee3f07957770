"""The comparison's promises, by simulation: a small part of what scripts/simulate-compare tells.

Counts that are tolerated have a chance below 1 % where the rates are those of docs/comparing.md.
"""

from __future__ import annotations

import numpy as np
import pytest

from analysis.compare.simulation import PLANTED, ROWS, TWO_MODELS, Case, tally, trial

TRIALS = 8


@pytest.mark.parametrize("name", [name for name in PLANTED if name != "one configuration"])
def test_five_percent_in_a_group_is_found_and_named(name: str) -> None:
    scatter = 0.01 if name in ("one curve", TWO_MODELS) else 0.02
    found = tally(name, Case(3, scatter=scatter), TRIALS)
    assert found.named >= TRIALS - 1
    assert found.fired >= TRIALS - 1
    assert found.covered >= TRIALS - 3
    assert found.extra <= 2


@pytest.mark.parametrize("name", ["one model", "one workload", "everything", "one size"])
def test_one_run_a_side_finds_it_where_nothing_scatters(name: str) -> None:
    assert tally(name, Case(1), TRIALS).named >= TRIALS - 1


@pytest.mark.parametrize(
    "case",
    [
        Case(3, tails="heavy", scatter=0.01),
        Case(3, tails="spikes"),
        Case(3, alike=0.7),
        Case(3, spread=0.7, scatter=0.01),
        Case(3, odd=True),
    ],
    ids=["heavy tails", "spikes", "alike rounds", "differing noise", "an odd one of 20 %"],
)
def test_noise_hides_no_model_that_became_slower(case: Case) -> None:
    found = tally("one model", case, TRIALS)
    assert found.named >= TRIALS - 1
    assert found.extra <= 2


def test_what_varies_between_runs_is_no_change_of_a_workload() -> None:
    found = tally("one workload", Case(3, models=0.01), TRIALS)
    assert found.named >= TRIALS - 1


@pytest.mark.parametrize(
    "case",
    [
        Case(3, drift=0.03, scatter=0.02),
        Case(2, models=0.01, scatter=0.01),
        Case(3, tails="spikes"),
        Case(3, spread=0.7, scatter=0.01),
    ],
    ids=["drift", "models vary", "spikes", "differing noise"],
)
def test_the_same_thing_twice(case: Case) -> None:
    # Four of thirty have a chance of 1 % at a rate of 5 %; where models vary it is 3 %.
    assert tally("", case, 30, effect=0).extra <= 4


def test_an_odd_configuration_is_not_its_group() -> None:
    found = tally("", Case(3, odd=True), TRIALS, effect=0)
    assert found.extra <= 1
    assert found.fired >= TRIALS - 1


def test_configurations_that_seem_to_repeat_well_are_not_believed_blindly() -> None:
    """Where scatter differs by configuration, who repeated well in two runs often did by chance."""
    assert tally("", Case(2, spread=0.9, scatter=0.02, noise=0.004), 30, effect=0).extra <= 4


@pytest.mark.parametrize(("scatter", "runs"), [(0.01, 4), (0.02, 11)])
def test_the_runs_that_are_advised_find_it_in_one_configuration(scatter: float, runs: int) -> None:
    nothing = np.zeros(len(ROWS))
    advised = trial((7, 0), Case(3, scatter=scatter), nothing).needed["configuration"]
    assert abs(advised - runs) <= 1 + runs // 10
    assert tally("one configuration", Case(runs, scatter=scatter), 10).named >= 6
