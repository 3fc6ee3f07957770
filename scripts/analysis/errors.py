"""What ends a command, with the contract's exit status and one line for the user."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable


class UserError(Exception):
    """One line that says what is wrong and what would be right, and the exit status for it."""

    status = 2


class BadInput(UserError):
    """The command line is wrong, or a file is not one of ours: status 2."""


class Refused(UserError):
    """A file or the system refused: status 3."""

    status = 3


class Parser(argparse.ArgumentParser):
    """Errors as one line with status 2."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise UserError(f"{message}; see --help")


def refused(what: str, path: object, error: OSError) -> Refused:
    """`what` says what was tried, as in "cannot read"."""
    return Refused(f"{what} {path}: {error.strerror or error}")


def run_command(name: str, main: Callable[[], int]) -> None:
    """Runs `main` and exits with its status; a UserError becomes one line on standard error."""
    try:
        if sys.stdout is None:
            raise Refused("standard output is closed")
        status = main()
        sys.stdout.flush()
    except UserError as error:
        one_line = " ".join(str(error).split())
        print(f"{name}: {one_line}", file=sys.stderr)
        status = error.status
    except OSError as error:
        # All files but the standard ones have errors of their own. What is not written yet would
        # fail once more at the end.
        with contextlib.suppress(OSError):
            sys.stdout.close()
        if not isinstance(error, BrokenPipeError):
            print(f"{name}: cannot write: {error.strerror or error}", file=sys.stderr)
        status = 3
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)
