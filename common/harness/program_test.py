"""The built program as its users meet it: files, signals, refusals, survival."""

from __future__ import annotations

import csv
import json
import os
import pathlib
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

# What started the tests may have it ignored, as nohup does, and a run leaves it so.
signal.signal(signal.SIGHUP, signal.SIG_DFL)

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("CROSSOVER_PROGRAM", ROOT / "build" / "crossover"))
HEADER = [
    "schema",
    "run",
    "label",
    "time",
    "workload",
    "type",
    "elements",
    "bytes",
    "model",
    "variant",
    "scope",
    "workers",
    "device",
    "round",
    "iterations",
    "time_ns",
    "gb_per_s",
    "error",
    "status",
    "note",
]
SMALL = [
    "--workloads=double,reduce",
    "--sizes=1Ki,64Ki",
    "--threads=1,2",
    "--min-time=0.0005",
    "--label=test",
]
# Of the program's own columns: those that name a sample.
IDENTITY = [
    "workload",
    "type",
    "elements",
    "model",
    "variant",
    "scope",
    "workers",
    "device",
    "round",
]


def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *arguments], capture_output=True, text=True, timeout=120, **options
    )


def start(*arguments: str, cwd: pathlib.Path | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd
    )


def cpu_seconds_until_the_end(process: subprocess.Popen[str], which: signal.Signals) -> float:
    """What a program computes after a signal: the time it waits for others is not its own."""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(") ")[2].split()
    before = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    others = resource.getrusage(resource.RUSAGE_CHILDREN)
    process.send_signal(which)
    process.wait(60)
    all_of_them = resource.getrusage(resource.RUSAGE_CHILDREN)
    return all_of_them.ru_utime + all_of_them.ru_stime - others.ru_utime - others.ru_stime - before


def rows_of(path: pathlib.Path) -> list[dict[str, str]]:
    """All whole lines, strictly: as many fields as the header has."""
    with path.open(newline="") as file:
        records = list(csv.reader(file, strict=True))
    assert records[0][: len(HEADER)] == HEADER
    assert len(set(records[0])) == len(records[0]), "a column twice"
    assert all(len(record) == len(records[0]) for record in records)
    return [dict(zip(records[0], record, strict=True)) for record in records[1:]]


def identities(rows: list[dict[str, str]]) -> list[tuple[str, ...]]:
    return [tuple(row[column] for column in IDENTITY) for row in rows]


def record_of(path: pathlib.Path) -> dict:
    return json.loads(path.with_suffix(".json").read_text())


