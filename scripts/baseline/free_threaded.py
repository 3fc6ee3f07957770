"""The part of a sample that runs in another interpreter, one without the global lock.

Runs as `python3.14t -m baseline.free_threaded LOOP FORMAT BYTES ELEMENTS WORKERS PARENT` with
the standard library alone. On standard input one letter a command: `L` and the memory's bytes load
it, `R` and a count do as many operations, `F` gives the memory back. Standard output answers each:
`R` with the nanoseconds and the last result, as this side of the pipe saw them.
"""

from __future__ import annotations

import io
import struct
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import cast

from baseline import lifeline, loops

COUNT = struct.Struct("=q")
ANSWER = struct.Struct("=qd")


def main() -> None:
    """Serves commands until the input ends."""
    loop, code = sys.argv[1], cast(loops.Code, sys.argv[2])
    size, elements, workers, parent = map(int, sys.argv[3:7])
    lifeline.hold_on_to(parent)
    memory = bytearray(size)
    x = memoryview(memory).cast(code)
    lock = threading.Lock()
    bounds = loops.slices(elements, workers)
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    assert isinstance(source, io.BufferedReader)
    with ThreadPoolExecutor(workers) as pool:
        while command := source.read(1):
            if command == b"L":
                source.readinto(memory)
                if loop == "compute":
                    x[loops.STEPS] = loops.steps_of_a_task()
                sink.write(b".")
            elif command == b"F":
                sink.write(memory)
            else:
                (operations,) = COUNT.unpack(source.read(COUNT.size))
                start = time.perf_counter_ns()
                for _ in range(operations):
                    found = list(pool.map(lambda b: loops.part(loop, x, b, lock), bounds))
                elapsed = time.perf_counter_ns() - start
                total = sum(p for p in found if p is not None)
                sink.write(ANSWER.pack(elapsed, total))
            sink.flush()


if __name__ == "__main__":
    main()
