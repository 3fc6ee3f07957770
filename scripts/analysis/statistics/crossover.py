"""Crossovers: the size from which one model beats another and stays ahead.

The definition is shared with the harness's closing summary, which computes the same point
estimate in C++; `common/harness/crossover_cases.json` holds the vectors both are tested with.

A model's *curve* is, at each size, the smallest median time over its variants and worker counts.
For A against B on their common sizes n_1 < ... < n_k let d_i = t_B,i - t_A,i, which is positive
where A is faster:

* every d_i > 0: "always"; no d_i > 0: "never" (a tie is not a lead)
* otherwise, if d_k <= 0: "not monotonic": A led somewhere and had lost the lead by the largest size
* otherwise, with i the last index where d_i <= 0, the crossover lies between n_i and n_{i+1}, where
  d, interpolated linearly over n, is zero. It is *clean* if A led at no size before.

Between two sizes times are straight lines because what is added takes its time in proportion:
time = latency + bytes / bandwidth (Hockney, The Science of Computer Benchmarking, 1996). Straight
lines of logarithms would put the crossing up to a few per cent off, more than its interval is wide.
Between sizes that are more than WIDEST_BRACKET times apart even that says too little: the answer is
then these sizes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["always", "never", "crossover", "not monotonic", "no common sizes"]

WIDEST_BRACKET = 4
UNITS = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]


@dataclass(frozen=True)
class Crossover:
    """The answer for one pair of curves. `size` is in elements, and None unless there is one.

    `between` holds the measured sizes around it, the last at which A does not lead and the next.
    """

    kind: Kind
    size: float | None = None
    clean: bool = True
    between: tuple[int, int] = (0, 0)

    @property
    def wide(self) -> bool:
        """Whether only the sizes around a crossover are known: they are too far apart."""
        below, above = self.between
        return above > WIDEST_BRACKET * below

    @property
    def text(self) -> str:
        """The answer as the harness and the report print it."""
        if self.kind == "crossover":
            assert self.size is not None
            known = format_size(self.size)
            if self.wide:
                known = "between " + " and ".join(map(format_size, self.between))
            return known + ("" if self.clean else " (not monotonic)")
        if self.kind == "never":
            return "never in the measured range"
        return self.kind


def find(a: Mapping[int, float], b: Mapping[int, float]) -> Crossover:
    """The size from which curve `a` beats curve `b`; both map elements to nanoseconds.

    Sizes that only one curve has, and size 0, which is no work, take no part.
    """
    sizes = sorted(n for n in a.keys() & b.keys() if n > 0)
    return of_leads(sizes, [b[n] - a[n] for n in sizes])


def of_leads(sizes: Sequence[int], leads: Sequence[float]) -> Crossover:
    """The same from ascending sizes and the leads d_i of A over B at each, in ns."""
    if not sizes:
        return Crossover("no common sizes")
    if all(d > 0 for d in leads):
        return Crossover("always")
    if not any(d > 0 for d in leads):
        return Crossover("never")
    i = last_lost(leads)
    if i is None:
        return Crossover("not monotonic", clean=False)
    size = sizes[i] + (sizes[i + 1] - sizes[i]) * -leads[i] / (leads[i + 1] - leads[i])
    clean = all(d <= 0 for d in leads[: i + 1])
    return Crossover("crossover", size, clean, (sizes[i], sizes[i + 1]))


def last_lost(leads: Sequence[float]) -> int | None:
    """Where the last lead is that is none before it stays; None where it never comes or stays."""
    if not leads or leads[-1] <= 0:
        return None
    return max((i for i, d in enumerate(leads) if d <= 0), default=None)


def format_size(elements: float) -> str:
    """Elements with three significant digits and a binary unit: `512`, `23.4 Ki`, `1.20 Mi`.

    Below 1024 a whole number. What would round up to 1024 of a unit takes the next unit.
    """
    for unit in UNITS:
        text = _three_digits(elements) if unit else f"{elements:.0f}"
        if float(text) < 1024 or unit == UNITS[-1]:
            return f"{text} {unit}".rstrip()
        elements /= 1024
    raise AssertionError("the last unit always returns")


def _three_digits(value: float) -> str:
    for decimals, limit in ((2, 10), (1, 100)):
        text = f"{value:.{decimals}f}"
        if float(text) < limit:
            return text
    return f"{value:.0f}"


@dataclass(frozen=True)
class CrossoverInterval:
    """A crossover with its 95 % interval in elements, and the rounds behind it.

    `low` and `high` are None where there is no single size to bound or too few rounds.
    """

    point: Crossover
    low: float | None = None
    high: float | None = None
    rounds: int = 0

    @property
    def text(self) -> str:
        if self.low is None or self.high is None or self.point.wide:
            return self.point.text
        return f"{self.point.text} [{format_size(self.low)} to {format_size(self.high)}]"
