"""What pages say first: the answers, their tiles, and throughput against size."""

from __future__ import annotations

import re

from analysis.sentences.curves import Curve, curves_of, named_curves, of_heading
from analysis.sentences.plain import Plain, ratio
from analysis.sentences.reading_page import (
    FORM,
    NUMBER,
    SIZE,
    TIME,
    kind,
    near,
    near_percent,
    number,
    size,
    time,
)

INTERVAL = r"(?: \[[^\]]*\])?"
STARTS = (
    rf"(?:from (?:between {SIZE} and {SIZE}|{SIZE}{INTERVAL}) elements on"
    rf"(?:, after having led at smaller sizes too)?|at every size measured"
    rf"|at no size measured, up to {SIZE} elements|at some sizes, but no longer at the largest)"
)
LEAD = rf"(?:no different beyond doubt \([^)]*\)|{NUMBER}×{INTERVAL} (?:as fast|slower))"


def _starts(run: Plain, told: str, a: Curve, b: Curve) -> bool:
    """Whether `a` leads `b` from where the page says, by straight lines between plain medians."""
    sizes = sorted(a.keys() & b.keys())
    leads = [run.best(b[n]).time - run.best(a[n]).time for n in sizes]
    if told == "at every size measured":
        return all(d > 0 for d in leads)
    if told.startswith("at no size"):
        return not any(d > 0 for d in leads)
    if told.startswith("at some sizes"):
        return any(d > 0 for d in leads) and leads[-1] <= 0
    last = max(i for i, d in enumerate(leads) if d <= 0)
    below, above = sizes[last], sizes[last + 1]
    if between := re.search(rf"between ({SIZE}) and ({SIZE})", told):
        return (size(between[1]), size(between[2])) == (below, above) and above > 4 * below
    meeting = below + (above - below) * leads[last] / (leads[last] - leads[last + 1])
    shown = size(re.search(rf"from ({SIZE})", told)[1])
    interval = re.search(rf"\[({SIZE}) to ({SIZE})\]", told)
    inside = not interval or size(interval[1]) <= shown <= size(interval[2])
    # The median of what each round says may differ from what the medians say, by the interval where
    # leads are next to nothing for several sizes.
    if interval and size(interval[1]) <= meeting <= size(interval[2]):
        return inside
    return inside and below <= shown <= above and abs(shown / meeting - 1) < 0.3


def _lead(told: str, truth: float) -> bool:
    found = re.search(rf"({NUMBER})×", told)
    shown = number(found[1])
    return near(shown, 1 / truth if "slower" in told else truth)


@kind(
    rf"With (?:the data already on it, the GPU beats the best CPU model|(?P<copies>the copies "
    rf"there and back it does so)) (?P<starts>{STARTS}); at (?P<size>{SIZE}) elements it is "
    rf"(?P<lead>{LEAD})\."
)
def gpu_leads(run: Plain, heading: str, m: re.Match[str]) -> None:
    curves = curves_of(run, heading)
    scope, at = "offload" if m["copies"] else "resident", round(size(m["size"]))
    assert _starts(run, m["starts"], curves[scope], curves["cpu"])
    present = [set(curves[c]) for c in ("cpu", "resident", "offload") if curves[c]]
    assert at == max(set.intersection(*present))
    assert _lead(m["lead"], ratio(run.best(curves["cpu"][at]), run.best(curves[scope][at])))


@kind(
    rf"On the CPU, more than one core pays (?P<starts>{STARTS}); at (?P<size>{SIZE}) elements "
    rf"(?P<form>{FORM}), (?P<workers>\d+) workers is (?P<ratio>{NUMBER})×{INTERVAL} as fast as the "
    rf"best single worker, (?P<base>{FORM})\."
)
def cpu_leads(run: Plain, heading: str, m: re.Match[str]) -> None:
    curves, at = curves_of(run, heading), round(size(m["size"]))
    assert _starts(run, m["starts"], curves["several"], curves["one"])
    best, one = run.best(curves["cpu"][at]), run.best(curves["one"][at])
    assert (m["form"], int(m["workers"])) == (best.form.name, best.form.workers)
    assert m["base"] == one.form.name
    assert near(number(m["ratio"]), ratio(one, best))


@kind(rf"On the CPU, nothing is faster than a single worker at (?P<size>{SIZE}) elements\.")
def cpu_alone(run: Plain, heading: str, m: re.Match[str]) -> None:
    curves = curves_of(run, heading)
    assert run.best(curves["cpu"][round(size(m["size"]))]).form.workers == 1
    assert curves["several"]


