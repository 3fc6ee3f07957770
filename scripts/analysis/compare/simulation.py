"""What the comparison finds, and how often it cries wolf, on runs whose truth is known.

`scripts/simulate-compare` prints the tables of docs/comparing.md. The runs are not those that the
method was made with: other models, sizes and worker counts.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analysis.compare.comparing import Comparison, judged
from analysis.compare.grouping import Groups, groups_of
from analysis.compare.levels import Levels, levels_of
from analysis.planted.runs import factors
from analysis.statistics.stats import Floats

Row = dict[str, Any]
MODELS = {"serial": [1], "threads": [1, 4, 16], "openmp": [1, 4, 16], "stdpar": [16], "cuda": [132]}
WORKLOADS = ["reduce", "triad", "fma16"]
SIZES = [2**k for k in range(10, 28, 2)]
ROWS: list[Row] = [
    {
        "workload": workload,
        "type": "f32",
        "model": model,
        "variant": "best",
        "scope": "resident",
        "elements": elements,
        "workers": workers,
        "device": "gpu0" if model == "cuda" else "cpu",
        "cache": "warm",
    }
    for workload in WORKLOADS
    for model, counts in MODELS.items()
    for workers in counts
    for elements in SIZES
]
GROUPS: Groups = groups_of(ROWS)


def _is(**wanted: object) -> Callable[[Row], bool]:
    return lambda row: all(row[name] == value for name, value in wanted.items())


TWO_MODELS = "two models, four ninths of all"
PLANTED: dict[str, Callable[[Row], bool]] = {
    "everything": _is(),
    "one workload": _is(workload="triad"),
    "one model": _is(model="openmp"),
    TWO_MODELS: lambda row: row["model"] in ("openmp", "serial"),
    "workload and model": _is(workload="triad", model="openmp"),
    "one size": _is(elements=SIZES[4]),
    "one worker count": _is(workers=16),
    "one curve": _is(workload="triad", model="openmp", workers=4),
    "one configuration": _is(workload="triad", model="openmp", workers=4, elements=SIZES[4]),
}


@dataclass(frozen=True)
class Case:
    """How runs vary: all numbers are standard deviations of logarithms.

    `scatter` is each configuration's from run to run, `drift` the common one from round to round,
    `models` each model's from run to run, `alike` the correlation of neighbouring rounds. `spread`
    is that of the configurations' noise and scatter. `odd` adds 20 % to one configuration of the
    new side that is not planted.
    """

    runs: int = 3
    scatter: float = 0.0
    drift: float = 0.01
    models: float = 0.0
    tails: str = "normal"
    alike: float = 0.0
    noise: float = 0.02
    spread: float = 0.0
    rounds: int = 10
    odd: bool = False


def one_run(rng: np.random.Generator, case: Case, truth: Floats) -> Levels:
    """Times of a run, through levels_of()."""
    count = len(truth)
    own = np.exp(np.random.default_rng(8).normal(0, case.spread, count))
    of_run = truth + rng.normal(0, case.scatter, count) * own
    for model in MODELS:
        of_model = np.array([row["model"] == model for row in ROWS])
        of_run = of_run + of_model * rng.normal(0, case.models)
    noise = np.log(factors(rng, (count, case.rounds), case.noise, case.tails)) * own[:, None]
    for k in range(1, case.rounds):
        noise[:, k] = case.alike * noise[:, k - 1] + math.sqrt(1 - case.alike**2) * noise[:, k]
    drift = rng.normal(0, case.drift, case.rounds)
    return levels_of(np.exp(8 + of_run[:, None] + drift + noise))


def trial(seed: tuple[int, ...], case: Case, planted: Floats) -> Comparison:
    """One comparison; `planted` is the logarithm of what the new side takes longer."""
    rng = np.random.default_rng(seed)
    usual = rng.normal(0, 1, len(planted))
    base = [one_run(rng, case, usual) for _ in range(case.runs)]
    new = [one_run(rng, case, usual + planted) for _ in range(case.runs)]
    return judged(GROUPS, base, new, [], 0.02)


@dataclass(frozen=True)
class Tally:
    """Of `trials`: the planted group named, its interval right, something slower, and an extra."""

    trials: int
    named: int = 0
    covered: int = 0
    fired: int = 0
    extra: int = 0


def tally(name: str, case: Case, trials: int, effect: float = 0.05, seed: int = 1) -> Tally:
    """Trials of `effect` in the group of PLANTED, or of nothing where the name is empty."""
    mask = np.array([bool(name) and PLANTED[name](row) for row in ROWS])
    planted = mask * math.log(1 + effect)
    if case.odd:
        planted[-1] += math.log(1.2)
    wanted = {frozenset(np.flatnonzero(mask).tolist())}
    if name == TWO_MODELS:
        parts = [[row["model"] == model for row in ROWS] for model in ("openmp", "serial")]
        wanted = {frozenset(np.flatnonzero(part).tolist()) for part in parts}
    if case.odd:
        wanted.add(frozenset([len(ROWS) - 1]))
    total = Tally(trials)
    for i in range(trials):
        found = trial((seed, i), case, planted).found
        members = [frozenset(members_of(change.name)) for change in found]
        named = wanted <= set(members)
        right = named and all(
            c.low <= math.exp(planted[min(m)]) <= c.high
            for c, m in zip(found, members, strict=True)
            if m in wanted
        )
        total = replace(
            total,
            named=total.named + (named and bool(mask.any())),
            covered=total.covered + right,
            fired=total.fired + any(c.verdict == "slower" for c in found),
            extra=total.extra + any(m not in wanted for m in members),
        )
    return total


def members_of(name: str) -> list[int]:
    """The places of the configurations in a group, or of the one configuration, of this name."""
    if name in GROUPS.names:
        places: list[int] = np.flatnonzero(GROUPS.members[GROUPS.names.index(name)]).tolist()
        return places
    return [GROUPS.configurations.index(name)]


POWER = [
    (Case(1), ""),
    (Case(3), ""),
    (Case(3, scatter=0.01), "scatter 1 %"),
    (Case(3, scatter=0.02), "scatter 2 %"),
    (Case(3, scatter=0.03, drift=0.03), "scatter 3 %, drift 3 %"),
]
MORE = [
    ("one model", Case(3, tails="heavy", scatter=0.01), "heavy tails, scatter 1 %"),
    ("one model", Case(3, tails="spikes"), "5 % of samples take half as long again"),
    ("one model", Case(3, alike=0.7), "neighbouring rounds correlate by 0.7"),
    ("one model", Case(3, spread=0.7, scatter=0.01), "noise and scatter differ by configuration"),
    ("one workload", Case(3, models=0.01), "models vary by 1 %"),
    ("one model", Case(3, odd=True), "and 20 % in one other configuration"),
]
ALARMS = [
    (
        Case(drift=drift, scatter=scatter),
        f"drift {100 * drift:.0f} %, scatter {100 * scatter:.0f} %",
    )
    for drift in (0.01, 0.03)
    for scatter in (0.0, 0.01, 0.02, 0.03)
] + [
    (Case(models=0.01), "models vary by 1 %"),
    (Case(models=0.01, drift=0.03, scatter=0.02), "the same, drift 3 %, scatter 2 %"),
    (Case(tails="heavy", scatter=0.01), "heavy tails, scatter 1 %"),
    (Case(tails="spikes"), "5 % of samples take half as long again"),
    (Case(alike=0.7), "neighbouring rounds correlate by 0.7"),
    (Case(spread=0.7, scatter=0.01), "noise and scatter differ by configuration"),
]

# Where so few were named, their intervals say nothing.
FEW_NAMED = 0.5

Job = tuple[str, Case, int, float]


def _do(job: Job) -> Tally:
    return tally(*job)


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _told(t: Tally) -> str:
    """How often the group was named, and of these how often its interval held 5 %."""
    if t.named < FEW_NAMED * t.trials:
        return f"{100 * t.named / t.trials:.0f} %"
    return f"{100 * t.named / t.trials:.0f} %, {100 * t.covered / t.named:.0f} %"


def tables(trials: int) -> Iterator[str]:
    """The tables in Markdown, line by line."""
    power: list[Job] = [(name, case, trials, 0.05) for name in PLANTED for case, _ in POWER]
    more: list[Job] = [(name, case, trials, 0.05) for name, case, _ in MORE]
    alarms: list[Job] = [
        ("", replace(case, runs=runs), 3 * trials, 0.0) for case, _ in ALARMS for runs in (2, 3)
    ]
    with ProcessPoolExecutor() as pool:
        found = pool.map(_do, [*power, *more, *alarms])
        heads = [f"{case.runs} a side{told and ', ' + told}" for case, told in POWER]
        yield _row("5 % planted in", *heads)
        yield _row("---", *("---:" for _ in POWER))
        for name in PLANTED:
            yield _row(name, *(_told(next(found)) for _ in POWER))
        yield ""
        yield _row("5 % planted in", "3 a side", "named, held", "anything else called")
        yield _row("---", "---", "---:", "---:")
        for name, _, told in MORE:
            t = next(found)
            yield _row(name, told, _told(t), f"{100 * t.extra / trials:.0f} %")
        yield ""
        yield _row("nothing planted: comparisons that report a difference", "2 a side", "3 a side")
        yield _row("---", "---:", "---:")
        for _, told in ALARMS:
            both = [next(found) for _ in "23"]
            yield _row(told, *(f"{100 * t.extra / t.trials:.1f} %" for t in both))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200, help="of each planted case")
    for line in tables(parser.parse_args().trials):
        print(line, flush=True)
