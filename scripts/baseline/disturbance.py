"""Whether something else than the work was measured, as far as that is cheap to know.

Covered: time that a hypervisor stole and what other processes used (/proc/stat), and, where one
thread works alone, switches that the scheduler forced on it; those between workers are the price of
having them. Not covered, other than by build/crossover: how long workers waited for a CPU, and
clocks below nominal.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

# The harness's thresholds; see common/disturbance.hpp for their reasons.
STEAL_SHARE = 0.01
OTHERS_SHARE = 0.10
SWITCH_SHARE = 0.01
STEAL_TICKS = 1.5
OTHERS_TICKS = 2.0
FEW_SWITCHES = 2
SWITCH_S = 1e-3
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
# Fields of a line of /proc/stat: user, nice, system, irq, softirq; and steal.
BUSY = (1, 2, 3, 6, 7)
STEAL = 8


@dataclass(frozen=True)
class Reading:
    """The counters at one moment; ticks are those of each CPU that this process may use."""

    wall_s: float
    busy_ticks: tuple[int, ...]
    steal_ticks: tuple[int, ...]
    own_s: float
    switches: int


def read(processes: list[int]) -> Reading:
    """Reads the counters; `processes` are the workers' ids."""
    busy, steal = _ticks()
    own = time.process_time() + sum(map(_cpu_time_s, processes))
    switches = sum(map(_forced_switches, _statuses(os.getpid())))
    return Reading(time.perf_counter(), busy, steal, own, switches)


def _ticks() -> tuple[tuple[int, ...], tuple[int, ...]]:
    try:
        lines = Path("/proc/stat").read_text().splitlines()
    except OSError:
        return (), ()
    names = {f"cpu{cpu}" for cpu in os.sched_getaffinity(0)}
    fields = [f for line in lines if len(f := line.split()) > STEAL and f[0] in names]
    return (
        tuple(sum(int(f[i]) for i in BUSY) for f in fields),
        tuple(int(f[STEAL]) for f in fields),
    )


def _cpu_time_s(pid: int) -> float:
    """CPU time of a process with that of its threads that have ended; 0 for one that is gone."""
    try:
        # See clock_getcpuclockid(3): the clock of the scheduler's time of a process.
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:
        return 0.0


def _statuses(pid: int) -> list[str]:
    """What the system tells of each thread of a process; one that has ended meanwhile has none."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/status"):
        try:
            found.append(path.read_text())
        except OSError:
            continue
    return found


def _first_number(text: str) -> int:
    first = text.split(maxsplit=1)[:1]
    return int(first[0]) if first and first[0].isdigit() else 0


def _forced_switches(status: str) -> int:
    return _first_number(status.rpartition("nonvoluntary_ctxt_switches:")[2])


def reason(before: Reading, after: Reading, workers: int, alone: bool) -> str:
    """Why a sample between the readings must not be trusted; empty when undisturbed.

    `alone`: one thread of this process did all the work.
    """
    wall_s = max(1e-9, after.wall_s - before.wall_s)
    worked_s = wall_s * workers
    said = []
    stolen_s, doubt_s = _grown(before.steal_ticks, after.steal_ticks, STEAL_TICKS)
    if stolen_s > doubt_s and stolen_s > STEAL_SHARE * worked_s:
        share = stolen_s / (wall_s * max(1, len(after.steal_ticks)))
        said.append(f"{share * 100:.1f} % of the CPU time stolen by the hypervisor")
    busy_s, doubt_s = _grown(before.busy_ticks, after.busy_ticks, OTHERS_TICKS)
    others_s = busy_s - (after.own_s - before.own_s)
    if others_s > doubt_s and others_s > OTHERS_SHARE * worked_s:
        said.append(f"other processes used {others_s / wall_s:.1f} CPUs")
    forced = after.switches - before.switches
    if alone and forced > FEW_SWITCHES and forced * SWITCH_S > SWITCH_SHARE * worked_s:
        said.append(f"{forced} involuntary context switches")
    return "; ".join(said)


def _grown(before: tuple[int, ...], after: tuple[int, ...], ticks: float) -> tuple[float, float]:
    """Seconds by which the counters grew, and by how much that can be wrong."""
    if len(before) != len(after):
        return 0.0, 0.0
    moved = [b - a for a, b in zip(before, after, strict=True) if b > a]
    return sum(moved) * TICK_S, ticks * len(moved) ** 0.5 * TICK_S
