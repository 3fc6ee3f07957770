"""Planted costs: what synchronising, workers, switches, waiting, messages and Python come to."""

from __future__ import annotations

from analysis.measured.curves import type_bytes
from analysis.planted.hardware import Hardware
from analysis.planted.runs import Configuration
from analysis.planted.vocabulary import PASSES

TASK_NS = 1e6
# Nanoseconds of an increment on one worker, and how it grows with each further one.
COUNT = {
    "threads/mutex": (18.0, 45.0),
    "threads/mutex-batch": (0.6, 0.0),
    "threads/spinlock": (9.0, 60.0),
    "threads/atomic": (5.0, 12.0),
    "threads/thread-local": (0.5, None),
    "threads/padded": (0.5, None),
    "threads/false-sharing": (0.5, 3.0),
    "threads/unsynchronised": (0.6, 1.5),
    "openmp/critical": (25.0, 70.0),
    "openmp/atomic": (5.0, 12.0),
    "openmp/reduction": (0.5, None),
    "processes/mutex": (22.0, 60.0),
    "processes/atomic": (5.0, 12.0),
}
LOST = 0.375
# Nanoseconds of an increment on a GPU by its own clock, and what is lost.
COUNT_GPU = {
    "cuda/unsynchronised": (0.02, 0.9998),
    "cuda/atomic": (0.5, 0.0),
    "cuda/shared-atomic": (0.01, 0.0),
    "cuda/warp-aggregated": (0.03, 0.0),
}
# Nanoseconds of a worker, and bytes of an idle one.
CREATE = {
    "threads/pool": (200.0, None),
    "threads/spawn": (16_000.0, 24 << 10),
    "openmp/static": (400.0, None),
    "processes/shm": (250.0, 1 << 20),
    "processes/fork": (120_000.0, 300 << 10),
    "processes/posix-spawn": (480_000.0, 1 << 20),
}
SWITCH = {
    ("threads", "futex"): (1_300.0, 9_000.0),
    ("threads", "condition-variable"): (1_900.0, 12_000.0),
    ("threads", "pipe"): (2_100.0, 11_000.0),
    ("processes", "futex"): (1_600.0, 9_500.0),
    ("processes", "condition-variable"): (2_200.0, 13_000.0),
    ("processes", "pipe"): (2_600.0, 14_000.0),
}
# Nanoseconds of telling two workers, and GB/s of carrying slices (None: nothing is carried).
SHARE = {
    "shm": (400.0, None),
    "mapped-file": (420.0, None),
    "spawn": (260_000.0, None),
    "pipe": (11_000.0, 1.6),
    "socket": (13_000.0, 1.9),
    "queue": (19_000.0, 0.9),
}
# Nanoseconds of an element in Python.
PYTHON = {
    "serial": (50.0, 0.0),
    "threads": (51.0, 40_000.0),
    "processes-shm": (50.0, 90_000.0),
    "processes-queue": (60.0, 400_000.0),
    "processes-pipe": (55.0, 100_000.0),
    "processes-manager": (32_000.0, 100_000.0),
}
MANAGED = 1 << 10  # elements at most
# Of Python's workers: how many of 16 tasks that compute are under way at a time.
PYTHON_WAITS = {"threads": 1, "processes": 8, "asyncio": 1}


def count(
    hw: Hardware, increments: int = 1 << 20, sms: tuple[int, ...] = ()
) -> list[Configuration]:
    """The workload `count`; every counter is exact but the unsynchronised ones.

    On a GPU with `sms` multiprocessors, or all; few of them take longer.
    """
    found = [_cost("count", "i64", increments, "serial/loop", 1, 0.5 * increments)]
    for name, (alone, more) in COUNT.items():
        for w in hw.worker_counts():
            each = alone / min(w, hw.cores) if more is None else alone + more * (w > 1)
            error = LOST if name.endswith("unsynchronised") and w > 1 else 0.0
            found.append(_cost("count", "i64", increments, name, w, each * increments, error))
    for w in (sms or [hw.gpu_sms]) if hw.gpu else []:
        for name, (each, error) in COUNT_GPU.items():
            time = each * increments * (1 + 8 / w)
            found += [
                _cost("count", "i64", increments, name, w, start + time, error, scope=scope)
                for scope, start in (("kernel", 0.0), ("resident", hw.launch_ns))
            ]
    return found


def create(hw: Hardware, most: int = 256, sms: tuple[int, ...] = ()) -> list[Configuration]:
    """The workload `create`: as many workers as elements; `sms` as for count()."""
    launches = [
        _cost("create", "none", w, "cuda/launch", w, hw.launch_ns)
        for w in ((sms or [hw.gpu_sms]) if hw.gpu else [])
    ]
    return launches + [
        _cost("create", "none", w, name, w, each * w, more={"worker_bytes": size} if size else {})
        for name, (each, size) in CREATE.items()
        for w in [2**k for k in range(20) if 2**k <= most]
        if w <= hw.cores or not name.endswith(("pool", "shm", "static"))
    ]


def tail(median: float, longest: float, of: int = 1000) -> dict[str, float]:
    """The columns of `of` single units: percentiles between their median and the longest."""
    steps = {"op_p50_ns": 2, "op_p90_ns": 10, "op_p99_ns": 100, "op_p999_ns": 1000}
    told = {
        name: median * (longest / median) ** (0.25 * place)
        for place, (name, fewest) in enumerate(steps.items())
        if of >= fewest
    }
    return {**told, "op_max_ns": longest, "clock_ns": 21.0}


