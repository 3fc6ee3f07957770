"""The comparison's two promises, by simulation, and its output, by golden text."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import stats as scipy_stats

from analysis.compare import compare_command, comparing
from analysis.planted.hardware import Hardware
from analysis.planted.runs import Configuration, configurations, factors, write_run
from analysis.reading.read import read_runs
from analysis.statistics import max_t

NOISE = 0.02
CONFIGURATIONS = 250
ROUNDS = 15


def differences(
    rng: np.random.Generator, tails: str, configurations: int = CONFIGURATIONS, rounds: int = ROUNDS
) -> np.ndarray:
    """Log-ratios of two runs of the same thing."""
    shape = (configurations, rounds)
    return np.log(factors(rng, shape, NOISE, tails)) - np.log(factors(rng, shape, NOISE, tails))


def any_found(found: max_t.Tests) -> bool:
    return bool((found.p < 0.05).any())


# The tolerated counts have a chance below 1 % where the true rate is the promised 5 %, or less.
@pytest.mark.parametrize("tails", ["normal", "heavy", "spikes"])
def test_the_same_thing_twice(tails: str) -> None:
    rng = np.random.default_rng(10)
    wrong = sum(
        any_found(max_t.tests(differences(rng, tails), seed=i, swaps=399)) for i in range(60)
    )
    assert wrong <= scipy_stats.binom.ppf(0.99, 60, 0.05)


def test_the_same_thing_twice_with_disturbed_rounds() -> None:
    rng = np.random.default_rng(11)
    wrong = 0
    for i in range(60):
        shared = 0.2 * (rng.random(ROUNDS) < 0.15) - 0.2 * (rng.random(ROUNDS) < 0.15)
        wrong += any_found(max_t.tests(differences(rng, "normal") + shared, i, 399))
    assert wrong <= scipy_stats.binom.ppf(0.99, 60, 0.05)


def test_the_same_thing_twice_scattering_between_runs() -> None:
    rng = np.random.default_rng(12)
    wrong, scatters = 0, []
    for i in range(60):
        d = differences(rng, "normal") + rng.normal(0, 0.01, (CONFIGURATIONS, 1))
        found = max_t.tests(d, i, 399)
        wrong += any_found(found)
        scatters.append(found.scatter)
    assert wrong <= scipy_stats.binom.ppf(0.99, 60, 0.05)
    assert np.mean(scatters) == pytest.approx(0.01, rel=0.15)


@pytest.mark.parametrize(("tails", "least"), [("normal", 0.9), ("heavy", 0.9), ("spikes", 0.5)])
def test_a_planted_slow_down_is_found(tails: str, least: float) -> None:
    rng = np.random.default_rng(13)
    planted, found_all, wrong = CONFIGURATIONS // 10, [], 0
    for i in range(12):
        d = differences(rng, tails)
        d[:planted] += math.log(1.05)
        found = max_t.tests(d, i, 399)
        found_all.append((found.p[:planted] < 0.05).mean())
        wrong += bool((found.p[planted:] < 0.05).any())
    assert np.mean(found_all) >= least
    assert wrong <= 3


def test_a_slow_down_of_everything_is_found() -> None:
    rng = np.random.default_rng(14)
    found = max_t.tests(differences(rng, "normal") + math.log(1.05))
    assert (found.p < 0.05).mean() > 0.9
    assert found.scatter < 0.005


def test_coverage_of_the_intervals() -> None:
    rng = np.random.default_rng(15)
    inside = []
    for tails in ("normal", "heavy", "spikes"):
        found = max_t.tests(differences(rng, tails, 3000) + math.log(1.1), swaps=19)
        inside.append(((found.low <= math.log(1.1)) & (math.log(1.1) <= found.high)).mean())
    assert min(inside) > 0.94


def test_the_statistic_against_scipy() -> None:
    values = np.random.default_rng(16).normal(0.01, 0.02, 20)
    mean, squared = max_t._trimmed(values[None, None])
    expected = scipy_stats.ttest_1samp(
        scipy_stats.mstats.winsorize(values, limits=(0.15, 0.15)).data, 0.0
    )
    assert mean[0, 0] == pytest.approx(scipy_stats.trim_mean(values, 0.15))
    # Yuen: the winsorised variance with h (h - 1) in place of n (n - 1).
    n, h = 20, 14
    assert squared[0, 0] == pytest.approx(
        (expected._standard_error**2) * n * (n - 1) / (h * (h - 1))
    )


def test_few_rounds_have_no_verdict(tmp_path: Path) -> None:
    result = compared(tmp_path, rounds=5)
    assert {c.verdict for c in result.changes} == {"can't tell"}
    assert "5 rounds pair, 6 are needed" in result.changes[0].why


def test_long_runs_are_compared_in_blocks() -> None:
    d = np.random.default_rng(17).normal(0.05, 0.02, (3, 1000))
    assert max_t.blocks(d).shape == (3, max_t.MOST_PAIRS)
    assert np.median(max_t.blocks(d)) == pytest.approx(0.05, abs=0.003)


def compared(
    folder: Path,
    rounds: int = ROUNDS,
    change: Callable[[Configuration], float] = lambda c: 1.0,
    threshold: float = 0.02,
) -> comparing.Comparison:
    hardware = Hardware("bench", gpu=False, cores=4)
    planned = configurations(hardware, workloads=("reduce",), sizes=[4**k for k in range(6, 14)])
    base = write_run(folder / "base.csv", planned, rounds, NOISE, seed=1, hardware=hardware)
    new = write_run(
        folder / "new.csv", planned, rounds, NOISE, seed=2, hardware=hardware, change=change
    )
    first, second = read_runs([base, new])
    return comparing.compare(first, second, threshold, compare_command.why_not(first, second))


def slower_openmp(c: Configuration) -> float:
    if c.model == "openmp" and c.workers == 4 and c.elements > 100_000:
        return 1.08
    return 0.9 if c.model == "serial" and c.elements == 4**8 else 1.0


def test_verdicts(tmp_path: Path) -> None:
    result = compared(tmp_path, change=slower_openmp)
    slower = {c.name for c in result.changes if c.verdict == "slower"}
    assert slower == {f"reduce/f32/openmp/static/resident/n:{4**k}/w:4" for k in range(9, 14)}
    assert [c.name for c in result.changes if c.verdict == "faster"] == [
        "reduce/f32/serial/loop/resident/n:65536/w:1"
    ]
    assert result.count("same") > 0
    for c in result.changes:
        if c.verdict == "same":
            assert 1 / 1.02 < c.low <= c.high < 1.02
    assert [c.verdict for c in result.changes[:6]] == ["slower"] * 5 + ["faster"]


def test_threshold_makes_a_small_change_none(tmp_path: Path) -> None:
    result = compared(tmp_path, change=lambda c: 1.05, threshold=0.10)
    assert result.count("slower") == 0


def run_compare(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr("sys.argv", ["compare", *map(str, arguments)])
    return compare_command.main()


def test_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    compared(tmp_path, change=slower_openmp)
    golden = (Path(__file__).parent / "compare_golden.txt").read_text(encoding="utf-8")
    assert run_compare(monkeypatch, tmp_path / "base.csv", tmp_path / "new.csv") == 0
    assert capsys.readouterr().out == golden


def test_json_and_markdown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    compared(tmp_path, change=slower_openmp)
    files = (tmp_path / "base.csv", tmp_path / "new.csv")
    assert run_compare(monkeypatch, *files, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["verdicts"]["slower"] == 5
    assert len(document["configurations"]) == 104
    assert document["configurations"][0]["ratio"] == pytest.approx(1.08, abs=0.03)
    assert run_compare(monkeypatch, *files, "--markdown") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("**104 configurations in both runs: 5 slower, 1 faster")
    assert lines[2] == "| verdict | configuration | new/base | 95 % interval | base | new |"
    assert all(line.count("|") == 7 for line in lines[2:])


def test_fail_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compared(tmp_path, change=slower_openmp)
    files = (tmp_path / "base.csv", tmp_path / "new.csv")
    assert run_compare(monkeypatch, *files, "--fail-on", "slower") == 1
    assert run_compare(monkeypatch, *files, "--fail-on", "slower", "--threshold", "50%") == 0
    assert run_compare(monkeypatch, files[0], files[0], "--fail-on", "slower") == 0


def test_other_flags_and_machine_are_named(tmp_path: Path) -> None:
    planned = configurations(Hardware("a", gpu=False), sizes=[4096])
    project = {"compiler": "Clang", "compiler_version": "14", "flags": "-O2"}
    paths = [
        write_run(tmp_path / "a.csv", planned, hardware=Hardware("a", gpu=False)),
        write_run(
            tmp_path / "b.csv",
            planned,
            hardware=Hardware("b", gpu=False, cores=4),
            description={"project": project},
        ),
    ]
    warnings = compare_command.why_not(*read_runs(paths))
    assert "Different flags: -O3 -march=native against -O2" in warnings
    assert "Different cores: 8 against 4" in warnings
    assert "Different compiler: GNU against Clang" in warnings


@pytest.mark.parametrize("text", ["x", "-1%", "2%%", "", "nan", "1e3"])
def test_bad_thresholds(text: str) -> None:
    with pytest.raises(Exception, match="not a percentage"):
        compare_command.percentage(text)


@pytest.mark.parametrize(("text", "value"), [("2%", 0.02), ("0.5 %", 0.005), ("3", 0.03)])
def test_thresholds(text: str, value: float) -> None:
    assert compare_command.percentage(text) == pytest.approx(value)
