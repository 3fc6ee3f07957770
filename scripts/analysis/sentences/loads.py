"""What pages say of the latency of memory."""

from __future__ import annotations

import re
from statistics import median

from analysis.sentences.plain import Plain
from analysis.sentences.reading_page import DATA, FORM, TIME, data, kind, near, time

# Bytes that a load is at random among.
PLACE = 128


@kind(
    rf"A load takes (?P<list>(?:(?:; )?by {FORM} "
    rf"(?:(?:, | and )?{TIME} at {DATA}(?: \(L\d is {DATA}\))?)+)+)\."
)
def loads(run: Plain, heading: str, m: re.Match[str]) -> None:
    caches = {f"L{c['level']}": c["bytes"] for c in run.about["machine"]["cpu"]["caches"]}
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


@kind(r"No workload that moves data was measured; what others cost is below\.")
def only_costs(run: Plain, heading: str, m: re.Match[str]) -> None:
    assert not any(run.bytes.get(f) for f in run.times)
