"""The work itself in plain Python, which every variant of the model `python` runs.

Only the standard library: an interpreter without NumPy, such as a free-threaded one, runs this too.
`x` is a memoryview of numbers, so that all variants read and write memory the same way.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Literal, TypeAlias

# struct's letter for an element.
Code = Literal["f", "d", "q"]
Numbers: TypeAlias = "memoryview[Any]"
Lock: TypeAlias = AbstractContextManager[object]


def double(x: Numbers, begin: int, end: int) -> None:
    """x[i] *= 2, in place."""
    for i in range(begin, end):
        x[i] *= 2


def reduce(x: Numbers, begin: int, end: int) -> float:
    """The sum of x[begin:end], which Python adds in double precision."""
    return float(sum(x[begin:end]))


def count(x: Numbers, steps: int, lock: Lock) -> None:
    """Adds 1 to x[0], `steps` times, under the lock that a counter of several workers needs."""
    for _ in range(steps):
        with lock:
            x[0] += 1


def count_alone(x: Numbers, steps: int) -> None:
    """The same where nobody else counts."""
    for _ in range(steps):
        x[0] += 1


def slices(elements: int, workers: int) -> list[tuple[int, int]]:
    """Where each worker's part of `elements` begins and ends."""
    return [(elements * k // workers, elements * (k + 1) // workers) for k in range(workers)]


def part(workload: str, x: Numbers, bounds: tuple[int, int], lock: Lock) -> float | None:
    """One worker's part of one operation; the result of `reduce`, else None."""
    begin, end = bounds
    if workload == "reduce":
        return reduce(x, begin, end)
    if workload == "double":
        double(x, begin, end)
    else:
        count(x, end - begin, lock)
    return None
