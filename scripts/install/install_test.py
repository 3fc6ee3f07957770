"""What is installed, by CMake and by pip: it works from any folder, and has no tests in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from analysis.planted.hardware import Hardware
from analysis.planted.runs import configurations, write_run

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
PROJECT = tomllib.loads((ROOT / "scripts/pyproject.toml").read_text())
READERS = [name.removeprefix("crossover-") for name in PROJECT["project"]["scripts"]]
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


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this build is installed."""
    folder = tmp_path_factory.mktemp("a prefix")
    done("cmake", "--install", BUILD, "--prefix", folder)
    return folder


@pytest.fixture
def user(tmp_path: Path) -> dict[str, str]:
    """A user's surroundings, whose python3 makes no environments."""
    stand_in = tmp_path / "stand-ins/python3"
    stand_in.parent.mkdir()
    stand_in.write_text(
        f'#!/bin/sh\n[ "$1 $2" != "-m venv" ] || {{ echo "$@"; exit 1; }}\n'
        f'exec {sys.executable} "$@"\n'
    )
    stand_in.chmod(0o755)
    path = f"{stand_in.parent}:{os.environ['PATH']}"
    return {"PATH": path, "XDG_CACHE_HOME": str(tmp_path / "cache"), "HOME": str(tmp_path / "home")}


def environment_of(prefix: Path, user: dict[str, str]) -> Path:
    """Where the readers want their Python packages; they cannot have them yet."""
    result = ended(prefix / "bin/crossover-report", "run.csv", env=user)
    assert result.returncode == 3, result.stderr
    asked = re.search(r"(?m)^-m venv --clear (\S+)$", result.stderr)
    assert asked, result.stderr
    return Path(asked[1])


@pytest.fixture
def set_up(prefix: Path, user: dict[str, str]) -> dict[str, str]:
    """The surroundings of one who has filled an environment by hand, for want of a network."""
    python = environment_of(prefix, user) / "bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return user


def readers_work(folder: Path, programs: Path, runs: list[Path], user: dict[str, str]) -> None:
    """Each of them, in a folder of its own."""
    for name in READERS:
        told = done(programs / f"crossover-{name}", "--help", cwd=folder, env=user)
        assert f"usage: crossover-{name}" in told
    done(programs / "crossover-report", *runs, "-o", "page.html", cwd=folder, env=user)
    # Without its JSON, what the columns mean is known from the package.
    runs[1].with_suffix(".json").unlink()
    done(programs / "crossover-report", runs[1], "-o", "bare.html", cwd=folder, env=user)
    # Interrupted, of which the page says how to go on.
    about = runs[0].with_suffix(".json")
    about.write_text(about.read_text().replace('"complete"', '"interrupted"'))
    done(programs / "crossover-report", runs[0], "-o", "part.html", cwd=folder, env=user)
    for name in ("page", "bare", "part"):
        page = (folder / f"{name}.html").read_text()
        # But for the command that the run was started by.
        page = page.replace("<code>build/crossover --preset", "")
        assert "<h1" in page and "scripts/" not in page and "build/crossover" not in page
    same = ended(programs / "crossover-compare", *runs, cwd=folder, env=user)
    assert same.returncode == 0 and "scripts/" not in same.stdout, same.stdout
    wrong = ended(programs / "crossover-report", "none.csv", cwd=folder, env=user)
    assert wrong.returncode == 3 and wrong.stderr.startswith("crossover-report: "), wrong.stderr


def test_what_cmake_installs_works_from_any_folder(
    tmp_path: Path, prefix: Path, runs: list[Path], set_up: dict[str, str]
) -> None:
    before = {path for path in prefix.rglob("*")}
    installed = [str(path) for path in before if path.is_file()]
    assert not [path for path in installed if any(part in path for part in NOT_INSTALLED)]
    done(prefix / "bin/crossover", "--version", cwd=tmp_path, env=set_up)
    linked = tmp_path / "links"
    linked.mkdir()
    for name in READERS:
        (linked / f"crossover-{name}").symlink_to(prefix / f"bin/crossover-{name}")
    readers_work(tmp_path, linked, runs, set_up)
    assert {path for path in prefix.rglob("*")} == before, "what was installed stays as it was"
    done("sh", "crossover-report", "--help", cwd=prefix / "bin", env=set_up)
    known = "from analysis.reference.reference import known; print(len(known()))"
    share = prefix / "share/crossover/scripts"
    references = list((ROOT / "results/reference").glob("*.json"))
    assert int(done(sys.executable, "-B", "-c", known, cwd=share)) == len(references) > 0


def test_without_an_environment_it_makes_one_in_the_users_cache(
    tmp_path: Path, prefix: Path, user: dict[str, str]
) -> None:
    assert environment_of(prefix, user).parent == tmp_path / "cache/crossover"
    del user["XDG_CACHE_HOME"]
    assert environment_of(prefix, user).parent == tmp_path / "home/.cache/crossover"
    del user["HOME"]
    result = ended(prefix / "bin/crossover-report", "run.csv", env=user)
    assert result.returncode == 3 and "set HOME or XDG_CACHE_HOME" in result.stderr


