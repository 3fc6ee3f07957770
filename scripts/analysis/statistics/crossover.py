"""Crossovers: the size from which one model beats another and stays ahead.

The definition is shared with the harness's closing summary, which computes the same point
estimate in C++; `common/harness/crossover_cases.json` holds the vectors both are tested with.

A model's *curve* is, at each size, the smallest median time over its variants and worker counts.
For A against B on their common sizes n_1 < ... < n_k let d_i = ln(t_B,i / t_A,i), which is positive
where A is faster:

* every d_i > 0: "always"; no d_i > 0: "never" (a tie is not a lead)
* otherwise, if d_k <= 0: "not monotonic": A led somewhere and had lost the lead by the largest size
* otherwise, with i the last index where d_i <= 0, the crossover lies between n_i and n_{i+1}, where
  d, interpolated linearly over ln n, is zero. It is *clean* if A led at no size before.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["always", "never", "crossover", "not monotonic", "no common sizes"]

UNITS = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]


@dataclass(frozen=True)
class Crossover:
    """The answer for one pair of curves. `size` is in elements, and None unless there is one."""

    kind: Kind
    size: float | None = None
    clean: bool = True

    @property
    def text(self) -> str:
        """The answer as the harness and the report print it."""
        if self.kind == "crossover":
            assert self.size is not None
            return format_size(self.size) + ("" if self.clean else " (not monotonic)")
        if self.kind == "never":
            return "never in the measured range"
        return self.kind


def find(a: Mapping[int, float], b: Mapping[int, float]) -> Crossover:
    """The size from which curve `a` beats curve `b`; both map elements to nanoseconds.

    Sizes that only one curve has, and size 0, which has no logarithm, take no part.
    """
    sizes = sorted(n for n in a.keys() & b.keys() if n > 0)
    return of_leads(sizes, [math.log(b[n] / a[n]) for n in sizes])


def of_leads(sizes: Sequence[int], leads: Sequence[float]) -> Crossover:
    """The same from ascending sizes and the leads d_i of A over B at each."""
    if not sizes:
        return Crossover("no common sizes")
    if all(d > 0 for d in leads):
        return Crossover("always")
    if not any(d > 0 for d in leads):
        return Crossover("never")
    if leads[-1] <= 0:
        return Crossover("not monotonic", clean=False)
    i = max(j for j, d in enumerate(leads) if d <= 0)
    low, high = math.log(sizes[i]), math.log(sizes[i + 1])
    size = math.exp(low + (high - low) * -leads[i] / (leads[i + 1] - leads[i]))
    return Crossover("crossover", size, clean=all(d <= 0 for d in leads[: i + 1]))


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
    """A crossover with what resampling says about it.

    `low` and `high` bound the size with 95 % confidence, and are None where there is no single
    size to bound or too few rounds. `shares` gives, for each kind of answer, the fraction of
    resamples that gave it: the certainty of "never" and "always".
    """

    point: Crossover
    low: float | None
    high: float | None
    shares: Mapping[str, float]

    @property
    def text(self) -> str:
        if self.low is None or self.high is None:
            return self.point.text
        return f"{self.point.text} [{format_size(self.low)} to {format_size(self.high)}]"


def with_interval(
    sizes: Sequence[int], leads: Sequence[float], resampled: NDArray[np.float64] | None
) -> CrossoverInterval:
    """Adds the 95 % percentile interval from `resampled` leads, shaped (resamples, sizes)."""
    point = of_leads(sizes, leads)
    if resampled is None or len(resampled) == 0 or not sizes:
        return CrossoverInterval(point, None, None, {})
    answers = [of_leads(sizes, row) for row in resampled.tolist()]
    shares: dict[str, float] = {}
    for answer in answers:
        shares[answer.kind] = shares.get(answer.kind, 0) + 1 / len(answers)
    if point.kind != "crossover":
        return CrossoverInterval(point, None, None, shares)
    # A resample without a crossover still has a place on the axis: "always" is a lead from below
    # the smallest size, and everything else a lead that begins above the largest.
    places = [
        a.size if a.size is not None else sizes[0] if a.kind == "always" else sizes[-1]
        for a in answers
    ]
    low, high = np.quantile(places, [0.025, 0.975])
    return CrossoverInterval(point, float(low), float(high), shares)
