"""The built program under mpirun: several ranks on this machine, one program to its user."""

from __future__ import annotations

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
    run,
    start,
    wait_for_rows,
)

SMALL = ["--models=mpi", "--sizes=1000", "--min-time=0.0005", "--label=test"]
ENDLESS = [*SMALL, "--rounds=100000", "--precision=0.000001", "--budget=100"]


def test_without_mpirun_there_is_no_mpi_model(tmp_path: pathlib.Path) -> None:
    alone = subprocess.run(
        [PROGRAM, "--models=mpi"], capture_output=True, text=True, cwd=tmp_path, timeout=60
    )
    assert alone.returncode == 2
    assert len(alone.stderr.strip().splitlines()) == 1
    assert "mpirun" in alone.stderr or "built without MPI" in alone.stderr
    assert list(tmp_path.iterdir()) == []


@needs_mpi
def test_tasks_of_srun_that_are_no_ranks_are_told(tmp_path: pathlib.Path) -> None:
    task = {**os.environ, "SLURM_STEP_NUM_TASKS": "3", "SLURM_NTASKS": "3"}
    alone = subprocess.run(
        [PROGRAM, "--models=mpi"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        env=task,
    )
    assert alone.returncode == 2
    assert len(alone.stderr.strip().splitlines()) == 1
    assert "srun --mpi=pmix" in alone.stderr


@needs_mpi
@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_rank_0_writes_one_csv_with_types_and_numbers_of_ranks(
    mark: str, out: pathlib.Path, ranks: int
) -> None:
    status, stdout, stderr = run(
        mark, ranks, "--models=mpi,serial", "--variants=all", "--types=f32,i64",
        "--workloads=double,triad,dot",
        "--sizes=0,5000", "--threads=1..3", "--rounds=1", "--min-time=0.0001", f"--output={out}",
    )  # fmt: skip
    assert status == 0, stderr
    rows = [row for row in rows_of(out) if row["model"] == "mpi"]
    assert len(rows) == (2 + 2 + 3) * 2 * 2 * 3  # variants, types, sizes, numbers of ranks
    for row in rows:
        if int(row["workers"]) > ranks:
            assert row["status"] == "skipped" and f"started {ranks}" in row["note"]
        else:
            assert row["status"] in ("ok", "noisy") and float(row["error"]) < 1e-6
    assert {row["status"] for row in rows_of(out) if row["model"] == "serial"} <= {"ok", "noisy"}
    assert stdout.count(f"CSV   {out}") == 1
    assert {path.name for path in out.parent.iterdir()} == {"run.csv", "run.json"}
    facts = json.loads(out.with_suffix(".json").read_text())["models"]["mpi"]
    assert facts["ranks"] == f"{ranks} on 1 machine" and "MPI" in facts["library"]


@needs_mpi
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two CPUs")
def test_the_run_has_the_cpus_of_all_its_ranks(mark: str, out: pathlib.Path) -> None:
    # mpirun binds each of two ranks to a core of its own.
    status, _, stderr = run(mark, 2, *SMALL, "--rounds=1", f"--output={out}")
    assert status == 0, stderr
    topology = json.loads(out.with_suffix(".json").read_text())["topology"]
    assert len(topology["cpus"]) >= 2


@needs_mpi
@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--sizes=-1"], 2),
        (["--models=warp-drive"], 2),
        (["--benchmark_frobnicate=1"], 2),
        (["--output=/proc/no/run.csv", *SMALL], 3),
    ],
    ids=str,
)
def test_a_mistake_is_one_line_whatever_the_number_of_ranks(
    mark: str, arguments: list[str], status: int
) -> None:
    expect_refused(run(mark, 3, *arguments), status, mark)


@needs_mpi
@pytest.mark.parametrize("option", ["--list", "--help", "--version", "--machine"])
def test_what_prints_and_exits_prints_once_and_exits_with_0(mark: str, option: str) -> None:
    alone = subprocess.run([PROGRAM, option], capture_output=True, text=True, timeout=60)
    status, stdout, stderr = run(mark, 3, option)
    assert status == 0 and stderr == "", stderr
    if option not in ("--list", "--machine"):  # which have the model as well
        assert stdout == alone.stdout
    assert stdout.count("threads") > 0 or option == "--version"


@needs_mpi
@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("whom", ["mpirun", "rank 0"])
def test_a_signal_ends_the_run_with_its_summary(
    mark: str, out: pathlib.Path, which: signal.Signals, whom: str
) -> None:
    process = start(mark, 2, *ENDLESS, f"--output={out}")
    wait_for_rows(out, 5, process)
    os.kill(process.pid if whom == "mpirun" else processes(mark)[0], which)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode != 0
    if whom == "rank 0":
        assert process.returncode == 130, stderr
    assert stdout.count("ended: interrupted") == 1
    assert len(rows_of(out)) >= 5
    assert json.loads(out.with_suffix(".json").read_text())["status"] == "interrupted"


@needs_mpi
def test_a_signal_to_mpirun_ends_even_a_long_sample_with_its_summary(
    mark: str, out: pathlib.Path
) -> None:
    process = start(
        mark, 2, "--models=mpi", "--workloads=reduce", "--sizes=1000", "--min-time=2",
        f"--output={out}",
    )  # fmt: skip
    wait_for_rows(out, 1, process)
    time.sleep(0.5)
    process.terminate()
    stdout, _ = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "ended: interrupted" in stdout
    assert json.loads(out.with_suffix(".json").read_text())["status"] == "interrupted"


@needs_mpi
@pytest.mark.parametrize("models", ["mpi", "serial"])
def test_a_rank_that_dies_ends_the_run_and_keeps_what_was_measured(
    mark: str, out: pathlib.Path, models: str
) -> None:
    arguments = [*ENDLESS, f"--models={models}"]
    arguments.remove("--models=mpi")
    process = start(mark, 3, *arguments, f"--output={out}")
    wait_for_rows(out, 5, process)
    os.kill(processes(mark)[2], signal.SIGKILL)
    stdout, stderr = process.communicate(timeout=120)
    # Open MPI's mpirun returns what the first process returned that ended badly.
    assert process.returncode != 0
    assert own_lines(stderr) == ["crossover: mpi: rank 2 of 3 has ended (mpirun says how)"], stderr
    assert "ended: mpi: rank 2 of 3 has ended" in stdout
    rows = rows_of(out)
    assert len(rows) >= 5
    record = json.loads(out.with_suffix(".json").read_text())
    assert record["status"] == "failed" and "rank 2" in record["end_reason"]
    # And goes on from there.
    status, _, stderr = run(mark, 3, f"--resume={out}", "--list")
    assert status == 0, stderr


@needs_mpi
@pytest.mark.parametrize("whom", ["mpirun", "rank 0"])
def test_kill_9_leaves_whole_rows_and_no_process(mark: str, out: pathlib.Path, whom: str) -> None:
    shared = pathlib.Path("/dev/shm")
    before = set(shared.iterdir())
    process = start(mark, 3, *ENDLESS, f"--output={out}")
    wait_for_rows(out, 5, process)
    os.kill(process.pid if whom == "mpirun" else processes(mark)[0], signal.SIGKILL)
    process.communicate(timeout=120)
    assert process.returncode != 0
    assert len(rows_of(out)) >= 5
    # No process is left behind, by the fixture, nor MPI's shared memory.
    left = {path.name for path in set(shared.iterdir()) - before}
    assert [name for name in left if name.startswith(("vader_segment", "sm_segment"))] == []
