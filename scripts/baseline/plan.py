"""What is measured: configurations of the models `python` and `numpy`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from baseline import other_python
from baseline.tasks import BYTES, TASKS, Task
from baseline.teams import Numpy, QueueProcesses, Serial, SharedProcesses, Team, Threads

MODELS: dict[str, dict[str, type[Team]]] = {
    "python": {
        "serial": Serial,
        "threads": Threads,
        "free-threaded": other_python.OtherPython,
        "processes-shm": SharedProcesses,
        "processes-queue": QueueProcesses,
    },
    "numpy": {"vectorised": Numpy},
}
ALONE = {"serial", "vectorised"}
# A loop of Python takes some 50 ns an element, NumPy's less than one.
SIZES = {
    "python": [4**k for k in range(5, 11)],
    "numpy": [4**k for k in range(5, 14)],
}
INCREMENTS = 1 << 14


@dataclass(frozen=True)
class Configuration:
    """One thing to measure, a row of the CSV in each round."""

    workload: str
    type: str
    model: str
    variant: str
    elements: int
    workers: int

    @property
    def name(self) -> str:
        """`workload/type/model/variant/scope/n:ELEMENTS/w:WORKERS`."""
        return (
            f"{self.workload}/{self.type}/{self.model}/{self.variant}/resident"
            f"/n:{self.elements}/w:{self.workers}"
        )

    @property
    def bytes(self) -> int:
        """The fewest bytes that one operation can move; none for `count`."""
        ways = {"double": 2, "reduce": 1}.get(self.workload, 0)
        return ways * self.elements * BYTES[self.type]

    @property
    def memory(self) -> int:
        """Host memory that measuring it takes, in bytes."""
        size = TASKS[self.workload].size(self.type, self.elements)
        return size * (4 if self.variant in ("processes-queue", "free-threaded") else 2)

    def prepare(self) -> Team:
        """The team of its variant, on a task that has no input yet."""
        kind = MODELS[self.model][self.variant]
        task_kind: type[Task] = TASKS[self.workload]
        memory = kind.memory(task_kind.size(self.type, self.elements))
        return kind(self.workload, task_kind(self.type, self.elements, memory), self.workers)


def usable_cpus() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0))


def automatic_threads(cpus: int) -> list[int]:
    """1, 2, 4, ... and all of them."""
    return sorted({2**k for k in range(12) if 2**k < cpus} | {cpus})


def configurations(
    workloads: Iterable[str],
    types: Iterable[str],
    models: Iterable[tuple[str, str]],
    sizes: list[int] | None,
    threads: list[int],
) -> list[Configuration]:
    """Every combination that exists; `models` are pairs of model and variant."""
    found = []
    for workload in workloads:
        for element in ["i64"] if workload == "count" else types:
            for model, variant in models:
                here = sizes or ([INCREMENTS] if workload == "count" else SIZES[model])
                found += [
                    Configuration(workload, element, model, variant, n, w)
                    for n in here
                    for w in ([1] if variant in ALONE else threads)
                ]
    return found
