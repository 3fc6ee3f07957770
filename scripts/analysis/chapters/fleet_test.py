"""Fleet runs: nodes are told apart, and those that fall behind named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from analysis.chapters import fleet
from analysis.chapters.costs import of_python
from analysis.compare.comparing import compare
from analysis.drawing.figure import Figure
from analysis.fleet.behind import fleet_of
from analysis.fleet.behind_test import plain_nodes, write_node
from analysis.fleet.nodes import files_of, nodes_of
from analysis.page import report_command
from analysis.page.report import report
from analysis.planted import costs as planted_costs
from analysis.planted.hardware import Hardware
from analysis.planted.runs import Configuration, configurations, write_run
from analysis.reading.read import read_runs
from analysis.reading.run import Run

HARDWARE = Hardware("lab", gpu=False, cores=2, smt=1)
PLANNED = configurations(HARDWARE, workloads=("double", "reduce"), sizes=[1024, 65536])


def write_fleet(
    path: Path, slow: dict[str, Callable[[Configuration], float]], nodes: list[str]
) -> Path:
    """A run of `nodes`, on some of which times are longer by a factor."""
    rows: list[str] = []
    for node in nodes:
        part = write_run(
            path, PLANNED, 7, hardware=HARDWARE, noise=0.001, change=slow.get(node, lambda _: 1.0)
        )
        header, *lines = part.read_text().splitlines()
        rows += [f"{line},{node}" for line in lines]
    path.write_text("\n".join([f"{header},node", *rows]) + "\n")
    about = json.loads(path.with_suffix(".json").read_text())
    about["nodes"] = [
        {"node": node, "machine": {**HARDWARE.description(), "os": f"system of {node}"}}
        for node in nodes[1:]
    ]
    path.with_suffix(".json").write_text(json.dumps(about))
    return path


def runs_of(path: Path) -> list[Run]:
    return read_runs([path], by_node=True)


@pytest.fixture
def three(tmp_path: Path) -> Path:
    slow = {"c": lambda c: 1.5 if c.workload == "reduce" else 1.0}
    return write_fleet(tmp_path / "run.csv", slow, ["a", "b", "c"])


def test_every_node_is_a_run_with_its_own_machine(three: Path) -> None:
    runs = runs_of(three)
    assert [(run.node, run.label) for run in runs] == [
        ("a", "lab, a"),
        ("b", "lab, b"),
        ("c", "lab, c"),
    ]
    assert sum(run.rows for run in runs) == len(three.read_text().splitlines()) - 1
    assert [run.about.text("machine.os") for run in runs[1:]] == ["system of b", "system of c"]
    assert runs[0].about.text("machine.os") not in ("", "system of b")


def test_a_fleet_with_the_name_of_a_node_lends_it_to_none(tmp_path: Path) -> None:
    runs = runs_of(write_fleet(tmp_path / "run.csv", {}, ["lab", "other"]))
    assert [run.label for run in runs] == ["lab", "other"]


def test_slow_nodes_are_named(three: Path) -> None:
    found = fleet_of(nodes_of(three_runs := runs_of(three)))
    assert [(s.node.name, s.what) for s in found.behind] == [("lab, c", "reduce")]
    assert len(found.nodes) == len(three_runs)
    assert "1.50×" in str(fleet.of_fleet(found))


def test_the_page_has_every_node_and_who_falls_behind(three: Path) -> None:
    page, figures = report(runs_of(three))
    assert "Nodes that fall behind the others" in page
    for name in ("lab, a", "lab, b", "lab, c"):
        assert name in page
    assert any(figure.id.startswith("machines-") for figure in figures)


def test_of_a_large_fleet_the_page_has_the_slowest(tmp_path: Path) -> None:
    names = [f"n{i:02d}" for i in range(14)]
    path = write_fleet(tmp_path / "run.csv", {"n13": lambda _: 1.3}, names)
    runs, whole = report_command.read_machines(files_of([path]))
    assert len(whole.nodes) == 14
    assert len(runs) == 4 and {"n00", "n13"} < {run.node for run in runs}
    page, _ = report(runs, nodes=whole)
    assert "14 nodes" in page and "Of 14 nodes lab, n13 falls behind" in page
    assert "shown in detail are its first and the slowest, 4 in all" in page


@pytest.mark.parametrize("at_once", [100, 5])
def test_of_a_large_fleet_those_shown_have_their_baselines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(report_command, "MOST_FILES", at_once)
    for i in range(14):
        write_node(tmp_path, f"n{i:02d}")
    for label in ("n00", "n13"):
        hardware = Hardware(label, gpu=False, cores=2, smt=1)
        planned = planted_costs.python(hardware, [1024])
        write_run(tmp_path / f"{label}-python.csv", planned, 7, 0.001, hardware=hardware)
    runs, whole = report_command.read_machines(files_of([tmp_path]))
    assert len(whole.nodes) == 14
    shown = {run.label for run in runs if not of_python(run)}
    assert len(shown) == 4 and "n00" in shown
    assert {run.label for run in runs if of_python(run)} == shown & {"n00", "n13"}


def test_of_thousands_of_dots_a_chart_has_a_part_and_all_that_fall_behind() -> None:
    rng = np.random.default_rng(4)
    logs = rng.normal(0, 0.01, (2, 900))
    logs[0, 7] += 0.5
    chart = fleet.of_fleet(fleet_of(plain_nodes(logs)))[2]
    assert isinstance(chart, Figure)
    (rows,) = chart.specification["datasets"].values()
    assert len(rows) <= 2 * fleet.MOST_DOTS + 1
    assert [(r["n"], r["k"]) for r in rows if r["s"] == fleet.BEHIND] == [("n7", "w0")]


def test_many_labels_of_one_machine_are_one(tmp_path: Path) -> None:
    for i in range(14):
        write_node(tmp_path, f"n{i}")
    runs, whole = report_command.read_machines(files_of([tmp_path]), "lab")
    assert len(runs) == 14 and len(whole.nodes) == 1


def test_a_file_that_was_not_read_is_told_on_the_page(tmp_path: Path) -> None:
    write_node(tmp_path, "a")
    (tmp_path / "b.csv").write_text((tmp_path / "a.csv").read_text().splitlines()[0] + "\n")
    runs, whole = report_command.read_machines(files_of([tmp_path]))
    page, _ = report(runs, nodes=whole)
    assert "Not read: " in page and "b.csv has a header but no rows" in page


def test_two_machines_are_no_fleet(tmp_path: Path) -> None:
    path = write_fleet(tmp_path / "run.csv", {"b": lambda _: 1.5}, ["a", "b"])
    assert fleet.of_fleet(fleet_of(nodes_of(runs_of(path)))) == []


def test_fleets_are_compared_node_by_node(three: Path, tmp_path: Path) -> None:
    folder = tmp_path / "before"
    folder.mkdir()
    (new,) = read_runs([three])
    (base,) = read_runs([write_fleet(folder / "run.csv", {}, ["a", "b", "c"])])
    result = compare([base], [new], 0.02, [])
    slower = {change.name for change in result.configurations if change.verdict == "slower"}
    assert len(result.configurations) == 3 * len(PLANNED)
    assert {name.rsplit("/")[-1] for name in slower} == {"c"}
    assert {name.split("/")[0] for name in slower} == {"reduce"}
