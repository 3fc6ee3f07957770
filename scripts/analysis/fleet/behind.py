"""Which nodes of a fleet fall behind the others, in what, and by how much.

A node's ratio at a workload is the geometric mean, over the configurations that others of its kind
measured too, of its median time over the median of the others' medians. How far like nodes lie
apart is seen in the fleet itself: the median absolute deviation of the ratios, which a few slow
nodes do not move, or in a fleet too small for that their variance, drawn towards PRIOR_SCATTER
(Smyth 2004, "Linear models and empirical Bayes methods", equation 2). Intervals hold for all nodes
and workloads together (Bonferroni).
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats as scipy_stats

from analysis.fleet.nodes import Node
from analysis.reading.run import KEY
from analysis.statistics.crossover import format_size
from analysis.words import plural

Floats = NDArray[np.float64]
THRESHOLD = 0.05
LEVEL = 0.95
# What runs of like machines scatter by before the fleet has told, and what that is worth in nodes.
PRIOR_SCATTER = 0.02
PRIOR_DEGREES = 2.0
# From so many others on their median absolute deviation tells the scatter; below, it is too coarse.
ENOUGH_FOR_MAD = 8
# The normal distribution's standard deviation over its median absolute deviation, and what share of
# a variance's degrees of freedom the latter has (its efficiency).
MAD_TO_SD = 1.4826
MAD_EFFICIENCY = 0.37
# Of so many nodes what this share of them measured is what a node should have.
FEWEST, MOST = 3, 0.6


@dataclass(frozen=True)
class Standing:
    """Where a node stands among those of its kind at one workload.

    `ratio` is its time over the others', with its simultaneous 95 % interval; `slower` of `of`
    configurations take longer by the threshold, most of all `worst`, by `worst_ratio`.
    """

    node: Node
    what: str
    ratio: float
    low: float
    high: float
    slower: int
    of: int
    worst: str
    worst_ratio: float

    def behind(self, threshold: float) -> bool:
        """Whether it is surely slower, and by the threshold at least."""
        return self.low > 1 and self.ratio >= 1 + threshold


@dataclass(frozen=True)
class Fleet:
    """What comparing the nodes found; `standings` by their ratio, the slowest first."""

    nodes: list[Node]
    standings: list[Standing]
    scatter: dict[str, float]  # by workload, of like nodes: 0.02 is 2 %
    lacking: dict[str, list[Node]]  # what most others measured, and who did not
    threshold: float

    @property
    def behind(self) -> list[Standing]:
        """Who falls behind, the slowest first."""
        return [s for s in self.standings if s.behind(self.threshold)]

    @property
    def wrong(self) -> list[Node]:
        """Nodes of which a result was wrong."""
        return [node for node in self.nodes if node.wrong]

    @property
    def unfinished(self) -> list[Node]:
        """Nodes whose run did not end whole."""
        return [node for node in self.nodes if node.ended not in ("complete", "unknown")]

    @property
    def healthy(self) -> bool:
        """Whether nothing is behind, wrong, missing or unfinished."""
        return not (self.behind or self.wrong or self.lacking or self.unfinished)

    @property
    def differences(self) -> list[tuple[str, list[tuple[str, list[Node]]]]]:
        """What differs between the nodes: the property, and who has which value, most first."""
        found = []
        for what in self.nodes[0].facts if self.nodes else ():
            values = Counter(node.facts.get(what, "") for node in self.nodes)
            if len(values) > 1:
                have = [
                    (value, [n for n in self.nodes if n.facts.get(what, "") == value])
                    for value, _ in values.most_common()
                ]
                found.append((what, have))
        return found


def fleet_of(nodes: list[Node], threshold: float = THRESHOLD) -> Fleet:
    """Compares nodes of a kind at what several of them measured."""
    parts = [node.times.with_columns(pl.lit(i).alias("node")) for i, node in enumerate(nodes)]
    if not parts:
        return Fleet([], [], {}, {}, threshold)
    table = pl.concat(parts)
    standings: list[Standing] = []
    scatter: dict[str, float] = {}
    groups = table.partition_by("workload", "device", "kind", as_dict=True, maintain_order=True)
    several_kinds = {
        (workload, device) for (workload, device), kinds in _kinds(table).items() if kinds > 1
    }
    ratios = {key: _ratios(group) for key, group in groups.items()}
    tests = sum(len(found.nodes) for found in ratios.values() if found)
    for (workload, device, kind), found in ratios.items():
        what = str(workload) if device == "cpu" else f"{workload} {device}"
        if (workload, device) in several_kinds:
            what += f" ({kind})"
        if found is None:
            continue
        spread = scatter_of(found.means)
        scatter[what] = float(np.median(spread.each))
        apart = scipy_stats.t.ppf(1 - (1 - LEVEL) / tests, spread.degrees) * spread.of_ratio
        for place, node in enumerate(found.nodes):
            logs = found.logs[:, place]
            measured = np.flatnonzero(~np.isnan(logs))
            worst = measured[np.argmax(logs[measured])]
            mean = found.means[place]
            standings.append(
                Standing(
                    nodes[node],
                    what,
                    math.exp(mean),
                    math.exp(mean - apart[place]),
                    math.exp(mean + apart[place]),
                    int((logs[measured] >= math.log1p(threshold)).sum()),
                    len(measured),
                    _called(found.keys.row(int(worst), named=True)),
                    math.exp(logs[worst]),
                )
            )
    standings.sort(key=lambda s: -s.ratio)
    return Fleet(nodes, standings, scatter, _lacking(nodes, table), threshold)


@dataclass(frozen=True)
class Ratios:
    """The logarithms of nodes' times over the others' at one workload: (configurations, nodes)."""

    keys: pl.DataFrame
    nodes: list[int]
    logs: Floats

    @property
    def means(self) -> Floats:
        """Each node's, over its configurations."""
        means: Floats = np.nanmean(self.logs, axis=0)
        return means


