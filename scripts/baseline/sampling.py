"""One sample: prepared, warmed up, timed for at least so long, and verified."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from analysis.plural import plural
from baseline import disturbance
from baseline.plan import ALONE, Configuration, usable_cpus
from baseline.teams import Team, WorkerDied

WARM_UP_NS = 1_000_000


@dataclass(frozen=True)
class Sample:
    """What one sample came to. Without iterations there is no measurement."""

    status: str
    note: str = ""
    iterations: int = 0
    time_ns: float = math.nan
    error: float = math.nan
    more: dict[str, float] = field(default_factory=dict)


def take(what: Configuration, salt: int, min_time_s: float) -> Sample:
    """Measures `what` once, on the input of `salt`."""
    if what.refused:
        return Sample("skipped", what.refused)
    available = available_memory()
    if available is not None and what.memory > available:
        needed, free = what.memory / 2**20, available / 2**20
        return Sample("skipped", f"needs {needed:.1f} MiB of memory, {free:.1f} MiB are available")
    try:
        team = what.prepare()
    except (OSError, MemoryError, RuntimeError) as error:
        return Sample("skipped", f"the system refused {plural(what.workers, 'worker')}: {error}")
    try:
        return _measured(what, team, salt, min_time_s)
    except WorkerDied as error:
        return Sample("failed", str(error))
    except MemoryError:
        return Sample("skipped", f"the system refused {what.memory / 2**20:.1f} MiB")
    finally:
        team.close()


def _measured(what: Configuration, team: Team, salt: int, min_time_s: float) -> Sample:
    task = team.task
    task.renew(salt)
    team.loaded()
    # Warming up also tells how many operations a sample takes.
    batch, spent, done = 1, 0, 0
    while spent < WARM_UP_NS:
        elapsed = _batch(team, batch, salt)
        spent, done, batch = spent + elapsed, done + batch, batch * 2
    team.observe()
    least_ns = round(min_time_s * 1e9)
    each = spent / done
    before = disturbance.read(team.processes())
    elapsed, iterations = 0, 0
    while elapsed < least_ns:
        count = max(1, math.ceil((least_ns - elapsed) / each * 1.02))
        elapsed += _batch(team, count, salt)
        iterations += count
        each = max(1.0, elapsed / iterations)
    after = disturbance.read(team.processes())
    team.fetch()
    verdict = task.verify(team.pairwise)
    mean = elapsed / iterations
    if not verdict.correct:
        return Sample("failed", verdict.note, iterations, mean, verdict.error)
    alone = what.variant in ALONE
    notes = [disturbance.reason(before, after, what.busy, alone)]
    if what.busy > usable_cpus():
        notes.insert(0, f"{plural(what.workers, 'worker')} on {plural(usable_cpus(), 'CPU')}")
    note = "; ".join(n for n in notes if n)
    return Sample("noisy" if note else "ok", note, iterations, mean, verdict.error, team.observe())


def _batch(team: Team, operations: int, salt: int) -> int:
    """Nanoseconds of so many operations; the input is renewed, outside the clock, where it must."""
    elapsed = 0
    while operations > 0:
        if team.task.operations_left() <= 0:
            team.task.renew(salt)
            team.loaded()
        now = min(operations, team.task.operations_left())
        elapsed += team.time(now)
        team.task.done += now
        operations -= now
    return elapsed


def available_memory() -> int | None:
    """Bytes that a process can have without swapping, or None where the system does not tell."""
    try:
        text = Path("/proc/meminfo").read_text()
    except OSError:
        return None
    found = next((line for line in text.splitlines() if line.startswith("MemAvailable:")), "")
    return int(found.split()[1]) * 1024 if found else None
