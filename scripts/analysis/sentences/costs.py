"""What pages say of counting and of making workers."""

from __future__ import annotations

import re
from statistics import median

from analysis.sentences.plain import Form, Plain
from analysis.sentences.reading_page import (
    COUNT,
    DATA,
    FORM,
    NUMBER,
    SIZE,
    TIME,
    data,
    kind,
    listed,
    near,
    near_percent,
    number,
    size,
    time,
)
from analysis.sentences.units import full, largest, workers_of


def _lost(run: Plain, form: Form) -> float:
    return run.column(form, "error") or 0.0


@kind(rf"One worker alone adds 1 in (?P<time>{TIME}) \((?P<by>{FORM})\)\.")
def alone(run: Plain, heading: str, m: re.Match[str]) -> None:
    (each,) = [t for f, t in full(run, "count").items() if f.name == m["by"]]
    assert near(time(m["time"]), each)


@kind(
    rf"Of several workers that lose nothing, (?P<quick>{FORM}) is the quickest "
    rf"\((?P<quick_time>{TIME}) on (?P<on>{COUNT})\) and (?P<slow>{FORM}) the slowest "
    rf"\((?P<slow_time>{TIME}), (?P<ratio>{NUMBER})×\)\."
)
def synchronised(run: Plain, heading: str, m: re.Match[str]) -> None:
    each = {f: t for f, t in full(run, "count").items()
            if f.workers > 1 and f.scope == "resident" and _lost(run, f) == 0}  # fmt: skip
    quick, slow = min(each, key=lambda f: each[f]), max(each, key=lambda f: each[f])
    assert (m["quick"], m["on"], m["slow"]) == (quick.name, workers_of(quick), slow.name)
    assert near(time(m["quick_time"]), each[quick])
    assert near(time(m["slow_time"]), each[slow])
    assert near(number(m["ratio"]), each[slow] / each[quick])


@kind(
    rf"By a GPU's own clock, without the launch, an increment takes "
    rf"(?P<list>(?:(?:, | and )?{TIME} by {FORM})+)\."
)
def by_the_device(run: Plain, heading: str, m: re.Match[str]) -> None:
    each = {f.name: t for f, t in full(run, "count").items()
            if f.scope == "kernel" and _lost(run, f) == 0}  # fmt: skip
    told = re.findall(rf"({TIME}) by ({FORM})", m["list"])
    assert {name for _, name in told} == each.keys()
    assert all(near(time(t), each[name]) for t, name in told)


@kind(
    r"Racing is no way out: "
    rf"(?P<list>(?:(?:, | and )?{FORM} loses [\d.]+ % on {COUNT})+)\."
)
def racing(run: Plain, heading: str, m: re.Match[str]) -> None:
    lost = {(f.name, workers_of(f)): share for f in full(run, "count")
            if f.scope == "resident" and (share := _lost(run, f)) > 0}  # fmt: skip
    told = re.findall(rf"({FORM}) loses ([\d.]+) % on ({COUNT})", m["list"])
    assert {(name, on) for name, _, on in told} == lost.keys()
    assert all(near_percent(p, min(lost[name, on], 0.9999)) for name, p, on in told)


@kind(rf"(?P<by>{FORM}) loses up to (?P<share>[\d.]+) % of the increments, on (?P<on>{COUNT})\.")
def at_worst(run: Plain, heading: str, m: re.Match[str]) -> None:
    lost = {f: _lost(run, f) for f in largest(run, "count") if f.cpu}
    worst = max(lost, key=lambda f: lost[f])
    assert (m["by"], m["on"]) == (worst.name, workers_of(worst))
    assert near_percent(m["share"], lost[worst])


