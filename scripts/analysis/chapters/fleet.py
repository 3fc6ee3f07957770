"""The nodes of a fleet run: which of them fall behind the others."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from analysis.drawing.markup import Child, Html, el, table
from analysis.reading.run import Run
from analysis.words import plural

# From this ratio on a node falls behind, here as in the harness's summary.
BEHIND = 1.05


@dataclass(frozen=True)
class Behind:
    """A node that is slower than the others at one workload.

    `ratio` is the geometric mean over the configurations of its median time over the median of the
    other nodes' medians; in `slower` of `of` configurations that is above BEHIND.
    """

    run: Run
    what: str
    ratio: float
    slower: int
    of: int


def fleets(runs: list[Run]) -> list[list[Run]]:
    """The nodes of each fleet run."""
    found: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if run.node:
            found[run.run_id].append(run)
    return list(found.values())


def behind(nodes: list[Run]) -> list[Behind]:
    """Who falls behind among the nodes of one fleet, the slowest first."""
    medians: dict[tuple[object, ...], dict[int, float]] = defaultdict(dict)
    for place, run in enumerate(nodes):
        for *configuration, median in run.configurations.select(*run.key, "median").iter_rows():
            medians[tuple(configuration)][place] = median
    ratios: dict[tuple[str, int], list[float]] = defaultdict(list)
    workload, device = nodes[0].key.index("workload"), nodes[0].key.index("device")
    for key, times in medians.items():
        what = str(key[workload]) if key[device] == "cpu" else f"{key[workload]} {key[device]}"
        for place, time in times.items():
            others = [other for node, other in times.items() if node != place]
            if others:
                ratios[what, place].append(time / float(np.median(others)))
    found = [
        Behind(
            nodes[place],
            what,
            math.exp(float(np.mean(np.log(values)))),
            sum(value > BEHIND for value in values),
            len(values),
        )
        for (what, place), values in ratios.items()
    ]
    return sorted((b for b in found if b.ratio > BEHIND), key=lambda b: -b.ratio)


def shown(runs: list[Run], most: int) -> list[Run]:
    """At most `most` of a fleet's nodes: the first and the slowest. Any other runs all."""
    if len(runs) <= most or len(fleets(runs)) != 1 or not all(run.node for run in runs):
        return runs
    slowest = list(dict.fromkeys(b.run.node for b in behind(runs)))
    slowest += [run.node for run in runs if run.node not in slowest]
    kept = {runs[0].node, *[node for node in slowest if node != runs[0].node][: most - 1]}
    return [run for run in runs if run.node in kept]


def falling_behind(nodes: list[Run]) -> Html:
    """The same as at the end of the harness's summary."""
    slow = behind(nodes)
    if not slow:
        return el(
            "p",
            f"No node falls behind: none of the {len(nodes)} takes {BEHIND - 1:.0%} longer than "
            "the others.",
        )
    rows: list[list[Child]] = [
        [b.run.name, b.what, f"{b.ratio:.2f}×", f"{b.slower} of {plural(b.of, 'configuration')}"]
        for b in slow
    ]
    return table(
        ["node", "workload", "time over the others'", f"slower by {BEHIND - 1:.0%} in"],
        rows,
        numeric=[2],
        caption="Nodes that fall behind the others",
    )
