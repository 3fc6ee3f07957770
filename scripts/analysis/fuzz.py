"""Damages runs in all ways and gives them to the commands: each ends with a page, a table, or one
line that says what is wrong. A finding is whatever else happens.

With atheris the code that is reached tells what to try next; without it, as on machines that it
does not exist for, chance does.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from analysis.errors import Parser, UserError, run_command
from analysis.reading.damage import Choices, Pair, damaged, written

try:
    import atheris
except ImportError:
    atheris = None

ROOT = Path(__file__).parents[2]
EMULATED = Path(os.environ.get("CROSSOVER_EMULATED", ROOT / "build" / "crossover_emulated"))
REAL = [
    *[ROOT / "results" / f"xeon-vm-2-cores{which}.csv" for which in ("", "-mpi", "-python")],
    Path(__file__).parent / "reading" / "real" / "h200.csv",
]
# Something of everything that has a chapter, and no more than takes seconds.
MEASURED = (
    r"^(double/f32/(serial|threads/pool|cuda/best)|fma\d+/f32/(serial|cuda/best)|"
    r"count/i64/(serial|threads/atomic|cuda/atomic)|create/none/(threads/spawn|cuda)|"
    r"link/none/cuda/both|switch/none/threads/futex|wait/none/threads/(block|mixed))/"
)
MOST_ROWS = 150
LONGEST = 400  # bytes of choices


def emulated(folder: Path) -> Path:
    """A run of everything on two emulated GPUs."""
    path = folder / "emulated.csv"
    subprocess.run(
        [
            EMULATED, "--workloads=double,fma1,fma64,count,create,switch,wait,chase,link",
            "--variants=all",
            "--models=serial,threads,cuda", "--threads=1,2", "--device=all", "--cache=warm,cold",
            f"--filter={MEASURED}", "--sizes=1Ki,4Ki", "--rounds=3", "--min-time=0.00001",
            "--label=emulated", "--quiet", f"--output={path}",
        ],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return path


def pair_of(path: Path) -> Pair:
    """A run's files, with as many of its configurations as make few rows."""
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    key = [header.index(n) for n in ("workload", "type", "elements", "model", "variant", "scope",
                                     "workers", "device")]  # fmt: skip
    kept: dict[tuple[str, ...], list[list[str]]] = {}
    for row in rows:
        kept.setdefault(tuple(row[i] for i in key), []).append(row)
    step = max(1, len(rows) // MOST_ROWS)
    chosen = [row for rows in list(kept.values())[::step] for row in rows]
    return Pair([header, *chosen], json.loads(path.with_suffix(".json").read_text()))


class Readers:
    """The commands, and what they are given."""

    def __init__(self, folder: Path, pairs: list[Pair]) -> None:
        from analysis.compare import compare_command, export_command
        from analysis.page import report_command

        self.folder = folder
        self.pairs = pairs
        self.commands: list[tuple[Callable[[], int], list[str]]] = [
            (report_command.main, ["run.csv"]),
            (report_command.main, ["run.csv", "whole.csv"]),
            (compare_command.main, ["whole.csv", "run.csv", "--all"]),
            (compare_command.main, ["run.csv", "run.csv", "--json"]),
            (
                compare_command.main,
                ["--base", "whole.csv", "run.csv", "--new", "run.csv", "whole.csv", "--markdown"],
            ),
            (export_command.main, ["run.csv", "--format", "bencher"]),
        ]
        self.ends = {"answer": 0, "refusal": 0}

    def attempt(self, data: bytes) -> None:
        choose = Choices(data)
        whole = choose.of(self.pairs)
        main, arguments = choose.of(self.commands)
        for name, files in (("whole", written(whole)), ("run", damaged(whole, choose))):
            (self.folder / f"{name}.json").unlink(missing_ok=True)
            for suffix, contents in zip(("csv", "json"), files, strict=False):
                (self.folder / f"{name}.{suffix}").write_bytes(contents)
        named = [str(self.folder / a) if a.endswith(".csv") else a for a in arguments]
        sys.argv = ["reader", *named]
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                main()
            self.ends["answer"] += 1
        except UserError as error:
            assert str(error).strip(), "a refusal without words"
            self.ends["refusal"] += 1
        except (Exception, SystemExit):
            print(f"{main.__module__} {' '.join(arguments)}", file=sys.stderr)
            raise


def search(readers: Readers, seconds: float, first: int) -> int:
    """Attempts by chance, from a seed on; returns how many."""
    end = time.monotonic() + seconds
    seed = first
    while seed == first or time.monotonic() < end:
        try:
            readers.attempt(random.Random(seed).randbytes(LONGEST))
        except (Exception, SystemExit):
            print(f"seed {seed}", file=sys.stderr)
            raise
        seed += 1
    return seed - first


def guided(readers: Readers, seconds: int, found: Path) -> None:
    """Attempts by coverage; ends the program."""
    corpus = found / "corpus" / "readers"
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in range(20):
        (corpus / str(seed)).write_bytes(random.Random(seed).randbytes(LONGEST))
    atheris.Setup(
        [
            "readers", f"-max_total_time={seconds}", f"-max_len={LONGEST}", "-timeout=120",
            "-rss_limit_mb=4096", f"-artifact_prefix={found}/readers-", "-print_final_stats=1",
            str(corpus),
        ],
        readers.attempt,
    )  # fmt: skip
    atheris.Fuzz()


def main() -> int:
    parser = Parser(prog="analysis.fuzz", description=__doc__)
    parser.add_argument("seconds", type=int)
    parser.add_argument("--found", type=Path, default=ROOT / "build-fuzz", metavar="FOLDER")
    parser.add_argument("--seed", type=int, help="by chance, from this one on")
    parser.add_argument("--input", type=Path, help="only this, which was found before")
    options = parser.parse_args()
    by_chance = atheris is None or options.seed is not None
    folder = options.found / "readers"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    pairs = [pair_of(path) for path in (*REAL, emulated(folder))]
    followed = atheris.instrument_imports(include=["analysis"]) if not by_chance else None
    with followed or contextlib.nullcontext():
        readers = Readers(folder, pairs)
    if options.input:
        readers.attempt(options.input.read_bytes())
    elif by_chance:
        count = search(readers, options.seconds, options.seed or 0)
        print(f"{count} attempts by chance: {readers.ends}")
    else:
        guided(readers, options.seconds, options.found)
    return 0


if __name__ == "__main__":
    run_command("analysis.fuzz", main)
