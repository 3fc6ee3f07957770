"""Runs of one machine are one machine, whoever split them and however."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from analysis.chapters.costs import of_machines
from analysis.drawing import figure
from analysis.errors import BadInput
from analysis.page import report_command
from analysis.page.report import report
from analysis.planted.hardware import Hardware
from analysis.planted.runs import Configuration, configurations, plan_of, write_run
from analysis.reading.joined import joined
from analysis.reading.read import read_runs
from analysis.reading.run import Run

REAL = Path(__file__).parent / "real" / "h200.csv"


def part(folder: Path, name: str, rounds: list[int], **about: object) -> Path:
    """A run of its own of some rounds of the real one, counted from 0."""
    with REAL.open(newline="") as file:
        header, *rows = csv.reader(file)
    at, run = header.index("round"), header.index("run")
    kept = [row for row in rows if int(row[at]) in rounds]
    for row in kept:
        row[at], row[run] = str(rounds.index(int(row[at]))), name
    path = folder / f"{name}.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *kept])
    told = json.loads(REAL.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**told, "run": name, **about}))
    return path


def medians(run: Run) -> dict[tuple[object, ...], tuple[int, float]]:
    shown = run.configurations.select(*run.key, "n", "median").iter_rows()
    return {tuple(key): (n, time) for *key, n, time in shown}


def test_the_parts_of_a_real_run_are_the_run(tmp_path: Path) -> None:
    parts = [part(tmp_path, "first", [0, 2]), part(tmp_path, "second", [1, 3])]
    (whole,) = read_runs([REAL])
    (again,) = joined(read_runs(parts))
    assert medians(again) == medians(whole)
    assert again.rows == whole.rows
    assert len(again.times([0])[0]) == len(whole.times([0])[0])
    assert [run.run_id for run in again.files] == ["first", "second"]
    assert again.name == "h200-16-cores"


@pytest.mark.parametrize(
    "other",
    [
        {"options": {"scaling": "weak"}},
        {"topology": {"pin": "none"}},
        {"machine": {"cpu": {"model": "Another"}}},
        {"machine": {}},
    ],
    ids=str,
)
def test_another_machine_or_measurement_stays_apart(tmp_path: Path, other: dict) -> None:
    parts = [part(tmp_path, "first", [0, 2]), part(tmp_path, "second", [1, 3], **other)]
    assert len(joined(read_runs(parts))) == 2


def test_a_label_makes_one_machine_of_runs_with_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [part(tmp_path, "first", [0, 2]), part(tmp_path, "second", [1, 3])]
    for path in parts:
        path.write_text(path.read_text().replace("h200-16-cores", path.stem))
    assert [run.label for run in joined(read_runs(parts))] == ["first", "second"]
    page = tmp_path / "page.html"
    arguments = ["x", "--label", "both", "-o", str(page), *map(str, parts)]
    monkeypatch.setattr("sys.argv", arguments)
    report_command.main()
    assert "<h1>crossover: both</h1>" in page.read_text()
    another = part(tmp_path, "third", [1, 3], machine={"cpu": {"model": "Another"}})
    monkeypatch.setattr("sys.argv", [*arguments, str(another)])
    with pytest.raises(BadInput, match="different machines"):
        report_command.main()


def test_of_two_builds_the_later_counts(tmp_path: Path) -> None:
    told = json.loads(REAL.with_suffix(".json").read_text())["project"]
    later = {"project": {**told, "commit": "later"}, "started": "2027-01-01T00:00:00Z"}
    parts = [part(tmp_path, "new", [0, 2], **later), part(tmp_path, "old", [1, 3])]
    new, old = read_runs(parts)
    (both,) = joined([new, old])
    assert medians(both) == {**medians(old), **medians(new)}
    assert f"{old.samples.height} samples of configurations that a later build" in both.notices[-1]


def test_what_another_run_measured_is_not_left_out(tmp_path: Path) -> None:
    hardware = Hardware(gpu=False)
    planned = configurations(hardware, workloads=("double",), sizes=[1024, 65536])
    halves = [[c for c in planned if c.elements == n] for n in (1024, 65536)]
    paths = [
        write_run(tmp_path / f"{i}.csv", half, seed=i, hardware=hardware,
                  description=plan_of(planned, half, {"double": 65536}))
        for i, half in enumerate(halves)
    ]  # fmt: skip
    one, other = read_runs(paths)
    assert one.plan.left_out == len(halves[1])
    (both,) = joined([one, other])
    assert both.plan.left_out == 0
    assert both.plan.of == ()
    assert both.configurations.height == len(planned)


def swept(hardware: Hardware, planned: list[Configuration]) -> list[Configuration]:
    """The sweep over multiprocessors of `planned`, by the device's clock."""
    return [
        Configuration(**{**vars(c), "scope": "kernel", "time_ns": c.time_ns - hardware.launch_ns})
        for c in planned
        if c.device != "cpu" and c.scope == "resident" and c.workers < hardware.gpu_sms
    ]


def test_a_sweep_in_another_file_is_drawn_beside_the_cores(tmp_path: Path) -> None:
    hardware = Hardware()
    planned = configurations(hardware, workloads=("double",))
    sms = swept(hardware, planned)
    main = [c for c in planned if c.workers == hardware.gpu_sms or c.device == "cpu"]
    paths = [write_run(tmp_path / "main.csv", main, hardware=hardware),
             write_run(tmp_path / "sms.csv", sms, rounds=7, hardware=hardware, seed=2)]  # fmt: skip
    with figure.checked():
        document, figures = report(read_runs(paths))
    found = {f.id: f for f in figures}
    assert 'id="machines"' not in document
    assert [s.name for s in found["sms-1"].series] == ["CPU cores", "cuda kernel"]
    by = {(str(r[0]), str(r[1])): str(r[2]) for r in found["sms-1"].rows}
    one = next(c for c in sms if c.workers == 1)
    rate = float(by["cuda kernel", "1"].removesuffix(" GB/s"))
    assert rate == pytest.approx(one.bytes / one.time_ns, rel=0.02)
    core = float(by["CPU cores", "1"].removesuffix(" GB/s"))
    told = re.search(r"one multiprocessor moves ([\d.]+) GB/s, ([\d.]+)× what one core", document)
    assert float(told[1]) == rate
    assert float(told[2]) == pytest.approx(rate / core, rel=0.01)


def test_a_python_baseline_stays_beside_its_machine(runs: dict[str, Path]) -> None:
    own, baseline = read_runs([runs["costs"], runs["python"]])
    assert of_machines([own, baseline]) == [own, baseline]
