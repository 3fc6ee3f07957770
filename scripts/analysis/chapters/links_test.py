"""What the chapter on links says of runs whose latency and rate are known."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from analysis.chapters import links
from analysis.chapters.costs_test import page_of, rows_of, written
from analysis.measured.costs import Cost
from analysis.planted.runs import Configuration
from analysis.statistics.stats import Estimate

LATENCY_NS = 500.0
GB_PER_S = 16.0
SIZES = [4**k for k in range(1, 16)]


def ways(variants: tuple[str, ...], sizes: list[int] = SIZES) -> list[Configuration]:
    """Hockney's model: a latency, and a time for each byte."""
    return [
        Configuration("link", "none", size, "mpi", variant, "resident", 2, "cpu",
                      LATENCY_NS + size / GB_PER_S)
        for variant in variants
        for size in sizes
    ]  # fmt: skip


def cost(size: int, time_ns: float) -> Cost:
    estimate = Estimate(time_ns, None, None, 1)
    return Cost("mpi", "ping-pong", size, 2, "cpu", estimate.scaled(1 / size), estimate)


def test_latency_rate_and_what_lies_between(tmp_path: Path) -> None:
    text, data = page_of(written(tmp_path, ways(("ping-pong", "both-ways"))))
    rows = {(r["s"], r["x"]): r["y"] for r in rows_of(data, "link-1")}
    assert len(rows) == 2 * len(SIZES)
    assert rows["mpi/ping-pong", 4] == pytest.approx(4 / (LATENCY_NS + 0.25), rel=0.02)
    assert rows["mpi/both-ways", 4**15] == pytest.approx(GB_PER_S, rel=0.02)
    says = re.search(
        r"by mpi/ping-pong in (\d+) ns for 4 B and at up to (1[56]\.\d) GB/s at [\w ]+, half of "
        r"which takes about ([\d.]+) KiB",
        text,
    )
    assert says
    assert float(says[1]) == pytest.approx(LATENCY_NS, rel=0.02)
    # Of Hockney's model it is the product of both.
    assert float(says[3]) * 1024 == pytest.approx(LATENCY_NS * GB_PER_S, rel=0.05)
    assert "time for each byte" not in text, "a chapter of its own, no table of other costs"


def test_a_rate_that_falls_again_is_told_where_it_is_highest(tmp_path: Path) -> None:
    planned = ways(("ping-pong",), SIZES[:10])
    last = planned[-1]
    slow = Configuration("link", "none", last.elements * 4, "mpi", "ping-pong", "resident", 2,
                         "cpu", last.time_ns * 8)  # fmt: skip
    text, _ = page_of(written(tmp_path, [*planned, slow]))
    assert re.search(r"GB/s at 1 MiB, half of which", text)


def test_half_of_the_highest_rate() -> None:
    at = [cost(size, LATENCY_NS + size / GB_PER_S) for size in SIZES]
    assert links.half_size(at) == pytest.approx(LATENCY_NS * GB_PER_S, rel=1e-4)
    # One size alone has half of its own rate, and a latency of nothing leaves none below.
    assert links.half_size(at[:1]) == SIZES[0]
    assert links.half_size([cost(size, size / GB_PER_S) for size in SIZES]) == SIZES[0]


def test_one_size_alone(tmp_path: Path) -> None:
    text, data = page_of(written(tmp_path, ways(("ping-pong",), [4096])))
    assert len(rows_of(data, "link-1")) == 1
    assert "half of which takes about 4 KiB" in text


def test_one_size_by_several_numbers_of_workers(tmp_path: Path) -> None:
    planned = [
        Configuration("link", "none", size, "mpi", "ping-pong", "resident", workers, "cpu", time)
        for size, workers, time in ((4, 2, 1000.0), (4, 4, 10.0), (64, 2, 1000.0), (64, 4, 12.0))
    ]
    _, data = page_of(written(tmp_path, planned))
    assert [r["x"] for r in rows_of(data, "link-1")] == [4, 64]
