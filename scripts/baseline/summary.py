"""What a run ends with on standard output: the answers first, then a line a variant.

All of a workload's numbers are at one size, chosen before anything was measured; only what a
manager costs is told at its own, smaller one.
"""

from __future__ import annotations

from typing import TypeAlias

from analysis.plural import plural
from analysis.statistics import stats
from analysis.statistics.stats import FEWEST_ROUNDS, Estimate
from analysis.words import duration, format_size, listing, ratio, significant
from baseline.loops import TASK_S
from baseline.plan import ALONE, COST_SIZES, MANAGER, MODELS, WAITERS, Configuration, usable_cpus

# Nanoseconds of one operation, by round.
Times: TypeAlias = "dict[Configuration, dict[int, float]]"
QUOTED = {"double": 1 << 16, "reduce": 1 << 16, **{w: n[0] for w, n in COST_SIZES.items()}}
UNITS = {"double": "elements", "reduce": "elements", "count": "increments", "wait": "tasks"}
SHARED = "processes-shm"


class Summary:
    """The lines about one run, whose plan are the keys of `times`.

    `fast` are the 99th percentiles of fast requests, in ns.
    """

    def __init__(self, times: Times, fast: Times) -> None:
        self._times = times
        self._fast = fast
        self._type: dict[str, str] = {}
        self.sizes: dict[str, int] = {}
        for workload in QUOTED:
            mine = [c for c in times if c.workload == workload]
            if mine:
                self._type[workload] = mine[0].type
                sizes = {c.elements for c in mine}
                quoted = QUOTED[workload]
                self.sizes[workload] = quoted if quoted in sizes else max(sizes)

    def text(self) -> str:
        """All of it; at most some 25 lines."""
        some = [self._where(), *self._waiting(), self._serving(), self._locks(), *self._shared()]
        lines = [line for line in [*some, self._numpy(), self._manager()] if line]
        return "\n".join([*lines, *self._table(), *self._under_way()])

    def workers(self, workload: str) -> list[int]:
        """The worker counts planned, ascending."""
        return sorted({c.workers for c in self._times
                       if c.workload == workload and c.variant not in ALONE})  # fmt: skip

    def crew(self, workload: str) -> int:
        """The most workers that have a CPU each."""
        planned = self.workers(workload) or [1]
        return max([w for w in planned if w <= usable_cpus()], default=planned[0])

    def series(
        self, workload: str, variant: str, workers: int | None = None, elements: int | None = None
    ) -> dict[int, float]:
        """Times by round of one variant; empty where it was not measured."""
        workers = 1 if variant in ALONE else workers or self.crew(workload)
        key = (workload, self._type.get(workload), variant)
        size = elements or self.sizes.get(workload)
        here = (size, workers)
        for c, times in self._times.items():
            if (c.workload, c.type, c.variant) == key and (c.elements, c.workers) == here:
                return times
        return {}

    def _where(self) -> str:
        rounds = [len(t) for t in self._times.values() if t]
        if not rounds:
            return "Nothing was measured."
        sizes = [f"{w} {format_size(n)} {UNITS[w]}" for w, n in self.sizes.items()]
        few = min(rounds)
        told = plural(few, "round") if few == max(rounds) else f"{few} to {max(rounds)} rounds"
        text = f"Sizes, chosen beforehand: {listing(sizes)}; medians of {told}"
        if few < FEWEST_ROUNDS:
            return f"{text}: no interval with fewer than {FEWEST_ROUNDS}"
        return f"{text}, [..] 95 % intervals"

    def _waiting(self) -> list[str]:
        counts = self.workers("wait")
        if not counts or counts[0] == counts[-1]:
            return []
        few, many = counts[0], counts[-1]
        lines = []
        for who in ("threads", "processes"):
            gains = {
                loop: over(
                    self.series("wait", f"{who}-{loop}", few),
                    self.series("wait", f"{who}-{loop}", many),
                )
                for loop in ("block", "compute")
            }
            block, compute = gains["block"], gains["compute"]
            if not block or not compute:
                continue
            text = (
                f"wait: {many} {who} do {shown(block)} as many sleeping tasks as {few}, and "
                f"{shown(compute)} as many that compute"
            )
            if who == "threads" and compute.value < 1.2:
                text += ": the GIL lets one thread compute at a time"
            lines.append(text)
        return lines

    def _serving(self) -> str:
        quoted = {c: p for c, p in self._fast.items() if c.elements == self.sizes.get("wait")}
        threads = max((c.workers for c in quoted), default=0)
        told = {
            c.variant: p for c, p in quoted.items() if c.variant in ALONE or c.workers == threads
        }
        parts = []
        for one in ("http-server", "werkzeug"):
            alone, many = told.get(one, {}), told.get(f"{one}-threaded", {})
            times = over(alone, many)
            if times:
                both = [duration(stats.median([*p.values()]).value) for p in (alone, many)]
                parts.append(f"{one} {both[0]} and {both[1]}, {shown(times)}")
        if not parts:
            return ""
        return (
            f"wait: 99 % of fast requests behind slow ones are done by one thread and by {threads} "
            f"in: {'; '.join(parts)}"
        )

    def _locks(self) -> str:
        alone = self.series("count", "serial")
        ways = {
            "with a lock for every step": "threads",
            "with one for a thread's share": "threads-batch",
            "with a counter each": "threads-local",
        }
        told = {how: over(self.series("count", v), alone) for how, v in ways.items()}
        parts = [f"{shown(e)} {how}" for how, e in told.items() if e]
        if not parts:
            return ""
        threads = plural(self.crew("count"), "thread")
        return f"count: of a plain loop's time {threads} take {listing(parts)}"

    def _shared(self) -> list[str]:
        found = []
        for workload in ("double", "reduce"):
            plain = self.series(workload, "serial")
            told = {
                "processes on shared memory are": over(plain, self.series(workload, SHARED)),
                "threads": over(plain, self.series(workload, "threads")),
            }
            crew = self.crew(workload)
            parts = [f"{crew} {who} {shown(e)}" for who, e in told.items() if e]
            found += [f"{workload}: {' and '.join(parts)} as fast as a plain loop"] if parts else []
        return found

    def _numpy(self) -> str:
        told = {w: over(self.series(w, "serial"), self.series(w, "vectorised")) for w in self.sizes}
        parts = [f"{shown(e)} as fast ({w})" for w, e in told.items() if e]
        return f"NumPy on one core is, against a plain loop, {listing(parts)}" if parts else ""

    def _manager(self) -> str:
        sizes = [c.elements for c in self._times
                 if c.workload == "double" and c.variant == MANAGER and not c.refused]  # fmt: skip
        if not sizes:
            return ""
        size = max(sizes)
        # One worker's: several make their accesses beside one another.
        one = min(self.workers("double"))
        asked = self.series("double", MANAGER, one, size)
        shared = self.series("double", SHARED, one, size)
        times = over(asked, shared)
        if not times:
            return ""
        # An element is read and written.
        each = [duration(stats.median([*t.values()]).value / (2 * size)) for t in (asked, shared)]
        return (
            f"double at {format_size(size)} elements: an access takes {each[0]} through a manager, "
            f"{each[1]} in shared memory: {shown(times)}"
        )

    def _table(self) -> list[str]:
        columns = [w for w in self.sizes if w != "wait"]
        rows = []
        for name, variant in ((f"{m}/{v}", v) for m, vs in MODELS.items() for v in vs):
            each = {w: stats.median([*self.series(w, variant).values()]) for w in columns}
            cells = [
                duration(e.value / self.sizes[w]) if e.samples else "-" for w, e in each.items()
            ]
            if set(cells) - {"-"}:
                rows.append(f"  {name:<24}" + "".join(f"{cell:>10}" for cell in cells))
        if not rows:
            return []
        crew = plural(max(self.crew(w) for w in columns), "worker")
        return [f"{'time of one, on ' + crew:<26}" + "".join(f"{w:>10}" for w in columns), *rows]

    def _under_way(self) -> list[str]:
        counts = self.workers("wait")
        if not counts:
            return []
        rows = []
        for who in WAITERS:
            told = [
                stats.median([*self.series("wait", f"{who}-{loop}", w).values()])
                for loop in ("block", "compute")
                for w in counts
            ]
            tasks_ns = TASK_S * 1e9 * self.sizes["wait"]
            cells = [significant(tasks_ns / e.value) if e.samples else "-" for e in told]
            if set(cells) != {"-"}:
                rows.append(f"  {who:<24}" + "".join(f"{cell:>7}" for cell in cells))
        if not rows:
            return []
        head = "tasks under way, workers:"
        both = "".join(f"{w:>7}" for w in counts)
        return [f"{head:<26}{both}{both}  (first sleeping, then computing)", *rows]


def over(slow: dict[int, float], fast: dict[int, float]) -> Estimate | None:
    """The median of slow / fast over the rounds that both have; None without any."""
    both = sorted(slow.keys() & fast.keys())
    if not both:
        return None
    return stats.paired_ratio([slow[r] for r in both], [fast[r] for r in both])


def shown(estimate: Estimate) -> str:
    """`5.43× [5.38 to 5.47]`; `about 5.43×` where there are too few rounds."""
    return ratio(estimate) if estimate.certain else f"about {ratio(estimate)}"
