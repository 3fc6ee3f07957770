"""Comparing two sides of runs: which groups and which configurations differ.

A side is one or more runs. What a run says of each configuration is in levels.py; how runs of one
side differ tells the scatter (statistics/components.py); what differs between the sides beyond it
is searched for in statistics/effects.py, with the error of a whole comparison held at 5 %.

**The verdict** is `slower` or `faster` where a difference counts and is beyond the threshold,
`same` where the 95 % interval lies within the threshold either way, and `can't tell` otherwise.
With fewer than three runs a side and no recorded baseline too little is known of what varies from
run to run: the verdicts are provisional then.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analysis.commands import in_checkout
from analysis.compare.advice import ENOUGH_RUNS, runs_needed
from analysis.compare.grouping import Groups, groups_of
from analysis.compare.levels import Levels, levels_of, of_one_pair
from analysis.errors import BadInput
from analysis.reading.run import Run
from analysis.statistics.components import LEAST_SCATTER, repeated, scaled
from analysis.statistics.effects import ERROR, Effect, Search
from analysis.statistics.stats import FEWEST_ROUNDS, Floats

Verdict = Literal["faster", "slower", "same", "can't tell"]
VERDICTS: list[Verdict] = ["slower", "faster", "can't tell", "same"]
# Who explains so much of what the best explanation does is not told from it.
RIVAL = 0.8


@dataclass(frozen=True)
class Change:
    """A group, or a single configuration (`kind` is "configuration"), on both sides.

    `ratio` is new time over base time, above 1 is slower, with its 95 % interval. `called` says
    that this is a difference of its own; its ratio is then what comes on top of `beyond`, the other
    differences that hold all its members. Of what was not called the ratio includes them. `agree`
    of `members` configurations are where what was called puts them. `base_ns` and `new_ns` are a
    configuration's times, 0 for a group. `rival` is the rest of all, where its opposite change
    would explain nearly as much: what all have in common varies too much between runs to tell.
    """

    name: str
    kind: str
    ratio: float
    low: float
    high: float
    p: float
    verdict: Verdict
    members: int = 1
    agree: int = 1
    beyond: tuple[str, ...] = ()
    called: bool = False
    base_ns: float = 0.0
    new_ns: float = 0.0
    rival: str = ""


@dataclass
class Comparison:
    """What differs, most important first, and what to know of the two sides.

    `changes` has every group and configuration. `needed` says how many runs a side would find
    5 % in a kind of group. `scatter` is the standard deviation from run to run by kind. Of the
    configurations `not_in_all` are not in every run, and `too_few` have too few rounds.
    """

    base: list[Run]
    new: list[Run]
    threshold: float
    changes: list[Change]
    scatter: dict[str, float]
    needed: dict[str, int]
    provisional: bool
    not_in_all: int = 0
    too_few: int = 0
    warnings: list[str] = field(default_factory=list)

    @property
    def found(self) -> list[Change]:
        """The differences beyond the threshold, in the order in which they explain most."""
        return [c for c in self.changes if c.called and c.verdict in ("slower", "faster")]

    @property
    def configurations(self) -> list[Change]:
        """The single configurations."""
        return [c for c in self.changes if c.kind == "configuration"]

    @property
    def groups(self) -> list[Change]:
        """The groups."""
        return [c for c in self.changes if c.kind != "configuration"]


def compare(
    base: list[Run],
    new: list[Run],
    threshold: float,
    warnings: list[str],
    baseline: Sequence[Run] = (),
) -> Comparison:
    """Compares all configurations that every run measured; `threshold` is a fraction.

    `baseline` are more runs of one program and machine: they tell how runs scatter.
    """
    runs = [*base, *new, *baseline]
    both = _common(runs)
    if both.height == 0:
        raise BadInput("no configuration was measured in every one of the runs")
    known = both.height
    if len(base) == len(new) == 1 and len(baseline) < 2:
        both = both.filter(pl.col("fewest") >= FEWEST_ROUNDS)
    if both.height == 0:
        raise BadInput(
            f"one run a side needs {FEWEST_ROUNDS} rounds, and no configuration has so many in "
            f"both; give several runs a side{in_checkout(' (scripts/run --repeat 3)')}, or measure "
            "longer"
        )
    key = [name for name in both.columns if name in runs[0].key]
    groups = groups_of(both.select(key).to_dicts())
    levels = [
        levels_of(run.times(both.get_column(str(i)).to_list())[1]) for i, run in enumerate(runs)
    ]
    first, second = len(base), len(base) + len(new)
    sides = levels[:first], levels[first:second], levels[second:]
    result = judged(groups, *sides, threshold)
    result.base, result.new, result.warnings = base, new, warnings
    result.not_in_all = len(set().union(*(_keys(run, key) for run in runs))) - known
    result.too_few = known - both.height
    return result


def _keys(run: Run, key: list[str]) -> set[tuple[object, ...]]:
    return set(run.configurations.select(key).iter_rows())


def _common(runs: list[Run]) -> pl.DataFrame:
    """What all have: its number in run i as column i, and the `fewest` rounds."""
    key = [name for name in runs[0].key if all(name in run.key for run in runs)]
    table = runs[0].configurations.select(
        *key, pl.col("config").alias("0"), pl.col("n").alias("n0")
    )
    for i, run in enumerate(runs[1:], 1):
        other = run.configurations.select(
            *key, pl.col("config").alias(str(i)), pl.col("n").alias(f"n{i}")
        )
        table = table.join(other, on=key, how="inner", nulls_equal=True)
    fewest = pl.min_horizontal(f"n{i}" for i in range(len(runs)))
    return table.with_columns(fewest.alias("fewest")).sort(key)


def judged(
    groups: Groups,
    base: list[Levels],
    new: list[Levels],
    baseline: list[Levels],
    threshold: float,
) -> Comparison:
    """The comparison of levels; the runs themselves are for compare() to fill in."""
    search = searched(groups, base, new, baseline)
    effects = search.run()
    sides = [np.mean([level.value for level in side], axis=0) for side in (base, new)]
    changes = _changes(groups, search, effects, sides[0], threshold)
    cov = search.covariance
    spread = np.sqrt([*cov.components, float(np.median(cov.own.variances))]).tolist()
    kinds = [*groups.kinds, "configuration"]
    return Comparison(
        [],
        [],
        threshold,
        changes,
        dict(zip(kinds, spread, strict=True)),
        runs_needed(groups, search),
        provisional=min(len(base), len(new)) < ENOUGH_RUNS and len(search.within) < ENOUGH_RUNS - 1,
    )


def searched(
    groups: Groups, base: list[Levels], new: list[Levels], baseline: list[Levels]
) -> Search:
    """What is to be searched for differences."""
    sides = [side for side in (base, new, baseline) if side]
    within = np.concatenate([scaled([level.value for level in side]) for side in sides])
    shift: Floats = np.mean([level.value for level in new], axis=0)
    shift = shift - np.mean([level.value for level in base], axis=0)
    if len(within):
        levels = [level for side in sides for level in side]
        least = np.full(len(groups.kinds), LEAST_SCATTER)
        least[0] = math.hypot(LEAST_SCATTER, *(level.common for level in levels)) / math.sqrt(
            len(levels)
        )
        errors = np.mean([level.error for level in levels], axis=0)
        covariance = repeated(within, groups.members, groups.kind, least, errors)
    else:
        covariance = of_one_pair(groups, base[0], new[0])
    return Search(shift, covariance, within, (len(base), len(new)))


def _changes(
    groups: Groups, search: Search, effects: list[Effect], base: Floats, threshold: float
) -> list[Change]:
    count = len(groups.configurations)
    called = [(e.single, e.place) for e in effects]

    def mask_of(single: bool, place: int) -> NDArray[np.bool_]:
        mask: NDArray[np.bool_] = np.arange(count) == place if single else groups.members[place] > 0
        return mask

    masks = [mask_of(*candidate) for candidate in called]
    names = [groups.configurations[p] if single else groups.names[p] for single, p in called]
    left = {single: search.intervals(called, single) for single in (False, True)}
    agree = np.array([e.low <= 0 <= e.high for e in left[True]])

    def change(effect: Effect, own: bool) -> Change:
        single, place = effect.single, effect.place
        mask = mask_of(single, place)
        holding = [
            i
            for i, other in enumerate(masks)
            if called[i] != (single, place) and (other | ~mask).all()
        ]
        shift, half = effect.shift, effect.shift - effect.low
        if not own:
            # What is left beside all that was called, and what was called of it.
            shift += sum(effects[i].shift for i in holding)
            half = math.hypot(half, *(effects[i].shift - effects[i].low for i in holding))
        ratio, low, high = (math.exp(v) for v in (shift, shift - half, shift + half))
        # What was called explains its members.
        counts = own or (bool(holding) and bool(agree[place] if single else effect.p > ERROR))
        verdict: Verdict = "can't tell"
        if counts and ratio >= 1 + threshold:
            verdict = "slower"
        elif counts and ratio <= 1 / (1 + threshold):
            verdict = "faster"
        elif 1 / (1 + threshold) < low and high < 1 + threshold:
            verdict = "same"
        return Change(
            groups.configurations[place] if single else groups.names[place],
            "configuration" if single else groups.kinds[groups.kind[place]],
            ratio,
            low,
            high,
            effect.p,
            verdict,
            int(mask.sum()),
            int((agree & mask).sum()),
            tuple(names[i] for i in holding),
            own,
            math.exp(base[place]) if single else 0.0,
            math.exp(base[place] + search.levels[place]) if single else 0.0,
            _rival(groups, search, called, effect) if own and not single else "",
        )

    found = [change(e, True) for e in effects]
    found.sort(key=lambda c: (c.kind == "configuration", -c.members * math.log(c.ratio) ** 2))
    others = [e for each in left.values() for e in each if (e.single, e.place) not in called]
    rest = [change(e, False) for e in others]
    order = {verdict: i for i, verdict in enumerate(VERDICTS)}
    rest.sort(key=lambda c: (c.kind == "configuration", order[c.verdict], c.name))
    return [*found, *rest]


def _rival(groups: Groups, search: Search, called: list[tuple[bool, int]], effect: Effect) -> str:
    """The group of all others, where its change explains nearly as much as `effect`."""
    rest = groups.members @ groups.members[effect.place] == 0
    rest &= groups.members.sum(axis=1) == len(search.levels) - groups.members[effect.place].sum()
    if not rest.any():
        return ""
    other = int(np.flatnonzero(rest)[0])
    scores = search.scores([c for c in called if c not in ((False, effect.place), (False, other))])
    size = scores[False].size
    return groups.names[other] if size[other] > RIVAL * size[effect.place] else ""
