"""What is measured: configurations of the models `python` and `numpy`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from baseline import clients
from baseline.asynchronous import Asyncio
from baseline.manager import ManagerProcesses
from baseline.messages import PipeProcesses, QueueProcesses
from baseline.other_python import OtherPython
from baseline.serving import Requests, Server, ThreadedServer
from baseline.tasks import BYTES, TASKS, Computing, Task
from baseline.teams import Numpy, Serial, SharedProcesses, Team, Threads


@dataclass(frozen=True)
class Way:
    """Who does a workload in a variant, and what of it, if not the workload's own loop and task."""

    team: type[Team]
    loop: str = ""
    role: str = "step"
    task: type[Task] | None = None


DOUBLES = {
    "python": {
        "serial": Way(Serial),
        "threads": Way(Threads),
        "free-threaded": Way(OtherPython),
        "processes-shm": Way(SharedProcesses, role="best"),
        "processes-queue": Way(QueueProcesses),
        "processes-pipe": Way(PipeProcesses),
        "processes-manager": Way(ManagerProcesses),
    },
    "numpy": {"vectorised": Way(Numpy, role="best")},
}
SUMS = {
    **DOUBLES,
    "python": {**DOUBLES["python"], "processes-manager": Way(ManagerProcesses, "reduce-each")},
}
COUNTS = {
    **DOUBLES,
    "python": {
        **DOUBLES["python"],
        "threads-batch": Way(Threads, "count-batch"),
        "threads-local": Way(Threads, "count-local"),
    },
}
WAITERS: dict[str, type[Team]] = {
    "threads": Threads,
    "free-threaded": OtherPython,
    "processes": SharedProcesses,
    "asyncio": Asyncio,
}
WAITS = {
    "python": {
        **{
            f"{who}-{loop}": Way(team, loop, "best", task)
            for who, team in WAITERS.items()
            for loop, task in (("block", None), ("compute", Computing))
        },
        "http-server": Way(Server, "http", task=Requests),
        "http-server-threaded": Way(ThreadedServer, "http", task=Requests),
        "werkzeug": Way(Server, "werkzeug", task=Requests),
        "werkzeug-threaded": Way(ThreadedServer, "werkzeug", task=Requests),
    }
}
# Each workload's models and their variants.
WAYS: dict[str, dict[str, dict[str, Way]]] = {
    "double": DOUBLES,
    "reduce": SUMS,
    "count": COUNTS,
    "wait": WAITS,
}
MODELS: dict[str, list[str]] = {
    model: list(dict.fromkeys(v for ways in WAYS.values() for v in ways.get(model, {})))
    for model in ("python", "numpy")
}
TYPES = {"count": "i64", "wait": "none"}
ALONE = {"serial", "vectorised", "http-server", "werkzeug"}
# A loop of Python takes some 50 ns an element, NumPy's less than one.
SIZES = {
    "python": [4**k for k in range(5, 11)],
    "numpy": [4**k for k in range(5, 14)],
}
# A list of a manager takes 15 to 100 us an access.
MANAGER = "processes-manager"
MANAGER_SIZES = [4**k for k in range(3, 6)]
MOST_MANAGED = 1 << 12
# Increments, and tasks: as many for any number of workers, so that times compare.
COST_SIZES = {"count": [1 << 14], "wait": [64]}
WAIT_WORKERS = [1, 4, 16]
# Connections of a server with a thread for each: a slow request leaves enough for the fast ones.
CONNECTIONS = [16]
# What they work on is a copy.
COPYING = {"free-threaded", "processes-queue", "processes-pipe", MANAGER}


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
        """The fewest bytes that one operation can move; none for costs."""
        ways = {"double": 2, "reduce": 1}.get(self.workload, 0)
        return ways * self.elements * BYTES[self.type]

    @property
    def memory(self) -> int:
        """Host memory that measuring it takes, in bytes."""
        size = TASKS[self.workload].size(self.type, self.elements)
        return size * (4 if self.variant in COPYING else 2)

    @property
    def refused(self) -> str:
        """Why it is not measured; empty where it is."""
        if self.variant == MANAGER and self.elements > MOST_MANAGED:
            return f"every access is a message there and back: at most {MOST_MANAGED} elements"
        if self.workers > clients.MOST and self._serves:
            return f"the clients of a web server have at most {clients.MOST} connections"
        return ""

    @property
    def _serves(self) -> bool:
        return issubclass(WAYS[self.workload][self.model][self.variant].team, Server)

    @property
    def busy(self) -> int:
        """CPUs that its workers can use at a time."""
        if self.workload != "wait":
            return self.workers
        if self._serves:
            # The server's lock lets one thread run; the clients are another process.
            return min(2, usable_cpus())
        asyncio = WAITS["python"][self.variant].team is Asyncio
        return 1 if asyncio else min(self.workers, usable_cpus())

    def prepare(self) -> Team:
        """The team of its variant, on a task that has no input yet; OSError where none starts."""
        way = WAYS[self.workload][self.model][self.variant]
        kind = way.task or TASKS[self.workload]
        memory = way.team.memory(kind.size(self.type, self.elements))
        task = kind(self.type, self.elements, memory)
        team = way.team(way.loop or self.workload, task, self.workers)
        try:
            team.start()
        except BaseException:
            team.close()
            raise
        return team


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
    sizes: list[int] | None = None,
    cost_sizes: list[int] | None = None,
    threads: list[int] | None = None,
) -> list[Configuration]:
    """Every combination that exists; `models` are pairs of model and variant.

    `sizes` are those of arrays, `cost_sizes` those of `count` and `wait`.
    """
    found = []
    for workload in workloads:
        costs = workload in COST_SIZES
        for element in [TYPES[workload]] if costs else types:
            for model, variant in models:
                if variant not in WAYS[workload].get(model, {}):
                    continue
                usual = COST_SIZES[workload] if costs else SIZES[model]
                if variant == MANAGER:
                    usual = MANAGER_SIZES[-1:] if costs else MANAGER_SIZES
                found += [
                    Configuration(workload, element, model, variant, n, w)
                    for n in (cost_sizes if costs else sizes) or usual
                    for w in ([1] if variant in ALONE else threads or _workers(workload, variant))
                ]
    return found


def _workers(workload: str, variant: str) -> list[int]:
    if workload != "wait":
        return automatic_threads(usable_cpus())
    return CONNECTIONS if issubclass(WAITS["python"][variant].team, Server) else WAIT_WORKERS
