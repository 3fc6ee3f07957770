"""scripts/run --repeat: a series of runs, one page of them, and what cannot be repeated."""

from __future__ import annotations

import csv
import os
import pathlib
import signal
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SMALL = ["--models=serial", "--workloads=reduce", "--sizes=1Ki", "--rounds=1", "--min-time=0.0001"]


def run(*arguments: str | pathlib.Path, cwd: pathlib.Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts/run", *arguments], capture_output=True, text=True, timeout=1200, cwd=cwd
    )


def runs_in(files: list[pathlib.Path]) -> set[str]:
    return {row["run"] for file in files for row in csv.DictReader(file.open(newline=""))}


def test_a_series_has_a_file_a_run_and_one_page(tmp_path: pathlib.Path) -> None:
    out = tmp_path / "a b.csv"
    result = run("--repeat", "3", *SMALL, "--output", out, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    files = [tmp_path / f"a b-{i}.csv" for i in (1, 2, 3)]
    assert len(runs_in(files)) == 3, "fresh processes"
    told = [line for f in files for line in (f"CSV   {f}", f"JSON  {f.with_suffix('.json')}")]
    page = out.with_suffix(".html")
    assert result.stdout.splitlines()[-7:] == [*told, f"HTML  {page}"]
    assert sorted(tmp_path.iterdir()) == sorted(
        [*files, *(f.with_suffix(".json") for f in files), page]
    )
    assert all(file.name in page.read_text() for file in files)

    files[0].unlink()
    again = run("--repeat=3", *SMALL, f"--output={out}", cwd=tmp_path)
    assert again.returncode == 2
    assert again.stderr == (
        f"scripts/run: --repeat: {files[1]} is there already; give another --output.\n"
    )
    assert not files[0].exists(), "nothing was measured"


@pytest.mark.parametrize("output", [[], ["--output=."], ["--output={node}/{label}-{time}.csv"]])
def test_a_series_finds_names_of_its_own(tmp_path: pathlib.Path, output: list[str]) -> None:
    result = run("--repeat=2", *SMALL, "--label", "mine", *output, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    (page,) = tmp_path.rglob("mine-*Z.html")
    folder = page.parent
    assert folder.name in ("results", tmp_path.name, os.uname().nodename.split(".")[0])
    assert sorted(folder.glob("*.csv")) == [folder / f"{page.stem}-{i}.csv" for i in (1, 2)]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--repeat"], "number of runs is missing"),
        (["--repeat="], "'' is no number of runs from 1 to 99"),
        (["--repeat", "0"], "'0' is no number"),
        (["--repeat=100"], "'100' is no number"),
        (["--repeat=-1"], "'-1' is no number"),
        (["--repeat=2x"], "'2x' is no number"),
        (["--repeat=2", "--list"], "--list measures nothing"),
        (["--machine", "--repeat=2"], "--machine measures nothing"),
        (["--repeat=2", "--help"], "--help measures nothing"),
        (["--repeat=2", "--resume", "a.csv"], "--resume goes on with one run"),
        (["--repeat=2", "--resume=a.csv"], "--resume goes on with one run"),
        (["--repeat=2", "--output"], "--output lacks its value"),
    ],
)
def test_a_mistake_is_told_in_one_line(
    tmp_path: pathlib.Path, arguments: list[str], says: str
) -> None:
    result = run(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith("scripts/run: --repeat: ") and says in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_what_one_run_refuses_is_not_repeated(tmp_path: pathlib.Path) -> None:
    result = run("--repeat=3", "--types=f16", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.count("--types") == 1
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_ends_the_series_with_a_page(tmp_path: pathlib.Path) -> None:
    options = [*SMALL[:3], "--rounds=9", "--min-time=0.2", "--output=x.csv"]
    series = subprocess.Popen(
        [ROOT / "scripts/run", "--repeat=3", *options],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        second = tmp_path / "x-2.csv"
        end = time.monotonic() + 1000
        while not (second.exists() and second.read_text().count("\n") > 2):
            assert series.poll() is None and time.monotonic() < end
            time.sleep(0.02)
        os.killpg(series.pid, signal.SIGINT)
        out, _ = series.communicate(timeout=300)
    finally:
        if series.poll() is None:
            os.killpg(series.pid, signal.SIGKILL)
    assert series.returncode == 130
    assert out.splitlines()[-5:] == [
        "CSV   x-1.csv", "JSON  x-1.json", "CSV   x-2.csv", "JSON  x-2.json", "HTML  x.html"
    ]  # fmt: skip
    assert (tmp_path / "x.html").exists() and not (tmp_path / "x-3.csv").exists()
