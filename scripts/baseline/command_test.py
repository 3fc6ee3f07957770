"""The command from outside: rows, exit statuses, and what is left behind however it ends."""

from __future__ import annotations

import csv
import getpass
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from analysis.compare.comparing import compare
from analysis.drawing import figure
from analysis.errors import Refused, UserError
from analysis.page.report import report
from analysis.reading.read import read_runs
from baseline import command, other_python, plan, web
from baseline.options import parse
from baseline.record import HEADER, ResultsFile

SCRIPTS = Path(__file__).resolve().parent.parent
QUICK = ["--sizes", "1Ki,4Ki", "--threads", "2", "--rounds", "2", "--min-time", "0.001"]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(SCRIPTS), "OPENBLAS_NUM_THREADS": "1", **more}


def run(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "baseline.command", *arguments],
        cwd=folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=120,
    )


def started(folder: Path, *arguments: str, **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "baseline.command", *arguments],
        cwd=folder,
        env=environment(**more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def session(leader: int) -> list[int]:
    """Processes of the session of `leader`, zombies not counted."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = path.read_text().rpartition(")")
        except OSError:
            continue
        state, _, _, of = rest.split()[:4]
        if int(of) == leader and state != "Z":
            found.append(int(name.split()[0]))
    return found


def shared_memory() -> set[str]:
    """What Python names so; other programs may come and go meanwhile."""
    return {n for n in os.listdir("/dev/shm") if n.startswith(("psm_", "pym-", "sem.", "mp-"))}


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("baseline")
    ended = run(folder, *QUICK, "--label", "here", "--output", "deep/inside/run.csv")
    assert ended.returncode == 0, ended.stderr
    assert "CSV   deep/inside/run.csv" in ended.stdout
    assert "numpy/vectorised" in ended.stdout
    return folder / "deep" / "inside" / "run.csv"


def test_rows_are_the_harnesss(finished: Path) -> None:
    lines = finished.read_text().splitlines()
    assert lines[0] == HEADER
    rows = rows_of(finished)
    measured = [r for r in rows if r["status"] in ("ok", "noisy")]
    # Two sizes of two workloads and one of those that have their own.
    if other_python.find() is None:
        assert len(measured) == 2 * (2 * 2 * 7 + 9 + 10)
        assert [r["note"] for r in rows if r["status"] == "skipped"] == [other_python.MISSING] * 5
    for r in measured:
        assert r["schema"] == "1"
        assert r["scope"] == "resident"
        assert int(r["iterations"]) * float(r["time_ns"]) >= 1e6
        size = {"double": 8, "reduce": 4}.get(r["workload"], 0) * int(r["elements"])
        assert int(r["bytes"]) == size
        assert float(r["gb_per_s"]) == pytest.approx(size / float(r["time_ns"]))
        assert (r["type"], r["device"]) == (plan.TYPES.get(r["workload"], "f32"), "cpu")
        assert float(r["error"]) < 1e-5
        served = r["variant"].startswith(("http", "werkzeug"))
        assert [bool(r[name]) for name in ("fast_median_ns", "fast_p99_ns")] == [served, served]
    orders = [
        [(r["workload"], r["variant"], r["elements"]) for r in measured if r["round"] == n]
        for n in ("0", "1")
    ]
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1])


def test_the_record_beside_it(finished: Path) -> None:
    text = finished.with_suffix(".json").read_text()
    record = json.loads(text)
    assert record["schema"] == 1
    assert record["run"] == rows_of(finished)[0]["run"]
    assert record["status"] == "complete"
    assert record["ended"] >= record["started"]
    assert record["options"]["sizes"] == "1Ki,4Ki"
    assert record["project"]["libraries"]["NumPy"]
    for private in ("deep/inside", str(finished.parent), f"/{getpass.getuser()}", os.getcwd()):
        assert private not in text
        assert private not in finished.read_text()


def test_it_tells_its_own_vocabulary(finished: Path) -> None:
    (found,) = read_runs([finished])
    known = found.vocabulary
    assert list(known.columns) == HEADER.split(",")
    assert all(c.meaning for c in known.columns.values())
    wait = known.workload("wait")
    assert (wait.kind, wait.unit, wait.types) == ("cost", "task", ("none",))
    assert known.role("python", "wait", "asyncio-block") == "best"
    for r in rows_of(finished):
        assert r["type"] in known.workload(r["workload"]).types
        assert r["scope"] in known.scopes
        ladder = [v.name for v in known.ladder(r["model"], r["workload"])]
        assert r["variant"] in ladder, ladder


def test_reports_and_comparisons_take_it(finished: Path) -> None:
    (found,) = read_runs([finished])
    assert found.left_out.incomplete == 0
    assert found.left_out.unknown_columns == []
    with figure.checked():
        document, _ = report([found])
    assert "What a Python user would pick" in document
    assert compare([found] * 2, [found] * 2, 0.02, []).configurations


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--sizes", "64k"], "'64k' is not a size"),
        (["--sizes", "0"], "out of range"),
        (["--sizes", "8Ki..1Ki"], "write 1Ki..8Ki"),
        (["--sizes", "1Ki..8Ki:x1"], "not a factor"),
        (["--sizes", "1Ki,,2Ki"], "empty entry"),
        (["--threads", "0"], "whole number from 1"),
        (["--threads", "4..2"], "write 2..4"),
        (["--models", "pyhton"], "unknown model"),
        (["--models", "python/loop"], "python has serial"),
        (["--workloads", "sort"], "known are double, reduce, count, wait"),
        (["--workloads", "wait", "--models", "numpy"], "none of these does any"),
        (["--types", "i8"], "known are f32, f64"),
        (["--rounds", "1.5"], "whole number"),
        (["--min-time", "-1"], "write seconds above 0"),
        (["--min-time", "nan"], "write seconds above 0"),
        (["--budget", "0"], "write seconds above 0"),
        (["--label", "a/b"], "is no label"),
        (["--label", "\u202ea"], "is no label"),
        (["--output", "run.txt"], "does not name a .csv file"),
        (["--nonsense"], "unrecognized arguments"),
        (["stray"], "unrecognized arguments"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_writes_nothing(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    ended = run(tmp_path, *arguments)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_was_named_must_run(tmp_path: Path) -> None:
    ended = run(tmp_path, "--models", "python/free-threaded,numpy", PATH="/nowhere")
    assert ended.returncode == 2
    assert "python/free-threaded cannot run here: no free-threaded Python found" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "has_werkzeug", lambda: False)
    models, absent = command.runnable(parse(["--models", "numpy,python"]))
    missing = {("python", "werkzeug"), ("python", "werkzeug-threaded")}
    assert {m: absent[m] for m in missing} == dict.fromkeys(missing, web.WERKZEUG_MISSING)
    assert ("python", "http-server") in models
    assert not missing & {*models}
    with pytest.raises(
        UserError, match="python/werkzeug cannot run here: no Werkzeug found: install"
    ):
        command.runnable(parse(["--models", "python/werkzeug"]))


def test_files_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "there.csv").touch()
    for output in ("there.csv", "there.csv/run.csv", "/proc/run.csv"):
        ended = run(tmp_path, *QUICK, "--output", output)
        assert ended.returncode == 3, output
        assert ended.stderr.count("\n") == 1
    assert (tmp_path / "there.csv").read_text() == ""


@pytest.mark.parametrize("there", ["run.csv", "run.json"])
def test_what_is_there_is_not_overwritten(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("precious")
    with pytest.raises(Refused, match=there):
        ResultsFile(tmp_path / "run.csv")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(there, "precious")]


def test_a_full_disk_keeps_every_row_whole(tmp_path: Path) -> None:
    many = [*QUICK, "--rounds", "1000", "--models", "python/serial,numpy", "--workloads", "reduce"]
    limited = f"ulimit -f 64; exec {sys.executable} -m baseline.command --quiet --output run.csv"
    ended = subprocess.run(
        ["bash", "-c", f"{limited} {' '.join(many)}"],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ended.returncode == 3, ended.stderr
    assert "cannot write to run.csv" in ended.stderr
    text = (tmp_path / "run.csv").read_text()
    assert text.endswith("\n")
    assert len(rows_of(tmp_path / "run.csv")) > 5
    assert all(r["status"] for r in rows_of(tmp_path / "run.csv"))


def test_a_wrong_result_is_status_1_and_a_failed_row(tmp_path: Path) -> None:
    code = (
        "import sys; from baseline import command, loops; loops.reduce = lambda x, b, e: 1.0; "
        "sys.exit(command.main())"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, *QUICK, "--models", "python/serial", "--output", "run.csv"],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ended.returncode == 1, ended.stderr
    failed = [r for r in rows_of(tmp_path / "run.csv") if r["status"] == "failed"]
    assert {r["workload"] for r in failed} == {"reduce"}
    assert len(failed) == 4
    assert all("the sum is 1.0 instead of" in r["note"] for r in failed)


def test_help_and_version(tmp_path: Path) -> None:
    shown = run(tmp_path, "--help")
    assert shown.returncode == 0
    assert "processes-queue" in shown.stdout
    assert "Exit status" in shown.stdout
    assert run(tmp_path, "--version").stdout.startswith("python-baseline 0.")


PROCESSES = [v for v in plan.DOUBLES["python"] if v.startswith("processes-")]
LONG = ["--sizes", "64Ki", "--threads", "2", "--rounds", "1000", "--output", "run.csv"]


def rows_appear(folder: Path, least: int = 10) -> None:
    for _ in range(2400):
        path = folder / "run.csv"
        if path.exists() and path.read_text().count("\n") > least:
            return
        time.sleep(0.05)
    raise AssertionError("no rows")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_keeps_its_rows(tmp_path: Path, number: int) -> None:
    before = shared_memory()
    process = started(tmp_path, *LONG)
    rows_appear(tmp_path)
    # As a terminal does: to the children too.
    os.killpg(process.pid, number)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 130, error
    assert "Traceback" not in error
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["status"] == "interrupted"
    assert all(r["status"] in ("ok", "noisy", "skipped") for r in rows_of(tmp_path / "run.csv"))
    assert session(process.pid) == []
    assert shared_memory() == before


@pytest.mark.parametrize(
    ("workload", "variant"),
    [*[("double", v) for v in PROCESSES], ("wait", "processes-block")],
)
def test_kill_9_leaves_nothing_behind(tmp_path: Path, workload: str, variant: str) -> None:
    before = shared_memory()
    named = tmp_path / "named"
    named.mkdir()
    chosen = ["--models", f"python/{variant}", "--workloads", workload, "--sizes", "16"]
    process = started(tmp_path, *LONG, *chosen, TMPDIR=str(named))
    rows_appear(tmp_path, 4)
    # This one, two workers and the server of a manager.
    while len(session(process.pid)) < 3 + (variant == plan.MANAGER):
        time.sleep(0.001)
    process.kill()
    process.communicate(timeout=120)
    for _ in range(1200):
        if not session(process.pid):
            break
        time.sleep(0.05)
    assert session(process.pid) == []
    assert shared_memory() == before
    assert list(named.iterdir()) == []
    (found,) = read_runs([tmp_path / "run.csv"])
    assert found.samples.height >= 4
    assert found.left_out.incomplete <= 1


def test_a_signal_that_a_destructor_swallows_still_ends_the_run(tmp_path: Path) -> None:
    code = (
        "import sys, os, signal; from baseline import command, sampling\n"
        "class Swallowing:\n"
        "    def __del__(self): os.kill(os.getpid(), signal.SIGINT)\n"
        "take, taken = sampling.take, []\n"
        "def take_and_stop(*arguments):\n"
        "    taken.append(arguments)\n"
        "    if len(taken) == 3: Swallowing()\n"
        "    return take(*arguments)\n"
        "sampling.take = take_and_stop\n"
        "sys.exit(command.main())"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, *QUICK, "--output", "run.csv"],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ended.returncode == 130
    assert "Traceback" not in ended.stderr
    assert len([r for r in rows_of(tmp_path / "run.csv") if r["iterations"]]) == 3
