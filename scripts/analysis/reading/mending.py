"""Putting right what would mislead a CSV reader: odd line ends, and quotes that never close."""

from __future__ import annotations

import csv
import os
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from analysis.errors import refused

# How many lines a quoted field is looked for.
LONGEST_FIELD = 20


@contextmanager
def readable(path: Path, columns: int, carriage_returns: bool) -> Iterator[Path]:
    """`path`, or a copy of it with what would mislead a CSV reader put right."""
    if not carriage_returns and not _has_open_quotes(path):
        yield path
        return
    with _copy() as (copy, out):
        with path.open("rb") as source:
            lines = _split(source) if carriage_returns else source
            for line in _without_open_quotes(lines, columns):
                out.write(line)
        out.close()
        yield copy


def _split(source: BinaryIO) -> Iterator[bytes]:
    """Lines that end in a lone carriage return."""
    rest = b""
    while block := source.read(1 << 20):
        *lines, rest = (rest + block).split(b"\r")
        yield from (line + b"\n" for line in lines)
    if rest:
        yield rest + b"\n"


def _has_open_quotes(path: Path) -> bool:
    """Whether any line has an odd number of quotes: a field over several lines, or damage."""
    with path.open("rb") as source:
        while block := source.read(1 << 22):
            if b'"' in block:
                break
        else:
            return False
        source.seek(0)
        return any(line.count(b'"') % 2 for line in source)


def _without_open_quotes(lines: Iterable[bytes], columns: int) -> Iterator[bytes]:
    """Fields over several lines as they are; any other line with an open quote as one bad row."""
    waiting: deque[bytes] = deque()
    source = iter(lines)
    while True:
        line = waiting.popleft() if waiting else next(source, b"")
        if not line:
            return
        if line.count(b'"') % 2 == 0:
            yield line
            continue
        while len(waiting) < LONGEST_FIELD and (more := next(source, b"")):
            waiting.append(more)
        end = next((i for i, later in enumerate(waiting) if later.count(b'"') % 2), None)
        record = line + b"".join(list(waiting)[: end + 1]) if end is not None else b""
        if record and _fields(record) == columns:
            yield record
            for _ in range(end + 1 if end is not None else 0):
                waiting.popleft()
        else:
            yield b"incomplete\n"


def _fields(record: bytes) -> int:
    text = record.decode("utf-8", errors="replace").rstrip("\r\n")
    try:
        rows = list(csv.reader([text + "\n"], strict=True))
    except csv.Error:
        return -1
    return len(rows[0]) if len(rows) == 1 else -1


@contextmanager
def _copy() -> Iterator[tuple[Path, tempfile._TemporaryFileWrapper[bytes]]]:
    try:
        out = tempfile.NamedTemporaryFile(suffix=".csv", delete=False)  # noqa: SIM115
    except OSError as error:
        raise refused("cannot write a copy to", tempfile.gettempdir(), error) from error
    try:
        yield Path(out.name), out
    except OSError as error:
        raise refused("cannot read or copy", out.name, error) from error
    finally:
        out.close()
        os.unlink(out.name)
