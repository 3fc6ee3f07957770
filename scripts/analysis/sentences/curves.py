"""Curves of a run, by plain means."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from analysis.sentences.plain import Form, Plain
from analysis.sentences.reading_page import SIZE, size

Curve = dict[int, list[Form]]


def of_heading(heading: str) -> Callable[[Form], bool]:
    """Whether a form is of the workload and type that a heading names."""
    found = re.search(r"(\w+)(?:, | \()(f32|f64|i32|i64)", heading)
    assert found, heading
    return lambda f: (f.workload, f.type) == (found[1], found[2])


def sized(heading: str) -> int:
    found = re.search(rf"({SIZE}) elements", heading)
    assert found, heading
    return round(size(found[1]))


def curve_of(run: Plain, choose: Callable[[Form], bool]) -> Curve:
    found: Curve = {}
    for form in run.forms(choose):
        found.setdefault(form.elements, []).append(form)
    return dict(sorted(found.items()))


def curves_of(run: Plain, heading: str) -> dict[str, Curve]:
    """The best CPU, the best single worker, several workers, and the GPU by scope."""
    mine = of_heading(heading)
    found = {
        "cpu": curve_of(run, lambda f: mine(f) and f.cpu),
        "one": curve_of(run, lambda f: mine(f) and f.cpu and f.workers == 1),
        "several": curve_of(run, lambda f: mine(f) and f.cpu and f.workers > 1),
    }
    for scope in ("kernel", "resident", "offload"):
        found[scope] = curve_of(run, lambda f, s=scope: mine(f) and not f.cpu and f.scope == s)
    return found


def named_curves(run: Plain, heading: str, scopes: Iterable[str]) -> dict[str, Curve]:
    """Each model's curve, a GPU's by scope, as the charts name them."""
    mine = of_heading(heading)
    names = {
        (f.model, "" if f.cpu else f.scope) for f in run.forms(mine) if f.cpu or f.scope in scopes
    }
    return {
        f"{model} {scope}".strip(): curve_of(
            run, lambda f, m=model, s=scope: mine(f) and f.model == m and (f.cpu or f.scope == s)
        )
        for model, scope in names
    }
