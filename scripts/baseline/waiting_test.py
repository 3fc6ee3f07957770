"""The workload `wait`: every planted fault is seen, and who is under way at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from baseline import loops, plan, sampling
from baseline.plan import Configuration
from baseline.tasks import Computing, Waiting

TASKS = 7
HERE = [v for v in plan.WAITS["python"] if not v.startswith(("free-threaded", "http", "werkzeug"))]


def configured(variant: str, workers: int = 3) -> Configuration:
    return Configuration("wait", "none", "python", variant, TASKS, workers)


def made(kind: type[Waiting]) -> Waiting:
    task = kind("none", TASKS, bytearray(kind.size("none", TASKS)))
    task.renew(3)
    return task


Loop = Callable[[loops.Numbers, int, int], None]


@pytest.mark.parametrize(("kind", "loop"), [(Waiting, loops.block), (Computing, loops.compute)])
def test_every_task_counts_once(kind: type[Waiting], loop: Loop) -> None:
    task = made(kind)
    for task.done in (1, 2):
        loop(task.view, 0, TASKS)
        assert task.verify(False).correct
    loop(task.view, 2, 3)
    verdict = task.verify(False)
    assert not verdict.correct
    assert verdict.error == pytest.approx(1 / TASKS)
    assert "1 of 7 tasks were lost, cut short or done twice; the first is task 2" in verdict.note
    task.renew(3)
    task.done = 1
    loop(task.view, 0, TASKS - 1)
    assert not task.verify(False).correct, "a task that nobody did"
    task.renew(3)
    assert task.verify(False).correct
    task.done = 1
    loop(task.view, 0, TASKS)
    task.salt = 4
    assert not task.verify(False).correct, "those of another round"


@pytest.mark.parametrize("variant", [v for v in HERE if v.endswith("block")])
def test_a_sleep_that_is_cut_short_is_a_failed_sample(
    monkeypatch: pytest.MonkeyPatch, variant: str
) -> None:
    sleep, wake = time.sleep, asyncio.sleep
    monkeypatch.setattr(time, "sleep", lambda s: sleep(s / 2))
    monkeypatch.setattr(asyncio, "sleep", lambda s: wake(0))
    sample = sampling.take(configured(variant), 1, 0.001)
    assert sample.status == "failed"
    assert "cut short" in sample.note


@pytest.mark.parametrize("variant", [v for v in HERE if v.endswith("compute")])
def test_a_step_too_few_is_a_failed_sample(monkeypatch: pytest.MonkeyPatch, variant: str) -> None:
    advance = loops.advance
    loops.steps_of_a_task()
    monkeypatch.setattr(loops, "advance", lambda number, steps: advance(number, steps - 1))
    sample = sampling.take(configured(variant), 1, 0.001)
    assert sample.status == "failed"
    assert sample.error == 1


def test_a_task_computes_for_as_long_as_it_sleeps() -> None:
    def spent() -> float:
        # Measured anew: a shared core's speed changes from one second to the next.
        loops.steps_of_a_task.cache_clear()
        steps = loops.steps_of_a_task()
        start = time.thread_time()
        loops.advance(1, steps)
        return time.thread_time() - start

    assert any(0.8e-3 < spent() < 1.25e-3 for _ in range(200))
    assert loops.advance(5, 1000) == 5 * pow(loops.FACTOR, 1000, loops.MODULUS) % loops.MODULUS


def test_an_event_loop_waits_for_many_but_computes_one(monkeypatch: pytest.MonkeyPatch) -> None:
    under_way: list[int] = [0]
    wake, advance = asyncio.sleep, loops.advance

    async def asleep(seconds: float) -> None:
        if not seconds:
            return await wake(0)
        under_way.append(under_way[-1] + 1)
        await wake(seconds)
        under_way.append(under_way[-1] - 1)

    def computing(number: int, steps: int) -> int:
        under_way.append(under_way[-1] + 1)
        found = advance(number, steps)
        under_way.append(under_way[-1] - 1)
        return found

    monkeypatch.setattr(asyncio, "sleep", asleep)
    monkeypatch.setattr(loops, "advance", computing)
    for variant, most in (("asyncio-block", 3), ("asyncio-compute", 1)):
        under_way[:] = [0]
        assert sampling.take(configured(variant), 1, 0.001).status != "failed"
        assert max(under_way) == most


def test_as_many_tasks_for_any_number_of_workers() -> None:
    found = plan.configurations(["wait"], ["f32"], [("python", v) for v in HERE], sizes=[1024])
    assert {(c.elements, c.type, c.bytes) for c in found} == {(64, "none", 0)}
    assert {c.workers for c in found} == {1, 4, 16}
    given = plan.configurations(
        ["wait", "count"], ["f32"], [("python", "threads-block")], cost_sizes=[8], threads=[2]
    )
    assert [(c.elements, c.workers) for c in given] == [(8, 2)]
    assert plan.configurations(["wait"], ["f32"], [("numpy", "vectorised")]) == []


def test_waiting_on_many_workers_is_no_crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "usable_cpus", lambda: 2)
    monkeypatch.setattr(sampling, "usable_cpus", lambda: 2)
    assert configured("threads-compute", 16).busy == 2
    assert configured("asyncio-block", 16).busy == 1
    assert "workers on" not in sampling.take(configured("threads-block", 16), 1, 0.001).note
