"""What is installed, by CMake and by pip: it works from any folder, and has no tests in it."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis.planted.hardware import Hardware
from analysis.planted.runs import configurations, write_run

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
READERS = ["report", "compare", "fleet", "export", "reference"]
NOT_INSTALLED = ("_test.py", "/planted/", "/sentences/", "conftest.py", ".csv", ".pyc")


def ended(*command: object, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=300, **more
    )


def done(*command: object, **more: object) -> str:
    result = ended(*command, **more)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two runs in a folder that is no checkout."""
    hardware = Hardware("lab", gpu=False, cores=2, smt=1)
    planned = configurations(hardware, workloads=("double",), sizes=[1024, 65536])
    return [
        write_run(tmp_path / f"{name}.csv", planned, 7, hardware=hardware, seed=seed)
        for seed, name in enumerate(("one", "two"), 1)
    ]


@pytest.fixture
def user(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A user's surroundings; in its cache, an environment as the set-up would make it."""
    bin_folder = tmp_path / "cache/crossover/venv/bin"
    bin_folder.mkdir(parents=True)
    python = bin_folder / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    requirements = (ROOT / "scripts/requirements.txt").read_text()
    (bin_folder.parent / "requirements.txt.installed").write_text(f"{python}\n{requirements}")
    yield {"PATH": os.environ["PATH"], "XDG_CACHE_HOME": str(tmp_path / "cache"), "HOME": "/none"}


def readers_work(folder: Path, programs: Path, runs: list[Path], user: dict[str, str]) -> None:
    """Each of them, in a folder of its own."""
    for name in READERS:
        told = done(programs / f"crossover-{name}", "--help", cwd=folder, env=user)
        assert f"usage: crossover-{name}" in told
    done(programs / "crossover-report", *runs, "-o", "page.html", cwd=folder, env=user)
    page = (folder / "page.html").read_text()
    assert "lab" in page and "scripts/report" not in page
    same = ended(programs / "crossover-compare", *runs, cwd=folder, env=user)
    assert same.returncode == 0 and "scripts/" not in same.stdout, same.stdout
    wrong = ended(programs / "crossover-report", "none.csv", cwd=folder, env=user)
    assert wrong.returncode == 3 and wrong.stderr.startswith("crossover-report: "), wrong.stderr


def test_what_cmake_installs_works_from_any_folder(
    tmp_path: Path, runs: list[Path], user: dict[str, str]
) -> None:
    prefix = tmp_path / "opt"
    done("cmake", "--install", BUILD, "--prefix", prefix)
    installed = [str(path) for path in prefix.rglob("*") if path.is_file()]
    assert not [path for path in installed if any(part in path for part in NOT_INSTALLED)]
    done(prefix / "bin/crossover", "--version", cwd=tmp_path, env=user)
    linked = tmp_path / "links"
    linked.mkdir()
    for name in READERS:
        (linked / f"crossover-{name}").symlink_to(prefix / f"bin/crossover-{name}")
    readers_work(tmp_path, linked, runs, user)
    known = "from analysis.reference.reference import known; print(len(known()))"
    share = prefix / "share/crossover/scripts"
    assert int(done(sys.executable, "-c", known, cwd=share)) == len(
        list((ROOT / "results/reference").glob("*.json"))
    )
    assert not (ROOT / "scripts/build").exists()


def test_without_an_environment_it_makes_one_in_the_users_cache(
    tmp_path: Path, user: dict[str, str]
) -> None:
    prefix = tmp_path / "opt"
    done("cmake", "--install", BUILD, "--prefix", prefix)
    stand_ins = tmp_path / "stand-ins"
    stand_ins.mkdir()
    python = stand_ins / "python3"
    python.write_text('#!/bin/sh\n[ "$1 $2" != "-m venv" ] || { echo "$@"; exit 1; }\n')
    python.chmod(0o755)
    user |= {"XDG_CACHE_HOME": str(tmp_path / "new"), "PATH": f"{stand_ins}:{user['PATH']}"}
    result = ended(prefix / "bin/crossover-report", "run.csv", env=user, cwd=tmp_path)
    assert result.returncode == 3
    assert f"-m venv --clear {tmp_path}/new/crossover/venv" in result.stderr


def test_the_tarball_has_one_folder(tmp_path: Path) -> None:
    done("cpack", "-G", "TGZ", "-B", tmp_path, cwd=BUILD)
    (packed,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(packed) as archive:
        names = archive.getnames()
    assert {name.split("/")[0] for name in names} == {packed.name.removesuffix(".tar.gz")}
    for wanted in ("bin/crossover", "bin/crossover-report", "share/doc/crossover/README.md"):
        assert any(name.endswith(f"/{wanted}") for name in names), wanted


def test_the_program_is_the_processors(tmp_path: Path) -> None:
    """With programs for several levels, the highest that the loader calls supported."""
    programs = tmp_path / "libexec/crossover"
    (tmp_path / "bin").mkdir()
    programs.mkdir(parents=True)
    start = tmp_path / "bin/crossover"
    start.write_bytes((ROOT / "scripts/packaging/levels").read_bytes())
    start.chmod(0o755)
    for level in ("x86-64", "x86-64-v3", "x86-64-v4"):
        program = programs / f"crossover-{level}"
        program.write_text(f'#!/bin/sh\necho {level} "$#" "$2"\nexit 7\n')
        program.chmod(0o755)
    loader = Path("/lib64/ld-linux-x86-64.so.2")
    told = ended(loader, "--help").stdout if loader.exists() else ""
    levels = [level for level in ("x86-64-v4", "x86-64-v3") if f"{level} (supported" in told]
    result = ended(start, "--a", "b c")
    assert result.stdout.split("\n")[0] == f"{[*levels, 'x86-64'][0]} 2 b c"
    assert result.returncode == 7


def test_the_wheel_is_the_readers_alone(
    tmp_path: Path, runs: list[Path], user: dict[str, str]
) -> None:
    wheel = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    done(*wheel, "--wheel-dir", tmp_path, ROOT / "scripts", cwd=tmp_path)
    (built,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(built) as archive:
        names = archive.namelist()
        archive.extractall(site)
    assert {name.split("/")[0].split("-")[0] for name in names} == {
        "crossover",
        "crossover_readers",
    }
    assert not [name for name in names if any(part in name for part in NOT_INSTALLED)]
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in READERS:
        program = programs / f"crossover-{name}"
        program.write_text(f"#!{sys.executable}\nfrom crossover import main\nmain()\n")
        program.chmod(0o755)
    readers_work(tmp_path, programs, runs, {"PATH": user["PATH"], "PYTHONPATH": str(site)})
    entries = (site / f"{built.name.split('-py3')[0]}.dist-info/entry_points.txt").read_text()
    assert sorted(entries.split("\n")[1:6]) == sorted(
        f"crossover-{name} = crossover:main" for name in READERS
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One that is ready to be released as 1.2.3, and whose package is a text."""
    (tmp_path / "scripts").mkdir()
    for name in ("release", "setup.sh", "packages.sh"):
        (tmp_path / "scripts" / name).write_bytes((ROOT / "scripts" / name).read_bytes())
    package = tmp_path / "scripts/package"
    package.write_text(f"#!/bin/sh\necho made > {tmp_path}/build.deb\necho {tmp_path}/build.deb\n")
    for script in (package, tmp_path / "scripts/release"):
        script.chmod(0o755)
    (tmp_path / "CMakeLists.txt").write_text("project(crossover VERSION 1.2.3 LANGUAGES CXX)\n")
    (tmp_path / "CHANGELOG.md").write_text("## Unreleased\n\n## 1.2.3 - 2027-01-01\n\n- New\n")
    (tmp_path / ".gitignore").write_text("/build*\n")
    commit(tmp_path)
    return tmp_path


def commit(folder: Path) -> None:
    identity = ["-c", "user.name=A", "-c", "user.email=a@b"]
    done("git", "init", "-q", cwd=folder)
    done("git", "add", ".", cwd=folder)
    done("git", *identity, "commit", "-qm", "All", cwd=folder)


def test_what_is_ready_is_packed_and_not_published(repository: Path) -> None:
    told = done(repository / "scripts/release", "1.2.3", cwd=repository)
    assert f"  {repository}/build.deb" in told and "git tag v1.2.3" in told
    assert done("git", "tag", cwd=repository) == ""


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("CMakeLists.txt", "project(crossover VERSION 1.2.2 LANGUAGES CXX)\n", "has version 1.2.2"),
        ("CHANGELOG.md", "## Unreleased\n", "has no line '## 1.2.3 - "),
        (
            "CHANGELOG.md",
            "## Unreleased\n\n- A\n\n## 1.2.3 - 2027-01-01\n",
            "has entries under Unreleased: 1",
        ),
    ],
)
def test_what_is_not_ready_is_told(repository: Path, file: str, text: str, why: str) -> None:
    (repository / file).write_text(text)
    result = ended(repository / "scripts/release", "1.2.3", cwd=repository)
    assert result.returncode == 1 and "has changes that are not committed" in result.stderr
    commit(repository)
    result = ended(repository / "scripts/release", "1.2.3", cwd=repository)
    assert result.returncode == 1 and result.stderr.count("\n") == 1 and why in result.stderr
    assert not (repository / "build.deb").exists()


def test_a_version_is_released_once(repository: Path) -> None:
    done("git", "tag", "v1.2.3", cwd=repository)
    result = ended(repository / "scripts/release", "1.2.3", cwd=repository)
    assert result.returncode == 1 and "there is a tag v1.2.3" in result.stderr
    assert ended(repository / "scripts/release", "next", cwd=repository).returncode == 2


def test_the_wheel_needs_what_the_scripts_need() -> None:
    project = tomllib.loads((ROOT / "scripts/pyproject.toml").read_text())["project"]
    lines = (ROOT / "scripts/requirements.in").read_text().splitlines()
    assert project["dependencies"] == [line for line in lines if line and not line.startswith("#")]
