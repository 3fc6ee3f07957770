"""scripts/fleet: its text and its status, also on runs that were measured here."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from analysis.commands_test import status_of
from analysis.fleet import fleet_command
from analysis.fleet.behind import fleet_of
from analysis.fleet.behind_test import HARDWARE, write_node
from analysis.fleet.nodes import files_of, nodes_of, read_each
from analysis.planted.hardware import Hardware

PROGRAM = Path(__file__).resolve().parents[3] / "build/crossover"


def test_the_answer_comes_first_and_is_the_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    for label in ("a", "b", "c", "d"):
        write_node(tmp_path, label, lambda _, s=label == "c": 1.5 if s else 1.0)
    assert status_of(monkeypatch, fleet_command, tmp_path) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "4 nodes, 4 runs: c falls behind by 5 % or more"
    assert told[2] == "Median times over the median of the others, the slowest first:"
    assert re.fullmatch(r"node  workload  time +95 % of all +slower by 5 %  most", told[3])
    line = (
        r"c     double    1\.5\d×  1\.\d\d to 1\.\d\d  +(\d+) of \1 +1\.5\d× at [a-z/-]+ f32 \S+.*"
    )
    assert any(re.fullmatch(line, text) for text in told), told
    assert any(
        text.startswith("Like nodes lie apart by (one standard deviation): ") for text in told
    )

    assert status_of(monkeypatch, fleet_command, tmp_path, "--threshold=60%") == 0
    assert "none falls behind by 60 %" in capsys.readouterr().out.splitlines()[0]


def test_what_differs_is_told_by_who_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    for label in "abcde":
        machine = {**HARDWARE.description(), "huge_pages": "never" if label == "e" else "always"}
        write_node(tmp_path, label, machine=machine)
    assert status_of(monkeypatch, fleet_command, tmp_path) == 0
    assert "  huge pages: always (4 nodes), never (e)" in capsys.readouterr().out.splitlines()


def test_what_cannot_be_compared_is_one_line_with_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "empty").mkdir()
    one = write_node(tmp_path, "a")
    again = write_node(tmp_path, "a", name="again")
    other = write_node(tmp_path, "b", like=Hardware("other", gpu=False))
    third = write_node(tmp_path, "c", like=Hardware("third", gpu=False))
    locked = tmp_path / ("x" * 300)
    for arguments, says in (
        ([one], "these are runs of 1 machine (a); give those of three or more"),
        ([one, again, other], "each with a label of its own"),
        ([one, other, third], "no three of these nodes measured the same on like processors"),
        ([locked], "cannot read"),
        ([tmp_path / "empty"], "has no .csv file in it"),
        ([], "the following arguments are required"),
        ([one, "--threshold=much"], "is not a percentage"),
    ):
        wanted = 3 if arguments == [locked] else 2
        assert status_of(monkeypatch, fleet_command, *arguments) == wanted
        out, err = capsys.readouterr()
        assert out == "" and says in err and err.count("\n") == 1, err


def test_a_third_that_is_broken_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    for label in "ab":
        write_node(tmp_path, label)
    path = write_node(tmp_path, "c")
    path.write_text(path.read_text().replace(",ok,", ",failed,"))
    assert status_of(monkeypatch, fleet_command, tmp_path) == 1
    assert re.search(r"(?m)^c: \d+ samples failed verification$", capsys.readouterr().out)


def test_a_node_that_was_held_back_is_named(tmp_path: Path) -> None:
    """Real runs, one beside a busy loop on the same CPU."""
    cpu = str(min(os.sched_getaffinity(0)))

    def measure(label: str) -> None:
        command = ["taskset", "-c", cpu, PROGRAM, "--models=serial", "--workloads=double,reduce",
                   "--sizes=4Ki,64Ki", "--types=f32,f64", "--rounds=5", "--min-time=0.05",
                   f"--label={label}", f"--output={tmp_path}/{{label}}.csv"]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=300)

    busy = ["taskset", "-c", cpu, "sh", "-c", "while :; do :; done"]
    for label in ("n1", "n2", "n4"):
        measure(label)
    loops = [subprocess.Popen(busy) for _ in range(3)]
    try:
        measure("n3")
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
    fleet = fleet_of(nodes_of(read_each(files_of([tmp_path]), [])))
    # Beside other work the others may lie so far apart that nobody falls behind for sure.
    assert fleet.standings[0].node.name == "n3" and fleet.standings[0].ratio > 1.5
    result = subprocess.run(
        [PROGRAM.parents[1] / "scripts/fleet", tmp_path], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == int(not fleet.healthy), result.stderr
    assert result.stdout.startswith("4 nodes, 4 runs: ")
