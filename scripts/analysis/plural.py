"""Counts in plain English, for the readers and for what measures in Python: nothing is imported."""

from __future__ import annotations


def plural(count: int, noun: str) -> str:
    """`1 row`, `2 rows`, `1,234 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
