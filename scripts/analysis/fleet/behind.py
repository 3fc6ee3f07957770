"""Which nodes of a fleet fall behind the others, in what, and by how much.

A node's ratio at a workload is the geometric mean, over the configurations that two others of its
kind or more measured too, of its median time over the median of the others' medians. How far like
nodes lie apart is seen in the fleet itself: the median absolute deviation of the ratios, which a
few slow nodes do not move, or in a small fleet their variance. By chance that may be next to
nothing, so below PRIOR_SCATTER it is drawn towards it (as in Smyth 2004, "Linear models and
empirical Bayes methods", equation 2, but never from above). Intervals hold for all nodes and
workloads together (Bonferroni).
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

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
# Of two nobody can say which is as it should be. What so large a part of like nodes measured is
# what a node should have.
FEWEST, MOST = 3, 0.6


@dataclass(frozen=True, eq=False)
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
    scatter: dict[str, float]  # by workload, as seen in like nodes: 0.02 is 2 %
    lacking: dict[str, list[Node]]  # what most others measured, and who did not
    threshold: float
    unread: list[str] = field(default_factory=list)  # files of the folder that are no runs

    @property
    def least(self) -> str:
        """The threshold in words."""
        return f"{100 * self.threshold:g} %"

    @cached_property
    def behind(self) -> list[Standing]:
        """Who falls behind, the slowest first."""
        return [s for s in self.standings if s.behind(self.threshold)]

    @property
    def wrong(self) -> list[Node]:
        """Nodes of which a result was wrong."""
        return [node for node in self.nodes if node.wrong]

    @property
    def unfinished(self) -> dict[str, list[Node]]:
        """Nodes whose run did not end whole, by how it ended."""
        found: dict[str, list[Node]] = {}
        for node in self.nodes:
            if node.ended not in ("complete", "unknown"):
                found.setdefault(node.ended, []).append(node)
        return found

    @cached_property
    def alone(self) -> list[Node]:
        """Nodes that were compared with none, for no reason that is told otherwise."""
        told = {id(s.node) for s in self.standings}
        told |= {id(node) for nodes in self.lacking.values() for node in nodes}
        return [node for node in self.nodes if id(node) not in told]

    @property
    def healthy(self) -> bool:
        """Whether nothing is behind, wrong, missing, unfinished, unread or compared with none."""
        bad = (self.behind, self.wrong, self.lacking, self.unfinished, self.unread, self.alone)
        return not any(bad)

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


def fleet_of(
    nodes: list[Node], threshold: float = THRESHOLD, unread: list[str] | None = None
) -> Fleet:
    """Compares nodes of a kind at what three or more of them measured."""
    parts = [node.times.with_columns(pl.lit(i).alias("node")) for i, node in enumerate(nodes)]
    if not parts:
        return Fleet([], [], {}, {}, threshold, unread or [])
    table = pl.concat(parts)
    standings: list[Standing] = []
    scatter: dict[str, float] = {}
    lacking = _lacking(nodes, table)
    kinds = Counter(
        table.select("workload", "device", "kind").unique().select("workload", "device").rows()
    )
    groups = table.partition_by("workload", "device", "kind", as_dict=True, maintain_order=True)
    ratios = {key: found for key, group in groups.items() if (found := _ratios(group))}
    tests = sum(len(found.nodes) for found in ratios.values())
    for (workload, device, kind), found in ratios.items():
        what = str(workload) if device == "cpu" else f"{workload} {device}"
        if kinds[workload, device] > 1:
            what += f" ({kind})"
        if found.cut:
            lacking[f"half as much of {what}"] = [nodes[node] for node in found.cut]
        spread = scatter_of(found.means)
        scatter[what] = float(np.median(spread.seen))
        quantile = scipy_stats.t.ppf(1 - (1 - LEVEL) / (2 * tests), spread.degrees)
        standings += _standings(nodes, what, found, quantile * spread.of_ratio, threshold)
    standings.sort(key=lambda s: -s.ratio)
    return Fleet(nodes, standings, scatter, lacking, threshold, unread or [])


def _standings(
    nodes: list[Node], what: str, found: Ratios, apart: Floats, threshold: float
) -> list[Standing]:
    """Those of a workload; `apart` is half of each node's interval, a logarithm."""
    standings = []
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
    return standings


