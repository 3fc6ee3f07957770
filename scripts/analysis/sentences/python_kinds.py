"""What pages say of waiting and of passing data in Python."""

from __future__ import annotations

import re

from analysis.sentences.plain import Form, Plain
from analysis.sentences.reading_page import FORM, NUMBER, SIZE, TIME, kind, near, number, size, time
from analysis.sentences.units import largest
from analysis.sentences.ways import of_heading

TASK_NS = 1e6
FAST = {"fast median": "fast_median_ns", "fast p99": "fast_p99_ns"}


@kind(
    rf"Of tasks that sleep and of tasks that compute for 1\.00 ms, (?P<many>[\d,]+) workers have "
    rf"under way: (?P<list>(?:(?:; )?[\w-]+ {NUMBER} and {NUMBER})+)\."
)
def python_waiting(run: Plain, heading: str, m: re.Match[str]) -> None:
    each = {
        f: t for f, t in largest(run, "wait").items()
        if f.model == "python" and not run.column(f, FAST["fast p99"])
    }  # fmt: skip
    most = max(f.workers for f in each)
    assert number(m["many"]) == most
    under_way = {f.variant: TASK_NS / t for f, t in each.items() if f.workers == most}
    told = re.findall(rf"([\w-]+) ({NUMBER}) and ({NUMBER})", m["list"])
    both = [v.rpartition("-")[0] for v in under_way]
    assert {who for who, _, _ in told} == {who for who in both if both.count(who) == 2}
    for who, sleeping, computing in told:
        assert near(number(sleeping), under_way[f"{who}-block"])
        assert near(number(computing), under_way[f"{who}-compute"])


@kind(
    rf"Of (?P<size>{SIZE}) elements each takes (?P<by>{FORM}) (?P<time>{TIME})"
    rf"(?P<list>(?:(?:; |, | and ){FORM} needs {TIME} \({NUMBER}×\))*)\."
)
def python_carrying(run: Plain, heading: str, m: re.Match[str]) -> None:
    mine, at = of_heading(heading), size(m["size"])
    by: dict[str, list[Form]] = {}
    for f in run.forms(lambda f: mine(f) and f.elements == at):
        if f.name.startswith("python/processes-"):
            by.setdefault(f.name, []).append(f)
    each = {name: run.best(some).time / at for name, some in by.items()}
    assert m["by"] == min(each, key=lambda n: each[n])
    assert near(time(m["time"]), each[m["by"]])
    told = re.findall(rf"({FORM}) needs ({TIME}) \(({NUMBER})×\)", m["list"])
    assert {n for n, _, _ in told} == each.keys() - {m["by"]}
    for name, shown, times in told:
        assert near(time(shown), each[name])
        assert near(number(times), each[name] / each[m["by"]])
    largest_list = max(f.elements for f in run.forms(mine) if f.variant == "processes-manager")
    assert at == largest_list


@kind(
    rf"A fast request takes (?P<list>(?:(?:; )?{TIME} \(fast median\) and {TIME} \(fast p99\) by "
    rf"{FORM})+)\.(?: The fast p99 "
    rf"(?P<apart>(?:(?: and )?of {FORM} is {NUMBER}× that of {FORM})+)\.)?"
)
def python_serving(run: Plain, heading: str, m: re.Match[str]) -> None:
    served = {
        f.name: {label: run.column(f, column) for label, column in FAST.items()}
        for f in largest(run, "wait") if run.column(f, FAST["fast p99"])
    }  # fmt: skip
    told = re.findall(rf"({TIME}) \(fast median\) and ({TIME}) \(fast p99\) by ({FORM})", m["list"])
    assert [name for *_, name in told] == [*dict.fromkeys(name for *_, name in told)]
    assert {name for *_, name in told} == served.keys()
    for middle, high, name in told:
        assert near(time(middle), served[name]["fast median"])
        assert near(time(high), served[name]["fast p99"])
    apart = re.findall(rf"of ({FORM}) is ({NUMBER})× that of ({FORM})", m["apart"] or "")
    assert {(one, many) for one, _, many in apart} == {
        (name, f"{name}-threaded") for name in served if f"{name}-threaded" in served
    }
    for one, shown, many in apart:
        assert near(number(shown), served[one]["fast p99"] / served[many]["fast p99"])
