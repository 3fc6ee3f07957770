"""The machine's state at the start and the end of a run, as the run has taken it.

Runs that differ in it differ in more than the program: a host may have moved the virtual CPUs of a
machine apart, or given its memory to neighbours.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from analysis.reading.machine import Machine, positive
from analysis.reading.run import Run
from analysis.words import significant


@dataclass(frozen=True)
class Part:
    """One thing that is looked at; `scatter` is the ratio that two looks may differ by."""

    what: str
    path: str
    unit: str
    scatter: float


PARTS = [
    Part("clock of a core", "clock_ghz", "GHz", 1.1),
    Part("hand-over of a line between CPUs", "hand_over_ns", "ns", 1.4),
    Part("reading memory, one core", "memory.read_gb_per_s", "GB/s", 1.25),
    Part("latency of memory", "memory.latency_ns", "ns", 1.25),
]


def looks(about: Machine, part: Part) -> list[float]:
    """What was seen, in the order of time; of several CPUs their median."""
    found = []
    for state in map(Machine, about.items("states")):
        told = state.get(part.path)
        many = [v for v in map(positive, told.values()) if v] if isinstance(told, dict) else []
        value = statistics.median(many) if many else positive(told)
        if value:
            found.append(value)
    return found


def in_words(about: Machine) -> list[tuple[str, str]]:
    """Each part and what was seen of it: `3.1 and 3.05 GHz`."""
    return [
        (part.what, f"{' and '.join(significant(v) for v in seen)} {part.unit}")
        for part in PARTS
        if (seen := looks(about, part))
    ]


def disagreements(base: list[Run], new: list[Run]) -> list[str]:
    """Sentences on what the sides, or runs of one side, do not have in common."""
    sentences = []
    for part in PARTS:
        sides = [[v for run in side for v in looks(run.about, part)] for side in (base, new)]
        if not all(sides):
            continue
        low, high = min(map(min, sides)), max(map(max, sides))
        if high <= part.scatter * low:
            continue
        told = " against ".join(
            " to ".join(dict.fromkeys(significant(v) for v in (min(side), max(side))))
            for side in sides
        )
        sentences.append(f"The machine was not in one state: {part.what} {told} {part.unit}")
    return sentences
