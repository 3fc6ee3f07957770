"""Several runs side by side: rates, times where they say different things, and what differs."""

from __future__ import annotations

from analysis.chapters.provenance import FIELDS, differences, value_of
from analysis.drawing.markup import Child, Html, el, table
from analysis.measured.curves import Curve, Group, Point
from analysis.reading.run import Run
from analysis.reading.state import in_words
from analysis.statistics import stats
from analysis.words import duration, format_size, ratio

# Data of at most this part of a cache is surely in it.
IN_CACHE = 0.5
MEMORY, CACHE, SMALLEST = "memory size", "in cache", "smallest size"


def times_apart(groups: list[Group]) -> Html | None:
    """Each machine's best time where sizes say different things, on CPUs and on GPUs.

    At the smallest size a caller waits for workers to start, in cache for cores, and from memory
    for its channels: no mean over these says anything of a machine.
    """
    rows: list[list[Child]] = []
    for hardware in ("CPU", "GPU"):
        curves = [g.best_cpu() if hardware == "CPU" else g.best_gpu("resident") for g in groups]
        pairs = [(g, c) for g, c in zip(groups, curves, strict=True) if c]
        for place, elements in places(pairs, hardware).items() if len(pairs) > 1 else ():
            points = [curve.at(elements) if curve else None for curve in curves]
            first = next(point for point in points if point)
            cells = [_time(point, None if point is first else first) for point in points]
            rows.append([f"{hardware}, {place}: {format_size(elements)}", *cells])
    if not rows:
        return None
    header = ["fastest of each machine", *[g.run.name for g in groups]]
    caption = f"{groups[0].title}: times and rates over the first machine [95 % interval]"
    return table(header, rows, caption=caption)


def places(have: list[tuple[Group, Curve]], hardware: str) -> dict[str, int]:
    """The sizes at which machines are compared, of those that all with such hardware have."""
    if not have:
        return {}
    common = sorted(set.intersection(*({p.elements for p in c.points} for _, c in have)))
    if not common:
        return {}
    quoted = [g.quoted for g, _ in have if g.quoted in common]
    found = {MEMORY: quoted[0] if quoted else common[-1]}
    caches = [
        # One core's second level: it holds the data of any number of workers.
        dict(g.run.about.caches).get("L2")
        if hardware == "CPU"
        else min((size for _, size in g.run.about.gpu_caches), default=None)
        for g, _ in have
    ]
    if all(caches):
        most = IN_CACHE * min(size for size in caches if size)
        first = {p.elements: p.bytes for _, c in have for p in c.points}
        fitting = [n for n in common[1:] if first[n] <= most]
        if fitting:
            found[CACHE] = fitting[-1]
    found[SMALLEST] = common[0]
    return {place: n for place, n in found.items() if list(found.values()).count(n) == 1}


def _time(point: Point | None, first: Point | None) -> str:
    if point is None:
        return "-"
    time = point.time
    told = duration(time.value)
    if time.low is not None and time.high is not None:
        told += f" [{duration(time.low)} to {duration(time.high)}]"
    told += f", {point.how}"
    if first is not None:
        told += f": {ratio(stats.independent_ratio(first.time, time))}"
    return told


def what_differs(runs: list[Run]) -> Html:
    """What differs between the runs besides their results, and a warning where it is software."""
    found = differences(runs)
    software = [d.what for d in found if d.kind == "software" and any(d.values)]
    warning = None
    if software:
        warning = el(
            "p",
            "Not only the hardware differs: ",
            ", ".join(software),
            ". A ratio above may be theirs.",
            class_="note",
        )
    rows: list[list[Child]] = [[d.what, *[v or "not recorded" for v in d.values]] for d in found]
    if not rows:
        return el("p", "The runs' descriptions do not differ.")
    return el(
        "div",
        warning,
        table(["", *[r.name for r in runs]], rows, caption="What differs between the runs"),
    )


# What the table of machines says: words, and a path of FIELDS or what is told of each GPU.
SYSTEM = [
    "CPU", "cores", "hardware threads a core (SMT)", "caches", "memory", "GPUs", "GPU driver",
    "virtualisation", "governor", "turbo", "huge pages", "compiler version", "flags", "commit",
]  # fmt: skip
OF_GPU = [
    ("GPU multiprocessors", "multiprocessors", ""),
    ("GPU clock", "max_sm_mhz", " MHz"),
    ("GPU memory clock", "max_memory_mhz", " MHz"),
    ("GPU memory's peak", "peak_gb_per_s", " GB/s"),
    ("GPU power limit", "power_limit_w", " W"),
    ("GPU link", "link", ""),
]


def _system(runs: list[Run]) -> list[tuple[str, list[str]]]:
    paths = {what: path for what, path, _ in FIELDS}
    rows = []
    for what in SYSTEM:
        rows.append((what, [value_of(run.about, paths[what]) for run in runs]))
        if what == "GPUs":
            rows += [(name, [_of_gpus(r, key, unit) for r in runs]) for name, key, unit in OF_GPU]
    rows.append(("rounds", [f"{run.rounds} at most" for run in runs]))
    rows.append(("measured", [run.about.text("started")[:10] for run in runs]))
    return [(what, values) for what, values in rows if any(values)]


def systems(runs: list[Run]) -> Html:
    """What the machines are, and what the rounds behind their figures; machines as columns."""
    rows: list[list[Child]] = [[what, *[v or "-" for v in told]] for what, told in _system(runs)]
    return table(["", *[run.name for run in runs]], rows, caption="The machines")


def facts(run: Run) -> Html:
    """The same of one machine, in little room."""
    told = [el("div", el("dt", what), el("dd", value)) for what, (value,) in _system([run])]
    return el("dl", told, class_="facts")


def _of_gpus(run: Run, key: str, unit: str) -> str:
    told = [gpu.get(key) for gpu in run.about.gpus]
    texts = [f"{v:,.5g}{unit}" if isinstance(v, (int, float)) else str(v) for v in told if v]
    return ", ".join(dict.fromkeys(texts))


def _flat(value: object) -> str:
    """`f32 60,000, f64 30,000` of an object, and anything else as it is."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_flat(v)}" for key, v in value.items())[:200]
    return f"{value:,.6g}" if isinstance(value, float) else str(value)[:200]


def description(run: Run) -> Html:
    """Everything recorded about one machine."""
    rows: list[list[Child]] = [
        [what, value] for what, path, _ in FIELDS if (value := value_of(run.about, path))
    ]
    rows += [[f"{what}, start and end", seen] for what, seen in in_words(run.about)]
    for gpu in run.about.gpus:
        for key, value in gpu.items():
            if value is not None and key not in ("device", "driver"):
                rows.append([f"{gpu.get('device', 'GPU')} {key.replace('_', ' ')}", _flat(value)])
    if not rows:
        return el("p", run.about.problem or "Nothing is recorded about this machine.")
    return table(["property", "value"], rows, caption=f"The machine of {run.name}")
