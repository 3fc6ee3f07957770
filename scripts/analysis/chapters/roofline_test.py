"""A family of workloads is one roofline, with the roofs that were planted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from analysis.chapters.costs_test import page_of, rows_of, written
from analysis.measured.groups import families, groups
from analysis.planted.hardware import Hardware
from analysis.planted.runs import Configuration, configurations
from analysis.planted.vocabulary import MULTIPLY_ADDS
from analysis.reading.read import read_runs

FAMILY = tuple(f"fma{k}" for k in MULTIPLY_ADDS)
SIZE = 1 << 26
HARDWARE = Hardware(second_gpu_gb_per_s=3350.0)


def planned(hardware: Hardware = HARDWARE, *more: str) -> list[Configuration]:
    return configurations(
        hardware, (*FAMILY, *more), sizes=[1 << 20, SIZE], ladder=False, sms=False
    )


def test_rates_under_the_planted_roofs(tmp_path: Path) -> None:
    text, data = page_of(written(tmp_path, planned(HARDWARE, "copy", "triad"), hardware=HARDWARE))
    rows = {(r["s"], r["k"]): r for r in rows_of(data, "roofline-1")}
    # Two operations for 8 bytes, at 70 GB/s of memory; 95 % of 8 times 60 GFLOP/s planted.
    assert rows["best CPU", "fma1"]["x"] == pytest.approx(0.25)
    assert rows["best CPU", "fma1"]["y"] == pytest.approx(70 * 0.25, rel=0.03)
    assert rows["best CPU", "fma1024"]["y"] == pytest.approx(0.95 * 480, rel=0.03)
    assert rows["GPU kernel", "fma1024"]["y"] == pytest.approx(0.9 * 60_000, rel=0.03)
    assert rows["GPU kernel", "fma1024"]["x"] == pytest.approx(256)
    # Two operations for 12 bytes; a copy has none, so it is under no roof.
    assert rows["best CPU", "triad"]["x"] == pytest.approx(1 / 6, rel=1e-3)
    assert ("best CPU", "copy") not in rows
    assert re.search(r"best CPU reaches 4[56]\d GFLOP/s \(fma\d+, .*?\), 9[4-7] % of the ari", text)
    assert re.search(
        r"GPU \w+ reaches 54,\d00 GFLOP/s .*?, 90 % of the arithmetic roof of 60,000", text
    )
    lead = re.search(
        r"The GPU resident is ([\d.]+)× \[.*?at 0\.250 flops a byte and ([\d,]+)×", text
    )
    assert float(lead[1]) == pytest.approx(4800 * 0.93 / 70, rel=0.1)
    assert float(lead[2]) == pytest.approx(60_000 * 0.9 / (0.95 * 480), rel=0.05)
    # 480 GFLOP/s over 70 GB/s, and 60,000 over 4,800 of the better GPU.
    assert re.search(r"bend, at 6\.[78]\d? \(the CPU.*?s roof\) and 12\.5 \(the GPU", text)


def test_the_roofs_are_drawn(tmp_path: Path) -> None:
    _, data = page_of(written(tmp_path, planned(HARDWARE, "double"), hardware=HARDWARE))
    sets = data["figures"]["roofline-1"]["spec"]["datasets"].values()
    (roofs,) = [rows for rows in sets if rows and "v" not in rows[0]]
    flat = {r["s"]: max(c["y"] for c in roofs if c["s"] == r["s"]) for r in roofs}
    assert flat == {"best CPU": 480, "GPU resident": 60_000}
    low = min(r["x"] for r in roofs)
    assert next(r["y"] for r in roofs if r["s"] == "GPU resident") == pytest.approx(
        4800 * low, rel=1e-3
    )


def test_the_cpus_slope_is_that_of_the_best_map(tmp_path: Path) -> None:
    """Not of a sum, which writes nothing."""
    faster = {"copy": 0.8, "reduce": 0.5}
    hardware = Hardware(gpu=False)
    path = written(
        tmp_path, planned(hardware, "copy", "reduce"), hardware=hardware,
        change=lambda c: faster.get(c.workload, 1.0),
    )  # fmt: skip
    _, data = page_of(path)
    sets = data["figures"]["roofline-1"]["spec"]["datasets"].values()
    (roof,) = [rows for rows in sets if rows and "v" not in rows[0]]
    assert roof[0]["y"] / roof[0]["x"] == pytest.approx(70 / 0.8, rel=0.02)


def test_a_family_is_one_section_and_no_row_elsewhere(tmp_path: Path) -> None:
    path = written(tmp_path, planned(HARDWARE, "double"), hardware=HARDWARE)
    text, data = page_of(path)
    (run,) = read_runs([path])
    assert [g.workload for g in groups(run)[0]] == ["double"]
    assert [[g.workload for g in f.members] for f in families(run)] == [list(FAMILY)]
    assert text.count("<h3>") == 1
    charts = [c for c in data["figures"] if c != "roofline-1"]
    for chart in charts:
        if not chart.startswith("widths"):
            assert "fma" not in data["figures"][chart]["spec"].get("title", "")
    outside = re.sub(r'<section id="roofline">.*?</section>', "", text, flags=re.S)
    outside = re.sub(r'<section id="(method|certainty)">.*?</section>', "", outside, flags=re.S)
    assert not re.search(r"fma\d", outside)


def test_a_family_alone(tmp_path: Path) -> None:
    hardware = Hardware(gpu=False)
    text, data = page_of(written(tmp_path, planned(hardware), hardware=hardware))
    assert "Only a family of workloads was measured" in text
    assert re.search(r"best CPU reaches 4[56]\d GFLOP/s", text)
    # Nothing else was measured of the memory, and no member is its own limit.
    assert "from no rate of a memory that is known" in text
    rows = [r for rows in data["figures"]["roofline-1"]["spec"]["datasets"].values() for r in rows]
    assert not [r for r in rows if "v" not in r and r["y"] < 0.9 * max(x["y"] for x in rows)]
    assert [c for c in data["figures"] if c.startswith("roof")] == ["roofline-1"]
    assert "GPU" not in re.search(r'<figure>.*?class="legend"', text, re.S)[0]


def test_unknown_peaks_leave_the_slopes(tmp_path: Path) -> None:
    path = written(tmp_path, planned(), hardware=HARDWARE)
    description = path.with_suffix(".json")
    unknown = description.read_text().replace('"measured_peak_gflops"', '"x"')
    description.write_text(unknown.replace('"peak_gflops"', '"y"'))
    text, data = page_of(path)
    assert "arithmetic roof" not in re.search(r'class="says">(.*?)</p>', text)[1]
    assert "where the roofs bend" not in text
    assert "roofline-1" in data["figures"]


def test_two_types_and_cold_caches_are_rooflines_of_their_own(tmp_path: Path) -> None:
    hardware = Hardware(gpu=False)
    both = configurations(hardware, FAMILY[:3], ("f32", "f64"), sizes=[SIZE])
    both += configurations(hardware, FAMILY[:3], ("f32",), sizes=[SIZE], cache="cold")
    text, _ = page_of(written(tmp_path, both, hardware=hardware))
    titles = re.findall(r">(Roofline: [^<]*)</h4>", text)
    assert titles == [
        "Roofline: fma, f32, 64.0 Mi elements",
        "Roofline: fma, f32, cold caches, 64.0 Mi elements",
        "Roofline: fma, f64, 64.0 Mi elements",
    ]
