"""What pages say of the latency of memory, and of links."""

from __future__ import annotations

import re
from statistics import median

from analysis.sentences.plain import Plain
from analysis.sentences.reading_page import (
    DATA,
    FORM,
    NUMBER,
    TIME,
    data,
    kind,
    near,
    number,
    time,
)

# Bytes that a load is at random among.
PLACE = 128


@kind(
    rf"A load takes (?P<list>(?:(?:; )?by {FORM} "
    rf"(?:(?:, | and )?{TIME} at {DATA}(?: \(L\d is {DATA}\))?)+)+)\."
)
def loads(run: Plain, heading: str, m: re.Match[str]) -> None:
    caches = {
        f"L{c['level']}": c["bytes"]
        for c in run.about["machine"]["cpu"]["caches"]
        if c.get("type") != "instruction"
    }
    told = re.findall(rf"by ({FORM}) (.*?)(?=; by|$)", m["list"])
    forms = run.forms(lambda f: f.workload == "chase")
    assert {name for name, _ in told} == {f.name for f in forms}
    for name, text in told:
        mine = {PLACE * f.elements: median(run.times[f].values()) / f.elements
                for f in forms if f.name == name}  # fmt: skip
        parts = re.findall(rf"({TIME}) at ({DATA})(?: \((L\d) is ({DATA})\))?", text)
        for shown, at, level, capacity in parts:
            assert near(time(shown), mine[data(at)])
            if level:
                assert near(data(capacity), caches[level])
                assert data(at) <= caches[level] / 2
        assert data(parts[-1][1]) == max(mine)


@kind(
    rf"Bytes are moved(?: on (?P<device>gpu\d+))? (?P<list>(?:(?:; )?by {FORM} in {TIME} "
    rf"for {DATA} and at up to {NUMBER} GB/s at {DATA}, half of which takes about {DATA})+)\."
)
def links(run: Plain, heading: str, m: re.Match[str]) -> None:
    told = re.findall(
        rf"by ({FORM}) in ({TIME}) for ({DATA}) and at up to ({NUMBER}) GB/s at ({DATA}), "
        rf"half of which takes about ({DATA})",
        m["list"],
    )
    forms = run.forms(
        lambda f: (
            f.workload == "link" and f.scope == "resident" and f.device == (m["device"] or "cpu")
        )
    )
    assert {name for name, *_ in told} == {f.name for f in forms}
    for name, least, few, best, at, half in told:
        mine = {f.elements: median(run.times[f].values()) for f in forms if f.name == name}
        rates = {size: size / time for size, time in mine.items()}
        assert near(data(few), min(mine))
        assert near(time(least), mine[min(mine)])
        assert near(number(best), max(rates.values()))
        assert near(data(at), max(rates, key=lambda size: rates[size]))
        reach = min(size for size in rates if 2 * rates[size] >= max(rates.values()))
        below = max((size for size in rates if size < reach), default=reach)
        assert below * 0.99 <= data(half) <= reach * 1.01


@kind(
    rf"A cache line goes to another core and back in {TIME} between CPUs \d+ and \d+"
    rf"(?: to {TIME} between CPUs \d+ and \d+; the median of [\d,]+ pairs is {TIME})?\."
)
def lines(run: Plain, heading: str, m: re.Match[str]) -> None:
    forms = run.forms(lambda f: f.workload == "core-to-core")
    each = {f.variant: median(run.times[f].values()) / f.elements for f in forms}
    told = re.findall(rf"({TIME}) between CPUs (\d+) and (\d+)", m[0])
    for (shown, a, b), truth in zip(told, (min, max), strict=False):
        assert near(time(shown), truth(each.values()))
        assert near(time(shown), each[f"{a}-{b}"])
    assert (len(told) == 1) == (len(each) == 1)
    if middle := re.search(rf"median of ([\d,]+) pairs is ({TIME})", m[0]):
        assert number(middle[1]) == len(each)
        assert near(time(middle[2]), median(each.values()))


@kind(r"For want of time (?P<left>[\d,]+) pairs? of (?P<all>[\d,]+) were left out\.")
def pairs_left(run: Plain, heading: str, m: re.Match[str]) -> None:
    left = sum(
        len(workers)
        for of, sizes in run.about["plan"]["left_out"]["of"].items()
        if of.startswith("core-to-core/")
        for workers in sizes.values()
    )
    pairs = run.forms(lambda f: f.workload == "core-to-core")
    assert (number(m["left"]), number(m["all"])) == (left, left + len(pairs))


@kind(r"No workload on arrays was measured; what others cost is below\.")
def only_costs(run: Plain, heading: str, m: re.Match[str]) -> None:
    assert all(f.type == "none" or not run.bytes.get(f) for f in run.times)
