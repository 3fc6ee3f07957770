"""Compares the nodes of a fleet, one run a node: who falls behind the others, in what, by how much.

Ends with 1 where a node falls behind, has wrong results, did not finish, lacks what most of the
others measured or is compared with none; so it can be a nightly check.
"""

from __future__ import annotations

from pathlib import Path

from analysis.commands import command
from analysis.compare.compare_command import percentage
from analysis.errors import BadInput, Parser, run_command
from analysis.fleet.behind import FEWEST, THRESHOLD, fleet_of
from analysis.fleet.nodes import files_of, nodes_of, read_each
from analysis.fleet.words import lines
from analysis.words import plural


def main() -> int:
    """Runs the command and returns its exit status."""
    parser = Parser(prog=command("fleet"), description=__doc__)
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
    unread: list[str] = []
    nodes = nodes_of(read_each(files_of(options.runs), unread))
    if len(nodes) < FEWEST:
        names = ", ".join(node.name for node in nodes) or "none"
        raise BadInput(
            f"these are runs of {plural(len(nodes), 'machine')} ({names}); give those of three or "
            "more, each with a label of its own: without --label that is the host's name"
            + "".join(f"; {why}" for why in unread[:1])
        )
    fleet = fleet_of(nodes, options.threshold, unread)
    told = fleet.wrong or fleet.unfinished or fleet.lacking or fleet.unread
    if not fleet.standings and not told:
        raise BadInput(
            "no three of these nodes measured the same on like processors or GPUs, so nothing can "
            "be compared; give runs of the same options on like hardware"
        )
    print("\n".join(lines(fleet)))
    return int(not fleet.healthy)


if __name__ == "__main__":
    run_command(command("fleet"), main)