def test_an_environment_is_made_once(prefix: Path, user: dict[str, str]) -> None:
    """Whoever comes while another makes it waits, and finds it made."""
    folder = environment_of(prefix, user)
    made = folder.parent / "made"
    (Path(user["PATH"].split(":")[0]) / "python3").write_text(
        f'#!/bin/sh\n[ "$1 $2" = "-m venv" ] || exec {sys.executable} "$@"\n'
        f'echo once >>"{made}"\nsleep 1\nmkdir -p "$4/bin"\n'
        f'printf \'#!/bin/sh\\n[ "$2" = pip ] || exec {sys.executable} "$@"\\n\' '
        '>"$4/bin/python"\nchmod +x "$4/bin/python"\n'
    )
    reader = [prefix / "bin/crossover-report", "--help"]
    both = [subprocess.Popen(reader, env=user, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [one.wait(timeout=60) for one in both] == [0, 0]
    assert made.read_text() == "once\n"


def test_the_tarball_has_one_folder(tmp_path: Path) -> None:
    done("cpack", "-G", "TGZ", "-B", tmp_path, cwd=BUILD)
    (packed,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(packed) as archive:
        names = archive.getnames()
    assert {name.split("/")[0] for name in names} == {packed.name.removesuffix(".tar.gz")}
    for wanted in ("bin/crossover", "bin/crossover-report", "share/doc/crossover/copyright"):
        assert any(name.endswith(f"/{wanted}") for name in names), wanted


def test_the_program_is_the_processors(tmp_path: Path) -> None:
    """With programs for several levels, the highest that the loader calls supported."""
    levels = [tmp_path / f"crossover-{level}" for level in ("x86-64", "x86-64-v3", "x86-64-v4")]
    for program in levels:
        program.write_text(f'#!/bin/sh\necho {program.name} "$#" "$2"\nexit 7\n')
        program.chmod(0o755)
    configured = tmp_path / "build"
    done(
        "cmake", "-S", ROOT, "-B", configured, "-G", "Ninja", "-DCROSSOVER_TESTS=OFF",
        "-DCROSSOVER_CUDA=OFF", "-DCROSSOVER_MPI=OFF",
        f"-DCROSSOVER_LEVELS={';'.join(map(str, levels))}",
    )  # fmt: skip
    done("cmake", "--install", configured, "--prefix", tmp_path / "to")
    loader = Path("/lib64/ld-linux-x86-64.so.2")
    told = ended(loader, "--help").stdout if loader.exists() else ""
    able = re.findall(r"(?m)^ +(x86-64-v[34]) \(supported", told)
    (tmp_path / "link").symlink_to(tmp_path / "to/bin/crossover")
    for start in (tmp_path / "to/bin/crossover", tmp_path / "link"):
        result = ended(start, "--a", "b c")
        assert result.stdout == f"crossover-{max(able, default='x86-64')} 2 b c\n"
        assert result.returncode == 7
    shutil.copy(BUILD / "crossover", tmp_path / f"to/libexec/crossover/crossover-{max(able)}")
    done(tmp_path / "link", "--version")


def test_the_wheel_is_the_readers_alone(tmp_path: Path, runs: list[Path]) -> None:
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
    readers_work(tmp_path, programs, runs, {"PATH": os.environ["PATH"], "PYTHONPATH": str(site)})
    entries = (site / f"{built.name.split('-py3')[0]}.dist-info/entry_points.txt").read_text()
    assert sorted(entries.split("\n")[1:5]) == sorted(
        f"crossover-{name} = crossover:main" for name in READERS
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One that is ready to be released as 1.2.3, and whose package is a text."""
    (tmp_path / "scripts").mkdir()
    for name in ("release", "setup.sh", "packages.sh"):
        (tmp_path / "scripts" / name).write_bytes((ROOT / "scripts" / name).read_bytes())
    package = tmp_path / "scripts/package"
    package.write_text(
        "#!/bin/sh\nmkdir -p build-package && echo made >build-package/a.deb && "
        'echo "$PWD/build-package/a.deb"\n'
    )
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
    assert "  a.deb\n" in told and " build-package/a.deb" in told and "git tag v1.2.3" in told
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
    assert not (repository / "build-package").exists()


def test_a_version_is_released_once(repository: Path) -> None:
    done("git", "tag", "v1.2.3", cwd=repository)
    result = ended(repository / "scripts/release", "1.2.3", cwd=repository)
    assert result.returncode == 1 and "there is a tag v1.2.3" in result.stderr
    assert ended(repository / "scripts/release", "next", cwd=repository).returncode == 2


def test_the_wheel_needs_what_the_scripts_need() -> None:
    project = tomllib.loads((ROOT / "scripts/pyproject.toml").read_text())["project"]
    lines = (ROOT / "scripts/requirements.in").read_text().splitlines()
    assert project["dependencies"] == [line for line in lines if line and not line.startswith("#")]
