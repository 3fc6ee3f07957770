"""What the tests of the program under mpirun share."""

from __future__ import annotations

import csv
import os
import pathlib
import shutil
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = pathlib.Path(os.environ.get("CROSSOVER_PROGRAM", ROOT / "build" / "crossover"))
# Marks the processes of one test in their environment, where /proc shows them.
MARK = "CROSSOVER_TEST_MARK"


def reason_without_mpi() -> str:
    """Why these tests cannot run: the program says so itself."""
    if shutil.which("mpirun") is None:
        return "there is no mpirun"
    alone = subprocess.run([PROGRAM, "--models=mpi", "--list"], capture_output=True, text=True)
    return alone.stderr if "built without MPI" in alone.stderr else ""


needs_mpi = pytest.mark.skipif(bool(reason_without_mpi()), reason=reason_without_mpi())


def environment(mark: str, **variables: str) -> dict[str, str]:
    # Open MPI refuses root, and more ranks than cores, unless it is told.
    return os.environ | {
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",  # to version 4
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",  # since version 5
        # All ranks are on this machine, and Open MPI 5 complains of networks that it does not need.
        "OMPI_MCA_btl": "^tcp",
        # What waits in MPI lets the others work: there may be more ranks than CPUs.
        "OMPI_MCA_mpi_yield_when_idle": "1",
        MARK: mark,
        **variables,
    }


def processes(mark: str, command: str = "crossover") -> list[int]:
    """Those of a test that run `command`, in the order of their ranks."""
    found = []
    for folder in pathlib.Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            variables = dict(
                entry.split("=", 1)
                for entry in (folder / "environ").read_text(errors="replace").split("\0")
                if "=" in entry
            )
            name = (folder / "comm").read_text().strip()
        except OSError:
            continue
        if variables.get(MARK) == mark and name == command:
            found.append((int(variables.get("OMPI_COMM_WORLD_RANK", -1)), int(folder.name)))
    return [process for _, process in sorted(found)]


def start(mark: str, ranks: int, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["mpirun", "-n", str(ranks), PROGRAM, *arguments],
        env=environment(mark, **variables), cwd=mark,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def run(mark: str, ranks: int, *arguments: str, **variables: str) -> tuple[int, str, str]:
    process = start(mark, ranks, *arguments, **variables)
    try:
        # On a busy machine with fewer CPUs than ranks a run takes minutes.
        stdout, stderr = process.communicate(timeout=300)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, stdout, stderr


def own_lines(stderr: str) -> list[str]:
    """Without those that mpirun adds of its own when a status is not 0."""
    return [line for line in stderr.splitlines() if line.startswith("crossover:")]


def expect_refused(ended: tuple[int, str, str], status: int, mark: str) -> None:
    """A run that ended so with one line, and left nothing behind."""
    returned, stdout, stderr = ended
    assert returned == status, stderr
    assert len(own_lines(stderr)) == 1, stderr
    assert stdout == ""
    assert list(pathlib.Path(mark).iterdir()) == []


def rows_of(path: pathlib.Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        records = list(csv.reader(file, strict=True))
    assert all(len(record) == len(records[0]) for record in records)
    return [dict(zip(records[0], record, strict=True)) for record in records[1:]]


def wait_for_rows(path: pathlib.Path, count: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not path.exists() or path.read_bytes().count(b"\n") <= count:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
