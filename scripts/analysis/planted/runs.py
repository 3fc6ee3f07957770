"""Runs with planted truth, for the tests: what is put in is known, so it must come out.

`python -m analysis.planted.runs FILE.csv --rows N` writes a large one to measure the report with.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from analysis.measured.groups import UNITS
from analysis.planted.hardware import Hardware

HEADER = (
    "schema,run,label,time,workload,type,elements,bytes,model,variant,scope,workers,device,"
    "round,iterations,time_ns,gb_per_s,error,status,note"
)
SIZES = [4**k for k in range(5, 15)]
TYPE_BYTES = {"f32": 4, "f64": 8, "i32": 4, "i64": 8}
LADDERS = {
    "double": {
        "naive": 0.62,
        "grid-stride": 0.71,
        "vector": 0.86,
        "unrolled": 0.9,
        "bulk": 0.93,
        "cub": 0.91,
        "cublas": 0.89,
    },
    "reduce": {
        "atomic": 0.012,
        "shared": 0.55,
        "shuffle": 0.7,
        "vector": 0.9,
        "single-pass": 0.925,
        "cub": 0.9,
        "thrust": 0.7,
    },
}


@dataclass(frozen=True)
class Configuration:
    """One configuration and its true time."""

    workload: str
    type: str
    elements: int
    model: str
    variant: str
    scope: str
    workers: int
    device: str
    time_ns: float
    noise: float | None = None
    error: float = 0.0
    more: dict[str, float] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        if self.workload in UNITS or self.type == "none":
            return 0
        return (
            self.elements * TYPE_BYTES.get(self.type, 4) * (2 if self.workload == "double" else 1)
        )


def configurations(
    hardware: Hardware,
    workloads: tuple[str, ...] = ("double", "reduce"),
    types: tuple[str, ...] = ("f32",),
    sizes: list[int] = SIZES,
    ladder: bool = True,
    sms: bool = True,
) -> list[Configuration]:
    """What a `standard` run of `hardware` would hold, with the planted time of each."""
    return [
        configuration
        for workload in workloads
        for element in types
        for elements in sizes
        for configuration in _at(hardware, workload, element, elements, ladder, sms, max(sizes))
    ]


def _at(
    hw: Hardware, workload: str, element: str, n: int, ladder: bool, sms: bool, largest: int
) -> Iterator[Configuration]:
    data = n * TYPE_BYTES[element] * (2 if workload == "double" else 1)

    def made(
        model: str, variant: str, scope: str, workers: int, device: str, time: float, noise: float
    ) -> Configuration:
        return Configuration(
            workload, element, n, model, variant, scope, workers, device, time, noise
        )

    yield made("serial", "loop", "resident", 1, "cpu", 12 + hw.cpu_time(data, 1), 0.01)
    for name, dispatch in hw.dispatch_ns.items():
        model, variant = name.split("/")
        for workers in hw.worker_counts():
            price = dispatch * (1 + 0.15 * math.log2(workers)) if workers > 1 else 30
            time = price + hw.cpu_time(data, workers)
            yield made(model, variant, "resident", workers, "cpu", time, 0.02)
    if not hw.gpu:
        return
    steps = LADDERS[workload] if ladder else dict(list(LADDERS[workload].items())[-3:])
    for variant, fraction in steps.items():
        kernel = hw.kernel_ns + data / (hw.gpu_peak_gb_per_s * fraction)
        yield made("cuda", variant, "kernel", hw.gpu_sms, "gpu0", kernel, 0.003)
        resident = hw.launch_ns + kernel
        yield made("cuda", variant, "resident", hw.gpu_sms, "gpu0", resident, 0.01)
    copies = n * TYPE_BYTES[element]
    ways = 2 if workload == "double" else 1
    for variant, rate, both in (
        ("pageable", hw.pageable_gb_per_s, False),
        ("pinned", hw.pinned_gb_per_s, False),
        ("overlapped", hw.pinned_gb_per_s, True),
    ):
        time = 12000 + copies * (1 if both else ways) / rate
        yield made("cuda", variant, "offload", hw.gpu_sms, "gpu0", time, 0.015)
    if sms and n == largest:
        best = max((f, v) for v, f in steps.items() if v not in ("cub", "cublas", "thrust"))
        for count in [2**k for k in range(10) if 2**k < hw.gpu_sms]:
            rate = min(45.0 * count, hw.gpu_peak_gb_per_s * best[0])
            time = hw.launch_ns + hw.kernel_ns + data / rate
            yield made("cuda", best[1], "resident", count, "gpu0", time, 0.005)


def factors(
    rng: np.random.Generator, shape: tuple[int, ...], noise: float, tails: str = "normal"
) -> np.ndarray:
    """Multiplicative noise whose logarithm has a spread of `noise`.

    `tails` is `normal`; `heavy` (Student's t with 3 degrees of freedom, scaled to the same standard
    deviation); or `spikes`: normal, and 5 % of samples take half as long again, as if
    a neighbour woke up.
    """
    if tails == "heavy":
        return np.exp(noise * rng.standard_t(3, shape) / math.sqrt(3))
    result = np.exp(noise * rng.standard_normal(shape))
    if tails == "spikes":
        result *= np.where(rng.random(shape) < 0.05, 1.5, 1.0)
    return result


def write_run(
    path: Path,
    planned: list[Configuration],
    rounds: int = 15,
    noise: float | None = None,
    tails: str = "normal",
    seed: int = 1,
    hardware: Hardware | None = None,
    change: Callable[[Configuration], float] = lambda configuration: 1.0,
    disturbed: float = 0.0,
    extra_rows: list[str] | None = None,
    description: dict[str, Any] | None = None,
    stop_after: int | None = None,
    telemetry: bool = False,
) -> Path:
    """Writes `path` and the JSON beside it, and returns `path`.

    `noise` overrides that of each configuration; `change` multiplies true times; `disturbed` is the
    fraction of samples that are marked noisy and take longer; `stop_after` cuts the run short after
    so many samples. `description` is merged into the JSON at its top level.
    """
    hw = hardware or Hardware()
    rng = np.random.default_rng(seed)
    run_id = f"{hw.label}-{seed:04d}"
    rows: list[str] = []
    more = sorted({name for c in planned for name in c.more})
    spreads = [noise if noise is not None else (c.noise or 0.01) for c in planned]
    for round_number in range(rounds):
        shared = rng.normal(0, 0.003)
        for index in rng.permutation(len(planned)):
            c = planned[index]
            time = c.time_ns * change(c) * math.exp(shared)
            time *= float(factors(rng, (1,), spreads[index], tails)[0])
            noisy = rng.random() < disturbed
            time *= 1.4 if noisy else 1
            iterations = max(1, int(2e6 / time))
            cells = [
                1,
                run_id,
                hw.label,
                f"2026-11-20T10:{round_number % 60:02d}:00Z",
                c.workload,
                c.type,
                c.elements,
                c.bytes,
                c.model,
                c.variant,
                c.scope,
                c.workers,
                c.device,
                round_number,
                iterations,
                f"{time:.6g}",
                f"{c.bytes / time:.6g}",
                c.error,
                "noisy" if noisy else "ok",
                "steal time 3.1 %" if noisy else "",
            ]
            if telemetry:
                gpu = c.device != "cpu"
                energy = 400 * time * iterations * 1e-9
                cells += [1980, 3201, 55, 400, f"{energy:.5g}", "none"] if gpu else [""] * 6
            cells += [c.more.get(name, "") for name in more]
            rows.append(",".join(map(str, cells)))
    if stop_after is not None:
        rows = rows[:stop_after]
    columns = ",sm_mhz,memory_mhz,temperature_c,power_w,energy_j,throttle" if telemetry else ""
    columns += "".join(f",{name}" for name in more)
    path.write_text("\n".join([HEADER + columns, *rows, *(extra_rows or []), ""]))
    about = {
        "schema": 1,
        "run": run_id,
        "label": hw.label,
        "project": {
            "version": "0.1.0",
            "commit": "0123abc",
            "compiler": "GNU",
            "compiler_version": "12.2.0",
            "flags": "-O3 -march=native",
            "build_type": "Release",
            "libraries": {"oneTBB": "2021.8", "CUDA": "12.8"},
        },
        "command": "build/crossover --preset standard --variants all",
        "started": "2026-11-20T10:00:00Z",
        "ended": None if stop_after is not None else "2026-11-20T10:05:02Z",
        "status": "interrupted" if stop_after is not None else "complete",
        "options": {"scaling": "strong", "precision": 1.0},
        "seed": seed,
        "topology": {"pin": "cores", "cpus": list(range(hw.cores)), "worker_cpus": {}},
        "machine": hw.description(),
    }
    path.with_suffix(".json").write_text(json.dumps({**about, **(description or {})}))
    return path


def write_large(path: Path, rows: int, rounds: int = 100) -> None:
    """Writes about `rows` rows quickly: many sizes and worker counts of a few models."""
    hw = Hardware("large")
    count = max(1, rows // rounds)
    sizes = sorted(
        {int(2 ** (10 + 18 * i / max(1, count // 104))) for i in range(count // 104 + 1)}
    )
    planned = configurations(hw, sizes=sizes, sms=False)[:count]
    rng = np.random.default_rng(3)
    write_run(path, planned[:1], rounds=1, hardware=hw)
    with path.open("w") as out:
        out.write(HEADER + "\n")
        for round_number in range(rounds):
            noise = np.exp(0.02 * rng.standard_normal(len(planned)))
            lines = []
            for c, factor in zip(planned, noise, strict=True):
                time = c.time_ns * factor
                lines.append(
                    f"1,large-0001,large,2026-11-20T10:00:00Z,{c.workload},{c.type},{c.elements},"
                    f"{c.bytes},{c.model},{c.variant},{c.scope},{c.workers},{c.device},"
                    f"{round_number},10,{time:.6g},{c.bytes / time:.6g},0,ok,\n"
                )
            out.writelines(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=100)
    arguments = parser.parse_args()
    write_large(arguments.file, arguments.rows, arguments.rounds)