def wait_for_rows(path: pathlib.Path, count: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 300  # only to end a hang: on busy cores gigabytes take a minute
    while not path.exists() or path.read_bytes().count(b"\n") <= count:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def out(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "runs" / "run.csv"


def test_a_run_writes_a_complete_csv_and_its_record(out: pathlib.Path) -> None:
    result = run(*SMALL, "--rounds=3", f"--output={out}")
    assert result.returncode == 0, result.stderr
    assert "3 rounds in " in result.stderr
    rows = rows_of(out)
    assert len(rows) == len(set(identities(rows)))
    names = run(*SMALL, "--list").stdout.split()
    measured = [row for row in rows if row["status"] != "skipped"]
    assert len(measured) == 3 * len(names)
    for row in measured:
        assert row["schema"] == "1" and row["label"] == "test" and row["run"] == rows[0]["run"]
        assert row["status"] in ("ok", "noisy")
        assert (row["note"] == "") == (row["status"] == "ok")
        assert float(row["time_ns"]) * int(row["iterations"]) >= 0.0005e9
        assert float(row["gb_per_s"]) == pytest.approx(float(row["bytes"]) / float(row["time_ns"]))
        assert float(row["error"]) < 1e-6
        size = {"f32": 4, "f64": 8}[row["type"]] * int(row["elements"])
        assert float(row["bytes"]) == size * {"double": 2, "reduce": 1}[row["workload"]]
    record = record_of(out)
    assert record["status"] == "complete" and record["run"] == rows[0]["run"]
    assert record["started"] <= rows[0]["time"] <= rows[-1]["time"] <= record["ended"]
    text = json.dumps(record) + out.read_text()
    assert str(out.parent) not in text and os.environ.get("HOME", "/root") + "/" not in text
    assert result.stdout.splitlines()[-2:] == [f"CSV   {out}", f"JSON  {out.with_suffix('.json')}"]
    summary = result.stdout.splitlines()
    assert len(summary) <= 33  # 30, and how it ended and where it lies
    assert any("double f32 at 64.0 Ki (256 KiB an array)" in line for line in summary)
    assert "about" in result.stdout, "three rounds are too few for an interval"
    assert "\r" not in result.stderr and "\x1b" not in result.stderr, "a log gets plain lines"


def test_costs_are_times_with_columns_of_their_own(out: pathlib.Path) -> None:
    arguments = [
        "--workloads=count,create,switch,wait,chase",
        "--threads=1,2",
        "--min-time=0.002",
        "--rounds=1",
    ]
    result = run(*arguments, f"--output={out}")
    assert result.returncode == 0, result.stderr
    rows = [row for row in rows_of(out) if row["status"] != "skipped"]
    assert {row["workload"] for row in rows} >= {"count", "create", "wait", "chase"}
    for row in rows:
        assert row["status"] in ("ok", "noisy")
        assert float(row["time_ns"]) > 0
        assert float(row["bytes"]) == float(row["gb_per_s"]) == 0
        assert float(row["error"]) == 0 or row["variant"] == "unsynchronised"
        mixed = (row["workload"], row["variant"]) == ("wait", "mixed")
        assert (row["fast_median_ns"] != "") == (row["fast_p99_ns"] != "")
        assert row["fast_median_ns"] == "" or mixed
        assert (row["voluntary_switches"] != "") == (row["workload"] == "switch")
        # Two thousand single round trips tell every percentile, if time allows so many.
        single = row["workload"] == "switch" or row["variant"] in ("block", "compute")
        assert (row["op_max_ns"] != "") == (row["clock_ns"] != "") == single
        assert row["op_p999_ns"] != "" or not row["variant"].endswith("-1-core")
        forks = row["model"] == "processes" and row["variant"] in ("fork", "posix-spawn")
        assert row["cuda_context"] == ("0" if forks else "")
        if row["worker_bytes"]:
            assert row["workload"] == "create"
    assert "count, per increment: " in result.stdout and "wait, per task: " in result.stdout


def test_sizes_for_arrays_leave_other_workloads_alone() -> None:
    names = run("--sizes=1Gi", "--list").stdout.split()
    assert "double/f32/serial/loop/resident/n:1073741824/w:1" in names
    assert any(name.startswith("count/") for name in names)
    assert all("n:1073741824" in n for n in names if n.startswith(("double", "reduce")))
    assert not any("n:1073741824" in n for n in names if n.startswith(("count", "wait")))
    names = run("--workloads=count", "--sizes=1Gi", "--list").stdout.split()
    assert names and all("n:1073741824" in name for name in names)


def test_the_default_file_is_named_by_label_and_time(tmp_path: pathlib.Path) -> None:
    result = run("--models=serial", "--sizes=1Ki", "--rounds=1", "--label=here", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "1 round in " in result.stderr
    names = sorted(path.name for path in (tmp_path / "results").iterdir())
    assert len(names) == 2 and all(name.startswith("here-20") for name in names)


def test_an_existing_file_is_not_overwritten(out: pathlib.Path) -> None:
    out.parent.mkdir()
    out.write_text("precious")
    result = run(*SMALL, "--rounds=1", f"--output={out}")
    assert result.returncode == 3
    assert out.read_text() == "precious"
    assert len(result.stderr.strip().splitlines()[-1:]) == 1 and str(out) in result.stderr


def test_kill_9_at_any_moment_leaves_what_was_measured_and_resume_completes_it(
    out: pathlib.Path,
) -> None:
    randomly = random.Random(1)
    arguments = [*SMALL, "--rounds=6", "--precision=0.001", "--models=serial,threads,openmp"]
    process = start(*arguments, f"--output={out}")
    wait_for_rows(out, 1, process)
    before: list[tuple[str, ...]] = []
    for _ in range(12):
        time.sleep(randomly.uniform(0, 0.03))
        process.kill()
        process.communicate()
        seen = identities(rows_of(out))
        assert seen[: len(before)] == before, "rows of an earlier part are lost or changed"
        before = seen
        assert record_of(out)["status"] in ("running", "complete")
        process = start(f"--resume={out}")
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    rows = rows_of(out)
    assert len({row["run"] for row in rows}) == 1
    names = run(*arguments, "--list").stdout.split()
    assert len(identities(rows)) == len(set(identities(rows))) == 6 * len(names)
    assert record_of(out)["status"] == "complete"
    # Again: nothing is left to do.
    assert run(f"--resume={out}").returncode == 0
    assert rows_of(out) == rows


def test_a_torn_last_line_is_measured_anew(out: pathlib.Path) -> None:
    arguments = [*SMALL, "--rounds=2", "--models=serial", f"--output={out}"]
    assert run(*arguments).returncode == 0
    whole = rows_of(out)
    out.write_bytes(out.read_bytes()[:-25])
    assert run(f"--resume={out}").returncode == 0
    assert identities(rows_of(out)) == identities(whole)


def edit_record(out: pathlib.Path, change: Callable[[dict], object]) -> None:
    record = record_of(out)
    change(record)
    out.with_suffix(".json").write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda r: r["machine"]["cpu"].update(model="Another CPU"), "Another CPU"),
        (lambda r: r["machine"].update(memory_bytes=1), "memory"),
        (lambda r: r.update(schema=99), "schema"),
        (lambda r: r["project"].update(commit="0000000"), "commit"),
        (lambda r: r["project"].update(flags="-O0"), "flags"),
        (lambda r: r.pop("options"), "options"),
    ],
)
def test_resume_refuses_another_machine_schema_or_build(
    out: pathlib.Path, change: Callable[[dict], object], word: str
) -> None:
    assert run(*SMALL, "--rounds=1", "--models=serial", f"--output={out}").returncode == 0
    kept = out.read_bytes()
    edit_record(out, change)
    result = run(f"--resume={out}")
    assert result.returncode == 2
    assert len(result.stderr.strip().splitlines()) == 1 and word in result.stderr
    assert out.read_bytes() == kept


