"""What pages say of scaling over workers and multiprocessors."""

from __future__ import annotations

import re
from collections.abc import Callable

from analysis.sentences.curves import of_heading, sized
from analysis.sentences.plain import Best, Form, Plain, ratio
from analysis.sentences.reading_page import (
    COUNT,
    FORM,
    NUMBER,
    SIZE,
    kind,
    listed,
    near,
    near_percent,
    number,
    size,
)

MEMBER = rf"[\w-]+ (?:reaches|peaks at) {NUMBER}× on {COUNT}(?: \([\d, and]+ not measured\))?"
USEFUL = (
    r"on (?:no number of workers|up to [\d,]+ workers?)"
    r"(?: \(not on \d+\)| \(more were not measured\))? by [\w, -]+"
)


def _sweep(run: Plain, heading: str) -> tuple[dict[str, dict[int, Best]], Best]:
    mine, at = of_heading(heading), sized(heading)
    forms = run.forms(lambda f: mine(f) and f.cpu and f.elements == at)
    found: dict[str, dict[int, list[Form]]] = {}
    for f in forms:
        found.setdefault(f.model, {}).setdefault(f.workers, []).append(f)
    one = run.best(f for f in forms if f.workers == 1)
    return {
        model: {w: run.best(some) for w, some in sorted(by.items())}
        for model, by in found.items() if len(by) > 1
    }, one  # fmt: skip


def _planned(run: Plain, heading: str) -> set[int]:
    """Worker counts that were measured at this size, or planned there."""
    sweeps, _ = _sweep(run, heading)
    counts = {w for by in sweeps.values() for w in by}
    mine, at = of_heading(heading), str(sized(heading))
    for name, sizes in run.about.get("plan", {}).get("left_out", {}).get("of", {}).items():
        workload, element, model, variant, scope, _, device = name.split("/")
        form = Form(workload, element, model, variant, scope, int(at), 1, device)
        if mine(form) and form.cpu and model in sweeps:
            counts |= set(sizes.get(at, []))
    return counts


@kind(
    rf"Over the best single worker \((?P<base>{FORM})\), "
    rf"(?P<list>{MEMBER}(?:(?:, | and ){MEMBER})*)\."
)
def speed_ups(run: Plain, heading: str, m: re.Match[str]) -> None:
    sweeps, one = _sweep(run, heading)
    assert m["base"] == one.form.name
    told = re.findall(
        rf"([\w-]+) (reaches|peaks at) ({NUMBER})× on (\d+) workers?(?: \(([\d, and]+) not)?",
        m["list"],
    )
    assert sorted(t[0] for t in told) == sorted(sweeps)
    for model, verb, shown, workers, absent in told:
        gains = {w: ratio(one, best) for w, best in sweeps[model].items()}
        top = max(gains, key=lambda w: gains[w])
        assert int(workers) == top, model
        assert near(number(shown), gains[top]), model
        assert (verb == "peaks at") == (top < max(gains)), model
        unknown = {w for w in _planned(run, heading) if w > top} - gains.keys()
        assert {int(w) for w in listed(absent)} == unknown, model


@kind(rf"At least half of the ideal is reached (?P<list>{USEFUL}(?:; {USEFUL})*)\.")
def useful(run: Plain, heading: str, m: re.Match[str]) -> None:
    sweeps, one = _sweep(run, heading)
    most = max(w for by in sweeps.values() for w in by)
    seen = []
    for part in m["list"].split("; "):
        found = re.fullmatch(
            r"on (?:no number of workers|up to ([\d,]+) workers?)"
            r"(?: \((?:not on (\d+)|(more) were not measured)\))? by (.*)", part,
        )  # fmt: skip
        for model in listed(found[4]):
            seen.append(model)
            half = {w: ratio(one, best) / w >= 0.5 for w, best in sweeps[model].items()}
            last = max((w for w in half if half[w]), default=0)
            assert int(found[1] or 0) == last, model
            above = [w for w in half if w > last]
            assert bool(found[2]) == bool(last and above), model
            assert not found[2] or int(found[2]) == min(above), model
            assert bool(found[3]) == bool(last and not above and last < most), model
    assert sorted(seen) == sorted(sweeps)


@kind(
    r"Above 100 % (?:(?P<fits>a worker's share of the data fits its core's own cache, which all of "
    r"it did not)|no cache of a core's own explains it: the shares fit none that all of the data "
    r"did not)\."
)
def above_the_ideal(run: Plain, heading: str, m: re.Match[str]) -> None:
    sweeps, one = _sweep(run, heading)
    above = [w for by in sweeps.values() for w, b in by.items() if ratio(one, b) / w > 1 and w > 1]
    assert above, "nothing is above 100 %"
    element = int(re.search(r"[fi](\d\d)", heading)[1]) // 8
    whole = sized(heading) * element
    fits = any(
        whole / min(above) <= c["bytes"] < whole
        for c in run.about["machine"]["cpu"]["caches"]
        if c["shared_by"] == 1 and c["type"] != "instruction"
    )
    assert not m["fits"] or fits


@kind(rf"With a constant (?P<size>{SIZE}) elements for each worker, (?P<list>.*?%.*?)\.")
def weak(run: Plain, heading: str, m: re.Match[str]) -> None:
    mine, share = of_heading(heading), size(m["size"])
    told = re.findall(r"([\w-]+) keeps ([\d.]+) % on (\d+) workers?", m["list"])
    assert told
    for model, shown, workers in told:
        by: dict[int, list[Form]] = {}
        for f in run.forms(lambda f, o=model: mine(f) and f.cpu and f.model == o):
            if f.elements == share * f.workers:
                by.setdefault(f.workers, []).append(f)
        assert int(workers) == max(by)
        assert near_percent(shown, ratio(run.best(by[min(by)]), run.best(by[max(by)])))