@kind(
    rf"From (?P<first>\d+) to (?P<last>{COUNT}) an increment of (?P<most>{FORM}) takes "
    rf"(?P<by>{NUMBER})× as long, one of (?P<least>{FORM}) (?P<by_least>{NUMBER})×\."
)
def growth(run: Plain, heading: str, m: re.Match[str]) -> None:
    models = listed(heading.split(": ", 1)[1].split(" (")[0])
    by: dict[str, dict[int, float]] = {}
    for f, t in largest(run, "count").items():
        if f.model in models and f.cpu:
            by.setdefault(f.name, {})[f.workers] = t
    grown = {n: w[max(w)] / w[min(w)] for n, w in by.items() if len(w) > 1}
    most, least = max(grown, key=lambda n: grown[n]), min(grown, key=lambda n: grown[n])
    assert (m["most"], m["least"]) == (most, least)
    assert (int(m["first"]), m["last"].split()[0]) == (min(by[most]), f"{max(by[most])}")
    assert near(number(m["by"]), grown[most])
    assert near(number(m["by_least"]), grown[least])


@kind(r"Each was measured on one worker count alone\.")
def no_growth(run: Plain, heading: str, m: re.Match[str]) -> None:
    models = listed(heading.split(": ", 1)[1].split(" (")[0])
    by: dict[str, set[int]] = {}
    for f in largest(run, "count"):
        if f.model in models and f.cpu:
            by.setdefault(f.name, set()).add(f.workers)
    assert all(len(workers) == 1 for workers in by.values()) and len(set.union(*by.values())) > 1


@kind(
    rf"Counters of different workers on one line (?P<travel>travel as if they were shared:|need "
    rf"not travel.*?so) threads/false-sharing takes (?P<ratio>{NUMBER})× as long as "
    r"threads/padded\."
)
def false_sharing(run: Plain, heading: str, m: re.Match[str]) -> None:
    each = {f.name: t for f, t in full(run, "count").items()}
    truth = each["threads/false-sharing"] / each["threads/padded"]
    assert near(number(m["ratio"]), truth)
    assert (truth >= 1.5) == (m["travel"] == "travel as if they were shared:")


@kind(
    rf"A worker costs (?P<quick_time>{TIME}) by (?P<quick>{FORM}) \((?P<on>{COUNT}) at once\) and "
    rf"(?P<dear_time>{TIME}) by (?P<dear>{FORM}) \((?P<dear_on>{COUNT})\)"
    rf"(?:, (?P<ratio>{NUMBER})× as much)?\.(?: This run used a GPU and did not record whether it "
    rf"was open to (?P<beside>{FORM}), which makes each fork dearer: a run of CPU models alone "
    r"tells what it costs without\.)?"
)
def created(run: Plain, heading: str, m: re.Match[str]) -> None:
    each = {f: t for f, t in full(run, "create").items()
            if f.cpu and not run.column(f, "worker_copied_bytes")}  # fmt: skip
    quick, dear = min(each, key=lambda f: each[f]), max(each, key=lambda f: each[f])
    assert (m["quick"], m["on"]) == (quick.name, workers_of(quick))
    assert (m["dear"], m["dear_on"]) == (dear.name, workers_of(dear))
    assert near(time(m["quick_time"]), each[quick])
    assert near(time(m["dear_time"]), each[dear])
    assert (m["ratio"] is not None) == (quick.workers == dear.workers)
    assert not m["ratio"] or near(number(m["ratio"]), each[dear] / each[quick])
    # A fork beside an open GPU is dearer, and these runs did not record whether one was.
    beside = any(not f.cpu for f in run.times) and "cuda_context" not in run.rows[0]
    assert (m["beside"] == "processes/fork") == beside


@kind(
    rf"A child by processes/fork-write writes to (?P<bytes>{DATA}) of what it got from its parent, "
    rf"which is copied only then: (?P<time>{TIME}) more for each MiB, "
    rf"(?P<on>{COUNT}) at once\."
)
def copied(run: Plain, heading: str, m: re.Match[str]) -> None:
    each = {f.name: (f, t) for f, t in full(run, "create").items()}
    (plain, base), (writing, whole) = each["processes/fork"], each["processes/fork-write"]
    assert plain.workers == writing.workers and m["on"] == workers_of(writing)
    written = run.column(writing, "worker_copied_bytes")
    assert near(data(m["bytes"]), written)
    assert near(time(m["time"]), (whole - base) / (written / 2**20))


