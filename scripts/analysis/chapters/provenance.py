"""What differs between the machines and builds of several runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analysis.reading.machine import Machine
from analysis.reading.run import Run
from analysis.words import data_size

# What is shown of each machine and compared between them: words, path, kind.
FIELDS: list[tuple[str, str, Literal["hardware", "software", "options"]]] = [
    ("CPU", "machine.cpu.model", "hardware"),
    ("sockets", "machine.cpu.sockets", "hardware"),
    ("cores", "machine.cpu.cores", "hardware"),
    ("hardware threads", "machine.cpu.threads", "hardware"),
    ("hardware threads a core (SMT)", "machine.cpu.smt", "hardware"),
    ("base clock in MHz", "machine.cpu.base_mhz", "hardware"),
    ("maximum clock in MHz", "machine.cpu.max_mhz", "hardware"),
    ("microcode", "machine.cpu.microcode", "software"),
    ("caches", "caches", "hardware"),
    ("NUMA nodes", "machine.numa_nodes", "hardware"),
    ("memory", "machine.memory_bytes", "hardware"),
    ("memory limit", "machine.memory_limit_bytes", "hardware"),
    ("GPUs", "gpus", "hardware"),
    ("CPUs allowed by the quota", "machine.cpu_quota", "hardware"),
    ("CPUs allowed by the affinity", "machine.affinity", "hardware"),
    ("virtualisation", "machine.virtualisation", "hardware"),
    ("governor", "machine.governor", "software"),
    ("turbo", "machine.turbo", "software"),
    ("mitigations", "machine.mitigations", "software"),
    ("kernel options", "machine.kernel_options", "software"),
    ("huge pages", "machine.huge_pages", "software"),
    ("kernel", "machine.kernel", "software"),
    ("operating system", "machine.os", "software"),
    ("GPU driver", "driver", "software"),
    ("compiler", "project.compiler", "software"),
    ("compiler version", "project.compiler_version", "software"),
    ("flags", "project.flags", "software"),
    ("build type", "project.build_type", "software"),
    ("libraries", "libraries", "software"),
    ("version of crossover", "project.version", "software"),
    ("commit", "project.commit", "software"),
    ("pinning", "topology.pin", "options"),
    ("scaling", "options.scaling", "options"),
]


@dataclass(frozen=True)
class Difference:
    """One property on which the runs differ, with its value in each."""

    what: str
    kind: Literal["hardware", "software", "options"]
    values: list[str]


def value_of(about: Machine, path: str) -> str:
    """The value of one of FIELDS, in words."""
    if path == "caches":
        return ", ".join(f"{name} {data_size(size)}" for name, size in about.caches)
    if path == "gpus":
        return ", ".join(" ".join(str(gpu.get("name", "?")).split()) for gpu in about.gpus)
    if path == "driver":
        return ", ".join(sorted({str(g["driver"]) for g in about.gpus if g.get("driver")}))
    if path == "libraries":
        found = about.get("project.libraries")
        pairs = found.items() if isinstance(found, dict) else []
        return ", ".join(f"{name} {version}" for name, version in sorted(map(_strings, pairs)))
    if path.endswith("_bytes"):
        size = about.number(path)
        return data_size(size) if size else ""
    return about.text(path)


def _strings(pair: tuple[object, object]) -> tuple[str, str]:
    return str(pair[0]), str(pair[1])


def differences(runs: list[Run]) -> list[Difference]:
    """The properties on which the runs' descriptions differ."""
    found = []
    for what, path, kind in FIELDS:
        values = [value_of(run.about, path) for run in runs]
        if len(set(values)) > 1:
            found.append(Difference(what, kind, values))
    return found
