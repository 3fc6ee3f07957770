"""Turns runs, or a folder of them, into one HTML page that works offline.

Of more machines than a page can show it has the fleet: who falls behind, and some in detail.
"""

from __future__ import annotations

from pathlib import Path

from analysis.chapters.costs import of_machines, of_python
from analysis.chapters.fleet import shown
from analysis.chapters.prices import check, price_of
from analysis.commands import command
from analysis.drawing.figure import Figure, checked
from analysis.errors import BadInput, Parser, refused, run_command
from analysis.fleet.behind import Fleet, fleet_of
from analysis.fleet.nodes import File, files_of, nodes_of, read_each
from analysis.output import check_output, replace_file
from analysis.page.report import MOST_RUNS, report
from analysis.reading.joined import called
from analysis.reading.read import once, read_runs
from analysis.reading.run import Run
from analysis.words import plural

# Of so many files each is read once, whatever the number of machines; more may not fit in memory.
MOST_FILES = 100
# Of a fleet that does not fit on a page, so many nodes have columns and curves of their own.
MOST_OF_FLEET = 4


def main() -> int:
    """Runs the command and returns its exit status."""
    parser = Parser(prog=command("report"), description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN.csv|FOLDER")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="report.html",
        help="the page (default: the first run's path with .html, or FOLDER/fleet.html)",
    )
    parser.add_argument(
        "--figures", type=Path, metavar="DIR", help="also write each chart as SVG and PNG"
    )
    parser.add_argument(
        "--price",
        action="append",
        default=[],
        metavar="NAME=AMOUNT",
        help="what a machine or device costs, in any currency, once or 'per hour': adds what a "
        "rate costs; may be given more than once",
    )
    parser.add_argument(
        "--label",
        metavar="NAME",
        help="the runs are of one machine, which is called so, whatever they call it",
    )
    options = parser.parse_args()
    prices = [price_of(text) for text in options.price]
    files = files_of(options.runs)
    runs, fleet = read_machines(files, options.label)
    if not runs:
        raise BadInput("; ".join(fleet.unread[:1]) or "these files have no run in them")
    machines = sum(not of_python(run) for run in of_machines(runs))
    if options.label and machines > 1:
        raise BadInput("--label: these runs tell of different machines, nodes or options")
    if machines > MOST_RUNS:
        raise BadInput(
            f"{machines} machines of {plural(len({run.label for run in runs}), 'label')} are more "
            f"than one page can show; give each a label of its own, or at most {MOST_RUNS}"
        )
    check(prices, runs)
    first = options.runs[0]
    own = first / "fleet.html" if first.is_dir() else first.with_suffix(".html")
    output = options.output or own
    check_output(output, [file.path for file in files])
    with checked(False):
        document, figures = report(runs, prices, fleet)
    replace_file(output, document.encode())
    print(output)
    if options.figures is not None:
        for path in write_figures(figures, options.figures):
            print(path)
    return 0


def read_machines(files: list[File], label: str | None = None) -> tuple[list[Run], Fleet]:
    """The runs to show, and the fleet that all machines are; `label` is what all are called.

    Of more machines than a page can show, the runs are those of a few.
    """
    unread: list[str] = []
    each = read_each(files, unread)
    if label:
        each = (run for one in each for run in called([one], label))
    runs = list(each) if len(files) <= MOST_FILES else []
    fleet = fleet_of(nodes_of(runs or each), unread=unread)
    if len(fleet.nodes) > MOST_RUNS:
        chosen = shown(fleet, MOST_OF_FLEET)
        wanted = dict.fromkeys(path for node in chosen for path in (*node.paths, *node.baselines))
        names = {node.name for node in chosen}
        found = runs or read_runs(list(wanted), by_node=True)
        runs = [run for run in found if run.label in names]
    elif not runs:
        runs = list(read_each(files, []))
        runs = called(runs, label) if label else runs
    return once(runs), fleet


def write_figures(figures: list[Figure], folder: Path) -> list[Path]:
    """Writes each chart's SVG and PNG and returns the paths."""
    import vl_convert

    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for figure in figures:
            specification = {**figure.specification, "background": "white"}
            svg, png = folder / f"{figure.id}.svg", folder / f"{figure.id}.png"
            replace_file(svg, vl_convert.vegalite_to_svg(specification).encode())
            replace_file(png, vl_convert.vegalite_to_png(specification, scale=2))
            written += [svg, png]
    except OSError as error:
        raise refused("cannot write", folder, error) from error
    return written


if __name__ == "__main__":
    run_command(command("report"), main)
