"""Workers that share nothing: each slice goes there and its result back, in messages."""

from __future__ import annotations

import queue
from collections.abc import Callable
from contextlib import nullcontext
from multiprocessing.connection import Connection
from multiprocessing.queues import Queue
from typing import Any, TypeAlias

from baseline import loops
from baseline.tasks import Task
from baseline.teams import FORK, LOOK_S, Processes

# Where a slice begins, and its bytes or what came of it.
Message: TypeAlias = tuple[int, Any]


class MessageProcesses(Processes):
    """What a pipe and a queue have in common."""

    def _send(self, worker: int, message: Message) -> None:
        raise NotImplementedError

    def _receive(self, worker: int) -> Message:
        """A result: that of `worker` where each has a way of its own."""
        raise NotImplementedError

    def run(self) -> None:
        view = self.task.view
        for worker, (begin, end) in enumerate(self.bounds):
            data = end - begin if self.loop == "count" else bytes(view[begin:end])
            self._send(worker, (begin, data))
        parts: list[float | None] = []
        for worker in range(len(self.bounds)):
            begin, found = self._receive(worker)
            if self.loop == "double":
                numbers = memoryview(found).cast(self.task.code)
                view[begin : begin + len(numbers)] = numbers
            else:
                parts.append(found)
        self._finish(parts)


class QueueProcesses(MessageProcesses):
    """Two queues that all workers share: who is free takes the next slice."""

    def __init__(self, loop: str, task: Task, workers: int) -> None:
        super().__init__(loop, task, workers)
        self._work: Queue[Message] = FORK.Queue()
        self._results: Queue[Message] = FORK.Queue()

    def start(self) -> None:
        for _ in self.bounds:
            self.fork(_serve, self._work.get, self._results.put, self.loop, self.task.code)

    def _send(self, worker: int, message: Message) -> None:
        self._work.put(message)

    def _receive(self, worker: int) -> Message:
        while True:
            try:
                return self._results.get(timeout=LOOK_S)
            except queue.Empty:
                self.check()

    def close(self) -> None:
        # First what writes: a worker that was killed may hold the lock of a queue for ever.
        for used in (self._work, self._results):
            used.cancel_join_thread()
        super().close()
        for used in (self._work, self._results):
            used.close()


class PipeProcesses(MessageProcesses):
    """A pipe to each worker."""

    def __init__(self, loop: str, task: Task, workers: int) -> None:
        super().__init__(loop, task, workers)
        self._pipes: list[Connection] = []

    def start(self) -> None:
        for _ in self.bounds:
            ours, theirs = FORK.Pipe()
            self._pipes.append(ours)
            self.fork(_serve, theirs.recv, theirs.send, self.loop, self.task.code)
            theirs.close()

    def _send(self, worker: int, message: Message) -> None:
        try:
            self._pipes[worker].send(message)
        except OSError as error:
            raise self.lost() from error

    def _receive(self, worker: int) -> Message:
        try:
            found: Message = self._pipes[worker].recv()
        except (EOFError, OSError) as error:
            raise self.lost() from error
        return found

    def close(self) -> None:
        super().close()
        for pipe in self._pipes:
            pipe.close()


def _serve(
    take: Callable[[], Message], give: Callable[[Message], None], loop: str, code: loops.Code
) -> None:
    while True:
        begin, data = take()
        if loop == "count":
            mine = memoryview(bytearray(8)).cast("q")
            loops.count_alone(mine, data)
            give((begin, mine[0]))
            continue
        memory = bytearray(data)
        x = memoryview(memory).cast(code)
        found = loops.part(loop, x, (0, len(x)), nullcontext())
        give((begin, bytes(memory) if loop == "double" else found))
