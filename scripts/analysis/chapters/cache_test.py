"""Warm and cold caches are two curves and never one, in no answer and no comparison."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from analysis.chapters import cache
from analysis.chapters.costs_test import page_of, rows_of, written
from analysis.compare.comparing import compare
from analysis.measured.groups import groups
from analysis.planted.hardware import Hardware
from analysis.planted.runs import Configuration, configurations
from analysis.reading.read import read_runs

SIZES = [4**k for k in range(5, 15)]
GPU = Hardware(gpu_l2=50 << 20)


def both(hardware: Hardware = GPU) -> list[Configuration]:
    return [
        c for state in ("warm", "cold")
        for c in configurations(hardware, ("double",), sizes=SIZES, ladder=False, sms=False,
                                cache=state)
    ]  # fmt: skip


def test_two_curves_and_where_warm_results_are_those_of_a_cache(tmp_path: Path) -> None:
    text, data = page_of(written(tmp_path, both(), hardware=GPU))
    rows = rows_of(data, "cache-1")
    assert {r["s"] for r in rows} == {
        f"{of}, {state}" for state in ("warm", "cold")
        for of in ("best CPU", "GPU resident", "GPU kernel", "GPU offload")
    }  # fmt: skip
    # 8 bytes an element: 32 MiB of L3 hold 4 Mi of them, and half of the GPU's 50 MB 1 Mi of the
    # sizes measured. In the last cold curve only the start is left of the shortest operations.
    assert "Best CPU: warm results at 1.00 Ki to 4.00 Mi elements are cache results" in text
    assert re.search(r"GPU kernel: warm results at (16|64)\.0 Ki to 1\.00 Mi elements are", text)
    assert "GPU offload: warm is faster than cold at no size by more than the intervals" in text
    at_64ki = {r["s"]: r["y"] for r in rows if r["x"] == 4**8}
    assert at_64ki["best CPU, cold"] == pytest.approx(8 * 4**8 / (300 + 8 * 4**8 / 70), rel=0.1)
    assert at_64ki["best CPU, warm"] > 5 * at_64ki["best CPU, cold"]


def test_no_other_chapter_mixes_them(tmp_path: Path) -> None:
    text, data = page_of(written(tmp_path, both(), hardware=GPU))
    alone = [c for c in both() if c.cache == "warm"]
    _, warm = page_of(written(tmp_path, alone, "warm", hardware=GPU))
    charts = set(data["figures"])
    assert charts - set(warm["figures"]) == {"cache-1"}
    sets = {(r["s"], r["x"]) for r in rows_of(data, "throughput-1")}
    assert len(sets) == len(rows_of(data, "throughput-1"))
    # The cold caches have an answer of their own, and it is another one.
    cold = text[text.index("double (f32, cold caches)") :]
    begins = [re.search(r"best CPU model <b>(.*?)</b>", part)[1] for part in (text, cold)]
    assert begins[0] != begins[1]
    (run,) = read_runs([tmp_path / "run.csv"])
    for group in groups(run)[0]:
        assert set(group.table.get_column("cache")) == {group.cache}
        assert group.table.height == len(alone)


def test_cold_caches_alone_are_a_page_like_any(tmp_path: Path) -> None:
    planned = [c for c in both() if c.cache == "cold"]
    text, data = page_of(written(tmp_path, planned, hardware=GPU))
    assert "throughput-1" in data["figures"] and "cache-1" not in data["figures"]
    assert "double, f32, cold caches: throughput against size" in text


def test_too_few_rounds_to_tell(tmp_path: Path) -> None:
    text, _ = page_of(written(tmp_path, both(), hardware=GPU, rounds=3))
    assert "Best CPU: too few rounds to tell cache results from others." in text


def test_a_cold_configuration_is_compared_with_a_cold_one(tmp_path: Path) -> None:
    def slower(c: Configuration) -> float:
        return 1.3 if c.cache == "cold" and c.elements in SIZES[2:4] else 1.0

    planned = [c for c in both(Hardware(gpu=False)) if c.model == "serial"]
    paths = [
        written(tmp_path, planned, "base", rounds=12),
        written(tmp_path, planned, "new", rounds=12, seed=2, change=slower),
    ]
    base, new = read_runs(paths)
    result = compare([base], [new], 0.02, [])
    assert len(result.configurations) == 2 * len(SIZES)
    found = {change.name for change in result.configurations if change.verdict == "slower"}
    assert found == {f"double/f32/serial/loop/resident/n:{n}/w:1/cold" for n in SIZES[2:4]}


def test_runs_before_the_column_were_warm(tmp_path: Path) -> None:
    planned = configurations(Hardware(gpu=False), ("double",), sizes=[1024, 65536])
    old, new = (written(tmp_path, planned, name, earlier=name == "old") for name in ("old", "new"))
    assert "cache" not in old.read_text().splitlines()[0].split(",")
    before, after = read_runs([old])[0], read_runs([new])[0]
    assert set(before.configurations.get_column("cache")) == {"warm"}
    assert len(compare([before], [after], 0.02, []).configurations) == len(planned)


def test_pairs_are_of_one_workload_and_type(tmp_path: Path) -> None:
    planned = both() + configurations(GPU, ("reduce",), sizes=[1024], cache="cold")
    (run,) = read_runs([written(tmp_path, planned, hardware=GPU)])
    pairs = cache.pairs(groups(run)[0])
    assert [(a.title, b.title) for a, b in pairs] == [("double, f32", "double, f32, cold caches")]
