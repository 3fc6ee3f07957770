"""Machines that never were, whose every number is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Hardware:
    """Planted numbers of a machine; bandwidths in GB/s = bytes a nanosecond."""

    label: str = "workstation"
    cores: int = 8
    smt: int = 2
    l1: int = 48 << 10
    l2: int = 2 << 20
    l3: int = 32 << 20
    core_gb_per_s: tuple[float, float, float, float] = (300.0, 110.0, 45.0, 18.0)
    memory_gb_per_s: float = 70.0
    dispatch_ns: dict[str, float] = field(
        default_factory=lambda: {
            "threads/pool": 300.0,
            "openmp/static": 800.0,
            "stdpar/par_unseq": 1500.0,
        }
    )
    gpu: bool = True
    gpu_peak_gb_per_s: float = 4800.0
    second_gpu_gb_per_s: float | None = None
    gpu_l2: int = 0
    gpu_sms: int = 132
    launch_ns: float = 5200.0
    kernel_ns: float = 2300.0
    pinned_gb_per_s: float = 50.0
    pageable_gb_per_s: float = 11.0
    core_gflops: float = 60.0
    gpu_gflops: float = 60_000.0

    def cpu_time(self, data: int, workers: int, cold: bool = False) -> float:
        """Nanoseconds to stream `data` bytes on `workers` cores: the level that holds a share."""
        active = min(workers, self.cores)
        share = data / active
        l1, l2, l3, memory = self.core_gb_per_s
        if cold:
            rate = min(memory * active, self.memory_gb_per_s)
        elif share <= self.l1:
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
        return counts + ([self.smt * self.cores] if self.smt > 1 else [])

    def gpus(self) -> list[tuple[str, float]]:
        """Each GPU and its memory's GB/s."""
        if not self.gpu:
            return []
        second = self.second_gpu_gb_per_s
        return [("gpu0", self.gpu_peak_gb_per_s), *([("gpu1", second)] if second else [])]

    def description(self) -> dict[str, Any]:
        threads = self.cores * self.smt
        gpus = [
            {
                "device": device,
                "name": f"{self.label} GPU",
                "compute_capability": "9.0",
                "multiprocessors": self.gpu_sms,
                "max_sm_mhz": 1980.0,
                "max_memory_mhz": 3201.0,
                "memory_bytes": 141 << 30,
                "memory_bus_bits": 6144.0,
                "peak_gb_per_s": peak,
                "peak_gflops": {"f32": self.gpu_gflops, "f64": self.gpu_gflops / 2},
                "l2_bytes": self.gpu_l2 or None,
                "ecc": True,
                "power_limit_w": 700.0,
                "link": "PCIe 5.0 x16",
                "link_gb_per_s": 63.0,
                "driver": "570.10",
            }
            for device, peak in self.gpus()
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
                "measured_peak_gflops": {
                    "f32": {str(w): self.core_gflops * w for w in (1, self.cores)}
                },
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
            "gpus": gpus,
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
        Hardware("server", cores=64, l3=256 << 20, memory_gb_per_s=380.0, smt=1),
    ]
