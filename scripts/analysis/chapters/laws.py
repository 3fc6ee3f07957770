"""The table of scaling laws fitted to sweeps."""

from __future__ import annotations

from collections.abc import Callable

from analysis.drawing.markup import Child, Html, el, table
from analysis.measured.sweeps import Sweep
from analysis.statistics.stats import Estimate
from analysis.words import listing, percent


def fit_table(
    sweeps: list[Sweep], cores: float | None, where: str, over: str = "physical cores only"
) -> Html:
    """Serial fraction, contention and coherency of each model that a law fits.

    Whom no law fits is in one sentence, with the reasons.
    """
    rows: list[list[Child]] = []
    refused: dict[str, list[str]] = {}
    for s in sweeps:
        amdahl, law, used = s.fitted(int(cores) if cores else None)
        for fit in (amdahl, law):
            if not fit.supported:
                refused.setdefault(fit.refused, []).append(s.model)
        if not amdahl.supported and not law.supported:
            continue
        a, k = amdahl.parameters.get("serial fraction"), law.parameters.get("coherency")
        c, peak = law.parameters.get("contention"), law.parameters.get("peak")
        rows.append(
            [
                s.model,
                f"{used[0]} to {used[-1]}",
                _estimate(a, percent) if amdahl.supported and a else "-",
                _estimate(c, percent) if law.supported and c else "-",
                _estimate(k, lambda v: f"{v:.2g}") if law.supported and k else "-",
                _peak(k, peak) if law.supported and k else "-",
            ]
        )
    header = [
        "model",
        "workers fitted",
        "Amdahl: serial fraction",
        "USL: contention",
        "USL: coherency",
        "USL: peak at",
    ]
    caption = f"Scaling laws fitted to {where} [95 % interval]; {over}"
    told = [f"{why} ({listing(list(dict.fromkeys(models)))})" for why, models in refused.items()]
    return el(
        "div",
        table(header, rows, caption=caption) if rows else None,
        el("p", f"Not fitted: {'; '.join(told)}.") if told else None,
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
