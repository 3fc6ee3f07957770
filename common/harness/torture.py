"""Starts runs of build/crossover, one after the other, and makes the world fail around them:
signals at any moment, little memory, few descriptors and threads, full disks, system calls that
fail, streams that are closed or full, results files that vanish. After each, every file is looked
at."""

from __future__ import annotations

import argparse
import collections
import contextlib
import csv
import functools
import json
import os
import pathlib
import random
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("CROSSOVER_PROGRAM", ROOT / "build" / "crossover"))
FAULTS = PROGRAM.parent / "crossover_faults.so"


class Finding(Exception):
    """What must not be."""


class Hardship:
    """What is done to a run, and which ends that allows besides 0."""

    def __init__(self, name: str, ends: set[int] | None = None) -> None:
        self.name = name
        self.ends = {3} if ends is None else ends
        self.limits: list[tuple[int, int]] = []
        self.closed: list[int] = []
        self.environment: dict[str, str] = {}
        self.full: list[str] = []
        self.meanwhile: Callable[[subprocess.Popen[bytes], pathlib.Path], None] | None = None
        self.changed_at: float | None = None

    def before_the_start(self) -> None:
        for which, most in self.limits:
            resource.setrlimit(which, (most, most))
        for descriptor in self.closed:
            os.close(descriptor)


@functools.cache
def least_memory() -> int:
    """The bytes of address space with which the program and its libraries are loaded."""
    too_few, enough = 1 << 20, 1 << 30
    while enough - too_few > 1 << 14:
        middle = (too_few + enough) // 2
        limit = f"ulimit -v {middle >> 10}; exec {shlex.quote(str(PROGRAM))} --version"
        result = subprocess.run(["bash", "-c", limit], capture_output=True)
        if result.returncode in (0, 3):
            enough = middle
        else:
            too_few = middle
    return enough


def hardship(randomly: random.Random) -> Hardship:
    kind = randomly.choice(
        ["signal", "kill", "memory", "descriptors", "disk", "fault", "streams", "file"]
    )
    delay = randomly.uniform(0, 0.9)  # most runs take half a second
    if kind in ("signal", "kill"):
        stops = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
        which = signal.SIGKILL if kind == "kill" else randomly.choice(stops)
        # Before the program listens, a signal ends it as any other.
        ends = {-which} if kind == "kill" else {130, -which}
        hard = Hardship(kind, ends)
        hard.meanwhile = lambda process, _: (
            let_it_run(process, delay),
            process.send_signal(which),
        )
    elif kind == "memory":
        most = randomly.randint(10 << 20, 200 << 20)
        # Whoever loads the libraries ends it as they do, before it begins.
        hard = Hardship(kind, {3} if most > least_memory() else {1, 3, 127, -signal.SIGSEGV})
        hard.limits = [(resource.RLIMIT_AS, most)]
    elif kind == "descriptors":
        hard = Hardship(kind)
        hard.limits = [(resource.RLIMIT_NOFILE, randomly.randint(4, 20))]
    elif kind == "disk":
        hard = Hardship(kind)
        hard.limits = [(resource.RLIMIT_FSIZE, randomly.randint(0, 100_000))]
    elif kind == "fault":
        of = randomly.choice(["write", "memory", "thread"])
        call = int(2 ** randomly.uniform(0, {"write": 7, "memory": 15, "thread": 4}[of]))
        hard = Hardship(f"fault:{of}")
        for_good = "+" if of == "thread" and randomly.random() < 0.5 else ""
        hard.environment = {"LD_PRELOAD": str(FAULTS), "CROSSOVER_FAULT": f"{of}:{call}{for_good}"}
    elif kind == "streams":
        hard = Hardship(kind, set())
        hard.closed = randomly.sample([0, 1, 2], randomly.randint(0, 3))
        hard.full = randomly.sample(["stdout", "stderr"], randomly.randint(0, 2))
    else:
        hard = Hardship(kind)
        gone = randomly.choice([lambda f: f.unlink(), lambda f: os.truncate(f, 0)])
        hard.meanwhile = lambda process, out: vanish(hard, process, out, delay, gone)
    return hard


