"""The documents keep their promises: every command in them runs, or stands in NOT_RUN with its
reason; every option and link is there, and the README's summary is of the run that it names.

The shell blocks of a page run one after the other in a folder that looks like the checkout. Under
scripts/, build/ and on the PATH are stand-ins, which hand over to the real programs and keep small
what would measure for minutes. Nothing else is on the PATH.
"""

from __future__ import annotations

import csv
import functools
import os
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "cpu"))
from mpi_testing import PROGRAM, environment, reason_without_mpi  # noqa: E402

PAGES = [
    *[ROOT / name for name in ("README.md", "CONTRIBUTING.md", "results/README.md")],
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "docs/compare-in-ci.yml",
]
MARKDOWN = [page for page in PAGES if page.suffix == ".md"]
# Whatever follows these words; options of the project's own scripts are looked up in their --help.
NOT_RUN = {
    "git clone": "it needs the address of a repository",
    "cmake --preset": "it configures what these tests run in",
    "cmake --build": "it builds what these tests run",
    "bencher run": "it needs an account",
    "scripts/run --with": "it builds for minutes: own_workload_test.py does, with this page's file",
    "scripts/reference": "it refuses a CPU that it cannot identify: reference_test.py has one",
    "build/harness_test": "CTest runs it, for a minute",
    "scripts/test": "it runs this test",
    "scripts/format": "it changes files",
    "scripts/fuzz": "it builds by clang, for minutes",
    "scripts/torture": "it takes the seconds that it is given",
    "scripts/simulate-compare": "it takes minutes: simulation_test.py runs less of it",
    "scripts/gpu-check": "it needs a GPU",
    "scripts/versus-likwid": "it needs likwid-bench and minutes",
    "scripts/slurm-test": "it needs root and Slurm",
    "scripts/try-distribution": "it needs root, a network and 4 GB",
    "scripts/release": "it wants a clean tree: install_test.py has one",
    "scripts/package": "it builds for minutes: install_test.py packs what is built",
    "sudo apt-get": "it needs root: scripts/try-distribution --packages does",
    "crossover": "it is not installed: install_test.py has it so",
    "crossover-report": "it is not installed: install_test.py has it so",
    "pipx": "it needs a network: install_test.py has the wheel",
}
PASSED_ON = ["report", "compare", "export", "fleet"]
# Of programs that are none of the project's.
FOREIGN_OPTIONS = {
    *("--delay-time", "--bind-to", "--oversubscribe", "--allow-run-as-root"),
    *("--ntasks-per-node", "--nodelist", "--mpi", "--install"),
}

STAND_IN = r"""#!/bin/bash
export PATH=$REAL_PATH
name=$(basename "$(dirname "$0")")/$(basename "$0")
name=${name#bin/}
small=(--workloads double --models serial,threads --threads 1,2 --sizes 1Ki)
small+=(--rounds 8 --min-time 0.0005)

# What the harness would measure it lists, unless something is made of the results.
crossover() {
  local program=$PROGRAM
  if [[ " $* " == *" cuda "* ]]; then program=${PROGRAM}_emulated; fi
  case " $* " in
    *" --help "* | *" --list "* | *" --machine "* | *" --version "*) "$program" "$@" ;;
    *" --output "*) "$program" "$@" "${small[@]}" ;;
    *) "$program" "$@" --list ;;
  esac
}

run() {
  case "$*" in
    "--preset quick") "$ROOT/scripts/run" "$@" "${small[@]}" ;;
    "--repeat "[1-9]" --output "*)
      for ((i = 1; i <= $2; ++i)); do crossover --output "${4%.csv}-$i.csv" || return; done
      ;;
    *) crossover "$@" ;;
  esac
}

mark() { printf '%s\t%s\n' "$1" "$name $2" >>"$LOG"; }

while IFS= read -r words; do
  if [[ "$name $* " == "$words "* ]]; then
    mark 'not run' "$*"
    exit 0
  fi
done <"$NOT_RUN"
case $name in
  scripts/run) run "$@" ;;
  build/crossover) crossover "$@" ;;
  scripts/python-baseline) "$ROOT/$name" "$@" --sizes 1Ki --rounds 1 --min-time 0.0005 --quiet ;;
  scripts/*) "$ROOT/$name" "$@" ;;
  mpirun) mpirun "$@" ;;
  srun)
    while [[ $1 == -* && $1 != --mpi=* ]]; do shift 2; done
    if [[ $1 == --mpi=* ]]; then
      shift 5
      mpirun -n 2 "$@"
    else
      for node in n1 n2 n3; do PATH=$SANDBOX/bin "$@" --label "$node" || exit; done
    fi
    ;;
  *) false ;;
esac
status=$?
# What was measured in so few samples may well differ.
if [[ $name == scripts/compare && " $* " == *" --fail-on "* && $status == 1 ]]; then status=0; fi
if [[ $name == scripts/fleet && $status == 1 ]]; then status=0; fi
mark "$status" "$*"
exit "$status"
"""


