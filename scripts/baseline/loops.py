"""The work itself in plain Python, which every variant of the model `python` runs.

Only the standard library: an interpreter without NumPy, such as a free-threaded one, runs this too.
`x` is a memoryview of numbers, so that all variants read and write memory the same way.
"""

from __future__ import annotations

import threading
import time
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, Literal, TypeAlias

# struct's letter for an element.
Code = Literal["f", "d", "q"]
Numbers: TypeAlias = "memoryview[Any]"
Lock: TypeAlias = AbstractContextManager[object]

# A task of `wait`, and what counts as having slept so long: event loops may wake a bit early.
TASK_S = 1e-3
SLEPT_NS = 999_000
# The memory of `wait`: steps of a task that computes, the salt, and what came of each task.
STEPS, SALT, FIRST = 0, 1, 2
# Lehmer's generator: who does not take every step does not come to the last number.
FACTOR, MODULUS = 16807, (1 << 31) - 1
CALIBRATION_STEPS = 10_000


def double(x: Numbers, begin: int, end: int) -> None:
    """x[i] *= 2, in place."""
    for i in range(begin, end):
        x[i] *= 2


def reduce(x: Numbers, begin: int, end: int) -> float:
    """The sum of x[begin:end], which Python adds in double precision."""
    return float(sum(x[begin:end]))


def reduce_each(x: Numbers, begin: int, end: int) -> float:
    """The same of a list that is asked for each element."""
    return float(sum(x[i] for i in range(begin, end)))


def count(x: Numbers, steps: int, lock: Lock) -> None:
    """Adds 1 to x[0], `steps` times, under the lock that a counter of several workers needs."""
    for _ in range(steps):
        with lock:
            x[0] += 1


def count_alone(x: Numbers, steps: int) -> None:
    """The same where nobody else counts."""
    for _ in range(steps):
        x[0] += 1


def count_batch(x: Numbers, steps: int, lock: Lock) -> None:
    """The same under the lock, taken once."""
    with lock:
        count_alone(x, steps)


def count_local(steps: int) -> int:
    """The same in a counter that each thread has for itself; what it came to."""
    mine = threading.local()
    mine.counter = 0
    for _ in range(steps):
        mine.counter += 1
    return int(mine.counter)


def seed(salt: int, task: int) -> int:
    """The number that a task of `wait` begins with."""
    return 1 + (salt * 7919 + task * 104_729) % (MODULUS - 1)


def advance(number: int, steps: int) -> int:
    """What a task of `wait` computes: `number * FACTOR**steps % MODULUS`, step by step."""
    for _ in range(steps):
        number = number * FACTOR % MODULUS
    return number


@cache
def steps_of_a_task() -> int:
    """Steps of advance() that take TASK_S of CPU time in this interpreter, measured once."""

    def spent(steps: int) -> float:
        start = time.thread_time()
        advance(1, steps)
        return time.thread_time() - start

    quickest = min(spent(CALIBRATION_STEPS) for _ in range(20))
    return max(1, round(CALIBRATION_STEPS * TASK_S / quickest))


def slept(salt: int, task: int, start_ns: int) -> int:
    """What comes of a task that sleeps since `start_ns`: its number; 0 if it was cut short."""
    return seed(salt, task) if time.perf_counter_ns() - start_ns >= SLEPT_NS else 0


def block(x: Numbers, begin: int, end: int) -> None:
    """Tasks that sleep, one after the other."""
    for task in range(begin, end):
        start = time.perf_counter_ns()
        time.sleep(TASK_S)
        x[FIRST + task] += slept(x[SALT], task, start)


def compute(x: Numbers, begin: int, end: int) -> None:
    """Tasks that compute, one after the other."""
    for task in range(begin, end):
        x[FIRST + task] += advance(seed(x[SALT], task), x[STEPS])


def slices(elements: int, workers: int) -> list[tuple[int, int]]:
    """Where each worker's part of `elements` begins and ends."""
    return [(elements * k // workers, elements * (k + 1) // workers) for k in range(workers)]


def part(loop: str, x: Numbers, bounds: tuple[int, int], lock: Lock) -> float | None:
    """One worker's part of one operation: what is added to the other parts, or None."""
    begin, end = bounds
    if loop == "reduce":
        return reduce(x, begin, end)
    if loop == "reduce-each":
        return reduce_each(x, begin, end)
    if loop == "count-local":
        return count_local(end - begin)
    if loop == "count":
        count(x, end - begin, lock)
    elif loop == "count-batch":
        count_batch(x, end - begin, lock)
    else:
        {"double": double, "block": block, "compute": compute}[loop](x, begin, end)
    return None
