"""The built program where files, streams and limits are against it: nothing is lost, and the exit
status is the right one."""

from __future__ import annotations

import concurrent.futures
import csv
import fcntl
import itertools
import json
import os
import pathlib
import pty
import resource
import signal
import subprocess
import termios
import time
from collections.abc import Callable

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("CROSSOVER_PROGRAM", ROOT / "build" / "crossover"))
SMALL = ["--workloads=reduce", "--models=serial", "--sizes=1Ki", "--min-time=0.001", "--label=test"]
LONG = ["--rounds=100000", "--precision=0.00001"]

# What started the tests may have it ignored, as nohup does, and a run leaves it so.
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def run(*arguments: str | pathlib.Path, **options: object) -> subprocess.CompletedProcess[str]:
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.run([PROGRAM, *arguments], text=True, timeout=120, **streams)


def rows_of(path: pathlib.Path) -> list[dict[str, str]]:
    """All whole lines, strictly: as many fields as the header has."""
    with path.open(newline="") as file:
        records = list(csv.reader(file, strict=True))
    assert records[0][0] == "schema"
    assert all(len(record) == len(records[0]) for record in records)
    return [dict(zip(records[0], record, strict=True)) for record in records[1:]]


def record_of(path: pathlib.Path) -> dict:
    return json.loads(path.with_suffix(".json").read_text())


def assert_whole(path: pathlib.Path, rounds: int = 3) -> None:
    assert [row["round"] for row in rows_of(path)] == [str(i) for i in range(rounds)]
    assert record_of(path)["status"] == "complete"


def one_line(result: subprocess.CompletedProcess[str], status: int) -> str:
    """What a run that was refused says."""
    assert result.returncode == status, result
    assert len(result.stderr.splitlines()) == 1, result.stderr
    return result.stderr


