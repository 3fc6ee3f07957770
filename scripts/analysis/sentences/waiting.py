"""What pages say of switching and waiting."""

from __future__ import annotations

import re
from statistics import median

from analysis.sentences.plain import Form, Plain
from analysis.sentences.reading_page import (
    COUNT,
    FORM,
    NUMBER,
    TIME,
    kind,
    near,
    near_percent,
    number,
    time,
)
from analysis.sentences.units import largest, workers_of


def _switch(run: Plain) -> dict[tuple[str, str], float]:
    return {
        (re.sub(r"-\d-cores?$", "", f.name), " ".join(f.variant.rsplit("-", 2)[1:])): t
        for f, t in largest(run, "switch").items()
    }


@kind(
    rf"Handing a token there and back takes (?P<quick_time>{TIME}) by (?P<quick>{FORM}) "
    rf"\((?P<quick_on>\d cores?)\) to (?P<slow_time>{TIME}) by (?P<slow>{FORM}) "
    rf"\((?P<slow_on>\d cores?)\); on two cores it takes (?P<low>{NUMBER})× \((?P<least>{FORM})\) "
    rf"to (?P<high>{NUMBER})× \((?P<most>{FORM})\) as long as on one\."
)
def round_trip(run: Plain, heading: str, m: re.Match[str]) -> None:
    each = _switch(run)
    quick, slow = min(each, key=lambda k: each[k]), max(each, key=lambda k: each[k])
    assert (m["quick"], m["quick_on"], m["slow"], m["slow_on"]) == (*quick, *slow)
    assert near(time(m["quick_time"]), each[quick])
    assert near(time(m["slow_time"]), each[slow])
    apart = {k: each[k, "2 cores"] / each[k, "1 core"] for k, on in each if on == "1 core"}
    least, most = min(apart, key=lambda k: apart[k]), max(apart, key=lambda k: apart[k])
    assert (m["least"], m["most"]) == (least, most)
    assert near(number(m["low"]), apart[least])
    assert near(number(m["high"]), apart[most])


@kind(
    rf"On one core the token's holder must leave it to the other: (?P<one>{NUMBER}) context "
    rf"switches a round trip\. On two cores (?:(?P<hardly>hardly anybody leaves)|who waits leaves "
    rf"as well) \((?P<two>{NUMBER}) switches\)[^.]*\."
)
def leaving(run: Plain, heading: str, m: re.Match[str]) -> None:
    for place, shown in (("1-core", m["one"]), ("2-cores", m["two"])):
        found = [
            (run.column(f, "voluntary_switches") + run.column(f, "involuntary_switches"))
            / f.elements
            for f in largest(run, "switch") if f.variant.endswith(place)
        ]  # fmt: skip
        assert near(number(shown), median(found)), place
    assert m["hardly"] is None or number(m["two"]) < 0.5


TAIL = {"p50": "op_p50_ns", "p90": "op_p90_ns", "p99": "op_p99_ns", "p99.9": "op_p999_ns",
        "max": "op_max_ns"}  # fmt: skip


def _tails(run: Plain, heading: str) -> dict[str, Form]:
    workload = "switch" if "round trip" in heading else "wait"
    found = {}
    for f in largest(run, workload):
        on = "" if workload == "switch" else f" on {workers_of(f)}"
        found[(f.name if workload == "switch" else f.variant) + on] = f
    return {name: f for name, f in found.items() if run.column(f, "op_p50_ns")}


@kind(
    rf"A (?:round trip|task) by (?P<by>[\w/-]+(?: on {COUNT})?) takes "
    rf"(?P<list>(?:(?:, | and )?{TIME} \([\w.]+\))+); the longest tail is that of "
    rf"(?P<worst>[\w/-]+(?: on {COUNT})?), whose p99\.9 is (?P<ratio>{NUMBER})× its p50\."
)
def tail(run: Plain, heading: str, m: re.Match[str]) -> None:
    forms = _tails(run, heading)
    form = forms[m["by"]]
    mean = median(run.times[form].values()) / form.elements
    mean *= form.workers if form.workload == "wait" else 1
    for shown, name in re.findall(rf"({TIME}) \(([\w.]+)\)", m["list"]):
        truth = mean if name == "mean" else run.column(form, TAIL[name])
        assert near(time(shown), truth), name
    both = {n: (run.column(f, "op_p999_ns"), run.column(f, "op_p50_ns")) for n, f in forms.items()}
    tails = {n: high / low for n, (high, low) in both.items() if high and low}
    worst = max(tails, key=lambda n: tails[n])
    assert m["worst"] == worst
    assert near(number(m["ratio"]), tails[worst])


