"""Turns one or more runs into one HTML page that works offline."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

from analysis.chapters import (
    answer,
    certainty,
    fleet,
    gpu,
    latency,
    machines,
    method,
    scaling,
    sm_scaling,
    throughput,
    weak_scaling,
)
from analysis.chapters.answer import Answer
from analysis.chapters.costs import Measured, cost_sections, with_baselines
from analysis.drawing.figure import Figure, checked
from analysis.drawing.markup import Child, Html, el
from analysis.errors import BadInput, Parser, refused, run_command
from analysis.measured.curves import Group
from analysis.measured.groups import groups
from analysis.page.header import give_names, header
from analysis.page.page import Section, figures_of, page
from analysis.reading.read import read_runs
from analysis.reading.run import Run
from analysis.words import listing, plural

# What a page can show and still be read; what is beyond is counted on the page.
MOST_RUNS = 12
MOST_GROUPS = 8

Part = Child | Figure | tuple[Figure, ...]


def main() -> int:
    """Runs the command and returns its exit status."""
    parser = Parser(prog="scripts/report", description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN.csv")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="report.html",
        help="the page (default: the first run's path with .html)",
    )
    parser.add_argument(
        "--figures", type=Path, metavar="DIR", help="also write each chart as SVG and PNG"
    )
    options = parser.parse_args()
    runs = read_runs(options.runs, by_node=True)
    if len(fleet.shown(runs, MOST_RUNS)) > MOST_RUNS:
        raise BadInput(
            f"{len(runs)} runs are more than one page can show; give at most {MOST_RUNS}"
        )
    output = options.output or options.runs[0].with_suffix(".html")
    if any(output.resolve() == path.resolve() for path in options.runs):
        raise BadInput(f"{output} is one of the runs; give another name with -o")
    with checked():
        document, figures = report(runs)
    try:
        output.write_text(document, encoding="utf-8")
    except OSError as error:
        raise refused("cannot write", output, error) from error
    print(output)
    if options.figures is not None:
        for path in write_figures(figures, options.figures):
            print(path)
    return 0


def write_figures(figures: list[Figure], folder: Path) -> list[Path]:
    """Writes each chart's SVG and PNG and returns the paths."""
    import vl_convert

    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for figure in figures:
            specification = {**figure.specification(), "background": "white"}
            svg, png = folder / f"{figure.id}.svg", folder / f"{figure.id}.png"
            svg.write_text(vl_convert.vegalite_to_svg(specification), encoding="utf-8")
            png.write_bytes(vl_convert.vegalite_to_png(specification, scale=2))
            written += [svg, png]
    except OSError as error:
        raise refused("cannot write", folder, error) from error
    return written


def report(runs: list[Run]) -> tuple[str, list[Figure]]:
    """The page of `runs`, and the figures on it."""
    give_names(runs)
    fleets = [fleet.falling_behind(nodes) for nodes in fleet.fleets(runs)]
    nodes = len(runs)
    runs = fleet.shown(runs, MOST_RUNS)
    hosts = with_baselines(runs)
    several = len(hosts) > 1
    by_run: list[tuple[Run, list[Group]]] = []
    omitted = []
    if len(runs) < nodes:
        omitted.append(
            f"The fleet has {nodes} nodes: shown are its first and those that fall behind the "
            f"most, {len(runs)} in all."
        )
    measured = []
    for run, baselines in hosts:
        found, more = groups(run, MOST_GROUPS)
        by_run.append((run, found))
        python = [(baseline, groups(baseline, MOST_GROUPS)[0]) for baseline in baselines]
        measured.append(Measured(run, found, run.name if several else "", python=python))
        if more:
            omitted.append(
                f"{run.name}: {plural(more, 'workload and type')} more than fit on a page"
            )
    everything = [(run.name if several else "", g) for run, found in by_run for g in found]
    # Charts of one workload and type stand together, whatever the machine.
    titles = list(dict.fromkeys(group.title for _, group in everything))
    everything.sort(key=lambda pair: titles.index(pair[1].title))
    answers = [a for name, g in everything if (a := _answer(name, g, by_run))]
    data_buttons, files = method.downloads(runs)
    sections = [
        _answers(runs, answers, omitted, any(m.costs for m in measured)),
        _charts("throughput", "Throughput against size", everything, _throughput),
        _charts("scaling", "Core and SM scaling", everything, _scaling),
        _charts("latency", "Latency and bandwidth", everything, _latency),
        _charts("gpu", "The GPU ladder", everything, _gpu),
        *cost_sections(measured),
        _machines([run for run, _ in hosts], by_run, fleets),
        _certainty(runs),
        Section(
            "method",
            "How it was measured",
            [
                *method.commands(runs),
                method.statistics(),
                el("p", "The data of this page, with its machine's description: "),
                data_buttons,
            ],
        ),
    ]
    sections = [s for s in sections if s.content]
    shorts = {
        "answer": "Answer",
        "throughput": "Throughput",
        "scaling": "Scaling",
        "latency": "Latency",
        "gpu": "GPU",
        "machines": "Machines",
        "certainty": "Certainty",
        "method": "Method",
    }
    for section in sections:
        section.short = section.short or shorts[section.id]
    figures = figures_of(sections)
    title = f"crossover: {listing(list(dict.fromkeys(run.label for run in runs)))}"
    return page(title, header(runs), sections, {"files": files}), figures


