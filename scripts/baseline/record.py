"""What is written: the CSV's rows as they are measured, and the JSON beside it."""

from __future__ import annotations

import contextlib
import csv
import errno
import fcntl
import io
import json
import math
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

import numpy as np

from analysis.errors import refused
from baseline.options import Options, version
from baseline.plan import Configuration, automatic_threads, usable_cpus
from baseline.sampling import Sample
from baseline.serving import FAST
from baseline.vocabulary import vocabulary

HEADER = (
    "schema,run,label,time,workload,type,elements,bytes,model,variant,scope,workers,device,"
    "round,iterations,time_ns,gb_per_s,error,status,note," + ",".join(FAST)
)
ROOT = Path(__file__).resolve().parents[2]


def utc_now() -> str:
    """The time as rows have it: RFC 3339, UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class ResultsFile:
    """The CSV being written, with a JSON beside it that is empty yet. Every row is one write, so
    that what ends the process cuts none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._size = 0
        beside = path.with_suffix(".json")
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Its name is taken before there is anything to write: nothing is overwritten.
            os.close(os.open(beside, flags, 0o644))
        except OSError as error:
            raise refused("cannot create", beside, error) from error
        try:
            self._file = os.open(path, flags, 0o644)
        except OSError as error:
            beside.unlink()
            raise refused("cannot create", path, error) from error
        # A file system without locks is no reason not to write.
        with contextlib.suppress(OSError):
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._write(HEADER + "\n")

    def append(self, cells: list[object]) -> None:
        """Writes one row; raises Refused, with all earlier rows whole, when the disk does not."""
        line = io.StringIO()
        texts = [_plain(cell) for cell in cells]
        csv.writer(line, lineterminator="\n").writerow(texts)
        self._write(line.getvalue())

    def _write(self, text: str) -> None:
        data = text.encode("utf-8", errors="replace")
        try:
            written = os.write(self._file, data)
            if written < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            os.ftruncate(self._file, self._size)
            raise refused("cannot write to", self.path, error) from error
        self._size += len(data)

    def close(self) -> None:
        """Closes the file."""
        os.close(self._file)


def _plain(cell: object) -> str:
    if isinstance(cell, float):
        return "nan" if math.isnan(cell) else repr(cell).removesuffix(".0")
    return "".join(" " if ord(c) < 32 or ord(c) == 127 else c for c in str(cell))


def row(what: Configuration, sample: Sample, run: str, label: str, number: int) -> list[object]:
    """The cells of one sample."""
    measured = sample.iterations > 0 and sample.status != "skipped"
    return [
        1,
        run,
        label,
        utc_now(),
        what.workload,
        what.type,
        what.elements,
        what.bytes,
        what.model,
        what.variant,
        "resident",
        what.workers,
        "cpu",
        number,
        sample.iterations if measured else "",
        sample.time_ns if measured else "",
        what.bytes / sample.time_ns if measured else "",
        "" if sample.status == "skipped" else sample.error,
        sample.status,
        sample.note,
        *(sample.more.get(name, "") for name in FAST),
    ]


def describe(options: Options, arguments: list[str], run: str, seed: int) -> dict[str, Any]:
    """The run's description as it begins."""
    return {
        "schema": 1,
        "run": run,
        "label": options.label,
        "project": {
            "version": version(),
            "commit": _commit(),
            "interpreter": f"{platform.python_implementation()} {platform.python_version()}",
            "compiler": platform.python_compiler(),
            "libraries": _libraries(),
        },
        "command": " ".join(["python-baseline", *_without_paths(arguments)]),
        "started": utc_now(),
        "ended": None,
        "status": "running",
        "options": {**options.given, "label": options.label},
        "seed": seed,
        "topology": {
            "pin": "none",
            "scaling": "strong",
            "threads": options.threads or automatic_threads(usable_cpus()),
            "usable_threads": usable_cpus(),
        },
        "machine": _machine(),
        "vocabulary": vocabulary(HEADER.split(",")),
        "models": {
            "python": {
                "processes": "forked; processes-shm on an anonymous shared mapping, "
                "processes-queue and -pipe through multiprocessing's Queue and Pipe, "
                "processes-manager on a list of its Manager",
                "threads": "concurrent.futures.ThreadPoolExecutor",
                "asyncio": "one thread, as many coroutines as workers",
            },
            "numpy": {"vectorised": "one call on one thread"},
        },
    }


def _libraries() -> dict[str, str]:
    found = {"NumPy": np.__version__, "Python": platform.python_version()}
    with contextlib.suppress(PackageNotFoundError):
        found["Werkzeug"] = version_of("werkzeug")
    return found


def write(path: Path, description: dict[str, Any]) -> None:
    """Replaces the JSON at `path`: it is whole at any moment."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise refused("cannot write", path, error) from error


def _without_paths(arguments: list[str]) -> list[str]:
    """The arguments with the last component of each path alone: no folder of a user's."""
    found = []
    for i, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if equals and "/" in value and name in ("--output", "--out"):
            argument = f"{name}={Path(value).name}"
        elif i and arguments[i - 1] == "--output":
            argument = Path(argument).name
        found.append(argument)
    return found


def _commit() -> str:
    try:
        asked = subprocess.run(
            ["git", "-C", ROOT, "rev-parse", "--short=12", "HEAD"],
            capture_output=True, text=True, timeout=10,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return asked.stdout.strip() or "unknown"


def _machine() -> dict[str, Any]:
    """The harness's description of the machine, or what little can be told without it."""
    try:
        asked = subprocess.run(
            [ROOT / "build" / "crossover", "--machine"], capture_output=True, text=True, timeout=30
        )
        found = json.loads(asked.stdout) if asked.returncode == 0 else None
    except (OSError, ValueError, subprocess.TimeoutExpired):
        found = None
    if isinstance(found, dict):
        return found
    cpu = None
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((x.partition(":")[2].strip() for x in lines if x.startswith("model name")), None)
    except OSError:
        pass
    return {
        "cpu": {"model": cpu, "threads": os.cpu_count(), "caches": []},
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release(),
        "affinity": usable_cpus(),
        "page_size": os.sysconf("SC_PAGE_SIZE"),
        "byte_order": sys.byteorder,
    }
