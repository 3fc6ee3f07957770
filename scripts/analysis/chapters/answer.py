"""The first screen: for each workload the best of CPU and GPU, in words and a few numbers."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.drawing.markup import Child, Html, el
from analysis.measured.curves import Curve, Group, Point
from analysis.statistics.crossover import CrossoverInterval
from analysis.statistics.stats import Estimate
from analysis.words import data_size, duration, format_size, percent, plural, ratio, significant


@dataclass(frozen=True)
class Share:
    """A rate as a fraction of a limit, and in words which."""

    fraction: float
    limit: str


@dataclass(frozen=True)
class Answer:
    """What one workload and type on one machine comes to, at the size that the run quotes.

    That is the size chosen beforehand, or else the largest common one.
    """

    group: Group
    elements: int
    cpu: Point | None
    one_worker: Point | None
    cpu_speed_up: Estimate | None
    gpu: Point | None
    gpu_ratio: Estimate | None
    offload: Point | None
    offload_ratio: Estimate | None
    resident_from: CrossoverInterval | None
    offload_from: CrossoverInterval | None
    parallel_from: CrossoverInterval | None
    cpu_share: Share | None
    gpu_share: Share | None
    chosen: bool = False  # the size, before anything was measured

    @property
    def winner(self) -> Point | None:
        """The faster of CPU and GPU, data in place."""
        both = [p for p in (self.cpu, self.gpu) if p]
        return min(both, key=lambda p: p.time.value) if both else None


def answer_of(group: Group) -> Answer | None:
    """The answer for `group`; None where nothing was measured that a caller waits for."""
    cpu, one = group.best_cpu(), group.one_worker()
    gpu, offload = group.best_gpu("resident"), group.best_gpu("offload")
    present = [c for c in (cpu, gpu, offload) if c]
    if not present:
        return None
    common = set.intersection(*[{p.elements for p in c.points} for c in present])
    elements = max(common) if common else max(c.last.elements for c in present)
    chosen = group.quoted
    if chosen and any(c.at(chosen) for c in present):
        elements = chosen

    def at(curve: Curve | None) -> Point | None:
        return curve.at(elements) if curve else None

    c, s, g, o = at(cpu), at(one), at(gpu), at(offload)
    parallel = group.best_parallel()
    return Answer(
        group,
        elements,
        cpu=c,
        one_worker=s,
        cpu_speed_up=group.speed_up(c, s) if c and s else None,
        gpu=g,
        gpu_ratio=group.speed_up(g, c) if c and g else None,
        offload=o,
        offload_ratio=group.speed_up(o, c) if c and o else None,
        resident_from=group.crossover(gpu, cpu) if gpu and cpu else None,
        offload_from=group.crossover(offload, cpu) if offload and cpu else None,
        parallel_from=group.crossover(parallel, one) if parallel and one else None,
        cpu_share=_cpu_share(group, c),
        gpu_share=_gpu_share(group, elements),
        chosen=elements == chosen,
    )


def _cpu_share(group: Group, point: Point | None) -> Share | None:
    peak = group.run.about.number("machine.memory_peak_gb_per_s")
    if point is None or peak is None:
        return None
    return Share(point.rate.value / peak, f"the memory's {significant(peak)} GB/s")


def _gpu_share(group: Group, elements: int) -> Share | None:
    for scope in ("kernel", "resident"):
        curve = group.best_gpu(scope)
        point = curve.at(elements) if curve else None
        peak = group.run.about.gpu_peak(point.device) if point else None
        if point and peak:
            return Share(
                point.rate.value / peak,
                f"the GPU memory's theoretical {significant(peak)} GB/s, {scope}",
            )
    return None


def starts(answer: CrossoverInterval | None, elements: int) -> str:
    """Where something begins to pay, as the end of a sentence."""
    if answer is None:
        return ""
    point = answer.point
    if point.kind == "crossover":
        again = "" if point.clean else ", after having led at smaller sizes too"
        return f"from {answer.text.replace(' (not monotonic)', '')} elements on{again}"
    if point.kind == "always":
        return "at every size measured"
    if point.kind == "never":
        return f"at no size measured, up to {format_size(elements)} elements"
    if point.kind == "not monotonic":
        return "at some sizes, but no longer at the largest"
    return "at no common size"


def sentences(answer: Answer) -> list[Child]:
    """The answer in words, the most important first."""
    result: list[Child] = []
    size = f"{format_size(answer.elements)} elements"
    if answer.gpu and answer.cpu and answer.gpu_ratio:
        lead = _times(answer.gpu_ratio, "faster", "slower")
        result.append(
            el(
                "span",
                "With the data already on it, the GPU beats the best CPU model ",
                el("b", starts(answer.resident_from, answer.elements)),
                f"; at {size} it is {lead}.",
            )
        )
    if answer.offload and answer.cpu and answer.offload_ratio:
        lead = _times(answer.offload_ratio, "faster", "slower")
        result.append(
            el(
                "span",
                "With the copies there and back it does so ",
                el("b", starts(answer.offload_from, answer.elements)),
                f"; at {size} it is {lead}.",
            )
        )
    if answer.cpu and answer.one_worker and answer.cpu_speed_up and answer.cpu.workers > 1:
        result.append(
            el(
                "span",
                "On the CPU, more than one core pays ",
                el("b", starts(answer.parallel_from, answer.elements)),
                f"; at {size} {answer.cpu.how} is {ratio(answer.cpu_speed_up)} "
                f"as fast as the best single worker, {answer.one_worker.form}.",
            )
        )
    elif answer.cpu and answer.cpu_speed_up:
        result.append(f"On the CPU, nothing is faster than a single worker at {size}.")
    if not answer.gpu and not answer.offload:
        result.append(
            "Of the GPU only kernels were measured, by its own clock: not what a caller waits for."
            if answer.group.best_gpu("kernel")
            else "No GPU was measured in this run."
        )
    if not answer.cpu:
        result.append("No CPU model was measured in this run.")
    return result


def _times(estimate: Estimate, more: str, less: str) -> str:
    sure = estimate.low is None or estimate.low > 1 or (estimate.high or 0) < 1
    if not sure:
        return f"no different beyond doubt ({ratio(estimate)})"
    if estimate.value >= 1:
        return f"{ratio(estimate)} {'as fast' if more == 'faster' else more}"
    return f"{ratio(estimate.inverse())} {less}"


def tiles(answer: Answer) -> Html:
    """The few numbers beside the words."""
    found: list[Html] = []

    def tile(name: str, value: str, detail: str) -> None:
        found.append(
            el("div", el("dt", name), el("dd", el("b", value), el("span", detail)), class_="tile")
        )

    if answer.cpu:
        tile("Best CPU", _rate(answer.cpu), f"{answer.cpu.how}; {duration(answer.cpu.time.value)}")
    if answer.gpu:
        tile(
            "Best GPU, resident",
            _rate(answer.gpu),
            f"{answer.gpu.how}; {duration(answer.gpu.time.value)}",
        )
    if answer.offload:
        tile(
            "Best GPU, offload",
            _rate(answer.offload),
            f"{answer.offload.how}; {duration(answer.offload.time.value)}",
        )
    if answer.cpu_speed_up and answer.cpu:
        tile(
            "Speed-up over one worker",
            f"{significant(answer.cpu_speed_up.value)}×",
            f"{_interval(answer.cpu_speed_up)} with {plural(answer.cpu.workers, 'worker')}",
        )
    if answer.gpu_share:
        tile(
            "Share of the GPU's limit",
            percent(answer.gpu_share.fraction),
            f"of {answer.gpu_share.limit}",
        )
    if answer.cpu_share:
        tile(
            "Share of the CPU's limit",
            percent(answer.cpu_share.fraction),
            f"of {answer.cpu_share.limit}",
        )
    return el("dl", found, class_="tiles")


def _interval(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return "too few rounds for an interval,"
    return f"[{significant(estimate.low)} to {significant(estimate.high)}]"


def _rate(point: Point) -> str:
    return f"{significant(point.rate.value)} GB/s"


def _size(answer: Answer) -> Html:
    array = data_size(answer.elements * answer.group.element_bytes)
    return el(
        "p",
        f"Rates and ratios are those at {format_size(answer.elements)} elements ({array} an "
        "array): the size was chosen before anything was measured.",
    )


def card(answer: Answer, machine: str = "") -> Html:
    """One workload's answer."""
    title = f"{answer.group.workload} ({answer.group.type}{answer.group.caches})"
    if machine:
        title += f" on {machine}"
    return el(
        "section",
        el("h3", title),
        _size(answer) if answer.chosen else None,
        [el("p", sentence, class_="lead") for sentence in sentences(answer)],
        tiles(answer),
        class_="card",
    )
