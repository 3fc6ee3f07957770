"""Fixtures of the tests under mpirun."""

from __future__ import annotations

import os
import pathlib
import signal
import time
from collections.abc import Iterator

import pytest
from mpi_testing import processes


@pytest.fixture
def mark(tmp_path: pathlib.Path) -> Iterator[str]:
    """Whatever a test does, it leaves no process behind."""
    yield str(tmp_path)
    deadline = time.monotonic() + 5
    # The mpirun of Open MPI 5 is called prterun.
    while left := [
        process
        for command in ("crossover", "mpirun", "prterun")
        for process in processes(str(tmp_path), command)
    ]:
        if time.monotonic() > deadline:
            for process in left:
                os.kill(process, signal.SIGKILL)
            pytest.fail(f"{len(left)} processes were left behind")
        time.sleep(0.05)


@pytest.fixture
def out(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "run.csv"
