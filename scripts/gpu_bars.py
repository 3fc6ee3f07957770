#!/usr/bin/env python3
"""Prints what scripts/gpu-check has measured against the project's bars.

    gpu_bars.py FOLDER       the table, from the runs and the peers' output there
    gpu_bars.py --torch N    PyTorch's copy of 256 Mi floats on device N, as CSV

Needs nothing but Python: the machine with the GPU may have nothing else.
"""

from __future__ import annotations

import csv
import json
import statistics
import sys
from pathlib import Path
from typing import Any

KI, MI = 1 << 10, 1 << 20
Medians = dict[tuple[str, str, str, str, int], float]

# (workload, scope, elements, at least): of CUB's time over the best form's, f32.
AGAINST_CUB = [
    ("double", "kernel", 256 * MI, 1.00),
    ("double", "kernel", 64 * MI, 1.00),
    ("double", "kernel", 16 * MI, 1.00),
    ("double", "kernel", 8 * MI, 1.20),
    ("double", "kernel", 4 * MI, 1.20),
    ("double", "kernel", 1 * MI, 1.05),
    ("double", "kernel", 32 * KI, 1.05),
    ("double", "kernel", 1 * KI, 1.05),
    ("reduce", "kernel", 256 * MI, 1.01),
    ("reduce", "kernel", 1 * KI, 1.00),
    ("reduce", "kernel", 4 * KI, 1.00),
    ("reduce", "kernel", 8 * KI, 1.40),
    ("reduce", "kernel", 32 * KI, 1.40),
    ("reduce", "resident", 8 * KI, 1.35),
    ("reduce", "resident", 32 * KI, 1.35),
    ("reduce", "resident", 1 * MI, 1.35),
]
# Share of the memory's peak that reduce reaches at 256 Mi, by the GPU's name.
PEAK_SHARES = {"H200": 0.95, "H100": 0.935}


# The runs that the bars are about.
RUNS = ("ladder", "waits", "copies", "sums", "torch")


def read_medians(folder: Path) -> Medians:
    """Nanoseconds by workload, type, variant, scope and elements; round 0 is a pilot."""
    times: dict[tuple[str, str, str, str, int], list[float]] = {}
    for path in (folder / f"{run}.csv" for run in RUNS):
        if not path.exists():
            continue
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["status"] not in ("ok", "noisy") or row["round"] == "0":
                    continue
                what = (row["workload"], row["type"], row["variant"], row["scope"])
                times.setdefault((*what, int(row["elements"])), []).append(float(row["time_ns"]))
    return {key: statistics.median(values) for key, values in times.items()}


def read_babelstream(path: Path) -> dict[str, float]:
    """GB/s by function."""
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    begin = next((i for i, line in enumerate(lines) if line.startswith("function,")), len(lines))
    rates = {}
    for row in csv.DictReader(lines[begin:]):
        rate = next((value for name, value in row.items() if name.startswith("max_m")), None)
        if row["function"] and rate:
            # MB, or MiB where it says so.
            unit = 1.048576 if any("mib" in name for name in row) else 1.0
            rates[row["function"].lower()] = float(rate) * unit / 1e3
    return rates


def size_name(elements: int) -> str:
    """4096 is 4 Ki."""
    return f"{elements // MI} Mi" if elements >= MI else f"{elements // KI} Ki"


class Table:
    """Lines of what was asked and what was reached."""

    def __init__(self) -> None:
        self.lines = [f"{'bar':66} {'reached':>8} {'at least':>8}"]

    def add(self, what: str, reached: float | None, least: float) -> None:
        """A line; None is what was not measured."""
        value = "-" if reached is None else f"{reached:.3f}"
        verdict = "not measured" if reached is None else "" if reached >= least else "MISSED"
        self.lines.append(f"{what:66} {value:>8} {least:8.3f}  {verdict}".rstrip())


def table(folder: Path) -> list[str]:
    """All lines."""
    medians = read_medians(folder)
    gpu: dict[str, Any] = {}
    if (folder / "ladder.json").exists():
        record = json.loads((folder / "ladder.json").read_text(encoding="utf-8"))
        gpu = next(iter(record["machine"].get("gpus") or []), {})
    result = Table()

    def best(workload: str, scope: str, elements: int) -> float | None:
        return medians.get((workload, "f32", "best", scope, elements))

    for workload, scope, elements, least in AGAINST_CUB:
        ours = best(workload, scope, elements)
        cub = medians.get((workload, "f32", "cub", scope, elements))
        result.add(
            f"{workload}, {scope}, {size_name(elements)}: CUB's time / best",
            cub / ours if cub and ours else None,
            least,
        )
    copied = medians.get(("copy", "f32", "torch", "kernel", 256 * MI))
    for workload in ("double", "copy"):
        ours = best(workload, "kernel", 256 * MI)
        what = f"{workload}, kernel, 256 Mi: a device-to-device copy's time / best"
        result.add(what, copied / ours if copied and ours else None, 1.0)
    reduced = best("reduce", "kernel", 256 * MI)
    peak = gpu.get("peak_gb_per_s")
    share = 256 * MI * 4 / reduced / peak if reduced and peak else None
    name = gpu.get("name", "a GPU")
    least = next((bar for part, bar in PEAK_SHARES.items() if part in name), 0.9)
    result.add(f"reduce, kernel, 256 Mi: share of the peak of {name}"[:66], share, least)
    stream = read_babelstream(folder / "babelstream.csv")
    for workload, arrays in (("triad", 3), ("dot", 2)):
        time = medians.get((workload, "f64", "best", "kernel", 256 * MI))
        rate = arrays * 256 * MI * 8 / time if time else None
        theirs = stream.get(workload)
        what = f"{workload}, f64, kernel, 256 Mi: rate / BabelStream's"
        result.add(what, rate / theirs if rate and theirs else None, 1.0)
    flops = best("fma1024", "kernel", 256 * MI)
    roof = (gpu.get("peak_gflops") or {}).get("f32")
    reached = 2048 * 256 * MI / flops / roof if flops and roof else None
    result.add("fma1024, kernel, 256 Mi: share of the peak", reached, 0.85)
    return result.lines


def time_torch(device: int) -> None:
    """A copy of 256 Mi floats into another array: a cudaMemcpy within the device."""
    import torch  # only where it is asked for

    columns = "workload,type,variant,scope,elements,round,status,time_ns"
    print(columns, flush=True)
    with torch.cuda.device(device):
        x = torch.ones(256 * MI, device="cuda")
        y = torch.empty_like(x)
        for number in range(8):
            start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            for _ in range(20):
                y.copy_(x)
            stop.record()
            torch.cuda.synchronize()
            taken = start.elapsed_time(stop) * 1e6 / 20
            print(f"copy,f32,torch,kernel,{256 * MI},{number},ok,{taken}")


def main(arguments: list[str]) -> int:
    """The exit status."""
    if len(arguments) == 2 and arguments[0] == "--torch":
        time_torch(int(arguments[1]))
    elif len(arguments) == 1:
        print("\n".join(table(Path(arguments[0]))))
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
