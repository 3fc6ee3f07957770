"""Tasks on one thread that takes turns: asyncio."""

from __future__ import annotations

import asyncio
import time
from contextlib import nullcontext

from baseline import loops
from baseline.tasks import Task
from baseline.teams import Team


class Asyncio(Team):
    """An event loop; as many coroutines as workers, each of which has one task under way."""

    def __init__(self, loop: str, task: Task, workers: int) -> None:
        super().__init__(loop, task, workers)
        self._runner = asyncio.Runner()

    def run(self) -> None:
        self._runner.run(self._all())

    async def _all(self) -> None:
        await asyncio.gather(*(work(self.loop, self.task.view, b) for b in self.bounds))

    def close(self) -> None:
        self._runner.close()


async def work(loop: str, x: loops.Numbers, bounds: tuple[int, int]) -> None:
    """One worker's tasks. Nobody else gets on while one computes."""
    for task in range(*bounds):
        if loop == "block":
            start = time.perf_counter_ns()
            await asyncio.sleep(loops.TASK_S)
            x[loops.FIRST + task] += loops.slept(x[loops.SALT], task, start)
        else:
            loops.part(loop, x, (task, task + 1), nullcontext())
            await asyncio.sleep(0)
