"""What counts of a run with a plan, and plans of odd shapes."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.planted.runs import Configuration, write_run
from analysis.reading.plan import Plan, plan_of
from analysis.reading.read import read_runs
from analysis.reading.run import Run

PILOT = {"plan": {"pilot_rounds": 1}}
PLANNED = [
    Configuration("reduce", "f32", n, "serial", "loop", "resident", 1, "cpu", 1000.0)
    for n in (1024, 4096)
]


def slow_pilot(folder: Path, rounds: int, description: dict | None, seed: int = 1) -> Run:
    """A run whose first round took ten times as long as the others."""
    path = write_run(folder / f"{rounds}-{seed}.csv", PLANNED, rounds, 0.001, seed=seed,
                     description=description)  # fmt: skip
    lines = path.read_text().splitlines()
    time, number = (lines[0].split(",").index(name) for name in ("time_ns", "round"))
    for i, line in enumerate(lines[1:], 1):
        cells = line.split(",")
        if cells[number] == "0":
            cells[time] = "10000"
        lines[i] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n")
    (run,) = read_runs([path])
    return run


@pytest.mark.parametrize(
    ("rounds", "description", "counted"),
    [(7, PILOT, 6), (15, PILOT, 14), (6, PILOT, 6), (1, PILOT, 1), (7, None, 7), (15, {}, 15)],
)
def test_the_pilot_counts_until_six_others_are_there(
    tmp_path: Path, rounds: int, description: dict | None, counted: int
) -> None:
    run = slow_pilot(tmp_path, rounds, description)
    assert run.configurations.get_column("n").to_list() == [counted] * 2
    assert run.left_out.pilot == 2 * (rounds - counted)
    slow = run.configurations.get_column("high").drop_nulls().max()
    assert slow is None or (slow > 9000) == (counted in (6, 7) and counted == rounds)
    # The page gives the file as it is, and nothing warns of what was meant to be so.
    assert run.rows == 2 * rounds
    assert run.left_out.reasons() == []


def test_each_configuration_has_its_own_count(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run.csv", PLANNED, 9, description=PILOT)
    lines = path.read_text().splitlines()
    columns = lines[0].split(",")
    size, number = columns.index("elements"), columns.index("round")
    kept = [
        line for line in lines[1:]
        if line.split(",")[size] == "1024" or int(line.split(",")[number]) < 6
    ]  # fmt: skip
    path.write_text("\n".join([lines[0], *kept]) + "\n")
    (run,) = read_runs([path])
    counts = dict(run.configurations.select("elements", "n").iter_rows())
    assert counts == {1024: 8, 4096: 6}
    config = run.configurations.get_column("config").to_list()
    rounds, times = run.times(config)
    assert rounds.tolist() == list(range(9))
    assert times.shape == (2, 9)


@pytest.mark.parametrize(
    "told",
    [None, [], 7, {"pilot_rounds": "1"}, {"pilot_rounds": True, "quoted": {"a": 1}},
     {"quoted": [3, {}, {"elements": -1}], "left_out": []},
     {"left_out": {"of": [1], "configurations": None}},
     {"left_out": {"of": {"a/b": {}, "a/b/c/d/e/f/g": 3}}},
     {"left_out": {"of": {"a/b/c": {"1024": [1]}}}}],
)  # fmt: skip
def test_a_plan_of_any_shape_is_read(told: object) -> None:
    assert plan_of({"plan": told}) == Plan()


@pytest.mark.parametrize(
    ("told", "left"),
    [
        ({"1024": [1, 2], "4096": [2]}, [(1024, 1), (1024, 2), (4096, 2)]),
        # Runs before told sets of both.
        ({"elements": [1024, 2048], "workers": [1, 2]},
         [(1024, 1), (1024, 2), (2048, 1), (2048, 2)]),
        ({"elements": 7, "workers": None}, []),
        ({"x": [1], "-4": [1], "²": [1], "9" * 30: [1], "1024": 1, "2048": {}, "": [1]}, []),
    ],
)  # fmt: skip
def test_what_was_left_out(told: dict, left: list[tuple[int, int]]) -> None:
    group = "double/f32/threads/pool/resident/warm/cpu"
    plan = plan_of({"plan": {"left_out": {"of": {group: told}}}})
    assert plan.models == ["threads"]
    assert plan.table().select("elements", "workers").rows() == left


def test_what_a_plan_tells() -> None:
    group = "double/f32/threads/pool/resident/warm/cpu"
    plan = plan_of({
        "plan": {
            "pilot_rounds": 1,
            "quoted": [{"workload": "double", "type": "f32", "cache": "warm", "elements": 4096}],
            "configurations": 9,
            "left_out": {
                "configurations": 3,
                "of": {group: {"1024": [1, 2], "2048": [1]}},
            },
        }
    })  # fmt: skip
    assert plan.quoted == {("double", "f32", "warm"): 4096}
    assert (plan.left_out, plan.configurations, plan.models) == (3, 9, ["threads"])
