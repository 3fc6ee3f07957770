"""Comparing two runs: which configurations differ, with the whole run's error held at 5 %.

**The sample.** Round r of BASE is paired with round r of NEW: a run's first rounds are its coldest
in both. Each pair gives d = ln(t_new / t_base).

How the differences are tested is in max_t.py.

**The verdict** is `slower` or `faster` if the difference counts and is beyond the threshold, `same`
if the 95 % interval lies within the threshold either way, and `can't tell` otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import polars as pl

from analysis.reading.run import WARM, Run
from analysis.statistics.max_t import blocks, tests
from analysis.statistics.stats import FEWEST_ROUNDS, LEVEL, Floats

Verdict = Literal["faster", "slower", "same", "can't tell"]
VERDICTS: list[Verdict] = ["slower", "faster", "can't tell", "same"]


@dataclass(frozen=True)
class Change:
    """One configuration in both runs. `ratio` is new time over base time: above 1 is slower.

    `low` and `high` bound it with 95 % confidence, for this configuration alone; `p` is corrected
    for all. All three are NaN below six pairs.
    """

    name: str
    ratio: float
    low: float
    high: float
    p: float
    pairs: int
    base_ns: float
    new_ns: float
    verdict: Verdict
    why: str = ""

    @property
    def importance(self) -> float:
        """How far the nearer end of the interval is from no change."""
        if math.isnan(self.low):
            return 0.0
        return max(math.log(self.low), -math.log(self.high), 0.0)


@dataclass
class Comparison:
    """All changes, most important first within each verdict, and what to know of the two runs."""

    base: Run
    new: Run
    threshold: float
    changes: list[Change]
    only_base: int
    only_new: int
    scatter: float
    warnings: list[str] = field(default_factory=list)

    def count(self, verdict: Verdict) -> int:
        """How many configurations got `verdict`."""
        return sum(change.verdict == verdict for change in self.changes)


def compare(base: Run, new: Run, threshold: float, warnings: list[str]) -> Comparison:
    """Compares all configurations that both runs measured; `threshold` is a fraction."""
    key = [name for name in base.key if name in new.key]
    old_table, new_table = base.configurations, new.configurations
    both = old_table.join(new_table, on=key, how="inner", suffix="_new", nulls_equal=True)
    both = both.sort(key)
    names = configuration_names(both.select(key).to_dicts())
    logs, old_ns, new_ns = _paired_logs(base, new, both)
    tested = tests(logs)
    changes = [
        _change(name, row, float(old_ns[i]), float(new_ns[i]), threshold)
        for i, (name, row) in enumerate(zip(names, tested.rows(), strict=True))
    ]
    order = {verdict: i for i, verdict in enumerate(VERDICTS)}
    changes.sort(key=lambda c: (order[c.verdict], -c.importance, -abs(math.log(c.ratio)), c.name))
    return Comparison(
        base,
        new,
        threshold,
        changes,
        only_base=old_table.height - both.height,
        only_new=new_table.height - both.height,
        scatter=tested.scatter,
        warnings=warnings,
    )


def configuration_names(rows: list[dict[str, Any]]) -> list[str]:
    """The harness's names; a device or node is added where it is not the usual one."""
    return [
        f"{r['workload']}/{r['type']}/{r['model']}/{r['variant']}/{r['scope']}"
        f"/n:{r['elements']}/w:{r['workers']}"
        + (f"/{r['cache']}" if r["cache"] != WARM else "")
        + (f"/{r['device']}" if r.get("device") not in (None, "cpu", "gpu0") else "")
        + (f"/{r['node']}" if r.get("node") else "")
        for r in rows
    ]


def _paired_logs(base: Run, new: Run, both: pl.DataFrame) -> tuple[Floats, Floats, Floats]:
    old_rounds, old = base.times(both.get_column("config").to_list())
    new_rounds, fresh = new.times(both.get_column("config_new").to_list())
    _, in_old, in_new = np.intersect1d(old_rounds, new_rounds, return_indices=True)
    logs = np.log(fresh[:, in_new]) - np.log(old[:, in_old])
    medians = [both.get_column(n).to_numpy() for n in ("median", "median_new")]
    return blocks(logs), medians[0], medians[1]


def _change(
    name: str,
    row: tuple[float, float, float, float, int],
    base_ns: float,
    new_ns: float,
    threshold: float,
) -> Change:
    center, low, high, p, pairs = row
    if math.isnan(p):
        ratio = math.exp(center) if pairs else new_ns / base_ns
        why = f"{pairs} rounds pair, {FEWEST_ROUNDS} are needed"
        nan = math.nan
        return Change(name, ratio, nan, nan, nan, pairs, base_ns, new_ns, "can't tell", why)
    ratio, low, high = math.exp(center), math.exp(low), math.exp(high)
    verdict: Verdict
    if p < 1 - LEVEL and ratio >= 1 + threshold:
        verdict = "slower"
    elif p < 1 - LEVEL and ratio <= 1 / (1 + threshold):
        verdict = "faster"
    elif 1 / (1 + threshold) < low and high < 1 + threshold:
        verdict = "same"
    else:
        verdict = "can't tell"
    return Change(name, ratio, low, high, p, pairs, base_ns, new_ns, verdict)
