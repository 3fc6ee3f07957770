"""Compares the nodes of a fleet, one run a node: who falls behind the others, in what, by how much.

Ends with 1 where a node falls behind, has wrong results, did not finish or lacks what most of the
others measured; so it can be a nightly check.
"""

from __future__ import annotations

from pathlib import Path

from analysis.compare.compare_command import percentage
from analysis.errors import BadInput, Parser, run_command
from analysis.fleet.behind import THRESHOLD, fleet_of
from analysis.fleet.nodes import files_in, read_nodes
from analysis.fleet.words import lines


def main() -> int:
    """Runs the command and returns its exit status."""
    parser = Parser(prog="scripts/fleet", description=__doc__)
    parser.add_argument(
        "runs", type=Path, nargs="+", metavar="FOLDER|RUN.csv", help="one run or more of each node"
    )
    parser.add_argument(
        "--threshold",
        type=percentage,
        default=THRESHOLD,
        metavar="PERCENT",
        help="a node that takes less than this longer does not fall behind (default 5%%)",
    )
    options = parser.parse_args()
    nodes = read_nodes(files_in(options.runs))
    if len(nodes) < 2:
        raise BadInput(
            f"all of these runs are of one machine, {nodes[0].name}; give runs of two or more, "
            "each with a label of its own: without --label that is the host's name"
        )
    fleet = fleet_of(nodes, options.threshold)
    if not fleet.standings:
        raise BadInput(
            "no two of these nodes measured the same on like processors or GPUs, so nothing can be "
            "compared; give runs of the same options on like hardware"
        )
    print("\n".join(lines(fleet)))
    return int(not fleet.healthy)


if __name__ == "__main__":
    run_command("scripts/fleet", main)
