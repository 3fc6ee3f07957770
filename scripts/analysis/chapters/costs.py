"""The chapters on what parallelism costs: each is there when its data is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import count as numbered

from analysis.chapters import (
    chase,
    cores,
    count,
    create,
    links,
    python_users,
    sharing,
    switch,
    wait,
)
from analysis.drawing.figure import Figure
from analysis.drawing.markup import Child, Html, table
from analysis.measured.costs import cores_of, costs, full, largest, title_of, unit
from analysis.measured.curves import Curve, Group
from analysis.measured.groups import Family, cost_groups
from analysis.page.page import Part, Section
from analysis.reading.joined import joined
from analysis.reading.run import Run
from analysis.words import duration


@dataclass
class Measured:
    """One machine's groups: its own run's, and those of a Python baseline beside it."""

    run: Run
    groups: list[Group]
    name: str
    families: list[Family]
    python: list[tuple[Run, list[Group]]]

    @cached_property
    def costs(self) -> list[Group]:
        """Its groups of workloads that are not on arrays."""
        return cost_groups(self.run)

    def of(self, workload: str) -> list[Group]:
        """Its groups of a workload that is not on arrays."""
        return [g for g in self.costs if g.workload == workload]


def of_python(run: Run) -> bool:
    """Whether scripts/python-baseline measured it."""
    return python_users.is_baseline(set(run.configurations.get_column("model")))


def of_machines(runs: list[Run]) -> list[Run]:
    """The runs, those of one machine as one; Python baselines stay what they are."""
    baselines = [run for run in runs if of_python(run)]
    return [*joined([run for run in runs if run not in baselines]), *joined(baselines)]


def with_baselines(runs: list[Run]) -> list[tuple[Run, list[Run]]]:
    """Runs of build/crossover, each with the Python baselines of its label; then any others."""
    own: list[tuple[Run, list[Run]]] = [(r, []) for r in runs if not of_python(r)]
    for run in runs:
        if not of_python(run):
            continue
        host = next((found for found in own if found[0].label == run.label), None)
        if host is not None and not of_python(host[0]):
            host[1].append(run)
        else:
            own.append((run, []))
    return own


def cost_sections(machines: list[Measured]) -> list[Section]:
    """All of them, also the empty ones."""
    return [
        _synchronising(machines),
        _working(machines),
        _waiting(machines),
        _loading(machines),
        _moving(machines),
        _sharing(machines),
        _python(machines),
    ]


def _of(machines: list[Measured], workload: str) -> Iterator[tuple[Measured, Group, int]]:
    numbers = numbered(1)
    for machine in machines:
        for group in machine.of(workload):
            yield machine, group, next(numbers)


def _synchronising(machines: list[Measured]) -> Section:
    section = Section("synchronising", "What synchronising costs", "Synchronising")
    for machine, group, number in _of(machines, count.WORKLOAD):
        if not python_users.is_baseline(set(group.table.get_column("model"))):
            section.content += count.chapter(group, machine.name, number)
    return section


def _working(machines: list[Measured]) -> Section:
    section = Section("workers", "What workers and switches cost", "Workers")
    for machine, group, number in _of(machines, create.WORKLOAD):
        curves, names = _serials(machine)
        section.content += create.chapter(group, curves, names, machine.name, number)
    for machine, group, number in _of(machines, switch.WORKLOAD):
        section.content += switch.chapter(group, machine.name, number)
    with_chapter = {
        chapter.WORKLOAD for chapter in (count, create, switch, wait, chase, links, cores)
    }
    for machine in machines:
        for group in machine.costs:
            if group.workload not in with_chapter:
                section.content += [other_costs(group, machine.name)]
    section.content = [part for part in section.content if part]
    return section


def other_costs(group: Group, machine: str) -> Html | None:
    """A workload without a chapter of its own: its times for each unit, quickest first."""
    found = sorted(full(largest(costs(group)), cores_of(group)), key=lambda c: c.each.value)
    if not found:
        return None
    rows: list[list[Child]] = [
        [c.name, c.on, f"{c.elements:,}", duration(c.each.value), duration(c.whole.value)]
        for c in found[:40]
    ]
    return table(
        ["variant", "on", f"{unit(group)}s", f"time of one {unit(group)}", "time of all"],
        rows,
        numeric=[2, 3, 4],
        caption=title_of(f"{group.workload}: time for each {unit(group)}", machine),
    )


def _serials(machine: Measured) -> tuple[list[Curve], list[str]]:
    """The best single worker, for each workload on arrays of the first type and caches measured."""
    first = machine.groups[0] if machine.groups else None
    found = [
        (curve, group.title) for group in machine.groups
        if first and group.like(first) and (curve := group.one_worker())
    ]  # fmt: skip
    return [c for c, _ in found], [n for _, n in found]


def _waiting(machines: list[Measured]) -> Section:
    section = Section("waiting", "How waiting differs from computing", "Waiting")
    for machine, group, number in _of(machines, wait.WORKLOAD):
        if not python_users.is_baseline(set(group.table.get_column("model"))):
            section.content += wait.chapter(group, machine.name, number)
    return section


def _loading(machines: list[Measured]) -> Section:
    found = [
        chase.chapter(group, machine.name, n) for machine, group, n in _of(machines, chase.WORKLOAD)
    ]
    return Section("loads", "How long a load waits for memory", "Loads", [f for f in found if f])


def _moving(machines: list[Measured]) -> Section:
    section = Section("links", "What moving bytes costs", "Links")
    for machine, group, number in _of(machines, links.WORKLOAD):
        section.content += links.chapter(group, machine.name, number)
    for machine, group, number in _of(machines, cores.WORKLOAD):
        if found := cores.chapter(group, machine.name, number):
            section.content.append(found)
    return section


def _sharing(machines: list[Measured]) -> Section:
    groups = [group for machine in machines for group in machine.groups]
    section = Section("sharing", sharing.title(groups), "Processes")
    numbers = numbered(1)
    for machine in machines:
        for group in machine.groups:
            section.content += sharing.chapter(group, machine.name, next(numbers))
    return section


def _python(machines: list[Measured]) -> Section:
    section = Section("python", "What a Python user would pick", "Python")
    for machine in machines:
        own = [(machine.groups, machine.costs)]
        beside = [(found, cost_groups(run)) for run, found in machine.python]
        for groups, of_costs in [*own, *beside]:
            number = len(section.content) + 1
            section.content += _of_python(machine, groups, of_costs, number)
    return section


def _of_python(
    machine: Measured, groups: list[Group], of_costs: list[Group], number: int
) -> list[Part]:
    """Waiting first, for a page folds what comes later; numbered from `number` on."""
    rates: list[tuple[Figure, ...]] = []
    counts: list[Part] = []
    waits: list[Part] = []
    for group in groups:
        compiled = next((g for g in machine.groups if g.title == group.title), None)
        place = number + len(rates)
        rate = python_users.rates(group, compiled, machine.name, place)
        # Of one workload: what another's messages cost is the same.
        carried = None if rates else python_users.carrying(group, machine.name, place)
        if drawn := tuple(figure for figure in (rate, carried) if figure):
            rates.append(drawn)
    for group in of_costs:
        place = number + len(rates) + len(counts) + len(waits)
        if group.workload == count.WORKLOAD:
            compiled = next(iter(machine.of(count.WORKLOAD)), None)
            counts.append(python_users.counting(group, compiled, machine.name, place))
        elif group.workload == wait.WORKLOAD:
            both = [
                f(group, machine.name, place) for f in (python_users.waiting, python_users.serving)
            ]
            waits.append(tuple(figure for figure in both if figure))
        counts, waits = [c for c in counts if c], [w for w in waits if w]
    return [*waits, *rates, *counts]
