"""Verdicts on planted runs, the command's output by golden text, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from analysis.commands_test import status_of
from analysis.compare import compare_command, comparing, rendering
from analysis.compare.comparing import judged
from analysis.compare.grouping import groups_of
from analysis.compare.levels import Levels, levels_of
from analysis.planted.hardware import Hardware
from analysis.planted.runs import Configuration, configurations, write_run
from analysis.reading.read import read_runs

NOISE = 0.01
HARDWARE = Hardware("bench", gpu=False, cores=4)


def write_sides(
    folder: Path,
    change: Callable[[Configuration], float] = lambda c: 1.0,
    runs: int = 3,
    rounds: int = 8,
) -> tuple[list[Path], list[Path]]:
    planned = configurations(
        HARDWARE, workloads=("double", "reduce"), sizes=[4**k for k in range(6, 14)]
    )
    sides = [
        [
            write_run(
                folder / f"{side}-{i}.csv",
                planned,
                rounds,
                NOISE,
                seed=10 * number + i,
                hardware=HARDWARE,
                change=change if side == "new" else lambda c: 1.0,
            )
            for i in range(1, runs + 1)
        ]
        for number, side in enumerate(("base", "new"))
    ]
    return sides[0], sides[1]


def compared(
    folder: Path,
    change: Callable[[Configuration], float] = lambda c: 1.0,
    runs: int = 3,
    threshold: float = 0.02,
) -> comparing.Comparison:
    base, new = (read_runs(side) for side in write_sides(folder, change, runs))
    return comparing.compare(base, new, threshold, compare_command.why_not(base, new))


def slower_openmp(c: Configuration) -> float:
    if c.model == "openmp":
        return 1.08
    return 0.8 if c.model == "serial" and c.elements == 4**8 and c.workload == "double" else 1.0


ODD = "double/f32/serial/loop/resident/n:65536/w:1"


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], list[Path]]:
    return write_sides(tmp_path_factory.mktemp("sides"), slower_openmp)


def of_sides(sides: tuple[list[Path], list[Path]]) -> list[object]:
    return ["--base", *sides[0], "--new", *sides[1]]


def test_a_group_explains_its_members(tmp_path: Path) -> None:
    result = compared(tmp_path, slower_openmp)
    assert [(c.name, c.kind, c.verdict) for c in result.found] == [
        ("openmp", "model", "slower"),
        (ODD, "configuration", "faster"),
    ]
    openmp = result.found[0]
    assert openmp.low <= 1.08 <= openmp.high
    assert openmp.agree > 0.9 * openmp.members
    by_name = {c.name: c for c in result.changes}
    part = by_name["reduce/openmp"]
    assert not part.called
    assert part.beyond == ("openmp",)
    assert part.low <= 1.08 <= part.high
    assert by_name["threads"].verdict == "same"
    one = by_name["reduce/f32/openmp/static/resident/n:4096/w:4"]
    assert (one.verdict, one.beyond) == ("slower", ("openmp",))
    assert not result.provisional


def test_threshold_makes_a_small_change_none(tmp_path: Path) -> None:
    result = compared(tmp_path, lambda c: 1.05, threshold=0.10)
    assert result.found == []


def test_one_pair_is_provisional_and_says_what_would_settle_it(tmp_path: Path) -> None:
    result = compared(tmp_path, slower_openmp, runs=1)
    assert result.provisional
    assert result.found[0].name == "openmp"
    assert 3 <= result.needed["model"] <= result.needed["configuration"]


def test_a_baseline_tells_how_runs_scatter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where models differ from run to run, one pair is fooled and a pair with a baseline is not."""
    rng = np.random.default_rng(4)

    def run(name: str, seed: int) -> Path:
        by_model = {
            m: np.exp(rng.normal(0, 0.05)) for m in ("serial", "threads", "openmp", "stdpar")
        }
        planned = configurations(HARDWARE, sizes=[4**k for k in range(6, 14)])
        return write_run(
            tmp_path / f"{name}.csv",
            planned,
            8,
            NOISE,
            seed=seed,
            hardware=HARDWARE,
            change=lambda c: by_model[c.model],
        )

    pair = [run("a", 1), run("b", 2)]
    baseline = [run(f"c{i}", 3 + i) for i in range(5)]
    alone = [*pair, "--fail-on", "different"]
    assert status_of(monkeypatch, compare_command, *alone) == 1
    assert status_of(monkeypatch, compare_command, *alone, "--baseline", *baseline) == 0


@pytest.mark.parametrize(("common", "told"), [(0.05, True), (0.0, False)])
def test_which_of_two_workloads_changed_needs_runs_that_are_alike(
    common: float, told: bool
) -> None:
    rng = np.random.default_rng(6)
    planned = configurations(HARDWARE, sizes=[4**k for k in range(6, 14)])
    rows = [vars(c) for c in planned]
    double = np.array([c.workload == "double" for c in planned])

    def side(effect: float) -> list[Levels]:
        shape = len(planned)
        values = [
            effect * double + rng.normal(0, common) + rng.normal(0, 0.01, shape) for _ in "123"
        ]
        return [Levels(value, np.full(shape, 1e-6), 0.001, 10) for value in values]

    (found,) = judged(groups_of(rows), side(0.0), side(0.05), [], 0.02).found
    assert {found.name, found.rival} == ({"double", "reduce"} if told else {"double", ""})
    assert ("vary too much" in rendering.detail(found)) == told


def test_few_rounds_of_one_pair_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    base, new = write_sides(tmp_path, runs=1, rounds=5)
    assert status_of(monkeypatch, compare_command, *base, *new) == 2
    assert "one run a side needs 6 rounds" in capsys.readouterr().err


