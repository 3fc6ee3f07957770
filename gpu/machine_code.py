"""Checks the machine code that nvcc makes of a workload's kernels, for compute capability 9.0.

Of each kernel: 16-byte loads and stores where its step promises them, and as many as it promises;
the atomics that it is about, and no others; no spill to local memory and no local array. PTX says
how wide the accesses are, ptxas says what is spilled, and cuobjdump shows the final machine code.
What the build has made for that architecture is read; where it made none, or without cuobjdump, the
source is compiled for it.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ARCHITECTURE = "sm_90"


@dataclass(frozen=True)
class Promise:
    """Of a kernel whose mangled name `kernel` matches.

    The fewest 16-byte global accesses, and which of the instructions below it has and lacks.
    """

    kernel: str
    loads: int = 0
    stores: int = 0
    has: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()


# The unrolled maps have each access of a whole tile and one, guarded, in the last tile's loop; the
# sums have each access twice.
PROMISES = [
    Promise(r"count_unsynchronised", lacks=("global addition", "shared addition")),
    # Lanes that vote or count each other would add together.
    Promise(r"count_atomic", has=("global addition",), lacks=("shared addition", "vote", "popc")),
    Promise(r"count_shared_atomic", has=("shared addition", "global addition")),
    Promise(
        r"count_warp_aggregated",
        has=("vote", "popc", "global addition"),
        lacks=("shared addition",),
    ),
    Promise(r"create_launch", has=("global addition",), lacks=("shared addition",)),
    Promise(r"create_launch.*Lb0E", lacks=("dependency wait",)),
    Promise(r"create_launch.*Lb1E", has=("dependency wait",)),
    Promise(r"map_vector", loads=1, stores=1),
    Promise(r"map_unrolled.*Li4E", loads=5, stores=5),
    Promise(r"map_unrolled.*Triad.*Li4E", loads=10, stores=5),
    Promise(r"map_pack.*Lb0E", loads=1, stores=1, lacks=("dependency wait",)),
    Promise(r"map_pack.*Lb1E", loads=1, stores=1, has=("dependency wait",)),
    Promise(r"map_bulk", stores=1, has=("bulk copy",)),
    Promise(r"map_tile.*Lb0E", stores=1, has=("bulk copy",), lacks=("dependency wait",)),
    Promise(r"map_tile.*Lb1E", stores=1, has=("bulk copy", "dependency wait")),
    Promise(r"sum_vector.*Li4E", loads=8),
    Promise(r"sum_single_pass.*Li1E", loads=2),
    Promise(r"sum_single_pass.*Li2E", loads=4),
    Promise(r"sum_single_pass.*Li4E", loads=8),
    Promise(r"sum_single_pass.*Li8E", loads=16),
    Promise(r"sum_single_pass.*Lb0E", lacks=("dependency wait",)),
    Promise(r"sum_single_pass.*Lb1E", has=("dependency wait",)),
    Promise(r"sum_ring", has=("bulk copy",), lacks=("dependency wait",)),
    Promise(r"sum_segments.*Li4E", loads=8),
    Promise(r"sum_(?:vector|single_pass|segments).*Dot.*Li4E", loads=16),
]
PTX_LOAD = re.compile(r"\bld\.global(?:\.nc)?\.(?:v4\.\w32|v2\.\w64|v4\.b32|v2\.b64)\b")
PTX_STORE = re.compile(r"\bst\.global\.(?:v4\.\w32|v2\.\w64)\b")
SASS_LOAD = re.compile(r"\bLDG\.E\S*\.128\b")
SASS_STORE = re.compile(r"\bSTG\.E\S*\.128\b")
SASS_LOCAL = re.compile(r"\b(?:LDL|STL)\b")
# By name, in PTX and in machine code. A global addition whose result nobody wants becomes RED,
# which nobody waits for; an addition of 1 in shared memory has an instruction of its own.
PTX_INSTRUCTIONS = {
    "global addition": re.compile(r"\b(?:atom|red)\.global\.add\b"),
    "shared addition": re.compile(r"\batom\.shared\.add\b"),
    "vote": re.compile(r"\bvote\.sync\b"),
    "popc": re.compile(r"\bpopc\b"),
    "bulk copy": re.compile(r"\bcp\.async\.bulk\b"),
    "dependency wait": re.compile(r"\bgriddepcontrol\.wait\b"),
}
SASS_INSTRUCTIONS = {
    "global addition": re.compile(r"\bREDG?\.E\.ADD\b"),
    "shared addition": re.compile(r"\bATOMS\.(?:ADD|POPC\.INC)\b"),
    "vote": re.compile(r"\bVOTEU?\b"),
    "popc": re.compile(r"(?<!\.)\bU?POPC\b"),
    "bulk copy": re.compile(r"\bUBLKCP\b"),
    "dependency wait": re.compile(r"\bACQBULK\b"),
}


def run(command: list[str]) -> str:
    """The output of a command, both streams; ends the program where the command fails."""
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\nfailed with status {done.returncode}:\n{done.stderr}")
    return done.stdout + done.stderr


def ptx_functions(text: str) -> dict[str, str]:
    """Name and body of each kernel in PTX."""
    parts = re.split(r"\.entry\s+(\w+)", text)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def sass_functions(text: str) -> dict[str, str]:
    """Name and body of each kernel in cuobjdump's listing."""
    parts = re.split(r"Function : (\S+)", text)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def missing(
    functions: dict[str, str],
    load: re.Pattern[str],
    store: re.Pattern[str],
    instructions: dict[str, re.Pattern[str]],
) -> list[str]:
    """What is not as promised."""
    wrong = []
    for promise in PROMISES:
        for name, body in functions.items():
            if not re.search(promise.kernel, name):
                continue
            for what, pattern, least in (
                ("loads", load, promise.loads),
                ("stores", store, promise.stores),
            ):
                found = len(pattern.findall(body))
                if found < least:
                    wrong.append(f"{name}: {found} 16-byte {what}, {least} are promised")
            for what, pattern in instructions.items():
                found = pattern.search(body)
                if what in promise.has and not found:
                    wrong.append(f"{name}: no {what}, which is promised")
                if what in promise.lacks and found:
                    wrong.append(f"{name}: {found[0]}, a {what}, which it should not need")
    return wrong