def let_it_run(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Does it still run after that?"""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    return process.returncode is None


def vanish(
    hard: Hardship,
    process: subprocess.Popen[bytes],
    out: pathlib.Path,
    delay: float,
    gone: Callable[[pathlib.Path], None],
) -> None:
    if let_it_run(process, delay) and out.exists():
        gone(out)
        hard.changed_at = time.time()


def attempt(folder: pathlib.Path, randomly: random.Random) -> tuple[str, int]:
    """One run, and most times its continuation. Returns what was done to it and how it ended."""
    out = folder / "run.csv"
    hard = hardship(randomly)
    models = randomly.sample(["serial", "threads", "openmp", "stdpar", "processes"], 2)
    options = [
        f"--workloads={randomly.choice(['reduce', 'double', 'copy,dot', 'count'])}",
        f"--models={','.join(models)}",
        f"--sizes={randomly.choice(['1Ki', '1Ki,64Ki', '4Ki..16Ki'])}",
        "--threads=1,2",
        f"--rounds={randomly.randint(1, 12)}",
        "--min-time=0.0005",
        "--precision=0.01",
        "--label=torture",
    ]
    with open("/dev/full", "wb") as full:
        streams = {name: full for name in hard.full}
        process = subprocess.Popen(
            [PROGRAM, *options, f"--output={out}"],
            env=os.environ | hard.environment,
            preexec_fn=hard.before_the_start,
            **{"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | streams,
        )
        if hard.meanwhile is not None:
            hard.meanwhile(process, out)
        try:
            status = process.wait(60)
        except subprocess.TimeoutExpired as late:
            process.kill()
            raise Finding("does not end") from late
    if status != 0 and status not in hard.ends:
        raise Finding(f"status {status}")
    check(out, hard, status)
    if hard.name not in ("file", "memory") and whole_pair(out) and randomly.random() < 0.7:
        go_on(out)
    return hard.name, status


def rows_of(path: pathlib.Path, may_be_torn: bool) -> list[list[str]]:
    text = path.read_text()
    if may_be_torn and not text.endswith("\n"):
        text = text[: text.rfind("\n") + 1]
    rows = list(csv.reader(text.splitlines(), strict=True))
    if not may_be_torn and (not rows or not text.endswith("\n")):
        raise Finding(f"{path.name} ends inside a line")
    for row in rows[1:]:
        if len(row) != len(rows[0]):
            raise Finding(f"{path.name} has a broken row")
        if row[rows[0].index("status")] == "failed":
            raise Finding(f"a failed row: {row}")
    return rows


def whole_pair(out: pathlib.Path) -> bool:
    return out.exists() and out.with_suffix(".json").exists() and out.stat().st_size > 0


def overlooked(out: pathlib.Path, hard: Hardship) -> bool:
    """Was the CSV changed, and the run did not notice? It looks for the last time just before it
    writes its JSON anew, which takes less than 0.2 s."""
    changed = hard.changed_at
    return changed is not None and changed < out.with_suffix(".json").stat().st_mtime - 0.2


def check(out: pathlib.Path, hard: Hardship, status: int) -> None:
    killed = status < 0
    names = {path.name for path in out.parent.iterdir()}
    expected = {"run.csv", "run.json"}
    if hard.name == "file":
        expected |= {"run.rescued.csv", "run.rescued.json"}
    if unknown := {name for name in names - expected if not (killed and name.endswith(".tmp"))}:
        raise Finding(f"left over after status {status} ({hard.name}): {unknown}")
    for name in names & {"run.csv", "run.rescued.csv"}:
        if name == "run.csv" and hard.changed_at is not None:
            continue  # what somebody else has made of it
        rows = rows_of(out.with_name(name), killed)
        steps = collections.Counter(tuple(row[4:13]) for row in rows[1:])
        rounds = collections.defaultdict(set)
        for row in rows[1:]:
            rounds[tuple(row[4:13])].add(row[13])
        if any(len(rounds[what]) != count for what, count in steps.items()):
            raise Finding("a round twice")
    for name in names & {"run.json", "run.rescued.json"}:
        text = out.with_name(name).read_text()
        if killed and not text:
            continue  # it had just got its name
        state = json.loads(text)["status"]
        allowed = {0: {"complete"}, 3: {"failed"}, 130: {"interrupted"}}
        # Where nothing can be written any more, the last words cannot be either.
        if status == 3 and hard.name in ("descriptors", "disk", "fault:write", "fault:memory"):
            allowed[3] = {"failed", "running"}
        if state not in allowed.get(status, {"running", "complete", "interrupted"}):
            raise Finding(f"{name} says {state} after status {status}")
    if not killed and ("run.csv" in names) != ("run.json" in names) and hard.changed_at is None:
        raise Finding(f"only {names & expected}")
    if status == 0 and overlooked(out, hard):
        raise Finding("a change of the results file that was not noticed")
    if status == 0 and hard.changed_at is None and not names >= {"run.csv", "run.json"}:
        raise Finding("done, and no files")


def go_on(out: pathlib.Path) -> None:
    """The run is completed, and what was there stays."""
    if not out.with_suffix(".json").read_text():
        return
    before = out.read_text()
    before = before[: before.rfind("\n") + 1]
    result = subprocess.run([PROGRAM, "--quiet", f"--resume={out}"], capture_output=True, text=True)
    if result.returncode != 0:
        raise Finding(f"--resume ends with {result.returncode}: {result.stderr}")
    if not out.read_text().startswith(before):
        raise Finding("--resume has lost rows")
    check(out, Hardship("none"), 0)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/torture", description=__doc__)
    parser.add_argument("seconds", type=float, metavar="SECONDS")
    parser.add_argument("--seed", type=int, help="that a finding has named")
    parser.add_argument("--from", type=int, dest="first", help="the first seed; default: any")
    options = parser.parse_args()
    for needed in (PROGRAM, FAULTS):
        if not needed.exists():
            print(f"scripts/torture: {needed} is missing; scripts/test builds it", file=sys.stderr)
            return 3
    first = random.randrange(1 << 30) if options.first is None else options.first
    seed = first if options.seed is None else options.seed
    end = time.monotonic() + options.seconds
    counts: collections.Counter[tuple[str, int]] = collections.Counter()
    while True:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="crossover-torture-"))
        try:
            counts[attempt(folder, random.Random(seed))] += 1
        except Finding as finding:
            print(f"seed {seed}: {finding}; its files are in {folder}", file=sys.stderr)
            return 1
        shutil.rmtree(folder)
        if options.seed is not None or time.monotonic() >= end:
            break
        seed += 1
    for (name, status), count in sorted(counts.items()):
        print(f"{count:6} {name:<16} status {status}")
    print(f"{sum(counts.values()):6} runs, no finding")
    return 0


if __name__ == "__main__":
    sys.exit(main())
