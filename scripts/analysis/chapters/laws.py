"""The table of scaling laws fitted to sweeps."""

from __future__ import annotations

from collections.abc import Callable

from analysis.drawing.markup import Child, Html, table
from analysis.measured.sweeps import Sweep
from analysis.statistics.stats import Estimate
from analysis.words import percent


def fit_table(
    sweeps: list[Sweep], cores: float | None, where: str, over: str = "physical cores only"
) -> Html:
    """Serial fraction, contention and coherency of each model, or why there is no fit."""
    rows: list[list[Child]] = []
    for s in sweeps:
        amdahl, law, used = s.fitted(int(cores) if cores else None)
        a, k = amdahl.parameters.get("serial fraction"), law.parameters.get("coherency")
        c, peak = law.parameters.get("contention"), law.parameters.get("peak")
        rows.append(
            [
                s.model,
                f"{used[0]} to {used[-1]}" if used else "-",
                _estimate(a, percent) if amdahl.supported and a else amdahl.refused,
                _estimate(c, percent) if law.supported and c else law.refused,
                _estimate(k, lambda v: f"{v:.2g}") if law.supported and k else "",
                _peak(k, peak) if law.supported and k else "",
            ]
        )
    return table(
        [
            "model",
            "workers fitted",
            "Amdahl: serial fraction",
            "USL: contention",
            "USL: coherency",
            "USL: peak at",
        ],
        rows,
        caption=f"Scaling laws fitted to {where} [95 % interval]; {over}",
    )


def _peak(coherency: Estimate, peak: Estimate | None) -> str:
    """Where the speed-up peaks, or why nothing says that it does."""
    if peak is not None:
        return _estimate(peak, lambda v: f"{v:.0f}") + " workers"
    if coherency.low is None or coherency.high is None:
        return "too few rounds to tell"
    if coherency.high < 0:
        return "none: it scales better than contention alone would let it"
    return "none: Amdahl's law suffices, coherency may be 0"


def _estimate(e: Estimate, shown: Callable[[float], str]) -> str:
    if e.low is None or e.high is None:
        return f"{shown(e.value)} (too few rounds for an interval)"
    return f"{shown(e.value)} [{shown(e.low)} to {shown(e.high)}]"
