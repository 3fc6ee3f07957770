"""Plain Python and NumPy beside what is compiled, as they were planted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from analysis.chapters.costs_test import HARDWARE, SIZES, page_of, rows_of, written
from analysis.planted import costs as planted_costs
from analysis.planted.runs import configurations

PYTHON_SIZES = SIZES[:6]


def test_what_a_python_user_would_pick(tmp_path: Path) -> None:
    compiled = written(
        tmp_path, configurations(HARDWARE, sizes=SIZES) + planted_costs.count(HARDWARE)
    )
    planned = planted_costs.python(HARDWARE, PYTHON_SIZES) + planted_costs.python_count()
    python = written(tmp_path, planned, "python", seed=7)
    text, data = page_of(compiled, python)
    # 8 bytes in 50 ns.
    assert "At 1.00 Mi elements python/serial moves 0.160 GB/s" in text
    # 51 ns and 40 us, with three equal worker counts: the luckiest is not taken for better.
    threads = re.search(r"python/threads is (0\.\d+)× as fast", text)
    planted = 50 * 2**20 / (51 * 2**20 + 40_000)
    assert float(threads[1]) == pytest.approx(planted, abs=0.012)
    assert re.search(r"numpy/vectorised is 28\d× as fast", text)
    assert {r["s"] for r in rows_of(data, "python-1")} >= {"one core, C++", "best CPU, C++"}
    assert max(r["x"] for r in rows_of(data, "python-1")) == PYTHON_SIZES[-1]
    counts = {r["k"]: r["y"] for r in rows_of(data, "python-count-2")}
    assert counts["python/threads"] == pytest.approx(200, rel=0.02)
    assert counts["serial/loop"] == pytest.approx(0.5, rel=0.02)
    # A baseline is no machine of its own.
    assert 'id="machines"' not in text
    assert "On the CPU, nothing is faster" not in text
    assert not [r for r in rows_of(data, "throughput-1") if r["s"] in ("python", "numpy")]
    assert "Certainty of each median: workstation" in text


def test_a_python_baseline_alone(tmp_path: Path) -> None:
    planned = planted_costs.python(HARDWARE, PYTHON_SIZES) + planted_costs.python_count()
    text, data = page_of(written(tmp_path, planned))
    assert "What a Python user would pick" in text
    assert "What synchronising costs" not in text
    assert "python-1" in data["figures"]
