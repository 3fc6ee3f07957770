"""How a user starts the commands: from a checkout, or where they are installed."""

from __future__ import annotations

from pathlib import Path

_IN_CHECKOUT = (Path(__file__).parents[2] / "CMakeLists.txt").is_file()


def command(name: str) -> str:
    """`scripts/report` in a checkout; installed, `crossover-report`."""
    return f"scripts/{name}" if _IN_CHECKOUT else f"crossover-{name}"


def program() -> str:
    """`build/crossover` in a checkout; installed, `crossover`."""
    return "build/crossover" if _IN_CHECKOUT else "crossover"


def in_checkout(text: str) -> str:
    """`text`, which tells of what only a checkout has; installed, nothing."""
    return text if _IN_CHECKOUT else ""