def promised(names: list[str], source: Path) -> list[str]:
    """Promises of the ladder in `source` that no kernel is there to keep."""
    return [
        f"no kernel matches {promise.kernel}"
        for promise in PROMISES
        if promise.kernel.startswith(source.stem)
        and not any(re.search(promise.kernel, name) for name in names)
    ]


def resources(report: str) -> list[str]:
    """Kernels that cuobjdump reports a stack frame or local memory for."""
    used = re.findall(r"Function (\S+):\s+REG:\d+ STACK:(\d+) SHARED:\d+ LOCAL:(\d+)", report)
    wrong = [
        f"{name}: a stack of {stack} bytes, {local} bytes of local memory"
        for name, stack, local in used
        if int(stack) > 0 or int(local) > 0
    ]
    return wrong if used else ["cuobjdump reported no resources"]


def spills(report: str) -> list[str]:
    """Kernels that ptxas reports a stack frame or spills for."""
    wrong = []
    name = "?"
    reported = 0
    for line in report.splitlines():
        if match := re.search(r"Function properties for (\S+)", line):
            name = match[1]
        match = re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes", line)
        if match:
            reported += 1
            if any(int(number) > 0 for number in match.groups()):
                wrong.append(f"{name}: {line.strip()}")
    if reported == 0:
        wrong.append("ptxas reported nothing")
    return wrong


@dataclass(frozen=True)
class Code:
    """What there is of a source: PTX, what is wrong with its resources, and the machine code."""

    ptx: str
    wrong: list[str]
    sass: str = ""


def built(objects: list[Path], source: Path, cuobjdump: str | None) -> Code | None:
    """What the build made of the source; None where it made nothing for the architecture."""
    found = next((p for p in objects if p.name == f"{source.name}.o"), None)
    if found is None or not found.exists() or not cuobjdump:
        return None
    both = [run([cuobjdump, f"--list-{kind}", str(found)]) for kind in ("elf", "ptx")]
    if not all(f".{ARCHITECTURE}." in told for told in both):
        return None
    of_one = [cuobjdump, "--gpu-architecture", ARCHITECTURE]
    ptx = run([*of_one, "--dump-ptx", str(found)])
    used = run([*of_one, "--dump-resource-usage", str(found)])
    return Code(ptx, resources(used), run([*of_one, "--dump-sass", str(found)]))


def compiled(arguments: argparse.Namespace) -> Code:
    """What the compiler makes of the source now."""
    arguments.work.mkdir(parents=True, exist_ok=True)
    ptx = arguments.work / f"{arguments.source.stem}.ptx"
    cubin = arguments.work / f"{arguments.source.stem}.cubin"
    compiler = [arguments.nvcc, "-std=c++20", "-O3", f"-arch={ARCHITECTURE}"]
    compiler += ["-ccbin", arguments.host_compiler]
    compiler += [f"-I{folder}" for folder in arguments.include]
    run([*compiler, "-ptx", "-o", str(ptx), str(arguments.source)])
    assembler = [arguments.nvcc, f"-arch={ARCHITECTURE}", "-Xptxas", "-v", "-cubin"]
    wrong = spills(run([*assembler, "-o", str(cubin), str(ptx)]))
    dump = [arguments.cuobjdump, "--dump-sass", str(cubin)]
    return Code(ptx.read_text(), wrong, run(dump) if arguments.cuobjdump else "")


def main() -> int:
    """The exit status: 0 when all is as promised."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("--nvcc", required=True)
    parser.add_argument("--host-compiler", required=True)
    parser.add_argument("--include", required=True, action="append")
    parser.add_argument("--work", required=True, type=Path)
    parser.add_argument("--cuobjdump")
    parser.add_argument("--objects", type=Path, nargs="*", default=[])
    arguments = parser.parse_args()

    code = built(arguments.objects, arguments.source, arguments.cuobjdump)
    made = "the build's" if code else "compiled for this"
    code = code or compiled(arguments)
    functions = ptx_functions(code.ptx)
    wrong = promised(list(functions), arguments.source)
    wrong += missing(functions, PTX_LOAD, PTX_STORE, PTX_INSTRUCTIONS)
    wrong += code.wrong
    read = "PTX and resources"
    if code.sass:
        listing = sass_functions(code.sass)
        wrong += promised(list(listing), arguments.source)
        wrong += missing(listing, SASS_LOAD, SASS_STORE, SASS_INSTRUCTIONS)
        wrong += [
            f"{name}: reads or writes local memory"
            for name, body in listing.items()
            if SASS_LOCAL.search(body)
        ]
        read += " and machine code"
    for line in wrong:
        print(line)
    of = arguments.source.name
    print(f"{len(functions)} kernels of {of}: {read} read ({made}), {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
