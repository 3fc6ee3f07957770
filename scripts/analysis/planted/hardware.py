"""Machines that never were, whose every number is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Hardware:
    """Planted numbers of a machine; bandwidths in GB/s = bytes a nanosecond."""

    label: str = "workstation"
    cores: int = 8
    smt: bool = True
    l1: int = 48 << 10
    l2: int = 2 << 20
    l3: int = 32 << 20
    core_gb_per_s: tuple[float, float, float, float] = (300.0, 110.0, 45.0, 18.0)
    memory_gb_per_s: float = 70.0
    dispatch_ns: dict[str, float] = field(
        default_factory=lambda: {
            "threads/pool": 300.0,
            "openmp/static": 800.0,
            "stdpar/par-unseq": 1500.0,
        }
    )
    gpu: bool = True
    gpu_peak_gb_per_s: float = 4800.0
    gpu_sms: int = 132
    launch_ns: float = 5200.0
    kernel_ns: float = 2300.0
    pinned_gb_per_s: float = 50.0
    pageable_gb_per_s: float = 11.0

    def cpu_time(self, data: int, workers: int) -> float:
        """Nanoseconds to stream `data` bytes on `workers` cores: the level that holds a share."""
        active = min(workers, self.cores)
        share = data / active
        l1, l2, l3, memory = self.core_gb_per_s
        if share <= self.l1:
            rate = l1 * active
        elif share <= self.l2:
            rate = l2 * active
        elif data <= self.l3:
            rate = l3 * active
        else:
            rate = min(memory * active, self.memory_gb_per_s)
        return data / rate

    def worker_counts(self) -> list[int]:
        counts = [2**k for k in range(20) if 2**k < self.cores] + [self.cores]
        return counts + ([2 * self.cores] if self.smt else [])

    def description(self) -> dict[str, Any]:
        threads = self.cores * (2 if self.smt else 1)
        gpus = [
            {
                "index": 0,
                "name": f"{self.label} GPU",
                "compute_capability": "9.0",
                "sms": self.gpu_sms,
                "clock_mhz": 1980,
                "memory_clock_mhz": 3201,
                "memory_bytes": 141 << 30,
                "bus_width_bits": 6144,
                "peak_gb_per_s": self.gpu_peak_gb_per_s,
                "ecc": True,
                "power_limit_w": 700,
                "driver": "570.10",
            }
        ]
        return {
            "cpu": {
                "model": f"{self.label} CPU",
                "vendor": "Planted",
                "sockets": 1,
                "cores": self.cores,
                "threads": threads,
                "smt": self.smt,
                "base_mhz": 2100,
                "max_mhz": 3800,
                "caches": [
                    {"level": 1, "type": "data", "bytes": self.l1, "shared_by": 1},
                    {"level": 1, "type": "instruction", "bytes": 32768, "shared_by": 1},
                    {"level": 2, "type": "unified", "bytes": self.l2, "shared_by": 1},
                    {"level": 3, "type": "unified", "bytes": self.l3, "shared_by": threads},
                ],
            },
            "numa_nodes": 1,
            "memory_bytes": 64 << 30,
            "memory_limit_bytes": None,
            "page_size": 4096,
            "huge_pages": "madvise",
            "governor": "powersave",
            "virtualisation": "none",
            "kernel": "6.1.0",
            "os": "Debian GNU/Linux 12",
            "cpu_quota": None,
            "affinity": threads,
            "gpus": gpus if self.gpu else [],
        }


def three_machines() -> list[Hardware]:
    """A laptop without a GPU, a workstation, and a server."""
    return [
        Hardware(
            "laptop",
            cores=4,
            l2=1 << 20,
            l3=12 << 20,
            memory_gb_per_s=35.0,
            gpu=False,
            core_gb_per_s=(220.0, 80.0, 35.0, 16.0),
        ),
        Hardware(gpu_peak_gb_per_s=1008.0, gpu_sms=128, pinned_gb_per_s=24.0),
        Hardware("server", cores=64, l3=256 << 20, memory_gb_per_s=380.0, smt=False),
    ]
