"""Compares two runs, configuration by configuration.

Each configuration in both runs gets the ratio of new to base time with its 95 % interval, and a
verdict: faster, slower, same, or can't tell. Two runs of the same thing report any difference in
fewer than 5 % of comparisons of whole runs.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import shutil
import sys
from pathlib import Path

from analysis.chapters.provenance import differences
from analysis.compare.comparing import VERDICTS, Change, Comparison, Verdict, compare
from analysis.errors import BadInput, Parser, refused, run_command
from analysis.reading.read import read_runs
from analysis.reading.run import Run
from analysis.words import duration, plain, plural


def main() -> int:
    """Runs the command and returns its exit status."""
    parser = Parser(prog="scripts/compare", description=__doc__.replace("%", "%%"))
    parser.add_argument("base", type=Path, metavar="BASE.csv")
    parser.add_argument("new", type=Path, metavar="NEW.csv")
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
        choices=["slower", "faster", "can't tell", "different"],
        help="exit 1 if any configuration got this verdict; may be repeated",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="everything, as JSON")
    form.add_argument("--markdown", action="store_true", help="a table for a pull request")
    parser.add_argument("--all", action="store_true", help="also list what stayed the same")
    parser.add_argument("-o", "--output", type=Path, help="write to a file instead")
    options = parser.parse_args()
    base, new = one_run(options.base), one_run(options.new)
    result = compare(base, new, options.threshold, why_not(base, new))
    if not result.changes:
        raise BadInput(f"{options.base} and {options.new} have no configuration in common")
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
        try:
            options.output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise refused("cannot write", options.output, error) from error
    failing: dict[str, list[Verdict]] = {
        "slower": ["slower"],
        "faster": ["faster"],
        "can't tell": ["can't tell"],
        "different": ["slower", "faster"],
    }
    return int(any(result.count(v) for name in options.fail_on for v in failing[name]))


def percentage(text: str) -> float:
    """`2%` or `2` as 0.02."""
    match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*%?", text.strip())
    if not match or not float(match[1]) < 1000:
        raise argparse.ArgumentTypeError(f"'{text}' is not a percentage such as 2%")
    return float(match[1]) / 100


def one_run(path: Path) -> Run:
    """The run in `path`; a file with several is ambiguous."""
    runs = read_runs([path])
    if len(runs) > 1:
        raise BadInput(f"{path} holds {len(runs)} runs; give a file with one")
    if runs[0].samples.height == 0:
        raise BadInput(f"{path} has no measured sample (status ok or noisy), so nothing to compare")
    return runs[0]


def why_not(base: Run, new: Run) -> list[str]:
    """What makes the comparison doubtful, in sentences."""
    warnings = []
    if base.run_id and base.run_id == new.run_id:
        warnings.append("Both files are the same run")
    for run in (base, new):
        if run.about.problem:
            warnings.append(run.about.problem)
        if run.status not in ("complete", "unknown"):
            warnings.append(f"{run.path.name} is of a run that was {run.status}")
        for count, why in run.left_out.reasons():
            warnings.append(f"{run.path.name}: {plural(count, 'row')} left out that {why}")
    if not base.about.problem and not new.about.problem:
        for difference in differences([base, new]):
            values = " against ".join(plain(v) or "nothing" for v in difference.values)
            warnings.append(f"Different {difference.what}: {values}")
    return warnings


def as_json(result: Comparison) -> str:
    """Everything, as JSON; NaN becomes null."""

    def number(value: float) -> float | None:
        return None if math.isnan(value) else value

    document = {
        "base": {"file": result.base.path.name, "run": result.base.run_id},
        "new": {"file": result.new.path.name, "run": result.new.run_id},
        "threshold": result.threshold,
        "warnings": result.warnings,
        "only_in_base": result.only_base,
        "only_in_new": result.only_new,
        "scatter_between_runs": result.scatter,
        "verdicts": {verdict: result.count(verdict) for verdict in VERDICTS},
        "configurations": [
            {
                "name": c.name,
                "verdict": c.verdict,
                "ratio": number(c.ratio),
                "low": number(c.low),
                "high": number(c.high),
                "p_corrected": number(c.p),
                "pairs": c.pairs,
                "base_ns": c.base_ns,
                "new_ns": c.new_ns,
                "why": c.why,
            }
            for c in result.changes
        ],
    }
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def headline(result: Comparison) -> str:
    """One line with the four counts."""
    counts = ", ".join(f"{result.count(v)} {v}" for v in VERDICTS)
    return f"{plural(len(result.changes), 'configuration')} in both runs: {counts}"


def remarks(result: Comparison) -> list[str]:
    """What the reader must know to judge the table."""
    lines = list(result.warnings)
    if result.only_base:
        lines.append(f"{plural(result.only_base, 'configuration')} only in BASE")
    if result.only_new:
        lines.append(f"{plural(result.only_new, 'configuration')} only in NEW")
    if result.scatter > 0.001:
        lines.append(
            f"From run to run the ratios scatter by {result.scatter:.1%} more than the rounds "
            "explain; the intervals allow for it"
        )
    too_few = [c for c in result.changes if c.why]
    if too_few:
        lines.append(f"{plural(len(too_few), 'configuration')} without a verdict: {too_few[0].why}")
    return lines


def interval_text(change: Change) -> str:
    """The 95 % interval, or a dash."""
    return "-" if math.isnan(change.low) else f"{change.low:.3f} to {change.high:.3f}"


def listed(result: Comparison, everything: bool) -> list[Change]:
    """What a table shows: the differences; what is the same or in doubt only on request."""
    return [c for c in result.changes if everything or c.verdict in ("slower", "faster")]


def as_table(result: Comparison, everything: bool, colour: bool, width: int) -> str:
    """The table for a terminal, most important first."""
    lines = [
        f"BASE  {plain(result.base.path.name)}  {plain(result.base.label)}",
        f"NEW   {plain(result.new.path.name)}  {plain(result.new.label)}",
        headline(result),
        *[f"note: {plain(line)}" for line in remarks(result)],
    ]
    shown = listed(result, everything)
    if shown:
        longest = max(len(plain(change.name)) for change in shown)
        # On a narrow terminal the times go first, then the middle of the names.
        times = width >= longest + 64
        room = max(20, width - (64 if times else 41))
        names = [shortened(plain(change.name), room) for change in shown]
        column = max(len("configuration"), *map(len, names))
        header = (
            f"{'verdict':<10}  {'configuration':<{column}}  {'new/base':>8}  {'95 % interval':^16}"
        )
        lines += ["", header + (f"  {'base':>9}  {'new':>9}" if times else "")]
        codes = {"slower": "31", "faster": "32", "can't tell": "33", "same": "2"}
        for name, c in zip(names, shown, strict=True):
            verdict = f"{c.verdict:<10}"
            if colour:
                verdict = f"\033[{codes[c.verdict]}m{verdict}\033[0m"
            line = f"{verdict}  {name:<{column}}  {c.ratio:>8.3f}  {interval_text(c):^16}"
            if times:
                line += f"  {duration(c.base_ns):>9}  {duration(c.new_ns):>9}"
            lines.append(line)
    hidden = len(result.changes) - len(shown)
    if hidden:
        others = "no configuration differs; " if not shown else ""
        lines.append(
            f"\n{others}{plural(hidden, 'configuration')} not listed, --all lists them; the "
            f"threshold is {result.threshold * 100:.3g} %"
        )
    return "\n".join(line.rstrip() for line in lines) + "\n"


def shortened(text: str, room: int) -> str:
    """`text`, its middle left out where it is longer than `room`."""
    if len(text) <= room:
        return text
    return f"{text[: room // 2 - 1]}…{text[len(text) - (room - room // 2) :]}"


def as_markdown(result: Comparison, everything: bool) -> str:
    """The same table for a pull request."""

    def cell(text: str) -> str:
        safe = re.sub(r"([\\`*_{}\[\]<>()#|~!&])", r"\\\1", plain(text))
        return safe.replace("\\_", "_") if "\\" not in text else safe

    lines = [f"**{headline(result)}**"]
    if said := remarks(result):
        lines += ["", *[f"- {cell(line)}" for line in said]]
    shown = listed(result, everything)
    if shown:
        lines += [
            "",
            "| verdict | configuration | new/base | 95 % interval | base | new |",
            "| --- | --- | ---: | :---: | ---: | ---: |",
        ]
        lines += [
            f"| {c.verdict} | {cell(c.name)} | {c.ratio:.3f} | {interval_text(c)} | "
            f"{duration(c.base_ns)} | {duration(c.new_ns)} |"
            for c in shown
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    run_command("scripts/compare", main)
