"""The built program as a fleet run: several ranks on this machine, each taken for a node."""

from __future__ import annotations

import functools
import json
import os
import pathlib
import signal
import subprocess
import time

import pytest
from mpi_testing import (
    PROGRAM,
    expect_refused,
    needs_mpi,
    own_lines,
    processes,
    rows_of,
    wait_for_rows,
)
from mpi_testing import run as run_ranks
from mpi_testing import start as start_ranks

run = functools.partial(run_ranks, CROSSOVER_FLEET="1")
start = functools.partial(start_ranks, CROSSOVER_FLEET="1")

SMALL = ["--models=serial", "--workloads=double,reduce", "--sizes=1000", "--min-time=0.0005"]
SMALL += ["--label=test"]
ENDLESS = [*SMALL, "--rounds=100000", "--precision=0.000001", "--budget=100"]


def header(path: pathlib.Path) -> list[str]:
    return path.read_text().splitlines()[0].split(",")


def record_of(path: pathlib.Path) -> dict:
    return json.loads(path.with_suffix(".json").read_text())


def samples(path: pathlib.Path) -> list[tuple[str, ...]]:
    """What was measured, by whom and in which round, sorted."""
    names = ["node", "workload", "model", "variant", "elements", "workers", "round"]
    return sorted(tuple(row[name] for name in names) for row in rows_of(path))


def wait_for_every_node(path: pathlib.Path, process: subprocess.Popen[str], nodes: int) -> None:
    wait_for_rows(path, nodes, process)
    while len({line.rsplit(",")[-1] for line in path.read_text().splitlines()[1:]}) < nodes:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)


@needs_mpi
def test_every_node_measures_its_own_models_into_one_csv(mark: str, out: pathlib.Path) -> None:
    arguments = ["--sizes=1000", "--workloads=double", "--threads=1", "--rounds=2"]
    arguments += ["--min-time=0.0001", "--label=test"]
    status, stdout, stderr = run(mark, 3, *arguments, f"--output={out}")
    assert status == 0, stderr
    assert header(out)[-1] == "node" and header(out).count("node") == 1
    rows = rows_of(out)
    nodes = [node["node"] for node in record_of(out)["nodes"]]
    assert len(set(nodes)) == 3 and [name[-2:] for name in nodes] == ["-0", "-1", "-2"]
    assert {(row["run"], row["label"]) for row in rows} == {(record_of(out)["run"], "test")}
    by_node = [[sample[1:] for sample in samples(out) if sample[0] == node] for node in nodes]
    assert by_node[0] == by_node[1] == by_node[2]
    assert sum(len(of_one) for of_one in by_node) == len(rows)
    assert {row["model"] for row in rows} >= {"serial", "threads", "openmp", "stdpar", "processes"}
    for row in rows:
        if row["model"] == "mpi":
            assert row["status"] == "skipped" and "fleet" in row["note"]
        elif row["model"] != "cuda":
            assert row["status"] in ("ok", "noisy"), row
    assert stdout.count("CSV ") == 1 and f"test, node {nodes[0]}: " in stdout
    assert f"3 nodes: {len([row for row in rows if row['status'] != 'skipped'])} samples" in stdout
    assert {path.name for path in out.parent.iterdir()} == {"run.csv", "run.json"}


@needs_mpi
def test_zero_makes_the_ranks_workers(mark: str, out: pathlib.Path) -> None:
    arguments = ["--models=mpi", "--sizes=1000", "--rounds=1", "--min-time=0.0001"]
    status, _, stderr = run_ranks(mark, 2, *arguments, f"--output={out}", CROSSOVER_FLEET="0")
    assert status == 0, stderr
    assert "node" not in header(out) and "nodes" not in record_of(out)


def test_without_mpirun_there_is_no_fleet(out: pathlib.Path) -> None:
    subprocess.run(
        [PROGRAM, *SMALL, "--rounds=1", f"--output={out}"],
        env=os.environ | {"CROSSOVER_FLEET": "1"}, check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    assert "node" not in header(out) and "nodes" not in record_of(out)


@needs_mpi
@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--sizes=-1"], 2),
        (["--models=mpi"], 2),
        (["--benchmark_frobnicate=1"], 2),
        (["--output=/proc/no/run.csv", *SMALL], 3),
    ],
    ids=str,
)
def test_a_mistake_is_one_line_whatever_the_number_of_nodes(
    mark: str, arguments: list[str], status: int
) -> None:
    expect_refused(run(mark, 3, *arguments), status, mark)