def switch(trips: int = 100) -> list[Configuration]:
    """The workload `switch`, with two switches a round trip."""
    return [
        _cost(
            "switch", "none", trips, f"{model}/{how}-{cores}-core{'s' * (cores > 1)}", 2,
            time * trips,
            more={"voluntary_switches": 2 * trips, "involuntary_switches": 0.01 * trips,
                  **tail(0.9 * time, 30 * time if how == "pipe" else 10 * time)},
        )
        for (model, how), times in SWITCH.items()
        for cores, time in zip((1, 2), times, strict=True)
    ]  # fmt: skip


def wait(hw: Hardware, each: int = 4) -> list[Configuration]:
    """The workload `wait`: blocking reaches 94 % of the ideal, computing stops at the cores."""
    found = []
    for w in [2**k for k in range(20) if 2**k <= 64 * hw.cores]:
        tasks = each * w
        block = TASK_NS * tasks / (0.94 * w)
        compute = TASK_NS * tasks / (0.98 * min(w, hw.cores))
        late = tail(TASK_NS, 5 * TASK_NS, tasks)
        found.append(_cost("wait", "none", tasks, "threads/block", w, block, more=late))
        found.append(_cost("wait", "none", tasks, "threads/compute", w, compute))
        waiting = {"fast_median_ns": 5e6 / w + 1e5, "fast_p99_ns": 9e6 / w + 3e5}
        found.append(_cost("wait", "none", tasks, "threads/mixed", w, compute, more=waiting))
    return found


def processes(hw: Hardware, sizes: list[int], workload: str = "double") -> list[Configuration]:
    """Processes of every kind, doing what threads do, and MPI's ranks."""
    ways = PASSES[workload]
    found = []
    for n in sizes:
        data = n * type_bytes("f32") * ways
        for w in hw.worker_counts():
            for variant, (told, rate) in SHARE.items():
                time = told + hw.cpu_time(data, w) + (data / rate if rate else 0)
                found.append(
                    Configuration(workload, "f32", n, "processes", variant, "resident", w, "cpu",
                                  time, 0.01)
                )  # fmt: skip
            time = 600.0 + hw.cpu_time(data, w)
            found.append(
                Configuration(workload, "f32", n, "mpi", "slices", "resident", w, "cpu", time, 0.01)
            )
    return found


def all_of(hw: Hardware, sizes: list[int]) -> list[Configuration]:
    """All of the above."""
    found = [*count(hw), *create(hw), *switch(), *wait(hw)]
    return [*found, *processes(hw, sizes), *processes(hw, sizes, "reduce")]


def python(hw: Hardware, sizes: list[int], workload: str = "double") -> list[Configuration]:
    """Plain Python and NumPy, which reaches what one core does from 64 Ki elements on."""
    ways = PASSES[workload]
    found = []
    for n in sizes:
        for variant, (each, start) in PYTHON.items():
            if variant == "processes-manager" and n > MANAGED:
                continue
            for w in [1] if variant == "serial" else [1, 2, 4]:
                shared = w if variant.startswith("processes") else 1
                time = start + each * n / shared
                found.append(
                    Configuration(workload, "f32", n, "python", variant, "resident", w, "cpu",
                                  time, 0.01)
                )  # fmt: skip
        time = 700.0 + hw.cpu_time(n * type_bytes("f32") * ways, 1)
        found.append(
            Configuration(
                workload, "f32", n, "numpy", "vectorised", "resident", 1, "cpu", time, 0.01
            )
        )
    return found


def python_count(increments: int = 1 << 14) -> list[Configuration]:
    """`count` in Python."""
    times = {"python/serial": 60.0, "python/threads": 200.0, "numpy/vectorised": 25.0}
    return [
        _cost("count", "i64", increments, name, 2 if name.endswith("threads") else 1,
              each * increments)
        for name, each in times.items()
    ]  # fmt: skip


def python_wait(tasks: int = 64) -> list[Configuration]:
    """`wait` in Python: sleeping reaches 95 % of the ideal, computing stops at a lock or cores."""
    found = []
    for who, most in PYTHON_WAITS.items():
        for w in (1, 4, 16):
            for loop, at_a_time in (("block", 0.95 * w), ("compute", min(w, most))):
                time = TASK_NS * tasks / at_a_time
                found.append(_cost("wait", "none", tasks, f"python/{who}-{loop}", w, time))
    # One connection at a time is as one thread.
    served = [("http-server", 1, 98e6), ("http-server-threaded", 16, 1.4e6)]
    for server, w, p99 in [*served, ("http-server-threaded", 1, 97e6)]:
        fast = {"fast_median_ns": p99 / 2, "fast_p99_ns": p99}
        found.append(_cost("wait", "none", tasks, f"python/{server}", w, tasks * 2.5e6, more=fast))
    return found


def _cost(
    workload: str,
    element: str,
    units: int,
    name: str,
    workers: int,
    time: float,
    error: float = 0.0,
    more: dict[str, float] | None = None,
    scope: str = "resident",
) -> Configuration:
    model, variant = name.split("/")
    device = "gpu0" if model == "cuda" else "cpu"
    return Configuration(
        workload, element, units, model, variant, scope, workers, device, time, 0.01, error,
        more or {},
    )  # fmt: skip
