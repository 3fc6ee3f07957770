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

from analysis.measured.curves import type_bytes
from analysis.planted.hardware import Hardware
from analysis.planted.vocabulary import FLOPS, PASSES, TOLD, VOCABULARY

HEADER = ",".join(
    c.name for c in VOCABULARY.group("row") if c.name not in ("node", "cache", "flops")
)
SIZES = [4**k for k in range(5, 15)]
# What share of the memory's rate each step of a GPU's ladder reaches.
LADDERS = {
    "map": {
        "naive": 0.62,
        "grid-stride": 0.71,
        "vector": 0.86,
        "unrolled": 0.9,
        "bulk": 0.93,
        "cub": 0.91,
        "cublas": 0.89,
    },
    "sum": {
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
    cache: str = "warm"

    @property
    def bytes(self) -> int:
        if self.type == "none":
            return 0
        return self.elements * type_bytes(self.type) * PASSES.get(self.workload, 1)

    @property
    def flops(self) -> int:
        return self.elements * FLOPS.get(self.workload, 0)


def configurations(
    hardware: Hardware,
    workloads: tuple[str, ...] = ("double", "reduce"),
    types: tuple[str, ...] = ("f32",),
    sizes: list[int] = SIZES,
    ladder: bool = True,
    sms: bool = True,
    cache: str = "warm",
) -> list[Configuration]:
    """What a `standard` run of `hardware` would hold, with the planted time of each."""
    return [
        configuration
        for workload in workloads
        for element in types
        for elements in sizes
        for configuration in _at(
            hardware, workload, element, elements, ladder, sms and elements == max(sizes), cache
        )
    ]


def _at(
    hw: Hardware, workload: str, element: str, n: int, ladder: bool, sms: bool, cache: str
) -> Iterator[Configuration]:
    array = n * type_bytes(element)
    data = array * PASSES[workload]
    family = VOCABULARY.workload(workload).family
    flops = n * FLOPS[workload] if family else 0

    def made(
        model: str, variant: str, scope: str, workers: int, device: str, time: float, noise: float
    ) -> Configuration:
        return Configuration(
            workload, element, n, model, variant, scope, workers, device, time, noise, cache=cache
        )

    def on_cpu(workers: int) -> float:
        arithmetic = flops / (0.95 * hw.core_gflops * min(workers, hw.cores))
        return max(hw.cpu_time(data, workers, cache == "cold"), arithmetic)

    yield made("serial", "loop", "resident", 1, "cpu", 12 + on_cpu(1), 0.01)
    for name, dispatch in hw.dispatch_ns.items():
        model, variant = name.split("/")
        for workers in hw.worker_counts():
            price = dispatch * (1 + 0.15 * math.log2(workers)) if workers > 1 else 30
            time = price + on_cpu(workers)
            yield made(model, variant, "resident", workers, "cpu", time, 0.02)
    steps = LADDERS["map" if VOCABULARY.workload(workload).pattern.startswith("map") else "sum"]
    if not ladder:
        steps = dict(list(steps.items())[-3:])
    for device, peak in hw.gpus():
        # Half of a second-level cache serves what was used just before at twice the rate.
        held = cache == "warm" and data <= hw.gpu_l2 / 2
        for variant, fraction in steps.items():
            moving = data / (peak * fraction * (2 if held else 1))
            kernel = hw.kernel_ns + max(moving, flops / (0.9 * hw.gpu_gflops))
            yield made("cuda", variant, "kernel", hw.gpu_sms, device, kernel, 0.003)
            resident = hw.launch_ns + kernel
            yield made("cuda", variant, "resident", hw.gpu_sms, device, resident, 0.01)
        ways = 2 if workload in ("double", "copy") or family else 1
        for variant, rate, both in (
            ("pageable", hw.pageable_gb_per_s, False),
            ("pinned", hw.pinned_gb_per_s, False),
            ("overlapped", hw.pinned_gb_per_s, True),
        ):
            time = max(12000 + array * (1 if both else ways) / rate, flops / hw.gpu_gflops)
            yield made("cuda", variant, "offload", hw.gpu_sms, device, time, 0.015)
        if sms:
            best = max((f, v) for v, f in steps.items() if v not in ("cub", "cublas", "thrust"))
            for count in [2**k for k in range(10) if 2**k < hw.gpu_sms]:
                rate = min(45.0 * count, peak * best[0])
                time = hw.launch_ns + hw.kernel_ns + data / rate
                yield made("cuda", best[1], "resident", count, device, time, 0.005)


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


def plan_of(
    planned: list[Configuration], measured: list[Configuration], quoted: dict[str, int]
) -> dict[str, Any]:
    """What a run tells that planned more than it measured, and quotes these sizes by workload."""
    left = [c for c in planned if c not in measured]
    groups: dict[str, dict[str, list[int]]] = {}
    for c in sorted(left, key=lambda c: (c.elements, c.workers)):
        parts = (c.workload, c.type, c.model, c.variant, c.scope, c.cache, c.device)
        groups.setdefault("/".join(parts), {}).setdefault(str(c.elements), []).append(c.workers)
    return {
        "plan": {
            "pilot_rounds": 1,
            "quoted": [
                {"workload": name, "type": "f32", "cache": "warm", "elements": elements}
                for name, elements in quoted.items()
            ],
            "configurations": len(planned),
            "left_out": {"configurations": len(left), "of": groups},
        }
    }


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
    earlier: bool = False,
) -> Path:
    """Writes `path` and the JSON beside it, and returns `path`.

    `noise` overrides that of each configuration; `change` multiplies true times; `disturbed` is the
    fraction of samples that are marked noisy and take longer; `stop_after` cuts the run short after
    so many samples. `description` is merged into the JSON at its top level. `earlier`: as runs were
    written before they described their vocabulary.
    """
    hw = hardware or Hardware()
    rng = np.random.default_rng(seed)
    run_id = f"{hw.label}-{seed:04d}"
    rows: list[str] = []
    more = sorted({name for c in planned for name in c.more})
    observed = VOCABULARY.group("telemetry")
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
            cells += [] if earlier else [c.cache, c.flops]
            if telemetry:
                told = {"MHz": 1980, "°C": 55, "W": 400, "J": 400 * time * iterations * 1e-9, "": 0}
                cells += [told[column.unit] if c.device != "cpu" else "" for column in observed]
            cells += [c.more.get(name, "") for name in more]
            rows.append(",".join(map(str, cells)))
    if stop_after is not None:
        rows = rows[:stop_after]
    added = [] if earlier else ["cache", "flops"]
    header = ",".join([HEADER, *added, *[c.name for c in observed if telemetry], *more])
    path.write_text("\n".join([header, *rows, *(extra_rows or []), ""]))
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
        "vocabulary": None if earlier else TOLD,
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
