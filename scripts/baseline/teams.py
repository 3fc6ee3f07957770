"""Who does the work: one class a variant, all over the loops of loops.py (NumPy over its own).

A team is made for one sample: its workers exist when the clock starts and are gone when close() has
returned. Nothing of it has a name in the file system: shared memory is an anonymous mapping that
the workers inherit, so that not even a kill can leave any behind.
"""

from __future__ import annotations

import mmap
import multiprocessing
import os
import signal
import struct
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

import numpy as np

from baseline import lifeline, loops
from baseline.tasks import Task

FORK = multiprocessing.get_context("fork")
RESULT = struct.Struct("=d")
# How long an ended worker is given to be seen as such.
LOOK_S = 0.2


class WorkerDied(Exception):
    """A worker ended in the middle of its work: a failed sample, not the end of the run."""


class Team:
    """Workers on one task, each with its part of `loop`, which loops.part() knows."""

    # Whether sums are NumPy's, added pairwise in the element's type.
    pairwise = False

    def __init__(self, loop: str, task: Task, workers: int) -> None:
        self.loop = loop
        self.task = task
        self.bounds = loops.slices(task.elements, workers)

    @staticmethod
    def memory(size: int) -> object:
        """Memory for a task that this team's workers reach."""
        return bytearray(size)

    def start(self) -> None:
        """Makes workers that are processes of their own; close() ends what there is of them."""

    def run(self) -> None:
        """One operation."""
        raise NotImplementedError

    def time(self, operations: int) -> int:
        """Nanoseconds of so many operations, one after the other."""
        start = time.perf_counter_ns()
        for _ in range(operations):
            self.run()
        return time.perf_counter_ns() - start

    def loaded(self) -> None:
        """Called when the task's input is new."""

    def fetch(self) -> None:
        """Brings the result to the task's memory, for verification."""

    def observe(self) -> dict[str, float]:
        """Columns about the single operations since this was last asked."""
        return {}

    def processes(self) -> list[int]:
        """The workers' process ids, where they are processes of their own."""
        return []

    def close(self) -> None:
        """Ends the workers."""

    def _finish(self, parts: list[float | None]) -> None:
        self.task.finish(sum(p for p in parts if p is not None))


class Serial(Team):
    """A loop, on the caller's thread; a counter needs no lock."""

    def run(self) -> None:
        if self.loop == "count":
            loops.count_alone(self.task.view, self.task.elements)
        else:
            whole = (0, self.task.elements)
            self._finish([loops.part(self.loop, self.task.view, whole, nullcontext())])


class Threads(Team):
    """A ThreadPoolExecutor: under the global lock one thread computes at a time."""

    def __init__(self, loop: str, task: Task, workers: int) -> None:
        super().__init__(loop, task, workers)
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(workers)
        self._busy = False

    def run(self) -> None:
        self._busy = True
        parts = self._pool.map(
            lambda b: loops.part(self.loop, self.task.view, b, self._lock), self.bounds
        )
        self._finish(list(parts))
        self._busy = False

    def close(self) -> None:
        # Of an interrupted operation nobody waits for the end.
        self._pool.shutdown(wait=not self._busy, cancel_futures=True)


class Processes(Team):
    """Forked workers that die with this process and are waited for."""

    def __init__(self, loop: str, task: Task, workers: int) -> None:
        super().__init__(loop, task, workers)
        self.children: list[BaseProcess] = []

    def fork(self, serve: Callable[..., None], *arguments: object) -> None:
        """Makes one more, which serves until it is killed."""
        child = FORK.Process(target=_served, args=(os.getpid(), serve, *arguments), daemon=True)
        # What interrupts the run must not interrupt a child that has not yet said otherwise.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, lifeline.STOPS)
        try:
            child.start()
            self.children.append(child)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def processes(self) -> list[int]:
        return [c.pid for c in self.children if c.pid is not None]

    def fetch(self) -> None:
        # The others may have done a dead worker's share: a right result, but not of so many.
        self.check()

    def check(self) -> None:
        """Raises WorkerDied unless all live."""
        for child in self.children:
            if not child.is_alive():
                how = child.exitcode or 0
                said = f"signal {-how}" if how < 0 else f"status {how}"
                raise WorkerDied(f"a worker process ended with {said}")

    def lost(self, otherwise: str = "a worker process closed its pipe") -> WorkerDied:
        """Which worker it was that has ended; what else is wrong if none has."""
        for child in self.children:
            child.join(LOOK_S)
        self.check()
        return WorkerDied(otherwise)

    def close(self) -> None:
        for child in self.children:
            child.kill()
        for child in self.children:
            child.join()
            child.close()
        self.children = []


def _served(parent: int, serve: Callable[..., None], *arguments: object) -> None:
    lifeline.hold_on_to(parent)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, lifeline.STOPS)
    serve(*arguments)


class SharedProcesses(Processes):
    """Workers on shared memory, told by a pipe each: what they send back is one number."""

    @staticmethod
    def memory(size: int) -> object:
        return mmap.mmap(-1, max(1, size))

    def __init__(self, loop: str, task: Task, workers: int) -> None:
        super().__init__(loop, task, workers)
        self._pipes: list[Connection] = []

    def start(self) -> None:
        lock = FORK.Lock()
        numbers = self.shared()
        for bounds in self.bounds:
            ours, theirs = FORK.Pipe()
            self._pipes.append(ours)
            self.fork(_serve_shared, theirs, self.loop, numbers, bounds, lock)
            theirs.close()

    def shared(self) -> loops.Numbers:
        """What all of the workers work on."""
        return self.task.view

    def run(self) -> None:
        try:
            for pipe in self._pipes:
                pipe.send_bytes(b"g")
            self._finish([RESULT.unpack(pipe.recv_bytes())[0] for pipe in self._pipes])
        except (EOFError, OSError) as error:
            raise self.lost() from error

    def close(self) -> None:
        super().close()
        for pipe in self._pipes:
            pipe.close()


def _serve_shared(
    pipe: Connection,
    loop: str,
    view: loops.Numbers,
    bounds: tuple[int, int],
    lock: loops.Lock,
) -> None:
    while pipe.recv_bytes():
        found = loops.part(loop, view, bounds, lock)
        pipe.send_bytes(RESULT.pack(found if found is not None else 0.0))


class Numpy(Team):
    """One call of NumPy, which works in C on one thread."""

    pairwise = True
    INDICES = 1 << 16

    def __init__(self, loop: str, task: Task, workers: int) -> None:
        super().__init__(loop, task, workers)
        self._zeros = np.zeros(min(self.INDICES, max(1, task.elements)), dtype=np.intp)

    def run(self) -> None:
        array = self.task.array
        if self.loop == "double":
            array *= 2
        elif self.loop == "reduce":
            self.task.value = float(array.sum())
        else:
            left = self.task.elements
            while left > 0:
                step = min(left, len(self._zeros))
                np.add.at(array, self._zeros[:step], 1)
                left -= step