@dataclass(frozen=True)
class Ratios:
    """The logarithms of nodes' times over the others' at one workload: (configurations, nodes)."""

    keys: pl.DataFrame
    nodes: list[int]
    logs: Floats
    cut: list[int]  # who measured too little of it to be judged

    @cached_property
    def means(self) -> Floats:
        """Each node's, over its configurations."""
        means: Floats = np.nanmean(self.logs, axis=0)
        return means


def _ratios(group: pl.DataFrame) -> Ratios | None:
    """None where no configuration was measured by so many nodes that one stands out."""
    shared = group.filter(pl.len().over(KEY) >= FEWEST)
    if shared.height == 0:
        return None
    wide = shared.pivot("node", index=KEY, values="log_ns", sort_columns=False)
    nodes = np.array([int(name) for name in wide.columns if name not in KEY])
    times = wide.drop(KEY).to_numpy().astype(np.float64)
    # A mean over few configurations scatters more than the others', and would stand out for that.
    counts = (~np.isnan(times)).sum(axis=0)
    judged = counts >= np.median(counts) / 2
    rows = (~np.isnan(times[:, judged])).sum(axis=1) >= FEWEST
    judged &= (~np.isnan(times[rows])).any(axis=0)
    if judged.sum() < FEWEST:
        return None
    kept = times[np.ix_(rows, judged)]
    return Ratios(
        wide.select(KEY).filter(rows),
        nodes[judged].tolist(),
        kept - median_of_others(kept),
        nodes[~judged].tolist(),
    )


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
    """How far like nodes lie apart, without each of them: standard deviations of logarithms.

    `seen` is that of the others themselves, `each` what is taken for it.
    """

    seen: Floats
    each: Floats
    degrees: float

    @property
    def of_ratio(self) -> Floats:
        """That of a node's ratio to the median of the others, which is not known exactly either."""
        others = len(self.each) - 1
        # A median's variance over the mean's: pi / 2 for many, 1 for two.
        of_median = 1.0 if others < 3 else math.pi / 2
        found: Floats = self.each * math.sqrt(1 + of_median / others)
        return found


def scatter_of(means: Floats) -> Scatter:
    """The scatter of the others, for each of three nodes or more, from their mean ratios."""
    count = len(means)
    others = np.tile(means, (count, 1))[~np.eye(count, dtype=bool)].reshape(count, count - 1)
    if count > ENOUGH_FOR_MAD:
        centres = np.median(others, axis=1, keepdims=True)
        seen = MAD_TO_SD * np.median(np.abs(others - centres), axis=1)
        degrees = MAD_EFFICIENCY * (count - 2)
    else:
        seen = others.std(axis=1, ddof=1)
        degrees = count - 2.0
    total = PRIOR_DEGREES + degrees
    drawn = np.sqrt((PRIOR_DEGREES * PRIOR_SCATTER**2 + degrees * seen**2) / total)
    return Scatter(seen, np.maximum(drawn, seen), total)


def _lacking(nodes: list[Node], table: pl.DataFrame) -> dict[str, list[Node]]:
    """What MOST of the nodes with one processor measured, model by model, and who did not.

    Not of a node that measured nothing, which is told otherwise.
    """
    have = table.select("workload", "model", "device", "node").unique(maintain_order=True)
    groups = have.partition_by("workload", "model", "device", as_dict=True, maintain_order=True)
    found: dict[str, list[Node]] = {}
    for processor in dict.fromkeys(node.processor for node in nodes):
        like = {i for i, n in enumerate(nodes) if n.processor == processor and n.times.height}
        for (workload, model, device), group in groups.items():
            told = like.intersection(group.get_column("node").to_list())
            if MOST * len(like) <= len(told) < len(like) and len(like) >= FEWEST:
                where = "" if device == "cpu" else f" on {device}"
                without = [nodes[i] for i in sorted(like - told)]
                found.setdefault(f"{workload}, {model}{where}", []).extend(without)
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