@needs_mpi
@pytest.mark.parametrize("option", ["--list", "--help", "--version", "--machine"])
def test_what_prints_and_exits_prints_once_and_exits_with_0(mark: str, option: str) -> None:
    arguments = [option, "--threads=1"]
    alone = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=60)
    status, stdout, stderr = run(mark, 2, *arguments)
    assert status == 0 and stderr == "", stderr
    if option == "--machine":  # of which mpirun leaves each rank a part
        assert json.loads(stdout)["cpu"] == json.loads(alone.stdout)["cpu"]
    else:
        assert stdout == alone.stdout != ""


@needs_mpi
@pytest.mark.parametrize("whom", ["mpirun", "rank 0"])
def test_a_signal_ends_all_nodes_with_one_summary(mark: str, out: pathlib.Path, whom: str) -> None:
    process = start(mark, 2, *ENDLESS, f"--output={out}")
    wait_for_every_node(out, process, 2)
    sent = time.monotonic()
    os.kill(process.pid if whom == "mpirun" else processes(mark)[0], signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert time.monotonic() - sent < 5
    assert process.returncode != 0
    if whom == "rank 0":
        assert process.returncode == 130, stderr
    assert stdout.count("ended: interrupted") == 1 and "2 nodes: " in stdout
    assert record_of(out)["status"] == "interrupted"
    assert len(set(samples(out))) == len(rows_of(out))


@needs_mpi
def test_a_node_that_dies_ends_the_run_and_keeps_what_was_measured(
    mark: str, out: pathlib.Path
) -> None:
    process = start(mark, 3, *ENDLESS, f"--output={out}")
    wait_for_every_node(out, process, 3)
    dead = record_of(out)["nodes"][2]["node"]
    os.kill(processes(mark)[2], signal.SIGKILL)
    stdout, stderr = process.communicate(timeout=30)
    # Open MPI's mpirun returns what the first process returned that ended badly.
    assert process.returncode == 128 + signal.SIGKILL
    reason = f"node {dead} has ended or does not answer"
    assert own_lines(stderr) == [f"crossover: {reason}"], stderr
    assert f"ended: {reason}" in stdout and "3 nodes: " in stdout
    assert record_of(out)["status"] == "failed" and record_of(out)["end_reason"] == reason
    assert dead in {row["node"] for row in rows_of(out)}


@needs_mpi
@pytest.mark.parametrize("whom", ["mpirun", "rank 0"])
def test_kill_9_leaves_whole_rows_and_no_process(mark: str, out: pathlib.Path, whom: str) -> None:
    process = start(mark, 2, *ENDLESS, f"--output={out}")
    wait_for_every_node(out, process, 2)
    os.kill(process.pid if whom == "mpirun" else processes(mark)[0], signal.SIGKILL)
    process.communicate(timeout=30)
    assert process.returncode != 0
    assert len(rows_of(out)) >= 2
    # No process is left behind, by the fixture.


@needs_mpi
def test_an_interrupted_fleet_run_measures_nothing_twice(mark: str, out: pathlib.Path) -> None:
    status, _, stderr = run(mark, 2, *SMALL, "--rounds=3", f"--output={out}")
    assert status == 0, stderr
    whole = samples(out)
    lines = out.read_bytes().splitlines(keepends=True)
    out.write_bytes(b"".join(lines[:6]) + lines[6][:40])
    # The same nodes only.
    status, _, stderr = run(mark, 3, f"--resume={out}")
    assert status == 2 and len(own_lines(stderr)) == 1 and "the list of nodes" in stderr
    status, stdout, stderr = run(mark, 2, f"--resume={out}")
    assert status == 0, stderr
    assert samples(out) == whole
    assert f"2 nodes: {len(whole)} samples" in stdout
