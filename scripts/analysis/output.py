"""Files that a command writes: whole or not at all, and never one that it has read."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from analysis.errors import BadInput, Refused, refused


def check_output(output: Path, runs: list[Path]) -> None:
    """Raises BadInput where `output` is one of the runs, or a run's JSON."""
    for run in runs:
        for path in (run, run.with_suffix(".json")):
            if output.resolve() == path.resolve() or (
                output.exists() and path.exists() and output.samefile(path)
            ):
                raise BadInput(f"{output} is one of the runs' files; give another name with -o")


def replace_file(path: Path, contents: bytes) -> None:
    """Writes beside `path` and renames: on a full disk what was there stays. Raises Refused."""
    path = path.resolve()  # what a link points at
    if path.exists() and not path.is_file():
        raise Refused(f"cannot write {path}: it is no ordinary file; give another name")
    try:
        descriptor, temporary = tempfile.mkstemp(".tmp", f"{path.name}.", path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(contents)
                file.flush()
                os.fsync(file.fileno())
            # As a file has them that is not made for one user alone.
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(temporary, 0o666 & ~mask)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise refused("cannot write", path, error) from error