def _ratios(group: pl.DataFrame) -> Ratios | None:
    """None where no configuration was measured by two nodes."""
    shared = group.filter(pl.len().over(KEY) > 1)
    if shared.height == 0:
        return None
    wide = shared.pivot("node", index=KEY, values="log_ns", sort_columns=False)
    names = [name for name in wide.columns if name not in KEY]
    times = wide.select(names).to_numpy().astype(np.float64)
    return Ratios(wide.select(KEY), [int(name) for name in names], times - median_of_others(times))


def median_of_others(times: Floats) -> Floats:
    """For each value of a row the median of the row's others; NaN counts as none."""
    order = np.argsort(times, axis=1)  # NaN last
    ranks = np.argsort(order, axis=1)
    ordered = np.take_along_axis(times, order, axis=1)
    others = (~np.isnan(times)).sum(axis=1, keepdims=True) - 1

    def without_itself(rank: NDArray[np.int64]) -> Floats:
        place = np.clip(rank + (rank >= ranks), 0, times.shape[1] - 1)
        found: Floats = np.take_along_axis(ordered, place, axis=1)
        return found

    middle: Floats = (without_itself((others - 1) // 2) + without_itself(others // 2)) / 2
    middle[np.broadcast_to(others < 1, times.shape)] = np.nan
    return middle


@dataclass(frozen=True)
class Scatter:
    """How far like nodes lie apart, without each of them: standard deviations of logarithms."""

    each: Floats
    degrees: Floats
    others: int

    @property
    def of_ratio(self) -> Floats:
        """That of a node's ratio to the median of the others, which is not known exactly either."""
        # A median's variance over the mean's: pi / 2 for many, 1 for one and two.
        of_median = 1.0 if self.others < 3 else math.pi / 2
        found: Floats = self.each * math.sqrt(1 + of_median / self.others)
        return found


def scatter_of(means: Floats) -> Scatter:
    """The scatter of the others, for each node, from the nodes' mean ratios."""
    count = len(means)
    seen, degrees = np.empty(count), np.empty(count)
    for place in range(count):
        others = np.delete(means, place)
        if len(others) >= ENOUGH_FOR_MAD:
            seen[place] = MAD_TO_SD * np.median(np.abs(others - np.median(others)))
            degrees[place] = MAD_EFFICIENCY * (len(others) - 1)
        else:
            seen[place] = others.std(ddof=1) if len(others) > 1 else 0.0
            degrees[place] = len(others) - 1
    total = PRIOR_DEGREES + degrees
    each = np.sqrt((PRIOR_DEGREES * PRIOR_SCATTER**2 + degrees * seen**2) / total)
    return Scatter(each, total, count - 1)


def _kinds(table: pl.DataFrame) -> dict[tuple[str, str], int]:
    counted = table.group_by("workload", "device").agg(pl.col("kind").n_unique())
    return {(workload, device): kinds for workload, device, kinds in counted.iter_rows()}


def _lacking(nodes: list[Node], table: pl.DataFrame) -> dict[str, list[Node]]:
    """What three in four of the nodes measured, model by model, and who did not."""
    have = table.select("workload", "model", "device", "node").unique(maintain_order=True)
    groups = have.partition_by("workload", "model", "device", as_dict=True, maintain_order=True)
    found: dict[str, list[Node]] = {}
    for (workload, model, device), group in groups.items():
        told = set(group.get_column("node").to_list())
        if MOST * len(nodes) <= len(told) < len(nodes) and len(nodes) >= FEWEST:
            where = "" if device == "cpu" else f" on {device}"
            without = [node for place, node in enumerate(nodes) if place not in told]
            found[f"{workload}, {model}{where}"] = without
    return found


def _called(key: dict[str, object]) -> str:
    """A configuration in words: `threads/pool f32 64 Mi, 16 workers`."""
    size = format_size(float(str(key["elements"])))
    workers = int(str(key["workers"]))
    parts = [f"{key['model']}/{key['variant']}", str(key["type"]), size]
    if key["cache"] not in (None, "warm"):
        parts.append(str(key["cache"]))
    told = " ".join(part for part in parts if part != "none")
    return told if key["device"] != "cpu" else f"{told}, {plural(workers, 'worker')}"
