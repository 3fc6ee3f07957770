"""How many runs a side it takes to find a change."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats as scipy_stats

from analysis.compare.grouping import Groups
from analysis.statistics.effects import ERROR, Search

# Runs a side from which a verdict is one: two say little of what differs from run to run.
ENOUGH_RUNS = 3
MOST_RUNS_ADVISED = 99


def runs_needed(groups: Groups, search: Search, shift: float = 0.05) -> dict[str, int]:
    """Runs a side that find a shift in a group of each kind nine times in ten, by what is known."""
    scores = dict(zip((False, True), search.scores([]), strict=True))
    needed = {}
    for kind in ["model", "curve", "configuration"]:
        single = kind == "configuration"
        if not single and kind not in groups.kinds:
            continue
        of_kind = scores[single]
        places = slice(None) if single else groups.kind == groups.kinds.index(kind)
        error = float(np.median(of_kind.error[places])) / math.sqrt(search.scale)
        tests = len(of_kind.shift)
        for runs in range(ENOUGH_RUNS, MOST_RUNS_ADVISED + 1):
            degrees = max(2 * (runs - 1), float(np.median(of_kind.degrees[places])))
            enough = scipy_stats.t.isf(ERROR / 4 / tests, degrees) + scipy_stats.norm.ppf(0.9)
            if enough * error * math.sqrt(2 / runs) <= math.log(1 + shift):
                break
        needed[kind] = runs
    return needed
