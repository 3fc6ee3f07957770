"""References: what is written comes back, wrong products never match, and causes are the run's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from analysis.commands_test import status_of
from analysis.compare import compare_command
from analysis.page.report import report
from analysis.planted.hardware import Hardware
from analysis.planted.runs import configurations, write_run
from analysis.reading.joined import joined
from analysis.reading.read import read_runs
from analysis.reading.run import Run
from analysis.reference import reference, reference_command
from analysis.reference.devices import devices_of

SIZES = [1 << 20, 1 << 24, 1 << 26]
HARDWARE = Hardware("box 9000")


def run_of(
    folder: Path,
    name: str,
    seed: int = 1,
    hardware: Hardware = HARDWARE,
    gpu: dict[str, Any] | None = None,
    machine: dict[str, Any] | None = None,
    slower: float = 1.0,
    **options: float,
) -> Path:
    """A run; `gpu` and `machine` replace parts of its description, `slower` is of gpu0."""
    described = hardware.description()
    described.update(machine or {})
    described["gpus"][0].update(gpu or {})
    return write_run(
        folder / f"{name}.csv",
        configurations(hardware, ("reduce",), sizes=SIZES, ladder=False),
        8,
        seed=seed,
        hardware=replace(hardware, label=name),
        change=lambda c: slower if c.device == "gpu0" else 1.0,
        description={"machine": described},
        **options,
    )


def test_verdicts_are_printed_and_nothing_is_written(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = run_of(tmp_path, "slow", 3, slower=1.2)
    files = sorted(tmp_path.rglob("*"))
    capsys.readouterr()
    assert status_of(monkeypatch, reference_command, "--verdict", slow, "-o", made) == 0
    told = capsys.readouterr().out
    assert "lower by 17 %" in told
    assert len(told.splitlines()) >= 2
    assert sorted(tmp_path.rglob("*")) == files
    assert status_of(monkeypatch, reference_command, "--verdict", slow, "-o", tmp_path) == 0


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """References of two runs of two machines."""
    folder = tmp_path / "reference"
    runs = [run_of(tmp_path, name, seed) for seed, name in enumerate(("a", "b"), 1)]
    assert status_of(monkeypatch, reference_command, *runs, "-o", folder) == 0
    return folder


def told(path: Path, folder: Path) -> dict[str, reference.Verdict]:
    (run,) = read_runs([path])
    return {v.device: v for v in reference.verdicts(run, reference.known(folder))}


def test_the_same_device_is_as_expected(tmp_path: Path, made: Path) -> None:
    assert len(list(made.iterdir())) == 2
    verdicts = told(run_of(tmp_path, "c", 9), made)
    assert set(verdicts) == {"box 9000 GPU", "box 9000 CPU"}
    for verdict in verdicts.values():
        assert "as expected" in verdict.sentence
        assert "2 runs of 2 machines" in verdict.sentence
        assert not verdict.lower


def test_a_reference_is_not_held_against_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, run = tmp_path / "reference", run_of(tmp_path, "a", 1)
    assert status_of(monkeypatch, reference_command, run, "-o", folder) == 0
    assert {v.sentence for v in told(run, folder).values()} == {
        f"box 9000 {device}: the reference of this device comes from this run itself."
        for device in ("GPU", "CPU")
    }


def test_nor_against_a_part_of_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, paths = tmp_path / "reference", [run_of(tmp_path, "a", 1), run_of(tmp_path, "b", 2)]
    assert status_of(monkeypatch, reference_command, paths[1], "-o", folder) == 0
    parts = read_runs(paths)
    for part in parts:
        part.label = "one machine"
    (both,) = joined(parts)
    assert len(both.files) == 2
    told = {v.sentence.split(": ")[1] for v in reference.verdicts(both, reference.known(folder))}
    assert told == {"the reference of this device comes from this run itself."}


def test_a_slower_one_is_lower_by_so_much_with_causes(tmp_path: Path, made: Path) -> None:
    capped = run_of(tmp_path, "c", 9, gpu={"power_limit_w": 400.0}, slower=1 / 0.8)
    verdict = told(capped, made)["box 9000 GPU"]
    assert verdict.lower
    assert "lower by 20 %" in verdict.sentence
    assert "Likely: a power limit of 400 W instead of 700 W." in verdict.sentence
    unknown = told(run_of(tmp_path, "d", 9, slower=1 / 0.8), made)["box 9000 GPU"]
    assert "Nothing recorded says why." in unknown.sentence
    noisy = told(run_of(tmp_path, "e", 9, slower=1 / 0.8, disturbed=0.2), made)["box 9000 GPU"]
    assert "other work on the machine" in noisy.sentence


@pytest.mark.parametrize(
    "other",
    [
        {"memory_bytes": 94 << 30},
        {"multiprocessors": 114},
        {"memory_bus_bits": 5120.0},
        {"power_limit_w": 1000.0},
        {"compute_capability": "8.0"},
        {"name": "box 9000 GPU PCIe"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_another_product_never_matches(tmp_path: Path, made: Path, other: dict[str, Any]) -> None:
    verdict = told(run_of(tmp_path, "c", 9, gpu=other, slower=1 / 0.8), made)[
        "box 9000 GPU" + (" PCIe" if "name" in other else "")
    ]
    assert not verdict.lower
    assert "no reference of this device" in verdict.sentence
    assert "of its memory's theoretical peak" in verdict.sentence
    generation = other.get("compute_capability", "9.0")
    assert (f"compute capability {generation} reach" in verdict.sentence) == (generation == "9.0")


def test_a_cpu_without_a_number_is_no_device(tmp_path: Path) -> None:
    nameless = {**HARDWARE.description()["cpu"], "model": "AMD EPYC"}
    (run,) = read_runs([run_of(tmp_path, "c", machine={"cpu": nameless})])
    assert [device.place for device in devices_of(run.about)] == ["gpu0"]


@pytest.mark.parametrize("change", [{"cores": 16}, {"max_mhz": 5000}, {"caches": []}])
def test_another_cpu_never_matches(tmp_path: Path, made: Path, change: dict[str, Any]) -> None:
    cpu = {**HARDWARE.description()["cpu"], **change}
    assert "box 9000 CPU" not in told(run_of(tmp_path, "c", 9, machine={"cpu": cpu}), made)


def test_sizes_that_the_reference_lacks_are_not_compared(tmp_path: Path, made: Path) -> None:
    path = write_run(
        tmp_path / "small.csv",
        configurations(HARDWARE, ("reduce",), sizes=[4096], ladder=False),
        8,
        hardware=HARDWARE,
    )
    assert "no reference" in told(path, made)["box 9000 GPU"].sentence


def test_page_and_comparison_tell(
    tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    references = reference.known(made)
    monkeypatch.setattr("analysis.page.report.references", lambda: references)
    monkeypatch.setattr("analysis.compare.compare_command.known", lambda: references)
    usual, slow = run_of(tmp_path, "c", 8), run_of(tmp_path, "d", 9, slower=1 / 0.8)
    runs: list[Run] = read_runs([slow])
    assert "lower by 20 %" in report(runs)[0]
    assert status_of(monkeypatch, compare_command, usual, slow) == 0
    assert "lower by 20 %" in capsys.readouterr().out
    assert status_of(monkeypatch, compare_command, slow, usual) == 0
    assert "lower by 20 %" not in capsys.readouterr().out


def test_mistakes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    path = run_of(tmp_path, "a")
    capped = run_of(tmp_path, "b", 2, gpu={"power_limit_w": 400.0})
    assert status_of(monkeypatch, reference_command, path, capped, "-o", tmp_path) == 2
    assert "power limit w 400.0 instead of 700.0" in capsys.readouterr().err
    assert status_of(monkeypatch, reference_command, path, "-o", path) == 3
    path.with_suffix(".json").unlink()
    assert status_of(monkeypatch, reference_command, path, "-o", tmp_path) == 2


def test_those_of_this_project_are_read() -> None:
    found = reference.known()
    assert {"NVIDIA H200", "NVIDIA H100 80GB HBM3"} <= {str(r.identity.get("name")) for r in found}
    for path in reference.FOLDER.glob("*.json"):
        assert json.loads(path.read_text())["format"] == reference.FORMAT
    for r in found:
        assert r.rates
        for rate in r.rates.values():
            assert r.peak_gb_per_s is None or 0.3 * r.peak_gb_per_s < rate.value < r.peak_gb_per_s
