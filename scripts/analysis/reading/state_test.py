"""The machine's state: what was seen of it, and where runs differ in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from analysis.planted.hardware import Hardware
from analysis.planted.runs import configurations, write_run
from analysis.reading.machine import Machine
from analysis.reading.read import read_runs
from analysis.reading.run import Run
from analysis.reading.state import disagreements, in_words


def state(**changed: object) -> dict[str, Any]:
    told = {
        "clock_ghz": 3.1,
        "hand_over_ns": {"1": 60.0, "2": 62.0, "7": 140.0},
        "memory": {"bytes": 1 << 27, "read_gb_per_s": 14.0, "latency_ns": 110.0},
    }
    return {**told, **changed}


def run(tmp_path: Path, name: str, *states: dict[str, Any]) -> Run:
    path = tmp_path / f"{name}.csv"
    write_run(
        path, configurations(Hardware("lab"))[:1], rounds=1, description={"states": list(states)}
    )
    return read_runs([path])[0]


def test_it_is_told_in_the_order_of_time() -> None:
    about = Machine({"states": [state(), state(clock_ghz=2.9, memory=None)]})
    assert in_words(about) == [
        ("clock of a core", "3.10 and 2.90 GHz"),
        ("hand-over of a line between CPUs", "62.0 and 62.0 ns"),
        ("reading memory, one core", "14.0 GB/s"),
        ("latency of memory", "110 ns"),
    ]


@pytest.mark.parametrize("told", [{}, {"states": None}, {"states": [1, {"clock_ghz": "x"}, {}]}])
def test_what_is_not_there_is_not_told(told: dict[str, Any]) -> None:
    assert in_words(Machine(told)) == []


def test_runs_of_one_state_agree(tmp_path: Path) -> None:
    runs = [run(tmp_path, n, state(), state(clock_ghz=3.2)) for n in "ab"]
    assert disagreements(runs[:1], runs[1:]) == []
    assert disagreements(runs[:1], [run(tmp_path, "c")]) == [], "an older run tells nothing"


def test_cpus_that_moved_apart_are_named(tmp_path: Path) -> None:
    near = run(tmp_path, "near", state(hand_over_ns={"1": 60.0}), state(hand_over_ns={"1": 61.0}))
    far = run(tmp_path, "far", state(hand_over_ns={"1": 150.0}))
    assert disagreements([near], [far]) == [
        "The machine was not in one state: hand-over of a line between CPUs 60.0 to 61.0 against "
        "150 ns"
    ]
