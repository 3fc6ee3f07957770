"""A run read with the csv module alone: what its page says, computed another way.

Nothing of analysis is used here, so that a mistake there is not made again.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import NamedTuple

# With so many rounds a value has an interval.
ENOUGH = 6


class Form(NamedTuple):
    """What was measured: one configuration."""

    workload: str
    type: str
    model: str
    variant: str
    scope: str
    elements: int
    workers: int
    device: str

    @property
    def name(self) -> str:
        """`threads/pool`."""
        return f"{self.model}/{self.variant}"

    @property
    def cpu(self) -> bool:
        """Whether it ran on CPUs."""
        return self.device == "cpu"


@dataclass(frozen=True)
class Best:
    """The fastest of some forms, and its times by round."""

    form: Form
    series: dict[int, float]

    @property
    def time(self) -> float:
        """In ns."""
        return median(self.series.values())


@dataclass
class Plain:
    """A run's times by form and round, and all its rows of samples."""

    path: Path
    about: dict
    rows: list[dict[str, str]]
    times: dict[Form, dict[int, float]] = field(default_factory=dict)
    bytes: dict[Form, float] = field(default_factory=dict)
    samples: dict[Form, list[dict[str, str]]] = field(default_factory=dict)

    def forms(self, choose: Callable[[Form], bool]) -> list[Form]:
        """Those that were measured."""
        return [f for f in self.times if f.elements > 0 and choose(f)]

    def best(self, forms: Iterable[Form]) -> Best:
        """The fastest: each round's time is that of the form that the other half chose.

        One with fewer than half as many rounds as the fastest of those with six was given up and
        takes no part.
        """
        some = list(forms)
        surely = [f for f in some if len(self.times[f]) >= 6]
        leader = min(
            surely or some,
            key=lambda f: median(self.times[f].values()) if surely else -len(self.times[f]),
        )
        some = [f for f in some if 2 * len(self.times[f]) >= len(self.times[leader])]
        most = max(len(self.times[f]) for f in some)
        common = sorted(set.intersection(*(set(self.times[f]) for f in some)))
        cut = common[(len(common) - 1) // 2] if 4 * len(common) >= 3 * most else None

        def late(r: int) -> bool:
            return r % 2 == 1 if cut is None else r > cut

        def time(form: Form, half: bool) -> float:
            mine = self.times[form]
            return median([t for r, t in mine.items() if late(r) == half] or mine.values())

        chosen = {half: min(some, key=lambda f: time(f, half)) for half in (False, True)}
        rounds = sorted({r for f in chosen.values() for r in self.times[f]})
        series = {
            r: self.times[by][r] for r in rounds if r in self.times[by := chosen[not late(r)]]
        }
        return Best(min(some, key=lambda f: median(self.times[f].values())), series)

    def rate(self, best: Best) -> float:
        """GB/s."""
        return self.bytes[best.form] / best.time

    def column(self, form: Form, name: str) -> float | None:
        """The median of one column of a form's samples."""
        told = [float(r[name]) for r in self.samples[form] if r.get(name)]
        return median(told) if told else None

    def peak(self, device: str) -> float:
        """Of a GPU's memory in theory, GB/s."""
        gpus = {g.get("device", f"gpu{i}"): g for i, g in enumerate(self.about["machine"]["gpus"])}
        return float(gpus[device]["peak_gb_per_s"])


def ratio(slow: Best, fast: Best) -> float:
    """The median over the rounds that both have."""
    if slow.form == fast.form:
        return 1.0
    both = slow.series.keys() & fast.series.keys()
    if not both:
        return slow.time / fast.time
    return math.exp(median([math.log(slow.series[r] / fast.series[r]) for r in both]))


def read(path: Path) -> Plain:
    """The samples that count: ok or noisy, and no pilot where there are enough others."""
    about = json.loads(path.with_suffix(".json").read_text())
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    run = Plain(path, about, rows)
    for row in rows:
        if row["status"] not in ("ok", "noisy"):
            continue
        form = Form(
            *[row[k] for k in ("workload", "type", "model", "variant", "scope")],
            int(row["elements"]), int(row["workers"]), row["device"],
        )  # fmt: skip
        times = run.times.setdefault(form, {})
        if int(row["round"]) not in times:
            times[int(row["round"])] = float(row["time_ns"])
            run.samples.setdefault(form, []).append(row)
            run.bytes[form] = float(row["bytes"])
    pilots = about.get("plan", {}).get("pilot_rounds", 0)
    for form, times in run.times.items():
        if sum(r >= pilots for r in times) >= ENOUGH:
            run.times[form] = {r: t for r, t in times.items() if r >= pilots}
            run.samples[form] = [r for r in run.samples[form] if int(r["round"]) >= pilots]
    return run
