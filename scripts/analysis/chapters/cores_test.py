"""What the matrix of cores says of pairs whose times are known."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from analysis.chapters.costs_test import page_of, rows_of, written
from analysis.planted.runs import Configuration

NEAR, FAR = 60.0, 300.0


def pairs(cpus: list[int]) -> list[Configuration]:
    """Two sockets: even CPUs are on one, odd ones on the other."""
    return [
        Configuration("core-to-core", "none", 1, "threads", f"{a}-{b}", "resident", 2, "cpu",
                      (NEAR if a % 2 == b % 2 else FAR) + a + b)
        for a, b in itertools.combinations(cpus, 2)
    ]  # fmt: skip


def test_each_pair_stands_in_both_of_its_places(tmp_path: Path) -> None:
    text, data = page_of(written(tmp_path, pairs([0, 1, 2, 5])))
    rows = {(r["x"], r["y"]): r["t"] for r in rows_of(data, "core-to-core-1")}
    assert len(rows) == 12
    assert rows[0, 2] == rows[2, 0] == pytest.approx(NEAR + 2, rel=0.02)
    assert rows[2, 5] == rows[5, 2] == pytest.approx(FAR + 7, rel=0.02)
    assert "A cache line goes to another core and back in 6" in text
    assert "ns between CPUs 0 and 2 to 30" in text
    assert "ns between CPUs 2 and 5; the median of 6 pairs is 30" in text


def test_two_cores_have_one_pair(tmp_path: Path) -> None:
    text, data = page_of(written(tmp_path, pairs([0, 1])))
    assert len(rows_of(data, "core-to-core-1")) == 2
    assert "ns between CPUs 0 and 1." in text


def test_many_cores_are_a_large_matrix(tmp_path: Path) -> None:
    _, data = page_of(written(tmp_path, pairs(list(range(0, 128, 2))), rounds=2))
    assert len(rows_of(data, "core-to-core-1")) == 64 * 63


def test_a_variant_that_names_no_pair_is_left_out(tmp_path: Path) -> None:
    odd = [
        Configuration("core-to-core", "none", 1, "threads", name, "resident", 2, "cpu", 1.0)
        for name in ("pair", "0-", "-1", "x-y", "0-1-2", f"{'9' * 5000}-1", "\u0661-2")
    ]
    text, data = page_of(written(tmp_path, odd))
    assert "core-to-core-1" not in data["figures"]
    assert "A cache line goes" not in text