def fences(page: Path) -> list[tuple[str, str]]:
    """Language and text of each block, of a workflow the commands of each step."""
    text = page.read_text()
    if page.suffix == ".md":
        return re.findall(r"(?ms)^ *```([^\n]*)\n(.*?)^ *```$", text)
    text = re.sub(r"(?m)^( *)# ", r"\1  ", text)
    steps = re.findall(r"(?m)^( *)(?:- )?run: (?:\|\n((?:\1 +.*\n)+)|(.+\n))", text)
    return [("sh", block or line) for _, block, line in steps]


def shell(page: Path) -> list[str]:
    return [text for language, text in fences(page) if language == "sh"]


@functools.cache
def help_of(program: str) -> str:
    path = ROOT / program
    if program in ("scripts/run", "build/crossover"):
        path = PROGRAM
    assert os.access(path, os.X_OK), f"there is no {program}"
    return subprocess.run([path, "--help"], capture_output=True, text=True, timeout=60).stdout


def unknown_options(command: str) -> set[str]:
    program = re.sub(r"^(?:new|base)/", "", command.split()[0])
    return set(re.findall(r"(?<=\s)--[a-z][a-z-]*", command)) - set(
        re.findall(r"--[a-z][a-z-]*", help_of(program))
    )


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("measured") / "run.csv"
    small = ["--workloads=double", "--models=serial", "--sizes=1Ki", "--rounds=1", "--quiet"]
    subprocess.run([PROGRAM, *small, "--min-time=0.0005", f"--output={run}"], check=True)
    return run


@pytest.fixture
def sandbox(tmp_path: Path, measured: Path) -> Path:
    """What a reader of the documents has: the checkout, and files that the examples name."""
    for folder in ("bin", "build", "results"):
        (tmp_path / folder).mkdir()
    (tmp_path / "scripts").mkdir()
    stand_in = tmp_path / "stand-in"
    stand_in.write_text(STAND_IN)
    stand_in.chmod(0o755)
    own = {words.split()[0] for words in NOT_RUN if re.match("scripts/|build/", words)}
    own |= {f"scripts/{name}" for name in ("run", "python-baseline", *PASSED_ON)}
    foreign = {words.split()[0] for words in NOT_RUN if "/" not in words} | {"mpirun", "srun"}
    for name in (*own, "build/crossover", *(f"bin/{name}" for name in foreign)):
        (tmp_path / name).symlink_to(stand_in)
    for name in ("bash", "hostname"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or name)
    for name in ("crossover", "new", "base"):
        (tmp_path / name).symlink_to(".")
    for name in ("RUN.csv", "OTHER.csv", "results/FILE.csv"):
        for suffix in (".csv", ".json"):
            shutil.copy(measured.with_suffix(suffix), (tmp_path / name).with_suffix(suffix))
    kept = "results/xeon-vm-2-cores.csv"
    (tmp_path / kept).symlink_to(ROOT / kept)
    (tmp_path / "not-run").write_text("".join(f"{words}\n" for words in NOT_RUN))
    return tmp_path


