"""Costs: times of workloads that are not on arrays, for each unit of what they do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from analysis.drawing.charts import time_row
from analysis.drawing.figure import Row, broken
from analysis.measured.curves import Curve, Group, point_of
from analysis.reading.vocabulary import Column
from analysis.statistics.crossover import Crossover
from analysis.statistics.stats import Estimate
from analysis.words import format_size, plural

MOST_SERIES = 10


@dataclass(frozen=True)
class Cost:
    """One configuration of such a workload. Times are in ns: `each` of a unit, `whole` of all."""

    model: str
    variant: str
    elements: int
    workers: int
    device: str
    each: Estimate
    whole: Estimate
    more: dict[str, float] = field(default_factory=dict)
    scope: str = "resident"

    @property
    def name(self) -> str:
        """`threads/mutex`, `cuda/atomic`, or `cuda/atomic, kernel` by the device's clock."""
        clock = "" if self.scope == "resident" else f", {self.scope}"
        return f"{self.model}/{self.variant}{clock}"

    @property
    def series(self) -> str:
        """Whose colour it has: `threads`, `cuda kernel`."""
        return f"{self.model} {self.scope}" if self.on_gpu else self.model

    @property
    def on_gpu(self) -> bool:
        """Whether its workers are multiprocessors."""
        return self.device != "cpu"

    @property
    def lost(self) -> float:
        """The share of the work that is missing from the result."""
        return self.more.get("error", 0.0)

    @property
    def on(self) -> str:
        """`2 workers`, `132 SMs`."""
        return plural(self.workers, "SM" if self.on_gpu else "worker")


def unit(group: Group) -> str:
    """What one of `elements` is: `increment`."""
    return group.run.vocabulary.workload(group.workload).unit


def columns(group: Group, found: Iterable[Cost], of: str = "cost") -> list[Column]:
    """The columns of a group of the vocabulary's that the samples of `found` tell."""
    told = {name for cost in found for name in cost.more}
    return [c for c in group.run.vocabulary.group(of) if c.name in told]


def costs(group: Group) -> list[Cost]:
    """Everything measured in `group`, in order of model, variant, scope, workers and size."""
    rows = group.table.filter(group.table["elements"] > 0).sort(
        ["device", "model", "variant", "scope", "workers", "elements"]
    )
    more = group.run.extras(rows.get_column("config").to_list())
    found = []
    for row in rows.iter_rows(named=True):
        p = point_of(row)
        each = p.time.scaled(1 / p.elements)
        extras = more.get(p.config, {})
        found.append(
            Cost(
                p.model,
                p.variant,
                p.elements,
                p.workers,
                p.device,
                each,
                p.time,
                extras,
                row["scope"],
            )
        )
    return found


def drawn(group: Group, found: list[Cost], row: Callable[[Cost], Row]) -> list[Row]:
    """The rows of one way, ascending in size, in parts where sizes between were left out."""
    c = found[0]
    key = {"model": c.model, "variant": c.variant, "scope": c.scope, "device": c.device}
    left = group.left.filter(**key).get_column("elements")
    return broken([row(c) for c in found], set(left) - {c.elements for c in found})


def largest(found: Iterable[Cost]) -> list[Cost]:
    """Of each model, variant, scope and worker count the one with the most elements."""
    kept: dict[tuple[object, ...], Cost] = {}
    for cost in found:
        key = (cost.name, cost.workers, cost.device)
        if key not in kept or cost.elements > kept[key].elements:
            kept[key] = cost
    return list(kept.values())


def full(found: Iterable[Cost], cores: float | None) -> list[Cost]:
    """Of each model, variant and scope the one on the most workers that have a core each."""
    kept: dict[tuple[object, ...], Cost] = {}

    def rank(cost: Cost) -> tuple[bool, int]:
        crowded = not cost.on_gpu and cores is not None and cost.workers > cores
        return (not crowded, -cost.workers if crowded else cost.workers)

    for cost in found:
        key = (cost.name, cost.device)
        if key not in kept or rank(cost) > rank(kept[key]):
            kept[key] = cost
    return list(kept.values())


def cores_of(group: Group) -> float | None:
    """Physical cores of the machine, where they are known."""
    return group.run.about.number("machine.cpu.cores")


def title_of(what: str, machine: str) -> str:
    """A figure's title, with the machine where there are several."""
    return what + (f", {machine}" if machine else "")


def split_by_model(names: list[tuple[str, str]]) -> list[list[str]]:
    """Series (model, name) in lots of at most MOST_SERIES, a model's own together."""
    lots: list[list[str]] = []
    for model in dict.fromkeys(m for m, _ in names):
        mine = [n for m, n in names if m == model]
        if lots and len(lots[-1]) + len(mine) <= MOST_SERIES:
            lots[-1] += mine
        else:
            lots += [mine[i : i + MOST_SERIES] for i in range(0, len(mine), MOST_SERIES)]
    return lots


def cost_row(cost: Cost, time: Callable[[Cost], Estimate] = lambda c: c.each) -> Row:
    """A cost against its workers, for TOOLTIP."""
    return time_row(
        cost.workers,
        time(cost),
        cost.name,
        k=cost.name,
        m=cost.model,
        w=cost.on,
        n=f"{cost.elements:,}",
    )


TOOLTIP = {
    "s": "variant",
    "w": "on",
    "v": "time",
    "i": "95 % interval",
    "n": "units in all",
}


@dataclass(frozen=True)
class Paying:
    """The size of work whose serial time equals a cost: only larger work can pay for it.

    `ends` are that size twice, or the measured sizes around it where those are too far apart.
    """

    size: float | None
    text: str
    ends: tuple[float, float] = (0, 0)

    @property
    def wide(self) -> bool:
        """Whether only the sizes around it are known."""
        return self.ends[0] < self.ends[1]


def pays_from(cost_ns: float, serial: Curve) -> Paying:
    """Where `serial` takes as long as `cost_ns`; between two sizes times are a straight line."""
    sizes = [p.elements for p in serial.points]
    times = [p.time.value for p in serial.points]
    if cost_ns <= times[0]:
        return Paying(None, f"below {format_size(sizes[0])}")
    for i in range(1, len(sizes)):
        if times[i] >= cost_ns:
            # Noise can make a larger size look quicker; the first crossing counts.
            share = (cost_ns - times[i - 1]) / (times[i] - times[i - 1])
            size = sizes[i - 1] + share * (sizes[i] - sizes[i - 1])
            at = Crossover("crossover", size, between=(sizes[i - 1], sizes[i]))
            return Paying(size, at.text, at.between if at.wide else (size, size))
    return Paying(None, f"beyond {format_size(sizes[-1])}")