def test_resume_refuses_options_that_disagree_and_files_that_are_none(
    out: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    assert run(*SMALL, "--rounds=1", "--models=serial", f"--output={out}").returncode == 0
    result = run(f"--resume={out}", "--min-time=7")
    assert result.returncode == 2 and "--min-time" in result.stderr
    rows = len(rows_of(out))
    assert run(f"--resume={out}", "--rounds=2").returncode == 0
    assert len(rows_of(out)) > rows, "a round more"
    result = run(f"--resume={tmp_path / 'missing.csv'}")
    assert result.returncode == 2 and "missing" in result.stderr
    broken = tmp_path / "broken.csv"
    broken.write_text("a,b\n1,2\n")
    broken.with_suffix(".json").write_text(out.with_suffix(".json").read_text())
    kept = broken.read_bytes()
    assert run(f"--resume={broken}").returncode == 2
    assert broken.read_bytes() == kept


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_run_within_a_second_with_its_summary(
    out: pathlib.Path, which: signal.Signals
) -> None:
    process = start(*SMALL, "--rounds=100000", "--precision=0.00001", f"--output={out}")
    wait_for_rows(out, 200, process)
    assert cpu_seconds_until_the_end(process, which) < 1
    stdout, _ = process.communicate()
    assert process.returncode == 130
    assert "double f32 at" in stdout and f"CSV   {out}" in stdout
    assert len(rows_of(out)) >= 20
    assert record_of(out)["status"] == "interrupted" and record_of(out)["ended"]


def test_a_signal_ends_even_a_long_operation_within_a_second(out: pathlib.Path) -> None:
    process = start("--models=serial", "--sizes=1Ki,1Gi", "--rounds=1000", f"--output={out}")
    wait_for_rows(out, 1, process)
    time.sleep(0.5)
    assert cpu_seconds_until_the_end(process, signal.SIGINT) < 1
    process.communicate()
    assert process.returncode == 130
    assert record_of(out)["status"] == "interrupted"


# Ends the program as the mpirun of Open MPI 5 does, which reads nothing any more of what it writes,
# and says on standard error what it computed meanwhile, in seconds.
LAUNCHER = """
import os, pathlib, resource, subprocess, sys, time
rows = pathlib.Path(sys.argv[1])
program = subprocess.Popen(sys.argv[2:], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
while not rows.exists() or rows.read_bytes().count(b"\\n") < 2:
    assert program.poll() is None
    time.sleep(0.01)
time.sleep(0.5)
fields = pathlib.Path(f"/proc/{program.pid}/stat").read_text().rpartition(") ")[2].split()
before = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
program.terminate()
program.wait()
all_of_it = resource.getrusage(resource.RUSAGE_CHILDREN)
print(all_of_it.ru_utime + all_of_it.ru_stime - before, file=sys.stderr)
"""


def ended_by(
    launcher: str, out: pathlib.Path, **options: object
) -> subprocess.CompletedProcess[str]:
    """A run in the midst of a sample, as far as /proc shows under a launcher of that name."""
    command = out.parents[1] / launcher
    command.symlink_to(pathlib.Path(sys.executable).resolve())
    return subprocess.run(
        [
            command, "-c", LAUNCHER, out,
            PROGRAM, "--models=serial", "--workloads=reduce", "--sizes=1Ki", "--min-time=2",
            f"--output={out}",
        ],
        env=os.environ | {"PRTE_LAUNCHED": "1"}, text=True, stderr=subprocess.PIPE, timeout=120,
        **options,
    )  # fmt: skip


def test_under_a_mpirun_that_drops_output_the_summary_goes_where_its_own_does(
    out: pathlib.Path,
) -> None:
    launcher = ended_by("prterun", out, stdout=subprocess.PIPE)
    # PRRTE kills after 250 ms; this is twice that, and less than without it.
    assert float(launcher.stderr) < 0.5
    assert launcher.stdout.count("ended: interrupted") == 1
    assert record_of(out)["status"] == "interrupted" and record_of(out)["ended"]


def test_what_mpirun_has_written_to_its_file_stays_there(out: pathlib.Path) -> None:
    log = out.parents[1] / "log"
    with log.open("w") as file:
        file.write("of mpirun\n")
        file.flush()
        ended_by("prterun", out, stdout=file)
    text = log.read_text()
    assert text.startswith("of mpirun\n") and text.count("ended: interrupted") == 1


def test_a_daemon_of_the_launchers_is_not_written_to(out: pathlib.Path) -> None:
    launcher = ended_by("prted", out, stdout=subprocess.PIPE)
    assert launcher.stdout == ""
    assert record_of(out)["status"] == "interrupted"


def test_an_unwritable_folder_ends_with_3(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    result = run(*SMALL, f"--output={tmp_path / 'file' / 'run.csv'}")
    assert result.returncode == 3
    assert "run.csv" in result.stderr or "file" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_full_disk_ends_with_3_and_keeps_every_row_that_was_told(out: pathlib.Path) -> None:
    def limit() -> None:
        # Room for the JSON, which describes everything there is, and for some rounds.
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))

    result = run(*SMALL, "--rounds=1000", "--precision=0.0001", f"--output={out}", preexec_fn=limit)
    assert result.returncode == 3
    assert "run.csv" in result.stderr.splitlines()[-1]
    rows = rows_of(out)
    assert len(rows) > 20
    assert record_of(out)["status"] == "failed"


