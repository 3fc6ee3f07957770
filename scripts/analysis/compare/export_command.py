"""Writes the times of a run, or of several runs of one machine, for services that keep histories.

github-action-benchmark reads its format as the tool customSmallerIsBetter, Bencher reads its own
(BMF) by the adapter json. Values are medians in ns; of several runs the median of their medians,
between the lowest and the highest.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.commands import command
from analysis.compare.compare_command import runs_of
from analysis.compare.grouping import configuration_name
from analysis.errors import BadInput, Parser, run_command
from analysis.output import check_output, replace_file
from analysis.reading.run import Run
from analysis.words import plural


@dataclass(frozen=True)
class Time:
    """A configuration's time in ns; `low` and `high` are None where nothing tells them."""

    value: float
    low: float | None
    high: float | None
    runs: int


def times_of(runs: list[Run]) -> dict[str, Time]:
    """Times by the configurations' names."""
    found: dict[str, list[tuple[float, float | None, float | None]]] = defaultdict(list)
    for run in runs:
        for row in run.configurations.iter_rows(named=True):
            found[configuration_name(row)].append((row["median"], row["low"], row["high"]))
    times = {}
    for name, rows in sorted(found.items()):
        medians = [row[0] for row in rows]
        low, high = rows[0][1:] if len(rows) == 1 else (min(medians), max(medians))
        times[name] = Time(float(np.median(medians)), low, high, len(rows))
    return times


def github_action_benchmark(times: dict[str, Time]) -> object:
    """A list of objects with name, unit, value and, as texts, range and extra."""
    return [
        {
            "name": name,
            "unit": "ns",
            "value": time.value,
            **(
                {"range": f"{time.low:.6g} to {time.high:.6g}"}
                if time.low is not None and time.high is not None
                else {}
            ),
            "extra": plural(time.runs, "run"),
        }
        for name, time in times.items()
    ]


def bencher(times: dict[str, Time]) -> object:
    """Bencher Metric Format: the built-in measure `latency` is in ns."""
    return {
        name: {
            "latency": {
                "value": time.value,
                **({} if time.low is None else {"lower_value": time.low}),
                **({} if time.high is None else {"upper_value": time.high}),
            }
        }
        for name, time in times.items()
    }


FORMATS: dict[str, Callable[[dict[str, Time]], object]] = {
    "github-action-benchmark": github_action_benchmark,
    "bencher": bencher,
}


def main() -> int:
    """Runs the command and returns its exit status."""
    parser = Parser(
        prog=command("export"),
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN.csv")
    parser.add_argument("--format", required=True, choices=list(FORMATS))
    parser.add_argument("-o", "--output", type=Path, help="write to a file instead")
    options = parser.parse_args()
    runs = runs_of(options.runs)
    labels = list(dict.fromkeys(run.label for run in runs))
    if len(labels) > 1:
        raise BadInput(
            f"these are runs of {len(labels)} machines, {' and '.join(labels[:2])} among them; "
            "give runs of one"
        )
    text = json.dumps(FORMATS[options.format](times_of(runs)), indent=1, allow_nan=False) + "\n"
    if options.output is None:
        sys.stdout.write(text)
        return 0
    check_output(options.output, options.runs)
    replace_file(options.output, text.encode())
    return 0


if __name__ == "__main__":
    run_command(command("export"), main)
