"""Why something is so, as in any textbook: how such sentences begin, and when they are in place."""

from __future__ import annotations

from collections.abc import Callable

from analysis.sentences.plain import Plain


def always(run: Plain) -> bool:
    """In place on every page."""
    return bool(run.times)


def on_cpu(run: Plain) -> bool:
    """Where a CPU was measured."""
    return any(f.cpu for f in run.times)


def on_gpu(run: Plain) -> bool:
    """Where a GPU was measured."""
    return any(not f.cpu for f in run.times)


def planned(run: Plain) -> bool:
    """Where something that was planned was left out."""
    return run.about.get("plan", {}).get("left_out", {}).get("configurations", 0) > 0


def by(model: str, variant: str = "") -> Callable[[Plain], bool]:
    """Where a model, or one of its variants, was measured."""
    return lambda run: any(f.model == model and variant in ("", f.variant) for f in run.times)


def of(workload: str) -> Callable[[Plain], bool]:
    """Where a workload was measured."""
    return lambda run: any(f.workload == workload for f in run.times)


TIMELESS = {
    "A curve rises while the fixed price of one operation": always,
    "A CPU's steps down are caches": on_cpu,
    "A GPU needs many more bytes in flight": on_gpu,
    "(Dashed: ": always,
    "(A gap in a line: sizes there were planned": planned,
    "In caches work scales with cores": on_cpu,
    "Efficiency is the speed-up for each worker": on_cpu,
    "It falls as soon as workers wait": on_cpu,
    "Each worker has the same work however many": on_cpu,
    "time = latency + bytes / bandwidth": always,
    "On a CPU, caches bend the line": always,
    "All of its steps, each of which removes": on_gpu,
    "What then still keeps it from its peak": on_gpu,
    "Pageable memory is copied once more": on_gpu,
    "The link, not the GPU, is the limit": on_gpu,
    "Rates count the operation's bytes": on_gpu,
    "(Dashed: what the link can move": on_gpu,
    "Each multiprocessor keeps a limited number of bytes": on_gpu,
    "Clocks rise with the load": on_gpu,
    "A core keeps few bytes in flight": on_gpu,
    "Either grows with its number until": on_gpu,
    "What a sensor averages over a second": on_gpu,
    "A device draws much of its power": on_gpu,
    "A counter that is renewed less often": on_gpu,
    "So do MPI ranks": by("mpi", "slices"),
    "Processes that are made for each operation": by("processes", "spawn"),
    "Short operations are disturbed by interrupts": always,
    "A core adds to its own cache line": of("count"),
    "Private counters travel once": of("count"),
    "On a GPU thousands of threads add at once": on_gpu,
    "A caller waits for the launch as well": on_gpu,
    "Were the work divided without a price": of("count"),
    "Where they take turns at one line": of("count"),
    "Unsynchronised workers read the same old value": by("threads", "unsynchronised"),
    "How often depends on who runs when": by("threads", "unsynchronised"),
    "A pool's workers exist already": of("create"),
    "A core's hardware threads share its arithmetic": by("threads", "pool-siblings"),
    "A second core brings its own": by("threads", "pool-siblings"),
    "A server with one thread does nothing else": by("python", "http-server"),
    "With a thread for each connection the others": by("python", "http-server-threaded"),
    "Each load takes its address from the one before": of("chase"),
    "On small pages a load far off waits": of("chase"),
    "Bandwidth hides this by having many loads": of("chase"),
    "(Vertical lines: the capacity of one cache": of("chase"),
    "A message or a copy takes a time that": of("link"),
    "Small ones are all latency": of("link"),
    "What goes both ways at once": of("link"),
    "A cache line that another core has written": of("core-to-core"),
    "How long that takes depends on what lies": of("core-to-core"),
    "Locks, counters and barriers wait for it": of("core-to-core"),
    "(The darker, the longer.)": of("core-to-core"),
    "A thread costs a system call": of("create"),
    "Work that one core does in less time": of("create"),
    "A thread shares all but its stack": of("create"),
    "Pages that several share": of("create"),
    "What makes a few so much longer": always,
    "Who needs many of them": always,
    "A worker that waits for a disk": of("wait"),
    "A worker that computes needs one": of("wait"),
    "A fast request behind a slow one": of("wait"),
    "A high percentile sees that": of("wait"),
    "A slow request waits": of("wait"),
    "With one thread nobody else": of("wait"),
    "Plain Python looks up the type": by("python"),
    "NumPy does the same loop": by("numpy"),
    "Where memory is the limit, that is nearly": by("numpy"),
    "A step of plain Python is dozens": by("python"),
    "CPython's global interpreter lock": by("python", "threads-block"),
    "A thread that waits lets go of it": by("python", "threads-block"),
    "What computes in Python gains nothing": by("python", "processes-compute"),
    "Shared memory is read where it lies": by("python", "processes-manager"),
    "A manager keeps the list": by("python", "processes-manager"),
}


def in_place(run: Plain, sentence: str) -> bool:
    """Whether a sentence is such a one, and where it says something."""
    return any(sentence.startswith(begin) and when(run) for begin, when in TIMELESS.items())
