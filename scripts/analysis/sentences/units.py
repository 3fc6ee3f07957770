"""Times of a unit, by plain means."""

from __future__ import annotations

from statistics import median

from analysis.sentences.plain import Form, Plain


def largest(run: Plain, workload: str) -> dict[Form, float]:
    """ns of a unit, of each form with the most elements."""
    found: dict[tuple, Form] = {}
    for f in run.forms(lambda f: f.workload == workload):
        key = (f.name, f.scope, f.workers, f.device)
        if key not in found or f.elements > found[key].elements:
            found[key] = f
    return {f: median(run.times[f].values()) / f.elements for f in found.values()}


def full(run: Plain, workload: str) -> dict[Form, float]:
    """Of each way the one on the most workers that have a core each."""
    cores = run.about["machine"]["cpu"]["cores"]
    each = largest(run, workload)
    kept: dict[tuple, Form] = {}
    for f in each:
        if f.workload == "create" and f.workers < 1:
            continue
        key = (f.name, f.scope, f.device)
        rank = (0, -f.workers) if f.cpu and f.workers > cores else (1, f.workers)
        old = kept.get(key)
        old_rank = None
        if old is not None:
            old_rank = (0, -old.workers) if old.cpu and old.workers > cores else (1, old.workers)
        if old_rank is None or rank > old_rank:
            kept[key] = f
    return {f: each[f] for f in kept.values()}


def workers_of(form: Form) -> str:
    noun = "worker" if form.cpu else "SM"
    return f"{form.workers:,} {noun}{'s' if form.workers != 1 else ''}"
