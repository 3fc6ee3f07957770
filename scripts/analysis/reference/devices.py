"""The devices of a run, what identifies them, and the rates that they reached.

A name alone identifies nothing: an H100 exists with 80 and 94 GB, with 114 and 132 multiprocessors,
on HBM2e and HBM3. So every property below must be equal, and a power limit that is higher than the
reference's is another product; a lower one is a cap, and a cause. A virtual machine's CPU is often
named after its maker only ("AMD EPYC"): a name without a number identifies no CPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from analysis.measured.groups import groups
from analysis.reading.machine import Machine, positive
from analysis.reading.run import Run
from analysis.statistics.stats import Estimate

GPU_PROPERTIES = ["name", "compute_capability", "multiprocessors", "memory_bus_bits"]
CPU_PROPERTIES = ["model", "sockets", "cores", "smt", "base_mhz", "max_mhz"]
GIB = 1 << 30
# Elements from which on a reference keeps rates: other presets quote other sizes.
LARGE = 16 << 20

Key = tuple[str, str, str, str, int]


@dataclass(frozen=True)
class Device:
    """`identity` is what must be equal, `state` what may explain a difference."""

    place: str
    identity: dict[str, Any]
    state: dict[str, Any]
    peak_gb_per_s: float | None = None

    @property
    def name(self) -> str:
        """The name in words."""
        return " ".join(str(self.identity.get("name") or self.identity.get("model")).split())[:80]


def devices_of(about: Machine) -> list[Device]:
    """The CPU, `cpu`, and the GPUs, `gpu0` and so on, as far as the JSON identifies them."""
    found = []
    cpu = about.get("machine.cpu")
    if isinstance(cpu, dict) and any(map(str.isdigit, str(cpu.get("model")))):
        identity = {name: cpu.get(name) for name in CPU_PROPERTIES}
        identity["caches"] = [[name, int(size)] for name, size in about.caches]
        identity["numa_nodes"] = about.get("machine.numa_nodes")
        identity["virtual"] = about.text("machine.virtualisation") not in ("", "none")
        names = ("huge_pages", "governor", "cpu_quota", "affinity", "memory_limit_bytes")
        state = {name: about.get(f"machine.{name}") for name in names}
        found.append(Device("cpu", identity, state))
    for gpu in about.gpus:
        size = positive(gpu.get("memory_bytes"))
        if not gpu.get("name") or size is None:
            continue
        identity = {name: gpu.get(name) for name in GPU_PROPERTIES}
        identity["memory_gib"] = round(size / GIB)
        state = {name: gpu.get(name) for name in ("power_limit_w", "ecc", "max_memory_mhz")}
        peak = positive(gpu.get("peak_gb_per_s"))
        found.append(Device(str(gpu.get("device")), identity, state, peak))
    return found


def rates_of(run: Run, device: Device, every_size: bool = False) -> dict[Key, Estimate]:
    """Its best rates in GB/s at the size that is quoted, or else the largest, from memory.

    By workload, type, state of the caches, scope and elements; of `every_size` that is as large.
    """
    found: dict[Key, Estimate] = {}
    for group in groups(run)[0]:
        scopes = ["resident"] if device.place == "cpu" else ["kernel", "resident"]
        for scope in scopes:
            curve = group.best_cpu() if device.place == "cpu" else group.best_gpu(scope)
            if curve is None:
                continue
            quoted = group.at_quoted(curve)
            for point in curve.points if every_size else [quoted]:
                large = point is quoted or point.elements >= LARGE
                if large and point.device == device.place and point.bytes > 0:
                    key = (group.workload, group.type, group.cache, scope, point.elements)
                    found[key] = point.rate
    return found
