"""Inputs are the harness's, bit by bit; and verification sees every planted fault."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from baseline.tasks import SALTED, TASKS, Doubling, Reduction, Task, error_bound

# What common/doubling.hpp (after 5 operations) and common/reduction.hpp say for salt 3: index,
# double f32, double f64, reduce f32, reduce f64.
HARNESS: list[tuple[int, int, int, int, int]] = [
    (0, 0x86400EAE, 0x814D557BA3C00EAE, 0x3FC00EAE, 0x3FFD557BA3C00EAE),
    (1, 0x06014E9D, 0x0146A07340814E9D, 0x3F814E9D, 0x3FF6A07340814E9D),
    (65535, 0x062D4B6B, 0x01485BB713AD4B6B, 0x3FAD4B6B, 0x3FF85BB713AD4B6B),
    (65536, 0x064DECB3, 0x014BEC98194DECB3, 0x3FE5566A, 0x3FF2EE91C1E5566A),
    (4294967297, 0x867D72C8, 0x014FFBC4AFFD72C8, 0x3FBA4A88, 0x3FFA7574123A4A88),
]


def made(workload: str, element: str = "f32", elements: int = 1000, salt: int = 3) -> Task:
    kind = TASKS[workload]
    element = "i64" if workload == "count" else element
    task = kind(element, elements, bytearray(kind.size(element, elements)))
    task.renew(salt)
    return task


@pytest.mark.parametrize("row", HARNESS[:4], ids=lambda r: str(r[0]))
def test_inputs_are_those_of_the_harness(row: tuple[int, int, int, int, int]) -> None:
    index, *expected = row
    for place, (workload, element) in enumerate(
        [("double", "f32"), ("double", "f64"), ("reduce", "f32"), ("reduce", "f64")]
    ):
        task = made(workload, element, SALTED + 1)
        bits = task.array.view(np.uint32 if element == "f32" else np.uint64)
        if workload == "double":
            task.array *= 2**5
        assert int(bits[index]) == expected[place]


def test_indices_beyond_32_bits() -> None:
    index, *expected = HARNESS[4]
    doubling, reduction = made("double"), made("reduce")
    assert isinstance(doubling, Doubling)
    assert isinstance(reduction, Reduction)
    assert int(doubling._expected(index, 1, 5)[0]) == expected[0]
    assert int(reduction._significands(index, 1)[0]) == expected[2] - (126 << 23)


@pytest.mark.parametrize("element", ["f32", "f64"])
@pytest.mark.parametrize("elements", [1, 7, 65536, 100_000])
def test_doubling_is_verified_bit_by_bit(element: str, elements: int) -> None:
    task = made("double", element, elements)
    task.array *= 8
    task.done = 3
    assert task.verify(False).correct
    before = task.array[-1].copy()
    for wrong in (np.nextafter(before, 0), np.nan, before * 2, 0):
        task.array[-1] = wrong
        verdict = task.verify(False)
        assert not verdict.correct
        assert f"1 of {elements} elements are wrong; the first is x[{elements - 1}]" in verdict.note
    task.array[-1] = before
    assert task.verify(False).correct
    task.renew(4)
    assert task.verify(False).correct, "a renewed input is right"
    task.salt = 5
    assert not task.verify(False).correct, "that of another round is not"


def test_doubling_never_reaches_infinity() -> None:
    task = made("double", "f32", 4096)
    task.done = 240
    task.array *= np.float32(2.0) ** 120
    task.array *= np.float32(2.0) ** 120
    assert task.operations_left() == 0
    assert np.isfinite(task.array).all()
    assert task.verify(False).correct


@pytest.mark.parametrize("pairwise", [False, True])
@pytest.mark.parametrize("element", ["f32", "f64"])
@pytest.mark.parametrize("elements", [1, 100, 100_000])
def test_sums_are_verified(element: str, elements: int, pairwise: bool) -> None:
    task = made("reduce", element, elements)
    assert isinstance(task, Reduction)
    exact = sum(map(Fraction, task.array.tolist()))
    assert task.exact() == float(exact)
    task.value = float(task.array.sum()) if pairwise else math.fsum(task.array.tolist())
    right = task.value
    assert task.verify(pairwise).correct
    for wrong in (
        math.nan,
        math.inf,
        0.0,
        right / 2,
        right - float(task.array[-1]),
        right + float(task.array[0]),
    ):
        task.value = wrong
        assert not task.verify(pairwise).correct, wrong
    task.renew(4)
    task.value = right
    assert not task.verify(pairwise).correct, "the last round's result is stale"


def test_the_bound_of_numpys_sums_holds_and_is_tight() -> None:
    worst = 0.0
    for salt in range(1, 20):
        for elements in (129, 1000, 65536, 100_003):
            task = made("reduce", "f32", elements, salt)
            task.value = float(task.array.sum())
            worst = max(worst, task.verify(True).error / error_bound("f32", elements, True))
    assert worst < 1
    assert error_bound("f32", 1 << 26, True) < 5e-6
    assert error_bound("f32", 1 << 26, False) < 1e-11


def test_lost_and_left_over_counts_are_seen() -> None:
    task = made("count", elements=100)
    assert task.verify(False).correct
    task.done = 3
    verdict = task.verify(False)
    assert not verdict.correct
    assert verdict.error == 1.0
    task.array[0] += 299
    assert task.verify(False).error == pytest.approx(1 / 300)
    task.array[0] += 1
    assert task.verify(False).correct
    task.renew(4)
    task.array[0] = 3 * 1_000_003
    assert not task.verify(False).correct
