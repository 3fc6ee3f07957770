"""The commands' exit statuses, and one line for every mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.compare import compare_command
from analysis.errors import run_command
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
    wanted = [
        (0, report_command, (path, "-o", tmp_path / "out.html")),
        (2, report_command, (empty,)),
        (2, report_command, ()),
        (2, report_command, (path, "--unknown")),
        (2, report_command, (path, "-o", path)),
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