def limited(which: int, most: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(which, (most, most))


def started(out: pathlib.Path, *arguments: str, **options: object) -> subprocess.Popen[str]:
    """A long run that has measured something."""
    process = subprocess.Popen(
        [PROGRAM, *SMALL, *LONG, f"--output={out}", *arguments],
        text=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options,
    )
    deadline = time.monotonic() + 60
    while not out.exists() or out.read_bytes().count(b"\n") < 5:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return process


@pytest.fixture
def out(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "run.csv"


# Streams


@pytest.mark.parametrize("closed", [[0], [1], [2], [1, 2], [0, 1, 2]], ids=str)
def test_a_closed_stream_gets_nothing_of_ours_for_its_number(
    out: pathlib.Path, closed: list[int]
) -> None:
    def close() -> None:
        for descriptor in closed:
            os.close(descriptor)

    result = run(*SMALL, "--rounds=3", f"--output={out}", preexec_fn=close)
    assert result.returncode == 0
    assert_whole(out)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_full_stream_harms_no_run(out: pathlib.Path, stream: str) -> None:
    with open("/dev/full", "w") as full:
        result = run(*SMALL, "--rounds=3", f"--output={out}", **{stream: full})
    assert result.returncode == 0
    assert_whole(out)


def test_readers_that_leave_harm_no_run(out: pathlib.Path) -> None:
    process = subprocess.Popen(
        [PROGRAM, *SMALL, "--rounds=3", f"--output={out}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    process.stderr.close()
    assert process.wait(120) == 0
    assert_whole(out)


def test_a_reader_that_reads_nothing_holds_no_run_up(out: pathlib.Path) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    while True:
        try:
            os.write(writing, b"x" * 4096)
        except BlockingIOError:
            break
    os.set_blocking(writing, True)
    result = run(*SMALL, "--rounds=3", f"--output={out}", stderr=writing)
    os.close(reading)
    os.close(writing)
    assert result.returncode == 0
    assert_whole(out)


def test_a_terminal_that_closes_ends_a_run_as_ctrl_c_does(out: pathlib.Path) -> None:
    ours, its = pty.openpty()
    process = started(
        out, stdin=its, stdout=its, stderr=its, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(its)
    os.close(ours)
    assert process.wait(120) == 130
    assert len(rows_of(out)) >= 4 and record_of(out)["status"] == "interrupted"


def test_what_nohup_has_ignored_ends_no_run(out: pathlib.Path) -> None:
    process = started(out, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    size = out.stat().st_size
    process.send_signal(signal.SIGHUP)
    while out.stat().st_size < 3 * size:
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode == 130


@pytest.mark.parametrize("option", ["--help", "--version", "--list", "--machine"])
def test_an_answer_that_cannot_be_written_is_status_3(option: str) -> None:
    with open("/dev/full", "w") as full:
        assert "standard output" in one_line(run(option, stdout=full), 3)
    result = run(option, preexec_fn=lambda: os.close(1))
    assert "standard output" in one_line(result, 3)


# Files


def test_a_json_of_somebody_else_is_not_overwritten(out: pathlib.Path) -> None:
    out.with_suffix(".json").write_text("precious")
    assert "run.json" in one_line(run(*SMALL, "--rounds=3", f"--output={out}"), 3)
    assert out.with_suffix(".json").read_text() == "precious"
    assert not out.exists()


def test_a_json_that_cannot_be_written_leaves_no_csv(out: pathlib.Path) -> None:
    result = run(*SMALL, f"--output={out}", preexec_fn=limited(resource.RLIMIT_FSIZE, 4096))
    assert "run.json" in one_line(result, 3)
    assert list(out.parent.iterdir()) == []
    out.with_suffix(".json").mkdir()
    assert "run.json" in one_line(run(*SMALL, f"--output={out}"), 3)
    assert not out.exists()


def test_a_name_that_was_left_to_the_program_is_free(tmp_path: pathlib.Path) -> None:
    processes = [
        subprocess.Popen([PROGRAM, *SMALL, "--rounds=1", "--quiet"], cwd=tmp_path) for _ in range(4)
    ]
    assert [process.wait(120) for process in processes] == [0] * 4
    files = list((tmp_path / "results").iterdir())
    assert len(files) == 8
    runs = {record_of(file)["run"] for file in files if file.suffix == ".json"}
    assert len(runs) == 4


@pytest.mark.parametrize("name", ["run.csv", "run.json", "../{folder}/run.json"])
def test_benchmark_out_is_none_of_the_run_s_own_files(out: pathlib.Path, name: str) -> None:
    path = out.parent / name.format(folder=out.parent.name)
    result = run(*SMALL, f"--output={out}", f"--benchmark_out={path}")
    assert "--benchmark_out" in one_line(result, 2)
    assert list(out.parent.iterdir()) == []


def test_benchmark_out_is_a_new_file(out: pathlib.Path) -> None:
    there = out.parent / "there.json"
    there.write_text("precious")
    assert "there.json" in one_line(run(*SMALL, f"--output={out}", f"--benchmark_out={there}"), 3)
    assert there.read_text() == "precious"
    assert list(out.parent.iterdir()) == [there]
    run(*SMALL, "--rounds=1", f"--output={out}")
    new = out.parent / "new.json"
    result = run(*SMALL, f"--output={out}", f"--benchmark_out={new}")
    assert "run.json" in one_line(result, 3)
    assert not new.exists()


def test_benchmark_out_on_a_full_disk_ends_with_3(out: pathlib.Path) -> None:
    samples = out.parent / "samples.json"
    result = run(
        *SMALL, *LONG, f"--output={out}", f"--benchmark_out={samples}",
        preexec_fn=limited(resource.RLIMIT_FSIZE, 250_000),
    )  # fmt: skip
    assert result.returncode == 3
    assert "samples.json" in result.stderr.splitlines()[-1]
    assert len(rows_of(out)) == len(json.loads(samples.read_text())["benchmarks"]) > 20
    assert record_of(out)["status"] == "failed"


@pytest.mark.parametrize(
    ("what", "word"),
    [
        (lambda path: path.unlink(), "removed"),
        (lambda path: os.truncate(path, 0), "written to"),
        (lambda path: path.rename(path.with_name("elsewhere.csv")), "moved away"),
    ],
)
def test_a_csv_that_somebody_removes_or_changes_is_written_again_beside_it(
    out: pathlib.Path, what: Callable[[pathlib.Path], None], word: str
) -> None:
    process = started(out)
    what(out)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 3
    rescued = out.with_name("run.rescued.csv")
    assert word in errors.splitlines()[-1] and str(rescued) in errors.splitlines()[-1]
    assert str(rescued) in output
    rows = rows_of(rescued)
    assert len(rows) >= 4
    assert [row["round"] for row in rows] == [str(i) for i in range(len(rows))]
    for record in (record_of(out), record_of(rescued)):
        assert record["status"] == "failed" and record["run"] == rows[0]["run"]


# Runs that go on


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.update(run="0b9c2a8e-5a41-4b3e-9a63-0f6a3e1c7d52"),
        lambda record: record.update(seed="x"),
        lambda record: record.update(seed=-1),
        lambda record: record.pop("seed"),
        lambda record: record["options"].update(rounds=3),
        lambda record: record.update(machine={}),
    ],
)
def test_resume_refuses_a_record_of_another_run_or_a_damaged_one(
    out: pathlib.Path, change: Callable[[dict], object]
) -> None:
    assert run(*SMALL, "--rounds=1", f"--output={out}").returncode == 0
    record = record_of(out)
    change(record)
    out.with_suffix(".json").write_text(json.dumps(record))
    before = {path: path.read_bytes() for path in out.parent.iterdir()}
    one_line(run(f"--resume={out}", "--rounds=2"), 2)
    assert before == {path: path.read_bytes() for path in out.parent.iterdir()}


# Limits


def test_little_address_space_skips_models_or_ends_with_3(tmp_path: pathlib.Path) -> None:
    def limit(mebibytes: float) -> Callable[[], None]:
        return limited(resource.RLIMIT_AS, int(mebibytes * (1 << 20)))

    # Below, not even the libraries can be loaded; how much they are depends on the build.
    least = next(m for m in range(4, 1000) if run("--version", preexec_fn=limit(m)).returncode == 0)
    ends = [run("--version", preexec_fn=limit(least - m / 20)).returncode for m in range(20)]
    # Less than that ends with 3 as long as the libraries can be loaded (they may be what takes
    # most), which is theirs to refuse.
    assert set(itertools.dropwhile(lambda status: status in (0, 3), ends)) <= {
        1, 127, -signal.SIGSEGV,
    }  # fmt: skip
    for times in (1, 1.1, 1.3, 1.6, 2, 4):
        out = tmp_path / str(times) / "run.csv"
        result = run("--workloads=reduce", "--sizes=1Ki", "--rounds=1", "--min-time=0.001",
                     f"--output={out}", preexec_fn=limit(times * least))  # fmt: skip
        assert_ended_in_order(out, result)


@pytest.mark.parametrize("descriptors", [4, 5, 6, 8, 10, 12])
def test_few_descriptors_skip_models_or_end_with_3(out: pathlib.Path, descriptors: int) -> None:
    limit = limited(resource.RLIMIT_NOFILE, descriptors)
    result = run("--workloads=reduce", "--sizes=1Ki", "--rounds=1", "--min-time=0.001",
                 f"--output={out}", preexec_fn=limit)  # fmt: skip
    assert_ended_in_order(out, result)


def assert_ended_in_order(out: pathlib.Path, result: subprocess.CompletedProcess[str]) -> None:
    """Done or refused; then its files are whole and say so, or there are none."""
    assert result.returncode in (0, 3), result
    assert result.stderr.count("crossover: ") == (result.returncode == 3), result.stderr
    files = {path.name for path in out.parent.iterdir()} if out.parent.exists() else set()
    if out.name not in files:
        assert result.returncode == 3 and files == set(), result
        return
    assert files == {out.name, out.with_suffix(".json").name}, result
    assert {row["status"] for row in rows_of(out)} <= {"ok", "noisy", "skipped"}
    status = record_of(out)["status"]
    assert (status == "complete") == (result.returncode == 0), result


def with_fault(out: pathlib.Path, fault: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    library = PROGRAM.parent / "crossover_faults.so"
    assert library.exists(), "build it"
    environment = os.environ | {"LD_PRELOAD": str(library), "CROSSOVER_FAULT": fault}
    return run("--workloads=reduce", "--sizes=1Ki", "--min-time=0.0001", "--threads=1,2",
               f"--output={out}", *arguments, env=environment)  # fmt: skip


@pytest.mark.parametrize("first", range(1, 12))
def test_no_thread_to_be_had_skips_models_or_ends_with_3(out: pathlib.Path, first: int) -> None:
    assert_ended_in_order(out, with_fault(out, f"thread:{first}+", "--rounds=1"))


# libgomp and oneTBB would end the program.
@pytest.mark.parametrize("model", ["openmp", "stdpar", "threads"])
def test_a_model_without_its_threads_is_skipped(out: pathlib.Path, model: str) -> None:
    result = with_fault(out, "thread:2+", f"--models={model}", "--rounds=1")
    assert result.returncode == 0, result.stderr
    statuses = {row["workers"]: (row["status"], row["note"]) for row in rows_of(out)}
    assert statuses["1"][0] in ("ok", "noisy")
    assert statuses["2"][0] == "skipped" and "refused thread" in statuses["2"][1]


@pytest.mark.parametrize(
    ("kind", "calls", "arguments"),
    [
        ("write", range(1, 61), ["--models=serial", "--rounds=30", "--precision=0.001"]),
        # Most of the first are the command line's.
        (
            "memory",
            [*range(1, 200, 4), *(int(200 * 1.07**i) for i in range(100))],
            ["--models=serial,threads,openmp,stdpar", "--rounds=1"],
        ),
    ],
)
def test_whichever_call_fails_no_row_is_lost(
    tmp_path: pathlib.Path, kind: str, calls: list[int], arguments: list[str]
) -> None:
    def attempt(which: int) -> int:
        out = tmp_path / f"{which}" / "run.csv"
        result = with_fault(out, f"{kind}:{which}", "--quiet", *arguments)
        assert_ended_in_order(out, result)
        if kind == "write" and out.exists():
            rounds = [int(row["round"]) for row in rows_of(out)]
            assert rounds == list(range(len(rounds)))
        return result.returncode

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        statuses = list(pool.map(attempt, calls))
    assert statuses.count(3) > 20, "the faults were none"