@kind(
    rf"A thread by threads/spawn has (?P<addresses>{DATA}) of addresses, most of them for a stack, "
    rf"and (?P<memory>{DATA}) of memory behind them\."
)
def of_a_thread(run: Plain, heading: str, m: re.Match[str]) -> None:
    form = _most_of(run, "threads/spawn")
    assert near(data(m["addresses"]), run.column(form, "worker_reserved_bytes"))
    assert near(data(m["memory"]), run.column(form, "worker_resident_bytes"))


@kind(
    rf"A process by processes/fork has (?P<memory>{DATA}) in memory, nearly all of which its "
    r"parent has as well\."
)
def of_a_process(run: Plain, heading: str, m: re.Match[str]) -> None:
    resident = run.column(_most_of(run, "processes/fork"), "worker_resident_bytes")
    assert near(data(m["memory"]), resident)


def _most_of(run: Plain, name: str) -> Form:
    return max((f for f in largest(run, "create") if f.name == name), key=lambda f: f.workers)


@kind(
    rf"Making (?P<on>{COUNT}) by (?P<by>{FORM}) takes as long as one core works on "
    r"(?P<list>.*?); smaller work cannot pay for them\."
)
def pays(run: Plain, heading: str, m: re.Match[str]) -> None:
    whole = {f: median(run.times[f].values()) for f in full(run, "create") if f.cpu}
    dear = max(whole, key=lambda f: whole[f])
    assert (m["on"], m["by"]) == (workers_of(dear), dear.name)
    told = rf"(?:between ({SIZE}) and )?({SIZE}) elements of (\w+), (\w+)"
    for low, shown, workload, element in re.findall(told, m["list"]):
        curve: dict[int, list[Form]] = {}
        for f in run.forms(lambda f, w=workload, e=element: (f.workload, f.type) == (w, e)):
            if f.cpu and f.workers == 1:
                curve.setdefault(f.elements, []).append(f)
        times = sorted((n, run.best(forms).time) for n, forms in curve.items())
        above = next(i for i, (_, t) in enumerate(times) if t >= whole[dear])
        (n0, t0), (n1, t1) = times[above - 1 : above + 1]
        if low:
            assert near(size(low), n0) and near(size(shown), n1), workload
        else:
            assert near(size(shown), n0 + (n1 - n0) * (whole[dear] - t0) / (t1 - t0)), workload


@kind(
    rf"An idle worker keeps (?P<least>{DATA}) \((?P<least_by>[^)]*)\) to (?P<most>{DATA}) "
    r"\((?P<most_by>[^)]*)\)\."
)
def kept(run: Plain, heading: str, m: re.Match[str]) -> None:
    most: dict[str, Form] = {}
    for f in largest(run, "create"):
        if (
            f.workers > 0
            and (run.column(f, "worker_bytes") or 0) > 0
            and (f.name not in most or f.workers > most[f.name].workers)
        ):
            most[f.name] = f
    sizes = {name: run.column(f, "worker_bytes") for name, f in most.items()}
    for shown, names, truth in (
        (m["least"], m["least_by"], min(sizes.values())),
        (m["most"], m["most_by"], max(sizes.values())),
    ):
        assert near(data(shown), truth)
        unit = data(shown) / float(shown.split()[0])
        alike = {n for n, s in sizes.items() if f"{s / unit:.3g}" == shown.split()[0]}
        assert set(listed(names)) == alike


@kind(
    rf"An increment takes python/serial (?P<time>{TIME}); "
    rf"(?P<list>(?:(?:, | and )?{FORM} needs {TIME} \({NUMBER}×\))+)\."
)
def python_counting(run: Plain, heading: str, m: re.Match[str]) -> None:
    each = {f.name: t for f, t in full(run, "count").items()}
    assert near(time(m["time"]), each["python/serial"])
    told = re.findall(rf"({FORM}) needs ({TIME}) \(({NUMBER})×\)", m["list"])
    assert {n for n, _, _ in told} == each.keys() - {"python/serial"}
    for name, shown, times in told:
        assert near(time(shown), each[name])
        assert near(number(times), each[name] / each["python/serial"])
