"""How it was measured and computed, and the data to take away."""

from __future__ import annotations

import base64
import gzip
import io

import polars as pl

from analysis.chapters import loop_forms, machines
from analysis.drawing.markup import Child, Html, el, table
from analysis.reading.run import Run
from analysis.statistics.crossover import WIDEST_BRACKET
from analysis.words import plain, plural

# Of a larger file the page carries the medians instead of the samples.
MOST_PACKED = 1_000_000
MOST_READ = 64 << 20
MOST_CONFIGURATIONS = 20_000

STATISTICS: list[tuple[str, str]] = [
    (
        "Sample",
        "The mean time of one operation, over as many as fit in the minimum time; one sample "
        "of every configuration in each round, in an order shuffled anew.",
    ),
    (
        "Value",
        "The median over rounds of the samples that are ok or noisy; a failed sample is in no "
        "chart. Throughput is the fewest bytes that the operation can move over that time.",
    ),
    (
        "Interval",
        "95 %, from order statistics (the sign test's), valid for any distribution of "
        "times; it needs six rounds.",
    ),
    (
        "Best form",
        "Curves take the fastest variant and worker count at each size, chosen on one half of the "
        "rounds (earlier or later) and timed on the other, both ways round: who wins by luck on "
        "one half is not favoured on the other.",
    ),
    (
        "Speed-up and ratios",
        "The median over rounds of the ratio of samples taken in the same "
        "round, with the same kind of interval, so that what disturbs a whole round cancels.",
    ),
    (
        "Crossover",
        "Where two curves last meet before the lead stays. Between two sizes their times are taken "
        "to be straight lines in size (Hockney's latency and rate). One half of the rounds says "
        "between which sizes and forms, each round of the other gives a crossing; of these the "
        "median with the same kind of interval. Where the two sizes are more than "
        f"{WIDEST_BRACKET} × apart, the answer is these sizes.",
    ),
    (
        "Rounds that are alike",
        "Where a model's neighbouring rounds correlate by more than 0.3 on average, its intervals "
        "are drawn apart by the root of (1 + r) / (1 - r).",
    ),
    (
        "Amdahl and USL",
        "Least squares with relative weights on median times, parameters not "
        "negative, up to the physical cores; interval from 199 resamples of rounds. A law that "
        "misses a median by more than 10 % is reported as not supported by the data.",
    ),
    (
        "Latency and bandwidth",
        "The same least squares of time = latency + bytes / bandwidth over all sizes.",
    ),
    (
        "Costs",
        "Of a workload that is not on arrays: the median time over its number of units. Workers "
        "can pay from the size of work on which one core takes as long as making them, with times "
        "between the measured sizes on straight lines.",
    ),
    (
        "Machines side by side",
        "At the smallest size, in cache and from memory apart, CPUs and GPUs apart, never a mean "
        "over them. Two runs share no round, so the bounds of a ratio add up like errors do.",
    ),
]


PILOT = (
    "Pilot",
    "The first round chooses what is measured further, so it favours who was lucky in it: it does "
    "not count for a configuration that has six others.",
)


def commands(runs: list[Run]) -> list[Html]:
    """Command line, versions and times of each run."""
    found = []
    for run in runs:
        about = run.about
        rows: list[list[Child]] = [
            ["command", el("code", about.text("command") or "not recorded")],
            ["file", run.path.name],
            ["run", run.run_id or "not recorded"],
            ["started", about.text("started") or "not recorded"],
            ["ended", about.text("ended") or "not recorded"],
            ["seed of the order", about.text("seed") or "not recorded"],
        ]
        found.append(
            el(
                "details",
                el("summary", f"{run.name}: command, machine and build"),
                table(["", ""], rows, caption=f"The run {run.name}"),
                machines.description(run),
                loop_forms.chosen(about),
            )
        )
    return found


def statistics(runs: list[Run]) -> Html:
    """The method, in the words of the field."""
    pilot = [PILOT] if any(run.plan.pilot_rounds for run in runs) else []
    rows: list[list[Child]] = [[name, text] for name, text in [*pilot, *STATISTICS]]
    return table(["quantity", "how it is computed"], rows, caption="Method")


def downloads(runs: list[Run]) -> tuple[Html, list[dict[str, str]]]:
    """Buttons, and the packed files they give: each run's CSV and JSON, or its medians."""
    files: list[dict[str, str]] = []
    buttons: list[Child] = []
    used: set[str] = set()

    def add(name: str, kind: str, packed: bytes, label: str) -> None:
        buttons.append(el("button", label, type="button", class_="button", data_file=len(files)))
        files.append({"name": name, "type": kind, "gzip": base64.b64encode(packed).decode()})

    for run in runs:
        name = plain(run.path.name)
        if name in used:
            continue
        used.add(name)
        packed = _packed(run)
        if packed is not None:
            add(name, "text/csv", packed, f"{name} ({plural(run.rows, 'row')})")
        else:
            stem = plain(run.path.stem)
            add(
                f"{stem}-medians.csv",
                "text/csv",
                _medians(run),
                f"{stem}-medians.csv (medians; the file itself is too large for a page)",
            )
        if run.about.data:
            description = run.path.with_suffix(".json")
            try:
                text = description.read_bytes()
            except OSError:
                continue
            if len(text) < MOST_PACKED:
                add(description.name, "application/json", _gzip(text), plain(description.name))
    return el("p", buttons, class_="download"), files


def _gzip(data: bytes) -> bytes:
    # Without a time in it, so that the same run gives the same page.
    return gzip.compress(data, 6, mtime=0)


def _packed(run: Run) -> bytes | None:
    try:
        if run.path.stat().st_size > MOST_READ:
            return None
        packed = _gzip(run.path.read_bytes())
    except OSError:
        return None
    return packed if len(packed) <= MOST_PACKED else None


def _medians(run: Run) -> bytes:
    table = run.configurations.drop("config", "first").rename(
        {"median": "median_ns", "low": "low_ns", "high": "high_ns", "n": "samples"}
    )
    out = io.BytesIO()
    table.sort("samples", descending=True).head(MOST_CONFIGURATIONS).with_columns(
        pl.lit(run.label).alias("label")
    ).write_csv(out)
    return _gzip(out.getvalue())
