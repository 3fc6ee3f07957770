"""What pages say of latency, ladders, transfers, processes and Python."""

from __future__ import annotations

import re

from analysis.sentences.curves import named_curves, of_heading
from analysis.sentences.plain import Best, Form, Plain, ratio
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


@kind(
    rf"At (?P<small>{SIZE}) elements (?P<quick>[\w ]+) is quickest \((?P<time>{TIME})\); at "
    rf"(?P<large>{SIZE}) (?P<wide>[\w ]+?) moves most \((?P<rate>{NUMBER}) GB/s\), and at least "
    rf"half of that from (?P<half>{SIZE}) elements on\."
)
def ends(run: Plain, heading: str, m: re.Match[str]) -> None:
    named = {n: c for n, c in named_curves(run, heading, ("kernel", "resident", "offload")).items()
             if len(c) > 1}  # fmt: skip
    small, large = min(min(c) for c in named.values()), max(max(c) for c in named.values())
    assert (size(m["small"]), size(m["large"])) == (small, large)
    times = {n: run.best(c[small]).time for n, c in named.items() if small in c}
    assert m["quick"] == min(times, key=lambda n: times[n])
    assert near(time(m["time"]), min(times.values()))
    rates = {n: run.rate(run.best(c[large])) for n, c in named.items() if large in c}
    assert m["wide"] == max(rates, key=lambda n: rates[n])
    assert near(number(m["rate"]), max(rates.values()))
    wide = {n: run.rate(run.best(forms)) for n, forms in named[m["wide"]].items()}
    enough = min(n for n in wide if all(wide[k] >= wide[large] / 2 for k in wide if k >= n))
    assert size(m["half"]) == enough


def _ladder(run: Plain, heading: str, at: float) -> dict[str, Best]:
    mine, scope = of_heading(heading), heading.split(", ")[2]
    forms = run.forms(lambda f: mine(f) and not f.cpu and f.scope == scope and f.elements == at)
    found: dict[str, list[Form]] = {}
    for f in forms:
        found.setdefault(f.variant, []).append(f)
    return {variant: run.best(some) for variant, some in found.items()}


LIBRARIES = ("cub", "cublas", "thrust")


def _reached(name: str) -> str:
    return rf"(?P<{name}_rate>{NUMBER}) GB/s, (?P<{name}_share>[\d.]+) % of the theoretical peak"


@kind(
    rf"At (?P<size>{SIZE}) elements (?P<fastest>[\w-]+) is the fastest: "
    + _reached("fastest")
    + r"(?:\. The fastest step is (?P<step>[\w-]+): "
    + _reached("step")
    + r")?"
    + rf"(?:, (?P<ratio>{NUMBER})× (?P<library>\w+))?"
    + r"(?:\. The slowest is (?P<slowest>[\w-]+): "
    + _reached("slowest")
    + r")?\."
)
def ladder(run: Plain, heading: str, m: re.Match[str]) -> None:
    steps = _ladder(run, heading, size(m["size"]))
    assert len(steps) > 1
    rates = {v: run.rate(b) for v, b in steps.items()}
    own = {v: r for v, r in rates.items() if v not in LIBRARIES}
    library = max((v for v in rates if v in LIBRARIES), key=lambda v: rates[v])
    fastest, best = max(rates, key=lambda v: rates[v]), max(own, key=lambda v: own[v])
    slowest = min(own, key=lambda v: own[v])
    peak = run.peak(next(iter(steps.values())).form.device)
    expected = {"fastest": fastest, "step": best if best != fastest else None,
                "slowest": slowest if slowest not in (best, fastest) else None}  # fmt: skip
    for name, variant in expected.items():
        assert m[name] == variant, name
        if variant:
            assert near(number(m[f"{name}_rate"]), rates[variant]), name
            assert near_percent(m[f"{name}_share"], rates[variant] / peak), name
    assert m["library"] == library
    assert near(number(m["ratio"]), ratio(steps[library], steps[best]))


