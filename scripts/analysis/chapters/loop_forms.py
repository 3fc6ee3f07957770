"""The forms of its loops that a run has chosen on its machine."""

from __future__ import annotations

from typing import Any

from analysis.drawing.markup import Child, Html, table
from analysis.reading.machine import Machine, positive
from analysis.words import data_size, significant

SHOWN = 3


def chosen(about: Machine) -> Html | None:
    """A row for each range of sizes; None where the run has chosen none."""
    rows = [_row(entry) for entry in about.items("forms") if entry.get("form")]
    if not rows:
        return None
    return table(
        ["what", "a worker's part", "workers", "form", "ahead by", "tried, GB/s"],
        rows,
        caption="Forms of the loops, chosen on this machine before the first round",
    )


def _row(entry: dict[str, Any]) -> list[Child]:
    up_to = positive(entry.get("up_to_bytes"))
    ahead = positive(entry.get("ahead_of_next"))
    tried = entry.get("tried")
    best = [one for one in tried if isinstance(one, dict)] if isinstance(tried, list) else []
    told = [
        f"{one.get('form')} {significant(rate)}"
        for one in best[:SHOWN]
        if (rate := positive(one.get("gb_per_s")))
    ]
    if len(best) > SHOWN:
        told.append(f"{len(best) - SHOWN} slower")
    own = entry.get("configuration")
    size = "any size" if entry.get("fixed") else "its own" if own else "larger"
    return [
        str(own) if own else f"{entry.get('workload')} {entry.get('type')}",
        f"up to {data_size(up_to)}" if up_to else size,
        str(entry.get("device") if own else entry.get("workers")),
        str(entry["form"]),
        "fixed" if entry.get("fixed") else f"{100 * (ahead - 1):.0f} %" if ahead else "",
        ", ".join(told),
    ]
