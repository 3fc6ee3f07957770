"""Worker processes in the built program: whatever ends it or them, nothing stays behind."""

from __future__ import annotations

import contextlib
import csv
import os
import pathlib
import signal
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = pathlib.Path(os.environ.get("CROSSOVER_PROGRAM", ROOT / "build" / "crossover"))
VARIANTS = ["shm", "mapped-file", "file", "spawn", "pipe", "socket", "queue"]
# Seconds of a sample in a run that is ended from outside: workers that are made for each operation
# are there for moments only, and a busy machine must have many of them to see one.
LONG = "5"


def start(
    variant: str, out: pathlib.Path, *arguments: str, min_time: str = "0.3", beside: str = "serial,"
) -> subprocess.Popen[str]:
    """A run of a few seconds in a session of its own, with its own folder for temporary files."""
    out.parent.mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        [
            PROGRAM,
            "--workloads=double",
            f"--models={beside}processes/{variant}",
            "--sizes=64Ki",
            "--threads=3",
            f"--min-time={min_time}",
            "--rounds=4",
            "--precision=0.01",
            f"--output={out}",
            *arguments,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(out.parent)},
    )


def processes_of(session: int) -> dict[int, str]:
    """The processes of a session and their states."""
    found = {}
    for folder in pathlib.Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session:
            found[int(folder.name)] = fields[0]
    return found


class EndedEarlyError(Exception):
    """A run has ended, and no worker was seen."""


def children_of(process: int) -> list[int]:
    """Its children. Where the system lists them, that takes microseconds, in which few end."""
    lists = list(pathlib.Path(f"/proc/{process}/task").glob("*/children"))
    if not lists:
        return [one for one in processes_of(process) if one != process]
    found = ""
    for path in lists:
        with contextlib.suppress(OSError):
            found += f" {path.read_text()}"
    return [int(one) for one in found.split()]


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """Its workers, as soon as it has some."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if workers := children_of(process.pid):
            return workers
        if process.poll() is not None:
            raise EndedEarlyError(process.stderr.read())
    raise AssertionError("no worker has been seen")


def named_things() -> set[pathlib.Path]:
    """Shared memory and message queues that have a name."""
    folders = [pathlib.Path("/dev/shm"), pathlib.Path("/dev/mqueue")]
    return {path for folder in folders if folder.is_dir() for path in folder.iterdir()}


def expect_nothing_left(session: int, before: set[pathlib.Path], out: pathlib.Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        # A dead worker whose parent is dead is for the system's first process to bury.
        if all(state == "Z" for state in processes_of(session).values()):
            break
        time.sleep(0.01)
    else:
        raise AssertionError(f"still there: {processes_of(session)}")
    assert not {path for path in named_things() - before if "crossover" in path.name}
    assert {path.suffix for path in out.parent.iterdir()} <= {".csv", ".json"}


def rows_of(path: pathlib.Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, strict=True))


@pytest.fixture
def out(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "runs" / "run.csv"


@pytest.mark.parametrize("variant", VARIANTS)
def test_kill_9_leaves_nothing(variant: str, out: pathlib.Path) -> None:
    before = named_things()
    process = start(variant, out, min_time=LONG, beside="")
    workers_of(process)
    time.sleep(0.05)
    process.kill()
    process.communicate(timeout=120)
    expect_nothing_left(process.pid, before, out)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_killed_worker_is_a_failed_row_and_the_run_goes_on(
    variant: str, out: pathlib.Path
) -> None:
    before = named_things()
    process = start(variant, out)
    # Between two operations that fork there is none, and one that was seen may have ended.
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(ProcessLookupError, EndedEarlyError):
            os.kill(workers_of(process)[0], signal.SIGKILL)
        time.sleep(0.02)
        if out.exists() and any(row["status"] == "failed" for row in rows_of(out)):
            break
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1, errors
    rows = rows_of(out)
    failed = [row for row in rows if row["status"] == "failed"]
    assert failed
    assert all("was killed by signal 9" in row["note"] for row in failed)
    assert all(row["model"] == "processes" and row["time_ns"] == "" for row in failed)
    assert len(rows) == 8, "a row for each model in every round"
    assert any(row["model"] == "processes" and row["error"] == "0" for row in rows)
    expect_nothing_left(process.pid, before, out)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_whole_group_ends_the_run_in_order(
    which: signal.Signals, variant: str, out: pathlib.Path
) -> None:
    before = named_things()
    process = start(variant, out, min_time=LONG, beside="")
    workers_of(process)
    os.killpg(process.pid, which)
    text, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert text.count("ended: ") == 1, "a worker has printed as well"
    assert "killed" not in errors
    assert all(row["status"] != "failed" for row in rows_of(out))
    expect_nothing_left(process.pid, before, out)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_end_of_a_run_leaves_nothing(variant: str, out: pathlib.Path) -> None:
    before = named_things()
    process = start(variant, out, min_time="0.01")
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert processes_of(process.pid) == {}
    expect_nothing_left(process.pid, before, out)