def test_what_does_not_fit_is_skipped_with_the_reason(out: pathlib.Path) -> None:
    result = run("--models=serial", "--sizes=1Ki,64Ti", "--rounds=2", f"--output={out}")
    assert result.returncode == 0, result.stderr
    skipped = [row for row in rows_of(out) if row["status"] == "skipped"]
    assert len(skipped) == 2
    assert all("memory" in row["note"] and row["time_ns"] == "" for row in skipped)
    assert "not measured: serial/loop: needs 268435456.0 MiB of memory" in result.stdout


def test_an_address_space_limit_counts_as_memory(out: pathlib.Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))

    result = run(
        "--workloads=double,reduce",
        "--models=serial",
        "--sizes=1Ki,512Mi",
        "--rounds=1",
        f"--output={out}",
        preexec_fn=limit,
    )
    assert result.returncode == 0, result.stderr
    assert {row["status"] for row in rows_of(out) if row["elements"] != "1024"} == {"skipped"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--sizes=99999999999999999999"],
        ["--sizes=-1"],
        ["--sizes="],
        ["--sizes=1Ki,,2Ki"],
        ["--threads=0"],
        ["--threads=1e9"],
        ["--models=warp-drive"],
        ["--models=openmp/dynamic"],
        ["--workloads=doubel"],
        ["--types=f16"],
        ["--scopes=cosmic"],
        ["--filter=("],
        ["--filter=nothing matches this"],
        ["--rounds=0"],
        ["--precision=-2"],
        ["--budget=soon"],
        ["--min-time=0"],
        ["--preset=leisurely"],
        ["--output=run.txt"],
        ["--output={host}.csv"],
        ["--frobnicate"],
        ["stray"],
        ["--benchmark_frobnicate=1"],
        ["--rounds=1", "--rounds=2"],
    ],
    ids=" ".join,
)
def test_a_mistake_is_one_line_and_status_2_and_writes_nothing(
    arguments: list[str], tmp_path: pathlib.Path
) -> None:
    result = run(*arguments, cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_tasks_of_a_node_write_a_file_each(tmp_path: pathlib.Path) -> None:
    arguments = [
        "--workloads=reduce",
        "--models=serial",
        "--sizes=1Ki",
        "--rounds=2",
        "--label=lab",
    ]
    for output in ("--output={node}.csv", "--output=new/"):
        tasks = [start(*arguments, output, cwd=tmp_path) for _ in range(3)]
        assert [task.wait(timeout=120) for task in tasks] == [0, 0, 0]
    node = os.uname().nodename.split(".")[0]
    names = sorted(path.name for path in tmp_path.glob("*.csv"))
    assert names == sorted([f"{node}.csv", f"{node}-2.csv", f"{node}-3.csv"])
    assert len(list(tmp_path.glob("new/lab-*Z*.csv"))) == 3
    assert len({rows_of(path)[0]["run"] for path in tmp_path.rglob("*.csv")}) == 6
    assert all(path.with_suffix(".json").exists() for path in tmp_path.rglob("*.csv"))


def test_list_prints_names_that_filter_takes(tmp_path: pathlib.Path) -> None:
    listed = run(*SMALL, "--list", cwd=tmp_path).stdout.split()
    assert "reduce/f32/openmp/static/resident/n:65536/w:2" in listed
    one = run(*SMALL, "--list", f"--filter=^{listed[3]}$", cwd=tmp_path).stdout.split()
    assert one == [listed[3]]
    assert list(tmp_path.iterdir()) == []


def test_machine_prints_json_without_names_or_paths() -> None:
    result = run("--machine")
    assert result.returncode == 0
    machine = json.loads(result.stdout)
    assert machine["cpu"]["threads"] >= 1
    assert f'"{os.uname().nodename}"' not in result.stdout and '"/' not in result.stdout


def test_help_names_every_option_and_version_is_short() -> None:
    text = run("--help").stdout
    for option in [
        "workloads",
        "models",
        "variants",
        "types",
        "sizes",
        "threads",
        "sms",
        "scopes",
        "scaling",
        "pin",
        "device",
        "preset",
        "rounds",
        "min-time",
        "precision",
        "budget",
        "filter",
        "list",
        "machine",
        "output",
        "resume",
        "label",
        "quiet",
        "version",
    ]:
        assert f"--{option}" in text
    version = run("--version")
    assert version.returncode == 0 and version.stdout.startswith("crossover 0.")


def test_quiet_is_silent(out: pathlib.Path) -> None:
    result = run(*SMALL, "--rounds=1", "--models=serial", "--quiet", f"--output={out}")
    assert result.returncode == 0 and result.stderr == result.stdout == ""
    assert len(rows_of(out)) > 0


def test_google_benchmark_json_covers_all_rounds(out: pathlib.Path, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "benchmark.json"
    result = run(
        *SMALL, "--rounds=3", "--models=serial", f"--output={out}", f"--benchmark_out={path}"
    )
    assert result.returncode == 0, result.stderr
    benchmarks = json.loads(path.read_text())["benchmarks"]
    assert len(benchmarks) == 3 * 4
    assert {b["repetition_index"] for b in benchmarks} == {0, 1, 2}
    assert "double/f32/serial/loop/resident/n:1024/w:1" in {b["name"] for b in benchmarks}


def test_the_quota_of_more_workers_than_cpus_is_marked(out: pathlib.Path) -> None:
    many = len(os.sched_getaffinity(0)) + 1
    result = run("--workloads=double", "--models=threads/pool", f"--threads={many}", "--sizes=1Ki",
                 "--rounds=1", "--min-time=0.001", f"--output={out}")  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert all(row["status"] == "noisy" and "CPUs" in row["note"] for row in rows_of(out))


def test_the_affinity_mask_is_honoured(out: pathlib.Path) -> None:
    cpu = max(os.sched_getaffinity(0))
    result = run(
        "--sizes=1Ki", "--rounds=1", "--min-time=0.001", "--models=threads/pool", f"--output={out}",
        preexec_fn=lambda: os.sched_setaffinity(0, {cpu}),
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert {row["workers"] for row in rows_of(out)} == {"1"}
    assert [entry["cpu"] for entry in record_of(out)["topology"]["cpus"]] == [cpu]
