"""What a core's second hardware thread is worth beside a second core, and what a lesson lacks."""

from __future__ import annotations

from analysis.drawing.charts import (
    RATE_HEADER,
    RATE_TOOLTIP,
    bars_height,
    log_bars,
    rate_cells,
    rate_row,
)
from analysis.drawing.figure import Figure
from analysis.drawing.looks import plain_looks
from analysis.drawing.markup import Html, el
from analysis.measured.costs import title_of
from analysis.measured.curves import Group, Point
from analysis.reading.run import Run
from analysis.words import format_size, significant

ONE, ON_ONE_CORE, ON_TWO_CORES = "one worker", "two on one core", "two on two cores"
# The variant of `threads` and its workers.
WAYS = {ONE: ("pool", 1), ON_ONE_CORE: ("pool-siblings", 2), ON_TWO_CORES: ("pool", 2)}
PHYSICS = (
    "A core's hardware threads share its arithmetic and its caches: the second uses what the first "
    "leaves idle while it waits. A second core brings its own."
)


def siblings(group: Group, machine: str, number: int) -> Figure | None:
    """One worker, two on a core's hardware threads and two on cores of their own."""
    about = group.run.about
    if about.text("topology.pin") != "cores" or (about.number("machine.cpu.cores") or 0) < 2:
        return None
    t = group.table
    variants = [variant for variant, _ in WAYS.values()]
    threads = t.filter((t["model"] == "threads") & t["variant"].is_in(variants))
    points = {
        (p.variant, p.workers, p.elements): p
        for p in group.best_by(threads, "variant", "workers", "elements")
        if p.elements
    }
    sizes = {n for _, _, n in points}
    whole = [n for n in sizes if all((*way, n) in points for way in WAYS.values())]
    if not whole:
        return None
    size = group.quoted if group.quoted in whole else max(whole)
    found: dict[str, Point] = {name: points[*way, size] for name, way in WAYS.items()}
    rates = {name: rate_row(p, name) for name, p in found.items()}
    rows = [{**row, "k": name, "g": row["v"]} for name, row in rates.items()]
    series = plain_looks(list(found))
    one = found[ONE].time.value
    gains = [significant(one / found[name].time.value) for name in (ON_ONE_CORE, ON_TWO_CORES)]
    return Figure(
        f"siblings-{number}",
        title_of(f"A core's second hardware thread, and a second core: {group.title}", machine),
        log_bars(rows, series, "GB/s", RATE_TOOLTIP),
        f"At {format_size(size)} elements two workers on one core do {gains[0]}× what one does, on "
        f"two cores {gains[1]}×.",
        PHYSICS,
        series,
        RATE_HEADER,
        rate_cells(rows),
        zooms=False,
        height=bars_height(len(rows)),
    )


def lacking(run: Run, machine: str) -> list[Html]:
    """What a lesson would show elsewhere; `machine` is this one's name where there are several."""
    notes = []
    if run.about.smt == 1:
        notes.append(
            "No core of this machine has a second hardware thread: SMT is not there, or off. Where "
            "it is on, a chart here compares two workers on one core with two on two cores."
        )
    if set(run.configurations.get_column("device")) <= {"cpu"}:
        notes.append(
            "No GPU was measured here. With one, this section has one multiprocessor beside one "
            "core and all beside all cores, and the answer says from which size the GPU wins, with "
            "its data there already and with the copies."
        )
    name = f"{machine}: " if machine else ""
    return [el("p", name + note, class_="note") for note in notes]