@kind(r"No (?P<what>GPU|CPU model) was measured in this run\.")
def missing(run: Plain, heading: str, m: re.Match[str]) -> None:
    curves = curves_of(run, heading)
    waited = curves["cpu"] if m["what"] == "CPU model" else {**curves["resident"],
                                                             **curves["offload"]}  # fmt: skip
    assert not waited
    assert m["what"] == "CPU model" or not curves["kernel"]


@kind(
    rf"Rates and ratios are those at (?P<size>{SIZE}) elements \([^)]*an array\): the size was "
    r"chosen before anything was measured\."
)
def chosen_size(run: Plain, heading: str, m: re.Match[str]) -> None:
    mine = of_heading(heading)
    quoted = [q for q in run.about["plan"]["quoted"] if q["elements"] == size(m["size"])]
    assert any(mine(f) for f in run.times if f.workload in [q["workload"] for q in quoted])


@kind(
    rf"Best (?P<of>CPU|GPU, \w+): (?P<rate>{NUMBER}) GB/s (?P<form>{FORM}), (?P<workers>\d+) "
    rf"(?:workers?|SMs?); (?P<time>{TIME})"
)
def tile(run: Plain, heading: str, m: re.Match[str]) -> None:
    curves = curves_of(run, heading)
    curve = curves[{"CPU": "cpu", "GPU, resident": "resident", "GPU, offload": "offload"}[m["of"]]]
    (best,) = [
        b for forms in curve.values() if near(time(m["time"]), (b := run.best(forms)).time)
        and b.form.name == m["form"]
    ]  # fmt: skip
    assert best.form.workers == int(m["workers"])
    assert near(number(m["rate"]), run.rate(best))


@kind(
    rf"Speed-up over one worker: (?P<ratio>{NUMBER})× (?:\[[^\]]*\]|too few rounds for an "
    r"interval,) with (?P<workers>\d+) workers?"
)
def tile_speed_up(run: Plain, heading: str, m: re.Match[str]) -> None:
    curves = curves_of(run, heading)
    assert any(
        near(number(m["ratio"]), ratio(run.best(curves["one"][n]), best))
        and best.form.workers == int(m["workers"])
        for n in curves["cpu"].keys() & curves["one"].keys()
        for best in [run.best(curves["cpu"][n])]
    )


@kind(
    rf"Share of the GPU's limit: (?P<share>[\d.]+) % of the GPU memory's theoretical "
    rf"(?P<peak>{NUMBER}) GB/s, (?P<scope>\w+)"
)
def tile_share(run: Plain, heading: str, m: re.Match[str]) -> None:
    curve = curves_of(run, heading)[m["scope"]]
    best = run.best(curve[max(curve)])
    assert near(number(m["peak"]), run.peak(best.form.device))
    assert near_percent(m["share"], run.rate(best) / run.peak(best.form.device))


@kind(
    rf"The highest rate is (?P<rate>{NUMBER}) GB/s, by (?P<by>[\w ]+) at (?P<at>{SIZE}) elements"
    rf"(?:; at the largest size, (?P<largest>{SIZE}), (?P<leader>[\w ]+) leads with "
    rf"(?P<last>{NUMBER}) GB/s)?\."
)
def throughput(run: Plain, heading: str, m: re.Match[str]) -> None:
    named = named_curves(run, heading, ("resident", "offload"))
    rates = {
        (name, n): run.rate(run.best(forms))
        for name, curve in named.items() for n, forms in curve.items()
    }  # fmt: skip
    best = max(rates, key=lambda k: rates[k])
    assert (m["by"], size(m["at"])) == best
    assert near(number(m["rate"]), rates[best])
    largest = max(n for _, n in rates)
    last = max((k for k in rates if k[1] == largest), key=lambda k: rates[k])
    assert (m["last"] is None) == (last == best)
    if m["last"]:
        assert (m["leader"], size(m["largest"])) == last
        assert near(number(m["last"]), rates[last])


@kind(
    rf"(?:(?:, | and |^)?(?:[Ss]everal cores beat one|[Tt]he GPU beats the CPU (?:in place|with "
    rf"copies)) {STARTS})+\."
)
def crossovers(run: Plain, heading: str, m: re.Match[str]) -> None:
    curves = curves_of(run, heading)
    pairs = {"everal cores beat one": ("several", "one"),
             "he GPU beats the CPU in place": ("resident", "cpu"),
             "he GPU beats the CPU with copies": ("offload", "cpu")}  # fmt: skip
    told = 0
    for words, (a, b) in pairs.items():
        if found := re.search(rf"{words} ({STARTS})", m[0]):
            told += 1
            assert _starts(run, found[1], curves[a], curves[b]), words
        else:
            assert not (curves[a] and curves[b]), words
    assert told == m[0].count(" beat")
