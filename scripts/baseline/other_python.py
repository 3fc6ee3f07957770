"""Threads without the global lock: the work in a free-threaded interpreter beside this one."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from baseline.free_threaded import ANSWER, COUNT
from baseline.tasks import Task
from baseline.teams import Team, WorkerDied

NAMES = ["python3.15t", "python3.14t", "python3.13t", "python3t"]
MISSING = "no free-threaded Python found: install one (python3.14t must be on the PATH)"


def find() -> str | None:
    """The path of an interpreter that runs without the global lock, newest first."""
    for name in NAMES:
        path = shutil.which(name)
        if path is None:
            continue
        # Behind its imports: a module that cannot do without the lock brings it back.
        question = "import sys, baseline.free_threaded; sys.exit(sys._is_gil_enabled())"
        try:
            asked = subprocess.run(
                [path, "-c", question], capture_output=True, timeout=20, env=_environment()
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if asked.returncode == 0:
            return path
    return None


def _environment() -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if name != "PYTHON_GIL"},
        "PYTHONPATH": str(Path(__file__).resolve().parent.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


class OtherPython(Team):
    """A process of another interpreter, which measures its own threads."""

    interpreter = sys.executable

    def __init__(self, loop: str, task: Task, workers: int) -> None:
        super().__init__(loop, task, workers)
        numbers = [task.view.nbytes, task.elements, workers, os.getpid()]
        self._child = subprocess.Popen(
            [self.interpreter, "-P", "-m", "baseline.free_threaded", loop, task.code]
            + [str(n) for n in numbers],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
        )

    def processes(self) -> list[int]:
        return [self._child.pid]

    def _ask(self, command: bytes, answer: int) -> bytes:
        source, sink = self._child.stdout, self._child.stdin
        assert source is not None and sink is not None
        try:
            sink.write(command)
            sink.flush()
            found = source.read(answer)
        except OSError:
            found = b""
        if len(found) < answer:
            raise WorkerDied(f"the other interpreter ended with status {self._child.wait()}")
        return found

    def loaded(self) -> None:
        self._ask(b"L" + bytes(self.task.view), 1)

    def fetch(self) -> None:
        view = self.task.view
        view[:] = memoryview(self._ask(b"F", view.nbytes)).cast(self.task.code)

    def run(self) -> None:
        self.time(1)

    def time(self, operations: int) -> int:
        answer = self._ask(b"R" + COUNT.pack(operations), ANSWER.size)
        elapsed, total = ANSWER.unpack(answer)
        self.task.finish(total)
        return int(elapsed)

    def close(self) -> None:
        self._child.kill()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                # What it still held for a process that is gone.
                with contextlib.suppress(OSError):
                    pipe.close()
        self._child.wait()