def _answer(
    name: str, group: Group, by_run: list[tuple[Run, list[Group]]]
) -> tuple[str, Answer] | None:
    mine = next(found for run, found in by_run if run is group.run)
    limit = max((c.last.rate.value for g in mine if (c := g.best_cpu())), default=0.0)
    found = answer.answer_of(group, limit)
    return (name, found) if found else None


def _answers(
    runs: list[Run], answers: list[tuple[str, Answer]], omitted: list[str], costs: bool
) -> Section:
    content: list[Part] = []
    for run in runs:
        if run.status in ("interrupted", "running", "failed"):
            told = {"running": "has not finished", "failed": "ended with failures"}.get(
                run.status, "was interrupted"
            )
            content.append(
                el(
                    "p",
                    f"{run.name} {told}: this page shows the "
                    f"{plural(run.samples.height, 'sample')} it took, "
                    f"{plural(run.rounds, 'round')} at most of each configuration.",
                    class_="note",
                )
            )
        if run.left_out.failed:
            content.append(
                el(
                    "p",
                    f"{run.name}: {plural(run.left_out.failed, 'sample')} failed verification. "
                    "A model that computes something wrong is in no chart; see Certainty.",
                    class_="note",
                )
            )
    if not answers and costs:
        content.append(
            el("p", "No workload that moves data was measured; what others cost is below.")
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
    if len(answers) > 1 and several:
        content.append(answer.overview(answers))
    first_type = answers[0][1].group.type if answers else ""
    main = [answer.card(a, name) for name, a in answers if a.group.type == first_type]
    others = [answer.card(a, name) for name, a in answers if a.group.type != first_type]
    if len(answers) > 1 and several:
        content.append(el("details", el("summary", "In words, machine by machine"), main))
    else:
        content += main
    if others:
        content.append(el("details", el("summary", f"Other types ({len(others)})"), others))
    content += [el("p", text, class_="note") for text in omitted]
    return Section("answer", "The answer", content)


Maker = Callable[[Group, str, int], list[Part]]


def _charts(section: str, title: str, everything: list[tuple[str, Group]], make: Maker) -> Section:
    numbers = count(1)
    content = [c for name, group in everything for c in make(group, name, next(numbers)) if c]
    return Section(section, title, content)


def _throughput(group: Group, machine: str, number: int) -> list[Part]:
    return [throughput.throughput(group, machine, number)]


def _scaling(group: Group, machine: str, number: int) -> list[Part]:
    found = scaling.figures(group, machine, number, most=1 if machine else 2)
    sms = sm_scaling.multiprocessors(group, machine, number)
    return [*found, weak_scaling.weak(group, machine, number), *(sms or ())]


def _latency(group: Group, machine: str, number: int) -> list[Part]:
    return [latency.latency(group, machine, number)]


def _gpu(group: Group, machine: str, number: int) -> list[Part]:
    return [
        gpu.ladder(group, machine, number),
        gpu.transfers(group, machine, number),
        gpu.energy(group, machine, number),
    ]


def _machines(
    runs: list[Run], by_run: list[tuple[Run, list[Group]]], fleets: list[Html]
) -> Section:
    section = Section("machines", "Machines side by side")
    if len(runs) < 2:
        return section
    section.content += fleets
    titles = list(dict.fromkeys(g.title for _, found in by_run for g in found))
    for number, title in enumerate(titles, 1):
        same = [g for _, found in by_run for g in found if g.title == title]
        pair = machines.side_by_side(same, number)
        section.content.append(tuple(f for f in pair or () if f))
    section.content.append(machines.what_differs(runs))
    return section


def _certainty(runs: list[Run]) -> Section:
    several = len(runs) > 1
    content: list[Part] = [certainty.counts(runs), *certainty.left_out(runs)]
    content.append(certainty.disturbances(runs))
    why: Html | None = certainty.reasons(runs)
    content.append(why)
    for number, run in enumerate(runs, 1):
        content.append(certainty.widths_figure(run, run.name if several else "", number))
    return Section("certainty", "How sure we are", [c for c in content if c])


if __name__ == "__main__":
    run_command("scripts/report", main)
