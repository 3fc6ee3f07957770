"""The machine's description, the JSON beside a CSV, read without trusting its shape."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Machine:
    """Dotted look-ups into the JSON; every key may be missing or of another type."""

    data: dict[str, Any] = field(default_factory=dict)
    problem: str = ""

    def of_node(self, node: str) -> Machine:
        """The same description for one of a fleet's nodes: by itself it is the first one's."""
        for entry in self.items("nodes"):
            if entry.get("node") == node:
                return Machine({**self.data, **entry}, self.problem)
        return self

    def get(self, path: str) -> Any:  # noqa: ANN401
        """The value at a dotted path such as `machine.cpu.model`, or None."""
        value: Any = self.data
        for key in path.split("."):
            if not isinstance(value, dict):
                return None
            value = value.get(key)
        return value

    def text(self, path: str) -> str:
        """The value at `path` on one line, empty where it is missing."""
        value = self.get(path)
        if value is None or isinstance(value, (dict, list)):
            return ""
        if isinstance(value, bool):
            return "yes" if value else "no"
        return " ".join(str(value).split())[:2000]

    def number(self, path: str) -> float | None:
        """The positive number at `path`, or None."""
        return positive(self.get(path))

    def items(self, path: str) -> list[dict[str, Any]]:
        """The objects of the list at `path`."""
        value = self.get(path)
        return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []

    @property
    def caches(self) -> list[tuple[str, float]]:
        """Names and bytes of the data caches, smallest first: L1d of one core, L2, ..."""
        found: dict[str, float] = {}
        for cache in self.items("machine.cpu.caches"):
            size, level = positive(cache.get("bytes")), cache.get("level")
            if size is None or "instr" in str(cache.get("type", "")).lower():
                continue
            found[f"L{level}"] = max(size, found.get(f"L{level}", 0))
        return sorted(found.items(), key=lambda item: item[1])

    @property
    def private_caches(self) -> list[float]:
        """Bytes of the data caches that a core has for itself, smallest first."""
        sizes = {
            positive(cache.get("bytes"))
            for cache in self.items("machine.cpu.caches")
            if "instr" not in str(cache.get("type", "")).lower()
            and positive(cache.get("shared_by")) == (self.smt or 1)
        }
        return sorted(size for size in sizes if size)

    @property
    def gpus(self) -> list[dict[str, Any]]:
        """The GPUs, in device order."""
        return self.items("machine.gpus")

    @property
    def gpu_caches(self) -> list[tuple[str, float]]:
        """Names and bytes of the GPUs' second-level caches, each size once."""
        found = {size: "GPU L2" for gpu in self.gpus if (size := positive(gpu.get("l2_bytes")))}
        return [(name, size) for size, name in found.items()]

    @property
    def smt(self) -> int | None:
        """How many hardware threads a core has: 1 without SMT."""
        number = self.number("machine.cpu.smt")
        return int(number) if number else None

    def gpu_peak(self, devices: str) -> float | None:
        """Theoretical memory bandwidth of `gpu0`, or of `gpu0+gpu1` together, in GB/s."""
        return self._of_gpus(devices, lambda gpu: gpu.get("peak_gb_per_s"))

    def gpu_link(self, devices: str) -> float | None:
        """What the links of these GPUs move each way in theory, in GB/s."""
        return self._of_gpus(devices, lambda gpu: gpu.get("link_gb_per_s"))

    def gpu_peak_gflops(self, devices: str, element: str) -> float | None:
        """Their theoretical arithmetic rate for an element type."""

        def peak(gpu: dict[str, Any]) -> object:
            told = gpu.get("peak_gflops")
            return told.get(element) if isinstance(told, dict) else None

        return self._of_gpus(devices, peak)

    def _of_gpus(self, devices: str, value: Callable[[dict[str, Any]], object]) -> float | None:
        """The sum of a positive value of these GPUs; None where one does not tell it."""
        told = {gpu.get("device"): positive(value(gpu)) for gpu in self.gpus}
        values = [told.get(device) for device in devices.split("+")]
        return sum(v for v in values if v) if all(values) else None

    def cpu_peak_gflops(self, element: str) -> float | None:
        """The CPU's highest arithmetic rate without memory, as the run measured it."""
        told = self.get(f"machine.cpu.measured_peak_gflops.{element}")
        rates = [positive(v) for v in told.values()] if isinstance(told, dict) else []
        return max((r for r in rates if r), default=None)


def positive(value: object) -> float | None:
    """`value` if it is a positive, finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 < value < float("inf") else None


def beside(csv: Path) -> Machine:
    """The description beside `csv`; an empty one that says why where there is none."""
    path = csv.with_suffix(".json")
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except FileNotFoundError:
        return Machine(problem=f"{path.name} is missing, so the machine is not known")
    except OSError as error:
        return Machine(problem=f"{path.name} cannot be read: {error.strerror}")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return Machine(problem=f"{path.name} is not valid JSON, so the machine is not known")
    if not isinstance(data, dict):
        return Machine(problem=f"{path.name} is not a run's description")
    return Machine(data)