@pytest.mark.parametrize("page", [page for page in PAGES if shell(page)], ids=lambda p: p.name)
def test_every_command_runs(page: Path, sandbox: Path) -> None:
    if any("mpirun" in block for block in shell(page)) and (reason := reason_without_mpi()):
        pytest.skip(reason)
    log = sandbox / "log"
    variables = {
        "REAL_PATH": os.environ["PATH"],
        "PATH": str(sandbox / "bin"),
        "ROOT": str(ROOT),
        "SANDBOX": str(sandbox),
        "PROGRAM": str(PROGRAM),
        "LOG": str(log),
        "NOT_RUN": str(sandbox / "not-run"),
        "GITHUB_STEP_SUMMARY": str(sandbox / "summary.md"),
    }
    for block in shell(page):
        ended = subprocess.run(
            # Bash forgives a command that fails before &&.
            ["bash", "-euo", "pipefail", "-c", block.replace(" && ", "\n")],
            cwd=sandbox,
            env=environment("documents", **variables),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert ended.returncode == 0, f"{block}\n{ended.stdout[-500:]}\n{ended.stderr[-2000:]}"
    logged = [line.split("\t") for line in log.read_text().splitlines()]
    for status, command in logged:
        assert status in ("0", "not run"), command
        installed = {"crossover": "build/crossover", "crossover-report": "scripts/report"}
        program, _, options = command.partition(" ")
        program = installed.get(program, program)
        if status == "not run" and program.startswith(("scripts/", "build/")):
            assert not unknown_options(f"{program} {options}"), command


@pytest.mark.parametrize("words", NOT_RUN)
def test_what_is_not_run_is_there(words: str) -> None:
    assert any(re.search(rf"(?m)^[^#]*{words}\b", block) for p in PAGES for block in shell(p))


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda p: p.name)
def test_no_command_hides(page: Path) -> None:
    for language, text in fences(page):
        assert language in ("sh", "text", "cpp", "python", "r"), f"a block of no language: {text}"
        if language == "text":
            assert not re.search(r"(?m)^ *(\$ |(scripts|build)/\S+ |mpirun )", text), text


def test_python_and_r(sandbox: Path) -> None:
    with (sandbox / "results/xeon-vm-2-cores.csv").open(newline="") as file:
        columns = next(csv.reader(file))
    blocks = [fence for page in MARKDOWN for fence in fences(page)]
    python = [text for language, text in blocks if language == "python"]
    r = [text for language, text in blocks if language == "r"]
    assert python and r
    for text in python:
        subprocess.run([sys.executable, "-c", text], cwd=sandbox, check=True)
    for text in r:  # R is not installed for this alone.
        formula = re.search(r"aggregate\((.*?),", text)
        assert formula and set(re.findall(r"\w+", formula[1])) <= set(columns)


def inline(page: Path) -> Iterator[str]:
    text = re.sub(r"(?ms)^ *```.*?^ *```$", "", page.read_text())
    yield from (" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text))


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda p: p.name)
def test_commands_and_options_within_sentences(page: Path) -> None:
    every = "".join(
        help_of(f"scripts/{name}")
        for name in ("run", "python-baseline", "gpu-check", "test", "torture", *PASSED_ON)
    )
    known = FOREIGN_OPTIONS | set(re.findall(r"--[a-z][a-z-]*", every))
    for span in inline(page):
        if re.match(r"(scripts|build)/[a-z-]+( |$)", span):
            assert not unknown_options(span), span
        elif options := re.findall(r"(?:^|(?<= ))--[a-z][a-z-]*", span):
            assert set(options) <= known, span


def slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", [*MARKDOWN, ROOT / "CHANGELOG.md"], ids=lambda p: p.name)
def test_links(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        if anchor:
            headings = re.findall(r"(?m)^#+ (.*)$", there.read_text())
            assert anchor in map(slug, headings), target


def test_the_readme_takes_five_minutes() -> None:
    assert len((ROOT / "README.md").read_text().split()) <= 1100


def test_the_summary_in_the_readme_is_of_the_run_that_it_names() -> None:
    with (ROOT / "results/xeon-vm-2-cores.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["status"] in ("ok", "noisy")]
    [summary] = [text for language, text in fences(ROOT / "README.md") if language == "text"]
    workload, compared = "", 0
    for line in summary.splitlines():
        if head := re.match(r"(\w+) f32 at 64.0 Mi ", line):
            workload = head[1]
        elif rate := re.match(r"  (\w+) +([\d.]+) \[.*?GB/s +([\w-]+) w:(\d+)", line):
            model, shown, variant, workers = rate.groups()
            wanted = (workload, "f32", str(64 << 20), model, variant, workers)
            names = ("workload", "type", "elements", "model", "variant", "workers")
            rates = [
                float(row["gb_per_s"])
                for row in rows
                if tuple(row[name] for name in names) == wanted and row["round"] != "0"
            ]
            assert f"{statistics.median(rates):.3g}" == f"{float(shown):.3g}", line
            compared += 1
    assert compared == 10