def test_levels_lose_what_rounds_share() -> None:
    rng = np.random.default_rng(5)
    times = np.exp(rng.normal(0, 0.01, (50, 10)) + rng.normal(0, 0.3, 10))
    times[3, :2] *= 2
    times[4, 5:] = np.nan
    levels = levels_of(times)
    assert levels.value.std() < 0.01
    assert np.sqrt(np.median(levels.error)) < 0.006
    assert 0.04 < levels.common < 0.2


def test_table(
    sides: tuple[list[Path], list[Path]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    golden = (Path(__file__).parent / "compare_golden.txt").read_text(encoding="utf-8")
    assert status_of(monkeypatch, compare_command, *of_sides(sides)) == 0
    assert capsys.readouterr().out == golden


def test_json(
    sides: tuple[list[Path], list[Path]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    assert status_of(monkeypatch, compare_command, *of_sides(sides), "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["groups"][0]["name"] == "openmp"
    assert document["groups"][0]["ratio"] == pytest.approx(1.08, abs=0.01)
    assert document["groups"][0]["low"] < document["groups"][0]["high"]
    assert document["configurations"][0]["name"] == ODD
    assert document["verdicts"]["slower"] > 0.9 * document["groups"][0]["members"]
    assert sum(document["verdicts"].values()) == len(document["configurations"])
    assert [run["commit"] for run in document["base"]] == ["0123abc"] * 3
    assert {run["version"] for run in document["new"]} == {"0.1.0"}


def test_markdown(
    sides: tuple[list[Path], list[Path]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    assert status_of(monkeypatch, compare_command, *of_sides(sides), "--markdown") == 0
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert lines[0].startswith("**208 configurations in every run: 1 slow-down and 1 speed-up")
    assert "- base: 3 runs of bench, version 0.1.0, commit 0123abc" in lines
    head = lines.index("| verdict | what | new/base | 95 % interval | |")
    assert lines[head + 2].startswith("| slower | openmp | 1.0")
    assert all(line.count("|") == 6 for line in lines[head : head + 4])


def test_status_1_means_slower(
    sides: tuple[list[Path], list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    both = of_sides(sides)
    assert status_of(monkeypatch, compare_command, *both, "--fail-on", "slower") == 1
    slow_enough = [*both, "--fail-on", "slower", "--threshold", "50%"]
    assert status_of(monkeypatch, compare_command, *slow_enough) == 0
    swapped = ["--base", *sides[0], "--new", *sides[0], "--fail-on", "slower"]
    assert status_of(monkeypatch, compare_command, *swapped) == 0


def test_a_fault_of_the_comparison_is_no_verdict(
    sides: tuple[list[Path], list[Path]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    def broken(*arguments: object) -> None:
        raise ValueError("planted")

    monkeypatch.setattr(compare_command, "compare", broken)
    monkeypatch.setattr("sys.argv", ["compare", *map(str, of_sides(sides))])
    assert compare_command.guarded() == 3
    assert "planted" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["a.csv"], "1 run given; give two"),
        (["a.csv", "b.csv", "c.csv"], "3 runs given; give two"),
        (["a.csv", "b.csv", "--base", "c.csv"], "not both"),
        (["--base", "c.csv"], "give two, BASE.csv NEW.csv, or several"),
    ],
)
def test_sides_are_two(
    arguments: list[str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    assert status_of(monkeypatch, compare_command, *arguments) == 2
    assert says in capsys.readouterr().err


def test_what_differs_beside_the_times_is_named(tmp_path: Path) -> None:
    planned = configurations(Hardware("a", gpu=False), sizes=[4096])
    project = {"compiler": "Clang", "compiler_version": "14", "flags": "-O2"}
    one, other = read_runs(
        [
            write_run(tmp_path / "a.csv", planned, hardware=Hardware("a", gpu=False)),
            write_run(
                tmp_path / "b.csv",
                planned,
                hardware=Hardware("b", gpu=False, cores=4),
                description={"project": project},
            ),
        ]
    )
    warnings = compare_command.why_not([one], [other])
    assert "Different flags: -O3 -march=native against -O2" in warnings
    assert "Different cores: 8 against 4" in warnings
    assert "Different compiler: GNU against Clang" in warnings
    assert any(
        "Different cores: 8 or 4 against 8" in w
        for w in compare_command.why_not([one, other], [one])
    )
    twice = compare_command.why_not([one], [one])
    assert twice.count("The same run is on both sides") == 1
    assert len(twice) == len(set(twice))


def test_sides_recorded_one_after_the_other_are_named(tmp_path: Path) -> None:
    planned = configurations(Hardware("a", gpu=False), sizes=[4096])

    def run(hour: int) -> Path:
        told = {"started": f"2026-11-20T{hour:02}:00:00Z"}
        return write_run(tmp_path / f"{hour}.csv", planned, 6, seed=hour, description=told)

    runs = read_runs([run(hour) for hour in (10, 11, 12, 13)])
    said = "One side was recorded after the other"
    assert any(said in w for w in compare_command.why_not(runs[:2], runs[2:]))
    assert not any(said in w for w in compare_command.why_not(runs[::2], runs[1::2]))


@pytest.mark.parametrize("text", ["x", "-1%", "2%%", "", "nan", "1e3"])
def test_bad_thresholds(text: str) -> None:
    with pytest.raises(Exception, match="not a percentage"):
        compare_command.percentage(text)


@pytest.mark.parametrize(("text", "value"), [("2%", 0.02), ("0.5 %", 0.005), ("3", 0.03)])
def test_thresholds(text: str, value: float) -> None:
    assert compare_command.percentage(text) == pytest.approx(value)