@kind(r"(?:One|Each) step (?:of the ladder was measured here|removes one thing)[^.]*\.")
def one_step(run: Plain, heading: str, m: re.Match[str]) -> None:
    mine, scope = of_heading(heading), heading.split(", ")[2]
    own = {f.variant for f in run.forms(lambda f: mine(f) and f.scope == scope)} - {*LIBRARIES}
    assert (len(own) > 1) == m[0].startswith("Each")


@kind(rf"At (?P<size>{SIZE}) elements (?P<by>\w+) moves (?P<rate>{NUMBER}) GB/s\.")
def transfers(run: Plain, heading: str, m: re.Match[str]) -> None:
    variants = _ladder(run, heading, size(m["size"]))
    rates = {v: run.rate(b) for v, b in variants.items()}
    assert m["by"] == max(rates, key=lambda v: rates[v])
    assert near(number(m["rate"]), max(rates.values()))


@kind(
    rf"On (?P<workers>\d+) workers? at (?P<large>{SIZE}) elements (?P<top>{FORM}) moves most, "
    rf"(?P<rate>{NUMBER}) GB/s(?P<list>(?:(?:; | and ){FORM} reaches {NUMBER}× of threads/pool)*)"
    rf"\. At (?P<small>{SIZE}) elements an operation takes (?P<ends>.*?)\."
)
def sharing(run: Plain, heading: str, m: re.Match[str]) -> None:
    mine, workers = of_heading(heading), int(m["workers"])
    large, small = size(m["large"]), size(m["small"])

    def at(n: float) -> dict[str, Best]:
        return {
            f.name: run.best([f])
            for f in run.forms(lambda f: mine(f) and f.elements == n and f.workers == workers)
            if f.model in ("processes", "mpi") or f.name == "threads/pool"
        }

    rates = {name: run.rate(b) for name, b in at(large).items()}
    assert m["top"] == max(rates, key=lambda n: rates[n])
    assert near(number(m["rate"]), max(rates.values()))
    for name, shown in re.findall(rf"({FORM}) reaches ({NUMBER})× of threads/pool", m["list"]):
        assert near(number(shown), ratio(at(large)["threads/pool"], at(large)[name]))
    times = {name: b.time for name, b in at(small).items()}
    told = re.findall(rf"({TIME}) by ({FORM})", m["ends"])
    assert [name for _, name in told] == [
        min(times, key=lambda n: times[n]), max(times, key=lambda n: times[n])
    ]  # fmt: skip
    assert all(near(time(t), times[name]) for t, name in told)


@kind(
    r"Processes that share memory work on it as threads do; only telling them differs\."
    r"(?P<messages> Messages copy every byte twice, into the kernel and out of it, there and back, "
    r"at a few GB/s a core: that is the limit wherever the work itself is as cheap as here\.)?"
    r"(?P<anew> Processes that are made for each operation pay for that first\.)?"
)
def kinds_of_sharing(run: Plain, heading: str, m: re.Match[str]) -> None:
    mine = of_heading(heading)
    variants = {f.variant for f in run.forms(mine)}
    sent = bool(variants & {"queue", "pipe", "socket", "file", "scatter-gather"})
    assert ("essages" in heading) == sent
    assert ("ranks" in heading) == any(f.model == "mpi" for f in run.forms(mine))
    assert m["messages"] is None or sent
    assert m["anew"] is None or "spawn" in {
        f.variant for f in run.forms(mine) if f.model != "threads"
    }


@kind(
    rf"At (?P<size>{SIZE}) elements python/serial moves (?P<rate>{NUMBER}) GB/s; "
    rf"(?P<list>(?:(?:, | and )?{FORM} is {NUMBER}× as fast)+)\."
)
def python(run: Plain, heading: str, m: re.Match[str]) -> None:
    mine, at = of_heading(heading), size(m["size"])
    by: dict[str, list[Form]] = {}
    for f in run.forms(lambda f: mine(f) and f.elements == at):
        by.setdefault(f.name, []).append(f)
    best = {name: run.best(some) for name, some in by.items()}
    assert near(number(m["rate"]), run.rate(best["python/serial"]))
    told = re.findall(rf"({FORM}) is ({NUMBER})× as fast", m["list"])
    assert {n for n, _ in told} == best.keys() - {"python/serial"}
    for name, shown in told:
        assert near(number(shown), best["python/serial"].time / best[name].time), name