@kind(rf"A reading of the clock, of which each single one holds one: (?P<time>{TIME})\.")
def clock(run: Plain, heading: str, m: re.Match[str]) -> None:
    told = [v for f in _tails(run, heading).values() if (v := run.column(f, "clock_ns"))]
    assert near(time(m["time"]), median(told))


@kind(r"Of tasks of 1\.00 ms, (?P<list>.*?of the ideal(?: \([^)]*\))?)\.")
def under_way(run: Plain, heading: str, m: re.Match[str]) -> None:
    for part in re.split(r" and (?=compute)|, (?=[a-z]+ reaches)", m["list"]):
        found = re.fullmatch(
            rf"(\w+) reaches ({NUMBER}) on ({COUNT}), ([\d.]+) % of the ideal"
            rf"(?: \(at best ({NUMBER}), on ([\d,]+)\))?", part,
        )  # fmt: skip
        reached = {f.workers: 1e6 / t for f, t in largest(run, "wait").items()
                   if f.variant == found[1]}  # fmt: skip
        last = max(reached)
        assert number(found[3].split()[0]) == last
        assert near(number(found[2]), reached[last])
        assert near_percent(found[4], reached[last] / last)
        top = max(reached.values())
        assert bool(found[5]) == (top > reached[last] * 1.05)
        assert not found[5] or near(number(found[5]), top)


BEHIND = {
    None: "mixed", " to a pool": "server", " to a thread of its connection": "server-per-connection"
}  # fmt: skip


@kind(rf"With one thread the fast p99 is (?P<ratio>{NUMBER})× as long as with (?P<many>[\d,]+)\.")
def one_thread(run: Plain, heading: str, m: re.Match[str]) -> None:
    variant = "server-per-connection" if "a thread a connection" in heading else "server"
    by = {f.workers: run.column(f, "fast_p99_ns") for f in largest(run, "wait")
          if f.variant == variant}  # fmt: skip
    least = min(by, key=lambda w: by[w])
    assert number(m["many"]) == least
    assert near(number(m["ratio"]), by[1] / by[least])


@kind(
    rf"A fast request(?P<to> to a pool| to a thread of its connection)? takes "
    rf"(?P<a>{TIME}) \(fast median\) and (?P<b>{TIME}) \(fast p99\) on "
    rf"(?P<few>[\d,]+) workers?; (?P<c>{TIME}) \(fast median\) and (?P<d>{TIME}) \(fast p99\) on "
    rf"(?P<many>[\d,]+) workers(?P<best>(?:; the lowest [\w ]+ is {TIME}, on {COUNT})*)\."
)
def fast_requests(run: Plain, heading: str, m: re.Match[str]) -> None:
    columns = {"fast median": "fast_median_ns", "fast p99": "fast_p99_ns"}
    mixed = {f.workers: f for f in largest(run, "wait") if f.variant == BEHIND[m["to"]]}
    by = {name: {w: run.column(f, c) for w, f in mixed.items()} for name, c in columns.items()}
    few, many = min(mixed), max(mixed)
    for shown, name, count in [
        (m["a"], "fast median", few), (m["b"], "fast p99", few),
        (m["c"], "fast median", many), (m["d"], "fast p99", many),
    ]:  # fmt: skip
        assert near(time(shown), by[name][count])
    assert (number(m["few"]), number(m["many"])) == (few, many)
    best = re.findall(rf"the lowest ([\w ]+) is ({TIME}), on ([\d,]+) workers?", m["best"])
    assert [name for name, _, _ in best] == list(columns)
    for name, shown, on in best:
        lowest = min(by[name], key=lambda w: by[name][w])
        assert number(on) == lowest
        assert near(time(shown), by[name][lowest])
