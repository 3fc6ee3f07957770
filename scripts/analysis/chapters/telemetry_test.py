"""Every column of telemetry has a chart, under the name that the writer gave it."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.chapters import telemetry
from analysis.drawing.figure import Figure
from analysis.planted.hardware import Hardware
from analysis.planted.runs import configurations, write_run
from analysis.planted.vocabulary import VOCABULARY
from analysis.reading.read import read_runs
from analysis.reading.vocabulary import earlier

RESULTS = Path(__file__).parents[3] / "results"
GPU = Path(__file__).parents[1] / "reading" / "real" / "h200.csv"


def charts_of(path: Path) -> dict[str, Figure]:
    (run,) = read_runs([path])
    assert run.left_out.unknown_columns == []
    return {figure.id: figure for figure in telemetry.charts(run, "", 1)}


def test_every_column_has_its_chart(tmp_path: Path) -> None:
    planned = [
        c for c in configurations(Hardware(), ("double",), sizes=[1024, 1 << 26])
        if c.device == "cpu" or c.variant == "bulk"
    ]  # fmt: skip
    hardware = Hardware()
    found = charts_of(write_run(tmp_path / "run.csv", planned, telemetry=True, hardware=hardware))
    observed = VOCABULARY.group("telemetry")
    assert len(observed) == 6
    assert list(found) == [f"telemetry-{column.name}-1" for column in observed]
    for column, figure in zip(observed, found.values(), strict=True):
        assert figure.title.lower() == column.meaning.lower()
        assert {row[0] for row in figure.rows} == {"gpu0 resident", "gpu0 kernel"}
    clock = found["telemetry-gpu_sm_mhz-1"]
    assert {row[2] for row in clock.rows} == {"1,980 MHz"}
    # 400 W at 93 % of 4,800 GB/s: what a sample used, for each gigabyte of it.
    energy = {(row[0], row[1]): row[2] for row in found["telemetry-gpu_energy_j-1"].rows}
    value, unit = str(energy["gpu0 kernel", "64.0 Mi"]).split()
    assert unit == "J/GB"
    assert float(value) == pytest.approx(400 / (0.93 * 4800), rel=0.05)


def test_a_column_of_the_run_alone(tmp_path: Path) -> None:
    """What the run's own vocabulary names is shown, and what it does not name is unknown."""
    path = write_run(tmp_path / "run.csv", configurations(Hardware(), ("double",), sizes=[1024]))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([f"{lines[0]},npu_volts,secret", *[f"{s},1.5,2" for s in lines[1:]]]))
    text = path.with_suffix(".json").read_text()
    column = '{"name": "npu_volts", "unit": "V", "group": "telemetry", "meaning": "what it had"}'
    path.with_suffix(".json").write_text(text.replace('"columns": [', f'"columns": [{column}, '))
    (run,) = read_runs([path])
    assert run.left_out.unknown_columns == ["secret"]
    (figure,) = telemetry.charts(run, "", 1)
    assert figure.title == "What it had"
    assert {row[2] for row in figure.rows} == {"1.50 V"}


def test_a_real_run_has_all_of_its_charts() -> None:
    found = charts_of(GPU)
    assert list(found) == [f"telemetry-{column.name}-1" for column in earlier().group("telemetry")]


def test_runs_without_telemetry_have_no_chart() -> None:
    for path in sorted(RESULTS.glob("xeon-*.csv")):
        assert charts_of(path) == {}
