"""Turns one or more runs into one HTML page that works offline."""

from __future__ import annotations

from pathlib import Path

from analysis.chapters import fleet
from analysis.chapters.costs import of_machines, of_python
from analysis.chapters.prices import check, price_of
from analysis.drawing.figure import Figure, checked
from analysis.errors import BadInput, Parser, refused, run_command
from analysis.output import check_output, replace_file
from analysis.page.report import MOST_RUNS, report
from analysis.reading.joined import called
from analysis.reading.read import read_runs


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
    runs = read_runs(options.runs, by_node=True)
    if options.label:
        runs = called(runs, options.label)
    runs = of_machines(runs)
    if options.label and sum(not of_python(run) for run in runs) > 1:
        raise BadInput("--label: these runs tell of different machines, nodes or options")
    if len(fleet.shown(runs, MOST_RUNS)) > MOST_RUNS:
        raise BadInput(
            f"{len(runs)} machines are more than one page can show; give at most {MOST_RUNS}"
        )
    check(prices, runs)
    output = options.output or options.runs[0].with_suffix(".html")
    check_output(output, options.runs)
    with checked(False):
        document, figures = report(runs, prices)
    replace_file(output, document.encode())
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
            specification = {**figure.specification, "background": "white"}
            svg, png = folder / f"{figure.id}.svg", folder / f"{figure.id}.png"
            replace_file(svg, vl_convert.vegalite_to_svg(specification).encode())
            replace_file(png, vl_convert.vegalite_to_png(specification, scale=2))
            written += [svg, png]
    except OSError as error:
        raise refused("cannot write", folder, error) from error
    return written


if __name__ == "__main__":
    run_command("scripts/report", main)
