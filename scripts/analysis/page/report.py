"""The page of some runs: which chapters it has, and for which groups of which machine."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from analysis.chapters import (
    answer,
    cache,
    certainty,
    compared,
    fleet,
    gaps,
    gpu,
    latency,
    machines,
    method,
    roofline,
    scaling,
    siblings,
    sm_scaling,
    telemetry,
    throughput,
    weak_scaling,
)
from analysis.chapters.answer import Answer
from analysis.chapters.costs import Measured, cost_sections, of_machines, with_baselines
from analysis.chapters.prices import Price
from analysis.commands import command
from analysis.drawing.figure import Figure
from analysis.drawing.markup import Html, el
from analysis.fleet.behind import Fleet, fleet_of
from analysis.fleet.nodes import nodes_of
from analysis.measured.curves import Group
from analysis.measured.groups import families, groups
from analysis.page.header import give_names, header
from analysis.page.page import Folded, Part, Section, figures_of, page
from analysis.reading.run import Run, ended
from analysis.reference.reference import known as references
from analysis.reference.reference import verdicts
from analysis.words import listing, plural

# What a page can show and still be read; what is beyond is counted on the page.
MOST_RUNS = 12
MOST_GROUPS = 12
# The sections of a page of `--preset lesson`, in the order of docs/teaching.md; others follow.
LESSON = [
    "answer",
    "machine",
    "workers",
    "sharing",
    "synchronising",
    "waiting",
    "python",
    "scaling",
]
# Of more machines a page compares and leaves the rest to a page of each.
MOST_IN_DETAIL = 2


def report(
    runs: list[Run], prices: list[Price] | None = None, nodes: Fleet | None = None
) -> tuple[str, list[Figure]]:
    """The page of `runs`, with what their rates cost, and the figures on it.

    `nodes` is the fleet of which they are all or some; without it they are all.
    """
    nodes = nodes or fleet_of(nodes_of(runs))
    runs = of_machines(runs)
    give_names(runs)
    hosts = with_baselines(runs)
    several = len(hosts) > 1
    omitted = []
    whole = len(nodes.nodes) > MOST_RUNS
    if whole:
        omitted.append(
            f"The fleet has {len(nodes.nodes)} nodes: shown in detail are its first and the "
            f"slowest, {len(hosts)} in all."
        )
    omitted += [f"Not read: {why}." for why in nodes.unread]
    measured = []
    for run, baselines in hosts:
        found, more = groups(run, MOST_GROUPS)
        python = [(baseline, groups(baseline, MOST_GROUPS)[0]) for baseline in baselines]
        name = run.name if several else ""
        measured.append(Measured(run, found, name, families(run), python))
        if more:
            omitted.append(
                f"{run.name}: {plural(more, 'workload and type')} more than fit on a page"
            )
    everything = [(m.name, g) for m in measured for g in m.groups]
    # Charts of one workload and type stand together, whatever the machine.
    titles = list(dict.fromkeys(group.title for _, group in everything))
    everything.sort(key=lambda pair: titles.index(pair[1].title))
    # Where both were measured, cold caches have their answers and stand beside the warm ones.
    beside = [other for m in measured for _, other in cache.pairs(m.groups)]
    main = [(name, group) for name, group in everything if group not in beside]
    if len(hosts) > MOST_IN_DETAIL:
        omitted.append(
            f"The page of {len(hosts)} machines compares them. Latency, the GPU's ladder, "
            "telemetry and what workers, waiting and synchronising cost are on the page of each: "
            f"{command('report')} RUN.csv"
        )
    answers = [a for m in measured for a in _machine_answers(m)]
    answers.sort(key=lambda a: titles.index(a[1].group.title))
    parts = [part for run in runs for part in run.files]
    data_buttons, files = method.downloads(parts)
    many = len(hosts) > MOST_IN_DETAIL

    def detail() -> list[Section]:
        return [
            _caches(measured),
            _rooflines(measured),
            _charts("latency", "Latency and bandwidth", "Latency", main, _latency),
            _charts("gpu", "The GPU ladder", "GPU", main, _gpu),
            _telemetry(measured),
            *cost_sections(measured),
        ]

    sections = [
        _machines(measured, nodes, prices or []),
        _answers(runs, answers, omitted, measured),
        _machine(measured),
        _charts("throughput", "Throughput against size", "Throughput", main, _throughput),
        _certainty(runs, many),
        _charts("scaling", "Core and SM scaling", "Scaling", main, _sms if many else _scaling),
        *([] if many else detail()),
        Section(
            "method",
            "How it was measured",
            "Method",
            [
                *method.commands(parts),
                Folded("How each quantity is computed", [method.statistics(runs)]),
                el(
                    "p",
                    "The data of this page, with its machine's description: ",
                    class_="of-files",
                ),
                data_buttons,
            ],
        ),
    ]
    lessons = [run for run, _ in hosts if run.about.text("options.preset") == "lesson"]
    scales = next(s for s in sections if s.id == "scaling")
    several = len(hosts) > 1
    for run in lessons:
        scales.content += siblings.lacking(run, run.label if several else "")
    sections = [s for s in sections if s.content]
    if lessons:
        sections.sort(key=lambda s: LESSON.index(s.id) if s.id in LESSON else len(LESSON))
        for section in sections:
            section.whole = True
    figures = figures_of(sections)
    names = list(dict.fromkeys(run.label for run in runs))
    title = f"crossover: {plural(len(nodes.nodes), 'node') if whole else listing(names)}"
    return page(title, header(runs), sections, {"files": files}), figures


def _machine_answers(machine: Measured) -> list[tuple[str, Answer]]:
    found = [answer.answer_of(group) for group in machine.groups]
    return [(machine.name, a) for a in found if a]


def _answers(
    runs: list[Run],
    answers: list[tuple[str, Answer]],
    omitted: list[str],
    measured: list[Measured],
) -> Section:
    content: list[Part] = []
    told_of: set[str] = set()  # an older fleet's nodes have one plan
    files = [part for run in runs for part in run.files]
    for run in files:
        if run.status in ("interrupted", "running", "failed"):
            content.append(
                el(
                    "p",
                    f"{run.name} {ended(run.status)}: this page shows the "
                    f"{plural(run.samples.height, 'sample')} it took, "
                    f"{plural(run.rounds, 'round')} at most of each configuration.",
                    class_="note",
                )
            )
        content.append(gaps.unplanned_gaps(run))
        if run.left_out.failed:
            content.append(
                el(
                    "p",
                    f"{run.name}: {plural(run.left_out.failed, 'sample')} failed verification. "
                    "A model that computes something wrong is in no chart; see Certainty.",
                    class_="note",
                )
            )
    for run in runs:
        if run.plan.left_out and run.run_id not in told_of:
            told_of.add(run.run_id)
            content.append(certainty.never_measured(run))
    sentences = dict.fromkeys(v.sentence for run in runs for v in verdicts(run, references()))
    if sentences:
        content.append(el("ul", [el("li", sentence) for sentence in sentences]))
    if not answers and any(m.families for m in measured):
        content.append(el("p", "Only a family of workloads was measured: see its roofline below."))
    elif not answers and any(m.costs for m in measured):
        content.append(el("p", "No workload on arrays was measured; what others cost is below."))
    elif not answers and any(m.groups for m in measured):
        content.append(
            el(
                "p",
                "Only kernels were measured, by the GPU's own clock (scope kernel): what they "
                "reach is below, what a caller waits for was not measured.",
                class_="note",
            )
        )
    elif not answers:
        content.append(
            el(
                "p",
                "No configuration was measured, so there is nothing to compare. "
                "Certainty, below, says why.",
                class_="note",
            )
        )
    several = any(name for name, _ in answers)
    first = answers[0][1].group if answers else None
    main: list[Html] = []
    others: list[Html] = []
    for name, a in answers:
        (main if first and a.group.like(first) else others).append(answer.card(a, name))
    if several:
        content.append(el("details", el("summary", "In words, machine by machine"), main))
    else:
        content.append(el("div", main, class_="cards"))
    if others:
        summary = f"Other types and states of the caches ({len(others)})"
        content.append(el("details", el("summary", summary), others))
    content += [el("p", text, class_="note") for text in omitted]
    return Section("answer", "The answer", "Answer", content, whole=True)


Maker = Callable[[Group, str, int], list[Part]]


def _charts(
    section: str, title: str, short: str, everything: list[tuple[str, Group]], make: Maker
) -> Section:
    numbers = count(1)
    content: list[Part] = [
        part for name, group in everything for part in make(group, name, next(numbers)) if part
    ]
    return Section(section, title, short, content)


def _throughput(group: Group, machine: str, number: int) -> list[Part]:
    return [throughput.throughput(group, machine, number)]


def _caches(measured: list[Measured]) -> Section:
    pairs = [(m, warm, other) for m in measured for warm, other in cache.pairs(m.groups)]
    found = [
        cache.warm_and_cold(warm, other, m.name, number)
        for number, (m, warm, other) in enumerate(pairs, 1)
    ]
    return Section("cache", "Warm and cold caches", "Caches", [f for f in found if f])


def _rooflines(measured: list[Measured]) -> Section:
    found = [(m, family) for m in measured for family in m.families]
    charts = [
        roofline.roofline(family, m.groups, m.name, number)
        for number, (m, family) in enumerate(found, 1)
    ]
    title = "From bound by memory to bound by arithmetic"
    return Section("roofline", title, "Roofline", [c for c in charts if c])


def _scaling(group: Group, machine: str, number: int) -> list[Part]:
    found = scaling.figures(group, machine, number, most=1 if machine else 2)
    sms = sm_scaling.multiprocessors(group, machine, number)
    second = siblings.siblings(group, machine, number)
    return [*found, second, weak_scaling.weak(group, machine, number), *(sms or ())]


def _sms(group: Group, machine: str, number: int) -> list[Part]:
    return list(sm_scaling.multiprocessors(group, machine, number) or ())


def _latency(group: Group, machine: str, number: int) -> list[Part]:
    return [latency.latency(group, machine, number)]


def _gpu(group: Group, machine: str, number: int) -> list[Part]:
    return [*gpu.ladders(group, machine, number), gpu.transfers(group, machine, number)]


def _telemetry(measured: list[Measured]) -> Section:
    charts = [telemetry.charts(m.run, m.name, number) for number, m in enumerate(measured, 1)]
    content: list[Part] = [chart for found in charts for chart in found]
    return Section("telemetry", "What the devices told of themselves", "Telemetry", content)


def _machines(measured: list[Measured], nodes: Fleet, prices: list[Price]) -> Section:
    section = Section("machines", "Machines compared", "Machines", whole=True)
    if len(measured) < 2:
        return section
    runs = [m.run for m in measured]
    names = [run.name for run in runs]
    tables: dict[str, list[compared.Line]] = {}
    charts: list[Part] = []
    apart: list[Part] = []
    titles = dict.fromkeys(g.title for m in measured for g in m.groups)
    for number, title in enumerate(titles, 1):
        same = [next((g for g in m.groups if g.title == title), None) for m in measured]
        if sum(g is not None for g in same) < 2:
            continue
        element_bytes = next(g.element_bytes for g in same if g)
        tables[title] = compared.lines(same, prices)
        charts.append(compared.bars(title, tables[title], names, number))
        for hardware, best in (
            ("CPU", [g.best_cpu() if g else None for g in same]),
            ("GPU", [g.best_gpu("resident") if g else None for g in same]),
        ):
            charts.append(compared.overlaid(title, hardware, best, names, number, element_bytes))
        apart.append(machines.times_apart([g for g in same if g]))
    section.content += [*fleet.of_fleet(nodes), machines.systems(runs)]
    if lines := compared.cost_lines(measured):
        tables["costs"] = lines
    if tables:
        section.content.append(compared.merged(tables, names))
    section.content.append(tuple(c for c in charts if isinstance(c, Figure)))
    section.content.append(Folded("Times and ratios with their intervals", apart))
    few = len(nodes.nodes) <= MOST_RUNS
    section.content.append(machines.what_differs(runs) if few else fleet.differences(nodes))
    return section


def _machine(measured: list[Measured]) -> Section:
    """What a page of one machine says of it; of several there is a table."""
    section = Section("machine", "The machine", "Machine")
    if len(measured) == 1:
        section.content.append(machines.facts(measured[0].run))
    return section


def _certainty(runs: list[Run], many: bool) -> Section:
    several = len(runs) > 1
    content: list[Part] = [certainty.counts(runs), *certainty.left_out(runs)]
    content += certainty.alike(runs)
    content.append(certainty.never_measured_by_model(runs))
    content.append(certainty.disturbances(runs))
    if why := certainty.reasons(runs):
        content.append(Folded("Why samples were noisy, skipped or failed", [why]))
    for number, run in enumerate([] if many else runs, 1):
        content.append(certainty.widths_figure(run, run.name if several else "", number))
    return Section("certainty", "How sure we are", "Certainty", [c for c in content if c])
