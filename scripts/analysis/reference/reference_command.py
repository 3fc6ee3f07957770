"""Makes references of the devices in some runs, results/reference/NAME.json each.

Give runs of one state of the machine, several where there are; what a later run of the same device
reaches is judged by them: on the page, at the end of scripts/run, and by --verdict.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from analysis.compare.compare_command import runs_of
from analysis.errors import BadInput, Parser, refused, run_command
from analysis.output import replace_file
from analysis.reading.read import read_runs
from analysis.reference.devices import Device
from analysis.reference.reference import FOLDER, known, made, verdicts


def main() -> int:
    """Runs the command and returns its exit status."""
    parser = Parser(prog="scripts/reference", description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN.csv")
    parser.add_argument(
        "-o", "--output", type=Path, default=FOLDER, help="the folder (default results/reference)"
    )
    parser.add_argument(
        "--verdict",
        action="store_true",
        help="write nothing: say of each device whether it is as expected (of those with a "
        "reference or a known peak)",
    )
    options = parser.parse_args()
    if options.verdict:
        each = [verdicts(run, known(options.output)) for run in read_runs(options.runs)]
        for sentence in dict.fromkeys(verdict.sentence for some in each for verdict in some):
            print(sentence)
        return 0
    runs = runs_of(options.runs)
    for run in runs:
        if run.about.problem:
            raise BadInput(f"{run.about.problem}; a reference needs its description")
    found = made(runs)
    if not found:
        raise BadInput(
            "these runs have no rate of a device that their JSON identifies: a GPU, or a CPU whose "
            "name has a number; measure reduce on one"
        )
    for device, document in found:
        path = options.output / f"{slug(device)}.json"
        try:
            options.output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise refused("cannot write", path, error) from error
        replace_file(path, (json.dumps(document, indent=1, allow_nan=False) + "\n").encode())
        print(path)
    return 0


def slug(device: Device) -> str:
    """A file's name that tells products of one name apart."""
    identity = device.identity
    parts = [device.name]
    if device.place == "cpu":
        last = identity["caches"][-1][1] >> 20 if identity["caches"] else 0
        parts += [f"{identity['cores']} cores", f"{last} MiB"]
    else:
        parts += [f"{identity['multiprocessors']} SMs", f"{identity['memory_gib']} GiB"]
    return re.sub(r"[^a-z0-9]+", "-", " ".join(parts).lower()).strip("-")


if __name__ == "__main__":
    run_command("scripts/reference", main)
