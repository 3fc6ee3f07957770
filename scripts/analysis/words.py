"""Numbers and texts as a reader wants them."""

from __future__ import annotations

import html
import math
import unicodedata

from analysis.plural import plural
from analysis.statistics.crossover import format_size
from analysis.statistics.stats import Estimate

__all__ = ["duration", "escape", "format_size", "plain", "plural", "ratio", "significant"]


def plain(text: str) -> str:
    """`text` on one line without control or direction characters: safe for a terminal."""
    return "".join(
        " " if c in "\r\n\t" else c
        for c in text
        if unicodedata.category(c) not in ("Cc", "Cf") or c in "\r\n\t"
    )


def escape(text: object) -> str:
    """`text` for HTML, in an element or a quoted attribute."""
    return html.escape(plain(str(text)), quote=True)


def significant(value: float, digits: int = 3) -> str:
    """`value` with so many significant digits, never an exponent, thousands separated."""
    if not math.isfinite(value):
        return "?"
    if value == 0:
        return "0"
    # Rounding first: 9.996 has one digit more than it seems.
    rounded = float(f"{value:.{digits - 1}e}")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    if decimals > 9:
        return f"{value:.{digits - 1}e}"
    return f"{rounded:,.{decimals}f}"


def duration(nanoseconds: float) -> str:
    """`850 ns`, `1.20 µs`, `31.4 ms`, `2.50 s`."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= size * 0.9995:
            return f"{significant(nanoseconds / size)} {unit}"
    return f"{significant(nanoseconds)} ns"


def data_size(size: float) -> str:
    """Bytes with a binary unit: `48 KiB`."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if size < 1024 or unit == "TiB":
            return f"{size:.3g} {unit}"
        size /= 1024
    raise AssertionError("the last unit always returns")


def ratio(estimate: Estimate) -> str:
    """`5.43 × [5.38 to 5.47]`, or without the interval where there is none."""
    if estimate.low is None or estimate.high is None:
        return f"{significant(estimate.value)}×"
    return (
        f"{significant(estimate.value)}× [{significant(estimate.low)} to "
        f"{significant(estimate.high)}]"
    )


def percent(fraction: float) -> str:
    """`93 %`; one decimal below 10 %."""
    return f"{fraction * 100:.0f} %" if fraction >= 0.0995 else f"{fraction * 100:.1f} %"


def listing(items: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"
