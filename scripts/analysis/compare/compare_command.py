"""Compares runs of two sides: which groups and which configurations got faster or slower.

Give several runs a side: memory lies elsewhere in each process, so one pair has provisional
verdicts only. Two sides of the same program report a difference in fewer than 5 % of whole
comparisons.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import traceback
from pathlib import Path

from analysis.chapters.provenance import FIELDS, value_of
from analysis.commands import command
from analysis.compare.comparing import Verdict, compare
from analysis.compare.rendering import as_json, as_markdown, as_table
from analysis.errors import BadInput, Parser, run_command
from analysis.output import check_output, replace_file
from analysis.reading.read import read_runs
from analysis.reading.run import Run
from analysis.reading.state import disagreements
from analysis.reference.reference import known, verdicts
from analysis.words import plain, plural

FAILING: dict[str, list[Verdict]] = {
    "slower": ["slower"],
    "faster": ["faster"],
    "different": ["slower", "faster"],
}


def arguments() -> argparse.Namespace:
    """The command line, checked."""
    parser = Parser(
        prog=command("compare"),
        description=__doc__.replace("%", "%%"),
        usage="%(prog)s BASE.csv NEW.csv [OPTIONS]\n"
        "       %(prog)s --base A.csv... --new B.csv... [OPTIONS]",
    )
    parser.add_argument("pair", type=Path, nargs="*", metavar="RUN.csv", help="one run a side")
    parser.add_argument("--base", type=Path, nargs="+", metavar="A.csv", help="runs before")
    parser.add_argument("--new", type=Path, nargs="+", metavar="B.csv", help="runs after")
    parser.add_argument(
        "--baseline",
        type=Path,
        nargs="+",
        default=[],
        metavar="A.csv",
        help="more runs of one program on this machine, which tell how much runs scatter",
    )
    parser.add_argument(
        "--threshold",
        type=percentage,
        default=0.02,
        metavar="PERCENT",
        help="changes below this are no change (default 2%%)",
    )
    parser.add_argument(
        "--fail-on",
        action="append",
        default=[],
        choices=list(FAILING),
        help="exit 1 if anything got this verdict; may be repeated",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="everything, as JSON")
    form.add_argument("--markdown", action="store_true", help="a table for a pull request")
    parser.add_argument("--all", action="store_true", help="also list what does not differ")
    parser.add_argument("-o", "--output", type=Path, help="write to a file instead")
    options = parser.parse_args()
    both = options.base and options.new
    if options.pair and (options.base or options.new):
        raise BadInput("give either BASE.csv NEW.csv or --base A.csv... --new B.csv..., not both")
    if not both and len(options.pair) != 2:
        raise BadInput(
            f"{plural(len(options.pair), 'run')} given; give two, BASE.csv NEW.csv, or several a "
            "side: --base A.csv... --new B.csv..."
        )
    if options.pair:
        options.base, options.new = [options.pair[0]], [options.pair[1]]
    return options


def main() -> int:
    """Runs the command and returns its exit status."""
    options = arguments()
    base, new, baseline = (
        runs_of(paths) for paths in (options.base, options.new, options.baseline)
    )
    warnings = [*why_not(base, new), *against_references(new)]
    result = compare(base, new, options.threshold, warnings, baseline)
    if options.json:
        text = as_json(result)
    elif options.markdown:
        text = as_markdown(result, options.all)
    else:
        colour = options.output is None and sys.stdout.isatty() and "NO_COLOR" not in os.environ
        # A file or a pipe has no width.
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 1000
        text = as_table(result, options.all, colour, width)
    if options.output is None:
        sys.stdout.write(text)
    else:
        check_output(options.output, [*options.base, *options.new, *options.baseline])
        replace_file(options.output, text.encode())
    verdicts = {change.verdict for change in result.found}
    return int(any(verdicts.intersection(FAILING[name]) for name in options.fail_on))


def percentage(text: str) -> float:
    """`2%` or `2` as 0.02."""
    match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*%?", text.strip())
    if not match or not float(match[1]) < 1000:
        raise argparse.ArgumentTypeError(f"'{text}' is not a percentage such as 2%")
    return float(match[1]) / 100


def runs_of(paths: list[Path]) -> list[Run]:
    """The runs of a side."""
    runs = read_runs(paths)
    for run in runs:
        if run.samples.height == 0:
            raise BadInput(
                f"{run.path} has no measured sample (status ok or noisy), so nothing to compare"
            )
    return runs


def why_not(base: list[Run], new: list[Run]) -> list[str]:
    """What makes the comparison doubtful, in sentences."""
    warnings = []
    if {run.run_id for run in base if run.run_id} & {run.run_id for run in new}:
        warnings.append("The same run is on both sides")
    for run in (*base, *new):
        warnings += run.notices
        if run.about.problem:
            warnings.append(run.about.problem)
        if run.status not in ("complete", "unknown"):
            warnings.append(f"{run.path.name} is of a run that was {run.status}")
        for count, why in run.left_out.reasons():
            warnings.append(f"{run.path.name}: {plural(count, 'row')} left out that {why}")
    for what, path, _ in FIELDS:
        sides = [
            " or ".join(
                dict.fromkeys(
                    plain(value_of(run.about, path)) or "nothing"
                    for run in side
                    if not run.about.problem
                )
            )
            for side in (base, new)
        ]
        if all(sides) and (sides[0] != sides[1] or " or " in sides[0]):
            warnings.append(f"Different {what}: {sides[0]} against {sides[1]}")
    warnings += disagreements(base, new)
    started = [[run.about.text("started") for run in side] for side in (base, new)]
    if len(base) > 1 and len(new) > 1 and all(map(all, started)):
        first, second = sorted(started, key=min)
        if max(first) < min(second):
            warnings.append(
                "One side was recorded after the other: what changed on the machine in between "
                "passes for a difference; in turns it would not"
            )
    return list(dict.fromkeys(warnings))


def against_references(runs: list[Run]) -> list[str]:
    """Which devices reach less than references of theirs, in sentences."""
    found = [v.sentence for run in runs for v in verdicts(run, known()) if v.lower]
    return list(dict.fromkeys(found))


def guarded() -> int:
    """main(), whose status is never 1 but by a verdict: Python's own for a fault would be."""
    try:
        return main()
    except (MemoryError, ArithmeticError, LookupError, TypeError, ValueError):
        traceback.print_exc()
        return 3


if __name__ == "__main__":
    run_command(command("compare"), guarded)
