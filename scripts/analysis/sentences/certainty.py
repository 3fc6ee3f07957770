"""What pages say of telemetry, of what was left out, and of how sure they are."""

from __future__ import annotations

import json
import re
from pathlib import Path
from statistics import median
from typing import Any

from analysis.sentences.plain import ENOUGH, Form, Plain
from analysis.sentences.reading_page import (
    COUNT,
    FORM,
    NUMBER,
    SIZE,
    kind,
    near,
    number,
    size,
)
from analysis.sentences.units import workers_of

REFERENCES = Path(__file__).parents[3] / "results" / "reference"


@kind(r"(?P<label>gpu [\w ]+): .*? \(Band: half of the samples\.\)")
def telemetry(run: Plain, heading: str, m: re.Match[str]) -> None:
    column, unit = next(
        (name, unit) for name in run.rows[0] if name.startswith("gpu_")
        for stem, _, unit in [name.rpartition("_")]
        if m["label"] in (stem.replace("_", " "), name.replace("_", " "))
    )  # fmt: skip
    by: dict[str, list[float]] = {}
    for f, rows in run.samples.items():
        for row in rows if not f.cpu and f.elements > 0 else []:
            if row[column]:
                moved = run.bytes[f] * float(row["iterations"]) / 1e9 if unit == "j" else 1
                key = f"{f.device} {f.scope}, {f.elements}"
                if moved:
                    by.setdefault(key, []).append(float(row[column]) / moved)
    values = {key: median(some) for key, some in by.items()}
    shown = [number(v) for v in re.findall(rf"({NUMBER})(?: \S+)? (?:\(gpu|at every)", m[0])]
    assert len(shown) == (1 if "every size" in m[0] else 2)
    assert near(shown[0], min(values.values()))
    assert near(shown[-1], max(values.values()))
    places = re.findall(rf"\((gpu\d \w+), ({SIZE}) elements\)", m[0])
    for (where, n), value in zip(places, shown, strict=bool(places)):
        assert near(value, values[f"{where}, {round(size(n))}"])


def _intervals(run: Plain) -> list[Form]:
    return [f for f, t in run.times.items() if len(t) >= ENOUGH]


@kind(
    rf"Least certain is (?P<what>{FORM} \w+, {COUNT}) at (?P<size>{SIZE}) elements?: ±[\d.]+ %\."
    r"(?: (?P<without>[\d,]+) configurations? had too few rounds for an interval\.)?"
)
def least_certain(run: Plain, heading: str, m: re.Match[str]) -> None:
    names = {f"{f.name} {f.scope}, {workers_of(f)}": f for f in _intervals(run)
             if f.elements == size(m["size"])}  # fmt: skip
    form = names[m["what"]]
    assert len(run.times[form]) >= ENOUGH
    assert int((m["without"] or "0").replace(",", "")) == len(run.times) - len(_intervals(run))


@kind(
    r"[\w.-]+: (?P<left>[\d,]+) of (?P<all>[\d,]+) configurations \(of [^)]*\) were left out for "
    r"want of time\. To go on: build/crossover --resume \S+ --budget SECONDS"
)
def left_out(run: Plain, heading: str, m: re.Match[str]) -> None:
    plan = run.about["plan"]
    assert number(m["left"]) == plan["left_out"]["configurations"]
    assert number(m["all"]) == plan["configurations"]


@kind(
    r"[\w.-]+ ran out of its time budget\. At least (?P<gaps>[\d,]+) configurations? "
    r"were never measured: sizes and workers between those that were\. What else it planned, its "
    r"file does not tell\."
)
def gaps(run: Plain, heading: str, m: re.Match[str]) -> None:
    assert "time budget" in run.about["end_reason"]
    grids: dict[tuple, list[Form]] = {}
    for f in run.forms(lambda f: run.bytes[f] > 0):
        grids.setdefault((*f[:5], f.device), []).append(f)
    absent = sum(
        len({f.elements for f in some}) * len({f.workers for f in some}) - len(some)
        for some in grids.values()
    )
    assert number(m["gaps"]) == absent > 0


@kind(r"Only kernels were measured, by the GPU's own clock \(scope kernel\)[^.]*\.")
def kernels_only(run: Plain, heading: str, m: re.Match[str]) -> None:
    assert {f.scope for f in run.times} == {"kernel"}


@kind(r"(?P<rows>[\d,]+) rows? were skipped by the harness")
def skipped(run: Plain, heading: str, m: re.Match[str]) -> None:
    assert number(m["rows"]) == sum(r["status"] == "skipped" for r in run.rows)


@kind(r"(?P<samples>[\d,]+) samples? of the pilot round, which chose what was measured further")
def pilots(run: Plain, heading: str, m: re.Match[str]) -> None:
    measured = sum(r["status"] in ("ok", "noisy") for r in run.rows)
    assert number(m["samples"]) == measured - sum(len(s) for s in run.samples.values())


@kind(
    r"(?P<name>[\w ]+): as expected, (?P<rates>\d+) rates from memory within what \d+ runs? of \d+ "
    r"machines? reached\."
)
def verdict(run: Plain, heading: str, m: re.Match[str]) -> None:
    (usual,) = references(m["name"])
    assert run.rows[0]["run"] not in [r["run"] for r in usual["runs"]]
    compared = 0
    for key in {(f.workload, f.scope) for f in run.times if not f.cpu}:
        mine = run.forms(lambda f, k=key: not f.cpu and (f.workload, f.scope) == k)
        largest = max(f.elements for f in mine)
        reached = run.rate(run.best(f for f in mine if f.elements == largest))
        for rate in usual["rates"]:
            if (rate["workload"], rate["scope"], rate["elements"]) == (*key, largest):
                compared += 1
                assert abs(reached / rate["gb_per_s"] - 1) < 0.05, key
    assert int(m["rates"]) == compared


def references(name: str) -> list[dict[str, Any]]:
    told = [json.loads(path.read_text()) for path in REFERENCES.glob("*.json")]
    return [r for r in told if r["identity"]["name"] == name]


@kind(r"(?P<name>[\w ]+): the reference of this device comes from this run itself\.")
def own_reference(run: Plain, heading: str, m: re.Match[str]) -> None:
    (usual,) = references(m["name"])
    assert [r["run"] for r in usual["runs"]] == [run.rows[0]["run"]]


@kind(r"[\w.-]+: neighbouring rounds correlate, which widens the intervals of (?P<list>.*?)\.$")
def alike(run: Plain, heading: str, m: re.Match[str]) -> None:
    models = re.findall(r"([\w-]+) \((\d\.\d\d)\)", m["list"])
    assert models
    assert all(float(r) > 0.3 for _, r in models)