@kind(
    rf"(?P<enough>\d+) of (?P<most>\d+) multiprocessors reach 95 % of the highest rate, "
    rf"(?P<top>{NUMBER}) GB/s; one of them moves (?P<first>{NUMBER}) GB/s\."
)
def multiprocessors(run: Plain, heading: str, m: re.Match[str]) -> None:
    mine, at = of_heading(heading), sized(heading)
    by: dict[str, dict[int, float]] = {}
    for f in run.forms(lambda f: mine(f) and not f.cpu and f.elements == at):
        if not heading.endswith("kernel") or f.scope == "kernel":
            by.setdefault(f.variant, {})[f.workers] = run.rate(run.best([f]))
    swept = max(by.values(), key=lambda r: (len(r), max(r.values())))
    top = max(swept.values())
    assert int(m["enough"]) == min(w for w, r in swept.items() if r >= 0.95 * top)
    assert int(m["most"]) == max(swept)
    assert near(number(m["top"]), top)
    assert near(number(m["first"]), swept[min(swept)])


# What a law adds for each worker but the first, beside the part that is divided: T(p) over T(1).
LAWS: dict[str, tuple[int, list[Callable[[int], float]]]] = {
    "Amdahl's law": (3, [lambda p: 1 / p, lambda p: 1.0]),
    "the USL": (4, [lambda p: 1 / p, lambda p: 1.0, lambda p: p - 1, lambda p: 1 - p]),
}
WHY = (
    r"[\w' -]+? (?:needs at least \w+ worker counts|misses a measured median by \d+%) \([\w, -]+\)"
)


def _misfit(terms: list[Callable[[int], float]], times: dict[int, float]) -> float:
    """How far the least squares are off at most, by coordinate descent with no weight below 0."""
    rows = [[term(p) / t for term in terms] for p, t in times.items()]
    weights = [0.0] * len(terms)
    left = [1.0] * len(rows)
    for _ in range(20000):
        for j in range(len(terms)):
            size = sum(r[j] ** 2 for r in rows)
            step = sum(r[j] * y for r, y in zip(rows, left, strict=True)) / size if size else 0.0
            step = max(step, -weights[j])
            weights[j] += step
            left = [y - step * r[j] for r, y in zip(rows, left, strict=True)]
    return max(abs(sum(w * x for w, x in zip(weights, r, strict=True)) - 1) for r in rows)


@kind(rf"Not fitted: (?P<list>{WHY}(?:; {WHY})*)\.")
def not_fitted(run: Plain, heading: str, m: re.Match[str]) -> None:
    if heading.startswith("Cores and multiprocessors"):
        mine, at = of_heading(heading), sized(heading)
        of_gpu: dict[str, dict[int, float]] = {}
        for f in run.forms(lambda f: mine(f) and not f.cpu and f.elements == at):
            of_gpu.setdefault(f.variant, {})[f.workers] = run.best([f]).time
        swept = [max(of_gpu.values(), key=lambda t: (len(t), -min(t.values())))]
        times = {"cuda": dict(sorted(swept[0].items()))}
    else:
        cores = run.about["machine"]["cpu"]["cores"]
        sweeps, _ = _sweep(run, heading)
        times = {
            model: {w: best.time for w, best in by.items() if w <= cores}
            for model, by in sweeps.items()
        }
    told = re.findall(
        r"([\w' -]+?) (?:needs at least (\w+) worker counts|misses a measured median by (\d+)%) "
        r"\(([\w, -]+)\)", m["list"],
    )  # fmt: skip
    refused = set()
    for law, few, far, models in told:
        fewest, terms = LAWS[law.strip()]
        for model in listed(models):
            refused.add((law.strip(), model))
            if few:
                assert {"three": 3, "four": 4}[few] == fewest
                assert len(times[model]) < fewest, model
            else:
                assert abs(100 * _misfit(terms, times[model]) - int(far)) < 0.6, model
    for law, (fewest, _) in LAWS.items():
        few_for = {(law, model) for model, t in times.items() if len(t) < fewest}
        assert few_for <= refused, law


@kind(
    rf"At (?P<size>{SIZE}) elements two workers on one core do (?P<one>{NUMBER})× what one does, "
    rf"on two cores (?P<two>{NUMBER})×\."
)
def hardware_threads(run: Plain, heading: str, m: re.Match[str]) -> None:
    mine, at = of_heading(heading), size(m["size"])
    time = {
        (f.variant, f.workers): run.best([f]).time
        for f in run.forms(lambda f: mine(f) and f.model == "threads" and f.elements == at)
    }
    one = time["pool", 1]
    assert near(number(m["one"]), one / time["pool-siblings", 2])
    assert near(number(m["two"]), one / time["pool", 2])


@kind(
    r"No core of this machine has a second hardware thread: SMT is not there, or off\. "
    r"Where it is on,[^.]*\."
)
def without_smt(run: Plain, heading: str, m: re.Match[str]) -> None:
    assert run.about["machine"]["cpu"]["smt"] == 1


@kind(r"No GPU was measured here\. With one,[^.]*\.")
def without_gpu(run: Plain, heading: str, m: re.Match[str]) -> None:
    assert all(f.cpu for f in run.times)
