"""The commands' exit statuses, and one line for every mistake."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.compare import compare_command
from analysis.errors import Refused, run_command
from analysis.output import replace_file
from analysis.page import report_command
from analysis.planted.runs import Configuration, configurations, write_run
from analysis.reading.read_test import HARDWARE, written


def status_of(monkeypatch: pytest.MonkeyPatch, command, *arguments: object) -> int:  # noqa: ANN001
    monkeypatch.setattr("sys.argv", ["x", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        run_command("x", command.main)
    return int(ended.value.code or 0)


def test_exit_statuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    path = written(tmp_path)
    empty = tmp_path / "empty.csv"
    empty.touch()
    hard_link, fifo = tmp_path / "link.html", tmp_path / "fifo"
    hard_link.hardlink_to(path)
    os.mkfifo(fifo)
    damaged = tmp_path / "damaged.csv"
    damaged.write_text(path.read_text().splitlines()[0] + "\nx\ny,z\n")
    wanted = [
        (0, report_command, (path, "-o", tmp_path / "out.html")),
        (2, report_command, (empty,)),
        (2, report_command, ()),
        (2, report_command, (path, "--unknown")),
        (2, report_command, (path, "-o", path)),
        (2, report_command, (path, "-o", path.with_suffix(".json"))),
        (2, report_command, (path, "-o", hard_link)),
        (2, report_command, (damaged,)),
        (3, report_command, (path, "-o", fifo)),
        (3, report_command, (tmp_path / "missing.csv",)),
        (3, report_command, (path, "-o", tmp_path / "no" / "such" / "folder.html")),
        (3, report_command, (path, "-o", tmp_path)),
        (3, report_command, (path, "-o", tmp_path / "out.html", "--figures", path)),
        (0, compare_command, (path, path)),
        (2, compare_command, (path,)),
        (2, compare_command, (path, empty)),
        (2, compare_command, (path, path, "--threshold", "much")),
        (3, compare_command, (path, tmp_path / "missing.csv")),
        (3, compare_command, (path, path, "-o", tmp_path)),
        (2, compare_command, (path, path, "-o", path)),
    ]
    for status, command, arguments in wanted:
        capsys.readouterr()
        assert status_of(monkeypatch, command, *arguments) == status, arguments
        error = capsys.readouterr().err
        assert error.count("\n") == (status != 0), error


def test_nothing_in_common(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path)
    other: list[Configuration] = configurations(HARDWARE, workloads=("double",), sizes=[1024])
    second = write_run(tmp_path / "other.csv", other, hardware=HARDWARE, seed=2)
    assert status_of(monkeypatch, compare_command, path, second) == 2


def test_a_page_is_the_same_every_time(tmp_path: Path) -> None:
    path = written(tmp_path)
    pages = set()
    for seed in ("1", "2", "3"):
        command = [sys.executable, "-m", "analysis.page.report_command", path, "-o", "page.html"]
        place = {"PYTHONPATH": str(Path(__file__).parents[1]), "PYTHONHASHSEED": seed}
        subprocess.run(command, check=True, cwd=tmp_path, env={**os.environ, **place}, timeout=60)
        pages.add((tmp_path / "page.html").read_bytes())
    assert len(pages) == 1


@pytest.mark.parametrize("module", ["page.report_command", "compare.compare_command"])
def test_output_that_cannot_be_written_is_status_3(tmp_path: Path, module: str) -> None:
    path = written(tmp_path)
    command = [sys.executable, "-m", f"analysis.{module}", path]
    command += [path] if module.startswith("compare") else ["-o", tmp_path / "page.html"]
    scripts = Path(__file__).parents[1]
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=scripts
        )
    assert result.returncode == 3
    assert len(result.stderr.splitlines()) == 1, result.stderr


def test_a_page_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.html"
    page.write_text("whole")
    with monkeypatch.context() as patch, pytest.raises(Refused):
        patch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "full")))
        replace_file(page, b"half")
    assert page.read_text() == "whole" and list(tmp_path.iterdir()) == [page]
    replace_file(page, b"new")
    assert page.read_text() == "new" and page.stat().st_mode & 0o077 == 0o044


@pytest.mark.parametrize("command", ["report", "compare", "export", "reference", "python-baseline"])
def test_a_folder_that_holds_modules_of_its_own_is_no_trap(tmp_path: Path, command: str) -> None:
    for name in ("statistics", "csv", "analysis", "baseline"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(77)")
    program = Path(__file__).parents[1] / command
    ended = subprocess.run(
        [program, "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stderr
    assert f"usage: scripts/{command}" in ended.stdout or f"usage: {command}" in ended.stdout
