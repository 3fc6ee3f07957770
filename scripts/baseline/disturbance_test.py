"""When a sample is called noisy."""

from __future__ import annotations

import os
from typing import Any

import pytest

from baseline.disturbance import TICK_S, Reading, read, reason

QUIET = Reading(0.0, (100, 100), (5, 5), 1.0, 10)


def later(**changes: Any) -> Reading:  # noqa: ANN401
    values = {"wall_s": 1.0, "busy_ticks": (100, 100), "steal_ticks": (5, 5), "own_s": 2.0}
    return Reading(**{**values, "switches": 10, **changes})


@pytest.mark.parametrize(
    ("after", "workers", "alone", "said"),
    [
        (later(), 1, True, ""),
        (later(steal_ticks=(6, 5)), 1, True, ""),
        (later(steal_ticks=(5 + round(0.1 / TICK_S), 5)), 2, False, "5.0 % of the CPU time stolen"),
        (later(switches=12), 1, True, ""),
        (later(switches=40), 1, True, "30 involuntary context switches"),
        (later(switches=4000), 2, False, ""),
        (later(busy_ticks=(100 + round(1 / TICK_S), 100)), 1, True, ""),
        (
            later(busy_ticks=(100 + round(1 / TICK_S), 100 + round(0.5 / TICK_S))),
            1,
            True,
            "other processes used 0.5 CPUs",
        ),
        (later(busy_ticks=(), steal_ticks=()), 1, True, ""),
    ],
)
def test_reasons(after: Reading, workers: int, alone: bool, said: str) -> None:
    found = reason(QUIET, after, workers, alone)
    assert found.startswith(said)
    assert bool(found) == bool(said)


def test_this_machines_counters_are_read() -> None:
    first = read([os.getpid()])
    second = read([os.getpid()])
    assert len(first.busy_ticks) == len(os.sched_getaffinity(0))
    assert second.own_s >= first.own_s > 0
    assert second.switches >= first.switches
