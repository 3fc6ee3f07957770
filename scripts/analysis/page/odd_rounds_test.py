"""Runs whose configurations have different numbers of rounds, down to a part of the pilot."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from analysis.compare.comparing import compare
from analysis.compare.rendering import as_json, as_markdown, as_table
from analysis.drawing import figure
from analysis.errors import BadInput
from analysis.measured.groups import groups
from analysis.page.report import report
from analysis.planted import costs as planted_costs
from analysis.planted.hardware import Hardware
from analysis.planted.runs import configurations, plan_of, write_run
from analysis.reading.read import read_runs
from analysis.reading.run import Run

HARDWARE = Hardware()
SIZES = [1024, 16384, 262144, 1 << 22]


def run_with(folder: Path, kept: str, seed: int = 1, rounds: int = 15) -> Path:
    """A run of which each configuration has `kept` of its rounds."""
    planned = configurations(HARDWARE, sizes=SIZES) + planted_costs.all_of(HARDWARE, SIZES)
    path = folder / f"{kept}-{seed}.csv"
    plan = plan_of(planned, planned[::2], {"double": 262144})
    write_run(path, planned, rounds, seed=seed, telemetry=True, hardware=HARDWARE, description=plan)
    rng = np.random.default_rng(seed)
    lines = path.read_text().splitlines()
    columns = lines[0].split(",")
    number = columns.index("round")
    most: dict[tuple[str, ...], int] = {}
    some = [lines[0]]
    for line in lines[1:]:
        cells = line.split(",")
        here = most.setdefault(
            tuple(cells[4:13]),
            {"mixed": int(rng.integers(0, rounds + 1)), "pilot": 1, "two": 2, "six": 6,
             "few and many": int(rng.choice([1, 5, 15])),
             "part of a pilot": int(rng.integers(0, 2))}[kept],
        )  # fmt: skip
        if int(cells[number]) < here:
            some.append(line)
    path.write_text("\n".join(some) + "\n")
    return path


KEPT = ["mixed", "pilot", "two", "six", "few and many", "part of a pilot"]


@pytest.mark.parametrize("kept", KEPT)
def test_the_page_of_any_rounds(tmp_path: Path, kept: str) -> None:
    (run,) = read_runs([run_with(tmp_path, kept)])
    with figure.checked():
        document, figures = report([run])
        assert all(made.specification for made in figures)
    text = re.sub(r"<script.*?</script>", "", document, flags=re.S)
    assert not {"nan", "inf", "none×"} & set(text.lower().split())
    assert "How sure we are" in text
    # No interval stands on fewer than six rounds, of whatever kind.
    for group in groups(run)[0]:
        for model, scope, _ in group.models:
            curve = group.curve(model, scope)
            for p in curve.points if curve else []:
                assert p.time.certain == (p.time.samples >= 6)
        cpu, gpu = group.best_cpu(), group.best_gpu("resident")
        crossing = group.crossover(gpu, cpu) if cpu and gpu else None
        if kept in ("pilot", "two", "part of a pilot"):
            assert crossing is None or crossing.low is None


@pytest.mark.parametrize("kept", ["mixed", "pilot", "few and many"])
def test_comparisons_of_any_rounds(tmp_path: Path, kept: str) -> None:
    for other in ("mixed", "pilot", "six"):
        base, new = (run_with(tmp_path, k, s) for k, s in ((kept, 1), (other, 2)))
        runs = read_runs([base, new])
        many = [n >= 6 for n in counts_of_both(*runs)]
        if not any(many):
            with pytest.raises(BadInput, match="6 rounds"):
                compare([runs[0]], [runs[1]], 0.02, [])
            continue
        result = compare([runs[0]], [runs[1]], 0.02, [])
        assert len(result.configurations) == sum(many)
        assert result.too_few == len(many) - sum(many)
        as_json(result), as_markdown(result, True), as_table(result, True, False, 200)


def counts_of_both(base: Run, new: Run) -> list[int]:
    """The fewer of both runs' rounds of each configuration that both have."""
    tables = [run.configurations.select(*run.key, "n") for run in (base, new)]
    both = tables[0].join(tables[1], on=base.key, nulls_equal=True)
    return [min(pair) for pair in both.select("n", "n_right").iter_rows()]


def test_several_runs_of_any_rounds_are_compared(tmp_path: Path) -> None:
    runs = read_runs([run_with(tmp_path, "mixed", seed) for seed in range(1, 7)])
    result = compare(runs[:3], runs[3:], 0.02, [])
    assert result.found == []
    assert result.not_in_all > 0


def test_machines_of_any_rounds(tmp_path: Path) -> None:
    paths = [run_with(tmp_path, kept, seed) for seed, kept in enumerate(KEPT[:3], 1)]
    with figure.checked():
        document, _ = report(read_runs(paths))
    assert "Machines side by side" in document
