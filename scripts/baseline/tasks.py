"""What is worked on: inputs, references and error bounds, the same as the harness has.

The inputs are those of common/random.hpp, common/doubling.hpp and common/reduction.hpp, element by
element: random, from a counter-based generator, so that any element can be made anew from its index
and the round's salt.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baseline import loops
from baseline.loops import Code, Numbers

CODES: dict[str, Code] = {"f32": "f", "f64": "d", "i64": "q", "none": "q"}
BYTES = {"f32": 4, "f64": 8, "i64": 8, "none": 0}
# Operations that one input of `double` lasts for, before infinity.
DOUBLINGS = {"f32": 240, "f64": 2000}
FIRST_EXPONENT = {"f32": 7, "f64": 15}
SIGNIFICAND = {"f32": 23, "f64": 52}
# Only the first elements of `reduce` depend on the salt: renewing the input is cheap.
SALTED = 1 << 16
BLOCK = 1 << 16
UNLIMITED = 1 << 62

U32 = np.uint32
U64 = np.uint64


@dataclass(frozen=True)
class Verdict:
    """A verification's result: the relative error, and what is wrong where it is not correct."""

    error: float
    correct: bool
    note: str = ""


def mix32(x: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Chris Wellons' lowbias32, as in common/random.hpp."""
    x = (x ^ (x >> U32(16))) * U32(0x7FEB352D)
    x = (x ^ (x >> U32(15))) * U32(0x846CA68B)
    return x ^ (x >> U32(16))


def random_bits(element: str, first: int, count: int, salt: int) -> NDArray[Any]:
    """Random bits for elements [first, first + count), which lie in one block of 2^32 indices."""
    key = mix32(np.array([((first >> 32) + 0x9E3779B9 * salt + 1) & 0xFFFFFFFF], dtype=U32))
    low = np.arange(first & 0xFFFFFFFF, (first & 0xFFFFFFFF) + count, dtype=U64).astype(U32)
    lower = mix32(low ^ key)
    if element == "f32":
        return lower
    return mix32(lower + U32(0x85EBCA6B)).astype(U64) << U64(32) | lower


def _blocks(elements: int) -> Iterator[tuple[int, int]]:
    """Parts of [0, elements) that stay in a cache; none crosses SALTED or 2^32."""
    for first in range(0, elements, BLOCK):
        yield first, min(BLOCK, elements - first)


class Task:
    """One workload's data in `memory`, and what is right for it.

    `value` is the result of the last operation, for a workload that has one.
    """

    def __init__(self, element: str, elements: int, memory: object) -> None:
        self.element = element
        self.elements = elements
        self.code = CODES[element]
        self.view: Numbers = memoryview(memory).cast("B").cast(self.code)  # type: ignore[arg-type]
        self.array = np.frombuffer(memory, dtype=self.code)  # type: ignore[call-overload]
        self.value = math.nan
        self.salt = 0
        self.done = 0

    @staticmethod
    def size(element: str, elements: int) -> int:
        """Bytes of the memory that the task needs."""
        return BYTES[element] * elements

    def renew(self, salt: int) -> None:
        """Writes the input of `salt`."""
        self.salt, self.done, self.value = salt, 0, math.nan
        self._fill()

    def operations_left(self) -> int:
        """How many operations may follow before the input must be renewed."""
        return UNLIMITED

    def finish(self, total: float) -> None:
        """Takes the sum of what the workers' parts came to."""

    def _fill(self) -> None:
        raise NotImplementedError

    def verify(self, pairwise: bool) -> Verdict:
        """Compares the last result with the reference."""
        raise NotImplementedError


class Doubling(Task):
    """`double`: every element is compared, bit by bit."""

    def __init__(self, element: str, elements: int, memory: object) -> None:
        super().__init__(element, elements, memory)
        self._pristine: NDArray[Any] | None = None
        self._bits = self.array.view(U32 if element == "f32" else U64)

    def _expected(self, first: int, count: int, doublings: int) -> NDArray[Any]:
        width, bits = SIGNIFICAND[self.element], 32 if self.element == "f32" else 64
        kind = U32 if bits == 32 else U64
        exponents = ((1 << (bits - 1 - width)) - 1) << width
        kept = random_bits(self.element, first, count, self.salt) & kind(
            ~exponents & ((1 << bits) - 1)
        )
        return kept + kind((FIRST_EXPONENT[self.element] + doublings) << width)

    def renew(self, salt: int) -> None:
        if salt != self.salt:
            self._pristine = None
        super().renew(salt)

    def _fill(self) -> None:
        if self._pristine is None:
            for first, count in _blocks(self.elements):
                self._bits[first : first + count] = self._expected(first, count, 0)
            self._pristine = self._bits.copy()
        else:
            np.copyto(self._bits, self._pristine)

    def operations_left(self) -> int:
        return DOUBLINGS[self.element] - self.done

    def verify(self, pairwise: bool) -> Verdict:
        wrong, at = 0, 0
        for first, count in _blocks(self.elements):
            differ = self._bits[first : first + count] != self._expected(first, count, self.done)
            if found := int(np.count_nonzero(differ)):
                at = at if wrong else first + int(np.argmax(differ))
                wrong += found
        if wrong == 0:
            return Verdict(0.0, True)
        kind = np.float32 if self.element == "f32" else np.float64
        should = float(self._expected(at, 1, self.done).view(kind)[0])
        value = float(self.array[at])
        return Verdict(
            abs((value - should) / should),
            False,
            f"{wrong} of {self.elements} elements are wrong; the first is x[{at}] = {value:g} "
            f"instead of {should:g}",
        )


class Reduction(Task):
    """`reduce`: the sum against the exact one, within what rounding explains."""

    def __init__(self, element: str, elements: int, memory: object) -> None:
        super().__init__(element, elements, memory)
        self._bits = self.array.view(U32 if element == "f32" else U64)
        self._filled = 0

    def _significands(self, first: int, count: int) -> NDArray[Any]:
        """Elements in [1, 2) as integers, in units of 2^-23 or 2^-52."""
        kind = U32 if self.element == "f32" else U64
        one = kind(1 << SIGNIFICAND[self.element])
        salt = self.salt if first < SALTED else 0
        found: NDArray[Any] = random_bits(self.element, first, count, salt) & (one - kind(1)) | one
        return found

    def _fill(self) -> None:
        exponent = (127 if self.element == "f32" else 1023) - 1
        kind = U32 if self.element == "f32" else U64
        base = kind(exponent << SIGNIFICAND[self.element])
        for first, count in _blocks(self.elements):
            if first >= SALTED and self._filled:
                break
            self._bits[first : first + count] = self._significands(first, count) + base
        self._filled = self.elements

    def finish(self, total: float) -> None:
        self.value = total

    def exact(self) -> float:
        """The exact sum, correctly rounded."""
        total = 0
        for first, count in _blocks(self.elements):
            x = self._significands(first, count).astype(U64)
            # Halves, for 2^16 integers of 53 bits do not fit into 64.
            total += (int((x >> U64(32)).sum()) << 32) + int((x & U64(0xFFFFFFFF)).sum())
        return total / (1 << SIGNIFICAND[self.element])

    def verify(self, pairwise: bool) -> Verdict:
        should = self.exact()
        error = abs(self.value - should) / should if should else abs(self.value)
        bound = error_bound(self.element, self.elements, pairwise)
        # Written so that NaN is wrong.
        if error <= bound:
            return Verdict(error, True)
        return Verdict(
            error,
            False,
            f"the sum is {self.value!r} instead of {should!r}: relative error {error:.2g}, at most "
            f"{bound:.2g} is rounding",
        )


class Counting(Task):
    """`count`: the counter must have grown by every increment of every operation."""

    @staticmethod
    def size(element: str, elements: int) -> int:
        return 8

    def _fill(self) -> None:
        # Not from 0: a counter that was left over or never written is a wrong one.
        self.array[0] = self.salt * 1_000_003

    def finish(self, total: float) -> None:
        self.array[0] += int(total)

    def verify(self, pairwise: bool) -> Verdict:
        should = self.salt * 1_000_003 + self.done * self.elements
        value = int(self.array[0])
        if value == should:
            return Verdict(0.0, True)
        error = abs(value - should) / max(1, self.done * self.elements)
        return Verdict(error, False, f"the counter is {value} instead of {should}")


class Waiting(Task):
    """`wait`: every task must have been done once in every operation, to its end."""

    @staticmethod
    def size(element: str, elements: int) -> int:
        return 8 * (loops.FIRST + elements)

    def _steps(self) -> int:
        return 0

    def _fill(self) -> None:
        self.array[:] = 0
        self.array[loops.STEPS], self.array[loops.SALT] = self._steps(), self.salt

    def verify(self, pairwise: bool) -> Verdict:
        # Another interpreter has written how many steps a task takes there.
        power = pow(loops.FACTOR, int(self.array[loops.STEPS]), loops.MODULUS)
        wrong = [
            task
            for task, value in enumerate(self.array[loops.FIRST :].tolist())
            if value != self.done * (loops.seed(self.salt, task) * power % loops.MODULUS)
        ]
        if not wrong:
            return Verdict(0.0, True)
        return Verdict(
            len(wrong) / self.elements,
            False,
            f"{len(wrong)} of {self.elements} tasks were lost, cut short or done twice; the first "
            f"is task {wrong[0]}",
        )


class Computing(Waiting):
    """`wait` with tasks that compute instead of sleeping."""

    def _steps(self) -> int:
        return loops.steps_of_a_task()


TASKS: dict[str, type[Task]] = {
    "double": Doubling,
    "reduce": Reduction,
    "count": Counting,
    "wait": Waiting,
}


def error_bound(element: str, elements: int, pairwise: bool) -> float:
    """The largest relative error of a correct sum; see common/reduction.hpp for the reasons.

    Python adds in double precision. NumPy adds pairwise in the element's own type: blocks of at
    most 128 with eight accumulators, then halves.
    """
    if elements <= 1:
        return 0.0
    n = float(elements)

    def bound(unit: float, chain: float) -> float:
        chain = min(chain, n - 1)
        certain = chain * unit / (1 - chain * unit)
        probable = 7 * unit * math.sqrt(chain * 2 / 1.5)
        return min(certain, probable) if chain * unit < 0.5 else probable

    result = bound(2.0**-53, n)
    if pairwise:
        chain = 28 + max(0, math.ceil(math.log2(n / 64)))
        result += bound(2.0**-24 if element == "f32" else 2.0**-53, chain)
    return result
